//! Exercise 17: spawn_blocking on a bounded pool. The page is docs/exercises/17-spawn-blocking.md.
//! Run it: cargo test --test ex17
//!
//! Your code is in src/: see the page.

mod support;

use demitasse::{EventKind, gather, sleep, spawn_blocking};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;
use support::{ask, seconds};

/// So long a blocking job waits for what must come.
const LONG: Duration = Duration::from_secs(3);

#[test]
fn step1_gives_the_result() {
    let asked = ask("The work is done on another thread. The handle gives what it returns.");
    let here = thread::current().id();
    let (there, sum) = asked.run_for_real(async {
        let numbers: Vec<u64> = (1..=100).collect();
        spawn_blocking(move || (thread::current().id(), numbers.iter().sum::<u64>()))
            .await
            .unwrap()
    });
    assert_eq!(sum, 5050);
    assert_ne!(here, there, "it ran on the thread of the loop");
}

#[test]
fn step2_the_loop_goes_on() {
    let asked = ask("While the work holds its thread, the loop runs other tasks.");
    let (sender, receiver) = mpsc::channel();
    let heard = asked.run_for_real(async {
        let work = spawn_blocking(move || receiver.recv_timeout(LONG));
        for _ in 0..3 {
            sleep(Duration::from_millis(1)).await;
        }
        sender.send("from the loop").unwrap();
        work.await.unwrap()
    });
    assert_eq!(
        heard,
        Ok("from the loop"),
        "what the work heard while it held its thread"
    );
}

#[test]
fn step3_an_idle_loop_is_woken() {
    let asked = ask("A loop that has nothing else to do parks, and is woken by the result.");
    asked.run_for_real(async {
        let work = spawn_blocking(|| thread::sleep(Duration::from_millis(20)));
        work.await.unwrap();
    });
    let turns = asked.count(|kind| matches!(kind, EventKind::TurnStarted { .. }));
    assert!(turns < 20, "{turns} turns of the loop: it did not park");
}

#[test]
fn step4_a_panic() {
    let asked = ask("If the work panics, the handle gives the panic, and the pool goes on.");
    asked.run_for_real(async {
        for _ in 0..10 {
            let work = spawn_blocking(|| std::panic::resume_unwind(Box::new("on purpose")));
            let result: Result<(), _> = work.await;
            let error = result.expect_err("the work panicked");
            assert!(error.is_panic(), "is_panic");
            assert_eq!(
                error.into_panic().downcast_ref::<&str>(),
                Some(&"on purpose")
            );
        }
        assert_eq!(spawn_blocking(|| "it goes on").await.unwrap(), "it goes on");
    });
}

/// Counts who is in it, and lets people wait until so many are.
#[derive(Default)]
struct Room {
    people: Mutex<(usize, usize)>,
    changed: Condvar,
}

impl Room {
    fn enter(&self) {
        let mut people = self.people.lock().unwrap();
        people.0 += 1;
        people.1 = people.1.max(people.0);
        self.changed.notify_all();
    }

    /// Whether so many were in it at once.
    fn wait_for(&self, number: usize) -> bool {
        let people = self.people.lock().unwrap();
        let wait = self
            .changed
            .wait_timeout_while(people, LONG, |people| people.1 < number);
        wait.unwrap().0.1 >= number
    }

    fn leave(&self) {
        self.people.lock().unwrap().0 -= 1;
    }

    fn most(&self) -> usize {
        self.people.lock().unwrap().1
    }
}

