//! Runs the tests one by one, in the order of the steps, and tells the first that fails, alone.
//!
//! The harness of `cargo test` would run all of them at the same time, and tell all that fail. So
//! the first test that comes here runs this program a second time, with one thread, reads what it
//! prints, and ends the first one with its result. The test that fails is run once more by itself,
//! to hear what was polled. One that hangs or crashes fails as any other.

use crate::STEPS;
use std::env;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::process::{self, Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{LazyLock, Once};
use std::thread;
use std::time::Duration;

/// A test that takes so long hangs. The longest takes a few seconds, and most next to nothing.
const HANGS: Duration = Duration::from_secs(20);
/// When it is run once more, to hear what it does.
const HANGS_AGAIN: Duration = Duration::from_secs(2);

/// So much is shown of what ran.
const MOST_LINES: usize = 25;

/// Set in the program that runs the tests: `all`, or `alone` for one that failed.
static MODE: LazyLock<Option<String>> = LazyLock::new(|| env::var("DEMITASSE_OWN").ok());

/// Every test calls this first.
pub fn enter() {
    static ONCE: Once = Once::new();
    if MODE.is_none() {
        ONCE.call_once(|| process::exit(run_all()));
    }
}

/// Tells what ran, if somebody will read it.
pub fn tell(line: impl FnOnce() -> String) {
    if MODE.as_deref() == Some("alone") {
        let _ = writeln!(io::stderr(), "{}", line());
    }
}

/// Prints, past the harness, which keeps what a test prints by `println`.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Runs all tests, up to the first that fails. Gives the exit code.
fn run_all() -> i32 {
    // Only names: options are for the harness of the first program.
    let names = env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'));
    let mut tests = Tests::start("all", names, HANGS);
    let (mut step, mut passed) = (String::new(), 0);
    let end = loop {
        match tests.next() {
            Ended::Passed(name) => {
                if step_of(&name) != step && passed > 0 {
                    say(&format!("test {step} ... ok ({passed} tests)"));
                    passed = 0;
                }
                step = step_of(&name).to_string();
                passed += 1;
            }
            end => break end,
        }
    };
    let (name, how) = match end {
        Ended::All(last) => {
            say(&format!("test {step} ... ok ({passed} tests)"));
            say(&last);
            return 0;
        }
        Ended::Failed(name) => (name, ""),
        Ended::Hung(name) => (name, HANG),
        Ended::Crashed(name) => (name, CRASH),
        Ended::Passed(_) => unreachable!("the loop goes on"),
    };
    drop(tests);
    if step_of(&name) != step && passed > 0 {
        say(&format!("test {step} ... ok ({passed} tests)"));
    }
    let step = step_of(&name);
    let page = page(&name, how);
    say(&format!(
        "test {step} ... FAILED\n\n---- {step} stdout ----\n{page}"
    ));
    101
}

const HANG: &str = "It does not end. Either its thread sleeps, and nobody wakes it, or it waits \
                    for a lock that it holds, or it goes round in a loop that polls nothing.\n";

const CRASH: &str = "It ended the process. A destructor that panics during another panic does \
                     that, and so does a recursion without end.\n";

fn step_of(name: &str) -> &str {
    name.split("::").next().unwrap_or(name)
}

/// What the tests count of a waker of their own.
const COUNTS: &str = "(wakes: how often the test's waker was called. wakers: how many clones of \
                      it there are, with the test's own.)\n";

/// All that is told of a test that fails.
fn page(name: &str, how: &str) -> String {
    let limit = if how == HANG { HANGS_AGAIN } else { HANGS };
    let mut tests = Tests::start("alone", [name, "--exact"].map(str::to_string), limit);
    let is_passed = matches!(tests.next(), Ended::Passed(_));
    let (output, ran) = tests.rest();
    let mut found = panics(&output);
    if let Some(sentence) = not_written(&found) {
        return sentence;
    }
    if is_passed {
        found += "It failed among the others, and passes by itself. What differs is chance.\n";
    }
    if found.contains("wakers ") {
        found += COUNTS;
    }
    let what = STEPS.iter().find(|(step, _)| *step == step_of(name));
    let what = what.map_or("", |(_, what)| what);
    let mut page = String::new();
    show(&mut page, "asked", &format!("{what}\n{}", in_words(name)));
    show(&mut page, "found", &format!("{how}{found}"));
    let lines: Vec<_> = ran.lines().collect();
    if !lines.is_empty() {
        // The end, where it goes wrong.
        let left_out = lines.len().saturating_sub(MOST_LINES);
        let mut shown = lines[left_out..].join("\n");
        if left_out > 0 {
            shown.insert_str(0, &format!("({left_out} lines before)\n"));
        }
        show(&mut page, "what ran", &shown);
    }
    page
}

fn show(page: &mut String, title: &str, text: &str) {
    let text = text.trim_end().replace('\n', "\n  ");
    let _ = write!(page, "\n{title}:\n  {text}\n");
}

/// The name of a test as a sentence: `I2: a wake during a poll causes another poll`.
fn in_words(name: &str) -> String {
    let name = name.rsplit("::").next().unwrap_or(name);
    let words = name.replace('_', " ").replace("block on", "block_on");
    match words.split_once(' ') {
        Some((promise, words)) if promise[1..].parse::<u8>().is_ok() => {
            format!("{}: {words}", promise.to_uppercase())
        }
        _ => words,
    }
}

/// The panics in what the harness printed of a test, each with its place.
fn panics(output: &str) -> String {
    let mut found = String::new();
    for panic in output.split(") panicked at ").skip(1) {
        let Some((place, rest)) = panic.split_once(":\n") else {
            continue;
        };
        let ends = ["\nnote: run with", "\nthread '", "\n\n\nfailures:"];
        let end = ends.iter().filter_map(|end| rest.find(end)).min();
        let message = &rest[..end.unwrap_or(rest.len())];
        // `assert_eq!` says "left" for what is, and "right" for what should be.
        let message = message
            .trim()
            .trim_start_matches("assertion `left == right` failed: ")
            .replace("assertion `left == right` failed\n", "not equal\n")
            .replace("\n  left: ", "\n  is:        ")
            .replace("\n right: ", "\n  should be: ");
        let place = place.replace("exercises/own/../../", "");
        let _ = writeln!(found, "{message}\nat {place}");
    }
    found
}

/// The sentence for a `todo!` that is still there: there is no more to say.
fn not_written(found: &str) -> Option<String> {
    let (_, rest) = found.split_once("not yet implemented: ")?;
    let (what, place) = rest.split_once("\nat ")?;
    let place = place.lines().next().unwrap_or_default();
    Some(format!("\nNot written yet, at {place}: {what}.\n"))
}

/// The program that runs tests, and what it has printed so far.
struct Tests {
    child: Child,
    output: Receiver<String>,
    errors: Receiver<String>,
    limit: Duration,
    text: String,
}

/// How a test, or all of them, ended.
enum Ended {
    Passed(String),
    Failed(String),
    Hung(String),
    Crashed(String),
    /// There are no more. The last line says how many there were.
    All(String),
}

impl Tests {
    fn start(mode: &str, names: impl IntoIterator<Item = String>, limit: Duration) -> Tests {
        let program = env::current_exe().expect("this program has a path");
        let mut child = Command::new(program)
            .args(names)
            .args(["--test-threads=1", "--color=never"])
            .env("DEMITASSE_OWN", mode)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("this program can be run again");
        let output = read(child.stdout.take().expect("its output is ours"));
        let errors = read(child.stderr.take().expect("its errors are ours"));
        Tests {
            child,
            output,
            errors,
            limit,
            text: String::new(),
        }
    }

    fn next(&mut self) -> Ended {
        let mut last = String::new();
        loop {
            while let Some((line, rest)) = self.text.split_once('\n') {
                let line = line.to_string();
                self.text = rest.to_string();
                if let Some(name) = test_in(&line, " ... ok") {
                    return Ended::Passed(name);
                } else if let Some(name) = test_in(&line, " ... FAILED") {
                    return Ended::Failed(name);
                } else if line.starts_with("test result") {
                    last = line;
                }
            }
            // A test's name is printed when it begins, and its result when it has ended.
            let running = test_in(&self.text, " ... ");
            match (self.output.recv_timeout(self.limit), running) {
                (Ok(more), _) => self.text += &more,
                (Err(RecvTimeoutError::Timeout), name) => {
                    return Ended::Hung(name.unwrap_or_default());
                }
                (Err(RecvTimeoutError::Disconnected), Some(name)) => return Ended::Crashed(name),
                (Err(RecvTimeoutError::Disconnected), None) => return Ended::All(last),
            }
        }
    }

    /// What it printed after that, and what it told.
    fn rest(mut self) -> (String, String) {
        while let Ok(more) = self.output.recv_timeout(self.limit) {
            self.text += &more;
        }
        let _ = self.child.kill();
        (self.text.clone(), self.errors.iter().collect())
    }
}

impl Drop for Tests {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn test_in(line: &str, result: &str) -> Option<String> {
    let name = line.strip_prefix("test ")?.strip_suffix(result)?;
    Some(name.to_string())
}

/// Reads on another thread, so that we can wait for it as long as we like.
fn read(mut source: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = source.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
            if sender.send(text).is_err() {
                return;
            }
        }
    });
    receiver
}
