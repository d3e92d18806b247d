//! The event loop.
//!
//! It is [`Core::run`], and it fits on a screen: poll what is ready, fire the timers that are due,
//! and when there is nothing to do, park the thread until there is.
//!
//! ```text
//!  spawn ──1──▶ READY ──2──▶ POLLING ──3──▶ DONE       1 Core::spawn           2 Core::run takes the batch
//!                ▲             │   │                   3 Core::end wakes the task that awaits the handle
//!                │             │   └──4──▶ READY       4 it woke itself during the poll
//!                └──6── WAITING ◀──5──                 5 Pending: its waker is with a timer, a task, a thread ...
//!                          └──7──▶ STUCK               6 Ticket::wake: its number goes on the queue, once
//!                                                      7 nobody kept the waker: Core::poll says so at once
//! ```
//!
//! Why in turns, and not one long queue? A task that wakes itself goes to the *next* turn, and
//! timers fire between turns. So a task that yields for ever starves nobody (I8).
//!
//! The functions that users call (`spawn`, `sleep`, `now`) take no loop as an argument. They find
//! the one that runs on their thread in `CURRENT`, as in tokio and asyncio. A thread runs one loop
//! at a time.
//!
//! What always holds: the loop holds none of its own borrows while it runs code that it does not
//! know, which is polls, wakers, destructors and the observer.
//!
//! Read next: `block_on.rs`, which makes a loop and takes it down.

use crate::clock::Clock;
use crate::event::{Event, EventKind, Observer, Outcome, TaskId, Teller, WokenBy};
use crate::panics::{Panic, catch, drop_quietly, first};
use crate::ready_queue::ReadyQueue;
use crate::stuck;
use crate::task::{Child, JoinError, Known, Labels};
use crate::timer_wheel::{TimerKey, TimerWheel};
use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::panic::{Location, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// The root future's number. It has the first seat, but lives on the stack of `block_on`.
const ROOT: u32 = 0;

/// How long nothing may happen before the loop says that this is strange.
const SUSPICIOUS_REST: Duration = Duration::from_secs(1);

thread_local! {
    /// The loop that runs on this thread. `ManuallyDrop`, because a thread-local that needs no
    /// destructor can be used to the very end of its thread, in the destructors of others too.
    /// [`leave`] empties it.
    static CURRENT: RefCell<ManuallyDrop<Option<Rc<Core>>>> = const { RefCell::new(ManuallyDrop::new(None)) };
}

/// The loop that runs on this thread.
pub(crate) fn current() -> Option<Rc<Core>> {
    CURRENT.with_borrow(|current| current.as_ref().map(Rc::clone))
}

/// The same for a function that makes no sense without one.
#[track_caller]
pub(crate) fn current_for(function: &str) -> Rc<Core> {
    let Some(core) = current() else {
        panic!(
            "{function} needs a running event loop: call it in a future that `demitasse::block_on` runs"
        )
    };
    core
}

/// Polls the root future. Its output stays in `block_on`.
pub(crate) type Root<'a> = dyn FnMut(&mut Context<'_>) -> Poll<()> + 'a;

/// All that a running loop consists of.
pub(crate) struct Core {
    pub(crate) clock: Clock,
    pub(crate) timers: RefCell<TimerWheel<Waker>>,
    pub(crate) ready: ReadyQueue<Child, Known>,
    /// Whose work is being done: a task's, that of the timers that are due, or nobody's.
    pub(crate) running: Cell<WokenBy>,
    pub(crate) teller: Teller,
    /// The innermost instrumented future that is being polled, its number and its label, and how
    /// many were given a number. For events.
    pub(crate) label: RefCell<Option<(u64, Arc<str>)>>,
    pub(crate) labelled: Cell<u64>,
    /// Labels of the tasks that have one. For the report.
    pub(crate) labels: RefCell<Labels>,
    spawned: Cell<u64>,
}

