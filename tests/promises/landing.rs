//! Time that is read when it matters, late wakes that mean nothing, and wakes from all sides in order.

use super::executor::{block_on, gather, sleep, spawn, yield_now};
use super::support::{Bell, Log, MILLISECOND, Probe, boxed, elsewhere, poll_once};
use std::task::Waker;
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn i5_a_sleep_that_is_polled_after_its_deadline_is_ready() {
    block_on(async {
        let (bell, waker) = Bell::new();
        let mut nap = Box::pin(sleep(MILLISECOND));
        assert!(poll_once(&mut nap, &waker).is_pending());
        thread::sleep(2 * MILLISECOND);
        // Its timer has not fired: that happens when the turn ends.
        assert_eq!(bell.wakes(), 0);
        assert!(poll_once(&mut nap, &waker).is_ready());
        drop(nap);
        yield_now().await;
        assert_eq!(bell.counts(), "wakes 0, wakers 1");
    });
}

#[test]
fn i8_a_timer_that_is_due_when_a_turn_ends_fires_in_that_turn() {
    block_on(async {
        let (bell, waker) = Bell::new();
        let mut nap = Box::pin(sleep(MILLISECOND));
        assert!(poll_once(&mut nap, &waker).is_pending());
        // Another sleep begins in this turn, before the first one comes due.
        let mut another = Box::pin(sleep(HOUR));
        assert!(poll_once(&mut another, Waker::noop()).is_pending());
        thread::sleep(2 * MILLISECOND);
        yield_now().await;
        assert_eq!(bell.wakes(), 1);
    });
}

#[test]
fn i10_a_late_wake_for_a_child_that_is_done_wakes_nobody() {
    let [child, other] = [Probe::new(), Probe::new()];
    let (bell, waker) = Bell::new();
    let mut gathered = Box::pin(gather([child.future(), other.future()]));
    assert!(poll_once(&mut gathered, &waker).is_pending());
    child.finish();
    child.wake();
    assert_eq!(bell.wakes(), 1);
    assert!(poll_once(&mut gathered, &waker).is_pending());
    assert_eq!(child.counts(), "polls 2, wakes 1, drops 1");
    for _ in 0..50 {
        child.wake();
        elsewhere(|| child.wake());
    }
    assert_eq!(bell.counts(), "wakes 1, wakers 2");
    assert_eq!(other.counts(), "polls 1, wakes 0, drops 0");
}

#[test]
fn i14_wakes_from_threads_tasks_and_timers_keep_their_order() {
    let log = Log::new();
    let polled = log.clone();
    block_on(async move {
        let tasks = [(); 4].map(|()| Probe::new());
        for (i, task) in tasks.iter().enumerate() {
            let polled = polled.clone();
            drop(spawn(task.future_that(move |_| polled.push(i))));
        }
        yield_now().await;
        assert_eq!(polled.take(), [0, 1, 2, 3]);
        elsewhere(|| tasks[2].wake());
        tasks[0].wake();
        elsewhere(|| tasks[3].wake());
        tasks[1].wake();
        yield_now().await;
        assert_eq!(polled.take(), [2, 0, 3, 1]);
        // A thread's wake comes before the timer that fires at the end of the turn.
        let by_timer = polled.clone();
        let mut nap = Box::pin(sleep(MILLISECOND));
        let waker = tasks[0].waker();
        assert!(poll_once(&mut nap, &waker).is_pending());
        thread::sleep(2 * MILLISECOND);
        elsewhere(|| tasks[1].wake());
        yield_now().await;
        yield_now().await;
        assert_eq!(by_timer.take(), [1, 0]);
    });
}

#[test]
fn i14_wakes_from_threads_and_from_here_keep_their_order_in_a_gather() {
    let log = Log::new();
    let children = [(); 4].map(|()| Probe::new());
    let futures = children.iter().enumerate().map(|(i, child)| {
        let log = log.clone();
        child.future_that(move |_| log.push(i))
    });
    // A sibling wakes them, so that the gather is being polled meanwhile.
    let woken = children.clone();
    let sibling = Probe::new();
    let waking = sibling.future_that(move |sibling| {
        if sibling.polls() == 2 {
            elsewhere(|| woken[3].wake());
            woken[0].wake();
            elsewhere(|| woken[2].wake());
        }
    });
    let futures = futures.map(|child| boxed(child)).chain([boxed(waking)]);
    let mut gathered = Box::pin(gather(futures));
    assert!(poll_once(&mut gathered, Waker::noop()).is_pending());
    assert_eq!(log.take(), [0, 1, 2, 3]);
    sibling.wake();
    assert!(poll_once(&mut gathered, Waker::noop()).is_pending());
    assert!(poll_once(&mut gathered, Waker::noop()).is_pending());
    assert_eq!(log.take(), [3, 0, 2]);
}
