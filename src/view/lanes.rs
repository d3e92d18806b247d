//! A run as lanes: the model behind the timeline.
//!
//! This file reads the events once, in order, and says of each which lane it moves into which
//! state.
//!
//! There is one lane for the thread, and one for each future with a label. A task has a lane of its
//! own if its first poll polled no such future; otherwise the labels say it better.
//!
//! Whose wake is it? If a timer fires, it is that of the lanes in whose poll the timer was set. Any
//! other wake is its task's, and counts for the lane that is the only one of its task. Two fetches
//! in one `gather` share a task: which of them another task has woken, the loop does not know.
//!
//! What always holds: a run of any size is read in one pass, and only the first lanes are kept. The
//! others are counted, so that a picture can say how many it leaves out.
//!
//! Read next: `timeline.rs`, which draws them.

// Named, as in `timeline.rs`, so that a file elsewhere can include it.
#[path = "lane.rs"]
pub mod lane;

use demitasse::{Event, EventKind, Outcome, TaskId, WokenBy};
use lane::{Lane, State};
use std::collections::HashMap;
use std::time::Duration;

/// What must be remembered of a task that is not done.
struct Task {
    spawned: Duration,
    is_new: bool,
    /// Its own lane, if it has one.
    own: Option<usize>,
    /// How many labelled futures it has that are not done and not part of another one.
    labelled: usize,
}

/// The same of a labelled future. Its lane may have been left out.
struct Labelled {
    task: TaskId,
    is_nested: bool,
    lane: Option<usize>,
}

/// A run as lanes. Made by [`Lanes::read`].
#[derive(Default)]
pub struct Lanes {
    /// The thread's own lane. Its polls and wakes are those of all tasks.
    pub thread: Lane,
    /// The lanes of futures and tasks, in the order of their first polls.
    pub lanes: Vec<Lane>,
    /// How many more there were.
    pub left_out: usize,
    /// When the run ended.
    pub end: Duration,
    most: usize,
    tasks: HashMap<TaskId, Task>,
    futures: HashMap<u64, Labelled>,
    /// Whom a timer wakes.
    timers: HashMap<u64, Vec<usize>>,
    /// A lane for a task that is in its first poll. The first labelled future takes it over. If
    /// none comes, it is the task's own.
    draft: Option<Lane>,
    /// The labelled futures that are being polled, the innermost last.
    polled: Vec<Option<usize>>,
}

impl Lanes {
    /// Reads the events of one run, and keeps at most `most` lanes beside the thread's.
    pub fn read(events: &[Event], most: usize) -> Self {
        let mut lanes = Lanes {
            thread: Lane::new("the thread".to_string(), None),
            most,
            ..Lanes::default()
        };
        for event in events {
            lanes.add(event);
        }
        let open = lanes.lanes.iter_mut().chain([&mut lanes.thread]);
        open.for_each(|lane| lane.become_at(lanes.end, None));
        lanes
    }

    fn add(&mut self, event: &Event) {
        use EventKind as Kind;
        let time = event.time;
        self.end = time;
        if !self.thread.is_alive() {
            self.thread.become_at(time, Some(State::Works));
        }
        match &event.kind {
            Kind::Spawned { task, .. } => self.spawned(*task, time),
            Kind::PollStarted { task } => self.poll_started(*task, time),
            Kind::PollEnded { task, outcome } => self.poll_ended(*task, *outcome, time),
            Kind::Woken { task, by } => self.woken(*task, *by, time),
            Kind::WakerLost { task } => self.lost(*task, time),
            Kind::TaskDropped { task } => self.end_task(*task, time),
            Kind::TimerSet { timer, .. } => self.timer_set(*timer),
            Kind::TimerFired { timer } => self.timer_fired(*timer, time),
            Kind::TimerCancelled { timer } => drop(self.timers.remove(timer)),
            Kind::Parked { .. } => self.thread.become_at(time, Some(State::Parked)),
            Kind::Unparked => self.thread.become_at(time, Some(State::Works)),
            Kind::BlockStarted { task, .. } => self.hold(*task, time, State::Works, State::Holds),
            Kind::BlockEnded { task } => self.hold(*task, time, State::Holds, State::Works),
            Kind::FuturePollStarted {
                task,
                future,
                label,
                ..
            } => self.future_polled(*task, *future, label, time),
            Kind::FuturePollEnded { future, ready, .. } => {
                self.future_answered(*future, *ready, time)
            }
            Kind::FutureDropped { future } => self.end_future(*future, time),
            _ => {}
        }
    }

    /// Gives the lane a place, if there is one left.
    fn seat(&mut self, lane: Lane) -> Option<usize> {
        if self.lanes.len() == self.most {
            self.left_out += 1;
            return None;
        }
        self.lanes.push(lane);
        Some(self.lanes.len() - 1)
    }

    fn spawned(&mut self, task: TaskId, time: Duration) {
        let new = Task {
            spawned: time,
            is_new: true,
            own: None,
            labelled: 0,
        };
        self.tasks.insert(task, new);
    }