#[test]
fn step5_four_at_a_time() {
    let asked =
        ask("Of 40 pieces of work 4 run at a time, on 4 threads. Who comes first begins first.");
    let room = Arc::new(Room::default());
    let results = asked.run_for_real(async {
        let work = (0..40).map(|n| {
            let room = Arc::clone(&room);
            spawn_blocking(move || {
                room.enter();
                let four = room.wait_for(4);
                thread::sleep(Duration::from_millis(1));
                room.leave();
                (n, four, thread::current().id())
            })
        });
        let work: Vec<_> = work.collect();
        gather(work).await
    });
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert!(
        results.iter().all(|(_, four, _)| *four),
        "there were never 4 at a time"
    );
    assert_eq!(room.most(), 4, "the most that ran at a time");
    let threads: HashSet<_> = results.iter().map(|(_, _, thread)| *thread).collect();
    assert_eq!(threads.len(), 4, "threads that were used");
    let order: Vec<_> = results.iter().map(|(n, _, _)| *n).collect();
    assert_eq!(
        order,
        (0..40).collect::<Vec<_>>(),
        "each handle has its own result"
    );

    // Three threads are held, and the fourth does the rest: one piece after the other.
    let begun = Arc::new(Mutex::new(Vec::new()));
    let room = Arc::new(Room::default());
    asked.run_for_real(async {
        let held = (0..4).map(|n| {
            let room = Arc::clone(&room);
            spawn_blocking(move || {
                room.enter();
                // The first one goes on when all that comes later is in the queue.
                room.wait_for(if n == 0 { 5 } else { 6 })
            })
        });
        let mut work: Vec<_> = held.collect();
        while room.most() < 4 {
            sleep(seconds(0.001)).await;
        }
        for n in 0..10 {
            let (begun, room) = (Arc::clone(&begun), Arc::clone(&room));
            work.push(spawn_blocking(move || {
                begun.lock().unwrap().push(n);
                if n == 9 {
                    room.enter();
                }
                true
            }));
        }
        room.enter();
        gather(work).await;
    });
    assert_eq!(
        *begun.lock().unwrap(),
        (0..10).collect::<Vec<_>>(),
        "what one thread began, in this order"
    );
}

#[test]
fn step6_a_thousand() {
    let asked = ask("1,000 short pieces of work: all are done, and none twice.");
    let done = Arc::new(AtomicUsize::new(0));
    asked.run_for_real(async {
        let work: Vec<_> = (0..1000)
            .map(|n| {
                let done = Arc::clone(&done);
                spawn_blocking(move || {
                    done.fetch_add(1, Ordering::Relaxed);
                    n
                })
            })
            .collect();
        let sum: usize = gather(work).await.into_iter().map(Result::unwrap).sum();
        assert_eq!(sum, 499_500, "the sum of all results");
    });
    assert_eq!(
        done.load(Ordering::Relaxed),
        1000,
        "pieces of work that were done"
    );
}

#[test]
fn step7_a_handle_is_dropped() {
    let asked = ask("Work whose handle is dropped is done all the same.");
    let (sender, receiver) = mpsc::channel();
    asked.run_for_real(async {
        drop(spawn_blocking(move || sender.send("done").unwrap()));
        spawn_blocking(move || assert_eq!(receiver.recv_timeout(LONG), Ok("done")))
            .await
            .unwrap();
    });
}

