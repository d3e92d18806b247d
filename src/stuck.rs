//! What a loop says when it can never go on.
//!
//! Every beginner once writes a future that returns `Pending` and keeps no waker. Nothing ever
//! polls it again, and an ordinary executor hangs without a word. But the executor has a proof in
//! its hand: it lent out the waker, and can count the clones that are left. If there are none,
//! nobody can wake the task. If there are some, somebody may, so that is only a suspicion.
//!
//! Read next: `event_loop.rs`, which asks for this report when it has nothing left to wait for.

use crate::event::TaskId;
use crate::ready_queue::ReadyQueue;
use crate::task::{Child, Tasks};
use std::fmt::Write;

/// Whether every task is proved to be lost.
pub(crate) fn is_proved(ready: &ReadyQueue<Child>) -> bool {
    let mut is_proved = true;
    ready.inspect(|number, _| is_proved &= ready.is_lost(number));
    is_proved
}

/// The tasks that wait, and what is known of each.
pub(crate) fn report(tasks: &Tasks, ready: &ReadyQueue<Child>) -> String {
    let verdict = match is_proved(ready) {
        true => "nothing can ever wake",
        false => "nothing has woken",
    };
    let mut report =
        format!("stuck: no task is ready, no timer is set, and {verdict} these tasks:");
    ready.inspect(|number, child| {
        let task = tasks.id(number);
        let labels = tasks.labels.borrow();
        let label = labels
            .get(&task)
            .map(|label| format!(" \"{label}\""))
            .unwrap_or_default();
        let spawned = match task {
            TaskId::ROOT => "the future of block_on at",
            _ => "spawned at",
        };
        let at = tasks.table.borrow()[number].spawned_at;
        let pending = match child.waits_for {
            Some(made_at) => format!("waits for the sleep made at {made_at}"),
            None => "what it waits for is not known".to_string(),
        };
        let waker = match ready.is_lost(number) {
            true => "kept no waker, so nothing can ever poll it again",
            false => "its waker is kept somewhere, but no wake has come",
        };
        let _ = write!(
            report,
            "\n  task {task}{label}, {spawned} {at}: {pending}; {waker}"
        );
    });
    report
}
