//! What is where at a moment of a run: the queue, the stack of polls, the wheel, and who waits.
//!
//! The loop shows none of it. But it tells of everything that goes in and comes out. So whoever
//! reads the events in order can say at each of them what is in the loop's hands.
//!
//! What always holds: a scene is made from events alone, and applying one costs about the same
//! whether ten or a hundred thousand others wait.
//!
//! Read next: `words.rs`, which says what an event did, and `show.rs`, which makes a scene visible.

use super::lanes::{Lanes, State};
use super::names::{is_root, labels, short, task_name};
use demitasse::{Event, EventKind, Outcome, TaskId};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::panic::Location;
use std::time::Duration;

/// A line of source.
pub type Place = &'static Location<'static>;

/// A task that is not done.
pub struct Task {
    seat: usize,
    is_queued: bool,
    /// It was woken since it was polled last.
    is_woken: bool,
    timers: usize,
    futures: BTreeSet<u64>,
}

/// An instrumented future that is not done.
pub struct Future {
    /// Its label.
    pub label: String,
    /// The task that it is part of.
    pub task: TaskId,
    /// Where it was made.
    pub made_at: Place,
    /// How often it was polled.
    pub polls: usize,
    seat: usize,
    /// The timer that it has set last, and where the sleep was made.
    waits: Option<(u64, Place)>,
}

/// A timer on the wheel.
pub struct Timer {
    /// The task whose waker it has.
    pub task: TaskId,
    /// The future that set it.
    pub future: Option<u64>,
    /// What sleeps: the future's label, or the task's name.
    pub whose: String,
    /// When it is due.
    pub deadline: Duration,
    /// Its level and its slot.
    pub place: (usize, usize),
    /// Where the sleep was made.
    pub made_at: Place,
}

/// All of it.
#[derive(Default)]
pub struct Scene {
    /// Now, as a time, as a number of turns, and as a step.
    pub time: Duration,
    /// See `time`.
    pub turn: usize,
    /// See `time`.
    pub step: usize,
    /// What is polled in this turn, and what has come since it began.
    pub batch: VecDeque<TaskId>,
    /// See `batch`.
    pub ready: VecDeque<TaskId>,
    /// The task that is being polled, and the futures in it, the innermost last.
    pub running: Option<TaskId>,
    /// See `running`.
    pub stack: Vec<u64>,
    /// The timers on the wheel, by name, and by deadline.
    pub timers: BTreeMap<u64, Timer>,
    /// See `timers`.
    pub wheel: BTreeMap<Duration, BTreeSet<u64>>,
    /// Where the wheel's hand stands.
    pub hand: Duration,
    /// The levels that were used.
    pub levels: BTreeSet<usize>,
    /// The timer that has just fired.
    pub fired: Option<Timer>,
    /// How many futures have answered `Pending` in this poll of a task, and whether one of those
    /// that waited was polled in it.
    answers: usize,
    polls_again: bool,
    /// It has woken its task; or it could not, for that is woken already.
    pub has_woken: bool,
    /// See `has_woken`.
    pub is_idle: bool,
    /// The task that has just been woken.
    pub woke: Option<TaskId>,
    /// Tasks that wait, and whose waker is on no timer: it is kept elsewhere, or nowhere.
    pub unseen: BTreeSet<TaskId>,
    /// See `unseen`.
    pub lost: BTreeSet<TaskId>,
    /// Whose answer, or end, this step is about.
    pub about: String,
    /// The timer that was taken off the wheel was due already.
    pub is_past: bool,
    /// The task that is being polled was woken before.
    pub was_woken: bool,
    /// The task that has just answered has polled some of its futures, and others not.
    pub left_others: bool,
    /// The line that this step is about, and what happens there.
    pub here: Option<(Place, String)>,
    /// The states of all, as they change.
    pub lanes: Lanes,
    /// The root is done.
    pub is_over: bool,
    /// Tasks and futures that are not done.
    pub tasks: HashMap<TaskId, Task>,
    /// See `tasks`.
    pub futures: BTreeMap<u64, Future>,
    labels: HashMap<TaskId, String>,
}

/// The thread's lane.
const THREAD: usize = 0;

impl Scene {
    /// Before the first event of these.
    pub fn new(events: &[Event]) -> Self {
        Scene {
            labels: labels(events),
            ..Scene::default()
        }
    }

    /// What a task is called.
    pub fn name(&self, task: TaskId) -> String {
        task_name(task, self.labels.get(&task).map(String::as_str))
    }

