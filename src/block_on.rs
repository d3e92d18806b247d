//! The way into an event loop, and out again.
//!
//! [`block_on`] makes a loop, runs it until its future is done, and takes it down. Taking down is
//! the harder half. Tasks that are left are dropped, and their destructors are code like any other:
//! they may wake, spawn, or panic. Nothing of that may be lost, and nothing is polled any more (I12).
//!
//! Why is a loop made for each `block_on`, and not kept? Because a loop that outlives its future
//! needs rules for what its tasks do in between. asyncio had them, and moved to `run`, where the
//! loop ends with its future.
//!
//! What always holds:
//! - a thread runs one loop at a time, from [`enter`] to [`leave`], and nothing between them panics
//!   uncaught;
//! - the first panic leaves through `block_on`: the root future's, else a destructor's, else the
//!   observer's.
//!
//! Read next: `sleep.rs`, the first future on top of it.

use crate::event::{Event, EventKind, Observer, WokenBy};
use crate::event_loop::{Core, current_for, enter, leave};
use crate::panics::{Panic, catch, drop_quietly, first};
use crate::task::{Child, JoinError, JoinHandle};
use std::fmt;
use std::future::pending;
use std::mem;
use std::panic::{Location, resume_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};

/// An event loop, about to run a future: [`block_on`] and [`simulate`] with more to choose.
///
/// It belongs to one thread, and ends with its future. As asyncio's `Runner`, or tokio's
/// `LocalRuntime`.
#[derive(Default)]
#[must_use = "an event loop does nothing until `block_on`"]
pub struct EventLoop {
    is_simulated: bool,
    observer: Option<Observer>,
}

impl EventLoop {
    /// A loop on the real clock.
    pub fn new() -> Self {
        Self::default()
    }

    /// A loop on a simulated clock: time stands still while anything can run, and jumps to the next
    /// deadline when nothing can. See [`simulate`].
    pub fn simulated() -> Self {
        EventLoop {
            is_simulated: true,
            ..Self::default()
        }
    }

    /// Tells `observer` all that the loop does, as it does it. A second observer takes the first
    /// one's place.
    ///
    /// The observer may [`spawn`], ask [`now`](crate::now) and call wakers: events that it causes
    /// itself are told when it has returned.
    ///
    /// # Panics
    ///
    /// A panic of the observer is a panic at the place that it was told of: in a poll it ends that
    /// task, between polls it leaves through [`block_on`](EventLoop::block_on), at once.
    ///
    /// ```
    /// use demitasse::{EventKind, EventLoop, sleep};
    /// use std::{cell::Cell, rc::Rc, time::Duration};
    ///
    /// let parks = Rc::new(Cell::new(0));
    /// let count = Rc::clone(&parks);
    /// EventLoop::simulated()
    ///     .on_event(move |event| {
    ///         if let EventKind::Parked { .. } = event.kind {
    ///             count.set(count.get() + 1);
    ///         }
    ///     })
    ///     .block_on(sleep(Duration::from_secs(1)));
    /// assert_eq!(parks.get(), 1);
    /// ```
    pub fn on_event(mut self, observer: impl FnMut(&Event) + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Runs a future to its end on this thread, and meanwhile all tasks that it [`spawn`]s. The
    /// loop ends with the future: tasks that are not done by then are dropped.
    ///
    /// # Panics
    ///
    /// - Inside a running event loop.
    /// - If the future panics, or the destructor of a task that is dropped at the end, or the
    ///   observer: with their panic.
    /// - If the loop is stuck for ever: with a report that begins with `stuck:` and says which task
    ///   waits for what.
    #[track_caller]
    pub fn block_on<F: IntoFuture>(self, future: F) -> F::Output {
        let core = Rc::new(Core::new(self.is_simulated, self.observer));
        enter(&core);
        let here = Location::caller();
        let unpark = Waker::from(Arc::new(Unpark(thread::current())));
        let mut root = pin!(None);
        let mut output = None;
        let ran = catch(|| {
            // The root future stays on the stack of this function: somebody keeps its seat.
            core.spawn(Child::new(pending::<()>()).0, here);
            root.set(Some(future.into_future()));
            let mut poll = |cx: &mut Context<'_>| {
                let root = root.as_mut().as_pin_mut().expect("set above");
                root.poll(cx).map(|done| output = Some(done))
            };
            core.run(&mut poll, &unpark);
        });
        // Not dropped by the panic, for its destructor may panic too.
        let ran = first(ran, catch(|| root.set(None)));
        let ran = first(ran, core.close());
        leave();
        match first(ran, catch(|| drop(core))) {
            Ok(()) => output.expect("the loop runs until the root future is done"),
            Err(panic) => {
                drop_quietly(output);
                resume_unwind(panic)
            }
        }
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_simulated = self.is_simulated;
        write!(f, "EventLoop {{ is_simulated: {is_simulated}, .. }}")
    }
}

