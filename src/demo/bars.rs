//! The bars that grow on a terminal while the fetches wait.
//!
//! A task of the loop draws them: it draws, sleeps a little, and draws again. It is a task like any
//! other, on the same thread, and that is the lesson. On the concurrent path it gets its turns
//! while the fetches wait. On the blocking path the thread is held, so this task is not polled, and
//! the bars stand still. Only where a fetch ends, the loop's observer draws them once, and they
//! jump. Before the thread is held for the first time, a line says what is to come.
//!
//! The task is part of the run, but not of what the run is to show. So [`without`] takes it out of
//! the events before a picture is made of them.
//!
//! Where nobody sees bars, or they would be broken ([`console::has_room_for`]), or where the clock
//! is simulated and nothing takes time, there is no such task.

use super::console;
use crate::view::live;
use crate::view::timeline::Style;
use demitasse::{Event, EventKind, TaskId, sleep, spawn};
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long the task sleeps.
const PAUSE: Duration = Duration::from_millis(40);
/// How many bars there are at most.
const MOST: usize = 10;

/// Bars on the terminal.
#[derive(Clone)]
pub struct Bars(Rc<RefCell<Picture>>);

struct Picture {
    style: Style,
    bars: live::Bars,
    /// Whether the thread has been held.
    is_held: bool,
}

impl Picture {
    fn draw(&mut self, now: Duration) {
        let mut lines = self.bars.lines(now, &self.style);
        if self.is_held {
            lines.push(self.note("The thread is held: nothing moves."));
        }
        console::show(lines);
    }

    fn note(&self, text: &str) -> String {
        self.style.paint("2", &format!("   ({text})"))
    }
}

impl Bars {
    /// Draws the bars of a run that is about to begin, if there is room for them.
    pub fn new(endpoints: &[String], style: Style) -> Option<Self> {
        let labels = endpoints.iter().take(MOST).map(String::as_str);
        // Below them stands a sentence, and the cursor.
        if !console::has_room_for(labels.len() + 2, style.width) {
            return None;
        }
        let mut picture = Picture {
            style,
            bars: live::Bars::new(labels),
            is_held: false,
        };
        picture.draw(Duration::ZERO);
        Some(Bars(Rc::new(RefCell::new(picture))))
    }

    /// Takes notice of an event, and draws where the task of [`Bars::spawn`] cannot.
    pub fn notice(&self, event: &Event) {
        let mut picture = self.0.borrow_mut();
        let was_over = picture.bars.are_over();
        picture.bars.add(event);
        let is_held = matches!(event.kind, EventKind::BlockStarted { .. });
        picture.is_held |= is_held;
        let is_end = matches!(event.kind, EventKind::FuturePollEnded { ready: true, .. });
        if (is_held || is_end) && !was_over {
            picture.draw(event.time);
        }
    }

    /// Spawns the task that draws them again and again. It ends with its loop.
    pub fn spawn(&self) {
        let picture = Rc::clone(&self.0);
        let start = Instant::now();
        drop(spawn(async move {
            loop {
                picture.borrow_mut().draw(start.elapsed());
                sleep(PAUSE).await;
            }
        }));
    }

    /// Draws them as they were when the run ended, and says what was to be seen.
    pub fn finish(&self, end: Duration) {
        let mut picture = self.0.borrow_mut();
        let why = match std::mem::take(&mut picture.is_held) {
            true => "Between two jumps nothing moved: the thread was held.",
            false => "Drawn meanwhile, by one more task on the same thread.",
        };
        picture.draw(end);
        console::keep();
        console::print_wrapped(&picture.note(why), picture.style.width);
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
            EventKind::TimerFired { timer }
            | EventKind::TimerMoved { timer, .. }
            | EventKind::TimerCancelled { timer }
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
            EventKind::Unparked | EventKind::TurnStarted { .. } | EventKind::TimerMoved { .. }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::args::{Request, parse};
    use crate::view::timeline::draw;

    /// Runs a fetch on the simulated clock, and maybe a task that was spawned in this file.
    fn run(with_task: bool) -> String {
        let Ok(Request::Run(args)) = parse(["--virtual".into()]) else {
            panic!("these are good arguments");
        };
        let fetches = async {
            if with_task {
                drop(spawn(async {
                    loop {
                        sleep(PAUSE).await;
                    }
                }));
            }
            sleep(Duration::from_secs(3)).await;
            Vec::new()
        };
        let (run, _) = crate::demo::record("a run", &args, &Style::default(), fetches);
        draw(&[run.as_drawn()], &Style::default())
    }

    #[test]
    fn a_run_with_bars_looks_as_if_there_were_none() {
        assert_eq!(run(true), run(false));
    }
}
