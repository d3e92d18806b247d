//! Standard output, and what can be shown there.
//!
//! `println!` panics when nobody reads any more, as in `demitasse | head -1`. A program in a pipe
//! should just end. So everything is written here, and a closed pipe ends the program, quietly and
//! without an error, as it does for those who are written in C. Only where files are still to be
//! written does the run go on, in silence.
//!
//! Output is *plain*, without a single escape code, unless standard output is a terminal that knows
//! them (`TERM`). `NO_COLOR` takes the colours, see <https://no-color.org>, but leaves what moves.
//! Where the language is set to one without letters beyond ASCII (`LANG=C`), there are ASCII signs.
//!
//! What the fetches say while they run goes through [`say`]. Of a hundred thousand lines nobody
//! reads more than the first, so the others are only counted.

use super::args::Args;
use crate::view::timeline::Style;
use std::cell::{Cell, RefCell};
use std::env;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::{self, Command, ExitCode};

/// The lines of more fetches than this are cut short, to the first few.
const MANY: usize = 100;
const FEW: usize = 10;

thread_local! {
    /// How many lines may still be said, and how many will be left out then.
    static LINES: Cell<(usize, usize)> = const { Cell::new((usize::MAX, 0)) };
    /// The lines at the bottom that can be drawn anew.
    static SHOWN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    /// Whether the run goes on when nothing can be printed any more.
    static GOES_ON: Cell<bool> = const { Cell::new(false) };
    /// How standard output ended, if it has: with this exit code.
    static ENDED: Cell<Option<u8>> = const { Cell::new(None) };
}

/// From now on, an end of standard output does not end the program.
pub fn go_on_without_output() {
    GOES_ON.set(true);
}

/// What standard output has to say of how the program went.
pub fn exit_code() -> ExitCode {
    ExitCode::from(ENDED.get().unwrap_or(0))
}

/// Prints text and the end of its line.
pub fn print(text: &str) {
    if ENDED.get().is_some() {
        return;
    }
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    let Err(error) = written else { return };
    let is_closed = error.kind() == ErrorKind::BrokenPipe;
    if !is_closed {
        complain(&format!("cannot write to standard output: {error}"));
    }
    let code = u8::from(!is_closed);
    if !GOES_ON.get() {
        process::exit(code.into());
    }
    ENDED.set(Some(code));
}

/// Prints sentences, in lines that fit.
pub fn print_wrapped(text: &str, width: usize) {
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        let is_full = used + 1 + length > width;
        lines += match used {
            0 => "",
            _ if is_full => "\n",
            _ => " ",
        };
        used = if is_full { length } else { used + 1 + length };
        lines += word;
    }
    print(&lines);
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

/// Prints a line of a run, if it is one of the first; above what is shown.
pub fn say(line: &str) {
    let (left, left_out) = LINES.get();
    let line = match (left, left_out) {
        (0, 0) => return,
        (0, _) => &format!("... and {left_out} more"),
        _ => line,
    };
    LINES.set(match left.checked_sub(1) {
        Some(left) => (left, left_out),
        None => (0, 0),
    });
    let shown = SHOWN.take();
    if shown.is_empty() {
        return print(line);
    }
    print(&format!("{}{line}", up(shown.len())));
    SHOWN.set(Vec::new());
    show(shown);
}

/// Shows these lines at the bottom, in the place of those that were shown before.
pub fn show(lines: Vec<String>) {
    let before = SHOWN.take().len();
    if !lines.is_empty() {
        print(&(up(before) + &lines.join("\n")));
    }
    SHOWN.set(lines);
}

/// Lets what is shown stand for good.
pub fn keep() {
    SHOWN.take();
}

/// The code that goes up so many lines and clears what is there.
fn up(lines: usize) -> String {
    match lines {
        0 => String::new(),
        lines => format!("\x1b[{lines}A\x1b[J"),
    }
}

/// What standard output can show.
pub fn style(args: &Args) -> Style {
    let is_terminal = io::stdout().is_terminal();
    let columns = columns(is_terminal);
    let width = args.width.or(columns).unwrap_or(Style::default().width);
    Style {
        width: width.clamp(40, 200),
        colour: is_terminal && !is_dumb() && !is_set("NO_COLOR"),
        ascii: args.ascii || !knows_unicode(),
    }
}

/// Whether standard output is a terminal that can show so many lines, each of this width, and draw
/// them anew: they must not wrap, nor scroll.
pub fn has_room_for(lines: usize, width: usize) -> bool {
    if !io::stdout().is_terminal() || is_dumb() {
        return false;
    }
    let Some((rows, columns)) = terminal_size() else {
        return false;
    };
    rows >= lines && columns >= width
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Whether the terminal knows no escape codes.
fn is_dumb() -> bool {
    env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// Whether the user's language has more letters than ASCII. If nothing is said, it has.
fn knows_unicode() -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let Some(name) = names.into_iter().find(|name| is_set(name)) else {
        return true;
    };
    let language = env::var(name).unwrap_or_default().to_lowercase();
    language.contains("utf-8") || language.contains("utf8")
}

/// How many columns there are, if the user says so or a terminal does.
fn columns(is_terminal: bool) -> Option<usize> {
    let columns = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let size = || is_terminal.then(terminal_size).flatten();
    columns
        .or_else(|| Some(size()?.1))
        // A terminal that does not know says 0.
        .filter(|columns| *columns > 0)
}

/// The rows and columns of the terminal. `std` cannot ask, but every Unix has a program that can.
fn terminal_size() -> Option<(usize, usize)> {
    let terminal = File::open("/dev/tty").ok()?;
    let stty = Command::new("stty").arg("size").stdin(terminal).output();
    let size = String::from_utf8(stty.ok()?.stdout).ok()?;
    let (rows, columns) = size.trim().split_once(' ')?;
    Some((rows.parse().ok()?, columns.parse().ok()?))
}