impl Core {
    pub(crate) fn new(is_simulated: bool, observer: Option<Observer>) -> Self {
        let on_wake = observer.as_ref().map(|_| tell_woken as fn(u32, bool));
        Core {
            clock: Clock::new(is_simulated),
            timers: RefCell::default(),
            ready: ReadyQueue::new(on_wake),
            running: Cell::new(WokenBy::Outside),
            teller: Teller::new(observer),
            label: RefCell::default(),
            labelled: Cell::default(),
            labels: RefCell::default(),
            spawned: Cell::default(),
        }
    }

    /// The event loop: polls the ready batch, fires the timers that are due, parks. Until the root
    /// future is done.
    pub(crate) fn run(&self, root: &mut Root<'_>, unpark: &Waker) {
        let mut batch = Vec::new();
        let mut due = Vec::new();
        loop {
            self.ready.take_batch(&mut batch);
            self.tell(|| {
                let seated = batch.iter().filter(|number| self.ready.is_seated(**number));
                let ready = seated.count();
                EventKind::TurnStarted { ready }
            });
            while let Some(number) = batch.pop() {
                if self.poll(number, root) {
                    return;
                }
            }
            self.running.set(WokenBy::Outside);
            self.fire_due_timers(&mut due);
            if !self.ready.queue.has_ready() {
                self.park(unpark);
            }
        }
    }

    /// Polls one task. Whether it was the root, and is done.
    fn poll(&self, number: u32, root: &mut Root<'_>) -> bool {
        let task = self.ready.known(number).id;
        self.running.set(WokenBy::Task(task));
        let polled = self.ready.poll(number, |child, cx| {
            self.tell(|| EventKind::PollStarted { task });
            match number {
                ROOT => root(cx).map(|()| None),
                _ => child.poll(cx),
            }
        });
        let Some(polled) = polled else { return false };
        let outcome = match polled {
            Ok(Poll::Pending) => Outcome::Pending,
            Ok(Poll::Ready(_)) => Outcome::Ready,
            Err(_) => Outcome::Panicked,
        };
        self.tell(|| EventKind::PollEnded { task, outcome });
        let last = match polled {
            Ok(Poll::Ready(waiter)) => Ok(waiter),
            Err(panic) => Err(panic),
            Ok(Poll::Pending) => {
                if self.ready.is_lost(number) {
                    self.tell(|| EventKind::WakerLost { task });
                }
                return false;
            }
        };
        self.end(number, last)
    }

    /// The end of a task: it gives the waker of whoever awaits it, or has panicked. Whether it was
    /// the root.
    fn end(&self, number: u32, last: Result<Option<Waker>, Panic>) -> bool {
        let Child { job, slot } = self.ready.take(number).expect("it was polled here");
        if number == ROOT {
            self.ready.leave(ROOT);
            return last.map_or_else(|panic| resume_unwind(panic), |_| true);
        }
        let id = self.ready.known(number).id;
        let (waiter, ended) = match last {
            Ok(waiter) => (waiter, Ok(())),
            Err(panic) => (None, Err(panic)),
        };
        // The destructor may panic. The first panic counts.
        let waiter = match first(ended, catch(|| drop(job))) {
            Ok(()) => waiter,
            Err(panic) => waiter.or(slot.fail(JoinError::new(id, Some(panic)))),
        };
        // This drops the output of a detached task. If that panics, there is nobody to tell.
        drop_quietly(slot);
        if !self.labels.borrow().is_empty() {
            self.labels.borrow_mut().remove(&id);
        }
        self.ready.leave(number);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
        false
    }

    /// Wakes whoever sleeps no longer.
    fn fire_due_timers(&self, due: &mut Vec<(TimerKey, Waker)>) {
        if self.timers.borrow().is_empty() {
            return;
        }
        let now = self.clock.elapsed_nanos();
        let mut moved = self.teller.is_heard().then(Vec::new);
        self.timers
            .borrow_mut()
            .expire(now, moved.as_mut(), |key, waker| due.push((key, waker)));
        for (TimerKey { serial: timer, .. }, (level, slot)) in moved.into_iter().flatten() {
            self.tell(|| EventKind::TimerMoved { timer, level, slot });
        }
        self.running.set(WokenBy::Timer);
        let mut fired = Ok(());
        for (TimerKey { serial: timer, .. }, waker) in due.drain(..) {
            // A waker is code that we do not know, and each is called, whichever panics.
            let woken = catch(|| {
                self.tell(|| EventKind::TimerFired { timer });
                waker.wake();
            });
            fired = first(fired, woken);
        }
        self.running.set(WokenBy::Outside);
        if let Err(panic) = fired {
            resume_unwind(panic);
        }
    }

