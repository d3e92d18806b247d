//! Proves what `docs/exercises/own.md` says: `src/small.rs` in the place of the learner's file passes
//! every step, what a learner would get wrong fails in the step that is about it, and an untouched
//! file is told in one sentence.
//!
//! It guards our text, not your code, so it does not run by itself:
//!
//! ```text
//! cargo test --test own_guard -- --include-ignored
//! ONLY=spins cargo test --test own_guard -- --include-ignored
//! ```
//!
//! A wrong executor is `src/small.rs` with a few lines changed. The lines must stand there exactly
//! once, so that one which the code has left behind is named here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What a learner would write, and what comes of it.
struct Wrong {
    name: &'static str,
    /// Of `src/small.rs`: lines, and what they become.
    changes: &'static [(&'static str, &'static str)],
    /// The step that fails first.
    fails: &'static str,
    /// A part of what it says.
    says: &'static str,
}

/// What is not written yet when a step begins: nothing before it may need it.
const WITHOUT_TIME: (&str, &str) = (
    "pub fn simulate<F: Future>(future: F) -> F::Output {\n",
    "pub fn simulate<F: Future>(future: F) -> F::Output {\n    todo!(\"step 4\");\n",
);
const WITHOUT_GATHER: (&str, &str) = (
    "    let queue = Arc::default();\n    let mut children = BTreeMap::new();\n",
    "    todo!(\"step 6\");\n    let queue = Arc::default();\n    let mut children = BTreeMap::new();\n",
);
const WITHOUT_HANDLES: (&str, &str) = (
    "        if !self.is_finished() {\n            // The latest waker counts",
    "        todo!(\"step 7\");\n        if !self.is_finished() {\n            // The latest waker counts",
);

