//! Exercise 21: who waits for whom. The page is docs/exercises/21-who-waits.md.
//! Run it: cargo test --test ex21
//!
//! Your code is in src/: see the page.

mod support;

use demitasse::{JoinHandle, gather, spawn, who_waits, yield_now};
use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use support::ask;

/// What `who_waits` says when all that can run has run.
async fn waits() -> Vec<String> {
    for _ in 0..5 {
        yield_now().await;
    }
    let waits = who_waits().into_iter().map(|waits| {
        let circle = if waits.in_circle { ", in a circle" } else { "" };
        format!("{} waits for {}{circle}", waits.task, waits.on)
    });
    waits.collect()
}

/// Where a task leaves a handle for another one.
#[derive(Clone, Default)]
struct Shelf(Rc<RefCell<Option<JoinHandle<()>>>>);

impl Shelf {
    fn put(&self, handle: JoinHandle<()>) {
        self.0.borrow_mut().replace(handle);
    }

    fn take(&self) -> JoinHandle<()> {
        let handle = self.0.borrow_mut().take();
        handle.expect("the handle is on its shelf")
    }
}

/// Spawns a circle: each task waits for the next one, and the last one for the first.
fn circle(count: usize) {
    let shelves: Vec<_> = (0..count).map(|_| Shelf::default()).collect();
    for task in 0..count {
        let next = shelves[(task + 1) % count].clone();
        shelves[task].put(spawn(async move {
            let next = next.take();
            next.await.unwrap();
        }));
    }
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> impl Future<Output = ()> {
    poll_fn(|cx| {
        let _ = Pin::new(&mut *future).poll(cx);
        Poll::Ready(())
    })
}

#[test]
fn step1_a_task_that_awaits_a_handle() {
    let asked = ask("A task that awaits the handle of another one waits for it.");
    asked.run(async {
        let first = spawn(pending::<()>());
        let _second = spawn(async { first.await.unwrap() });
        assert_eq!(who_waits(), [], "none of them was polled yet");
        assert_eq!(waits().await, ["2 waits for 1"]);
    });
}

#[test]
fn step2_who_does_not_wait_is_not_named() {
    let asked = ask("A handle that was dropped or never polled, or whose task is done: no line.");
    asked.run(async {
        let mut dropped = spawn(pending::<()>());
        poll_once(&mut dropped).await;
        drop(dropped);
        assert_eq!(waits().await, [""; 0], "the handle of task 1 was dropped");
        let mut done = spawn(yield_now());
        poll_once(&mut done).await;
        assert_eq!(waits().await, [""; 0], "task 2 is done");
        let _never_polled = spawn(pending::<()>());
        assert_eq!(waits().await, [""; 0], "nobody polled the handle of task 3");
        assert!(done.is_finished(), "its task was polled twice");
    });
}

#[test]
fn step3_the_last_that_polled_it() {
    let asked = ask("A handle that is passed on: the task that polled it last waits for it.");
    asked.run(async {
        let shelf = Shelf::default();
        shelf.put(spawn(pending::<()>()));
        let from = shelf.clone();
        drop(spawn(async move {
            let mut handle = from.take();
            poll_once(&mut handle).await;
            from.put(handle);
            pending::<()>().await;
        }));
        assert_eq!(waits().await, ["2 waits for 1"]);
        drop(spawn(async move {
            let handle = shelf.take();
            handle.await.unwrap();
        }));
        assert_eq!(waits().await, ["3 waits for 1"]);
    });
}

#[test]
fn step4_two_that_wait_for_each_other() {
    let asked =
        ask("Two tasks that wait for each other are in a circle, and so is one for itself.");
    asked.run(async {
        circle(2);
        let two = ["1 waits for 2, in a circle", "2 waits for 1, in a circle"];
        assert_eq!(waits().await, two);
        circle(1);
        let one = "3 waits for 3, in a circle";
        assert_eq!(waits().await, [two[0], two[1], one]);
    });
}

#[test]
fn step5_numbers_are_those_of_tasks() {
    let asked = ask("Tasks are named by their numbers, which no two tasks ever share.");
    asked.run(async {
        for _ in 0..5 {
            spawn(async {}).await.unwrap();
        }
        circle(3);
        let three = [
            "6 waits for 7, in a circle",
            "7 waits for 8, in a circle",
            "8 waits for 6, in a circle",
        ];
        assert_eq!(waits().await, three);
    });

    let asked = ask("A handle that is left from another loop changes nothing in this one.");
    let mut left = None;
    asked.run(async {
        let mut handle = spawn(pending::<()>());
        poll_once(&mut handle).await;
        left = Some(handle);
    });
    asked.run(async {
        let first = spawn(pending::<()>());
        drop(spawn(async { first.await.unwrap() }));
        assert_eq!(waits().await, ["2 waits for 1"]);
        drop(left);
        let after = waits().await;
        assert_eq!(after, ["2 waits for 1"], "that was task 1 of another loop");
    });
}

#[test]
fn step6_many_at_once() {
    let asked = ask("A task that gathers handles waits for all of them, in the order of numbers.");
    asked.run(async {
        let handles = [(); 3].map(|()| spawn(pending::<()>()));
        let _all = spawn(async { drop(gather(handles).await) });
        let three = ["4 waits for 1", "4 waits for 2", "4 waits for 3"];
        assert_eq!(waits().await, three);
    });
}

#[test]
fn step7_what_hangs_on_a_circle() {
    let asked = ask("What a task of a circle waits for besides is in no circle.");
    asked.run(async {
        let shelf = Shelf::default();
        let mine = shelf.clone();
        let lonely = spawn(pending::<()>());
        let chain = spawn(async { lonely.await.unwrap() });
        let first = spawn(async move {
            let second = mine.take();
            drop(gather([chain, second]).await);
        });
        shelf.put(spawn(async { first.await.unwrap() }));
        let expected = [
            "2 waits for 1",
            "3 waits for 2",
            "3 waits for 4, in a circle",
            "4 waits for 3, in a circle",
        ];
        assert_eq!(waits().await, expected);
    });
}

#[test]
fn step8_the_report_says_it() {
    let asked =
        ask("The report of a stuck loop says it in each task's line: of three, and how many more.");
    let stuck = catch_unwind(AssertUnwindSafe(|| {
        asked.run(async {
            let lonely = spawn(pending::<()>());
            circle(2);
            drop(gather([(); 10].map(|()| spawn(pending::<()>()))).await);
            lonely.await.unwrap();
        })
    }));
    let panic = stuck.expect_err("the loop is stuck, and block_on has returned");
    let report = panic.downcast_ref::<String>().map_or("", String::as_str);
    assert!(
        report.starts_with("stuck: "),
        "this is no report of a stuck loop: {report}"
    );
    let end_of = |task: &str| {
        let mut lines = report.lines();
        let line = lines.find(|line| line.starts_with(&format!("  task {task},")));
        let line = line.unwrap_or_else(|| panic!("task {task} is not in the report: {report}"));
        line.find("; waits for task ")
            .map_or("", |end| &line[end..])
    };
    assert_eq!(
        end_of("0"),
        "; waits for task 4; waits for task 5; waits for task 6; and for 7 more"
    );
    assert_eq!(end_of("1"), "", "this one awaits no handle");
    assert_eq!(end_of("2"), "; waits for task 3, in a circle");
    assert_eq!(end_of("3"), "; waits for task 2, in a circle");
}
