//! Bars that grow while the run goes on.
//!
//! The other views look back. This one is asked in the middle of a run, and still it is made from
//! nothing but events: a fetch begins when its future is polled for the first time, its timer says
//! when it will be over, and its last poll says when it was.
//!
//! It gives lines, and knows nothing of cursors or terminals.
//!
//! All bars are on one axis, and the time beside a bar is the loop's. So fetches that wait one after
//! the other look like stairs, and those that wait together do not.
//!
//! What always holds: a bar reaches its end when its future is done, and not before.
//!
//! Read next: `demo/bars.rs`, the task that draws it.

use super::timeline::Style;
use super::timeline::text::{Unit, fit};
use demitasse::{Event, EventKind};
use std::collections::HashMap;
use std::time::Duration;

/// A bar for each of some futures.
pub struct Bars {
    bars: Vec<Bar>,
    /// Which bar a future has.
    futures: HashMap<u64, usize>,
    /// The futures that are being polled, the innermost last.
    polled: Vec<u64>,
}

/// One future's time. All on the loop's clock.
struct Bar {
    label: String,
    began: Option<Duration>,
    due: Option<Duration>,
    done: Option<Duration>,
}

impl Bars {
    /// Bars for the futures with these labels.
    pub fn new<'a>(labels: impl IntoIterator<Item = &'a str>) -> Self {
        let bar = |label: &str| Bar {
            label: label.to_string(),
            began: None,
            due: None,
            done: None,
        };
        Bars {
            bars: labels.into_iter().map(bar).collect(),
            futures: HashMap::new(),
            polled: Vec::new(),
        }
    }

    /// Takes notice of what happened next.
    pub fn add(&mut self, event: &Event) {
        match &event.kind {
            EventKind::FuturePollStarted { future, label, .. } => {
                self.polled.push(*future);
                let is_new = |bar: &Bar| bar.began.is_none() && *bar.label == **label;
                if !self.futures.contains_key(future)
                    && let Some(bar) = self.bars.iter().position(is_new)
                {
                    self.futures.insert(*future, bar);
                    self.bars[bar].began = Some(event.time);
                }
            }
            EventKind::FuturePollEnded { future, ready, .. } => {
                self.polled.pop();
                if *ready && let Some(bar) = self.futures.remove(future) {
                    self.bars[bar].done = Some(event.time);
                }
            }
            EventKind::TimerSet { deadline, .. } => self.is_due(*deadline),
            EventKind::BlockStarted { duration, .. } => self.is_due(event.time + *duration),
            _ => {}
        }
    }

    /// The future that is being polled will go on then.
    fn is_due(&mut self, time: Duration) {
        let bar = self
            .polled
            .last()
            .and_then(|future| self.futures.get(future));
        if let Some(bar) = bar {
            self.bars[*bar].due = Some(time);
        }
    }

    /// Whether all are done.
    pub fn are_over(&self) -> bool {
        self.bars.iter().all(|bar| bar.done.is_some())
    }

    /// The bars as they are now, a line each.
    pub fn lines(&self, now: Duration, style: &Style) -> Vec<String> {
        let label = self.bars.iter().map(|bar| bar.label.chars().count());
        let label = label.max().unwrap_or(0).min(20);
        let width = style.width.saturating_sub(label + 15).min(60);
        let end = self.bars.iter().filter_map(Bar::end).max();
        let lengths = self
            .bars
            .iter()
            .filter_map(|bar| Some(bar.end()? - bar.began?));
        let unit = Unit::of(lengths);
        let line = |bar: &Bar| {
            let name = fit(&bar.label, label);
            let (Some(began), Some(end)) = (bar.began, end) else {
                return format!("   {name}");
            };
            let cells = |time: Duration| {
                let share = time.as_secs_f64() / end.as_secs_f64().max(f64::MIN_POSITIVE);
                share * width as f64
            };
            let to = cells(bar.reached(now));
            let [from, until] = [began, bar.end().unwrap_or(began)].map(cells);
            let stairs = paint([from, to, until], width, bar.done.is_some(), style);
            let time = unit.spell(bar.done.unwrap_or(now));
            format!("   {name:<label$} {stairs} {time}")
        };
        self.bars.iter().map(line).collect()
    }
}

impl Bar {
    /// When it was done, or will be.
    fn end(&self) -> Option<Duration> {
        self.done.or(self.due)
    }

    /// How far it has come. It is not done before it says so.
    fn reached(&self, now: Duration) -> Duration {
        let (Some(began), None) = (self.began, self.done) else {
            return self.done.unwrap_or_default();
        };
        let whole = self.due.unwrap_or(began).saturating_sub(began);
        began + now.saturating_sub(began).min(whole.mul_f64(0.99))
    }
}

/// A bar that goes from one column to another, and will go on until a third.
fn paint(columns: [f64; 3], width: usize, is_done: bool, style: &Style) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let [from, to, until] = columns;
    let (from, until) = (from.round() as usize, (until.round() as usize).min(width));
    let eighths = match is_done {
        true => 8 * (until - from),
        false => ((to - from as f64).max(0.0) * 8.0) as usize,
    };
    let (full, rest) = ((eighths / 8).min(until - from), eighths % 8);
    let (sign, rest, empty) = match style.ascii {
        true => ("#", "", "."),
        false => ("█", EIGHTHS[rest], "·"),
    };
    let rest = if from + full < until { rest } else { "" };
    let left = until - from - full - usize::from(!rest.is_empty());
    let grown = sign.repeat(full) + rest;
    let colour = if is_done { "32" } else { "36" };
    let (before, after) = (" ".repeat(from), " ".repeat(width - until));
    before + &style.paint(colour, &grown) + &style.paint("2", &empty.repeat(left)) + &after
}
