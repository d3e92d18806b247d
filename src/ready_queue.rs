//! Who wants to be polled? The heart of demitasse: the loop has one of these, and so has each
//! `gather`.
//!
//! An event loop is a gather that parks; a gather is an event loop that returns `Pending`. Both own
//! children, both poll only the children that were woken, and both must tell somebody when one is
//! woken while they rest: the loop tells its thread (unpark), the gather tells its parent (wake).
//!
//! Each child has a seat with a number, and a ticket that bears the number. The loop or the gather
//! takes the numbers that were called, a batch each turn, and polls the children in these seats. A
//! child that is done leaves, and its seat is free for another.
//!
//! Why seats that are used again, and not numbers that are never used twice, as in `small.rs`? A
//! seat is found without a search, and its ticket is there already. The price is care when a child
//! leaves: see [`leave`](ReadyQueue::leave).
//!
//! What always holds:
//! - **I2** the mark of a ticket is cleared just *before* the poll, so a wake that comes during the
//!   poll counts;
//! - **I3** a seat is free when its number is on no queue, and no waker of the child that left can
//!   put it there;
//! - a child and its waker are out of their seat while it is polled, and nothing is borrowed then.
//!
//! Read next: `event.rs`, what the loop tells those who watch.

use crate::panics::{Panic, catch, drop_each};
use crate::ticket::{Queue, Ticket};
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

/// Children of type `C`. Of each, its owner knows something that it can ask at any time: a `K`.
pub(crate) struct ReadyQueue<C, K: Copy = ()> {
    pub(crate) queue: Arc<Queue>,
    seats: RefCell<Vec<Seat<C, K>>>,
    /// The numbers of the seats that are free.
    free: RefCell<Vec<u32>>,
    /// Where the last look for a child that is not lost ended.
    not_lost: Cell<usize>,
    /// The queue belongs to its thread, and so does this, whatever the children are.
    stays: PhantomData<Rc<()>>,
}

/// One child's place. The child and its waker are out while it is polled.
struct Seat<C, K> {
    known: K,
    ticket: Arc<Ticket>,
    waker: Option<Waker>,
    child: Option<C>,
}

/// The clones of a ticket that its seat itself holds: `ticket` and `waker`.
const OWN_CLONES: usize = 2;

impl<C, K: Copy> ReadyQueue<C, K> {
    pub(crate) fn new(on_wake: Option<fn(u32, bool)>) -> Self {
        ReadyQueue {
            queue: Queue::new(on_wake),
            seats: RefCell::default(),
            free: RefCell::default(),
            not_lost: Cell::default(),
            stays: PhantomData,
        }
    }

    /// Seats a new child, which wants to be polled at once, and gives it a number. Numbers begin at
    /// 0; one is given again when its child has left.
    pub(crate) fn add(&self, known: K, child: C) -> u32 {
        // What came by mail came earlier (I14).
        self.queue.collect_mail();
        let mut seats = self.seats.borrow_mut();
        let number = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let number = u32::try_from(seats.len()).expect("fewer than four billion at once");
            seats.push(Seat::new(number, &self.queue, known));
            number
        });
        let seat = &mut seats[number as usize];
        seat.known = known;
        seat.child = Some(child);
        seat.ticket.put_on_chain();
        number
    }

    /// Appends every number that is ready to `batch`, the newest first: `pop` takes them in order.
    pub(crate) fn take_batch(&self, batch: &mut Vec<u32>) {
        let seats = self.seats.borrow();
        self.queue.take_chain(|number| {
            batch.push(number);
            &seats[number as usize].ticket
        });
    }

    /// Polls a child with its own waker. A wake before this line is answered by this poll (I1), a
    /// wake after it asks for another (I2). `None`: it had woken itself in its last poll, and has left.
    ///
    /// Inlined. As a call it copies the child through memory once more, and a yield takes 1.3 times
    /// as long.
    #[inline]
    pub(crate) fn poll<T>(
        &self,
        number: u32,
        poll: impl FnOnce(&mut C, &mut Context<'_>) -> T,
    ) -> Option<Result<T, Panic>> {
        self.queue.collect_mail();
        let mut seats = self.seats.borrow_mut();
        let seat = &mut seats[number as usize];
        seat.ticket.clear();
        let Some(mut child) = seat.child.take() else {
            drop(seats);
            self.leave(number);
            return None;
        };
        // Lent, not cloned: a clone would cost two atomic additions a poll.
        let waker = seat.waker.take();
        drop(seats);
        let cx = &mut Context::from_waker(waker.as_ref()?);
        let polled = catch(|| poll(&mut child, cx));
        let seat = &mut self.seats.borrow_mut()[number as usize];
        seat.child = Some(child);
        seat.waker = waker;
        Some(polled)
    }

    /// Takes a child out of its seat, to be dropped. Then it is to [`leave`](ReadyQueue::leave).
    pub(crate) fn take(&self, number: u32) -> Option<C> {
        self.seats.borrow_mut()[number as usize].child.take()
    }

    /// The child is gone, and another may come to sit here: no late wake for the one may reach the
    /// other (I3).
    pub(crate) fn leave(&self, number: u32) {
        let seat = &mut self.seats.borrow_mut()[number as usize];
        // It woke itself in its last poll. When its number comes off the queue, `poll` comes here.
        if seat.ticket.is_queued() {
            return;
        }
        if seat.is_waker_kept() {
            let old = mem::replace(seat, Seat::new(number, &self.queue, seat.known));
            old.ticket.retire();
        }
        self.free.borrow_mut().push(number);
    }

    /// Whether this child kept no waker and is not queued: a proof that nobody can ever wake it
    /// (I13).
    pub(crate) fn is_lost(&self, number: u32) -> bool {
        self.seats.borrow()[number as usize].is_lost()
    }

    /// Whether that is so of all children. It stops at the first of which it is not, and begins
    /// there the next time.
    pub(crate) fn is_lost_whole(&self) -> bool {
        let seats = self.seats.borrow();
        let is_fine = |at: &usize| seats[*at].child.is_some() && !seats[*at].is_lost();
        let first = self.not_lost.get();
        let found = (first..seats.len()).chain(0..first).find(is_fine);
        self.not_lost.set(found.unwrap_or(0));
        found.is_none()
    }

    /// What is known of the child with this number.
    pub(crate) fn known(&self, number: u32) -> K {
        self.seats.borrow()[number as usize].known
    }

    /// Whether a child has this number now.
    pub(crate) fn is_seated(&self, number: u32) -> bool {
        self.seats.borrow()[number as usize].child.is_some()
    }

    /// The numbers of the children that have not left.
    pub(crate) fn seated(&self) -> Vec<u32> {
        let numbers = 0..self.seats.borrow().len() as u32;
        numbers.filter(|number| self.is_seated(*number)).collect()
    }

    /// The owner has ended. Wakes do nothing from now on.
    pub(crate) fn close(&self) {
        let seats = self.seats.borrow();
        for seat in seats.iter().filter(|seat| seat.is_waker_kept()) {
            seat.ticket.retire();
        }
        self.queue.clear();
    }
}

impl<C, K: Copy> Drop for ReadyQueue<C, K> {
    fn drop(&mut self) {
        self.close();
        let seats = self.seats.get_mut().iter_mut();
        drop_each(seats.filter_map(|seat| seat.child.take()));
    }
}

impl<C, K> Seat<C, K> {
    fn new(number: u32, queue: &Arc<Queue>, known: K) -> Self {
        let ticket = Ticket::new(number, queue);
        Seat {
            known,
            waker: Some(Waker::from(Arc::clone(&ticket))),
            child: None,
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
