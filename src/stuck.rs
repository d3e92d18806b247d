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
use crate::task::{Child, Known, Labels};
use std::fmt::Write;

/// So many tasks are named. A report of all of them would be too long to read, or to write.
const MOST_NAMED: usize = 20;

/// The tasks that wait, and what is known of each.
pub(crate) fn report(labels: &Labels, ready: &ReadyQueue<Child, Known>) -> String {
    let verdict = match ready.is_lost_whole() {
        true => "nothing can ever wake",
        false => "nothing has woken",
    };
    let mut report =
        format!("stuck: no task is ready, no timer is set, and {verdict} these tasks:");
    let waiting = ready.seated();
    for &number in waiting.iter().take(MOST_NAMED) {
        let known = ready.known(number);
        let (id, at) = (known.id, known.spawned_at);
        // `:?` shows control characters, where a terminal would obey them.
        let label = match labels.get(&id) {
            Some(label) => format!(" {label:?}"),
            None => String::new(),
        };
        let spawned = match id {
            TaskId::ROOT => "the future of block_on at",
            _ => "spawned at",
        };
        let waker = match ready.is_lost(number) {
            true => "kept no waker, so nothing can ever poll it again",
            false => "its waker is kept somewhere, but no wake has come",
        };
        let _ = write!(report, "\n  task {id}{label}, {spawned} {at}: {waker}");
    }
    if let Some(more @ 1..) = waiting.len().checked_sub(MOST_NAMED) {
        let _ = write!(report, "\n  and {more} more");
    }
    report
}