const WRONG: &[Wrong] = &[
    Wrong {
        name: "without-spawn",
        changes: &[
            (
                "pub fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {\n",
                "pub fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {\n    todo!(\"step 3\");\n",
            ),
            WITHOUT_TIME,
            WITHOUT_GATHER,
            WITHOUT_HANDLES,
        ],
        fails: "step3",
        says: "Not written yet, at ",
    },
    Wrong {
        name: "without-time",
        changes: &[WITHOUT_TIME, WITHOUT_GATHER, WITHOUT_HANDLES],
        fails: "step4",
        says: "Not written yet, at ",
    },
    Wrong {
        name: "without-gather",
        changes: &[WITHOUT_GATHER, WITHOUT_HANDLES],
        fails: "step6",
        says: "Not written yet, at ",
    },
    Wrong {
        name: "without-handles",
        changes: &[WITHOUT_HANDLES],
        fails: "step7",
        says: "Not written yet, at ",
    },
    Wrong {
        name: "overflows",
        changes: &[(
            "let Some(deadline) = event_loop.now().checked_add(duration) else {",
            "let Some(deadline) = Some(event_loop.now() + duration) else {",
        )],
        fails: "step4",
        says: "overflow when adding duration to instant",
    },
    Wrong {
        name: "wakes-while-the-timers-are-borrowed",
        changes: &[(
            "        while let Some(waker) = take_due() {\n            waker.wake();\n",
            "        let mut timers = self.timers.borrow_mut();\n        while let Some(first) = timers.first_entry()\n            && first.key().0 <= now\n        {\n            first.remove().wake();\n",
        )],
        fails: "step5",
        says: "already borrowed",
    },
    Wrong {
        name: "late-wakes-of-a-child",
        changes: &[(
            "        self.ticket.is_queued.store(true, Ordering::Relaxed);\n",
            "",
        )],
        fails: "step6",
        says: "a late wake for a child that is done wakes nobody",
    },
    Wrong {
        name: "wakes-while-the-slot-is-borrowed",
        changes: &[(
            "            && let Slot::Running(Some(waiter)) = slot.replace(Slot::Finished(Some(result)))\n",
            "            && let mut slot = slot.borrow_mut()\n            && let Slot::Running(Some(waiter)) =\n                mem::replace(&mut *slot, Slot::Finished(Some(result)))\n",
        )],
        fails: "step7",
        says: "already mutably borrowed",
    },
    Wrong {
        name: "yields-without-a-wake",
        changes: &[(
            "        cx.waker().wake_by_ref();\n        Poll::Pending\n    })\n    .await;\n}\n",
            "        Poll::Pending\n    })\n    .await;\n}\n",
        )],
        fails: "step1",
        says: "has woken its task by then",
    },
    Wrong {
        name: "spins",
        changes: &[(
            "if self.queue.rest(&unpark) {",
            "if self.queue.rest(&unpark) && self.simulated.get().is_some() {",
        )],
        fails: "step2",
        says: "of CPU",
    },
    Wrong {
        name: "marks-after-the-poll",
        changes: &[
            (
                "    child.ticket.is_queued.swap(false, Ordering::Acquire);\n",
                "",
            ),
            (
                "        return None;\n    };\n    children.remove",
                "        child.ticket.is_queued.swap(false, Ordering::Acquire);\n        return None;\n    };\n    children.remove",
            ),
        ],
        fails: "step2",
        says: "It does not end.",
    },
    Wrong {
        name: "polls-all",
        changes: &[(
            "            for number in self.queue.take() {\n                if poll(tasks",
            "            self.queue.take();\n            for number in tasks.keys().copied().collect::<Vec<_>>() {\n                if poll(tasks",
        )],
        fails: "step3",
        says: "only tasks that were woken are polled",
    },
    Wrong {
        name: "no-mark",
        changes: &[(
            "if self.is_queued.swap(true, Ordering::Release) {",
            "if false {",
        )],
        fails: "step3",
        says: "only tasks that were woken are polled",
    },
    Wrong {
        name: "last-in-first-out",
        changes: &[(
            "        woken.numbers\n",
            "        woken.numbers.into_iter().rev().collect()\n",
        )],
        fails: "step3",
        says: "I14: tasks run in the order in which they became ready",
    },
    Wrong {
        name: "rounds-to-milliseconds",
        changes: &[(
            "    let Some(deadline) = event_loop.now().checked_add(duration) else {",
            "    let duration = Duration::from_millis(duration.as_millis() as u64);\n    let Some(deadline) = event_loop.now().checked_add(duration) else {",
        )],
        fails: "step4",
        says: "I5: a sleep ends at its deadline",
    },
    Wrong {
        name: "begins-when-it-is-made",
        changes: &[(
            "pub async fn sleep(duration: Duration) {\n    let event_loop = current(\"sleep\");\n",
            "pub fn sleep(duration: Duration) -> impl Future<Output = ()> {\n    let start = CURRENT.with_borrow(Option::clone).map(|event_loop| event_loop.now());\n    sleep_from(start, duration)\n}\n\nasync fn sleep_from(start: Option<Instant>, duration: Duration) {\n    let event_loop = current(\"sleep\");\n    let duration = start.map_or(duration, |start| (start + duration).saturating_duration_since(event_loop.now()));\n",
        )],
        fails: "step4",
        says: "I5: a sleep begins at its first poll",
    },
    Wrong {
        name: "last-of-equals-first",
        changes: &[(
            "key: (deadline, event_loop.number())",
            "key: (deadline, u64::MAX - event_loop.number())",
        )],
        fails: "step5",
        says: "should be: [\"first\", \"second\"]",
    },
    Wrong {
        name: "keeps-what-is-dropped",
        changes: &[(
            "            let _old = event_loop.timers.borrow_mut().remove(&self.key);\n",
            "",
        )],
        fails: "step5",
        says: "I7: ",
    },
    Wrong {
        name: "drops-a-sleep-in-the-running-loop",
        changes: &[(
            "        if let Some(event_loop) = self.event_loop.upgrade() {\n",
            "        if let Some(event_loop) = Some(current(\"a sleep\")) {\n",
        )],
        fails: "step5",
        says: "I7: a sleep may be dropped after its loop",
    },
    Wrong {
        name: "one-sleep-per-deadline",
        changes: &[("key: (deadline, event_loop.number())", "key: (deadline, 0)")],
        fails: "step4",
        says: "different deadlines",
    },
    Wrong {
        name: "fires-only-at-rest",
        changes: &[(
            "            self.fire_due_timers();\n",
            "            if self.queue.0.lock().unwrap().numbers.is_empty() {\n                self.fire_due_timers();\n            }\n",
        )],
        fails: "step4",
        says: "no timer that is due",
    },
    Wrong {
        name: "keeps-the-first-waker",
        changes: &[(
            "        let _old = event_loop.timers.borrow_mut().insert(timer.key, waker);\n",
            "        event_loop.timers.borrow_mut().entry(timer.key).or_insert(waker);\n",
        )],
        fails: "step4",
        says: "It does not end.",
    },
    Wrong {
        name: "gather-polls-all",
        changes: &[(
            "        for number in queue.take() {\n            if let Some",
            "        queue.take();\n        for number in children.keys().copied().collect::<Vec<_>>() {\n            if let Some",
        )],
        fails: "step6",
        says: "only those that were woken are polled",
    },
    Wrong {
        name: "gather-in-order-of-the-end",
        changes: &[(
            "                outputs.insert(number, output);\n",
            "                outputs.insert(outputs.len(), output);\n",
        )],
        fails: "step6",
        says: "outputs come in the order of the futures",
    },
    Wrong {
        name: "late-wakes-after-a-gather",
        changes: &[
            (
                "        self.ticket.is_queued.store(true, Ordering::Relaxed);\n",
                "",
            ),
            (
                "    children.remove(&number);\n",
                "    child.ticket.is_queued.store(true, Ordering::Relaxed);\n    children.remove(&number);\n",
            ),
        ],
        fails: "step6",
        says: "a wake after the gather was dropped wakes nobody",
    },
    Wrong {
        name: "wakes-while-the-queue-is-locked",
        changes: &[("        drop(woken);\n", "")],
        fails: "step6",
        says: "it waits for a lock that it holds",
    },
    Wrong {
        name: "forgets-that-it-is-finished",
        changes: &[(
            "        matches!(*self.0.borrow(), Slot::Finished(_))\n",
            "        matches!(*self.0.borrow(), Slot::Finished(Some(_)))\n",
        )],
        fails: "step7",
        says: "`is_finished`, when the output was taken",
    },
    Wrong {
        name: "takes-the-outer-loop-away",
        changes: &[(
            "    assert!(is_free, \"block_on inside a running loop would stop it\");\n",
            "",
        )],
        fails: "step8",
        says: "`now` should find the outer loop",
    },
    Wrong {
        name: "wakes-nobody-who-awaits",
        changes: &[(
            "            waiter.wake();\n",
            "            drop(waiter);\n",
        )],
        fails: "step7",
        says: "stuck: ",
    },
    Wrong {
        name: "tasks-are-leaked",
        changes: &[("        drop(tasks);\n", "        mem::forget(tasks);\n")],
        fails: "step8",
        says: "When the root future is done, every task is dropped",
    },
    Wrong {
        name: "loop-stays-after-a-panic",
        changes: &[(
            "    let ran = catch_unwind(AssertUnwindSafe(|| event_loop.run(&mut tasks)));\n",
            "    event_loop.run(&mut tasks);\n    let ran = Ok(());\n",
        )],
        fails: "step8",
        says: "When the root future is done",
    },
];

