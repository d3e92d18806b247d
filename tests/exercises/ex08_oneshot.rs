//! Exercise 08: a oneshot channel. The page is docs/exercises/08-oneshot.md.
//! Run it: cargo test --test ex08
#![allow(dead_code, missing_docs, unused_imports, unused_variables)]

mod support;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

// ---- Your code -----------------------------------------------------------------------------

/// A channel for one value.
pub fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    todo!("two ends of one shared place")
}

pub struct Sender<T> {
    // Your fields, in the place of this one.
    todo: PhantomData<T>,
}

impl<T> Sender<T> {
    /// Sends the value. If the receiver is gone, gives it back.
    pub fn send(self, value: T) -> Result<(), T> {
        todo!("leave the value, and wake the receiver")
    }
}

/// The future of the value.
pub struct Receiver<T> {
    // Your fields, in the place of this one.
    todo: PhantomData<T>,
}

/// The sender was dropped, and sent nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed;

impl<T> Future for Receiver<T> {
    type Output = Result<T, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        todo!("take the value, or leave the waker")
    }
}

// ---- The tests: read them, and change nothing below this line ------------------------------

use demitasse::{sleep, spawn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use support::{ask, loud, on_last_drop, on_wake, seconds};

#[test]
fn step1_sent_before_it_is_awaited() {
    let asked = ask("What was sent before is there at the first poll.");
    let (sender, receiver) = oneshot();
    assert_eq!(sender.send("espresso"), Ok(()));
    let mut receiver = asked.by_hand("the receiver", receiver);
    assert_eq!(receiver.poll(), Poll::Ready(Ok("espresso")));
}

#[test]
fn step2_sent_while_it_is_awaited() {
    let asked = ask("Who waits is woken by the send: two polls, one of them in vain.");
    asked.run(async {
        let (sender, receiver) = oneshot();
        drop(spawn(async move {
            sleep(seconds(1.0)).await;
            assert_eq!(sender.send("espresso"), Ok(()));
        }));
        let waits = spawn(receiver);
        assert_eq!(waits.await.unwrap(), Ok("espresso"));
        assert_eq!(asked.polls_of_task(2), 2, "polls of the task that waits");
    });
}

#[test]
fn step3_the_sender_is_dropped() {
    let asked = ask("When the sender is dropped without sending, who waits is woken: Closed.");
    asked.run(async {
        let (sender, receiver) = oneshot::<i32>();
        drop(spawn(async move {
            sleep(seconds(1.0)).await;
            drop(sender);
        }));
        assert_eq!(receiver.await, Err(Closed));
    });
    let (sender, receiver) = oneshot::<i32>();
    drop(sender);
    let mut receiver = asked.by_hand("a receiver that was not polled before", receiver);
    assert_eq!(receiver.poll(), Poll::Ready(Err(Closed)));
}

#[test]
fn step4_the_receiver_is_dropped() {
    let _asked = ask("When the receiver is gone, send gives the value back.");
    let (sender, receiver) = oneshot();
    drop(receiver);
    assert_eq!(sender.send("espresso"), Err("espresso"));
}

#[test]
fn step5_only_the_latest_waker_counts() {
    let asked = ask("Only the task that polled it last is woken, and once. Then no waker is kept.");
    let (sender, receiver) = oneshot();
    let mut receiver = asked.by_hand("the receiver", receiver);
    assert!(
        receiver.poll().is_pending(),
        "nothing was sent, and it is Ready"
    );
    let first = receiver.change_task();
    assert!(
        receiver.poll().is_pending(),
        "nothing was sent, and it is Ready for the second task"
    );
    assert!(receiver.poll().is_pending(), "and again");
    assert_eq!(receiver.wakes(), 0, "wakes before the send");
    assert_eq!(sender.send(1), Ok(()));
    assert_eq!(first.wakes(), 0, "wakes of the first task");
    assert_eq!(receiver.wakes(), 1, "wakes of the second task");
    assert_eq!(receiver.poll(), Poll::Ready(Ok(1)));
    assert!(
        !receiver.keeps_waker(),
        "a channel that is done has no use for a waker"
    );
}

#[test]
fn step6_every_value_is_dropped_once() {
    let asked = ask("A value is dropped once: received, refused, or never taken.");
    let (value, drops) = loud();
    let (sender, receiver) = oneshot();
    assert!(sender.send(value).is_ok());
    assert_eq!(drops.get(), 0, "drops of a value that is on its way");
    drop(receiver);
    assert_eq!(drops.get(), 1, "drops of a value that nobody took");

    let (value, drops) = loud();
    let (sender, receiver) = oneshot();
    assert!(sender.send(value).is_ok());
    let mut receiver = asked.by_hand("the receiver", receiver);
    let Poll::Ready(Ok(value)) = receiver.poll() else {
        panic!("the value was sent, and is not there");
    };
    drop(receiver);
    assert_eq!(
        drops.get(),
        0,
        "drops of a value that was received and is alive"
    );
    drop(value);
    assert_eq!(drops.get(), 1, "drops of a value that was received");
}

#[test]
fn step7_the_receiver_is_dropped_while_it_waits() {
    let asked = ask("A receiver that waits and is dropped takes its waker along.");
    let (sender, receiver) = oneshot();
    let mut receiver = asked.by_hand("the receiver", receiver);
    assert!(
        receiver.poll().is_pending(),
        "the first poll is not Pending"
    );
    assert!(receiver.keeps_waker(), "who waits leaves its waker");
    let waker = receiver.change_task();
    drop(receiver);
    assert!(
        !waker.is_kept(),
        "the receiver is gone, and the channel still keeps its waker"
    );
    assert_eq!(sender.send(1), Err(1));
    assert_eq!(
        waker.wakes(),
        0,
        "wakes of a task that does not wait any more"
    );
}

#[test]
fn step8_a_waker_may_do_anything() {
    let asked = ask("Waking or dropping a waker runs unknown code. It may use the channel itself.");
    let (sender, receiver) = oneshot();
    let receiver = Rc::new(RefCell::new(asked.by_hand("the receiver", receiver)));
    let answer = Rc::new(RefCell::new(None));
    let waker = on_wake({
        let (receiver, answer) = (Rc::clone(&receiver), Rc::clone(&answer));
        move || {
            let mut receiver = receiver.borrow_mut();
            *answer.borrow_mut() = Some(catch_unwind(AssertUnwindSafe(|| receiver.poll())));
        }
    });
    assert!(
        receiver.borrow_mut().poll_with(&waker).is_pending(),
        "the first poll is not Pending"
    );
    assert_eq!(sender.send(1), Ok(()));
    let answer = answer.take().expect("the send called no waker");
    // It panics where the waker found the channel borrowed.
    let answer = answer.unwrap_or_else(|panic| resume_unwind(panic));
    assert_eq!(
        answer,
        Poll::Ready(Ok(1)),
        "the value is there when the waker is called"
    );

    // This one has the sender, and drops it when it is dropped itself.
    let owns_a_sender = |name: &'static str| {
        let (sender, receiver) = oneshot::<i32>();
        let mut receiver = asked.by_hand(name, receiver);
        let waker = on_last_drop(move || drop(sender));
        assert!(receiver.poll_with(&waker).is_pending(), "nothing was sent");
        receiver
    };
    let mut receiver = owns_a_sender("a receiver whose waker has the sender");
    if receiver.poll().is_pending() {
        assert_eq!(
            receiver.wakes(),
            1,
            "wakes: the waker before this one had the sender, and is dropped"
        );
        assert_eq!(receiver.poll(), Poll::Ready(Err(Closed)));
    }
    drop(owns_a_sender("another one, which is dropped"));
}
