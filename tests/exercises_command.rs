//! `demitasse exercises`: what it lists, remembers and watches.
//!
//! The project here is a scratch one with three pages, and its cargo is a script. It judges an
//! exercise by a file, and writes down what it was asked. No test sleeps: one that watches waits
//! for a line of output, and what never comes is a failure after half a minute.

#![cfg(unix)]

mod binary_support;

use binary_support::demitasse;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// A scratch project, removed when it is dropped.
struct Project(PathBuf);

/// What cargo says of an exercise.
const SOLVED: &str = "exit 0";
const FAILS: &str = "echo 'test step3_c ... FAILED'; echo 'test step1_a ... ok'
echo 'test step2_b ... FAILED'
printf '\\nfailures:\\n\\n'
printf -- '---- step3_c stdout ----\\n\\nasked:\\n  The third.\\n\\n'
printf -- '---- step2_b stdout ----\\n\\nasked:\\n  The second.\\n\\n'
printf '\\nfailures:\\n    step2_b\\n    step3_c\\n'
echo 'error: test failed, to rerun pass this' >&2; exit 101";
const BROKEN: &str = "echo '   Compiling it' >&2; echo 'error[E0425]: no `it`' >&2; exit 101";
const CRASHES: &str = "echo 'error: test failed, to rerun pass this' >&2; exit 101";

impl Project {
    /// Three exercises, and what cargo says of each.
    fn new(said: [&str; 3]) -> Project {
        let test = thread::current().name().unwrap_or_default().to_string();
        let name = format!("demitasse-{}-{test}", std::process::id());
        let project = Project(std::env::temp_dir().join(name));
        for folder in ["docs/exercises", "tests/exercises", "src", "target"] {
            fs::create_dir_all(project.0.join(folder)).expect("a folder");
        }
        for page in ["02-two", "01-one", "03-three", "README"] {
            let text = format!("# 0 · The page {page}\n\n*On top. An hour. Now.*\n\n## Hints\n");
            project.write(&format!("docs/exercises/{page}.md"), &text);
        }
        for (number, said) in (1..).zip(said) {
            project.edit(number, said);
        }
        project.write(
            "cargo",
            "#!/bin/sh\n[ \"$1 $2\" = 'test --test' ] || exit 9\necho $3 >> asked\n\
             . tests/exercises/$3_test.rs\n",
        );
        let cargo = project.0.join("cargo");
        fs::set_permissions(&cargo, PermissionsExt::from_mode(0o755)).expect("it can be run");
        project
    }

    fn write(&self, file: &str, text: &str) {
        // At once, as a careful editor does.
        let new = self.0.join("new");
        fs::write(&new, text).expect("a file");
        fs::rename(new, self.0.join(file)).expect("a name");
    }

    /// Changes an exercise: from now on cargo says this of it.
    fn edit(&self, number: u32, said: &str) {
        self.write(&format!("tests/exercises/ex0{number}_test.rs"), said);
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = demitasse(args);
        command.env("CARGO", self.0.join("cargo"));
        command.env("CARGO_MANIFEST_DIR", &self.0);
        command.env_remove("CARGO_TARGET_DIR");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the binary runs")
    }

    /// What `exercises` prints, with `_` in the place of seconds.
    fn list(&self) -> String {
        let output = self.run(&["exercises"]);
        assert!(output.status.success());
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let lines = text.lines().map(|line| {
            let is_timed = line.get(4..11).is_some_and(|time| time.ends_with(" s"));
            match is_timed {
                true => format!("{}    _ s{}\n", &line[..4], &line[11..]),
                false => format!("{line}\n"),
            }
        });
        lines.collect()
    }

