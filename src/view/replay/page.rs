//! The steps as a page: one file that a browser opens, with all that it needs inside.
//!
//! The page is a frame, a style sheet, a script, and the runs as JSON. The script knows nothing of
//! executors. It merges the fields of the steps up to the one that is shown, and puts each into its
//! box. So a step back is a step forward to an earlier place.
//!
//! What always holds:
//! - it asks for nothing from anywhere, and works from a file;
//! - no text of a run is ever HTML: the JSON has no `<`, and the script makes text of it and
//!   nothing else;
//! - it is bounded: the runs share [`MOST_STEPS`].
//!
//! Read next: `page.js`.

use super::json::{list, object, text};
use super::lanes::{Bar, Lane, STATES, State};
use super::names::plain;
use super::show::{as_object, changed, seconds};
use super::source::{self, Excerpt};
use super::text::Unit;
use super::words::Ask;
use super::{MOST_STEPS, Replay, Step, steps};
use demitasse::Event;
use std::time::Duration;

const FRAME: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// How many lanes a run has beside others, the thread's included: where there are two, and more.
const BRIEF: [usize; 2] = [6, 3];
/// How many moments the comparison has.
const MOST_MOMENTS: usize = 500;

/// A run, as a page shows it.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Its name.
    pub title: &'a str,
    /// What it teaches. May be empty.
    pub why: &'a str,
    /// All that the loop told.
    pub events: &'a [Event],
    /// The beginning of a line that is marked where somebody is never woken, though no event names
    /// it. May be empty.
    pub also: &'a str,
}

/// What a page says besides.
pub struct Page<'a> {
    /// Its title.
    pub title: &'a str,
    /// Why it is shown: a failure, in red. May be empty.
    pub banner: &'a str,
    /// Whether it opens at the last step.
    pub opens_at_end: bool,
    /// The text of a source file, if there is one.
    pub read: &'a dyn Fn(&str) -> Option<String>,
}

/// Writes a page that shows these runs.
pub fn page(about: &Page<'_>, runs: &[Run<'_>]) -> String {
    let most = (MOST_STEPS / runs.len().max(1)).max(2);
    let mut replays: Vec<Replay> = runs.iter().map(|run| steps(run.events, most)).collect();
    let sources = runs
        .iter()
        .map(|run| source::of(run.events, run.also, about.read));
    let mut sources: Vec<Vec<Excerpt>> = sources.collect();
    if let [ours, theirs] = &mut sources[..] {
        source::mark_differences(ours, theirs);
    }
    for ((run, replay), source) in runs.iter().zip(&mut replays).zip(&sources) {
        let place = source::place_of(run.also, source);
        place.iter().for_each(|place| replay.mark_where_lost(place));
    }
    let end = replays.iter().map(|replay| replay.end).max();
    let end = end.unwrap_or_default();
    let states = STATES
        .iter()
        .map(|(class, word, thread)| list([class, word, thread].map(|word| text(word))));
    let banner: Vec<String> = about.banner.lines().map(plain).collect();
    let all = runs.iter().zip(&replays).zip(&sources);
    let data = object([
        ("title", text(&plain(about.title))),
        ("banner", text(&banner.join("\n"))),
        ("last", about.opens_at_end.to_string()),
        ("states", list(states)),
        ("end", seconds(end)),
        ("digits", digits(end).to_string()),
        ("ticks", axis(end, 8)),
        ("moments", moments(runs, &replays, end)),
        (
            "runs",
            list(all.map(|((run, replay), source)| run_json(run, replay, source, end, runs.len()))),
        ),
    ]);
    let mut page = String::new();
    let mut frame = FRAME;
    for (mark, content) in [("{style}", STYLE), ("{data}", &data), ("{script}", SCRIPT)] {
        let (before, after) = frame
            .split_once(mark)
            .expect("the frame has each mark once");
        page += before;
        page += content.trim_end();
        frame = after;
    }
    page + frame
}

/// How many decimals a moment has, so that a hundredth of the axis can be told.
fn digits(end: Duration) -> u32 {
    (2..9)
        .find(|digits| end.as_nanos() >= 10_u128.pow(11 - digits))
        .unwrap_or(9)
}

/// A moment, as the page's clock shows it.
fn took(time: Duration, end: Duration) -> String {
    let digits = digits(end) as usize;
    format!("{:.digits$} s", time.as_secs_f64())
}

fn axis(end: Duration, most: usize) -> String {
    let ticks = Unit::of([end]).ticks(end, most);
    list(
        ticks
            .into_iter()
            .map(|(time, words)| list([seconds(time), text(&words)])),
    )
}

