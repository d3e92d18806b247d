//! What an event did, in a sentence; what it teaches; and what one could have guessed.
//!
//! Every sentence of the page and of the steps in the terminal is here. A sentence says one thing,
//! in the present, of what has just happened. What stands between backticks is code.
//!
//! An *idea* is what a learner should take away. It is shown once in a run, at the first step that
//! shows it. A *question* comes before its step, where the reader wants to be asked; its answer is
//! the step's own sentence. Each kind is asked once in a run.
//!
//! Names are the user's. A label is cut, and what would move a cursor or turn the text round is
//! replaced.
//!
//! Read next: `show.rs`.

use super::lanes::{State, grouped};
use super::plan::Many;
use super::scene::Scene;
use super::text::clean;
use demitasse::{Event, EventKind, Outcome, TaskId, WokenBy};
use std::collections::HashMap;
use std::time::Duration;

/// How long a label may be.
const LONGEST_LABEL: usize = 32;

/// Text as it can be shown in one line.
pub fn plain(text: &str) -> String {
    let shown = |c: char| match c {
        '`' => '\'',
        // These turn the direction of the text that follows.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '?',
        c => c,
    };
    clean(text).chars().map(shown).collect()
}

/// A label as it can be shown.
pub fn short(label: &str) -> String {
    let label = plain(label);
    match label.char_indices().nth(LONGEST_LABEL) {
        Some((end, _)) => format!("{}…", &label[..end]),
        None => label,
    }
}

/// Endpoint A, B: what all names begin with is said once.
pub fn without_common_start(mut names: Vec<&str>) -> Vec<&str> {
    if let [first, rest @ ..] = &mut names[..] {
        let ends = first.match_indices(' ').map(|(at, _)| at + 1).rev();
        let is_common = |end: &usize| rest.iter().all(|name| name.starts_with(&first[..*end]));
        let end = { ends }.find(is_common).unwrap_or(0);
        for name in rest {
            *name = &name[end..];
        }
    }
    names
}

/// What each task is called besides its number: the first label that is seen in it. That may be
/// after the task was first spoken of, so they are gathered before.
pub fn labels(events: &[Event]) -> HashMap<TaskId, String> {
    let mut labels = HashMap::new();
    for event in events {
        match &event.kind {
            EventKind::Spawned { task, .. } if is_root(*task) => {
                labels.insert(*task, "root".to_string());
            }
            EventKind::FuturePollStarted { task, label, .. } => {
                labels.entry(*task).or_insert_with(|| short(label));
            }
            _ => {}
        }
    }
    labels
}

/// root, task 1, or task 1 (its label).
pub fn task_name(task: TaskId, label: Option<&str>) -> String {
    match label {
        Some(label) if is_root(task) => label.to_string(),
        Some(label) => format!("task {task} ({label})"),
        None => format!("task {task}"),
    }
}

/// The future of `block_on`.
pub fn is_root(task: TaskId) -> bool {
    task.to_string() == "0"
}

/// A moment or a length, to the millisecond; finer where it must be.
pub fn at(time: Duration) -> String {
    let decimals = match time.subsec_nanos() {
        nanos if nanos % 1_000_000 == 0 => 3,
        nanos if nanos % 1_000 == 0 || time.as_millis() > 0 => 6,
        _ => 9,
    };
    format!("{:.decimals$} s", time.as_secs_f64())
}

/// What a learner should take away: its head, and the reason.
pub const IDEAS: [(&str, &str); 11] = [
    (
        "A wake is not a poll.",
        "The number waits on the queue until the loop takes it. In between, others may run.",
    ),
    (
        "A waker wakes a task, not a future.",
        "The future that waited is inside; the number on the waker is the task's.",
    ),
    (
        "Two wakes, one poll.",
        "A number is on the queue once, or not at all.",
    ),
    (
        "`Pending` is an answer, not a wait.",
        "The call has returned, and the thread is free for somebody else.",
    ),
    (
        "`await` is not concurrent.",
        "It waits for one. What comes after it has not been polled, and so has not begun.",
    ),
    (
        "A held thread holds everyone.",
        "It cannot leave this `poll`: nobody else is polled, and no timer fires.",
    ),
    (
        "Waiting is not working.",
        "A parked thread costs nothing, and no task is asked \u{201c}now?\u{201d} again and again.",
    ),
    (
        "`Pending` without a waker is for ever.",
        "A task is polled again only when its waker is called.",
    ),
    (
        "`spawn` begins nothing yet.",
        "The new task is polled when its number comes to the head of the queue.",
    ),
    (
        "Now both wait at the same time.",
        "Neither needs the thread for it. That is all that concurrency is.",
    ),
    (
        "A future does nothing until it is polled.",
        "It is a value. The loop makes it go on by calling its `poll`.",
    ),
];

