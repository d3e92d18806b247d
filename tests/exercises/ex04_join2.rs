//! Exercise 04: join two futures of different types. The page is docs/exercises/04-join2.md.
//! Run it: cargo test --test ex04
#![allow(dead_code, missing_docs, unused_imports, unused_variables)]

mod support;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

// ---- Your code -----------------------------------------------------------------------------

/// Runs two futures at once, and gives both outputs.
pub fn join2<A, B>(a: A, b: B) -> impl Future<Output = (A::Output, B::Output)>
where
    A: Future,
    B: Future,
{
    async { todo!("poll both, until both are ready") }
}

// ---- The tests: read them, and change nothing below this line ------------------------------

use demitasse::{now, sleep};
use std::future::{pending, ready};
use support::{ask, seconds, watch};

#[test]
fn step1_gives_both_outputs() {
    let asked = ask("join2 gives both outputs, each of its own type.");
    let both = asked.run(join2(ready(1), ready("two".to_string())));
    assert_eq!(both, (1, "two".to_string()));
}

#[test]
fn step2_both_wait_at_once() {
    let asked = ask("Sleeps of 2 s and 3 s take 3 s, whichever comes first.");
    asked.run(async {
        let start = now();
        let (two, _) = watch("2 s", sleep(seconds(2.0)));
        let (three, _) = watch("3 s", sleep(seconds(3.0)));
        join2(two, three).await;
        assert_eq!(now() - start, seconds(3.0), "join2(2 s, 3 s)");
    });
    asked.run(async {
        let start = now();
        let (three, _) = watch("3 s", sleep(seconds(3.0)));
        let (two, _) = watch("2 s", sleep(seconds(2.0)));
        join2(three, two).await;
        assert_eq!(now() - start, seconds(3.0), "join2(3 s, 2 s)");
    });
}

#[test]
fn step3_nothing_before_the_first_poll_then_both() {
    let asked = ask("Before its first poll it polls nothing. The first poll polls each once.");
    let (a, seen_a) = watch("a", pending::<()>());
    let (b, seen_b) = watch("b", pending::<()>());
    let mut both = asked.by_hand("join2", join2(a, b));
    assert_eq!(
        (seen_a.polls(), seen_b.polls()),
        (0, 0),
        "polls of a and b before"
    );
    assert!(both.poll().is_pending(), "the first poll is not Pending");
    assert_eq!(
        (seen_a.polls(), seen_b.polls()),
        (1, 1),
        "polls of a and b after"
    );
}

#[test]
fn step4_what_is_done_is_not_polled_again() {
    let asked = ask("The one that is done is not polled again, and its output is kept.");
    let both = asked.run(async {
        let (quick, seen) = watch("quick", async { "at once" });
        let (slow, _) = watch("slow", async {
            for _ in 0..3 {
                sleep(seconds(1.0)).await;
            }
            "at last"
        });
        let both = join2(quick, slow).await;
        assert_eq!(seen.polls(), 1, "polls of the quick one");
        both
    });
    assert_eq!(both, ("at once", "at last"));
}

#[test]
fn step5_what_is_done_is_dropped() {
    let asked = ask("The one that is done is dropped at once, not when both are done.");
    let (quick, seen_quick) = watch("quick", ready(1));
    let (slow, seen_slow) = watch("slow", pending::<()>());
    let mut both = asked.by_hand("join2", join2(quick, slow));
    assert!(both.poll().is_pending(), "the first poll is not Pending");
    assert!(
        seen_quick.is_dropped(),
        "the quick one is done, and is not dropped"
    );
    assert!(
        !seen_slow.is_dropped(),
        "the slow one is not done, and is dropped"
    );
}

#[test]
fn step6_dropping_it_drops_both() {
    let asked = ask("A join2 that is dropped drops both futures.");
    let (a, seen_a) = watch("a", pending::<()>());
    let (b, seen_b) = watch("b", pending::<()>());
    let mut both = asked.by_hand("join2", join2(a, b));
    assert!(both.poll().is_pending(), "the first poll is not Pending");
    drop(both);
    assert!(
        seen_a.is_dropped() && seen_b.is_dropped(),
        "a or b is still alive"
    );
}
