//! Your executor, as the tests call it: the same functions, which tell what is polled.
//!
//! Each test calls one of them before anything can go wrong, and comes to `runner.rs` that way.
//! Futures are wrapped where they are given to the executor. The wrapper passes each poll on as it
//! is, tells the answer, and stops what goes on for ever.

use crate::executor;
pub use crate::executor::JoinHandle;
use crate::runner;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// No test needs so many polls of one future.
const MOST_POLLS: usize = 200_000;

pub fn yield_now() -> impl Future<Output = ()> {
    runner::enter();
    executor::yield_now()
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    runner::enter();
    LAST_TASK.set(0);
    executor::block_on(Told::new("the root".to_string(), future))
}

pub fn simulate<F: Future>(future: F) -> F::Output {
    runner::enter();
    LAST_TASK.set(0);
    executor::simulate(Told::new("the root".to_string(), future))
}

pub fn now() -> Instant {
    runner::enter();
    executor::now()
}

pub fn sleep(duration: Duration) -> impl Future<Output = ()> {
    runner::enter();
    executor::sleep(duration)
}

pub fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {
    runner::enter();
    let task = LAST_TASK.get() + 1;
    LAST_TASK.set(task);
    executor::spawn(Told::new(format!("task {task}"), future))
}

pub fn gather<I: IntoIterator<Item: Future>>(
    futures: I,
) -> impl Future<Output = Vec<<I::Item as Future>::Output>> {
    runner::enter();
    let children = (1..).zip(futures);
    executor::gather(children.map(|(child, future)| Told::new(format!("child {child}"), future)))
}

thread_local! {
    static LAST_TASK: Cell<usize> = const { Cell::new(0) };
}

struct Told<F> {
    name: String,
    future: Pin<Box<F>>,
    polls: usize,
    is_done: bool,
}

impl<F> Told<F> {
    fn new(name: String, future: F) -> Self {
        Told {
            name,
            future: Box::pin(future),
            polls: 0,
            is_done: false,
        }
    }
}

impl<F: Future> Future for Told<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.polls += 1;
        let Told { name, polls, .. } = &*self;
        assert!(
            !self.is_done,
            "{name} was Ready, and is polled again: a future must not be polled after it is done"
        );
        assert!(
            *polls < MOST_POLLS,
            "{MOST_POLLS} polls of {name} and no end. Is it polled though nobody woke it? Or does it \
             wake itself each time, and nobody else gets a turn: no task, and no timer that is due?"
        );
        let poll = format!("poll {polls} of {name}");
        runner::tell(|| poll.clone());
        let polled = self.future.as_mut().poll(cx);
        self.is_done = polled.is_ready();
        runner::tell(|| match polled {
            Poll::Ready(_) => format!("{poll}: Ready"),
            Poll::Pending => format!("{poll}: Pending"),
        });
        polled
    }
}

impl<F> Drop for Told<F> {
    fn drop(&mut self) {
        if !self.is_done && self.polls > 0 {
            runner::tell(|| format!("{} is dropped", self.name));
        }
    }
}
