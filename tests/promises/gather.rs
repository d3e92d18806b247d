//! `gather`: a ready queue of its own, inside one task.

use super::executor::{gather, simulate, sleep};
use super::support::{
    Bell, Log, MILLISECOND, Probe, SECOND, WAYS_TO_WAKE, boxed, elsewhere, poll_once,
};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Poll, Wake, Waker};

// I2: a wake that comes during a poll causes another poll.

#[test]
fn i2_a_wake_during_the_poll_of_a_child_causes_another_poll_of_the_child() {
    for (wake, wakes) in WAYS_TO_WAKE.into_iter().zip([1, 1, 2, 2]) {
        let (child, root) = (Probe::new(), Probe::new());
        let children = gather([child.future_that(|child| match child.polls() {
            1 => wake(child),
            _ => child.finish(),
        })]);
        simulate(root.track(children));
        assert_eq!(child.counts(), format!("polls 2, wakes {wakes}, drops 1"));
        assert_eq!(root.counts(), "polls 2, wakes 0, drops 1");
    }
}

// I4: only the latest waker counts.

#[test]
fn i4_only_the_latest_waker_counts_for_a_gather() {
    let (old, old_waker) = Bell::new();
    let (new, new_waker) = Bell::new();
    let child = Probe::new();
    let mut gathered = Box::pin(gather([child.future()]));
    assert!(poll_once(&mut gathered, &old_waker).is_pending());
    assert_eq!(old.counts(), "wakes 0, wakers 2");
    assert!(poll_once(&mut gathered, &new_waker).is_pending());
    assert_eq!(old.counts(), "wakes 0, wakers 1");
    assert_eq!(new.counts(), "wakes 0, wakers 2");
    child.finish();
    child.wake();
    assert_eq!(old.counts(), "wakes 0, wakers 1");
    assert_eq!(new.counts(), "wakes 1, wakers 1");
    assert_eq!(child.counts(), "polls 1, wakes 1, drops 0");
    assert!(poll_once(&mut gathered, &old_waker).is_ready());
    assert_eq!(child.counts(), "polls 2, wakes 1, drops 1");
}

// Its outputs come in the order in which the futures were given.

#[test]
fn outputs_come_in_the_order_of_the_futures() {
    let fetch = |seconds: u32| async move {
        sleep(seconds * SECOND).await;
        seconds
    };
    let outputs = simulate(gather([3, 1, 2].map(fetch)));
    assert_eq!(outputs, [3, 1, 2]);
    let nothing: [std::future::Ready<()>; 0] = [];
    assert_eq!(simulate(gather(nothing)), []);
}

// I10: `gather` polls a child only if that child was woken, and never after it is done.

#[test]
fn i10_gather_polls_only_the_children_that_were_woken() {
    let [a, b, c] = [Probe::new(), Probe::new(), Probe::new()];
    let (bell, waker) = Bell::new();
    let mut gathered = Box::pin(gather([a.future(), b.future(), c.future()]));
    let counts = || [a.counts(), b.counts(), c.counts()];
    assert_eq!(counts(), ["polls 0, wakes 0, drops 0"; 3]);

    assert!(poll_once(&mut gathered, &waker).is_pending());
    assert_eq!(counts(), ["polls 1, wakes 0, drops 0"; 3]);
    assert_eq!(bell.counts(), "wakes 0, wakers 2");

    // A poll for nothing polls nobody.
    assert!(poll_once(&mut gathered, &waker).is_pending());
    assert_eq!(counts(), ["polls 1, wakes 0, drops 0"; 3]);
    assert_eq!(bell.counts(), "wakes 0, wakers 2");

    b.wake();
    b.wake();
    assert_eq!(bell.counts(), "wakes 1, wakers 1");
    assert!(poll_once(&mut gathered, &waker).is_pending());
    assert_eq!(a.counts(), "polls 1, wakes 0, drops 0");
    assert_eq!(b.counts(), "polls 2, wakes 2, drops 0");
    assert_eq!(c.counts(), "polls 1, wakes 0, drops 0");

    b.finish();
    b.wake();
    assert!(poll_once(&mut gathered, &waker).is_pending());
    assert_eq!(b.counts(), "polls 3, wakes 3, drops 1");

    // A late wake polls nobody either.
    b.wake();
    assert!(poll_once(&mut gathered, &waker).is_pending());
    assert_eq!(a.counts(), "polls 1, wakes 0, drops 0");
    assert_eq!(b.counts(), "polls 3, wakes 4, drops 1");
    assert_eq!(c.counts(), "polls 1, wakes 0, drops 0");

    for probe in [&a, &c] {
        probe.finish();
        probe.wake();
    }
    assert_eq!(poll_once(&mut gathered, &waker), Poll::Ready(vec![(); 3]));
    assert_eq!(a.counts(), "polls 2, wakes 1, drops 1");
    assert_eq!(c.counts(), "polls 2, wakes 1, drops 1");
}

#[test]
fn i10_a_child_that_wakes_itself_when_it_is_done_is_not_polled_again() {
    let [child, other] = [Probe::new(), Probe::new()];
    let (bell, waker) = Bell::new();
    let mut gathered = Box::pin(gather([
        boxed(child.future_that(|child| {
            child.wake();
            elsewhere(|| child.wake());
            child.finish();
        })),
        boxed(other.future()),
    ]));
    assert!(poll_once(&mut gathered, &waker).is_pending());
    assert!(poll_once(&mut gathered, &waker).is_pending());
    assert!(poll_once(&mut gathered, &waker).is_pending());
    assert_eq!(child.counts(), "polls 1, wakes 2, drops 1");
    assert_eq!(other.counts(), "polls 1, wakes 0, drops 0");
    let wakes = bell.wakes();
    assert!(
        wakes <= 1,
        "one child has woken itself twice in its last poll, and the gather its task {wakes} times"
    );
}

