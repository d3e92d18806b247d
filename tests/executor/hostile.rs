//! Futures that mean harm, or were written in haste. Each has an outcome that is known beforehand;
//! none ends the process, none hangs, none leaves anything behind.
//!
//! The worst that a destructor can do is to panic while another panic unwinds the stack, for that
//! ends the process. What might do so runs in a process of its own, which must end well.

// Handles and sleeps leave their loops here, on purpose.
#![allow(clippy::async_yields_async)]

use crate::support::{
    Bell, Log, MILLISECOND, OnDrop, Probe, Recorder, SECOND, elsewhere, panic_of, poll_once,
};
use demitasse::{
    EventKind, EventLoop, Gather, JoinHandle, block_for, block_on, gather, instrument, now,
    simulate, sleep, sleep_until, spawn, yield_now,
};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture, Ready, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

type Boxed<T = ()> = Pin<Box<dyn Future<Output = T>>>;

const ROLE: &str = "DEMITASSE_TEST_PLAYS";

/// Runs a test in a process of its own, which must end well within a minute. Gives what it wrote
/// on standard error, or `None` where this is that process.
#[track_caller]
fn in_a_process(name: &str, work: impl FnOnce()) -> Option<String> {
    if std::env::var_os(ROLE).is_some_and(|role| role == name) {
        work();
        return None;
    }
    let (is_success, errors) = run_as(name);
    assert!(is_success, "{errors}");
    Some(errors)
}

/// Whether the process ended well, and what it wrote on standard error.
fn run_as(name: &str) -> (bool, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("hostile::{name}"), "--nocapture"])
        .env(ROLE, name)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut stderr, &mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return (status.success(), reader.join().unwrap());
        }
        if start.elapsed() > 60 * SECOND {
            child.kill().unwrap();
            return (false, "it hangs".to_string());
        }
        thread::sleep(MILLISECOND);
    }
}

/// Panics when it is dropped, and counts how often that was.
struct Bomb(Arc<AtomicUsize>);

impl Bomb {
    fn new() -> (Bomb, Arc<AtomicUsize>) {
        let drops = Arc::<AtomicUsize>::default();
        (Bomb(Arc::clone(&drops)), drops)
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        panic!("a bad end");
    }
}

/// Panics with a bomb. Whoever drops the payload is in for the next panic.
fn throw_bomb(drops: &Arc<AtomicUsize>) -> ! {
    resume_unwind(Box::new(Bomb(Arc::clone(drops))))
}

/// Is `Pending`, panics when it is dropped, and its payload panics when *that* is dropped.
async fn spiteful(drops: Arc<AtomicUsize>) {
    let _spite = OnDrop(|| {
        drops.fetch_add(1, SeqCst);
        throw_bomb(&drops)
    });
    pending::<()>().await;
}

/// A future that panics when it is polled, and when it is dropped.
struct Twice(Bomb);

impl Future for Twice {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        assert_eq!(self.0.0.load(SeqCst), 0);
        panic!("spilt")
    }
}

// Polls after completion.

#[test]
fn what_was_ready_is_polled_again() {
    simulate(async {
        // These stay ready.
        let mut yielded = yield_now();
        (&mut yielded).await;
        assert!(poll_once(&mut yielded, Waker::noop()).is_ready());
        let mut napped = instrument("nap", sleep(SECOND));
        (&mut napped).await;
        assert!(poll_once(&mut napped, Waker::noop()).is_ready());
        // This one hands the question on, and the answer is a panic with a sentence.
        let mut gathered = instrument("gather", gather([ready(1)]));
        assert_eq!((&mut gathered).await, [1]);
        let panicked = panic_of(|| poll_once(&mut gathered, Waker::noop()));
        assert!(panicked.message.contains("do not poll it again"));
        // An async block gives std's own panic, which ends its own task.
        let mut block = Box::pin(async {});
        (&mut block).await;
        let error = spawn(block).await.unwrap_err();
        assert!(error.to_string().contains("after completion"), "{error}");
    });
}

#[test]
fn a_gather_is_over_when_a_child_has_panicked() {
    let [before, after] = [Probe::new(), Probe::new()];
    let (bell, waker) = Bell::new();
    let futures: [Boxed; 3] = [
        Box::pin(before.future()),
        Box::pin(async { panic!("spilt") }),
        Box::pin(after.future()),
    ];
    let mut three = gather(futures);
    assert_eq!(panic_of(|| poll_once(&mut three, &waker)).message, "spilt");
    assert_eq!(before.counts(), "polls 1, wakes 0, drops 0");
    assert_eq!(after.counts(), "polls 0, wakes 0, drops 0");
    // It can never have all outputs, so it does not wait for the others.
    before.finish();
    before.wake();
    let panicked = panic_of(|| poll_once(&mut three, &waker));
    assert!(panicked.message.contains("do not poll it again"));
    assert_eq!(before.counts(), "polls 1, wakes 1, drops 0");
    drop(three);
    assert_eq!(before.counts(), "polls 1, wakes 1, drops 1");
    assert_eq!(after.counts(), "polls 0, wakes 0, drops 1");
    assert_eq!(bell.counts(), "wakes 0, wakers 1");
}

// Wakers that are more than wakers.

/// A waker that does something when it is called, and something when its last clone is dropped.
struct Wild<W: Fn() + Send + Sync + 'static, D: Fn() + Send + Sync + 'static>(W, D);

impl<W: Fn() + Send + Sync, D: Fn() + Send + Sync> Wake for Wild<W, D> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl<W: Fn() + Send + Sync, D: Fn() + Send + Sync> Drop for Wild<W, D> {
    fn drop(&mut self) {
        (self.1)();
    }
}

fn wild(wake: impl Fn() + Send + Sync + 'static, end: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Wild(wake, end)))
}

/// A waker that calls another one when it is dropped.
fn rings_at_its_end(probe: &Probe) -> Waker {
    let probe = probe.clone();
    wild(|| {}, move || probe.wake())
}

