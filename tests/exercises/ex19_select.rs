//! Exercise 19: select, and a read that may be cancelled. The page is docs/exercises/19-select.md.
//! Run it: cargo test --test ex19
#![allow(dead_code, missing_docs, unused_imports, unused_variables)]

mod support;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

// ---- Your code -----------------------------------------------------------------------------

/// What one of two futures gave.
#[derive(PartialEq, Eq, Debug)]
pub enum Either<A, B> {
    Left(A),
    Right(B),
}

/// Runs two futures at once, gives the output of the one that is ready first, and drops the other.
pub fn select<A: Future, B: Future>(
    a: A,
    b: B,
) -> impl Future<Output = Either<A::Output, B::Output>> {
    async { todo!("poll both, until one is ready") }
}

/// Reads what comes through a pipe.
pub struct Reader {
    pipe: Pipe,
}

impl Reader {
    pub fn new(pipe: Pipe) -> Self {
        Reader { pipe }
    }

    /// Waits for so many bytes and takes them. If the pipe ends before, takes nothing: None.
    pub async fn read_exact(&mut self, count: usize) -> Option<Vec<u8>> {
        // This is what a loser takes along when it is dropped. Repair it.
        let mut bytes = Vec::new();
        while bytes.len() < count {
            bytes.extend(self.pipe.read(count - bytes.len()).await?);
        }
        Some(bytes)
    }
}

// ---- The tests: read them, and change nothing below this line ------------------------------

use demitasse::{now, sleep, spawn, yield_now};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{pending, ready};
use std::rc::Rc;
use std::task::Waker;
use support::{ask, seconds, watch};

/// A pipe: bytes come out as they went in.
pub struct Pipe(Rc<RefCell<Bytes>>);

/// The other end of a pipe. When it is dropped, the pipe ends.
struct PipeEnd(Rc<RefCell<Bytes>>);

#[derive(Default)]
struct Bytes {
    bytes: VecDeque<u8>,
    has_ended: bool,
    reader: Option<Waker>,
}

fn pipe() -> (PipeEnd, Pipe) {
    let bytes = Rc::default();
    (PipeEnd(Rc::clone(&bytes)), Pipe(bytes))
}

