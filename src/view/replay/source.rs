//! The source of a run: the functions in which its events happened, and what differs in two of them.
//!
//! An event knows a file and a line. Here they become excerpts: whole items, from their doc comment
//! to the brace that closes them. It reads no Rust, it reads columns: an item begins in the first one
//! and ends with a brace there, as rustfmt leaves it.
//!
//! What always holds: an excerpt is the text of its file, line by line; only its end may be cut.
//!
//! Read next: `page.rs`.

use super::json::{list, object, text};
use super::text::clean;
use demitasse::{Event, EventKind};
use std::collections::{BTreeMap, BTreeSet};

/// How many lines of one item are shown, and of one run.
const MOST_LINES: usize = 40;
const MOST_OF_ALL: usize = 120;
/// How much of a line is shown.
const LONGEST_LINE: usize = 160;

/// Some lines of a file.
pub struct Excerpt {
    file: String,
    /// The number of the first one, from 1.
    first: usize,
    lines: Vec<String>,
    /// Those that the other run's source has not.
    differs: BTreeSet<usize>,
}

/// The items in which the events happened; and that with a line that begins with `also`, which no
/// event names.
pub fn of(events: &[Event], also: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<Excerpt> {
    let mut places: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for event in events {
        if let EventKind::TimerSet { made_at: at, .. }
        | EventKind::FuturePollStarted { made_at: at, .. }
        | EventKind::BlockStarted { at, .. } = &event.kind
        {
            places
                .entry(at.file())
                .or_default()
                .insert(at.line() as usize - 1);
        }
    }
    let mut excerpts = Vec::new();
    let mut left = MOST_OF_ALL;
    for (file, mut lines) in places {
        let Some(source) = read(file) else { continue };
        let source: Vec<&str> = source.lines().collect();
        lines.extend(source.iter().position(|line| begins_with(line, also)));
        let items: BTreeSet<(usize, usize)> =
            lines.into_iter().map(|line| item(&source, line)).collect();
        for (first, end) in items {
            let end = end.min(first + left).min(source.len());
            left -= end - first;
            if end > first {
                excerpts.push(Excerpt {
                    file: clean(file),
                    first: first + 1,
                    lines: source[first..end].iter().map(|line| shown(line)).collect(),
                    differs: BTreeSet::new(),
                });
            }
        }
    }
    excerpts
}

fn begins_with(line: &str, also: &str) -> bool {
    !also.is_empty() && line.trim_start().starts_with(also)
}

/// The place of the line that begins with `also`.
pub fn place_of(also: &str, excerpts: &[Excerpt]) -> Option<String> {
    excerpts.iter().find_map(|excerpt| {
        let mut lines = excerpt.lines.iter();
        let line = excerpt.first + lines.position(|line| begins_with(line, also))?;
        Some(format!("{}:{line}", excerpt.file))
    })
}

/// From where to where the item goes that has this line.
fn item(source: &[&str], line: usize) -> (usize, usize) {
    let starts = |line: &&str| {
        let is_inner = line.starts_with(|c: char| c.is_whitespace() || "{})]".contains(c));
        !is_inner && !line.is_empty() && !line.starts_with("where")
    };
    let line = line.min(source.len().saturating_sub(1));
    let mut first = (0..=line)
        .rev()
        .find(|&line| starts(&source[line]))
        .unwrap_or(0);
    let ends = |line: &usize| source[*line].starts_with('}');
    let end = (line..source.len())
        .find(ends)
        .map_or(source.len(), |end| end + 1);
    let is_about = |line: &str| line.starts_with("///") || line.starts_with("#[");
    while first > 0 && is_about(source[first - 1]) {
        first -= 1;
    }
    // Of a long one, what is around the line.
    match end - first > MOST_LINES {
        true => (
            first.max(line.saturating_sub(MOST_LINES / 2)),
            end.min(line + MOST_LINES / 2),
        ),
        false => (first, end),
    }
}

fn shown(line: &str) -> String {
    let line = line.replace('\t', "    ");
    let turned = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let line = clean(&line).replace(turned, "?");
    line.chars().take(LONGEST_LINE).collect()
}

/// Marks the lines of each that the other has not: all but their longest common part.
pub fn mark_differences(ours: &mut [Excerpt], theirs: &mut [Excerpt]) {
    let all = |excerpts: &[Excerpt]| {
        let lines = excerpts.iter().flat_map(|excerpt| excerpt.lines.clone());
        lines.collect::<Vec<String>>()
    };
    let (a, b) = (all(ours), all(theirs));
    // How long the common part of the rests is.
    let mut common = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = match a[i] == b[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || i < a.len() && common[i + 1][j] >= common[i][j + 1] {
            mark(ours, i);
            i += 1;
        } else {
            mark(theirs, j);
            j += 1;
        }
    }
}

fn mark(excerpts: &mut [Excerpt], mut line: usize) {
    for excerpt in excerpts {
        match line.checked_sub(excerpt.lines.len()) {
            Some(rest) => line = rest,
            None => {
                excerpt.differs.insert(line);
                return;
            }
        }
    }
}

/// As the page has it.
pub fn as_json(excerpts: &[Excerpt]) -> String {
    list(excerpts.iter().map(|excerpt| {
        object([
            ("file", text(&excerpt.file)),
            ("first", excerpt.first.to_string()),
            ("lines", list(excerpt.lines.iter().map(|line| text(line)))),
            ("differs", list(&excerpt.differs)),
        ])
    }))
}
