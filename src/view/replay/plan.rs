//! Which events are steps, and which steps are told as one.
//!
//! A step is a thing that one sentence can say. Nearly every event is one. The beginning of a turn
//! is one only where there is a choice, and a timer that fires is two where no wake follows: its
//! waker was called, and it changed nothing.
//!
//! Nobody steps through a thousand fetches. But a run repeats itself, and what repeats itself can
//! be seen in the kinds of the events alone. So where some steps in a row come again and again, the
//! first two times and the last are shown, and what is between them is one step. It is found from
//! the left, the shortest repetition first, whatever it is that repeats: children that are polled,
//! timers that fire, or whole turns.
//!
//! What always holds: no step is lost. A step that stands for many has the state after the last of
//! them, and says how many they are.
//!
//! Read next: `scene.rs`.

use demitasse::{Event, EventKind, Outcome, WokenBy};

/// How often something must come again in a row.
const OFTEN: usize = 5;
/// How many steps there are at most in what comes again.
const LONGEST: usize = 24;

/// A step, as a place in the events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// The last of its events.
    pub event: usize,
    /// It is the second half of a timer that has fired: its waker wakes nobody.
    pub is_idle: bool,
    /// What it stands for.
    pub stands_for: Many,
}

/// How much one step stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Many {
    /// For itself.
    One,
    /// For so many repetitions of what came before it.
    Alike(usize),
    /// For so many steps, because there are too many.
    Steps(usize),
}

/// The steps of a run: at most `most`.
pub fn plan(events: &[Event], most: usize) -> Vec<Stop> {
    let mut stops = Vec::new();
    let mut kinds = Vec::new();
    for (number, event) in events[..end_of(events)].iter().enumerate() {
        let is_step = !matches!(event.kind, EventKind::TurnStarted { ready: 0 | 1 });
        let is_fired = matches!(event.kind, EventKind::TimerFired { .. });
        let next = events.get(number + 1).map(|next| &next.kind);
        let is_idle = is_fired && !matches!(next, Some(EventKind::Woken { .. }));
        for is_idle in [false, true]
            .into_iter()
            .take(usize::from(is_step) + usize::from(is_idle))
        {
            stops.push(Stop {
                event: number,
                is_idle,
                stands_for: Many::One,
            });
            kinds.push(if is_idle { 0 } else { kind(&event.kind) });
        }
    }
    cut(folded(&stops, &kinds), most)
}

/// Where a run is stuck, that is what one wants to see, and not how it is taken down.
fn end_of(events: &[Event]) -> usize {
    let is_drop = |event: &Event| {
        use EventKind as Kind;
        let kind = &event.kind;
        matches!(
            kind,
            Kind::TaskDropped { .. } | Kind::FutureDropped { .. } | Kind::TimerCancelled { .. }
        )
    };
    let last = events.iter().rposition(|event| !is_drop(event));
    match last {
        Some(last) if matches!(events[last].kind, EventKind::Parked { .. }) => last + 1,
        _ => events.len(),
    }
}

/// Two events of one kind are told by one sentence.
fn kind(event: &EventKind) -> u8 {
    use EventKind as Kind;
    match event {
        Kind::Spawned { .. } => 1,
        Kind::TurnStarted { .. } => 2,
        Kind::PollStarted { .. } => 3,
        Kind::PollEnded { outcome, .. } => match outcome {
            Outcome::Pending => 4,
            Outcome::Ready => 5,
            Outcome::Panicked => 6,
        },
        Kind::Woken { by, .. } => match by {
            WokenBy::Timer => 7,
            WokenBy::Task(_) => 8,
            _ => 9,
        },
        Kind::WakerLost { .. } => 10,
        Kind::TaskDropped { .. } => 11,
        Kind::TimerSet { .. } => 12,
        Kind::TimerMoved { .. } => 13,
        Kind::TimerFired { .. } => 14,
        Kind::TimerCancelled { .. } => 15,
        Kind::Parked { .. } => 16,
        Kind::Unparked => 17,
        Kind::BlockStarted { .. } => 18,
        Kind::BlockEnded { .. } => 19,
        Kind::FuturePollStarted { .. } => 20,
        Kind::FuturePollEnded { panicked: true, .. } => 24,
        Kind::FuturePollEnded { ready, .. } => 21 + u8::from(*ready),
        Kind::FutureDropped { .. } => 23,
        _ => 25,
    }
}

fn folded(stops: &[Stop], kinds: &[u8]) -> Vec<Stop> {
    let mut steps = Vec::new();
    let mut at = 0;
    while at < stops.len() {
        let repeated = (1..=LONGEST).map(|length| (length, repetitions(&kinds[at..], length)));
        let Some((length, times)) = { repeated }.find(|&(_, times)| times >= OFTEN) else {
            steps.push(stops[at]);
            at += 1;
            continue;
        };
        let last = at + length * (times - 1);
        steps.extend(&stops[at..at + 2 * length]);
        steps.push(Stop {
            stands_for: Many::Alike(times - 3),
            ..stops[last - 1]
        });
        steps.extend(&stops[last..last + length]);
        at = last + length;
    }
    steps
}

/// How often the first `length` kinds come in a row.
fn repetitions(kinds: &[u8], length: usize) -> usize {
    let same = kinds.iter().zip(kinds.iter().skip(length));
    match same.take_while(|(one, other)| one == other).count() {
        _ if kinds.len() < length => 0,
        same => same / length + 1,
    }
}

/// Where there are too many all the same, the first of them and the last.
fn cut(mut steps: Vec<Stop>, most: usize) -> Vec<Stop> {
    if steps.len() > most {
        let last = steps.len() - 1;
        let cut = Stop {
            stands_for: Many::Steps(last + 2 - most),
            ..steps[last - 1]
        };
        let end = steps[last];
        steps.truncate(most - 2);
        steps.extend([cut, end]);
    }
    steps
}
