//! Words into values: a delay, a number of tasks, a width, and which word was meant.
//!
//! A delay is taken as people write it: `3`, `0.5`, `3 s`, `1µs`. What cannot be read gets a
//! sentence that shows how to write it.
//!
//! Delays and tasks have an upper end: an hour, and a million. Beyond it nothing new is to be seen,
//! and below it no sum of times leaves the simulated clock's 584 years. A run keeps all its events,
//! about a kilobyte for each task.
//!
//! Read next: `console.rs`.

use std::time::Duration;

const LONGEST_DELAY: Duration = Duration::from_secs(3600);
const MOST_TASKS: usize = 1_000_000;

/// The name that is meant by a slip of two letters at most, as the end of a sentence.
pub fn did_you_mean<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> String {
    let word = word.to_lowercase();
    let near = names.map(|name| (distance(&word, name), name)).min();
    match near {
        Some((0..=2, name)) => format!("; did you mean `{name}`?"),
        _ => String::new(),
    }
}

/// How many letters must be put in, left out or changed to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in b.chars().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[row.len() - 1]
}

/// A unit of time in seconds.
fn unit(name: &str) -> Option<f64> {
    match name {
        "h" => Some(3600.0),
        "m" | "min" => Some(60.0),
        "" | "s" | "sec" => Some(1.0),
        "ms" => Some(1e-3),
        // Two signs look like a mu.
        "us" | "\u{b5}s" | "\u{3bc}s" => Some(1e-6),
        "ns" => Some(1e-9),
        _ => None,
    }
}

/// Whether a word is the unit of the number before it.
pub fn is_unit(word: &str) -> bool {
    !word.is_empty() && unit(word).is_some()
}

/// Reads a delay. An error is a sentence for the user.
pub fn delay(text: &str) -> Result<Duration, String> {
    let wrong = || format!("cannot read `{text}` as a delay: write it as 3, 1.5s or 250ms");
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - rest.len()];
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let scale = unit(rest.trim()).ok_or_else(wrong)?;
    match Duration::try_from_secs_f64(number * scale) {
        Ok(delay) if delay <= LONGEST_DELAY => Ok(delay),
        _ => Err(format!(
            "a delay of `{text}` is too long: 1h is the longest"
        )),
    }
}

/// Reads a number of tasks, likewise.
pub fn tasks(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("with 0 tasks there is nothing to fetch: give at least 1".to_string()),
        Ok(number) if number <= MOST_TASKS => Ok(number),
        _ => Err(format!(
            "cannot read `{text}` as a number of tasks: write one from 1 to {MOST_TASKS}"
        )),
    }
}

/// Reads a number of columns, likewise.
pub fn width(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(width @ 40..=200) => Ok(width),
        _ => Err(format!(
            "cannot read `{text}` as a width: write one from 40 to 200"
        )),
    }
}
