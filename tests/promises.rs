//! The fourteen promises, I1 to I14, each in tests that bear its name.
//!
//! A test counts what is done to a future (its polls, its wakes, its drops) and looks at all the
//! counts after each step. A step is `yield_now().await` in the root future: it lets every task
//! that is ready run once. `quiet().await` goes on until none is. Time is simulated, except where
//! the thread itself is the matter.

mod support;

use demitasse::{
    Event, EventKind, EventLoop, Sleep, TaskId, WokenBy, block_for, block_on, gather, now,
    simulate, sleep, sleep_until, spawn, yield_now,
};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::{Future, pending, poll_fn};
use std::panic::catch_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use support::{
    Bell, Log, MILLISECOND, NANOSECOND, OnDrop, Probe, Random, Recorder, SECOND, elsewhere,
    in_time, panic_of, poll_once,
};

const HOUR: Duration = Duration::from_secs(3_600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Returns when nothing is ready any more, for only then does simulated time pass.
async fn quiet() {
    sleep(NANOSECOND).await;
}

// I1: a task is in the ready queue at most once; wakes before its next poll coalesce into one poll.

#[test]
fn i1_wakes_before_the_next_poll_are_one_poll() {
    let task = Probe::new();
    let recorder = Recorder::new();
    let seen = task.clone();
    EventLoop::simulated()
        .on_event(recorder.observer())
        .block_on(async move {
            drop(spawn(seen.future()));
            assert_eq!(seen.counts(), "polls 0, wakes 0, drops 0");
            yield_now().await;
            assert_eq!(seen.counts(), "polls 1, wakes 0, drops 0");
            for _ in 0..3 {
                seen.wake();
            }
            assert_eq!(seen.counts(), "polls 1, wakes 3, drops 0");
            yield_now().await;
            assert_eq!(seen.counts(), "polls 2, wakes 3, drops 0");
            quiet().await;
            assert_eq!(seen.counts(), "polls 2, wakes 3, drops 0");
        });
    assert_eq!(task.counts(), "polls 2, wakes 3, drops 1");
    // Three wakes put one number on the queue, once.
    assert_eq!(recorder.count(is_woken_task), 1);
}

fn is_woken_task(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Woken { task, .. } if task.to_string() != "0")
}

#[test]
fn i1_wakes_from_here_and_from_another_thread_are_one_poll() {
    simulate(async {
        let task = Probe::new();
        drop(spawn(task.future()));
        yield_now().await;
        assert_eq!(task.counts(), "polls 1, wakes 0, drops 0");
        task.wake();
        elsewhere(|| task.wake());
        elsewhere(|| task.wake());
        task.wake();
        yield_now().await;
        assert_eq!(task.counts(), "polls 2, wakes 4, drops 0");
        elsewhere(|| task.wake());
        task.wake();
        yield_now().await;
        assert_eq!(task.counts(), "polls 3, wakes 6, drops 0");
        quiet().await;
        assert_eq!(task.counts(), "polls 3, wakes 6, drops 0");
    });
}

#[test]
fn i1_a_wake_while_the_task_waits_for_its_turn_is_no_further_poll() {
    simulate(async {
        let task = Probe::new();
        drop(spawn(task.future()));
        yield_now().await;
        // Both are ready in one turn, the waking one first.
        let woken = task.clone();
        drop(spawn(async move {
            elsewhere(|| woken.wake());
            woken.wake();
            elsewhere(|| woken.wake());
            assert_eq!(woken.counts(), "polls 1, wakes 4, drops 0");
        }));
        task.wake();
        yield_now().await;
        assert_eq!(task.counts(), "polls 2, wakes 4, drops 0");
        quiet().await;
        assert_eq!(task.counts(), "polls 2, wakes 4, drops 0");
    });
}

#[test]
fn i1_a_new_task_is_ready_once() {
    simulate(async {
        let task = Probe::new();
        let handle = spawn(task.future());
        task.finish();
        handle.await.unwrap();
        assert_eq!(task.counts(), "polls 1, wakes 0, drops 1");
    });
}

// I2: a wake that comes during a poll causes another poll.

type Wakes = fn(&Probe);
const WAYS_TO_WAKE: [Wakes; 4] = [
    |task| task.wake(),
    |task| elsewhere(|| task.wake()),
    |task| {
        task.wake();
        task.wake();
    },
    |task| {
        elsewhere(|| task.wake());
        task.wake();
    },
];

#[test]
fn i2_a_wake_during_a_poll_causes_another_poll() {
    for (wake, wakes) in WAYS_TO_WAKE.into_iter().zip([1, 1, 2, 2]) {
        simulate(async {
            let task = Probe::new();
            drop(spawn(task.future_that(move |task| {
                if task.polls() == 1 {
                    wake(task);
                }
            })));
            assert_eq!(task.counts(), "polls 0, wakes 0, drops 0");
            yield_now().await;
            let counts = |polls| format!("polls {polls}, wakes {wakes}, drops 0");
            assert_eq!(task.counts(), counts(1));
            yield_now().await;
            assert_eq!(task.counts(), counts(2));
            quiet().await;
            assert_eq!(task.counts(), counts(2));
        });
    }
}

#[test]
fn i2_a_wake_during_the_root_s_poll_causes_another_poll() {
    for (wake, wakes) in WAYS_TO_WAKE.into_iter().zip([1, 1, 2, 2]) {
        let root = Probe::new();
        simulate(root.future_that(|root| match root.polls() {
            1 => wake(root),
            _ => root.finish(),
        }));
        assert_eq!(root.counts(), format!("polls 2, wakes {wakes}, drops 1"));
    }
}

