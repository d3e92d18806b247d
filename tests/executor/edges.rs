//! The edges of the promises, sentence by sentence as they were promised: what happens at the
//! borders of time, outside of a loop, after the end, and when a program is stuck.

// Handles and sleeps leave their loops here, on purpose.
#![allow(clippy::async_yields_async)]

use crate::support::{
    Bell, Log, MILLISECOND, NANOSECOND, OnDrop, Panicked, Probe, Recorder, SECOND, caught,
    elsewhere, in_time, panic_of, poll_once,
};
use demitasse::{
    Event, EventKind, EventLoop, JoinHandle, Sleep, TaskId, WokenBy, block_for, block_on, gather,
    instrument, now, simulate, sleep, sleep_until, spawn, yield_now,
};
use std::cell::RefCell;
use std::collections::HashSet;
use std::future::{self, Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::process::Command;
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

const END_OF_TIME: Duration = Duration::from_nanos(u64::MAX);

// A future does nothing until polled, and a sleep's time begins at its first poll.

#[test]
fn a_future_does_nothing_until_it_is_polled() {
    let recorder = Recorder::new();
    let child = Probe::new();
    let seen = child.clone();
    EventLoop::simulated()
        .on_event(recorder.observer())
        .block_on(async move {
            drop(sleep(SECOND));
            drop(gather([child.future()]));
            drop(instrument("label", child.future()));
            drop(yield_now());
        });
    assert_eq!(seen.counts(), "polls 0, wakes 0, drops 2");
    let is_poll_or_timer = |kind: &EventKind| {
        use EventKind::*;
        matches!(
            kind,
            TimerSet { .. } | FuturePollStarted { .. } | Woken { .. }
        )
    };
    assert_eq!(recorder.count(is_poll_or_timer), 0);
}

#[test]
fn a_sleep_s_time_begins_at_its_first_poll() {
    simulate(async {
        let start = now();
        let sleep = sleep(3 * SECOND);
        block_for(5 * SECOND);
        sleep.await;
        assert_eq!(now() - start, 8 * SECOND);
    });
}

// A deadline that has passed is ready at once, without yielding.

#[test]
fn a_deadline_that_has_passed_is_ready_at_once() {
    let recorder = Recorder::new();
    let root = Probe::new();
    EventLoop::simulated()
        .on_event(recorder.observer())
        .block_on(root.track(async {
            let start = now();
            sleep(Duration::ZERO).await;
            sleep_until(now()).await;
            block_for(SECOND);
            sleep_until(start).await;
            assert_eq!(now() - start, SECOND);
        }));
    assert_eq!(root.counts(), "polls 1, wakes 0, drops 1");
    assert_eq!(recorder.count(is_timer), 0);
}

fn is_timer(kind: &EventKind) -> bool {
    matches!(kind, EventKind::TimerSet { .. })
}

#[test]
fn a_sleep_that_was_ready_stays_ready() {
    simulate(async {
        let mut sleep = sleep(SECOND);
        (&mut sleep).await;
        let end = now();
        (&mut sleep).await;
        assert_eq!(now(), end);
    });
}

// `sleep(Duration::MAX)`, or any deadline beyond the clock, waits for ever and is no timer.

#[test]
fn a_deadline_beyond_the_clock_waits_for_ever_and_is_no_timer() {
    let endless = [
        |_| sleep(Duration::MAX),
        |_| sleep(END_OF_TIME + NANOSECOND),
        |start| sleep_until(start + END_OF_TIME + NANOSECOND),
        |start| sleep_until(start + 50 * END_OF_TIME),
    ];
    for make in endless {
        for event_loop in [EventLoop::new, EventLoop::simulated] {
            // Beside it the others go on.
            let recorder = Recorder::new();
            let sleeper = Probe::new();
            let seen = sleeper.clone();
            event_loop()
                .on_event(recorder.observer())
                .block_on(async move {
                    drop(spawn(sleeper.track(make(now()))));
                    yield_now().await;
                    yield_now().await;
                });
            assert_eq!(seen.counts(), "polls 1, wakes 0, drops 1");
            assert_eq!(recorder.count(is_timer), 0);
            // Alone, it does not keep the loop from being stuck.
            let alone = move || event_loop().block_on(async { make(now()).await });
            assert_eq!(report_of(alone).len(), 1);
        }
    }
}

#[test]
fn the_last_nanosecond_of_the_clock_can_be_slept_to() {
    simulate(async {
        let start = now();
        sleep(END_OF_TIME).await;
        assert_eq!(now() - start, END_OF_TIME);
        // Here time ends. Nothing overflows.
        block_for(Duration::MAX);
        assert_eq!(now() - start, END_OF_TIME);
        sleep_until(now()).await;
        let mut beyond = sleep(NANOSECOND);
        assert!(poll_once(&mut beyond, Waker::noop()).is_pending());
    });
}

#[test]
fn block_for_more_than_the_clock_holds_goes_to_its_end() {
    simulate(async {
        let start = now();
        let alarm = spawn(sleep(SECOND));
        yield_now().await;
        block_for(Duration::MAX);
        alarm.await.unwrap();
        assert_eq!(now() - start, END_OF_TIME);
    });
}

// `gather` of nothing is ready at once. A child is dropped as soon as it is done, its output kept
// until all are. Dropping the gather drops the children.

#[test]
fn a_gather_of_nothing_is_ready_at_once() {
    let (bell, waker) = Bell::new();
    let mut nothing = gather([(); 0].map(future::ready));
    assert_eq!(poll_once(&mut nothing, &waker), Poll::Ready(vec![]));
    assert_eq!(bell.counts(), "wakes 0, wakers 1");
    assert_eq!(simulate(gather(Vec::<Sleep>::new())), []);
}

#[test]
fn gather_gives_the_outputs_in_the_order_of_the_futures() {
    let wait = |seconds: u32| async move {
        sleep(seconds * SECOND).await;
        seconds
    };
    let outputs = simulate(async {
        let start = now();
        let outputs = gather([3, 1, 2, 0].map(wait)).await;
        assert_eq!(now() - start, 3 * SECOND);
        outputs
    });
    assert_eq!(outputs, [3, 1, 2, 0]);
}

#[test]
fn a_child_is_dropped_when_it_is_done_and_its_output_kept() {
    let [quick, slow] = [Probe::new(), Probe::new()];
    let output_drops = Probe::new();
    let (bell, waker) = Bell::new();
    let child = |probe: &Probe| {
        let future = probe.future();
        let output = output_drops.track(future::ready(()));
        async move {
            future.await;
            output
        }
    };
    let mut both = gather([child(&quick), child(&slow)].map(Box::pin));
    assert!(poll_once(&mut both, &waker).is_pending());
    quick.finish();
    quick.wake();
    assert!(poll_once(&mut both, &waker).is_pending());
    assert_eq!(quick.counts(), "polls 2, wakes 1, drops 1");
    assert_eq!(slow.counts(), "polls 1, wakes 0, drops 0");
    assert_eq!(output_drops.counts(), "polls 0, wakes 0, drops 0");
    // Dropping the gather drops what is left: one child, with its output, and one kept output.
    drop(both);
    assert_eq!(quick.counts(), "polls 2, wakes 1, drops 1");
    assert_eq!(slow.counts(), "polls 1, wakes 0, drops 1");
    assert_eq!(output_drops.counts(), "polls 0, wakes 0, drops 2");
    assert_eq!(bell.counts(), "wakes 1, wakers 1");
    // Late wakes find nobody.
    slow.wake();
    elsewhere(|| slow.wake());
    assert_eq!(slow.counts(), "polls 1, wakes 2, drops 1");
    assert_eq!(bell.counts(), "wakes 1, wakers 1");
}

#[test]
fn a_gather_of_gathers_is_a_gather() {
    let ends = Log::new();
    let grid = gather((0..3).map(|row| {
        gather((0..3).map(|column| {
            let ends = ends.clone();
            async move {
                sleep((9 - row * 3 - column) * SECOND).await;
                ends.push(row * 3 + column);
                row * 3 + column
            }
        }))
    }));
    assert_eq!(simulate(grid).concat(), (0..9).collect::<Vec<_>>());
    assert_eq!(ends.take(), (0..9).rev().collect::<Vec<_>>());
}

// It works under any executor, and any std future works under ours.

/// Another executor, in ten lines: it polls when it was woken, and parks its thread until then.
fn run_elsewhere<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn gather_works_under_any_executor() {
    let yields = |n| async move {
        for _ in 0..n {
            yield_now().await;
        }
        n
    };
    in_time(move || {
        assert_eq!(run_elsewhere(gather([3, 0, 1].map(yields))), [3, 0, 1]);
        assert_eq!(run_elsewhere(gather([0; 0].map(yields))), []);
        assert_eq!(run_elsewhere(instrument("label", yields(2))), 2);
        // And inside of another executor inside of ours.
        let inner = simulate(async { run_elsewhere(gather([2, 1].map(yields))) });
        assert_eq!(inner, [2, 1]);
    });
}

#[test]
fn a_gather_moves_between_threads_while_its_children_are_woken_from_others() {
    const ROUNDS: usize = 200;
    in_time(|| {
        let children = [(); 4].map(|()| Probe::new());
        let mut all = gather(children.each_ref().map(|child| {
            child.future_that(|child| {
                if child.polls() > ROUNDS {
                    child.finish();
                }
            })
        }));
        let (note, notes) = mpsc::channel();
        let waker = Waker::from(Arc::new(Notes(Mutex::new(note))));
        assert!(poll_once(&mut all, &waker).is_pending());
        for child in children.clone() {
            thread::spawn(move || {
                for round in 1..=ROUNDS {
                    // The next wake comes when this one was answered.
                    child.wake();
                    while child.polls() <= round {
                        thread::yield_now();
                    }
                }
            });
        }
        loop {
            notes.recv().unwrap();
            if poll_once(&mut all, &waker).is_ready() {
                break;
            }
        }
        for child in &children {
            let counts = format!("polls {}, wakes {ROUNDS}, drops 1", 1 + ROUNDS);
            assert_eq!(child.counts(), counts);
        }
    });
}

/// A waker that sends a note.
struct Notes(Mutex<mpsc::Sender<()>>);

impl Wake for Notes {
    fn wake(self: Arc<Self>) {
        // Nobody listens any more when the gather is done.
        let _ = self.0.lock().unwrap().send(());
    }
}

#[test]
fn any_std_future_works_under_the_loop() {
    let (sender, receiver) = mpsc::channel();
    let output = simulate(async move {
        let boxed: Pin<Box<dyn Future<Output = u32>>> = Box::pin(async { 2 });
        let pinned = pin!(async { 3 });
        let mut polls = 0;
        let by_hand = poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls < 4 {
                Poll::Pending
            } else {
                Poll::Ready(polls)
            }
        });
        sender.send(future::ready(1).await + boxed.await).unwrap();
        pinned.await + by_hand.await
    });
    assert_eq!(output, 7);
    assert_eq!(receiver.recv(), Ok(3));
}

