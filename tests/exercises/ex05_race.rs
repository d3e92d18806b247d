//! Exercise 05: race. The page is docs/exercises/05-race.md.
//! Run it: cargo test --test ex05
#![allow(dead_code, missing_docs, unused_imports, unused_variables)]

mod support;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

// ---- Your code -----------------------------------------------------------------------------

/// Runs two futures at once, gives the output of the one that is ready first, and drops the other.
pub fn race<A, B>(a: A, b: B) -> impl Future<Output = A::Output>
where
    A: Future,
    B: Future<Output = A::Output>,
{
    async { todo!("poll both, until one is ready") }
}

// ---- The tests: read them, and change nothing below this line ------------------------------

use demitasse::{now, sleep};
use std::cell::Cell;
use std::future::{pending, ready};
use support::{ask, seconds, watch};

#[test]
fn step1_the_first_wins() {
    let asked = ask("The race is over when the first is ready, whichever side it is on.");
    let after = |time: f64, name: &'static str| async move {
        sleep(seconds(time)).await;
        name
    };
    let winner = asked.run(async {
        let (slow, _) = watch("slow", after(3.0, "slow"));
        let (quick, _) = watch("quick", after(1.0, "quick"));
        let start = now();
        let winner = race(slow, quick).await;
        assert_eq!(now() - start, seconds(1.0), "the time of race(slow, quick)");
        winner
    });
    assert_eq!(winner, "quick");
    let winner = asked.run(async {
        let start = now();
        let winner = race(after(1.0, "quick"), after(3.0, "slow")).await;
        assert_eq!(now() - start, seconds(1.0), "the time of race(quick, slow)");
        winner
    });
    assert_eq!(winner, "quick");
}

#[test]
fn step2_nothing_before_the_first_poll_then_both() {
    let asked = ask("Before its first poll it polls nothing. The first poll polls each once.");
    let (a, seen_a) = watch("a", pending::<()>());
    let (b, seen_b) = watch("b", pending::<()>());
    let mut race = asked.by_hand("race", race(a, b));
    assert_eq!(
        (seen_a.polls(), seen_b.polls()),
        (0, 0),
        "polls of a and b before"
    );
    assert!(race.poll().is_pending(), "the first poll is not Pending");
    assert_eq!(
        (seen_a.polls(), seen_b.polls()),
        (1, 1),
        "polls of a and b after"
    );
}

#[test]
fn step3_the_loser_does_nothing_more() {
    let asked = ask("The loser is cancelled: what it would have done later is not done.");
    let is_done = Cell::new(false);
    asked.run(async {
        let (loser, _) = watch("loser", async {
            sleep(seconds(2.0)).await;
            is_done.set(true);
        });
        let (winner, _) = watch("winner", sleep(seconds(1.0)));
        race(loser, winner).await;
        assert_eq!(
            asked.timers_cancelled(),
            1,
            "timers taken off the wheel: the loser's"
        );
        sleep(seconds(5.0)).await;
    });
    assert!(!is_done.get(), "the loser went on after the race");
}

#[test]
fn step4_the_loser_is_dropped_in_the_last_poll() {
    let asked =
        ask("The poll that answers Ready has dropped both. It does not leave it to others.");
    let (winner, seen_winner) = watch("winner", ready(1));
    let (loser, seen_loser) = watch("loser", pending());
    let mut race = asked.by_hand("race", race(loser, winner));
    assert!(race.poll().is_ready(), "the first poll is not Ready");
    assert!(
        seen_loser.is_dropped(),
        "the race is over, and the loser is still alive"
    );
    assert!(
        seen_winner.is_dropped(),
        "the race is over, and the winner is still alive"
    );
}

#[test]
fn step5_if_both_are_ready_the_left_one_wins() {
    let asked = ask("If both are ready, the left one wins, and the right one is not even polled.");
    let (left, _) = watch("left", ready("left"));
    let (right, seen) = watch("right", ready("right"));
    assert_eq!(asked.run(race(left, right)), "left");
    assert_eq!(seen.polls(), 0, "polls of the right one");
}

#[test]
fn step6_dropping_it_drops_both() {
    let asked = ask("A race that is dropped drops both futures.");
    let (a, seen_a) = watch("a", pending::<()>());
    let (b, seen_b) = watch("b", pending::<()>());
    let mut race = asked.by_hand("race", race(a, b));
    assert!(race.poll().is_pending(), "the first poll is not Pending");
    drop(race);
    assert!(
        seen_a.is_dropped() && seen_b.is_dropped(),
        "a or b is still alive"
    );
}

#[test]
fn step7_races_of_races() {
    let asked = ask("A race is a future, so it can race itself.");
    let winner = asked.run(async {
        let lane = |name: &'static str, time| async move {
            sleep(seconds(time)).await;
            name
        };
        let upper = race(lane("a", 4.0), lane("b", 2.0));
        let lower = race(lane("c", 1.0), pending());
        race(upper, lower).await
    });
    assert_eq!(winner, "c");
    assert_eq!(
        asked.timers_cancelled(),
        2,
        "timers taken off the wheel: those of a and b"
    );
}