#[test]
fn i2_a_wake_during_a_child_s_poll_causes_another_poll_of_the_child() {
    for (wake, wakes) in WAYS_TO_WAKE.into_iter().zip([1, 1, 2, 2]) {
        let (child, root) = (Probe::new(), Probe::new());
        let children = gather([child.future_that(|child| match child.polls() {
            1 => wake(child),
            _ => child.finish(),
        })]);
        simulate(root.track(children));
        assert_eq!(child.counts(), format!("polls 2, wakes {wakes}, drops 1"));
        assert_eq!(root.counts(), "polls 2, wakes 0, drops 1");
    }
}

// I3: a finished task is never polled; a late wake does nothing.

#[test]
fn i3_a_late_wake_does_nothing() {
    simulate(async {
        let task = Probe::new();
        drop(spawn(task.future()));
        yield_now().await;
        task.finish();
        task.wake();
        yield_now().await;
        assert_eq!(task.counts(), "polls 2, wakes 1, drops 1");
        task.wake();
        elsewhere(|| task.wake());
        quiet().await;
        assert_eq!(task.counts(), "polls 2, wakes 3, drops 1");

        // The next task sits where the first one sat. Late wakes do not reach it either.
        let newcomer = Probe::new();
        drop(spawn(newcomer.future()));
        task.wake();
        elsewhere(|| task.wake());
        yield_now().await;
        task.wake();
        elsewhere(|| task.wake());
        quiet().await;
        assert_eq!(task.counts(), "polls 2, wakes 7, drops 1");
        assert_eq!(newcomer.counts(), "polls 1, wakes 0, drops 0");
        newcomer.wake();
        quiet().await;
        assert_eq!(newcomer.counts(), "polls 2, wakes 1, drops 0");
    });
}

#[test]
fn i3_a_wake_in_the_last_poll_does_nothing() {
    for (wake, wakes) in WAYS_TO_WAKE.into_iter().zip([1, 1, 2, 2]) {
        simulate(async {
            let wake_at_last = move |task: &Probe| {
                wake(task);
                task.finish();
            };
            let counts = format!("polls 1, wakes {wakes}, drops 1");
            // Nobody comes after the first task. After the second one two come at once: one before
            // the late wake is worked off, one after it.
            let task = Probe::new();
            drop(spawn(task.future_that(wake_at_last)));
            quiet().await;
            assert_eq!(task.counts(), counts);

            let [task, first, second] = [(); 3].map(|()| Probe::new());
            drop(spawn(task.future_that(wake_at_last)));
            yield_now().await;
            drop(spawn(first.future()));
            yield_now().await;
            drop(spawn(second.future()));
            quiet().await;
            assert_eq!(task.counts(), counts);
            assert_eq!(first.counts(), "polls 1, wakes 0, drops 0");
            assert_eq!(second.counts(), "polls 1, wakes 0, drops 0");
        });
    }
}

#[test]
fn i3_a_wake_after_the_loop_has_ended_does_nothing() {
    let [root, done, dropped] = [Probe::new(), Probe::new(), Probe::new()];
    simulate(async {
        drop(spawn(dropped.future()));
        let done = spawn(done.future_that(Probe::finish));
        root.future_that(|root| match root.polls() {
            1 => root.wake(),
            _ => root.finish(),
        })
        .await;
        done.await.unwrap();
    });
    let wake_all = || [&root, &done, &dropped].map(|probe| probe.wake());
    wake_all();
    elsewhere(wake_all);
    // The next loop on this thread has tasks with the same numbers.
    let newcomer = Probe::new();
    simulate(async {
        drop(spawn(newcomer.future()));
        yield_now().await;
        wake_all();
        elsewhere(wake_all);
        quiet().await;
        assert_eq!(newcomer.counts(), "polls 1, wakes 0, drops 0");
    });
    assert_eq!(root.counts(), "polls 2, wakes 5, drops 1");
    assert_eq!(done.counts(), "polls 1, wakes 4, drops 1");
    assert_eq!(dropped.counts(), "polls 1, wakes 4, drops 1");
    assert_eq!(newcomer.counts(), "polls 1, wakes 0, drops 1");
}

// I4: only the latest waker counts.

#[test]
fn i4_only_the_latest_waker_counts_for_a_sleep() {
    simulate(async {
        let (old, old_waker) = Bell::new();
        let (new, new_waker) = Bell::new();
        let mut sleep = sleep(SECOND);
        assert!(poll_once(&mut sleep, &old_waker).is_pending());
        assert_eq!(old.counts(), "wakes 0, wakers 2");
        // Once more with the same: it keeps one.
        assert!(poll_once(&mut sleep, &old_waker).is_pending());
        assert_eq!(old.counts(), "wakes 0, wakers 2");
        assert!(poll_once(&mut sleep, &new_waker).is_pending());
        assert_eq!(old.counts(), "wakes 0, wakers 1");
        assert_eq!(new.counts(), "wakes 0, wakers 2");
        demitasse::sleep(2 * SECOND).await;
        assert_eq!(old.counts(), "wakes 0, wakers 1");
        assert_eq!(new.counts(), "wakes 1, wakers 1");
        assert!(poll_once(&mut sleep, &old_waker).is_ready());
    });
}

#[test]
fn i4_only_the_latest_waker_counts_for_a_handle() {
    simulate(async {
        let (old, old_waker) = Bell::new();
        let (new, new_waker) = Bell::new();
        let task = Probe::new();
        let mut handle = spawn(task.future());
        yield_now().await;
        assert!(poll_once(&mut handle, &old_waker).is_pending());
        assert_eq!(old.counts(), "wakes 0, wakers 2");
        assert!(poll_once(&mut handle, &new_waker).is_pending());
        assert_eq!(old.counts(), "wakes 0, wakers 1");
        assert_eq!(new.counts(), "wakes 0, wakers 2");
        task.finish();
        task.wake();
        yield_now().await;
        assert_eq!(old.counts(), "wakes 0, wakers 1");
        assert_eq!(new.counts(), "wakes 1, wakers 1");
        assert_eq!(task.counts(), "polls 2, wakes 1, drops 1");
        assert!(poll_once(&mut handle, &old_waker).is_ready());
    });
}