// The output of a detached task is dropped when the task is done.

#[test]
fn the_output_of_a_detached_task_is_dropped_when_the_task_is_done() {
    simulate(async {
        let output = Probe::new();
        let given = output.track(future::ready(()));
        drop(spawn(async move { given }));
        assert_eq!(output.counts(), "polls 0, wakes 0, drops 0");
        yield_now().await;
        assert_eq!(output.counts(), "polls 0, wakes 0, drops 1");
        // With a handle it is kept, until the handle is dropped.
        let given = output.track(future::ready(()));
        let handle = spawn(async move { given });
        yield_now().await;
        assert!(handle.is_finished());
        assert_eq!(output.counts(), "polls 0, wakes 0, drops 1");
        drop(handle);
        assert_eq!(output.counts(), "polls 0, wakes 0, drops 2");
    });
}

#[test]
fn a_detached_task_goes_on() {
    simulate(async {
        let task = Probe::new();
        drop(spawn(task.track(sleep(SECOND))));
        sleep(2 * SECOND).await;
        assert_eq!(task.counts(), "polls 2, wakes 0, drops 1");
    });
}

// `block_on` inside a running loop, and `spawn`, `now` or polling a `Sleep` outside one, panic with
// one sentence that says what to do instead, at the caller's own line.

/// One sentence, about `what`, that says what to do `instead`.
#[track_caller]
fn assert_one_sentence(panicked: &Panicked, what: &str, instead: &str) {
    let message = &panicked.message;
    assert!(
        !message.contains('\n') && !message.contains(". "),
        "{message}"
    );
    assert!(message.contains(what), "{message}");
    let (_, advice) = message.split_once(": ").expect("advice after a colon");
    assert!(advice.contains(instead), "{message}");
}

