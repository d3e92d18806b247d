//! What the user asked for.
//!
//! By hand, because demitasse depends on nothing, and because it is short. Commands and options
//! stand in one table each. Every way to get it wrong has one sentence that says what is wrong, and
//! which word is near; `main.rs` adds where the usage is.
//!
//! What people type is taken: `help` without dashes, one `--` too many, a value after a space or a
//! `=`. What is surely a slip is not: a file called `--virtual`, or `-`.
//!
//! Read next: `values.rs`, which reads what follows an option, or `console.rs`, the other end.

use super::values::{delay, did_you_mean, is_unit, tasks, width};
use std::ffi::{OsStr, OsString};
use std::iter::Peekable;
use std::path::PathBuf;
use std::time::Duration;

/// The text of `--help`.
pub const USAGE: &str = "\
Two fetches that wait, on one thread: first blocking, then on an event loop.

Usage: demitasse [COMMAND] [OPTIONS]

Commands:
  compare          both paths, and the difference (the default)
  sync             only the blocking path
  async            only the event loop
  rows             five ways to write the same fetches
  forgotten        a future that keeps no waker, and what the loop says of it
  exercises [NN]   which exercises are solved; or runs one of them; with --watch,
                   again at each change, and then the next

Options:
  --delay TIME     how long a fetch waits, as 3, 1.5s or 250ms (default: 3s)
  --tasks N        how many fetches there are (default: 2)
  --virtual        on a simulated clock: the same times, at once
  --steps          tell what the loop did, turn by turn
  --html FILE      write a page that steps through the run, forward and back
  --svg FILE       write the timeline as a picture
  --trace FILE     write a trace, to open in ui.perfetto.dev
  --width N        draw so many columns wide, from 40 to 200
  --ascii          draw with ASCII signs only
  --help           print this
  --version        print the version";

/// What the binary is asked to do.
#[derive(Debug)]
pub enum Request {
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// `exercises`.
    Exercises {
        /// Which one: `05`, or `own`.
        name: Option<String>,
        /// Whether to run it again at each change.
        watch: bool,
    },
    /// Anything else.
    Run(Args),
}

/// What to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Both paths.
    Compare,
    /// The blocking path.
    Sync,
    /// The event loop.
    Async,
    /// The same fetches, written in five ways.
    Rows,
    /// A future that keeps no waker.
    Forgotten,
}

const COMMANDS: [(&str, Command); 5] = [
    ("compare", Command::Compare),
    ("sync", Command::Sync),
    ("async", Command::Async),
    ("rows", Command::Rows),
    ("forgotten", Command::Forgotten),
];

/// What can be written to a file. `export.rs` writes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Export {
    /// A page that steps through the run.
    Html,
    /// The timeline as a picture.
    Svg,
    /// All events, for a trace viewer.
    Trace,
}

/// What an option takes, and what it does.
enum Takes {
    Nothing(fn(&mut Args)),
    Value(fn(&mut Args, &str) -> Result<(), String>),
    File(Export),
}

const OPTIONS: [(&str, Takes); 9] = [
    (
        "--delay",
        Takes::Value(|args, text| delay(text).map(|delay| args.delay = delay)),
    ),
    (
        "--tasks",
        Takes::Value(|args, text| tasks(text).map(|tasks| args.tasks = tasks)),
    ),
    (
        "--width",
        Takes::Value(|args, text| width(text).map(|width| args.width = Some(width))),
    ),
    ("--virtual", Takes::Nothing(|args| args.is_virtual = true)),
    ("--steps", Takes::Nothing(|args| args.steps = true)),
    ("--ascii", Takes::Nothing(|args| args.ascii = true)),
    ("--html", Takes::File(Export::Html)),
    ("--svg", Takes::File(Export::Svg)),
    ("--trace", Takes::File(Export::Trace)),
];

/// How to run it.
#[derive(Debug)]
pub struct Args {
    /// What to run.
    pub command: Command,
    /// How long a fetch waits.
    pub delay: Duration,
    /// How many fetches there are.
    pub tasks: usize,
    /// Whether to run on the simulated clock.
    pub is_virtual: bool,
    /// Whether to tell the run turn by turn.
    pub steps: bool,
    /// What to write, and where.
    pub exports: Vec<(Export, PathBuf)>,
    /// How many columns to draw in.
    pub width: Option<usize>,
    /// Whether to draw with ASCII signs only.
    pub ascii: bool,
}

impl Args {
    /// How long the run will wait. On the simulated clock, not at all.
    pub fn expected(&self) -> Duration {
        let tasks = self.tasks as u32;
        let delays = match self.command {
            _ if self.is_virtual => 0,
            Command::Compare => tasks + 1,
            Command::Sync => tasks,
            Command::Async | Command::Forgotten => 1,
            Command::Rows => 3 * tasks + 2,
        };
        self.delay * delays
    }

    /// `Endpoint A`, `Endpoint B` ... `Endpoint Z`, `Endpoint AA` and so on.
    pub fn endpoints(&self) -> Vec<String> {
        (0..self.tasks).map(endpoint).collect()
    }
}

fn endpoint(mut number: usize) -> String {
    let mut name = String::new();
    loop {
        name.insert(0, char::from(b'A' + (number % 26) as u8));
        if number < 26 {
            return format!("Endpoint {name}");
        }
        number = number / 26 - 1;
    }
}

