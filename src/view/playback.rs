//! The two structures that a loop thinks with, played back: the ready queue and the timer wheel.
//!
//! The loop shows neither. But it tells of everything that goes in and comes out, so whoever reads
//! the events in order can say at each moment what is in them.
//!
//! The level and the slot of a timer are those where it was put. Time moves it to finer levels, and
//! nobody is told.
//!
//! Read next: `block.rs`.

use super::words::{at, list};
use demitasse::TaskId;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The ready queue and the timer wheel of the loop, played back.
#[derive(Default)]
pub struct Structures {
    /// The tasks on the ready queue, in order.
    pub ready: Vec<TaskId>,
    /// By deadline, as the loop will fire them.
    timers: BTreeMap<(Duration, u64), Timer>,
    deadlines: HashMap<u64, Duration>,
}

/// A timer on the wheel.
pub struct Timer {
    /// The task that it wakes.
    pub task: TaskId,
    /// The name of the future that sleeps.
    pub whose: String,
    /// Its level and its slot.
    pub place: (usize, usize),
}

impl Structures {
    /// Puts a timer on the wheel.
    pub fn set(&mut self, number: u64, deadline: Duration, timer: Timer) {
        self.deadlines.insert(number, deadline);
        self.timers.insert((deadline, number), timer);
    }

    /// Takes it off.
    pub fn take(&mut self, number: u64) -> Option<Timer> {
        let deadline = self.deadlines.remove(&number)?;
        self.timers.remove(&(deadline, number))
    }

    /// A line for all timers that have a place and a deadline in common.
    pub fn wheel(&self) -> Vec<String> {
        let timers: Vec<_> = self.timers.iter().collect();
        let alike =
            timers.chunk_by(|(a, first), (b, second)| (a.0, first.place) == (b.0, second.place));
        let lines = alike.map(|timers| {
            let ((deadline, _), Timer { place, .. }) = timers[0];
            let names = timers.iter().map(|(_, timer)| timer.whose.clone());
            let names = list(timers.len(), names);
            let (level, slot) = place;
            format!("level {level}, slot {slot}, {}: {names}", at(*deadline))
        });
        let lines: Vec<String> = lines.collect();
        if lines.is_empty() {
            vec!["empty".to_string()]
        } else {
            lines
        }
    }
}
