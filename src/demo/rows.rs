//! Five ways to write the same fetches. All compile, all are right, and only two are fast.
//!
//! These are the rows of a table that every beginner fills in, usually one surprise at a time. The
//! word `async` by itself gains nothing (b), nor does `gather` (e). What counts is that the second
//! fetch is begun before the first is done, and that a wait gives the thread back.
//!
//! A row is run, drawn and explained before the next begins. The first is the longest, so its axis
//! serves for all.
//!
//! Read next: `forgotten.rs`.

use super::args::Args;
use super::{Run, blocking, concurrent, console, record};
use crate::view::timeline::text::spell;
use crate::view::timeline::{self, Style};
use demitasse::{gather, instrument, spawn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::time::Duration;

/// A row: what it is, how one writes it, what it teaches.
struct Row {
    title: &'static str,
    what: &'static str,
    code: &'static str,
    why: &'static str,
    fetch_all: fn(Vec<String>, Duration) -> Fetches,
}

type Fetches = Pin<Box<dyn Future<Output = Vec<String>>>>;

const ROWS: [Row; 5] = [
    Row {
        title: "(a) blocking",
        what: "one after the other, each with a blocking sleep",
        code: "fetch(a); fetch(b)",
        why: "The thread is held while A waits, so B cannot even begin.",
        fetch_all: |endpoints, delay| {
            Box::pin(async move { blocking::fetch_all(&endpoints, delay) })
        },
    },
    Row {
        title: "(b) in turn",
        what: "async, but awaited one after another",
        code: "fetch(a).await; fetch(b).await",
        why: "The thread is free while A waits, but nobody has begun B: `await` waits for one.",
        fetch_all: |endpoints, delay| Box::pin(in_turn(endpoints, delay)),
    },
    Row {
        title: "(c) gathered",
        what: "async, and gathered",
        code: "gather([fetch(a), fetch(b)]).await",
        why: "Both are begun before either is done, so the waits overlap.",
        fetch_all: |endpoints, delay| {
            Box::pin(async move { concurrent::fetch_all(&endpoints, delay).await })
        },
    },
    Row {
        title: "(d) spawned",
        what: "async, spawned, then joined",
        code: "let (a, b) = (spawn(fetch(a)), spawn(fetch(b))); a.await; b.await",
        why: "A spawned task runs by itself, whether or not anybody awaits it yet.",
        fetch_all: |endpoints, delay| Box::pin(spawned(endpoints, delay)),
    },
    Row {
        title: "(e) held",
        what: "async, and gathered, but each with a blocking sleep",
        code: "gather([fetch(a), fetch(b)]).await",
        why: "A wait that holds the thread holds everybody: `gather` cannot poll B meanwhile.",
        fetch_all: |endpoints, delay| Box::pin(held(endpoints, delay)),
    },
];

async fn in_turn(endpoints: Vec<String>, delay: Duration) -> Vec<String> {
    let mut data = Vec::new();
    for endpoint in &endpoints {
        let fetch = concurrent::fetch(endpoint, delay);
        data.push(instrument(endpoint.as_str(), fetch).await);
    }
    data
}

async fn spawned(endpoints: Vec<String>, delay: Duration) -> Vec<String> {
    let fetches = endpoints.into_iter().map(|endpoint| {
        let label = endpoint.clone();
        let fetch = async move { concurrent::fetch(&endpoint, delay).await };
        spawn(instrument(label, fetch))
    });
    let handles: Vec<_> = fetches.collect();
    let mut data = Vec::new();
    for handle in handles {
        data.push(handle.await.expect("a fetch does not panic"));
    }
    data
}

async fn held(endpoints: Vec<String>, delay: Duration) -> Vec<String> {
    let fetches = endpoints.iter().map(|endpoint| {
        let fetch = async move { blocking::fetch(endpoint, delay) };
        instrument(endpoint.as_str(), fetch)
    });
    gather(fetches).await
}

/// Runs, draws and explains each row.
pub fn run(args: &Args, style: &Style) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut axis = Duration::ZERO;
    let mut seen = Vec::new();
    for row in &ROWS {
        let heading = format!("{}: {}", row.title, row.what);
        console::print(&style.paint("1", &heading));
        console::print(&format!("    {}\n", row.code));
        let fetches = (row.fetch_all)(args.endpoints(), args.delay);
        let (run, data) = record(row.title, args, style, fetches);
        data.unwrap_or_else(|panic| resume_unwind(panic));
        axis = axis.max(run.took);
        let (lanes, states) = timeline::draw_lanes(&[run.as_drawn()], axis, style);
        console::print(&format!("\n{lanes}"));
        let took = spell(run.took);
        console::print_wrapped(&format!("{took}. {}\n", row.why), style.width);
        seen.extend(states);
        runs.push(run);
    }
    console::print(&timeline::legend(&seen, style));
    runs
}

/// The one sentence at the end.
pub fn closing(runs: &[Run]) -> String {
    let times = runs.iter().map(|run| {
        let letter = run.title.split(' ').next().unwrap_or_default();
        format!("{letter} {}", spell(run.took))
    });
    let times: Vec<String> = times.collect();
    format!(
        "{}: waits overlap where all are begun before the first is done, and none holds the \
         thread.",
        times.join(", ")
    )
}