    /// What cargo was asked since the last time.
    fn asked(&self) -> Vec<String> {
        let file = self.0.join("asked");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let _ = fs::remove_file(file);
        text.lines().map(str::to_string).collect()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_list_has_a_tick_for_what_is_solved_and_names_what_is_next() {
    let project = Project::new([SOLVED, FAILS, BROKEN]);
    let text = "\
[x]     _ s  01  The page 01-one · an hour
[ ]     _ s  02  The page 02-two · an hour
[ ]     _ s  03  The page 03-three · an hour

1 of 3 are solved. Next is 02: the first step that fails is `step2_b`.
  The second.
Its page is docs/exercises/02-two.md, and its hints begin in line 5.
`cargo run -- exercises --watch` runs it whenever you save a file of it;
`cargo test --test ex02` runs it once.
";
    assert_eq!(project.list(), text);
    assert_eq!(project.asked(), ["ex01", "ex02", "ex03"]);
}

#[test]
fn what_is_next_is_said_whatever_came_of_it() {
    for (said, next) in [
        ([SOLVED, SOLVED, SOLVED], "\nAll are solved.\n"),
        (
            [SOLVED, BROKEN, SOLVED],
            "\n2 of 3 are solved. Next is 02: it does not compile yet: error[E0425]: no `it`.\n",
        ),
        (
            [CRASHES, SOLVED, SOLVED],
            "\n2 of 3 are solved. Next is 01: its test crashes before it can say what failed.\n",
        ),
    ] {
        let text = Project::new(said).list();
        assert!(text.contains(next), "{text}");
    }
}

#[test]
fn what_has_not_changed_is_known_at_once() {
    let project = Project::new([SOLVED, FAILS, BROKEN]);
    let first = project.list();
    project.asked();
    let again = project.list();
    assert_eq!(
        project.asked(),
        [""; 0],
        "nothing has changed: nothing is run"
    );
    let (known, rest) = again.split_once("\n\n").expect("a first line");
    assert_eq!(known, "1 of 3 were solved when last looked.");
    assert_eq!(rest, first.replace("    _ s", "       "));

    project.edit(2, SOLVED);
    let text = project.list();
    assert_eq!(project.asked(), ["ex02"], "its own test has changed");
    assert!(
        text.contains("[x]     _ s  02 "),
        "it was run again:\n{text}"
    );
    assert!(text.contains("\n2 of 3 are solved. Next is 03: "), "{text}");

    project.write("src/lib.rs", "//! It has changed.");
    project.list();
    assert_eq!(
        project.asked(),
        ["ex01", "ex02", "ex03"],
        "the library is every exercise's"
    );
}

#[test]
fn an_executor_of_one_s_own_is_the_last() {
    let project = Project::new([SOLVED, SOLVED, SOLVED]);
    project.write("docs/exercises/own.md", "# own · Mine\n\n## Hints\n");
    project.write("tests/exercises/own_test.rs", FAILS);
    let text = project.list();
    assert!(text.contains("\n[ ]     _ s  own Mine\n\n"), "{text}");
    assert!(
        text.contains("\n3 of 4 are solved. Next is own: "),
        "{text}"
    );
    assert!(text.contains("`cargo test --test own`"), "{text}");
    assert_eq!(
        project.run(&["exercises", "own"]).status.code(),
        Some(1),
        "it fails"
    );
    // Its files are in a folder.
    project.asked();
    fs::create_dir_all(project.0.join("tests/exercises/own")).expect("a folder");
    project.write("tests/exercises/own/executor.rs", "// changed");
    project.list();
    assert_eq!(project.asked(), ["own"]);
}

#[test]
fn a_memory_that_cannot_be_read_or_written_costs_only_time() {
    let project = Project::new([SOLVED, SOLVED, SOLVED]);
    project.write("target/exercises.txt", "01\tx\n\n02\n03\t\t\t\n");
    let first = project.list();
    assert_eq!(project.asked(), ["ex01", "ex02", "ex03"]);
    assert!(first.ends_with("\nAll are solved.\n"), "{first}");
    fs::remove_dir_all(project.0.join("target")).expect("it can go");
    assert_eq!(project.list(), first);
    assert_eq!(project.list(), first);
}

#[test]
fn one_exercise_is_run_and_its_result_is_that_of_the_program() {
    let project = Project::new([SOLVED, FAILS, BROKEN]);
    assert_eq!(project.run(&["exercises", "01"]).status.code(), Some(0));
    let output = project.run(&["exercises", "2"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("step2_b ... FAILED"), "{text}");
    assert_eq!(project.asked(), ["ex01", "ex02"]);
}

#[test]
fn exercises_that_are_not_there_get_one_sentence() {
    let said = |command: &mut Command| {
        let output = command.output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        let sentence = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
        sentence
    };
    for args in [&["exercises", "99"][..], &["exercises", "99", "--watch"]] {
        let sentence = said(&mut demitasse(args));
        assert_eq!(sentence, "demitasse: there is no exercise 99\n");
    }
    let nowhere = std::env::temp_dir().join("demitasse-no-such-folder");
    let sentence = said(demitasse(&["exercises"]).env("CARGO_MANIFEST_DIR", nowhere));
    assert!(
        sentence.starts_with("demitasse: cannot read "),
        "{sentence}"
    );
    let sentence = said(demitasse(&["exercises", "01"]).env("CARGO", "/no/cargo"));
    assert!(
        sentence.starts_with("demitasse: cannot run cargo: "),
        "{sentence}"
    );
}

// ---- watching ------------------------------------------------------------------------------

/// A watcher that runs, and what it prints. It is killed when it is dropped.
struct Watcher {
    child: Child,
    lines: Receiver<String>,
}

impl Watcher {
    fn new(project: &Project, args: &[&str]) -> Watcher {
        let mut command = project.command(args);
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let output = BufReader::new(child.stdout.take().expect("its output is ours"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Watcher { child, lines }
    }

    /// The lines up to one with this text.
    fn up_to(&self, text: &str) -> String {
        let mut seen = String::new();
        while !seen.contains(text) {
            let line = self.lines.recv_timeout(Duration::from_secs(30));
            let line = line.unwrap_or_else(|_| panic!("no `{text}` came after:\n{seen}"));
            seen += &format!("{line}\n");
        }
        seen
    }

    fn end(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last line that a watcher prints before it waits.
const WAITS: &str = "Ctrl-C ends this.";

#[test]
fn a_watcher_runs_the_first_open_one_at_each_change_and_then_the_next() {
    let project = Project::new([SOLVED, FAILS, BROKEN]);
    let mut watcher = Watcher::new(&project, &["exercises", "--watch"]);
    let text = watcher.up_to(WAITS);
    assert!(
        text.contains("01 is solved.\n\n02 The page 02-two\n"),
        "{text}"
    );
    let told = "\n---- step3_c stdout ----\n\nasked:\n  The third.\n\n---- step2_b stdout";
    assert!(text.contains(told), "what the tests say is shown:\n{text}");
    assert!(
        !text.contains("FAILED"),
        "and their list is not, which has no end:\n{text}"
    );
    assert!(
        text.contains("the first step that fails is `step2_b`.\n"),
        "{text}"
    );
    assert!(text.contains("hints begin in line 5."), "{text}");
    assert_eq!(project.asked(), ["ex01", "ex02"]);

    project.edit(2, BROKEN);
    let text = watcher.up_to(WAITS);
    assert!(
        text.contains("it does not compile yet: error[E0425]: no `it`."),
        "{text}"
    );
    assert_eq!(project.asked(), ["ex02"], "once for one change");

    project.write("src/lib.rs", "//! It has changed.");
    watcher.up_to(WAITS);
    assert_eq!(
        project.asked(),
        ["ex02"],
        "the library is a part of every exercise"
    );

    project.edit(2, SOLVED);
    let text = watcher.up_to(WAITS);
    assert!(
        text.contains("02 is solved.\n\n03 The page 03-three\n"),
        "{text}"
    );
    assert!(
        text.contains("   Compiling it\n"),
        "what the compiler said is shown"
    );
    assert_eq!(project.asked(), ["ex02", "ex03"]);

    project.edit(3, SOLVED);
    let text = watcher.up_to("All are solved.");
    assert!(
        text.ends_with("03 is solved.\n\nAll are solved.\n"),
        "{text}"
    );
    assert!(watcher.end().success());
}

#[test]
fn a_watcher_begins_with_the_one_that_is_named_and_comes_round() {
    let project = Project::new([FAILS, FAILS, FAILS]);
    let watcher = Watcher::new(&project, &["exercises", "--watch", "03"]);
    watcher.up_to(WAITS);
    assert_eq!(project.asked(), ["ex03"]);
    project.edit(3, SOLVED);
    let text = watcher.up_to(WAITS);
    assert!(
        text.contains("03 is solved.\n\n01 The page 01-one\n"),
        "{text}"
    );
    assert_eq!(project.asked(), ["ex03", "ex01"]);
}

#[test]
fn a_watcher_leaves_what_is_solved_alone() {
    let project = Project::new([SOLVED, SOLVED, FAILS]);
    project.list();
    project.asked();
    let watcher = Watcher::new(&project, &["exercises", "--watch"]);
    watcher.up_to(WAITS);
    assert_eq!(
        project.asked(),
        ["ex03"],
        "the others have not changed since"
    );
}
