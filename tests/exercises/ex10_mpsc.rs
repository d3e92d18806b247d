//! Exercise 10: a bounded channel with back-pressure. The page is docs/exercises/10-mpsc.md.
//! Run it: cargo test --test ex10
#![allow(dead_code, missing_docs, unused_imports, unused_variables)]

mod support;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

// ---- Your code -----------------------------------------------------------------------------

/// A channel from many senders to one receiver, in which `capacity` values (1 or more) may wait.
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    todo!("many ends and one, of one shared queue")
}

pub struct Sender<T> {
    // Your fields, in the place of this one.
    todo: PhantomData<T>,
}

impl<T> Sender<T> {
    /// Waits until there is room, and sends. If the receiver is gone, gives the value back.
    pub fn send(&self, value: T) -> impl Future<Output = Result<(), T>> {
        async { todo!("wait for a place in the queue, and put the value there") }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        todo!("one more sender")
    }
}

pub struct Receiver<T> {
    // Your fields, in the place of this one.
    todo: PhantomData<T>,
}

impl<T> Receiver<T> {
    /// Waits for the next value. None: all senders are gone, and nothing is left.
    pub fn recv(&mut self) -> impl Future<Output = Option<T>> {
        async { todo!("take the first value of the queue, or wait for one") }
    }
}

// ---- The tests: read them, and change nothing below this line ------------------------------

use demitasse::{instrument, now, sleep, spawn, yield_now};
use support::{ByHand, ask, loud, on_last_drop, on_wake, seconds};

#[test]
fn step1_in_order_and_to_the_end() {
    let asked = ask("What was sent is received in order. When all senders are gone: None.");
    asked.run(async {
        let (sender, mut receiver) = channel(3);
        assert_eq!(sender.send(1).await, Ok(()));
        let second = sender.clone();
        assert_eq!(second.send(2).await, Ok(()));
        assert_eq!(sender.send(3).await, Ok(()));
        drop(sender);
        assert_eq!(receiver.recv().await, Some(1));
        drop(second);
        assert_eq!(receiver.recv().await, Some(2));
        assert_eq!(receiver.recv().await, Some(3));
        assert_eq!(receiver.recv().await, None);
        assert_eq!(receiver.recv().await, None, "what comes after None");
    });
}

#[test]
fn step2_the_receiver_waits() {
    let asked = ask("The receiver is woken by a value, and by the end of the last sender.");
    asked.run(async {
        let (sender, mut receiver) = channel(3);
        let producer = instrument("producer", async move {
            sleep(seconds(1.0)).await;
            assert_eq!(sender.send("espresso").await, Ok(()));
            sleep(seconds(1.0)).await;
        });
        drop(spawn(producer));
        let start = now();
        assert_eq!(receiver.recv().await, Some("espresso"));
        assert_eq!(now() - start, seconds(1.0), "when the value came");
        assert_eq!(receiver.recv().await, None);
        assert_eq!(now() - start, seconds(2.0), "when the end came");
    });
    assert_eq!(asked.polls_of_task(0), 3, "polls of the receiver's task");

    let (sender, mut receiver) = channel(1);
    let mut recv = asked.by_hand("recv", receiver.recv());
    assert!(
        recv.poll().is_pending(),
        "nothing was sent, and it is Ready"
    );
    let old = recv.change_task();
    assert!(
        recv.poll().is_pending(),
        "nothing was sent, and it is Ready"
    );
    assert!(
        asked.by_hand("send", sender.send(1)).poll().is_ready(),
        "there is room, and it waits"
    );
    assert_eq!(
        (old.wakes(), recv.wakes()),
        (0, 1),
        "wakes of its old task and of its new one"
    );
}

