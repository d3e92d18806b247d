//! Wakes from other threads: none is lost, none is answered twice, and none does any harm, whenever
//! it comes.
//!
//! A lost wake would make a test wait for ever, so each runs against the clock. How many polls
//! answer how many wakes is exact only where each wake waits for the answer to the one before.
//! Where wakes overlap, some share a poll: then there are at most as many polls as wakes, and one
//! more for the first.

use crate::support::{Bell, Probe, SECOND, in_time, poll_once};
use demitasse::{block_on, gather, simulate, sleep, spawn, yield_now};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;

const THREADS: usize = 4;

#[test]
fn of_a_million_wakes_from_four_threads_none_is_lost() {
    const TASKS: usize = 8;
    const WAKES: usize = 1_000_000 / THREADS / TASKS;
    in_time(|| {
        let letters = Arc::new([const { AtomicUsize::new(0) }; TASKS]);
        let tasks = [(); TASKS].map(|()| Probe::new());
        let watched = tasks.clone();
        block_on(async move {
            let mut handles = Vec::new();
            for (number, task) in tasks.iter().enumerate() {
                let letters = Arc::clone(&letters);
                // `Relaxed` will do: what was done before a wake is seen by the poll.
                handles.push(spawn(task.future_that(move |task| {
                    if letters[number].load(Relaxed) == WAKES * THREADS {
                        task.finish();
                    }
                })));
            }
            yield_now().await;
            for _ in 0..THREADS {
                let wakers = tasks.each_ref().map(Probe::waker);
                let letters = Arc::clone(&letters);
                thread::spawn(move || {
                    for _ in 0..WAKES {
                        for (letters, waker) in letters.iter().zip(&wakers) {
                            letters.fetch_add(1, Relaxed);
                            waker.wake_by_ref();
                        }
                    }
                });
            }
            for handle in handles {
                handle.await.unwrap();
            }
        });
        for task in watched {
            assert!(task.polls() <= 1 + WAKES * THREADS, "{}", task.counts());
            assert!(task.counts().ends_with("drops 1"));
        }
    });
}

/// Wakes a future so often, each time after the answer to the time before.
fn wake_one_by_one(probe: Probe, rounds: usize) {
    for round in 1..=rounds {
        while probe.polls() < round {
            thread::yield_now();
        }
        probe.wake();
    }
}

#[test]
fn each_wake_is_answered_by_one_poll() {
    const ROUNDS: usize = 3_000;
    let future = |probe: &Probe| {
        let act = |probe: &Probe| {
            if probe.polls() > ROUNDS {
                probe.finish();
            }
        };
        Box::pin(probe.future_that(act)) as Pin<Box<dyn Future<Output = ()> + Send>>
    };
    for (are_tasks, has_timer) in [(true, false), (true, true), (false, false)] {
        in_time(move || {
            let probes = [(); THREADS].map(|()| Probe::new());
            let wakers = probes.clone();
            let futures = probes.each_ref().map(future);
            block_on(async move {
                if has_timer {
                    // The loop parks otherwise while it has one.
                    drop(spawn(sleep(3600 * SECOND)));
                }
                // Each future keeps its first waker before its thread begins.
                let threads = || {
                    for probe in wakers {
                        thread::spawn(move || wake_one_by_one(probe, ROUNDS));
                    }
                };
                if are_tasks {
                    let handles = futures.map(spawn);
                    yield_now().await;
                    threads();
                    for handle in handles {
                        handle.await.unwrap();
                    }
                } else {
                    let mut all = gather(futures);
                    assert!(poll_once(&mut all, Waker::noop()).is_pending());
                    threads();
                    all.await;
                }
            });
            for probe in probes {
                let counts = format!("polls {}, wakes {ROUNDS}, drops 1", 1 + ROUNDS);
                assert_eq!(probe.counts(), counts);
            }
        });
    }
}

#[test]
fn wakers_may_be_cloned_called_and_dropped_on_any_thread() {
    const ROUNDS: usize = 2_000;
    in_time(|| {
        let (to_wake, woken) = mpsc::channel::<Waker>();
        let (to_drop, dropped) = mpsc::channel::<Waker>();
        let dropper = thread::spawn(move || dropped.into_iter().count());
        let waker = thread::spawn(move || {
            for waker in woken {
                drop(waker.clone());
                waker.wake();
            }
        });
        let task = Probe::new();
        let seen = task.clone();
        block_on(async move {
            let mut polls = 0;
            let relay = poll_fn(move |cx| {
                polls += 1;
                if polls > ROUNDS {
                    return Poll::Ready(());
                }
                to_drop.send(cx.waker().clone()).unwrap();
                to_wake.send(cx.waker().clone()).unwrap();
                to_drop.send(cx.waker().clone()).unwrap();
                Poll::Pending
            });
            spawn(task.track(relay)).await.unwrap();
        });
        waker.join().unwrap();
        assert_eq!(dropper.join().unwrap(), 2 * ROUNDS);
        let counts = format!("polls {}, wakes 0, drops 1", 1 + ROUNDS);
        assert_eq!(seen.counts(), counts);
    });
}

