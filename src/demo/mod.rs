//! What the binary runs: the same fetches, waiting in different ways.
//!
//! | file | what it is |
//! |---|---|
//! | `blocking.rs` | one after the other: each wait holds the thread |
//! | `concurrent.rs` | the same, line for line, on the event loop |
//! | `compare.rs` | runs the two, and says what the difference is |
//! | `rows.rs` | five ways to write it, two of which help |
//! | `forgotten.rs` | a future that keeps no waker |
//! | `exercises/` | which exercises are solved |
//! | `bars.rs` | what grows on a terminal meanwhile |
//! | `args.rs`, `values.rs` | what the user asked for |
//! | `export.rs` | the files that are written |
//! | `console.rs` | standard output |
//!
//! All of it runs on an event loop that tells what it does, also the blocking path, which never
//! gives the loop a turn. So all runs yield the same kind of events, one clock serves them, and one
//! picture can show them side by side.
//!
//! Times are measured on the loop's clock, in the run itself.

pub mod args;
mod bars;
mod blocking;
pub mod compare;
mod concurrent;
pub mod console;
pub mod exercises;
pub mod export;
pub mod forgotten;
pub mod rows;
mod values;

use crate::view::replay;
use crate::view::timeline::{self, Style};
use args::Args;
use bars::Bars;
use console::say;
use demitasse::{Event, EventLoop, instrument};
use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A run that is over.
pub struct Run {
    /// What the pictures call it.
    pub title: &'static str,
    /// From the loop's beginning to its end: what the pictures show.
    pub took: Duration,
    /// All that the loop told.
    pub events: Vec<Event>,
    /// What it teaches beside others. May be empty.
    pub why: &'static str,
    /// The beginning of a line of its source that no event names: it is marked where somebody is
    /// never woken. May be empty.
    pub also: &'static str,
}

impl Run {
    fn new(title: &'static str, events: Vec<Event>) -> Self {
        Run {
            title,
            took: events.last().map_or(Duration::ZERO, |event| event.time),
            events,
            why: "",
            also: "",
        }
    }

    /// As the views take it.
    pub fn as_drawn(&self) -> timeline::Run<'_> {
        timeline::Run {
            title: self.title,
            events: &self.events,
        }
    }

    /// As the page takes it.
    fn as_replayed(&self) -> replay::Run<'_> {
        replay::Run {
            title: self.title,
            why: self.why,
            events: &self.events,
            also: self.also,
        }
    }
}

/// Runs the fetches on an event loop, and keeps all that it tells. Gives the data, too.
fn record<F>(title: &'static str, args: &Args, style: &Style, fetches: F) -> (Run, Vec<String>)
where
    F: Future<Output = Vec<String>>,
{
    console::expect_lines(args.tasks);
    let bars = match args.is_virtual {
        true => None,
        false => Bars::new(&args.endpoints(), *style),
    };
    let (event_loop, events) = watched_loop(args.is_virtual, bars.clone());
    let data = event_loop.block_on(async {
        bars.iter().for_each(Bars::spawn);
        fetches.await
    });
    let run = Run::new(title, bars::without(events.take()));
    bars.iter().for_each(|bars| bars.finish(run.took));
    (run, data)
}

/// An event loop, and where the events will be.
fn watched_loop(is_virtual: bool, bars: Option<Bars>) -> (EventLoop, Rc<RefCell<Vec<Event>>>) {
    let event_loop = match is_virtual {
        true => EventLoop::simulated(),
        false => EventLoop::new(),
    };
    let events = Rc::new(RefCell::new(Vec::new()));
    let recorder = Rc::clone(&events);
    let event_loop = event_loop.on_event(move |event| {
        bars.iter().for_each(|bars| bars.notice(event));
        recorder.borrow_mut().push(event.clone());
    });
    (event_loop, events)
}

/// [`instrument`] for code that does not wait as futures do: it is polled once, and is done.
#[track_caller]
fn named<T>(label: &str, work: impl FnOnce() -> T) -> T {
    let future = pin!(instrument(label, async { work() }));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a future that awaits nothing is ready at once"),
    }
}
