//! The binary as a user runs it.

mod binary_support;

use binary_support::{assert_golden, demitasse, printed, run};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

const BLOCKING: &str = "\
Fetching Endpoint A
Fetching Endpoint B

Total synchronous time: 6.00 seconds
Data A size: 20, Data B size: 20
";
const CONCURRENT: &str = "\
Fetching Endpoint A
Fetching Endpoint B

Total asynchronous time: 3.00 seconds
Data A size: 20, Data B size: 20
";

#[test]
fn without_arguments_it_compares() {
    let text = printed(&["--virtual"]);
    assert!(text.starts_with(&format!("{BLOCKING}\n{CONCURRENT}\n")));
    assert!(text.ends_with("2.00 times as fast.\n"));
    assert_eq!(text, printed(&["compare", "--virtual"]));
    assert_golden("compare.txt", &text);
}

#[test]
fn one_path_alone() {
    let blocking = printed(&["sync", "--virtual"]);
    assert!(blocking.starts_with(BLOCKING));
    assert!(blocking.ends_with("held for 6.00 s: nothing else could run.\n"));
    let concurrent = printed(&["--virtual", "async"]);
    assert!(concurrent.starts_with(CONCURRENT));
    assert!(concurrent.ends_with("parked for 3.00 s: free for whatever else there is.\n"));
}

/// The number before the word, in the line that has the word.
fn number_before(text: &str, line: &str, word: &str) -> f64 {
    let line = text.lines().find(|found| found.contains(line));
    let line = line.unwrap_or_else(|| panic!("no such line in {text}"));
    let before = line.split(word).next().expect("there is a number");
    let number = before.split_whitespace().last();
    number.and_then(|number| number.parse().ok()).expect(line)
}

#[test]
fn on_the_real_clock_the_times_are_measured() {
    let start = Instant::now();
    let text = printed(&["--delay", "200ms"]);
    let all = start.elapsed().as_secs_f64();
    assert!(!text.contains('\x1b'), "no bars where there is no terminal");
    let blocking = number_before(&text, "synchronous", " seconds");
    let concurrent = number_before(&text, "asynchronous", " seconds");
    let ratio = number_before(&text, "times as fast", " times");
    assert!((0.40..0.40 + all).contains(&blocking), "{blocking}");
    assert!((0.20..0.20 + all).contains(&concurrent), "{concurrent}");
    assert!(blocking + concurrent <= all + 0.01);
    assert!((ratio - blocking / concurrent).abs() < 0.1, "{ratio}");
}

/// When each line of the output came, from the start of the program.
fn lines_with_times(args: &[&str]) -> Vec<(Duration, String)> {
    let start = Instant::now();
    let mut child = demitasse(args)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let output = BufReader::new(child.stdout.take().expect("its output is ours"));
    let lines = output
        .lines()
        .map(|line| (start.elapsed(), line.expect("UTF-8")));
    let lines = lines.collect();
    assert!(child.wait().expect("it ends").success());
    lines
}

#[test]
fn lines_appear_as_they_happen() {
    let delay = Duration::from_millis(300);
    let gap = |command| {
        let lines = lines_with_times(&[command, "--delay", "300ms"]);
        assert_eq!(lines[0].1, "Fetching Endpoint A");
        assert_eq!(lines[1].1, "Fetching Endpoint B");
        assert!(lines[3].0 - lines[0].0 >= delay - Duration::from_millis(50));
        lines[1].0 - lines[0].0
    };
    assert!(gap("sync") >= delay - Duration::from_millis(50));
    assert!(gap("async") < delay / 2);
}

#[test]
fn endpoints_are_named_beyond_z() {
    let text = printed(&["async", "--virtual", "--tasks", "703", "--delay", "1s"]);
    assert!(text.contains("Fetching Endpoint A\n"));
    assert!(text.contains("... and 693 more\n"));
    let text = printed(&["async", "--virtual", "--tasks", "53"]);
    for endpoint in ["Z", "AA", "AB", "AZ", "BA"] {
        assert!(text.contains(&format!("\nFetching Endpoint {endpoint}\n")));
    }
    assert!(text.contains("Data Z size: 20, Data AA size: 21, "));
}

#[test]
fn a_hundred_thousand_fetches_stay_readable() {
    let text = printed(&["--tasks", "100000", "--virtual", "async"]);
    assert!(text.contains("Total asynchronous time: 3.00 seconds\n"));
    assert!(text.contains("... and 99984 more lanes\n"));
    assert!(text.lines().count() < 60, "{}", text.lines().count());
}

