//! A spawned future, its place in the loop's table, and the handle that waits for it.
//!
//! The futures stay in one table, on the loop's own thread. A waker knows a task by the number of
//! its slot, and so does the [`JoinHandle`]. Nothing points *to* a future, so nothing needs
//! `unsafe`, a lock, or `Send`.
//!
//! Each future has another type, and the table must hold them all. So they are boxed behind one
//! trait, [`Job`], whose only work is to box the output as well: `Box<dyn Any>` is "a value of some
//! type", and the handle, which knows the type, takes it out. (A task whose output is `()` pays
//! nothing: a box of nothing is not allocated.)
//!
//! What always holds:
//! - a slot is free for the next task when three have let go of it: the future is done, the handle
//!   is gone, and its number is off the ready queue;
//! - a task is `Polling` while it is polled: its future is then out of the table, so the table is
//!   free for `spawn`;
//! - nothing that a user wrote runs while the table is borrowed: not a poll, not a destructor, not
//!   a waker.
//!
//! Read next: `stuck.rs`, and then `event_loop.rs`, which polls them.

use crate::event::TaskId;
use crate::panics::drop_each;
use crate::slab::Slab;
use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// A future of any type, whose output is boxed.
pub(crate) trait Job {
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Box<dyn Any>>;
}

impl<F> Job for F
where
    F: Future,
    F::Output: 'static,
{
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Box<dyn Any>> {
        Future::poll(self, cx).map(|output| Box::new(output) as Box<dyn Any>)
    }
}

/// What sits in a seat of the loop's ready queue.
pub(crate) struct Child {
    pub(crate) job: Pin<Box<dyn Job>>,
}

impl Child {
    pub(crate) fn new(future: impl Future + 'static) -> Self {
        Child {
            job: Box::pin(future),
        }
    }
}

/// In the place of an output: why there is none.
struct Failed(JoinError);

pub(crate) struct Task {
    pub(crate) spawned_at: &'static Location<'static>,
    stage: Stage,
}

enum Stage {
    /// Not done yet. If somebody awaits the handle, this wakes them.
    Running(Option<Waker>),
    /// Not done yet, and the handle is gone.
    Detached,
    /// Done, and the handle has not asked yet.
    Done {
        outcome: Box<dyn Any>,
        is_queued: bool,
    },
    /// Done, and nobody will ask.
    Taken { is_queued: bool },
}

impl Stage {
    fn is_done(&self) -> bool {
        matches!(self, Stage::Done { .. } | Stage::Taken { .. })
    }
}

/// What the loop and the handles know of each task. The futures are in the ready queue's seats.
#[derive(Default)]
pub(crate) struct Tasks {
    pub(crate) table: RefCell<Slab<Task>>,
    /// Labels of the tasks that have one.
    pub(crate) labels: RefCell<BTreeMap<TaskId, Arc<str>>>,
}

impl Tasks {
    pub(crate) fn insert(&self, spawned_at: &'static Location<'static>) -> (u32, TaskId) {
        let task = Task {
            spawned_at,
            stage: Stage::Running(None),
        };
        let key = self.table.borrow_mut().insert(task);
        (key.index, TaskId(key.serial))
    }

    /// The name of the task with this number.
    pub(crate) fn id(&self, number: u32) -> TaskId {
        self.table
            .borrow()
            .key_at(number)
            .map_or(TaskId::ROOT, |key| TaskId(key.serial))
    }

    /// The task is done: keeps what came of it for the handle, or drops it where there is none.
    /// `is_queued`: its number is still on the ready queue. Gives who is to be woken.
    pub(crate) fn finish(
        &self,
        number: u32,
        outcome: Result<Box<dyn Any>, JoinError>,
        is_queued: bool,
    ) -> Option<Waker> {
        if !self.labels.borrow().is_empty() {
            self.labels.borrow_mut().remove(&self.id(number));
        }
        let outcome = outcome.unwrap_or_else(|error| Box::new(Failed(error)));
        let mut table = self.table.borrow_mut();
        let stage = &mut table[number].stage;
        if let Stage::Running(waiter) = stage {
            let waiter = waiter.take();
            *stage = Stage::Done { outcome, is_queued };
            return waiter;
        }
        *stage = Stage::Taken { is_queued };
        free(&mut table, number);
        drop(table);
        drop(outcome);
        None
    }

