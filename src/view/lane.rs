//! One lane: who was in which state, from when to when.
//!
//! The loop tells of moments: a poll began, a timer fired. A picture needs spans. So a lane keeps
//! the state that it is in and since when. The next event ends that span, and begins another.
//!
//! What always holds: the spans of a lane follow each other, and do not overlap. Between two of
//! them, and at both ends, the lane is in no state: it has not begun, or it is done.
//!
//! Read next: `lanes.rs`, which reads a whole run.

use demitasse::TaskId;
use std::time::Duration;

/// What a lane can be doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// It is being polled, and the thread runs.
    Works,
    /// It has answered `Pending`, and given the thread back.
    Waits,
    /// It wants to be polled, and waits for the thread.
    Ready,
    /// It sleeps during its poll, and the thread with it.
    Holds,
    /// The thread sleeps, because nothing is ready.
    Parked,
    /// It kept no waker: nothing can ever poll it again.
    Lost,
}

/// From when to when a lane was in one state.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Span {
    /// When it began, on the loop's clock.
    pub from: Duration,
    /// When it ended.
    pub to: Duration,
    /// What the lane did.
    pub state: State,
}

/// The life of one future, one task, or the thread.
#[derive(Default)]
pub struct Lane {
    /// Its label, or the name of its task.
    pub label: String,
    /// What it did, in order.
    pub spans: Vec<Span>,
    /// How often it was polled.
    pub polls: usize,
    /// How often it was woken.
    pub wakes: usize,
    /// Its task; for the thread, none.
    pub task: Option<TaskId>,
    /// Whether it is a future in another one that has a label.
    pub is_nested: bool,
    now: Option<(Duration, State)>,
}

impl Lane {
    /// A lane that has not begun.
    pub fn new(label: String, task: Option<TaskId>) -> Self {
        Lane {
            label,
            task,
            ..Lane::default()
        }
    }

    /// Ends the span that is open, and begins another; with `None`, none.
    pub fn become_at(&mut self, to: Duration, next: Option<State>) {
        if let Some((from, state)) = self.now {
            // On the simulated clock work takes no time. It must be seen all the same.
            if from < to || matches!(state, State::Works | State::Lost) {
                self.spans.push(Span { from, to, state });
            }
        }
        self.now = next.map(|state| (to, state));
    }

    /// From one state into another, if it is in the one.
    pub fn change(&mut self, time: Duration, from: State, to: State) {
        if self.now.is_some_and(|(_, state)| state == from) {
            self.become_at(time, Some(to));
        }
    }

    /// It is polled.
    pub fn poll(&mut self, time: Duration) {
        self.polls += 1;
        self.become_at(time, Some(State::Works));
    }

    /// It is woken: it is ready, if it was waiting.
    pub fn wake(&mut self, time: Duration) {
        self.wakes += 1;
        self.change(time, State::Waits, State::Ready);
    }

    /// The spans as a picture draws them that shows nothing shorter than this. The little work
    /// before and after a hold is part of the hold.
    pub fn spans_as_drawn(&self, shortest: Duration) -> impl Iterator<Item = Span> {
        self.spans.iter().enumerate().map(move |(number, span)| {
            let neighbours = [number.wrapping_sub(1), number + 1];
            let mut neighbours = neighbours.iter().filter_map(|&at| self.spans.get(at));
            let is_part = span.state == State::Works
                && span.to - span.from < shortest
                && neighbours.any(|beside| beside.state == State::Holds);
            Span {
                state: if is_part { State::Holds } else { span.state },
                ..*span
            }
        })
    }

    /// Whether it has begun, and is not done.
    pub fn is_alive(&self) -> bool {
        self.now.is_some()
    }
}