#[track_caller]
fn assert_at(panicked: &Panicked, line: u32) {
    assert_eq!((panicked.file.as_str(), panicked.line), (file!(), line));
}

#[test]
fn block_on_inside_a_running_loop_panics_at_the_caller_s_line() {
    simulate(async {
        let line = line!() + 1;
        let panicked = panic_of(|| block_on(async {}));
        assert_one_sentence(&panicked, "block_on", ".await");
        assert_at(&panicked, line);

        let line = line!() + 1;
        let panicked = panic_of(|| simulate(async {}));
        assert_one_sentence(&panicked, "block_on", ".await");
        assert_at(&panicked, line);

        let line = line!() + 1;
        let panicked = panic_of(|| EventLoop::new().block_on(async {}));
        assert_one_sentence(&panicked, "block_on", ".await");
        assert_at(&panicked, line);
        // The loop that runs is unharmed.
        sleep(SECOND).await;
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn spawn_outside_a_loop_panics_at_the_caller_s_line() {
    let line = line!() + 1;
    let panicked = panic_of(|| spawn(async {}));
    assert_one_sentence(&panicked, "spawn", "block_on");
    assert_at(&panicked, line);
}

#[test]
fn now_outside_a_loop_panics_at_the_caller_s_line() {
    // After a loop it is as before it.
    simulate(async {});
    let line = line!() + 1;
    let panicked = panic_of(|| now());
    assert_one_sentence(&panicked, "now", "block_on");
    assert_at(&panicked, line);
}

#[test]
fn polling_a_sleep_outside_a_loop_panics_at_the_caller_s_line() {
    let mut early = sleep(SECOND);
    let early = Pin::new(&mut early);
    let mut cx = Context::from_waker(Waker::noop());
    let line = line!() + 1;
    let panicked = panic_of(|| early.poll(&mut cx));
    assert_one_sentence(&panicked, "sleep", "block_on");
    assert_at(&panicked, line);

    let line = line!() + 1;
    let panicked = panic_of(|| run_elsewhere(async { sleep(SECOND).await }));
    assert_one_sentence(&panicked, "sleep", "block_on");
    assert_at(&panicked, line);
}

#[test]
fn block_for_outside_a_loop_holds_the_thread() {
    let start = Instant::now();
    block_for(10 * MILLISECOND);
    assert!(start.elapsed() >= 10 * MILLISECOND);
}

#[test]
fn block_for_inside_a_loop_holds_everybody() {
    for event_loop in [EventLoop::new(), EventLoop::simulated()] {
        event_loop.block_on(async {
            let start = now();
            let hold = || async { block_for(10 * MILLISECOND) };
            gather([hold(), hold()]).await;
            assert!(now() - start >= 20 * MILLISECOND);
        });
    }
}

// A handle whose task was dropped with its loop is finished, and gives a `JoinError` with
// `is_cancelled()`.

#[test]
fn a_handle_whose_task_was_dropped_with_its_loop_is_cancelled() {
    let handle = simulate(async { spawn(pending::<u32>()) });
    assert!(handle.is_finished());
    // It can be awaited in the next loop, or anywhere.
    let error = simulate(handle).unwrap_err();
    assert!(error.is_cancelled() && !error.is_panic());
    assert!(error.to_string().contains("cancelled"), "{error}");
    assert!(format!("{error:?}").contains("cancelled"));
    let _: &dyn std::error::Error = &error;
}

#[test]
fn a_handle_outlives_its_loop_with_the_output() {
    let handle = simulate(async {
        let handle = spawn(async { "done" });
        assert!(!handle.is_finished());
        yield_now().await;
        handle
    });
    assert!(handle.is_finished());
    assert_eq!(run_elsewhere(handle).unwrap(), "done");
}

#[test]
fn a_handle_is_finished_while_the_loop_still_drops_tasks() {
    let log = Log::new();
    let finished = log.clone();
    simulate(async move {
        let handle = spawn(pending::<()>());
        // This one is dropped after the one that it waits for.
        drop(spawn(async move {
            let handle: JoinHandle<()> = handle;
            let is_finished = OnDrop(|| finished.push(handle.is_finished()));
            let _is_finished = &is_finished;
            pending::<()>().await;
        }));
        yield_now().await;
    });
    assert_eq!(log.take(), [true]);
}

// `into_panic` of one that holds no panic, a handle polled after its result, a gather polled after
// its result: each panics with one sentence.

#[test]
fn into_panic_of_an_error_that_holds_no_panic_panics() {
    let handle = simulate(async { spawn(pending::<()>()) });
    let error = simulate(handle).unwrap_err();
    let line = line!() + 1;
    let panicked = panic_of(|| error.into_panic());
    assert_one_sentence(&panicked, "no panic", "is_panic");
    assert_at(&panicked, line);
}

#[test]
fn a_handle_polled_after_its_result_panics() {
    simulate(async {
        let mut handle = spawn(async {});
        (&mut handle).await.unwrap();
        assert!(handle.is_finished());
        let panicked = panic_of(|| poll_once(&mut handle, Waker::noop()));
        assert_one_sentence(&panicked, "JoinHandle", "do not poll it again");
        assert!(handle.is_finished());
    });
}

#[test]
fn a_gather_polled_after_its_result_panics() {
    let mut gather = gather([future::ready(1)]);
    assert_eq!(poll_once(&mut gather, Waker::noop()), Poll::Ready(vec![1]));
    let panicked = panic_of(|| poll_once(&mut gather, Waker::noop()));
    assert_one_sentence(&panicked, "gather", "do not poll it again");
}

#[test]
fn a_join_error_tells_the_panic() {
    simulate(async {
        let cup = 1;
        let formatted = spawn(async move { panic!("cup {cup}") });
        let error = formatted.await.unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert!(error.to_string().ends_with("panicked: cup 1"));
        let panic = error.into_panic();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), "cup 1");
        // A panic need not have words.
        let wordless = spawn(async { std::panic::panic_any(7) });
        let error = wordless.await.unwrap_err();
        assert!(error.to_string().ends_with("panicked"));
        assert_eq!(error.into_panic().downcast_ref(), Some(&7));
    });
}

// An observer may call `now`, `spawn` and wakers: the loop holds none of its own state while it
// tells. Its panic leaves through `block_on`. A second `on_event` takes the first one's place.

/// Runs a program in which nearly everything happens, on a loop with this observer.
fn run_watched(observer: impl FnMut(&Event) + 'static, waker: Rc<RefCell<Option<Waker>>>) {
    EventLoop::simulated()
        .on_event(observer)
        .block_on(async move {
            let keep = poll_fn(|cx| {
                *waker.borrow_mut() = Some(cx.waker().clone());
                Poll::Ready(())
            });
            keep.await;
            drop(spawn(pending::<()>()));
            let task = Probe::new();
            drop(spawn(task.future()));
            let wait = instrument("wait", sleep(SECOND));
            gather([wait, instrument("long", sleep(SECOND + MILLISECOND))]).await;
            elsewhere(|| task.wake());
            task.wake();
            yield_now().await;
            let mut dropped = instrument("dropped", sleep(SECOND));
            assert!(poll_once(&mut dropped, Waker::noop()).is_pending());
            drop(dropped);
            block_for(SECOND);
            spawn(async {}).await.unwrap();
        });
}

#[test]
fn an_observer_may_spawn_wake_and_ask_the_time() {
    let log = Log::new();
    let kinds = log.clone();
    let waker = Rc::<RefCell<Option<Waker>>>::default();
    let shared = Rc::clone(&waker);
    let spawned = Probe::new();
    let seen = spawned.clone();
    let mut start = None;
    let mut is_told = HashSet::new();
    let observer = move |event: &Event| {
        let start = *start.get_or_insert_with(now);
        assert_eq!(now() - start, event.time);
        // The rest once for each kind of event. (Whoever wakes a task at every turn stops time.)
        let name = format!("{:?}", event.kind);
        let name = name.split(' ').next().unwrap().to_string();
        if is_told.insert(name.clone()) {
            kinds.push(name);
            drop(spawn(spawned.track(yield_now())));
            if let Some(waker) = &*shared.borrow() {
                waker.wake_by_ref();
            }
        }
    };
    run_watched(observer, waker);
    // Every kind there is.
    let mut kinds = log.take();
    kinds.sort();
    let expected = [
        "BlockEnded",
        "BlockStarted",
        "FutureDropped",
        "FuturePollEnded",
        "FuturePollStarted",
        "Parked",
        "PollEnded",
        "PollStarted",
        "Spawned",
        "TaskDropped",
        "TimerCancelled",
        "TimerFired",
        "TimerMoved",
        "TimerSet",
        "TurnStarted",
        "Unparked",
        "WakerLost",
        "Woken",
    ];
    assert_eq!(kinds, expected);
    // The one that was spawned at the first `TaskDropped` came too late to be polled, and each of
    // the others was polled at most twice.
    assert!(seen.counts().ends_with("drops 18"));
    assert!((2 * 15..=2 * 17).contains(&seen.polls()));
}

#[test]
fn an_observer_that_panics_does_it_at_its_place() {
    // At whichever event it panics.
    let total = {
        let recorder = Recorder::new();
        run_watched(recorder.observer(), Rc::default());
        recorder.events().len()
    };
    assert!(total > 50);
    for fatal in 0..total {
        let mut number = 0;
        let observer = move |_: &Event| {
            number += 1;
            if number == fatal + 1 {
                panic!("the observer slipped");
            }
        };
        // In a poll it ends that task, and then the root may end by its own: the task that it needs
        // is gone. Elsewhere it leaves through `block_on`.
        let ended = caught(|| run_watched(observer, Rc::default()));
        if let Err(panic) = ended {
            let said = panic.downcast_ref::<&str>().copied();
            let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            let why = [
                "the observer slipped",
                "its waker was kept",
                "on an `Err` value",
            ];
            assert!(
                why.iter()
                    .any(|why| said.is_some_and(|said| said.contains(why))),
                "{said:?}"
            );
        }
    }
    // The thread can go on.
    simulate(sleep(SECOND));
}

#[test]
fn a_panic_of_the_observer_in_a_poll_ends_that_task() {
    let observer = |event: &Event| {
        if let EventKind::FuturePollStarted { .. } = event.kind {
            panic!("the observer slipped");
        }
    };
    let watched = EventLoop::simulated().on_event(observer);
    let ended = caught(|| {
        watched.block_on(async {
            let task = spawn(instrument("watched", async {}));
            sleep(SECOND).await;
            task.await
        })
    });
    let panic = ended.unwrap().unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref(), Some(&"the observer slipped"));
}

