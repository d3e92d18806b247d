//! Random programs, and the promises read off their events.
//!
//! Each program is a tree of tasks that sleep, yield, spawn, gather, wake each other, cancel, hold
//! the thread and panic. A ledger follows the events, and finds a broken promise at the very event.
//! The tests in `tests/promises.rs` take the promises one by one; this one looks for the combination of
//! which nobody thought.

use crate::support::{Random, Recorder, elsewhere, poll_once};
use demitasse::{
    Event, EventKind, EventLoop, Outcome, TaskId, block_for, gather, sleep, spawn, yield_now,
};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// What the tasks of one program share.
struct World {
    random: RefCell<Random>,
    /// How many tasks and children it may still make.
    left: Cell<u32>,
    /// Wakers that tasks have left lying about. Many belong to tasks that are done.
    wakers: RefCell<Vec<Waker>>,
}

impl World {
    fn below(&self, end: u64) -> u64 {
        self.random.borrow_mut().below(end)
    }

    /// Up to three days, and mostly less.
    fn duration(&self) -> Duration {
        Duration::from_nanos(self.random.borrow_mut().magnitude() >> 16)
    }

    fn some_waker(&self) -> Waker {
        let wakers = self.wakers.borrow();
        match wakers.len() {
            0 => Waker::noop().clone(),
            count => wakers[self.below(count as u64) as usize].clone(),
        }
    }
}

/// A task, which does a few things at random.
fn task(world: Rc<World>) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let another = || task(Rc::clone(&world));
        for _ in 0..1 + world.below(8) {
            let is_full = world.left.get() == 0;
            match world.below(16) {
                0..3 => sleep(world.duration()).await,
                3 => yield_now().await,
                4 => block_for(world.duration()),
                5 => drop(poll_once(&mut sleep(world.duration()), Waker::noop())),
                6 | 7 => leave_waker(&world).await,
                8 | 9 => world.some_waker().wake(),
                10 => {
                    let waker = world.some_waker();
                    elsewhere(|| waker.wake());
                }
                // This panic prints nothing.
                11 if world.below(4) == 0 => resume_unwind(Box::new("meant")),
                11.. if is_full => yield_now().await,
                kind => {
                    world.left.set(world.left.get() - 1);
                    match kind {
                        12 => drop(spawn(another())),
                        13 => drop(spawn(another()).await),
                        14 => drop(gather([another(), another()].map(spawn)).await),
                        _ => drop(gather([another(), another(), another()]).await),
                    }
                }
            }
        }
    })
}

async fn leave_waker(world: &World) {
    let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    world.wakers.borrow_mut().push(waker);
}

/// Follows the events of a loop on the simulated clock, and knows what may come next.
#[derive(Default)]
struct Ledger {
    /// The ready queue, as it must be.
    queue: VecDeque<TaskId>,
    /// How many at its front belong to this turn.
    in_turn: usize,
    /// The tasks that are not done, and how many there have been.
    alive: HashSet<TaskId>,
    tasks: u64,
    /// Deadlines, with the numbers of their timers.
    timers: BTreeSet<(Duration, u64)>,
    deadlines: HashMap<u64, Duration>,
    cancelled: u32,
    /// Parks after which no timer was due.
    parks_in_vain: u32,
    is_root_done: bool,
}

