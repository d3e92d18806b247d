//! Who wants to be polled? The heart of demitasse: the loop has one of these queues, and so has
//! each `gather`.
//!
//! An event loop is a gather that parks; a gather is an event loop that returns `Pending`. Both own
//! children, both poll only the children that were woken, and both must tell somebody when one is
//! woken while they rest: the loop tells its thread (unpark), the gather tells its parent (wake).
//! That is all this file does.
//!
//! Each child has a seat with a number, and a [`Ticket`] that bears the number. A [`Waker`] is a
//! shared pointer to the ticket: **a waker never touches a future, it only puts a number on a
//! queue.** So wakers can be `Send + Sync` and go to any thread, while the futures stay here and
//! need to be neither.
//!
//! There are two ways to the queue:
//!
//! - **by hand**: while the owner runs on this thread, a wake from this thread puts the ticket on a
//!   chain, newest first. Each ticket says which one comes behind it. No other thread touches the
//!   chain, so plain loads and stores do, where a lock would make a yield nearly twice as slow.
//!   (They are atomics only because a waker must be `Sync`, and safe Rust does not take our word
//!   for who calls it.)
//! - **by mail**: any other wake goes to an inbox behind a mutex. The owner empties it when the
//!   flag on it is up.
//!
//! What always holds:
//! - **I1** a number is on the chain at most once, and in the inbox at most once. Wakes before the
//!   next poll are one poll;
//! - **I2** both marks are cleared just *before* the poll, so a wake that comes during the poll
//!   counts;
//! - **I3** a ticket whose child is gone stays marked for ever, so that late wakes do nothing;
//! - **I9** an owner that rests says first whom to wake, and then looks again. See [`rest`](ReadyQueue::rest).
//!
//! Read next: `event.rs`, what the loop tells those who watch.

use crate::panics::drop_each;
use std::cell::RefCell;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// In `Ticket::next`: this ticket is not on the chain.
const NOT_QUEUED: u32 = u32::MAX;
/// In `Ticket::next` and `Shared::newest`: here the chain ends.
const END: u32 = u32::MAX - 1;
/// In `Ticket::next`: its child is gone, and it will never be queued again.
const RETIRED: u32 = u32::MAX - 2;
/// In `Shared::home`: the owner runs on no thread.
const NOWHERE: usize = 0;

pub(crate) struct ReadyQueue<C> {
    shared: Arc<Shared>,
    seats: RefCell<Vec<Seat<C>>>,
}

/// What the tickets share with their queue.
struct Shared {
    /// The thread on which the owner runs now, or `NOWHERE`.
    home: AtomicUsize,
    /// The chain's newest number. Only the home thread reads and writes the chain.
    newest: AtomicU32,
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
    is_closed: bool,
}

/// One child's place. The child and its waker are out while it is polled.
struct Seat<C> {
    ticket: Arc<Ticket>,
    waker: Option<Waker>,
    child: Option<C>,
}

struct Ticket {
    number: u32,
    /// The next older number on the chain, or `END`, or `NOT_QUEUED`.
    next: AtomicU32,
    /// Whether this ticket is in the inbox. Only written under its lock.
    posted: AtomicBool,
    queue: Arc<Shared>,
}

/// The clones of a ticket that its seat itself holds: `ticket` and `waker`.
const OWN_CLONES: usize = 2;

impl Wake for Ticket {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Only a thread itself writes its own name there, so "it is me" is never out of date.
        if self.queue.home.load(Ordering::Relaxed) == this_thread() {
            // What came by mail came earlier (I14).
            self.queue.collect_mail();
            if self.put_on_chain() {
                self.queue.tell_woken(self.number, false);
            }
        } else {
            self.post();
        }
    }
}

impl Ticket {
    fn new(number: u32, queue: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Ticket {
            number,
            next: AtomicU32::new(NOT_QUEUED),
            posted: AtomicBool::new(false),
            queue: Arc::clone(queue),
        })
    }

    #[inline]
    fn is_queued(&self) -> bool {
        self.next.load(Ordering::Relaxed) != NOT_QUEUED
    }

    fn is_retired(&self) -> bool {
        self.next.load(Ordering::Relaxed) == RETIRED
    }

    /// Puts the number on the chain; false if it is there already. On the home thread only.
    fn put_on_chain(&self) -> bool {
        if self.is_queued() {
            return false;
        }
        let newest = self.queue.newest.load(Ordering::Relaxed);
        self.next.store(newest, Ordering::Relaxed);
        self.queue.newest.store(self.number, Ordering::Relaxed);
        true
    }

    /// Puts the number in the inbox, if it is not there, and wakes the owner if it rests.
    #[inline(never)]
    fn post(self: &Arc<Self>) {
        let mut inbox = self.queue.inbox();
        if inbox.is_closed || self.posted.load(Ordering::Relaxed) {
            return;
        }
        self.posted.store(true, Ordering::Relaxed);
        inbox.tickets.push(Arc::clone(self));
        // `Release`, and `Acquire` where it is read: what this thread did before the wake is seen
        // by the poll.
        self.queue.mail.store(true, Ordering::Release);
        let consumer = inbox.consumer.take();
        // Waking runs code that we do not know. It must not find the inbox locked.
        drop(inbox);
        if let Some(consumer) = consumer {
            consumer.wake();
        }
    }
}

