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
//! Read next: `event_loop.rs`, which polls them.

use crate::event::TaskId;
use crate::slab::Slab;
use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
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

pub(crate) type BoxedJob = Pin<Box<dyn Job>>;

/// In the place of an output: why there is none.
struct Failed(JoinError);

pub(crate) struct Task {
    pub(crate) stage: Stage,
    pub(crate) spawned_at: &'static Location<'static>,
    /// The sleep that was pending in the last poll.
    pub(crate) pending: Option<&'static Location<'static>>,
    /// Who awaits the handle.
    waiter: Option<Waker>,
    has_handle: bool,
    is_queued: bool,
}

pub(crate) enum Stage {
    Waiting(BoxedJob),
    Polling,
    Done(Box<dyn Any>),
}

/// The loop's table of tasks.
#[derive(Default)]
pub(crate) struct Tasks {
    pub(crate) table: RefCell<Slab<Task>>,
    /// Labels of the tasks that have one.
    pub(crate) labels: RefCell<BTreeMap<TaskId, Arc<str>>>,
}

impl Tasks {
    /// A slot for a task; the root future has one too, though it does not live in the table.
    pub(crate) fn insert(
        &self,
        stage: Stage,
        spawned_at: &'static Location<'static>,
    ) -> (u32, TaskId) {
        let task = Task {
            stage,
            spawned_at,
            pending: None,
            waiter: None,
            has_handle: true,
            is_queued: false,
        };
        let key = self.table.borrow_mut().insert(task);
        (key.index, TaskId(key.serial))
    }

    pub(crate) fn id(&self, index: u32) -> Option<TaskId> {
        self.table
            .borrow()
            .key_at(index)
            .map(|key| TaskId(key.serial))
    }

    /// The numbers of the tasks that are not done.
    pub(crate) fn waiting(&self) -> Vec<u32> {
        let table = self.table.borrow();
        let waiting = table
            .iter()
            .filter(|(_, task)| matches!(task.stage, Stage::Waiting(_)));
        waiting.map(|(key, _)| key.index).collect()
    }

    /// Takes the future out to be polled; `None` if the task is done.
    pub(crate) fn start_poll(&self, index: u32) -> Option<(BoxedJob, TaskId)> {
        let mut table = self.table.borrow_mut();
        let id = TaskId(table.key_at(index)?.serial);
        match std::mem::replace(&mut table[index].stage, Stage::Polling) {
            Stage::Waiting(job) => Some((job, id)),
            done => {
                table[index].stage = done;
                None
            }
        }
    }

    /// Puts the future back.
    pub(crate) fn wait(
        &self,
        index: u32,
        job: BoxedJob,
        pending: Option<&'static Location<'static>>,
    ) {
        let task = &mut self.table.borrow_mut()[index];
        task.stage = Stage::Waiting(job);
        task.pending = pending;
    }

    /// The task is done: stores what came of it for the handle. `is_queued`: its number is still on
    /// the ready queue, and [`Tasks::dequeued`] will tell when it is not. Gives who is to be woken,
    /// and what is to be dropped.
    pub(crate) fn finish(
        &self,
        index: u32,
        outcome: Result<Box<dyn Any>, JoinError>,
        is_queued: bool,
    ) -> (Option<Waker>, Option<Task>) {
        if !self.labels.borrow().is_empty()
            && let Some(id) = self.id(index)
        {
            self.labels.borrow_mut().remove(&id);
        }
        let mut table = self.table.borrow_mut();
        let task = &mut table[index];
        task.stage = Stage::Done(outcome.unwrap_or_else(|error| Box::new(Failed(error))));
        task.is_queued = is_queued;
        (task.waiter.take(), free(&mut table, index))
    }

    /// The number of a task that is done has come off the ready queue.
    pub(crate) fn dequeued(&self, index: u32) {
        let mut table = self.table.borrow_mut();
        table[index].is_queued = false;
        let removed = free(&mut table, index);
        drop(table);
        drop(removed);
    }
}

/// Frees the slot if all three have let go.
fn free(table: &mut Slab<Task>, index: u32) -> Option<Task> {
    let task = &table[index];
    let is_free = matches!(task.stage, Stage::Done(_)) && !task.has_handle && !task.is_queued;
    let key = if is_free { table.key_at(index) } else { None };
    key.and_then(|key| table.remove(key))
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
    index: u32,
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
    pub(crate) fn new(tasks: &Rc<Tasks>, index: u32) -> Self
    where
        T: 'static,
    {
        JoinHandle {
            tasks: Rc::clone(tasks),
            index,
            is_done: false,
            open: open::<T>,
        }
    }

    /// Whether the task has ended: with an output, with a panic, or with its loop.
    pub fn is_finished(&self) -> bool {
        self.is_done || matches!(self.tasks.table.borrow()[self.index].stage, Stage::Done(_))
    }

    /// Lets go of the slot. What was in it is the caller's to drop, or to keep.
    fn let_go(&mut self) -> Option<Task> {
        self.is_done = true;
        let mut table = self.tasks.table.borrow_mut();
        table[self.index].has_handle = false;
        free(&mut table, self.index)
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
            // I4: the latest waker counts. Cloning and dropping one may run code that we do not
            // know: not while we borrow.
            let waker = cx.waker().clone();
            let old = self.tasks.table.borrow_mut()[self.index]
                .waiter
                .replace(waker);
            drop(old);
            return Poll::Pending;
        }
        let outcome = {
            let mut table = self.tasks.table.borrow_mut();
            let empty = Stage::Done(Box::new(()));
            match std::mem::replace(&mut table[self.index].stage, empty) {
                Stage::Done(outcome) => outcome,
                _ => unreachable!("`is_finished` said so"),
            }
        };
        self.let_go();
        Poll::Ready((self.open)(outcome))
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if !self.is_done {
            let waiter = self.tasks.table.borrow_mut()[self.index].waiter.take();
            let task = self.let_go();
            drop((waiter, task));
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
    panic: Option<Box<dyn Any + Send>>,
}

impl JoinError {
    pub(crate) fn panicked(task: TaskId, panic: Box<dyn Any + Send>) -> Self {
        JoinError {
            task,
            panic: Some(panic),
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
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = self.task;
        let Some(panic) = &self.panic else {
            return write!(f, "task {task} was cancelled: its event loop ended first");
        };
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
