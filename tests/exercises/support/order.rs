//! The first step that fails is told, and it alone.
//!
//! Tests run at the same time, and end in any order. The steps of an exercise build on each other,
//! so what the first that fails has to say is what helps, and the rest is noise. A step that fails
//! waits here until those before it have ended, and is silent if one of them failed too.
//!
//! A step that never ends is stopped here as well, by a thread that waits for its end.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// So long after its beginning a step hangs. All others end far below a second.
const HANGS: Duration = Duration::from_secs(20);

/// What is known of the steps that have begun.
static STEPS: Mutex<BTreeMap<u32, Step>> = Mutex::new(BTreeMap::new());
static CHANGED: Condvar = Condvar::new();

#[derive(Default)]
struct Step {
    has_ended: bool,
    /// What it tells, if it has failed.
    page: Option<String>,
}

/// The step that this thread runs.
struct Here(u32);

impl Drop for Here {
    /// The thread ends, and that is after the harness has noted how the test ended.
    fn drop(&mut self) {
        steps().entry(self.0).or_default().has_ended = true;
        CHANGED.notify_all();
    }
}

thread_local! {
    static HERE: Option<Here> = number().map(|number| {
        steps().entry(number).or_default();
        Here(number)
    });
}

fn steps() -> MutexGuard<'static, BTreeMap<u32, Step>> {
    STEPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of the step that this thread is named for.
fn number() -> Option<u32> {
    let name = thread::current().name()?.strip_prefix("step")?.to_string();
    let digits = name.find(|c: char| !c.is_ascii_digit())?;
    name[..digits].parse().ok()
}

/// Begins a step, which hangs if the sender is not dropped in time.
pub fn begin(asked: &'static str) -> Sender<()> {
    let here = here();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        if receiver.recv_timeout(HANGS) == Err(RecvTimeoutError::Timeout) {
            let seconds = HANGS.as_secs();
            here.stop(&format!(
                "\nasked:\n  {asked}\n\nfound:\n  It has run for {seconds} s and does not end. Either \
                 its thread sleeps and nobody wakes it,\n  or it waits for a lock that is never let \
                 go, or it goes round in a loop that polls nothing.\n"
            ));
        }
    });
    sender
}

/// A step that cannot go on in its own thread.
pub struct Stopped {
    number: u32,
    name: String,
}

/// The step of this thread.
pub fn here() -> Stopped {
    Stopped {
        number: HERE.with(|here| here.as_ref().map_or(u32::MAX, |here| here.0)),
        name: thread::current().name().unwrap_or("a step").to_string(),
    }
}

impl Stopped {
    /// Tells this, or what an earlier step has to tell, and ends the process: nobody can stop a
    /// single thread.
    pub fn stop(&self, page: &str) -> ! {
        // The lock is let go at once: to exit is to drop what belongs to this thread, `Here` too.
        let first = steps()
            .range(..self.number)
            .find_map(|(_, step)| step.page.clone());
        // Not by `print`: the harness keeps that until all tests have ended.
        let page = first.as_deref().unwrap_or(page);
        let _ = writeln!(std::io::stderr(), "{page}");
        let _ = writeln!(std::io::stdout(), "\ntest {} ... FAILED", self.name);
        std::process::exit(101);
    }
}

/// This step has failed. Whether it is the first, once all before it have ended.
pub fn is_first(page: &str) -> bool {
    let here = HERE.with(|here| here.as_ref().map(|here| here.0));
    let Some(here) = here else { return true };
    steps().entry(here).or_default().page = Some(page.to_string());
    let is_early = |steps: &BTreeMap<u32, Step>| {
        let begun = steps.range(..here);
        let (begun, ended) = begun.fold((0, 0), |(begun, ended), (_, step)| {
            (begun + 1, ended + u32::from(step.has_ended))
        });
        ended < begun || runs_all() && begun < here - 1
    };
    let steps = CHANGED.wait_timeout_while(steps(), HANGS, |steps| is_early(steps));
    let (steps, _) = steps.unwrap_or_else(PoisonError::into_inner);
    steps.range(..here).all(|(_, step)| step.page.is_none())
}

/// Whether all steps run: nobody asked for one by its name.
fn runs_all() -> bool {
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--test-threads" | "--format" | "--color" | "--logfile" => drop(arguments.next()),
            argument if argument.starts_with("--skip") || !argument.starts_with('-') => {
                return false;
            }
            _ => {}
        }
    }
    true
}
