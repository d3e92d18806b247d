//! One table of reusable slots. Tasks live in one, timers in another.
//!
//! A loop that runs for a week makes millions of tasks and timers, and only a few are alive at a
//! time. A plain `Vec` would grow for ever; a `HashMap` would hash a number to find a number. A
//! slab is a `Vec` whose empty slots form a list: inserting takes the first empty slot, removing
//! puts the slot back, and both touch one element.
//!
//! Slots are used again, so a slot's index alone is not a name: it may mean another thing tomorrow.
//! The [`Key`] adds a serial number that is never used twice.
//!
//! What always holds:
//! - a key finds the value that it was made for, or nothing;
//! - the list of empty slots reaches every empty slot once.
//!
//! The idea is that of the `slab` crate, on which tokio and mio are built. Read next:
//! `timer_wheel.rs`, its first user.

use std::ops::{Index, IndexMut};

/// The index that stands for "none", in this table and in lists that are threaded through it.
pub(crate) const NONE: u32 = u32::MAX;

/// Names one value in a slab, for ever.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) serial: u64,
}

pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    first_empty: u32,
    next_serial: u64,
    len: usize,
}

enum Slot<T> {
    Empty { next_empty: u32 },
    Full { serial: u64, value: T },
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Slab {
            slots: Vec::new(),
            first_empty: NONE,
            next_serial: 0,
            len: 0,
        }
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        let serial = self.next_serial;
        self.next_serial += 1;
        self.len += 1;
        let full = Slot::Full { serial, value };
        let index = self.first_empty;
        match self.slots.get_mut(index as usize) {
            Some(slot) => {
                if let Slot::Empty { next_empty } = *slot {
                    self.first_empty = next_empty;
                }
                *slot = full;
                Key { index, serial }
            }
            None => {
                let index =
                    u32::try_from(self.slots.len()).expect("fewer than four billion at once");
                self.slots.push(full);
                Key { index, serial }
            }
        }
    }

    /// Takes a value out, and its slot is free for the next.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        match self.slots.get(key.index as usize) {
            Some(Slot::Full { serial, .. }) if *serial == key.serial => {
                Some(self.remove_at(key.index))
            }
            _ => None,
        }
    }

    /// The same for a caller that knows that the slot is full.
    #[inline]
    pub(crate) fn remove_at(&mut self, index: u32) -> T {
        let empty = Slot::Empty {
            next_empty: self.first_empty,
        };
        match std::mem::replace(&mut self.slots[index as usize], empty) {
            Slot::Full { value, .. } => {
                self.first_empty = index;
                self.len -= 1;
                value
            }
            Slot::Empty { .. } => panic!("slot {index} is empty"),
        }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        match self.slots.get(key.index as usize) {
            Some(Slot::Full { serial, value }) if *serial == key.serial => Some(value),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.slots.get_mut(key.index as usize) {
            Some(Slot::Full { serial, value }) if *serial == key.serial => Some(value),
            _ => None,
        }
    }

    /// The key of the value that is in this slot now.
    pub(crate) fn key_at(&self, index: u32) -> Option<Key> {
        match self.slots.get(index as usize) {
            Some(Slot::Full { serial, .. }) => Some(Key {
                index,
                serial: *serial,
            }),
            _ => None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// For lists threaded through the table: a caller that holds the index knows that the slot is full.
impl<T> Index<u32> for Slab<T> {
    type Output = T;
    fn index(&self, index: u32) -> &T {
        match &self.slots[index as usize] {
            Slot::Full { value, .. } => value,
            Slot::Empty { .. } => panic!("slot {index} is empty"),
        }
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        match &mut self.slots[index as usize] {
            Slot::Full { value, .. } => value,
            Slot::Empty { .. } => panic!("slot {index} is empty"),
        }
    }
}