#[test]
fn output_is_plain_when_it_is_no_terminal() {
    let text = printed(&["--virtual"]);
    assert!(!text.contains('\x1b'));
    assert!(!text.contains('\r'));
}

#[test]
fn ascii_is_ascii() {
    assert!(printed(&["--virtual", "--ascii"]).is_ascii());
}

#[test]
fn help_and_version() {
    let help = printed(&["--help"]);
    for word in [
        "Usage:",
        "sync",
        "async",
        "compare",
        "rows",
        "forgotten",
        "exercises",
    ] {
        assert!(help.contains(word), "{word}");
    }
    for word in ["--delay", "--tasks", "--steps", "--svg", "--trace"] {
        assert!(help.contains(word), "{word}");
    }
    assert_eq!(help, printed(&["-h"]));
    let version = concat!("demitasse ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(printed(&["--version"]), version);
}

/// Asserts that these arguments are refused with this sentence and the usage, and nothing else.
fn assert_refused(args: &[&str], sentence: &str) {
    let output = run(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {errors}");
    assert!(output.stdout.is_empty());
    let first = errors.lines().next().unwrap_or_default();
    assert_eq!(first, format!("demitasse: {sentence}"));
    assert!(errors.contains("\nUsage: demitasse "), "{errors}");
}

#[test]
fn a_wrong_argument_gets_one_sentence() {
    assert_refused(&["brew"], "there is no command `brew`");
    assert_refused(&["--brew"], "there is no option `--brew`");
    assert_refused(&[""], "there is no command ``");
    assert_refused(&["sync", "async"], "only one command can be given");
    assert_refused(
        &["--steps", "exercises"],
        "`exercises` must be the first word",
    );
    assert_refused(
        &["exercises", "5", "6"],
        "`exercises` takes one number at most",
    );
    for number in ["five", "-1", "", "ex05"] {
        let sentence = format!("`{number}` is no number of an exercise: write it as 05");
        assert_refused(&["exercises", number], &sentence);
    }
    assert_refused(&["--virtual=yes"], "`--virtual` takes no value");
    assert_refused(&["--delay"], "`--delay` needs a value");
    assert_refused(&["--tasks"], "`--tasks` needs a value");
    assert_refused(&["--svg"], "`--svg` needs a value");
    assert_refused(&["--steps=3"], "`--steps` takes no value");
    assert_refused(&["--width", "59"], "`59` is no width from 60 to 200");
    assert_refused(&["--width", "wide"], "`wide` is no width from 60 to 200");
}

#[test]
fn a_delay_that_is_none_is_refused() {
    for delay in ["soon", "3", "s", "-3s", "3 s", "1..5s", "3sec", "", "1e3s"] {
        let sentence = format!("`{delay}` is no delay: write it as 3s, 1.5s or 250ms");
        assert_refused(&["--delay", delay], &sentence);
    }
    let long = "`61m` is too long a delay: it may be 1h at most";
    assert_refused(&["--delay", "61m"], long);
    assert_refused(
        &["--delay=99999999999999999999999h"],
        "`99999999999999999999999h` is too long a delay: it may be 1h at most",
    );
}

#[test]
fn tasks_that_are_none_are_refused() {
    assert_refused(
        &["--tasks", "0"],
        "with 0 tasks there is nothing to fetch: give at least 1",
    );
    for tasks in ["two", "-1", "1.5", "", "99999999999999999999999"] {
        let sentence = format!("`{tasks}` is no number of tasks from 1 to 1000000");
        assert_refused(&["--tasks", tasks], &sentence);
    }
}

#[test]
fn delays_in_all_units() {
    for delay in ["1h", "60m", "1.5s", "250ms", "20us", "7ns", ".5s", "0s"] {
        printed(&["--virtual", "--delay", delay]);
    }
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_ends_it_quietly() {
    let mut child = demitasse(&["--delay", "100ms"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("its output is ours"));
    output.read_line(&mut line).expect("a line");
    assert_eq!(line, "Fetching Endpoint A\n");
    drop(output);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let full = std::fs::File::create("/dev/full").expect("Linux has one");
    let output = demitasse(&["--virtual"]).stdout(full).output();
    let output = output.expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.starts_with("demitasse: cannot write to standard output: "));
    assert_eq!(errors.lines().count(), 1);
}
