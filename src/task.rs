//! A spawned future, and the handle that waits for it.
//!
//! A task and its handle share one [`Slot`]. While the task runs, the slot holds the waker of
//! whoever awaits the handle; when the task is done, it holds what came of it. Neither end needs the
//! other: a handle that outlives its loop holds a slot and nothing more, and a task whose handle is
//! gone drops its output with the slot. (tokio keeps future, waker and output in one allocation. In
//! safe code they are two: a pinned future cannot be reached through a shared pointer.)
//!
//! Each future has another type, and the loop must hold them all. So they are boxed behind one
//! trait, [`Job`]. The slot has the type of the output, and only the job knows it: it asks
//! [`Any`] to give the slot its type back.
//!
//! What always holds:
//! - a slot goes from `Running` to `Done` to `Taken`, and never back;
//! - nothing that a user wrote runs while something is borrowed: not a poll, not a destructor, not a
//!   waker. (A `Cell` lends nothing: its content is taken out and put back.)
//!
//! Read next: `stuck.rs`, and then `event_loop.rs`, which polls the tasks.

use crate::event::TaskId;
use crate::panics::Panic;
use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// What a task and its handle share.
struct Slot<T>(Cell<Stage<T>>);

enum Stage<T> {
    /// Not done yet. If somebody awaits the handle, this wakes them.
    Running(Option<Waker>),
    /// Done, and the handle has not asked yet.
    Done(Result<T, JoinError>),
    /// The handle has given it away.
    Taken,
}

/// The task's end of a slot.
pub(crate) trait TaskSlot: Any {
    /// There is no output, because of this. Gives who is to be woken.
    fn fail(&self, error: JoinError) -> Option<Waker>;
}

impl<T: 'static> TaskSlot for Slot<T> {
    fn fail(&self, error: JoinError) -> Option<Waker> {
        self.finish(Err(error))
    }
}

impl<T> Slot<T> {
    fn finish(&self, outcome: Result<T, JoinError>) -> Option<Waker> {
        match self.0.replace(Stage::Done(outcome)) {
            Stage::Running(waiter) => waiter,
            _ => None,
        }
    }
}

/// A future of any type, which leaves its output in a slot of the type that fits.
pub(crate) trait Job {
    /// Polls it. When it is done: who is to be woken.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, slot: &dyn Any) -> Poll<Option<Waker>>;
}

impl<F: Future + 'static> Job for F {
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, slot: &dyn Any) -> Poll<Option<Waker>> {
        Future::poll(self, cx).map(|output| {
            let slot: &Slot<F::Output> = slot.downcast_ref().expect("made for this future");
            slot.finish(Ok(output))
        })
    }
}

/// What the loop knows of each task.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) id: TaskId,
    pub(crate) spawned_at: &'static Location<'static>,
}

/// The labels of the tasks that have one.
pub(crate) type Labels = BTreeMap<TaskId, Arc<str>>;

/// A task, as it sits in a seat of the loop's ready queue.
pub(crate) struct Child {
    pub(crate) job: Pin<Box<dyn Job>>,
    pub(crate) slot: Rc<dyn TaskSlot>,
}

impl Child {
    pub(crate) fn new<F: Future + 'static>(future: F) -> (Self, JoinHandle<F::Output>) {
        let slot = Rc::new(Slot(Cell::new(Stage::Running(None))));
        let child = Child {
            job: Box::pin(future),
            slot: Rc::<Slot<_>>::clone(&slot),
        };
        (child, JoinHandle { slot })
    }

    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Waker>> {
        self.job.as_mut().poll(cx, &*self.slot)
    }
}

/// Waits for a spawned task: a future of its output. Made by [`spawn`](crate::spawn).
///
/// Dropping the handle detaches the task: it goes on, and its output is dropped. As in tokio, and
/// unlike asyncio, where a task that nobody holds may vanish.
///
/// # Errors
///
/// Its output is a [`JoinError`] when the task panicked, or was dropped because its loop ended
/// first.
///
/// # Panics
///
/// When it is polled again after it gave its result.
///
/// ```
/// let sum = demitasse::block_on(async {
///     let one = demitasse::spawn(async { 1 });
///     let two = demitasse::spawn(async { 2 });
///     one.await.unwrap() + two.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// ```
#[must_use = "a task goes on when its handle is dropped; say `drop(handle)` to detach it"]
pub struct JoinHandle<T> {
    slot: Rc<Slot<T>>,
}

impl<T> JoinHandle<T> {
    /// Whether the task has ended: with an output, with a panic, or with its loop.
    pub fn is_finished(&self) -> bool {
        let stage = self.slot.0.replace(Stage::Taken);
        let is_finished = !matches!(stage, Stage::Running(_));
        self.slot.0.set(stage);
        is_finished
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let stage = &self.slot.0;
        match stage.replace(Stage::Taken) {
            Stage::Done(outcome) => return Poll::Ready(outcome),
            Stage::Taken => {
                panic!("this JoinHandle has given its result already: do not poll it again")
            }
            running => stage.set(running),
        }
        // I4: the latest waker counts. To clone or drop one may run code that we do not know: it
        // finds the slot as it should be.
        let waiter = Some(cx.waker().clone());
        drop(stage.replace(Stage::Running(waiter)));
        Poll::Pending
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // Nobody is to be woken any more. (What was taken stays taken.)
        if let Stage::Running(waiter) = self.slot.0.replace(Stage::Taken) {
            self.slot.0.set(Stage::Running(None));
            drop(waiter);
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_finished = self.is_finished();
        write!(f, "JoinHandle {{ is_finished: {is_finished}, .. }}")
    }
}

/// Why a task has no output: it panicked, or its loop ended first. The names are tokio's.
pub struct JoinError {
    task: TaskId,
    /// A payload need not be `Sync`, an error has to be: behind the lock it is. (Boxed, because
    /// each slot keeps room for an error.)
    panic: Option<Box<Mutex<Panic>>>,
}

impl JoinError {
    /// Without a panic, it was cancelled.
    pub(crate) fn new(task: TaskId, panic: Option<Panic>) -> Self {
        let panic = panic.map(|panic| Box::new(Mutex::new(panic)));
        JoinError { task, panic }
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        self.panic.is_some()
    }

    /// Whether the task was dropped before it was done, because its loop ended.
    pub fn is_cancelled(&self) -> bool {
        self.panic.is_none()
    }

    /// What the task panicked with, as [`std::panic::catch_unwind`] gives it. Pass it to
    /// [`std::panic::resume_unwind`] to go on panicking.
    ///
    /// # Panics
    ///
    /// If the task did not panic: see [`is_panic`](JoinError::is_panic).
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        self.panic
            .expect("this JoinError holds no panic: ask `is_panic` first")
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = self.task;
        let Some(panic) = &self.panic else {
            return write!(f, "task {task} was cancelled: its event loop ended first");
        };
        let panic = panic.lock().unwrap_or_else(PoisonError::into_inner);
        let message = panic
            .downcast_ref::<&str>()
            .copied()
            .or(panic.downcast_ref::<String>().map(String::as_str));
        match message {
            Some(message) => write!(f, "task {task} panicked: {message}"),
            None => write!(f, "task {task} panicked"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}