#[test]
fn a_panic_of_the_observer_at_parked_leaves_at_once() {
    let told = Log::new();
    let log = told.clone();
    let observer = move |event: &Event| {
        log.push(event.time);
        if let EventKind::Parked { .. } = event.kind {
            panic!("the observer slipped");
        }
    };
    let sleeps = || {
        EventLoop::simulated()
            .on_event(observer)
            .block_on(sleep(SECOND))
    };
    assert_eq!(panic_of(sleeps).message, "the observer slipped");
    assert!(told.take().iter().all(|time| *time == Duration::ZERO));
}

#[test]
fn what_an_observer_does_at_parked_is_done_before_the_park() {
    let polled = Log::new();
    let log = polled.clone();
    let mut is_first = true;
    let observer = move |event: &Event| {
        if matches!(event.kind, EventKind::Parked { .. }) && std::mem::take(&mut is_first) {
            let (log, time) = (log.clone(), event.time);
            let start = now();
            drop(spawn(async move { log.push(now() - start + time) }));
        }
    };
    let sleeps = sleep(SECOND);
    EventLoop::simulated().on_event(observer).block_on(sleeps);
    assert_eq!(polled.take(), [Duration::ZERO]);
}

#[test]
fn a_panic_of_the_observer_drops_the_tasks() {
    let task = Probe::new();
    let root = Probe::new();
    let seen = task.clone();
    let observer = |event: &Event| {
        if matches!(event.kind, EventKind::Parked { .. }) {
            panic!("the observer slipped");
        }
    };
    let panicked = panic_of(|| {
        let watched = EventLoop::simulated().on_event(observer);
        watched.block_on(root.track(async {
            drop(spawn(task.future()));
            sleep(SECOND).await;
        }))
    });
    assert_eq!(panicked.message, "the observer slipped");
    assert_eq!(seen.counts(), "polls 1, wakes 0, drops 1");
    assert_eq!(
        root.counts().split_once(", wakes 0, drops ").unwrap().1,
        "1"
    );
}

