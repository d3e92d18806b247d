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
use std::future::Future;
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
    match current() {
        Some(core) => core.block_for(duration, Location::caller()),
        None => thread::sleep(duration),
    }
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
    /// Its timer is on the wheel of this loop, due at so many nanoseconds on its clock.
    Set {
        owner: Weak<Core>,
        timer: TimerKey,
        deadline: u64,
    },
    Done,
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
            State::Set {
                owner, deadline, ..
            } => {
                assert!(
                    owner.as_ptr() == Rc::as_ptr(&core),
                    "a sleep belongs to the event loop that polled it first: make another one here"
                );
                Some(*deadline)
            }
        };
        // What is never due is no timer, and keeps no waker.
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        if deadline <= now {
            // Its timer may not have fired yet: nothing keeps a late sleep waiting (I5).
            let set = mem::replace(&mut self.state, State::Done);
            set.cancel();
            return Poll::Ready(());
        }
        match &self.state {
            State::Set { timer, .. } => core.refresh_timer(*timer, cx.waker()),
            _ => {
                let timer = core.set_timer(deadline, cx.waker(), self.made_at);
                self.state = State::Set {
                    owner: Rc::downgrade(&core),
                    timer,
                    deadline,
                };
            }
        }
        Poll::Pending
    }
}

impl State {
    /// Takes its timer off the wheel, if that still turns and the timer has not fired.
    fn cancel(&self) {
        if let State::Set { owner, timer, .. } = self
            && let Some(owner) = owner.upgrade()
        {
            owner.cancel_timer(*timer);
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.state.cancel();
    }
}

/// What a sleep asks of the loop. A waker is cloned and dropped while nothing is borrowed, for that
/// may run any code.
impl Core {
    fn set_timer(
        &self,
        deadline: u64,
        waker: &Waker,
        made_at: &'static Location<'static>,
    ) -> TimerKey {
        let waker = waker.clone();
        let key = self.timers.borrow_mut().insert(deadline, waker);
        self.tell(|| {
            let (level, slot) = self.timers.borrow().place(deadline);
            let (future, label) = self.label.borrow().clone().unzip();
            EventKind::TimerSet {
                timer: key.serial,
                task: self.running(),
                future,
                label,
                deadline: Duration::from_nanos(deadline),
                level,
                slot,
                made_at,
            }
        });
        key
    }

    /// Makes `waker` the one that the timer wakes.
    fn refresh_timer(&self, key: TimerKey, waker: &Waker) {
        let mut timers = self.timers.borrow_mut();
        match timers.get_mut(key) {
            Some(old) if !old.will_wake(waker) => drop(timers),
            _ => return,
        }
        let waker = waker.clone();
        let old = self
            .timers
            .borrow_mut()
            .get_mut(key)
            .map(|old| mem::replace(old, waker));
        drop(old);
    }

    fn cancel_timer(&self, key: TimerKey) {
        let waker = self.timers.borrow_mut().cancel(key);
        if waker.is_some() {
            self.tell(|| EventKind::TimerCancelled { timer: key.serial });
        }
        drop(waker);
    }

    fn block_for(&self, duration: Duration, at: &'static Location<'static>) {
        self.tell(|| EventKind::BlockStarted {
            task: self.running(),
            duration,
            at,
        });
        self.clock.block_for(duration);
        self.tell(|| EventKind::BlockEnded {
            task: self.running(),
        });
    }
}
