//! What the loop does, told as it happens.
//!
//! A loop that works looks like a loop that does nothing: it is asleep nearly all the time. So ours
//! tells an observer each thing that it does, and everything that people look at is made from that:
//! the timeline, the step by step view, the trace. The loop itself stores nothing, formats nothing
//! and draws nothing. Where nobody listens, an event costs one test of a field: the loop does not
//! even make it.
//!
//! An observer is code that we do not know. It may spawn, wake and ask the time. That can cause
//! further events while the observer is still busy with one; they are kept, and told next. If it
//! panics, that is a panic at the place that was told of: in a poll it ends that task, between polls
//! it leaves through `block_on`.
//!
//! Read next: `task.rs`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// Names a task. No two tasks of one loop have the same; the root future's is 0. As in tokio's
/// `task::Id`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TaskId(pub(crate) u64);

impl TaskId {
    /// The root future's.
    pub(crate) const ROOT: TaskId = TaskId(0);
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One thing that the loop did. See [`EventLoop::on_event`](crate::EventLoop::on_event).
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// When, on the loop's clock: the time since the loop began.
    pub time: Duration,
    /// What.
    pub kind: EventKind,
}

/// What the loop can do.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// A task came to be, and is ready. The root future is the first.
    Spawned {
        /// The new task.
        task: TaskId,
        /// Where `spawn` was called; for the root, `block_on`.
        at: &'static Location<'static>,
    },
    /// A turn of the loop began.
    TurnStarted {
        /// How many tasks were ready. Each of them is polled once in this turn.
        ready: usize,
    },
    /// The loop polls a task.
    PollStarted {
        /// The task.
        task: TaskId,
    },
    /// The poll returned.
    PollEnded {
        /// The task.
        task: TaskId,
        /// What it answered.
        outcome: Outcome,
    },
    /// A task was put on the ready queue. Further wakes before its next poll are no events: they
    /// change nothing.
    Woken {
        /// The task.
        task: TaskId,
        /// Who woke it.
        by: WokenBy,
    },
    /// A task waits, and kept no waker: nothing can ever poll it again. It is proved to be stuck.
    WakerLost {
        /// The task.
        task: TaskId,
    },
    /// The loop ended, and dropped this task, which was not done.
    TaskDropped {
        /// The task.
        task: TaskId,
    },
    /// A `sleep` was put on the timer wheel.
    TimerSet {
        /// Names the timer. No two timers of one loop have the same.
        timer: u64,
        /// The task that was being polled.
        task: TaskId,
        /// The innermost instrumented future that was being polled, if there is one.
        future: Option<u64>,
        /// Its label.
        label: Option<Arc<str>>,
        /// When it is due, on the loop's clock.
        deadline: Duration,
        /// The level of the wheel on which it waits at first. 0 is the finest.
        level: usize,
        /// The slot of that level, 0 to 63.
        slot: usize,
        /// Where the sleep was made.
        made_at: &'static Location<'static>,
    },
    /// The hand came near: a timer moved to a finer level of the wheel.
    TimerMoved {
        /// The timer.
        timer: u64,
        /// The level on which it waits now.
        level: usize,
        /// The slot of that level, 0 to 63.
        slot: usize,
    },
    /// A timer was due, and its waker is called.
    TimerFired {
        /// The timer.
        timer: u64,
    },
    /// A timer was taken off the wheel before it fired: its `sleep` was dropped, or was polled after
    /// its deadline and needs it no longer.
    TimerCancelled {
        /// The timer.
        timer: u64,
    },
    /// Nothing is ready, so the thread goes to sleep (on the simulated clock: time jumps).
    Parked {
        /// Until when at most, on the loop's clock. `None`: until a wake.
        until: Option<Duration>,
    },
    /// The thread runs again.
    Unparked,
    /// [`block_for`](crate::block_for) begins to hold the thread.
    BlockStarted {
        /// The task that does it.
        task: TaskId,
        /// For how long.
        duration: Duration,
        /// Where it was called.
        at: &'static Location<'static>,
    },
    /// `block_for` has returned.
    BlockEnded {
        /// The task.
        task: TaskId,
    },
    /// An instrumented future is polled.
    FuturePollStarted {
        /// The task that it is part of.
        task: TaskId,
        /// Names the future. No two of one loop have the same.
        future: u64,
        /// Its label.
        label: Arc<str>,
        /// Where it was made: where `instrument` was called.
        made_at: &'static Location<'static>,
    },
    /// The poll of an instrumented future is over.
    FuturePollEnded {
        /// The task that it is part of.
        task: TaskId,
        /// The future.
        future: u64,
        /// Whether it was `Ready`.
        ready: bool,
        /// Whether it did not return but panicked.
        panicked: bool,
    },
    /// An instrumented future was dropped before it was done.
    FutureDropped {
        /// The future.
        future: u64,
    },
}

/// What a poll of a task answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Not done yet.
    Pending,
    /// Done.
    Ready,
    /// It panicked, so it is done too.
    Panicked,
}

/// Who put a task on the ready queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WokenBy {
    /// The task that was being polled. It may be the woken one itself.
    Task(TaskId),
    /// A timer that was due.
    Timer,
    /// Something else on another thread, or between polls.
    Outside,
}

/// The observer, if there is one, and what it must still be told.
pub(crate) struct Teller {
    is_heard: bool,
    observer: RefCell<Observer>,
    untold: RefCell<VecDeque<Event>>,
}

pub(crate) type Observer = Box<dyn FnMut(&Event)>;

impl Teller {
    pub(crate) fn new(observer: Option<Observer>) -> Self {
        Teller {
            is_heard: observer.is_some(),
            observer: RefCell::new(observer.unwrap_or_else(|| Box::new(|_| ()))),
            untold: RefCell::default(),
        }
    }

    pub(crate) fn is_heard(&self) -> bool {
        self.is_heard
    }

    #[cold]
    pub(crate) fn tell(&self, event: Event) {
        self.untold.borrow_mut().push_back(event);
        // If it is borrowed, the observer itself caused this event. It is told when it has dealt
        // with the one before.
        let Ok(mut observer) = self.observer.try_borrow_mut() else {
            return;
        };
        loop {
            let Some(event) = self.untold.borrow_mut().pop_front() else {
                break;
            };
            observer(&event);
        }
    }
}
