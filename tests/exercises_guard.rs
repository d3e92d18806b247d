//! Proves what the pages of the exercises and experiments say, on scratch copies of this package:
//!
//! - each exercise fails as it is given, in every test: on top of the library untouched, inside it
//!   with the lines that its page gives to begin with, and says so in one sentence. With its solution
//!   it passes, and the whole suite is green;
//! - each wrong solution of an exercise (a *mutant*, below) fails in the step that it names, and each
//!   right one of another design passes;
//! - each experiment compiles, and of the tests of its promise it fails exactly those that its page
//!   names.
//!
//! It guards our text, not your code, so it does not run by itself:
//!
//! ```text
//! cargo test --test exercises_guard -- --include-ignored
//! ONLY=05,mutants-09,i02 cargo test --test exercises_guard -- --include-ignored
//! ```
//!
//! A solution and an experiment are diffs in prose. The lines of a hunk that are not new must stand
//! exactly once in the file, so that a page which the code has left behind is named here. Each copy
//! is made anew. What copies share is what the compiler itself keeps from one time to the next, which
//! knows its sources by what is in them: that saves two thirds of the time.
//!
//! A mutant is a file `tests/exercises/mutants/NN-name.diff`. Lines that begin with `#` stand first:
//!
//! ```text
//! # What is wrong with it, in a sentence.
//! # fails: step4
//! # says: a part of the message that the step must print
//! ```
//!
//! Below them is a diff against the solution; with a line `# on: the exercise as given` it is one
//! against the sources as they are. `NN-right-name.diff` is a right solution, and has neither `fails`
//! nor `says`. The step that is named must be the first that fails: then nothing else is printed.
//! Mutants and experiments are many, so the compiler is called for them without cargo.
//!
//! A solution that changes nothing but its own exercise cannot break the suite, which leaves
//! exercises out. So the suite runs for the others only, for several at a time where they can stand
//! beside each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A run that takes longer than this hangs.
const TOO_LONG: Duration = Duration::from_secs(300);

/// So many mutants of an exercise are judged in one copy.
const MUTANTS_AT_A_TIME: usize = 6;

