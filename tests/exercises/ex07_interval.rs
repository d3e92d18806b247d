//! Exercise 07: an interval without drift. The page is docs/exercises/07-interval.md.
//! Run it: cargo test --test ex07
#![allow(dead_code, missing_docs, unused_imports, unused_variables)]

mod support;

use demitasse::{now, sleep, sleep_until};
use std::time::{Duration, Instant};

// ---- Your code -----------------------------------------------------------------------------

/// Ticks every `period`. The first tick is due one period from now.
pub fn interval(period: Duration) -> Interval {
    todo!("remember what the ticks need")
}

pub struct Interval {
    // Your fields.
}

impl Interval {
    /// Waits for the next tick. Gives the moment at which it was due.
    pub async fn tick(&mut self) -> Instant {
        todo!("wait until it is due")
    }
}

// ---- The tests: read them, and change nothing below this line ------------------------------

use demitasse::EventLoop;
use support::{ask, seconds};

#[test]
fn step1_ticks_every_second() {
    let asked = ask("An interval of 1 s ticks at 1 s, 2 s and 3 s.");
    asked.run(async {
        let start = now();
        let mut every_second = interval(seconds(1.0));
        for n in 1..=3 {
            let due = every_second.tick().await;
            assert_eq!(now() - start, seconds(1.0) * n, "when tick {n} came");
            assert_eq!(
                due - start,
                seconds(1.0) * n,
                "when tick {n} says that it was due"
            );
        }
    });
}

#[test]
fn step2_work_between_ticks_does_not_delay_them() {
    let asked = ask("With 0.3 s of work after each tick it still ticks at 1 s, 2 s and 3 s.");
    asked.run(async {
        let start = now();
        let mut every_second = interval(seconds(1.0));
        for n in 1..=3 {
            every_second.tick().await;
            assert_eq!(now() - start, seconds(1.0) * n, "when tick {n} came");
            sleep(seconds(0.3)).await;
        }
    });
}

#[test]
fn step3_no_drift_in_10000_ticks() {
    let asked = ask("However late one comes for some of them, 10,000 ticks of 1/3 s do not drift.");
    asked.run(async {
        let start = now();
        let period = seconds(1.0) / 3;
        let mut ticks = interval(period);
        for n in 1..=10_000 {
            let due = ticks.tick().await;
            assert_eq!(due - start, period * n, "when tick {n} was due");
            sleep(period / 7 * (n % 9)).await;
        }
    });
}

#[test]
fn step4_a_tick_that_is_dropped_is_not_lost() {
    let asked = ask("Who drops a tick before it is ready, and asks again, gets the same tick.");
    asked.run(async {
        let start = now();
        let mut every_second = interval(seconds(1.0));
        for _ in 0..3 {
            let mut tick = asked.by_hand("tick", every_second.tick());
            assert!(tick.poll().is_pending(), "the tick is there before 1 s");
            sleep(seconds(0.2)).await;
        }
        assert_eq!(
            every_second.tick().await - start,
            seconds(1.0),
            "the tick asked for at 0.6 s"
        );

        let mut tick = asked.by_hand("tick", every_second.tick());
        assert!(tick.poll().is_pending(), "the tick is there before 2 s");
        sleep(seconds(1.0)).await;
        drop(tick);
        let due = every_second.tick().await;
        assert_eq!(
            due - start,
            seconds(2.0),
            "it was due, but had not been polled"
        );
        assert_eq!(now() - start, seconds(2.0), "when it came");
    });
}

#[test]
fn step5_missed_ticks() {
    let asked =
        ask("After missed ticks: the first of them at once, the others never, then on beat.");
    asked.run(async {
        let start = now();
        let mut every_second = interval(seconds(1.0));
        every_second.tick().await;
        sleep(seconds(3.5)).await; // it is 4.5 s now: the ticks of 2 s, 3 s and 4 s are late
        let due = every_second.tick().await;
        assert_eq!(now() - start, seconds(4.5), "the late tick comes at once");
        assert_eq!(due - start, seconds(2.0), "and says when it was due");
        let due = every_second.tick().await;
        assert_eq!(
            now() - start,
            seconds(5.0),
            "the next one comes on the beat"
        );
        assert_eq!(due - start, seconds(5.0), "and says when it was due");
    });
}

#[test]
fn step6_no_drift_on_a_real_clock() {
    let asked = ask("On a real clock, time passes inside tick too. It adds nothing to the beat.");
    asked.run_on(EventLoop::new(), async {
        let period = seconds(0.001);
        let mut ticks = interval(period);
        let first = ticks.tick().await;
        for _ in 0..20 {
            let off = (ticks.tick().await - first).as_nanos() % period.as_nanos();
            assert_eq!(off, 0, "nanoseconds by which a tick was off the beat");
        }
    });
}
