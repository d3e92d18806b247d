//! What a waker is: an order number that anybody may call out, on any thread.
//!
//! Each child of a loop or of a `gather` has a [`Ticket`] with its number. A [`Waker`] is a shared
//! pointer to the ticket: **a waker never touches a future, it only puts a number on a queue.** So
//! wakers can be `Send + Sync` and go to any thread, while the futures stay where they are and need
//! to be neither.
//!
//! The queue belongs to the thread that made it, its *home*. There are two ways to it:
//!
//! - **by hand**: a wake at home puts the ticket on a chain, newest first. Each ticket says which
//!   one comes after it. No other thread touches the chain, so plain loads and stores do, where a
//!   lock would make a yield nearly twice as slow. (They are atomics only because a waker must be
//!   `Sync`, and safe Rust does not take our word for who calls it.)
//! - **by mail**: a wake from any other thread goes to an inbox that is locked. The owner empties it
//!   when the flag on it is up.
//!
//! What always holds:
//! - **I1** a number is on the chain at most once, and in the inbox at most once. Wakes before the
//!   next poll are one poll;
//! - **I3** a ticket whose child has left is marked for ever, so that late wakes do nothing;
//! - **I9** an owner that rests says first whom to wake, and then looks again. See [`rest`](Queue::rest).
//!
//! Read next: `ready_queue.rs`, where the children are.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// In `Ticket::next`: this ticket is not on the chain.
const NOT_QUEUED: u32 = u32::MAX;
/// In `Ticket::next` and `Queue::newest`: here the chain ends.
const END: u32 = u32::MAX - 1;
/// In `Ticket::next`: its child is gone, and it will never be queued again.
const RETIRED: u32 = u32::MAX - 2;

/// One child's order number. As a [`Waker`], it puts that number on the queue.
pub(crate) struct Ticket {
    number: u32,
    /// The next older number on the chain, or `END`, `NOT_QUEUED`, `RETIRED`.
    next: AtomicU32,
    /// Whether this ticket is in the inbox. Only written under its lock.
    posted: AtomicBool,
    queue: Arc<Queue>,
}

/// What the tickets of one owner share.
pub(crate) struct Queue {
    /// The thread to which the queue belongs.
    home: usize,
    /// The chain's newest number. Only the home thread reads and writes the chain.
    newest: AtomicU32,
    /// The owner rests: who puts a number on the chain wakes it. For the home thread only.
    is_resting: AtomicBool,
    /// Up when the inbox may hold something.
    mail: AtomicBool,
    inbox: Mutex<Inbox>,
    /// Told on the home thread of each number that a wake puts on the chain, and whether it came by
    /// mail. For events.
    on_wake: Option<fn(u32, bool)>,
}

#[derive(Default)]
struct Inbox {
    tickets: Vec<Arc<Ticket>>,
    /// Whom to wake when something arrives: set while the owner rests.
    consumer: Option<Waker>,
}

impl Wake for Ticket {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let queue = &self.queue;
        if queue.home != this_thread() {
            return self.post();
        }
        // What came by mail came earlier (I14).
        queue.collect_mail();
        if self.put_on_chain() {
            queue.tell_woken(self.number, false);
            if queue.is_resting.load(Ordering::Relaxed) {
                queue.wake_consumer(queue.inbox());
            }
        }
    }
}

impl Ticket {
    pub(crate) fn new(number: u32, queue: &Arc<Queue>) -> Arc<Self> {
        Arc::new(Ticket {
            number,
            next: AtomicU32::new(NOT_QUEUED),
            posted: AtomicBool::new(false),
            queue: Arc::clone(queue),
        })
    }

    /// Whether its number is on the chain, or in a batch and not polled yet.
    #[inline]
    pub(crate) fn is_queued(&self) -> bool {
        self.next.load(Ordering::Relaxed) != NOT_QUEUED
    }

    /// Puts the number on the chain; false if it is there already. On the home thread only.
    pub(crate) fn put_on_chain(&self) -> bool {
        if self.is_queued() {
            return false;
        }
        let newest = self.queue.newest.load(Ordering::Relaxed);
        self.next.store(newest, Ordering::Relaxed);
        self.queue.newest.store(self.number, Ordering::Relaxed);
        true
    }

    /// Its number is off the chain, and the next wake counts.
    #[inline]
    pub(crate) fn clear(&self) {
        self.next.store(NOT_QUEUED, Ordering::Relaxed);
    }