impl Ledger {
    fn enter(&mut self, event: &Event) {
        match event.kind {
            EventKind::Spawned { task, .. } => {
                assert!(self.alive.insert(task));
                self.tasks += 1;
                self.queue.push_back(task);
            }
            EventKind::Woken { task, .. } => {
                assert!(self.alive.contains(&task), "I3: woken after its end");
                assert!(!self.queue.contains(&task), "I1: queued twice");
                self.queue.push_back(task);
            }
            EventKind::TurnStarted { ready } => {
                self.end_turn();
                // A task may wake itself in its last poll.
                self.queue.retain(|task| self.alive.contains(task));
                assert_eq!(ready, self.queue.len(), "I8: all that are ready");
                let next = self.timers.first().map(|timer| timer.0);
                // A turn with nobody ready is there for the timers that ended the park.
                assert!(
                    ready == 0 || next.is_none_or(|next| next > event.time),
                    "I8: a timer is due"
                );
                self.in_turn = ready;
            }
            EventKind::PollStarted { task } => {
                assert!(!self.is_root_done, "I12: polled after the end");
                assert_ne!(self.in_turn, 0, "I8: polled in the next turn");
                assert_eq!(self.queue.pop_front(), Some(task), "I14: in order");
                self.in_turn -= 1;
            }
            EventKind::PollEnded { task, outcome } if outcome != Outcome::Pending => {
                assert!(self.alive.remove(&task));
                self.is_root_done = task.to_string() == "0";
            }
            EventKind::WakerLost { task } => {
                assert!(!self.queue.contains(&task), "I13: it is not lost");
            }
            EventKind::TaskDropped { task } => {
                assert!(self.is_root_done, "I12: dropped before the end");
                assert!(self.alive.remove(&task));
            }
            EventKind::TimerSet {
                timer, deadline, ..
            } => {
                assert!(deadline > event.time);
                assert!(self.timers.insert((deadline, timer)));
                assert_eq!(self.deadlines.insert(timer, deadline), None);
            }
            EventKind::TimerFired { timer } => {
                self.end_turn();
                let rank = (self.deadlines[&timer], timer);
                assert!(rank.0 <= event.time, "I5: early");
                assert_eq!(self.timers.pop_first(), Some(rank), "I6: out of order");
            }
            EventKind::TimerCancelled { timer } => {
                assert!(self.timers.remove(&(self.deadlines[&timer], timer)));
                self.cancelled += 1;
            }
            EventKind::Parked { until } => {
                self.end_turn();
                assert_eq!(self.queue, [], "I9: something is ready");
                let next = self.timers.first().map(|timer| timer.0);
                assert!(next > Some(event.time), "I9: a timer is due");
                assert!(
                    until.is_some() && until <= next,
                    "I9: until the next deadline"
                );
                self.parks_in_vain += u32::from(until < next);
                assert!(self.parks_in_vain <= self.cancelled);
            }
            _ => {}
        }
    }

    fn end_turn(&mut self) {
        assert_eq!(self.in_turn, 0, "I8: one was left out in this turn");
    }
}

#[test]
fn random_programs_keep_the_promises() {
    let mut tasks = 0;
    let mut timers = 0;
    for seed in 0..200 {
        let world = Rc::new(World {
            random: RefCell::new(Random::new(seed)),
            left: Cell::new(60),
            wakers: RefCell::default(),
        });
        let ledger = Rc::new(RefCell::new(Ledger::default()));
        let entering = Rc::clone(&ledger);
        EventLoop::simulated()
            .on_event(move |event| entering.borrow_mut().enter(event))
            .block_on(async {
                for _ in 0..5 {
                    // The root lives through a panic of its children.
                    drop(spawn(task(Rc::clone(&world))).await);
                }
            });
        let ledger = ledger.borrow();
        assert_eq!(ledger.alive.len(), 0, "I12: a task was left behind");
        assert_eq!(ledger.timers.len(), 0, "I7: a timer was left behind");
        tasks += ledger.tasks;
        timers += ledger.deadlines.len();
        // Nor does anything happen later.
        world.wakers.borrow().iter().for_each(Waker::wake_by_ref);
    }
    assert!(
        tasks > 5_000 && timers > 5_000,
        "{tasks} tasks, {timers} timers"
    );
}

#[test]
fn random_programs_do_the_same_run_after_run() {
    let run = |seed| {
        let recorder = Recorder::new();
        let world = Rc::new(World {
            random: RefCell::new(Random::new(seed)),
            left: Cell::new(60),
            wakers: RefCell::default(),
        });
        EventLoop::simulated()
            .on_event(recorder.observer())
            .block_on(async { drop(spawn(task(world)).await) });
        recorder.events()
    };
    for seed in 0..50 {
        assert!(run(seed) == run(seed), "I14: the second run differs");
    }
}
