//! What no single promise stands for, as one test binary: it compiles and links once.
//!
//! - `edges`: the borders of time, outside of a loop, after the end, and when a program is stuck;
//! - `hostile`: futures that panic, wake and drop where it hurts most;
//! - `threads`: wakes from many threads at once;
//! - `interleavings`: a model of a loop and its wakers, in every order in which they can meet;
//! - `random_programs`: random programs, held against the promises;
//! - `reference`: random programs, held against a naive executor;
//! - `timer_wheel`: the wheel, held against a sorted map.
//!
//! The promises I1 to I14 have a binary of their own, `tests/promises.rs`. To run one module:
//! `cargo test --test executor edges::`.

mod edges;
mod hostile;
mod interleavings;
mod random_programs;
mod reference;
#[path = "../support/mod.rs"]
mod support;
mod threads;
mod timer_wheel;
