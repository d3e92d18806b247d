//! `demitasse exercises`: what it lists, remembers and watches.
//!
//! The project here is a scratch one with three pages, and its cargo is a script. It judges an
//! exercise by a file, and writes down what it was asked.

#![cfg(unix)]

mod binary_support;

use binary_support::demitasse;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;

/// A scratch project, removed when it is dropped.
struct Project(PathBuf);

/// What cargo says of an exercise.
const SOLVED: &str = "exit 0";
const FAILS: &str = "echo 'test step3_c ... FAILED'; echo 'test step1_a ... ok'
echo 'test step2_b ... FAILED'
printf -- '---- step3_c stdout ----\\n\\nasked:\\n  The third.\\n'
printf -- '---- step2_b stdout ----\\n\\nasked:\\n  The second.\\n'
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
Run it with `cargo test --test ex02`.
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
    let sentence = said(&mut demitasse(&["exercises", "99"]));
    assert_eq!(sentence, "demitasse: there is no exercise 99\n");
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
