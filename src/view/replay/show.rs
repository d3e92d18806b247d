//! A scene as the page shows it: each box of the page is a field, as JSON.
//!
//! What can be long is cut here, and what is left out is counted. So the page's script decides
//! nothing: it puts each field into its box.
//!
//! Read next: `page.rs`.

use super::json::{list, object, text};
use super::lanes::{STATES, State, grouped};
use super::names::{at, is_root, without_common_start};
use super::scene::{Scene, Timer};
use super::text::Unit;
use super::words::thread;
use demitasse::TaskId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How much there is of each at most.
const MOST_NUMBERS: usize = 9;
/// More numbers than these have no room for names.
const MOST_NAMED: usize = 4;
const MOST_DEADLINES: usize = 3;
const MOST_PILLS: usize = 5;
const MOST_RINGS: usize = 3;
const MOST_FRAMES: usize = 2;
const MOST_NAMES: usize = 3;

/// A field of a scene: its key, and what it holds.
pub type Field = (&'static str, String);

/// Seconds, as JSON.
pub fn seconds(time: Duration) -> String {
    format!("{}", time.as_secs_f64())
}

/// All that the page shows of a scene.
pub fn fields(scene: &Scene) -> Vec<Field> {
    vec![
        ("t", seconds(scene.time)),
        ("clock", text(&at(scene.time))),
        ("turn", scene.turn.to_string()),
        ("queue", queue(scene)),
        ("thread", {
            let (word, note) = thread(scene);
            let (class, ..) = STATES[scene.thread() as usize];
            list([word, note, class].map(text))
        }),
        ("stack", stack(scene)),
        ("wheel", wheel(scene)),
        ("rings", rings(scene)),
        ("kept", kept(scene)),
        ("strip", strip(scene)),
        ("marks", marks(scene)),
        ("words", list(scene.lanes.shown())),
        ("count", text(&count(scene))),
    ]
}

fn number(scene: &Scene, task: TaskId) -> String {
    list([task.to_string(), text(scene.label(task))])
}

/// This turn's numbers, the next one's, and how many more.
fn queue(scene: &Scene) -> String {
    let batch = scene.batch.iter().take(MOST_NUMBERS);
    let left = MOST_NUMBERS - batch.len();
    let ready = scene.ready.iter().take(left.max(2));
    let shown = batch.len() + ready.len();
    let more = scene.batch.len() + scene.ready.len() - shown;
    let has_names = scene.batch.len() + scene.ready.len() <= MOST_NAMED;
    let shown = |task: &TaskId| match has_names {
        true => number(scene, *task),
        false => list([task.to_string()]),
    };
    let numbers = |tasks: &mut dyn Iterator<Item = &TaskId>| list(tasks.map(shown));
    list([
        numbers(&mut batch.into_iter()),
        numbers(&mut ready.into_iter()),
        text(&and_more(more)),
    ])
}

fn and_more(more: usize) -> String {
    match more {
        0 => String::new(),
        more => format!("and {} more", grouped(more)),
    }
}

/// The loop, the task that it polls, and the futures in that. A number: it is lent a waker.
fn stack(scene: &Scene) -> String {
    if matches!(scene.thread(), State::Parked | State::Lost | State::Done) {
        return "[]".to_string();
    }
    let open = scene
        .stack
        .iter()
        .filter_map(|future| scene.futures.get(future));
    let inner: Vec<String> = open
        .map(|future| format!("{}.poll()", future.label))
        .collect();
    let hidden = inner.len().saturating_sub(MOST_FRAMES);
    let mut frames = vec![list([text("the loop")])];
    // A task has its name from the future inside, and here they stand one above the other.
    frames.extend(scene.running.map(|task| match is_root(task) {
        true => number(scene, task),
        false => list([task.to_string(), text("task")]),
    }));
    if hidden > 0 {
        frames.push(list([text(&format!("{hidden} more polls"))]));
    }
    frames.extend(inner[hidden..].iter().map(|frame| list([text(frame)])));
    list(frames)
}

/// A waker: the number of its task, and for whom it is kept.
fn pill(timer: &Timer) -> String {
    let whose = match timer.future {
        Some(_) => format!("for {}", timer.whose),
        None => timer.whose.clone(),
    };
    list([timer.task.to_string(), text(&whose)])
}

/// By deadline: when, where on the wheel, whose wakers.
fn wheel(scene: &Scene) -> String {
    let groups = scene.wheel.iter().take(MOST_DEADLINES);
    let groups = groups.filter_map(|(deadline, group)| {
        let timers = group.iter().filter_map(|timer| scene.timers.get(timer));
        let first = timers.clone().next()?;
        let (level, slot) = first.place;
        let is_due = scene.hand >= *deadline;
        let place = match is_due {
            true => "due now".to_string(),
            false => format!("level {level}, slot {slot}"),
        };
        let pills: Vec<String> = timers.take(MOST_PILLS).map(pill).collect();
        let more = and_more(group.len() - pills.len());
        Some(list([
            text(&at(*deadline)),
            text(&place),
            list(pills),
            text(&more),
        ]))
    });
    let groups: Vec<String> = groups.collect();
    let more = match scene.wheel.len() - groups.len() {
        0 => String::new(),
        1 => "and one more deadline".to_string(),
        more => format!("and {} more deadlines", grouped(more)),
    };
    list([list(groups), text(&more), scene.timers.len().to_string()])
}

/// The levels that are used, the coarsest first: how long a slot is, where the hand stands, and
/// which slots are not empty.
fn rings(scene: &Scene) -> String {
    let digit = |level: usize| (scene.hand.as_nanos() >> (6 * level)) % 64;
    let rings = scene.levels.iter().rev().take(MOST_RINGS).map(|&level| {
        let timers = scene.timers.values().filter(|timer| timer.place.0 == level);
        let slots: BTreeSet<usize> = timers.map(|timer| timer.place.1).collect();
        let slot = Duration::from_nanos(1 << (6 * level));
        let words = format!("level {level}: slots of {}", Unit::of([slot]).spell(slot));
        list([text(&words), digit(level).to_string(), list(slots)])
    });
    list(rings)
}

/// Wakers that are on no timer: whose are kept elsewhere, and whose nobody has.
fn kept(scene: &Scene) -> String {
    let names = |tasks: &BTreeSet<TaskId>| {
        let shown = tasks
            .iter()
            .take(MOST_NAMES)
            .map(|task| number(scene, *task));
        let shown: Vec<String> = shown.collect();
        let more = and_more(tasks.len() - shown.len());
        list([list(shown), text(&more)])
    };
    list([names(&scene.unseen), names(&scene.lost)])
}

/// The waker that has just been called.
fn strip(scene: &Scene) -> String {
    let Some(timer) = &scene.fired else {
        return match scene.woke {
            Some(task) => list([
                number(scene, task),
                text(&format!("is called, and has put {task} on the queue")),
            ]),
            None => "[]".to_string(),
        };
    };
    let task = timer.task;
    let what = match (scene.is_idle, scene.has_woken) {
        (true, _) => format!("is called: {task} is on the queue already"),
        (_, true) => format!("has put {task} on the queue"),
        _ => "is called".to_string(),
    };
    list([pill(timer), text(&what)])
}

/// Who waits at which line, and what this step does where.
fn marks(scene: &Scene) -> String {
    let mut lines: BTreeMap<(&str, u32, bool), (Vec<&str>, usize)> = BTreeMap::new();
    for (at, is_due, who) in scene.waiting() {
        let (names, count) = lines.entry((at.file(), at.line(), is_due)).or_default();
        *count += 1;
        names.extend((names.len() < MOST_NAMES).then_some(who));
    }
    let waits = lines
        .into_iter()
        .map(|((file, line, is_due), (names, count))| {
            let more = and_more(count - names.len());
            let who = without_common_start(names).join(", ") + " " + &more;
            let who = who.trim_end();
            let words = match (is_due, count) {
                (true, _) => format!("{who}: time is up"),
                (false, 1) => format!("{who} waits here"),
                (false, _) => format!("{who} wait here"),
            };
            list([text(&format!("{file}:{line}")), text(&words), text("waits")])
        });
    let here = scene.here.iter().map(|(at, words)| {
        let place = format!("{}:{}", at.file(), at.line());
        list([text(&place), text(words), text("here")])
    });
    let lost = scene.lost_futures().take(MOST_NAMES).map(|future| {
        let at = future.made_at;
        let words = format!("{} kept no waker", future.label);
        list([
            text(&format!("{}:{}", at.file(), at.line())),
            text(&words),
            text("lost"),
        ])
    });
    list(waits.chain(lost).chain(here))
}

fn count(scene: &Scene) -> String {
    match scene.lanes.left_out() {
        0 => String::new(),
        _ => scene.lanes.counts(),
    }
}

/// A step in which the scene has changed: only these fields, as an object.
pub fn changed(before: &[Field], now: &[Field]) -> Vec<Field> {
    let is_new = |field: &&Field| !before.contains(field);
    now.iter().filter(is_new).cloned().collect()
}

/// An object of fields.
pub fn as_object(fields: &[Field]) -> String {
    object(fields.iter().map(|(key, value)| (*key, value.clone())))
}