#[test]
fn i4_only_the_latest_waker_counts_for_a_gather() {
    let (old, old_waker) = Bell::new();
    let (new, new_waker) = Bell::new();
    let child = Probe::new();
    let mut gather = gather([child.future()]);
    assert!(poll_once(&mut gather, &old_waker).is_pending());
    assert_eq!(old.counts(), "wakes 0, wakers 2");
    assert!(poll_once(&mut gather, &new_waker).is_pending());
    assert_eq!(old.counts(), "wakes 0, wakers 1");
    assert_eq!(new.counts(), "wakes 0, wakers 2");
    child.finish();
    child.wake();
    assert_eq!(old.counts(), "wakes 0, wakers 1");
    assert_eq!(new.counts(), "wakes 1, wakers 1");
    assert_eq!(child.counts(), "polls 1, wakes 1, drops 0");
    assert!(poll_once(&mut gather, &old_waker).is_ready());
    assert_eq!(child.counts(), "polls 2, wakes 1, drops 1");
}

#[test]
fn i4_a_sleep_that_moves_to_another_task_wakes_that_task() {
    simulate(async {
        let shelf = Rc::new(RefCell::new(Some(sleep(SECOND))));
        let [first, second] = [Probe::new(), Probe::new()];
        // The first task starts the sleep, leaves it on the shelf, and never wants to run again.
        let from = Rc::clone(&shelf);
        drop(spawn(first.track(poll_fn(move |cx| {
            let mut sleep = from.borrow_mut();
            let polled = poll_once(sleep.as_mut().unwrap(), cx.waker());
            assert!(polled.is_pending());
            Poll::<()>::Pending
        }))));
        yield_now().await;
        let start = now();
        let sleep: Sleep = shelf.take().unwrap();
        spawn(second.track(sleep)).await.unwrap();
        assert_eq!(now() - start, SECOND);
        assert_eq!(first.counts(), "polls 1, wakes 0, drops 0");
        assert_eq!(second.counts(), "polls 2, wakes 0, drops 1");
    });
}

// I5: a sleep never ends early.

#[test]
fn i5_a_sleep_ends_at_its_deadline() {
    let mut random = Random::new(5);
    let durations: Vec<_> = (0..10_000)
        .map(|_| Duration::from_nanos(random.magnitude()))
        .collect();
    simulate(gather(durations.into_iter().map(|duration| async move {
        let start = now();
        sleep(duration).await;
        assert_eq!(now() - start, duration);
    })));
}

#[test]
fn i5_a_sleep_that_is_polled_early_does_not_end_early() {
    simulate(async {
        let (bell, waker) = Bell::new();
        let mut sleep = sleep(SECOND);
        assert!(poll_once(&mut sleep, &waker).is_pending());
        for _ in 0..3 {
            block_for(SECOND / 4);
            yield_now().await;
            assert!(poll_once(&mut sleep, &waker).is_pending());
        }
        block_for(SECOND / 4 - NANOSECOND);
        yield_now().await;
        assert!(poll_once(&mut sleep, &waker).is_pending());
        assert_eq!(bell.counts(), "wakes 0, wakers 2");
        // The last nanosecond.
        block_for(NANOSECOND);
        yield_now().await;
        assert_eq!(bell.counts(), "wakes 1, wakers 1");
        assert!(poll_once(&mut sleep, &waker).is_ready());
    });
}

#[test]
fn i5_on_the_real_clock_a_sleep_is_late_but_never_early() {
    let waits = (0..20).map(|i| async move {
        let duration = Duration::from_micros(500 * i + i);
        let start = Instant::now();
        sleep(duration).await;
        (duration, start.elapsed())
    });
    for (duration, passed) in block_on(gather(waits)) {
        assert!(passed >= duration, "{passed:?} is early for {duration:?}");
        // However busy the machine is.
        assert!(passed < duration + 5 * SECOND);
    }
}

