//! Standard output, and what can be shown there.
//!
//! `println!` panics when nobody reads any more, as in `demitasse | head -1`. A program in a pipe
//! should just end. So everything is written here, and a closed pipe ends the program, quietly and
//! without an error, as it does for those who are written in C.
//!
//! Output is *plain*, without a single escape code, unless standard output is a terminal that knows
//! them (`TERM`) and `NO_COLOR` is not set. See <https://no-color.org>.
//!
//! What the fetches say while they run goes through [`say`]. Of a hundred thousand lines nobody
//! reads more than the first, so the others are only counted.

use super::{FEW, MANY};
use crate::view::timeline::Style;
use std::cell::Cell;
use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process;

thread_local! {
    /// How many lines may still be said, and how many will be left out then.
    static LINES: Cell<(usize, usize)> = const { Cell::new((usize::MAX, 0)) };
}

/// Prints text and the end of its line.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    if let Err(error) = written {
        if error.kind() != ErrorKind::BrokenPipe {
            complain(&format!("cannot write to standard output: {error}"));
            process::exit(1);
        }
        process::exit(0);
    }
}

/// Prints a sentence on standard error. If that fails, there is nobody left to tell.
pub fn complain(sentence: &str) {
    let _ = writeln!(io::stderr(), "demitasse: {sentence}");
}

/// How many of so many lines are shown.
pub fn shown_of(lines: usize) -> usize {
    if lines <= MANY { lines } else { FEW }
}

/// From now on, [`say`] will be called so often.
pub fn expect_lines(lines: usize) {
    let shown = shown_of(lines);
    LINES.set((shown, lines - shown));
}

/// Prints a line of a run, if it is one of the first.
pub fn say(line: &str) {
    match LINES.get() {
        (0, 0) => {}
        (0, left_out) => {
            print(&format!("... and {left_out} more"));
            LINES.set((0, 0));
        }
        (left, left_out) => {
            print(line);
            LINES.set((left - 1, left_out));
        }
    }
}

/// What standard output can show.
pub fn style(ascii: bool) -> Style {
    Style {
        width: width(),
        colour: !is_plain(),
        ascii,
    }
}

/// Whether escape codes are out of place.
fn is_plain() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    !io::stdout().is_terminal() || is_set("NO_COLOR") || is_dumb
}

/// How many columns there are to draw in.
fn width() -> usize {
    let columns = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.unwrap_or(80).clamp(60, 200)
}
