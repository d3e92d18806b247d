//! One future on the thread: what `block_on` alone must do. As long as there is no simulated clock,
//! `simulate` may be `block_on`.

use super::executor::{block_on, simulate};
use super::support::{MILLISECOND, Probe, WAYS_TO_WAKE, cpu_time, in_time, rests};
use std::thread;

// I2: a wake that comes during a poll causes another poll.

#[test]
fn i2_a_wake_during_the_poll_of_the_root_causes_another_poll() {
    for (wake, wakes) in WAYS_TO_WAKE.into_iter().zip([1, 1, 2, 2]) {
        let root = Probe::new();
        simulate(root.future_that(|root| match root.polls() {
            1 => wake(root),
            _ => root.finish(),
        }));
        assert_eq!(root.counts(), format!("polls 2, wakes {wakes}, drops 1"));
    }
}

// I9: the thread parks only when nothing is ready.

#[test]
fn i9_a_wake_from_another_thread_ends_the_rest() {
    for pause in [0, 1, 5] {
        let root = Probe::new();
        let waking = root.clone();
        in_time(move || {
            block_on(root.future_that(move |root| {
                if root.polls() == 1 {
                    let waking = waking.clone();
                    // On its own, so that it comes sometimes before the rest and sometimes after.
                    thread::spawn(move || {
                        thread::sleep(pause * MILLISECOND);
                        waking.finish();
                        waking.wake();
                    });
                }
            }));
        });
    }
}

#[test]
fn i9_a_loop_that_waits_for_a_thread_uses_no_cpu() {
    let root = Probe::new();
    let waking = root.clone();
    let other = thread::spawn(move || {
        thread::sleep(150 * MILLISECOND);
        waking.finish();
        waking.wake();
    });
    let (before, rested) = (cpu_time(), rests());
    block_on(root.future());
    let used = cpu_time() - before;
    if let Some((before, after)) = rested.zip(rests()) {
        assert!(after > before, "no rest, and {used:?} of CPU");
    }
    other.join().unwrap();
    assert!(
        used < 30 * MILLISECOND,
        "{used:?} of CPU, and it only waits"
    );
    assert_eq!(root.counts(), "polls 2, wakes 1, drops 1");
}
