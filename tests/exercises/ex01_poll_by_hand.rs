//! Exercise 01: poll a future by hand. The page is docs/exercises/01-poll-by-hand.md.
//! Run it: cargo test --test ex01
#![allow(dead_code, missing_docs, unused_imports, unused_variables)]

mod support;

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

// ---- Your code -----------------------------------------------------------------------------

/// Polls a future once, with a waker that does nothing.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    todo!("poll the future once, and return what it answers")
}

/// Polls a future again and again until it is ready. Gives its output, and how many polls it took.
fn poll_to_the_end<F: Future>(future: F) -> (F::Output, usize) {
    todo!("call poll_once until it answers Ready, and count")
}

// ---- The tests: read them, and change nothing below this line ------------------------------

use demitasse::yield_now;
use std::cell::Cell;
use std::future::{pending, poll_fn, ready};
use support::{ask, watch};

#[test]
fn step1_a_ready_future_gives_its_output() {
    let _asked = ask("poll_once of a future that is ready gives Poll::Ready with its output.");
    assert_eq!(poll_once(pin!(ready("espresso"))), Poll::Ready("espresso"));
    assert_eq!(poll_once(pin!(async { 40 + 2 })), Poll::Ready(42));
}

#[test]
fn step2_a_pending_future_is_polled_once() {
    let _asked = ask("poll_once polls once, and says Pending if the future is not ready yet.");
    let (future, seen) = watch("a future that is never ready", pending::<()>());
    let mut future = pin!(future);
    assert_eq!(poll_once(future.as_mut()), Poll::Pending);
    assert_eq!(seen.polls(), 1, "how often poll_once polled the future");
    assert_eq!(poll_once(future.as_mut()), Poll::Pending);
    assert_eq!(
        seen.polls(),
        2,
        "how often two calls of poll_once polled it"
    );
}

#[test]
fn step3_nothing_runs_before_the_first_poll() {
    let _asked = ask("An async block runs up to its first await at the first poll, not before.");
    let log = Cell::new("made");
    let mut future = pin!(async {
        log.set("polled once");
        yield_now().await;
        log.set("polled twice");
    });
    assert_eq!(log.get(), "made");
    assert_eq!(poll_once(future.as_mut()), Poll::Pending);
    assert_eq!(log.get(), "polled once");
    assert_eq!(poll_once(future.as_mut()), Poll::Ready(()));
    assert_eq!(log.get(), "polled twice");
}

#[test]
fn step4_polled_to_the_end() {
    let _asked = ask("poll_to_the_end gives the output, and counts the polls: Ready counts too.");
    assert_eq!(poll_to_the_end(ready(7)), (7, 1));
    let (three_yields, seen) = watch("three yields", async {
        yield_now().await;
        yield_now().await;
        yield_now().await;
        "done"
    });
    assert_eq!(poll_to_the_end(three_yields), ("done", 4));
    assert_eq!(seen.polls(), 4, "polls that the future itself counted");
}

#[test]
fn step5_the_same_future_goes_on() {
    let _asked = ask("poll_to_the_end polls one and the same future, and stops at Ready.");
    let mut polls = 0;
    let counts_to_1000 = poll_fn(|_| {
        polls += 1;
        assert!(
            polls <= 1000,
            "it was Ready at poll 1000, and was polled again"
        );
        if polls == 1000 {
            Poll::Ready(polls)
        } else {
            Poll::Pending
        }
    });
    assert_eq!(poll_to_the_end(counts_to_1000), (1000, 1000));
}
