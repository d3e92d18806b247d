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
use crate::task::{Stage, Tasks};
use std::fmt::Write;

/// Whether every task is proved to be lost.
pub(crate) fn is_proved(tasks: &Tasks, ready: &ReadyQueue) -> bool {
    let table = tasks.table.borrow();
    let mut waiting = table
        .iter()
        .filter(|(_, task)| !matches!(task.stage, Stage::Done(_)));
    waiting.all(|(key, _)| ready.is_lost(key.index))
}

/// The tasks that wait, and what is known of each.
pub(crate) fn report(tasks: &Tasks, ready: &ReadyQueue) -> String {
    let verdict = if is_proved(tasks, ready) {
        "nothing can ever wake"
    } else {
        "nothing has woken"
    };
    let mut report =
        format!("stuck: no task is ready, no timer is set, and {verdict} these tasks:");
    let labels = tasks.labels.borrow();
    for (key, task) in tasks.table.borrow().iter() {
        if matches!(task.stage, Stage::Done(_)) {
            continue;
        }
        let id = TaskId(key.serial);
        let label = labels
            .get(&id)
            .map(|label| format!(" \"{label}\""))
            .unwrap_or_default();
        let spawned = if key.serial == 0 {
            "the future of block_on at"
        } else {
            "spawned at"
        };
        let pending = match task.pending {
            Some(made_at) => format!("waits for the sleep made at {made_at}"),
            None => "waits for something that is no sleep of ours".to_string(),
        };
        let waker = match ready.is_lost(key.index) {
            true => "kept no waker, so nothing can ever poll it again",
            false => "its waker is kept somewhere, but has not been called",
        };
        let _ = write!(
            report,
            "\n  task {id}{label}, {spawned} {}: {pending}; {waker}",
            task.spawned_at
        );
    }
    report
}
