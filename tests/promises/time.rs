//! Time: `now` and `sleep`, the real clock and the simulated one.

use super::executor::{block_on, now, simulate, sleep, spawn, yield_now};
use super::support::{
    Bell, MILLISECOND, NANOSECOND, Probe, Random, SECOND, cpu_time, poll_once, rests,
};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

// I5: a sleep never ends early.

#[test]
fn i5_a_sleep_ends_at_its_deadline() {
    let mut random = Random::new(5);
    let durations: Vec<_> = (0..10_000)
        .map(|_| Duration::from_nanos(random.magnitude()))
        .collect();
    let deadlines = durations.iter().collect::<BTreeSet<_>>().len();
    let ended = Rc::new(Cell::new(0));
    let count = Rc::clone(&ended);
    simulate(async move {
        let longest = *durations.iter().max().unwrap();
        for duration in durations {
            let count = Rc::clone(&count);
            drop(spawn(async move {
                let start = now();
                sleep(duration).await;
                assert_eq!(now() - start, duration);
                count.set(count.get() + 1);
            }));
        }
        sleep(longest + NANOSECOND).await;
    });
    assert_eq!(
        ended.get(),
        10_000,
        "sleeps that ended, of 10,000 with {deadlines} different deadlines"
    );
}

#[test]
fn i5_a_sleep_beyond_the_clock_never_ends() {
    simulate(async {
        for duration in [
            Duration::MAX,
            Duration::MAX - SECOND,
            Duration::from_secs(u64::MAX / 2),
        ] {
            let mut endless = Box::pin(sleep(duration));
            assert!(poll_once(&mut endless, Waker::noop()).is_pending());
            sleep(3_600 * SECOND).await;
            assert!(poll_once(&mut endless, Waker::noop()).is_pending());
        }
    });
}

#[test]
fn i5_a_sleep_begins_at_its_first_poll() {
    simulate(async {
        let start = now();
        let late = sleep(SECOND);
        sleep(5 * SECOND).await;
        late.await;
        assert_eq!(now() - start, 6 * SECOND);
    });
}

#[test]
fn i5_a_sleep_that_is_polled_early_does_not_end_early() {
    simulate(async {
        let (bell, waker) = Bell::new();
        let mut alarm = Box::pin(sleep(SECOND));
        assert!(poll_once(&mut alarm, &waker).is_pending());
        for _ in 0..3 {
            sleep(SECOND / 4).await;
            assert!(poll_once(&mut alarm, &waker).is_pending());
        }
        sleep(SECOND / 4 - NANOSECOND).await;
        assert!(poll_once(&mut alarm, &waker).is_pending());
        assert_eq!(bell.counts(), "wakes 0, wakers 2");
        // The last nanosecond.
        sleep(NANOSECOND).await;
        assert_eq!(bell.counts(), "wakes 1, wakers 1");
        assert!(poll_once(&mut alarm, &waker).is_ready());
    });
}

#[test]
fn i5_on_the_real_clock_a_sleep_is_late_but_never_early() {
    block_on(async {
        for i in 0..20 {
            let duration = Duration::from_micros(500 * i + i);
            let start = Instant::now();
            sleep(duration).await;
            let passed = start.elapsed();
            assert!(passed >= duration, "{passed:?} is early for {duration:?}");
            // However busy the machine is.
            assert!(passed < duration + 5 * SECOND);
        }
    });
}

#[test]
fn i5_what_holds_the_thread_does_not_make_a_sleep_longer() {
    // The sleep begins, and then its task works on, in the same turn.
    let hold = 100 * MILLISECOND;
    let passed = (0..3).map(|_| {
        let start = Instant::now();
        block_on(async {
            let mut nap = Box::pin(sleep(hold + 10 * MILLISECOND));
            assert!(poll_once(&mut nap, Waker::noop()).is_pending());
            thread::sleep(hold);
            nap.await;
        });
        start.elapsed()
    });
    // The machine may be busy at one time or another, so the least of them counts.
    let least = passed.min().unwrap();
    assert!(least < 2 * hold, "{least:?}");
}

