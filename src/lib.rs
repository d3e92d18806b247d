//! A small cup of async: a single-threaded async executor to read, run and extend.
//!
//! Two fetches that each wait three seconds take six seconds one after the other. On an event loop
//! they take three, on one thread, because the first gives the thread back while it waits. This
//! crate is such a loop, on `std` alone, small enough to be read in an afternoon. The book about it
//! is part of this documentation: [the way in](guide::ch00_the_way_in), and
//! [all chapters](guide).
//!
//! ```
//! use demitasse::{gather, now, simulate, sleep};
//! use std::time::Duration;
//!
//! async fn fetch(endpoint: &str) -> String {
//!     sleep(Duration::from_secs(3)).await;
//!     format!("Data from {endpoint}")
//! }
//!
//! simulate(async {
//!     let start = now();
//!     let data = gather([fetch("Endpoint A"), fetch("Endpoint B")]).await;
//!     assert_eq!(data, ["Data from Endpoint A", "Data from Endpoint B"]);
//!     assert_eq!(now() - start, Duration::from_secs(3));
//! });
//! ```
//!
//! # The life of a wake-up
//!
//! 1. The loop polls a task, and lends it a [`Waker`](std::task::Waker): a shared pointer to the
//!    task's number.
//! 2. The task polls a [`Sleep`]. It is too early, so the sleep leaves a clone of the waker on the
//!    [`TimerWheel`] and returns `Pending`. So does the task.
//! 3. Nothing else is ready. The loop asks the wheel for the next deadline, and parks its thread
//!    until then.
//! 4. The thread runs again. The sleep's timer is due: the wheel hands the waker back, and the loop
//!    calls it.
//! 5. The waker puts the task's number on the ready queue. That is all that a waker does.
//! 6. The loop takes the number off the queue, finds the task in its seat and polls it. The sleep
//!    is `Ready`.
//!
//! # The files, in reading order
//!
//! The book that explains them, `docs/`, is the module [`guide`].
//!
//! Begin with `small.rs`: the whole idea in one file, public as [`small`], which uses no other. The
//! others are one executor, which does the same faster and does more. Of them, a file uses only
//! files above it in this table.
//!
//! | file | what it is |
//! |---|---|
//! | [`timer_wheel.rs`](../src/demitasse/timer_wheel.rs.html) | which timer is due next? |
//! | [`clock.rs`](../src/demitasse/clock.rs.html) | what time is it, and how does one wait? |
//! | [`panics.rs`](../src/demitasse/panics.rs.html) | what to do about code that is not ours and panics |
//! | [`ticket.rs`](../src/demitasse/ticket.rs.html) | what a waker is: a number to be called from any thread |
//! | [`ready_queue.rs`](../src/demitasse/ready_queue.rs.html) | who wants to be polled? The heart: the children and their seats |
//! | [`event.rs`](../src/demitasse/event.rs.html) | what the loop tells those who watch |
//! | [`task.rs`](../src/demitasse/task.rs.html) | a spawned future, its handle, and the slot that they share |
//! | [`stuck.rs`](../src/demitasse/stuck.rs.html) | what the loop says when it can never go on |
//! | [`event_loop.rs`](../src/demitasse/event_loop.rs.html) | the loop: poll, fire, park |
//! | [`block_on.rs`](../src/demitasse/block_on.rs.html) | the way into a loop, and out again |
//! | [`sleep.rs`](../src/demitasse/sleep.rs.html) | the simplest future that waits |
//! | [`yield_now.rs`](../src/demitasse/yield_now.rs.html) | a future that lets others go first |
//! | [`gather.rs`](../src/demitasse/gather.rs.html) | many futures in one, with a ready queue of its own |
//! | [`instrument.rs`](../src/demitasse/instrument.rs.html) | names for futures |

mod block_on;
mod clock;
mod event;
mod event_loop;
mod gather;
#[cfg(doc)]
pub mod guide;
mod instrument;
mod panics;
mod ready_queue;
mod sleep;
pub mod small;
mod stuck;
mod task;
mod ticket;
mod timer_wheel;
mod yield_now;

pub use block_on::{EventLoop, block_on, simulate, spawn};
pub use event::{Event, EventKind, Outcome, TaskId, WokenBy};
pub use gather::{Gather, gather};
pub use instrument::{Instrumented, instrument};
pub use sleep::{Sleep, block_for, now, sleep, sleep_until};
pub use task::{JoinError, JoinHandle};
pub use timer_wheel::{TimerKey, TimerWheel};
pub use yield_now::{YieldNow, yield_now};