#[test]
fn a_waker_s_destructor_may_wake() {
    let task = Probe::new();
    let seen = task.clone();
    let _late = simulate(async move {
        drop(spawn(task.future()));
        yield_now().await;
        let mut wakes = 0;
        let mut assert_woken = async || {
            wakes += 1;
            // What comes from another thread is behind us in the queue.
            yield_now().await;
            yield_now().await;
            let counts = format!("polls {}, wakes {wakes}, drops 0", 1 + wakes);
            assert_eq!(task.counts(), counts);
        };
        // A sleep keeps the only clone. It takes another one,
        let mut nap = sleep(SECOND);
        assert!(poll_once(&mut nap, &rings_at_its_end(&task)).is_pending());
        assert!(poll_once(&mut nap, &rings_at_its_end(&task)).is_pending());
        assert_woken().await;
        // is cancelled,
        drop(nap);
        assert_woken().await;
        // or is due.
        let mut nap = sleep(SECOND);
        assert!(poll_once(&mut nap, &rings_at_its_end(&task)).is_pending());
        sleep(SECOND).await;
        assert_woken().await;
        // A handle takes another one, or is dropped.
        let mut handle = spawn(pending::<()>());
        assert!(poll_once(&mut handle, &rings_at_its_end(&task)).is_pending());
        assert!(poll_once(&mut handle, &rings_at_its_end(&task)).is_pending());
        assert_woken().await;
        drop(handle);
        assert_woken().await;
        // A gather takes another one, wakes it, or is dropped.
        let child = Probe::new();
        let mut one = gather([child.future()]);
        assert!(poll_once(&mut one, &rings_at_its_end(&task)).is_pending());
        assert!(poll_once(&mut one, &rings_at_its_end(&task)).is_pending());
        assert_woken().await;
        child.wake();
        assert_woken().await;
        assert!(poll_once(&mut one, &rings_at_its_end(&task)).is_pending());
        // On another thread, too.
        elsewhere(|| child.wake());
        assert_woken().await;
        assert!(poll_once(&mut one, &rings_at_its_end(&task)).is_pending());
        drop(one);
        assert_woken().await;
        // What the wheel still holds at the end of the loop is dropped then.
        let mut late = sleep(SECOND);
        assert!(poll_once(&mut late, &rings_at_its_end(&task)).is_pending());
        late
    });
    assert_eq!(seen.counts(), "polls 10, wakes 10, drops 1");
}

#[test]
fn the_last_waker_may_be_dropped_on_another_thread() {
    let (outlives, wakers) = std::sync::mpsc::channel::<Waker>();
    let task = Probe::new();
    simulate(async {
        let keeps = outlives.clone();
        drop(spawn(task.track(poll_fn(move |cx| {
            keeps.send(cx.waker().clone()).unwrap();
            Poll::<()>::Pending
        }))));
        yield_now().await;
        // Here it is dropped while the loop runs: the task is lost, and no harm is done.
        let waker = wakers.recv().unwrap();
        elsewhere(|| drop(waker));
        yield_now().await;
        assert_eq!(task.counts(), "polls 1, wakes 0, drops 0");
        let keeps = outlives.clone();
        drop(spawn(task.track(poll_fn(move |cx| {
            keeps.send(cx.waker().clone()).unwrap();
            Poll::<()>::Pending
        }))));
        yield_now().await;
    });
    // And here after its end.
    assert_eq!(task.counts(), "polls 2, wakes 0, drops 2");
    let waker = wakers.recv().unwrap();
    elsewhere(|| drop(waker));
    assert_eq!(task.counts(), "polls 2, wakes 0, drops 2");
}

#[test]
fn a_waker_that_panics_leaves_through_block_on() {
    let panics = || wild(|| panic!("a bad waker"), || {});
    let task = Probe::new();
    let bystander = || drop(spawn(task.future()));
    // Called by the loop for a sleep, or for a handle.
    let panicked = panic_of(|| {
        simulate(async {
            bystander();
            let mut nap = sleep(SECOND);
            assert!(poll_once(&mut nap, &panics()).is_pending());
            sleep(2 * SECOND).await;
        })
    });
    assert_eq!(panicked.message, "a bad waker");
    assert_eq!(task.counts(), "polls 1, wakes 0, drops 1");
    let panicked = panic_of(|| {
        simulate(async {
            bystander();
            let mut handle = spawn(yield_now());
            assert!(poll_once(&mut handle, &panics()).is_pending());
            sleep(2 * SECOND).await;
        })
    });
    assert_eq!(panicked.message, "a bad waker");
    assert_eq!(task.counts(), "polls 2, wakes 0, drops 2");
    // Called by the loop while it ends: the other tasks are dropped all the same.
    let panicked = panic_of(|| {
        simulate(async {
            let mut handle = spawn(pending::<()>());
            bystander();
            bystander();
            yield_now().await;
            assert!(poll_once(&mut handle, &panics()).is_pending());
            handle
        })
    });
    assert_eq!(panicked.message, "a bad waker");
    assert_eq!(task.counts(), "polls 4, wakes 0, drops 4");
}

// Wakers that are called from destructors.

/// A future that is `Pending` so often, and does something when it is dropped after its first poll.
async fn on_drop(pendings: u32, act: impl FnMut() + 'static) {
    let _act = OnDrop(act);
    for _ in 0..pendings {
        yield_now().await;
    }
}

