//! Exercise 09: an async mutex. The page is docs/exercises/09-mutex.md.
//! Run it: cargo test --test ex09
#![allow(dead_code, missing_docs, unused_imports, unused_variables)]

mod support;

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

// ---- Your code -----------------------------------------------------------------------------

/// A value that one task at a time may use, also across an await.
pub struct Mutex<T> {
    value: RefCell<T>,
    // Your fields.
}

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Mutex {
            value: RefCell::new(value),
        }
    }

    /// Waits until nobody else holds it. First come, first served.
    pub fn lock(&self) -> impl Future<Output = Guard<'_, T>> {
        async { todo!("take it if it is free; if not, queue up") }
    }
}

/// Whoever has this holds the mutex.
pub struct Guard<'a, T> {
    value: RefMut<'a, T>,
    // Your fields.
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

// ---- The tests: read them, and change nothing below this line ------------------------------

use demitasse::{gather, instrument, now, sleep, yield_now};
use std::rc::Rc;
use support::{ByHand, ask, on_last_drop, on_wake, seconds};

/// The guard that a poll gives.
#[track_caller]
fn lock<F: Future>(waits: &mut ByHand<F>) -> F::Output {
    match waits.poll() {
        Poll::Ready(guard) => guard,
        Poll::Pending => panic!("the mutex is free for this one, and it still waits"),
    }
}

#[test]
fn step1_a_free_mutex_is_locked_at_once() {
    let asked = ask("Nobody holds it: lock is Ready at its first poll.");
    let mutex = Mutex::new(1);
    let mut guard = lock(&mut asked.by_hand("lock", mutex.lock()));
    *guard += 1;
    drop(guard);
    assert_eq!(
        *lock(&mut asked.by_hand("lock", mutex.lock())),
        2,
        "what the first one left"
    );
}

#[test]
fn step2_one_at_a_time() {
    let asked = ask("10 tasks add 1 each, and sleep between reading and writing. That makes 10.");
    let mutex = Mutex::new(0);
    asked.run(async {
        let start = now();
        let add_one = || {
            instrument("add one", async {
                let mut guard = mutex.lock().await;
                let before = *guard;
                sleep(seconds(1.0)).await;
                *guard = before + 1;
            })
        };
        gather((0..10).map(|_| add_one())).await;
        assert_eq!(now() - start, seconds(10.0), "the time of 10 turns of 1 s");
        assert_eq!(*mutex.lock().await, 10);
    });
}

#[test]
fn step3_first_come_first_served() {
    let asked = ask("They get it in the order in which they asked, also when one asks twice.");
    let mutex = Mutex::new(Vec::new());
    asked.run(async {
        let twice = |name: &'static str| {
            let mutex = &mutex;
            instrument(name, async move {
                for _ in 0..2 {
                    let mut guard = mutex.lock().await;
                    guard.push(name);
                    sleep(seconds(1.0)).await;
                }
            })
        };
        gather(["a", "b", "c"].map(twice)).await;
        assert_eq!(*mutex.lock().await, ["a", "b", "c", "a", "b", "c"]);
    });
}

#[test]
fn step4_nobody_pushes_in() {
    let asked = ask("It is free, and the next one is woken but was not polled: nobody passes it.");
    let mutex = Mutex::new(());
    let guard = lock(&mut asked.by_hand("first", mutex.lock()));
    let mut second = asked.by_hand("second", mutex.lock());
    assert!(
        second.poll().is_pending(),
        "the first holds it, and another one got it too"
    );
    drop(guard);
    assert_eq!(second.wakes(), 1, "wakes of the second: it is its turn");
    let mut third = asked.by_hand("third", mutex.lock());
    assert!(
        third.poll().is_pending(),
        "the third took it, and it was the second one's turn"
    );
    drop(lock(&mut second));
    drop(lock(&mut third));
}

#[test]
fn step5_only_the_next_is_woken() {
    let asked = ask("Of 100 who wait only the next is woken, once, and with nothing borrowed.");
    let mutex = Mutex::new(());
    let guard = lock(&mut asked.by_hand("the holder", mutex.lock()));
    let mut waiting: Vec<_> = (0..100)
        .map(|_| asked.by_hand("lock", mutex.lock()))
        .collect();
    for one in &mut waiting {
        assert!(
            one.poll().is_pending(),
            "somebody holds it, and another one got it too"
        );
    }
    drop(guard);
    for next in 0..100 {
        let wakes: Vec<_> = waiting.iter().map(ByHand::wakes).collect();
        let expected: Vec<_> = (0..100).map(|one| usize::from(one <= next)).collect();
        assert_eq!(
            wakes, expected,
            "how often each of the 100 was woken, when it is {next}'s turn"
        );
        drop(lock(&mut waiting[next]));
    }

    // A waker may do anything: this one takes the lock, there and then.
    let mutex: &'static Mutex<()> = Box::leak(Box::new(Mutex::new(())));
    let guard = lock(&mut asked.by_hand("first", mutex.lock()));
    let second = Rc::new(RefCell::new(asked.by_hand("second", mutex.lock())));
    let waker = on_wake({
        let second = Rc::clone(&second);
        move || drop(lock(&mut second.borrow_mut()))
    });
    assert!(
        second.borrow_mut().poll_with(&waker).is_pending(),
        "the first holds it, and another one got it too"
    );
    drop(guard);
    drop(lock(&mut asked.by_hand("third", mutex.lock())));
}