/// An exercise has to stop by itself what hangs, and before that.
const TOO_LONG_ALONE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "guards our text; run by CI with --include-ignored"]
fn pages_are_complete() {
    let mut wrong = Vec::new();
    let list = read("docs/exercises/README.md");
    for exercise in exercises() {
        let Exercise {
            number,
            page,
            test,
            solution,
        } = &exercise;
        let text = read(page);
        let mut must = |is_so: bool, what: &str| {
            if !is_so {
                wrong.push(format!("{page}: {what}"));
            }
        };
        must(
            list.contains(&format!("({})", file_name(page))),
            "is not in the list of exercises",
        );
        must(
            text.contains(&format!("(../solutions/{})", file_name(solution))),
            "has no link to its solution",
        );
        must(
            text.contains(&format!("cargo test --test ex{number}")),
            "does not say how to run it",
        );
        let hints = (1..=4).map(|n| text.contains(&format!("<summary>{n} · ")));
        must(hints.eq([true, true, true, false]), "has not three hints");
        if let Some((_, section)) = text.split_once("\n## Break this one\n") {
            let diff = section.split("```").nth(1).unwrap_or_default();
            let mutants = mutants(&exercise);
            let shown = mutants.iter().find(|mutant| {
                let diff = diff.trim_start_matches("diff\n").trim_end();
                mutant.text.trim_end().ends_with(diff)
            });
            let step = shown.and_then(|mutant| mutant.line("fails"));
            must(
                step.is_some_and(|step| section.contains(&format!("`{step}` fails"))),
                "breaks it in a way that no mutant does, or names another step",
            );
        }
        let (right, wrong): (Vec<_>, Vec<_>) =
            mutants(&exercise).into_iter().partition(Mutant::is_right);
        must(
            !right.is_empty() && wrong.len() >= 3,
            "has not three wrong solutions and a right one of another design",
        );
        let tests = read(test);
        for step in steps(&tests) {
            let row = format!("| `{}` |", step.split('_').next().unwrap_or(&step));
            must(
                text.contains(&row),
                &format!("does not say what {step} asks"),
            );
        }
        for excerpt in excerpts(&text, test) {
            must(
                tests.contains(&excerpt),
                &format!("shows what {test} does not have:\n{excerpt}"),
            );
        }
        let is_declared = format!("name = \"ex{number}\"\npath = \"{test}\"\ntest = false\n");
        must(
            read("Cargo.toml").contains(&is_declared),
            "its test is not in Cargo.toml as it must be",
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "guards our text; run by CI with --include-ignored"]
fn pages_do_what_they_say() {
    let scratch = Scratch::new();
    let jobs = jobs();
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(String::new());
    let work = |worker: usize| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((name, job)) = jobs.get(number) else {
                return;
            };
            let start = Instant::now();
            // For the compiler, the same path is the same package.
            let copy = Copy::new(&scratch.0, worker);
            let result = job(&copy);
            println!("{:>6.1} s  {name}", start.elapsed().as_secs_f64());
            if let Err(message) = result {
                let _ = writeln!(wrong.lock().unwrap(), "\n{name}: {message}");
            }
        }
    };
    // More than there are cores: some of the wrong solutions wait until they are stopped.
    let workers = thread::available_parallelism().map_or(2, usize::from) + 2;
    thread::scope(|scope| {
        for worker in 0..workers {
            scope.spawn(move || work(worker));
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong}");
}

type Result<T = ()> = std::result::Result<T, String>;
type Job = Box<dyn Fn(&Copy) -> Result + Sync>;

/// All that is to be proved, the longest first.
fn jobs() -> Vec<(String, Job)> {
    let only = std::env::var("ONLY").ok();
    let is_asked = |name: &str| match &only {
        Some(only) => only.split(',').any(|one| name.starts_with(one)),
        None => true,
    };
    let mut exercises = exercises();
    let mut jobs: Vec<(String, Job)> = Vec::new();
    let mut add = |name: &str, job: Job| jobs.push((name.to_string(), job));

    for exercise in exercises.iter().cloned().rev() {
        let name = format!("mutants-{}", exercise.number);
        if !is_asked(&exercise.number) && !is_asked(&name) {
            continue;
        }
        // The first in a copy takes longest: of those after it the compiler knows most.
        let mutants = mutants(&exercise);
        for (number, mutants) in mutants.chunks(MUTANTS_AT_A_TIME).enumerate() {
            let (exercise, mutants) = (exercise.clone(), mutants.to_vec());
            add(
                &name,
                Box::new(move |copy| {
                    if number == 0 {
                        fails_unsolved(copy, &exercise)?;
                    }
                    if number == 0 && exercise.is_apart() {
                        passes_alone(copy, &exercise)?;
                    }
                    are_judged(copy, &exercise, &mutants)
                }),
            );
        }
    }
    exercises.retain(|exercise| is_asked(&exercise.number));
    // The others are judged beside their mutants.
    exercises.retain(|exercise| !exercise.is_apart());
    for group in groups(&exercises) {
        let numbers: Vec<_> = group
            .iter()
            .map(|exercise| exercise.number.as_str())
            .collect();
        let name = format!("solved-{}", numbers.join("-"));
        add(
            &name,
            Box::new(move |copy| {
                pass_solved(copy, &group)?;
                passes(copy, &[])
            }),
        );
    }
    for experiment in experiments() {
        if is_asked(&experiment.name) {
            let name = experiment.name.clone();
            add(&name, Box::new(move |copy| experiment.is_true(copy)));
        }
    }
    jobs
}

// ---- exercises -----------------------------------------------------------------------------

#[derive(Clone)]
struct Exercise {
    number: String,
    page: String,
    test: String,
    solution: String,
}

/// Every exercise that has a page or a test.
fn exercises() -> Vec<Exercise> {
    let pages = names("docs/exercises")
        .into_iter()
        .filter(|name| name != "README.md");
    let tests = names("tests/exercises")
        .into_iter()
        .filter(|name| name.starts_with("ex") && name.ends_with(".rs"));
    let exercises: Vec<_> = pages
        .zip(tests)
        .map(|(page, test)| Exercise {
            number: page[..2].to_string(),
            solution: format!("docs/solutions/{page}"),
            page: format!("docs/exercises/{page}"),
            test: format!("tests/exercises/{test}"),
        })
        .collect();
    assert!(!exercises.is_empty(), "there are exercises");
    for exercise in &exercises {
        let name = Path::new(&exercise.page)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        let test = format!("tests/exercises/ex{}.rs", name.replace('-', "_"));
        assert_eq!(
            exercise.test, test,
            "each page has its test, and each test its page"
        );
    }
    exercises
}

impl Exercise {
    fn target(&self) -> String {
        format!("ex{}", self.number)
    }

    fn says(&self, error: &str) -> String {
        format!("exercise {}: {error}", self.number)
    }

    /// Whether its solution changes nothing but its own file.
    fn is_apart(&self) -> bool {
        hunks(&read(&self.solution))
            .iter()
            .all(|hunk| hunk.file == self.test)
    }
}

/// Solutions that can stand beside each other share a copy, and the run of the suite in it.
fn groups(exercises: &[Exercise]) -> Vec<Vec<Exercise>> {
    let mut groups: Vec<(Changes, Vec<Exercise>)> = Vec::new();
    for exercise in exercises {
        let solution = read(&exercise.solution);
        let place = groups.iter_mut().find_map(|(changes, group)| {
            let more = changes.clone().and(&solution).ok()?;
            *changes = more;
            Some(group)
        });
        match place {
            Some(group) => group.push(exercise.clone()),
            // If it does not apply at all, the copy will say so.
            None => groups.push((
                Changes::default().and(&solution).unwrap_or_default(),
                vec![exercise.clone()],
            )),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// With their solutions, exercises pass.
fn pass_solved(copy: &Copy, exercises: &[Exercise]) -> Result {
    let mut changes = Changes::default();
    for exercise in exercises {
        changes = changes
            .and(&read(&exercise.solution))
            .map_err(|error| exercise.says(&error))?;
    }
    changes.write(copy)?;
    exercises
        .iter()
        .try_for_each(|exercise| passes(copy, &["--test", &exercise.target()]))
}

fn passes(copy: &Copy, arguments: &[&str]) -> Result {
    let output = copy.test(arguments)?;
    match output.is_green {
        true => Ok(()),
        false => Err(format!(
            "cargo test {} should pass:\n{}",
            arguments.join(" "),
            output.text
        )),
    }
}

/// As it is given, an exercise fails every test: on top of the library at once, inside it with the
/// lines that its page gives to begin with. (Before that it need not compile.)
fn fails_unsolved(copy: &Copy, exercise: &Exercise) -> Result {
    if exercise.is_apart() {
        return fails_all(&copy.test_alone(&exercise.test, &[])?, exercise);
    }
    let begun = Changes::default().and(&read(&exercise.page))?;
    fails_all(&copy.test_changed(&begun, &exercise.test, &[])?, exercise)
}

/// With a solution that changes nothing else, an exercise passes.
fn passes_alone(copy: &Copy, exercise: &Exercise) -> Result {
    let solved = Changes::default().and(&read(&exercise.solution))?;
    let output = copy.test_changed(&solved, &exercise.test, &[])?;
    match output.is_green {
        true => Ok(()),
        false => Err(format!("its solution should pass:\n{}", output.text)),
    }
}

fn fails_all(output: &Output, exercise: &Exercise) -> Result {
    if !output.is_compiled || output.failed != steps(&read(&exercise.test)) {
        return Err(exercise.says(&format!("every test should fail:\n{}", output.text)));
    }
    let sentences = output.text.matches("Not written yet, at ").count();
    match sentences == 1 && !output.text.contains("panicked at") {
        true => Ok(()),
        false => Err(exercise.says(&format!("one sentence should say so:\n{}", output.text))),
    }
}

/// The names of the tests of a file, in order.
fn steps(tests: &str) -> BTreeSet<String> {
    let names = tests
        .lines()
        .filter_map(|line| line.strip_prefix("fn step"));
    names
        .map(|name| format!("step{}", name.split('(').next().unwrap_or(name)))
        .collect()
}

/// What a page shows of a file: fences that begin with its name, to where `// ...` leaves out.
fn excerpts(page: &str, file: &str) -> Vec<String> {
    let start = format!("```rs\n// {file}\n");
    let blocks = page
        .split(&start)
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(|block| block.split("// ...\n"))
        .map(|part| part.trim().to_string())
        .collect()
}

// ---- mutants -------------------------------------------------------------------------------

#[derive(Clone)]
struct Mutant {
    name: String,
    text: String,
}

fn mutants(exercise: &Exercise) -> Vec<Mutant> {
    let mut names = names("tests/exercises/mutants");
    names.retain(|name| name.starts_with(&format!("{}-", exercise.number)));
    names
        .into_iter()
        .map(|name| Mutant {
            text: read(&format!("tests/exercises/mutants/{name}")),
            name,
        })
        .collect()
}

impl Mutant {
    fn is_right(&self) -> bool {
        self.name[2..].starts_with("-right-")
    }

    /// What one of the first lines says.
    fn line(&self, key: &str) -> Option<&str> {
        let start = format!("# {key}: ");
        self.text.lines().find_map(|line| line.strip_prefix(&start))
    }

    fn changes(&self, exercise: &Exercise) -> Result<Changes> {
        let solved = match self.line("on") {
            Some(_) => Changes::default(),
            None => Changes::default().and(&read(&exercise.solution))?,
        };
        solved.and(&format!("```diff\n{}\n```", self.text))
    }

    fn is_judged(&self, copy: &Copy, exercise: &Exercise) -> Result {
        let output = copy.test_changed(&self.changes(exercise)?, &exercise.test, &[])?;
        if !output.is_compiled {
            return Err(format!("it should compile:\n{}", output.text));
        }
        if self.is_right() {
            return match output.is_green {
                true => Ok(()),
                false => Err(format!("it is right, and fails:\n{}", output.text)),
            };
        }
        let [Some(step), Some(says)] = ["fails", "says"].map(|key| self.line(key)) else {
            return Err("it does not say which step fails, and with which words".to_string());
        };
        let first = output.failed.first().map_or("", String::as_str);
        if first.split('_').next() != Some(step) {
            return Err(format!(
                "{step} should fail, and what fails first is {first:?}:\n{}",
                output.text
            ));
        }
        let pages = output.text.matches("\nasked:\n").count();
        let legends = output.text.matches("● works").count();
        if pages != 1 || legends > 1 {
            return Err(format!(
                "one step should tell why, with one legend:\n{}",
                output.text
            ));
        }
        // What ran on a loop is there to be stepped through, too.
        if output.text.contains("\nwhat ran:\n") {
            let file = format!("target/{}.html", exercise.target());
            let page = fs::read_to_string(copy.path.join(&file)).unwrap_or_default();
            if !output.text.contains(&file) || !page.contains("\"last\":true") {
                return Err(format!("it should write {file}:\n{}", output.text));
            }
        }
        // What is printed may be broken into lines.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        match words(&output.text).contains(&words(says)) {
            true => Ok(()),
            false => Err(format!("it should say {says:?}:\n{}", output.text)),
        }
    }
}

/// Wrong solutions fail where they should, and right ones pass.
fn are_judged(copy: &Copy, exercise: &Exercise, mutants: &[Mutant]) -> Result {
    let wrong = mutants.iter().filter_map(|mutant| {
        let error = mutant.is_judged(copy, exercise).err()?;
        Some(format!("{}: {error}", mutant.name))
    });
    let wrong: Vec<_> = wrong.collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n\n")),
    }
}

// ---- experiments ---------------------------------------------------------------------------

struct Experiment {
    /// The number of the promise, and which of its experiments it is: 2 and `i02b`.
    number: u32,
    name: String,
    text: String,
    fails: BTreeSet<String>,
}

/// Each section of a page is one: a heading, a diff, and the tests that fail.
fn experiments() -> Vec<Experiment> {
    let mut experiments = Vec::new();
    for page in names("docs/experiments")
        .iter()
        .filter(|name| *name != "README.md")
    {
        let text = read(&format!("docs/experiments/{page}"));
        for (section, letter) in text.split("\n## ").skip(1).zip('a'..) {
            let fails = section
                .lines()
                .filter_map(|line| line.strip_prefix("- fails: `"));
            let fails: BTreeSet<_> = fails
                .filter_map(|line| line.split('`').next())
                .map(str::to_string)
                .collect();
            let name = format!("i{}{letter}", &page[..2]);
            assert!(!fails.is_empty(), "{page}: {name} names no test that fails");
            let number = page[..2].parse();
            experiments.push(Experiment {
                number: number.unwrap_or_else(|_| panic!("{page} begins with its number")),
                name,
                text: section.to_string(),
                fails,
            });
        }
    }
    experiments
}

impl Experiment {
    fn is_true(&self, copy: &Copy) -> Result {
        let changed = self
            .text
            .lines()
            .filter(|line| line.starts_with(['+', '-']));
        let changed = changed.filter(|line| !line.starts_with("+++") && !line.starts_with("---"));
        let changed = changed.filter(|line| !line.starts_with("- fails")).count();
        if !(1..=5).contains(&changed) {
            return Err(format!(
                "it changes {changed} lines; 1 to 5 are an experiment"
            ));
        }
        let changes = Changes::default().and(&self.text)?;
        let promise = format!("i{}_", self.number);
        let output = copy.test_changed(&changes, "tests/promises.rs", &[&promise])?;
        if !output.is_compiled {
            return Err(format!("it should compile:\n{}", output.text));
        }
        if output.failed != self.fails {
            let (failed, named) = (&output.failed, &self.fails);
            return Err(format!(
                "what fails is\n  {failed:?}\nand the page names\n  {named:?}\n{}",
                output.text
            ));
        }
        Ok(())
    }
}

// ---- diffs ---------------------------------------------------------------------------------

/// One place that a diff changes.
struct Hunk {
    file: String,
    old: String,
    new: String,
}

/// The hunks of all fences of a page that are tagged `diff`.
fn hunks(page: &str) -> Vec<Hunk> {
    let mut hunks: Vec<Hunk> = Vec::new();
    let fences = page
        .split("```diff\n")
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next());
    for line in fences.flat_map(str::lines) {
        if let Some(name) = line.strip_prefix("+++ ") {
            hunks.push(Hunk {
                file: name.to_string(),
                old: String::new(),
                new: String::new(),
            });
            continue;
        }
        let Some(hunk) = hunks.last_mut() else {
            continue;
        };
        if line.starts_with("--- ") {
            continue;
        } else if line.starts_with("@@") {
            let file = hunk.file.clone();
            if !hunk.old.is_empty() || !hunk.new.is_empty() {
                hunks.push(Hunk {
                    file,
                    old: String::new(),
                    new: String::new(),
                });
            }
            continue;
        }
        // Editors like to take the space from an empty line.
        let (sign, rest) = line.split_at(line.len().min(1));
        if sign != "+" {
            hunk.old += &format!("{rest}\n");
        }
        if sign != "-" {
            hunk.new += &format!("{rest}\n");
        }
    }
    hunks
}

/// What files become, by the diffs of some pages.
#[derive(Clone, Default)]
struct Changes(BTreeMap<String, String>);

impl Changes {
    /// The diffs of one more page.
    fn and(mut self, page: &str) -> Result<Self> {
        let hunks = hunks(page);
        if hunks.is_empty() {
            return Err("the page has no diff".to_string());
        }
        for Hunk { file, old, new } in hunks {
            let text = match self.0.remove(&file) {
                Some(text) => Some(text),
                None => fs::read_to_string(root().join(&file)).ok(),
            };
            let text = match text {
                None if old.is_empty() => new,
                Some(_) if old.is_empty() => {
                    return Err(format!("{file} is new in a diff, and exists"));
                }
                None => return Err(format!("{file} does not exist")),
                Some(text) => {
                    // Whole lines only.
                    let text = format!("\n{}", text.replace("\r\n", "\n"));
                    let (old, new) = (format!("\n{old}"), format!("\n{new}"));
                    match text.matches(&old).count() {
                        1 => text.replacen(&old, &new, 1)[1..].to_string(),
                        times => {
                            return Err(format!("{file} has this {times} times, not once:{old}"));
                        }
                    }
                }
            };
            self.0.insert(file, text);
        }
        Ok(self)
    }

    fn write(&self, copy: &Copy) -> Result {
        for (file, text) in &self.0 {
            fs::write(copy.path.join(file), text).map_err(|error| format!("{file}: {error}"))?;
        }
        Ok(())
    }

    /// Makes the files what they were.
    fn undo(&self, copy: &Copy) -> Result {
        for file in self.0.keys() {
            let path = copy.path.join(file);
            let undone = match fs::read(root().join(file)) {
                Ok(text) => fs::write(path, text),
                Err(_) => fs::remove_file(path),
            };
            undone.map_err(|error| format!("{file}: {error}"))?;
        }
        Ok(())
    }
}

// ---- scratch copies ------------------------------------------------------------------------

/// Removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("demitasse-guard-{}", std::process::id()));
        fs::create_dir_all(&path).expect("there is room for scratch copies");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A copy of this package, removed when it is dropped.
struct Copy {
    path: PathBuf,
    /// What the compiler keeps.
    kept: PathBuf,
}

struct Output {
    is_compiled: bool,
    is_green: bool,
    failed: BTreeSet<String>,
    text: String,
}

impl Copy {
    fn new(scratch: &Path, worker: usize) -> Self {
        let path = scratch.join(worker.to_string());
        let kept = scratch.join(format!("{worker}-kept"));
        copy_all(&root(), &path);
        Copy { path, kept }
    }

    /// Runs `cargo test` in the copy.
    fn test(&self, arguments: &[&str]) -> Result<Output> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo
            .args(["test", "--offline", "--no-fail-fast", "--color", "never"])
            .args(arguments)
            .env("CARGO_TARGET_DIR", self.path.join("target"))
            .env("CARGO_BUILD_JOBS", "1")
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        let (is_success, text) = self.run(&mut cargo, TOO_LONG)?;
        let is_compiled = text.contains("\n     Running ") || text.contains("\ntest result");
        Ok(Output::new(is_compiled, is_success, text))
    }

    /// With these changes, which are undone after that, runs the tests of one file.
    fn test_changed(&self, changes: &Changes, file: &str, arguments: &[&str]) -> Result<Output> {
        changes.write(self)?;
        let output = self.test_alone(file, arguments);
        changes.undo(self)?;
        if changes.0.keys().any(|file| file.starts_with("src/")) {
            self.forget_library()?;
        }
        output
    }

    /// Compiles the tests of one file, and the library unless it is there, and runs them.
    fn test_alone(&self, file: &str, arguments: &[&str]) -> Result<Output> {
        let rustc = || {
            let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
            rustc.args(["--edition", "2024", "--cap-lints", "allow"]);
            rustc.arg(format!("-Cincremental={}", self.kept.display()));
            rustc
        };
        let mut library = rustc();
        library.args([
            "--crate-name",
            "demitasse",
            "--crate-type",
            "lib",
            "src/lib.rs",
        ]);
        let mut test = rustc();
        // As cargo has it: `ex05` for `tests/exercises/ex05_race.rs`.
        let name = file_name(file).split(['_', '.']).next();
        test.env("CARGO_CRATE_NAME", name.unwrap_or_default())
            .env("CARGO_MANIFEST_DIR", &self.path)
            .args([
                "--test",
                "--extern",
                "demitasse=libdemitasse.rlib",
                "-o",
                "exercise",
            ])
            .arg(file);
        let is_built = self.path.join("libdemitasse.rlib").exists();
        let steps = [(&mut library, !is_built), (&mut test, true)];
        for (rustc, _) in steps.into_iter().filter(|(_, is_due)| *is_due) {
            let (is_success, text) = self.run(rustc, TOO_LONG)?;
            if !is_success {
                return Ok(Output::new(false, false, text));
            }
        }
        let mut test = Command::new(self.path.join("exercise"));
        // Most of them wait, if they wait.
        test.args(arguments).env("RUST_TEST_THREADS", "8");
        let (is_success, text) = self.run(&mut test, TOO_LONG_ALONE)?;
        Ok(Output::new(true, is_success, text))
    }

    /// The library that was built has other sources than the next one.
    fn forget_library(&self) -> Result {
        let path = self.path.join("libdemitasse.rlib");
        match path.exists() {
            true => fs::remove_file(path).map_err(|error| error.to_string()),
            false => Ok(()),
        }
    }

    /// Runs a command in the copy. Whether it succeeds, and all that it prints.
    fn run(&self, command: &mut Command, limit: Duration) -> Result<(bool, String)> {
        let log = self.path.join("log");
        let file = fs::File::create(&log).map_err(|error| error.to_string())?;
        // A group of its own, that is ended as a whole: cargo starts the tests, and a test may hang.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut child = command
            .current_dir(&self.path)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stderr(file.try_clone().map_err(|error| error.to_string())?)
            .stdout(file)
            .spawn()
            .map_err(|error| error.to_string())?;
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                break status;
            }
            if start.elapsed() > limit {
                let group = format!("-{}", child.id());
                let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{command:?} hangs"));
            }
            thread::sleep(Duration::from_millis(10));
        };
        let text = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
        Ok((status.success(), text))
    }
}

impl Output {
    fn new(is_compiled: bool, is_success: bool, text: String) -> Self {
        let failed = text
            .lines()
            .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"))
            // The name alone, without the modules around it.
            .filter_map(|name| name.rsplit("::").next());
        Output {
            is_compiled,
            is_green: is_success && text.contains("test result: ok"),
            failed: failed.map(str::to_string).collect(),
            text,
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("there is room for a scratch copy");
    for entry in fs::read_dir(from)
        .expect("the package can be read")
        .flatten()
    {
        let (path, name) = (entry.path(), entry.file_name());
        if name == "target" || name == ".git" {
            continue;
        } else if path.is_dir() {
            copy_all(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).expect("a file can be copied");
        }
    }
}

// ---- files ---------------------------------------------------------------------------------

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    let text = fs::read_to_string(root().join(file));
    text.unwrap_or_else(|error| panic!("{file}: {error}"))
        .replace("\r\n", "\n")
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The files of a directory, in order.
fn names(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(directory));
    let entries = entries
        .unwrap_or_else(|error| panic!("{directory}: {error}"))
        .flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    let mut names: Vec<_> = files
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
