//! The end of a loop: late wakes, tasks that are left, and destructors that use the loop.

use super::executor::{block_on, now, simulate, sleep, spawn, yield_now};
use super::support::{Bell, Log, OnDrop, Probe, SECOND, elsewhere, panic_of, poll_once};
use std::cell::Cell;
use std::future::{Future, pending};
use std::panic::catch_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

/// Returns when nothing has been ready for long.
async fn quiet() {
    for _ in 0..10 {
        yield_now().await;
    }
}

// I3: a late wake does nothing, even after the loop has ended.

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
            now();
            let mut alarm = Box::pin(sleep(SECOND));
            assert!(poll_once(&mut alarm, &waker).is_pending());
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
    assert_eq!(
        panicked.message, "bad end 1",
        "the panic that leaves: the first one, of tasks that are dropped as they were spawned"
    );
    for task in &tasks {
        assert_eq!(task.counts(), "polls 1, wakes 0, drops 1");
    }
    // Each was dropped while the loop was still there for it.
    assert_eq!(log.take(), [true; 5], "whether `now` found the loop");
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

#[test]
fn i12_a_handle_of_a_task_that_was_dropped_says_so() {
    let mut kept = None;
    simulate(async { kept = Some(spawn(pending::<()>())) });
    let handle = kept.unwrap();
    assert!(handle.is_finished());
    assert!(simulate(handle).is_err());
}

// I11: a panic in the root future leaves through `block_on`.

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

// A loop does no harm to the one around it.

#[test]
fn a_loop_inside_of_another_takes_nothing_from_it() {
    simulate(async {
        // It may panic, or it may run.
        let _ = catch_unwind(|| block_on(async {}));
        assert!(
            catch_unwind(now).is_ok(),
            "`now` should find the outer loop after a `block_on` inside of it"
        );
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
}

// I13: at rest on the simulated clock nothing can ever happen.

#[test]
fn i13_a_simulated_loop_that_can_never_go_on_panics() {
    let root = Probe::new();
    let future = root.future();
    let panicked = panic_of(|| simulate(future));
    let message = &panicked.message;
    assert!(
        message.starts_with("stuck"),
        "a panic that begins with `stuck`, and not {message:?}"
    );
    assert_eq!(root.counts(), "polls 1, wakes 0, drops 1");
}
