//! Exercise 20: a stream, and `buffer_unordered`. The page is docs/exercises/20-stream.md.
//! Run it: cargo test --test ex20
#![allow(dead_code, missing_docs, unused_imports, unused_variables)]

mod support;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// Values that come one after the other. Each may have to be waited for.
pub trait Stream {
    type Item;

    /// Ready(Some): the next value. Ready(None): that was all, and it is not polled any more.
    /// Pending: not yet, and the waker is called when it is worth asking again.
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>>;
}

// ---- Your code -----------------------------------------------------------------------------

/// A stream of the values of an iterator. Nothing has to be waited for.
pub fn iter<I: Iterator + Unpin>(values: I) -> Iter<I> {
    todo!("keep the iterator")
}

pub struct Iter<I> {
    // Your fields, in the place of this one.
    todo: PhantomData<I>,
}

impl<I: Iterator + Unpin> Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I::Item>> {
        todo!("ask the iterator")
    }
}

/// Waits for the next value of a stream. None: that was all.
pub fn next<S: Stream + Unpin>(stream: &mut S) -> impl Future<Output = Option<S::Item>> {
    async { todo!("make a future of poll_next") }
}

/// Runs the futures that a stream gives, at most `most` at once (1 or more). It is a stream of
/// their outputs, in the order in which they are ready.
pub fn buffer_unordered<S>(stream: S, most: usize) -> BufferUnordered<S>
where
    S: Stream + Unpin,
    S::Item: Future,
{
    todo!("nothing runs yet")
}

pub struct BufferUnordered<S: Stream> {
    // Your fields, in the place of this one.
    todo: PhantomData<S>,
}

impl<S> Stream for BufferUnordered<S>
where
    S: Stream + Unpin,
    S::Item: Future,
{
    type Item = <S::Item as Future>::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        todo!("begin futures while there is room, and poll those that were woken")
    }
}

// ---- The tests: read them, and change nothing below this line ------------------------------

use demitasse::{instrument, now, spawn, yield_now};
use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::rc::Rc;
use support::{Sleep, ask, on_wake, seconds, sleep, watch};

/// A stream that gives a value each so many seconds, or at once. It may not be polled after its end.
struct Source<T> {
    values: VecDeque<T>,
    pause: f64,
    sleep: Option<Sleep>,
    has_ended: bool,
    taken: Rc<Cell<usize>>,
}

impl<T> Unpin for Source<T> {}

/// The stream, and how many values were taken from it.
fn source<T>(pause: f64, values: impl IntoIterator<Item = T>) -> (Source<T>, Rc<Cell<usize>>) {
    let source = Source {
        values: values.into_iter().collect(),
        pause,
        sleep: None,
        has_ended: false,
        taken: Rc::default(),
    };
    let taken = Rc::clone(&source.taken);
    (source, taken)
}

impl<T> Stream for Source<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        assert!(
            !self.has_ended,
            "the stream of futures has said None, and is polled again"
        );
        if self.pause > 0.0 && !self.values.is_empty() {
            let pause = seconds(self.pause);
            let waits = self.sleep.get_or_insert_with(|| sleep(pause));
            if Pin::new(waits).poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
        }
        let value = self.values.pop_front();
        match &value {
            Some(_) => self.taken.set(self.taken.get() + 1),
            None => self.has_ended = true,
        }
        Poll::Ready(value)
    }
}

async fn collect<S: Stream + Unpin>(mut stream: S) -> Vec<S::Item> {
    let mut values = Vec::new();
    while let Some(value) = next(&mut stream).await {
        values.push(value);
    }
    values
}

