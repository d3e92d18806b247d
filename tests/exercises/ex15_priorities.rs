//! Exercise 15: priorities that age. The page is docs/exercises/15-priorities.md.
//! Run it: cargo test --test ex15
//!
//! Your code is in src/: see the page.

mod support;

use demitasse::{EventKind, block_for, gather, now, sleep, spawn, spawn_at_level, yield_now};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use support::{Asked, ask, seconds};

type Log = Rc<RefCell<Vec<String>>>;

/// A task that writes its name at each of its polls.
fn task(log: &Log, name: &'static str, polls: usize) -> impl Future<Output = ()> + use<> {
    let log = Rc::clone(log);
    async move {
        for _ in 0..polls {
            log.borrow_mut().push(name.to_string());
            yield_now().await;
        }
    }
}

#[test]
fn step1_the_most_urgent_first() {
    let asked = ask("Of the tasks that are ready, those of the lowest level run first.");
    let log = Log::default();
    asked.run(async {
        gather([
            spawn_at_level(7, task(&log, "later", 1)),
            spawn(task(&log, "normal", 1)),
            spawn_at_level(0, task(&log, "urgent", 1)),
        ])
        .await;
    });
    assert_eq!(
        *log.borrow(),
        ["urgent", "normal", "later"],
        "what was polled, in order"
    );
}

#[test]
fn step2_equals_take_turns() {
    let asked = ask("Tasks of one level run in the order in which they became ready, as before.");
    let log = Log::default();
    asked.run(async {
        gather([
            spawn_at_level(2, task(&log, "a", 3)),
            spawn_at_level(2, task(&log, "b", 3)),
            spawn_at_level(2, task(&log, "c", 3)),
        ])
        .await;
    });
    assert_eq!(
        *log.borrow(),
        ["a", "b", "c", "a", "b", "c", "a", "b", "c"],
        "what was polled, in order"
    );

    let log = Log::default();
    asked.run(async {
        let sleeps = |name, time: f64| {
            let wakes = task(&log, name, 1);
            spawn_at_level(2, async move {
                sleep(seconds(time)).await;
                wakes.await;
            })
        };
        let tasks = [sleeps("a", 3.0), sleeps("b", 1.0), sleeps("c", 2.0)];
        sleep(seconds(0.5)).await;
        block_for(seconds(5.0)); // all three are due then, in the order of their deadlines
        gather(tasks).await;
    });
    assert_eq!(
        *log.borrow(),
        ["b", "c", "a"],
        "they were spawned as a, b, c, and became ready as b, c, a"
    );
}

#[test]
fn step3_one_level_is_as_before() {
    let asked =
        ask("If all have level 4, it is the loop that it was: all that are ready, in one turn.");
    let log = Log::default();
    asked.run(async {
        let tasks = [
            spawn(task(&log, "a", 2)),
            spawn_at_level(4, task(&log, "b", 2)),
            spawn(task(&log, "c", 2)),
        ];
        log.borrow_mut().push("root".to_string());
        gather(tasks).await;
    });
    assert_eq!(
        *log.borrow(),
        ["root", "a", "b", "c", "a", "b", "c"],
        "what was polled, in order"
    );
    let (_, polled) = turns(&asked);
    assert_eq!(polled, [1, 3, 3, 3, 1], "how many tasks each turn polled");

    let asked = ask("A turn tells how many tasks it polls. Who is passed over is not counted.");
    asked.run(async {
        let levels = [7, 4, 0, 0];
        gather(levels.map(|level| spawn_at_level(level, task(&log, "any", 1)))).await;
    });
    let (told, polled) = turns(&asked);
    assert_eq!(told, polled, "what TurnStarted told, and what it should be");

    let asked = ask("A task that woke itself in its last poll is not counted, as before.");
    asked.run(async {
        let wakes_itself = spawn(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Ready(())
        }));
        wakes_itself.await.unwrap();
    });
    let (told, polled) = turns(&asked);
    assert_eq!(told, polled, "what TurnStarted told, and what it should be");
}

/// How many tasks each turn told that it polls, and how many it polled.
fn turns(asked: &Asked) -> (Vec<usize>, Vec<usize>) {
    let (mut told, mut polled) = (Vec::new(), Vec::new());
    for event in asked.events() {
        match event.kind {
            EventKind::TurnStarted { ready } => {
                told.push(ready);
                polled.push(0);
            }
            EventKind::PollStarted { .. } => *polled.last_mut().expect("in a turn") += 1,
            _ => {}
        }
    }
    (told, polled)
}