#[test]
fn step6_who_leaves_the_queue_is_forgotten() {
    let asked = ask("A lock that is dropped while it waits leaves the queue, and its waker too.");
    let mutex = Mutex::new(());
    let guard = lock(&mut asked.by_hand("first", mutex.lock()));
    let mut second = asked.by_hand("second", mutex.lock());
    let mut third = asked.by_hand("third", mutex.lock());
    assert!(
        second.poll().is_pending() && third.poll().is_pending(),
        "the first holds it, and another one got it too"
    );
    let waker = second.change_task();
    drop(second);
    assert!(
        !waker.is_kept(),
        "the second is gone, and the mutex still keeps its waker"
    );
    drop(guard);
    assert_eq!(third.wakes(), 1, "wakes of the third: it is its turn");
    drop(lock(&mut third));
}

#[test]
fn step7_who_leaves_when_it_was_woken_passes_it_on() {
    let asked =
        ask("A lock that is dropped when it was woken, but before its poll, wakes the next.");
    let mutex = Mutex::new(());
    let guard = lock(&mut asked.by_hand("first", mutex.lock()));
    let mut second = asked.by_hand("second", mutex.lock());
    let mut third = asked.by_hand("third", mutex.lock());
    assert!(
        second.poll().is_pending() && third.poll().is_pending(),
        "the first holds it, and another one got it too"
    );
    drop(guard);
    assert_eq!(second.wakes(), 1, "wakes of the second: it is its turn");
    assert_eq!(third.wakes(), 0, "wakes of the third: it is not its turn");
    drop(second);
    assert_eq!(
        third.wakes(),
        1,
        "wakes of the third, now that the second is gone"
    );
    drop(third);
    drop(lock(&mut asked.by_hand("fourth", mutex.lock())));
}

#[test]
fn step8_one_place_in_the_queue() {
    let asked = ask(
        "Many polls are one place in the queue, with the latest waker. The old one is dropped.",
    );
    let mutex = Mutex::new(());
    let guard = lock(&mut asked.by_hand("first", mutex.lock()));
    let mut second = asked.by_hand("second", mutex.lock());
    let mut third = asked.by_hand("third", mutex.lock());
    let _never_polled = mutex.lock();
    assert!(
        second.poll().is_pending(),
        "the first holds it, and another one got it too"
    );
    assert!(
        third.poll().is_pending(),
        "the first holds it, and another one got it too"
    );
    let old = second.change_task();
    assert!(second.poll().is_pending(), "polled again, by another task");
    assert!(second.poll().is_pending(), "polled again, by the same task");
    drop(guard);
    assert_eq!(
        (old.wakes(), second.wakes()),
        (0, 1),
        "wakes of its old task and of its new one"
    );
    drop(lock(&mut second));
    drop(lock(&mut third));
    drop(lock(&mut asked.by_hand("fourth", mutex.lock())));

    // A waker may do anything, also when it is dropped: this one has the guard.
    let mutex: &'static Mutex<()> = Box::leak(Box::new(Mutex::new(())));
    let guard = lock(&mut asked.by_hand("first", mutex.lock()));
    let mut second = asked.by_hand("second", mutex.lock());
    let waker = on_last_drop(move || drop(guard));
    assert!(
        second.poll_with(&waker).is_pending(),
        "the first holds it, and another one got it too"
    );
    drop(waker);
    if second.poll().is_pending() {
        assert_eq!(
            second.wakes(),
            1,
            "wakes: the waker before this one had the guard, and is dropped"
        );
        drop(lock(&mut second));
    }
}

#[test]
fn step9_cancelled_at_any_moment() {
    let asked = ask("Whoever gives up, whenever: in the end everybody else had it once.");
    for seed in 0..200u64 {
        let mutex = Rc::new(Mutex::new(0));
        asked.run(async {
            let tasks = (0..6u64).map(|n| {
                let mutex = Rc::clone(&mutex);
                let dice = (seed * 6 + n).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
                async move {
                    let mut waits = Some(Box::pin(async move {
                        let mut guard = mutex.lock().await;
                        yield_now().await;
                        *guard += 1;
                    }));
                    // Two in three give up after 0 to 7 polls.
                    let mut polls_left = if dice.is_multiple_of(3) {
                        1000
                    } else {
                        dice % 8
                    };
                    poll_fn(|cx| {
                        let Some(future) = &mut waits else {
                            return Poll::Ready(0);
                        };
                        if polls_left == 0 {
                            waits = None;
                            return Poll::Ready(0);
                        }
                        polls_left -= 1;
                        let polled = future.as_mut().poll(cx).map(|()| 1);
                        if polls_left < 500 {
                            cx.waker().wake_by_ref(); // it gives up in the next turn
                        }
                        polled
                    })
                    .await
                }
            });
            let done: i32 = gather(tasks).await.into_iter().sum();
            assert_eq!(
                *mutex.lock().await,
                done,
                "how many had it, with seed {seed}"
            );
        });
    }
}
