//! The whole idea in one file: an event loop on `std` alone, with tasks, timers and `gather`.
//!
//! It uses no other file of the crate, and no other file uses it. The book grows it rung by rung,
//! from a `block_on` that spins; the rungs are in `docs/rungs/`. The other files do the same faster,
//! and do more.
//!
//! **An event loop is a gather that parks; a gather is an event loop that returns `Pending`.** Both
//! own children, poll only those that were woken, and must be told when one is woken while they
//! rest. So both have a `Queue` of numbers, and each child has a `Ticket` with its number. A
//! waker is a shared pointer to the ticket, and waking puts the number on the queue. A waker never
//! touches a future: it can go to any thread, and the futures stay on this one.
//!
//! Why sorted maps of numbers that are never used again, and not slots in a table? A number that
//! comes late finds nobody. It can never mean another child.
//!
//! What always holds:
//! - a ticket is marked while its number is on the queue, so the number is there at most once (I1).
//!   The mark is cleared just before the poll, so a wake during the poll counts (I2). When the
//!   child leaves, the ticket is marked for ever, so late wakes do nothing (I3);
//! - a loop or a gather that rests has looked at its queue and said whom to wake, both under one
//!   lock (I9);
//! - nothing is borrowed or locked while foreign code runs: polls, wakers, destructors.
//!
//! Read next: `timer_wheel.rs`, the first of the other files.
//!
//! ```
//! use demitasse::small::{gather, now, simulate, sleep};
//! use std::time::Duration;
//!
//! async fn fetch(endpoint: &str) -> String {
//!     sleep(Duration::from_secs(3)).await;
//!     format!("Data from {endpoint}")
//! }
//!
//! simulate(async {
//!     let start = now();
//!     let data = gather([fetch("Endpoint A"), fetch("Endpoint B")]).await;
//!     assert_eq!(data, ["Data from Endpoint A", "Data from Endpoint B"]);
//!     assert_eq!(now() - start, Duration::from_secs(3));
//! });
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

// Who wants to be polled? ---------------------------------------------------------------------

/// The numbers of the children that were woken. A loop has one, and so has each gather.
#[derive(Default)]
struct Queue(Mutex<Woken>);

#[derive(Default)]
struct Woken {
    numbers: Vec<u64>,
    /// Whom to wake when a number arrives: set while the owner of the queue rests.
    owner: Option<Waker>,
}

impl Queue {
    /// All the numbers, in the order in which they came. The owner rests no longer.
    fn take(&self) -> Vec<u64> {
        let woken = mem::take(&mut *self.0.lock().unwrap());
        woken.numbers
    }

    /// The owner wants to rest, and to be woken when a number arrives. False: one has arrived.
    ///
    /// Both happen under the lock. So a wake from another thread comes before, and its number is
    /// seen here; or it comes after, and finds the owner. There is no third case.
    fn rest(&self, owner: &Waker) -> bool {
        let owner = owner.clone();
        let mut woken = self.0.lock().unwrap();
        if woken.numbers.is_empty() {
            woken.owner = Some(owner);
        }
        woken.owner.is_some() // `take` has left none
    }
}

/// A child's number, and the way to its queue. A [`Waker`] is a shared pointer to it.
struct Ticket {
    number: u64,
    is_queued: AtomicBool,
    queue: Arc<Queue>,
}

impl Wake for Ticket {
    fn wake(self: Arc<Self>) {
        // `Release` here and `Acquire` before the poll: what this thread did before the wake is
        // seen by that poll, also when the number is on the queue already.
        if self.is_queued.swap(true, Ordering::Release) {
            return;
        }
        // Nothing panics while it holds this lock, so it is never poisoned.
        let mut woken = self.queue.0.lock().unwrap();
        woken.numbers.push(self.number);
        let owner = woken.owner.take();
        drop(woken);
        if let Some(owner) = owner {
            owner.wake();
        }
    }
}

/// A future with its ticket.
struct Child<F: ?Sized> {
    ticket: Arc<Ticket>,
    future: Pin<Box<F>>,
}