#[test]
fn step4_nobody_starves() {
    let asked = ask("A task of level 7 waits for at most 7 turns, whatever the others do.");
    let log = beside_a_busy_one(&asked, 7);
    let mut expected = vec!["busy"; 7];
    expected.push("patient");
    assert_eq!(log, expected, "what was polled, in order");

    let log = beside_a_busy_one(&asked, 255);
    let waited = log.iter().position(|name| *name == "patient");
    assert_eq!(waited, Some(255), "how many turns level 255 has waited");

    let log = Log::default();
    asked.run(async {
        let urgent = spawn_at_level(3, task(&log, "urgent", 2));
        yield_now().await; // the urgent one is polled, and this one becomes as urgent as it
        log.borrow_mut().push("root".to_string());
        urgent.await.unwrap();
    });
    assert_eq!(
        *log.borrow(),
        ["urgent", "root", "urgent"],
        "the root future has level 4"
    );
}

/// A task of this level, beside one that is ready all the time, but not for ever. Says who was
/// polled, in order.
fn beside_a_busy_one(asked: &Asked, level: u8) -> Vec<String> {
    let log = Log::default();
    let is_done = Rc::new(Cell::new(false));
    asked.run(async {
        let busy = spawn_at_level(0, {
            let (log, is_done) = (Rc::clone(&log), Rc::clone(&is_done));
            async move {
                for _ in 0..2 * usize::from(level) {
                    if is_done.get() {
                        return;
                    }
                    log.borrow_mut().push("busy".to_string());
                    yield_now().await;
                }
            }
        });
        let patient = spawn_at_level(level, {
            let log = Rc::clone(&log);
            async move {
                log.borrow_mut().push("patient".to_string());
                is_done.set(true);
            }
        });
        gather([busy, patient]).await;
    });
    log.take()
}

#[test]
fn step5_age_counts_until_the_poll() {
    let asked = ask("After its poll a task has its own level again: level 3 runs every 4th turn.");
    let log = Log::default();
    let is_done = Rc::new(Cell::new(false));
    asked.run(async {
        let busy = spawn_at_level(0, {
            let (log, is_done) = (Rc::clone(&log), Rc::clone(&is_done));
            async move {
                while !is_done.get() {
                    log.borrow_mut().push("-".to_string());
                    yield_now().await;
                }
            }
        });
        let now_and_then = spawn_at_level(3, {
            let (log, is_done) = (Rc::clone(&log), Rc::clone(&is_done));
            async move {
                task(&log, "3", 3).await;
                is_done.set(true);
            }
        });
        gather([busy, now_and_then]).await;
    });
    let log = log.borrow().concat();
    assert!(
        log.starts_with("---3----3----3"),
        "what was polled, in order: {log}"
    );
}

#[test]
fn step6_time_goes_on() {
    let asked =
        ask("Who waits for its turn is not asleep: the loop does not park, and loses nobody.");
    asked.run(async {
        let start = now();
        let sleeps = |level: u8, time: f64| {
            spawn_at_level(level, async move {
                sleep(seconds(time)).await;
                (now() - start).as_secs_f64()
            })
        };
        let ends = gather([
            sleeps(7, 1.0),
            sleeps(0, 1.0),
            sleeps(5, 2.0),
            sleeps(3, 0.0),
        ])
        .await;
        let ends: Vec<_> = ends.into_iter().map(Result::unwrap).collect();
        assert_eq!(
            ends,
            [1.0, 1.0, 2.0, 0.0],
            "when each of them woke, in seconds"
        );
    });

    let asked = ask("Timers fire after each turn, also while somebody waits for its turn.");
    asked.run(async {
        let start = now();
        drop(spawn_at_level(9, async {})); // it waits for its turn for all of this test
        let woke = spawn_at_level(0, async move {
            sleep(seconds(2.5)).await;
            (now() - start).as_secs_f64()
        });
        let busy = spawn_at_level(1, async {
            for _ in 0..5 {
                block_for(seconds(1.0));
                yield_now().await;
            }
        });
        assert_eq!(
            woke.await.unwrap(),
            3.0,
            "when a sleep of 2.5 s ended, beside a task that holds the thread for 1 s a turn"
        );
        busy.await.unwrap();
    });
}

#[test]
fn step7_woken_while_it_waits_for_its_turn() {
    let asked = ask("A task that is woken again while it waits for its turn is polled once.");
    let polls = Rc::new(Cell::new(0));
    asked.run(async {
        let counts = Rc::clone(&polls);
        let woken = Rc::new(RefCell::new(None::<std::task::Waker>));
        let keeps = Rc::clone(&woken);
        let patient = spawn_at_level(
            6,
            poll_fn(move |cx| {
                counts.set(counts.get() + 1);
                *keeps.borrow_mut() = Some(cx.waker().clone());
                if counts.get() == 2 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }),
        );
        while woken.borrow().is_none() {
            yield_now().await;
        }
        for _ in 0..3 {
            woken.borrow().as_ref().unwrap().wake_by_ref();
            yield_now().await;
        }
        patient.await.unwrap();
        for _ in 0..10 {
            yield_now().await;
        }
    });
    assert_eq!(polls.get(), 2, "polls of the patient task");
}
