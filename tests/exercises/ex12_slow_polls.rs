//! Exercise 12: a warning when a poll is slow. The page is docs/exercises/12-slow-polls.md.
//! Run it: cargo test --test ex12
//!
//! Your code is in src/: see the page.

mod support;

use demitasse::{
    EventKind, EventLoop, SlowPoll, block_for, gather, instrument, now, sleep, spawn, yield_now,
};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;
use support::{Asked, ask, seconds};

/// A loop that keeps what it warns of. The test listens, too, so that it can show what ran. It sets
/// its observer first: only step7 asks for the other order.
fn warns_above(limit: f64, asked: &Asked) -> (EventLoop, Rc<RefCell<Vec<SlowPoll>>>) {
    let warnings = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&warnings);
    let event_loop = EventLoop::simulated()
        .on_event(asked.observer())
        .on_slow_poll(seconds(limit), move |slow| log.borrow_mut().push(slow));
    (event_loop, warnings)
}

#[test]
fn step1_a_poll_that_is_too_long() {
    let asked = ask("A poll of 2 s is more than 1 s: one warning, with task, place and time.");
    let (event_loop, warnings) = warns_above(1.0, &asked);
    let line = Cell::new(0);
    event_loop.block_on(async {
        line.set(line!() + 1);
        let slow = spawn(instrument("slow", async { block_for(seconds(2.0)) }));
        slow.await.unwrap();
    });
    let warnings = warnings.borrow();
    assert_eq!(warnings.len(), 1, "warnings");
    assert_eq!(warnings[0].task.to_string(), "1", "the task");
    assert_eq!(warnings[0].took, seconds(2.0), "how long the poll took");
    assert_eq!(
        warnings[0].spawned_at.line(),
        line.get(),
        "the line of its spawn"
    );
    assert!(
        warnings[0]
            .spawned_at
            .file()
            .ends_with("ex12_slow_polls.rs"),
        "the file"
    );
}

#[test]
fn step2_the_root_future_too() {
    let asked = ask("The root future is a task as well. Its place is that of block_on.");
    let (event_loop, warnings) = warns_above(1.0, &asked);
    let line = line!() + 1;
    event_loop.block_on(async { block_for(seconds(3.0)) });
    let warnings = warnings.borrow();
    assert_eq!(warnings.len(), 1, "warnings");
    assert_eq!(warnings[0].task.to_string(), "0", "the task");
    assert_eq!(warnings[0].took, seconds(3.0), "how long the poll took");
    assert_eq!(warnings[0].spawned_at.line(), line, "the line of block_on");
}

#[test]
fn step3_waiting_is_not_slow() {
    let asked = ask("An hour of sleep is no slow poll, nor are many short ones, nor one of 1 s.");
    let (event_loop, warnings) = warns_above(1.0, &asked);
    event_loop.block_on(async {
        sleep(seconds(3600.0)).await;
        for _ in 0..10 {
            block_for(seconds(0.9));
            yield_now().await;
        }
        block_for(seconds(1.0));
    });
    assert!(warnings.borrow().is_empty(), "a warning without reason");
}

#[test]
fn step4_each_slow_poll_once() {
    let asked = ask("Each slow poll is a warning, of the task that it was, and of its place.");
    let (event_loop, warnings) = warns_above(1.0, &asked);
    let lines = Cell::new([0; 2]);
    event_loop.block_on(async {
        let task = async |times: [f64; 3]| {
            for time in times {
                block_for(seconds(time));
                yield_now().await;
            }
        };
        lines.set([line!() + 1, line!() + 2]);
        let first = spawn(task([2.0, 0.5, 3.0]));
        let second = spawn(task([0.5, 4.0, 0.5]));
        gather([first, second]).await;
    });
    let [first, second] = lines.get();
    let warnings = warnings.borrow();
    let seen: Vec<_> = warnings
        .iter()
        .map(|slow| {
            let line = slow.spawned_at.line();
            (slow.task.to_string(), slow.took.as_secs(), line)
        })
        .collect();
    let expected = [("1", 2, first), ("2", 4, second), ("1", 3, first)];
    let expected = expected.map(|(task, took, line)| (task.to_string(), took, line));
    assert_eq!(seen, expected, "(task, seconds, line) of the warnings");
}