/// Places in [`IDEAS`].
const NOT_A_POLL: usize = 0;
const TASK_NOT_FUTURE: usize = 1;
const TWO_WAKES: usize = 2;
const AN_ANSWER: usize = 3;
const NOT_CONCURRENT: usize = 4;
const HELD: usize = 5;
const NOT_WORKING: usize = 6;
const FOR_EVER: usize = 7;
const NOT_BEGUN: usize = 8;
const BOTH: usize = 9;
const A_VALUE: usize = 10;

/// A step in words.
pub struct Said {
    /// Names a colour.
    pub phase: &'static str,
    /// The sentence.
    pub say: String,
    /// What it teaches, if it is the first to show it. A place in [`IDEAS`].
    pub idea: Option<usize>,
    /// What can be asked before it.
    pub ask: Option<Ask>,
}

/// A question, and its answers.
pub struct Ask {
    /// Each kind is asked once.
    pub kind: usize,
    /// The question.
    pub text: String,
    /// The answers to choose from.
    pub answers: [String; 3],
    /// Which of them is right.
    pub right: usize,
}

impl Said {
    fn new(phase: &'static str, say: String) -> Self {
        Said {
            phase,
            say,
            idea: None,
            ask: None,
        }
    }

    fn teaches(self, idea: usize) -> Self {
        self.teaches_if(true, idea)
    }

    fn teaches_if(mut self, is_shown: bool, idea: usize) -> Self {
        self.idea = is_shown.then_some(idea).or(self.idea);
        self
    }

    fn asks(mut self, kind: usize, text: String, answers: [&str; 3], right: usize) -> Self {
        let answers = answers.map(str::to_string);
        self.ask = Some(Ask {
            kind,
            text,
            answers,
            right,
        });
        self
    }
}

/// What is known of a run before it is told: what comes later.
pub struct Ahead {
    /// The future that a task polls first after this event, if it has not begun yet.
    pub not_begun: Option<String>,
    /// The run goes on after this event, and is not only taken down.
    pub goes_on: bool,
}

/// What an event did. The scene is the one after it; `before` is what was on the queue before.
pub fn say(event: &Event, scene: &Scene, queue: &[TaskId], ahead: &Ahead) -> Said {
    use EventKind as Kind;
    let clock = at(event.time);
    let inner = scene.innermost();
    match &event.kind {
        Kind::Spawned { task, .. } if is_root(*task) => Said::new(
            "ready",
            "`block_on` makes its future task 0, named root, and puts 0 on the queue.".to_string(),
        )
        .teaches(A_VALUE),
        Kind::Spawned { task, .. } => spawned(*task, scene),
        Kind::TurnStarted { .. } => {
            let count = scene.batch.len();
            Said::new(
                "loop",
                format!(
                    "A turn begins. {count} numbers are on the queue, and each \
                       of them is polled once."
                ),
            )
        }
        Kind::PollStarted { task } => poll_started(*task, scene, queue),
        Kind::PollEnded { task, outcome } => poll_ended(*task, *outcome, scene, ahead),
        Kind::Woken { task, by } => woken(*task, *by, scene),
        Kind::WakerLost { task } => {
            let name = scene.name(*task);
            let text = format!("{name} has answered `Pending`, and waits. Who will wake it?");
            let answers = [
                "the timer wheel, when its time has come",
                "nobody",
                "the loop: it \
                            asks again by itself",
            ];
            Said::new(
                "lost",
                format!(
                    "Nobody has a waker of {name}: it kept none in this poll. \
                       Nothing can ever poll it again."
                ),
            )
            .teaches(FOR_EVER)
            .asks(7, text, answers, 1)
        }
        Kind::TaskDropped { task } => Said::new(
            "lost",
            format!(
                "The loop ends, and drops {}, which was not done.",
                scene.name(*task)
            ),
        ),
        Kind::Parked { until } => parked(*until, scene, ahead),
        Kind::Unparked => Said::new("parked", format!("It is {clock}. The thread goes on.")),
        Kind::BlockStarted { duration, .. } => Said::new(
            "holds",
            format!(
                "{inner} holds the thread for {}. It does not answer: \
                       nothing else can run.",
                at(*duration)
            ),
        )
        .teaches(HELD),
        Kind::BlockEnded { .. } => {
            let text = format!("{inner} holds the thread. Who runs meanwhile?");
            let answers = ["the next future", "nobody", "only the loop"];
            Said::new(
                "holds",
                format!(
                    "It is {clock}. Nobody else has run meanwhile. Only now \
                       does {inner} go on."
                ),
            )
            .asks(5, text, answers, 1)
        }
        Kind::FuturePollStarted { future, .. } => {
            let polls = scene.futures.get(future).map_or(0, |future| future.polls);
            let outer = match scene.stack.len() {
                0 | 1 => scene
                    .running
                    .map_or("the loop".to_string(), |task| scene.name(task)),
                depth => scene
                    .futures
                    .get(&scene.stack[depth - 2])
                    .map_or(String::new(), |outer| outer.label.clone()),
            };
            let again = if polls > 1 {
                "polled again: it goes on where it waited"
            } else {
                "polled for the first time: it begins"
            };
            Said::new("works", format!("Inside {outer}, {inner} is {again}."))
        }
        Kind::FuturePollEnded { ready, .. } => answered(*ready, &scene.about),
        _ => timer(&event.kind, scene),
    }
}

