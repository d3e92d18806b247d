//! Every order in which a loop and its wakers can meet.
//!
//! All that threads share is the mail of a ready queue and the token of a parked thread. This is a
//! model of the two, cut into the steps that no other thread can divide: one step between taking a
//! lock and releasing it, one for each load and store outside. A loop with one task, and threads
//! that each bring a letter, wake the task and drop the waker, take their steps in every possible
//! order. The task may end at any of its polls, and then the loop ends, or another task takes its
//! seat. A gather is the same with one thing more: while it rests, its own thread runs, and may wake
//! its child. In each state the promises must hold, and whoever waits at the end must wait for
//! nothing.
//!
//! A model can be right where the code is wrong. So the steps bear the names of the functions in
//! `ticket.rs`, `ready_queue.rs` and `event_loop.rs`, and each guard in them is left out once, to see that the
//! model notices. It knows nothing of weak memory: what a thread did is seen at once by all. And a
//! test at the end hammers the real thing.

use crate::support::{Probe, SECOND};
use demitasse::{block_on, gather, spawn, yield_now};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// What is left out of the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flaw {
    None,
    /// A ticket is posted although it is in the inbox.
    PostsTwice,
    /// Mail is put on the chain although the number is there.
    ChainsTwice,
    /// The marks are cleared after the poll, not before.
    ClearsLate,
    /// The flag is lowered after the inbox was emptied, out of its lock.
    LowersFlagLate,
    /// The loop does not look into the inbox once more before it rests.
    RestsUnseen,
    /// Whoever posts does not wake the consumer.
    TellsNobody,
    /// Whoever puts a number on the chain of a gather that rests does not wake the consumer.
    TellsNobodyAtHome,
    /// An unpark before the park is lost.
    ForgetsToken,
    /// The observer is told `Parked` after the last look, and may use up the token.
    TellsAfterTheLook,
    /// The inbox holds numbers, so that what is in it is no clone of the waker.
    PostsNumbers,
    /// The ticket of a task that is done is not retired.
    RetiresNothing,
    /// Mail of a ticket that is retired reaches the seat.
    TakesOldMail,
    /// The end of the loop does not retire the tickets.
    StaysOpen,
}

const ALL_FLAWS: [Flaw; 13] = [
    Flaw::PostsTwice,
    Flaw::ChainsTwice,
    Flaw::ClearsLate,
    Flaw::LowersFlagLate,
    Flaw::RestsUnseen,
    Flaw::TellsNobody,
    Flaw::TellsNobodyAtHome,
    Flaw::ForgetsToken,
    Flaw::TellsAfterTheLook,
    Flaw::PostsNumbers,
    Flaw::RetiresNothing,
    Flaw::TakesOldMail,
    Flaw::StaysOpen,
];

/// Where the loop is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Owner {
    /// `collect_mail`: is the flag up?
    LooksAtFlag,
    /// `empty_inbox`, under the lock.
    EmptiesInbox,
    /// `empty_inbox` with `LowersFlagLate`, after the lock.
    LowersFlag,
    /// `poll`: clears the mark, and begins the poll.
    Takes,
    /// The poll reads the letters that have come.
    Polls,
    /// `poll`: what comes after.
    PollEnds,
    /// `is_lost`: how many clones of the waker are there?
    CountsWakers,
    /// `leave`: does anybody keep a waker?
    Leaves,
    /// `retire`, under the lock.
    Retires,
    /// `park`: tells the observer, who may park this thread, and so use up its token.
    Tells,
    /// `rest`: is anything ready?
    WantsToRest,
    /// `rest`, under the lock.
    Rests,
    Parks,
    Parked,
    /// `wake_by_ref` on the thread of a gather that rests: collects the mail.
    WakesAtHome,
    /// `put_on_chain`, and is it resting?
    Chains,
    /// `wake_consumer`, under the lock.
    TellsParent,
    /// `forget_consumer`, under the lock.
    Unparked,
    /// `close`: `retire`, under the lock.
    Closes,
    /// `clear`, under the lock.
    Clears,
    Ended,
}

