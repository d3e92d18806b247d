//! Millions of everything, and memory where it was.
//!
//! A loop keeps its tables for as long as it runs, as large as they once had to be. So the measure
//! is taken when everything has been made once already: to do it again must cost nothing more. It
//! is the resident memory that Linux tells of. Elsewhere the tests run all the same, and see that
//! all is done and dropped, but they do not see the memory.

mod support;

use demitasse::{Gather, gather, instrument, now, simulate, sleep, spawn, yield_now};
use std::future::{Future, pending, poll_fn};
use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;
use support::{NANOSECOND, Probe, SECOND, caught, panic_of, poll_once};

const MILLION: usize = 1_000_000;

/// Memory belongs to the whole process, so these tests wait for each other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In bytes, where the operating system says it.
fn resident_memory() -> Option<usize> {
    if cfg!(not(target_os = "linux")) {
        return None;
    }
    // The second number is in pages, which have four kilobytes or more.
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(4096 * pages)
}

/// Does a thing three times, and sees that the last time left no more than `bytes` behind. What the
/// allocator keeps for later has its size after the second time; a leak grows each time.
fn assert_it_leaves_nothing(bytes: usize, mut work: impl FnMut()) {
    work();
    work();
    let before = resident_memory();
    work();
    if let (Some(before), Some(after)) = (before, resident_memory()) {
        let more = after.saturating_sub(before);
        assert!(more < bytes, "{more} bytes were left behind");
    }
}

/// At this point of the program, the root waits alone: nothing else is left in the loop.
async fn assert_nothing_is_left() {
    pending::<()>().await;
}

/// Runs a program that ends with [`assert_nothing_is_left`].
fn in_an_empty_loop(program: impl Future<Output = ()>) {
    let panicked = panic_of(|| simulate(program));
    assert!(panicked.message.starts_with("stuck:"), "{panicked:?}");
    // One line for the verdict and one for the root: no task, and no timer, for with one it would
    // not be stuck.
    assert_eq!(panicked.message.lines().count(), 2, "{panicked:?}");
}

/// Makes so many sleeps, polls each once, and drops it.
fn sleep_in_vain(count: usize) {
    for i in 0..count as u64 {
        let mut nap = sleep(NANOSECOND * (1 + i as u32 % 100_000) * 997);
        assert!(poll_once(&mut nap, Waker::noop()).is_pending());
        if i % 1_000 == 0 {
            // Some are dropped by a panic.
            let unwound = caught(move || {
                let _nap = nap;
                resume_unwind(Box::new("meant"))
            });
            assert!(unwound.is_err());
        }
    }
}

/// Spawns tasks and awaits them one after the other. Every hundredth panics.
async fn join_one_by_one(count: usize) {
    for i in 0..count {
        let handle = spawn(async move {
            if i % 100 == 0 {
                resume_unwind(Box::new("meant"));
            }
            i
        });
        match handle.await {
            Ok(output) => assert_eq!(output, i),
            Err(error) => assert!(error.is_panic() && i % 100 == 0),
        }
    }
}

/// Has so many tasks at once, each with a sleep. Every hundredth panics when it is done.
async fn wait_together(count: usize) {
    let start = now();
    let tasks = (0..count).map(|i| {
        spawn(async move {
            sleep(SECOND + NANOSECOND * (i % 1_000) as u32).await;
            if i % 100 == 0 {
                resume_unwind(Box::new("meant"));
            }
        })
    });
    let ended = gather(tasks.collect::<Vec<_>>()).await;
    assert_eq!(now() - start, SECOND + 999 * NANOSECOND);
    let panics = ended.iter().filter(|ended| ended.is_err()).count();
    assert_eq!((ended.len(), panics), (count, count.div_ceil(100)));
}

/// A gather that waits, and is dropped. Its children never end.
fn gather_in_vain(count: usize) {
    let probe = Probe::new();
    let mut all: Gather<_> = gather((0..count).map(|_| probe.future()));
    assert!(poll_once(&mut all, Waker::noop()).is_pending());
    drop(all);
    let counts = format!("polls {count}, wakes 0, drops {count}");
    assert_eq!(probe.counts(), counts);
}

/// Each of these in small, so that an ordinary run sees it, too. Memory is nothing to go by here.
#[test]
fn thousands_come_and_go_and_nothing_is_left() {
    let _alone = alone();
    in_an_empty_loop(async {
        sleep_in_vain(10_000);
        join_one_by_one(10_000).await;
        wait_together(10_000).await;
        gather_in_vain(10_000);
        assert_nothing_is_left().await;
    });
}

