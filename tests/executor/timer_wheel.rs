//! The timer wheel against a model: a `BTreeMap` sorted by deadline and insertion. The model is
//! slow and plainly right, so wherever the two differ, the wheel is wrong.
//!
//! Then the places where a wheel goes wrong first, one by one: the borders between digits, where a
//! timer moves from one level to another.

use crate::support::Random;
use demitasse::{TimerKey, TimerWheel};
use std::collections::BTreeMap;

/// A deadline, and how many timers were inserted before: the order in which timers fire. In these
/// tests it is the value of the timer as well.
type Rank = (u64, u64);

/// A wheel and its model, which do everything together.
#[derive(Default)]
struct Pair {
    wheel: TimerWheel<Rank>,
    model: BTreeMap<Rank, TimerKey>,
    now: u64,
    inserted: u64,
    cancelled: u64,
    /// How often the wheel named a moment at which nothing was due.
    called_in_vain: u64,
}

impl Pair {
    fn insert(&mut self, deadline: u64) -> (Rank, TimerKey) {
        let rank = (deadline, self.inserted);
        self.inserted += 1;
        let key = self.wheel.insert(deadline, rank);
        self.model.insert(rank, key);
        (rank, key)
    }

    fn cancel(&mut self, (rank, key): (Rank, TimerKey)) {
        let expected = self.model.remove(&rank).map(|_| rank);
        assert_eq!(self.wheel.cancel(key), expected, "cancel {rank:?}");
        self.cancelled += u64::from(expected.is_some());
    }

    fn advance(&mut self, now: u64) -> usize {
        let mut expected = Vec::new();
        if now >= self.now {
            self.now = now;
            while let Some(first) = self.model.first_entry()
                && first.key().0 <= now
            {
                expected.push(first.remove_entry().0);
            }
        }
        let mut due = Vec::new();
        self.wheel.advance(now, &mut due);
        assert_eq!(due, expected, "advance to {now}");
        due.len()
    }

    /// Goes where the wheel says that something may be due, as the loop does.
    fn advance_to_next(&mut self) {
        if let Some(next) = self.wheel.next_deadline() {
            let fired = self.advance(next.max(self.now));
            self.called_in_vain += u64::from(fired == 0);
        }
    }

    fn check(&self) {
        assert_eq!(self.wheel.len(), self.model.len());
        assert_eq!(self.wheel.is_empty(), self.model.is_empty());
        let next = self.wheel.next_deadline();
        let earliest = self.earliest();
        assert_eq!(next.is_none(), earliest.is_none());
        assert!(next <= earliest, "{next:?} is later than {earliest:?}");
        if self.cancelled == 0 {
            assert_eq!(next, earliest);
        }
        assert!(self.called_in_vain <= self.cancelled);
    }

    fn earliest(&self) -> Option<u64> {
        self.model.first_key_value().map(|(rank, _)| rank.0)
    }

    /// A deadline of any magnitude and kind.
    fn some_deadline(&self, random: &mut Random) -> u64 {
        match random.below(8) {
            0 => random.magnitude(), // often in the past
            1 => u64::MAX - random.magnitude(),
            2 => self.now,
            3 => self.earliest().unwrap_or(0), // once more what is there already
            _ => self.now.saturating_add(random.magnitude()),
        }
    }
}

/// Random operations on one wheel. `pace` shortens the steps of time, so that some wheels pass
/// minutes and others reach the end of time; `cancels`: how many of ten operations are cancels.
fn run(random: &mut Random, operations: u32, pace: u64, cancels: u64) {
    let mut pair = Pair::default();
    let mut made = Vec::new();
    for _ in 0..operations {
        match random.below(10) {
            cancel if cancel < cancels => {
                // Of all that were ever made: many have fired, or were cancelled before.
                if !made.is_empty() {
                    pair.cancel(made[random.below(made.len() as u64) as usize]);
                }
            }
            9 => match random.below(8) {
                0 => drop(pair.advance(random.below(pair.now.max(1)))), // into the past
                1 => pair.advance_to_next(),
                2 => {
                    let almost = pair.earliest().unwrap_or(0).saturating_sub(1);
                    pair.advance(almost.max(pair.now));
                }
                _ => {
                    let step = random.magnitude() >> pace;
                    pair.advance(pair.now.saturating_add(step));
                }
            },
            8 => pair.advance_to_next(),
            _ => made.push(pair.insert(pair.some_deadline(random))),
        }
        pair.check();
    }
    // To the last: as a loop that runs until nothing is left.
    while !pair.wheel.is_empty() {
        pair.advance_to_next();
        pair.check();
    }
}

