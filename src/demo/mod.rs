//! What the binary runs: the same fetches, waiting in different ways.
//!
//! | file | what it is |
//! |---|---|
//! | `blocking.rs` | one after the other: each wait holds the thread |
//! | `concurrent.rs` | the same, line for line, on the event loop |
//! | `args.rs` | what the user asked for |
//! | `console.rs` | standard output |
//!
//! Both paths run on an event loop that tells what it does, also the blocking one, which never
//! gives the loop a turn. So both yield the same kind of events, one clock serves both, and one
//! picture can show both.
//!
//! Times are measured on the loop's clock, in the run itself.

pub mod args;
mod blocking;
mod concurrent;
pub mod console;

use crate::view::timeline::spell;
use args::Args;
use console::say;
use demitasse::{Event, EventKind, EventLoop, instrument, now};
use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The lines of more fetches than this are cut short, to the first few.
const MANY: usize = 100;
const FEW: usize = 10;

/// A run that is over.
pub struct Run {
    /// What the pictures call it.
    pub title: &'static str,
    /// From the first fetch to the last answer.
    pub took: Duration,
    /// All that the loop told.
    pub events: Vec<Event>,
}

/// The blocking path: fetches, and says how long it took.
pub fn run_blocking(args: &Args) -> Run {
    let endpoints = args.endpoints();
    let fetches = async { blocking::fetch_all(&endpoints, args.delay) };
    let (run, data) = record("blocking", args, fetches);
    report("synchronous", &run, &endpoints, &data);
    run
}

/// The concurrent path, likewise.
pub fn run_concurrent(args: &Args) -> Run {
    let endpoints = args.endpoints();
    let fetches = concurrent::fetch_all(&endpoints, args.delay);
    let (run, data) = record("async", args, fetches);
    report("asynchronous", &run, &endpoints, &data);
    run
}

/// One path, then the other.
pub fn compare(args: &Args) -> Vec<Run> {
    let blocking = run_blocking(args);
    console::print("");
    vec![blocking, run_concurrent(args)]
}

/// Runs the fetches on an event loop, and keeps all that it tells.
fn record<F>(title: &'static str, args: &Args, fetches: F) -> (Run, Vec<String>)
where
    F: Future<Output = Vec<String>>,
{
    let event_loop = match args.is_virtual {
        true => EventLoop::simulated(),
        false => EventLoop::new(),
    };
    let events = Rc::new(RefCell::new(Vec::new()));
    let recorder = Rc::clone(&events);
    console::expect_lines(args.tasks);
    let (took, data) = event_loop
        .on_event(move |event| recorder.borrow_mut().push(event.clone()))
        .block_on(async {
            let start = now();
            let data = fetches.await;
            (now() - start, data)
        });
    let events = events.take();
    let run = Run {
        title,
        took,
        events,
    };
    (run, data)
}

/// [`instrument`] for code that does not wait as futures do: it is polled once, and is done.
fn named<T>(label: &str, work: impl FnOnce() -> T) -> T {
    let future = pin!(instrument(label, async { work() }));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a future that awaits nothing is ready at once"),
    }
}

fn report(kind: &str, run: &Run, endpoints: &[String], data: &[String]) {
    let sizes = endpoints.iter().zip(data).map(|(endpoint, data)| {
        let name = endpoint.trim_start_matches("Endpoint ");
        format!("Data {name} size: {}", data.len())
    });
    let shown = console::shown_of(endpoints.len());
    let mut sizes: Vec<String> = sizes.take(shown).collect();
    if shown < endpoints.len() {
        sizes.push(format!("... and {} more", endpoints.len() - shown));
    }
    let took = run.took.as_secs_f64();
    console::print(&format!("\nTotal {kind} time: {took:.2} seconds"));
    console::print(&sizes.join(", "));
}

/// The one sentence at the end.
pub fn closing(runs: &[Run]) -> String {
    match runs {
        [blocking, concurrent] => compared(blocking.took, concurrent.took),
        [run] => shared_out(run),
        _ => String::new(),
    }
}

fn compared(blocking: Duration, concurrent: Duration) -> String {
    let ratio = blocking.as_secs_f64() / concurrent.as_secs_f64();
    if !ratio.is_finite() {
        return "Without a delay there is nothing to wait for, and nothing to gain.".to_string();
    }
    let why = match ratio {
        1.1.. => "because the waits overlap",
        _ => "because there was nothing to overlap",
    };
    let (blocking, concurrent) = (spell(blocking), spell(concurrent));
    format!(
        "On one thread, async took {concurrent} instead of {blocking}: {ratio:.2} times as fast, \
         {why}."
    )
}

/// What the thread did.
fn shared_out(run: &Run) -> String {
    let mut held = Duration::ZERO;
    let mut parked = Duration::ZERO;
    let mut since = Duration::ZERO;
    for event in &run.events {
        match event.kind {
            EventKind::BlockStarted { .. } | EventKind::Parked { .. } => since = event.time,
            EventKind::BlockEnded { .. } => held += event.time - since,
            EventKind::Unparked => parked += event.time - since,
            _ => {}
        }
    }
    let took = spell(run.took);
    if held > parked {
        let held = spell(held);
        return format!("Of {took}, the thread was held for {held}: nothing else could run.");
    }
    let parked = spell(parked);
    format!("Of {took}, the thread was parked for {parked}: free for whatever else there is.")
}