impl Shared {
    fn tell_woken(&self, number: u32, came_by_mail: bool) {
        if let Some(on_wake) = self.on_wake {
            on_wake(number, came_by_mail);
        }
    }

    /// Moves the inbox to the chain. On the home thread only.
    #[inline]
    fn collect_mail(&self) {
        // Nearly always down, and then one plain load is all.
        if self.mail.load(Ordering::Acquire) {
            self.empty_inbox();
        }
    }

    #[cold]
    fn empty_inbox(&self) {
        let mut woken = Vec::new();
        {
            let mut inbox = self.inbox();
            self.mail.store(false, Ordering::Relaxed);
            for ticket in inbox.tickets.drain(..) {
                if ticket.is_retired() {
                    continue;
                }
                ticket.posted.store(false, Ordering::Relaxed);
                if ticket.put_on_chain() && self.on_wake.is_some() {
                    woken.push(ticket.number);
                }
            }
        }
        for number in woken {
            self.tell_woken(number, true);
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // Nothing here panics while it holds the lock, so a poisoned inbox is a good inbox.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> ReadyQueue<C> {
    pub(crate) fn new(on_wake: Option<fn(u32, bool)>) -> Self {
        let shared = Shared {
            home: AtomicUsize::new(NOWHERE),
            newest: AtomicU32::new(END),
            mail: AtomicBool::new(false),
            inbox: Mutex::default(),
            on_wake,
        };
        ReadyQueue {
            shared: Arc::new(shared),
            seats: RefCell::default(),
        }
    }

    /// From now until the guard is dropped, the owner runs on this thread.
    pub(crate) fn come_home(&self) -> Home<'_> {
        self.shared.home.store(this_thread(), Ordering::Relaxed);
        Home(&self.shared.home)
    }

    /// Seats a new child, which wants to be polled at once. Numbers begin at 0 and are given by the
    /// owner, without gaps; one is given again when its child has left and its mark is off.
    pub(crate) fn add(&self, number: u32, child: C) {
        // What came by mail came earlier (I14).
        self.shared.collect_mail();
        let mut seats = self.seats.borrow_mut();
        match seats.get_mut(number as usize) {
            Some(seat) => seat.child = Some(child),
            None => seats.push(Seat::new(number, &self.shared, child)),
        }
        seats[number as usize].ticket.put_on_chain();
    }

    /// Appends every number that is ready to `batch`, the newest first: `pop` takes them in order.
    pub(crate) fn take_batch(&self, batch: &mut Vec<u32>) {
        self.shared.collect_mail();
        let seats = self.seats.borrow();
        let mut number = self.shared.newest.load(Ordering::Relaxed);
        self.shared.newest.store(END, Ordering::Relaxed);
        while number != END {
            batch.push(number);
            number = seats[number as usize].ticket.next.load(Ordering::Relaxed);
        }
    }

    /// Takes a child out to be polled, with its own waker; `None` if it has left. A wake before
    /// this line is answered by this poll (I1), a wake after it asks for another (I2).
    ///
    /// Inlined, as `put_back` is. As calls they copy the child through memory once more, and a yield
    /// takes 1.3 times as long.
    #[inline]
    pub(crate) fn take(&self, number: u32) -> Option<(C, Waker)> {
        self.shared.collect_mail();
        let seat = &mut self.seats.borrow_mut()[number as usize];
        seat.ticket.next.store(NOT_QUEUED, Ordering::Relaxed);
        // Lent, not cloned: a clone would cost two atomic additions a poll.
        let child = seat.child.take()?;
        seat.waker.take().map(|waker| (child, waker))
    }

    /// The child is still pending. Whether it is lost.
    #[inline]
    pub(crate) fn put_back(&self, number: u32, child: C, waker: Waker) -> bool {
        let seat = &mut self.seats.borrow_mut()[number as usize];
        seat.waker = Some(waker);
        seat.child = Some(child);
        seat.is_lost()
    }

    /// The child is done, and another may come to sit here: no late wake for the one may reach the
    /// other (I3). Whether its number is still on the chain: then the seat is not free before it
    /// is taken off.
    pub(crate) fn leave(&self, number: u32, waker: Option<Waker>) -> bool {
        let seat = &mut self.seats.borrow_mut()[number as usize];
        seat.waker = waker.or(seat.waker.take());
        if seat.ticket.is_queued() {
            return true;
        }
        if seat.is_waker_kept() {
            let old = mem::replace(&mut seat.ticket, Ticket::new(number, &self.shared));
            seat.waker = Some(Waker::from(Arc::clone(&seat.ticket)));
            let _inbox = self.shared.inbox();
            // If it is in the inbox, it is thrown away where that is emptied.
            old.next.store(RETIRED, Ordering::Relaxed);
            old.posted.store(true, Ordering::Relaxed);
        }
        false
    }

    /// Whether anything is ready.
    pub(crate) fn has_ready(&self) -> bool {
        self.shared.newest.load(Ordering::Relaxed) != END
            || self.shared.mail.load(Ordering::Acquire)
    }

    /// Whether this child kept no waker and is not queued: a proof that nobody can ever wake it
    /// (I13).
    pub(crate) fn is_lost(&self, number: u32) -> bool {
        self.seats.borrow()[number as usize].is_lost()
    }

    /// Whether that is so of all children. Stops at the first of which it is not.
    pub(crate) fn is_lost_whole(&self) -> bool {
        let seats = self.seats.borrow();
        let mut seated = seats.iter().filter(|seat| seat.child.is_some());
        seated.all(Seat::is_lost)
    }

    /// Whether a child has this number now.
    pub(crate) fn is_seated(&self, number: u32) -> bool {
        self.seats.borrow()[number as usize].child.is_some()
    }

    /// The children that have not left, with their numbers.
    pub(crate) fn inspect(&self, mut look: impl FnMut(u32, &C)) {
        for (seat, number) in self.seats.borrow().iter().zip(0..) {
            if let Some(child) = &seat.child {
                look(number, child);
            }
        }
    }

    /// The owner is about to rest: `consumer` is to be woken when something arrives. False:
    /// something has arrived.
    ///
    /// The order resolves the race with a wake on another thread. Either the wake comes first, and
    /// the inbox is not empty here; or it comes later, and finds the consumer. The lock leaves no
    /// third case.
    pub(crate) fn rest(&self, consumer: &Waker) -> bool {
        self.shared.collect_mail();
        if self.has_ready() {
            return false;
        }
        let consumer = consumer.clone();
        let mut inbox = self.shared.inbox();
        if !inbox.tickets.is_empty() {
            return false;
        }
        let old = inbox.consumer.replace(consumer);
        drop(inbox);
        drop(old);
        true
    }

    /// Nobody is to be woken any more, unless [`rest`](ReadyQueue::rest) says so again.
    pub(crate) fn forget_consumer(&self) {
        let consumer = self.shared.inbox().consumer.take();
        drop(consumer);
    }

    /// The owner has ended. Wakes do nothing from now on.
    pub(crate) fn close(&self) {
        let closed = Inbox {
            is_closed: true,
            ..Inbox::default()
        };
        let old = mem::replace(&mut *self.shared.inbox(), closed);
        drop(old);
    }
}

impl<C> Drop for ReadyQueue<C> {
    fn drop(&mut self) {
        self.close();
        let seats = self.seats.get_mut().iter_mut();
        drop_each(seats.filter_map(|seat| seat.child.take()));
    }
}

impl<C> Seat<C> {
    fn new(number: u32, shared: &Arc<Shared>, child: C) -> Self {
        let ticket = Ticket::new(number, shared);
        Seat {
            waker: Some(Waker::from(Arc::clone(&ticket))),
            child: Some(child),
            ticket,
        }
    }

    #[inline]
    fn is_lost(&self) -> bool {
        // A ticket in the inbox is a clone that is kept.
        !self.is_waker_kept() && !self.ticket.is_queued()
    }

    /// Whether anybody but the seat holds a clone of the ticket.
    fn is_waker_kept(&self) -> bool {
        // The count cannot be out of date on the wrong side. It was higher as soon as the child was
        // lent its waker and cloned it, and only who has a clone can make another. Once it has come
        // down to our own, it stays there; and a ticket in the inbox counts.
        Arc::strong_count(&self.ticket) > OWN_CLONES
    }
}

/// While this is alive, the owner of a queue runs on the thread that made it.
pub(crate) struct Home<'a>(&'a AtomicUsize);

impl Drop for Home<'_> {
    fn drop(&mut self) {
        self.0.store(NOWHERE, Ordering::Relaxed);
    }
}

/// A name for this thread: a number that no other thread ever has, not even when this one has ended.
/// (`ThreadId` would do, but asking for it clones an `Arc`.)
fn this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(NOWHERE + 1);
    thread_local!(static NAME: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    NAME.with(|name| *name)
}
