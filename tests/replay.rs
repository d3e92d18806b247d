//! The steps of a run, in a terminal and as a page: one model, and what it must never get wrong.

#[allow(dead_code, reason = "the binary uses all of it")]
#[path = "../src/view/mod.rs"]
mod view;

use demitasse::{
    Event, EventKind, EventLoop, block_for, gather, instrument, sleep, spawn, yield_now,
};
use std::cell::RefCell;
use std::collections::HashSet;
use std::future::{Future, pending};
use std::rc::Rc;
use std::time::Duration;
use view::replay::{MOST_STEPS, Replay, Step, steps, tell};
use view::timeline::Style;

const SECOND: Duration = Duration::from_secs(1);

/// Runs a future on the simulated clock, and gives all events, also where it is stuck.
fn record<F: Future + 'static>(future: F) -> Vec<Event> {
    std::panic::set_hook(Box::new(|_| {}));
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
        "The waker puts 0 on the ready queue. That is all it does."
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
        assert_eq!(replay.lanes.len() + replay.left_out, count as usize + 2);
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

#[test]
fn no_run_has_too_many_steps() {
    // One that never repeats itself long enough.
    let events = record(async {
        let mut random = 1_u32;
        for number in 0..4_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let wait = sleep(SECOND * (random >> 31));
            instrument(format!("{number}"), wait).await;
            if random >> 30 & 1 == 1 {
                yield_now().await;
            }
        }
    });
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
        let ideas: Vec<usize> = replay
            .steps
            .iter()
            .filter_map(|step| step.said.idea)
            .collect();
        let once: HashSet<&usize> = ideas.iter().collect();
        assert!(ideas.len() > 5 && once.len() == ideas.len());
        let asked: Vec<_> = replay
            .steps
            .iter()
            .filter_map(|step| step.said.ask.as_ref())
            .collect();
        let once: HashSet<usize> = asked.iter().map(|ask| ask.kind).collect();
        assert!(asked.len() > 2 && once.len() == asked.len());
        for ask in asked {
            let answers: HashSet<&String> = ask.answers.iter().collect();
            assert!(answers.len() == 3 && ask.right < 3 && ask.text.ends_with('?'));
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
    assert!(lost.said.say.starts_with("Nobody has a waker of root"));
    assert!(stuck.said.say.contains("nothing can ever wake these tasks"));
    assert!(
        events.len() > replay.steps.len(),
        "the tasks are dropped after that"
    );
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