async fn fetch(name: &'static str, time: f64) -> &'static str {
    instrument(name, sleep(seconds(time))).await;
    name
}

/// A future that is ready when its bell was rung.
#[derive(Clone, Default)]
struct Bell(Rc<RefCell<(bool, Option<Waker>)>>);

impl Bell {
    fn ring(&self) {
        self.0.borrow_mut().0 = true;
        let waker = self.0.borrow().1.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Bell {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut bell = self.0.borrow_mut();
        bell.1 = Some(cx.waker().clone());
        match bell.0 {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

#[test]
fn step1_next_gives_one_after_the_other() {
    let asked = ask("next gives each value of a stream, and then None. iter is always ready.");
    let drawn = Cell::new(0);
    let mut numbers = iter((1..=2).inspect(|_| drawn.set(drawn.get() + 1)));
    assert_eq!(drawn.get(), 0, "values that iter took before it was asked");
    let mut poll = || asked.by_hand("next", next(&mut numbers)).poll();
    assert_eq!(poll(), Poll::Ready(Some(1)));
    assert_eq!(drawn.get(), 1, "values that iter took for the first");
    assert_eq!(poll(), Poll::Ready(Some(2)));
    assert_eq!(poll(), Poll::Ready(None));
    asked.run(async {
        let start = now();
        let (mut source, _) = source(1.5, ["espresso"]);
        assert_eq!(next(&mut source).await, Some("espresso"));
        assert_eq!(now() - start, seconds(1.5), "when the value came");
        assert_eq!(next(&mut source).await, None);
    });
}

#[test]
fn step2_at_most_so_many_at_once() {
    let asked = ask("10 fetches of 1 s, at most 3 at once, take 4 s. No more than 3 have begun.");
    asked.run(async {
        let start = now();
        let (source, taken) = source(0.0, (0..10).map(|n| fetch("fetch", 1.0)));
        let mut fetches = buffer_unordered(source, 3);
        assert_eq!(taken.get(), 0, "futures taken before the first poll");
        for done in 0..10 {
            assert_eq!(next(&mut fetches).await, Some("fetch"));
            let ahead = taken.get() - done;
            assert!(
                ahead <= 3,
                "{ahead} futures have begun and are not done, of 3 at most"
            );
        }
        assert_eq!(next(&mut fetches).await, None);
        assert_eq!(now() - start, seconds(4.0), "the time of all 10");
    });
    let mut none = buffer_unordered(iter(std::iter::empty::<Bell>()), 3);
    let mut none = asked.by_hand("next of nothing", next(&mut none));
    assert_eq!(none.poll(), Poll::Ready(None));
}

#[test]
fn step3_as_they_are_ready() {
    let asked = ask("Outputs come when they are ready, not in the order of the stream.");
    asked.run(async {
        let times = [("three", 3.0), ("one", 1.0), ("two", 2.0)];
        let (source, _) = source(0.0, times.map(|(name, time)| fetch(name, time)));
        let mut fetches = buffer_unordered(source, 3);
        let start = now();
        for (name, time) in [("one", 1.0), ("two", 2.0), ("three", 3.0)] {
            assert_eq!(next(&mut fetches).await, Some(name));
            assert_eq!(now() - start, seconds(time), "when {name} came");
        }
        assert_eq!(next(&mut fetches).await, None);
    });
}

#[test]
fn step4_a_free_place_is_taken() {
    let asked = ask("When one is done, the next begins. Nobody waits for the slowest.");
    asked.run(async {
        let start = now();
        let times = [("a", 3.5), ("b", 1.0), ("c", 1.0), ("d", 1.0)];
        let (source, _) = source(0.0, times.map(|(name, time)| fetch(name, time)));
        let names = collect(buffer_unordered(source, 2)).await;
        assert_eq!(names, ["b", "c", "d", "a"], "the order in which they came");
        assert_eq!(now() - start, seconds(3.5), "the time of all four");
    });
}

#[test]
fn step5_a_stream_that_is_slow() {
    let asked = ask("A stream may be Pending: what runs goes on, and the end is not yet there.");
    asked.run(async {
        let start = now();
        let times = [("a", 1.5), ("b", 1.5), ("c", 1.5), ("d", 0.5)];
        let (source, _) = source(1.0, times.map(|(name, time)| fetch(name, time)));
        let mut fetches = buffer_unordered(source, 2);
        let mut times = Vec::new();
        while let Some(name) = next(&mut fetches).await {
            times.push((name, (now() - start).as_secs_f64()));
        }
        // b ends and c comes at 3.5 s.
        let expected = [("a", 2.5), ("b", 3.5), ("c", 5.0), ("d", 5.0)];
        times.sort_by(|one, other| one.0.cmp(other.0));
        assert_eq!(times, expected, "when each was done");
    });
}

#[test]
fn step6_only_those_that_were_woken() {
    let asked = ask("100 at once that are woken one by one are polled twice each, and no more.");
    asked.run(async {
        let (futures, seen): (Vec<_>, Vec<_>) = (0..100)
            .map(|n| watch("one of 100", sleep(seconds(f64::from(n) + 1.0))))
            .unzip();
        let outputs = collect(buffer_unordered(iter(futures.into_iter()), 100)).await;
        assert_eq!(outputs.len(), 100, "outputs");
        let polls: usize = seen.iter().map(|seen| seen.polls()).sum();
        assert_eq!(polls, 200, "polls of all of them");
    });
}

#[test]
fn step7_it_lets_others_go_first() {
    let asked = ask("Futures that yield: their task is woken, and others have their turn between.");
    asked.run(async {
        let turns = Rc::new(Cell::new(0));
        let seen = Rc::clone(&turns);
        drop(spawn(instrument("another", async move {
            for turn in 1..=1000 {
                turns.set(turn);
                yield_now().await;
            }
        })));
        let [one, other] = [Cell::new(0_u32), Cell::new(0)];
        let yields = async |mine: &Cell<u32>| {
            for _ in 0..100 {
                mine.set(mine.get() + 1);
                let ahead = one.get().abs_diff(other.get());
                assert!(ahead < 3, "of two that yield, one had {ahead} more turns");
                yield_now().await;
            }
        };
        let both = [&one, &other].into_iter().map(yields);
        let all = collect(buffer_unordered(iter(both), 2)).await;
        assert_eq!(all.len(), 2, "outputs");
        assert!(
            seen.get() >= 10,
            "another task had {} turns while two futures yielded 100 times each",
            seen.get()
        );
    });
    drop(asked);
    let asked = ask("A future that is woken twice before its next poll is polled once.");
    let (future, seen) = watch(
        "woken twice",
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }),
    );
    let mut outputs = buffer_unordered(iter([future].into_iter()), 1);
    let mut waits = asked.by_hand("next", next(&mut outputs));
    for polls in 1..=5 {
        assert!(waits.poll().is_pending(), "it is never ready");
        assert_eq!(seen.polls(), polls, "polls of it, by {polls} of the stream");
    }
}

#[test]
fn step8_what_is_done_is_dropped() {
    let asked = ask("A future that is done is dropped at once; its late wakes poll nobody.");
    let bells = [Bell::default(), Bell::default(), Bell::default()];
    let (futures, seen): (Vec<_>, Vec<_>) =
        bells.iter().map(|bell| watch("bell", bell.clone())).unzip();
    let mut rings = buffer_unordered(iter(futures.into_iter()), 1);
    let mut poll = || asked.by_hand("next", next(&mut rings)).poll();
    assert!(poll().is_pending(), "no bell was rung");
    bells[0].ring();
    assert!(poll().is_ready(), "the first bell was rung");
    assert!(seen[0].is_dropped(), "the first is done, and still alive");
    assert!(poll().is_pending(), "the second bell was not rung");
    bells[0].ring(); // late
    assert!(poll().is_pending(), "the second bell was not rung");
    bells[1].ring();
    bells[0].ring();
    assert!(poll().is_ready(), "the second bell was rung");
    assert!(poll().is_pending(), "the third bell was not rung");
    assert!(!seen[2].is_dropped(), "the third one runs, and is gone");
    drop(rings);
    assert!(
        seen[2].is_dropped(),
        "the stream is gone, and a future of it is still alive"
    );
}

#[test]
fn step9_the_task_that_asked_last_is_woken() {
    let asked = ask("A next that is dropped loses nothing, and the last task that asked is woken.");
    let bells = [Bell::default(), Bell::default()];
    let mut rings = buffer_unordered(iter(bells.clone().into_iter()), 2);
    let mut waits = asked.by_hand("next", next(&mut rings));
    assert!(waits.poll().is_pending(), "no bell was rung");
    let old = waits.change_task();
    assert!(waits.poll().is_pending(), "no bell was rung");
    bells[1].ring();
    assert_eq!(waits.wakes(), 1, "wakes of the task that asked last");
    assert_eq!(old.wakes(), 0, "wakes of the one before");
    drop(waits);
    let mut waits = asked.by_hand("another next", next(&mut rings));
    assert!(
        waits.poll().is_ready(),
        "a bell was rung, and the next that was woken is gone"
    );
    drop(waits);
    let mut waits = asked.by_hand("the last next", next(&mut rings));
    assert!(waits.poll().is_pending(), "the other bell was not rung");
    bells[0].ring();
    assert_eq!(waits.wakes(), 1, "wakes for the other bell");
    assert!(waits.poll().is_ready(), "the other bell was rung");
    drop(waits);
    drop(asked);
    let asked = ask("The task's waker may do anything: it is called when nothing is locked.");
    let bells = [Bell::default(), Bell::default()];
    let mut rings = buffer_unordered(iter(bells.clone().into_iter()), 2);
    let mut waits = asked.by_hand("next", next(&mut rings));
    let other = bells[1].clone();
    let rings_another = on_wake(move || other.ring());
    assert!(
        waits.poll_with(&rings_another).is_pending(),
        "no bell was rung"
    );
    bells[0].ring();
    assert!(waits.poll().is_ready(), "two bells were rung");
}
