//! The timeline as a picture: one self-contained SVG file.
//!
//! The same lanes as in the terminal, but drawn to scale; a run too short for its states to be seen
//! is drawn wider, and says so. Resting the pointer on a shape says what it is, from when on, and
//! for how long.
//!
//! It needs nothing but itself: no script, no font, no other file. It brings a background of its
//! own, light or dark as the reader's system prefers, so it can be read on any page. Where it is
//! narrow, its letters grow, and the counts on the right make room.
//!
//! What always holds: it is bounded. A run of any size gives at most so many lanes, and in a lane
//! no more shapes than there are points to draw them at.
//!
//! Read next: `live.rs`.

use super::shapes::{STATES, STYLE, Shape, Xml, words};
use super::timeline::lanes::Lanes;
use super::timeline::lanes::lane::{Lane, Span, State};
use super::timeline::text::{Unit, fit};
use super::timeline::{Axis, COUNTED, Run};
use std::fmt::Write;
use std::time::Duration;

/// How many lanes a run gets at most, beside the thread's.
const MOST_LANES: usize = 16;

/// Lengths, in points.
const WIDTH: f64 = 860.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 124.0;
const ROW: f64 = 24.0;
const TOP: f64 = 54.0;
/// A run that waits between two polls needs so much to show it.
const SHORTEST: f64 = 24.0;
/// So much is free after a poll that is drawn wider than it is.
const ROOM: u32 = 10;

/// Draws runs on one axis.
pub fn draw(runs: &[Run<'_>]) -> String {
    let read = |run: &Run<'_>| (run.title.to_string(), Lanes::read(run.events, MOST_LANES));
    let runs: Vec<_> = runs.iter().map(read).collect();
    let axis = Axis::of(runs.iter().map(|(_, run)| run.end));
    let mut svg = Svg {
        scale: Scale {
            width: WIDTH - LEFT - RIGHT,
            end: axis.end,
        },
        unit: axis.unit,
        y: TOP,
        seen: Vec::new(),
        body: String::new(),
    };
    for (title, run) in &runs {
        svg.run(title, run);
    }
    let axis = svg.axis(svg.y - ROW);
    svg.legend();
    let (height, body) = (svg.y - 6.0, &svg.body);
    let titles = runs.iter().map(|(title, _)| title.as_str());
    let titles = Xml(&titles.collect::<Vec<_>>().join(", ")).to_string();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" style=\"max-width:100%;height:auto\" role=\"img\">\n\
         <title>Timeline: {titles}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n\
         {axis}{body}</svg>\n",
        WIDTH - 1.0,
        height - 1.0
    )
}

/// Where a moment is.
#[derive(Clone, Copy)]
struct Scale {
    width: f64,
    end: Duration,
}

impl Scale {
    fn x(self, time: Duration) -> f64 {
        LEFT + self.width * time.as_secs_f64() / self.end.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The scale of a run that ends then: wider where it would hardly be seen.
    fn of_run(self, end: Duration) -> Self {
        match self.x(end) - LEFT < SHORTEST && !end.is_zero() {
            true => Scale {
                width: SHORTEST,
                end,
            },
            false => self,
        }
    }

    /// How long a point is.
    fn point(self) -> Duration {
        self.end.div_f64(self.width)
    }
}

/// A picture, while it is drawn.
struct Svg {
    scale: Scale,
    unit: Unit,
    /// Where the next row begins.
    y: f64,
    /// The states that were drawn.
    seen: Vec<State>,
    body: String,
}

impl Svg {
    /// The scale, and lines down to where the lanes end.
    fn axis(&self, bottom: f64) -> String {
        let mut axis = String::new();
        for (time, text) in self.unit.ticks(self.scale.end, 8) {
            let x = self.scale.x(time);
            let _ = writeln!(
                axis,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"32\" y2=\"{bottom:.1}\"/>\
                 <text class=\"faint middle\" x=\"{x:.1}\" y=\"24\">{text}</text>"
            );
        }
        let (polls, wakes) = (WIDTH - 60.0, WIDTH - 14.0);
        let _ = writeln!(
            axis,
            "<text class=\"faint number count\" x=\"{polls}\" y=\"24\">polls</text>\
             <text class=\"faint number count\" x=\"{wakes}\" y=\"24\">wakes</text>"
        );
        axis
    }

    fn text(&mut self, class: &str, x: f64, text: &str) {
        let (y, text) = (self.y, Xml(text));
        let _ = writeln!(
            self.body,
            "<text class=\"{class}\" x=\"{x}\" y=\"{y:.1}\">{text}</text>"
        );
    }