    /// Nothing is ready: waits until the next deadline, or for a wake from elsewhere (I9).
    ///
    /// The observer is told first, and may do what it likes: spawn, wake, drop a sleep, or park the
    /// thread itself and so use up the token of a wake. All of that comes before the loop looks.
    fn park(&self, unpark: &Waker) {
        let next_deadline = || self.timers.borrow().next_deadline();
        self.tell(|| EventKind::Parked {
            until: next_deadline().map(Duration::from_nanos),
        });
        // Nobody can wake us between this line and the park unseen: they find `unpark`, and its
        // token ends the park at once.
        if self.ready.queue.rest(unpark) {
            match next_deadline() {
                Some(until) => self.clock.park(until),
                None => self.rest(),
            }
            // Or the next wake from elsewhere leaves its token, and a later park ends at once.
            self.ready.queue.forget_consumer();
        }
        self.tell(|| EventKind::Unparked);
    }

    /// No timer either: only another thread can end this, and the simulated clock waits for none. If
    /// nobody can end it, says so (I13).
    fn rest(&self) {
        let (start, mut looks) = (Instant::now(), 0);
        let report = || stuck::report(&self.labels.borrow(), &self.ready);
        while !self.ready.queue.has_ready() {
            // A park that ends for no reason puts nothing off.
            let next_look = looks * SUSPICIOUS_REST;
            let left = next_look.saturating_sub(start.elapsed());
            if !left.is_zero() {
                thread::park_timeout(left);
                continue;
            }
            // The last waker may be dropped at any time, also after minutes.
            if self.clock.is_simulated() || self.ready.is_lost_whole() {
                panic!("{}", report());
            }
            if looks == 1 {
                // `eprintln!` would panic where nobody reads it. A suspicion is not worth that.
                let _ = writeln!(io::stderr(), "{}", report());
            }
            looks += 1;
        }
    }

    /// Seats a new task, and makes it ready.
    pub(crate) fn spawn(&self, child: Child, at: &'static Location<'static>) {
        let id = TaskId(self.spawned.replace(self.spawned.get() + 1));
        self.ready.add(Known { id, spawned_at: at }, child);
        self.tell(|| EventKind::Spawned { task: id, at });
    }

    /// The task that is being polled. What runs between polls counts as the root's.
    pub(crate) fn running(&self) -> TaskId {
        match self.running.get() {
            WokenBy::Task(task) => task,
            _ => TaskId::ROOT,
        }
    }

    /// Tells the observer, if there is one. The event is not even made if there is none.
    pub(crate) fn tell(&self, kind: impl FnOnce() -> EventKind) {
        if self.teller.is_heard() {
            let time = self.clock.elapsed();
            self.teller.tell(Event { time, kind: kind() });
        }
    }
}

/// Told by the ready queue, on the loop's thread, of each number that is put on the chain.
fn tell_woken(number: u32, came_by_mail: bool) {
    let Some(core) = current() else { return };
    let task = core.ready.known(number).id;
    let by = match came_by_mail {
        true => WokenBy::Outside,
        false => core.running.get(),
    };
    core.tell(|| EventKind::Woken { task, by });
}

/// From now on this is the thread's loop, until [`leave`].
#[track_caller]
pub(crate) fn enter(core: &Rc<Core>) {
    assert!(
        current().is_none(),
        "block_on inside a running event loop would stop that loop: use `.await` or `spawn` instead"
    );
    CURRENT.set(ManuallyDrop::new(Some(Rc::clone(core))));
}

/// The thread has no loop any more.
pub(crate) fn leave() {
    let left = CURRENT.replace(ManuallyDrop::new(None));
    drop(ManuallyDrop::into_inner(left));
}