impl<F: Future + ?Sized> Child<F> {
    /// A new child wants to be polled at once, so it wakes itself.
    fn new(number: u64, queue: &Arc<Queue>, future: Pin<Box<F>>) -> Self {
        let ticket = Arc::new(Ticket {
            number,
            is_queued: AtomicBool::new(false),
            queue: Arc::clone(queue),
        });
        Arc::clone(&ticket).wake();
        Child { ticket, future }
    }
}

impl<F: ?Sized> Drop for Child<F> {
    fn drop(&mut self) {
        // Marked for ever: a late wake takes it for queued, and does nothing.
        self.ticket.is_queued.store(true, Ordering::Relaxed);
    }
}

type Children<F> = BTreeMap<u64, Child<F>>;

/// Polls a child that was woken, if it has not left. If it is done, it leaves.
fn poll<F: Future + ?Sized>(children: &mut Children<F>, number: u64) -> Option<F::Output> {
    let child = children.get_mut(&number)?;
    child.ticket.is_queued.swap(false, Ordering::Acquire);
    let waker = Waker::from(Arc::clone(&child.ticket));
    let Poll::Ready(output) = child.future.as_mut().poll(&mut Context::from_waker(&waker)) else {
        return None;
    };
    children.remove(&number);
    Some(output)
}

// The loop ------------------------------------------------------------------------------------

thread_local! {
    /// The loop that runs on this thread: here `spawn`, `sleep` and `now` find it.
    static CURRENT: RefCell<Option<Rc<EventLoop>>> = const { RefCell::new(None) };
}

/// What a future that runs can ask of its loop.
#[derive(Default)]
struct EventLoop {
    /// The time on the simulated clock. On the real one, `None`.
    simulated: Cell<Option<Instant>>,
    queue: Arc<Queue>,
    /// The tasks that were spawned in this turn.
    newcomers: RefCell<Vec<(u64, Child<Task>)>>,
    /// By deadline, and then in the order in which they were set.
    timers: RefCell<BTreeMap<TimerKey, Waker>>,
    /// The last number that a task or a timer got.
    last: Cell<u64>,
}

type Task = dyn Future<Output = ()>;
/// A deadline, and a number.
type TimerKey = (Instant, u64);

const ROOT: u64 = 0;

fn current(caller: &str) -> Rc<EventLoop> {
    CURRENT.with_borrow(Option::clone).unwrap_or_else(|| {
        panic!("{caller} needs a running event loop: call it in a future that `block_on` runs")
    })
}

impl EventLoop {
    /// Polls the children that were woken, fires the timers that are due, and parks. Until the root
    /// future is done.
    fn run(&self, tasks: &mut Children<dyn Future<Output = ()> + '_>) {
        let unpark = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            tasks.extend(self.newcomers.take());
            for number in self.queue.take() {
                if poll(tasks, number).is_some() && number == ROOT {
                    return;
                }
            }
            self.fire_due_timers();
            if self.queue.rest(&unpark) {
                self.park();
            }
        }
    }

    /// Wakes the sleeps whose deadline has passed, by deadline, then in the order of their numbers.
    fn fire_due_timers(&self) {
        let now = self.now();
        let take_due = || {
            let mut timers = self.timers.borrow_mut();
            let first = timers.first_entry()?;
            (first.key().0 <= now).then(|| first.remove())
        };
        while let Some(waker) = take_due() {
            waker.wake();
        }
    }

    /// Nothing is ready: holds the thread until the next deadline, or until it is unparked.
    fn park(&self) {
        let deadline = self.timers.borrow().keys().next().map(|key| key.0);
        match (self.simulated.get(), deadline) {
            (None, None) => thread::park(),
            (None, Some(deadline)) => thread::park_timeout(deadline - Instant::now()),
            (Some(_), Some(_)) => self.simulated.set(deadline),
            (Some(_), None) => panic!("stuck: nothing is ready, and no timer is set"),
        }
    }

    fn now(&self) -> Instant {
        self.simulated.get().unwrap_or_else(Instant::now)
    }

    fn number(&self) -> u64 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }
}

/// Wakes the loop itself.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end on this thread, and meanwhile the tasks that it [`spawn`]s. Tasks that
/// are not done by then are dropped.
///
/// # Panics
///
/// Inside a running event loop. And with the panic of the future, or of any task.
///
/// ```
/// let four = demitasse::small::block_on(async { 2 + 2 });
/// assert_eq!(four, 4);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    run(None, future)
}

