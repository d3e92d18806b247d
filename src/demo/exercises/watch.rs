//! One exercise after the other, each again whenever a file of it changes, until all are solved.
//!
//! `std` has no way to be told of a change, and none is needed: five times a second the times of
//! some seventy files are looked at, and between two looks this sleeps.
//!
//! Nor does `std` tell of Ctrl-C, which ends the program at any moment. So there is never anything
//! to put back: no alternate screen, no hidden cursor, no colour that is still on.
//!
//! Read next: `../args.rs`.

use super::memory::{Memory, fingerprint};
use super::page::Exercise;
use super::verdict::Verdict;
use super::{in_seconds, show_progress, where_to_look};
use crate::demo::console;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// How often to look for a change.
const LOOK: Duration = Duration::from_millis(200);

/// Begins with the exercise at `first`, and goes on to the next that is not solved.
pub fn watch(exercises: &[Exercise], first: usize) -> Result<ExitCode, String> {
    let mut memory = Memory::load();
    let mut news = String::new();
    for exercise in exercises[first..].iter().chain(&exercises[..first]) {
        if memory.recall(exercise) != Some(Verdict::Solved) {
            work_on(exercise, &mut memory, &news)?;
            news = format!("{} is solved.\n\n", exercise.name);
        }
    }
    clear();
    console::print(&format!("{news}All are solved."));
    Ok(ExitCode::SUCCESS)
}

/// Runs it until it is solved.
fn work_on(exercise: &Exercise, memory: &mut Memory, news: &str) -> Result<(), String> {
    let Exercise { name, title, .. } = exercise;
    let header = format!("{news}{name} {title}");
    loop {
        let files = fingerprint(exercise);
        clear();
        console::print(&header);
        let run = exercise.judge(|so_far| show_progress(exercise, so_far))?;
        memory.keep(exercise, files, &run.verdict);
        let Verdict::Open(why) = run.verdict else {
            return Ok(());
        };
        if clear() {
            console::print(&header);
        }
        console::print(&format!(
            "\n{}\n\nRun in {}: {}\n{}\n\
             It runs again when you save a file of it. Ctrl-C ends this.",
            run.text,
            in_seconds(run.took),
            why.lines().next().unwrap_or_default(), // the rest was just told
            where_to_look(exercise),
        ));
        wait_for_change(exercise, files);
    }
}

/// Clears the screen, if there is one. What has scrolled off it stays.
fn clear() -> bool {
    console::keep();
    let is_screen = console::can_redraw();
    if is_screen {
        console::print("\x1b[H\x1b[2J");
    }
    is_screen
}

/// Waits until the files have changed, and are whole: some editors write one in several steps.
fn wait_for_change(exercise: &Exercise, files: u64) {
    let mut last = files;
    loop {
        thread::sleep(LOOK);
        let now = fingerprint(exercise);
        if now != files && now == last {
            return;
        }
        last = now;
    }
}
