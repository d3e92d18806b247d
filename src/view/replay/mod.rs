//! A run, step by step: one model, and two ways to see it.
//!
//! | file | what it is |
//! |---|---|
//! | `plan.rs` | which events are steps, and which steps are told as one |
//! | `scene.rs`, `lanes.rs` | what is where at a moment, and who was in which state how long |
//! | `words.rs` | the sentence of a step, its idea, its question |
//! | `show.rs`, `json.rs` | a scene as the fields of the page |
//! | `tell.rs` | the steps in a terminal, turn by turn |
//! | `page.rs`, `page.html`, `page.css`, `page.js` | the steps in a browser, forward and back |
//! | `source.rs` | the lines of source that a run ran |
//!
//! [`steps`] is the model: a pure function of the events. It decides everything, which is what is
//! a step, what is said of it, and what stands in each box. The terminal prints it, and the page's
//! script puts it into boxes. So text and page cannot disagree, and a step back is as true as a
//! step forward: it is the same recording.
//!
//! What always holds: long runs are folded and cut, and say so. There are at most so many steps,
//! lanes, numbers and names, whatever the run.
//!
//! Read next: `plan.rs`.

mod json;
mod lanes;
pub mod names;
mod page;
mod plan;
mod scene;
mod show;
mod source;
mod tell;
mod words;

use super::timeline::text;
use demitasse::{Event, EventKind, TaskId};
use lanes::{Lane, State};
use plan::Many;
use scene::Scene;
use show::Field;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use words::{Ahead, Ask, Said};

#[allow(unused_imports, reason = "not all who include this write pages")]
pub use page::{Page, Run, page};
pub use tell::tell;

/// How many steps there are at most.
pub const MOST_STEPS: usize = 2_000;

/// A run, step by step. Made by [`steps`].
pub struct Replay {
    /// What one steps through.
    pub steps: Vec<Step>,
    /// The first lanes.
    pub lanes: Vec<Lane>,
    /// When the last event was.
    pub end: Duration,
}

/// One thing that a sentence can say, and all that is true after it.
pub struct Step {
    /// When.
    pub time: Duration,
    /// In which turn of the loop.
    pub turn: usize,
    /// In how many polls it is.
    pub depth: usize,
    /// The sentence, what it teaches, what can be asked before it.
    pub said: Said,
    /// Whether it stands for many.
    pub is_folded: bool,
    /// What the run is doing, if that is worth a word beside another run.
    pub status: Option<(State, String)>,
    /// What is on the queue and on the wheel, in words.
    pub queue: String,
    /// See `queue`.
    pub wheel: String,
    /// What the page shows.
    pub fields: Vec<Field>,
}

/// The steps of a run: at most `most`.
pub fn steps(events: &[Event], most: usize) -> Replay {
    let mut scene = Scene::new(events);
    let mut steps = Vec::new();
    let mut later = Later::of(events);
    let mut is_told = Once::default();
    let mut next = 0;
    for stop in plan::plan(events, most) {
        scene.step = steps.len();
        let depth = scene.depth();
        let mut queue = Vec::new();
        while next <= stop.event {
            if next == stop.event {
                queue = scene.batch.iter().take(100).copied().collect();
            }
            scene.apply(&events[next]);
            next += 1;
        }
        if let Some(EventKind::WakerLost { task }) = events.get(next).map(|event| &event.kind) {
            // That nobody has its waker is the next step's to say.
            scene.unseen.remove(task);
        }
        let ahead = later.after(stop.event, &scene);
        let is_stuck =
            matches!(events[stop.event].kind, EventKind::Parked { .. }) && !ahead.goes_on;
        if is_stuck {
            scene.get_stuck();
        }
        scene.is_idle = stop.is_idle;
        let said = match (stop.stands_for, stop.is_idle) {
            (Many::One, false) => words::say(&events[stop.event], &scene, &queue, &ahead),
            (Many::One, true) => words::say_idle(&scene),
            _ => words::say_many(stop.stands_for),
        };
        let depth = depth.min(scene.depth());
        let status = words::status(&scene, &ahead);
        steps.push(Step {
            time: scene.time,
            turn: scene.turn,
            depth,
            said: is_told.once(said),
            is_folded: stop.stands_for != Many::One,
            status: status.map(|words| (scene.thread(), words)),
            queue: words::queue(&scene),
            wheel: words::wheel(&scene),
            fields: show::fields(&scene),
        });
    }
    let end = events.last().map_or(Duration::ZERO, |event| event.time);
    scene.lanes.close(end, steps.len());
    Replay {
        steps,
        lanes: scene.lanes.kept,
        end,
    }
}

