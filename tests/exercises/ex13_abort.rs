//! Exercise 13: JoinHandle::abort. The page is docs/exercises/13-abort.md.
//! Run it: cargo test --test ex13
//!
//! Your code is in src/: see the page.

mod support;

use demitasse::{EventKind, JoinHandle, instrument, sleep, spawn, yield_now};
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use support::{ask, loud, seconds, watch};

#[test]
fn step1_a_task_that_waits() {
    let asked = ask("abort drops the future of a task that waits before it returns.");
    asked.run(async {
        let (waits, seen) = watch("waits", sleep(seconds(10.0)));
        let task = spawn(waits);
        sleep(seconds(1.0)).await;
        assert!(!task.is_finished(), "is_finished before abort");
        task.abort();
        assert!(seen.is_dropped(), "its future is still alive");
        assert!(task.is_finished(), "is_finished after abort");
        assert_eq!(asked.timers_cancelled(), 1, "timers taken off the wheel");
        let dropped = asked.count(|kind| matches!(kind, EventKind::TaskDropped { .. }));
        assert_eq!(dropped, 1, "TaskDropped events that the observer heard");
        sleep(seconds(20.0)).await;
        assert_eq!(seen.polls(), 1, "polls of its future");
    });
}

#[test]
fn step2_the_handle_says_so() {
    let asked = ask("Who awaits the handle is woken, and gets an error that is_cancelled.");
    asked.run(async {
        let task = Rc::new(RefCell::new(spawn(instrument("aborted", pending::<()>()))));
        let awaits = spawn(instrument("awaits", {
            let task = Rc::clone(&task);
            async move { poll_fn(|cx| std::pin::Pin::new(&mut *task.borrow_mut()).poll(cx)).await }
        }));
        sleep(seconds(1.0)).await;
        task.borrow().abort();
        let error = awaits.await.unwrap().expect_err("the task was aborted");
        assert!(error.is_cancelled(), "is_cancelled");
        assert!(!error.is_panic(), "is_panic");
        let text = error.to_string();
        assert!(
            text.contains("abort"),
            "its text does not speak of abort: {text}"
        );
    });
}

#[test]
fn step3_a_task_that_is_ready() {
    let asked =
        ask("A task that is ready, and is aborted, is not polled. The others are, in order.");
    let log = Rc::new(RefCell::new(Vec::new()));
    let task = |name: &'static str| {
        let log = Rc::clone(&log);
        spawn(async move {
            for turn in 1..=2 {
                log.borrow_mut().push(format!("{name}{turn}"));
                yield_now().await;
            }
        })
    };
    asked.run(async {
        let tasks = ["a", "b", "c", "d"].map(task);
        tasks[1].abort(); // in its first turn, before any poll
        yield_now().await;
        tasks[2].abort(); // in the second turn, between two polls
        for _ in 0..5 {
            yield_now().await;
        }
        let finished = tasks.each_ref().map(JoinHandle::is_finished);
        assert_eq!(finished, [true; 4], "which of a, b, c and d are finished");
    });
    assert_eq!(
        *log.borrow(),
        ["a1", "c1", "d1", "a2", "d2"],
        "what was polled"
    );
}

#[test]
fn step4_a_task_that_is_done() {
    let asked = ask("abort does nothing to a task that is done: its output is there.");
    asked.run(async {
        let task = spawn(async { "espresso" });
        yield_now().await;
        assert!(task.is_finished(), "is_finished");
        task.abort();
        assert_eq!(task.await.unwrap(), "espresso");
    });

    let asked = ask("abort does nothing to a task whose loop has ended.");
    let handle = asked.run(async { Some(spawn(pending::<()>())) }).unwrap();
    handle.abort(); // the end of its loop has cancelled it
    assert!(handle.is_finished(), "is_finished after the loop has ended");
    asked.run(async {
        let (other, seen) = watch("a task of another loop", pending::<()>());
        let task = spawn(other);
        yield_now().await;
        handle.abort();
        yield_now().await;
        assert!(
            !seen.is_dropped() && !task.is_finished(),
            "it aborted a task of another loop, with the same number"
        );
    });

    let asked = ask("abort does nothing to the task that has the seat of one that is done.");
    asked.run(async {
        let done = spawn(async {});
        yield_now().await;
        let (next, seen) = watch("the next", pending::<()>());
        let next = spawn(next);
        yield_now().await;
        done.abort();
        assert!(
            !seen.is_dropped() && !next.is_finished(),
            "it aborted the task that has its seat now"
        );
    });
}

#[test]
fn step5_a_task_aborts_itself() {
    let asked = ask("A task that aborts itself is dropped when its poll answers Pending.");
    asked.run(async {
        let own = Rc::new(RefCell::new(None::<JoinHandle<&str>>));
        let task = |answer: Option<&'static str>| {
            let own = Rc::clone(&own);
            poll_fn(move |_| {
                own.borrow().as_ref().expect("it is in its place").abort();
                answer.map_or(Poll::Pending, Poll::Ready)
            })
        };
        let (waits, seen) = watch("aborts itself, and waits", task(None));
        *own.borrow_mut() = Some(spawn(waits));
        yield_now().await;
        assert!(seen.is_dropped(), "it answered Pending, and is still alive");
        let handle = own.borrow_mut().take().unwrap();
        assert!(
            handle.await.is_err_and(|error| error.is_cancelled()),
            "is_cancelled"
        );

        let (done, _) = watch("aborts itself, and is done", task(Some("done")));
        *own.borrow_mut() = Some(spawn(done));
        yield_now().await;
        let handle = own.borrow_mut().take().unwrap();
        assert_eq!(
            handle.await.unwrap(),
            "done",
            "an output that is there counts"
        );
    });
}

