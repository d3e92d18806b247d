//! Exercise 06: timeout. The page is docs/exercises/06-timeout.md.
//! Run it: cargo test --test ex06
#![allow(dead_code, missing_docs, unused_imports, unused_variables)]

mod support;

use demitasse::{Sleep, sleep};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

// ---- Your code -----------------------------------------------------------------------------

/// The time was up.
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed;

/// Gives a future some time. What is not ready by then is dropped.
pub fn timeout<F>(limit: Duration, future: F) -> impl Future<Output = Result<F::Output, Elapsed>>
where
    F: Future,
{
    async move { todo!("poll the future first, then a sleep") }
}

// ---- The tests: read them, and change nothing below this line ------------------------------

use demitasse::{block_for, now};
use std::future::{pending, ready};
use support::{ask, seconds, watch};

#[test]
fn step1_in_time() {
    let asked = ask("A future of 1 s with a limit of 3 s gives Ok of its output, after 1 s.");
    asked.run(async {
        let start = now();
        let (brew, _) = watch("brew", async {
            sleep(seconds(1.0)).await;
            "espresso"
        });
        assert_eq!(timeout(seconds(3.0), brew).await, Ok("espresso"));
        assert_eq!(now() - start, seconds(1.0), "the time that it took");
    });
}

#[test]
fn step2_too_late() {
    let asked = ask("A future of 3 s with a limit of 1 s gives Err(Elapsed), after 1 s.");
    asked.run(async {
        let start = now();
        let (brew, _) = watch("brew", sleep(seconds(3.0)));
        assert_eq!(timeout(seconds(1.0), brew).await, Err(Elapsed));
        assert_eq!(now() - start, seconds(1.0), "the time that it took");
    });
}

#[test]
fn step3_too_late_is_cancelled() {
    let asked = ask("The poll that answers Err(Elapsed) has dropped the future.");
    asked.run(async {
        let (brew, seen) = watch("brew", pending::<()>());
        let mut waits = asked.by_hand("timeout", timeout(seconds(1.0), brew));
        assert!(waits.poll().is_pending(), "the first poll is not Pending");
        sleep(seconds(1.0)).await;
        assert!(waits.poll().is_ready(), "1 s is over, and it still waits");
        assert!(
            seen.is_dropped(),
            "the time is up, and the future is still alive"
        );
    });
}

#[test]
fn step4_a_timer_that_is_not_needed_is_cancelled() {
    let asked = ask("100 timeouts that are not needed leave no timer behind.");
    asked.run(async {
        for _ in 0..100 {
            assert_eq!(timeout(seconds(60.0), demitasse::yield_now()).await, Ok(()));
        }
        assert_eq!(asked.timers_set(), 100, "timers set");
        assert_eq!(asked.timers_cancelled(), 100, "timers taken off the wheel");
    });
}

#[test]
fn step5_the_future_comes_first() {
    let asked = ask("Who is ready in time is Ok, also when the time is up at that very moment.");
    asked.run(async {
        assert_eq!(
            timeout(Duration::ZERO, ready("at once")).await,
            Ok("at once"),
            "no time at all"
        );
        let last_moment = sleep(seconds(1.0));
        assert_eq!(
            timeout(seconds(1.0), last_moment).await,
            Ok(()),
            "1 s of 1 s"
        );
        assert_eq!(
            timeout(Duration::ZERO, pending::<()>()).await,
            Err(Elapsed),
            "never, of 0 s"
        );
        assert_eq!(timeout(Duration::MAX, ready(())).await, Ok(()), "no limit");
    });
}

#[test]
fn step6_it_does_not_interrupt() {
    let asked = ask("A future that holds the thread cannot be interrupted.");
    asked.run(async {
        let start = now();
        let holds = async {
            block_for(seconds(5.0));
            "done after all"
        };
        assert_eq!(timeout(seconds(1.0), holds).await, Ok("done after all"));
        assert_eq!(now() - start, seconds(5.0), "the time that it took");
    });
}

#[test]
fn step7_the_time_begins_at_the_first_poll() {
    let asked = ask("As with sleep, the time counts from the first poll.");
    asked.run(async {
        let waits = timeout(seconds(2.0), pending::<()>());
        sleep(seconds(10.0)).await;
        let start = now();
        assert_eq!(waits.await, Err(Elapsed));
        assert_eq!(now() - start, seconds(2.0), "the time from the first poll");
    });
}
