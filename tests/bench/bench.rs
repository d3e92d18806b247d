//! `cargo bench`: what an operation costs, and that it costs the same however many there are.
//!
//! A row is one operation, a column is how many of them there are at once. Read along a row: a
//! figure that stays where it is means that the cost does not depend on the crowd. (The last columns
//! grow a little: what no longer fits into the processor's cache takes longer to fetch.) Below our
//! rows stand what `std` alone offers for the same work, and below the rows of the loop those of
//! `demitasse::small`.
//!
//! How it measures: CPU time of this thread where the system tells it (Linux), else the time that
//! passed. Each figure is the median of several repeats, and the rows take turns, so that a noisy
//! moment of the machine hits all of them.
//!
//! `cargo bench -- yield` runs the rows whose name contains `yield`.

// The same text for two executors.
#![allow(clippy::duplicate_mod)]

mod measure;
mod operations;
mod real;
mod small;
mod timers;

use measure::{Row, beside, table};

fn main() {
    // Cargo passes `--bench`.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    let is_wanted = |row: &Row| wanted.is_empty() || wanted.iter().any(|name| row.0.contains(name));
    let choose = |rows: Vec<Row>| rows.into_iter().filter(is_wanted).collect::<Vec<_>>();

    let sizes = [100, 1_000, 10_000, 100_000, 1_000_000];
    // First, while no memory has been used and given back.
    table(
        "n asleep: bytes a task",
        &sizes[4..],
        1,
        choose(beside(real::of_memory(), small::of_memory())),
    );
    table(
        "the loop: CPU ns an operation, among n",
        &sizes,
        3,
        choose(beside(real::of_the_loop(), small::of_the_loop())),
    );
    table(
        "timers alone: CPU ns a timer, among n",
        &sizes,
        3,
        choose(timers::rows()),
    );
    table(
        "n sleep 100 ms: CPU ns a sleep",
        &sizes[..2],
        3,
        choose(operations::of_sleeping()),
    );
    table(
        "median of n: ns that pass",
        &[300],
        3,
        choose(operations::of_waiting()),
    );
}