fn spawned(task: TaskId, scene: &Scene) -> Said {
    let (name, inner) = (scene.name(task), scene.innermost());
    let text = format!("{inner} calls `spawn` for {name}. What has begun when `spawn` returns?");
    let answers = [
        "the new task: it runs until its first wait",
        "the new task, on a thread of its own",
        "nothing yet",
    ];
    Said::new(
        "ready",
        format!("{inner} spawns {name}: its number {task} goes on the ready queue. That is all."),
    )
    .teaches(NOT_BEGUN)
    .asks(6, text, answers, 2)
}

fn poll_started(task: TaskId, scene: &Scene, queue: &[TaskId]) -> Said {
    let name = scene.name(task);
    let say = format!(
        "The loop takes {task} off the queue and polls {name}, with a waker for number {task}."
    );
    let said = Said::new("works", say).teaches_if(scene.was_woken, NOT_A_POLL);
    match queue {
        [first, second, ..] => {
            let last = queue[queue.len() - 1];
            let text = "Several numbers are on the queue. Who is polled next?";
            let other = if last == *second {
                "all of them at once".to_string()
            } else {
                format!("{last}, the last to come")
            };
            let answers = [
                format!("{second}, for a change"),
                format!("{first}, the first to come"),
                other,
            ];
            let answers = [&*answers[0], &*answers[1], &*answers[2]];
            said.asks(1, text.to_string(), answers, 1)
        }
        _ => said,
    }
}

fn poll_ended(task: TaskId, outcome: Outcome, scene: &Scene, ahead: &Ahead) -> Said {
    let name = scene.name(task);
    match outcome {
        Outcome::Pending => {
            let back = if scene.tasks.get(&task).is_some_and(|task| task.is_queued) {
                "Its number is on the queue again"
            } else {
                "The thread goes back to the loop"
            };
            let text = "A future has answered `Pending`. What does the thread do?".to_string();
            let answers = [
                "it waits there until the future is ready",
                "it returns from that `poll`, and does what is next",
                "it polls the same future again at once",
            ];
            Said::new(
                "works",
                format!("{name} answers `Pending`: not yet. {back}."),
            )
            .teaches(AN_ANSWER)
            .teaches_if(ahead.not_begun.is_some(), NOT_CONCURRENT)
            .asks(2, text, answers, 1)
        }
        Outcome::Ready if scene.is_over => Said::new(
            "works",
            format!(
                "{name} answers `Ready`: here is its output. The loop ends, at {}.",
                at(scene.time)
            ),
        ),
        Outcome::Ready => Said::new(
            "works",
            format!("{name} answers `Ready`: it is done, and is not polled again."),
        ),
        Outcome::Panicked => Said::new(
            "lost",
            format!("{name} panics. That ends this task; the panic goes to whoever awaits it."),
        ),
    }
}

fn answered(is_ready: bool, label: &str) -> Said {
    if is_ready {
        return Said::new("works", format!("{label} answers `Ready`: it is done."));
    }
    Said::new(
        "works",
        format!("{label} answers `Pending`: not yet. Its `poll` returns at once."),
    )
    .teaches(AN_ANSWER)
}