#[test]
fn step3_back_pressure() {
    let asked = ask("Who sends faster than is received must wait: at most `capacity` are ahead.");
    asked.run(async {
        let start = now();
        let (sender, mut receiver) = channel(2);
        let producer = instrument("producer", async move {
            let mut times = Vec::new();
            for n in 0..6 {
                assert_eq!(sender.send(n).await, Ok(()));
                times.push((now() - start).as_secs());
            }
            times
        });
        let producer = spawn(producer);
        for n in 0..6 {
            sleep(seconds(1.0)).await;
            assert_eq!(receiver.recv().await, Some(n));
        }
        let times = producer.await.unwrap();
        assert_eq!(
            times,
            [0, 0, 1, 2, 3, 4],
            "when each of the 6 was sent, in seconds"
        );
    });
}

#[test]
fn step4_senders_take_turns() {
    let asked = ask("Senders are served in the order in which they ask, also when one asks again.");
    let in_order = Rc::new(RefCell::new(Vec::new()));
    let received = asked.run(async {
        let (sender, mut receiver) = channel(1);
        for name in ["a", "b", "c"] {
            let (sender, in_order) = (sender.clone(), Rc::clone(&in_order));
            drop(spawn(instrument(name, async move {
                for n in 1..=3 {
                    let value = format!("{name}{n}");
                    in_order.borrow_mut().push(value.clone());
                    assert_eq!(sender.send(value).await, Ok(()));
                }
            })));
        }
        drop(sender);
        yield_now().await; // now there is no room, and all three wait
        let mut received = Vec::new();
        while let Some(value) = receiver.recv().await {
            received.push(value);
        }
        received
    });
    assert_eq!(
        received,
        *in_order.borrow(),
        "what was received (should be: as it was asked)"
    );
    assert_eq!(received.len(), 9, "how many values were received");
}