/// Where a waking thread is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Thread {
    BringsLetter,
    /// `post`, under the lock.
    Posts,
    /// It has taken the consumer, and unparks the loop's thread.
    Unparks,
    DropsWaker,
    Gone,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Model {
    owner: Owner,
    threads: Vec<Thread>,
    /// How often each thread will still wake.
    wakes_left: Vec<u8>,
    // The queue.
    chain: u8,
    inbox: u8,
    is_posted: bool,
    has_mail: bool,
    consumer: bool,
    is_resting: bool,
    // The park. (Of a gather: its parent is woken.)
    token: bool,
    /// How often a gather's own thread will still wake its child.
    home_wakes: u8,
    // The task, and what the promises are about.
    letters: u8,
    seen: u8,
    polls: u8,
    is_lost: bool,
    wakes: u8,
    /// The first task is done, and another one has its seat. How often that was polled.
    has_left: bool,
    is_retired: bool,
    next_polls: u8,
}

impl Model {
    fn new(threads: usize, wakes: u8, home_wakes: u8) -> Self {
        Model {
            owner: Owner::LooksAtFlag,
            threads: vec![Thread::BringsLetter; threads],
            wakes_left: vec![wakes; threads],
            // A new task is ready.
            chain: 1,
            inbox: 0,
            is_posted: false,
            has_mail: false,
            consumer: false,
            is_resting: false,
            token: false,
            home_wakes,
            letters: 0,
            seen: 0,
            polls: 0,
            is_lost: false,
            wakes: 0,
            has_left: false,
            is_retired: false,
            next_polls: 0,
        }
    }

    /// All states that are one step away.
    fn next(&self, flaw: Flaw, may_end: bool) -> Vec<Model> {
        let mut all = Vec::new();
        if let Some(next) = self.owner_steps(flaw) {
            all.push(next);
        }
        if may_end && self.owner == Owner::PollEnds {
            // This poll was the last: the loop ends, and the threads go on.
            let mut next = self.clone();
            next.owner = Owner::Closes;
            all.push(next);
            // Or the task ends, and the loop goes on.
            if !self.has_left {
                let mut next = self.clone();
                next.owner = Owner::Leaves;
                all.push(next);
            }
        }
        if self.owner == Owner::Parked && self.home_wakes > 0 {
            let mut next = self.clone();
            next.home_wakes -= 1;
            next.letters += 1;
            next.wakes += 1;
            next.owner = Owner::WakesAtHome;
            all.push(next);
        }
        for thread in 0..self.threads.len() {
            if let Some(next) = self.thread_steps(thread, flaw) {
                all.push(next);
            }
        }
        all
    }

