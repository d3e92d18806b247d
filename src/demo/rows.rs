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
use super::{Run, blocking, compare, concurrent, console, record};
use crate::view::timeline::{self, Axis, Style};
use demitasse::{gather, instrument, spawn};
use std::pin::Pin;
use std::time::Duration;

/// A row: what it is, how one writes it, what it teaches. The last two are for one fetch, for two,
/// and for more.
struct Row {
    title: &'static str,
    what: &'static str,
    code: [&'static str; 3],
    why: [&'static str; 3],
    fetch_all: fn(Vec<String>, Duration) -> Fetches,
}

type Fetches = Pin<Box<dyn Future<Output = Vec<String>>>>;

const GATHER: [&str; 3] = [
    "gather([fetch(a)]).await",
    "gather([fetch(a), fetch(b)]).await",
    "gather([fetch(a), fetch(b), ...]).await",
];

const ROWS: [Row; 5] = [
    Row {
        title: "(a) blocking",
        what: "one after the other, each with a blocking sleep",
        code: ["fetch(a)", "fetch(a); fetch(b)", "fetch(a); fetch(b); ..."],
        why: [
            "The thread is held while A waits, and nothing else can run.",
            "The thread is held while A waits, so B cannot even begin.",
            "The thread is held while A waits, so the others cannot even begin.",
        ],
        fetch_all: |endpoints, delay| {
            Box::pin(async move { blocking::fetch_all(&endpoints, delay) })
        },
    },
    Row {
        title: "(b) in turn",
        what: "async, but awaited one after another",
        code: [
            "fetch(a).await",
            "fetch(a).await; fetch(b).await",
            "fetch(a).await; fetch(b).await; ...",
        ],
        why: [
            "The thread is free while A waits, but there is nothing else to do.",
            "The thread is free while A waits, but B has not begun: `await` waits for A alone.",
            "The thread is free while A waits, but no other has begun: `await` waits for A alone.",
        ],
        fetch_all: |endpoints, delay| Box::pin(in_turn(endpoints, delay)),
    },
    Row {
        title: "(c) gathered",
        what: "async, and gathered",
        code: GATHER,
        why: [
            "A single wait has no other to overlap with.",
            "Both begin before either is done, so the waits overlap.",
            "All begin before the first is done, so the waits overlap.",
        ],
        fetch_all: |endpoints, delay| {
            Box::pin(async move { concurrent::fetch_all(&endpoints, delay).await })
        },
    },
    Row {
        title: "(d) spawned",
        what: "async, spawned, then joined",
        code: [
            "let a = spawn(fetch(a)); a.await",
            "let (a, b) = (spawn(fetch(a)), spawn(fetch(b))); a.await; b.await",
            "let tasks = [spawn(fetch(a)), spawn(fetch(b)), ...]; then await each",
        ],
        why: ["A spawned task runs by itself, whether or not anything awaits it yet."; 3],
        fetch_all: |endpoints, delay| Box::pin(spawned(endpoints, delay)),
    },
    Row {
        title: "(e) held",
        what: "async, and gathered, but each with a blocking sleep",
        code: GATHER,
        why: [
            "The thread is held while A waits: `gather` changes nothing about that.",
            "A wait that holds the thread holds everything: `gather` cannot poll B meanwhile.",
            "A wait that holds the thread holds everything: `gather` cannot poll the others meanwhile.",
        ],
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
    let number = args.tasks.min(3) - 1;
    let mut runs: Vec<Run> = Vec::new();
    let mut seen = Vec::new();
    for row in &ROWS {
        let heading = format!("{}: {}", row.title, row.what);
        console::print(&style.paint("1", &heading));
        console::print(&format!("    {}\n", row.code[number]));
        let fetches = (row.fetch_all)(args.endpoints(), args.delay);
        let (mut run, _) = record(row.title, args, style, fetches);
        run.why = row.why[number];
        let took = run.took;
        runs.push(run);
        let axis = axis(args, &runs);
        let drawn = runs.last().map(Run::as_drawn);
        let (lanes, states) = timeline::draw_lanes(drawn.as_slice(), axis, style);
        console::print(&format!("\n{lanes}"));
        let took = axis.unit.spell(took);
        let sentence = match args.delay.is_zero() {
            true => format!("{took}.\n"),
            false => format!("{took}. {}\n", row.why[number]),
        };
        console::print_wrapped(&sentence, style.width);
        seen.extend(states);
    }
    console::print(&timeline::legend(&seen, style));
    runs
}

/// The scale of the rows so far, and of those to come: none takes less than the delay.
fn axis(args: &Args, runs: &[Run]) -> Axis {
    Axis::of(runs.iter().map(|run| run.took).chain([args.delay]))
}

/// What is said at the end.
pub fn closing(args: &Args, runs: &[Run]) -> String {
    let unit = axis(args, runs).unit;
    let times = runs.iter().map(|run| {
        let letter = run.title.split(' ').next().unwrap_or_default();
        format!("{letter} {}", unit.spell(run.took))
    });
    let times: Vec<String> = times.collect();
    let why = match args.tasks {
        _ if args.delay.is_zero() => return compare::NO_DELAY.to_string(),
        1 => "a single wait takes as long however it is written. Try `--tasks 2`.",
        2 => "waits overlap where both begin before either is done, and neither holds the thread.",
        _ => "waits overlap where all begin before the first is done, and none holds the thread.",
    };
    format!("{}: {why}", times.join(", "))
}
