//! Words for the step by step view: names, lists of names, moments.
//!
//! The root is called so. Any other task has its number, and the first label that was seen in it.
//! That may be after the task was first spoken of, so names are gathered before the telling begins.
//!
//! Nobody reads the ten thousandth name of a list. So it has the first names, and says how many
//! more there are.
//!
//! Read next: `playback.rs`.

use super::timeline::text::clean;
use demitasse::{Event, EventKind, TaskId};
use std::collections::HashMap;
use std::time::Duration;

/// How many names there are in one line.
const MOST_NAMES: usize = 3;

/// The names, or the first of them.
pub fn list(count: usize, names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.take(MOST_NAMES).collect();
    match count - names.len() {
        _ if count == 0 => "empty".to_string(),
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// What each task is called: by its number, and by the first label in it.
pub fn names(events: &[Event]) -> HashMap<TaskId, String> {
    let mut names = HashMap::new();
    for event in events {
        match &event.kind {
            EventKind::Spawned { task, .. } if names.is_empty() => {
                names.insert(*task, "root".to_string());
            }
            EventKind::FuturePollStarted { task, label, .. } => {
                let name = || format!("task {task} ({})", clean(label));
                names.entry(*task).or_insert_with(name);
            }
            _ => {}
        }
    }
    names
}

/// A moment or a length, to the millisecond; finer where it must be.
pub fn at(time: Duration) -> String {
    let decimals = match time.subsec_nanos() {
        nanos if nanos % 1_000_000 == 0 => 3,
        nanos if nanos % 1_000 == 0 || time.as_secs() > 0 => 6,
        _ => 9,
    };
    format!("{:.decimals$} s", time.as_secs_f64())
}
