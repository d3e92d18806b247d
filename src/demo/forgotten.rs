//! The mistake that everybody makes once: to return `Pending` and keep no waker.
//!
//! It looks right. It says "not yet" when it is too early, and would say "done" when asked later.
//! But nobody asks later: a future is polled again when its waker is called, and this one gave its
//! waker to nobody. On most executors the program hangs without a word. Ours proves that it can
//! never go on, and says which task it is, and which line gave that task to the loop.
//!
//! The first fetch makes the mistake. The others are as they should be, and their data comes in
//! time; but a task that awaits them all waits for ever.
//!
//! Read next: `src/stuck.rs`, which writes the report.

use super::args::Args;
use super::console::{self, say};
use super::{Run, concurrent, watched_loop};
use demitasse::{gather, instrument, now};
use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// What is said at the end.
pub const CLOSING: &str = "The first fetch answered `Pending` and gave its waker to nobody, so \
                           nobody can ask for its next poll. Most executors would hang here.";

/// A fetch that keeps no waker.
struct Forgetful {
    endpoint: String,
    delay: Duration,
    deadline: Option<Instant>,
}

impl Future for Forgetful {
    type Output = String;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<String> {
        let Some(deadline) = self.deadline else {
            say(&format!("Fetching {}", self.endpoint));
            self.deadline = Some(now() + self.delay);
            // Here it should leave `_cx.waker()` with somebody who knows when the time has come.
            return Poll::Pending;
        };
        match now() < deadline {
            true => Poll::Pending,
            false => Poll::Ready(format!("Data from {}", self.endpoint)),
        }
    }
}

async fn fetch_all(endpoints: Vec<String>, delay: Duration) -> Vec<String> {
    let fetches = endpoints.into_iter().enumerate().map(|(number, endpoint)| {
        let forgetful = Forgetful {
            endpoint: endpoint.clone(),
            delay,
            deadline: None,
        };
        instrument(endpoint.clone(), async move {
            match number {
                0 => forgetful.await,
                _ => concurrent::fetch(&endpoint, delay).await,
            }
        })
    });
    gather(fetches).await
}

/// Runs into the mistake, and prints what the loop says.
pub fn run(args: &Args) -> Run {
    console::expect_lines(args.tasks);
    let (event_loop, events) = watched_loop(args.is_virtual, None);
    let fetches = fetch_all(args.endpoints(), args.delay);
    // The report is a panic, and would be printed as one. It is what we are here for.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    // The report names this line: here the future that is lost was given to the loop.
    let outcome = catch_unwind(AssertUnwindSafe(|| event_loop.block_on(fetches)));
    panic::set_hook(hook);
    let Err(panic) = outcome else {
        unreachable!("without a waker, the first fetch is never done");
    };
    match panic.downcast_ref::<String>() {
        Some(report) if report.starts_with("stuck:") => console::print(&format!("\n{report}\n")),
        _ => resume_unwind(panic),
    }
    Run {
        also: "// Here it should leave",
        ..Run::new("forgotten", events.take())
    }
}