    /// The label of a task, if it has one.
    pub fn label(&self, task: TaskId) -> &str {
        self.labels.get(&task).map_or("", String::as_str)
    }

    /// What the innermost thing is called that is being polled.
    pub fn innermost(&self) -> String {
        self.polled(1)
    }

    /// What that is called in which the innermost thing is polled. A task that has its name from
    /// that thing is called by its number alone.
    pub fn outer(&self) -> String {
        match (self.running, &self.stack[..]) {
            (Some(task), [_]) if !is_root(task) => task_name(task, None),
            _ => self.polled(2),
        }
    }

    fn polled(&self, from_end: usize) -> String {
        let place = self.stack.len().checked_sub(from_end);
        let future = place.and_then(|place| self.futures.get(&self.stack[place]));
        match (future, self.running) {
            (Some(future), _) => future.label.clone(),
            (None, Some(task)) => self.name(task),
            (None, None) => "the loop".to_string(),
        }
    }

    /// Whether a task's number is on the queue.
    pub fn is_queued(&self, task: TaskId) -> bool {
        self.tasks.get(&task).is_some_and(|task| task.is_queued)
    }

    /// The timer that is due first.
    pub fn next_due(&self) -> Option<&Timer> {
        let (_, group) = self.wheel.first_key_value()?;
        self.timers.get(group.first()?)
    }

    /// How many polls are open.
    pub fn depth(&self) -> usize {
        self.running.map_or(0, |_| 1 + self.stack.len())
    }

    /// What the thread is doing.
    pub fn thread(&self) -> State {
        self.lanes.state(THREAD)
    }

    fn set(&mut self, seat: usize, state: State) {
        self.lanes.set(seat, state, self.time, self.step);
    }

    /// Goes on by one event.
    pub fn apply(&mut self, event: &Event) {
        use EventKind as Kind;
        self.time = event.time;
        self.here = None;
        self.woke = None;
        match &event.kind {
            Kind::TurnStarted { .. } => self.start_turn(),
            Kind::Spawned { task, at } => self.spawned(*task, at),
            Kind::PollStarted { task } => self.poll_started(*task),
            Kind::PollEnded { task, outcome } => self.poll_ended(*task, *outcome),
            Kind::Woken { task, .. } => self.woken(*task),
            Kind::WakerLost { task } => self.lose(*task),
            Kind::TaskDropped { task } => self.end_task(*task),
            Kind::TimerSet { .. } => self.timer_set(&event.kind),
            Kind::TimerMoved { timer, level, slot } => {
                self.hand = event.time;
                if let Some(timer) = self.timers.get_mut(timer) {
                    timer.place = (*level, *slot);
                    self.levels.insert(*level);
                }
            }
            Kind::TimerFired { timer } => self.timer_fired(*timer),
            Kind::TimerCancelled { timer } => {
                let timer = self.take_timer(*timer);
                self.is_past = timer.as_ref().is_some_and(|t| t.deadline <= event.time);
                self.about = timer.map_or(String::new(), |timer| timer.whose);
            }
            Kind::Parked { .. } => self.set(THREAD, State::Parked),
            Kind::Unparked => self.set(THREAD, State::Loop),
            Kind::BlockStarted { at, .. } => {
                self.here = Some((at, format!("{} holds the thread here", self.innermost())));
                self.hold(State::Works, State::Holds);
            }
            Kind::BlockEnded { .. } => self.hold(State::Holds, State::Works),
            Kind::FuturePollStarted {
                task,
                future,
                label,
                made_at,
            } => self.future_polled(*task, *future, label, made_at),
            Kind::FuturePollEnded { future, ready, .. } => self.future_answered(*future, *ready),
            Kind::FutureDropped { future } => self.end_future(*future),
            _ => {}
        }
    }

    /// The run broke off: nobody is ready, and nothing can wake anybody.
    pub fn get_stuck(&mut self) {
        self.set(THREAD, State::Lost);
    }

    fn start_turn(&mut self) {
        self.turn += 1;
        self.batch = std::mem::take(&mut self.ready);
        self.fired = None;
        self.set(THREAD, State::Loop);
    }

    fn spawned(&mut self, task: TaskId, at: Place) {
        let is_root = is_root(task);
        let name = self.label(task).to_string();
        let seat = self.lanes.add(name, Some(task), 0);
        self.set(seat, State::Ready);
        let new = Task {
            seat,
            is_queued: true,
            is_woken: false,
            timers: 0,
            futures: BTreeSet::new(),
        };
        self.tasks.insert(task, new);
        self.ready.push_back(task);
        if !is_root {
            self.here = Some((at, format!("{} is spawned here", self.name(task))));
        } else {
            self.set(THREAD, State::Loop);
        }
    }