#[test]
fn a_task_leaves_no_slot_no_seat_and_no_label_behind() {
    let _alone = alone();
    const COUNT: usize = 100_000;
    simulate(async {
        let run = async || {
            for _ in 0..COUNT {
                // It wakes itself in its last poll, so its number is still on the queue.
                let task = poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    Poll::Ready(())
                });
                spawn(instrument("a label", task)).await.unwrap();
            }
        };
        run().await;
        let before = resident_memory();
        run().await;
        if let (Some(before), Some(after)) = (before, resident_memory()) {
            let more = after.saturating_sub(before);
            // Each of the three has more than this.
            assert!(more < 16 * COUNT, "{more} bytes were left behind");
        }
    });
}

#[test]
#[ignore = "takes seconds"]
fn ten_million_sleeps_leave_nothing_behind() {
    let _alone = alone();
    in_an_empty_loop(async {
        // Half a byte for each.
        assert_it_leaves_nothing(5 * MILLION, || sleep_in_vain(10 * MILLION));
        assert_nothing_is_left().await;
    });
}

#[test]
#[ignore = "takes seconds"]
fn ten_million_tasks_leave_nothing_behind() {
    let _alone = alone();
    in_an_empty_loop(async {
        join_one_by_one(1_000).await;
        let before = resident_memory();
        join_one_by_one(10 * MILLION).await;
        if let (Some(before), Some(after)) = (before, resident_memory()) {
            let more = after.saturating_sub(before);
            assert!(more < 5 * MILLION, "{more} bytes were left behind");
        }
        assert_nothing_is_left().await;
    });
}

#[test]
#[ignore = "takes seconds"]
fn a_million_at_once_take_their_room_only_once() {
    let _alone = alone();
    in_an_empty_loop(async {
        wait_together(MILLION).await;
        let before = resident_memory();
        for _ in 0..6 {
            wait_together(MILLION).await;
        }
        if let (Some(before), Some(after)) = (before, resident_memory()) {
            let more = after.saturating_sub(before);
            // The allocator plays with a tenth of it from one time to the next. But six million
            // slots, seats or boxes would be more than this.
            assert!(more < 120 * MILLION, "{more} bytes were left behind");
        }
        assert_nothing_is_left().await;
    });
    assert_it_leaves_nothing(20 * MILLION, || gather_in_vain(MILLION));
}

#[test]
#[ignore = "takes seconds"]
fn a_loop_that_ends_in_the_midst_of_a_million_gives_all_back() {
    let _alone = alone();
    let run = |does_panic: bool| {
        let tasks = Probe::new();
        let ended = caught(|| {
            simulate(async {
                for _ in 0..MILLION {
                    drop(spawn(tasks.track(async {
                        sleep(SECOND).await;
                    })));
                }
                yield_now().await;
                if does_panic {
                    resume_unwind(Box::new("meant"));
                }
            })
        });
        assert_eq!(ended.is_err(), does_panic);
        let counts = format!("polls {MILLION}, wakes 0, drops {MILLION}");
        assert_eq!(tasks.counts(), counts);
    };
    for does_panic in [false, true] {
        assert_it_leaves_nothing(20 * MILLION, || run(does_panic));
    }
}

#[test]
#[ignore = "takes seconds"]
fn what_outlives_its_loop_holds_little_of_it() {
    let _alone = alone();
    let run = || {
        simulate(async {
            for _ in 0..MILLION {
                drop(spawn(yield_now()));
            }
            let mut nap = sleep(SECOND);
            assert!(poll_once(&mut nap, Waker::noop()).is_pending());
            let mut named = instrument("named", pending::<()>());
            assert!(poll_once(&mut named, Waker::noop()).is_pending());
            (
                nap,
                named,
                spawn(pending::<()>()),
                poll_fn(|cx| Poll::Ready(cx.waker().clone())).await,
            )
        })
    };
    let mut kept = Vec::new();
    assert_it_leaves_nothing(20 * MILLION, || kept.push(run()));
}

#[test]
#[ignore = "takes seconds"]
fn a_million_loops_leave_nothing_behind() {
    let _alone = alone();
    let run = || {
        for i in 0..MILLION as u64 {
            let passed = simulate(async {
                let start = now();
                drop(spawn(pending::<()>()));
                spawn(sleep(Duration::from_nanos(i))).await.unwrap();
                now() - start
            });
            assert_eq!(passed, Duration::from_nanos(i));
        }
    };
    assert_it_leaves_nothing(5 * MILLION, run);
}
