//! The timeline: runs as lanes on one axis, drawn with characters.
//!
//! ```text
//!                0 s            1 s            2 s            3 s
//!                ├──────────────┼──────────────┼──────────────┤
//!  async         3.00 s                                         polls wakes
//!    the thread  ●············································●     2     1
//!    Endpoint A  ●────────────────────────────────────────────●     2     1
//! ```
//!
//! A column stands for a stretch of time, and shows the state that took most of it. The exception
//! is work: a poll of a microsecond is what the picture is about, so any work is shown, unless the
//! thread was held for most of that stretch.
//!
//! Each state has a sign of its own, so colour is only an ornament, and an ASCII sign besides.
//!
//! This file and `lanes.rs` need only the library. A test or an exercise can draw its own run:
//! include this file with `#[path]`, and call [`draw`].
//!
//! Read next: `steps.rs`, which tells the same run turn by turn.

// Named, so that a file elsewhere that includes this one gets both.
#[path = "lanes.rs"]
pub mod lanes;

use demitasse::Event;
use lanes::{Lane, Lanes, State};
use std::fmt::Write;
use std::time::Duration;

/// How many lanes a run gets at most, beside the thread's. More than this is no picture.
const MOST_LANES: usize = 16;
/// Labels are cut here.
const LONGEST_LABEL: usize = 20;
/// What stands on the right of a lane.
const COUNTS: usize = 12;

/// One run, with the name that the picture gives it.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Its name.
    pub title: &'a str,
    /// All that the loop told.
    pub events: &'a [Event],
}

/// What the terminal can show.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// How many columns there are. Good from 60 to 200.
    pub width: usize,
    /// Whether it has colours.
    pub colour: bool,
    /// Whether to use no sign that is not in ASCII.
    pub ascii: bool,
}

impl Style {
    /// The sign of a state, and the number of its colour.
    fn sign(&self, state: State) -> (char, &'static str) {
        let (sign, ascii, colour) = match state {
            State::Works => ('●', 'o', "32"),
            State::Waits => ('─', '-', "36"),
            State::Ready => ('░', ':', "33"),
            State::Holds => ('█', '#', "31"),
            State::Parked => ('·', '.', "2"),
            State::Lost => ('×', 'x', "1;31"),
        };
        (if self.ascii { ascii } else { sign }, colour)
    }

    /// Text in a colour, if there are colours.
    pub fn paint(&self, colour: &str, text: &str) -> String {
        match self.colour {
            true => format!("\x1b[{colour}m{text}\x1b[0m"),
            false => text.to_string(),
        }
    }
}

/// What each sign means, in the order in which the picture explains them.
const LEGEND: [(State, &str); 6] = [
    (State::Works, "works"),
    (State::Waits, "waits, and leaves the thread free"),
    (State::Holds, "holds the thread, and nothing else can run"),
    (State::Ready, "is ready, and waits for the thread"),
    (State::Parked, "the thread is parked"),
    (State::Lost, "kept no waker: waits for ever"),
];

/// Draws runs on a shared axis that is at least `least` long.
pub fn draw(runs: &[Run<'_>], least: Duration, style: &Style) -> String {
    let read = |run: &Run<'_>| (run.title.to_string(), Lanes::read(run.events, MOST_LANES));
    let runs: Vec<_> = runs.iter().map(read).collect();
    let lanes = runs.iter().flat_map(|(_, run)| all(run));
    let longest = lanes.map(|lane| lane.label.chars().count()).max();
    let label = longest.unwrap_or(0).min(LONGEST_LABEL) + 4;
    let ends = runs.iter().map(|(_, run)| run.end);
    let mut picture = Picture {
        style,
        label,
        columns: style.width.saturating_sub(label + COUNTS).max(10),
        end: ends.fold(least, Duration::max),
        seen: Vec::new(),
        text: String::new(),
    };
    picture.axis();
    for (title, run) in &runs {
        picture.run(title, run);
    }
    picture.legend();
    picture.text
}

fn all(run: &Lanes) -> impl Iterator<Item = &Lane> {
    [&run.thread].into_iter().chain(&run.lanes)
}

/// A picture, while it is drawn.
struct Picture<'a> {
    style: &'a Style,
    /// How many columns are for labels, and how many for time.
    label: usize,
    columns: usize,
    end: Duration,
    /// The states that were drawn.
    seen: Vec<State>,
    text: String,
}