#[test]
fn destructors_may_wake_whomever_they_like() {
    let [root, task, child] = [Probe::new(), Probe::new(), Probe::new()];
    let recorder = Recorder::new();
    let everybody = [&root, &task, &child].map(Probe::clone);
    let wake_all = move || everybody.iter().for_each(Probe::wake);
    EventLoop::simulated()
        .on_event(recorder.observer())
        .block_on(root.track(async {
            root.future_that(Probe::finish).await;
            drop(spawn(gather([child.future()])));
            drop(spawn(task.future()));
            yield_now().await;
            assert_eq!(root.counts(), "polls 3, wakes 0, drops 1");
            // Of a task that is done,
            drop(spawn(on_drop(0, wake_all.clone())));
            yield_now().await;
            assert_eq!(task.counts(), "polls 1, wakes 1, drops 0");
            yield_now().await;
            assert_eq!(task.counts(), "polls 2, wakes 1, drops 0");
            assert_eq!(child.counts(), "polls 2, wakes 1, drops 0");
            // of a child that is done (two wakes before a poll are one), of one that is dropped
            // with its gather,
            gather([on_drop(0, wake_all.clone()), on_drop(1, wake_all.clone())]).await;
            yield_now().await;
            yield_now().await;
            assert_eq!(task.counts(), "polls 3, wakes 3, drops 0");
            assert_eq!(child.counts(), "polls 3, wakes 3, drops 0");
            drop(gather([on_drop(0, wake_all.clone())]));
            let mut begun = gather([on_drop(9, wake_all.clone())]);
            assert!(poll_once(&mut begun, Waker::noop()).is_pending());
            drop(begun);
            yield_now().await;
            yield_now().await;
            assert_eq!(task.counts(), "polls 4, wakes 4, drops 0");
            assert_eq!(child.counts(), "polls 4, wakes 4, drops 0");
            // and of a task that is dropped with the loop.
            drop(spawn(on_drop(9, wake_all.clone())));
            yield_now().await;
        }));
    assert_eq!(task.counts(), "polls 4, wakes 5, drops 1");
    assert_eq!(child.counts(), "polls 4, wakes 5, drops 1");
    assert!(root.counts().ends_with(", wakes 5, drops 2"));
    // Whoever was done by then was not put on the queue any more.
    let events = recorder.events();
    let is_root = |task: &demitasse::TaskId| task.to_string() == "0";
    let ended = events.iter().position(|event| {
        matches!(&event.kind, EventKind::PollEnded { task, outcome }
            if is_root(task) && *outcome == demitasse::Outcome::Ready)
    });
    let after = &events[ended.unwrap()..];
    let woken = |event: &&demitasse::Event| matches!(event.kind, EventKind::Woken { .. });
    let is_of_root = |event: &demitasse::Event| matches!(&event.kind, EventKind::Woken { task, .. } if is_root(task));
    assert!(after.iter().filter(woken).count() <= 2);
    assert!(!after.iter().any(is_of_root), "{after:#?}");
}

// Destructors that spawn, sleep, drop their own handle, re-enter `gather`.

/// The places where a destructor can run. Each runs `act` once, in the destructor of a future.
fn in_all_destructors(act: impl Fn() + Clone + 'static) {
    type Place = fn(Box<dyn FnMut()>) -> Boxed;
    let places: [Place; 6] = [
        // A task that is done, with its handle and without it.
        |act| Box::pin(async move { spawn(on_drop(1, act)).await.unwrap() }),
        |act| {
            Box::pin(async move {
                drop(spawn(on_drop(1, act)));
                sleep(SECOND).await;
            })
        },
        // A child that is done.
        |act| Box::pin(async move { drop(gather([on_drop(1, act)]).await) }),
        // One that is dropped while it waits.
        |act| {
            Box::pin(async move {
                let mut begun = gather([on_drop(1, act)]);
                assert!(poll_once(&mut begun, Waker::noop()).is_pending());
            })
        },
        // A task that is dropped with the loop, and the root future itself.
        |act| {
            Box::pin(async move {
                drop(spawn(on_drop(9, act)));
                yield_now().await;
            })
        },
        |act| Box::pin(on_drop(0, act)),
    ];
    for place in places {
        for event_loop in [EventLoop::new, EventLoop::simulated] {
            let runs = Rc::new(Cell::new(0));
            let (count, act) = (Rc::clone(&runs), act.clone());
            let act = Box::new(move || {
                act();
                count.set(count.get() + 1);
            });
            event_loop().block_on(place(act));
            assert_eq!(runs.get(), 1);
            assert_eq!(Rc::strong_count(&runs), 1, "something was left behind");
        }
    }
}

#[test]
fn destructors_may_spawn() {
    let task = Probe::new();
    let seen = task.clone();
    in_all_destructors(move || drop(spawn(task.track(yield_now()))));
    let counts = seen.counts();
    assert!(counts.ends_with("wakes 0, drops 12"), "{counts}");
}

#[test]
fn destructors_may_sleep() {
    let (bell, waker) = Bell::new();
    in_all_destructors(move || {
        let start = now();
        // Holding the thread is possible everywhere,
        block_for(MILLISECOND);
        assert!(now() - start >= MILLISECOND);
        // and a sleep can begin, but nobody will poll it again.
        let mut nap = sleep(MILLISECOND);
        assert!(poll_once(&mut nap, &waker).is_pending());
        // The sleep took a clone, and its destructor gave it back.
        let kept = bell.counts();
        drop(nap);
        assert_ne!(bell.counts(), kept);
        assert_eq!(bell.wakes(), 0);
    });
}

#[test]
fn destructors_may_not_enter_another_loop() {
    in_all_destructors(|| {
        let panicked = panic_of(|| block_on(sleep(MILLISECOND)));
        assert!(panicked.message.contains("block_on inside"));
    });
}

#[test]
fn destructors_may_re_enter_gather() {
    in_all_destructors(|| {
        let inner = Probe::new();
        let mut all = gather([inner.future(), inner.future()]);
        assert!(poll_once(&mut all, Waker::noop()).is_pending());
        inner.finish();
        inner.wake();
        assert!(poll_once(&mut all, Waker::noop()).is_pending());
        assert_eq!(inner.counts(), "polls 3, wakes 1, drops 1");
        drop(all);
        assert_eq!(inner.counts(), "polls 3, wakes 1, drops 2");
    });
}

