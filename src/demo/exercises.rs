//! Which exercises are solved, and what comes next.
//!
//! An exercise is a page in `docs/exercises/` and a test in `tests/exercises/`. The pages are the
//! list, and `cargo test --test ex05` is the judge: nothing is known here that could come to differ
//! from them. An exercise that is not solved may not even compile. So each is built alone, and the
//! one line that matters is picked out of what cargo prints.
//!
//! Read next: the pages themselves.

use super::console;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

/// An exercise, as its page has it.
struct Exercise {
    number: u8,
    title: String,
    /// The page, from the project's folder on.
    page: String,
    /// The line of the page where its hints begin.
    hints: usize,
}

/// Lists the exercises, or runs one of them.
pub fn run(number: Option<u8>) -> ExitCode {
    let result = exercises().and_then(|exercises| match number {
        None => list(&exercises),
        Some(number) => run_one(&exercises, number),
    });
    result.unwrap_or_else(|sentence| {
        console::complain(&sentence);
        ExitCode::FAILURE
    })
}

fn list(exercises: &[Exercise]) -> Result<ExitCode, String> {
    let mut next = None;
    for exercise in exercises {
        let output = exercise.test().output().map_err(no_cargo)?;
        let tick = if output.status.success() { 'x' } else { ' ' };
        console::print(&format!(
            "[{tick}] {:02} {}",
            exercise.number, exercise.title
        ));
        if !output.status.success() && next.is_none() {
            next = Some((exercise, first_failure(&output)));
        }
    }
    let Some((next, failure)) = next else {
        console::print("\nAll are solved.");
        return Ok(ExitCode::SUCCESS);
    };
    let Exercise {
        number,
        page,
        hints,
        ..
    } = next;
    console::print(&format!(
        "\nNext is {number:02}: {failure}.\n\
         Its page is {page}, and its hints begin in line {hints}.\n\
         Run it with `cargo run -- exercises {number:02}` or `cargo test --test ex{number:02}`."
    ));
    Ok(ExitCode::SUCCESS)
}

fn run_one(exercises: &[Exercise], number: u8) -> Result<ExitCode, String> {
    let exercise = exercises.iter().find(|exercise| exercise.number == number);
    let exercise = exercise.ok_or_else(|| format!("there is no exercise {number:02}"))?;
    let status = exercise.test().status().map_err(no_cargo)?;
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

impl Exercise {
    /// The command that says whether it is solved.
    fn test(&self) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
        let target = format!("ex{:02}", self.number);
        cargo
            .args(["test", "--test", &target])
            .current_dir(folder());
        cargo
    }
}

/// The first step that fails; or what the compiler says, if there is nothing to run yet.
fn first_failure(output: &Output) -> String {
    let tests = String::from_utf8_lossy(&output.stdout);
    let failed = tests.lines().filter_map(|line| {
        let name = line.strip_prefix("test ")?;
        name.strip_suffix(" ... FAILED")
    });
    // Tests run at the same time, and end in any order. Their names are in the order of the steps.
    if let Some(step) = failed.min() {
        return format!("the first step that fails is `{step}`");
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("error: test failed") {
        return "its test crashes before it can say what failed".to_string();
    }
    let error = errors.lines().find(|line| line.starts_with("error"));
    format!(
        "it does not compile yet: {}",
        error.unwrap_or("cargo says no more")
    )
}

/// All exercises, from their pages.
fn exercises() -> Result<Vec<Exercise>, String> {
    let pages = folder().join("docs/exercises");
    let names = file_names(&pages).map_err(|error| {
        format!(
            "cannot read {}: {error}; start this in the project's folder, with `cargo run -- exercises`",
            pages.display()
        )
    })?;
    let mut exercises = Vec::new();
    for name in names {
        let Some(number) = name
            .split('-')
            .next()
            .and_then(|number| number.parse().ok())
        else {
            continue;
        };
        let text = fs::read_to_string(pages.join(&name))
            .map_err(|error| format!("cannot read docs/exercises/{name}: {error}"))?;
        let title = text.lines().next().unwrap_or_default();
        let hints = text.lines().position(|line| line == "## Hints");
        exercises.push(Exercise {
            number,
            title: title
                .split_once(" · ")
                .map_or(title, |(_, title)| title)
                .to_string(),
            page: format!("docs/exercises/{name}"),
            hints: hints.map_or(1, |line| line + 1),
        });
    }
    exercises.sort_by_key(|exercise| exercise.number);
    Ok(exercises)
}

fn file_names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?;
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries.map(|entry| entry.map(name)).collect()
}

/// The project's folder: cargo tells it to what it runs.
fn folder() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").map_or(PathBuf::from("."), PathBuf::from)
}

fn no_cargo(error: io::Error) -> String {
    format!("cannot run cargo: {error}")
}
