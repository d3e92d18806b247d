//! What the tests of the exercises share. It is not part of any exercise: read it if you are
//! curious, and change nothing.
//!
//! A test begins with [`ask`], which says in words what is asked. When the test fails, it prints
//! these words, what was found, and what ran: the polls that the test made by hand, and what ran on
//! the event loop, as a timeline or turn by turn, and as a page in `target/` that a browser opens. Of
//! several that fail only the first says so. What goes on for ever is stopped by a count of its polls;
//! what sleeps for ever, by a clock.

// Each exercise is a crate of its own, and uses only a part of this.
#![allow(dead_code)]

mod order;
mod view;

use demitasse::{Event, EventKind, EventLoop, Instrumented, Outcome, instrument};
use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::fs;
use std::future::{Future, IntoFuture, poll_fn};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Once, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use view::timeline::Style;
use view::{replay, timeline};

/// So many polls are enough for every exercise.
const MOST_POLLS: usize = 200_000;

/// So many lines are enough to see what goes wrong.
const MOST_LINES: usize = 25;

/// So long a run on the real clock may take.
const REAL_LIMIT: Duration = Duration::from_secs(10);

/// So many events are kept to be shown.
const MOST_EVENTS: usize = 50_000;

pub fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Begins a test. Keep what it gives to the end of the test.
pub fn ask(what: &'static str) -> Asked {
    static ONCE: Once = Once::new();
    ONCE.call_once(collect_panics);
    FOUND.set(Some(Vec::new()));
    ASKED.set(what);
    BY_HAND.set(Vec::new());
    Asked {
        what,
        events: Rc::default(),
        ends: Some(order::begin(what)),
    }
}

/// What a test asks. Dropped by a test that fails, it prints what there is to see.
pub struct Asked {
    what: &'static str,
    events: Rc<RefCell<Vec<Event>>>,
    /// Dropped, it says that the step has ended.
    ends: Option<Sender<()>>,
}

impl Asked {
    /// Runs a future on an event loop with a simulated clock.
    #[track_caller]
    pub fn run<F: IntoFuture>(&self, future: F) -> F::Output {
        self.run_on(EventLoop::simulated(), future)
    }

    /// Runs a future on this event loop.
    #[track_caller]
    pub fn run_on<F: IntoFuture>(&self, event_loop: EventLoop, future: F) -> F::Output {
        self.events.borrow_mut().clear();
        let mut observe = self.observer();
        event_loop
            .on_event(move |event| observe(event))
            .block_on(future)
    }

    /// Runs a future on an event loop with the real clock, for what other threads and the network
    /// have a part in. Whoever is not woken there would wait for ever: a timer ends it, long after
    /// any machine would have been ready.
    #[track_caller]
    pub fn run_for_real<F: IntoFuture>(&self, future: F) -> F::Output {
        let future = future.into_future();
        self.run_on(EventLoop::new(), async {
            let (mut future, mut end) = (pin!(future), pin!(sleep(REAL_LIMIT)));
            poll_fn(|cx| {
                // The limit first: its timer polls what nobody has woken, and would save it.
                assert!(
                    end.as_mut().poll(cx).is_pending(),
                    "it waits for {} s now: was somebody not woken?",
                    REAL_LIMIT.as_secs()
                );
                future.as_mut().poll(cx)
            })
            .await
        })
    }