    /// Puts the ticket in the inbox, if it is not there, and wakes the owner if it rests.
    #[inline(never)]
    fn post(self: &Arc<Self>) {
        let mut inbox = self.queue.inbox();
        if self.posted.load(Ordering::Relaxed) {
            return;
        }
        self.posted.store(true, Ordering::Relaxed);
        inbox.tickets.push(Arc::clone(self));
        // `Release`, and `Acquire` where it is read: what this thread did before the wake is seen
        // by the poll.
        self.queue.mail.store(true, Ordering::Release);
        self.queue.wake_consumer(inbox);
    }

    /// Its child has left. It is marked for ever, on the chain and in the inbox, and so is never put
    /// there again. If it is in the inbox, it is thrown away where that is emptied.
    pub(crate) fn retire(&self) {
        let _inbox = self.queue.inbox();
        self.next.store(RETIRED, Ordering::Relaxed);
        self.posted.store(true, Ordering::Relaxed);
    }
}

impl Queue {
    /// A queue that belongs to this thread.
    pub(crate) fn new(on_wake: Option<fn(u32, bool)>) -> Arc<Self> {
        Arc::new(Queue {
            home: this_thread(),
            newest: AtomicU32::new(END),
            is_resting: AtomicBool::new(false),
            mail: AtomicBool::new(false),
            inbox: Mutex::default(),
            on_wake,
        })
    }

    fn tell_woken(&self, number: u32, came_by_mail: bool) {
        if let Some(on_wake) = self.on_wake {
            on_wake(number, came_by_mail);
        }
    }

    /// Moves the inbox to the chain. On the home thread only.
    #[inline]
    pub(crate) fn collect_mail(&self) {
        // Nearly always down, and then one plain load is all.
        if self.mail.load(Ordering::Acquire) {
            self.empty_inbox();
        }
    }

    #[cold]
    fn empty_inbox(&self) {
        let mut inbox = self.inbox();
        self.mail.store(false, Ordering::Relaxed);
        let mut woken = mem::take(&mut inbox.tickets);
        woken.retain(|ticket| {
            let is_retired = ticket.next.load(Ordering::Relaxed) == RETIRED;
            ticket.posted.store(is_retired, Ordering::Relaxed);
            ticket.put_on_chain()
        });
        drop(inbox);
        for ticket in woken {
            self.tell_woken(ticket.number, true);
        }
    }

    /// Takes the chain: calls `look` with each number, the newest first. It gives the number's ticket.
    pub(crate) fn take_chain<'a>(&self, mut look: impl FnMut(u32) -> &'a Ticket) {
        self.is_resting.store(false, Ordering::Relaxed);
        self.collect_mail();
        let mut number = self.newest.load(Ordering::Relaxed);
        self.newest.store(END, Ordering::Relaxed);
        while number != END {
            number = look(number).next.load(Ordering::Relaxed);
        }
    }

    /// Whether anything is ready.
    pub(crate) fn has_ready(&self) -> bool {
        self.newest.load(Ordering::Relaxed) != END || self.mail.load(Ordering::Acquire)
    }

    /// The owner is about to rest: `consumer` is to be woken when something arrives. False:
    /// something has arrived.
    ///
    /// The order resolves the race with a wake on another thread. Either the wake comes first, and
    /// the mail is up here; or it comes later, and finds the consumer. The lock leaves no third
    /// case.
    pub(crate) fn rest(&self, consumer: &Waker) -> bool {
        self.collect_mail();
        if self.has_ready() {
            return false;
        }
        let consumer = consumer.clone();
        let mut inbox = self.inbox();
        let is_idle = !self.has_ready();
        self.is_resting.store(is_idle, Ordering::Relaxed);
        let old = mem::replace(&mut inbox.consumer, is_idle.then_some(consumer));
        drop(inbox);
        drop(old);
        is_idle
    }

    /// Nobody is to be woken any more, unless [`rest`](Queue::rest) says so again.
    pub(crate) fn forget_consumer(&self) {
        let consumer = self.inbox().consumer.take();
        drop(consumer);
    }

    /// Throws away what is in the inbox. No ticket comes any more.
    pub(crate) fn clear(&self) {
        let inbox = mem::take(&mut *self.inbox());
        drop(inbox);
    }

    /// Wakes the owner if it rests: the thread of a loop, or the parent of a gather. That is rare.
    #[cold]
    fn wake_consumer(&self, mut inbox: MutexGuard<'_, Inbox>) {
        let consumer = inbox.consumer.take();
        // Waking runs code that we do not know. It must not find the inbox locked.
        drop(inbox);
        if let Some(consumer) = consumer {
            consumer.wake();
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // Nothing here panics while it holds the lock, so a poisoned inbox is a good inbox.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name for this thread: a number that no other thread ever has, not even when this one has ended.
/// (`ThreadId` would do, but asking for it clones an `Arc`.)
fn this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NAME: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    NAME.with(|name| *name)
}
