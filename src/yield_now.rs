//! Waiting for nothing: to let the others go first.
//!
//! A future that works for long keeps the thread, and everybody else waits. Between two pieces of
//! work it can yield: wake its own task and return `Pending`. The task goes to the end of the
//! queue, and all that were ready run before it. `asyncio.sleep(0)` does the same.
//!
//! It is the smallest future that is `Pending` once, and a good first one to write: see the
//! exercises.
//!
//! Read next: `gather.rs`.

use std::pin::Pin;
use std::task::{Context, Poll};

/// Lets every other task that is ready run once, then goes on. As tokio's `yield_now` and
/// `asyncio.sleep(0)`.
///
/// It works under any executor.
///
/// ```
/// use demitasse::{simulate, spawn, yield_now};
/// use std::{cell::RefCell, rc::Rc};
///
/// let order = Rc::new(RefCell::new(Vec::new()));
/// let log = Rc::clone(&order);
/// simulate(async move {
///     let (a, b) = (Rc::clone(&log), Rc::clone(&log));
///     spawn(async move { a.borrow_mut().push("a") });
///     spawn(async move { b.borrow_mut().push("b") });
///     yield_now().await;
///     log.borrow_mut().push("root");
/// });
/// assert_eq!(*order.borrow(), ["a", "b", "root"]);
/// ```
#[inline]
pub fn yield_now() -> YieldNow {
    YieldNow { has_yielded: false }
}

/// A future that is `Pending` once. Made by [`yield_now`].
#[must_use = "a future does nothing unless it is awaited"]
#[derive(Debug)]
pub struct YieldNow {
    has_yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_yielded {
            return Poll::Ready(());
        }
        self.has_yielded = true;
        // A future that returns `Pending` must see to it that it is polled again. Nobody else will.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
