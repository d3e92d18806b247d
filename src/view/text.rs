//! How pictures put things: colours, labels that fit, times, and the marks of an axis.
//!
//! Times are said as people say them, in the unit that fits and with as many digits as they need.
//! An axis has its marks at round distances, 1, 2 or 5 of a decade, as far apart as there is room.
//!
//! Labels are the user's. They may be long, and may hold codes that would move a terminal's cursor.
//!
//! Read next: `timeline.rs`.

use std::time::Duration;

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

impl Default for Style {
    /// What every terminal can show, and every file.
    fn default() -> Self {
        Style {
            width: 80,
            colour: false,
            ascii: false,
        }
    }
}

impl Style {
    /// Text in a colour, if there are colours.
    pub fn paint(&self, colour: &str, text: &str) -> String {
        match self.colour {
            true => format!("\x1b[{colour}m{text}\x1b[0m"),
            false => text.to_string(),
        }
    }
}

/// At most so many moments of the axis and one more, at a round distance, each with its text.
pub fn ticks(end: Duration, most: usize) -> Vec<(Duration, String)> {
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

/// A label as a terminal can show it. Codes that would move its cursor are replaced.
pub fn clean(label: &str) -> String {
    let clean = |c: char| if c.is_control() { '?' } else { c };
    label.chars().map(clean).collect()
}

/// A label in at most so many columns.
pub fn fit(label: &str, columns: usize) -> String {
    let label = clean(label);
    if label.chars().count() <= columns {
        return label;
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
