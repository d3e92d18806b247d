//! Exercise 02: your own yield_now. The page is docs/exercises/02-yield-now.md.
//! Run it: cargo test --test ex02
#![allow(dead_code, missing_docs, unused_imports, unused_variables)]

mod support;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

// ---- Your code -----------------------------------------------------------------------------

/// Lets every other task that is ready go first.
pub fn yield_now() -> YieldNow {
    todo!("make the future")
}

pub struct YieldNow {
    // Your fields.
}

impl Future for YieldNow {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        todo!("Pending at the first poll, Ready at the second")
    }
}

// ---- The tests: read them, and change nothing below this line ------------------------------

use demitasse::spawn;
use std::cell::RefCell;
use std::rc::Rc;
use support::ask;

#[test]
fn step1_is_pending_at_first() {
    let asked = ask("The first poll of yield_now answers Pending.");
    let mut future = asked.by_hand("yield_now", yield_now());
    assert!(future.poll().is_pending(), "the first poll is not Pending");
}

#[test]
fn step2_is_ready_at_the_second_poll() {
    let asked = ask("The second poll answers Ready.");
    let mut future = asked.by_hand("yield_now", yield_now());
    assert!(future.poll().is_pending(), "the first poll is not Pending");
    assert!(future.poll().is_ready(), "the second poll is not Ready");
}

#[test]
fn step3_is_polled_again() {
    let asked = ask("Under an event loop it is polled again: somebody wakes its task.");
    asked.run(yield_now());
    assert_eq!(asked.polls_of_task(0), 2, "polls of the task");
}

#[test]
fn step4_wakes_once_and_keeps_nothing() {
    let asked = ask("It calls its waker once, in the first poll, and keeps no clone of it.");
    let mut future = asked.by_hand("yield_now", yield_now());
    assert_eq!(future.wakes(), 0, "wakes before the first poll");
    assert!(future.poll().is_pending(), "the first poll is not Pending");
    assert_eq!(future.wakes(), 1, "wakes in the first poll");
    assert!(!future.keeps_waker(), "there is no need to keep the waker");
    assert!(future.poll().is_ready(), "the second poll is not Ready");
    assert_eq!(
        future.wakes(),
        1,
        "wakes after the second poll: a task that is done needs none"
    );
}

#[test]
fn step5_the_others_go_first() {
    let asked = ask("Two tasks that yield take turns.");
    let log = Rc::new(RefCell::new(Vec::new()));
    let task = |name: &'static str| {
        let log = Rc::clone(&log);
        async move {
            for step in 1..=3 {
                log.borrow_mut().push(format!("{name}{step}"));
                yield_now().await;
            }
        }
    };
    asked.run(async {
        let (a, b) = (spawn(task("a")), spawn(task("b")));
        a.await.unwrap();
        b.await.unwrap();
    });
    assert_eq!(*log.borrow(), ["a1", "b1", "a2", "b2", "a3", "b3"]);
}

#[test]
fn step6_a_yield_costs_one_poll() {
    let asked = ask("1,000 yields, one after another, are 1,001 polls of their task.");
    asked.run(async {
        for _ in 0..1000 {
            yield_now().await;
        }
    });
    assert_eq!(asked.polls_of_task(0), 1001);
}
