//! Timers: which waker they keep, in which order they fire, and what a dropped sleep leaves.

use super::executor::{block_on, now, simulate, sleep, spawn, yield_now};
use super::support::{
    Bell, Log, MILLISECOND, NANOSECOND, Probe, Random, SECOND, elsewhere, poll_once,
    resident_memory,
};
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

// I4: only the latest waker counts.

#[test]
fn i4_only_the_latest_waker_counts_for_a_sleep() {
    simulate(async {
        let (old, old_waker) = Bell::new();
        let (new, new_waker) = Bell::new();
        let mut alarm = Box::pin(sleep(SECOND));
        assert!(poll_once(&mut alarm, &old_waker).is_pending());
        assert_eq!(old.counts(), "wakes 0, wakers 2");
        // Once more with the same: it keeps one.
        assert!(poll_once(&mut alarm, &old_waker).is_pending());
        assert_eq!(old.counts(), "wakes 0, wakers 2");
        assert!(poll_once(&mut alarm, &new_waker).is_pending());
        assert_eq!(old.counts(), "wakes 0, wakers 1");
        assert_eq!(new.counts(), "wakes 0, wakers 2");
        sleep(2 * SECOND).await;
        assert_eq!(old.counts(), "wakes 0, wakers 1");
        assert_eq!(new.counts(), "wakes 1, wakers 1");
        assert!(poll_once(&mut alarm, &old_waker).is_ready());
    });
}

#[test]
fn i4_a_sleep_that_moves_to_another_task_wakes_that_task() {
    simulate(async {
        let shelf = Rc::new(RefCell::new(Some(Box::pin(sleep(SECOND)))));
        let [first, second] = [Probe::new(), Probe::new()];
        // The first task starts the sleep, leaves it on the shelf, and never wants to run again.
        let from = Rc::clone(&shelf);
        drop(spawn(first.track(poll_fn(move |cx| {
            let mut alarm = from.borrow_mut();
            let polled = poll_once(alarm.as_mut().unwrap(), cx.waker());
            assert!(polled.is_pending());
            Poll::<()>::Pending
        }))));
        yield_now().await;
        let start = now();
        let alarm = shelf.take().unwrap();
        drop(spawn(second.track(alarm)));
        sleep(SECOND).await;
        assert_eq!(now() - start, SECOND);
        yield_now().await;
        assert_eq!(first.counts(), "polls 1, wakes 0, drops 0");
        assert_eq!(second.counts(), "polls 2, wakes 0, drops 1");
    });
}

// I6: sleeps that are due together wake in order of deadline, then of registration.

#[test]
fn i6_sleeps_wake_by_deadline_then_registration() {
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

    let log = Log::new();
    let ends = log.clone();
    simulate(async move {
        for (i, duration) in durations.into_iter().enumerate() {
            let ends = ends.clone();
            drop(spawn(async move {
                sleep(duration).await;
                ends.push(i);
            }));
        }
        sleep(Duration::from_nanos(u64::MAX >> 19)).await;
    });
    assert_eq!(log.take(), expected);
}

#[test]
fn i6_sleeps_that_come_due_while_the_thread_is_held_wake_by_deadline_too() {
    let log = Log::new();
    let ends = log.clone();
    block_on(async move {
        for i in [3, 1, 4, 5, 2] {
            let ends = ends.clone();
            drop(spawn(async move {
                sleep(i * MILLISECOND).await;
                ends.push(i);
            }));
        }
        yield_now().await;
        // Meanwhile all of them come due.
        thread::sleep(20 * MILLISECOND);
        sleep(20 * MILLISECOND).await;
    });
    assert_eq!(log.take(), [1, 2, 3, 4, 5]);
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
                sleep(deadline - now()).await;
                ends.push(i);
            }));
            yield_now().await;
            sleep(left - left / 10).await;
            left /= 10;
        }
        sleep(deadline + NANOSECOND - now()).await;
    });
    assert_eq!(log.take(), (0..12).collect::<Vec<_>>());
}

#[test]
fn i6_registration_counts_also_where_slots_of_the_table_are_used_again() {
    simulate(async {
        let log = Log::new();
        // Slots that became free last are used first: the later sleep has the lower slot.
        let mut free = [(); 2].map(|()| Box::pin(sleep(SECOND)));
        for sleep in &mut free {
            assert!(poll_once(sleep, Waker::noop()).is_pending());
        }
        free.into_iter().for_each(drop);
        for word in ["first", "second"] {
            let log = log.clone();
            drop(spawn(async move {
                sleep(SECOND).await;
                log.push(word);
            }));
        }
        yield_now().await;
        sleep(2 * SECOND).await;
        assert_eq!(log.take(), ["first", "second"]);
    });
}

// I5: a late sleep is ready, whether or not its timer has fired.

#[test]
fn i5_a_sleep_that_is_polled_after_its_deadline_is_ready() {
    block_on(async {
        let (bell, waker) = Bell::new();
        let mut nap = Box::pin(sleep(MILLISECOND));
        assert!(poll_once(&mut nap, &waker).is_pending());
        thread::sleep(2 * MILLISECOND);
        // Its timer has not fired: that happens when the turn ends.
        assert_eq!(bell.wakes(), 0);
        assert!(poll_once(&mut nap, &waker).is_ready());
    });
}

