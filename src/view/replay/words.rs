//! What an event did, in a sentence; what it teaches; and what one could have guessed.
//!
//! Every sentence of the page and of the steps in the terminal is in the tables at the head of this
//! file. A sentence says one thing, in the present, of what has just happened. What stands between
//! backticks is code, what stands in braces is a name of the run.
//!
//! An *idea* is what a learner should take away. It is shown once in a run, at the first step that
//! shows it. A *question* comes before its step, where the reader wants to be asked; its answer is
//! the step's own sentence. Each is asked once in a run.
//!
//! Read next: `show.rs`.

use super::lanes::{State, grouped};
use super::names::{at, is_root, without_common_start};
use super::plan::Many;
use super::scene::Scene;
use demitasse::{Event, EventKind, Outcome, TaskId, WokenBy};

/// Writes a table: a name, and what it stands for.
macro_rules! table {
    ($kind:ty: $($name:ident = $($text:expr),+;)*) => { $(const $name: $kind = ($($text),+);)* };
}

/// The phase of a step, which has a colour, and its sentence.
type Sentence = (&'static str, &'static str);

table! { Sentence:
    ROOT = "ready", "`block_on` runs one future to its end. The future becomes task 0, root, and the number 0 goes on the queue.";
    SPAWNED = "ready", "{inner} spawns {name}: its number {task} goes on the ready queue. That is all.";
    TURN = "loop", "A turn begins. {count} numbers are on the queue, and each of them is polled once.";
    POLLED = "works", "The loop takes {task} off the queue and polls {name}, with a waker for number {task}.";
    PENDING = "works", "{name} answers `Pending`: not yet. The thread goes back to the loop.";
    YIELDED = "works", "{name} answers `Pending`: not yet. Its number is on the queue again.";
    OVER = "works", "{name} answers `Ready`: here is its output. The loop ends, at {clock}.";
    DONE = "works", "{name} answers `Ready`: it is done, and is not polled again.";
    PANICKED = "lost", "{name} panics. That ends this task; the panic goes to whoever awaits it.";
    TIMER_WAKES = "wakes", "The waker puts {task} on the ready queue. It polls nothing.";
    WAKES_ITSELF = "wakes", "{name} calls its own waker: {task} goes on the queue, for the next turn.";
    END_WAKES = "wakes", "{waker} has ended, and that wakes {name}, which awaits it: {task} goes on the queue.";
    TASK_WAKES = "wakes", "{waker} calls a waker of {name}: {task} goes on the queue.";
    OTHER_WAKES = "wakes", "Somebody outside of the loop calls a waker of {name}: {task} goes on the queue.";
    LOST = "lost", "Nobody has a waker of {name}. Nothing can ever poll it again.";
    LOST_IN = "lost", "{guilty} waits, and nobody has its waker. Nobody can wake {name}, and nothing can ever poll it again.";
    DROPPED = "lost", "The loop drops {name}, which was not done.";
    STUCK = "lost", "Nobody is ready, and no timer is set: nothing can ever wake a task again. The loop reports it, and gives up.";
    PARKED = "parked", "Nobody is ready. The loop asks the wheel what is due next, and parks the thread until {until}.";
    PARKED_ALONE = "parked", "Nobody is ready: {who} waits, and {next} has not begun. The thread is parked until {until}.";
    RESTS = "parked", "Nobody is ready, and no timer is set. The loop parks the thread until somebody outside wakes a task.";
    UNPARKED = "parked", "It is {clock}. The thread goes on.";
    HOLDS = "holds", "{inner} holds the thread for {length}. It does not answer: nothing else can run.";
    LETS_GO = "holds", "It is {clock}. Nobody else has run meanwhile. Only now does {inner} go on.";
    BEGINS = "works", "Inside {outer}, {inner} is polled for the first time: it begins.";
    GOES_ON = "works", "Inside {outer}, {inner} is polled again: it goes on where it waited.";
    NOT_YET = "works", "{about} answers `Pending`: not yet. Its `poll` returns at once.";
    FORGETS = "lost", "{about} answers `Pending`: not yet. But nobody will ever call its waker: this wait has no end.";
    READY = "works", "{about} answers `Ready`: it is done.";
    BREAKS = "works", "{about} panics: its poll ends without an answer.";
    SLEEPS = "waits", "{inner} must wait: it leaves a copy of the waker for number {task} on the wheel, until {until}.";
    MOVED = "waits", "The hand of the wheel has come near: {whose}'s timer moves to level {level}, slot {slot}.";
    FIRED = "wakes", "{whose}'s timer is due: the loop calls the waker that {whose} left.";
    PASSED = "waits", "{about}'s time has passed, though its timer has not fired: the timer is taken off the wheel.";
    CANCELLED = "waits", "{about}'s sleep is dropped before its time: its timer is taken off the wheel.";
    GONE = "loop", "{about} is dropped before it was done.";
    QUEUED = "wakes", "{task} is on the queue already: this wake changes nothing.";
    TOO_LATE = "wakes", "{name} is done: the waker does nothing.";
    ELSEWHERE = "wakes", "The waker wakes no task of this loop.";
    ALIKE = "many", "The same happens {count} more times.";
    ONCE_MORE = "many", "The same happens once more.";
    LEFT_OUT = "many", "{count} steps are left out here.";
    UNKNOWN = "loop", "Something else happens.";
}

