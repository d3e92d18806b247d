//! Bars that grow while the run goes on.
//!
//! The other views look back. This one is asked in the middle of a run, and still it is made from
//! nothing but events: a fetch begins when its future is polled for the first time, its timer says
//! when it will be over, and its last poll says when it was. What has happened since it was last
//! asked, it catches up on.
//!
//! It gives lines, and knows nothing of cursors or terminals.
//!
//! What always holds: a bar is full when its future is done, and not before.
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
    /// How many events have been read.
    read: usize,
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
            read: 0,
        }
    }

    /// Catches up on a run: `events` are all that there were, from its beginning.
    pub fn read(&mut self, events: &[Event]) {
        for event in &events[self.read..] {
            self.add(event);
        }
        self.read = events.len();
    }

    fn add(&mut self, event: &Event) {
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

    /// The bars as they are now, a line each.
    pub fn lines(&self, now: Duration, style: &Style) -> Vec<String> {
        let label = self.bars.iter().map(|bar| bar.label.chars().count());
        let label = label.max().unwrap_or(0).min(20);
        let width = style.width.saturating_sub(label + 15).min(60);
        let lengths = self
            .bars
            .iter()
            .filter_map(|bar| Some(bar.due? - bar.began?));
        let unit = Unit::of(lengths);
        let line = |bar: &Bar| {
            let (share, time) = (bar.share(now), bar.time(now));
            let name = fit(&bar.label, label);
            let bar = paint(share, width, style);
            format!("   {name:<label$} {bar} {}", unit.spell(time))
        };
        self.bars.iter().map(line).collect()
    }
}

impl Bar {
    /// How long it has been at it.
    fn time(&self, now: Duration) -> Duration {
        let began = self.began.unwrap_or(now);
        self.done.unwrap_or(now).saturating_sub(began)
    }

    /// How much of its time has passed, from 0 to 1.
    fn share(&self, now: Duration) -> f64 {
        let (Some(began), Some(due)) = (self.began, self.due) else {
            return if self.done.is_some() { 1.0 } else { 0.0 };
        };
        let whole = due.saturating_sub(began).as_secs_f64();
        match self.done {
            Some(_) => 1.0,
            None if whole == 0.0 => 0.0,
            // It is not done before it says so.
            None => (self.time(now).as_secs_f64() / whole).min(0.99),
        }
    }
}

/// A bar of so many columns, full to this share.
fn paint(share: f64, width: usize, style: &Style) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share * width as f64 * 8.0) as usize;
    let (full, rest) = (eighths / 8, eighths % 8);
    let (sign, rest, empty) = match style.ascii {
        true => ("#", "", "."),
        false => ("█", EIGHTHS[rest], "·"),
    };
    let used = full + usize::from(!rest.is_empty());
    let colour = if full == width { "32" } else { "36" };
    let grown = style.paint(colour, &(sign.repeat(full) + rest));
    grown + &style.paint("2", &empty.repeat(width - used))
}