    /// Keeps the events that are told to it, and stops what goes on for ever.
    pub fn observer(&self) -> impl FnMut(&Event) + 'static {
        let events = Rc::clone(&self.events);
        let mut polls = 0;
        move |event| {
            if let EventKind::PollStarted { task } = event.kind {
                polls += 1;
                assert!(
                    polls < MOST_POLLS,
                    "{MOST_POLLS} polls and no end. The last was of task {task}: does it wake \
                     itself at every poll?"
                );
            }
            if events.borrow().len() < MOST_EVENTS {
                events.borrow_mut().push(event.clone());
            }
        }
    }

    /// The panics so far are what the test wants, and not what it finds.
    pub fn that_was_meant(&self) {
        FOUND.with_borrow_mut(|found| found.iter_mut().for_each(Vec::clear));
    }

    /// What the event loop has done so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.borrow().clone()
    }

    /// How many of the events so far are of this kind.
    pub fn count(&self, is_meant: impl Fn(&EventKind) -> bool) -> usize {
        let events = self.events.borrow();
        events.iter().filter(|event| is_meant(&event.kind)).count()
    }

    pub fn timers_set(&self) -> usize {
        self.count(|kind| matches!(kind, EventKind::TimerSet { .. }))
    }

    pub fn timers_cancelled(&self) -> usize {
        self.count(|kind| matches!(kind, EventKind::TimerCancelled { .. }))
    }

    /// How often the loop polled the task with this number. The root future's is 0.
    pub fn polls_of_task(&self, number: u64) -> usize {
        let number = number.to_string();
        self.count(
            |kind| matches!(kind, EventKind::PollStarted { task } if task.to_string() == number),
        )
    }

    /// Takes a future in hand, to poll it without an event loop.
    pub fn by_hand<F: Future>(&self, name: &'static str, future: F) -> ByHand<F> {
        ByHand {
            name,
            future: Box::pin(future),
            waker: Arc::new(CountWakes::new(name)),
            polls: 0,
            is_done: false,
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.ends = None;
        let found = FOUND.take();
        let a_waker_panicked = A_WAKER_PANICKED.take();
        if !std::thread::panicking() && !a_waker_panicked {
            return;
        }
        // Where a test asks twice, the other one has told it all.
        let Some(found) = found else { return };
        let page = match found.iter().find_map(Found::not_written) {
            Some(sentence) => sentence,
            None => self.page(&found),
        };
        if order::is_first(&page) {
            // `println`, because a test's output is shown when it fails, and not otherwise.
            println!("{page}");
            if let Some(file) = self.replay(&found) {
                println!("step by step, in a browser:\n  {file}\n");
            }
        }
        if !std::thread::panicking() {
            panic::resume_unwind(Box::new("a waker has panicked"));
        }
    }
}

impl Asked {
    /// All that a failing test tells.
    fn page(&self, found: &[Found]) -> String {
        let mut page = words(self.what, found);
        let by_hand = BY_HAND.take();
        if !by_hand.is_empty() {
            show(&mut page, "by hand", &last_of(&by_hand, MOST_LINES));
        }
        let events = self.events.borrow();
        if !events.is_empty() {
            show(&mut page, "what ran", &picture(&events));
        }
        page
    }
}

impl Asked {
    /// Writes what ran as a page that a browser opens, at its last step. Gives the file's name.
    fn replay(&self, found: &[Found]) -> Option<String> {
        let events = self.events.borrow();
        let is_written = found.iter().all(|found| found.not_written().is_none());
        if events.is_empty() || !is_written {
            return None;
        }
        // Cargo says who is compiled, and where.
        let folder = Path::new(option_env!("CARGO_MANIFEST_DIR")?);
        let file = format!("target/{}.html", option_env!("CARGO_CRATE_NAME")?);
        let about = replay::Page {
            title: self.what,
            banner: &found.last()?.message,
            opens_at_end: true,
            read: &|file| fs::read_to_string(folder.join(file)).ok(),
        };
        let run = replay::Run {
            title: "what ran",
            why: "",
            events: &events,
            also: "",
        };
        fs::create_dir_all(folder.join("target")).ok()?;
        fs::write(folder.join(&file), replay::page(&about, &[run])).ok()?;
        Some(file)
    }
}

/// What was asked and what was found.
fn words(asked: &str, found: &[Found]) -> String {
    let mut page = String::new();
    show(&mut page, "asked", asked);
    // Some tests catch panics, and go on.
    for Found { message, place } in &found[found.len().saturating_sub(3)..] {
        show(&mut page, "found", &format!("{message}\nat {place}"));
    }
    page
}

/// The last of many lines: it went wrong at their end.
fn last_of(lines: &[impl std::borrow::Borrow<str>], most: usize) -> String {
    let left_out = lines.len().saturating_sub(most);
    let last = lines[left_out..].join("\n");
    match left_out {
        0 => last,
        _ => format!("... ({left_out} before)\n{last}"),
    }
}