#[test]
fn a_second_observer_takes_the_first_one_s_place() {
    let [first, second] = [Recorder::new(), Recorder::new()];
    EventLoop::simulated()
        .on_event(first.observer())
        .on_event(second.observer())
        .block_on(sleep(SECOND));
    assert_eq!(first.events(), []);
    assert_eq!(second.parks(), 1);
}

#[test]
fn the_observer_is_dropped_with_the_loop() {
    let observer = Probe::new();
    let kept = observer.track(future::ready(()));
    let sleep = EventLoop::simulated()
        .on_event(move |_| {
            let _ = &kept;
        })
        .block_on(async {
            let sleep = sleep(SECOND);
            yield_now().await;
            sleep
        });
    assert_eq!(observer.counts(), "polls 0, wakes 0, drops 1");
    simulate(sleep);
}

// A gather stays on its thread. Wakers are `Send + Sync`.

#[test]
fn what_may_move_between_threads_says_so() {
    fn is_send<T: Send>(_: &T) {}
    fn is_unpin<T: Unpin>(_: &T) {}
    is_unpin(&gather([future::ready(1)]));
    is_send(&yield_now());
    let output = elsewhere(|| block_on(gather([async { String::from("sent") }])));
    assert_eq!(output, ["sent"]);
    simulate(async {
        let handle = spawn(pending::<Rc<()>>());
        is_unpin(&handle);
    });
}

// `block_on(sleep(d))` works (the sleep is made before the loop is).

#[test]
fn a_sleep_that_was_made_before_its_loop_works() {
    let start = Instant::now();
    block_on(sleep(10 * MILLISECOND));
    assert!(start.elapsed() >= 10 * MILLISECOND);
    simulate(sleep(Duration::from_secs(1_000_000)));
    EventLoop::default().block_on(sleep(MILLISECOND));
}

#[test]
fn a_sleep_belongs_to_the_loop_that_polled_it_first() {
    let mut sleep = sleep(SECOND);
    simulate(async {
        assert!(poll_once(&mut sleep, Waker::noop()).is_pending());
    });
    let panicked = panic_of(|| simulate(&mut sleep));
    assert_eq!(
        panicked.message,
        "a sleep belongs to the event loop that polled it first: make another one here"
    );
    // Its loop is gone, and takes no harm of it.
    drop(sleep);
    simulate(self::sleep(SECOND));
}

#[test]
fn public_types_can_be_printed_hashed_and_passed_on() {
    fn is_error<E: std::error::Error + Send + Sync + 'static>() {}
    fn is_debug<T: std::fmt::Debug>() {}
    fn is_key<K: std::hash::Hash + Eq + Copy>() {}
    is_error::<demitasse::JoinError>();
    is_debug::<EventLoop>();
    is_debug::<demitasse::TimerWheel<u8>>();
    is_key::<demitasse::TimerKey>();
    is_key::<TaskId>();
}