    fn owner_steps(&self, flaw: Flaw) -> Option<Model> {
        let mut next = self.clone();
        let m = &mut next;
        m.owner = match self.owner {
            Owner::LooksAtFlag if m.has_mail => Owner::EmptiesInbox,
            Owner::LooksAtFlag if m.chain > 0 => Owner::Takes,
            Owner::LooksAtFlag => Owner::Tells,
            Owner::EmptiesInbox => {
                m.empty_inbox(flaw);
                match flaw {
                    Flaw::LowersFlagLate => Owner::LowersFlag,
                    _ => {
                        m.has_mail = false;
                        Owner::LooksAtFlag
                    }
                }
            }
            Owner::LowersFlag => {
                m.has_mail = false;
                Owner::LooksAtFlag
            }
            Owner::Takes => {
                if flaw != Flaw::ClearsLate {
                    m.chain -= 1;
                }
                match m.has_left {
                    true => m.next_polls += 1,
                    false => m.polls += 1,
                }
                Owner::Polls
            }
            // The letters are for the first task.
            Owner::Polls if m.has_left => Owner::LooksAtFlag,
            Owner::Polls => {
                m.seen = m.letters;
                Owner::PollEnds
            }
            Owner::PollEnds => {
                if flaw == Flaw::ClearsLate {
                    m.chain = 0;
                    m.inbox = 0;
                    m.is_posted = false;
                }
                Owner::CountsWakers
            }
            Owner::CountsWakers => {
                m.is_lost = m.chain == 0 && self.clones_now(flaw) == 0;
                Owner::LooksAtFlag
            }
            Owner::Leaves => {
                m.has_left = true;
                // The next task has the seat, and is ready.
                m.chain = 1;
                match self.clones_now(flaw) {
                    0 => Owner::LooksAtFlag,
                    _ => Owner::Retires,
                }
            }
            Owner::Retires => {
                if flaw != Flaw::RetiresNothing {
                    (m.is_retired, m.is_posted) = (true, true);
                }
                Owner::LooksAtFlag
            }
            Owner::Tells => {
                if flaw != Flaw::TellsAfterTheLook {
                    m.token = false;
                }
                Owner::WantsToRest
            }
            Owner::WantsToRest if m.chain > 0 || m.has_mail => Owner::LooksAtFlag,
            Owner::WantsToRest => Owner::Rests,
            Owner::Rests if m.has_mail && flaw != Flaw::RestsUnseen => Owner::LooksAtFlag,
            Owner::Rests => {
                (m.consumer, m.is_resting) = (true, true);
                Owner::Parks
            }
            Owner::Parks if flaw == Flaw::TellsAfterTheLook => {
                m.token = false;
                Owner::Parked
            }
            Owner::Parks if m.token => {
                m.token = false;
                Owner::Unparked
            }
            Owner::Parks => Owner::Parked,
            Owner::Parked if m.token => {
                m.token = false;
                Owner::Unparked
            }
            Owner::Parked => return None,
            Owner::WakesAtHome => {
                if m.has_mail {
                    m.empty_inbox(flaw);
                    m.has_mail = false;
                }
                Owner::Chains
            }
            Owner::Chains if m.chain > 0 || m.is_retired => Owner::Parked,
            Owner::Chains => {
                m.chain = 1;
                match m.is_resting && flaw != Flaw::TellsNobodyAtHome {
                    true => Owner::TellsParent,
                    false => Owner::Parked,
                }
            }
            Owner::TellsParent => {
                m.token |= m.consumer;
                (m.consumer, m.is_resting) = (false, false);
                Owner::Parked
            }
            Owner::Unparked => {
                (m.consumer, m.is_resting) = (false, false);
                Owner::LooksAtFlag
            }
            Owner::Closes => {
                if flaw != Flaw::StaysOpen {
                    (m.is_retired, m.is_posted) = (true, true);
                }
                Owner::Clears
            }
            Owner::Clears => {
                m.inbox = 0;
                m.consumer = false;
                Owner::Ended
            }
            Owner::Ended => return None,
        };
        Some(next)
    }

    fn empty_inbox(&mut self, flaw: Flaw) {
        let is_old = self.is_retired && flaw != Flaw::TakesOldMail;
        for _ in 0..if is_old { 0 } else { self.inbox } {
            if self.chain == 0 || flaw == Flaw::ChainsTwice {
                self.chain += 1;
            }
        }
        self.inbox = 0;
        self.is_posted &= is_old;
    }

    /// The clones that the seat does not hold: those of the threads, and that in the inbox.
    fn clones_now(&self, flaw: Flaw) -> u8 {
        let held = |thread: &&Thread| **thread != Thread::Gone;
        let in_threads = self.threads.iter().filter(held).count() as u8;
        let is_waking_at_home = [Owner::WakesAtHome, Owner::Chains].contains(&self.owner);
        let held = in_threads + u8::from(self.home_wakes > 0 || is_waking_at_home);
        match flaw {
            Flaw::PostsNumbers => held,
            _ => held + self.inbox,
        }
    }

