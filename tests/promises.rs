//! The fourteen promises, I1 to I14, each in tests that bear its name.
//!
//! Those that need neither events nor the report of a stuck loop are in the files of
//! `tests/promises/`, and run against two executors: `real::` is the crate's own, `small::` is
//! `demitasse::small`. What only the crate's own can show is in this file.
//!
//! A third executor is tested in the same way. The crate of tests needs a module `executor`, a
//! module `support` (`tests/support/mod.rs`), and beside them each file that it is ready for:
//!
//! | file | what it needs of the executor |
//! |---|---|
//! | `block_on.rs` | `block_on`, and `simulate`, which may be `block_on` until there is a clock |
//! | `tasks.rs` | `spawn`, `yield_now` |
//! | `time.rs` | `now`, `sleep` |
//! | `timers.rs` | that dropped sleeps cancel |
//! | `gather.rs` | `gather` |
//! | `handles.rs` | a handle that is a future of a `Result`, with `is_finished` |
//! | `end.rs` | that a loop's end drops the tasks that are left |
//!
//! A sleep and a gather are pinned here before they are polled by hand, so `async fn`s will do.
//!
//! A test counts what is done to a future (its polls, its wakes, its drops) and looks at all the
//! counts after each step. A step is `yield_now().await` in the root future: it lets every task
//! that is ready run once. `quiet().await` goes on until none is. Time is simulated, except where
//! the thread itself is the matter.

// The same text for two executors.
#![allow(clippy::duplicate_mod)]

#[path = "promises/real.rs"]
mod real;
#[path = "promises/small.rs"]
mod small;
mod support;

use demitasse::{
    Event, EventKind, EventLoop, TaskId, WokenBy, block_for, block_on, gather, now, simulate,
    sleep, sleep_until, spawn, yield_now,
};
use std::collections::HashSet;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use support::{
    Bell, Log, MILLISECOND, NANOSECOND, OnDrop, Probe, Random, Recorder, SECOND, boxed, cpu_time,
    elsewhere, in_time, panic_of, poll_once,
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

// I5: a sleep never ends early.

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

// I8: a turn polls each task that was ready when it began once; then due timers fire.

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

// I10: `gather` polls a child only if that child was woken, and never after it is done.

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

type Root = Pin<Box<dyn Future<Output = ()>>>;

// I12: when the root future is done, the loop drops every task that is left.

// I13: a future that can never run again is reported, not waited for. (More of it in
// `executor/edges.rs`.)

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

#[test]
fn i13_a_gather_whose_futures_lose_their_wakers_later_is_lost() {
    let child = Probe::new();
    let mut both = gather([child.future(), child.future()]);
    let mut has_yielded = false;
    let root = poll_fn(|cx| {
        assert!(Pin::new(&mut both).poll(cx).is_pending());
        if !std::mem::replace(&mut has_yielded, true) {
            child.forget_waker();
            cx.waker().wake_by_ref();
        }
        Poll::<()>::Pending
    });
    let panicked = panic_of(|| simulate(root));
    assert!(panicked.message.contains("kept no waker"), "{panicked:?}");
    assert_eq!(child.polls(), 2, "nobody woke them");
}

// I14: tasks run in the order in which they became ready.

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