/// Reads the arguments. An error is a sentence for the user.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Request, String> {
    let mut args = Args {
        command: Command::Compare,
        delay: Duration::from_secs(3),
        tasks: 2,
        is_virtual: false,
        steps: false,
        exports: Vec::new(),
        width: None,
        ascii: false,
    };
    let mut named: Option<OsString> = None;
    // No command begins with a dash, so `--` has nothing to end.
    let words = words.into_iter().filter(|word| word != "--");
    let mut words = words.peekable();
    if words.next_if(|word| word == "exercises").is_some() {
        return exercises(words);
    }
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        match &*text {
            "--help" | "-h" | "help" => return Ok(Request::Help),
            "--version" | "-V" => return Ok(Request::Version),
            option if option.starts_with('-') => read_option(&mut args, &word, &mut words)?,
            command => {
                args.command = read_command(command)?;
                if let Some(other) = named.replace(word.clone()) {
                    let other = other.to_string_lossy();
                    return Err(format!(
                        "`{other}` and `{command}` are two commands: give only one"
                    ));
                }
            }
        }
    }
    Ok(Request::Run(args))
}

/// Reads what stands after `exercises`.
fn exercises(words: impl Iterator<Item = OsString>) -> Result<Request, String> {
    let (mut name, mut watch) = (None, false);
    for word in words {
        let word = word.to_string_lossy();
        let read = match (&*word, word.parse::<u8>()) {
            ("--help" | "-h" | "help", _) => return Ok(Request::Help),
            ("--watch", _) => {
                watch = true;
                continue;
            }
            ("own", _) => "own".to_string(),
            (_, Ok(number)) => format!("{number:02}"),
            _ => {
                let near = did_you_mean(&word, ["--watch", "own"].into_iter());
                return Err(format!(
                    "`{word}` is no number of an exercise: write it as 05{near}"
                ));
            }
        };
        if name.replace(read).is_some() {
            return Err("`exercises` takes one number at most".to_string());
        }
    }
    Ok(Request::Exercises { name, watch })
}

fn read_command(word: &str) -> Result<Command, String> {
    if word == "exercises" {
        return Err("`exercises` must be the first word".to_string());
    }
    let found = COMMANDS.iter().find(|(name, _)| *name == word);
    let names = COMMANDS.iter().map(|(name, _)| *name);
    let names = names.chain(["exercises", "help"]);
    found
        .map(|(_, command)| *command)
        .ok_or_else(|| format!("there is no command `{word}`{}", did_you_mean(word, names)))
}

/// Reads one option, with its value if it has one: the next word, or what follows a `=`.
fn read_option(
    args: &mut Args,
    word: &OsStr,
    words: &mut Peekable<impl Iterator<Item = OsString>>,
) -> Result<(), String> {
    let (option, attached) = split_at_equals(word);
    let option = &*option.to_string_lossy();
    let Some((_, takes)) = OPTIONS.iter().find(|(name, _)| *name == option) else {
        let names = OPTIONS.iter().map(|(name, _)| *name);
        let names = names.chain(["--help", "--version"]);
        let near = did_you_mean(option, names);
        return Err(format!("there is no option `{option}`{near}"));
    };
    if let Takes::Nothing(set) = takes {
        set(args);
        return match attached {
            Some(_) => Err(format!("`{option}` takes no value")),
            None => Ok(()),
        };
    }
    let needs = if matches!(takes, Takes::File(_)) {
        "a file"
    } else {
        "a value"
    };
    let value = attached.or_else(|| words.next());
    let value = value.ok_or_else(|| format!("`{option}` needs {needs}"))?;
    let mut text = value.to_string_lossy().into_owned();
    if text.starts_with("--") {
        return Err(format!("`{option}` needs {needs}, and `{text}` is none"));
    }
    match takes {
        Takes::Value(set) => {
            // `--delay 3 s`
            if option == "--delay"
                && let Some(unit) = words.next_if(|word| word.to_str().is_some_and(is_unit))
            {
                text += &unit.to_string_lossy();
            }
            set(args, &text)
        }
        Takes::File(_) if text.is_empty() => Err(format!("`{option}` needs {needs}")),
        Takes::File(_) if text.starts_with('-') => Err(format!(
            "`{option}` needs a file, and `{text}` is none: write `./{text}` if that is its name"
        )),
        Takes::File(export) => {
            args.exports.push((*export, value.into()));
            Ok(())
        }
        Takes::Nothing(_) => unreachable!("has been set"),
    }
}

/// Splits `--svg=FILE`. A path need not be text, and keeps its bytes.
#[cfg(unix)]
fn split_at_equals(word: &OsStr) -> (OsString, Option<OsString>) {
    use std::os::unix::ffi::OsStrExt;
    let mut parts = word.as_bytes().splitn(2, |byte| *byte == b'=');
    let mut part = || {
        parts
            .next()
            .map(|part| OsStr::from_bytes(part).to_os_string())
    };
    (part().unwrap_or_default(), part())
}

#[cfg(not(unix))]
fn split_at_equals(word: &OsStr) -> (OsString, Option<OsString>) {
    match word.to_string_lossy().split_once('=') {
        Some((option, value)) => (option.into(), Some(value.into())),
        None => (word.into(), None),
    }
}
