//! Your executor. The page is docs/exercises/own.md, and `cargo test --test own` tells its steps.
//!
//! Here stands what others will call, and nothing of how it works. Replace one `todo!` after the
//! other, and add types and functions as you like. You may write a function as an `async fn`, or
//! give its future a type of your own.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Lets every other task that is ready run once, and then goes on.
pub fn yield_now() -> impl Future<Output = ()> {
    async { todo!("step 1: Pending at first, with a wake, and then Ready") }
}

/// Runs a future to its end on this thread, and meanwhile the tasks that it spawns. Tasks that are
/// not done by then are dropped.
pub fn block_on<F: Future>(future: F) -> F::Output {
    todo!("step 2: poll it until it is ready, and park the thread in between")
}

/// Starts a task on the running loop. It is polled for the first time in the next turn.
pub fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {
    todo!("step 3: give it a number, and put the number on the queue")
}

/// The same as `block_on`, on a simulated clock: time stands still while anything is ready, and
/// jumps to the next deadline when nothing is. If there is no deadline either, it panics with a
/// message that begins with "stuck".
pub fn simulate<F: Future>(future: F) -> F::Output {
    todo!("step 4: a loop with another clock")
}

/// The time on the running loop's clock.
pub fn now() -> Instant {
    todo!("step 4: ask the loop that runs on this thread")
}

/// Waits for so long, counted from the first poll. Dropping it cancels it.
pub fn sleep(duration: Duration) -> impl Future<Output = ()> {
    async { todo!("step 4: leave a deadline and a waker with the loop") }
}

/// Runs many futures at once, in one task, and gives their outputs in the order given.
pub fn gather<I: IntoIterator<Item: Future>>(
    futures: I,
) -> impl Future<Output = Vec<<I::Item as Future>::Output>> {
    async { todo!("step 6: a queue of its own, inside of one future") }
}

/// Waits for a task: a future of its output. Dropping it detaches the task, which goes on.
pub struct JoinHandle<T> {
    // Your fields, in the place of this one.
    todo: PhantomData<T>,
}

impl<T> JoinHandle<T> {
    /// Whether the task has ended: with an output, or with its loop.
    pub fn is_finished(&self) -> bool {
        todo!("step 7: look at what the handle shares with its task")
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        todo!("step 7: give the output, or leave a waker for the task to call")
    }
}

/// The task was dropped before it was done, because its loop ended first.
#[derive(Debug)]
pub struct Cancelled;