// I8: then due timers fire. A task that yields for ever starves nobody.

#[test]
fn i8_a_task_that_yields_for_ever_starves_nobody() {
    let start = Instant::now();
    let neighbour = Probe::new();
    block_on(async move {
        drop(spawn(async move {
            // For ever, as far as this test goes.
            while start.elapsed() < 3 * SECOND {
                yield_now().await;
            }
        }));
        drop(spawn(neighbour.future()));
        sleep(5 * MILLISECOND).await;
        neighbour.wake();
        sleep(5 * MILLISECOND).await;
        assert_eq!(neighbour.counts(), "polls 2, wakes 1, drops 0");
    });
    assert!(start.elapsed() < 3 * SECOND);
}

#[test]
fn i8_simulated_time_stands_still_while_anything_is_ready() {
    simulate(async {
        let start = now();
        let alarm = Probe::new();
        drop(spawn(alarm.track(sleep(NANOSECOND))));
        for _ in 0..1_000 {
            yield_now().await;
        }
        assert_eq!(now(), start);
        assert_eq!(alarm.counts(), "polls 1, wakes 0, drops 0");
        sleep(2 * NANOSECOND).await;
        assert_eq!(now(), start + 2 * NANOSECOND);
        assert_eq!(alarm.counts(), "polls 2, wakes 0, drops 1");
    });
}

// I9: the thread parks only when nothing is ready, until the next deadline.

#[test]
fn i9_a_wake_while_the_loop_runs_ends_no_later_park() {
    simulate(async {
        // The loop has parked, and said whom to wake meanwhile. That is over now.
        sleep(SECOND).await;
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        thread::spawn(move || waker.wake()).join().unwrap();
    });
    // So nobody has unparked this thread, and it can rest.
    let start = Instant::now();
    thread::park_timeout(20 * MILLISECOND);
    assert!(
        start.elapsed() >= 20 * MILLISECOND,
        "a later `park` of this thread returns at once. Somebody has unparked it while it was not \
         parked, and that has left a token: wake the loop only where it rests"
    );
}

#[test]
fn i9_one_sleep_costs_one_rest() {
    let before = rests();
    block_on(async {
        for _ in 0..10 {
            sleep(5 * MILLISECOND).await;
        }
    });
    // The operating system may stop a thread for reasons of its own, too.
    if let Some((before, after)) = before.zip(rests()) {
        assert!((10..15).contains(&(after - before)), "{}", after - before);
    }
}

#[test]
fn i9_a_loop_that_sleeps_uses_no_cpu() {
    let (before, rested) = (cpu_time(), rests());
    block_on(async {
        // Others wait meanwhile, and are not polled.
        let tasks = [(); 10].map(|()| Probe::new());
        for task in &tasks {
            drop(spawn(task.future()));
        }
        sleep(150 * MILLISECOND).await;
        for task in &tasks {
            assert_eq!(task.counts(), "polls 1, wakes 0, drops 0");
        }
    });
    let used = cpu_time() - before;
    if let Some((before, after)) = rested.zip(rests()) {
        assert!(after > before, "no rest, and {used:?} of CPU");
    }
    assert!(
        used < 30 * MILLISECOND,
        "{used:?} of CPU, and it only sleeps"
    );
}

// I8: due timers fire when the polls of a turn are over.

#[test]
fn i8_a_timer_that_is_due_when_a_turn_ends_fires_in_that_turn() {
    block_on(async {
        let (bell, waker) = Bell::new();
        let mut nap = Box::pin(sleep(MILLISECOND));
        assert!(poll_once(&mut nap, &waker).is_pending());
        // Another sleep begins in this turn, before the first one comes due.
        let mut another = Box::pin(sleep(3_600 * SECOND));
        assert!(poll_once(&mut another, Waker::noop()).is_pending());
        thread::sleep(2 * MILLISECOND);
        yield_now().await;
        assert_eq!(bell.wakes(), 1);
    });
}