#[test]
fn i10_the_cost_of_a_gather_grows_linearly_with_its_children() {
    for children in [1_000, 2_000, 4_000] {
        let polls = AtomicUsize::new(0);
        let root = Probe::new();
        // One by one: each is alone at its deadline.
        let sleeps = (1..=children).map(|i| {
            let mut alarm = Box::pin(sleep(i * MILLISECOND));
            let polls = &polls;
            poll_fn(move |cx| {
                polls.fetch_add(1, SeqCst);
                poll_once(&mut alarm, cx.waker())
            })
        });
        simulate(root.track(gather(sleeps)));
        let children = children as usize;
        assert_eq!(polls.load(SeqCst), 2 * children);
        assert_eq!(
            root.counts(),
            format!("polls {}, wakes 0, drops 1", 1 + children)
        );
    }
}

// I14: the children of a gather run in order too.

#[test]
fn i14_the_children_of_a_gather_run_in_order_too() {
    let log = Log::new();
    let children: Vec<_> = (0..4).map(|_| Probe::new()).collect();
    let futures = children.iter().enumerate().map(|(i, child)| {
        let log = log.clone();
        child.future_that(move |_| log.push(i))
    });
    let mut gathered = Box::pin(gather(futures));
    assert!(poll_once(&mut gathered, Waker::noop()).is_pending());
    assert_eq!(log.take(), [0, 1, 2, 3]);
    for i in [2, 0, 3] {
        children[i].wake();
    }
    assert!(poll_once(&mut gathered, Waker::noop()).is_pending());
    assert_eq!(log.take(), [2, 0, 3]);
}

#[test]
fn i10_a_late_wake_for_a_child_that_is_done_wakes_nobody() {
    let [child, other] = [Probe::new(), Probe::new()];
    let (bell, waker) = Bell::new();
    let mut gathered = Box::pin(gather([child.future(), other.future()]));
    assert!(poll_once(&mut gathered, &waker).is_pending());
    child.finish();
    child.wake();
    assert_eq!(bell.wakes(), 1);
    assert!(poll_once(&mut gathered, &waker).is_pending());
    assert_eq!(child.counts(), "polls 2, wakes 1, drops 1");
    for _ in 0..50 {
        child.wake();
        elsewhere(|| child.wake());
    }
    assert_eq!(bell.counts(), "wakes 1, wakers 2");
    assert_eq!(other.counts(), "polls 1, wakes 0, drops 0");
}

#[test]
fn i10_a_wake_after_the_gather_was_dropped_wakes_nobody() {
    let child = Probe::new();
    let (bell, waker) = Bell::new();
    let mut gathered = Box::pin(gather([child.future()]));
    assert!(poll_once(&mut gathered, &waker).is_pending());
    drop(gathered);
    assert_eq!(child.counts(), "polls 1, wakes 0, drops 1");
    child.wake();
    elsewhere(|| child.wake());
    assert_eq!(bell.wakes(), 0, "wakes of the task that had the gather");
}

/// Wakes a child, when the gather calls it.
struct WakesAnother(Probe);

impl Wake for WakesAnother {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }
}

#[test]
fn i2_the_waker_of_a_gather_may_wake_another_child() {
    simulate(async {
        let [child, other] = [Probe::new(), Probe::new()];
        let mut gathered = Box::pin(gather([child.future(), other.future()]));
        let waker = Waker::from(Arc::new(WakesAnother(other.clone())));
        assert!(poll_once(&mut gathered, &waker).is_pending());
        child.wake();
        assert!(poll_once(&mut gathered, Waker::noop()).is_pending());
        assert_eq!(child.counts(), "polls 2, wakes 1, drops 0");
        assert_eq!(other.counts(), "polls 2, wakes 1, drops 0");
    });
}

// I14: children run in the order in which they became ready, wherever the wakes came from.

#[test]
fn i14_wakes_from_threads_and_from_here_keep_their_order_in_a_gather() {
    let log = Log::new();
    let children = [(); 4].map(|()| Probe::new());
    let futures = children.iter().enumerate().map(|(i, child)| {
        let log = log.clone();
        child.future_that(move |_| log.push(i))
    });
    // A sibling wakes them, so that the gather is being polled meanwhile.
    let woken = children.clone();
    let sibling = Probe::new();
    let waking = sibling.future_that(move |sibling| {
        if sibling.polls() == 2 {
            elsewhere(|| woken[3].wake());
            woken[0].wake();
            elsewhere(|| woken[2].wake());
        }
    });
    let futures = futures.map(|child| boxed(child)).chain([boxed(waking)]);
    let mut gathered = Box::pin(gather(futures));
    assert!(poll_once(&mut gathered, Waker::noop()).is_pending());
    assert_eq!(log.take(), [0, 1, 2, 3]);
    sibling.wake();
    assert!(poll_once(&mut gathered, Waker::noop()).is_pending());
    assert!(poll_once(&mut gathered, Waker::noop()).is_pending());
    assert_eq!(log.take(), [3, 0, 2]);
}
