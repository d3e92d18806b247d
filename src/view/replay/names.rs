//! Names and times, as they can be shown.
//!
//! Names are the user's. A label is cut, and what would move a cursor or turn the text round is
//! replaced. A task without a label is called by its number, and the future of `block_on` is root.
//!
//! Read next: `scene.rs`, which gives them to what it remembers.

use super::text::clean;
use demitasse::{Event, EventKind, TaskId};
use std::collections::HashMap;
use std::time::Duration;

/// How long a label may be.
const LONGEST_LABEL: usize = 32;

/// Text as it can be shown in one line.
pub fn plain(text: &str) -> String {
    let shown = |c: char| match c {
        // These turn the direction of the text that follows.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '?',
        c => c,
    };
    clean(text).chars().map(shown).collect()
}

/// A label as it can be shown.
pub fn short(label: &str) -> String {
    let label = plain(label).replace('`', "'");
    match label.char_indices().nth(LONGEST_LABEL) {
        Some((end, _)) => format!("{}…", &label[..end]),
        None => label,
    }
}

/// Endpoint A, B: what all names begin with is said once.
pub fn without_common_start(mut names: Vec<&str>) -> Vec<&str> {
    if let [first, rest @ ..] = &mut names[..] {
        let ends = first.match_indices(' ').map(|(at, _)| at + 1).rev();
        let is_common = |end: &usize| rest.iter().all(|name| name.starts_with(&first[..*end]));
        let end = { ends }.find(is_common).unwrap_or(0);
        for name in rest {
            *name = &name[end..];
        }
    }
    names
}

/// What each task is called besides its number: the first label that is seen in it. That may be
/// after the task was first spoken of, so they are gathered before.
pub fn labels(events: &[Event]) -> HashMap<TaskId, String> {
    let mut labels = HashMap::new();
    for event in events {
        match &event.kind {
            EventKind::Spawned { task, .. } if is_root(*task) => {
                labels.insert(*task, "root".to_string());
            }
            EventKind::FuturePollStarted { task, label, .. } => {
                labels.entry(*task).or_insert_with(|| short(label));
            }
            _ => {}
        }
    }
    labels
}

/// root, task 1, or task 1 (its label).
pub fn task_name(task: TaskId, label: Option<&str>) -> String {
    match label {
        Some(label) if is_root(task) => label.to_string(),
        Some(label) => format!("task {task} ({label})"),
        None => format!("task {task}"),
    }
}

/// The future of `block_on`.
pub fn is_root(task: TaskId) -> bool {
    task.to_string() == "0"
}

/// A moment or a length, to the millisecond; finer where it must be.
pub fn at(time: Duration) -> String {
    let decimals = match time.subsec_nanos() {
        nanos if nanos % 1_000_000 == 0 => 3,
        nanos if nanos % 1_000 == 0 || time.as_millis() > 0 => 6,
        _ => 9,
    };
    format!("{:.decimals$} s", time.as_secs_f64())
}
