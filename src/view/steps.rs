//! Step by step: one block for each turn of the loop, in words.
//!
//! A timeline shows what happened, this shows how. A block follows the loop through one turn, in
//! the order of its own three phases: it polls what is ready, it fires the timers that are due, and
//! if nothing is ready then, it parks. Between them stand the two structures that the loop thinks
//! with, the timer wheel and the ready queue. So one can follow a wake-up with a finger: a sleep
//! leaves a waker on the wheel, its timer fires, a number goes on the queue, the next turn polls.
//!
//! Blocks are words and no drawing: they are the same in ASCII.
//!
//! What always holds: long lists are cut, and say so. A run of any size gives some thousand lines
//! at most.
//!
//! Read next: `trace_json.rs`.

use super::block::{Block, Lines, Phase};
use super::playback::{Structures, Timer};
use super::timeline::Style;
use super::timeline::text::clean;
use super::words::{at, list, names};
use demitasse::{Event, EventKind, Outcome, TaskId, WokenBy};
use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

/// How many turns are told.
const MOST_TURNS: usize = 60;

/// How to read it.
const PREFACE: &str = "
  A turn polls who is ready, fires the timers that are due,
  and parks the thread if nobody is ready then.
  wheel: the wakers that wait for their time
  queue: who is to be polled in the next turn
";

/// Tells a run turn by turn.
pub fn tell(title: &str, events: &[Event], style: &Style) -> String {
    let mut steps = Steps {
        style,
        text: style.paint("1", &format!("{}, turn by turn", clean(title))) + "\n" + PREFACE,
        names: names(events),
        turn: 0,
        is_over: false,
        loops: Structures::default(),
        block: Block::default(),
        fired: None,
        until: None,
    };
    for event in events {
        steps.add(event);
    }
    steps.end_turn();
    if let Some(more @ 1..) = steps.turn.checked_sub(MOST_TURNS) {
        let _ = writeln!(steps.text, "\n... and {more} more turns");
    }
    steps.text
}

struct Steps<'a> {
    style: &'a Style,
    text: String,
    names: HashMap<TaskId, String>,
    turn: usize,
    is_over: bool,
    loops: Structures,
    block: Block,
    /// Whom the timer that has just fired wakes.
    fired: Option<TaskId>,
    /// Until when the thread is parked.
    until: Option<Duration>,
}

