//! What the user asked for.
//!
//! By hand, because demitasse depends on nothing, and because it is short. Every way to get it
//! wrong has one sentence that says what is wrong; `main.rs` adds the usage.
//!
//! Delays and tasks have an upper end: an hour, and a million. Beyond it nothing new is to be seen,
//! and below it no sum of times leaves the simulated clock's 584 years. A run keeps all its events,
//! about a kilobyte for each task.
//!
//! Read next: `console.rs`, the other end.

use std::ffi::OsString;
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
  rows             five ways to write the same two fetches
  forgotten        a future that keeps no waker, and what the loop says of it
  exercises [NN]   which exercises are solved; or runs one of them

Options:
  --delay TIME     how long a fetch waits, as 3s, 1.5s or 250ms (default: 3s)
  --tasks N        how many fetches there are (default: 2)
  --virtual        on a simulated clock: the same times, at once
  --steps          tell what the loop did, turn by turn
  --svg FILE       write the timeline as a picture
  --trace FILE     write a trace, to open in ui.perfetto.dev
  --width N        draw so many columns wide, from 60 to 200
  --ascii          draw with ASCII signs only
  --help           print this
  --version        print the version";

const LONGEST_DELAY: Duration = Duration::from_secs(3600);
const MOST_TASKS: usize = 1_000_000;

/// What the binary is asked to do.
#[derive(Debug)]
pub enum Request {
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// `exercises`, maybe with the number of one.
    Exercises(Option<u8>),
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
    /// Where to write a picture.
    pub svg: Option<PathBuf>,
    /// Where to write a trace.
    pub trace: Option<PathBuf>,
    /// How many columns to draw in.
    pub width: Option<usize>,
    /// Whether to draw with ASCII signs only.
    pub ascii: bool,
}

impl Args {
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
        svg: None,
        trace: None,
        width: None,
        ascii: false,
    };
    let mut named = None;
    let mut words = words.into_iter().peekable();
    if words.next_if(|word| word == "exercises").is_some() {
        return exercises(words);
    }
    while let Some(word) = words.next() {
        let word = word.to_string_lossy();
        if word == "--help" || word == "-h" {
            return Ok(Request::Help);
        } else if word == "--version" || word == "-V" {
            return Ok(Request::Version);
        } else if word.starts_with('-') {
            option(&mut args, &word, &mut words)?;
        } else if named.replace(command(&word)?).is_some() {
            return Err("only one command can be given".to_string());
        }
    }
    args.command = named.unwrap_or(args.command);
    Ok(Request::Run(args))
}

/// Reads what stands behind `exercises`.
fn exercises(mut words: impl Iterator<Item = OsString>) -> Result<Request, String> {
    let Some(word) = words.next() else {
        return Ok(Request::Exercises(None));
    };
    let word = word.to_string_lossy();
    match (word.parse(), words.next()) {
        _ if word == "--help" || word == "-h" => Ok(Request::Help),
        (Ok(number), None) => Ok(Request::Exercises(Some(number))),
        (Ok(_), Some(_)) => Err("`exercises` takes one number at most".to_string()),
        (Err(_), _) => Err(format!(
            "`{word}` is no number of an exercise: write it as 05"
        )),
    }
}

fn command(word: &str) -> Result<Command, String> {
    match word {
        "compare" => Ok(Command::Compare),
        "sync" => Ok(Command::Sync),
        "async" => Ok(Command::Async),
        "rows" => Ok(Command::Rows),
        "forgotten" => Ok(Command::Forgotten),
        "exercises" => Err("`exercises` must be the first word".to_string()),
        _ => Err(format!("there is no command `{word}`")),
    }
}

/// Reads one option, with its value if it has one: the next word, or what follows a `=`.
fn option(
    args: &mut Args,
    word: &str,
    words: &mut impl Iterator<Item = OsString>,
) -> Result<(), String> {
    let (option, attached) = match word.split_once('=') {
        Some((option, value)) => (option, Some(OsString::from(value))),
        None => (word, None),
    };
    let is_flag = ["--virtual", "--steps", "--ascii"].contains(&option);
    if is_flag && attached.is_some() {
        return Err(format!("`{option}` takes no value"));
    }
    let value = || {
        let value = attached.or_else(|| words.next());
        value.ok_or_else(|| format!("`{option}` needs a value"))
    };
    match option {
        "--delay" => args.delay = delay(&value()?.to_string_lossy())?,
        "--tasks" => args.tasks = tasks(&value()?.to_string_lossy())?,
        "--width" => args.width = Some(width(&value()?.to_string_lossy())?),
        "--svg" => args.svg = Some(value()?.into()),
        "--trace" => args.trace = Some(value()?.into()),
        "--virtual" => args.is_virtual = true,
        "--steps" => args.steps = true,
        "--ascii" => args.ascii = true,
        _ => return Err(format!("there is no option `{option}`")),
    }
    Ok(())
}

fn delay(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no delay: write it as 3s, 1.5s or 250ms");
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - unit.len()];
    let scale = match unit {
        "h" => 3600.0,
        "m" => 60.0,
        "s" => 1.0,
        "ms" => 1e-3,
        "us" => 1e-6,
        "ns" => 1e-9,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    match Duration::try_from_secs_f64(number * scale) {
        Ok(delay) if delay <= LONGEST_DELAY => Ok(delay),
        _ => Err(format!(
            "`{text}` is too long a delay: it may be 1h at most"
        )),
    }
}

fn tasks(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("with 0 tasks there is nothing to fetch: give at least 1".to_string()),
        Ok(number) if number <= MOST_TASKS => Ok(number),
        _ => Err(format!(
            "`{text}` is no number of tasks from 1 to {MOST_TASKS}"
        )),
    }
}

fn width(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(width @ 60..=200) => Ok(width),
        _ => Err(format!("`{text}` is no width from 60 to 200")),
    }
}
