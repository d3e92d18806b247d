//! Exercise 14: try_gather. The page is docs/exercises/14-try-gather.md.
//! Run it: cargo test --test ex14
//!
//! Your code is in src/: see the page.

mod support;

use demitasse::{now, sleep, try_gather, yield_now};
use std::cell::RefCell;
use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use support::{ask, loud, seconds, watch};

type Fetch = Pin<Box<dyn Future<Output = Result<&'static str, String>>>>;

fn fetch(time: f64, result: Result<&'static str, &'static str>) -> Fetch {
    Box::pin(async move {
        sleep(seconds(time)).await;
        result.map_err(str::to_string)
    })
}

#[test]
fn step1_all_are_well() {
    let asked =
        ask("If all are Ok, it gives all outputs, in the order given. Of nothing: at once.");
    asked.run(async {
        let start = now();
        let data = try_gather([
            fetch(3.0, Ok("a")),
            fetch(1.0, Ok("b")),
            fetch(2.0, Ok("c")),
        ])
        .await;
        assert_eq!(data, Ok(vec!["a", "b", "c"]));
        assert_eq!(now() - start, seconds(3.0), "the time that it took");
    });
    let nothing: [Fetch; 0] = [];
    assert_eq!(asked.run(try_gather(nothing)), Ok(vec![]));
}

#[test]
fn step2_the_first_error() {
    let asked = ask("The first error, by time, ends it at once.");
    asked.run(async {
        let start = now();
        let data = try_gather([
            fetch(5.0, Ok("a")),
            fetch(3.0, Err("late")),
            fetch(2.0, Err("early")),
            fetch(1.0, Ok("d")),
        ])
        .await;
        assert_eq!(data, Err("early".to_string()));
        assert_eq!(now() - start, seconds(2.0), "the time that it took");
        assert_eq!(asked.timers_cancelled(), 2, "timers taken off the wheel");
    });
}

#[test]
fn step3_the_rest_is_cancelled() {
    let asked = ask(
        "The poll that answers Err drops all futures and all outputs, and polls none after it.",
    );
    let (value, drops) = loud();
    let (waits, seen) = watch("waits", pending());
    let (fails, seen_fails) = watch("fails", ready(Err("no")));
    let (after, seen_after) = watch("after the error", ready(Ok(None)));
    let futures: [Pin<Box<dyn Future<Output = _>>>; 4] = [
        Box::pin(ready(Ok(Some(value)))),
        Box::pin(waits),
        Box::pin(fails),
        Box::pin(after),
    ];
    let mut all = asked.by_hand("try_gather", try_gather(futures));
    assert!(all.poll().is_ready(), "the first poll is not Ready");
    assert!(seen.is_dropped(), "the future that waits is still alive");
    assert!(
        seen_fails.is_dropped(),
        "the future that failed is still alive"
    );
    assert_eq!(drops.get(), 1, "drops of the output that nobody will get");
    assert_eq!(seen_after.polls(), 0, "polls of a future after the error");
}

#[test]
fn step4_what_is_done_is_dropped() {
    let asked = ask("A future that is done is dropped at once, also when the others go on.");
    let (done, seen) = watch("done", ready(Ok::<_, ()>(1)));
    let (waits, _) = watch("waits", pending());
    let futures: [Pin<Box<dyn Future<Output = _>>>; 2] = [Box::pin(done), Box::pin(waits)];
    let mut all = asked.by_hand("try_gather", try_gather(futures));
    assert!(all.poll().is_pending(), "the first poll is not Pending");
    assert!(seen.is_dropped(), "it is done, and still alive");
}

#[test]
fn step5_only_those_that_were_woken() {
    let asked = ask("1,000 futures that are woken one by one are polled twice each, and no more.");
    asked.run(async {
        let (futures, seen): (Vec<_>, Vec<_>) = (0..1000)
            .map(|n| {
                watch("one of 1,000", async move {
                    sleep(seconds(f64::from(n) + 1.0)).await;
                    Ok::<_, ()>(n)
                })
            })
            .unzip();
        let all = try_gather(futures).await;
        assert_eq!(all, Ok((0..1000).collect()));
        let polls: usize = seen.iter().map(|seen| seen.polls()).sum();
        assert_eq!(polls, 2000, "polls of all of them");
    });
}

#[test]
fn step6_it_lets_others_go_first() {
    let asked =
        ask("Futures that yield: the gather wakes its task, and does not spin in its poll.");
    let yields = || async {
        for _ in 0..3 {
            yield_now().await;
        }
        Ok::<_, ()>("done")
    };
    assert_eq!(
        asked.run(try_gather([yields(), yields()])),
        Ok(vec!["done", "done"])
    );
    assert_eq!(asked.polls_of_task(0), 4, "polls of the task");
}

