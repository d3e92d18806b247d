//! Handles: what a task gives to who awaits it, and who is woken.

use super::executor::{JoinHandle, simulate, sleep, spawn, yield_now};
use super::support::{Bell, Probe, SECOND, poll_once};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Wake, Waker};

// I1: a new task is ready once.

#[test]
fn i1_a_new_task_is_ready_once() {
    simulate(async {
        let task = Probe::new();
        let handle = spawn(task.future());
        task.finish();
        handle.await.unwrap();
        assert_eq!(task.counts(), "polls 1, wakes 0, drops 1");
    });
}

// I4: only the latest waker counts.

#[test]
fn i4_only_the_latest_waker_counts_for_a_handle() {
    simulate(async {
        let (old, old_waker) = Bell::new();
        let (new, new_waker) = Bell::new();
        let task = Probe::new();
        let mut handle = spawn(task.future());
        yield_now().await;
        assert!(poll_once(&mut handle, &old_waker).is_pending());
        assert_eq!(old.counts(), "wakes 0, wakers 2");
        assert!(poll_once(&mut handle, &new_waker).is_pending());
        assert_eq!(old.counts(), "wakes 0, wakers 1");
        assert_eq!(new.counts(), "wakes 0, wakers 2");
        task.finish();
        task.wake();
        yield_now().await;
        assert_eq!(old.counts(), "wakes 0, wakers 1");
        assert_eq!(new.counts(), "wakes 1, wakers 1");
        assert_eq!(task.counts(), "polls 2, wakes 1, drops 1");
        assert!(poll_once(&mut handle, &old_waker).is_ready());
    });
}

thread_local!(static HANDLE: RefCell<Option<JoinHandle<()>>> = const { RefCell::new(None) });

/// Asks the handle whether its task has ended, when it is called.
struct Asks(AtomicUsize);

impl Wake for Asks {
    fn wake(self: Arc<Self>) {
        let is_finished = |handle: &Option<JoinHandle<()>>| handle.as_ref().unwrap().is_finished();
        assert!(HANDLE.with_borrow(is_finished), "its task has ended");
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn i4_the_waker_of_a_handle_may_ask_the_handle() {
    simulate(async {
        let task = Probe::new();
        let asks = Arc::new(Asks(AtomicUsize::new(0)));
        let mut handle = spawn(task.future());
        assert!(poll_once(&mut handle, &Waker::from(Arc::clone(&asks))).is_pending());
        HANDLE.set(Some(handle));
        task.finish();
        yield_now().await;
        assert_eq!(asks.0.load(SeqCst), 1, "wakes when its task has ended");
        assert!(HANDLE.take().unwrap().await.is_ok());
    });
}

#[test]
fn i4_a_handle_that_is_dropped_wakes_nobody_and_its_task_goes_on() {
    simulate(async {
        let (bell, waker) = Bell::new();
        let task = Probe::new();
        let mut handle = spawn(task.future());
        yield_now().await;
        assert!(poll_once(&mut handle, &waker).is_pending());
        assert_eq!(bell.counts(), "wakes 0, wakers 2");
        drop(handle);
        assert_eq!(bell.counts(), "wakes 0, wakers 1");
        task.finish();
        task.wake();
        yield_now().await;
        assert_eq!(task.counts(), "polls 2, wakes 1, drops 1");
        assert_eq!(bell.counts(), "wakes 0, wakers 1");
    });
}

#[test]
fn i4_a_handle_gives_the_output_whether_the_task_is_done_before_or_after() {
    let awaiting = [Probe::new(), Probe::new()];
    simulate(async {
        let before = spawn(async { "before" });
        yield_now().await;
        assert!(before.is_finished());
        assert_eq!(awaiting[0].track(before).await.unwrap(), "before");
        let after = spawn(async {
            sleep(SECOND).await;
            "after"
        });
        assert!(!after.is_finished());
        assert_eq!(awaiting[1].track(after).await.unwrap(), "after");
    });
    assert_eq!(awaiting[0].counts(), "polls 1, wakes 0, drops 1");
    assert_eq!(awaiting[1].counts(), "polls 2, wakes 0, drops 1");
}

#[test]
fn a_handle_that_has_given_the_output_still_says_that_the_task_has_ended() {
    simulate(async {
        let mut handle = spawn(async { "tea" });
        assert!(
            !handle.is_finished(),
            "`is_finished`, before the first poll"
        );
        assert_eq!((&mut handle).await.unwrap(), "tea");
        assert!(
            handle.is_finished(),
            "`is_finished`, when the output was taken"
        );
    });
}