/// Runs a future to its end on this thread, on a new event loop with the real clock.
///
/// The same as [`EventLoop::new()`]`.block_on(future)`: see [`EventLoop::block_on`] for what ends
/// with it, and when it panics. As asyncio's `run`.
///
/// ```
/// let four = demitasse::block_on(async { 2 + 2 });
/// assert_eq!(four, 4);
/// ```
#[track_caller]
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    EventLoop::new().block_on(future)
}

/// Runs a future to its end on a new event loop with a simulated clock: waiting takes no time.
///
/// Time stands still while anything is ready, and jumps to the next deadline when nothing is. So an
/// hour of sleeping is over at once, and the same program does the same, run after run. As tokio's
/// `start_paused`.
///
/// # Panics
///
/// As [`EventLoop::block_on`]. On this clock a loop is stuck as soon as nothing is ready and no
/// timer is set.
///
/// ```
/// use demitasse::{now, simulate, sleep};
/// use std::time::Duration;
///
/// let passed = simulate(async {
///     let start = now();
///     sleep(Duration::from_secs(3600)).await;
///     now() - start
/// });
/// assert_eq!(passed, Duration::from_secs(3600));
/// ```
#[track_caller]
pub fn simulate<F: IntoFuture>(future: F) -> F::Output {
    EventLoop::simulated().block_on(future)
}

/// Starts a task on the running loop: a future that makes progress by itself, whether or not
/// anybody awaits it.
///
/// The task is polled for the first time in the next turn of the loop. It needs not be `Send`: it
/// never leaves the thread. As asyncio's `create_task`, or tokio's `spawn_local`.
///
/// # Panics
///
/// Outside a running event loop.
///
/// ```
/// use demitasse::{simulate, sleep, spawn};
/// use std::time::Duration;
///
/// simulate(async {
///     let brewing = spawn(async {
///         sleep(Duration::from_secs(25)).await;
///         "espresso"
///     });
///     // Meanwhile the next order can be taken.
///     assert_eq!(brewing.await.unwrap(), "espresso");
/// });
/// ```
#[track_caller]
pub fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {
    let core = current_for("spawn");
    let (child, handle) = Child::new(future);
    core.spawn(child, Location::caller());
    handle
}

/// The end of a loop.
impl Core {
    /// The end of the loop. Gives the first panic of a destructor.
    fn close(&self) -> Result<(), Panic> {
        self.running.set(WokenBy::Outside);
        // Nothing is polled any more.
        self.ready.close();
        let dropped = self.drop_tasks();
        // What is left in the wheel belongs to sleeps that live on outside. They cannot end here
        // any more.
        let mut timers = self.timers.take();
        timers.expire(u64::MAX, None, |_, waker| drop_quietly(waker));
        // The end of a waker may run code that we do not know, and that may have spawned.
        first(dropped, self.drop_tasks())
    }

    /// Drops every task that is left (I12). Gives the first panic of a destructor.
    fn drop_tasks(&self) -> Result<(), Panic> {
        let mut result = Ok(());
        let mut left = self.ready.seated();
        // Destructors may spawn. But not without end: so many for each task that was left.
        let mut spawns = 1_000 * left.len();
        while !left.is_empty() {
            for number in left {
                let Some(Child { job, slot }) = self.ready.take(number) else {
                    continue;
                };
                let task = self.ready.known(number).id;
                let error = JoinError::new(task, None);
                let ended = [
                    catch(|| drop(job)),
                    catch(|| self.tell(|| EventKind::TaskDropped { task })),
                    // This wakes the task that awaits it.
                    catch(|| slot.fail(error).map_or((), Waker::wake)),
                ];
                result = ended.into_iter().fold(result, first);
            }
            left = self.ready.seated();
            if spawns < left.len() {
                mem::take(&mut left)
                    .into_iter()
                    .for_each(|number| mem::forget(self.ready.take(number)));
                result = first(result, catch(|| panic!("{ENDLESS}")));
            }
            spawns = spawns.saturating_sub(left.len());
        }
        result
    }
}

const ENDLESS: &str = "the destructors of the tasks that were left at the loop's end spawn new tasks \
                       without end: the last ones were not dropped";

/// Wakes the loop itself.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