#[test]
fn step7_dropping_it_drops_all() {
    let asked = ask("A try_gather that is dropped drops its futures.");
    let (a, seen_a) = watch("a", pending::<Result<(), ()>>());
    let (b, seen_b) = watch("b", pending());
    let mut all = asked.by_hand("try_gather", try_gather([a, b]));
    assert!(all.poll().is_pending(), "the first poll is not Pending");
    drop(all);
    assert!(
        seen_a.is_dropped() && seen_b.is_dropped(),
        "a or b is still alive"
    );
}

#[test]
fn step8_who_may_wake_it() {
    let asked = ask(
        "If its futures keep no waker, it keeps none. A late wake for one that is done wakes nobody. \
         A wake for one that waits wakes the task that polled last.",
    );
    let mut all = asked.by_hand("try_gather", try_gather([pending::<Result<(), ()>>()]));
    assert!(all.poll().is_pending(), "the first poll is not Pending");
    assert!(
        !all.keeps_waker(),
        "it keeps a waker that nobody can ever call"
    );
    let mut all = asked.by_hand("try_gather", try_gather([fetch_later()]));
    asked.run(async {
        assert!(all.poll().is_pending(), "the first poll is not Pending");
        assert!(
            all.keeps_waker(),
            "somebody will wake its future, and it kept no waker"
        );
        sleep(seconds(2.0)).await;
        assert_eq!(all.wakes(), 1, "wakes of its task");
        assert!(all.poll().is_ready(), "the poll after it was woken");
    });

    // A future that is done may have left its waker somewhere.
    let [done, waits] = [Wakers::default(), Wakers::default()];
    let keeps = |wakers: &Wakers, answer: Poll<Result<i32, &'static str>>| {
        let wakers = Rc::clone(wakers);
        Box::pin(poll_fn(move |cx| {
            wakers.borrow_mut().push(cx.waker().clone());
            answer
        }))
    };
    let futures = [
        keeps(&done, Poll::Ready(Ok(1))),
        keeps(&waits, Poll::Pending),
    ];
    let mut all = asked.by_hand("try_gather", try_gather(futures));
    assert!(all.poll().is_pending(), "the first poll is not Pending");
    done.take().into_iter().for_each(Waker::wake);
    assert_eq!(all.wakes(), 0, "wakes of the task by a future that is done");
    let old = all.change_task();
    assert!(
        all.poll().is_pending(),
        "one future waits, and it is Ready for the second task"
    );
    waits.take().into_iter().for_each(Waker::wake);
    assert_eq!(
        (old.wakes(), all.wakes()),
        (0, 1),
        "wakes of its old task and of its new one, by the future that waits"
    );
}

type Job = Pin<Box<dyn Future<Output = Result<i32, &'static str>>>>;

#[test]
fn step9_over_is_over() {
    let asked =
        ask("After Ok, Err or a panic of one of its futures it is over, and a poll panics.");
    let ends: [(&str, Job); 3] = [
        ("Ok", Box::pin(ready(Ok(1)))),
        ("Err", Box::pin(ready(Err("no")))),
        ("a panic", Box::pin(async { panic!("on purpose") })),
    ];
    for (how, end) in ends {
        let mut all = asked.by_hand("try_gather", try_gather([end]));
        let ended = catch_unwind(AssertUnwindSafe(|| all.poll().is_ready()));
        assert_eq!(ended.is_err(), how == "a panic", "it ends with {how}");
        assert!(ended.unwrap_or(true), "it ends with {how}");
        let again = catch_unwind(AssertUnwindSafe(|| all.poll().is_ready()));
        assert!(
            again.is_err(),
            "it ended with {how}, and answers when it is polled again"
        );
    }

    let (waits, seen) = watch("waits", pending());
    let futures: [Job; 2] = [Box::pin(waits), Box::pin(async { panic!("on purpose") })];
    let mut all = asked.by_hand("try_gather", try_gather(futures));
    let ended = catch_unwind(AssertUnwindSafe(|| all.poll().is_ready()));
    assert!(ended.is_err(), "the panic of a future is lost");
    drop(all);
    assert!(seen.is_dropped(), "the future that waits is still alive");
}

type Wakers = Rc<RefCell<Vec<Waker>>>;

async fn fetch_later() -> Result<(), ()> {
    sleep(seconds(1.0)).await;
    Ok(())
}