#[test]
#[ignore = "guards our text; run by CI with --include-ignored"]
fn small_passes_every_step_and_what_is_wrong_fails_in_its_own() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let scratch = Scratch::new();
    let small = read("src/small.rs");
    let mut jobs: Vec<(&str, String, Option<&Wrong>)> = Vec::new();
    jobs.push(("small", small.clone(), None));
    for wrong in WRONG.iter().filter(|wrong| wrong.name.contains(&only)) {
        jobs.push((wrong.name, wrong.apply(&small), Some(wrong)));
    }
    let next = AtomicUsize::new(0);
    let problems = Mutex::new(String::new());
    let work = |worker: usize| {
        while let Some((name, text, wrong)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let output = scratch.judge(worker, text);
            let text = String::from_utf8_lossy(&output.stdout);
            let result = match wrong {
                None if output.status.success() && text.contains("\ntest result: ok") => continue,
                None => "every step should pass".to_string(),
                Some(wrong) => match wrong.is_told(&text) {
                    Ok(()) => continue,
                    Err(problem) => problem,
                },
            };
            let errors = String::from_utf8_lossy(&output.stderr);
            *problems.lock().unwrap() += &format!("\n{name}: {result}:\n{text}{errors}\n");
        }
    };
    // More than there are cores: some of them wait until they are stopped.
    let workers = thread::available_parallelism().map_or(2, usize::from) + 2;
    thread::scope(|scope| {
        for worker in 0..workers {
            scope.spawn(move || work(worker));
        }
    });
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "{problems}");
}

