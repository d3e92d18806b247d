//! Waiting, and what `std` alone offers for it.

use crate::measure::{Row, Span, median, row};
use demitasse::{block_on, sleep, spawn};
use std::future::poll_fn;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// Sleeps at once: tasks, and a thread each.
pub fn of_sleeping() -> Vec<Row> {
    const TIME: Duration = Duration::from_millis(100);
    vec![
        row("demitasse: a task each", |n| {
            block_on(async move {
                let span = Span::start();
                let handles: Vec<_> = (0..n).map(|_| spawn(sleep(TIME))).collect();
                for handle in handles {
                    handle.await.unwrap();
                }
                span.cost(n)
            })
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