#[test]
fn two_loops_on_two_threads_wake_each_other() {
    const ROUNDS: usize = 3_000;
    in_time(|| {
        let [ping, pong] = [Probe::new(), Probe::new()];
        let [served, returned] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let server = ping.clone();
        let balls = [&served, &returned].map(Arc::clone);
        let returning = pong.future_that(move |me| {
            let [served, returned] = balls.each_ref().map(|balls| balls.load(Relaxed));
            if returned < served {
                balls[1].store(served, Relaxed);
                server.wake();
                if served == ROUNDS {
                    me.finish();
                }
            }
        });
        let other = thread::spawn(move || block_on(returning));
        while pong.polls() == 0 {
            thread::yield_now();
        }
        let receiver = pong.clone();
        block_on(ping.future_that(move |me| {
            let [out, back] = [&served, &returned].map(|balls| balls.load(Relaxed));
            if back == ROUNDS {
                me.finish();
            } else if back == out {
                served.store(1 + out, Relaxed);
                receiver.wake();
            }
        }));
        other.join().unwrap();
        let polls = 1 + ROUNDS;
        assert_eq!(
            ping.counts(),
            format!("polls {polls}, wakes {ROUNDS}, drops 1")
        );
        assert_eq!(
            pong.counts(),
            format!("polls {polls}, wakes {ROUNDS}, drops 1")
        );
    });
}

#[test]
fn wakes_after_the_loop_s_end_do_nothing() {
    in_time(|| {
        let [root, task, child] = [Probe::new(), Probe::new(), Probe::new()];
        block_on(async {
            let mut both = gather([child.future()]);
            drop(spawn(task.track(async move { drop((&mut both).await) })));
            let task = task.clone();
            root.future_that(|root| match root.polls() {
                1 => root.wake(),
                _ => root.finish(),
            })
            .await;
            assert_eq!(task.counts(), "polls 1, wakes 0, drops 0");
        });
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        root.wake();
                        child.wake();
                    }
                });
            }
        });
        let wakes = 1_000 * THREADS;
        assert_eq!(
            root.counts(),
            format!("polls 2, wakes {}, drops 1", 1 + wakes)
        );
        assert_eq!(task.counts(), "polls 1, wakes 0, drops 1");
        assert_eq!(child.counts(), format!("polls 1, wakes {wakes}, drops 1"));
    });
}

/// The waker that a thread calls at the moment.
#[derive(Default)]
struct Target(Mutex<Option<Waker>>);

impl Target {
    fn set(&self, waker: Waker) {
        *self.0.lock().unwrap() = Some(waker);
    }

    fn wake(&self) {
        let waker = self.0.lock().unwrap().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[test]
fn a_loop_may_end_while_other_threads_wake_its_tasks() {
    const LOOPS: usize = 1_000;
    in_time(|| {
        let is_over = Arc::new(AtomicBool::new(false));
        let targets = [(); THREADS].map(|()| Arc::<Target>::default());
        let threads = targets.clone().map(|target| {
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || {
                while !is_over.load(SeqCst) {
                    target.wake();
                }
            })
        });
        let mut ended = Vec::new();
        for round in 0..LOOPS {
            let tasks = [(); THREADS].map(|()| Probe::new());
            let root = async {
                for (task, target) in tasks.iter().zip(&targets) {
                    let target = Arc::clone(target);
                    drop(spawn(
                        task.future_that(move |task| target.set(task.waker())),
                    ));
                }
                for _ in 0..round % 4 {
                    yield_now().await;
                }
            };
            match round % 2 {
                0 => block_on(root),
                _ => simulate(root),
            }
            let polls = tasks.each_ref().map(Probe::polls);
            ended.push((tasks, polls));
        }
        is_over.store(true, SeqCst);
        for thread in threads {
            thread.join().unwrap();
        }
        for (tasks, polls) in ended {
            // What was woken after the end was not polled again.
            assert_eq!(tasks.each_ref().map(Probe::polls), polls);
            for task in tasks {
                assert!(task.counts().ends_with("drops 1"));
            }
        }
    });
}

#[test]
fn a_gather_may_be_dropped_while_other_threads_wake_its_children() {
    in_time(|| {
        for round in 0..300 {
            let children = [(); THREADS].map(|()| Probe::new());
            let (bell, waker) = Bell::new();
            let mut all = gather(children.each_ref().map(Probe::future));
            assert!(poll_once(&mut all, &waker).is_pending());
            thread::scope(|scope| {
                for child in &children {
                    scope.spawn(|| (0..10).for_each(|_| child.wake()));
                }
                if round % 2 == 0 {
                    assert!(poll_once(&mut all, &waker).is_pending());
                }
                drop(all);
            });
            for child in &children {
                assert!(child.polls() <= 2);
                assert!(child.counts().ends_with("wakes 10, drops 1"));
            }
            // Nobody has kept the parent's waker.
            assert!(bell.counts().ends_with("wakers 1"));
        }
    });
}
