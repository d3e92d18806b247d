//! What time is it, and how does one wait for later?
//!
//! A loop has a real clock or a simulated one. The real clock is [`Instant`], which never goes
//! back, and waiting is [`thread::park_timeout`]. (`SystemTime` is no clock to sleep by: it jumps
//! when somebody sets it.)
//!
//! On the simulated clock waiting takes no time. One rule: **time stands still while anything can
//! run, and jumps to the next deadline when nothing can.** A program with three-second sleeps then
//! gives the same result at once, every run alike. There is nothing to pause and nothing to advance
//! by hand. tokio's `start_paused` is the same idea.
//!
//! The rest of the loop counts nanoseconds since it began (`u64`: 584 years), because the timer
//! wheel works on digits. `Instant` is what users see. A moment that does not fit counts as
//! "never".
//!
//! What always holds: the clock never goes back. `park` may return early, and is late by no more
//! than the operating system makes it.
//!
//! Read next: `panics.rs`, a few lines on an unpleasant matter.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

/// Where the count of nanoseconds ends, and simulated time with it: 584 years.
const END_OF_TIME: Duration = Duration::from_nanos(u64::MAX);

pub(crate) struct Clock {
    start: Instant,
    /// How far simulated time has come; `None` on the real clock.
    simulated: Option<Cell<Duration>>,
}

impl Clock {
    pub(crate) fn new(simulated: bool) -> Self {
        Clock {
            start: Instant::now(),
            simulated: simulated.then(Cell::default),
        }
    }

    pub(crate) fn is_simulated(&self) -> bool {
        self.simulated.is_some()
    }

    pub(crate) fn now(&self) -> Instant {
        self.start + self.elapsed()
    }

    /// The time since the loop began.
    pub(crate) fn elapsed(&self) -> Duration {
        match &self.simulated {
            Some(elapsed) => elapsed.get(),
            None => self.start.elapsed(),
        }
    }

    /// The same in nanoseconds, as the timer wheel counts.
    pub(crate) fn elapsed_nanos(&self) -> u64 {
        nanos(self.elapsed()).unwrap_or(u64::MAX)
    }

    /// A moment in nanoseconds since the loop began; `None` is "never".
    pub(crate) fn nanos(&self, moment: Instant) -> Option<u64> {
        nanos(moment.saturating_duration_since(self.start))
    }

    /// Waits until `until` (nanoseconds since the loop began), or until somebody unparks this
    /// thread. May return early for no reason, as [`thread::park`] may.
    pub(crate) fn park(&self, until: u64) {
        let until = Duration::from_nanos(until);
        match &self.simulated {
            Some(elapsed) => elapsed.set(elapsed.get().max(until)),
            None => thread::park_timeout(until.saturating_sub(self.elapsed())),
        }
    }

    /// Holds the thread: what `time.sleep` does in Python.
    pub(crate) fn block_for(&self, duration: Duration) {
        match &self.simulated {
            Some(elapsed) => elapsed.set(elapsed.get().saturating_add(duration).min(END_OF_TIME)),
            None => thread::sleep(duration),
        }
    }
}

/// `None` if it does not fit.
pub(crate) fn nanos(duration: Duration) -> Option<u64> {
    u64::try_from(duration.as_nanos()).ok()
}