#[test]
fn step8_the_loop_ends() {
    let asked = ask("At the loop's end: what has not begun is dropped, what runs is not awaited.");
    let room = Arc::new(Room::default());
    let (not_begun, begun) = (Arc::new(()), Arc::new(AtomicUsize::new(0)));
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = Arc::new(Mutex::new(receiver));
    asked.run_for_real(async {
        for _ in 0..4 {
            let (room, receiver) = (Arc::clone(&room), Arc::clone(&receiver));
            drop(spawn_blocking(move || {
                room.enter();
                // Until the test lets go, which is after the loop has ended.
                let _ = receiver.lock().unwrap().recv_timeout(LONG);
                room.leave();
            }));
        }
        while room.most() < 4 {
            sleep(seconds(0.001)).await;
        }
        for _ in 0..10 {
            let (not_begun, begun) = (Arc::clone(&not_begun), Arc::clone(&begun));
            drop(spawn_blocking(move || {
                begun.fetch_add(1, Ordering::Relaxed);
                drop(not_begun);
            }));
        }
    });
    assert_eq!(
        room.people.lock().unwrap().0,
        4,
        "how many of the four still run"
    );
    assert_eq!(
        begun.load(Ordering::Relaxed),
        0,
        "pieces of work that began while four others held the four threads"
    );
    assert_eq!(
        Arc::strong_count(&not_begun) - 1,
        0,
        "pieces of work that are still in a queue"
    );
    drop(sender);

    // A thread drops what is its own when it ends.
    thread_local!(static OWN: RefCell<Option<mpsc::Sender<()>>> = const { RefCell::new(None) });
    let (sender, receiver) = mpsc::channel::<()>();
    let room = Arc::new(Room::default());
    asked.run_for_real(async {
        let work: Vec<_> = (0..4)
            .map(|_| {
                let (sender, room) = (sender.clone(), Arc::clone(&room));
                spawn_blocking(move || {
                    room.enter();
                    room.wait_for(4);
                    OWN.set(Some(sender));
                })
            })
            .collect();
        gather(work).await;
        // Time for all four to be idle.
        sleep(seconds(0.01)).await;
    });
    drop(sender);
    assert_eq!(
        receiver.recv_timeout(LONG),
        Err(mpsc::RecvTimeoutError::Disconnected),
        "the loop has ended, and a thread of its pool still waits for work"
    );

    // The destructors of work that has not begun: each asks for more work, whose destructor does the
    // same, and then panics. (On a thread of the pool there is no loop to ask. What is dropped there
    // has begun, and that is wrong already.)
    struct Asks(ThreadId);
    impl Drop for Asks {
        fn drop(&mut self) {
            if thread::current().id() == self.0 {
                drop(spawn_blocking(|| ()));
            }
        }
    }
    struct Bad(Arc<AtomicUsize>, ThreadId);
    impl Drop for Bad {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
            if thread::current().id() != self.1 {
                return;
            }
            let asks = Asks(self.1);
            let _ = catch_unwind(|| drop(spawn_blocking(move || drop(asks))));
            panic!("on purpose, in a destructor of work that has not begun");
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let room = Arc::new(Room::default());
        asked.run_for_real(async {
            for _ in 0..4 {
                let room = Arc::clone(&room);
                drop(spawn_blocking(move || {
                    room.enter();
                    room.wait_for(5)
                }));
            }
            while room.most() < 4 {
                sleep(seconds(0.001)).await;
            }
            for _ in 0..3 {
                let bad = Bad(Arc::clone(&drops), thread::current().id());
                drop(spawn_blocking(move || drop(bad)));
            }
        });
        room.enter();
    }));
    asked.that_was_meant();
    assert_eq!(
        drops.load(Ordering::Relaxed),
        3,
        "pieces of work that were dropped"
    );
    assert!(
        ran.is_err(),
        "a destructor of work that has not begun has panicked, and block_on does not tell"
    );
    assert_eq!(
        asked.count(|kind| matches!(kind, EventKind::TaskDropped { .. })),
        asked.count(|kind| matches!(kind, EventKind::Spawned { .. })) - 1,
        "of the tasks that were spawned, also by destructors: how many the loop dropped at its end"
    );
}

#[test]
fn step9_it_is_not_stuck() {
    let asked = ask("A loop that waits for the pool is not stuck. One that waits no more is.");
    let (sender, receiver) = mpsc::channel();
    asked.run(async {
        let work = spawn_blocking(move || {
            sender.send("it has begun").unwrap();
            thread::sleep(Duration::from_millis(20));
        });
        assert_eq!(receiver.recv_timeout(LONG), Ok("it has begun"));
        work.await.unwrap();
    });

    // Some of these results come just when the loop looks whether it is stuck.
    for _ in 0..300 {
        let results = Rc::new(Cell::new(0));
        let ran = catch_unwind(AssertUnwindSafe(|| {
            asked.run(async {
                for _ in 0..50 {
                    spawn_blocking(|| ()).await.unwrap();
                    results.set(results.get() + 1);
                }
                pending::<()>().await;
            });
        }));
        assert_eq!(
            results.get(),
            50,
            "results before the loop said that it is stuck (did one come between two of its looks?)"
        );
        let report = ran.expect_err("it waits for nothing that can come");
        let report = report.downcast_ref::<String>().map_or("", String::as_str);
        assert!(
            report.starts_with("stuck:"),
            "what it panicked with: {report}"
        );
        asked.that_was_meant();
    }
}
