//! What the operations of a loop cost. Measured for each executor of the crate.

use super::executor::{block_on, gather, simulate, sleep, spawn, yield_now};
use crate::measure::{Row, Span, memory, row};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// So many operations make a figure, at least: the clock itself costs something.
const ENOUGH: u64 = 200_000;

/// What each of `count` operations costs, in a loop that runs.
async fn cost(count: u64, work: impl Future<Output = ()>) -> f64 {
    let span = Span::start();
    work.await;
    span.cost(count)
}

pub fn of_the_loop() -> Vec<Row> {
    vec![
        row("spawn and join", |n| {
            let rounds = ENOUGH.div_ceil(n);
            block_on(cost(n * rounds, spawn_and_join(n, rounds)))
        }),
        row("yield", |n| {
            let rounds = ENOUGH.div_ceil(n);
            block_on(cost(n * rounds, yields(n, rounds)))
        }),
        row("a timeout that is not needed", |n| {
            block_on(async {
                let others = (0..n).map(|i| spawn(sleep(Duration::from_secs(3600 + i % 3600))));
                others.for_each(drop);
                yield_now().await;
                cost(ENOUGH, timeouts()).await
            })
        }),
        row("a sleep, on the simulated clock", |n| {
            let rounds = ENOUGH.div_ceil(n);
            simulate(cost(n * rounds, sleeps(n, rounds)))
        }),
        row("a child of gather that yields", |n| {
            let rounds = ENOUGH.div_ceil(n);
            block_on(cost(n * rounds, gather_that_yields(n, rounds)))
        }),
        row("a child of gather, woken one by one", |n| {
            let rounds = ENOUGH.div_ceil(n);
            block_on(cost(n * rounds, gather_fans(n, rounds)))
        }),
    ]
}

async fn spawn_and_join(n: u64, rounds: u64) {
    for _ in 0..rounds {
        let handles: Vec<_> = (0..n).map(|i| spawn(async move { i })).collect();
        for handle in handles {
            handle.await.unwrap();
        }
    }
}

async fn yield_for(rounds: u64) {
    for _ in 0..rounds {
        yield_now().await;
    }
}

async fn yields(n: u64, rounds: u64) {
    let handles: Vec<_> = (0..n).map(|_| spawn(yield_for(rounds))).collect();
    for handle in handles {
        handle.await.unwrap();
    }
}

/// A sleep of 30 s and a future that is ready after one yield: the race that every timeout is.
async fn timeouts() {
    for _ in 0..ENOUGH {
        let (mut work, mut alarm) = (pin!(yield_now()), pin!(sleep(Duration::from_secs(30))));
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => alarm.as_mut().poll(cx),
        })
        .await;
    }
}

async fn sleeps(n: u64, rounds: u64) {
    for _ in 0..rounds {
        // Between 1 and 1000 ms, in no order.
        let times = (0..n).map(|i| Duration::from_millis(1 + i * 7919 % 1000));
        let handles: Vec<_> = times.map(|time| spawn(sleep(time))).collect();
        for handle in handles {
            handle.await.unwrap();
        }
    }
}

async fn gather_that_yields(n: u64, rounds: u64) {
    gather((0..n).map(|_| yield_for(rounds))).await;
}

#[derive(Default)]
struct Gate {
    is_open: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

async fn gather_fans(n: u64, rounds: u64) {
    for _ in 0..rounds {
        gather_fan(n).await;
    }
}

async fn gather_fan(n: u64) {
    let gates: Rc<Vec<Gate>> = Rc::new((0..n).map(|_| Gate::default()).collect());
    let (opened, count) = (Rc::clone(&gates), gates.len());
    let opener = spawn(async move {
        yield_now().await;
        for i in 0..count {
            // In an order that the processor does not foresee.
            let gate = &opened[i * 7919 % count];
            gate.is_open.set(true);
            gate.waker.take().inspect(Waker::wake_by_ref);
            yield_now().await;
        }
    });
    let wait = |i: usize| {
        let gates = Rc::clone(&gates);
        poll_fn(move |cx| {
            if gates[i].is_open.get() {
                return Poll::Ready(());
            }
            gates[i].waker.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
    };
    // 7919 is a prime: every gate is opened, unless their number is a multiple of it.
    gather((0..count).map(wait)).await;
    opener.await.unwrap();
}

/// Tasks that sleep at once.
pub fn of_memory() -> Vec<Row> {
    vec![row("spawn(sleep(..))", |n| {
        block_on(async {
            let before = memory();
            for _ in 0..n {
                drop(spawn(sleep(Duration::from_secs(3600))));
            }
            yield_now().await;
            let used = memory()
                .zip(before)
                .map(|(after, before)| after.saturating_sub(before));
            used.map_or(f64::NAN, |used| used as f64 / n as f64)
        })
    })]
}
