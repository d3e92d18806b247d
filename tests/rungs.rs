//! The rungs in `docs/rungs/`: each is a whole program on `std` alone that prints what the book says
//! of it, and the executors of the later ones keep the promises that they are ready for.

// The same text for several executors. `spawn` gives no handle before the last rung.
#![allow(clippy::duplicate_mod, clippy::unit_arg, dropping_copy_types)]

#[path = "rungs/rung4.rs"]
mod rung4;
#[path = "rungs/rung5.rs"]
mod rung5;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use support::MILLISECOND;

/// What a run gave.
struct Ran {
    lines: Vec<String>,
    /// Processor time, as far as the operating system tells.
    cpu: Duration,
}

/// Compiles a rung with `rustc` alone, and runs it.
fn run(rung: &str) -> Ran {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(rung);
    let beside = Path::new(env!("CARGO")).with_file_name("rustc");
    let rustc = match beside.exists() {
        true => beside,
        false => PathBuf::from("rustc"),
    };
    let mut compile = Command::new(rustc);
    compile.args(["--edition", "2024", "-O", "-D", "warnings", "-o"]);
    compile.arg(&program);
    compile.arg(project.join(format!("docs/rungs/{rung}.rs")));
    let is_compiled = compile.status().expect("there is a compiler").success();
    assert!(is_compiled, "{rung} does not compile by itself");

    let mut program = Command::new(program)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let stat = format!("/proc/{}/stat", program.id());
    let mut cpu = Duration::ZERO;
    while program.try_wait().expect("it can be waited for").is_none() {
        cpu = support::cpu_time_in(&stat).max(cpu);
        thread::sleep(10 * MILLISECOND);
    }
    let output = program.wait_with_output().expect("it has ended");
    assert!(output.status.success(), "{rung}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("it prints UTF-8");
    Ran {
        lines: text.lines().map(str::to_string).collect(),
        cpu,
    }
}

/// The number at the beginning of a line, or after its first word.
fn number(line: &str) -> f64 {
    let mut words = line.split(' ').filter_map(|word| word.parse().ok());
    words.next().unwrap_or_else(|| panic!("no number: {line}"))
}

#[test]
fn rung_1_uses_the_processor_all_the_time_and_rung_2_does_not() {
    let [busy, parked] = ["1-busy", "2-park"].map(run);
    for ran in [&busy, &parked] {
        assert_eq!(ran.lines[0], "Fetching Endpoint A");
        assert_eq!(ran.lines[2], "Data from Endpoint A");
        assert!((1.0..9.0).contains(&number(&ran.lines[3])));
    }
    assert!(number(&busy.lines[1]) > 1_000.0, "{}", busy.lines[1]);
    assert_eq!(parked.lines[1], "polled 2 times");
    // A whole second, unless other programs want the processor too.
    if Path::new("/proc/self/stat").exists() {
        assert!(busy.cpu >= 30 * MILLISECOND, "{:?}", busy.cpu);
        assert!(parked.cpu < 30 * MILLISECOND, "{:?}", parked.cpu);
    }
}

#[test]
fn rung_3_fetches_twice_in_the_time_of_one() {
    let mut ran = run("3-queue");
    let last = ran.lines.pop().unwrap();
    assert!((1.0..1.9).contains(&number(&last)), "{last}");
    assert_eq!(
        ran.lines[..2],
        ["Fetching Endpoint A", "Fetching Endpoint B"]
    );
    // Two threads wake the tasks, in no order.
    ran.lines.sort();
    let [a, b] = ["Data from Endpoint A", "Data from Endpoint B"];
    assert_eq!(ran.lines[..2], [a, b]);
    assert_eq!(ran.lines[4..], ["polled 2 times"; 2]);
    assert!(ran.cpu < 100 * MILLISECOND, "{:?}", ran.cpu);
}

#[test]
fn rung_4_takes_three_seconds_on_one_clock_and_none_on_the_other() {
    let ran = run("4-time");
    let [real, simulated] = [&ran.lines[..6], &ran.lines[6..]];
    for lines in [real, simulated] {
        assert_eq!(
            lines[..4],
            [
                "Fetching Endpoint A",
                "Fetching Endpoint B",
                "Data from Endpoint A",
                "Data from Endpoint B",
            ]
        );
    }
    assert!((3.0..5.0).contains(&number(&real[4])), "{}", real[4]);
    assert!((3.0..5.0).contains(&number(&real[5])), "{}", real[5]);
    assert_eq!(simulated[4], "3.00 s on this clock");
    assert!(number(&simulated[5]) < 0.5, "{}", simulated[5]);
    assert!(ran.cpu < 100 * MILLISECOND, "{:?}", ran.cpu);
}

#[test]
fn rung_5_gathers() {
    let start = Instant::now();
    let ran = run("5-gather");
    assert_eq!(
        ran.lines,
        [
            "Fetching Endpoint A",
            "Fetching Endpoint B",
            r#"["Data from Endpoint A", "Data from Endpoint B"]"#,
            "3.00 s",
            "Fetching slow",
            "Fetching quick",
            r#"["Data from slow", "Data from quick"]"#,
        ]
    );
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn rung_6_is_the_small_executor() {
    let ran = run("6-small");
    let once = [
        "Fetching Endpoint A",
        "Fetching Endpoint B",
        r#"["Data from Endpoint A", "Data from Endpoint B"]"#,
        "coffee",
        "finished: false",
    ];
    assert_eq!(ran.lines[..5], once);
    assert_eq!(ran.lines[6..11], once);
    assert_eq!(ran.lines[11], "3.00 s");
    assert!((3.0..5.0).contains(&number(&ran.lines[12])));
}

#[test]
fn each_rung_has_at_most_three_hundred_lines_of_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rungs");
    let mut rungs = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        let code = text.lines().filter(is_code).count();
        assert!(code <= 300, "{}: {code} lines", path.display());
        rungs += 1;
    }
    assert_eq!(rungs, 6);
}