/// The same on a simulated clock: time stands still while anything is ready, and jumps to the next
/// deadline when nothing is. So an hour of sleeping is over at once.
///
/// # Panics
///
/// As [`block_on`]. And when nothing is ready and no timer is set, for then nothing can ever happen.
///
/// ```
/// use demitasse::small::{now, simulate, sleep};
/// use std::time::Duration;
///
/// simulate(async {
///     let start = now();
///     sleep(Duration::from_secs(3600)).await;
///     assert_eq!(now() - start, Duration::from_secs(3600));
/// });
/// ```
pub fn simulate<F: Future>(future: F) -> F::Output {
    run(Some(Instant::now()), future)
}

fn run<F: Future>(simulated: Option<Instant>, future: F) -> F::Output {
    let is_free = CURRENT.with_borrow(Option::is_none);
    assert!(is_free, "block_on inside a running loop would stop it");
    let event_loop = Rc::<EventLoop>::default();
    event_loop.simulated.set(simulated);
    CURRENT.set(Some(Rc::clone(&event_loop)));
    let output = Cell::new(None);
    let root = Box::pin(async { output.set(Some(future.await)) });
    let mut tasks: Children<dyn Future<Output = ()> + '_> = BTreeMap::new();
    tasks.insert(ROOT, Child::new(ROOT, &event_loop.queue, root));
    let ran = catch_unwind(AssertUnwindSafe(|| event_loop.run(&mut tasks)));
    let ended = catch_unwind(AssertUnwindSafe(|| {
        drop(tasks);
        // Their destructors may have spawned.
        while !event_loop.newcomers.borrow().is_empty() {
            drop(event_loop.newcomers.take());
        }
    }));
    CURRENT.set(None);
    ran.and(ended).unwrap_or_else(|panic| resume_unwind(panic));
    output.into_inner().expect("the root future is done")
}

// Tasks ---------------------------------------------------------------------------------------

/// Starts a task on the running loop: a future that goes on by itself, awaited or not. It is polled
/// for the first time in the next turn.
///
/// # Panics
///
/// Outside a running event loop.
///
/// ```
/// use demitasse::small::{block_on, spawn};
///
/// let sum = block_on(async {
///     let one = spawn(async { 1 });
///     let two = spawn(async { 2 });
///     one.await.unwrap() + two.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// ```
pub fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {
    let event_loop = current("spawn");
    let slot = Rc::new(RefCell::new(Slot::Running(None)));
    let end = End(Rc::downgrade(&slot), Err(Cancelled));
    let task = Box::pin(async move {
        let mut end = end;
        end.1 = Ok(future.await);
    });
    let number = event_loop.number();
    let task = Child::new(number, &event_loop.queue, task as Pin<Box<Task>>);
    event_loop.newcomers.borrow_mut().push((number, task));
    JoinHandle(slot)
}

/// What a task and its handle share. The handle alone keeps it alive.
enum Slot<T> {
    /// The task is not done yet. If somebody awaits the handle, this wakes them.
    Running(Option<Waker>),
    /// `None`: the handle has given the result.
    Finished(Option<Result<T, Cancelled>>),
}

/// The task's end of the slot, and the result so far. However the task ends, this is dropped.
struct End<T>(Weak<RefCell<Slot<T>>>, Result<T, Cancelled>);

impl<T> Drop for End<T> {
    fn drop(&mut self) {
        let result = mem::replace(&mut self.1, Err(Cancelled));
        if let Some(slot) = self.0.upgrade()
            && let Slot::Running(Some(waiter)) = slot.replace(Slot::Finished(Some(result)))
        {
            waiter.wake();
        }
    }
}

/// The task was dropped before it was done, because its loop ended first.
#[derive(Debug)]
pub struct Cancelled;

/// Waits for a task: a future of its output. Dropping it detaches the task, which goes on.
///
/// # Errors
///
/// [`Cancelled`], when the task's loop ended first.
///
/// # Panics
///
/// When it is polled again after it gave its result.
#[must_use = "a task goes on when its handle is dropped; say `drop(handle)` to detach it"]
pub struct JoinHandle<T>(Rc<RefCell<Slot<T>>>);