fn woken(task: TaskId, by: WokenBy, scene: &Scene) -> Said {
    let name = scene.name(task);
    match by {
        WokenBy::Timer => {
            let whose = scene.fired.as_ref().map_or("A sleep", |timer| &timer.whose);
            let is_inner = scene
                .fired
                .as_ref()
                .is_some_and(|timer| timer.future.is_some());
            let text = format!("{whose}'s timer is due. What will its waker do?");
            let answers = [
                format!("run {whose} at once"),
                format!("put {task}, the number of {name}, on the ready queue"),
                format!("poll {name}"),
            ];
            let answers = [&*answers[0], &*answers[1], &*answers[2]];
            Said::new(
                "wakes",
                format!("The waker puts {task} on the ready queue. That is all it does."),
            )
            .teaches_if(is_inner, TASK_NOT_FUTURE)
            .asks(0, text, answers, 1)
        }
        WokenBy::Task(waker) if waker == task => Said::new(
            "wakes",
            format!("{name} calls its own waker: {task} goes on the queue, for the next turn."),
        ),
        WokenBy::Task(waker) if scene.running != Some(waker) => Said::new(
            "wakes",
            format!(
                "{} has ended, and that wakes {name}, which awaits it: {task} goes on the queue.",
                scene.name(waker)
            ),
        ),
        WokenBy::Task(waker) => Said::new(
            "wakes",
            format!(
                "{} calls a waker of {name}: {task} goes on the queue.",
                scene.name(waker)
            ),
        ),
        _ => Said::new(
            "wakes",
            format!(
                "Somebody outside of the loop calls a waker of {name}: {task} goes on the queue."
            ),
        ),
    }
}

fn parked(until: Option<Duration>, scene: &Scene, ahead: &Ahead) -> Said {
    if !ahead.goes_on {
        return Said::new(
            "lost",
            "Nobody is ready, and no timer is set: nothing can ever wake these tasks. The loop \
             says so, and ends."
                .to_string(),
        )
        .teaches(FOR_EVER);
    }
    let text = "The queue is empty. What does the thread do?".to_string();
    let Some(until) = until else {
        return Said::new(
            "parked",
            "Nobody is ready, and no timer is set. The loop parks the \
                          thread until somebody outside wakes a task."
                .to_string(),
        );
    };
    let until = at(until);
    let say = format!(
        "Nobody is ready. The loop asks the wheel what is due next, and parks the thread until \
         {until}."
    );
    let said = Said::new("parked", say).teaches(NOT_WORKING);
    let who = scene.next_due().map_or("the first", |timer| &timer.whose);
    match &ahead.not_begun {
        Some(next) => {
            let answers = [
                format!("{next} waits too, at the same time"),
                format!("nothing: {next} has not begun"),
                format!("{next} runs meanwhile"),
            ];
            let answers = [&*answers[0], &*answers[1], &*answers[2]];
            said.asks(
                4,
                format!("{who} is awaited, and waits. What happens to {next} meanwhile?"),
                answers,
                1,
            )
        }
        None => {
            let answers = [
                format!("it asks {who} again and again"),
                format!("it sleeps until {until}"),
                "it ends".to_string(),
            ];
            let answers = [&*answers[0], &*answers[1], &*answers[2]];
            said.asks(3, text, answers, 1)
        }
    }
}

fn timer(event: &EventKind, scene: &Scene) -> Said {
    match event {
        EventKind::TimerSet { deadline, .. } => {
            let inner = scene.innermost();
            let say = format!(
                "{inner} must wait: it leaves its waker on the wheel, for {}.",
                at(*deadline)
            );
            Said::new("waits", say).teaches_if(scene.timers.len() == 2, BOTH)
        }
        EventKind::TimerMoved { timer, level, slot } => {
            let whose = scene
                .timers
                .get(timer)
                .map_or("A sleep", |timer| &timer.whose);
            Said::new(
                "waits",
                format!(
                    "The hand of the wheel has come near: {whose}'s timer moves to level {level}, \
                     slot {slot}."
                ),
            )
        }
        EventKind::TimerFired { .. } => {
            let whose = scene.fired.as_ref().map_or("A sleep", |timer| &timer.whose);
            Said::new(
                "wakes",
                format!("{whose}'s timer is due: the loop calls the waker that it left."),
            )
        }
        EventKind::TimerCancelled { .. } => Said::new(
            "waits",
            format!(
                "{}'s sleep is dropped before its time: its timer is taken off the wheel.",
                scene.about
            ),
        ),
        EventKind::FutureDropped { .. } => Said::new(
            "loop",
            format!("{} is dropped before it was done.", scene.about),
        ),
        _ => Said::new("loop", "Something else happens.".to_string()),
    }
}

