//! The run as a trace, for a tool that zooms: open the file in <https://ui.perfetto.dev> or in
//! `chrome://tracing`.
//!
//! The format is Chrome's trace events, one JSON object for each. A run is a *process*; the loop is
//! a *thread* of it, and so is each task. The loop's track shows turns and parks, a task's track its
//! polls, and in them those of the labelled futures. An arrow leads from each wake to the poll that
//! it caused. The life of each labelled future, waiting included, is a track besides.
//!
//! A trace viewer cannot show a slice without a length, nor fasten an arrow to one. On the simulated
//! clock everything has none. So each event is written at least a nanosecond after the one before:
//! the order of things that happen at one moment can be seen when one zooms in.
//!
//! What always holds:
//! - it is written as it is read, so a run of any size needs no more memory than its labels;
//! - a slice that begins also ends, also where a poll panicked or the run broke off.
//!
//! Read next: `svg.rs`.

use super::timeline::Run;
use demitasse::{EventKind, Outcome, TaskId, WokenBy};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
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
            out: &mut *out,
            process: number + 1,
            time: 0,
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
const ROOT: u64 = 2;

fn track(task: TaskId) -> u64 {
    let number = task.to_string().parse();
    number.map_or(LOOP, |number: u64| ROOT + number)
}

struct Trace<W> {
    out: W,
    process: usize,
    /// The nanosecond of the event.
    time: u128,
    /// The tracks of the slices that have begun. The first is the loop's turn, the second a task's
    /// poll, and what follows is part of that.
    open: Vec<u64>,
    arrows: usize,
    /// The arrow that leads to a task's next poll.
    woken: HashMap<TaskId, usize>,
    /// The futures that are not done.
    lives: BTreeMap<u64, Arc<str>>,
}

impl<W: Write> Trace<W> {
    fn run(&mut self, run: &Run<'_>) -> io::Result<()> {
        self.name("process_name", LOOP, run.title)?;
        self.name("thread_name", LOOP, "the loop")?;
        for event in run.events {
            self.time = event.time.as_nanos().max(self.time + 1);
            self.add(&event.kind)?;
        }
        self.time += 1;
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
                self.begin(LOOP, "turn", format_args!("\"ready\":{ready}"))
            }
            Kind::PollStarted { task } => {
                self.begin(track(*task), "poll", format_args!(""))?;
                self.arrow_to(*task)
            }
            Kind::PollEnded { outcome, .. } => {
                if *outcome == Outcome::Panicked {
                    self.mark(LOOP, "panic", format_args!(""))?;
                }
                self.end_down_to(1)
            }
            Kind::Woken { task, by } => self.woken(*task, *by),
            Kind::WakerLost { task } => self.mark(track(*task), "kept no waker", format_args!("")),
            Kind::TaskDropped { task } => self.mark(track(*task), "dropped", format_args!("")),
            Kind::Parked { until } => {
                self.end_down_to(0)?;
                let until = until.map_or(-1, |until| until.as_nanos() as i128);
                self.begin(LOOP, "parked", format_args!("\"until_ns\":{until}"))
            }
            Kind::Unparked => self.end_down_to(0),
            Kind::BlockStarted { task, .. } => {
                self.begin(track(*task), "holds the thread", format_args!(""))
            }
            Kind::BlockEnded { .. } => self.end(),
            Kind::FuturePollStarted {
                task,
                future,
                label,
            } => {
                self.begin_life(*future, label)?;
                self.begin(track(*task), label, format_args!("\"future\":{future}"))
            }
            Kind::FuturePollEnded { future, ready, .. } => {
                self.end()?;
                if *ready {
                    self.end_life(*future)
                } else {
                    Ok(())
                }
            }
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
                self.mark(track(*task), "timer set", args)
            }
            EventKind::TimerFired { timer } => {
                self.mark(LOOP, "timer fired", format_args!("\"timer\":{timer}"))
            }
            EventKind::TimerCancelled { timer } => {
                self.mark(LOOP, "timer cancelled", format_args!("\"timer\":{timer}"))
            }
            _ => Ok(()),
        }
    }

    /// A task's own track, and an arrow to its first poll.
    fn spawned(&mut self, task: TaskId) -> io::Result<()> {
        let name = match track(task) {
            ROOT => "root".to_string(),
            _ => format!("task {task}"),
        };
        self.name("thread_name", track(task), &name)?;
        let from = self.open.last().copied().unwrap_or(LOOP);
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
        self.mark(from, what, format_args!(""))?;
        self.arrows += 1;
        self.woken.insert(to, self.arrows);
        let id = self.arrows;
        self.put(
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
        self.put("f", track(task), "wake", rest)
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
        self.put(phase, LOOP, label, rest)
    }

    fn begin(&mut self, track: u64, name: &str, args: fmt::Arguments<'_>) -> io::Result<()> {
        self.open.push(track);
        self.put("B", track, name, format_args!(r#","args":{{{args}}}"#))
    }

    fn end(&mut self) -> io::Result<()> {
        match self.open.pop() {
            Some(track) => self.put("E", track, "", format_args!("")),
            None => Ok(()),
        }
    }

    fn end_down_to(&mut self, depth: usize) -> io::Result<()> {
        while self.open.len() > depth {
            self.end()?;
        }
        Ok(())
    }

    /// Something that takes no time.
    fn mark(&mut self, track: u64, name: &str, args: fmt::Arguments<'_>) -> io::Result<()> {
        let rest = format_args!(r#","dur":0.001,"args":{{{args}}}"#);
        self.put("X", track, name, rest)
    }

    fn name(&mut self, what: &str, track: u64, name: &str) -> io::Result<()> {
        let name = format_args!(r#","args":{{"name":{}}}"#, Json(name)).to_string();
        self.put("M", track, what, format_args!("{name}"))
    }

    /// Writes one object. Times are microseconds.
    fn put(
        &mut self,
        phase: &str,
        track: u64,
        name: &str,
        rest: fmt::Arguments<'_>,
    ) -> io::Result<()> {
        let pid = self.process;
        let (micros, nanos) = (self.time / 1000, self.time % 1000);
        write!(
            self.out,
            ",\n{{\"ph\":\"{phase}\",\"pid\":{pid},\"tid\":{track},\"ts\":{micros}.{nanos:03}"
        )?;
        // The end of a slice needs no name.
        if !name.is_empty() {
            write!(self.out, ",\"name\":{}", Json(name))?;
        }
        write!(self.out, "{rest}}}")
    }
}

/// A string as JSON has it.
struct Json<'a>(&'a str);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}