#[test]
fn step5_one_place_wakes_one_sender() {
    let asked = ask("A free place wakes one sender, by its latest waker, with nothing borrowed.");
    let (sender, mut receiver) = channel(1);
    assert!(
        asked.by_hand("send 0", sender.send(0)).poll().is_ready(),
        "there is room, and it waits"
    );
    let mut first = asked.by_hand("send 1", sender.send(1));
    let mut second = asked.by_hand("send 2", sender.send(2));
    assert!(
        first.poll().is_pending() && second.poll().is_pending(),
        "there is no room, and it is Ready"
    );
    let mut take = || asked.by_hand("recv", receiver.recv()).poll();
    assert_eq!(take(), Poll::Ready(Some(0)));
    assert_eq!(
        (first.wakes(), second.wakes()),
        (1, 0),
        "wakes of send 1 and send 2"
    );
    let mut third = asked.by_hand("send 3", sender.send(3));
    assert!(
        third.poll().is_pending(),
        "the place is for send 1, and send 3 took it"
    );
    assert_eq!(first.poll(), Poll::Ready(Ok(())));
    assert_eq!(
        (second.wakes(), third.wakes()),
        (0, 0),
        "wakes of send 2 and send 3"
    );
    assert_eq!(take(), Poll::Ready(Some(1)));
    assert_eq!(
        (second.wakes(), third.wakes()),
        (1, 0),
        "wakes of send 2 and send 3"
    );
    let old = second.change_task();
    let mut fourth = asked.by_hand("send 4", sender.send(4));
    let mut fifth = asked.by_hand("send 5", sender.send(5));
    assert_eq!(second.poll(), Poll::Ready(Ok(())));
    assert!(
        fourth.poll().is_pending() && fifth.poll().is_pending(),
        "there is no room, and it is Ready"
    );
    let old_third = third.change_task();
    assert!(
        third.poll().is_pending(),
        "there is no room, and it is Ready"
    );
    assert_eq!(take(), Poll::Ready(Some(2)));
    assert_eq!(
        (old.wakes(), old_third.wakes(), third.wakes()),
        (1, 0, 1),
        "wakes of send 2, of send 3's old task, and of its new one"
    );

    // Two places are free. Send 8 takes one, and the other is for send 9.
    let (sender, mut receiver) = channel(2);
    for n in [6, 7] {
        let mut send = asked.by_hand("send", sender.send(n));
        assert!(send.poll().is_ready(), "there is room, and it waits");
    }
    let mut eighth = asked.by_hand("send 8", sender.send(8));
    let mut ninth = asked.by_hand("send 9", sender.send(9));
    assert!(
        eighth.poll().is_pending() && ninth.poll().is_pending(),
        "there is no room, and it is Ready"
    );
    let mut take = || asked.by_hand("recv", receiver.recv()).poll();
    assert_eq!(
        (take(), take()),
        (Poll::Ready(Some(6)), Poll::Ready(Some(7)))
    );
    assert_eq!(eighth.poll(), Poll::Ready(Ok(())));
    assert_eq!(
        ninth.wakes(),
        1,
        "wakes of send 9: two places were free, and send 8 took only one"
    );

    // A waker may do anything: these two use the channel there and then.
    let (sender, mut receiver) = channel(1);
    let other = sender.clone();
    let mut recv = asked.by_hand("recv", receiver.recv());
    let waker = on_wake(move || drop(other.clone()));
    assert!(
        recv.poll_with(&waker).is_pending(),
        "nothing was sent, and it is Ready"
    );
    assert!(
        asked.by_hand("send 1", sender.send(1)).poll().is_ready(),
        "there is room, and it waits"
    );
    drop(recv);
    let other = sender.clone();
    let waker = on_wake(move || drop(other.clone()));
    let mut waits = asked.by_hand("send 2", sender.send(2));
    assert!(
        waits.poll_with(&waker).is_pending(),
        "there is no room, and it is Ready"
    );
    let mut recv = asked.by_hand("recv", receiver.recv());
    assert_eq!(recv.poll(), Poll::Ready(Some(1)));
    drop(recv);

    // These own a task, and the task owns a sender. It is dropped with the waker's last clone.
    let (sender, mut receiver) = channel(1);
    let owns_a_sender = || {
        let sender = sender.clone();
        on_last_drop(move || drop(sender))
    };
    let mut recv = asked.by_hand("a recv whose task owns a sender", receiver.recv());
    let first = recv.poll_with(&owns_a_sender());
    assert_eq!(
        [first, recv.poll()],
        [Poll::Pending; 2],
        "two polls of a recv, when nothing was sent"
    );
    drop(recv);
    assert!(
        asked.by_hand("send 1", sender.send(1)).poll().is_ready(),
        "there is room, and it waits"
    );
    let mut waits = asked.by_hand("a send whose task owns a sender", sender.send(2));
    let first = waits.poll_with(&owns_a_sender());
    let second = waits.poll();
    assert_eq!(
        [first, second, waits.poll_with(&owns_a_sender())],
        [Poll::Pending; 3],
        "three polls of a send, when there is no room"
    );
    drop(waits);
}

#[test]
fn step6_the_receiver_is_dropped() {
    let asked = ask(
        "When the receiver is dropped, so are the values in the queue. Who waits gets its value \
         back, and so does who comes later.",
    );
    let (value, drops) = loud();
    let (sender, receiver) = channel(1);
    assert!(
        asked
            .by_hand("send", sender.send(Some(value)))
            .poll()
            .is_ready(),
        "there is room, and it waits"
    );
    let mut waiting: Vec<_> = (0..3)
        .map(|_| asked.by_hand("a send that waits", sender.send(None)))
        .collect();
    for waits in &mut waiting {
        assert!(
            waits.poll().is_pending(),
            "there is no room, and it is Ready"
        );
    }
    drop(receiver);
    assert_eq!(drops.get(), 1, "drops of the value that was in the queue");
    let wakes: Vec<_> = waiting.iter().map(ByHand::wakes).collect();
    assert_eq!(wakes, [1; 3], "wakes of the three senders that wait");
    for waits in &mut waiting {
        assert!(
            matches!(waits.poll(), Poll::Ready(Err(None))),
            "the receiver is gone, and a send that waits did not get its value back"
        );
    }
    let mut later = asked.by_hand("a later send", sender.send(None));
    assert!(
        matches!(later.poll(), Poll::Ready(Err(None))),
        "the receiver is gone, and a later send did not get its value back"
    );

    let (sender, mut receiver) = channel::<()>(1);
    let mut recv = asked.by_hand("recv", receiver.recv());
    assert!(
        recv.poll().is_pending(),
        "nothing was sent, and it is Ready"
    );
    let waker = recv.change_task();
    drop(recv);
    drop(receiver);
    assert!(
        !waker.is_kept(),
        "the receiver is gone, and the channel still keeps its waker"
    );

    // Dropping a value runs unknown code. This one has a sender of the same channel.
    struct Letter(Option<Sender<Letter>>);
    let (sender, receiver) = channel(1);
    let letter = Letter(Some(sender.clone()));
    let mut send = asked.by_hand("send a sender", sender.send(letter));
    assert!(send.poll().is_ready(), "there is room, and it waits");
    drop(send);
    drop(receiver);
}