#[test]
#[ignore = "guards our text; run by CI with --include-ignored"]
fn an_untouched_file_is_told_in_one_sentence() {
    let scratch = Scratch::new();
    let output = scratch.judge(0, &read(EXECUTOR));
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(101), "{text}");
    let (_, told) = text.split_once("---- step1").expect("step 1 fails");
    let told: Vec<_> = told
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(told.len(), 1, "{text}");
    assert!(told[0].starts_with("Not written yet, at "), "{text}");
}

#[test]
#[ignore = "guards our text; run by CI with --include-ignored"]
fn the_page_has_a_row_and_a_hint_for_each_step() {
    let page = read("docs/exercises/own.md");
    let steps = read("tests/exercises/own/main.rs")
        .matches("\nmod step")
        .count();
    assert!(steps >= 8, "{steps} steps");
    for step in 1..=steps {
        let row = format!("| `step{step}` |");
        assert_eq!(page.matches(&row).count(), 1, "rows that begin with {row}");
        let hint = format!("<details><summary>{step} · ");
        assert_eq!(
            page.matches(&hint).count(),
            1,
            "hints that begin with {hint}"
        );
    }
}

const EXECUTOR: &str = "tests/exercises/own/executor.rs";

impl Wrong {
    fn apply(&self, small: &str) -> String {
        let mut text = small.to_string();
        for (old, new) in self.changes {
            let times = text.matches(old).count();
            assert_eq!(times, 1, "{}: how often src/small.rs has\n{old}", self.name);
            text = text.replace(old, new);
        }
        text
    }

    fn is_told(&self, text: &str) -> Result<(), String> {
        let mut failed = text.lines().filter_map(|line| {
            let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
            name.split('_').next()
        });
        let (first, second) = (failed.next(), failed.next());
        if (first, second) != (Some(self.fails), None) {
            return Err(format!("{} should fail, and it alone", self.fails));
        }
        // What is printed may be broken into lines.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        match words(text).contains(&words(self.says)) {
            true => Ok(()),
            false => Err(format!("it should say {:?}", self.says)),
        }
    }
}

/// A place for what is compiled, with the library in it. Removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let test = thread::current().name().unwrap_or_default().to_string();
        let name = format!("demitasse-own-{}-{test}", std::process::id());
        let scratch = Scratch(std::env::temp_dir().join(name));
        fs::create_dir_all(&scratch.0).expect("there is room");
        let mut library = scratch.rustc();
        library.args(["--crate-name", "demitasse", "--crate-type", "lib"]);
        library.arg(root().join("src/lib.rs"));
        let output = library.output().expect("rustc runs");
        assert!(output.status.success(), "{output:?}");
        scratch
    }

    fn rustc(&self) -> Command {
        let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
        rustc.args(["--edition", "2024", "--cap-lints", "allow"]);
        rustc.current_dir(&self.0);
        rustc
    }

    /// Compiles the tests with this executor, and runs them. Where that does not compile, gives
    /// what the compiler says.
    fn judge(&self, worker: usize, executor: &str) -> Output {
        // The tests name each other by paths from one to the other. From one time to the next only
        // the executor differs, and the compiler keeps the rest.
        let copy = self.0.join(worker.to_string());
        for folder in ["tests/exercises/own", "tests/promises", "tests/support"] {
            copy_files(&root().join(folder), &copy.join(folder));
        }
        fs::write(copy.join(EXECUTOR), executor).expect("there is room");
        let program = copy.join("own");
        let mut rustc = self.rustc();
        rustc.arg(format!("-Cincremental={}", copy.join("kept").display()));
        rustc.args(["--test", "--extern", "demitasse=libdemitasse.rlib", "-o"]);
        rustc
            .arg(&program)
            .arg(copy.join("tests/exercises/own/main.rs"));
        let output = rustc.output().expect("rustc runs");
        match output.status.success() {
            true => Command::new(program).output().expect("it can be run"),
            false => output,
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    let text = fs::read_to_string(root().join(file));
    text.unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The files of one folder.
fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("there is room");
    for entry in fs::read_dir(from).expect("it can be read").flatten() {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("it can be copied");
    }
}
