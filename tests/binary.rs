//! The binary as a user runs it.

mod binary_support;

use binary_support::{assert_golden, demitasse, printed, run};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
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

/// What ends the output of somebody who may not know of the page.
const BROWSER: &str = "Step through it in a browser, forward and back: add `--html FILE`.";

#[test]
fn without_arguments_it_compares() {
    let text = printed(&["--virtual"]);
    assert!(text.starts_with(&format!("{BLOCKING}\n{CONCURRENT}\n")));
    let why = "2.00 times as fast. While A\nwaited, the thread was free, so B began.\n";
    assert!(text.ends_with(&format!("{why}{BROWSER}\n")));
    assert_eq!(text, printed(&["compare", "--virtual"]));
    assert_golden("compare.txt", &text);
}

#[test]
fn one_path_alone() {
    let blocking = printed(&["sync", "--virtual"]);
    assert!(blocking.starts_with(BLOCKING));
    assert!(
        blocking
            .ends_with("For 6.00 s of 6.00 s the thread was held, and nothing else could run.\n")
    );
    let concurrent = printed(&["--virtual", "async"]);
    assert!(concurrent.starts_with(CONCURRENT));
    assert!(
        concurrent.ends_with("For 3.00 s of 3.00 s the thread was parked, free for other work.\n")
    );
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

#[test]
fn a_run_that_takes_long_says_so_before() {
    for (args, time) in [
        (&["--tasks", "1000"][..], "50.05 min"),
        (&["sync", "--delay", "31s"], "1.03 min"),
        (&["async", "--delay", "1h"], "1.00 h"),
        (&["rows", "--delay", "8s"], "1.07 min"),
        (&["forgotten", "--delay", "61s"], "1.02 min"),
    ] {
        let mut child = demitasse(args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let errors = BufReader::new(child.stderr.take().expect("its errors are ours"));
        let said = errors.lines().next().expect("a line").expect("UTF-8");
        child.kill().expect("it waits");
        child.wait().expect("it ends");
        let sentence = format!("demitasse: this takes {time}; with `--virtual`, no time");
        assert_eq!(said, sentence);
    }
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
    let ascii = printed(&["--virtual", "--ascii"]);
    assert!(ascii.is_ascii());
    let unicode = printed(&["--virtual"]);
    for (name, value, expected) in [
        ("LANG", "C", &ascii),
        ("LC_ALL", "POSIX", &ascii),
        ("LC_CTYPE", "de_DE.ISO-8859-1", &ascii),
        ("LANG", "C.UTF-8", &unicode),
        ("LC_ALL", "ja_JP.utf8", &unicode),
        ("LANG", "", &unicode),
    ] {
        let output = demitasse(&["--virtual"]).env(name, value).output();
        let output = output.expect("the binary runs").stdout;
        assert_eq!(
            String::from_utf8_lossy(&output),
            **expected,
            "{name}={value}"
        );
    }
}

#[test]
fn columns_count_where_there_is_no_terminal() {
    let with_columns = |columns: &str, args: &[&str]| {
        let output = demitasse(args).env("COLUMNS", columns).output();
        String::from_utf8(output.expect("the binary runs").stdout).expect("UTF-8")
    };
    let sixty = printed(&["--virtual", "--width", "60"]);
    assert_eq!(with_columns("60", &["--virtual"]), sixty);
    let ninety = with_columns("60", &["--virtual", "--width", "90"]);
    assert_eq!(ninety, printed(&["--virtual", "--width", "90"]));
    for none in ["0", "wide", ""] {
        assert_eq!(with_columns(none, &["--virtual"]), printed(&["--virtual"]));
    }
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
    for word in [
        "--delay", "--tasks", "--steps", "--html", "--svg", "--trace",
    ] {
        assert!(help.contains(word), "{word}");
    }
    assert_eq!(help, printed(&["-h"]));
    let version = concat!("demitasse ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(printed(&["--version"]), version);
}

/// Asserts that these arguments are refused with this sentence, and that nothing else is said.
fn assert_refused(args: &[&str], sentence: &str) {
    let output = run(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors, format!("demitasse: {sentence}\nTry `--help`.\n"));
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_wrong_argument_gets_one_sentence() {
    assert_refused(&["brew"], "there is no command `brew`");
    assert_refused(&["--brew"], "there is no option `--brew`");
    assert_refused(&[""], "there is no command ``");
    assert_refused(
        &["sync", "--virtual", "async"],
        "`sync` and `async` are two commands: give only one",
    );
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
    assert_refused(
        &["exercises", "--wach"],
        "`--wach` is no number of an exercise: write it as 05; did you mean `--watch`?",
    );
    assert_refused(&["--virtual=yes"], "`--virtual` takes no value");
    assert_refused(&["--delay"], "`--delay` needs a value");
    assert_refused(&["--tasks"], "`--tasks` needs a value");
    assert_refused(&["--steps=3"], "`--steps` takes no value");
    for width in ["39", "201", "wide"] {
        let sentence = format!("cannot read `{width}` as a width: write one from 40 to 200");
        assert_refused(&["--width", width], &sentence);
    }
}

#[test]
fn for_a_slip_the_word_that_is_near_is_named() {
    for (slip, meant) in [
        ("asynch", "async"),
        ("snyc", "sync"),
        ("COMPARE", "compare"),
        ("row", "rows"),
        ("exercise", "exercises"),
        ("hlep", "help"),
    ] {
        let sentence = format!("there is no command `{slip}`; did you mean `{meant}`?");
        assert_refused(&[slip], &sentence);
    }
    for (slip, meant) in [
        ("--task", "--tasks"),
        ("--helpp", "--help"),
        ("--sgv", "--svg"),
    ] {
        let sentence = format!("there is no option `{slip}`; did you mean `{meant}`?");
        assert_refused(&[slip, "5"], &sentence);
    }
}

#[test]
fn the_next_option_is_not_a_value() {
    for option in ["--html", "--svg", "--trace"] {
        for none in ["--virtual", "--svg=x", "--"] {
            let sentence = match none {
                "--" => format!("`{option}` needs a file"),
                none => format!("`{option}` needs a file, and `{none}` is none"),
            };
            assert_refused(&[option, none], &sentence);
        }
        assert_refused(&[option, ""], &format!("`{option}` needs a file"));
        for none in ["-", "-x.svg"] {
            let sentence = format!(
                "`{option}` needs a file, and `{none}` is none: write `./{none}` if that is its name"
            );
            assert_refused(&[option, none], &sentence);
            assert_refused(&[&format!("{option}={none}")], &sentence);
        }
    }
    assert_refused(
        &["--delay", "--virtual"],
        "`--delay` needs a value, and `--virtual` is none",
    );
}

#[test]
fn a_delay_that_is_none_is_refused() {
    for delay in [
        "soon", "s", "-3s", "1..5s", "3 days", "3,5", "", ".", "1e3s",
    ] {
        let sentence = format!("cannot read `{delay}` as a delay: write it as 3, 1.5s or 250ms");
        assert_refused(&["--delay", delay], &sentence);
    }
    for long in ["61m", "99999999999999999999999h", "3601"] {
        let sentence = format!("a delay of `{long}` is too long: 1h is the longest");
        assert_refused(&[&format!("--delay={long}")], &sentence);
    }
}

#[test]
fn tasks_that_are_none_are_refused() {
    assert_refused(
        &["--tasks", "0"],
        "with 0 tasks there is nothing to fetch: give at least 1",
    );
    for tasks in ["two", "-1", "1.5", "", "1000001", "99999999999999999999999"] {
        let sentence =
            format!("cannot read `{tasks}` as a number of tasks: write one from 1 to 1000000");
        assert_refused(&["--tasks", tasks], &sentence);
    }
}

#[test]
fn a_delay_is_read_as_people_write_it() {
    for (delay, picture) in [
        ("1h", "1.00 h"),
        ("60m", "1.00 h"),
        ("90 s", "1.50 min"),
        ("3", "3.00 s"),
        ("3 s", "3.00 s"),
        ("3sec", "3.00 s"),
        ("0.5", "500 ms"),
        (".5s", "500 ms"),
        ("250ms", "250 ms"),
        ("20us", "20.00 us"),
        ("1\u{b5}s", "1.00 us"),
        ("1\u{3bc}s", "1.00 us"),
        ("7ns", "7 ns"),
        ("0", "0 s"),
    ] {
        let text = printed(&["async", "--virtual", "--delay", delay]);
        let heading = text.lines().find(|line| line.starts_with(" async"));
        let heading = heading.expect("a picture");
        let time = heading[6..].split_once("polls").expect("columns").0;
        assert_eq!(time.trim(), picture, "{delay}");
    }
    let words = ["--delay", "3", "s", "sync", "--virtual"];
    assert!(printed(&words).contains("Total synchronous time: 6.00 seconds\n"));
}

#[test]
fn help_needs_no_dashes_and_two_dashes_do_no_harm() {
    let help = printed(&["--help"]);
    assert_eq!(printed(&["help"]), help);
    assert_eq!(printed(&["help", "rows"]), help);
    assert_eq!(printed(&["rows", "help"]), help);
    let text = printed(&["--virtual", "sync"]);
    assert_eq!(printed(&["--", "sync", "--virtual"]), text);
    assert_eq!(printed(&["--virtual", "--", "sync"]), text);
}

/// The last sentence, in one line.
fn closing(args: &[&str]) -> String {
    let text = printed(args);
    let last = text.rsplit("\n\n").next().expect("something is printed");
    let last = last.trim_end().trim_end_matches(BROWSER);
    last.trim().replace('\n', " ")
}

#[test]
fn the_last_sentence_is_true_of_any_number_of_fetches() {
    let end = |args: &str| {
        let args: Vec<&str> = args.split(' ').chain(["--virtual"]).collect();
        closing(&args)
    };
    let nothing = "Without a delay there is nothing to wait for, and nothing to gain.";
    for command in ["compare", "sync", "async", "rows"] {
        assert_eq!(end(&format!("{command} --delay 0")), nothing);
    }
    assert_eq!(
        end("--tasks 1"),
        "A single fetch took 3.00 s blocking and 3.00 s async: it has no other wait to overlap \
         with. Try `--tasks 2`."
    );
    assert_eq!(
        end("--tasks 1000"),
        "On one thread, async took 3.00 s instead of 3000 s: 1000 times as fast. While A waited, \
         the thread was free, so the others began."
    );
    assert_eq!(
        end("sync --delay 1h"),
        "For 2.00 h of 2.00 h the thread was held, and nothing else could run."
    );
    assert_eq!(
        end("rows --tasks 1 --delay 250ms"),
        "(a) 250 ms, (b) 250 ms, (c) 250 ms, (d) 250 ms, (e) 250 ms: a single wait takes as long \
         however it is written. Try `--tasks 2`."
    );
    assert!(
        end("rows --tasks 3")
            .ends_with("all begin before the first is done, and none holds the thread.")
    );
}

#[test]
fn rows_speak_of_the_fetches_that_there_are() {
    let one = printed(&["rows", "--virtual", "--tasks", "1"]);
    let many = printed(&["rows", "--virtual", "--tasks", "3"]);
    for word in ["B", "fetch(b)", "spawn(fetch(b))", "Both", "either"] {
        let is_said = |text: &str| {
            text.split([' ', ';', ',', '.', ']', '\n'])
                .any(|found| found == word)
        };
        assert!(!is_said(&one), "{word}");
    }
    assert!(!many.contains("Both") && !many.contains("either"));
    assert!(many.contains("so the others cannot even begin."));
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

/// A folder that is new and this test's own.
fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

#[cfg(unix)]
#[test]
fn a_file_is_written_though_nobody_reads_the_output() {
    let path = scratch("closed-pipe").join("p.svg");
    let file = path.to_str().expect("UTF-8");
    let mut child = demitasse(&["--delay", "100ms", "--svg", file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    let picture = std::fs::read_to_string(path).expect("the file is there");
    assert!(picture.ends_with("</svg>\n"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_is_written_though_the_output_cannot_be() {
    let path = scratch("full-output").join("p.json");
    let file = path.to_str().expect("UTF-8");
    let full = std::fs::File::create("/dev/full").expect("Linux has one");
    let output = demitasse(&["--virtual", "--trace", file])
        .stdout(full)
        .output();
    let output = output.expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.starts_with("demitasse: cannot write to standard output: "));
    assert_eq!(errors.lines().count(), 1);
    assert!(std::fs::metadata(path).is_ok_and(|file| file.len() > 0));
}

#[cfg(unix)]
#[test]
fn a_path_keeps_its_bytes() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = scratch("bytes");
    let name = OsStr::from_bytes(b"\xff=\xfe");
    let path = folder.join(name);
    let mut attached = std::ffi::OsString::from("--svg=");
    attached.push(&path);
    for words in [vec![OsStr::new("--svg"), path.as_os_str()], vec![&attached]] {
        let output = demitasse(&["async", "--virtual"]).args(words).output();
        assert!(output.expect("the binary runs").status.success());
        let names = std::fs::read_dir(&folder).expect("a folder");
        let names: Vec<_> = names
            .map(|entry| entry.expect("a file").file_name())
            .collect();
        assert_eq!(names, [name]);
        std::fs::remove_file(&path).expect("it is there");
    }
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
