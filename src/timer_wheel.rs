//! Which timer is due next? A hierarchical timer wheel answers without ever sorting all of them.
//!
//! The obvious structure is a heap. It pays for its order at every insert and every cancel, and
//! most timers are timeouts: they are made, and cancelled long before they are due. The wheel only
//! sorts what is nearly due. It is the structure of Varghese and Lauck (1987), and of the kernels
//! and runtimes that have many timers (Linux, Kafka, tokio).
//!
//! A deadline is a number of nanoseconds. Write it in base 64: eleven digits hold every `u64`. Each
//! digit is a *level*, and each level has 64 *slots*, like the marks of a clock face. The *hand*
//! stands where time was when a slot was last due. A timer waits on the level of the **first digit
//! in which its deadline differs from the hand**, in the slot of that digit:
//!
//! ```text
//!                  level 3   2   1   0
//!   hand      ...   00  00  02  17
//!   deadline  ...   00  00  05  40         first difference: level 1, so slot 5 of level 1
//! ```
//!
//! (Each of these is one digit of base 64, written as a number from 0 to 63.)
//!
//! When the hand reaches that slot, its timers are either due or move down to a finer level. So a
//! timer moves at most ten times, usually two or three, and cancelling costs the same whether ten
//! or ten million others wait.
//!
//! What always holds:
//! - every timer waits at [`place`] of its deadline, seen from the hand. So each timer on
//!   a level is due before all those on the levels above, and two timers with one deadline are in
//!   one slot, in the order of insertion;
//! - a slot's bit in `occupied` is set when its list is not empty;
//! - a slot's deadline is never later than any in it. That is why the loop can park until the exact
//!   moment: a tick groups timers, it never rounds a deadline;
//! - a key finds the timer that it was made for, or nothing.
//!
//! Slots and timers lie in one table. A slot is a list that goes through the table in a circle, by
//! index: O(1) to insert and to cancel, without a pointer in sight. A loop that runs for a week
//! makes millions of timers, and only a few are alive at a time, so entries are used again. An index
//! alone is then no name: it may mean another timer tomorrow. A key adds a serial number that is
//! never used twice. (The `slab` crate, on which tokio and mio are built, is such a table.)
//!
//! Read next: `clock.rs`, which says what time it is.

use std::fmt;

const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = 64usize.div_ceil(BITS as usize);

/// A structure of timers: each is a deadline and a value that [`advance`](TimerWheel::advance)
/// hands back when it is due.
///
/// Deadlines and `now` are nanoseconds (`u64`) since the wheel's own zero. The wheel reads no
/// clock: its owner says what time it is. The demitasse loop keeps the wakers of its
/// [`Sleep`](crate::Sleep)s in one; it is public, to be played with. The design is the
/// hierarchical timing wheel of Varghese and Lauck, *Hashed and Hierarchical Timing Wheels* (SOSP
/// 1987), with 11 levels of 64 slots.
///
/// ```
/// use demitasse::TimerWheel;
///
/// let mut wheel = TimerWheel::new();
/// let tea = wheel.insert(180_000_000_000, "tea");
/// wheel.insert(25_000_000_000, "espresso");
/// assert_eq!(wheel.next_deadline(), Some(25_000_000_000));
///
/// let mut due = Vec::new();
/// wheel.advance(30_000_000_000, &mut due);
/// assert_eq!(due, ["espresso"]);
/// assert_eq!(wheel.cancel(tea), Some("tea"));
/// assert!(wheel.is_empty());
/// ```
pub struct TimerWheel<T> {
    /// The latest time that `advance` was told.
    now: u64,
    /// The time from which the places are seen. It moves only when a slot is due, so that no
    /// timer moves down a level for nothing.
    hand: u64,
    /// For each level, a bit for each slot that is not empty.
    occupied: [u64; LEVELS],
    /// First all slots, level by level, and then the timers. Made with the first timer.
    entries: Vec<Entry<T>>,
    /// The entries of timers that are gone.
    empty: Vec<u32>,
    next_serial: u64,
    /// Scratch for `expire`: (deadline, index) of what is due.
    due: Vec<(u64, u32)>,
}