#[test]
fn a_child_s_destructor_may_find_its_own_gather_but_not_poll_it() {
    type Shared = Rc<RefCell<Option<Gather<Boxed>>>>;
    let shared: Shared = Rc::default();
    let weak: Weak<RefCell<Option<Gather<Boxed>>>> = Rc::downgrade(&shared);
    let log = Log::new();
    let seen = log.clone();
    let child = on_drop(1, move || {
        // While it is polled, its owner holds it. The borrow says so, and nothing else happens.
        seen.push(weak.upgrade().map(|gather| gather.try_borrow_mut().is_ok()));
    });
    *shared.borrow_mut() = Some(gather([Box::pin(child) as Boxed, Box::pin(pending())]));
    for _ in 0..3 {
        let mut gather = shared.borrow_mut();
        assert!(poll_once(gather.as_mut().unwrap(), Waker::noop()).is_pending());
    }
    assert_eq!(log.take(), [Some(false)]);
}

/// A task that owns its own handle, and what it does at its end.
fn owns_its_handle<T: 'static>(
    pendings: u32,
    output: impl FnOnce(JoinHandle<T>) -> T + 'static,
) -> Rc<RefCell<Option<JoinHandle<T>>>> {
    let shelf = Rc::<RefCell<Option<JoinHandle<T>>>>::default();
    let own = Rc::clone(&shelf);
    let handle = spawn(async move {
        for _ in 0..pendings {
            yield_now().await;
        }
        output(own.take().unwrap())
    });
    *shelf.borrow_mut() = Some(handle);
    shelf
}

#[test]
fn a_task_may_drop_its_own_handle() {
    simulate(async {
        let output = Probe::new();
        let given = output.track(ready(()));
        // In its poll: from then on it is detached, so its output is dropped when it is done.
        let shelf = owns_its_handle(1, move |own| {
            assert!(!own.is_finished());
            drop(own);
            given
        });
        yield_now().await;
        assert_eq!(output.counts(), "polls 0, wakes 0, drops 0");
        yield_now().await;
        assert_eq!(output.counts(), "polls 0, wakes 0, drops 1");
        assert!(shelf.borrow().is_none());
        // In its destructor, when it is done. (The block ends, and its variables with it.)
        let shelf = Rc::<RefCell<Option<JoinHandle<u32>>>>::default();
        let own = Rc::clone(&shelf);
        let handle = spawn(poll_fn(move |_| {
            let _moves_in = &own;
            Poll::Ready(1)
        }));
        *shelf.borrow_mut() = Some(handle);
        let weak = Rc::downgrade(&shelf);
        drop(shelf);
        yield_now().await;
        assert_eq!(weak.strong_count(), 0);
        // In the destructor of its output.
        let shelf = Rc::<RefCell<Option<JoinHandle<Holder>>>>::default();
        let holder = Holder(Rc::clone(&shelf));
        *shelf.borrow_mut() = Some(spawn(async { holder }));
        yield_now().await;
        assert!(shelf.borrow().as_ref().unwrap().is_finished());
        let weak = Rc::downgrade(&shelf);
        let handle = shelf.take();
        drop(shelf);
        drop(handle);
        assert_eq!(weak.strong_count(), 0);
        // The slots are in order: others can sit there.
        let tasks: Vec<_> = (0..9).map(|n| spawn(async move { n })).collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n);
        }
    });
}

