//! What cargo says of an exercise.
//!
//! Its output is kept until it ends: of a list only the one line that matters is shown, and a
//! watcher shows all of it, on a screen that was cleared. Meanwhile whoever waits is told how long.
//!
//! Read next: `memory.rs`.

use super::no_cargo;
use super::page::{Exercise, folder};
use crate::demo::console;
use std::env;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How often progress is told.
const TELL: Duration = Duration::from_millis(100);

/// What came of an exercise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    Solved,
    /// It is not solved, and a sentence says what is next.
    Open(String),
}

/// A run of an exercise.
pub struct Run {
    pub verdict: Verdict,
    pub took: Duration,
    /// What is to be seen: the tests' output, or the compiler's where there was nothing to run.
    pub text: String,
}

impl Verdict {
    pub fn is_solved(&self) -> bool {
        *self == Verdict::Solved
    }
}

impl Exercise {
    /// The command that says whether it is solved.
    pub fn test(&self) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo
            .args(["test", "--test", &self.target()])
            .current_dir(folder());
        cargo
    }

    /// Builds and runs it, and tells now and then how long it has taken so far.
    pub fn judge(&self, mut tell: impl FnMut(Duration)) -> Result<Run, String> {
        let start = Instant::now();
        let mut cargo = self.test();
        if console::can_redraw() && env::var_os("NO_COLOR").is_none() {
            cargo.env("CARGO_TERM_COLOR", "always");
        }
        let child = cargo
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(no_cargo)?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(child.wait_with_output()));
        let output = loop {
            match receiver.recv_timeout(TELL) {
                Ok(output) => break output.map_err(no_cargo)?,
                Err(RecvTimeoutError::Timeout) => tell(start.elapsed()),
                Err(RecvTimeoutError::Disconnected) => return Err("cargo was lost".to_string()),
            }
        };
        Ok(Run {
            verdict: verdict(&output),
            took: start.elapsed(),
            text: text(&output),
        })
    }
}

fn verdict(output: &Output) -> Verdict {
    match output.status.success() {
        true => Verdict::Solved,
        false => Verdict::Open(first_failure(output)),
    }
}

/// The first step that fails; or what the compiler says, if there is nothing to run yet.
fn first_failure(output: &Output) -> String {
    let tests = String::from_utf8_lossy(&output.stdout);
    let failed = tests.lines().filter_map(|line| {
        let name = line.strip_prefix("test ")?;
        name.strip_suffix(" ... FAILED")
    });
    // Tests may run at the same time, and end in any order. Their names are in that of the steps.
    if let Some(step) = failed.min() {
        let asked = asked(&tests, step).map_or(String::new(), |asked| format!("\n  {asked}"));
        return format!("the first step that fails is `{step}`.{asked}");
    }
    let errors = without_colours(&output.stderr);
    if is_compiled(&errors) {
        return "its test crashes before it can say what failed.".to_string();
    }
    let error = errors.lines().find(|line| line.starts_with("error"));
    format!(
        "it does not compile yet: {}.",
        error.unwrap_or("cargo says no more")
    )
}

/// What a step asks, in its own words; or that it is not written yet.
fn asked<'a>(tests: &'a str, step: &str) -> Option<&'a str> {
    let (_, told) = tests.split_once(&format!("---- {step} stdout ----"))?;
    let mut lines = told.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.find(|line| *line != "asked:")
}

fn is_compiled(errors: &str) -> bool {
    errors.contains("error: test failed")
}

fn text(output: &Output) -> String {
    let is_run = output.status.success() || is_compiled(&without_colours(&output.stderr));
    match is_run {
        true => told(&String::from_utf8_lossy(&output.stdout)).to_string(),
        false => String::from_utf8_lossy(&output.stderr).to_string(),
    }
    .trim_matches('\n')
    .to_string()
}

/// What the tests that fail say, without the list of their names before and after it.
fn told(tests: &str) -> &str {
    let begin = tests.find("\n---- ");
    let end = tests.rfind("\nfailures:\n");
    match (begin, end) {
        (Some(begin), Some(end)) if begin < end => &tests[begin..end],
        _ => tests,
    }
}

/// What cargo says, without the codes that colour it for the reader.
fn without_colours(errors: &[u8]) -> String {
    let errors = String::from_utf8_lossy(errors);
    let mut parts = errors.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_string();
    let rest = parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text));
    first + &rest.collect::<String>()
}
