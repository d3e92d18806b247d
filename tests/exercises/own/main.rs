//! An executor of your own, step by step. The page is docs/exercises/own.md.
//! Run it: cargo test --test own
//!
//! Your code is in `executor.rs`. All the rest here belongs to the tests.
//!
//! Most of them are in `tests/promises/`: the same text, word for word, that the two executors of
//! this crate pass. `told.rs` stands between them and yours, and tells what was polled. `runner.rs`
//! runs one test after the other, and shows the first that fails.

#[allow(dead_code, unused_imports, unused_variables, missing_docs)]
mod executor;
mod runner;
mod told;

#[path = "../../support/mod.rs"]
mod support;

/// A step, as it is named here: what it asks, in a sentence.
const STEPS: [(&str, &str); 8] = [
    (
        "step1_a_future_by_hand",
        "A future that says Pending once, and has woken its task by then.",
    ),
    (
        "step2_block_on",
        "One future, polled until it is ready. In between the thread is parked, and no wake is lost.",
    ),
    (
        "step3_many_tasks",
        "A queue of numbers: only tasks that were woken are polled, in order, each once a turn.",
    ),
    (
        "step4_time",
        "A sleep ends at its deadline: never early, and the thread is parked until then.",
    ),
    (
        "step5_order_and_cancelling",
        "Sleeps end in the order of their deadlines, and one that is dropped leaves nothing behind.",
    ),
    (
        "step6_gather",
        "Many futures in one task: only those that were woken are polled.",
    ),
    (
        "step7_handles",
        "A handle gives the output of its task, and wakes the task that awaits it.",
    ),
    (
        "step8_the_end",
        "When the root future is done, every task is dropped, and late wakes do nothing.",
    ),
];

mod step1_a_future_by_hand {
    use crate::support::{Bell, poll_once};
    use crate::told::yield_now;

    #[test]
    fn a_yield_is_pending_once_and_has_woken_its_task_by_then() {
        let (bell, waker) = Bell::new();
        let mut yields = Box::pin(yield_now());
        assert_eq!(bell.counts(), "wakes 0, wakers 1");
        assert!(poll_once(&mut yields, &waker).is_pending());
        assert_eq!(bell.counts(), "wakes 1, wakers 1");
        assert!(poll_once(&mut yields, &waker).is_ready());
        assert_eq!(bell.counts(), "wakes 1, wakers 1");
    }

    #[test]
    fn each_yield_begins_anew() {
        let (bell, waker) = Bell::new();
        let mut first = Box::pin(yield_now());
        let mut second = Box::pin(yield_now());
        assert!(poll_once(&mut first, &waker).is_pending());
        assert!(poll_once(&mut second, &waker).is_pending());
        assert!(poll_once(&mut second, &waker).is_ready());
        assert!(poll_once(&mut first, &waker).is_ready());
        assert_eq!(bell.counts(), "wakes 2, wakers 1");
    }
}

/// There is no clock yet. The tests of these steps pass no time.
mod without_time {
    pub use crate::told::block_on as simulate;
    pub use crate::told::{block_on, spawn, yield_now};
}

#[path = "../../promises"]
mod step2_block_on {
    use crate::{support, without_time as executor};
    mod block_on;
}

#[path = "../../promises"]
mod step3_many_tasks {
    use crate::{support, without_time as executor};
    mod tasks;
}

#[path = "../../promises"]
mod step4_time {
    use crate::{support, told as executor};
    mod time;
}

#[path = "../../promises"]
mod step5_order_and_cancelling {
    use crate::{support, told as executor};
    mod timers;
}

#[path = "../../promises"]
mod step6_gather {
    use crate::{support, told as executor};
    mod gather;
}

#[path = "../../promises"]
mod step7_handles {
    use crate::{support, told as executor};
    mod handles;
}

#[path = "../../promises"]
mod step8_the_end {
    use crate::{support, told as executor};
    mod end;
}
