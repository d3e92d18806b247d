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
//! This file and those in it need only the library. A test or an exercise can draw its own run:
//! include this file with `#[path]`, and call [`draw`].
//!
//! Read next: `steps.rs`, which tells the same run turn by turn.

// Named, so that a file elsewhere that includes this one gets all three.
#[path = "lanes.rs"]
pub mod lanes;
#[path = "text.rs"]
pub mod text;

use demitasse::Event;
use lanes::Lanes;
use lanes::lane::{Lane, Span, State};
use std::fmt::Write;
use std::time::Duration;
pub use text::Style;
use text::{Unit, fit};

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

/// The scale of a picture: when it ends, and in which unit it says its times.
#[derive(Clone, Copy)]
pub struct Axis {
    /// The latest moment that is drawn.
    pub end: Duration,
    /// The unit of all times in the picture, and of sentences about it.
    pub unit: Unit,
}

impl Axis {
    /// For runs that end at these times.
    pub fn of(ends: impl Iterator<Item = Duration> + Clone) -> Self {
        Axis {
            end: ends.clone().max().unwrap_or_default(),
            unit: Unit::of(ends),
        }
    }
}

/// The sign of a state, and the number of its colour.
fn sign(state: State, style: &Style) -> (char, &'static str) {
    let (sign, ascii, colour) = match state {
        State::Works => ('●', 'o', "32"),
        State::Waits => ('─', '-', "36"),
        State::Ready => ('░', ':', "33"),
        State::Holds => ('█', '#', "31"),
        State::Parked => ('·', '.', "2"),
        State::Lost => ('×', 'x', "1;31"),
    };
    (if style.ascii { ascii } else { sign }, colour)
}

/// What each sign means, in the order in which the picture explains them.
const LEGEND: [(State, &str); 6] = [
    (State::Works, "works"),
    (State::Waits, "waits, and leaves the thread free"),
    (State::Holds, "holds the thread, and nothing else can run"),
    (State::Ready, "was woken, and is not polled yet"),
    (State::Parked, "the thread is parked"),
    (State::Lost, "kept no waker: waits for ever"),
];

/// Draws runs on a shared axis, and explains the signs.
pub fn draw(runs: &[Run<'_>], style: &Style) -> String {
    let ends = runs.iter().filter_map(|run| run.events.last());
    let axis = Axis::of(ends.map(|event| event.time));
    let (lanes, seen) = draw_lanes(runs, axis, style);
    lanes + "\n" + &legend(&seen, style)
}

/// Draws runs on an axis. Gives the states that can be seen, too.
pub fn draw_lanes(runs: &[Run<'_>], axis: Axis, style: &Style) -> (String, Vec<State>) {
    let read = |run: &Run<'_>| (run.title.to_string(), Lanes::read(run.events, MOST_LANES));
    let runs: Vec<_> = runs.iter().map(read).collect();
    let longest = |(title, run): &(String, Lanes)| {
        let labels = all(run).map(|lane| lane.label.chars().count());
        labels.max().max(title.chars().count().checked_sub(2))
    };
    let label = runs.iter().filter_map(longest).max().unwrap_or(0);
    let label = label.min(LONGEST_LABEL) + 4;
    let mut picture = Picture {
        style,
        label,
        columns: style.width.saturating_sub(label + COUNTS).max(10),
        end: axis.end,
        unit: axis.unit,
        seen: Vec::new(),
        text: String::new(),
    };
    picture.axis();
    for (number, (title, run)) in runs.iter().enumerate() {
        picture.text += if number > 0 { "\n" } else { "" };
        picture.run(title, run);
    }
    (picture.text, picture.seen)
}

/// What the signs of these states mean.
pub fn legend(seen: &[State], style: &Style) -> String {
    let mut text = String::new();
    let mut used = 0;
    for (state, meaning) in LEGEND.into_iter().filter(|(state, _)| seen.contains(state)) {
        let length = meaning.len() + 5;
        if used > 0 && used + length > style.width {
            text.push('\n');
            used = 0;
        }
        used += length;
        let (sign, colour) = sign(state, style);
        let sign = style.paint(colour, &sign.to_string());
        let _ = write!(text, "   {sign} {meaning}");
    }
    text + "\n"
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
    unit: Unit,
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
        for (time, text) in self.unit.ticks(self.end, self.columns / 9) {
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
        let took = self.unit.spell(run.end);
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
            let (sign, colour) = sign(state, self.style);
            let signs: String = run.iter().map(|_| sign).collect();
            cells += &self.style.paint(colour, &signs);
        }
        cells
    }

    /// What the lane did in each column.
    fn shares(&self, lane: &Lane) -> Vec<Share> {
        let mut shares = vec![Share::default(); self.columns];
        for (number, span) in lane.spans.iter().enumerate() {
            let state = self.state(&lane.spans, number);
            let (first, last) = (self.column(span.from), self.column(span.to));
            shares[first].is_polled |= state == State::Works;
            shares[first].is_lost |= state == State::Lost;
            for (column, share) in (first..).zip(&mut shares[first..=last]) {
                let from = span.from.max(self.time(column));
                let to = span.to.min(self.time(column + 1));
                share.add(state, to.saturating_sub(from));
            }
        }
        shares
    }

    /// The state of a span as it is drawn. The little work before and after a hold is part of it.
    fn state(&self, spans: &[Span], number: usize) -> State {
        let Span { from, to, state } = spans[number];
        let is_short = to - from < self.time(1);
        let neighbours = [number.wrapping_sub(1), number + 1].map(|number| spans.get(number));
        let mut neighbours = neighbours.iter().flatten();
        let is_beside = neighbours.any(|span| span.state == State::Holds);
        match state {
            State::Works if is_short && is_beside => State::Holds,
            state => state,
        }
    }
}

/// How a column's time is shared out.
#[derive(Clone, Default)]
struct Share {
    /// By state.
    times: [Duration; LEGEND.len()],
    is_polled: bool,
    is_lost: bool,
}

impl Share {
    fn add(&mut self, state: State, time: Duration) {
        self.times[state as usize] += time;
    }

    fn state(&self) -> Option<State> {
        let states = LEGEND.iter().map(|(state, _)| *state);
        let most = states.max_by_key(|state| self.times[*state as usize]);
        let most = most.filter(|state| !self.times[*state as usize].is_zero());
        match most {
            _ if self.is_lost => Some(State::Lost),
            Some(State::Holds) => most,
            _ if self.is_polled => Some(State::Works),
            _ => most,
        }
    }
}
