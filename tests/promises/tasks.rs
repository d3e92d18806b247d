//! Many tasks: the queue, the marks on it, and the order. It needs `spawn`, whose handles are
//! dropped at once, and `yield_now`. No time passes here, so as long as there is no simulated clock
//! `simulate` may be `block_on`.

use super::executor::{block_on, simulate, spawn, yield_now};
use super::support::{Log, MILLISECOND, Probe, WAYS_TO_WAKE, elsewhere, in_time};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::thread;

/// Returns when nothing has been ready for long.
async fn quiet() {
    for _ in 0..10 {
        yield_now().await;
    }
}

// I1: a task is in the ready queue at most once; wakes before its next poll coalesce into one poll.

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

// I2: a wake that comes during a poll causes another poll.

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

// I8: a turn polls each task that was ready when it began once.

#[test]
fn i8_tasks_that_yield_take_turns() {
    let log = Log::new();
    let polled = log.clone();
    simulate(async move {
        for name in ["a", "b", "c"] {
            let polled = polled.clone();
            drop(spawn(async move {
                for _ in 0..3 {
                    polled.push(name);
                    yield_now().await;
                }
            }));
        }
        quiet().await;
    });
    assert_eq!(log.take().concat(), "abcabcabc");
}

// I14: tasks run in the order in which they became ready.

#[test]
fn i14_tasks_run_in_the_order_in_which_they_became_ready() {
    let log = Log::new();
    let polled = log.clone();
    simulate(async move {
        let tasks: Vec<_> = (0..5).map(|_| Probe::new()).collect();
        for (number, task) in (1..).zip(&tasks) {
            let polled = polled.clone();
            drop(spawn(task.future_that(move |_| polled.push(number))));
        }
        let wake = |number: usize| tasks[number - 1].wake();
        yield_now().await;
        assert_eq!(
            polled.take(),
            [1, 2, 3, 4, 5],
            "the tasks as they were polled"
        );
        [4, 2, 5, 2, 1, 4, 3].into_iter().for_each(wake);
        yield_now().await;
        assert_eq!(
            polled.take(),
            [4, 2, 5, 1, 3],
            "the tasks as they were polled, after the wakes 4, 2, 5, 2, 1, 4, 3"
        );
        // A task that was spawned between two wakes comes between them.
        wake(3);
        let between = polled.clone();
        drop(spawn(async move { between.push(6) }));
        wake(1);
        yield_now().await;
        assert_eq!(
            polled.take(),
            [3, 6, 1],
            "the tasks as they were polled: 3 was woken, 6 spawned, and 1 woken"
        );
        // From another thread as well.
        elsewhere(|| [5, 1, 4].into_iter().for_each(wake));
        quiet().await;
        assert_eq!(
            polled.take(),
            [5, 1, 4],
            "the tasks as they were polled, after the wakes 5, 1, 4 from another thread"
        );
    });
}

// I9: the thread parks only when nothing is ready.

#[test]
fn i9_a_stray_unpark_polls_nobody() {
    let root = Probe::new();
    let waking = root.clone();
    let this = thread::current();
    let other = thread::spawn(move || {
        for _ in 0..3 {
            thread::sleep(MILLISECOND);
            this.unpark();
        }
        waking.finish();
        waking.wake();
    });
    block_on(root.future());
    other.join().unwrap();
    assert_eq!(root.counts(), "polls 2, wakes 1, drops 1");
}

#[test]
fn i9_of_wakes_from_many_threads_none_is_lost() {
    const THREADS: usize = 4;
    const WAKES: usize = 10_000;
    in_time(|| {
        let root = Probe::new();
        let left = Arc::new(AtomicUsize::new(THREADS));
        block_on(async {
            for _ in 0..THREADS {
                let (root, left) = (root.clone(), Arc::clone(&left));
                let (count, mut waking) = (Arc::new(AtomicUsize::new(0)), None);
                drop(spawn(async move {
                    poll_fn(|cx| {
                        waking.get_or_insert_with(|| {
                            let (count, waker) = (Arc::clone(&count), cx.waker().clone());
                            thread::spawn(move || {
                                for _ in 0..WAKES {
                                    // Relaxed: the wake itself carries it over.
                                    count.fetch_add(1, Relaxed);
                                    waker.wake_by_ref();
                                }
                            })
                        });
                        match count.load(Relaxed) {
                            WAKES => Poll::Ready(()),
                            _ => Poll::Pending,
                        }
                    })
                    .await;
                    if left.fetch_sub(1, Relaxed) == 1 {
                        root.finish();
                        root.wake();
                    }
                }));
            }
            root.future().await;
        });
        assert_eq!(root.counts(), "polls 2, wakes 1, drops 1");
    });
}
