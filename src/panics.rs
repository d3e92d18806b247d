//! What to do about code that is not ours and panics.
//!
//! A loop runs polls, destructors, wakers and an observer that it does not know. Each of them may
//! panic, and a panic that merely went its way would take the loop with it, and every other task.
//! So the loop catches it, finishes what it is doing, and passes it on where that does no harm.
//!
//! Two things are easily overlooked. A panic in a destructor that runs *because* of a panic ends
//! the process, so what is dropped on the way out is dropped with care. And what a panic carries,
//! its payload, is a value like any other: it has a destructor, which may panic in its turn. Where
//! nobody wants it, it is let go without.
//!
//! What always holds: of several panics the first one is passed on, and the others are dropped
//! without a word. (The panic hook has reported each of them already.)
//!
//! Read next: `ticket.rs`, what a waker is.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// What a panic carries.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Runs code that may panic.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(work))
}

/// Drops a value whose destructor may panic, when there is nobody left to tell. What such a panic
/// carries is let go without its destructor, which may panic in its turn.
pub(crate) fn drop_quietly<T>(value: T) {
    mem::forget(catch(|| drop(value)));
}

/// The first panic of the two; the other things are dropped. (Inlined, because every task that ends
/// comes by here.)
#[inline]
pub(crate) fn first<T>(result: Result<T, Panic>, next: Result<(), Panic>) -> Result<T, Panic> {
    match (result, next) {
        (Ok(value), Err(panic)) => {
            drop_quietly(value);
            Err(panic)
        }
        (result, next) => {
            drop_quietly(next);
            result
        }
    }
}

/// Drops each of these, whichever panics. The first panic goes on when all are dropped, unless
/// another one is on its way.
pub(crate) fn drop_each<T>(values: impl IntoIterator<Item = T>) {
    let drops = values.into_iter().map(|value| catch(|| drop(value)));
    match drops.fold(Ok(()), first) {
        Ok(()) => {}
        Err(panic) if thread::panicking() => drop_quietly(panic),
        Err(panic) => resume_unwind(panic),
    }
}