#[test]
fn step6_a_late_wake_reaches_nobody() {
    let asked =
        ask("A waker of a task that was aborted does nothing, also when its slot is used again.");
    asked.run(async {
        for _ in 0..3 {
            let waker = Rc::new(RefCell::new(None::<Waker>));
            let keeps = Rc::clone(&waker);
            let task = spawn(poll_fn(move |cx| {
                *keeps.borrow_mut() = Some(cx.waker().clone());
                Poll::<()>::Pending
            }));
            yield_now().await;
            let waker = waker.take().expect("it was polled");
            waker.wake_by_ref(); // it is on the ready queue now
            task.abort();
            drop(task);
            let (next, seen) = watch("the next one", pending::<()>());
            let next = spawn(next);
            yield_now().await;
            waker.wake();
            yield_now().await;
            yield_now().await;
            assert_eq!(seen.polls(), 1, "polls of the task that came after it");
            next.abort();
        }
    });
}

/// Does this when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn step7_destructors_may_do_anything() {
    let asked = ask("A destructor may spawn, abort others, and abort its own task once more.");
    let is_done = Rc::new(Cell::new(false));
    asked.run(async {
        let (other, seen) = watch("other", pending::<()>());
        let other = Rc::new(spawn(other));
        let own = Rc::new(RefCell::new(None::<Rc<JoinHandle<()>>>));
        let guard = OnDrop({
            let (other, own, is_done) = (Rc::clone(&other), Rc::clone(&own), Rc::clone(&is_done));
            move || {
                other.abort();
                if let Some(own) = own.borrow().as_ref() {
                    own.abort();
                }
                let is_done = Rc::clone(&is_done);
                drop(spawn(async move { is_done.set(true) }));
            }
        });
        let task = Rc::new(spawn(instrument("has the destructor", async move {
            let _guard = guard;
            pending::<()>().await;
        })));
        *own.borrow_mut() = Some(Rc::clone(&task));
        let aborts = spawn(instrument("calls abort", async move {
            yield_now().await;
            task.abort();
            yield_now().await;
        }));
        let aborts = aborts.await;
        assert!(
            aborts.is_ok(),
            "the task that called abort does not go on: {aborts:?}"
        );
        assert!(seen.is_dropped(), "the other one is still alive");
        own.borrow_mut().take();
    });
    assert!(is_done.get(), "what the destructor spawned was not run");

    let asked = ask("Who aborts itself in the destructor of its last poll aborts nobody else.");
    asked.run(async {
        let own = Rc::new(RefCell::new(None::<JoinHandle<()>>));
        let guard = OnDrop({
            let own = Rc::clone(&own);
            move || own.borrow().as_ref().expect("it is in its place").abort()
        });
        let first = spawn(instrument("the first", async move {
            let _guard = guard;
        }));
        *own.borrow_mut() = Some(first);
        let next = spawn(instrument("the next", async {
            yield_now().await;
            "done"
        }));
        let next = next.await;
        assert!(next.is_ok(), "the task that is polled after it: {next:?}");
        assert!(
            own.take().unwrap().await.is_ok(),
            "it was done when it was aborted"
        );
    });
}

#[test]
fn step8_a_destructor_that_panics() {
    let asked = ask("A destructor that panics: abort returns, and the handle has the panic.");
    asked.run(async {
        let task = spawn(async {
            let _guard = OnDrop(|| panic!("a destructor's panic, which abort lets through"));
            pending::<()>().await;
        });
        yield_now().await;
        task.abort();
        let error = task.await.expect_err("the task was aborted");
        assert!(error.is_panic(), "is_panic");
    });
}

#[test]
fn step9_everything_is_dropped_once() {
    let asked =
        ask("A thousand tasks, aborted in all states: each is dropped once, and only once.");
    let drops = Rc::new(Cell::new(0));
    asked.run(async {
        let tasks: Vec<_> = (0..1000)
            .map(|n| {
                let (value, counter) = loud();
                let drops = Rc::clone(&drops);
                let guard = OnDrop(move || drops.set(drops.get() + 1));
                let task = spawn(async move {
                    let _both = (value, guard);
                    for _ in 0..n % 5 {
                        yield_now().await;
                    }
                    sleep(seconds((n % 3) as f64)).await;
                });
                (task, counter)
            })
            .collect();
        for (n, (task, counter)) in tasks.into_iter().enumerate() {
            if n % 10 == 0 {
                yield_now().await;
            }
            task.abort();
            assert_eq!(counter.get(), 1, "drops of what task {n} had");
            drop(task);
        }
    });
    assert_eq!(drops.get(), 1000, "tasks that were dropped");
}