impl<T> JoinHandle<T> {
    /// Whether the task has ended: with an output, or with its loop.
    pub fn is_finished(&self) -> bool {
        matches!(*self.0.borrow(), Slot::Finished(_))
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.is_finished() {
            // The latest waker counts (I4).
            self.0.replace(Slot::Running(Some(cx.waker().clone())));
            return Poll::Pending;
        }
        let Slot::Finished(Some(result)) = self.0.replace(Slot::Finished(None)) else {
            panic!("this JoinHandle has given its result already: do not poll it again");
        };
        Poll::Ready(result)
    }
}

/// Lets every other task that is ready run once, and then goes on.
///
/// ```
/// use demitasse::small::{block_on, spawn, yield_now};
///
/// block_on(async {
///     let other = spawn(async {});
///     yield_now().await;
///     assert!(other.is_finished());
/// });
/// ```
pub async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

// Time ----------------------------------------------------------------------------------------

/// The time on the running loop's clock.
///
/// # Panics
///
/// Outside a running event loop.
pub fn now() -> Instant {
    current("now").now()
}

/// Waits for `duration`, counted from the first poll. Dropping it cancels it.
///
/// A moment beyond the clock, as that of `Duration::MAX`, never comes.
///
/// ```
/// use demitasse::small::{block_on, sleep};
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// block_on(sleep(Duration::from_millis(20)));
/// assert!(start.elapsed() >= Duration::from_millis(20));
/// ```
pub async fn sleep(duration: Duration) {
    let event_loop = current("sleep");
    let Some(deadline) = event_loop.now().checked_add(duration) else {
        return pending().await;
    };
    let timer = Timer {
        key: (deadline, event_loop.number()),
        event_loop: Rc::downgrade(&event_loop),
    };
    drop(event_loop);
    poll_fn(|cx| {
        let event_loop = timer.event_loop.upgrade();
        let event_loop = event_loop.expect("a sleep ends with its event loop");
        if timer.key.0 <= event_loop.now() {
            return Poll::Ready(());
        }
        // The latest waker counts (I4). The old one is dropped when nothing is borrowed any more.
        let waker = cx.waker().clone();
        let _old = event_loop.timers.borrow_mut().insert(timer.key, waker);
        Poll::Pending
    })
    .await;
}

/// The timer of a sleep, from its first poll to its end.
struct Timer {
    key: TimerKey,
    event_loop: Weak<EventLoop>,
}

/// Fired or cancelled, it leaves nothing behind (I7).
impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(event_loop) = self.event_loop.upgrade() {
            let _old = event_loop.timers.borrow_mut().remove(&self.key);
        }
    }
}

// Many futures in one -------------------------------------------------------------------------

/// Runs many futures at once, in one task, and gives all their outputs in the order in which they
/// were given.
///
/// It is ready when all are; of no futures, at once. Dropping it drops them.
///
/// # Panics
///
/// If one of them panics.
///
/// ```
/// use demitasse::small::{gather, simulate, sleep};
/// use std::time::Duration;
///
/// let fetch = |seconds| async move {
///     sleep(Duration::from_secs(seconds)).await;
///     seconds
/// };
/// assert_eq!(simulate(gather([fetch(3), fetch(1)])), [3, 1]);
/// ```
pub async fn gather<I: IntoIterator<Item: Future>>(futures: I) -> Vec<<I::Item as Future>::Output> {
    let queue = Arc::default();
    let mut children = BTreeMap::new();
    for (number, future) in (0..).zip(futures) {
        children.insert(number, Child::new(number, &queue, Box::pin(future)));
    }
    let mut outputs = BTreeMap::new();
    poll_fn(|cx| {
        for number in queue.take() {
            if let Some(output) = poll(&mut children, number) {
                outputs.insert(number, output);
            }
        }
        if children.is_empty() {
            return Poll::Ready(());
        }
        if !queue.rest(cx.waker()) {
            // Some are ready again. The other tasks come first.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await;
    outputs.into_values().collect()
}