/// Its head, and the reason.
type Idea = (&'static str, &'static str);

table! { Idea:
    A_VALUE = "A future does nothing until it is polled.", "It is a value. The loop makes it go on by calling its `poll`.";
    NOT_BEGUN = "`spawn` begins nothing yet.", "The new task is polled when its number comes to the head of the queue.";
    AN_ANSWER = "`Pending` is an answer, not a wait.", "The call has returned, and the thread can go on with something else.";
    BOTH = "Now both wait at the same time.", "Neither needs the thread for it. That is all that concurrency is.";
    NOT_CONCURRENT = "`await` is not concurrent.", "It waits for one. What comes after it has not been polled, and so has not begun.";
    NOT_WORKING = "Waiting is not working.", "A parked thread costs nothing, and no task is asked “now?” again and again.";
    NOT_FUTURE = "A waker wakes a task, not a future.", "The future that waited is inside; the number on the waker is the task's.";
    ONE_TURN = "Here a turn of the loop ends.", "Each turn polls who is ready, and then fires the timers that are due. Who is woken by them is polled in the turn after it.";
    ONLY_WOKEN = "Only what was woken is polled again.", "Each future in a `gather` has a waker of its own: it notes the future, and wakes {name}. The others are left alone.";
    TWO_WAKES = "Two wakes, one poll.", "A number is on the queue once, or not at all.";
    NOT_A_POLL = "A wake is not a poll.", "The number waits on the queue until the loop takes it. In between, others may run.";
    HELD = "A held thread holds everyone.", "It cannot leave this `poll`: nobody else is polled, and no timer fires.";
    FOR_EVER = "`Pending` without a waker is for ever.", "A task is polled again only when its waker is called.";
}

/// The question, its answers, and which of them is right.
type Question = (&'static str, [&'static str; 3], usize);

table! { Question:
    WHAT_DOES_A_WAKER = "{whose}'s timer is due. What will its waker do?",
        ["run {whose} at once", "poll {name}", "put {task}, the number of {name}, on the ready queue"], 2;
    WHO_IS_NEXT = "The queue holds {numbers}. Who is polled next?",
        ["{first}, the first to come", "{last}, the last to come", "all of them at once"], 0;
    WHAT_AT_PENDING = "{about} must wait. What does its `poll` do?",
        ["it waits there until the time has come", "it returns at once", "it asks the clock again and again"], 1;
    WHAT_AT_REST = "The queue is empty. What does the thread do?",
        ["it sleeps until {until}", "it asks {who} again and again", "it ends"], 0;
    WHAT_OF_THE_NEXT = "{who} is awaited, and waits. What happens to {next} meanwhile?",
        ["{next} waits too, at the same time", "{next} runs", "nothing: {next} has not begun"], 2;
    WHO_RUNS = "{inner} sleeps for {length} inside its `poll`. Who runs meanwhile?",
        ["nobody", "the next future", "only the loop"], 0;
    WHAT_HAS_BEGUN = "{inner} calls `spawn` for {name}. What has begun when `spawn` returns?",
        ["the new task: it runs until it waits", "the new task, on a thread of its own", "nothing yet"], 2;
    WHO_WILL_WAKE = "{name} has answered `Pending`, and waits. Who will wake it?",
        ["the timer wheel, when its time has come", "nobody", "the loop: it asks again by itself"], 1;
}