/// The second half of a timer that has fired where no wake follows.
pub fn say_idle(scene: &Scene) -> Said {
    let Some(timer) = &scene.fired else {
        return Said::new("wakes", "The waker wakes nobody.".to_string());
    };
    let task = timer.task;
    match scene.tasks.get(&task) {
        Some(known) if known.is_queued => Said::new(
            "wakes",
            format!("{task} is on the queue already: this wake changes nothing."),
        )
        .teaches(TWO_WAKES),
        Some(_) => Said::new("wakes", "The waker wakes no task of this loop.".to_string()),
        None => Said::new(
            "wakes",
            format!("{} is done: the waker does nothing.", scene.name(task)),
        ),
    }
}

/// A step that stands for many.
pub fn say_many(many: Many) -> Said {
    Said::new(
        "many",
        match many {
            Many::Alike(1) => "The same happens once more.".to_string(),
            Many::Alike(more) => format!("The same happens {} more times.", grouped(more)),
            Many::Steps(more) => format!("{} steps are left out here.", grouped(more)),
            Many::One => String::new(),
        },
    )
}

/// How many names there are in one line.
const MOST_NAMES: usize = 3;

fn enumerate(count: usize, names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.take(MOST_NAMES).collect();
    match count - names.len() {
        _ if count == 0 => "empty".to_string(),
        0 => names.join(", "),
        more => format!("{} and {} more", names.join(", "), grouped(more)),
    }
}

/// Who is on the queue.
pub fn queue(scene: &Scene) -> String {
    let all = scene.batch.iter().chain(&scene.ready);
    let count = scene.batch.len() + scene.ready.len();
    enumerate(count, all.map(|task| scene.name(*task)))
}

/// Whose wakers are on the wheel.
pub fn wheel(scene: &Scene) -> String {
    let groups = scene.wheel.iter().filter_map(|(deadline, group)| {
        let timers = group.iter().filter_map(|timer| scene.timers.get(timer));
        let (level, slot) = timers.clone().next()?.place;
        let names = enumerate(group.len(), timers.map(|timer| timer.whose.clone()));
        Some(format!(
            "{}, level {level}, slot {slot}: {names}",
            at(*deadline)
        ))
    });
    let groups: Vec<String> = groups.take(MOST_NAMES).collect();
    match scene.wheel.len() - groups.len() {
        _ if groups.is_empty() => "empty".to_string(),
        0 => groups.join("; "),
        more => format!(
            "{}; and {} more deadlines",
            groups.join("; "),
            grouped(more)
        ),
    }
}

/// What a run is doing, beside another one: only what takes time.
pub fn status(scene: &Scene, ahead: &Ahead) -> Option<String> {
    let waits = || {
        let timers = scene.wheel.values().flatten();
        let timers = timers.filter_map(|timer| scene.timers.get(timer));
        let names: Vec<&str> = timers
            .take(MOST_NAMES)
            .map(|timer| timer.whose.as_str())
            .collect();
        let more = scene.timers.len() - names.len();
        let names = without_common_start(names).join(", ");
        match (more, scene.timers.len()) {
            (0, 1) => format!("{names} waits"),
            (0, _) => format!("{names} wait"),
            (more, _) => format!("{names} and {} more wait", grouped(more)),
        }
    };
    match (scene.thread(), &ahead.not_begun) {
        (State::Holds, _) => Some(format!(
            "{} holds the thread, and nobody else can run",
            scene.innermost()
        )),
        (State::Parked, Some(next)) => Some(format!("{}, and {next} has not begun", waits())),
        (State::Parked, None) => Some(format!("{}, and the thread is free", waits())),
        (State::Lost, _) => Some("stuck for ever".to_string()),
        _ => None,
    }
}

/// What the thread is doing, in a word and in a sentence.
pub fn thread(scene: &Scene) -> (&'static str, &'static str) {
    match scene.thread() {
        State::Works => ("polls", ""),
        State::Holds => ("is held", "It sleeps inside this poll, and cannot return."),
        State::Parked => (
            "is parked",
            "It sleeps. Nothing is polled, nothing is asked.",
        ),
        State::Lost => (
            "is stuck",
            "No number is on the queue, and nobody has a waker.",
        ),
        State::Done => ("is free", "The loop has ended."),
        _ => ("runs the loop", ""),
    }
}