    fn thread_steps(&self, thread: usize, flaw: Flaw) -> Option<Model> {
        let mut next = self.clone();
        let m = &mut next;
        m.threads[thread] = match self.threads[thread] {
            Thread::BringsLetter => {
                m.letters += 1;
                m.wakes += 1;
                Thread::Posts
            }
            Thread::Posts if m.is_posted && (flaw != Flaw::PostsTwice || m.is_retired) => {
                m.after_wake(thread)
            }
            Thread::Posts => {
                m.is_posted = true;
                m.inbox += 1;
                m.has_mail = true;
                match m.consumer && flaw != Flaw::TellsNobody {
                    true => {
                        m.consumer = false;
                        Thread::Unparks
                    }
                    false => m.after_wake(thread),
                }
            }
            Thread::Unparks => {
                m.token = flaw != Flaw::ForgetsToken || m.owner == Owner::Parked;
                m.after_wake(thread)
            }
            Thread::DropsWaker => Thread::Gone,
            Thread::Gone => return None,
        };
        Some(next)
    }

    fn after_wake(&mut self, thread: usize) -> Thread {
        self.wakes_left[thread] -= 1;
        match self.wakes_left[thread] {
            0 => Thread::DropsWaker,
            _ => Thread::BringsLetter,
        }
    }

    /// What must hold in every state.
    fn broken_promise(&self) -> Option<&'static str> {
        if self.chain > 1 {
            return Some("I1: twice on the chain");
        }
        if self.inbox > 1 {
            return Some("I1: twice in the inbox");
        }
        if self.polls > 1 + self.wakes {
            return Some("I1: a poll for no wake");
        }
        let is_at_it = [Owner::LowersFlag, Owner::Ended].contains(&self.owner);
        if self.inbox > 0 && !self.has_mail && !is_at_it {
            return Some("I9: mail under a lowered flag, so the loop looks for ever");
        }
        let is_waking = |thread: &Thread| *thread == Thread::Unparks;
        if self.owner == Owner::Parked && !self.token && !self.threads.iter().any(is_waking) {
            if self.chain > 0 {
                return Some("I9: parked, something is ready, and nobody comes");
            }
            if self.inbox > 0 {
                return Some("I9: parked, there is mail, and nobody comes");
            }
        }
        if self.owner == Owner::Ended && self.inbox > 0 {
            return Some("I3: mail for nobody");
        }
        if self.next_polls > 1 {
            return Some("I3: a wake for a task that is done polls the next one in its seat");
        }
        if self.is_lost && !self.has_left && self.seen < self.letters {
            return Some("I13: it was taken for lost, and has letters to read");
        }
        None
    }

    /// What must hold where nobody can take a step.
    fn broken_end(&self) -> Option<&'static str> {
        match self.owner {
            Owner::Parked if !self.has_left && self.seen < self.letters => {
                Some("I2: a wake was lost")
            }
            Owner::Parked | Owner::Ended => None,
            _ => Some("the loop is neither parked nor ended"),
        }
    }
}

/// Every state that can be reached. Gives how many there are, or the promise that is broken first.
fn explore(start: Model, flaw: Flaw, may_end: bool) -> Result<usize, &'static str> {
    let mut known = HashSet::from([start.clone()]);
    let mut left = vec![start];
    while let Some(model) = left.pop() {
        if let Some(broken) = model.broken_promise() {
            return Err(broken);
        }
        let next = model.next(flaw, may_end);
        if next.is_empty()
            && let Some(broken) = model.broken_end()
        {
            return Err(broken);
        }
        for next in next {
            if known.insert(next.clone()) {
                left.push(next);
            }
        }
    }
    Ok(known.len())
}

/// Threads, wakes of each, and wakes at home.
const SIZES: [(usize, u8, u8); 8] = [
    (1, 1, 0),
    (1, 3, 0),
    (2, 1, 0),
    (2, 2, 0),
    (3, 1, 0),
    (1, 2, 1),
    (1, 1, 2),
    (2, 1, 2),
];

