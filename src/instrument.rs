//! Names for futures, so that pictures of a run can say "Endpoint A" and not "future 7".
//!
//! A wrapper that tells the observer when its future is polled, what it answers, and when it is
//! dropped. Where nobody listens, it costs one test a poll. tracing's `Instrument` is the same
//! idea.
//!
//! Read next: `docs/`, or the binary: `main.rs`, `demo/`, `view/`.

use crate::event::EventKind;
use crate::event_loop::{Core, current};
use crate::panics::catch;
use std::fmt;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll};

/// Names a future in the loop's events, and in its report when it is stuck. It changes nothing
/// else.
///
/// ```
/// use demitasse::{gather, instrument, simulate, sleep};
/// use std::time::Duration;
///
/// let wait = |name| instrument(name, sleep(Duration::from_secs(1)));
/// simulate(gather([wait("Endpoint A"), wait("Endpoint B")]));
/// ```
#[track_caller]
pub fn instrument<F: IntoFuture>(
    label: impl Into<Arc<str>>,
    future: F,
) -> Instrumented<F::IntoFuture> {
    Instrumented {
        label: label.into(),
        future: Box::pin(future.into_future()),
        number: None,
        is_done: false,
        made_at: Location::caller(),
    }
}

/// A future with a label. Made by [`instrument`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Instrumented<F> {
    label: Arc<str>,
    future: Pin<Box<F>>,
    /// The loop that polled it last, and its number there.
    number: Option<(Weak<Core>, u64)>,
    is_done: bool,
    made_at: &'static Location<'static>,
}

impl<F: Future> Future for Instrumented<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let Some(core) = current() else {
            return this.future.as_mut().poll(cx);
        };
        let task = core.running();
        let future = this.number_in(&core).unwrap_or_else(|| {
            let future = core.labelled.replace(core.labelled.get() + 1);
            this.number = Some((Rc::downgrade(&core), future));
            future
        });
        core.tell(|| EventKind::FuturePollStarted {
            task,
            future,
            label: Arc::clone(&this.label),
            made_at: this.made_at,
        });
        let inner = Some((future, Arc::clone(&this.label)));
        let outer = core.label.replace(inner);
        if outer.is_none() {
            let mut labels = core.labels.borrow_mut();
            let label = &this.label;
            labels.entry(task).or_insert_with(|| Arc::clone(label));
        }
        let polled = catch(|| this.future.as_mut().poll(cx));
        core.label.replace(outer);
        this.is_done = matches!(polled, Ok(Poll::Ready(_)));
        core.tell(|| EventKind::FuturePollEnded {
            task,
            future,
            ready: this.is_done,
            panicked: polled.is_err(),
        });
        polled.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl<F> Instrumented<F> {
    /// Its number in this loop. In another loop it has another one, or none.
    fn number_in(&self, core: &Rc<Core>) -> Option<u64> {
        let (owner, number) = self.number.as_ref()?;
        (owner.as_ptr() == Rc::as_ptr(core)).then_some(*number)
    }
}

impl<F> Drop for Instrumented<F> {
    fn drop(&mut self) {
        if let (false, Some(core)) = (self.is_done, current())
            && let Some(future) = self.number_in(&core)
        {
            core.tell(|| EventKind::FutureDropped { future });
        }
    }
}

impl<F> fmt::Debug for Instrumented<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instrumented {{ label: {:?}, .. }}", self.label)
    }
}
