//! Structures of timers, without a loop: the wheel, and two that `std` offers.

use crate::measure::{Row, Span, row};
use demitasse::TimerWheel;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::hint::black_box;

const ENOUGH: u64 = 200_000;
const SECOND: u64 = 1_000_000_000;

/// Deadlines within a minute, in no order.
fn deadline(i: u64) -> u64 {
    SECOND + i * 7_919_000_003 % (60 * SECOND)
}

trait Timers {
    type Key;
    fn new() -> Self;
    fn insert(&mut self, deadline: u64) -> Self::Key;
    fn cancel(&mut self, key: Self::Key);
    /// Takes out what is due, and says how many.
    fn advance(&mut self, now: u64) -> usize;
}

struct Wheel(TimerWheel<()>, Vec<()>);

impl Timers for Wheel {
    type Key = demitasse::TimerKey;
    fn new() -> Self {
        Wheel(TimerWheel::new(), Vec::new())
    }
    fn insert(&mut self, deadline: u64) -> Self::Key {
        self.0.insert(deadline, ())
    }
    fn cancel(&mut self, key: Self::Key) {
        self.0.cancel(key);
    }
    fn advance(&mut self, now: u64) -> usize {
        self.1.clear();
        self.0.advance(now, &mut self.1);
        self.1.len()
    }
}

/// A heap cannot take out of its middle: what is cancelled stays in it until its time.
struct Heap(BinaryHeap<Reverse<(u64, usize)>>, Vec<bool>);

impl Timers for Heap {
    type Key = usize;
    fn new() -> Self {
        Heap(BinaryHeap::new(), Vec::new())
    }
    fn insert(&mut self, deadline: u64) -> usize {
        self.1.push(true);
        self.0.push(Reverse((deadline, self.1.len() - 1)));
        self.1.len() - 1
    }
    fn cancel(&mut self, key: usize) {
        self.1[key] = false;
        while let Some(Reverse((_, first))) = self.0.peek()
            && !self.1[*first]
        {
            self.0.pop();
        }
    }
    fn advance(&mut self, now: u64) -> usize {
        let mut due = 0;
        while let Some(&Reverse((deadline, key))) = self.0.peek()
            && deadline <= now
        {
            self.0.pop();
            due += usize::from(self.1[key]);
        }
        due
    }
}

struct Tree(BTreeMap<(u64, u64), ()>, u64);

impl Timers for Tree {
    type Key = (u64, u64);
    fn new() -> Self {
        Tree(BTreeMap::new(), 0)
    }
    fn insert(&mut self, deadline: u64) -> Self::Key {
        self.1 += 1;
        self.0.insert((deadline, self.1), ());
        (deadline, self.1)
    }
    fn cancel(&mut self, key: Self::Key) {
        self.0.remove(&key);
    }
    fn advance(&mut self, now: u64) -> usize {
        let mut due = 0;
        while let Some(first) = self.0.first_entry()
            && first.key().0 <= now
        {
            first.remove();
            due += 1;
        }
        due
    }
}

/// Makes a timer and cancels it, while n others wait.
fn make_and_cancel<T: Timers>(n: u64) -> f64 {
    let mut timers = T::new();
    for i in 0..n {
        timers.insert(deadline(i) + 60 * SECOND);
    }
    let span = Span::start();
    for i in 0..ENOUGH {
        let key = timers.insert(black_box(deadline(i)));
        timers.cancel(key);
    }
    span.cost(ENOUGH)
}

/// Cancels all of n timers, in no order.
fn cancel_in_any_order<T: Timers>(n: u64) -> f64 {
    // A prime, so that `i * STRIDE % n` takes each value once, and never two neighbours in turn.
    const STRIDE: u64 = 982_451_653;
    let make = |_| {
        let mut timers = T::new();
        let keys: Vec<_> = (0..n).map(|i| Some(timers.insert(deadline(i)))).collect();
        (timers, keys)
    };
    let mut rounds: Vec<_> = (0..ENOUGH.div_ceil(n)).map(make).collect();
    let span = Span::start();
    for (timers, keys) in &mut rounds {
        for i in 0..n {
            let key = keys[(i * STRIDE % n) as usize].take();
            timers.cancel(key.expect("each is cancelled once"));
        }
    }
    span.cost(n * rounds.len() as u64)
}

/// Makes n timers, and lets them all be due, in as many steps.
fn make_and_expire<T: Timers>(n: u64) -> f64 {
    let rounds = ENOUGH.div_ceil(n);
    let span = Span::start();
    for _ in 0..rounds {
        let mut timers = T::new();
        for i in 0..n {
            timers.insert(black_box(deadline(i)));
        }
        let step = 61 * SECOND / n;
        let due: usize = (0..=n).map(|i| timers.advance(i * step)).sum();
        assert_eq!(due as u64, n);
    }
    span.cost(n * rounds)
}

pub fn rows() -> Vec<Row> {
    vec![
        row("make and cancel: wheel", make_and_cancel::<Wheel>),
        row("make and cancel: std BinaryHeap", make_and_cancel::<Heap>),
        row("make and cancel: std BTreeMap", make_and_cancel::<Tree>),
        row("cancel in any order: wheel", cancel_in_any_order::<Wheel>),
        row(
            "cancel in any order: std BinaryHeap",
            cancel_in_any_order::<Heap>,
        ),
        row(
            "cancel in any order: std BTreeMap",
            cancel_in_any_order::<Tree>,
        ),
        row("make and expire: wheel", make_and_expire::<Wheel>),
        row("make and expire: std BinaryHeap", make_and_expire::<Heap>),
        row("make and expire: std BTreeMap", make_and_expire::<Tree>),
    ]
}