    fn leave_queue(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else {
            return;
        };
        if std::mem::take(&mut task.is_queued) {
            for queue in [&mut self.batch, &mut self.ready] {
                if let Some(place) = queue.iter().position(|queued| *queued == id) {
                    queue.remove(place);
                    return;
                }
            }
        }
    }

    fn poll_started(&mut self, id: TaskId) {
        self.leave_queue(id);
        self.fired = None;
        self.running = Some(id);
        self.stack.clear();
        self.set(THREAD, State::Works);
        if let Some(task) = self.tasks.get_mut(&id) {
            self.was_woken = std::mem::take(&mut task.is_woken);
            let seat = task.seat;
            self.set(seat, State::Works);
        }
        (self.answers, self.polls_again) = (0, false);
        self.unseen.remove(&id);
        self.lost.remove(&id);
    }

    fn poll_ended(&mut self, id: TaskId, outcome: Outcome) {
        // Some are open only where the poll panicked.
        for future in std::mem::take(&mut self.stack) {
            if let Some(future) = self.futures.get(&future) {
                self.set(future.seat, State::Done);
            }
        }
        self.running = None;
        self.set(THREAD, State::Loop);
        if outcome != Outcome::Pending {
            self.is_over = is_root(id);
            return self.end_task(id);
        }
        let Some(task) = self.tasks.get(&id) else {
            return;
        };
        self.left_others = self.polls_again && self.answers < task.futures.len();
        let (seat, is_queued, timers) = (task.seat, task.is_queued, task.timers);
        if !is_queued && timers == 0 {
            self.unseen.insert(id);
        }
        self.set(
            seat,
            if is_queued {
                State::Ready
            } else {
                State::Waits
            },
        );
    }

    fn end_task(&mut self, id: TaskId) {
        self.leave_queue(id);
        self.unseen.remove(&id);
        self.lost.remove(&id);
        if let Some(task) = self.tasks.remove(&id) {
            self.set(task.seat, State::Done);
        }
        if self.is_over {
            self.set(THREAD, State::Done);
        }
    }

    fn woken(&mut self, id: TaskId) {
        self.ready.push_back(id);
        self.has_woken = true;
        self.woke = Some(id);
        self.unseen.remove(&id);
        self.lost.remove(&id);
        let Some(task) = self.tasks.get_mut(&id) else {
            return;
        };
        (task.is_queued, task.is_woken) = (true, true);
        let seat = task.seat;
        if self.running != Some(id) {
            self.set(seat, State::Ready);
        }
    }

    fn lose(&mut self, id: TaskId) {
        self.unseen.remove(&id);
        self.lost.insert(id);
        let Some(task) = self.tasks.get(&id) else {
            return;
        };
        let futures = task
            .futures
            .iter()
            .filter_map(|future| self.futures.get(future));
        let waiting = futures.filter(|future| {
            self.lanes.state(future.seat) == State::Waits && !self.has_timer(future)
        });
        let seats: Vec<usize> = waiting
            .map(|future| future.seat)
            .chain([task.seat])
            .collect();
        for seat in seats {
            self.set(seat, State::Lost);
        }
    }

    /// Who waits, at which line, and whether its time is up. A future stands there until it is
    /// polled again.
    pub fn waiting(&self) -> impl Iterator<Item = (Place, bool, &str)> {
        let futures = self.futures.values().filter_map(|future| {
            let (timer, at) = future.waits?;
            Some((at, !self.timers.contains_key(&timer), &*future.label))
        });
        let others = self.timers.values().filter(|timer| timer.future.is_none());
        futures.chain(others.map(|timer| (timer.made_at, false, &*timer.whose)))
    }

    /// Futures that can never be woken.
    pub fn lost_futures(&self) -> impl Iterator<Item = &Future> {
        let tasks = self.lost.iter().filter_map(|task| self.tasks.get(task));
        let futures = tasks.flat_map(|task| &task.futures);
        let futures = futures.filter_map(|future| self.futures.get(future));
        futures.filter(|future| self.lanes.state(future.seat) == State::Lost)
    }

    fn has_timer(&self, future: &Future) -> bool {
        let timer = future.waits.map(|(timer, _)| timer);
        timer.is_some_and(|timer| self.timers.contains_key(&timer))
    }

