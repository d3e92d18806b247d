//! The main job: both paths, their times, and the difference.
//!
//! The article's two programs end with the same lines: how long it took, and how much data came. So
//! do these. The times are those of the run, measured on its clock, and never what the delays add
//! up to.
//!
//! One sentence ends it. For both paths it is how many times as fast the one was; for one path
//! alone, what its thread did all the time.
//!
//! Read next: `rows.rs`.

use super::args::Args;
use super::{Run, blocking, concurrent, console, record};
use crate::view::timeline::Style;
use crate::view::timeline::text::spell;
use demitasse::EventKind;
use std::panic::resume_unwind;
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
    let data = data.unwrap_or_else(|panic| resume_unwind(panic));
    let took = run.took.as_secs_f64();
    console::print(&format!("\nTotal {kind} time: {took:.2} seconds"));
    console::print(&format!("{}\n", sizes(&args.endpoints(), &data)));
    run
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

/// The one sentence at the end.
pub fn closing(runs: &[Run]) -> String {
    match runs {
        [blocking, concurrent] => compared(blocking.took, concurrent.took),
        runs => runs.iter().map(shared_out).collect(),
    }
}

fn compared(blocking: Duration, concurrent: Duration) -> String {
    let ratio = blocking.as_secs_f64() / concurrent.as_secs_f64();
    if !ratio.is_finite() {
        return "Without a delay there is nothing to wait for, and nothing to gain.".to_string();
    }
    let (blocking, concurrent) = (spell(blocking), spell(concurrent));
    format!(
        "On one thread, async took {concurrent} instead of {blocking}: {ratio:.2} times as fast."
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
