//! The timeline: runs as lanes on one axis, drawn with characters.
//!
//! ```text
//!                0 s            1 s            2 s            3 s
//!                ├──────────────┼──────────────┼──────────────┤
//!  async         3.00 s                                         polls wakes
//!  the thread    ●············································●     2     1
//!    Endpoint A  ●────────────────────────────────────────────●     2     1
//! ```
//!
//! A column stands for a stretch of time, and shows the state that took most of it. The exception
//! is work: a poll of a microsecond is what the picture is about, so it is shown, unless the thread
//! was held for most of that stretch, or nothing else could be seen beside it. A run too short for
//! its states to be seen is not drawn to scale, and says so.
//!
//! Futures are drawn below the thread and to the right of it: they run on it.
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
/// A run that waits between two polls needs so many columns to show it.
const SHORTEST: usize = 3;

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
    (State::Holds, "holds the thread: nothing else runs"),
    (State::Ready, "was woken, and is not polled yet"),
    (State::Parked, "the thread is parked"),
    (State::Lost, "kept no waker: waits for ever"),
];

/// What the columns on the right count.
pub const COUNTED: [&str; 2] = [
    "polls: how often it got the thread",
    "wakes: how often its wait was over",
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
        let labels = run.lanes.iter().map(|lane| lane.label.chars().count());
        let thread = run.thread.label.chars().count();
        labels
            .max()
            .max(title.chars().count().max(thread).checked_sub(2))
    };
    let label = runs.iter().filter_map(longest).max().unwrap_or(0);
    let label = label.min(LONGEST_LABEL).min(style.width / 3) + 4;
    let mut picture = Picture {
        style,
        label,
        scale: Scale {
            columns: style.width.saturating_sub(label + COUNTS).max(10),
            end: axis.end,
        },
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

/// What the signs of these states mean, and the columns on the right.
pub fn legend(seen: &[State], style: &Style) -> String {
    let seen = LEGEND.into_iter().filter(|(state, _)| seen.contains(state));
    let signs = seen.map(|(state, meaning)| {
        let (sign, colour) = sign(state, style);
        (Some(style.paint(colour, &sign.to_string())), meaning)
    });
    let counted = COUNTED.into_iter().map(|counted| (None, counted));
    let mut text = String::new();
    let mut used = 0;
    for (sign, meaning) in signs.chain(counted) {
        let length = meaning.chars().count() + if sign.is_some() { 5 } else { 3 };
        if used > 0 && (used + length > style.width || meaning == COUNTED[0]) {
            text.push('\n');
            used = 0;
        }
        used += length;
        let _ = match sign {
            Some(sign) => write!(text, "   {sign} {meaning}"),
            None => write!(text, "   {meaning}"),
        };
    }
    text + "\n"
}

/// Where in a line a moment is.
#[derive(Clone, Copy)]
struct Scale {
    columns: usize,
    end: Duration,
}

impl Scale {
    /// The column of a moment. The end is in the last one.
    fn column(self, time: Duration) -> usize {
        let column = time.as_nanos() * self.columns as u128 / self.end.as_nanos().max(1);
        (column as usize).min(self.columns - 1)
    }

    /// When a column begins.
    fn time(self, column: usize) -> Duration {
        let time = self.end.as_nanos() * column as u128;
        Duration::from_nanos(time.div_ceil(self.columns as u128) as u64)
    }

    /// A moment as it is drawn: where a column begins, if that is very near. So two that are due
    /// together, and are microseconds apart, never end in two columns.
    fn snap(self, time: Duration) -> Duration {
        let near = self.time(1) / 10;
        let begin = self.time(self.column(time + near));
        match begin.abs_diff(time) <= near {
            true => begin,
            false => time,
        }
    }

    /// The scale of a run that ends then: wider where it would hardly be seen.
    fn of_run(self, end: Duration) -> Self {
        match self.column(end) {
            column if column + 1 < SHORTEST && !end.is_zero() => Scale {
                columns: SHORTEST,
                end,
            },
            _ => self,
        }
    }
}

/// A picture, while it is drawn.
struct Picture<'a> {
    style: &'a Style,
    /// How many columns are for labels.
    label: usize,
    scale: Scale,
    unit: Unit,
    /// The states that were drawn.
    seen: Vec<State>,
    text: String,
}

