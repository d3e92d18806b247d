//! Who was in which state, from when to when: the lanes of the page.
//!
//! The timeline has lanes of its own, by time alone. On a simulated clock much happens at one time,
//! and the page shows it step by step. So a bar here has both: from when to when, and from which
//! step to which.
//!
//! What always holds: only the first lanes are kept; the others are counted, each in the state that
//! it is in. What happens within one step that stands for many is one bar.
//!
//! Read next: `scene.rs`.

use demitasse::TaskId;
use std::time::Duration;

/// How many lanes there are, the thread's included.
pub const MOST_LANES: usize = 9;

/// What somebody can be doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Made, and not yet to be polled.
    New,
    /// Its number is on the queue.
    Ready,
    /// It is being polled.
    Works,
    /// It has answered `Pending`.
    Waits,
    /// It sleeps in its poll.
    Holds,
    /// Nothing can ever wake it.
    Lost,
    /// Ready, or dropped.
    Done,
    /// The thread runs the loop itself.
    Loop,
    /// The thread sleeps.
    Parked,
    /// A future whose timer has fired. Its task is ready, it is not.
    Due,
}

/// The class and the word of each state, in the order of [`State`], and the word for the thread.
pub const STATES: [(&str, &str, &str); 10] = [
    ("new", "not begun", ""),
    ("ready", "ready", ""),
    ("works", "polling", "polls"),
    ("waits", "waiting", ""),
    ("holds", "holding", "held"),
    ("lost", "stuck", "stuck"),
    ("done", "done", "free"),
    ("loop", "", "loop"),
    ("parked", "", "parked"),
    ("ready", "time is up", ""),
];

/// From when to when, and from which step to which, a lane was in a state.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    /// The state.
    pub state: State,
    /// When it began, on the loop's clock.
    pub from: Duration,
    /// When it ended.
    pub to: Duration,
    /// At which step it began, and ended.
    pub steps: (usize, usize),
}

/// The life of the thread, of a task, or of an instrumented future.
pub struct Lane {
    /// Its name.
    pub name: String,
    /// The number of a task.
    pub task: Option<TaskId>,
    /// How many futures it is in.
    pub depth: usize,
    /// All that it did.
    pub bars: Vec<Bar>,
    open: Bar,
}

/// All lanes of a run, and the states of those that have none.
pub struct Lanes {
    /// The thread's is the first.
    pub kept: Vec<Lane>,
    states: Vec<State>,
    /// How many are in each state.
    counts: [usize; STATES.len()],
}

impl Default for Lanes {
    /// The thread's alone.
    fn default() -> Self {
        let mut lanes = Lanes {
            kept: Vec::new(),
            states: Vec::new(),
            counts: Default::default(),
        };
        lanes.add("the thread".to_string(), None, 0);
        lanes
    }
}

impl Lanes {
    /// One more. Gives its number.
    pub fn add(&mut self, name: String, task: Option<TaskId>, depth: usize) -> usize {
        let nothing = Bar {
            state: State::New,
            from: Duration::ZERO,
            to: Duration::ZERO,
            steps: (0, 0),
        };
        if self.kept.len() < MOST_LANES {
            self.kept.push(Lane {
                name,
                task,
                depth,
                bars: Vec::new(),
                open: nothing,
            });
        }
        self.states.push(State::New);
        self.counts[State::New as usize] += 1;
        self.states.len() - 1
    }

    /// What it is doing.
    pub fn state(&self, number: usize) -> State {
        self.states[number]
    }

    /// From now on it does this. Now is a time and a step.
    pub fn set(&mut self, number: usize, state: State, time: Duration, step: usize) {
        let old = std::mem::replace(&mut self.states[number], state);
        if old == state {
            return;
        }
        self.counts[old as usize] -= 1;
        self.counts[state as usize] += 1;
        if let Some(lane) = self.kept.get_mut(number) {
            lane.close(time, step);
            lane.open = Bar {
                state,
                from: time,
                to: time,
                steps: (step, step),
            };
        }
    }

    /// The run is over.
    pub fn close(&mut self, time: Duration, step: usize) {
        for lane in &mut self.kept {
            lane.close(time, step);
        }
    }

    /// The states of those that have a lane, as places in [`STATES`].
    pub fn shown(&self) -> impl Iterator<Item = usize> {
        let states = self.states.iter().take(self.kept.len());
        states.map(|state| *state as usize)
    }

    /// How many have none.
    pub fn left_out(&self) -> usize {
        self.states.len() - self.kept.len()
    }

    /// How many, besides the thread, are in which state.
    pub fn counts(&self) -> String {
        let all = self.states.len() - 1;
        let mut counts = self.counts;
        counts[self.states[0] as usize] -= 1;
        let words = counts.iter().zip(STATES).filter(|(count, _)| **count > 0);
        let words = words.map(|(count, (_, word, _))| format!("{} {word}", grouped(*count)));
        let words: Vec<String> = words.collect();
        format!(
            "first {} of {}: {}",
            self.kept.len() - 1,
            grouped(all),
            words.join(", ")
        )
    }
}

impl Lane {
    fn close(&mut self, to: Duration, step: usize) {
        let bar = Bar {
            to,
            steps: (self.open.steps.0, step),
            ..self.open
        };
        // Polls take no time on a simulated clock, and must be seen all the same.
        let is_seen = bar.from < bar.to || matches!(bar.state, State::Works | State::Lost);
        if matches!(bar.state, State::New | State::Done) || !is_seen {
            return;
        }
        match self.bars.last_mut() {
            Some(last)
                if last.steps.1 == bar.steps.0
                    && bar.steps == (step, step)
                    && last.steps.0 == step =>
            {
                if last.to - last.from < bar.to - bar.from {
                    last.state = bar.state;
                }
                last.to = bar.to;
            }
            _ => self.bars.push(bar),
        }
    }
}

/// A number as people read it: 100,000.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
