//! Exercise 16: a heap in the wheel's place. The page is docs/exercises/16-heap.md.
//! Run it: cargo test --test ex16
//!
//! Your code is in src/: see the page.

mod support;

use demitasse::TimerHeap;
use std::collections::BTreeMap;
use support::{ask, loud};

fn due<T>(heap: &mut TimerHeap<T>, now: u64) -> Vec<T> {
    let mut due = Vec::new();
    heap.advance(now, &mut due);
    due
}

#[test]
fn step1_by_deadline() {
    let _asked = ask("What is due comes out by deadline. What is not due stays.");
    let mut heap = TimerHeap::new();
    assert!(heap.is_empty());
    assert_eq!(heap.next_deadline(), None);
    for deadline in [50, 10, 40, 20, 30] {
        heap.insert(deadline, deadline);
    }
    assert_eq!(heap.len(), 5);
    assert_eq!(heap.next_deadline(), Some(10));
    assert_eq!(due(&mut heap, 9), []);
    assert_eq!(due(&mut heap, 30), [10, 20, 30]);
    assert_eq!(heap.next_deadline(), Some(40));
    assert_eq!(due(&mut heap, u64::MAX), [40, 50]);
    assert!(heap.is_empty());
}

#[test]
fn step2_then_by_insertion() {
    let _asked = ask("Those with one deadline come out in the order in which they were inserted.");
    let mut heap = TimerHeap::new();
    for n in 0..100 {
        heap.insert(if n % 2 == 0 { 7 } else { 5 }, n);
    }
    let odd = (0..100).filter(|n| n % 2 == 1);
    let even = (0..100).filter(|n| n % 2 == 0);
    let expected: Vec<_> = odd.chain(even).collect();
    assert_eq!(due(&mut heap, 7), expected);
}

#[test]
fn step3_cancel() {
    let _asked =
        ask("cancel takes any timer out and gives its value, once. The others keep their order.");
    let mut heap = TimerHeap::new();
    let keys: Vec<_> = (0..20).map(|n| heap.insert(100 + n, n)).collect();
    for n in [7, 0, 19, 10] {
        assert_eq!(
            heap.cancel(keys[n as usize]),
            Some(n),
            "the first cancel of {n}"
        );
        assert_eq!(
            heap.cancel(keys[n as usize]),
            None,
            "the second cancel of {n}"
        );
    }
    assert_eq!(heap.len(), 16);
    assert_eq!(
        heap.next_deadline(),
        Some(101),
        "the earliest one was cancelled"
    );
    let later = heap.insert(1, 99);
    assert!(!keys.contains(&later), "a key that was used before");
    assert_eq!(due(&mut heap, 1), [99]);
    assert_eq!(heap.cancel(later), None, "it is out already");
    let left: Vec<_> = (0..20).filter(|n| ![7, 0, 19, 10].contains(n)).collect();
    assert_eq!(due(&mut heap, 200), left);

    // A table gives the entry of the timer that is out to the next one. That one is younger all the
    // same.
    let mut heap = TimerHeap::new();
    let first = heap.insert(300, 1);
    heap.insert(300, 2);
    heap.cancel(first);
    heap.insert(300, 3);
    assert_eq!(
        due(&mut heap, 300),
        [2, 3],
        "of two with one deadline, 2 was inserted before 3"
    );

    // In this order each is inserted at its place: the children of 1 are 4 and 2, those of 4 are 5
    // and 6. The last one takes the place of 5.
    let mut heap = TimerHeap::new();
    let keys = [1, 4, 2, 5, 6, 7, 3].map(|n| heap.insert(n, n));
    heap.cancel(keys[3]);
    assert_eq!(
        due(&mut heap, 10),
        [1, 2, 3, 4, 6, 7],
        "5 was cancelled, and what takes its place may belong above its parent"
    );
}