/// A step in words.
pub struct Said {
    /// Names a colour.
    pub phase: &'static str,
    /// The sentence.
    pub say: String,
    /// What it teaches.
    pub idea: Option<(&'static str, String)>,
    /// What can be asked before it.
    pub ask: Option<Ask>,
}

/// A question, and its answers.
pub struct Ask {
    /// The question before names were put in. Each is asked once.
    pub kind: &'static str,
    /// The question.
    pub text: String,
    /// The answers to choose from.
    pub answers: [String; 3],
    /// Which of them is right.
    pub right: usize,
}

/// What is known of a run before it is told: what comes later.
pub struct Ahead {
    /// A future of the task that waits, which this task has not begun.
    pub not_begun: Option<String>,
    /// The run goes on after this event, and is not only taken down.
    pub goes_on: bool,
    /// The future that has just answered is never woken.
    pub is_forgotten: bool,
}

/// What the names in braces stand for.
type Names = Vec<(&'static str, String)>;

/// Puts the names in.
fn fill(template: &str, names: &Names) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (key, after) = after.split_once('}').expect("a brace is closed");
        let name = names.iter().rev().find(|(name, _)| *name == key);
        filled += before;
        filled += name.map_or("?", |(_, name)| name);
        rest = after;
    }
    filled + rest
}

fn tell((phase, say): Sentence, idea: Option<Idea>, ask: Option<Question>, names: &Names) -> Said {
    let ask = ask.map(|(kind, answers, right)| Ask {
        kind,
        text: fill(kind, names),
        answers: answers.map(|answer| fill(answer, names)),
        right,
    });
    Said {
        phase,
        say: fill(say, names),
        idea: idea.map(|(head, why)| (head, fill(why, names))),
        ask,
    }
}

/// What an event did. The scene is the one after it, and `queue` is what was on the queue before.
pub fn say(event: &Event, scene: &Scene, queue: &[TaskId], ahead: &Ahead) -> Said {
    use EventKind as Kind;
    let names = names(event, scene, queue, ahead);
    let told = |sentence| (sentence, None, None);
    let (sentence, idea, ask) = match &event.kind {
        Kind::Spawned { task, .. } if is_root(*task) => (ROOT, Some(A_VALUE), None),
        Kind::Spawned { .. } => (SPAWNED, Some(NOT_BEGUN), Some(WHAT_HAS_BEGUN)),
        Kind::TurnStarted { .. } => told(TURN),
        Kind::PollStarted { .. } => {
            let idea = scene.was_woken.then_some(NOT_A_POLL);
            (POLLED, idea, (queue.len() > 1).then_some(WHO_IS_NEXT))
        }
        Kind::PollEnded { outcome, task } => match outcome {
            Outcome::Pending if scene.is_queued(*task) => told(YIELDED),
            Outcome::Pending if scene.left_others => (PENDING, Some(ONLY_WOKEN), None),
            Outcome::Pending => (PENDING, Some(AN_ANSWER), None),
            Outcome::Ready if scene.is_over => told(OVER),
            Outcome::Ready => told(DONE),
            Outcome::Panicked => told(PANICKED),
        },
        Kind::Woken { task, by } => match by {
            WokenBy::Timer => {
                let has_future = |timer: &super::scene::Timer| timer.future.is_some();
                let is_inner = scene.fired.as_ref().is_some_and(has_future);
                let ask = scene.fired.as_ref().map(|_| WHAT_DOES_A_WAKER);
                (TIMER_WAKES, is_inner.then_some(NOT_FUTURE), ask)
            }
            WokenBy::Task(waker) if waker == task => told(WAKES_ITSELF),
            WokenBy::Task(waker) if scene.running != Some(*waker) => told(END_WAKES),
            WokenBy::Task(_) => told(TASK_WAKES),
            _ => told(OTHER_WAKES),
        },
        Kind::WakerLost { .. } => match scene.lost_futures().next() {
            Some(_) => (LOST_IN, Some(FOR_EVER), Some(WHO_WILL_WAKE)),
            None => (LOST, Some(FOR_EVER), Some(WHO_WILL_WAKE)),
        },
        Kind::TaskDropped { .. } => told(DROPPED),
        Kind::Parked { .. } if !ahead.goes_on => (STUCK, Some(FOR_EVER), None),
        Kind::Parked { until: None } => told(RESTS),
        Kind::Parked { .. } => match ahead.not_begun {
            Some(_) => (PARKED_ALONE, Some(NOT_CONCURRENT), Some(WHAT_OF_THE_NEXT)),
            None => (PARKED, Some(NOT_WORKING), Some(WHAT_AT_REST)),
        },
        Kind::Unparked => (UNPARKED, Some(ONE_TURN), None),
        Kind::BlockStarted { .. } => (HOLDS, Some(HELD), Some(WHO_RUNS)),
        Kind::BlockEnded { .. } => told(LETS_GO),
        Kind::FuturePollStarted { future, .. } => match scene.futures.get(future) {
            Some(future) if future.polls > 1 => told(GOES_ON),
            _ => told(BEGINS),
        },
        Kind::FuturePollEnded { ready: true, .. } => told(READY),
        Kind::FuturePollEnded { panicked: true, .. } => told(BREAKS),
        Kind::FuturePollEnded { .. } if ahead.is_forgotten => told(FORGETS),
        Kind::FuturePollEnded { .. } => (NOT_YET, Some(AN_ANSWER), Some(WHAT_AT_PENDING)),
        Kind::TimerSet { .. } => (SLEEPS, (scene.timers.len() == 2).then_some(BOTH), None),
        Kind::TimerMoved { .. } => told(MOVED),
        Kind::TimerFired { .. } => told(FIRED),
        Kind::TimerCancelled { .. } if scene.is_past => told(PASSED),
        Kind::TimerCancelled { .. } => told(CANCELLED),
        Kind::FutureDropped { .. } => told(GONE),
        _ => told(UNKNOWN),
    };
    tell(sentence, idea, ask, &names)
}