/// A panic of a test that asks something.
struct Found {
    message: String,
    place: String,
}

impl Found {
    /// The sentence for a `todo!` that is still there: there is no more to say.
    fn not_written(&self) -> Option<String> {
        let what = self.message.strip_prefix("not yet implemented")?;
        let what = what.strip_prefix(": ").unwrap_or("there is a todo! yet");
        let place = in_src(&format!("todo!(\"{what}\")"));
        let place = place.as_ref().unwrap_or(&self.place);
        Some(format!("\nNot written yet, at {place}: {what}.\n"))
    }
}

/// Where this stands in the library. A panic of a function with `#[track_caller]` names its caller.
fn in_src(text: &str) -> Option<String> {
    let folder = Path::new(option_env!("CARGO_MANIFEST_DIR")?);
    for file in fs::read_dir(folder.join("src")).ok()?.flatten() {
        let lines = fs::read_to_string(file.path()).unwrap_or_default();
        if let Some(line) = lines.lines().position(|line| line.contains(text)) {
            let name = file.file_name();
            return Some(format!("src/{}:{}", name.display(), line + 1));
        }
    }
    None
}

fn show(page: &mut String, title: &str, text: &str) {
    let text = text.trim_end().replace('\n', "\n  ");
    let _ = write!(page, "\n{title}:\n  {text}\n");
}

/// The timeline of a run, or if it has passed no time, its turns in words.
fn picture(events: &[Event]) -> String {
    let style = Style {
        width: 100,
        colour: false,
        ascii: false,
    };
    if events.last().is_some_and(|event| !event.time.is_zero()) {
        let title = "the run";
        let run = timeline::Run { title, events };
        let axis = timeline::Axis::of(events.last().map(|event| event.time).into_iter());
        let (mut lanes, seen) = timeline::draw_lanes(&[run], axis, &style);
        // Once is enough to learn the signs.
        static IS_EXPLAINED: AtomicBool = AtomicBool::new(false);
        if !IS_EXPLAINED.swap(true, Ordering::Relaxed) {
            lanes += &format!("\n{}", timeline::legend(&seen, &style));
        }
        return lanes;
    }
    let steps = replay::tell("the run", events, &style);
    if steps.lines().count() <= MOST_LINES {
        return steps;
    }
    // It went wrong at the end: that of the root, not of a thousand tasks that are dropped after it.
    let is_end = |event: &Event| match event.kind {
        EventKind::PollEnded { task, outcome } => {
            task.to_string() == "0" && outcome != Outcome::Pending
        }
        _ => false,
    };
    let end = events.iter().position(is_end);
    let end = end.map_or(events.len(), |at| at + 1);
    let steps = replay::tell("the run", &events[..end], &style);
    let lines: Vec<_> = steps.trim_end().lines().collect();
    // Above the first turn stands how to read it.
    let first = lines.iter().position(|line| line.starts_with("turn "));
    let (preface, turns) = lines.split_at(first.unwrap_or(0));
    let turns = last_of(turns, MOST_LINES.saturating_sub(preface.len()));
    format!("{}\n{turns}", preface.join("\n"))
}

thread_local! {
    /// This thread's panics, while it asks something.
    static FOUND: RefCell<Option<Vec<Found>>> = const { RefCell::new(None) };
    /// What it asks.
    static ASKED: Cell<&'static str> = const { Cell::new("") };
    /// What it did by hand, a line for each thing.
    static BY_HAND: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn log(line: String) {
    // What a thread drops at its very end has no log any more.
    let _ = BY_HAND.try_with(|log| log.borrow_mut().push(line));
}

/// Panics of a test that asks something are kept, to be printed in their place.
fn collect_panics() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let message = info.payload().downcast_ref::<&str>().copied();
        let message = message.or(info.payload().downcast_ref::<String>().map(String::as_str));
        let message = message.unwrap_or("(a panic without words)");
        let is_kept = FOUND.with(|found| match found.try_borrow_mut().as_deref_mut() {
            // What Rust says of a second panic while the first one unwinds. It ends the process.
            Ok(Some(found)) if message.starts_with("panic in a") => {
                found.push(Found {
                    message: format!("{message}: a second panic, and that ends the process"),
                    place: info.location().map(ToString::to_string).unwrap_or_default(),
                });
                order::here().stop(&words(ASKED.get(), found))
            }
            Ok(Some(found)) => {
                found.push(Found {
                    message: in_words(message),
                    place: info.location().map(ToString::to_string).unwrap_or_default(),
                });
                true
            }
            _ => false,
        });
        if !is_kept || std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value == "full") {
            usual(info);
        }
    }));
}