#[test]
fn in_every_order_the_promises_hold() {
    for (threads, wakes, home) in SIZES {
        for may_end in [false, true] {
            let start = Model::new(threads, wakes, home);
            let states = explore(start, Flaw::None, may_end);
            let states = states.unwrap_or_else(|broken| {
                panic!("{threads} threads with {wakes} wakes, {home} at home: {broken}");
            });
            // One thread and one wake can meet the loop at each of its steps.
            assert!(states > 25, "{states} states");
        }
    }
}

#[test]
fn each_flaw_is_noticed() {
    let noticed = |flaw| {
        SIZES.into_iter().find_map(|(threads, wakes, home)| {
            let ends = [false, true].into_iter();
            let start = Model::new(threads, wakes, home);
            let mut runs = ends.map(|may_end| explore(start.clone(), flaw, may_end));
            runs.find_map(Result::err)
        })
    };
    let expected = [
        "I1: twice in the inbox",
        "I1: twice on the chain",
        "I13: it was taken for lost, and has letters to read",
        "I9: mail under a lowered flag, so the loop looks for ever",
        "I9: parked, there is mail, and nobody comes",
        "I9: parked, there is mail, and nobody comes",
        "I9: parked, something is ready, and nobody comes",
        "I9: parked, there is mail, and nobody comes",
        "I9: parked, there is mail, and nobody comes",
        "I13: it was taken for lost, and has letters to read",
        "I3: a wake for a task that is done polls the next one in its seat",
        "I3: a wake for a task that is done polls the next one in its seat",
        "I3: mail for nobody",
    ];
    let found = ALL_FLAWS.map(|flaw| noticed(flaw).unwrap_or("nothing"));
    assert_eq!(found, expected);
}

#[test]
#[ignore = "takes a minute"]
fn a_minute_of_wakes_from_all_sides_and_none_is_lost() {
    const TASKS: usize = 4;
    let is_over = AtomicBool::new(false);
    let probes = [(); TASKS].map(|()| Probe::new());
    // How many letters each task was sent, and how many it has read.
    let [sent, read] = [(); 2].map(|()| Arc::new([const { AtomicU64::new(0) }; TASKS]));
    let end = Instant::now() + 60 * SECOND;
    thread::scope(|scope| {
        for number in 0..TASKS {
            let (probes, sent, read) = (&probes, &sent, &read);
            let is_over = &is_over;
            scope.spawn(move || {
                // Sends a letter, wakes, and waits for the answer. It waits a little longer each
                // time, to meet the loop at its work, about to park, and parked.
                let mut round = 0_u64;
                while probes[number].polls() == 0 {
                    thread::yield_now();
                }
                while Instant::now() < end {
                    round += 1;
                    sent[number].store(round, Relaxed);
                    probes[number].wake();
                    let patience = Instant::now() + 30 * SECOND;
                    while read[number].load(Relaxed) < round {
                        assert!(Instant::now() < patience, "wake {round} was lost");
                        thread::yield_now();
                    }
                    for _ in 0..round % 400 {
                        std::hint::spin_loop();
                    }
                    if round.is_multiple_of(1_000) {
                        thread::sleep(Duration::from_micros(round % 7 * 50));
                    }
                }
                is_over.store(true, Relaxed);
                probes[number].finish();
                probes[number].wake();
            });
        }
        let future = |number: usize| {
            let (sent, read) = (Arc::clone(&sent), Arc::clone(&read));
            probes[number].future_that(move |_| {
                read[number].store(sent[number].load(Relaxed), Relaxed);
            })
        };
        block_on(async {
            // Half of them are tasks, and half are children.
            let tasks = [0, 1].map(|number| spawn(future(number)));
            yield_now().await;
            gather([2, 3].map(future)).await;
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
    assert!(is_over.load(Relaxed));
    for (probe, sent) in probes.iter().zip(sent.iter()) {
        let sent = sent.load(Relaxed);
        assert!(sent > 10_000, "{sent} letters in a minute");
        // Each letter was one wake and one poll, and so was the end.
        let counts = format!("polls {}, wakes {}, drops 1", sent + 2, sent + 1);
        assert_eq!(probe.counts(), counts);
    }
}
