//! The timeline as a picture: one self-contained SVG file.
//!
//! The same lanes as in the terminal, but drawn to scale. Resting the pointer on a shape says what
//! it is, and from when to when.
//!
//! It needs nothing but itself: no script, no font, no other file. It brings a background of its
//! own, light or dark as the reader's system prefers, so it can be read on any page.
//!
//! What always holds: it is bounded. A run of any size gives at most so many lanes, and in a lane
//! no more shapes than there are points to draw them at.
//!
//! Read next: `live.rs`.

use super::shapes::{STATES, STYLE, Shape, Xml, words};
use super::timeline::lanes::Lanes;
use super::timeline::lanes::lane::{Lane, Span, State};
use super::timeline::text::{Unit, fit};
use super::timeline::{Axis, Run};
use std::fmt::Write;
use std::time::Duration;

/// How many lanes a run gets at most, beside the thread's.
const MOST_LANES: usize = 40;

/// Lengths, in points.
const WIDTH: f64 = 860.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 124.0;
const ROW: f64 = 24.0;
const TOP: f64 = 54.0;

/// Draws runs on one axis.
pub fn draw(runs: &[Run<'_>]) -> String {
    let read = |run: &Run<'_>| (run.title.to_string(), Lanes::read(run.events, MOST_LANES));
    let runs: Vec<_> = runs.iter().map(read).collect();
    let mut svg = Svg {
        axis: Axis::of(runs.iter().map(|(_, run)| run.end)),
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
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>Timeline: {titles}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n\
         {axis}{body}</svg>\n",
        WIDTH - 1.0,
        height - 1.0
    )
}

/// A picture, while it is drawn.
struct Svg {
    axis: Axis,
    /// Where the next row begins.
    y: f64,
    /// The states that were drawn.
    seen: Vec<State>,
    body: String,
}

impl Svg {
    fn x(&self, time: Duration) -> f64 {
        let share = time.as_secs_f64() / self.axis.end.as_secs_f64().max(f64::MIN_POSITIVE);
        LEFT + (WIDTH - LEFT - RIGHT) * share
    }

    /// The scale, and lines down to where the lanes end.
    fn axis(&self, bottom: f64) -> String {
        let mut axis = String::new();
        for (time, text) in self.axis.unit.ticks(self.axis.end, 8) {
            let x = self.x(time);
            let _ = writeln!(
                axis,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"32\" y2=\"{bottom:.1}\"/>\
                 <text class=\"faint middle\" x=\"{x:.1}\" y=\"24\">{text}</text>"
            );
        }
        let (polls, wakes) = (WIDTH - 60.0, WIDTH - 14.0);
        let _ = writeln!(
            axis,
            "<text class=\"faint number\" x=\"{polls}\" y=\"24\">polls</text>\
             <text class=\"faint number\" x=\"{wakes}\" y=\"24\">wakes</text>"
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
        self.text("title", 14.0, title);
        self.text("faint", LEFT + 6.0, &self.axis.unit.spell(run.end));
        self.y += ROW;
        self.lane(&run.thread);
        run.lanes.iter().for_each(|lane| self.lane(lane));
        if run.left_out > 0 {
            self.text(
                "faint",
                26.0,
                &format!("... and {} more lanes", run.left_out),
            );
            self.y += ROW;
        }
        self.y += ROW / 2.0;
    }

    fn lane(&mut self, lane: &Lane) {
        self.text("", 26.0, &fit(&lane.label, 17));
        self.text("faint number", WIDTH - 60.0, &lane.polls.to_string());
        self.text("faint number", WIDTH - 14.0, &lane.wakes.to_string());
        // Work comes last, so that nothing hides it.
        let (works, rest): (Vec<&Span>, Vec<&Span>) = lane
            .spans
            .iter()
            .partition(|span| span.state == State::Works);
        self.spans(lane, &rest);
        self.spans(lane, &works);
        self.y += ROW;
    }

    fn spans(&mut self, lane: &Lane, spans: &[&Span]) {
        let mut drawn_to = [f64::MIN; STATES.len()];
        for span in spans {
            let (from, to) = (self.x(span.from), self.x(span.to));
            // What would not be seen beside the one before.
            let drawn_to = &mut drawn_to[span.state as usize];
            if to < *drawn_to + 0.5 {
                continue;
            }
            *drawn_to = to;
            let (_, meaning) = words(span.state);
            if !self.seen.contains(&span.state) {
                self.seen.push(span.state);
            }
            let label = Xml(&lane.label);
            let start = self.axis.unit.spell(span.from);
            let length = span.to - span.from;
            let length = Unit::of([length]).spell(length);
            let shape = Shape {
                state: span.state,
                from,
                to,
                y: self.y - 4.5,
            };
            let _ = writeln!(
                self.body,
                "<g><title>{label}: {meaning}, from {start}, for {length}</title>{shape}</g>"
            );
        }
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
    }
}