#[test]
fn an_instrumented_future_has_a_number_of_its_own_in_each_loop() {
    let mut moved = instrument("moved", pending::<()>());
    simulate(async {
        assert!(poll_once(&mut moved, Waker::noop()).is_pending());
    });
    let names = Log::new();
    let log = names.clone();
    let watched = EventLoop::simulated().on_event(move |event| {
        if let EventKind::FuturePollStarted { future, label, .. } = &event.kind {
            log.push((*future, label.to_string()));
        }
    });
    watched.block_on(async {
        instrument("native", async {}).await;
        assert!(poll_once(&mut moved, Waker::noop()).is_pending());
    });
    let expected = [(0, "native".to_string()), (1, "moved".to_string())];
    assert_eq!(names.take(), expected);
}

#[test]
fn a_poll_that_panics_is_told_as_ended() {
    let recorder = Recorder::new();
    let watched = EventLoop::simulated().on_event(recorder.observer());
    let bad = || watched.block_on(instrument("bad", async { panic!("meant") }));
    panic_of(bad);
    let ends =
        recorder.count(|kind| matches!(kind, EventKind::FuturePollEnded { panicked: true, .. }));
    assert_eq!(ends, 1);
}

// Names: no two tasks of a loop have the same, even where one sits in the other's place.

#[test]
fn no_task_id_is_used_twice() {
    let recorder = Recorder::new();
    EventLoop::simulated()
        .on_event(recorder.observer())
        .block_on(async {
            for _ in 0..100 {
                spawn(async {}).await.unwrap();
            }
        });
    let spawned = |event: &Event| match event.kind {
        EventKind::Spawned { task, .. } => Some(task),
        _ => None,
    };
    let tasks: Vec<TaskId> = recorder.events().iter().filter_map(spawned).collect();
    assert_eq!(tasks.len(), 101);
    assert_eq!(tasks.iter().collect::<HashSet<_>>().len(), 101);
    assert_eq!(tasks[0].to_string(), "0");
}

#[test]
fn events_say_where_things_were_made() {
    let recorder = Recorder::new();
    let line = line!();
    let watched = EventLoop::simulated().on_event(recorder.observer());
    watched.block_on(async {
        let handle = spawn(async {
            instrument("nap", sleep(SECOND)).await;
            block_for(SECOND);
        });
        handle.await.unwrap();
    });
    let mut places = Vec::new();
    for event in recorder.events() {
        match event.kind {
            EventKind::Spawned { at, .. } => places.push((at.line() - line, None)),
            EventKind::TimerSet {
                made_at,
                label,
                deadline,
                ..
            } => {
                assert_eq!(deadline, SECOND);
                places.push((made_at.line() - line, label));
            }
            EventKind::FuturePollStarted { made_at: at, .. }
            | EventKind::BlockStarted { at, .. } => {
                places.push((at.line() - line, None));
            }
            _ => {}
        }
    }
    let sleep = (4, Some("nap".into()));
    let instrumented = (4, None);
    let expected = [
        (2, None),
        (3, None),
        instrumented.clone(),
        sleep,
        instrumented,
        (5, None),
    ];
    assert_eq!(places, expected);
}

#[test]
fn events_say_who_woke_a_task() {
    let recorder = Recorder::new();
    let [task, last] = [Probe::new(), Probe::new()];
    let (seen, watched) = (recorder.clone(), task.clone());
    let mut tell = recorder.observer();
    let mut is_first = true;
    let observer = move |event: &Event| {
        tell(event);
        // Between two polls, when the task has been polled: nobody's doing.
        let is_turn = matches!(event.kind, EventKind::TurnStarted { .. });
        if is_turn && watched.polls() == 1 && is_first {
            is_first = false;
            watched.wake();
        }
    };
    EventLoop::simulated().on_event(observer).block_on(async {
        drop(spawn(task.future()));
        drop(spawn(last.future()));
        yield_now().await;
        yield_now().await;
        yield_now().await;
        assert_eq!(task.counts(), "polls 2, wakes 1, drops 0");
        // By a task, by a timer, from another thread.
        task.wake();
        yield_now().await;
        sleep(SECOND).await;
        elsewhere(|| task.wake());
        yield_now().await;
        yield_now().await;
        assert_eq!(task.counts(), "polls 4, wakes 3, drops 0");
        // Nobody looks for this one: the loop ends.
        elsewhere(|| last.wake());
    });
    let woken = |number: &str| {
        let by = |event: &Event| match event.kind {
            EventKind::Woken { task, by } if task.to_string() == number => Some(by),
            _ => None,
        };
        seen.events().iter().filter_map(by).collect::<Vec<_>>()
    };
    let root = WokenBy::Task(match seen.events()[0].kind {
        EventKind::Spawned { task, .. } => task,
        _ => panic!("the root is the first"),
    });
    assert_eq!(woken("1"), [WokenBy::Outside, root, WokenBy::Outside]);
    assert_eq!(woken("2"), []);
    let timers = woken("0").into_iter().filter(|by| *by == WokenBy::Timer);
    assert_eq!(timers.count(), 1);
}

#[test]
fn each_instrumented_future_has_a_number_of_its_own() {
    let recorder = Recorder::new();
    let nap = || instrument("nap", yield_now());
    EventLoop::simulated()
        .on_event(recorder.observer())
        .block_on(async { gather([nap(), nap(), nap()]).await });
    let number = |event: &Event| match event.kind {
        EventKind::FuturePollStarted { future, .. } => Some(future),
        _ => None,
    };
    let polled: Vec<_> = recorder.events().iter().filter_map(number).collect();
    // Three futures, and each is polled twice.
    assert_eq!(polled.len(), 6);
    assert_eq!(polled[..3], polled[3..]);
    assert_eq!(polled.iter().collect::<HashSet<_>>().len(), 3);
}