    fn poll_started(&mut self, id: TaskId, time: Duration) {
        self.thread.polls += 1;
        let Some(task) = self.tasks.get_mut(&id) else {
            return;
        };
        if std::mem::take(&mut task.is_new) {
            let mut draft = Lane::new(name(id), Some(id));
            draft.become_at(task.spawned, Some(State::Ready));
            draft.poll(time);
            self.draft = Some(draft);
        } else if let Some(own) = task.own {
            self.lanes[own].poll(time);
        }
    }

    fn poll_ended(&mut self, id: TaskId, outcome: Outcome, time: Duration) {
        // Some are left only where the poll panicked.
        self.polled.clear();
        if let Some(draft) = self.draft.take() {
            let own = self.seat(draft);
            self.tasks.entry(id).and_modify(|task| task.own = own);
        }
        if outcome != Outcome::Pending {
            self.end_task(id, time);
        } else if let Some(own) = self.tasks.get(&id).and_then(|task| task.own) {
            self.lanes[own].change(time, State::Works, State::Waits);
        }
    }

    fn end_task(&mut self, id: TaskId, time: Duration) {
        if let Some(own) = self.tasks.remove(&id).and_then(|task| task.own) {
            self.lanes[own].become_at(time, None);
        }
    }

    fn future_polled(&mut self, task: TaskId, future: u64, label: &str, time: Duration) {
        let lane = match self.futures.get(&future) {
            None => self.new_future(task, future, label, time),
            Some(known) => known.lane.inspect(|&lane| self.lanes[lane].poll(time)),
        };
        self.polled.push(lane);
    }

    fn new_future(
        &mut self,
        id: TaskId,
        future: u64,
        label: &str,
        time: Duration,
    ) -> Option<usize> {
        let mut lane = self.draft.take().unwrap_or_else(|| {
            let mut lane = Lane::new(String::new(), Some(id));
            lane.poll(time);
            lane
        });
        lane.label = label.to_string();
        let is_nested = !self.polled.is_empty();
        lane.is_nested = is_nested;
        if let (false, Some(task)) = (is_nested, self.tasks.get_mut(&id)) {
            task.labelled += 1;
        }
        let lane = self.seat(lane);
        let known = Labelled {
            task: id,
            is_nested,
            lane,
        };
        self.futures.insert(future, known);
        lane
    }

    fn future_answered(&mut self, future: u64, ready: bool, time: Duration) {
        let lane = self.polled.pop().flatten();
        if ready {
            self.end_future(future, time);
        } else if let Some(lane) = lane {
            self.lanes[lane].change(time, State::Works, State::Waits);
        }
    }

    fn end_future(&mut self, future: u64, time: Duration) {
        let Some(known) = self.futures.remove(&future) else {
            return;
        };
        if let (false, Some(task)) = (known.is_nested, self.tasks.get_mut(&known.task)) {
            task.labelled -= 1;
        }
        if let Some(lane) = known.lane {
            self.lanes[lane].become_at(time, None);
        }
    }

    fn timer_set(&mut self, timer: u64) {
        let lanes: Vec<usize> = self.polled.iter().copied().flatten().collect();
        if !lanes.is_empty() {
            self.timers.insert(timer, lanes);
        }
    }

    fn timer_fired(&mut self, timer: u64, time: Duration) {
        for lane in self.timers.remove(&timer).unwrap_or_default() {
            self.lanes[lane].wake(time);
        }
    }

    fn woken(&mut self, id: TaskId, by: WokenBy, time: Duration) {
        self.thread.wakes += 1;
        let Some(task) = self.tasks.get(&id) else {
            return;
        };
        let is_only_one = task.labelled == 1 && by != WokenBy::Timer;
        let lane = match task.own {
            None if is_only_one => self
                .lanes
                .iter()
                .position(|lane| lane.task == Some(id) && !lane.is_nested && lane.is_alive()),
            own => own,
        };
        if let Some(lane) = lane {
            self.lanes[lane].wake(time);
        }
    }

    fn lost(&mut self, id: TaskId, time: Duration) {
        let lanes = self.lanes.iter_mut().filter(|lane| lane.task == Some(id));
        lanes.for_each(|lane| lane.change(time, State::Waits, State::Lost));
    }

    /// A sleep begins to hold the thread, or ends.
    fn hold(&mut self, id: TaskId, time: Duration, from: State, to: State) {
        self.thread.change(time, from, to);
        if let Some(draft) = &mut self.draft {
            draft.change(time, from, to);
        }
        let own = self.tasks.get(&id).and_then(|task| task.own);
        for &lane in self.polled.iter().chain([&own]).flatten() {
            self.lanes[lane].change(time, from, to);
        }
    }
}

/// What a task without a label is called.
fn name(task: TaskId) -> String {
    match task.to_string().as_str() {
        "0" => "root".to_string(),
        number => format!("task {number}"),
    }
}