#[test]
fn step5_at_once() {
    let asked = ask("The warning comes when the poll has ended, not when the loop has.");
    let (event_loop, warnings) = warns_above(1.0, &asked);
    event_loop.block_on(async {
        let slow = spawn(async { block_for(seconds(2.0)) });
        slow.await.unwrap();
        assert_eq!(warnings.borrow().len(), 1, "warnings while the loop runs");
    });
}

#[test]
fn step6_a_poll_that_panics() {
    let asked = ask("A poll that is slow and then panics is slow.");
    let (event_loop, warnings) = warns_above(1.0, &asked);
    event_loop.block_on(async {
        let slow = spawn(async {
            block_for(seconds(2.0));
            panic!("on purpose");
        });
        let _: Result<(), _> = slow.await;
    });
    assert_eq!(warnings.borrow().len(), 1, "warnings");
}

#[test]
fn step7_the_observer_hears_as_before() {
    let asked = ask("Whoever listens with on_event hears all, whichever of the two comes first.");
    for observer_first in [true, false] {
        let polls = Rc::new(Cell::new(0));
        let warnings = Rc::new(Cell::new(0));
        let observe = {
            let polls = Rc::clone(&polls);
            move |event: &demitasse::Event| {
                if let EventKind::PollStarted { .. } = event.kind {
                    polls.set(polls.get() + 1);
                }
            }
        };
        let warn = {
            let warnings = Rc::clone(&warnings);
            move |_| warnings.set(warnings.get() + 1)
        };
        let event_loop = EventLoop::simulated();
        let (event_loop, order) = match observer_first {
            true => (
                event_loop
                    .on_event(observe)
                    .on_slow_poll(Duration::ZERO, warn),
                "with on_event first, then on_slow_poll",
            ),
            false => (
                event_loop
                    .on_slow_poll(Duration::ZERO, warn)
                    .on_event(observe),
                "with on_slow_poll first, then on_event",
            ),
        };
        event_loop.block_on(async {
            let start = now();
            sleep(seconds(1.0)).await;
            block_for(seconds(1.0));
            assert_eq!(now() - start, seconds(2.0));
        });
        assert_eq!(polls.get(), 2, "polls that the observer heard of, {order}");
        assert_eq!(warnings.get(), 1, "warnings, {order}");
    }
    drop(asked);
}

#[test]
fn step8_the_warning_may_do_anything() {
    let asked =
        ask("Who is warned may spawn, ask the time, and wake. What it spawns may be slow too.");
    let spawned = Rc::new(Cell::new(0));
    let counts = Rc::clone(&spawned);
    let event_loop = EventLoop::simulated().on_event(asked.observer());
    let event_loop = event_loop.on_slow_poll(seconds(1.0), move |_| {
        now();
        if counts.get() < 3 {
            let counts = Rc::clone(&counts);
            drop(spawn(async move {
                counts.set(counts.get() + 1);
                block_for(seconds(2.0));
            }));
        }
    });
    event_loop.block_on(async {
        block_for(seconds(2.0));
        sleep(seconds(60.0)).await;
    });
    assert_eq!(
        spawned.get(),
        3,
        "tasks that the warnings spawned, and that ran"
    );

    let asked = ask("A panic of who is warned is not lost, and the thread can run another loop.");
    let event_loop = EventLoop::simulated().on_slow_poll(seconds(1.0), |_| panic!("on purpose"));
    let ran = catch_unwind(AssertUnwindSafe(|| {
        event_loop.block_on(async {
            let slow = spawn(async { block_for(seconds(2.0)) });
            slow.await.unwrap();
        });
    }));
    assert!(ran.is_err(), "its panic is lost");
    asked.run(async { yield_now().await });
}