#[test]
fn events_say_where_on_the_wheel_a_timer_waits() {
    let recorder = Recorder::new();
    let watched = EventLoop::simulated().on_event(recorder.observer());
    watched.block_on(async {
        for nanos in [1, 64, 4096 * 5 + 1, u64::MAX] {
            let mut nap = sleep(Duration::from_nanos(nanos));
            assert!(poll_once(&mut nap, Waker::noop()).is_pending());
        }
    });
    let place = |event: &Event| match event.kind {
        EventKind::TimerSet { level, slot, .. } => Some((level, slot)),
        _ => None,
    };
    let places: Vec<_> = recorder.events().iter().filter_map(place).collect();
    assert_eq!(places, [(0, 1), (1, 1), (2, 5), (10, 15)]);
}

#[test]
fn events_say_to_which_level_a_timer_moves() {
    let recorder = Recorder::new();
    let watched = EventLoop::simulated().on_event(recorder.observer());
    watched.block_on(async {
        let start = now();
        // The table of the wheel's chapter: each sleep but the last moves the hand past the slot in
        // which the last one waits.
        let waits = [99_000, 99_980, 100_000].map(Duration::from_nanos);
        gather(waits.map(|wait| sleep_until(start + wait))).await;
    });
    let move_of = |event: &Event| match event.kind {
        EventKind::TimerMoved { timer, level, slot } => {
            Some((event.time.as_nanos(), timer, level, slot))
        }
        _ => None,
    };
    let moves: Vec<_> = recorder.events().iter().filter_map(move_of).collect();
    assert_eq!(
        moves,
        [(99_000, 1, 1, 26), (99_000, 2, 1, 26), (99_980, 2, 0, 32)]
    );
}

#[test]
fn events_say_which_future_set_a_timer() {
    let recorder = Recorder::new();
    let watched = EventLoop::simulated().on_event(recorder.observer());
    watched.block_on(async {
        let nap = || instrument("nap", sleep(SECOND));
        instrument("both", gather([nap(), nap()])).await;
        sleep(SECOND).await;
    });
    let future = |event: &Event| match event.kind {
        EventKind::TimerSet { future, .. } => Some(future),
        _ => None,
    };
    let futures: Vec<_> = recorder.events().iter().filter_map(future).collect();
    // "both" is the first that is polled.
    assert_eq!(futures, [Some(1), Some(2), None]);
}

#[test]
fn a_gather_is_lost_when_all_that_is_left_of_it_is() {
    let recorder = Recorder::new();
    let watched = EventLoop::simulated().on_event(recorder.observer());
    watched.block_on(async {
        let children: [Pin<Box<dyn Future<Output = ()>>>; 2] =
            [Box::pin(pending()), Box::pin(sleep(SECOND))];
        drop(spawn(gather(children)));
        let lost = || recorder.count(|kind| matches!(kind, EventKind::WakerLost { .. }));
        yield_now().await;
        yield_now().await;
        assert_eq!(lost(), 0);
        // The one that could still be woken is done now.
        sleep(2 * SECOND).await;
        assert_eq!(lost(), 1);
    });
}

#[test]
fn everything_can_be_shown_for_debugging() {
    simulate(async {
        let line = line!() + 1;
        let nap = format!("{:?}", sleep(SECOND));
        assert!(nap.contains(file!()), "{nap}");
        assert!(nap.contains(&format!("line: {line}")), "{nap}");
        let both = format!("{:?}", gather([yield_now(), yield_now()]));
        assert!(both.contains("left: 2"), "{both}");
        let named = format!("{:?}", instrument("a name", yield_now()));
        assert!(named.contains("a name"), "{named}");
        let handle = spawn(yield_now());
        assert!(format!("{handle:?}").contains("is_finished: false"));
        handle.await.unwrap();
        assert!(format!("{:?}", yield_now()).contains("YieldNow"));
    });
}

// Stuck: the report. (That it comes at rest on the simulated clock is I13, in `tests/promises.rs`.)