impl Replay {
    /// Where nobody is woken, this line is marked besides.
    fn mark_where_lost(&mut self, place: &str) {
        let lost = self
            .steps
            .iter_mut()
            .filter(|step| step.said.phase == "lost");
        for field in lost.flat_map(|step| &mut step.fields) {
            if let ("marks", marks) = field {
                let comma = if marks == "[]" { "" } else { "," };
                let mark = json::list([place, "", "here"].map(json::text));
                marks.truncate(marks.len() - 1);
                *marks += &format!("{comma}{mark}]");
            }
        }
    }

    /// Whether it ends because nothing can ever wake anybody.
    pub fn is_stuck(&self) -> bool {
        let status = self.steps.last().and_then(|step| step.status.as_ref());
        status.is_some_and(|(state, _)| *state == State::Lost)
    }
}

/// Ideas and questions that a run has had already.
#[derive(Default)]
struct Once {
    ideas: HashSet<&'static str>,
    questions: HashSet<&'static str>,
}

impl Once {
    fn once(&mut self, mut said: Said) -> Said {
        said.idea = said.idea.filter(|(idea, _)| self.ideas.insert(idea));
        said.ask = said.ask.filter(|ask: &Ask| self.questions.insert(ask.kind));
        said
    }
}

/// What comes later in a run.
struct Later {
    /// The last event that is not only the end.
    last: Option<usize>,
    /// The first poll of each future that is in no other: its event, its task, its label.
    begins: Vec<(usize, TaskId, String)>,
    /// The last answers of the futures that are never woken.
    forgotten: HashSet<usize>,
    seen: usize,
}

/// The last answers of futures whose task then lost its waker: all that wait in it wait for ever.
fn forgotten(events: &[Event]) -> HashSet<usize> {
    use EventKind as Kind;
    let mut tasks = HashMap::new();
    let mut answers: HashMap<TaskId, HashMap<u64, usize>> = HashMap::new();
    let mut forgotten = HashSet::new();
    for (number, event) in events.iter().enumerate() {
        match &event.kind {
            Kind::FuturePollEnded { task, future, .. } => {
                tasks.insert(*future, *task);
                answers.entry(*task).or_default().insert(*future, number);
            }
            Kind::FutureDropped { future } => {
                let answers = tasks.get(future).and_then(|task| answers.get_mut(task));
                answers.map(|answers| answers.remove(future));
            }
            Kind::WakerLost { task } => {
                forgotten.extend(answers.get(task).into_iter().flat_map(HashMap::values));
            }
            _ => {}
        }
    }
    forgotten
}

impl Later {
    fn of(events: &[Event]) -> Self {
        use EventKind as Kind;
        let goes_on = |event: &Event| {
            matches!(
                event.kind,
                Kind::TurnStarted { .. } | Kind::PollStarted { .. } | Kind::Unparked
            )
        };
        let mut begins = Vec::new();
        let mut known = HashSet::new();
        let mut open: usize = 0;
        for (number, event) in events.iter().enumerate() {
            match &event.kind {
                Kind::PollStarted { .. } => open = 0,
                Kind::FuturePollStarted {
                    task,
                    future,
                    label,
                    ..
                } => {
                    if known.insert(*future) && open == 0 {
                        begins.push((number, *task, names::short(label)));
                    }
                    open += 1;
                }
                Kind::FuturePollEnded { .. } => open = open.saturating_sub(1),
                _ => {}
            }
        }
        Later {
            last: events.iter().rposition(goes_on),
            begins,
            forgotten: forgotten(events),
            seen: 0,
        }
    }

    /// What comes after this event. Asked in order.
    fn after(&mut self, event: usize, scene: &Scene) -> Ahead {
        while self
            .begins
            .get(self.seen)
            .is_some_and(|begin| begin.0 <= event)
        {
            self.seen += 1;
        }
        // Only of a task that waits in one of its futures, and so not yet in the next.
        let due = scene.next_due().filter(|timer| timer.future.is_some());
        let waits = due.map(|timer| timer.task);
        let mut begins = self.begins[self.seen..].iter();
        let not_begun = begins.find(|(_, task, _)| Some(*task) == waits);
        Ahead {
            not_begun: not_begun.map(|(_, _, label)| label.clone()),
            goes_on: self.last.is_some_and(|last| event < last),
            is_forgotten: self.forgotten.contains(&event),
        }
    }
}
