//! Exercise 11: a semaphore, and 1,000 fetches, at most 10 at a time. The page is
//! docs/exercises/11-semaphore.md.
//! Run it: cargo test --test ex11
#![allow(dead_code, missing_docs, unused_imports, unused_variables)]

mod support;

use demitasse::gather;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

// ---- Your code -----------------------------------------------------------------------------

/// A number of permits, for which one can wait.
pub struct Semaphore {
    // Your fields.
}

impl Semaphore {
    pub fn new(permits: usize) -> Self {
        todo!("so many permits are free")
    }

    /// Waits for a permit. First come, first served.
    pub fn acquire(&self) -> impl Future<Output = Permit<'_>> {
        async { todo!("take a permit if one is free; if not, queue up") }
    }
}

/// Dropping it gives the permit back.
pub struct Permit<'a> {
    // Your fields. This one is only here to have a field.
    semaphore: &'a Semaphore,
}

/// Runs all these futures, at most `limit` at a time, and gives their outputs in order.
pub async fn gather_at_most<F: Future>(limit: usize, futures: Vec<F>) -> Vec<F::Output> {
    todo!("a gather, in which each future waits for a permit first")
}

// ---- The tests: read them, and change nothing below this line ------------------------------

use demitasse::{instrument, now, sleep};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;
use support::{ByHand, ask, on_last_drop, on_wake, seconds};

/// The permit that a poll gives.
#[track_caller]
fn take<F: Future>(waits: &mut ByHand<F>) -> F::Output {
    match waits.poll() {
        Poll::Ready(permit) => permit,
        Poll::Pending => panic!("there is a permit for this one, and it still waits"),
    }
}

#[test]
fn step1_so_many_and_no_more() {
    let asked = ask("Of 2 permits two can be had at once. The third waits, and is woken.");
    let semaphore = Semaphore::new(2);
    let first = take(&mut asked.by_hand("first", semaphore.acquire()));
    let _second = take(&mut asked.by_hand("second", semaphore.acquire()));
    let mut third = asked.by_hand("third", semaphore.acquire());
    assert!(third.poll().is_pending(), "both permits are taken");
    assert_eq!(third.wakes(), 0, "wakes of the third");
    drop(first);
    assert_eq!(
        third.wakes(),
        1,
        "wakes of the third: a permit was given back"
    );
    let _third = take(&mut third);
}

#[test]
fn step2_first_come_first_served() {
    let asked =
        ask("A permit that is given back is the next one's. It wakes its latest waker alone.");
    let semaphore = Semaphore::new(1);
    let permit = take(&mut asked.by_hand("first", semaphore.acquire()));
    let mut second = asked.by_hand("second", semaphore.acquire());
    let mut third = asked.by_hand("third", semaphore.acquire());
    assert!(
        second.poll().is_pending() && third.poll().is_pending(),
        "there is no permit"
    );
    let old = second.change_task();
    assert!(second.poll().is_pending(), "polled again, by another task");
    drop(permit);
    assert_eq!(old.wakes(), 0, "wakes of the second's old task");
    assert_eq!(
        (second.wakes(), third.wakes()),
        (1, 0),
        "wakes of the second and the third"
    );
    let mut fourth = asked.by_hand("fourth", semaphore.acquire());
    assert!(third.poll().is_pending(), "the permit is the second one's");
    assert!(fourth.poll().is_pending(), "the permit is the second one's");
    drop(take(&mut second));
    assert_eq!(
        (third.wakes(), fourth.wakes()),
        (1, 0),
        "wakes of the third and the fourth"
    );
    drop(take(&mut third));
    drop(take(&mut fourth));

    // A waker may do anything: this one takes the permit, there and then.
    let semaphore: &'static Semaphore = Box::leak(Box::new(Semaphore::new(1)));
    let permit = take(&mut asked.by_hand("first", semaphore.acquire()));
    let second = Rc::new(RefCell::new(asked.by_hand("second", semaphore.acquire())));
    let waker = on_wake({
        let second = Rc::clone(&second);
        move || drop(take(&mut second.borrow_mut()))
    });
    assert!(
        second.borrow_mut().poll_with(&waker).is_pending(),
        "there is no permit"
    );
    drop(permit);
    // And this one has the permit, and drops it when another waker takes its place.
    let permit = take(&mut asked.by_hand("third", semaphore.acquire()));
    let mut fourth = asked.by_hand("fourth", semaphore.acquire());
    let waker = on_last_drop(move || drop(permit));
    assert!(fourth.poll_with(&waker).is_pending(), "there is no permit");
    drop(waker);
    if fourth.poll().is_pending() {
        assert_eq!(
            fourth.wakes(),
            1,
            "wakes: the waker before this one had the permit, and is dropped"
        );
        drop(take(&mut fourth));
    }
}

