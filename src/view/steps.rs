//! Step by step: one block for each turn of the loop, in words.
//!
//! A timeline shows what happened, this shows how. A block follows the loop through one turn, in
//! the order of its own three phases: it polls what is ready, it fires the timers that are due, and
//! if nothing is ready then, it parks. Between them stand the two structures that the loop thinks
//! with, the timer wheel and the ready queue. So one can follow a wake-up with a finger: a sleep
//! leaves a waker on the wheel, its timer fires, a number goes on the queue, the next turn polls.
//!
//! The queue and the wheel are played back from the events. The level and slot of a timer are those
//! where it was put. Time moves it to finer levels, and nobody is told.
//!
//! Blocks are words and no drawing: they are the same in ASCII.
//!
//! What always holds: long lists are cut, and say so. A run of any size gives some thousand lines
//! at most.
//!
//! Read next: `trace_json.rs`.

use super::timeline::Style;
use demitasse::{Event, EventKind, Outcome, TaskId, WokenBy};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::time::Duration;

/// How many turns are told, lines of one phase, and names in one line.
const MOST_TURNS: usize = 60;
const MOST_LINES: usize = 30;
const MOST_NAMES: usize = 4;

/// Tells a run turn by turn.
pub fn tell(title: &str, events: &[Event], style: &Style) -> String {
    let mut steps = Steps {
        style,
        text: style.paint("1", &format!("{title}, turn by turn")) + "\n",
        names: names(events),
        turn: 0,
        is_over: false,
        loops: Structures::default(),
        phase: Phase::Poll,
        lines: Default::default(),
        depth: 0,
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

/// The three phases of a turn, and what is said of each.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Poll,
    Fire,
    Park,
}

struct Steps<'a> {
    style: &'a Style,
    text: String,
    names: HashMap<TaskId, String>,
    turn: usize,
    is_over: bool,
    loops: Structures,
    phase: Phase,
    lines: [Lines; 3],
    /// How many polls are open: the task's, and those of the labelled futures in it.
    depth: usize,
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
            self.say(format!("{} is on the queue already", self.name(task)));
            self.depth = 0;
        }
        match &event.kind {
            Kind::TurnStarted { .. } => self.start_turn(event.time),
            Kind::Spawned { task, .. } => self.spawned(*task),
            Kind::PollStarted { task } => self.enter(&self.name(*task)),
            Kind::PollEnded { task, outcome } => self.poll_ended(*task, *outcome),
            Kind::FuturePollStarted { label, .. } => self.enter(label),
            Kind::FuturePollEnded { ready: true, .. } => self.leave("answers Ready"),
            Kind::FuturePollEnded { ready: false, .. } => self.leave("answers Pending"),
            Kind::Woken { task, by } => self.woken(*task, *by),
            Kind::WakerLost { task } => self.say(format!(
                "{} kept no waker: nothing can ever poll it again",
                self.name(*task)
            )),
            Kind::TaskDropped { task } => {
                self.say(format!("{} is dropped, not done", self.name(*task)));
            }
            Kind::BlockStarted { duration, .. } => {
                self.say(format!("holds the thread for {}", at(*duration)));
            }
            Kind::BlockEnded { .. } => {
                self.say(format!("goes on at {}", at(event.time)));
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
                self.say(format!(
                    "leaves a waker on the wheel, for {}",
                    at(*deadline)
                ));
                let whose = label.as_deref().map(str::to_string);
                let whose = whose.unwrap_or_else(|| self.name(*task));
                let (task, place) = (*task, (*level, *slot));
                self.loops
                    .set(*timer, *deadline, Timer { task, whose, place });
            }
            EventKind::TimerFired { timer } => {
                self.phase = Phase::Fire;
                if let Some(Timer { task, whose, .. }) = self.loops.take(*timer) {
                    self.say(format!("{whose}'s timer is due, and its waker is called"));
                    self.fired = Some(task);
                    self.depth = 1;
                }
            }
            EventKind::TimerCancelled { timer } => {
                if let Some(Timer { whose, .. }) = self.loops.take(*timer) {
                    self.say(format!("{whose}'s timer is taken off the wheel"));
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
        self.depth = 0;
        if self.turn <= MOST_TURNS {
            let heading = self.style.paint("1", &format!("turn {}", self.turn));
            let _ = writeln!(self.text, "\n{heading}, at {}: {ready}", at(time));
        }
    }

    fn end_turn(&mut self) {
        match self.phase {
            _ if self.turn == 0 => self.lines = Default::default(),
            Phase::Park => self.print("park", Phase::Park),
            _ if self.is_over => self.print("poll", Phase::Poll),
            _ => {
                self.print_structures();
                self.phase = Phase::Park;
                self.say("no, for somebody is ready".to_string());
                self.print("park", Phase::Park);
            }
        }
        self.phase = Phase::Poll;
    }

    /// Two phases are over. Says what happened, and what the loop has in its hands now.
    fn print_structures(&mut self) {
        let polls = &mut self.lines[Phase::Poll as usize];
        if polls.first.is_empty() {
            polls.push("nobody".to_string());
        }
        self.print("poll", Phase::Poll);
        self.print("fire", Phase::Fire);
        let (queue, wheel) = (self.list(&self.loops.ready), self.loops.wheel());
        self.lines[0] = Lines::of(wheel);
        self.print("wheel", Phase::Poll);
        self.lines[0] = Lines::of([queue]);
        self.print("queue", Phase::Poll);
    }

    fn print(&mut self, heading: &str, phase: Phase) {
        let lines = std::mem::take(&mut self.lines[phase as usize]);
        if self.turn > MOST_TURNS {
            return;
        }
        let mut heading = self.style.paint("36", &format!("{heading:<7}"));
        for line in lines.all() {
            let _ = writeln!(self.text, "  {heading} {line}");
            heading = " ".repeat(7);
        }
    }

    /// Adds a line to the phase, as deep as the polls are that are open.
    fn say(&mut self, line: String) {
        let line = " ".repeat(2 * self.depth) + &line;
        self.lines[self.phase as usize].push(line);
    }

    fn enter(&mut self, name: &str) {
        self.say(format!("{name} is polled"));
        self.depth += 1;
    }

    fn leave(&mut self, answer: &str) {
        self.say(answer.to_string());
        self.depth = self.depth.saturating_sub(1);
    }

    fn poll_ended(&mut self, task: TaskId, outcome: Outcome) {
        // A poll that panicked has left those in it open.
        self.depth = 1;
        let is_root = task.to_string() == "0";
        self.is_over = is_root && outcome != Outcome::Pending;
        self.leave(match outcome {
            Outcome::Pending => "answers Pending",
            Outcome::Ready if is_root => "answers Ready, and the loop ends",
            Outcome::Ready => "answers Ready: it is done",
            Outcome::Panicked => "panics",
        });
        // What follows is what came of this poll.
        self.depth = 1;
    }

    fn spawned(&mut self, task: TaskId) {
        self.say(format!(
            "spawns {}, and puts it on the queue",
            self.name(task)
        ));
        self.loops.ready.push(task);
    }

    fn woken(&mut self, task: TaskId, by: WokenBy) {
        let name = self.name(task);
        self.say(match by {
            WokenBy::Timer => format!("{name} is put on the queue"),
            WokenBy::Task(waker) if waker == task => "wakes itself: back on the queue".to_string(),
            WokenBy::Task(_) => format!("wakes {name}, which is put on the queue"),
            _ => format!("{name} is woken from outside, and put on the queue"),
        });
        self.loops.ready.push(task);
        if by == WokenBy::Timer {
            self.depth = 0;
        }
    }

    fn parked(&mut self, until: Option<Duration>) {
        self.print_structures();
        self.phase = Phase::Park;
        self.depth = 0;
        self.until = until;
        self.say(match until {
            Some(until) => format!("until {}, for nobody is ready", at(until)),
            None => "nobody is ready, and no timer is set: until somebody wakes".to_string(),
        });
    }

    fn unparked(&mut self, time: Duration) {
        let what = match self.until {
            Some(until) if until <= time => "the deadline",
            _ => "a wake from outside",
        };
        self.say(format!("ended at {} by {what}", at(time)));
    }

    fn name(&self, task: TaskId) -> String {
        let name = self.names.get(&task).cloned();
        name.unwrap_or_else(|| format!("task {task}"))
    }

    fn list(&self, tasks: &[TaskId]) -> String {
        list(tasks.len(), tasks.iter().map(|task| self.name(*task)))
    }
}

/// The names, or the first of them.
fn list(count: usize, names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.take(MOST_NAMES).collect();
    match count - names.len() {
        _ if count == 0 => "empty".to_string(),
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// The ready queue and the timer wheel of the loop, played back.
#[derive(Default)]
struct Structures {
    ready: Vec<TaskId>,
    /// By deadline, as the loop will fire them.
    timers: BTreeMap<(Duration, u64), Timer>,
    deadlines: HashMap<u64, Duration>,
}

struct Timer {
    task: TaskId,
    whose: String,
    /// Its level and its slot.
    place: (usize, usize),
}

impl Structures {
    fn set(&mut self, number: u64, deadline: Duration, timer: Timer) {
        self.deadlines.insert(number, deadline);
        self.timers.insert((deadline, number), timer);
    }

    fn take(&mut self, number: u64) -> Option<Timer> {
        let deadline = self.deadlines.remove(&number)?;
        self.timers.remove(&(deadline, number))
    }

    /// A line for all timers that have a place and a deadline in common.
    fn wheel(&self) -> Vec<String> {
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

/// Lines in their order. If there are many: the first, how many more, and the last.
#[derive(Default)]
struct Lines {
    first: Vec<String>,
    more: usize,
    last: Option<String>,
}

impl Lines {
    fn of(lines: impl IntoIterator<Item = String>) -> Self {
        let mut all = Lines::default();
        lines.into_iter().for_each(|line| all.push(line));
        all
    }

    fn push(&mut self, line: String) {
        if self.first.len() < MOST_LINES {
            self.first.push(line);
        } else if self.last.replace(line).is_some() {
            self.more += 1;
        }
    }

    fn all(self) -> impl Iterator<Item = String> {
        let more = (self.more > 0).then(|| format!("... {} more lines", self.more));
        self.first.into_iter().chain(more).chain(self.last)
    }
}

/// What each task is called: by its number, and by the first label in it.
fn names(events: &[Event]) -> HashMap<TaskId, String> {
    let mut names = HashMap::new();
    for event in events {
        match &event.kind {
            EventKind::Spawned { task, .. } if names.is_empty() => {
                names.insert(*task, "root".to_string());
            }
            EventKind::FuturePollStarted { task, label, .. } => {
                let name = || format!("task {task} ({label})");
                names.entry(*task).or_insert_with(name);
            }
            _ => {}
        }
    }
    names
}

/// A moment or a length, to the millisecond; finer where it must be.
fn at(time: Duration) -> String {
    let decimals = match time.subsec_nanos() {
        nanos if nanos % 1_000_000 == 0 => 3,
        nanos if nanos % 1_000 == 0 || time.as_secs() > 0 => 6,
        _ => 9,
    };
    format!("{:.decimals$} s", time.as_secs_f64())
}
