//! The main job: both paths, their times, and the difference.
//!
//! The article's two programs end with the same lines: how long it took, and how much data came. So
//! do these. The times are those of the run, measured on its clock, and never what the delays add
//! up to.
//!
//! A sentence or two end it. For both paths they say how many times as fast the one was, and why;
//! for one path alone, what its thread did all the time. Where nothing is gained, that is said.
//!
//! Read next: `rows.rs`.

use super::args::Args;
use super::{Run, blocking, concurrent, console, record};
use crate::view::timeline::Style;
use crate::view::timeline::text::Unit;
use demitasse::EventKind;
use std::time::Duration;

/// The blocking path: fetches, and says how long it took.
pub fn blocking(args: &Args, style: &Style) -> Run {
    let endpoints = args.endpoints();
    let fetches = async { blocking::fetch_all(&endpoints, args.delay) };
    run("blocking", "synchronous", args, style, fetches)
}

/// The concurrent path, likewise.
pub fn concurrent(args: &Args, style: &Style) -> Run {
    let endpoints = args.endpoints();
    let fetches = concurrent::fetch_all(&endpoints, args.delay);
    run("async", "asynchronous", args, style, fetches)
}

fn run<F>(title: &'static str, kind: &str, args: &Args, style: &Style, fetches: F) -> Run
where
    F: Future<Output = Vec<String>>,
{
    let (run, data) = record(title, args, style, fetches);
    let took = seconds(run.took);
    console::print(&format!("\nTotal {kind} time: {took} seconds"));
    console::print(&format!("{}\n", sizes(&args.endpoints(), &data)));
    run
}

/// With two decimals, as the article has it, or as many as a short time needs.
fn seconds(time: Duration) -> String {
    let time = time.as_secs_f64();
    let decimals = match time {
        0.0 => 2,
        time => (1.0 - time.log10().floor()).max(2.0) as usize,
    };
    format!("{time:.decimals$}")
}

fn sizes(endpoints: &[String], data: &[String]) -> String {
    let sizes = endpoints.iter().zip(data).map(|(endpoint, data)| {
        let name = endpoint.trim_start_matches("Endpoint ");
        format!("Data {name} size: {}", data.len())
    });
    let shown = console::shown_of(endpoints.len());
    let mut sizes: Vec<String> = sizes.take(shown).collect();
    if shown < endpoints.len() {
        sizes.push(format!("... and {} more", endpoints.len() - shown));
    }
    sizes.join(", ")
}

/// What is said where no fetch has to wait.
pub const NO_DELAY: &str = "Without a delay there is nothing to wait for, and nothing to gain.";

/// What is said at the end.
pub fn closing(args: &Args, runs: &[Run]) -> String {
    match runs {
        _ if args.delay.is_zero() => NO_DELAY.to_string(),
        [blocking, concurrent] => compared(args.tasks, blocking.took, concurrent.took),
        runs => runs.iter().map(shared_out).collect(),
    }
}

fn compared(tasks: usize, blocking: Duration, concurrent: Duration) -> String {
    let ratio = blocking.as_secs_f64() / concurrent.as_secs_f64();
    let decimals = if ratio < 100.0 { 2 } else { 0 };
    let unit = Unit::of([blocking, concurrent]);
    let (blocking, concurrent) = (unit.spell(blocking), unit.spell(concurrent));
    let others = match tasks {
        1 => {
            return format!(
                "A single fetch took {blocking} blocking and {concurrent} async: it has no other \
                 wait to overlap with. Try `--tasks 2`."
            );
        }
        _ if ratio < 1.1 => {
            return format!(
                "Async took {concurrent}, blocking {blocking}: waits as short as these are not \
                 worth sharing."
            );
        }
        2 => "B",
        _ => "the others",
    };
    format!(
        "On one thread, async took {concurrent} instead of {blocking}: {ratio:.decimals$} times as \
         fast. While A waited, the thread was free, so {others} began."
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
    let unit = Unit::of([run.took]);
    let (took, most) = (unit.spell(run.took), unit.spell(held.max(parked)));
    match held > parked {
        true => format!("For {most} of {took} the thread was held, and nothing else could run."),
        false => format!("For {most} of {took} the thread was parked, free for other work."),
    }
}