/// Holds a place for the handle of the task whose output it is.
struct Holder(#[allow(dead_code)] Rc<RefCell<Option<JoinHandle<Holder>>>>);

#[test]
fn a_task_that_owns_its_handle_is_dropped_with_the_loop() {
    let [shelf, other] = simulate(async {
        let shelf = owns_its_handle(9, drop);
        let other = owns_its_handle(0, drop);
        yield_now().await;
        [shelf, other].map(|shelf| Rc::downgrade(&shelf))
    });
    // The one on the shelf went down with the shelf.
    assert_eq!(shelf.strong_count(), 0);
    assert_eq!(other.strong_count(), 0);
}

#[test]
fn a_task_that_waits_for_itself_is_stuck() {
    let panicked = panic_of(|| {
        simulate(async {
            let shelf = Rc::<RefCell<Option<JoinHandle<()>>>>::default();
            let own = Rc::clone(&shelf);
            *shelf.borrow_mut() = Some(spawn(async move {
                let own = own.take().unwrap();
                own.await.unwrap();
            }));
            pending::<()>().await;
        })
    });
    assert!(panicked.message.starts_with("stuck:"));
    assert_eq!(panicked.message.lines().count(), 3);
}

/// When it is dropped, it spawns so many of its kind.
struct Phoenix {
    eggs: usize,
    drops: Rc<Cell<usize>>,
}

impl Drop for Phoenix {
    fn drop(&mut self) {
        self.drops.set(self.drops.get() + 1);
        for _ in 0..self.eggs {
            let eggs = self.eggs;
            let drops = Rc::clone(&self.drops);
            let next = Phoenix { eggs, drops };
            drop(spawn(async move {
                let _next = next;
                pending::<()>().await;
            }));
        }
    }
}

#[test]
fn destructors_that_spawn_without_end_are_an_error() {
    for eggs in [1, 2] {
        let drops = Rc::new(Cell::new(0));
        let bystander = Probe::new();
        let panicked = panic_of(|| {
            simulate(async {
                let phoenix = Phoenix {
                    eggs,
                    drops: Rc::clone(&drops),
                };
                drop(spawn(async move {
                    let _phoenix = phoenix;
                    pending::<()>().await;
                }));
                drop(spawn(bystander.future()));
                yield_now().await;
            })
        });
        assert!(panicked.message.contains("spawn"), "{}", panicked.message);
        assert!(panicked.message.contains("destructor"));
        assert_eq!(bystander.counts(), "polls 1, wakes 0, drops 1");
        // It went on for long enough to be sure.
        assert!(drops.get() > 1_000);
        // The thread can go on.
        simulate(sleep(SECOND));
    }
}

#[test]
fn a_long_line_of_destructors_that_spawn_does_end() {
    // Each spawns the next.
    struct Link(u32, Rc<Cell<u32>>);
    impl Drop for Link {
        fn drop(&mut self) {
            self.1.set(self.1.get() + 1);
            if self.0 > 1 {
                let next = Link(self.0 - 1, Rc::clone(&self.1));
                drop(spawn(async move { drop(next) }));
            }
        }
    }
    let drops = Rc::new(Cell::new(0));
    simulate(async {
        let first = Link(1_000, Rc::clone(&drops));
        drop(spawn(async move { drop(first) }));
    });
    assert_eq!(drops.get(), 1_000);
}

// Destructors that panic.

#[test]
fn a_future_that_panics_in_its_poll_and_in_its_destructor() {
    in_a_process(
        "a_future_that_panics_in_its_poll_and_in_its_destructor",
        || {
            // As a task: the first panic is its own.
            let (bomb, drops) = Bomb::new();
            let error = simulate(async { spawn(Twice(bomb)).await.unwrap_err() });
            assert!(error.to_string().ends_with("spilt"), "{error}");
            assert_eq!(drops.load(SeqCst), 1);
            // As the root,
            let (bomb, drops) = Bomb::new();
            assert_eq!(panic_of(|| simulate(Twice(bomb))).message, "spilt");
            assert_eq!(drops.load(SeqCst), 1);
            // and as a child.
            let (bomb, drops) = Bomb::new();
            let all = gather([Twice(bomb)]);
            assert_eq!(panic_of(|| simulate(all)).message, "spilt");
            assert_eq!(drops.load(SeqCst), 1);
        },
    );
}

#[test]
fn a_root_that_panics_only_when_it_is_dropped() {
    let output = Probe::new();
    let (bomb, drops) = Bomb::new();
    let given = output.track(ready(()));
    let mut given = Some(given);
    let panicked = panic_of(|| {
        simulate(poll_fn(move |_| {
            let _ = &bomb;
            Poll::Ready(given.take())
        }))
    });
    // It has an output, but its end is a panic, and there is only one way out.
    assert_eq!(panicked.message, "a bad end");
    assert_eq!(drops.load(SeqCst), 1);
    assert_eq!(output.counts(), "polls 0, wakes 0, drops 1");
}

#[test]
fn a_stuck_root_that_panics_when_it_is_dropped() {
    in_a_process("a_stuck_root_that_panics_when_it_is_dropped", || {
        let (bomb, drops) = Bomb::new();
        let panicked = panic_of(|| {
            simulate(poll_fn(move |_| {
                let _ = &bomb;
                Poll::<()>::Pending
            }))
        });
        assert!(panicked.message.starts_with("stuck:"));
        assert_eq!(drops.load(SeqCst), 1);
    });
}

#[test]
fn a_gather_whose_children_all_panic_when_they_are_dropped() {
    in_a_process(
        "a_gather_whose_children_all_panic_when_they_are_dropped",
        || {
            let all = |drops: &Arc<AtomicUsize>| {
                gather([(); 5].map(|()| spiteful(Arc::clone(drops)))) as Gather<_>
            };
            let begin = |drops| {
                let mut all = all(drops);
                let polled = Pin::new(&mut all).poll(&mut Context::from_waker(Waker::noop()));
                assert!(polled.is_pending());
                all
            };
            // The first panic is the gather's own. The others are dropped all the same: five
            // futures, and the four payloads that go nowhere.
            let drops = Arc::default();
            let begun = begin(&drops);
            let panic = catch_unwind(AssertUnwindSafe(|| drop(begun))).unwrap_err();
            assert_eq!(drops.load(SeqCst), 5 + 4);
            std::mem::forget(panic);
            // In the midst of another panic, that one goes on.
            let drops = Arc::default();
            let panicked = panic_of(|| {
                let _begun = begin(&drops);
                panic!("spilt");
            });
            assert_eq!(panicked.message, "spilt");
            assert_eq!(drops.load(SeqCst), 5 + 5);
            // The outputs that wait for the others, too.
            let drops = Arc::<AtomicUsize>::default();
            let bomb = || Box::pin(ready(Some(Bomb(Arc::clone(&drops))))) as Boxed<Option<Bomb>>;
            let mut all = gather([bomb(), bomb(), bomb(), Box::pin(pending())]);
            assert!(poll_once(&mut all, Waker::noop()).is_pending());
            assert_eq!(panic_of(|| drop(all)).message, "a bad end");
            assert_eq!(drops.load(SeqCst), 3);
        },
    );
}

// Outputs and panic payloads whose destructors panic.

#[test]
fn an_output_that_nobody_wants_and_that_panics_when_it_is_dropped() {
    simulate(async {
        // Detached: there is nobody to tell.
        let (bomb, drops) = Bomb::new();
        panic_of(|| {
            drop(spawn(async { bomb }));
            panic!("only so that nothing is printed below");
        });
        assert_eq!(drops.load(SeqCst), 0);
        yield_now().await;
        assert_eq!(drops.load(SeqCst), 1);
        // With a handle: it is told who drops that.
        let (bomb, drops) = Bomb::new();
        let handle = spawn(async { bomb });
        yield_now().await;
        assert_eq!(drops.load(SeqCst), 0);
        assert_eq!(panic_of(|| drop(handle)).message, "a bad end");
        assert_eq!(drops.load(SeqCst), 1);
        // The task goes on to be one that has ended.
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn a_panic_payload_that_panics_when_it_is_dropped() {
    in_a_process("a_panic_payload_that_panics_when_it_is_dropped", || {
        let drops = Arc::<AtomicUsize>::default();
        let task = Probe::new();
        simulate(async {
            drop(spawn(task.future()));
            // The panic of a detached task goes nowhere.
            let thrown = Arc::clone(&drops);
            drop(spawn(async move { throw_bomb(&thrown) }));
            yield_now().await;
            assert_eq!(drops.load(SeqCst), 1);
            // A destructor, an output. What they throw is let go.
            let thrown = Arc::clone(&drops);
            drop(spawn(async move {
                let thrown = thrown;
                OnDrop(move || throw_bomb(&thrown))
            }));
            yield_now().await;
            assert_eq!(drops.load(SeqCst), 1);
            let thrown = Arc::clone(&drops);
            let _spite = OnDrop(move || throw_bomb(&thrown));
            drop(spawn(poll_fn(move |_| -> Poll<()> {
                let _ = &_spite;
                panic!("spilt")
            })));
            yield_now().await;
            assert_eq!(drops.load(SeqCst), 2);
            assert_eq!(task.counts(), "polls 1, wakes 0, drops 0");
            // With a handle: whoever drops it, and not the loop.
            let thrown = Arc::clone(&drops);
            let error = spawn(async move { throw_bomb(&thrown) }).await;
            let error = error.unwrap_err();
            assert!(error.to_string().ends_with("panicked"));
            assert_eq!(panic_of(|| drop(error)).message, "a bad end");
            assert_eq!(drops.load(SeqCst), 3);
        });
        assert_eq!(task.counts(), "polls 1, wakes 0, drops 1");
    });
}

/// Throws another of its kind whenever it is dropped. This has no end.
struct Hydra(Arc<AtomicUsize>);

impl Drop for Hydra {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        resume_unwind(Box::new(Hydra(Arc::clone(&self.0))));
    }
}

#[test]
fn a_payload_that_throws_itself_again_for_ever_is_let_go() {
    in_a_process(
        "a_payload_that_throws_itself_again_for_ever_is_let_go",
        || {
            let heads = Arc::<AtomicUsize>::default();
            let task = Probe::new();
            let hydra = Hydra(Arc::clone(&heads));
            simulate(async {
                drop(spawn(task.future()));
                drop(spawn(async { panic_any(hydra) }));
                yield_now().await;
                yield_now().await;
            });
            assert!((1..100).contains(&heads.load(SeqCst)));
            assert_eq!(task.counts(), "polls 1, wakes 0, drops 1");
        },
    );
}

// Panics while the loop ends.

#[test]
fn of_many_panics_at_the_end_of_a_loop_the_first_leaves() {
    in_a_process(
        "of_many_panics_at_the_end_of_a_loop_the_first_leaves",
        || {
            // Destructors of tasks, with payloads that panic when they are dropped.
            let drops = Arc::<AtomicUsize>::default();
            let last = Probe::new();
            let root = |end: fn()| {
                let (drops, last) = (Arc::clone(&drops), last.clone());
                async move {
                    drop(spawn(async {
                        let _first = OnDrop(|| panic!("the first"));
                        pending::<()>().await;
                    }));
                    for _ in 0..3 {
                        drop(spawn(spiteful(Arc::clone(&drops))));
                    }
                    drop(spawn(last.future()));
                    yield_now().await;
                    end();
                }
            };
            let panicked = panic_of(|| simulate(root(|| {})));
            assert_eq!(panicked.message, "the first");
            assert_eq!(drops.swap(0, SeqCst), 3 + 3);
            assert_eq!(last.counts(), "polls 1, wakes 0, drops 1");
            // The root's panic goes before all of them.
            let panicked = panic_of(|| simulate(root(|| panic!("spilt"))));
            assert_eq!(panicked.message, "spilt");
            assert_eq!(drops.swap(0, SeqCst), 3 + 3);
            assert_eq!(last.counts(), "polls 2, wakes 0, drops 2");
            // The first may be spiteful itself. Then it leaves, and it is our turn to drop it.
            let panic = catch_unwind(AssertUnwindSafe(|| {
                simulate(async {
                    drop(spawn(spiteful(Arc::clone(&drops))));
                    drop(spawn(spiteful(Arc::clone(&drops))));
                    yield_now().await;
                })
            }));
            let panic = panic.unwrap_err();
            assert_eq!(drops.load(SeqCst), 2 + 1);
            assert_eq!(panic_of(|| drop(panic)).message, "a bad end");
            assert_eq!(drops.swap(0, SeqCst), 2 + 2);
        },
    );
}

#[test]
fn an_output_that_panics_when_the_end_of_the_loop_has_panicked() {
    let (bomb, drops) = Bomb::new();
    let panicked = panic_of(|| {
        simulate(async {
            drop(spawn(async {
                let _first = OnDrop(|| panic!("the first"));
                pending::<()>().await;
            }));
            yield_now().await;
            bomb
        })
    });
    assert_eq!(panicked.message, "the first");
    assert_eq!(drops.load(SeqCst), 1);
}

#[test]
fn an_observer_that_panics_and_whose_destructor_panics() {
    in_a_process(
        "an_observer_that_panics_and_whose_destructor_panics",
        || {
            let is_dropped = |kind: &EventKind| matches!(kind, EventKind::TaskDropped { .. });
            let is_parked = |kind: &EventKind| matches!(kind, EventKind::Parked { .. });
            let is_polled = |kind: &EventKind| matches!(kind, EventKind::PollEnded { .. });
            type Meant = fn(&EventKind) -> bool;
            for fatal in [is_dropped as Meant, is_parked as Meant, is_polled as Meant] {
                let (bomb, drops) = Bomb::new();
                let tasks = [Probe::new(), Probe::new()];
                let panicked = panic_of(|| {
                    EventLoop::simulated()
                        .on_event(move |event| {
                            let _ = &bomb;
                            if fatal(&event.kind) {
                                panic!("the observer slipped");
                            }
                        })
                        .block_on(async {
                            for task in &tasks {
                                drop(spawn(task.future()));
                            }
                            sleep(SECOND).await;
                        })
                });
                assert_eq!(panicked.message, "the observer slipped");
                assert_eq!(drops.load(SeqCst), 1);
                for task in tasks {
                    assert!(task.counts().ends_with("drops 1"), "{}", task.counts());
                }
            }
            // One that only panics when it is dropped.
            for root in [|| {}, || panic!("spilt")] {
                let (bomb, drops) = Bomb::new();
                let panicked = panic_of(|| {
                    EventLoop::simulated()
                        .on_event(move |_| assert_eq!(bomb.0.load(SeqCst), 0))
                        .block_on(async { root() })
                });
                assert!(["a bad end", "spilt"].contains(&panicked.message.as_str()));
                assert_eq!(drops.load(SeqCst), 1);
            }
        },
    );
}

#[test]
fn an_observer_that_keeps_a_sleep_of_its_loop_is_dropped_with_it() {
    let shelf = Rc::new(RefCell::new(None));
    let weak = Rc::downgrade(&shelf);
    let kept = Rc::clone(&shelf);
    EventLoop::simulated()
        .on_event(move |_| drop(kept.try_borrow()))
        .block_on(async move {
            let mut nap = sleep(SECOND);
            assert!(poll_once(&mut nap, Waker::noop()).is_pending());
            *shelf.borrow_mut() = Some(nap);
        });
    assert_eq!(
        weak.strong_count(),
        0,
        "the loop and the sleep hold each other"
    );
}

#[test]
fn wakers_in_the_wheel_that_panic_when_they_are_dropped() {
    in_a_process(
        "wakers_in_the_wheel_that_panic_when_they_are_dropped",
        || {
            let drops = Arc::<AtomicUsize>::default();
            let bad = || {
                let drops = Arc::clone(&drops);
                let end = move || {
                    drops.fetch_add(1, SeqCst);
                    panic!("a bad end")
                };
                wild(|| {}, end)
            };
            let sleeps = simulate(async {
                [1, 2, 3].map(|seconds| {
                    let mut nap = sleep(seconds * SECOND);
                    assert!(poll_once(&mut nap, &bad()).is_pending());
                    nap
                })
            });
            // Nobody is told: the sleeps live on, and the loop has ended well.
            assert_eq!(drops.load(SeqCst), 3);
            drop(sleeps);
        },
    );
}

#[test]
fn what_a_waker_s_destructor_spawns_at_the_end_is_dropped_too() {
    thread_local!(static TASK: RefCell<Option<Probe>> = const { RefCell::new(None) });
    let task = Probe::new();
    TASK.set(Some(task.clone()));
    let spawns = || {
        let task = TASK.with_borrow(|task| task.clone().unwrap());
        let handle = spawn(task.future());
        HANDLE.set(Some(handle));
    };
    thread_local!(static HANDLE: RefCell<Option<JoinHandle<()>>> = const { RefCell::new(None) });
    let mut nap = sleep(SECOND);
    simulate(async {
        assert!(poll_once(&mut nap, &wild(|| {}, spawns)).is_pending());
    });
    assert_eq!(task.counts(), "polls 0, wakes 0, drops 1");
    let handle = HANDLE.take().unwrap();
    assert!(handle.is_finished());
    assert!(simulate(handle).unwrap_err().is_cancelled());
}

#[test]
fn an_into_future_that_panics_is_the_root_s_panic() {
    struct Never;
    impl IntoFuture for Never {
        type Output = ();
        type IntoFuture = Ready<()>;
        fn into_future(self) -> Ready<()> {
            drop(spawn(pending::<()>()));
            panic!("no future")
        }
    }
    assert_eq!(panic_of(|| simulate(Never)).message, "no future");
    simulate(sleep(SECOND));
}

// `block_on` in the destructor of a thread-local.

#[test]
fn a_loop_runs_in_the_destructor_of_a_thread_local() {
    struct Late(Arc<Mutex<Vec<Duration>>>);
    impl Drop for Late {
        fn drop(&mut self) {
            for event_loop in [EventLoop::new(), EventLoop::simulated()] {
                let passed = event_loop.block_on(async {
                    let start = now();
                    let waits = [1, 2].map(|count| spawn(sleep(count * MILLISECOND)));
                    gather(waits).await;
                    let root = Probe::new();
                    root.future_that(|root| match root.polls() {
                        1 => elsewhere(|| root.wake()),
                        _ => root.finish(),
                    })
                    .await;
                    now() - start
                });
                self.0.lock().unwrap().push(passed);
            }
        }
    }
    thread_local!(static LATE: RefCell<Option<Late>> = const { RefCell::new(None) });
    for is_loop_first in [false, true] {
        let log = Arc::<Mutex<Vec<Duration>>>::default();
        let passed = Arc::clone(&log);
        let thread = thread::spawn(move || {
            if is_loop_first {
                block_on(sleep(MILLISECOND));
            }
            LATE.set(Some(Late(passed)));
        });
        thread.join().unwrap();
        let log = log.lock().unwrap();
        assert_eq!(log.len(), 2);
        assert!(log[0] >= 2 * MILLISECOND);
        assert_eq!(log[1], 2 * MILLISECOND);
    }
}

#[test]
fn what_outlives_its_loop_may_be_dropped_with_the_thread() {
    thread_local!(static KEPT: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) });
    let output = Probe::new();
    let given = output.track(ready(()));
    let thread = thread::spawn(move || {
        let kept = simulate(async {
            let mut nap = sleep(SECOND);
            assert!(poll_once(&mut nap, Waker::noop()).is_pending());
            let handle = spawn(async { given });
            yield_now().await;
            (nap, handle, gather([sleep(SECOND)]))
        });
        KEPT.set(vec![Box::new(kept)]);
    });
    thread.join().unwrap();
    assert_eq!(output.counts(), "polls 0, wakes 0, drops 1");
}

// The clock.

#[test]
fn the_clock_may_jump() {
    // To the end of time and back to work, from within a task, a destructor, an observer.
    for jump in [SECOND, 100 * 365 * 24 * 3600 * SECOND, Duration::MAX] {
        let log = Log::new();
        let woken = log.clone();
        simulate(async move {
            for i in [3, 1, 2] {
                let woken = woken.clone();
                drop(spawn(async move {
                    sleep(i * SECOND / 4).await;
                    woken.push(i);
                }));
            }
            yield_now().await;
            let start = now();
            block_for(jump);
            assert!(now() > start);
            // All of them are due by now, in one go.
            yield_now().await;
            yield_now().await;
            woken.push(4);
            assert!(poll_once(&mut sleep_until(start), Waker::noop()).is_ready());
        });
        assert_eq!(log.take(), [1, 2, 3, 4]);
    }
}

#[test]
fn timers_that_came_due_in_a_turn_fire_at_its_end() {
    // Also where somebody in this turn has looked at the clock before it jumped.
    let log = Log::new();
    let woken = log.clone();
    simulate(async move {
        let sleeper = woken.clone();
        drop(spawn(async move {
            sleep(SECOND).await;
            sleeper.push("sleeper");
        }));
        yield_now().await;
        let mut looks = sleep(10 * SECOND);
        assert!(poll_once(&mut looks, Waker::noop()).is_pending());
        block_for(2 * SECOND);
        yield_now().await;
        woken.push("one turn later");
        yield_now().await;
        woken.push("two turns later");
    });
    assert_eq!(log.take(), ["one turn later", "sleeper", "two turns later"]);
}

#[test]
fn a_moment_that_no_clock_can_hold_is_std_s_own_panic() {
    for event_loop in [EventLoop::new(), EventLoop::simulated()] {
        event_loop.block_on(async {
            let task = spawn(async { sleep_until(now() + Duration::MAX).await });
            let error = task.await.unwrap_err();
            assert!(error.to_string().contains("overflow"), "{error}");
            // `sleep` takes the same without a panic.
            let mut endless = sleep(Duration::MAX);
            assert!(poll_once(&mut endless, Waker::noop()).is_pending());
            yield_now().await;
        });
    }
}

#[test]
fn the_farthest_moment_of_the_clock_is_never() {
    // Found by halves: whatever `Instant` can hold on this machine.
    let start = Instant::now();
    let mut far = Duration::ZERO;
    let mut step = Duration::MAX;
    while step > Duration::ZERO {
        if let Some(sum) = far.checked_add(step)
            && start.checked_add(sum).is_some()
        {
            far = sum;
        }
        step /= 2;
    }
    let farthest = start + far;
    for event_loop in [EventLoop::new(), EventLoop::simulated()] {
        let mut never = sleep_until(farthest);
        event_loop.block_on(async {
            assert!(poll_once(&mut never, Waker::noop()).is_pending());
            yield_now().await;
        });
    }
}

// Depth. A future in a future is polled, woken and dropped by a call in a call, in every executor:
// that is what `.await` compiles to. So the depth that works is a matter of the stack.

const DEPTH: usize = 100_000;

/// A gather in a gather in a gather ...
fn nest(depth: usize, innermost: Boxed) -> Boxed {
    (0..depth).fold(innermost, |inner, _| {
        Box::pin(async move { drop(gather([inner]).await) })
    })
}

#[test]
fn a_hundred_thousand_nested_gathers_work_where_the_stack_has_room() {
    let room = 2 << 30;
    if cfg!(not(target_pointer_width = "64")) {
        // Two gigabytes of addresses are not to be had.
        return;
    }
    let thread = thread::Builder::new().stack_size(room).spawn(|| {
        let [waiting, dropped] = [Probe::new(), Probe::new()];
        let seen = waiting.clone();
        simulate(async {
            let waiting = waiting.clone();
            // Polled twice and woken through all of them,
            let done = spawn(nest(DEPTH, Box::pin(waiting.future())));
            yield_now().await;
            assert_eq!(waiting.counts(), "polls 1, wakes 0, drops 0");
            waiting.finish();
            waiting.wake();
            done.await.unwrap();
            assert_eq!(waiting.counts(), "polls 2, wakes 1, drops 1");
            // and dropped while it waits.
            drop(spawn(nest(DEPTH, Box::pin(dropped.future()))));
            yield_now().await;
        });
        assert_eq!(seen.counts(), "polls 2, wakes 1, drops 1");
        assert_eq!(dropped.counts(), "polls 1, wakes 0, drops 1");
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn where_the_stack_has_no_room_the_runtime_says_so() {
    let name = "where_the_stack_has_no_room_the_runtime_says_so";
    if std::env::var_os(ROLE).is_some_and(|role| role == name) {
        let nested = nest(10 * DEPTH, Box::pin(ready(())));
        return simulate(nested);
    }
    let (is_success, errors) = run_as(name);
    assert!(!is_success);
    // Where std watches for it, it says it in words. Nowhere does anything else go wrong first.
    if cfg!(any(target_os = "linux", target_os = "macos", windows)) {
        assert!(errors.contains("overflowed its stack"), "{errors}");
    }
}

#[test]
fn two_hundred_nested_gathers_work_on_any_stack() {
    let waiting = Probe::new();
    simulate(async {
        let done = spawn(nest(200, Box::pin(waiting.future())));
        yield_now().await;
        waiting.finish();
        waiting.wake();
        done.await.unwrap();
        drop(spawn(nest(200, Box::pin(pending()))));
        yield_now().await;
    });
    assert_eq!(waiting.counts(), "polls 2, wakes 1, drops 1");
}

// Outside.

#[test]
fn a_standard_error_that_is_closed_does_no_harm() {
    let name = "a_standard_error_that_is_closed_does_no_harm";
    if std::env::var_os(ROLE).is_some_and(|role| role == name) {
        // Longer than a second of rest, so the loop writes its suspicion down. Then it goes on.
        let root = Probe::new();
        let waking = root.clone();
        thread::spawn(move || {
            thread::sleep(1_300 * MILLISECOND);
            waking.finish();
            waking.wake();
        });
        return block_on(root.future());
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("hostile::{name}"), "--nocapture"])
        .env(ROLE, name)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The pipe has nobody at its other end.
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn due_wakers_that_panic_one_after_another_end_no_process() {
    in_a_process(
        "due_wakers_that_panic_one_after_another_end_no_process",
        || {
            let on_wake = wild(|| panic!("on wake"), || {});
            let on_drop = wild(|| {}, || panic!("on drop"));
            let panicked = panic_of(|| {
                simulate(async move {
                    let mut naps = [sleep(SECOND), sleep(SECOND)];
                    assert!(poll_once(&mut naps[0], &on_wake).is_pending());
                    assert!(poll_once(&mut naps[1], &on_drop).is_pending());
                    // The wheel has the last clones.
                    drop((on_wake, on_drop));
                    sleep(5 * SECOND).await;
                })
            });
            assert_eq!(panicked.message, "on wake");
        },
    );
}