/// Names one timer of one [`TimerWheel`], and is never mistaken for a later one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TimerKey {
    pub(crate) index: u32,
    pub(crate) serial: u64,
}

/// A timer, and the level and slot to which it moved.
pub(crate) type Moved = (TimerKey, (usize, usize));

/// A timer. Or a slot: it has no value, and is before the first of its timers and after the last.
struct Entry<T> {
    serial: u64,
    /// Of a slot, the earliest that is in it.
    deadline: u64,
    previous: u32,
    next: u32,
    value: Option<T>,
}

impl<T> Entry<T> {
    /// A slot that is empty: its own neighbour.
    fn slot(index: u32) -> Self {
        Entry {
            serial: 0,
            deadline: u64::MAX,
            previous: index,
            next: index,
            value: None,
        }
    }
}

/// The level and slot of a deadline, seen from `hand`. A deadline before that waits in the slot
/// where the hand stands.
fn place(hand: u64, deadline: u64) -> (usize, usize) {
    let deadline = deadline.max(hand);
    // `| 1` because a number without a set bit has no highest one; it does not change the level.
    let level = ((hand ^ deadline) | 1).ilog2() / BITS;
    (level as usize, digit(deadline, level as usize))
}

fn digit(time: u64, level: usize) -> usize {
    (time >> (BITS * level as u32)) as usize % SLOTS
}

impl<T> TimerWheel<T> {
    /// An empty wheel at time 0.
    pub fn new() -> Self {
        TimerWheel {
            now: 0,
            hand: 0,
            occupied: [0; LEVELS],
            entries: Vec::new(),
            empty: Vec::new(),
            next_serial: 0,
            due: Vec::new(),
        }
    }

    /// Adds a timer that is due at `deadline`, in nanoseconds since the wheel's zero. One that is
    /// past already is due at the next [`advance`](TimerWheel::advance). O(1).
    ///
    /// # Panics
    ///
    /// With more than four billion timers at once.
    pub fn insert(&mut self, deadline: u64, value: T) -> TimerKey {
        if self.entries.is_empty() {
            self.entries = (0..(LEVELS * SLOTS) as u32).map(Entry::slot).collect();
        }
        let index = self.empty.pop().unwrap_or_else(|| {
            self.entries.push(Entry::slot(0));
            u32::try_from(self.entries.len() - 1).expect("fewer than four billion at once")
        });
        let serial = self.next_serial;
        self.next_serial += 1;
        let entry = self.at(index);
        (entry.serial, entry.deadline, entry.value) = (serial, deadline, Some(value));
        self.link(index);
        TimerKey { index, serial }
    }

