//! Exercise 03: the state machine of an async fn. The page is docs/exercises/03-state-machine.md.
//! Run it: cargo test --test ex03
#![allow(dead_code, missing_docs, unused_imports, unused_variables)]

mod support;

use demitasse::now;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
// The library's own, but their polls are counted: nothing here can go on for ever.
use support::{Sleep, sleep};

/// What the compiler turns into a state machine. Gives the moment between the two sleeps.
async fn original(first: Duration, second: Duration) -> Instant {
    sleep(first).await;
    let halfway = now();
    sleep(second).await;
    halfway
}

// ---- Your code -----------------------------------------------------------------------------

/// The same, written by hand.
pub fn two_sleeps(first: Duration, second: Duration) -> TwoSleeps {
    TwoSleeps::Start { first, second }
}

pub enum TwoSleeps {
    /// Not polled yet.
    Start { first: Duration, second: Duration },
    // One more state for each await, with what lives across it, and one for the end.
}

impl Future for TwoSleeps {
    type Output = Instant;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        todo!("go on from the state that it is in, as far as it goes")
    }
}

// ---- The tests: read them, and change nothing below this line ------------------------------

use demitasse::{EventKind, yield_now};
use std::cell::RefCell;
use std::rc::Rc;
use support::{Asked, ask, seconds};

#[test]
fn step1_does_nothing_before_it_is_polled() {
    let asked = ask("two_sleeps does nothing before its first poll, which sets one timer.");
    asked.run(async {
        let mut machine = asked.by_hand("two_sleeps", two_sleeps(seconds(1.0), seconds(2.0)));
        assert_eq!(asked.timers_set(), 0, "timers before the first poll");
        assert!(machine.poll().is_pending(), "the first poll is not Pending");
        assert_eq!(asked.timers_set(), 1, "timers after the first poll");
    });
}

#[test]
fn step2_sleeps_twice() {
    let asked = ask("two_sleeps(1 s, 2 s) takes 3 s.");
    asked.run(async {
        let start = now();
        two_sleeps(seconds(1.0), seconds(2.0)).await;
        assert_eq!(now() - start, seconds(3.0), "the time that it took");
    });
}

#[test]
fn step3_keeps_what_lives_across_the_second_await() {
    let asked = ask("Its output is the moment between the two sleeps.");
    asked.run(async {
        let start = now();
        let halfway = two_sleeps(seconds(1.0), seconds(2.0)).await;
        assert_eq!(halfway - start, seconds(1.0));
    });
}

#[test]
fn step4_the_same_events_as_the_original() {
    let original = trace(|| original(seconds(1.0), seconds(2.0)));
    let asked = ask("The event loop cannot tell it from the async fn: it does the same.");
    asked.run(two_sleeps(seconds(1.0), seconds(2.0)));
    assert_eq!(asked.polls_of_task(0), 3, "polls of the task");
    assert_eq!(
        lines(&asked),
        original,
        "what the loop did (should be: as for the original)"
    );
}

#[test]
fn step5_goes_on_as_far_as_it_can() {
    let asked = ask("Sleeps of no time are Ready at once, so all of it is done in one poll.");
    asked.run(async {
        let mut machine = asked.by_hand("two_sleeps", two_sleeps(seconds(0.0), seconds(0.0)));
        assert!(machine.poll().is_ready(), "the first poll is not Ready");
    });
}

#[test]
fn step6_dropping_it_cancels_the_sleep() {
    let asked = ask("Dropped while it waits, it leaves no timer behind.");
    asked.run(async {
        let mut machine = asked.by_hand("two_sleeps", two_sleeps(seconds(1.0), seconds(2.0)));
        assert!(machine.poll().is_pending(), "the first poll is not Pending");
        drop(machine);
        assert_eq!(asked.timers_cancelled(), 1, "timers taken off the wheel");
        yield_now().await;
    });
}

/// What the loop does for a future.
fn trace<F: Future>(make: impl FnOnce() -> F) -> Vec<String> {
    let asked = ask("the original");
    asked.run(make());
    lines(&asked)
}

fn lines(asked: &Asked) -> Vec<String> {
    let line = |event: &demitasse::Event| {
        let what = match &event.kind {
            EventKind::PollStarted { .. } => "polled".to_string(),
            EventKind::TimerSet { deadline, .. } => format!("timer set for {deadline:?}"),
            EventKind::TimerFired { .. } => "timer fired".to_string(),
            EventKind::TimerCancelled { .. } => "timer cancelled".to_string(),
            _ => return None,
        };
        Some(format!("{:?}: {what}", event.time))
    };
    asked.events().iter().filter_map(line).collect()
}