impl Picture<'_> {
    /// The column of a moment. The end is in the last one.
    fn column(&self, time: Duration) -> usize {
        let column = time.as_nanos() * self.columns as u128 / self.end.as_nanos().max(1);
        (column as usize).min(self.columns - 1)
    }

    /// When a column begins.
    fn time(&self, column: usize) -> Duration {
        self.end.mul_f64(column as f64 / self.columns as f64)
    }

    /// The scale: two lines.
    fn axis(&mut self) {
        let [line, first, tick, last] = match self.style.ascii {
            true => ['-', '+', '+', '+'],
            false => ['─', '├', '┼', '┤'],
        };
        let mut ruler = vec![line; self.columns];
        let mut marks = String::new();
        for (time, text) in ticks(self.end, self.columns / 12) {
            let column = self.column(time);
            ruler[column] = tick;
            let gap = column.saturating_sub(marks.chars().count());
            let _ = write!(marks, "{:gap$}{text}", "");
        }
        ruler[0] = first;
        ruler[self.columns - 1] = last;
        let ruler = self.style.paint("2", &String::from_iter(ruler));
        let indent = self.label;
        let _ = writeln!(self.text, "{:indent$}{marks}\n{:indent$}{ruler}", "", "");
    }

    fn run(&mut self, title: &str, run: &Lanes) {
        let (wide, narrow, columns) = (self.label - 2, self.label - 4, self.columns);
        let title = format!(" {:<wide$} ", fit(title, wide));
        let title = self.style.paint("1", &title);
        let took = spell(run.end);
        let _ = writeln!(self.text, "{title}{took:<columns$} polls wakes");
        for lane in all(run) {
            let cells = self.cells(lane);
            let name = fit(&lane.label, narrow);
            let (polls, wakes) = (lane.polls, lane.wakes);
            let _ = writeln!(
                self.text,
                "   {name:<narrow$} {cells} {polls:>5} {wakes:>5}"
            );
        }
        if run.left_out > 0 {
            let _ = writeln!(self.text, "   ... and {} more lanes", run.left_out);
        }
        self.text.push('\n');
    }

    /// A lane's columns as text.
    fn cells(&mut self, lane: &Lane) -> String {
        let shares = self.shares(lane);
        let mut cells = String::new();
        for run in shares.chunk_by(|a, b| a.state() == b.state()) {
            let Some(state) = run[0].state() else {
                cells.extend(run.iter().map(|_| ' '));
                continue;
            };
            self.seen.push(state);
            let (sign, colour) = self.style.sign(state);
            let signs: String = run.iter().map(|_| sign).collect();
            cells += &self.style.paint(colour, &signs);
        }
        cells
    }

    /// What the lane did in each column.
    fn shares(&self, lane: &Lane) -> Vec<Share> {
        let mut shares = vec![Share::default(); self.columns];
        let mut held = false;
        for span in &lane.spans {
            let (first, last) = (self.column(span.from), self.column(span.to));
            // What follows a hold is the end of the same poll.
            shares[first].is_polled |= span.state == State::Works && !held;
            shares[first].is_lost |= span.state == State::Lost;
            for (column, share) in (first..).zip(&mut shares[first..=last]) {
                let from = span.from.max(self.time(column));
                let to = span.to.min(self.time(column + 1));
                share.add(span.state, to.saturating_sub(from));
            }
            held = span.state == State::Holds;
        }
        shares
    }

    /// What the signs mean: those that were drawn.
    fn legend(&mut self) {
        let mut used = 0;
        for (state, meaning) in LEGEND {
            if !self.seen.contains(&state) {
                continue;
            }
            let length = meaning.len() + 5;
            if used > 0 && used + length > self.style.width {
                self.text.push('\n');
                used = 0;
            }
            used += length;
            let (sign, colour) = self.style.sign(state);
            let sign = self.style.paint(colour, &sign.to_string());
            let _ = write!(self.text, "   {sign} {meaning}");
        }
        self.text.push('\n');
    }
}

/// How a column's time is shared out.
#[derive(Clone, Default)]
struct Share {
    most: Option<(Duration, State)>,
    is_polled: bool,
    is_lost: bool,
}

impl Share {
    fn add(&mut self, state: State, time: Duration) {
        if !time.is_zero() && self.most.is_none_or(|(most, _)| time > most) {
            self.most = Some((time, state));
        }
    }

    fn state(&self) -> Option<State> {
        match self.most {
            _ if self.is_lost => Some(State::Lost),
            Some((_, State::Holds)) => Some(State::Holds),
            _ if self.is_polled => Some(State::Works),
            most => most.map(|(_, state)| state),
        }
    }
}

/// At most so many moments of the axis and one more, at a round distance, each with its text.
fn ticks(end: Duration, most: usize) -> Vec<(Duration, String)> {
    let end = end.as_nanos();
    let (unit, name) = match end {
        0..1_000 => (1.0, "ns"),
        1_000..1_000_000 => (1e3, "us"),
        1_000_000..1_000_000_000 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    let decades = (0..).map(|power| 10_u128.pow(power));
    let mut steps = decades.flat_map(|decade| [decade, 2 * decade, 5 * decade]);
    let step = steps.find(|step| end / step <= most.max(1) as u128);
    let step = step.expect("some step is longer than the axis");
    let tick = |number| {
        let time = number * step;
        let text = format!("{} {name}", time as f64 / unit);
        (Duration::from_nanos(time as u64), text)
    };
    (0..=end / step).map(tick).collect()
}

/// A label in at most so many columns.
fn fit(label: &str, columns: usize) -> String {
    if label.chars().count() <= columns {
        return label.to_string();
    }
    label.chars().take(columns - 1).chain(['~']).collect()
}

/// A time as people say it: `3.00 s`, `2.50 ms`.
pub fn spell(time: Duration) -> String {
    let nanos = time.as_nanos() as f64;
    match time.as_micros() {
        _ if time.is_zero() => "0 s".to_string(),
        0 => format!("{nanos} ns"),
        1..1_000 => format!("{:.2} us", nanos / 1e3),
        1_000..10_000 => format!("{:.2} ms", nanos / 1e6),
        _ => format!("{:.2} s", nanos / 1e9),
    }
}
