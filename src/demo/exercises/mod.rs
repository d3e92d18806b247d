//! Which exercises are solved, and what comes next.
//!
//! An exercise is a page in `docs/exercises/` and a test in `tests/exercises/`. The pages are the
//! list, and `cargo test --test ex05` is the judge: nothing is known here that could come to differ
//! from them. An exercise that is not solved may not even compile. So each is built alone, which
//! takes a second or two, and what came of it is remembered until one of its files changes.
//!
//! | file | what it is |
//! |---|---|
//! | `page.rs` | an exercise, as its page has it |
//! | `verdict.rs` | what cargo says of one |
//! | `memory.rs` | what it said before |
//! | `watch.rs` | one after the other, again at each change |
//!
//! Read next: `page.rs`, and the pages themselves.

mod memory;
mod page;
mod verdict;
mod watch;

use super::console;
use memory::{Memory, fingerprint};
use page::Exercise;
use std::io;
use std::process::ExitCode;
use std::time::Duration;
use verdict::Verdict;

/// Lists the exercises, or runs the one that is named; or watches, and begins with that one.
pub fn run(name: Option<&str>, is_watching: bool) -> ExitCode {
    let result = page::all().and_then(|exercises| {
        let named = name.map(|name| page::find(&exercises, name)).transpose()?;
        match named {
            _ if is_watching => watch::watch(&exercises, named.unwrap_or(0)),
            Some(named) => run_one(&exercises[named]),
            None => list(&exercises),
        }
    });
    result.unwrap_or_else(|sentence| {
        console::complain(&sentence);
        ExitCode::FAILURE
    })
}

fn list(exercises: &[Exercise]) -> Result<ExitCode, String> {
    let mut memory = Memory::load();
    let known = memory.count_solved(exercises);
    let total = exercises.len();
    if let Some(solved) = known {
        console::print(&format!(
            "{solved} of {total} were solved when last looked.\n"
        ));
    }
    let mut solved = 0;
    let mut next = None;
    for exercise in exercises {
        let (verdict, took) = match memory.recall(exercise) {
            Some(verdict) => (verdict, None),
            None => {
                let files = fingerprint(exercise);
                let run = exercise.judge(|so_far| show_progress(exercise, so_far))?;
                memory.keep(exercise, files, &run.verdict);
                (run.verdict, Some(run.took))
            }
        };
        console::show(vec![line(exercise, &verdict, took)]);
        console::keep();
        match verdict {
            Verdict::Solved => solved += 1,
            Verdict::Open(why) => next = next.or(Some((exercise, why))),
        }
    }
    console::print(&match next {
        None => "\nAll are solved.".to_string(),
        Some((next, why)) => format!(
            "\n{solved} of {total} are solved. Next is {}: {why}\n{}\n\
             `cargo run -- exercises --watch` runs it whenever you save a file of it;\n\
             `cargo test --test {}` runs it once.",
            next.name,
            where_to_look(next),
            next.target()
        ),
    });
    Ok(ExitCode::SUCCESS)
}

/// `[x]  1.4 s  05 the title · half an hour`, without the seconds if it was not run.
fn line(exercise: &Exercise, verdict: &Verdict, took: Option<Duration>) -> String {
    let tick = if verdict.is_solved() { 'x' } else { ' ' };
    let took = took.map_or(String::new(), in_seconds);
    let Exercise {
        name, title, time, ..
    } = exercise;
    let line = format!("[{tick}] {took:>7}  {name:<3} {title}");
    match time.as_str() {
        "" => line,
        time => format!("{line} · {time}"),
    }
}

fn show_progress(exercise: &Exercise, so_far: Duration) {
    if console::can_redraw() {
        let so_far = in_seconds(so_far);
        let name = &exercise.name;
        console::show(vec![format!("[.] {so_far:>7}  {name:<3} is built and run")]);
    }
}

fn in_seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn where_to_look(exercise: &Exercise) -> String {
    let Exercise { page, hints, .. } = exercise;
    format!("Its page is {page}, and its hints begin in line {hints}.")
}

/// Runs one as cargo does, with all that it prints.
fn run_one(exercise: &Exercise) -> Result<ExitCode, String> {
    let status = exercise.test().status().map_err(no_cargo)?;
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn no_cargo(error: io::Error) -> String {
    format!("cannot run cargo: {error}")
}
