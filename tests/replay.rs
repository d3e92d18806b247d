//! The steps of a run, in a terminal and as a page: one model, and what it must never get wrong.

#[allow(dead_code, reason = "the binary uses all of it")]
#[path = "../src/view/mod.rs"]
mod view;

use demitasse::{
    Event, EventKind, EventLoop, block_for, gather, instrument, sleep, spawn, yield_now,
};
use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::future::{Future, pending, poll_fn};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Once;
use std::time::Duration;
use view::replay::{MOST_STEPS, Page, Replay, Run, Step, page, steps, tell};
use view::timeline::Style;

const SECOND: Duration = Duration::from_secs(1);

/// Runs a future on the simulated clock, and gives all events, also where it is stuck.
fn record<F: Future + 'static>(future: F) -> Vec<Event> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let said = panic.to_string();
            if !said.contains("on purpose") && !said.contains("stuck:") {
                loud(panic);
            }
        }));
    });
    let events = Rc::new(RefCell::new(Vec::new()));
    let recorder = Rc::clone(&events);
    let event_loop = EventLoop::simulated();
    let event_loop = event_loop.on_event(move |event| recorder.borrow_mut().push(event.clone()));
    let run = std::panic::AssertUnwindSafe(|| event_loop.block_on(future));
    let _ = std::panic::catch_unwind(run);
    events.take()
}

fn fetches(count: u64) -> Vec<Event> {
    record(async move {
        gather((0..count).map(|number| instrument(format!("fetch {number}"), sleep(3 * SECOND))))
            .await
    })
}

fn all(events: &[Event]) -> Replay {
    steps(events, MOST_STEPS)
}

fn sentences(replay: &Replay) -> Vec<&str> {
    replay
        .steps
        .iter()
        .map(|step| step.said.say.as_str())
        .collect()
}

/// A run with everything in it.
fn eventful() -> Vec<Event> {
    record(async {
        let held = spawn(instrument("held", async { block_for(SECOND / 2) }));
        drop(spawn(instrument("lost", pending::<()>())));
        drop(spawn(instrument("panics", async { panic!("on purpose") })));
        let nested = instrument("outer", async {
            sleep(SECOND).await;
            instrument("inner", sleep(SECOND)).await;
        });
        gather([nested]).await;
        held.await.unwrap();
        yield_now().await;
    })
}

#[test]
fn two_fetches_are_twenty_one_steps() {
    let events = fetches(2);
    let replay = all(&events);
    assert_eq!(replay.steps.len(), 21);
    let at = |number: usize| replay.steps[number - 1].said.say.as_str();
    assert!(at(10).starts_with("Nobody is ready."));
    // That a timer fires and that its task is ready are two things.
    assert!(at(12).contains("fetch 0's timer is due"));
    assert_eq!(
        at(13),
        "The waker puts 0 on the ready queue. It polls nothing."
    );
    assert!(at(14).contains("fetch 1's timer is due"));
    assert_eq!(
        at(15),
        "0 is on the queue already: this wake changes nothing."
    );
    // Each event is in a step, and the step has its time.
    let times: HashSet<Duration> = events.iter().map(|event| event.time).collect();
    assert!(replay.steps.iter().all(|step| times.contains(&step.time)));
    assert_eq!(replay.steps[20].turn, 3);
}