#[test]
fn i5_what_holds_the_thread_does_not_make_a_sleep_longer() {
    // The sleep begins, and then its task works on, in the same turn.
    let hold = 100 * MILLISECOND;
    let passed = (0..3).map(|_| {
        let start = Instant::now();
        block_on(async {
            let mut nap = sleep(hold + 10 * MILLISECOND);
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

// I6: sleeps that are due together wake in order of deadline, then of registration.

#[test]
fn i6_sleeps_that_are_due_together_wake_by_deadline_then_registration() {
    let mut random = Random::new(6);
    // Many share a deadline.
    let choices: Vec<_> = (0..50)
        .map(|_| Duration::from_nanos(random.magnitude() >> 20))
        .collect();
    let durations: Vec<_> = (0..1_000)
        .map(|_| choices[random.below(50) as usize])
        .collect();
    let mut expected: Vec<usize> = (0..1_000).collect();
    expected.sort_by_key(|&i| durations[i]);

    for is_late in [false, true] {
        let log = Log::new();
        let ends = log.clone();
        let durations = durations.clone();
        simulate(async move {
            for (i, duration) in durations.into_iter().enumerate() {
                let ends = ends.clone();
                drop(spawn(async move {
                    sleep(duration).await;
                    ends.push(i);
                }));
            }
            yield_now().await;
            if is_late {
                // Meanwhile all of them come due.
                block_for(Duration::from_nanos(u64::MAX >> 20));
            }
            sleep(Duration::from_nanos(u64::MAX >> 19)).await;
        });
        assert_eq!(log.take(), expected, "is_late: {is_late}");
    }
}

#[test]
fn i6_registration_counts_from_however_far_the_deadline_was_seen() {
    let log = Log::new();
    let ends = log.clone();
    simulate(async move {
        let deadline = now() + HOUR;
        let mut left = HOUR;
        // Nearer and nearer: from other levels of the wheel.
        for i in 0..12 {
            let ends = ends.clone();
            drop(spawn(async move {
                sleep_until(deadline).await;
                ends.push(i);
            }));
            yield_now().await;
            sleep(left - left / 10).await;
            left /= 10;
        }
        sleep_until(deadline + NANOSECOND).await;
    });
    assert_eq!(log.take(), (0..12).collect::<Vec<_>>());
}

#[test]
fn i6_registration_counts_also_where_slots_of_the_table_are_used_again() {
    simulate(async {
        let log = Log::new();
        // Slots that became free last are used first: the later sleep has the lower slot.
        let mut free = [(); 2].map(|()| sleep(SECOND));
        for sleep in &mut free {
            assert!(poll_once(sleep, Waker::noop()).is_pending());
        }
        free.into_iter().for_each(drop);
        let sleepers = ["first", "second"].map(|word| {
            let log = log.clone();
            async move {
                sleep(SECOND).await;
                log.push(word);
            }
        });
        gather(sleepers).await;
        assert_eq!(log.take(), ["first", "second"]);
    });
}

// I7: a dropped sleep leaves nothing behind in the wheel.

/// Makes sleeps of every length up to a year, polls each once, and drops it.
fn make_and_drop_sleeps(count: u64) {
    let mut random = Random::new(7);
    for _ in 0..count {
        let duration = Duration::from_nanos(1 + (random.magnitude() >> 9));
        assert!(poll_once(&mut sleep(duration), Waker::noop()).is_pending());
    }
}

#[test]
fn i7_a_dropped_sleep_leaves_nothing_behind() {
    let recorder = Recorder::new();
    EventLoop::simulated()
        .on_event(recorder.observer())
        .block_on(async {
            make_and_drop_sleeps(1_000);
            sleep(10 * YEAR).await;
        });
    let set = recorder.count(|kind| matches!(kind, EventKind::TimerSet { .. }));
    let cancelled = recorder.count(|kind| matches!(kind, EventKind::TimerCancelled { .. }));
    let fired = recorder.count(|kind| matches!(kind, EventKind::TimerFired { .. }));
    assert_eq!((set, cancelled, fired), (1_001, 1_000, 1));
    // With another timer in the wheel, the loop would have parked for that.
    assert_eq!(parked_until(&recorder.events()), [Some(10 * YEAR)]);
}

fn parked_until(events: &[Event]) -> Vec<Option<Duration>> {
    let until = |event: &Event| match event.kind {
        EventKind::Parked { until } => Some(until),
        _ => None,
    };
    events.iter().filter_map(until).collect()
}

#[test]
fn i7_a_dropped_sleep_drops_its_waker() {
    simulate(async {
        let (bell, waker) = Bell::new();
        let mut dropped = sleep(SECOND);
        assert!(poll_once(&mut dropped, &waker).is_pending());
        assert_eq!(bell.counts(), "wakes 0, wakers 2");
        drop(dropped);
        assert_eq!(bell.counts(), "wakes 0, wakers 1");
        sleep(2 * SECOND).await;
        assert_eq!(bell.counts(), "wakes 0, wakers 1");
    });
}

#[test]
fn i7_millions_of_dropped_sleeps_leave_memory_where_it_was() {
    // Ten million take a second in release mode, and ten without.
    let count = if cfg!(debug_assertions) {
        1_000_000
    } else {
        10_000_000
    };
    simulate(async {
        make_and_drop_sleeps(1_000);
        let before = resident_memory();
        make_and_drop_sleeps(count);
        // A timer takes more than 32 bytes. The tests that run at the same time take some, too.
        assert!(resident_memory() < before + 32 * count);
    });
}

/// In bytes. Where the operating system does not say, the other two tests must do.
fn resident_memory() -> u64 {
    let Ok(statm) = std::fs::read_to_string("/proc/self/statm") else {
        return 0;
    };
    let pages = statm.split(' ').nth(1).and_then(|text| text.parse().ok());
    4096 * pages.unwrap_or(0_u64)
}

// I8: a turn polls each task that was ready when it began once; then due timers fire.

#[test]
fn i8_tasks_that_yield_take_turns() {
    let log = Log::new();
    let polled = log.clone();
    simulate(async move {
        let tasks = ["a", "b", "c"].map(|name| {
            let polled = polled.clone();
            spawn(async move {
                for _ in 0..3 {
                    polled.push(name);
                    yield_now().await;
                }
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(log.take().concat(), "abcabcabc");
}

#[test]
fn i8_due_timers_fire_between_turns() {
    let log = Log::new();
    let polled = log.clone();
    simulate(async move {
        let in_a_second = polled.clone();
        let sleeper = spawn(async move {
            sleep(SECOND).await;
            in_a_second.push("sleeper");
        });
        yield_now().await;
        // Both are ready in one turn, and the sleep comes due in its midst.
        let (first, second) = (polled.clone(), polled.clone());
        drop(spawn(async move {
            let mut another = sleep(HOUR);
            assert!(poll_once(&mut another, Waker::noop()).is_pending());
            block_for(2 * SECOND);
            for word in ["first", "first again", "first at last"] {
                first.push(word);
                yield_now().await;
            }
        }));
        drop(spawn(async move {
            for word in ["second", "second again", "second at last"] {
                second.push(word);
                yield_now().await;
            }
        }));
        sleeper.await.unwrap();
        polled.push("root");
    });
    let turns = [
        // The timer fires after this turn, when the two have already woken themselves.
        &["first", "second"][..],
        &["first again", "second again", "sleeper"],
        &["first at last", "second at last", "root"],
    ];
    assert_eq!(log.take(), turns.concat());
}

#[test]
fn i8_a_task_that_yields_for_ever_starves_nobody() {
    let start = Instant::now();
    let neighbour = Probe::new();
    let seen = neighbour.clone();
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
    });
    assert_eq!(seen.counts(), "polls 2, wakes 1, drops 1");
    assert!(start.elapsed() < 3 * SECOND);
}

#[test]
fn i8_simulated_time_stands_still_while_anything_is_ready() {
    simulate(async {
        let start = now();
        let alarm = Probe::new();
        let handle = spawn(alarm.track(sleep(NANOSECOND)));
        for _ in 0..1_000 {
            yield_now().await;
        }
        assert_eq!(now(), start);
        assert_eq!(alarm.counts(), "polls 1, wakes 0, drops 0");
        handle.await.unwrap();
        assert_eq!(now(), start + NANOSECOND);
        assert_eq!(alarm.counts(), "polls 2, wakes 0, drops 1");
    });
}

// I9: the thread parks only when nothing is ready, until the next deadline.

#[test]
fn i9_one_sleep_costs_one_park() {
    for event_loop in [EventLoop::new(), EventLoop::simulated()] {
        let recorder = Recorder::new();
        event_loop
            .on_event(recorder.observer())
            .block_on(sleep(20 * MILLISECOND));
        assert_eq!(recorder.parks(), 1);
        let unparks = recorder.count(|kind| matches!(kind, EventKind::Unparked));
        assert_eq!(unparks, 1);
    }
}

#[test]
fn i9_many_sleeps_cost_one_park_for_each_deadline() {
    let recorder = Recorder::new();
    let deadlines = [1, 63, 64, 65, 4_095, 4_096, 1_000_000, 1_000_000_000_000];
    EventLoop::simulated()
        .on_event(recorder.observer())
        .block_on(async move {
            let start = now();
            let at = |nanos| sleep_until(start + Duration::from_nanos(nanos));
            gather(deadlines.into_iter().chain(deadlines).map(at)).await
        });
    let until = deadlines.map(|nanos| Some(Duration::from_nanos(nanos)));
    assert_eq!(parked_until(&recorder.events()), until);
}

#[test]
fn i9_a_cancelled_timer_costs_at_most_one_more_park() {
    let recorder = Recorder::new();
    EventLoop::simulated()
        .on_event(recorder.observer())
        .block_on(async {
            let mut cancelled = sleep(HOUR);
            assert!(poll_once(&mut cancelled, Waker::noop()).is_pending());
            let mut kept = sleep(HOUR + NANOSECOND);
            assert!(poll_once(&mut kept, Waker::noop()).is_pending());
            drop(cancelled);
            kept.await;
            sleep(HOUR).await;
        });
    let parks = recorder.parks();
    assert!(parks == 2 || parks == 3, "{parks} parks");
}

#[test]
fn i9_the_thread_parks_only_when_nothing_is_ready() {
    let recorder = Recorder::new();
    EventLoop::new()
        .on_event(recorder.observer())
        .block_on(async {
            for _ in 0..100 {
                yield_now().await;
            }
            // A wake from another thread, when the queue is already empty, makes it ready too.
            let root = Probe::new();
            root.future_that(|root| match root.polls() {
                1 => elsewhere(|| root.wake()),
                _ => root.finish(),
            })
            .await;
        });
    assert_eq!(recorder.parks(), 0);
}

#[test]
fn i9_a_timer_that_is_due_before_its_turn_ends_costs_no_park() {
    let recorder = Recorder::new();
    let mut nap = sleep(MILLISECOND);
    EventLoop::new()
        .on_event(recorder.observer())
        .block_on(poll_fn(|cx| {
            let polled = Pin::new(&mut nap).poll(cx);
            if polled.is_pending() {
                thread::sleep(2 * MILLISECOND);
            }
            polled
        }));
    assert_eq!(recorder.parks(), 0);
}

#[test]
fn i9_an_idle_loop_uses_no_cpu() {
    let recorder = Recorder::new();
    let before = cpu_time();
    EventLoop::new()
        .on_event(recorder.observer())
        .block_on(async {
            // Once until a deadline, and once without one.
            sleep(150 * MILLISECOND).await;
            let root = Probe::new();
            let waking = root.clone();
            let other = thread::spawn(move || {
                thread::sleep(150 * MILLISECOND);
                waking.finish();
                waking.wake();
            });
            root.future().await;
            other.join().unwrap();
        });
    assert_eq!(recorder.parks(), 2);
    let used = cpu_time() - before;
    assert!(used < 100 * MILLISECOND, "{used:?} of CPU");
}

/// What this thread has used. Zero where the operating system does not say.
fn cpu_time() -> Duration {
    let Ok(stat) = std::fs::read_to_string("/proc/thread-self/stat") else {
        return Duration::ZERO;
    };
    // The name, in parentheses, may hold spaces. After it, `utime` and `stime` are fields 12 and
    // 13, in hundredths of a second.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks = fields
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse().unwrap_or(0));
    10 * MILLISECOND * ticks.sum::<u32>()
}

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
    assert!(start.elapsed() >= 20 * MILLISECOND);
}

// I10: `gather` polls a child only if that child was woken, and never after it is done.

#[test]
fn i10_gather_polls_only_the_children_that_were_woken() {
    let [a, b, c] = [Probe::new(), Probe::new(), Probe::new()];
    let (bell, waker) = Bell::new();
    let mut gather = gather([a.future(), b.future(), c.future()]);
    let counts = || [a.counts(), b.counts(), c.counts()];
    assert_eq!(counts(), ["polls 0, wakes 0, drops 0"; 3]);

    assert!(poll_once(&mut gather, &waker).is_pending());
    assert_eq!(counts(), ["polls 1, wakes 0, drops 0"; 3]);
    assert_eq!(bell.counts(), "wakes 0, wakers 2");

    // A poll for nothing polls nobody.
    assert!(poll_once(&mut gather, &waker).is_pending());
    assert_eq!(counts(), ["polls 1, wakes 0, drops 0"; 3]);
    assert_eq!(bell.counts(), "wakes 0, wakers 2");

    b.wake();
    b.wake();
    assert_eq!(bell.counts(), "wakes 1, wakers 1");
    assert!(poll_once(&mut gather, &waker).is_pending());
    assert_eq!(a.counts(), "polls 1, wakes 0, drops 0");
    assert_eq!(b.counts(), "polls 2, wakes 2, drops 0");
    assert_eq!(c.counts(), "polls 1, wakes 0, drops 0");

    b.finish();
    b.wake();
    assert!(poll_once(&mut gather, &waker).is_pending());
    assert_eq!(b.counts(), "polls 3, wakes 3, drops 1");

    // A late wake polls nobody either.
    b.wake();
    assert!(poll_once(&mut gather, &waker).is_pending());
    assert_eq!(a.counts(), "polls 1, wakes 0, drops 0");
    assert_eq!(b.counts(), "polls 3, wakes 4, drops 1");
    assert_eq!(c.counts(), "polls 1, wakes 0, drops 0");

    for probe in [&a, &c] {
        probe.finish();
        probe.wake();
    }
    assert_eq!(poll_once(&mut gather, &waker), Poll::Ready(vec![(); 3]));
    assert_eq!(a.counts(), "polls 2, wakes 1, drops 1");
    assert_eq!(c.counts(), "polls 2, wakes 1, drops 1");
}

#[test]
fn i10_a_child_that_wakes_itself_when_it_is_done_is_not_polled_again() {
    let [child, other] = [Probe::new(), Probe::new()];
    let (bell, waker) = Bell::new();
    let mut gather = gather([
        child.track(boxed(child.future_that(|child| {
            child.wake();
            elsewhere(|| child.wake());
            child.finish();
        }))),
        other.track(boxed(other.future())),
    ]);
    assert!(poll_once(&mut gather, &waker).is_pending());
    assert!(poll_once(&mut gather, &waker).is_pending());
    assert!(poll_once(&mut gather, &waker).is_pending());
    // Each is counted twice, inside and outside.
    assert_eq!(child.counts(), "polls 2, wakes 2, drops 2");
    assert_eq!(other.counts(), "polls 2, wakes 0, drops 0");
    assert!(bell.wakes() <= 1);
}

/// One type for futures of several.
fn boxed<'a>(future: impl Future<Output = ()> + 'a) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(future)
}

#[test]
fn i10_the_cost_of_a_gather_grows_linearly_with_its_children() {
    for children in [1_000, 2_000, 4_000] {
        let polls = AtomicUsize::new(0);
        let root = Probe::new();
        // One by one: each is alone at its deadline.
        let sleeps = (1..=children).map(|i| {
            let mut sleep = sleep(i * MILLISECOND);
            let polls = &polls;
            poll_fn(move |cx| {
                polls.fetch_add(1, SeqCst);
                poll_once(&mut sleep, cx.waker())
            })
        });
        simulate(root.track(gather(sleeps)));
        let children = children as usize;
        assert_eq!(polls.load(SeqCst), 2 * children);
        assert_eq!(
            root.counts(),
            format!("polls {}, wakes 0, drops 1", 1 + children)
        );
    }
}

// I11: a panic ends its own task only.

#[test]
fn i11_a_panic_ends_its_own_task_only() {
    simulate(async {
        let [bad, good] = [Probe::new(), Probe::new()];
        let handle = spawn(bad.track(async {
            yield_now().await;
            panic!("spilt");
        }));
        drop(spawn(good.future()));
        yield_now().await;
        assert_eq!(bad.counts(), "polls 1, wakes 0, drops 0");
        yield_now().await;
        assert_eq!(bad.counts(), "polls 2, wakes 0, drops 1");
        assert_eq!(good.counts(), "polls 1, wakes 0, drops 0");
        good.wake();
        quiet().await;
        assert_eq!(bad.counts(), "polls 2, wakes 0, drops 1");
        assert_eq!(good.counts(), "polls 2, wakes 1, drops 0");

        assert!(handle.is_finished());
        let error = handle.await.unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert!(error.to_string().ends_with("panicked: spilt"));
        assert_eq!(error.into_panic().downcast_ref(), Some(&"spilt"));
    });
}

#[test]
fn i11_whoever_awaits_the_handle_of_a_panicking_task_is_woken() {
    let awaiting = Probe::new();
    let panicked = panic_of(|| {
        simulate(async {
            let task = Probe::new();
            let handle = spawn(task.future_that(|task| {
                if task.polls() == 2 {
                    panic!("spilt");
                }
            }));
            drop(spawn(async move {
                sleep(SECOND).await;
                task.wake();
            }));
            awaiting.track(handle).await.unwrap()
        })
    });
    assert!(panicked.message.contains("spilt"));
    assert_eq!(awaiting.counts(), "polls 2, wakes 0, drops 1");
}

#[test]
fn i11_a_panic_of_a_detached_task_goes_nowhere() {
    let task = Probe::new();
    simulate(async {
        drop(spawn(task.track(async { panic!("spilt") })));
        sleep(SECOND).await;
    });
    assert_eq!(task.counts(), "polls 1, wakes 0, drops 1");
}

#[test]
fn i11_a_destructor_that_panics_when_the_task_is_done_is_its_panic_too() {
    simulate(async {
        let bomb = OnDrop(|| panic!("a bad end"));
        let handle = spawn(poll_fn(move |_| {
            let _ = &bomb;
            Poll::Ready("done")
        }));
        let error = handle.await.unwrap_err();
        assert!(error.to_string().ends_with("panicked: a bad end"));
    });
}

#[test]
fn i11_a_panic_in_the_root_leaves_through_block_on() {
    for run in [block_on, simulate] {
        let task = Probe::new();
        let seen = task.clone();
        let root: Root = Box::pin(async move {
            drop(spawn(seen.future()));
            yield_now().await;
            panic!("spilt");
        });
        assert_eq!(panic_of(|| run(root)).message, "spilt");
        assert_eq!(task.counts(), "polls 1, wakes 0, drops 1");
        // The thread can go on.
        let root: Root = Box::pin(async { spawn(async {}).await.unwrap() });
        run(root);
    }
}

type Root = Pin<Box<dyn Future<Output = ()>>>;

// I12: when the root future is done, the loop drops every task that is left.

#[test]
fn i12_the_loop_drops_every_task_that_is_left() {
    let [waiting, ready, new, sleeping] = [(); 4].map(|()| Probe::new());
    simulate(async {
        drop(spawn(waiting.future()));
        drop(spawn(ready.future()));
        drop(spawn(sleeping.track(sleep(HOUR))));
        yield_now().await;
        ready.wake();
        drop(spawn(new.future()));
    });
    assert_eq!(waiting.counts(), "polls 1, wakes 0, drops 1");
    assert_eq!(ready.counts(), "polls 1, wakes 1, drops 1");
    assert_eq!(new.counts(), "polls 0, wakes 0, drops 1");
    assert_eq!(sleeping.counts(), "polls 1, wakes 0, drops 1");
}

#[test]
fn i12_destructors_may_use_the_loop_but_nothing_is_polled_any_more() {
    let [task, neighbour, late, later] = [(); 4].map(|()| Probe::new());
    let (bell, waker) = Bell::new();
    let destructors = Rc::new(Cell::new(0));
    let count = Rc::clone(&destructors);
    simulate(async {
        drop(spawn(neighbour.future()));
        let (late, later, neighbour) = (late.clone(), later.clone(), neighbour.clone());
        let on_drop = OnDrop(move || {
            neighbour.wake();
            elsewhere(|| neighbour.wake());
            let mut sleep = sleep_until(now() + SECOND);
            assert!(poll_once(&mut sleep, &waker).is_pending());
            // A task that is spawned now is dropped as well, and so is what its destructor spawns.
            let later = later.clone();
            let spawn_later = OnDrop(move || drop(spawn(later.future())));
            drop(spawn(late.track(async move {
                let _on_drop = &spawn_later;
                pending::<()>().await;
            })));
            count.set(count.get() + 1);
        });
        drop(spawn(task.track(async move {
            let _on_drop = &on_drop;
            pending::<()>().await;
        })));
        yield_now().await;
    });
    assert_eq!(destructors.get(), 1);
    assert_eq!(task.counts(), "polls 1, wakes 0, drops 1");
    assert_eq!(neighbour.counts(), "polls 1, wakes 2, drops 1");
    assert_eq!(late.counts(), "polls 0, wakes 0, drops 1");
    assert_eq!(later.counts(), "polls 0, wakes 0, drops 1");
    // The test's own waker went with the destructor.
    assert_eq!(bell.counts(), "wakes 0, wakers 0");
}

#[test]
fn i12_a_destructor_that_panics_keeps_no_other_from_being_dropped() {
    let tasks = [(); 5].map(|()| Probe::new());
    let log = Log::new();
    let panicked = panic_of(|| {
        simulate(async {
            for (i, task) in tasks.iter().enumerate() {
                let has_loop = log.clone();
                let bomb = OnDrop(move || {
                    has_loop.push(catch_unwind(now).is_ok());
                    if i % 2 == 1 && !thread::panicking() {
                        panic!("bad end {i}");
                    }
                });
                drop(spawn(task.track(async move {
                    let _bomb = &bomb;
                    pending::<()>().await;
                })));
            }
            yield_now().await;
        })
    });
    assert_eq!(panicked.message, "bad end 1");
    for task in &tasks {
        assert_eq!(task.counts(), "polls 1, wakes 0, drops 1");
    }
    // Each was dropped while the loop was still there for it.
    assert_eq!(log.take(), [true; 5]);
    // The thread can go on.
    assert_eq!(simulate(async { spawn(async { 1 }).await.unwrap() }), 1);
}

#[test]
fn i12_a_root_that_panics_drops_the_tasks_that_are_left_too() {
    let task = Probe::new();
    let panicked = panic_of(|| {
        simulate(async {
            let bomb = OnDrop(|| panic!("a bad end"));
            drop(spawn(task.track(async move {
                let _bomb = &bomb;
                pending::<()>().await;
            })));
            yield_now().await;
            panic!("spilt");
        })
    });
    assert_eq!(panicked.message, "spilt");
    assert_eq!(task.counts(), "polls 1, wakes 0, drops 1");
}

// I13: a future that can never run again is reported, not waited for. (More of it in `executor/edges.rs`.)

#[test]
fn i13_a_stuck_loop_says_so() {
    for run in [simulate, block_on] {
        in_time(move || {
            let start = Instant::now();
            let task = Probe::new();
            let seen = task.clone();
            let root: Root = Box::pin(async move {
                drop(spawn(seen.track(pending::<()>())));
                pending().await
            });
            let panicked = panic_of(|| run(root));
            assert!(panicked.message.starts_with("stuck:"), "{panicked:?}");
            assert_eq!(task.counts(), "polls 1, wakes 0, drops 1");
            // Where it is proved, there is nothing to wait for: not even a second.
            assert!(start.elapsed() < SECOND);
        });
    }
}

#[test]
fn i13_on_the_simulated_clock_rest_is_the_end_of_the_world() {
    // This one has kept its waker, but nobody will ever call it.
    let root = Probe::new();
    let future = root.future();
    let panicked = in_time(|| panic_of(|| simulate(future)));
    assert!(panicked.message.starts_with("stuck:"), "{panicked:?}");
    assert!(panicked.message.contains("its waker is kept"));
    assert_eq!(root.counts(), "polls 1, wakes 0, drops 1");
}

#[test]
fn i13_a_lost_waker_is_told_at_that_very_poll() {
    let recorder = Recorder::new();
    EventLoop::simulated()
        .on_event(recorder.observer())
        .block_on(async {
            let kept = Probe::new();
            drop(spawn(pending::<()>()));
            drop(spawn(kept.future()));
            drop(spawn(async {
                yield_now().await;
                pending::<()>().await;
            }));
            sleep(SECOND).await;
        });
    let events = recorder.events();
    let lost: Vec<_> = events.iter().enumerate().filter_map(lost_task).collect();
    let names = lost.iter().map(|(_, task)| task.to_string());
    assert_eq!(names.collect::<Vec<_>>(), ["1", "3"]);
    for (i, lost) in lost {
        let before = &events[i - 1].kind;
        assert!(matches!(before, EventKind::PollEnded { task, .. } if *task == lost));
    }
}

fn lost_task((i, event): (usize, &Event)) -> Option<(usize, TaskId)> {
    match event.kind {
        EventKind::WakerLost { task } => Some((i, task)),
        _ => None,
    }
}

#[test]
fn i13_a_wake_for_another_task_hides_no_lost_waker() {
    let recorder = Recorder::new();
    EventLoop::simulated()
        .on_event(recorder.observer())
        .block_on(async {
            let neighbour = Probe::new();
            let waking = neighbour.clone();
            drop(spawn(neighbour.future()));
            yield_now().await;
            // When this poll ends, a wake is under way; but not for this task.
            drop(spawn(poll_fn(move |_| {
                elsewhere(|| waking.wake());
                Poll::<()>::Pending
            })));
            quiet().await;
            assert_eq!(neighbour.counts(), "polls 2, wakes 1, drops 0");
        });
    let is_lost = |kind: &EventKind| matches!(kind, EventKind::WakerLost { .. });
    assert_eq!(recorder.count(is_lost), 1);
}

#[test]
fn i13_a_gather_of_lost_futures_is_lost() {
    let panicked = panic_of(|| simulate(gather([pending::<()>(), pending()])));
    assert!(panicked.message.contains("kept no waker"), "{panicked:?}");
    // Also when the others are done, and were woken from elsewhere meanwhile.
    let other = Probe::new();
    let waking = other.clone();
    let lost = poll_fn(move |_| {
        if waking.polls() == 1 {
            waking.finish();
            elsewhere(|| waking.wake());
        }
        Poll::Pending
    });
    let panicked = panic_of(|| simulate(gather([boxed(other.future()), boxed(lost)])));
    assert!(panicked.message.contains("kept no waker"), "{panicked:?}");
    assert_eq!(other.counts(), "polls 2, wakes 1, drops 1");
}

// I14: tasks run in the order in which they became ready.

#[test]
fn i14_tasks_run_in_the_order_in_which_they_became_ready() {
    let log = Log::new();
    let polled = log.clone();
    simulate(async move {
        let tasks: Vec<_> = (0..5).map(|_| Probe::new()).collect();
        for (i, task) in tasks.iter().enumerate() {
            let polled = polled.clone();
            drop(spawn(task.future_that(move |_| polled.push(i))));
        }
        yield_now().await;
        assert_eq!(polled.take(), [0, 1, 2, 3, 4]);
        for i in [3, 1, 4, 1, 0, 3, 2] {
            tasks[i].wake();
        }
        yield_now().await;
        assert_eq!(polled.take(), [3, 1, 4, 0, 2]);
        // A task that was spawned between two wakes comes between them.
        tasks[2].wake();
        let between = polled.clone();
        drop(spawn(async move { between.push(5) }));
        tasks[0].wake();
        yield_now().await;
        assert_eq!(polled.take(), [2, 5, 0]);
        // From another thread as well.
        elsewhere(|| [4, 0, 3].map(|i| tasks[i].wake()));
        quiet().await;
        assert_eq!(polled.take(), [4, 0, 3]);
    });
}

#[test]
fn i14_the_children_of_a_gather_run_in_order_too() {
    let log = Log::new();
    let children: Vec<_> = (0..4).map(|_| Probe::new()).collect();
    let futures = children.iter().enumerate().map(|(i, child)| {
        let log = log.clone();
        child.future_that(move |_| log.push(i))
    });
    let mut gather = gather(futures);
    assert!(poll_once(&mut gather, Waker::noop()).is_pending());
    assert_eq!(log.take(), [0, 1, 2, 3]);
    for i in [2, 0, 3] {
        children[i].wake();
    }
    assert!(poll_once(&mut gather, Waker::noop()).is_pending());
    assert_eq!(log.take(), [2, 0, 3]);
}

/// A program with a bit of everything, which makes hundreds of tasks.
async fn brew(depth: u32, seed: u64) {
    let mut random = Random::new(seed);
    let mut handles = Vec::new();
    for _ in 0..4 {
        sleep(Duration::from_nanos(random.below(1_000))).await;
        if depth > 0 {
            handles.push(spawn(boxed(brew(depth - 1, random.number()))));
        }
        let mut dropped = sleep(SECOND);
        assert!(poll_once(&mut dropped, Waker::noop()).is_pending());
        yield_now().await;
        gather((0..3).map(|i| sleep(i * Duration::from_nanos(random.below(100))))).await;
    }
    for handle in handles {
        handle.await.unwrap();
    }
}

#[test]
fn i14_on_the_simulated_clock_every_run_is_alike() {
    let run = || {
        let recorder = Recorder::new();
        EventLoop::simulated()
            .on_event(recorder.observer())
            .block_on(brew(4, 14));
        recorder.events()
    };
    let first = run();
    let tasks: HashSet<_> = first.iter().filter_map(polled_task).collect();
    assert_eq!(tasks.len(), 1 + 4 + 16 + 64 + 256);
    let woken_by_timer = |event: &&Event| {
        let timer = WokenBy::Timer;
        matches!(event.kind, EventKind::Woken { by, .. } if by == timer)
    };
    assert!(first.iter().filter(woken_by_timer).count() > 1_000);
    // On any thread, at any time.
    assert!(first == run());
    assert!(first == elsewhere(run));
}

fn polled_task(event: &Event) -> Option<TaskId> {
    match event.kind {
        EventKind::PollStarted { task } => Some(task),
        _ => None,
    }
}