#[test]
fn step3_who_gives_up_passes_it_on() {
    let asked = ask("Who is dropped while it waits, or when it was woken, takes no permit along.");
    let semaphore = Semaphore::new(1);
    let permit = take(&mut asked.by_hand("first", semaphore.acquire()));
    let mut second = asked.by_hand("second", semaphore.acquire());
    let mut third = asked.by_hand("third", semaphore.acquire());
    let mut fourth = asked.by_hand("fourth", semaphore.acquire());
    assert!(
        second.poll().is_pending() && third.poll().is_pending(),
        "there is no permit"
    );
    assert!(fourth.poll().is_pending(), "there is no permit");
    let waker = third.change_task();
    drop(third);
    assert!(
        !waker.is_kept(),
        "the third is gone, and the semaphore still keeps its waker"
    );
    drop(permit);
    assert_eq!(
        (second.wakes(), fourth.wakes()),
        (1, 0),
        "wakes of the second and the fourth"
    );
    drop(second);
    assert_eq!(
        fourth.wakes(),
        1,
        "wakes of the fourth, now that the second is gone"
    );
    drop(take(&mut fourth));
    drop(take(&mut asked.by_hand("fifth", semaphore.acquire())));
}

#[test]
fn step4_two_permits_given_back_at_once() {
    let asked = ask("Two permits that are given back wake two, and a third can be had at once.");
    let semaphore = Semaphore::new(3);
    let mut permits: Vec<_> = (0..3)
        .map(|_| take(&mut asked.by_hand("early", semaphore.acquire())))
        .collect();
    let mut first = asked.by_hand("first", semaphore.acquire());
    let mut second = asked.by_hand("second", semaphore.acquire());
    assert!(
        first.poll().is_pending() && second.poll().is_pending(),
        "there is no permit"
    );
    permits.clear();
    assert_eq!((first.wakes(), second.wakes()), (1, 1), "wakes of the two");
    let _third = take(&mut asked.by_hand("third", semaphore.acquire()));
    let _second = take(&mut second);
    let _first = take(&mut first);
    let mut fourth = asked.by_hand("fourth", semaphore.acquire());
    assert!(fourth.poll().is_pending(), "all three permits are taken");
}

#[test]
fn step5_a_thousand_fetches_ten_at_a_time() {
    let asked = ask("1,000 fetches of 1 s, at most 10 at a time, take 100 s. All are in order.");
    let (running, most) = (Cell::new(0), Cell::new(0));
    asked.run(async {
        let fetch = |n: usize| {
            let (running, most) = (&running, &most);
            instrument(format!("endpoint {n}"), async move {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                sleep(seconds(1.0)).await;
                running.set(running.get() - 1);
                format!("data from endpoint {n}")
            })
        };
        let start = now();
        let data = gather_at_most(10, (0..1000).map(fetch).collect()).await;
        assert_eq!(most.get(), 10, "the most that ran at a time");
        assert_eq!(now() - start, seconds(100.0), "the time that it took");
        let expected: Vec<_> = (0..1000)
            .map(|n| format!("data from endpoint {n}"))
            .collect();
        assert_eq!(data, expected);
    });
}

#[test]
fn step6_a_slow_one_holds_up_nobody() {
    let asked = ask("When one is done the next begins, however long the others take.");
    let times: Vec<u64> = (0..60)
        .map(|n| if n % 10 == 0 { 9 } else { 1 + n % 3 })
        .collect();
    // What it must take: each begins as soon as one of four lanes is free.
    let mut lanes = BinaryHeap::from(vec![Reverse(0); 4]);
    for time in &times {
        let Reverse(free_at) = lanes.pop().unwrap();
        lanes.push(Reverse(free_at + time));
    }
    let expected = lanes.into_iter().map(|Reverse(end)| end).max().unwrap();
    asked.run(async {
        let start = now();
        let sleeps = times.iter().enumerate().map(|(n, &time)| {
            instrument(
                format!("{n:2} of {time} s"),
                sleep(Duration::from_secs(time)),
            )
        });
        gather_at_most(4, sleeps.collect()).await;
        assert_eq!(
            (now() - start).as_secs(),
            expected,
            "the seconds that it took"
        );
    });
}