/// `assert_eq!` says "left" for what is, and "right" for what should be.
fn in_words(message: &str) -> String {
    message
        .trim_start_matches("assertion `left == right` failed: ")
        .replace("assertion `left == right` failed\n", "not equal\n")
        .replace("\n  left: ", "\n  is:        ")
        .replace("\n right: ", "\n  should be: ")
}

/// A future that is polled by hand, with a waker that counts.
pub struct ByHand<F: Future> {
    name: &'static str,
    future: Pin<Box<F>>,
    waker: Arc<CountWakes>,
    polls: usize,
    is_done: bool,
}

impl<F: Future> ByHand<F> {
    /// From now on another task polls it: its waker is another. Gives the old one.
    pub fn change_task(&mut self) -> OldWaker {
        log(format!("from now on another task polls {}", self.name));
        let old = std::mem::replace(&mut self.waker, Arc::new(CountWakes::new(self.name)));
        OldWaker {
            wakes: Arc::clone(&old.wakes),
            waker: Arc::downgrade(&old),
        }
    }

    pub fn poll(&mut self) -> Poll<F::Output> {
        self.poll_with(&Waker::from(Arc::clone(&self.waker)))
    }

    /// Polls it with this waker, and not with its own.
    pub fn poll_with(&mut self, waker: &Waker) -> Poll<F::Output> {
        self.polls += 1;
        let poll = format!("poll {} of {}", self.polls, self.name);
        // What happens during the poll is told below it.
        let line = BY_HAND.with_borrow(Vec::len);
        log(format!("{poll}: panics")); // unless it says otherwise
        let polled = self.future.as_mut().poll(&mut Context::from_waker(waker));
        let answer = match &polled {
            Poll::Ready(_) => "Ready",
            Poll::Pending => "Pending",
        };
        self.is_done = polled.is_ready();
        BY_HAND.with_borrow_mut(|log| {
            log[line] = format!("{poll}: {answer}");
            log[line + 1..]
                .iter_mut()
                .for_each(|during| during.insert_str(0, "  "));
        });
        polled
    }

    /// How often its waker was called.
    pub fn wakes(&self) -> usize {
        self.waker.wakes.load(Ordering::Relaxed)
    }

    /// Whether somebody holds its waker between polls.
    pub fn keeps_waker(&self) -> bool {
        Arc::strong_count(&self.waker) > 1
    }
}

impl<F: Future> Drop for ByHand<F> {
    fn drop(&mut self) {
        if !self.is_done && !std::thread::panicking() {
            log(format!("{} is dropped", self.name));
        }
    }
}

struct CountWakes {
    name: &'static str,
    wakes: Arc<AtomicUsize>,
}

impl CountWakes {
    fn new(name: &'static str) -> Self {
        CountWakes {
            name,
            wakes: Arc::default(),
        }
    }
}

impl Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
        // What a failing test drops may wake. That is not what made it fail.
        if !std::thread::panicking() {
            log(format!("the waker of {} is called", self.name));
        }
    }
}

/// A waker that is not lent to polls any more.
pub struct OldWaker {
    wakes: Arc<AtomicUsize>,
    waker: Weak<CountWakes>,
}

impl OldWaker {
    /// How often it was called.
    pub fn wakes(&self) -> usize {
        self.wakes.load(Ordering::Relaxed)
    }

    /// Whether somebody still holds it.
    pub fn is_kept(&self) -> bool {
        self.waker.strong_count() > 0
    }
}

