//! The shapes of the SVG picture, its colours, and text that XML can hold.
//!
//! A state has a shape as well as a colour, so that nobody needs to see colours: work is a bar,
//! holding the thread a bar that is long and red, waiting a thin line, a parked thread a dotted
//! one. Colours are variables of the style sheet: one set for a light page, another for where the
//! reader's system prefers a dark one.
//!
//! A label may hold what means something to XML, or what XML cannot hold at all. See [`Xml`].
//!
//! Read next: `svg.rs`.

use super::timeline::lanes::lane::State;
use std::fmt;

/// Nothing is drawn narrower: a poll of a microsecond must be seen.
const NARROWEST: f64 = 3.0;

/// The style sheet of a picture.
pub const STYLE: &str = "\
svg{--page:#fff;--ink:#1f2328;--faint:#59636e;--grid:#d1d9e0;--works:#1a7f37;--waits:#0969da;\
--holds:#cf222e;--ready:#bf8700;--parked:#818b98}\
@media(prefers-color-scheme:dark){svg{--page:#0d1117;--ink:#f0f6fc;--faint:#9198a1;\
--grid:#3d444d;--works:#3fb950;--waits:#58a6ff;--holds:#f85149;--ready:#d29922;--parked:#9198a1}}\
text{font:13px system-ui,sans-serif;fill:var(--ink)}.faint{fill:var(--faint);font-size:12px}\
.title{font-weight:600}.number{text-anchor:end}.middle{text-anchor:middle}\
.page{fill:var(--page);stroke:var(--grid)}.grid{stroke:var(--grid)}\
.works{fill:var(--works)}.holds{fill:var(--holds)}.waits{fill:var(--waits)}\
.ready{fill:none;stroke:var(--ready);stroke-width:1.5;stroke-dasharray:3 2}\
.parked{fill:none;stroke:var(--parked);stroke-width:2;stroke-dasharray:1 5;stroke-linecap:round}\
.lost{fill:none;stroke:var(--holds);stroke-width:2.5}\
@media(max-width:600px){text{font-size:20px}.faint{font-size:18px}.count{display:none}}";

/// All states, in the order in which the picture explains them.
pub const STATES: [State; 6] = [
    State::Works,
    State::Waits,
    State::Holds,
    State::Ready,
    State::Parked,
    State::Lost,
];

/// A state's class, and what the picture calls it.
pub fn words(state: State) -> (&'static str, &'static str) {
    match state {
        State::Works => ("works", "works"),
        State::Waits => ("waits", "waits, thread free"),
        State::Holds => ("holds", "holds the thread"),
        State::Ready => ("ready", "ready to be polled"),
        State::Parked => ("parked", "thread parked"),
        State::Lost => ("lost", "kept no waker"),
    }
}

/// A span as it is drawn.
pub struct Shape {
    /// What the lane did.
    pub state: State,
    /// From where to where, and the middle of its height.
    pub from: f64,
    /// See `from`.
    pub to: f64,
    /// See `from`.
    pub y: f64,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { state, from, to, y } = self;
        let (class, _) = words(*state);
        let width = (to - from).max(NARROWEST);
        let mut bar = |height: f64| {
            let top = y - height / 2.0;
            write!(
                f,
                "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
                 height=\"{height}\"/>"
            )
        };
        match state {
            State::Works | State::Holds => bar(16.0),
            State::Waits => bar(4.0),
            State::Ready => bar(10.0),
            State::Parked => write!(
                f,
                "<path class=\"{class}\" d=\"M{from:.1} {y:.1}h{width:.1}\"/>"
            ),
            State::Lost => write!(
                f,
                "<path class=\"{class}\" d=\"M{:.1} {:.1}l10 10m0 -10l-10 10\"/>",
                from - 5.0,
                y - 5.0
            ),
        }
    }
}

/// Text as XML has it.
pub struct Xml<'a>(pub &'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                // XML has no way to write these.
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                    f.write_str("\u{fffd}")?
                }
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}