#[test]
fn a_million_random_operations_do_as_the_model_does() {
    let mut random = Random::new(1);
    for round in 0..500 {
        let cancels = [0, 2, 4, 6][round % 4];
        let pace = random.below(64);
        run(&mut random, 2_500, pace, cancels);
    }
}

#[test]
fn many_timers_at_once_do_as_the_model_does() {
    let mut pair = Pair::default();
    let mut random = Random::new(2);
    let made: Vec<_> = (0..100_000)
        .map(|_| pair.insert(random.magnitude()))
        .collect();
    for timer in made.into_iter().step_by(3) {
        pair.cancel(timer);
    }
    while !pair.wheel.is_empty() {
        pair.advance_to_next();
    }
    pair.check();
}

/// Moments on both sides of every border between digits.
fn borders() -> Vec<u64> {
    let mut moments = vec![0, u64::MAX - 1, u64::MAX];
    for level in 0..=10 {
        let border = 1_u64 << (6 * level);
        for digit in [1, 2, 15] {
            let moment = digit * border;
            moments.extend([moment - 1, moment, moment + 1]);
        }
    }
    moments.sort();
    moments.dedup();
    moments
}

/// A wheel whose time has come to `now`.
fn wheel_at<T: Default>(now: u64) -> TimerWheel<T> {
    let mut wheel = TimerWheel::new();
    // Time passes in a wheel when something is due.
    wheel.insert(now, T::default());
    wheel.advance(now, &mut Vec::new());
    assert!(wheel.is_empty());
    wheel
}

#[test]
fn a_timer_fires_at_its_deadline_across_every_border() {
    let borders = borders();
    for (i, &start) in borders.iter().enumerate() {
        for &deadline in &borders[i + 1..] {
            let mut wheel = wheel_at(start);
            wheel.insert(deadline, 1);
            assert_eq!(wheel.next_deadline(), Some(deadline));
            let mut due = Vec::new();
            wheel.advance(deadline - 1, &mut due);
            assert_eq!((due.as_slice(), wheel.len()), (&[][..], 1));
            wheel.advance(deadline, &mut due);
            assert_eq!((due.as_slice(), wheel.len()), (&[1][..], 0), "{deadline}");
            assert_eq!(wheel.next_deadline(), None);
        }
    }
}

#[test]
fn a_timer_that_moves_down_keeps_its_deadline() {
    let borders = borders();
    for (i, &between) in borders.iter().enumerate() {
        for &deadline in &borders[i + 1..] {
            // Both wait in one slot, as often as not. The first takes the wheel there.
            let mut wheel = TimerWheel::new();
            wheel.insert(deadline, "late");
            wheel.insert(between, "early");
            let mut due = Vec::new();
            wheel.advance(between, &mut due);
            assert_eq!((due.as_slice(), wheel.len()), (&["early"][..], 1));
            assert_eq!(wheel.next_deadline(), Some(deadline));
            wheel.advance(deadline, &mut due);
            assert_eq!((due.as_slice(), wheel.len()), (&["early", "late"][..], 0));
        }
    }
}

#[test]
fn one_deadline_fires_in_order_of_insertion_from_wherever_it_was_seen() {
    for &deadline in &borders() {
        let mut wheel = TimerWheel::new();
        let mut due = Vec::new();
        // Each insertion sees the deadline from nearer, so from another level.
        let mut inserted = 0;
        for &now in borders().iter().filter(|&&now| now < deadline) {
            wheel.insert(now, u32::MAX);
            wheel.advance(now, &mut due);
            wheel.insert(deadline, inserted);
            inserted += 1;
        }
        due.clear();
        wheel.advance(deadline, &mut due);
        assert_eq!(due, (0..inserted).collect::<Vec<_>>());
        assert!(wheel.is_empty());
    }
}

#[test]
fn what_is_due_together_fires_by_deadline() {
    let mut wheel = TimerWheel::new();
    for deadline in borders().into_iter().rev() {
        wheel.insert(deadline, deadline);
    }
    let mut due = Vec::new();
    wheel.advance(u64::MAX, &mut due);
    assert_eq!(due, borders());
}