/// The second half of a timer that has fired where no wake follows.
pub fn say_idle(scene: &Scene) -> Said {
    let task = scene.fired.as_ref().map(|timer| timer.task);
    let names = task.map_or(Names::new(), |task| names_of(task, scene));
    match task {
        Some(task) if scene.is_queued(task) => tell(QUEUED, Some(TWO_WAKES), None, &names),
        Some(task) if !scene.tasks.contains_key(&task) => tell(TOO_LATE, None, None, &names),
        _ => tell(ELSEWHERE, None, None, &names),
    }
}

/// A step that stands for many.
pub fn say_many(many: Many) -> Said {
    let (sentence, count) = match many {
        Many::One | Many::Alike(1) => (ONCE_MORE, 1),
        Many::Alike(more) => (ALIKE, more),
        Many::Steps(more) => (LEFT_OUT, more),
    };
    tell(sentence, None, None, &vec![("count", grouped(count))])
}

fn names_of(task: TaskId, scene: &Scene) -> Names {
    vec![("task", task.to_string()), ("name", scene.name(task))]
}

fn names(event: &Event, scene: &Scene, queue: &[TaskId], ahead: &Ahead) -> Names {
    use EventKind as Kind;
    let mut names = vec![
        ("clock", at(event.time)),
        ("inner", scene.innermost()),
        ("outer", scene.outer()),
        ("about", scene.about.clone()),
        ("count", grouped(scene.batch.len())),
    ];
    names.extend(scene.next_due().map(|timer| ("who", timer.whose.clone())));
    let mut lost = scene.lost_futures();
    names.extend(lost.next().map(|future| ("guilty", future.label.clone())));
    names.extend(ahead.not_begun.iter().map(|next| ("next", next.clone())));
    if let [first, .., last] = queue {
        names.push(("first", first.to_string()));
        names.push(("last", last.to_string()));
        names.push((
            "numbers",
            enumerate(queue.len(), queue.iter().map(TaskId::to_string)),
        ));
    }
    if let Kind::Spawned { task, .. }
    | Kind::PollStarted { task }
    | Kind::PollEnded { task, .. }
    | Kind::Woken { task, .. }
    | Kind::WakerLost { task }
    | Kind::TimerSet { task, .. }
    | Kind::TaskDropped { task } = &event.kind
    {
        names.extend(names_of(*task, scene));
    }
    names.extend(
        scene
            .fired
            .iter()
            .map(|timer| ("whose", timer.whose.clone())),
    );
    match &event.kind {
        Kind::Woken {
            by: WokenBy::Task(waker),
            ..
        } => names.push(("waker", scene.name(*waker))),
        Kind::Parked { until: Some(until) } => names.push(("until", at(*until))),
        Kind::TimerSet { deadline, .. } => names.push(("until", at(*deadline))),
        Kind::BlockStarted { duration, .. } => names.push(("length", at(*duration))),
        Kind::TimerMoved { timer, level, slot } => {
            names.push(("level", level.to_string()));
            names.push(("slot", slot.to_string()));
            let timer = scene.timers.get(timer);
            names.extend(timer.map(|timer| ("whose", timer.whose.clone())));
        }
        _ => {}
    }
    names
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
