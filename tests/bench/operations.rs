//! The loop's operations, and what `std` alone offers for some of them.

use crate::measure::{Row, Span, median, memory, row};
use demitasse::{block_on, gather, simulate, sleep, spawn, yield_now};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

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
        let (mut work, mut alarm) = (yield_now(), pin!(sleep(Duration::from_secs(30))));
        poll_fn(|cx| match pin!(&mut work).poll(cx) {
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

/// Sleeps at once: tasks, and a thread each.
pub fn of_sleeping() -> Vec<Row> {
    const TIME: Duration = Duration::from_millis(100);
    vec![
        row("demitasse: a task each", |n| {
            block_on(cost(n, async move {
                let handles: Vec<_> = (0..n).map(|_| spawn(sleep(TIME))).collect();
                for handle in handles {
                    handle.await.unwrap();
                }
            }))
        }),
        // Only what the thread costs that starts them and joins them: each costs more by itself.
        row("std: a thread each", |n| {
            let span = Span::start();
            let handles: Vec<_> = (0..n)
                .map(|_| thread::spawn(|| thread::sleep(TIME)))
                .collect();
            for handle in handles {
                handle.join().unwrap();
            }
            span.cost(n)
        }),
    ]
}

/// What the clock on the wall says, not the processor's: the median of n times.
pub fn of_waiting() -> Vec<Row> {
    const TIME: Duration = Duration::from_millis(1);
    let late = |since: Instant| (since.elapsed() - TIME).as_nanos() as f64;
    vec![
        row("how late a sleep of 1 ms is", move |n| {
            block_on(async {
                let mut figures = Vec::new();
                for _ in 0..n {
                    let start = Instant::now();
                    sleep(TIME).await;
                    figures.push(late(start));
                }
                median(figures)
            })
        }),
        row("std: how late park_timeout(1 ms) is", move |n| {
            let once = |_| {
                let start = Instant::now();
                while start.elapsed() < TIME {
                    thread::park_timeout(TIME - start.elapsed());
                }
                late(start)
            };
            median((0..n).map(once).collect())
        }),
        row("to another thread and back", |n| {
            let (ask, asked) = mpsc::channel::<(Waker, mpsc::Sender<()>)>();
            let peer = thread::spawn(move || {
                for (waker, answer) in asked {
                    answer.send(()).unwrap();
                    waker.wake();
                }
            });
            let figure = block_on(async move {
                let mut figures = Vec::new();
                for _ in 0..n {
                    let (answer, answered) = mpsc::channel();
                    let (start, mut question) = (Instant::now(), Some(answer));
                    poll_fn(|cx| {
                        if let Some(answer) = question.take() {
                            ask.send((cx.waker().clone(), answer)).unwrap();
                        }
                        match answered.try_recv() {
                            Ok(()) => Poll::Ready(()),
                            Err(_) => Poll::Pending,
                        }
                    })
                    .await;
                    figures.push(start.elapsed().as_nanos() as f64);
                }
                median(figures)
            });
            peer.join().unwrap();
            figure
        }),
        row("std: to another thread and back, by park", |n| {
            let (ask, asked) = mpsc::channel::<(thread::Thread, mpsc::Sender<()>)>();
            let peer = thread::spawn(move || {
                for (thread, answer) in asked {
                    answer.send(()).unwrap();
                    thread.unpark();
                }
            });
            let once = |_| {
                let (answer, answered) = mpsc::channel();
                let start = Instant::now();
                ask.send((thread::current(), answer)).unwrap();
                while answered.try_recv().is_err() {
                    thread::park();
                }
                start.elapsed().as_nanos() as f64
            };
            let figure = median((0..n).map(once).collect());
            drop(ask);
            peer.join().unwrap();
            figure
        }),
    ]
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
