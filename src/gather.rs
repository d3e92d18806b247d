//! Many futures in one: `asyncio.gather`.
//!
//! A gather is a small event loop inside a task. It has the same [`ReadyQueue`] as the loop: each
//! child has a number and a waker of its own, and only the children that were woken are polled
//! (I10). The obvious way, to poll every child at every wake, costs n² polls for n children that
//! are woken one by one: 501,500 of them for a thousand, instead of 2,000.
//!
//! The one difference: a loop that has nothing to do parks its thread. A gather must not, because
//! its thread is not its own. It says "wake my parent when one of mine is woken" and returns
//! `Pending`.
//!
//! It knows nothing of the loop, so it runs under any executor. It stays on the thread that made it,
//! for its queue belongs to that thread.
//!
//! What always holds:
//! - a child is dropped as soon as it is done. Its output waits for the others;
//! - if every child that is left kept no waker, the gather keeps none of its parent's: it is lost
//!   itself, and the loop can prove it (I13).
//!
//! Read next: `instrument.rs`, and then you have read it all.

use crate::panics::{drop_each, drop_quietly};
use crate::ready_queue::ReadyQueue;
use std::fmt;
use std::mem;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs many futures at once, in one task, and gives all their outputs in the order in which they
/// were given.
///
/// It is ready when all are; of no futures, at once. Dropping it drops them. As `asyncio.gather`,
/// or `join_all` of the futures crate. It works under any executor, on the thread that made it: it
/// is not `Send`.
///
/// The futures take turns on one thread: while one waits, another runs. They do not run in
/// parallel.
///
/// # Panics
///
/// If one of them panics. And when it is polled again after it gave its result, or panicked.
///
/// ```
/// use demitasse::{gather, simulate, sleep};
/// use std::time::Duration;
///
/// async fn fetch(endpoint: &str, seconds: u64) -> String {
///     sleep(Duration::from_secs(seconds)).await;
///     format!("Data from {endpoint}")
/// }
///
/// let data = simulate(gather([fetch("Endpoint A", 3), fetch("Endpoint B", 1)]));
/// assert_eq!(data, ["Data from Endpoint A", "Data from Endpoint B"]);
/// ```
pub fn gather<I>(futures: I) -> Gather<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator,
    I::Item: IntoFuture,
{
    let children = ReadyQueue::new(None);
    let mut outputs = Vec::new();
    for future in futures {
        children.add((), Box::pin(future.into_future()));
        outputs.push(None);
    }
    Gather {
        left: outputs.len(),
        children,
        outputs,
        is_over: false,
        batch: Vec::new(),
    }
}

/// A future of many outputs. Made by [`gather`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Gather<F: Future> {
    children: ReadyQueue<Pin<Box<F>>>,
    outputs: Vec<Option<F::Output>>,
    /// How many children are not done.
    left: usize,
    /// It has given its result, or a child has panicked.
    is_over: bool,
    batch: Vec<u32>,
}

impl<F: Future> Future for Gather<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        // Taken back at the end, so that a panic leaves it over.
        assert!(
            !mem::replace(&mut this.is_over, true),
            "this gather has ended already, with its result or with a panic: do not poll it again"
        );
        this.children.take_batch(&mut this.batch);
        while let Some(number) = this.batch.pop() {
            let polled = this
                .children
                .poll(number, |child, cx| child.as_mut().poll(cx));
            match polled {
                Some(Ok(Poll::Ready(output))) => {
                    this.outputs[number as usize] = Some(output);
                    this.left -= 1;
                    drop(this.children.take(number));
                    // From now on its wakes mean nothing (I10).
                    this.children.leave(number);
                }
                Some(Err(panic)) => {
                    // The panic itself must not drop it, for its destructor may panic too.
                    drop_quietly(this.children.take(number));
                    resume_unwind(panic);
                }
                Some(Ok(Poll::Pending)) | None => {}
            }
        }
        if this.left == 0 {
            return Poll::Ready(mem::take(&mut this.outputs).into_iter().flatten().collect());
        }
        if this.children.is_lost_whole() {
            this.children.queue.forget_consumer();
        } else if !this.children.queue.rest(cx.waker()) {
            // Some are ready again. The other tasks come first.
            cx.waker().wake_by_ref();
        }
        this.is_over = false;
        Poll::Pending
    }
}

/// The outputs that wait for the others. The queue drops the children.
impl<F: Future> Drop for Gather<F> {
    fn drop(&mut self) {
        drop_each(self.outputs.drain(..));
    }
}

// The children are boxed, so the gather itself may move.
impl<F: Future> Unpin for Gather<F> {}

impl<F: Future> fmt::Debug for Gather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gather {{ left: {}, .. }}", self.left)
    }
}