    fn timer_set(&mut self, event: &EventKind) {
        let EventKind::TimerSet {
            timer,
            task,
            future,
            deadline,
            level,
            slot,
            made_at,
            ..
        } = event
        else {
            return;
        };
        let whose = self.innermost();
        self.here = Some((made_at, String::new()));
        if let Some(future) = future.and_then(|future| self.futures.get_mut(&future)) {
            future.waits = Some((*timer, made_at));
        }
        if let Some(task) = self.tasks.get_mut(task) {
            task.timers += 1;
        }
        self.levels.insert(*level);
        self.wheel.entry(*deadline).or_default().insert(*timer);
        let new = Timer {
            task: *task,
            future: *future,
            whose,
            deadline: *deadline,
            place: (*level, *slot),
            made_at,
        };
        self.timers.insert(*timer, new);
    }

    fn take_timer(&mut self, number: u64) -> Option<Timer> {
        let timer = self.timers.remove(&number)?;
        if let Some(group) = self.wheel.get_mut(&timer.deadline) {
            group.remove(&number);
            if group.is_empty() {
                self.wheel.remove(&timer.deadline);
            }
        }
        if let Some(task) = self.tasks.get_mut(&timer.task) {
            task.timers -= 1;
        }
        Some(timer)
    }

    fn timer_fired(&mut self, number: u64) {
        self.hand = self.time;
        self.fired = self.take_timer(number);
        (self.has_woken, self.is_idle) = (false, false);
        let Some(timer) = &self.fired else { return };
        if let Some(future) = timer.future.and_then(|future| self.futures.get(&future)) {
            self.set(future.seat, State::Due);
        }
    }

    fn future_polled(&mut self, id: TaskId, number: u64, label: &str, made_at: Place) {
        if !self.futures.contains_key(&number) {
            self.new_future(id, number, label, made_at);
        }
        let Some(future) = self.futures.get_mut(&number) else {
            return;
        };
        future.polls += 1;
        self.polls_again |= future.polls > 1;
        let (seat, label, waits) = (future.seat, future.label.clone(), future.waits);
        // A sleep that is not over is still there.
        if waits.is_some_and(|(timer, _)| !self.timers.contains_key(&timer)) {
            future.waits = None;
        }
        self.here = Some(match waits {
            Some((_, at)) => (at, format!("{label} goes on here")),
            None if future.polls == 1 => (made_at, format!("{label} begins, and was made here")),
            None => (made_at, format!("{label} goes on, and was made here")),
        });
        self.stack.push(number);
        self.set(seat, State::Works);
    }

    fn new_future(&mut self, id: TaskId, number: u64, label: &str, made_at: Place) {
        let label = short(label);
        let task = self.tasks.get_mut(&id);
        // A task that is spawned with a label has one lane, and not two.
        let shared = task.and_then(|task| {
            let is_whole = task.futures.is_empty() && self.stack.is_empty() && !is_root(id);
            task.futures.insert(number);
            is_whole.then_some(task.seat)
        });
        let depth = self.stack.len() + 1;
        let seat = shared.unwrap_or_else(|| self.lanes.add(label.clone(), None, depth));
        let future = Future {
            label,
            task: id,
            made_at,
            polls: 0,
            seat,
            waits: None,
        };
        self.futures.insert(number, future);
    }

    fn future_answered(&mut self, number: u64, is_ready: bool) {
        if let Some(depth) = self.stack.iter().rposition(|open| *open == number) {
            self.stack.truncate(depth);
        }
        if is_ready {
            return self.end_future(number);
        }
        if let Some(future) = self.futures.get(&number) {
            self.about = future.label.clone();
            self.answers += 1;
            self.set(future.seat, State::Waits);
        }
    }

    fn end_future(&mut self, number: u64) {
        self.stack.retain(|open| *open != number);
        let Some(future) = self.futures.remove(&number) else {
            return;
        };
        let task = self.tasks.get_mut(&future.task);
        let shared = task.map(|task| {
            task.futures.remove(&number);
            task.seat
        });
        if shared != Some(future.seat) {
            self.set(future.seat, State::Done);
        }
        self.about = future.label;
    }

    /// A sleep begins to hold the thread, or ends.
    fn hold(&mut self, from: State, to: State) {
        let futures = self.stack.iter().filter_map(|open| self.futures.get(open));
        let task = self.running.and_then(|task| self.tasks.get(&task));
        let seats = futures.map(|future| future.seat);
        let seats: Vec<usize> = seats
            .chain(task.map(|task| task.seat))
            .chain([THREAD])
            .collect();
        for seat in seats {
            if self.lanes.state(seat) == from {
                self.set(seat, to);
            }
        }
    }
}