impl Steps<'_> {
    fn add(&mut self, event: &Event) {
        use EventKind as Kind;
        let fired = self.fired.take();
        if let Some(task) = fired
            && !matches!(event.kind, Kind::Woken { .. })
        {
            self.block
                .say(format!("{} is on the queue already", self.name(task)));
            self.block.depth = 0;
        }
        match &event.kind {
            Kind::TurnStarted { .. } => self.start_turn(event.time),
            Kind::Spawned { task, .. } => self.spawned(*task),
            Kind::PollStarted { task } => {
                self.block.depth = 0;
                self.block.enter(&self.name(*task));
            }
            Kind::PollEnded { task, outcome } => self.poll_ended(*task, *outcome),
            Kind::FuturePollStarted { label, .. } => self.block.enter(&clean(label)),
            Kind::FuturePollEnded { ready: true, .. } => self.block.leave("answers Ready"),
            Kind::FuturePollEnded { ready: false, .. } => self.block.leave("answers Pending"),
            Kind::Woken { task, by } => self.woken(*task, *by),
            Kind::WakerLost { task } => self.block.say(format!(
                "{} kept no waker: nothing can ever poll it again",
                self.name(*task)
            )),
            Kind::TaskDropped { task } => {
                self.block
                    .say(format!("{} is dropped, not done", self.name(*task)));
            }
            Kind::BlockStarted { duration, .. } => {
                self.block
                    .say(format!("holds the thread for {}", at(*duration)));
            }
            Kind::BlockEnded { .. } => {
                self.block.say(format!("goes on at {}", at(event.time)));
            }
            Kind::Parked { until } => self.parked(*until),
            Kind::Unparked => self.unparked(event.time),
            timer => self.timer(timer),
        }
    }

    fn timer(&mut self, event: &EventKind) {
        match event {
            EventKind::TimerSet {
                timer,
                task,
                label,
                deadline,
                level,
                slot,
                ..
            } => {
                self.block.say(format!(
                    "leaves a waker on the wheel, for {}",
                    at(*deadline)
                ));
                let whose = label.as_deref().map(clean);
                let whose = whose.unwrap_or_else(|| self.name(*task));
                let (task, place) = (*task, (*level, *slot));
                self.loops
                    .set(*timer, *deadline, Timer { task, whose, place });
            }
            EventKind::TimerFired { timer } => {
                self.block.phase = Phase::Fire;
                if let Some(Timer { task, whose, .. }) = self.loops.take(*timer) {
                    self.block
                        .say(format!("{whose}'s timer is due, and its waker is called"));
                    self.fired = Some(task);
                    self.block.depth = 1;
                }
            }
            EventKind::TimerCancelled { timer } => {
                if let Some(Timer { whose, .. }) = self.loops.take(*timer) {
                    self.block
                        .say(format!("{whose}'s timer is taken off the wheel"));
                }
            }
            _ => {}
        }
    }

    fn start_turn(&mut self, time: Duration) {
        self.end_turn();
        self.turn += 1;
        let ready = std::mem::take(&mut self.loops.ready);
        let ready = match ready.as_slice() {
            [] => "nobody is ready".to_string(),
            [one] => format!("{} is ready", self.name(*one)),
            many => format!("{} are ready", self.list(many)),
        };
        if self.turn <= MOST_TURNS {
            let heading = self.style.paint("1", &format!("turn {}", self.turn));
            let _ = writeln!(self.text, "\n{heading}, at {}: {ready}", at(time));
        }
    }

    fn end_turn(&mut self) {
        if self.turn > 0 && self.is_over {
            self.print_phase("poll", Phase::Poll);
        } else if self.turn > 0 && self.block.phase != Phase::Park {
            self.print_structures();
            self.print("park", Lines::of(["no, for somebody is ready".to_string()]));
        }
        self.print_phase("park", Phase::Park);
        self.block = Block::default();
    }

    /// Two phases are over. Says what happened, and what the loop has in its hands now.
    fn print_structures(&mut self) {
        let polls = self.block.take(Phase::Poll);
        let nobody = || Lines::of(["nobody".to_string()]);
        self.print("poll", if polls.is_empty() { nobody() } else { polls });
        self.print_phase("fire", Phase::Fire);
        self.print("wheel", Lines::of(self.loops.wheel()));
        self.print("queue", Lines::of([self.list(&self.loops.ready)]));
    }

    fn print_phase(&mut self, heading: &str, phase: Phase) {
        let lines = self.block.take(phase);
        self.print(heading, lines);
    }

    fn print(&mut self, heading: &str, lines: Lines) {
        if self.turn > MOST_TURNS {
            return;
        }
        let mut heading = self.style.paint("36", &format!("{heading:<7}"));
        for line in lines.all() {
            let _ = writeln!(self.text, "  {heading} {line}");
            heading = " ".repeat(7);
        }
    }

    fn poll_ended(&mut self, task: TaskId, outcome: Outcome) {
        // A poll that panicked has left those in it open.
        self.block.depth = 1;
        let is_root = task.to_string() == "0";
        self.is_over = is_root && outcome != Outcome::Pending;
        self.block.leave(match outcome {
            Outcome::Pending => "answers Pending",
            Outcome::Ready if is_root => "answers Ready, and the loop ends",
            Outcome::Ready => "answers Ready: it is done",
            Outcome::Panicked => "panics",
        });
        // What follows is what came of this poll.
        self.block.depth = 1;
    }

    fn spawned(&mut self, task: TaskId) {
        self.block.say(format!(
            "spawns {}, and puts it on the queue",
            self.name(task)
        ));
        self.loops.ready.push(task);
    }

    fn woken(&mut self, task: TaskId, by: WokenBy) {
        let name = self.name(task);
        self.block.say(match by {
            WokenBy::Timer => format!("{name} is put on the queue"),
            WokenBy::Task(waker) if waker == task => "wakes itself: back on the queue".to_string(),
            WokenBy::Task(_) => format!("wakes {name}, which is put on the queue"),
            _ => format!("{name} is woken from outside, and put on the queue"),
        });
        self.loops.ready.push(task);
        if by == WokenBy::Timer {
            self.block.depth = 0;
        }
    }

    fn parked(&mut self, until: Option<Duration>) {
        self.print_structures();
        self.block.phase = Phase::Park;
        self.block.depth = 0;
        self.until = until;
        self.block.say(match until {
            Some(until) => format!("until {}, for nobody is ready", at(until)),
            None => "nobody is ready, and no timer is set: until somebody wakes".to_string(),
        });
    }

    fn unparked(&mut self, time: Duration) {
        let what = match self.until {
            Some(until) if until <= time => "the deadline",
            _ => "a wake from outside",
        };
        self.block.say(format!("ended at {} by {what}", at(time)));
    }

    fn name(&self, task: TaskId) -> String {
        let name = self.names.get(&task).cloned();
        name.unwrap_or_else(|| format!("task {task}"))
    }

    fn list(&self, tasks: &[TaskId]) -> String {
        list(tasks.len(), tasks.iter().map(|task| self.name(*task)))
    }
}