    /// Takes a timer out before it is due, and returns its value; `None` if it fired or was
    /// cancelled already. O(1).
    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        let value = self.find(key)?.value.take()?;
        self.unlink(key.index);
        self.empty.push(key.index);
        Some(value)
    }

    /// The time to advance to next, in nanoseconds since the wheel's zero; `None` when the wheel is
    /// empty.
    ///
    /// It is never later than the earliest timer. It is equal to it when no timer was cancelled; a
    /// cancelled one may leave its deadline standing until then.
    pub fn next_deadline(&self) -> Option<u64> {
        // The first slot of the finest level holds the earliest: all others differ from the hand
        // in a higher digit.
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        Some(self.entries[level * SLOTS + self.occupied[level].trailing_zeros() as usize].deadline)
    }

    /// Moves the wheel's time on to `now` and appends the values of the timers that are due
    /// (deadline ≤ `now`) to `due`: by deadline, and those with one deadline in the order in which
    /// they were inserted. A `now` in the past does nothing.
    pub fn advance(&mut self, now: u64, due: &mut Vec<T>) {
        self.expire(now, None, |_, value| due.push(value));
    }

    pub(crate) fn get_mut(&mut self, key: TimerKey) -> Option<&mut T> {
        self.find(key)?.value.as_mut()
    }

    /// The level and slot in which a timer with this deadline waits now.
    pub(crate) fn place(&self, deadline: u64) -> (usize, usize) {
        place(self.hand, deadline)
    }

    /// How many timers wait.
    pub fn len(&self) -> usize {
        let used = self.entries.len() - self.empty.len();
        used.saturating_sub(LEVELS * SLOTS)
    }

    /// Whether no timer waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `fire` for each timer that is due at `now`, in the order that `advance` promises. Where
    /// it is asked, says which timers moved to a finer level, and the level and slot.
    pub(crate) fn expire(
        &mut self,
        now: u64,
        mut moved: Option<&mut Vec<Moved>>,
        mut fire: impl FnMut(TimerKey, T),
    ) {
        if now < self.now {
            return;
        }
        self.now = now;
        if self.next_deadline().is_none_or(|next| now < next) {
            return;
        }
        let (top, _) = place(self.hand, now);
        self.hand = now;
        for level in 0..top {
            // Below the highest digit that changes, time has passed every slot.
            self.sweep(level, SLOTS - 1, moved.as_deref_mut());
        }
        self.sweep(top, digit(now, top), moved);
        // Finer levels and lower slots came first. What is left to order is a slot that was due as
        // a whole.
        let mut due = std::mem::take(&mut self.due);
        due.sort_by_key(|&(deadline, _)| deadline);
        for (_, index) in due.drain(..) {
            let entry = self.at(index);
            let serial = entry.serial;
            let value = entry.value.take().expect("it is due");
            self.empty.push(index);
            fire(TimerKey { index, serial }, value);
        }
        self.due = due;
    }

    /// Empties the slots of a level up to `reached`: each timer is due, or moves to a finer level.
    fn sweep(&mut self, level: usize, reached: usize, mut moved: Option<&mut Vec<Moved>>) {
        let passed = self.occupied[level] & (u64::MAX >> (SLOTS - 1 - reached));
        self.occupied[level] &= !passed;
        let mut left = passed;
        while left != 0 {
            let slot = (level * SLOTS) as u32 + left.trailing_zeros();
            left &= left - 1;
            let mut index = self.at(slot).next;
            *self.at(slot) = Entry::slot(slot);
            while index != slot {
                let timer = self.at(index);
                let (serial, deadline, next) = (timer.serial, timer.deadline, timer.next);
                if deadline <= self.now {
                    self.due.push((deadline, index));
                } else {
                    debug_assert!(place(self.hand, deadline).0 < level);
                    self.link(index);
                    if let Some(moved) = &mut moved {
                        moved.push((TimerKey { index, serial }, self.place(deadline)));
                    }
                }
                index = next;
            }
        }
    }

    /// Appends a timer to the list of its slot.
    fn link(&mut self, index: u32) {
        let deadline = self.at(index).deadline;
        let (level, slot) = place(self.hand, deadline);
        self.occupied[level] |= 1 << slot;
        let next = (level * SLOTS + slot) as u32;
        let slot = self.at(next);
        slot.deadline = slot.deadline.min(deadline);
        let previous = std::mem::replace(&mut slot.previous, index);
        self.at(previous).next = index;
        let timer = self.at(index);
        (timer.previous, timer.next) = (previous, next);
    }

    /// Takes a timer out of the list of its slot.
    fn unlink(&mut self, index: u32) {
        let &mut Entry { previous, next, .. } = self.at(index);
        self.at(previous).next = next;
        self.at(next).previous = previous;
        if previous == next {
            // It was alone with its slot.
            *self.at(next) = Entry::slot(next);
            self.occupied[next as usize / SLOTS] &= !(1 << (next as usize % SLOTS));
        }
    }

    fn at(&mut self, index: u32) -> &mut Entry<T> {
        &mut self.entries[index as usize]
    }

    fn find(&mut self, key: TimerKey) -> Option<&mut Entry<T>> {
        let entry = self.entries.get_mut(key.index as usize);
        entry.filter(|entry| entry.serial == key.serial)
    }
}

impl<T> fmt::Debug for TimerWheel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, next) = (self.len(), self.next_deadline());
        write!(
            f,
            "TimerWheel {{ len: {len}, next_deadline: {next:?}, .. }}"
        )
    }
}

impl<T> Default for TimerWheel<T> {
    fn default() -> Self {
        Self::new()
    }
}