#[test]
fn step4_the_past() {
    let _asked = ask(
        "What is due in the past comes out at once, in order. A `now` in the past does nothing.",
    );
    let mut heap = TimerHeap::new();
    heap.insert(10, "a");
    assert_eq!(due(&mut heap, 10), ["a"]);
    heap.insert(3, "b");
    heap.insert(u64::MAX, "c");
    assert_eq!(due(&mut heap, 5), [""; 0], "a `now` in the past");
    assert_eq!(due(&mut heap, 10), ["b"]);

    // 20 has passed, though nothing was due then.
    assert_eq!(due(&mut heap, 20), [""; 0]);
    heap.insert(12, "e");
    heap.insert(11, "d");
    assert_eq!(due(&mut heap, 15), [""; 0], "a `now` in the past");
    assert_eq!(
        heap.next_deadline(),
        Some(11),
        "the earliest deadline, which is in the past"
    );
    assert_eq!(
        due(&mut heap, 20),
        ["d", "e"],
        "deadlines in the past come out by deadline as well"
    );
    assert_eq!(due(&mut heap, u64::MAX), ["c"]);
}

#[test]
fn step5_values_are_dropped_once() {
    let _asked =
        ask("A value is dropped once: by who cancelled it, by who got it, or with the heap.");
    let mut heap = TimerHeap::new();
    let (values, drops): (Vec<_>, Vec<_>) = (0..30).map(|_| loud()).unzip();
    let keys: Vec<_> = (0..)
        .zip(values)
        .map(|(n, value)| heap.insert(n, value))
        .collect();
    for key in &keys[10..20] {
        drop(heap.cancel(*key));
    }
    drop(due(&mut heap, 9));
    let counts = || drops.iter().map(|drops| drops.get()).collect::<Vec<_>>();
    assert_eq!(
        counts(),
        [[1; 10], [1; 10], [0; 10]].concat(),
        "drops of each value"
    );
    drop(heap);
    assert_eq!(counts(), [1; 30], "drops of each value");
}

/// A generator of numbers that look random, and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn step6_as_the_model_does() {
    let _asked = ask("200,000 random operations: it does what a sorted map does.");
    let mut dice = Dice(0x0DE3_17A5_5E00);
    let mut heap = TimerHeap::new();
    let mut model = BTreeMap::new();
    let mut keys = Vec::new();
    let mut now = 0u64;
    for n in 0..200_000u64 {
        // A deadline or a step of any magnitude, from 1 to u64::MAX.
        let length = dice.roll() >> (dice.roll() % 64);
        match dice.roll() % 10 {
            0..5 => {
                let deadline = now.saturating_add(length);
                keys.push((heap.insert(deadline, n), deadline, n));
                model.insert((deadline, n), n);
            }
            5..8 if !keys.is_empty() => {
                let (key, deadline, n) = keys.swap_remove(dice.roll() as usize % keys.len());
                assert_eq!(
                    heap.cancel(key),
                    model.remove(&(deadline, n)),
                    "cancel of timer {n}"
                );
            }
            _ => {
                now = now.saturating_add(length >> 20);
                let later = model.split_off(&(now.saturating_add(1), 0));
                let expected: Vec<_> = match now {
                    u64::MAX => std::mem::take(&mut model).into_values().collect(),
                    _ => std::mem::replace(&mut model, later).into_values().collect(),
                };
                assert_eq!(due(&mut heap, now), expected, "what is due at {now}");
                if now > u64::MAX / 2 {
                    (heap, model, now) = (TimerHeap::new(), BTreeMap::new(), 0);
                    keys.clear();
                }
            }
        }
        assert_eq!(
            heap.len(),
            model.len(),
            "how many timers wait after operation {n}"
        );
        let next = model.first_key_value().map(|((deadline, _), _)| *deadline);
        assert_eq!(
            heap.next_deadline(),
            next,
            "the next deadline after operation {n}"
        );
    }
}

/// The memory of this process, in bytes, where the operating system says it in this way.
fn memory() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

#[test]
fn step7_nothing_is_left() {
    let _asked = ask("A timer that is cancelled is gone: the heap does not keep its entry.");
    let mut heap = TimerHeap::new();
    heap.insert(1, 0);
    let before = memory();
    for n in 0..500_000 {
        let key = heap.insert(10_000_000 - n, n);
        assert_eq!(heap.cancel(key), Some(n));
    }
    let grown = memory()
        .zip(before)
        .map_or(0, |(now, before)| now.saturating_sub(before));
    assert!(
        grown < 4_000_000,
        "500,000 timers were made and cancelled, and {} MB are kept for them",
        grown / 1_000_000
    );
    assert_eq!(due(&mut heap, u64::MAX), [0]);
}