fn run_json(
    run: &Run<'_>,
    replay: &Replay,
    source: &[Excerpt],
    end: Duration,
    runs: usize,
) -> String {
    let brief = BRIEF[usize::from(runs > 2)];
    let is_brief = |lane: &&Lane| lane.depth < 2 && lane.name != "root";
    let chosen = replay
        .lanes
        .iter()
        .enumerate()
        .filter(|(_, lane)| is_brief(lane));
    object([
        ("title", text(&plain(run.title))),
        ("why", text(&plain(run.why))),
        ("end", seconds(replay.end)),
        ("took", text(&took(replay.end, end))),
        ("stuck", replay.is_stuck().to_string()),
        ("ticks", axis(replay.end, 6)),
        ("lanes", list(replay.lanes.iter().map(lane))),
        ("brief", list(chosen.take(brief).map(|(number, _)| number))),
        ("source", source::as_json(source)),
        ("steps", list(steps_json(&replay.steps))),
    ])
}

fn lane(lane: &Lane) -> String {
    let bar = |bar: &Bar| {
        let (from, to) = (seconds(bar.from), seconds(bar.to));
        let (first, last) = bar.steps;
        format!("[{},{from},{to},{first},{last}]", bar.state as usize)
    };
    let task = lane.task.map_or(text(""), |task| text(&task.to_string()));
    object([
        ("name", text(&lane.name)),
        ("task", task),
        ("depth", lane.depth.to_string()),
        ("bars", list(lane.bars.iter().map(bar))),
    ])
}

/// Each step with the fields that it has changed.
fn steps_json(steps: &[Step]) -> Vec<String> {
    let before = [[].as_slice()]
        .into_iter()
        .chain(steps.iter().map(|step| step.fields.as_slice()));
    let step = |(step, before): (&Step, _)| {
        let mut fields = vec![
            ("kind", text(step.said.phase)),
            ("say", text(&step.said.say)),
        ];
        fields.extend(
            step.said
                .idea
                .as_ref()
                .map(|(head, why)| ("idea", list([head, &**why].map(text)))),
        );
        fields.extend(step.said.ask.as_ref().map(|ask| ("ask", question(ask))));
        fields.extend(step.is_folded.then(|| ("many", "true".to_string())));
        fields.extend(changed(before, &step.fields));
        as_object(&fields)
    };
    steps.iter().zip(before).map(step).collect()
}

fn question(ask: &Ask) -> String {
    let answers = ask.answers.iter().map(|answer| text(answer));
    list([text(&ask.text), list(answers), ask.right.to_string()])
}

/// The comparison: at each moment when something changes, a sentence on all runs, and a word on each.
fn moments(runs: &[Run<'_>], replays: &[Replay], end: Duration) -> String {
    let all = replays
        .iter()
        .flat_map(|replay| replay.steps.iter().map(|step| step.time));
    let mut times: Vec<Duration> = all.collect();
    times.sort();
    times.dedup();
    let every = times.len().div_ceil(MOST_MOMENTS).max(1);
    let moments = times.iter().step_by(every).map(|&time| {
        let status = |replay: &Replay| {
            let until = replay.steps.partition_point(|step| step.time <= time);
            let steps = replay.steps[..until].iter().rev();
            let is_over = until == replay.steps.len() && !replay.is_stuck();
            match is_over {
                true => (State::Done, format!("done at {}", took(replay.end, end))),
                false => { steps }
                    .find_map(|step| step.status.clone())
                    .unwrap_or((State::Loop, String::new())),
            }
        };
        let each: Vec<(State, String)> = replays.iter().map(status).collect();
        let states = each
            .iter()
            .map(|(state, words)| list([(*state as usize).to_string(), text(words)]));
        list([seconds(time), text(&together(runs, &each)), list(states)])
    });
    list(moments)
}

/// One sentence on all runs: those that do the same are named together.
fn together(runs: &[Run<'_>], each: &[(State, String)]) -> String {
    let mut said: Vec<(Vec<String>, &str)> = Vec::new();
    for (run, (_, words)) in runs.iter().zip(each) {
        match said.iter_mut().find(|(_, said)| said == words) {
            Some((titles, _)) => titles.push(plain(run.title)),
            None => said.push((vec![plain(run.title)], words)),
        }
    }
    let said = said.iter().filter(|(_, words)| !words.is_empty());
    let said = said.map(|(titles, words)| format!("{}: {words}.", titles.join(", ")));
    said.collect::<Vec<String>>().join(" ")
}