#[test]
fn step7_a_send_is_cancelled() {
    let asked = ask("A send that is dropped sends nothing, and leaves its place to the next.");
    let (sender, mut receiver) = channel(1);
    assert!(
        asked.by_hand("send 0", sender.send(0)).poll().is_ready(),
        "there is room, and it waits"
    );
    let mut first = asked.by_hand("send 1", sender.send(1));
    let mut second = asked.by_hand("send 2", sender.send(2));
    let mut third = asked.by_hand("send 3", sender.send(3));
    for send in [&mut first, &mut second, &mut third] {
        assert!(
            send.poll().is_pending(),
            "there is no room, and it is Ready"
        );
    }
    let waker = second.change_task();
    drop(second);
    assert!(
        !waker.is_kept(),
        "send 2 is gone, and the channel still keeps its waker"
    );
    let mut take = || asked.by_hand("recv", receiver.recv()).poll();
    assert_eq!(take(), Poll::Ready(Some(0)));
    assert_eq!(
        (first.wakes(), third.wakes()),
        (1, 0),
        "wakes of send 1 and send 3"
    );
    drop(first);
    assert_eq!(third.wakes(), 1, "send 1 is gone: wakes of send 3");
    assert_eq!(third.poll(), Poll::Ready(Ok(())));
    assert_eq!(
        take(),
        Poll::Ready(Some(3)),
        "what is received: send 1 and send 2 were dropped"
    );
}

#[test]
fn step8_a_recv_is_cancelled() {
    let asked = ask("A recv that is dropped loses nothing, also when it was woken before.");
    let (sender, mut receiver) = channel(2);
    let mut recv = asked.by_hand("recv", receiver.recv());
    assert!(
        recv.poll().is_pending(),
        "nothing was sent, and it is Ready"
    );
    assert!(
        asked.by_hand("send 1", sender.send(1)).poll().is_ready(),
        "there is room, and it waits"
    );
    assert_eq!(recv.wakes(), 1, "wakes of the receiver");
    drop(recv);
    assert_eq!(
        asked.by_hand("recv", receiver.recv()).poll(),
        Poll::Ready(Some(1))
    );
}

#[test]
fn step9_ten_thousand_values() {
    let asked =
        ask("100 senders, 100 values each, room for 7: all arrive, each sender's in order.");
    asked.run(async {
        let (sender, mut receiver) = channel(7);
        for name in 0..100usize {
            let sender = sender.clone();
            drop(spawn(async move {
                for n in 0..100usize {
                    assert_eq!(sender.send((name, n)).await, Ok(()));
                    if (name + n).is_multiple_of(3) {
                        yield_now().await;
                    }
                }
            }));
        }
        drop(sender);
        let mut next = [0; 100];
        while let Some((name, n)) = receiver.recv().await {
            assert_eq!(n, next[name], "the next value of sender {name}");
            next[name] += 1;
        }
        assert_eq!(next, [100; 100], "how many values of each sender arrived");
    });
}