    fn run(&mut self, title: &str, run: &Lanes) {
        let scale = self.scale.of_run(run.end);
        let note = match scale.width < self.scale.width {
            true => " (too short to draw to scale)",
            false => "",
        };
        self.text("title", 14.0, title);
        let took = self.unit.spell(run.end);
        self.text("faint", LEFT + 6.0, &format!("{took}{note}"));
        self.y += ROW;
        self.lane(14.0, &run.thread, scale);
        for lane in &run.lanes {
            self.lane(26.0, lane, scale);
        }
        if run.left_out > 0 {
            let left_out = format!("... and {} more lanes", run.left_out);
            self.text("faint", 26.0, &left_out);
            self.y += ROW;
        }
        self.y += ROW / 2.0;
    }

    fn lane(&mut self, indent: f64, lane: &Lane, scale: Scale) {
        self.text("", indent, &fit(&lane.label, 17));
        self.text("faint number count", WIDTH - 60.0, &lane.polls.to_string());
        self.text("faint number count", WIDTH - 14.0, &lane.wakes.to_string());
        let (works, rest): (Vec<Span>, Vec<Span>) = visible(lane, scale.point())
            .into_iter()
            .partition(|span| span.state == State::Works);
        // Work comes last, so that nothing hides it.
        for span in rest.into_iter().chain(works) {
            self.span(lane, span, scale);
        }
        self.y += ROW;
    }

    fn span(&mut self, lane: &Lane, span: Span, scale: Scale) {
        let Span { from, to, state } = span;
        if !self.seen.contains(&state) {
            self.seen.push(state);
        }
        let (_, meaning) = words(state);
        let label = Xml(&lane.label);
        let start = self.unit.spell(from);
        let length = match to - from {
            Duration::ZERO => String::new(),
            length => format!(", for {}", Unit::of([length]).spell(length)),
        };
        let shape = Shape {
            state,
            from: scale.x(from),
            to: scale.x(to),
            y: self.y - 4.5,
        };
        let _ = writeln!(
            self.body,
            "<g><title>{label}: {meaning}, from {start}{length}</title>{shape}</g>"
        );
    }

    /// What the shapes mean.
    fn legend(&mut self) {
        let seen = STATES.into_iter().filter(|state| self.seen.contains(state));
        let seen: Vec<State> = seen.collect();
        for row in seen.chunks(4) {
            let mut from = 26.0;
            for &state in row {
                let (_, meaning) = words(state);
                let (to, y) = (from + 24.0, self.y - 4.5);
                let shape = Shape { state, from, to, y };
                let _ = writeln!(self.body, "{shape}");
                self.text("faint", from + 32.0, meaning);
                from += 200.0;
            }
            self.y += ROW;
        }
        for (x, counted) in [26.0, 326.0].into_iter().zip(COUNTED) {
            self.text("faint count", x, counted);
        }
        self.y += ROW;
    }
}

/// What can be seen of a lane. What cannot be told apart is one. A poll that is narrower than a point
/// is drawn all the same, but only where there is room beside it for what the lane does otherwise.
fn visible(lane: &Lane, point: Duration) -> Vec<Span> {
    let length = |span: &Span| span.to - span.from;
    let spans = merged(lane, point);
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
        return spans;
    };
    let room = ROOM * point;
    if last.to - first.from < room {
        let is_lost = |span: &&Span| span.state == State::Lost;
        let most = spans.iter().find(is_lost);
        let most = most.or_else(|| spans.iter().max_by_key(|span| length(span)));
        return most.copied().into_iter().collect();
    }
    let mut free = Duration::ZERO;
    let is_seen = |span: &Span| match span.state {
        State::Holds | State::Lost => true,
        State::Works if length(span) < point => {
            let is_free = span.from >= free;
            free = if is_free { span.from + room } else { free };
            is_free
        }
        _ => length(span) >= point,
    };
    spans.iter().copied().filter(is_seen).collect()
}

/// The spans of a lane, with those of one state joined where less than half a point is between.
fn merged(lane: &Lane, point: Duration) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut last = [None; STATES.len()];
    for span in lane.spans_as_drawn(point) {
        let gap = match span.state {
            // Many polls, and a wait after each, are not one long work.
            State::Works => Duration::ZERO,
            _ => point / 2,
        };
        let last = &mut last[span.state as usize];
        match last.map(|last: usize| &mut spans[last]) {
            Some(before) if span.from - before.to <= gap => before.to = span.to,
            _ => {
                *last = Some(spans.len());
                spans.push(span);
            }
        }
    }
    spans
}