/// The lines of the report with which a loop ends, after the first, which says what is wrong.
fn report_of(run: impl FnOnce() + Send + 'static) -> Vec<String> {
    let panicked = in_time(|| panic_of(run));
    let mut lines = panicked.message.lines().map(str::to_string);
    let first = lines.next().unwrap();
    assert!(first.starts_with("stuck:"), "{first}");
    lines.collect()
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[test]
fn the_report_lists_each_waiting_task_and_what_is_known_of_it() {
    let line = line!();
    let report = report_of(|| {
        simulate(async {
            let keeper = Probe::new();
            drop(spawn(instrument("no waker", pending::<()>())));
            drop(spawn(instrument("endless", sleep(Duration::MAX))));
            drop(spawn(instrument("keeper", keeper.future())));
            drop(spawn(async { sleep(SECOND).await }));
            spawn(pending::<()>()).await.unwrap();
        });
    });
    let at = |below: u32| format!("{}:{}:", file!(), line + below);
    // The sleep of a second is done.
    assert_eq!(report.len(), 5, "{report:?}");
    assert_says(&report[0], &["the future of block_on at"]);
    assert_says(&report[1], &["spawned at"]);
    assert_says(&report[0], &["task 0,", &at(2), "its waker is kept"]);
    assert_says(
        &report[1],
        &["task 1 \"no waker\"", &at(4), "kept no waker"],
    );
    assert_says(&report[2], &["task 2 \"endless\"", &at(5), "kept no waker"]);
    assert_says(
        &report[3],
        &["task 3 \"keeper\"", &at(6), "its waker is kept"],
    );
    assert_says(&report[4], &["task 5,", &at(8), "kept no waker"]);
    // Of sleeps it says nothing: at rest there is no timer.
    assert!(
        report.iter().all(|task| !task.contains("sleep")),
        "{report:?}"
    );
}

#[test]
fn the_report_names_twenty_tasks_and_counts_the_others() {
    let report = report_of(|| {
        simulate(async {
            for _ in 0..1_000 {
                drop(spawn(pending::<()>()));
            }
            pending::<()>().await
        });
    });
    assert_eq!(report.len(), 21, "{report:?}");
    assert_eq!(report[20].trim(), "and 981 more");
}

#[test]
fn the_report_shows_control_characters_and_does_not_obey_them() {
    let label = "a\n  task 9 \"b\"\x1b[2J";
    let report = report_of(move || simulate(instrument(label, pending::<()>())));
    assert_eq!(report.len(), 1, "{report:?}");
    assert_says(&report[0], &[r#"task 0 "a\n  task 9 \"b\"\u{1b}[2J","#]);
}

#[test]
fn two_tasks_that_await_each_other_are_stuck() {
    let report = report_of(|| {
        simulate(async {
            let shelf = Rc::new(RefCell::new(None::<JoinHandle<()>>));
            let from = Rc::clone(&shelf);
            let first = spawn(async move {
                let second = from.take().unwrap();
                second.await.unwrap();
            });
            *shelf.borrow_mut() = Some(spawn(async move { first.await.unwrap() }));
            pending::<()>().await;
        });
    });
    assert_eq!(report.len(), 3);
    assert_says(&report[0], &["task 0,", "kept no waker"]);
    assert_says(&report[1], &["task 1,", "its waker is kept"]);
    assert_says(&report[2], &["task 2,", "its waker is kept"]);
}

#[test]
fn a_stuck_task_ends_nothing_while_others_work() {
    for event_loop in [EventLoop::new(), EventLoop::simulated()] {
        event_loop.block_on(async {
            let stuck = Probe::new();
            drop(spawn(stuck.track(pending::<()>())));
            sleep(5 * MILLISECOND).await;
            yield_now().await;
            assert_eq!(stuck.counts(), "polls 1, wakes 0, drops 0");
        });
    }
}

#[test]
fn after_a_report_the_thread_can_go_on() {
    let task = Probe::new();
    let seen = task.clone();
    in_time(move || {
        let stuck = async {
            drop(spawn(task.track(pending::<()>())));
            pending::<()>().await;
        };
        panic_of(|| block_on(stuck));
        simulate(sleep(SECOND));
    });
    assert_eq!(seen.counts(), "polls 1, wakes 0, drops 1");
}

// At rest on the real clock, where a waker may be in another thread's hands. These need real
// seconds, so they all run at once, in a process of its own whose standard error can be read.

#[test]
fn on_the_real_clock_a_rest_of_one_second_is_suspicious() {
    const ROLE: &str = "DEMITASSE_TEST_PLAYS_THE_SUSPECT";
    if std::env::var_os(ROLE).is_some() {
        return play_the_suspects();
    }
    let itself = std::env::current_exe().unwrap();
    let name = "on_the_real_clock_a_rest_of_one_second_is_suspicious";
    let output = Command::new(itself)
        .args(["--exact", &format!("edges::{name}"), "--nocapture"])
        .env(ROLE, "yes")
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    let suspicions = |label| errors.matches(&format!("\"{label}\"")).count();
    assert_eq!(suspicions("one long rest"), 1, "{errors}");
    assert_eq!(suspicions("two rests"), 2, "{errors}");
    assert_eq!(suspicions("never a second"), 0, "{errors}");
    assert_eq!(suspicions("with a timer"), 0, "{errors}");
    assert_eq!(errors.matches("stuck:").count(), 3, "{errors}");
    assert_says(&errors, &["its waker is kept", &format!("{}:", file!())]);
}

fn play_the_suspects() {
    let ms = |count: u32| count * MILLISECOND;
    thread::scope(|scope| {
        scope.spawn(move || rest("one long rest", vec![ms(2_500)]));
        scope.spawn(move || rest("two rests", vec![ms(1_400); 2]));
        scope.spawn(move || rest("never a second", vec![ms(300); 4]));
        scope.spawn(move || {
            block_on(async {
                drop(spawn(sleep(10 * SECOND)));
                woken_after("with a timer", vec![ms(1_400)]).await;
            });
        });
        // Here the suspicion becomes a proof: the thread drops the waker, and wakes nobody.
        scope.spawn(|| {
            let start = Instant::now();
            let report = report_of(|| {
                block_on(poll_fn(|cx| {
                    let waker = cx.waker().clone();
                    thread::spawn(move || {
                        thread::sleep(300 * MILLISECOND);
                        drop(waker);
                    });
                    Poll::Pending
                }))
            });
            assert_says(&report[0], &["kept no waker"]);
            assert!(start.elapsed() >= SECOND);
        });
    });
}

fn rest(label: &'static str, rests: Vec<Duration>) {
    block_on(woken_after(label, rests));
}

/// Rests so long, one time after the other, until another thread wakes it.
fn woken_after(label: &'static str, mut rests: Vec<Duration>) -> impl Future<Output = ()> {
    instrument(
        label,
        poll_fn(move |cx| {
            let Some(rest) = rests.pop() else {
                return Poll::Ready(());
            };
            let waker = cx.waker().clone();
            thread::spawn(move || {
                thread::sleep(rest);
                waker.wake();
            });
            Poll::Pending
        }),
    )
}
