//! The run as a trace, for a tool that zooms: open the file in <https://ui.perfetto.dev> or in
//! `chrome://tracing`.
//!
//! The format is Chrome's trace events, one JSON object for each. A run is a *process*; the loop is
//! a *thread* of it, and so is each task. The loop's track shows turns and parks, a task's track
//! its polls, and in them those of the labelled futures. An arrow leads from each wake to the poll
//! that it caused. The life of each labelled future, waiting included, is a track besides.
//!
//! A trace viewer cannot show a slice without a length, nor fasten an arrow to one. On the
//! simulated clock everything has none. So each event is written at least a nanosecond after the
//! one before: the order of what happens at one moment can be seen when one zooms in.
//!
//! What always holds:
//! - it is written as it is read, so a run of any size needs no more memory than its labels;
//! - a slice that begins also ends, also where a poll panicked or the run broke off.
//!
//! Read next: `svg.rs`.

use super::objects::Objects;
use super::replay::names::{labels, task_name};
use super::timeline::Run;
use demitasse::{EventKind, Outcome, TaskId, WokenBy};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Arguments;
use std::io::{self, Write};
use std::sync::Arc;

/// Writes runs, each with its title, as one trace.
pub fn write(runs: &[Run<'_>], out: &mut impl Write) -> io::Result<()> {
    // A first object, so that each of the others can begin with a comma.
    let head = r#"{"ph":"M","pid":1,"name":"process_labels","args":{"labels":"demitasse"}}"#;
    write!(
        out,
        "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n{head}"
    )?;
    let mut arrows = 0;
    for (number, run) in runs.iter().enumerate() {
        let mut trace = Trace {
            objects: Objects::new(&mut *out, number + 1),
            labels: labels(run.events),
            open: Vec::new(),
            arrows,
            woken: HashMap::new(),
            lives: BTreeMap::new(),
        };
        trace.run(run)?;
        arrows = trace.arrows;
    }
    writeln!(out, "\n]}}")?;
    out.flush()
}

/// The loop's own track. (Viewers take 0 for something else.) The tasks' come after it.
const LOOP: u64 = 1;
const TASKS: u64 = 2;

fn track(task: TaskId) -> u64 {
    let number = task.to_string().parse();
    number.map_or(LOOP, |number: u64| TASKS + number)
}

struct Trace<W> {
    objects: Objects<W>,
    /// What the tasks are called that are not spawned yet.
    labels: HashMap<TaskId, String>,
    /// The slices that have begun. The first is the loop's turn, the second a task's poll, and what
    /// follows is part of that.
    open: Vec<(u64, String)>,
    arrows: usize,
    /// The arrow that leads to a task's next poll.
    woken: HashMap<TaskId, usize>,
    /// The futures that are not done.
    lives: BTreeMap<u64, Arc<str>>,
}

impl<W: Write> Trace<W> {
    fn run(&mut self, run: &Run<'_>) -> io::Result<()> {
        self.objects.name("process_name", LOOP, run.title)?;
        self.objects.name("thread_name", LOOP, "the loop")?;
        for event in run.events {
            self.objects.go_on(event.time.as_nanos());
            self.add(&event.kind)?;
        }
        self.objects.go_on(0);
        self.end_down_to(0)?;
        while let Some(future) = self.lives.keys().next().copied() {
            self.end_life(future)?;
        }
        Ok(())
    }

    fn add(&mut self, kind: &EventKind) -> io::Result<()> {
        use EventKind as Kind;
        match kind {
            Kind::Spawned { task, .. } => self.spawned(*task),
            Kind::TurnStarted { ready } => {
                self.end_down_to(0)?;
                self.begin_with(LOOP, "turn", format_args!("\"ready\":{ready}"))
            }
            Kind::PollStarted { task } => {
                self.begin(track(*task), "poll")?;
                self.arrow_to(*task)
            }
            Kind::PollEnded { task, outcome } => self.poll_ended(*task, *outcome),
            Kind::Woken { task, by } => self.woken(*task, *by),
            Kind::WakerLost { task } => self.objects.mark(track(*task), "kept no waker"),
            Kind::TaskDropped { task } => self.objects.mark(track(*task), "dropped"),
            Kind::Parked { until } => {
                self.end_down_to(0)?;
                let until = until.map_or(-1, |until| until.as_nanos() as i128);
                self.begin_with(LOOP, "parked", format_args!("\"until_ns\":{until}"))
            }
            Kind::Unparked => self.end_down_to(0),
            Kind::BlockStarted { task, .. } => self.begin(track(*task), "holds the thread"),
            Kind::BlockEnded { .. } => self.end(),
            Kind::FuturePollStarted {
                task,
                future,
                label,
                ..
            } => self.future_polled(*task, *future, label),
            Kind::FuturePollEnded { future, ready, .. } => self.future_answered(*future, *ready),
            Kind::FutureDropped { future } => self.end_life(*future),
            timer => self.timer(timer),
        }
    }

    fn timer(&mut self, kind: &EventKind) -> io::Result<()> {
        match kind {
            EventKind::TimerSet {
                timer,
                task,
                deadline,
                level,
                slot,
                ..
            } => {
                let deadline = deadline.as_nanos();
                let args = format_args!(
                    "\"timer\":{timer},\"deadline_ns\":{deadline},\"level\":{level},\"slot\":{slot}"
                );
                self.objects.mark_with(track(*task), "timer set", args)
            }
            EventKind::TimerFired { timer } => {
                self.objects
                    .mark_with(LOOP, "timer fired", format_args!("\"timer\":{timer}"))
            }
            EventKind::TimerCancelled { timer } => {
                self.objects
                    .mark_with(LOOP, "timer cancelled", format_args!("\"timer\":{timer}"))
            }
            _ => Ok(()),
        }
    }

    fn poll_ended(&mut self, task: TaskId, outcome: Outcome) -> io::Result<()> {
        if outcome == Outcome::Panicked {
            self.objects.mark(track(task), "panic")?;
        }
        self.end_down_to(1)
    }

    fn future_polled(&mut self, task: TaskId, future: u64, label: &Arc<str>) -> io::Result<()> {
        self.begin_life(future, label)?;
        self.begin_with(track(task), label, format_args!("\"future\":{future}"))
    }

    fn future_answered(&mut self, future: u64, ready: bool) -> io::Result<()> {
        self.end()?;
        match ready {
            true => self.end_life(future),
            false => Ok(()),
        }
    }

    /// A task's own track, and an arrow to its first poll.
    fn spawned(&mut self, task: TaskId) -> io::Result<()> {
        let name = task_name(task, self.labels.remove(&task).as_deref());
        self.objects.name("thread_name", track(task), &name)?;
        let from = self.open.last().map_or(LOOP, |(track, _)| *track);
        self.arrow_from(from, "spawn", task)
    }

    fn woken(&mut self, task: TaskId, by: WokenBy) -> io::Result<()> {
        let from = match by {
            WokenBy::Task(waker) => track(waker),
            _ => LOOP,
        };
        self.arrow_from(from, "wake", task)
    }

    fn arrow_from(&mut self, from: u64, what: &str, to: TaskId) -> io::Result<()> {
        self.objects.mark(from, what)?;
        self.arrows += 1;
        self.woken.insert(to, self.arrows);
        let id = self.arrows;
        self.objects.put(
            "s",
            from,
            "wake",
            format_args!(r#","cat":"wake","id":{id}"#),
        )
    }

    fn arrow_to(&mut self, task: TaskId) -> io::Result<()> {
        let Some(id) = self.woken.remove(&task) else {
            return Ok(());
        };
        let rest = format_args!(r#","cat":"wake","id":{id},"bp":"e""#);
        self.objects.put("f", track(task), "wake", rest)
    }

    fn begin_life(&mut self, future: u64, label: &Arc<str>) -> io::Result<()> {
        if self.lives.contains_key(&future) {
            return Ok(());
        }
        self.lives.insert(future, Arc::clone(label));
        self.life("b", future, label)
    }

    fn end_life(&mut self, future: u64) -> io::Result<()> {
        match self.lives.remove(&future) {
            Some(label) => self.life("e", future, &label),
            None => Ok(()),
        }
    }

    fn life(&mut self, phase: &str, future: u64, label: &str) -> io::Result<()> {
        let rest = format_args!(r#","cat":"future","id2":{{"local":"{future}"}}"#);
        self.objects.put(phase, LOOP, label, rest)
    }

    fn begin(&mut self, track: u64, name: &str) -> io::Result<()> {
        self.begin_with(track, name, format_args!(""))
    }

    fn begin_with(&mut self, track: u64, name: &str, args: Arguments<'_>) -> io::Result<()> {
        self.open.push((track, name.to_string()));
        let rest = format_args!(r#","args":{{{args}}}"#);
        self.objects.put("B", track, name, rest)
    }

    fn end(&mut self) -> io::Result<()> {
        match self.open.pop() {
            Some((track, name)) => self.objects.put("E", track, &name, format_args!("")),
            None => Ok(()),
        }
    }

    fn end_down_to(&mut self, depth: usize) -> io::Result<()> {
        while self.open.len() > depth {
            self.end()?;
        }
        Ok(())
    }
}
