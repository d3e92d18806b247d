//! How pictures put things: colours, labels that fit, times, and the marks of an axis.
//!
//! A picture has one unit of time, and so have the sentences about it: the reader compares. An axis
//! has its marks at round distances, 1, 2 or 5 of a decade, as far apart as there is room.
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

/// A unit of time. A picture and the sentences about it have one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unit {
    nanos: u64,
    name: &'static str,
}

const UNITS: [Unit; 6] = [
    Unit {
        nanos: 3_600_000_000_000,
        name: "h",
    },
    Unit {
        nanos: 60_000_000_000,
        name: "min",
    },
    Unit {
        nanos: 1_000_000_000,
        name: "s",
    },
    Unit {
        nanos: 1_000_000,
        name: "ms",
    },
    Unit {
        nanos: 1_000,
        name: "us",
    },
    Unit {
        nanos: 1,
        name: "ns",
    },
];

impl Unit {
    /// The largest unit of which the shortest of these times has at least one. Where no time
    /// passes, seconds.
    pub fn of(times: impl IntoIterator<Item = Duration>) -> Self {
        let shortest = times.into_iter().filter(|time| !time.is_zero()).min();
        let shortest = shortest.unwrap_or(Duration::from_secs(1)).as_nanos();
        let fits = |unit: &&Unit| u128::from(unit.nanos) <= shortest;
        *UNITS.iter().find(fits).expect("a time has a nanosecond")
    }

    /// A time in this unit: `3.00 s`, `2.50 ms`, `300 s`.
    pub fn spell(self, time: Duration) -> String {
        match (self.nanos, time.as_nanos() as f64 / self.nanos as f64) {
            _ if time.is_zero() => format!("0 {}", self.name),
            (nanos, time) if nanos == 1 || time >= 100.0 => format!("{time:.0} {}", self.name),
            (_, time) => format!("{time:.2} {}", self.name),
        }
    }

    /// At most so many moments of an axis and one more, at a round distance, each with its text.
    pub fn ticks(self, end: Duration, most: usize) -> Vec<(Duration, String)> {
        let end = end.as_nanos();
        // The shortest round part of the unit that has whole nanoseconds: 1; of an hour, 36.
        let parts = (0..).map(|power| 10_u64.pow(power));
        let parts = parts.take_while(|part| self.nanos.is_multiple_of(*part));
        let grain = parts.last().map_or(1, |part| u128::from(self.nanos / part));
        let decades = (0..).map(|power| grain * 10_u128.pow(power));
        let mut steps = decades.flat_map(|decade| [decade, 2 * decade, 5 * decade]);
        let step = steps.find(|step| end / step <= most.max(1) as u128);
        let step = step.expect("some step is longer than the axis");
        let tick = |number| {
            let time = number * step;
            let text = format!("{} {}", time as f64 / self.nanos as f64, self.name);
            (Duration::from_nanos(time as u64), text)
        };
        (0..=end / step).map(tick).collect()
    }
}