    /// The handle is gone. Gives the stage in which it left the task.
    fn let_go(&self, number: u32) -> Stage {
        let mut table = self.table.borrow_mut();
        let stage = &mut table[number].stage;
        let next = match *stage {
            Stage::Running(_) | Stage::Detached => Stage::Detached,
            Stage::Done { is_queued, .. } | Stage::Taken { is_queued } => {
                Stage::Taken { is_queued }
            }
        };
        let old = mem::replace(stage, next);
        free(&mut table, number);
        old
    }

    /// The number of a task that is done has come off the ready queue.
    pub(crate) fn leave_queue(&self, number: u32) {
        let mut table = self.table.borrow_mut();
        if let Stage::Done { is_queued, .. } | Stage::Taken { is_queued } = &mut table[number].stage
        {
            *is_queued = false;
        }
        free(&mut table, number);
    }
}

/// Frees the slot if all three have let go.
fn free(table: &mut Slab<Task>, number: u32) {
    if let Stage::Taken { is_queued: false } = table[number].stage {
        table.remove_at(number);
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
    tasks: Rc<Tasks>,
    number: u32,
    is_done: bool,
    /// Opens the box. Made by `spawn`, which knows that `T` is `'static`, as `downcast` needs it to
    /// be.
    open: fn(Box<dyn Any>) -> Result<T, JoinError>,
}

fn open<T: 'static>(outcome: Box<dyn Any>) -> Result<T, JoinError> {
    match outcome.downcast::<T>() {
        Ok(output) => Ok(*output),
        Err(failed) => Err(failed
            .downcast::<Failed>()
            .expect("a task gives its own output type, or has failed")
            .0),
    }
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(tasks: &Rc<Tasks>, number: u32) -> Self
    where
        T: 'static,
    {
        JoinHandle {
            tasks: Rc::clone(tasks),
            number,
            is_done: false,
            open: open::<T>,
        }
    }

    /// Whether the task has ended: with an output, with a panic, or with its loop.
    pub fn is_finished(&self) -> bool {
        self.is_done || self.tasks.table.borrow()[self.number].stage.is_done()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(
            !self.is_done,
            "this JoinHandle has given its result already: do not poll it again"
        );
        if !self.is_finished() {
            // I4: the latest waker counts. To clone or drop one may run code that we do not know:
            // not while we borrow.
            let stage = Stage::Running(Some(cx.waker().clone()));
            let old = mem::replace(&mut self.tasks.table.borrow_mut()[self.number].stage, stage);
            drop(old);
            return Poll::Pending;
        }
        self.is_done = true;
        match self.tasks.let_go(self.number) {
            Stage::Done { outcome, .. } => Poll::Ready((self.open)(outcome)),
            _ => unreachable!("`is_finished` said so"),
        }
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if !self.is_done {
            // What the task leaves behind may run code that we do not know when it is dropped.
            // Where a panic drops the handle, a second one would end the process.
            drop_each([self.tasks.let_go(self.number)]);
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// Why a task has no output: it panicked, or its loop ended first. The names are tokio's.
pub struct JoinError {
    task: TaskId,
    /// A payload need not be `Sync`, an error has to be: behind the lock it is.
    panic: Option<Mutex<Box<dyn Any + Send>>>,
}

impl JoinError {
    pub(crate) fn panicked(task: TaskId, panic: Box<dyn Any + Send>) -> Self {
        JoinError {
            task,
            panic: Some(Mutex::new(panic)),
        }
    }

    pub(crate) fn cancelled(task: TaskId) -> Self {
        JoinError { task, panic: None }
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