/// A future that is watched: it has a name in the timeline, its polls are counted, and polling it
/// after it was `Ready` is a mistake.
pub fn watch<F: Future>(name: &'static str, future: F) -> (Watched<F>, Watch) {
    let watch = Watch(Rc::default());
    let watched = Watched {
        name,
        future: Box::pin(instrument(name, future)),
        watch: Watch(Rc::clone(&watch.0)),
    };
    (watched, watch)
}

/// What is known of a watched future.
pub struct Watch(Rc<Seen>);

#[derive(Default)]
struct Seen {
    polls: Cell<usize>,
    is_done: Cell<bool>,
    is_dropped: Cell<bool>,
}

impl Watch {
    pub fn polls(&self) -> usize {
        self.0.polls.get()
    }

    pub fn is_done(&self) -> bool {
        self.0.is_done.get()
    }

    pub fn is_dropped(&self) -> bool {
        self.0.is_dropped.get()
    }
}

pub struct Watched<F> {
    name: &'static str,
    future: Pin<Box<Instrumented<F>>>,
    watch: Watch,
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let seen = Rc::clone(&self.watch.0);
        assert!(
            !seen.is_done.get(),
            "{} was Ready, and is polled again: a future must not be polled after it is done",
            self.name
        );
        seen.polls.set(seen.polls.get() + 1);
        assert!(
            seen.polls.get() < MOST_POLLS,
            "{MOST_POLLS} polls of {} and no end: is it polled in a loop while it is Pending?",
            self.name
        );
        let polled = self.future.as_mut().poll(cx);
        seen.is_done.set(polled.is_ready());
        polled
    }
}

impl<F> Drop for Watched<F> {
    fn drop(&mut self) {
        self.watch.0.is_dropped.set(true);
    }
}

/// The library's own sleep, but one that stops whoever polls it in a loop.
pub struct Sleep {
    sleep: demitasse::Sleep,
    polls: usize,
}

#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep {
        sleep: demitasse::sleep(duration),
        polls: 0,
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.polls += 1;
        assert!(
            self.polls < MOST_POLLS,
            "{MOST_POLLS} polls of one sleep and no end: is it polled in a loop while it is Pending?"
        );
        Pin::new(&mut self.sleep).poll(cx)
    }
}

/// A value that says when it is dropped.
pub struct Loud(Rc<Cell<usize>>);

/// A value to send, and how many of its like were dropped.
pub fn loud() -> (Loud, Rc<Cell<usize>>) {
    let drops = Rc::default();
    (Loud(Rc::clone(&drops)), drops)
}

impl Drop for Loud {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

thread_local! {
    static A_WAKER_PANICKED: Cell<bool> = const { Cell::new(false) };
    static ON_WAKE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    static ON_DROP: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// Does what a waker of a test does. Its panic fails the test at the end: at once, it might meet
/// another one, and two end the process.
fn in_a_waker(work: Option<Box<dyn FnOnce()>>) {
    if let Some(work) = work
        && panic::catch_unwind(AssertUnwindSafe(work)).is_err()
    {
        A_WAKER_PANICKED.set(true);
    }
}

/// A waker that does this when it is called.
pub fn on_wake(work: impl FnOnce() + 'static) -> Waker {
    struct OnWake;
    impl Wake for OnWake {
        fn wake(self: Arc<Self>) {
            in_a_waker(ON_WAKE.take());
        }
    }
    ON_WAKE.set(Some(Box::new(work)));
    Waker::from(Arc::new(OnWake))
}

/// A waker that does this when nobody has it any more. In some executors a waker owns its task, and
/// with it all that the task has.
pub fn on_last_drop(work: impl FnOnce() + 'static) -> Waker {
    struct OnDrop;
    impl Wake for OnDrop {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for OnDrop {
        fn drop(&mut self) {
            // At the end of its thread there is nothing to do any more.
            if let Ok(work) = ON_DROP.try_with(RefCell::take) {
                in_a_waker(work);
            }
        }
    }
    ON_DROP.set(Some(Box::new(work)));
    Waker::from(Arc::new(OnDrop))
}