#[test]
fn what_repeats_itself_is_folded_and_counted() {
    let expected = [(7, 33, "4"), (1_000, 33, "997"), (20_000, 33, "19,997")];
    for (count, length, left_out) in expected {
        let events = fetches(count);
        let replay = all(&events);
        assert_eq!(replay.steps.len(), length);
        let folded: Vec<&str> = replay
            .steps
            .iter()
            .filter(|step| step.is_folded)
            .map(|step| step.said.say.as_str())
            .collect();
        assert_eq!(folded.len(), 3);
        assert_eq!(
            folded[0],
            format!("The same happens {left_out} more times.")
        );
        assert!(replay.lanes.len() <= 9);
    }
    // Tasks of their own, and waits in turn.
    let spawned = record(async {
        let tasks: Vec<_> = (0..1_000).map(|_| spawn(sleep(SECOND))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!(
        all(&spawned).steps.len() < 60,
        "{}",
        all(&spawned).steps.len()
    );
    let in_turn = record(async {
        for number in 0..1_000 {
            instrument(format!("fetch {number}"), sleep(SECOND)).await;
        }
    });
    let replay = all(&in_turn);
    assert!(replay.steps.len() < 60, "{}", replay.steps.len());
    // The last one is shown.
    assert!(
        sentences(&replay)
            .iter()
            .any(|say| say.contains("fetch 999's timer is due"))
    );
}

/// A run that never repeats itself for long.
fn wild() -> Vec<Event> {
    record(async {
        let mut random = 1_u32;
        for number in 0..4_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let wait = sleep(SECOND * (random >> 31));
            instrument(format!("{number}"), wait).await;
            if random >> 30 & 1 == 1 {
                yield_now().await;
            }
        }
    })
}

#[test]
fn no_run_has_too_many_steps() {
    let events = wild();
    let replay = all(&events);
    assert_eq!(replay.steps.len(), MOST_STEPS);
    let cut = &replay.steps[MOST_STEPS - 2].said.say;
    assert!(cut.ends_with(" steps are left out here."), "{cut}");
    let last = &replay.steps[MOST_STEPS - 1].said.say;
    assert!(last.contains("The loop ends"), "{last}");
}

#[test]
fn the_terminal_says_what_the_model_says() {
    for events in [fetches(2), eventful(), fetches(100)] {
        let style = Style {
            width: 10_000,
            ..Style::default()
        };
        let text = tell("a run", &events, &style);
        let mut lines = text.lines();
        for (number, step) in all(&events).steps.iter().enumerate() {
            let say = step.said.say.replace('`', "");
            let is_it = |line: &str| {
                line.trim_start() == format!("{}  {say}", number + 1) || {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    words.join(" ") == format!("{} {say}", number + 1)
                }
            };
            assert!(lines.any(is_it), "{}: {say}", number + 1);
        }
    }
    for width in [60, 80] {
        let style = Style {
            width,
            ..Style::default()
        };
        let text = tell("a run", &eventful(), &style);
        assert!(
            text.lines().all(|line| line.chars().count() <= width),
            "{text}"
        );
    }
}

#[test]
fn an_idea_and_a_question_come_once() {
    for events in [fetches(2), eventful()] {
        let replay = all(&events);
        assert!(
            !sentences(&replay)
                .iter()
                .any(|say| say.contains(['?', '{']))
        );
        let ideas: Vec<_> = replay
            .steps
            .iter()
            .filter_map(|step| step.said.idea.clone())
            .collect();
        let once: HashSet<_> = ideas.iter().collect();
        assert!(ideas.len() > 5 && once.len() == ideas.len());
        let asked: Vec<_> = replay
            .steps
            .iter()
            .filter_map(|step| step.said.ask.as_ref())
            .collect();
        let once: HashSet<_> = asked.iter().map(|ask| ask.kind).collect();
        assert!(asked.len() > 2 && once.len() == asked.len());
        for ask in asked {
            let answers: HashSet<&String> = ask.answers.iter().collect();
            assert!(answers.len() == 3 && ask.right < 3 && ask.text.ends_with('?'));
            // Each name in braces is known.
            assert!(!answers.iter().any(|answer| answer.contains('?')));
            assert_eq!(
                ask.text.matches('?').count(),
                ask.text.matches("? ").count() + 1
            );
        }
    }
}

#[test]
fn a_run_that_is_stuck_ends_there() {
    let events = record(instrument("lost", pending::<()>()));
    let replay = all(&events);
    let [.., lost, stuck] = &replay.steps[..] else {
        panic!("there are some steps");
    };
    assert!(
        lost.said
            .say
            .starts_with("lost waits, and nobody has its waker. Nobody can wake root")
    );
    assert!(
        stuck
            .said
            .say
            .contains("nothing can ever wake a task again")
    );
    assert!(
        events.len() > replay.steps.len(),
        "the tasks are dropped after that"
    );
}

fn boxed(future: impl Future<Output = ()> + 'static) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(future)
}

#[test]
fn a_mistake_is_named_where_it_is_made() {
    let events = record(async {
        gather([
            instrument("forgets", boxed(pending())),
            instrument("sleeps", boxed(sleep(SECOND))),
        ])
        .await
    });
    let replay = all(&events);
    let step = |say: &str| {
        let is_it = |step: &&Step| step.said.say.starts_with(say);
        replay.steps.iter().find(is_it).expect(say)
    };
    // Only the verdict, at the end, makes it known. But it is told at the answer.
    let mistake = step("forgets answers `Pending`");
    assert_eq!(mistake.said.phase, "lost");
    assert!(mistake.said.say.contains("nobody will ever call its waker"));
    assert_eq!(step("sleeps answers `Pending`").said.phase, "works");
    step("forgets waits, and nobody has its waker.");
    // Why the second poll of the root leaves it out.
    let ideas = replay
        .steps
        .iter()
        .filter_map(|step| step.said.idea.as_ref());
    let told = ideas.filter(|(head, _)| *head == "Only what was woken is polled again.");
    assert_eq!(told.count(), 1);
    let ideas = all(&fetches(2))
        .steps
        .into_iter()
        .filter_map(|step| step.said.idea);
    assert!({ ideas }.all(|(head, _)| head != "Only what was woken is polled again."));
}

#[test]
fn a_timer_that_leaves_the_wheel_late_was_not_dropped_before_its_time() {
    let events = record(async {
        let mut nap = pin!(instrument("nap", sleep(SECOND)));
        poll_fn(|cx| {
            assert!(nap.as_mut().poll(cx).is_pending());
            block_for(2 * SECOND);
            nap.as_mut().poll(cx)
        })
        .await;
    });
    let passed = "nap's time has passed, though its timer has not fired: \
                  the timer is taken off the wheel.";
    assert!(sentences(&all(&events)).contains(&passed));
}

#[test]
fn the_queue_of_a_step_is_the_queue_of_the_run() {
    // Played back here in the simplest way: who was woken or spawned and not polled since.
    let events = eventful();
    let mut queued = Vec::new();
    let mut expected = Vec::new();
    for (number, event) in events.iter().enumerate() {
        match event.kind {
            EventKind::Spawned { task, .. } | EventKind::Woken { task, .. } => queued.push(task),
            EventKind::PollStarted { task } => queued.retain(|queued| *queued != task),
            EventKind::TaskDropped { task } => queued.retain(|queued| *queued != task),
            EventKind::TurnStarted { ready: 0 | 1 } => continue,
            _ => {}
        }
        expected.push(queued.len());
        let next = events.get(number + 1).map(|next| &next.kind);
        let is_fired = matches!(event.kind, EventKind::TimerFired { .. });
        if is_fired && !matches!(next, Some(EventKind::Woken { .. })) {
            expected.push(queued.len());
        }
    }
    let replay = all(&events);
    let length = |step: &Step| match step.queue.as_str() {
        "empty" => 0,
        names => names.split(", ").count(),
    };
    let told: Vec<usize> = replay.steps.iter().map(length).collect();
    assert_eq!(told, expected);
}

/// What nobody should call a future.
const HOSTILE: &str = "</script><b>x</b><!-- `code` & \"quoted\" \\ \u{1}\u{7f} \u{202e}backwards ]]> \u{2028} \u{65e5}";

fn page_of(runs: &[(&str, &[Event])]) -> String {
    let runs: Vec<Run> = runs
        .iter()
        .map(|(title, events)| Run {
            title,
            why: HOSTILE,
            events,
            also: "",
        })
        .collect();
    let about = Page {
        title: HOSTILE,
        banner: HOSTILE,
        opens_at_end: false,
        read: &|file| fs::read_to_string(file).ok(),
    };
    page(&about, &runs)
}

/// A file of this test's own.
fn written(name: &str, text: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("replay");
    fs::create_dir_all(&folder).expect("the folder can be made");
    fs::write(folder.join(name), text).expect("the file can be written");
    folder.join(name)
}

/// Runs a tool that nobody here wrote, where there is one. Gives what it prints.
fn run_tool(tool: &str, args: &[&str]) -> Option<String> {
    let Ok(output) = Command::new(tool).args(args).stdin(Stdio::null()).output() else {
        eprintln!("skipped: there is no {tool} here");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} {args:?}: {errors}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads a page as a browser does, and checks the runs in it against the full states.
const READ_PAGE: &str = r#"
import html.parser, json, sys
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.scripts, self.inside = [], [], False
    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")
    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "script"
    def handle_data(self, text):
        if self.inside:
            self.scripts[-1] += text
    def handle_comment(self, text):
        raise Exception("a comment")
page = Page()
text = open(sys.argv[1], encoding="utf-8").read()
page.feed(text)
assert "b" not in page.tags[page.tags.index("script"):], page.tags
assert page.tags.count("script") == 2 and len(page.scripts) == 2
for word in ["http", "import ", "fetch(", "innerHTML", "eval("]:
    assert word not in page.scripts[1], word
data = json.loads(page.scripts[0])
assert data["title"] == data["banner"] == data["runs"][0]["why"], data["title"]
states = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")]
for run in data["runs"]:
    merged = {}
    for step in run["steps"]:
        merged.update(step)
        expected = states.pop(0)
        assert {key: merged[key] for key in expected} == expected
        assert len(merged["words"]) <= len(run["lanes"]) <= 9
    for lane in run["lanes"]:
        last = 0
        for state, start, end, first, until in lane["bars"]:
            assert 0 <= state < len(data["states"]) and last <= start <= end <= run["end"]
            assert 0 <= first <= until <= len(run["steps"])
            last = end
assert not states
open(sys.argv[3], "w", encoding="utf-8").write(page.scripts[1])
print(data["title"], len(data["runs"][0]["steps"]))
"#;

#[test]
fn a_page_is_what_the_model_says_and_no_label_is_html() {
    let hostile = record(async {
        let both = gather([1, 2].map(|seconds| instrument(HOSTILE, sleep(seconds * SECOND))));
        drop(spawn(instrument("</script>", sleep(SECOND))));
        both.await;
    });
    let events = eventful();
    let text = page_of(&[(HOSTILE, &hostile), ("everything", &events)]);
    // The source of the run is this file, and has the end of a script in it as well.
    assert!(text.contains("a_page_is_what_the_model_says"));
    assert_eq!(text.matches("</script").count(), 2);
    let data = text
        .split_once("id=\"data\">")
        .and_then(|(_, rest)| rest.split_once("</script"));
    let (data, _) = data.expect("the data are there");
    assert!(!data.contains(['<', '\u{1}', '\u{202e}']));
    let mut states = String::new();
    for events in [&hostile, &events] {
        for step in steps(events, MOST_STEPS / 2).steps {
            let fields: Vec<String> = step
                .fields
                .iter()
                .map(|(key, value)| format!("\"{key}\":{value}"))
                .collect();
            states += &format!("{{{}}}\n", fields.join(","));
        }
    }
    let [page, states] =
        [("page.html", &text), ("states.json", &states)].map(|(name, text)| written(name, text));
    let script = written("page.js", "");
    let paths = [&page, &states, &script].map(|path| path.to_str().expect("UTF-8"));
    let args = [&["-c", READ_PAGE][..], &paths].concat();
    let Some(read) = run_tool("python3", &args) else {
        return;
    };
    assert!(
        read.contains("</script><b>x</b><!-- `code` & \"quoted\""),
        "{read}"
    );
    run_tool("node", &["--check", paths[2]]);
}

#[test]
fn a_page_is_small_whatever_the_run() {
    let many = fetches(20_000);
    let text = page_of(&[("many", &many)]);
    assert!(text.len() < 80_000, "{}", text.len());
    let wild = wild();
    let runs = [("wild", &wild[..]); 5];
    let text = page_of(&runs);
    assert!(text.len() < 2_000_000, "{}", text.len());
    let next_to_nothing = page_of(&[("", &[])]);
    assert!(next_to_nothing.contains("\"steps\":[]"));
}

/// Goes through all runs in a browser, forward and back, answers every question, and says whether
/// the page is the same at each step, whichever way one came.
const CHECK_PAGE: &str = r#"
<script>
const problems = [];
addEventListener('error', event => problems.push(event.message));
const snapshot = () => document.body.innerText + location.hash + $('one').innerHTML;
function press(key, shiftKey = false) {
  document.body.dispatchEvent(new KeyboardEvent('keydown', {key, shiftKey, bubbles: true}));
  const {scrollHeight, clientHeight} = $('sentence');
  if (scrollHeight > clientHeight) problems.push(`too long at ${innerWidth}: ${$('sentence').innerText}`);
}
runs.forEach((run, number) => {
  location.hash = `#run=${number + 1}&step=1`;
  readAddress();
  const seen = run.steps.map((_, i) => { const now = snapshot(); press('ArrowRight'); return now; });
  if (!$('next').disabled) problems.push('the last step is not the last');
  for (const there of seen.reverse()) {
    if (snapshot() !== there) problems.push(`run ${number + 1}: not the same page on the way back`);
    press('p');
  }
  press('?');
  run.steps.forEach((step, i) => {
    press('n');
    const isAsked = document.querySelector('.answers');
    if (isAsked) press(String((run.steps[at.step].ask[2] + 1) % 3 + 1));
    if (isAsked && document.activeElement !== $('next') && !$('next').disabled) problems.push('the focus is gone');
  });
  const asked = run.steps.filter(step => step.ask).length;
  if (run.answered.size !== asked) problems.push(`${run.answered.size} of ${asked} were asked`);
  press('?');
  press('Home');
  press('ArrowRight', true);
  press('ArrowLeft', true);
  if (at.step) problems.push('a turn back is not a turn forward');
});
goTo(0);
for (const moment of data.moments) press('ArrowRight');
if (at.t !== data.end) problems.push('the end is not reached');
document.body.dataset.check = problems.join('; ') || 'ok';
</script>
"#;

#[test]
#[ignore = "needs a browser; CI runs it where there is one"]
fn a_browser_steps_through_the_page() {
    let (two, everything) = (fetches(2), eventful());
    let text = page_of(&[(HOSTILE, &two), ("everything", &everything)]);
    let page = written(
        "checked.html",
        &text.replace("</body>", &format!("{CHECK_PAGE}</body>")),
    );
    let address = format!("file://{}", page.to_str().expect("UTF-8"));
    let options = "--headless --no-sandbox --disable-gpu --no-first-run --disable-sync \
                   --disable-background-networking --disable-component-update --dump-dom";
    for size in ["1280,800", "800,600", "500,844"] {
        let size = format!("--window-size={size}");
        let options = options.split_whitespace().chain([&*size, &*address]);
        if let Some(page) = run_tool("chromium", &options.collect::<Vec<&str>>()) {
            let check = page
                .split_once("data-check=\"")
                .and_then(|(_, rest)| rest.split_once('"'));
            assert_eq!(check.map(|check| check.0), Some("ok"));
        }
    }
}