// I7: a dropped sleep leaves nothing behind.

#[test]
fn i7_a_dropped_sleep_drops_its_waker() {
    simulate(async {
        let (bell, waker) = Bell::new();
        let mut dropped = Box::pin(sleep(SECOND));
        assert!(poll_once(&mut dropped, &waker).is_pending());
        assert_eq!(bell.counts(), "wakes 0, wakers 2");
        drop(dropped);
        assert_eq!(bell.counts(), "wakes 0, wakers 1");
        sleep(2 * SECOND).await;
        assert_eq!(bell.counts(), "wakes 0, wakers 1");
    });
}

#[test]
fn i7_a_sleep_that_is_late_leaves_no_timer_that_fires_later() {
    block_on(async {
        let (bell, waker) = Bell::new();
        let mut nap = Box::pin(sleep(MILLISECOND));
        assert!(poll_once(&mut nap, &waker).is_pending());
        thread::sleep(2 * MILLISECOND);
        assert!(poll_once(&mut nap, &waker).is_ready());
        drop(nap);
        yield_now().await;
        assert_eq!(bell.counts(), "wakes 0, wakers 1");
    });
}

type Nap = Pin<Box<dyn Future<Output = ()>>>;

thread_local!(static NAP: RefCell<Option<Nap>> = const { RefCell::new(None) });

/// Drops the nap when it is called, and when it is dropped.
struct EndsTheNap;

impl Wake for EndsTheNap {
    fn wake(self: Arc<Self>) {
        drop(NAP.take());
    }
}

impl Drop for EndsTheNap {
    fn drop(&mut self) {
        drop(NAP.take());
    }
}

/// A nap that was polled, to be ended by a waker.
fn take_a_nap() {
    let mut nap: Nap = Box::pin(sleep(10 * SECOND));
    assert!(poll_once(&mut nap, Waker::noop()).is_pending());
    NAP.set(Some(nap));
}

#[test]
fn i7_a_waker_may_drop_a_sleep_whenever_it_is_called_or_dropped() {
    simulate(async {
        let waker = || Waker::from(Arc::new(EndsTheNap));
        // When it is called,
        take_a_nap();
        let mut alarm = Box::pin(sleep(SECOND));
        assert!(poll_once(&mut alarm, &waker()).is_pending());
        sleep(2 * SECOND).await;
        assert!(NAP.take().is_none(), "the waker was called");
        // when another one takes its place,
        let mut alarm = Box::pin(sleep(SECOND));
        assert!(poll_once(&mut alarm, &waker()).is_pending());
        take_a_nap();
        assert!(poll_once(&mut alarm, Waker::noop()).is_pending());
        assert!(NAP.take().is_none(), "the old waker was dropped");
        // and when its sleep is dropped.
        assert!(poll_once(&mut alarm, &waker()).is_pending());
        take_a_nap();
        drop(alarm);
        assert!(NAP.take().is_none(), "the waker was dropped with its sleep");
    });
}

#[test]
fn i7_a_sleep_may_be_dropped_after_its_loop() {
    // Where no loop runs.
    simulate(async { take_a_nap() });
    drop(NAP.take());
    // Where another one runs.
    simulate(async { take_a_nap() });
    simulate(async {
        let (bell, waker) = Bell::new();
        let mut alarm = Box::pin(sleep(SECOND));
        assert!(poll_once(&mut alarm, &waker).is_pending());
        drop(NAP.take());
        sleep(2 * SECOND).await;
        assert_eq!(bell.counts(), "wakes 1, wakers 1");
    });
}

/// Makes sleeps of every length up to a year, polls each once, and drops it.
fn make_and_drop_sleeps(count: u64) {
    let mut random = Random::new(7);
    for _ in 0..count {
        let duration = Duration::from_nanos(1 + (random.magnitude() >> 9));
        let mut dropped = pin!(sleep(duration));
        assert!(poll_once(&mut dropped, Waker::noop()).is_pending());
    }
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

// I14: tasks run in the order in which they became ready, wherever the wakes came from.

#[test]
fn i14_wakes_from_threads_tasks_and_timers_keep_their_order() {
    let log = Log::new();
    let polled = log.clone();
    block_on(async move {
        let tasks = [(); 4].map(|()| Probe::new());
        for (i, task) in tasks.iter().enumerate() {
            let polled = polled.clone();
            drop(spawn(task.future_that(move |_| polled.push(i))));
        }
        yield_now().await;
        assert_eq!(polled.take(), [0, 1, 2, 3]);
        elsewhere(|| tasks[2].wake());
        tasks[0].wake();
        elsewhere(|| tasks[3].wake());
        tasks[1].wake();
        yield_now().await;
        assert_eq!(polled.take(), [2, 0, 3, 1]);
        // A thread's wake comes before the timer that fires at the end of the turn.
        let by_timer = polled.clone();
        let mut nap = Box::pin(sleep(MILLISECOND));
        let waker = tasks[0].waker();
        assert!(poll_once(&mut nap, &waker).is_pending());
        thread::sleep(2 * MILLISECOND);
        elsewhere(|| tasks[1].wake());
        yield_now().await;
        yield_now().await;
        assert_eq!(by_timer.take(), [1, 0]);
    });
}
