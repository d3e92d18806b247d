//! A sleep: the simplest future that waits for something.
//!
//! It is the whole contract of a future in one file. Polled too early, it *registers*: it leaves
//! the waker where somebody will call it, here on the timer wheel, and returns `Pending`. Polled
//! again by another task, it replaces the waker: only the latest counts (I4). Dropped, it takes its
//! timer off the wheel, so that a cancelled sleep leaves nothing behind (I7). It holds no thread
//! and does nothing between polls.
//!
//! Its time begins at the first poll, not when it is made, because a future does nothing before it
//! is polled. (tokio's counts from where it is made.) It never ends early, and a poll
//! after its deadline finds it ready, whether or not its timer has fired (I5).
//!
//! [`block_for`] is the other way to wait. It holds the thread, as `time.sleep` does, and nothing
//! else can run.
//!
//! Read next: `yield_now.rs`, which waits for nothing at all.

use crate::clock::nanos;
use crate::event::EventKind;
use crate::event_loop::{Core, current, current_for};
use crate::timer_wheel::TimerKey;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// The time on the running loop's clock. The same as [`Instant::now`], unless the clock is
/// simulated.
///
/// # Panics
///
/// Outside a running event loop.
///
/// ```
/// use demitasse::{now, simulate, sleep};
/// use std::time::Duration;
///
/// simulate(async {
///     let start = now();
///     sleep(Duration::from_millis(250)).await;
///     assert_eq!(now() - start, Duration::from_millis(250));
/// });
/// ```
#[track_caller]
pub fn now() -> Instant {
    current_for("now").clock.now()
}

/// Waits for `duration`, counted from the first poll, without holding the thread.
///
/// `Duration::MAX`, or whatever lies beyond the clock, waits for ever. As `asyncio.sleep` and
/// tokio's `sleep`.
///
/// ```
/// use demitasse::{gather, now, simulate, sleep};
/// use std::time::Duration;
///
/// simulate(async {
///     let start = now();
///     gather([sleep(Duration::from_secs(3)), sleep(Duration::from_secs(3))]).await;
///     assert_eq!(now() - start, Duration::from_secs(3));
/// });
/// ```
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep {
        state: State::After(duration),
        made_at: Location::caller(),
    }
}

/// Waits until `deadline`. If that has passed, the first poll is `Ready`, without yielding.
///
/// ```
/// use demitasse::{now, simulate, sleep_until};
/// use std::time::Duration;
///
/// simulate(async {
///     let mut next = now();
///     for _ in 0..3 {
///         next += Duration::from_secs(1);
///         sleep_until(next).await; // every second, however long the work between takes
///     }
/// });
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep {
        state: State::At(deadline),
        made_at: Location::caller(),
    }
}

/// Holds the thread for `duration`, as [`std::thread::sleep`] and Python's `time.sleep` do. Nothing
/// else runs meanwhile.
///
/// On a simulated clock it moves the time on at once, and nothing else runs before it returns.
/// Outside an event loop it is `thread::sleep`. It is here to show the difference: in a future, use
/// [`sleep`].
///
/// ```
/// use demitasse::{block_for, gather, now, simulate};
/// use std::time::Duration;
///
/// simulate(async {
///     let start = now();
///     let fetch = || async { block_for(Duration::from_secs(3)) };
///     gather([fetch(), fetch()]).await;
///     assert_eq!(now() - start, Duration::from_secs(6));
/// });
/// ```
#[track_caller]
pub fn block_for(duration: Duration) {
    let Some(core) = current() else {
        return thread::sleep(duration);
    };
    let (task, at) = (core.running(), Location::caller());
    core.tell(|| EventKind::BlockStarted { task, duration, at });
    core.clock.block_for(duration);
    core.tell(|| EventKind::BlockEnded { task });
}

/// A future that waits for a moment. Made by [`sleep`] and [`sleep_until`].
///
/// Dropping it cancels it. After it was `Ready` it stays so.
///
/// # Panics
///
/// When it is polled outside a running event loop, or in another one than that which polled it first.
///
/// It belongs to the loop on its thread, so it cannot be sent to another one:
///
/// ```compile_fail,E0277
/// let sleep = demitasse::sleep(std::time::Duration::from_secs(1));
/// std::thread::spawn(move || demitasse::block_on(sleep));
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Sleep {
    state: State,
    made_at: &'static Location<'static>,
}

#[derive(Debug)]
enum State {
    /// Not polled yet, or beyond the clock: it is due so long after its first poll.
    After(Duration),
    /// Not polled yet, or beyond the clock: it is due at this moment.
    At(Instant),
    Set(Timer),
    Done,
}

/// A timer on the wheel of its loop, due at so many nanoseconds on the loop's clock. Dropped, it is
/// taken off.
#[derive(Debug)]
struct Timer {
    owner: Weak<Core>,
    key: TimerKey,
    deadline: u64,
}

impl Future for Sleep {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let core = current_for("sleep");
        let now = core.clock.elapsed_nanos();
        let deadline = match &self.state {
            State::Done => return Poll::Ready(()),
            State::After(duration) => nanos(*duration).and_then(|nanos| now.checked_add(nanos)),
            State::At(moment) => core.clock.nanos(*moment),
            State::Set(timer) => {
                assert!(
                    timer.owner.as_ptr() == Rc::as_ptr(&core),
                    "a sleep belongs to the event loop that polled it first: make another one here"
                );
                Some(timer.deadline)
            }
        };
        // What is never due is no timer, and keeps no waker.
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        if deadline <= now {
            // Its timer may not have fired yet: nothing keeps a late sleep waiting (I5).
            self.state = State::Done;
            return Poll::Ready(());
        }
        match &self.state {
            State::Set(timer) => timer.refresh(&core, cx.waker()),
            _ => self.state = State::Set(Timer::set(&core, deadline, cx.waker(), self.made_at)),
        }
        Poll::Pending
    }
}

/// A waker is cloned and dropped while nothing is borrowed, for that may run any code.
impl Timer {
    fn set(core: &Rc<Core>, deadline: u64, waker: &Waker, made_at: &'static Location) -> Self {
        let waker = waker.clone();
        let key = core.timers.borrow_mut().insert(deadline, waker);
        core.tell(|| {
            let (level, slot) = core.timers.borrow().place(deadline);
            let (future, label) = core.label.borrow().clone().unzip();
            EventKind::TimerSet {
                timer: key.serial,
                task: core.running(),
                future,
                label,
                deadline: Duration::from_nanos(deadline),
                level,
                slot,
                made_at,
            }
        });
        Timer {
            owner: Rc::downgrade(core),
            key,
            deadline,
        }
    }

    /// Makes `waker` the one that it wakes (I4).
    fn refresh(&self, core: &Core, waker: &Waker) {
        let waker = waker.clone();
        let mut timers = core.timers.borrow_mut();
        let old = timers.get_mut(self.key).map(|old| mem::replace(old, waker));
        drop(timers);
        drop(old);
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let Some(core) = self.owner.upgrade() else {
            return;
        };
        // `None`: it has fired.
        let waker = core.timers.borrow_mut().cancel(self.key);
        if waker.is_some() {
            let timer = self.key.serial;
            core.tell(|| EventKind::TimerCancelled { timer });
        }
        drop(waker);
    }
}