impl Pipe {
    /// Waits until a byte is there or more, and takes them, but at most so many. None: the pipe has
    /// ended. A read that is dropped has taken nothing.
    pub async fn read(&mut self, most: usize) -> Option<Vec<u8>> {
        assert!(most > 0, "a read of at most 0 bytes would be ready at once");
        poll_fn(|cx| {
            let mut pipe = self.0.borrow_mut();
            if !pipe.bytes.is_empty() {
                let count = most.min(pipe.bytes.len());
                return Poll::Ready(Some(pipe.bytes.drain(..count).collect()));
            }
            if pipe.has_ended {
                return Poll::Ready(None);
            }
            pipe.reader = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl PipeEnd {
    fn write(&self, text: &str) {
        self.0.borrow_mut().bytes.extend(text.bytes());
        self.wake();
    }

    fn wake(&self) {
        let reader = self.0.borrow_mut().reader.take();
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.0.borrow_mut().has_ended = true;
        self.wake();
    }
}

/// A reader of a pipe into which this is written, a piece a second.
fn slowly(pieces: &'static [&'static str]) -> Reader {
    let (end, pipe) = pipe();
    drop(spawn(async move {
        for piece in pieces {
            sleep(seconds(1.0)).await;
            end.write(piece);
        }
    }));
    Reader::new(pipe)
}

fn text(bytes: Option<Vec<u8>>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8(bytes).expect("what was written is text"))
}

/// What a read gives that is polled once and is ready.
#[track_caller]
fn read_now(reader: &mut Reader, count: usize) -> Option<String> {
    let mut read = pin!(reader.read_exact(count));
    match read.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(bytes) => text(bytes),
        Poll::Pending => panic!("a read of {count} waits, though so many bytes are left"),
    }
}

#[test]
fn step1_the_first_wins() {
    let asked = ask("The first that is ready wins, whichever side it is on. Types may differ.");
    let after = |time: f64| async move {
        sleep(seconds(time)).await;
        time
    };
    asked.run(async {
        let start = now();
        let (left, _) = watch("left", after(1.0));
        let (right, _) = watch("right", sleep(seconds(3.0)));
        let first = select(left, right).await;
        assert_eq!(first, Either::Left(1.0));
        assert_eq!(now() - start, seconds(1.0), "when the left one won");
        let (left, _) = watch("left", after(3.0));
        let (right, _) = watch("right", sleep(seconds(1.0)));
        let first = select(left, right).await;
        assert_eq!(first, Either::Right(()));
        assert_eq!(now() - start, seconds(2.0), "when the right one won");
    });
    assert_eq!(asked.timers_cancelled(), 2, "timers of the two losers");
}

#[test]
fn step2_if_both_are_ready_the_left_one_wins() {
    let asked = ask("If both are ready, the left one wins, and the right one is not even polled.");
    let (left, _) = watch("left", ready("left"));
    let (right, seen) = watch("right", ready("right"));
    let mut both = asked.by_hand("select", select(left, right));
    assert_eq!(seen.polls(), 0, "polls before the first poll");
    assert_eq!(both.poll(), Poll::Ready(Either::Left("left")));
    assert_eq!(seen.polls(), 0, "polls of the right one");
    let (left, seen) = watch("left", pending::<()>());
    let (right, _) = watch("right", ready("right"));
    let mut both = asked.by_hand("select", select(left, right));
    assert_eq!(both.poll(), Poll::Ready(Either::Right("right")));
    assert_eq!(seen.polls(), 1, "polls of the left one");
    let later = |name| async move {
        yield_now().await;
        name
    };
    let (left, _) = watch("left", later("left"));
    let (right, seen) = watch("right", later("right"));
    let mut both = asked.by_hand("another select", select(left, right));
    assert!(both.poll().is_pending(), "neither is ready at once");
    assert_eq!(
        both.poll(),
        Poll::Ready(Either::Left("left")),
        "what won, when both are ready at the second poll"
    );
    assert_eq!(seen.polls(), 1, "polls of the right one");
}

#[test]
fn step3_the_loser_is_dropped_in_the_last_poll() {
    let asked = ask("The poll that answers Ready has dropped both. Dropping a select drops both.");
    let (loser, seen_loser) = watch("loser", pending::<()>());
    let (winner, seen_winner) = watch("winner", ready(()));
    let mut both = asked.by_hand("select", select(loser, winner));
    assert!(both.poll().is_ready(), "the first poll is not Ready");
    assert!(
        seen_loser.is_dropped(),
        "it is over, and the loser is still alive"
    );
    assert!(
        seen_winner.is_dropped(),
        "it is over, and the winner is still alive"
    );
    let (a, seen_a) = watch("a", pending::<()>());
    let (b, seen_b) = watch("b", pending::<()>());
    let mut both = asked.by_hand("select", select(a, b));
    assert!(both.poll().is_pending(), "the first poll is not Pending");
    drop(both);
    assert!(
        seen_a.is_dropped() && seen_b.is_dropped(),
        "a or b is still alive"
    );
}

#[test]
fn step4_a_read_waits_for_all_and_takes_no_more() {
    let asked = ask("read_exact gives so many bytes, in order. What is left is for the next one.");
    asked.run(async {
        let mut reader = slowly(&["es", "pre", "sso doppio"]);
        let start = now();
        let first = select(reader.read_exact(8), pending::<()>()).await;
        let Either::Left(first) = first else {
            panic!("a future that is never ready has won");
        };
        assert_eq!(text(first).as_deref(), Some("espresso"), "the first read");
        assert_eq!(now() - start, seconds(3.0), "when the last byte was there");
        let space = text(reader.read_exact(1).await);
        assert_eq!(space.as_deref(), Some(" "), "the next byte");
        let rest = text(reader.read_exact(6).await);
        assert_eq!(rest.as_deref(), Some("doppio"), "the six bytes after it");
        assert_eq!(now() - start, seconds(3.0), "the rest was there already");
        assert_eq!(
            text(reader.read_exact(0).await).as_deref(),
            Some(""),
            "nothing is always there"
        );
    });
}

#[test]
fn step5_a_read_that_loses_loses_nothing() {
    let asked = ask("A read that is dropped halfway leaves what came to the next read.");
    asked.run(async {
        let mut reader = slowly(&["es", "pre", "sso"]);
        let start = now();
        let (read, _) = watch("the first read", reader.read_exact(8));
        let first = select(read, sleep(seconds(1.5))).await;
        assert!(
            matches!(first, Either::Right(())),
            "the rest was not yet there"
        );
        let (read, _) = watch("the second read", reader.read_exact(8));
        let bytes = text(read.await);
        assert_eq!(
            bytes.as_deref(),
            Some("espresso"),
            "what came in the end, of \"espresso\""
        );
        assert_eq!(now() - start, seconds(3.0), "when it was all there");
    });
}

#[test]
fn step6_a_heartbeat_beside_it() {
    let asked = ask("A loop that reads messages, and does something else each 0.3 s meanwhile.");
    asked.run(async {
        let mut reader = slowly(&["m", "o", "c", "h", "ala", "tt", "e"]);
        let mut beats = 0;
        let mut messages = Vec::new();
        while messages.len() < 2 {
            match select(reader.read_exact(5), sleep(seconds(0.3))).await {
                Either::Left(message) => messages.push(text(message).expect("it goes on")),
                Either::Right(()) => beats += 1,
            }
        }
        assert_eq!(messages, ["mocha", "latte"], "the two messages");
        // The first message comes after 5 s: 16 beats, and 0.2 s of one that is dropped with its
        // sleep. The second comes 2 s later: 6 beats.
        assert_eq!(beats, 22, "heartbeats in 7 s");
    });
}

#[test]
fn step7_dropped_at_any_moment() {
    let asked = ask("Whenever reads are dropped, and however often: all bytes come, each once.");
    const TEXT: &str = "ristretto, lungo";
    for size in 1..=TEXT.len() {
        for polls in 1..=4 {
            let (end, pipe) = pipe();
            let mut reader = Reader::new(pipe);
            let mut read = Vec::new();
            for piece in TEXT.as_bytes().chunks(3) {
                end.write(std::str::from_utf8(piece).expect("text"));
                for _ in 0..polls {
                    let mut both = asked.by_hand("read_exact", {
                        let read = reader.read_exact(size);
                        select(read, pending::<()>())
                    });
                    if let Poll::Ready(Either::Left(bytes)) = both.poll() {
                        read.extend(text(bytes));
                    }
                }
            }
            let rest = TEXT.len() - read.concat().len();
            read.extend(read_now(&mut reader, rest));
            assert_eq!(
                read.concat(),
                TEXT,
                "all that came by reads of {size}, {polls} for each 3 bytes, and one of the rest"
            );
        }
    }
}

#[test]
fn step8_an_end_in_the_middle() {
    let asked = ask("A pipe that ends too early: None. And nothing is taken: a shorter read can.");
    asked.run(async {
        let mut reader = slowly(&["mo", "ka"]);
        let first = select(reader.read_exact(5), sleep(seconds(1.5))).await;
        assert!(
            matches!(first, Either::Right(())),
            "the rest was not yet there"
        );
        // Of "moka", and then the end.
        for (count, expected, which) in [
            (5, None, "a read of 5, when 4 came and then the end"),
            (5, None, "another read of 5"),
            (3, Some("mok"), "then a read of 3"),
            (1, Some("a"), "then a read of 1"),
            (1, None, "a read of 1, when all 4 were given"),
        ] {
            let read = text(reader.read_exact(count).await);
            assert_eq!(read.as_deref(), expected, "{which}");
        }
    });
}
