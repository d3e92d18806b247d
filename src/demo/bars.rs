//! The bars that grow on a terminal while the fetches wait.
//!
//! A task of the loop draws them: it draws, sleeps a little, and draws again. It is a task like any
//! other, on the same thread, and that is the lesson. On the concurrent path it gets its turns
//! while the fetches wait. On the blocking path the thread is held, so this task is not polled, and
//! the bars stand still until it is all over.
//!
//! The task is part of the run, but not of what the run is to show. So [`without`] takes it out of
//! the events before a picture is made of them.
//!
//! Where nobody sees bars, or where the clock is simulated and nothing takes time, there is no such
//! task.

use super::console;
use crate::view::live;
use crate::view::timeline::Style;
use demitasse::{Event, EventKind, TaskId, now, sleep, spawn};
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long the task sleeps.
const PAUSE: Duration = Duration::from_millis(40);
/// How many bars there are at most.
const MOST: usize = 10;

/// Bars on the terminal.
pub struct Bars {
    start: Instant,
    style: Style,
    bars: live::Bars,
    events: Rc<RefCell<Vec<Event>>>,
}

impl Bars {
    /// Draws the bars, and spawns the task that draws them again and again. It ends with its loop.
    pub fn start(
        endpoints: &[String],
        events: Rc<RefCell<Vec<Event>>>,
        style: Style,
    ) -> Rc<RefCell<Self>> {
        let labels = endpoints.iter().take(MOST).map(String::as_str);
        let mut bars = Bars {
            start: now(),
            style,
            bars: live::Bars::new(labels),
            events,
        };
        bars.draw();
        let bars = Rc::new(RefCell::new(bars));
        let drawn = Rc::clone(&bars);
        drop(spawn(async move {
            loop {
                drawn.borrow_mut().draw();
                sleep(PAUSE).await;
            }
        }));
        bars
    }

    fn draw(&mut self) {
        self.bars.read(&self.events.borrow());
        console::show(self.bars.lines(now() - self.start, &self.style));
    }

    /// Draws them for the last time, and says what was to be seen.
    pub fn finish(&mut self) {
        self.draw();
        let held = |event: &Event| matches!(event.kind, EventKind::BlockStarted { .. });
        let why = match self.events.borrow().iter().any(held) {
            true => "The bars stood still, then jumped: while the thread is held, nobody can draw.",
            false => "Drawn by one more task on the same thread, while the fetches waited.",
        };
        console::keep();
        console::print(&self.style.paint("2", &format!("   {why}")));
    }
}

/// The events of a run, without the task that draws bars: it is the one that was spawned in this
/// file.
pub fn without(events: Vec<Event>) -> Vec<Event> {
    let mut tasks = HashSet::new();
    let mut timers = HashSet::new();
    let mut kept: Vec<Event> = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::Spawned { task, at } if at.file() == file!() => drop(tasks.insert(*task)),
            EventKind::TimerSet { timer, task, .. } if tasks.contains(task) => {
                timers.insert(*timer);
            }
            EventKind::TimerFired { timer } | EventKind::TimerCancelled { timer }
                if timers.contains(timer) => {}
            kind if task_of(kind).is_some_and(|task| tasks.contains(&task)) => {}
            EventKind::Parked { .. } => park_again(&mut kept, event),
            _ => kept.push(event),
        }
    }
    kept
}

fn task_of(kind: &EventKind) -> Option<TaskId> {
    match kind {
        EventKind::PollStarted { task }
        | EventKind::PollEnded { task, .. }
        | EventKind::Woken { task, .. }
        | EventKind::TaskDropped { task } => Some(*task),
        _ => None,
    }
}

/// Where nothing has happened since the thread was last parked, that park goes on.
fn park_again(kept: &mut Vec<Event>, event: Event) {
    let is_idle = |event: &&Event| {
        matches!(
            event.kind,
            EventKind::Unparked | EventKind::TurnStarted { .. }
        )
    };
    let idle = kept.iter().rev().take_while(is_idle).count();
    let before = kept.len() - idle;
    match kept[..before].last_mut() {
        Some(last) if matches!(last.kind, EventKind::Parked { .. }) => {
            last.kind = event.kind;
            kept.truncate(before);
        }
        _ => kept.push(event),
    }
}