#[test]
fn a_passed_deadline_is_due_at_the_next_advance() {
    let mut wheel = wheel_at(1_000);
    wheel.insert(1_000, "now");
    wheel.insert(999, "just before");
    wheel.insert(0, "at the beginning");
    assert_eq!(wheel.next_deadline(), Some(0));
    let mut due = Vec::new();
    wheel.advance(1_000, &mut due);
    assert_eq!(due, ["at the beginning", "just before", "now"]);
}

#[test]
fn advance_appends() {
    let mut wheel = TimerWheel::new();
    wheel.insert(2, "two");
    wheel.insert(1, "one");
    let mut due = vec!["before"];
    wheel.advance(1, &mut due);
    wheel.advance(2, &mut due);
    assert_eq!(due, ["before", "one", "two"]);
}

#[test]
fn a_now_in_the_past_does_nothing() {
    let mut wheel = TimerWheel::new();
    let mut due = Vec::new();
    wheel.advance(1_000, &mut due);
    wheel.insert(500, "passed");
    wheel.advance(999, &mut due);
    assert_eq!((due.as_slice(), wheel.len()), (&[][..], 1));
    wheel.advance(1_000, &mut due);
    assert_eq!((due.as_slice(), wheel.len()), (&["passed"][..], 0));
}

#[test]
fn a_key_is_never_mistaken_for_a_later_one() {
    let mut wheel = TimerWheel::new();
    let cancelled = wheel.insert(10, "cancelled");
    assert_eq!(wheel.cancel(cancelled), Some("cancelled"));
    assert_eq!(wheel.cancel(cancelled), None);
    let fired = wheel.insert(10, "fired");
    wheel.advance(10, &mut Vec::new());
    assert_eq!(wheel.cancel(fired), None);
    // This one may live where the others did.
    let newcomer = wheel.insert(20, "newcomer");
    assert!(newcomer != cancelled && newcomer != fired && cancelled != fired);
    assert_eq!(wheel.cancel(cancelled), None);
    assert_eq!(wheel.cancel(fired), None);
    assert_eq!(wheel.len(), 1);
    assert_eq!(wheel.cancel(newcomer), Some("newcomer"));
    assert!(wheel.is_empty());
}

#[test]
fn a_cancelled_timer_calls_in_vain_at_most_once() {
    let mut wheel = TimerWheel::new();
    let first = wheel.insert(70_000, "first");
    wheel.insert(70_001, "second");
    wheel.cancel(first);
    let mut due = Vec::new();
    let called = wheel.next_deadline().expect("one timer is left");
    wheel.advance(called, &mut due);
    // Now the wheel has looked, and knows.
    assert!(due == ["second"] || wheel.next_deadline() == Some(70_001));
    wheel.advance(70_001, &mut due);
    assert_eq!((due.as_slice(), wheel.len()), (&["second"][..], 0));
}

#[test]
fn cancelling_the_first_the_last_and_the_middle_of_a_slot_leaves_the_others() {
    for victims in [
        vec![0],
        vec![1],
        vec![2],
        vec![0, 2],
        vec![2, 1],
        vec![1, 0],
    ] {
        let mut wheel = TimerWheel::new();
        let keys = [0, 1, 2].map(|value| wheel.insert(5_000, value));
        for &victim in &victims {
            assert_eq!(wheel.cancel(keys[victim]), Some(victim));
        }
        let mut due = Vec::new();
        wheel.advance(5_000, &mut due);
        let left: Vec<_> = (0..3).filter(|value| !victims.contains(value)).collect();
        assert_eq!(due, left);
    }
}

#[test]
fn an_empty_wheel_has_nothing_due() {
    let mut wheel = TimerWheel::<()>::default();
    assert_eq!((wheel.len(), wheel.is_empty()), (0, true));
    assert_eq!(wheel.next_deadline(), None);
    let mut due = Vec::new();
    wheel.advance(u64::MAX, &mut due);
    assert_eq!(due.len(), 0);
    // At the end of time there is still now.
    wheel.insert(u64::MAX, ());
    wheel.advance(u64::MAX, &mut due);
    assert_eq!(due.len(), 1);
}