impl Picture<'_> {
    /// The scale: two lines.
    fn axis(&mut self) {
        let [line, first, tick, last] = match self.style.ascii {
            true => ['-', '+', '+', '+'],
            false => ['─', '├', '┼', '┤'],
        };
        let Scale { columns, end } = self.scale;
        let mut ruler = vec![line; columns];
        let mut marks = String::new();
        let widest = (self.unit.spell(end).len() + 2).max(9);
        for (time, text) in self.unit.ticks(end, columns / widest) {
            let column = self.scale.column(time);
            ruler[column] = tick;
            let gap = column.saturating_sub(marks.chars().count());
            let _ = write!(marks, "{:gap$}{text}", "");
        }
        ruler[0] = first;
        ruler[columns - 1] = last;
        let ruler = self.style.paint("2", &String::from_iter(ruler));
        let indent = self.label;
        let _ = writeln!(self.text, "{:indent$}{marks}\n{:indent$}{ruler}", "", "");
    }

    fn run(&mut self, title: &str, run: &Lanes) {
        let (wide, columns) = (self.label - 2, self.scale.columns);
        let scale = self.scale.of_run(run.end);
        let title = format!(" {:<wide$} ", fit(title, wide));
        let title = self.style.paint("1", &title);
        let mut took = self.unit.spell(run.end);
        let note = " (too short to draw to scale)";
        if scale.columns < columns && took.len() + note.len() <= columns {
            took += note;
        }
        let _ = writeln!(self.text, "{title}{took:<columns$} polls wakes");
        self.lane(" ", &run.thread, scale);
        for lane in &run.lanes {
            self.lane("   ", lane, scale);
        }
        if run.left_out > 0 {
            let _ = writeln!(self.text, "   ... and {} more lanes", run.left_out);
        }
    }

    fn lane(&mut self, indent: &str, lane: &Lane, scale: Scale) {
        let cells = self.cells(lane, scale);
        let width = self.label - indent.len() - 1;
        let name = fit(&lane.label, width);
        let rest = self.scale.columns - scale.columns;
        let (polls, wakes) = (lane.polls, lane.wakes);
        let _ = writeln!(
            self.text,
            "{indent}{name:<width$} {cells}{:rest$} {polls:>5} {wakes:>5}",
            ""
        );
    }

    /// A lane's columns as text.
    fn cells(&mut self, lane: &Lane, scale: Scale) -> String {
        let mut cells = String::new();
        for run in states(&shares(lane, scale)).chunk_by(|a, b| a == b) {
            let Some(state) = run[0] else {
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
}

/// What is shown in each column. A poll that took least of it comes before what took most, but
/// leaves the next column to that; where there are too few columns for both, it is not shown.
fn states(shares: &[Share]) -> Vec<Option<State>> {
    let is_alive = |share: &&Share| share.is_polled || share.most().is_some();
    let works_only = |share: &Share| matches!(share.most(), None | Some(State::Works));
    let has_room = shares.iter().filter(is_alive).count() >= SHORTEST;
    let has_room = has_room || shares.iter().all(works_only);
    let mut is_free = has_room;
    let state = |share: &Share| {
        let most = share.most();
        let is_brief = share.is_polled && !matches!(most, None | Some(State::Holds | State::Works));
        let shown = match most {
            _ if share.is_lost => Some(State::Lost),
            None if share.is_polled && has_room => Some(State::Works),
            _ if is_brief && is_free => Some(State::Works),
            most => most,
        };
        is_free = has_room && !(is_brief && shown == Some(State::Works));
        shown
    };
    shares.iter().map(state).collect()
}

/// What the lane did in each column.
fn shares(lane: &Lane, scale: Scale) -> Vec<Share> {
    let mut shares = vec![Share::default(); scale.columns];
    for Span { from, to, state } in lane.spans_as_drawn(scale.time(1)) {
        // Nothing vanishes, though both its ends are at one border.
        let least = Duration::from_nanos(u64::from(from < to));
        let (from, to) = (scale.snap(from), scale.snap(to));
        let to = to.max(from + least);
        let (first, last) = (scale.column(from), scale.column(to));
        shares[first].is_polled |= state == State::Works;
        shares[first].is_lost |= state == State::Lost;
        for (column, share) in (first..).zip(&mut shares[first..=last]) {
            let from = from.max(scale.time(column));
            let to = to.min(scale.time(column + 1));
            share.add(state, to.saturating_sub(from));
        }
    }
    shares
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

    /// The state that took most of it.
    fn most(&self) -> Option<State> {
        let states = LEGEND.iter().map(|(state, _)| *state);
        let most = states.max_by_key(|state| self.times[*state as usize]);
        most.filter(|state| !self.times[*state as usize].is_zero())
    }
}
