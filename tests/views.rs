//! The pictures of a run: as files that they must equal, and as other programs read them.
//!
//! The views are part of the binary. They need only the library, so this test includes them, and
//! draws runs of its own besides those of the demo.

#[allow(dead_code, reason = "the binary uses all of it")]
#[path = "../src/view/mod.rs"]
mod view;

mod binary_support;

use binary_support::{assert_golden, printed, run};
use demitasse::{Event, EventLoop, block_for, gather, instrument, sleep, spawn, yield_now};
use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use view::timeline::{Run, Style};
use view::{live, replay, svg, timeline, trace_json};

const SECOND: Duration = Duration::from_secs(1);

/// Runs a future on the simulated clock, and gives all events.
fn record<F: Future>(future: F) -> Vec<Event> {
    let events = Rc::new(RefCell::new(Vec::new()));
    let recorder = Rc::clone(&events);
    let event_loop = EventLoop::simulated();
    event_loop
        .on_event(move |event| recorder.borrow_mut().push(event.clone()))
        .block_on(future);
    events.take()
}

/// A run in which everything happens that a view can show.
fn eventful() -> Vec<Event> {
    std::panic::set_hook(Box::new(|_| {}));
    record(async {
        let nested = instrument("outer", async {
            sleep(SECOND).await;
            instrument("inner", sleep(SECOND)).await;
        });
        let holds = spawn(instrument("holds", async { block_for(SECOND / 2) }));
        let is_late = spawn(instrument("is late", sleep(SECOND / 4)));
        let has_no_name = spawn(async {
            yield_now().await;
            sleep(SECOND).await;
        });
        drop(spawn(instrument("is lost", pending::<()>())));
        let panics = spawn(instrument("panics", async { panic!("on purpose") }));
        let is_cancelled = instrument("is cancelled", async {
            let mut long = Box::pin(sleep(60 * SECOND));
            poll_fn(|cx| Poll::Ready(long.as_mut().poll(cx).is_ready())).await
        });
        gather([nested]).await;
        assert!(!is_cancelled.await);
        holds.await.expect("done");
        is_late.await.expect("done");
        has_no_name.await.expect("done");
        assert!(panics.await.is_err());
    })
}

fn plain(width: usize) -> Style {
    Style {
        width,
        ..Style::default()
    }
}

#[test]
fn a_timeline_in_all_widths() {
    for width in [60, 80, 200] {
        let text = printed(&["--virtual", "--width", &width.to_string()]);
        assert_golden(&format!("timeline-{width}.txt"), &text);
    }
    let text = printed(&["--virtual", "--ascii"]);
    assert!(text.is_ascii());
    assert_golden("timeline-ascii.txt", &text);
}

#[test]
fn a_timeline_of_everything_that_can_happen() {
    let events = eventful();
    let run = Run {
        title: "eventful",
        events: &events,
    };
    let text = timeline::draw(&[run], &plain(100));
    assert_golden("timeline-eventful.txt", &text);
    let colour = Style {
        colour: true,
        ..plain(100)
    };
    let coloured = timeline::draw(&[run], &colour);
    assert_golden("timeline-colour.txt", &coloured);
    assert_eq!(without_codes(&coloured), text, "colour is only an ornament");
}

fn without_codes(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_string();
    let rest = parts.map(|part| part.split_once('m').expect("a colour").1);
    first + &rest.collect::<String>()
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let events = eventful();
    let run = Run {
        title: "eventful",
        events: &events,
    };
    for width in 40..=200 {
        let text = timeline::draw(&[run], &plain(width));
        for line in text.lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
        let lane = text.lines().find(|line| line.starts_with(" the thread "));
        assert_eq!(lane.map(|lane| lane.chars().count()), Some(width));
    }
}

#[test]
fn what_is_microseconds_apart_ends_in_one_column() {
    // As on the real clock, where each second fetch ends a little late, and the middle of the
    // picture is between the two.
    for late in [0, 20, 200, 2_000] {
        let late = Duration::from_micros(late);
        let events = record(async {
            let wait = |name, length| instrument(name, sleep(length));
            gather([wait("first", 3 * SECOND), wait("second", 3 * SECOND + late)]).await;
            instrument("third", async { block_for(3 * SECOND) }).await;
        });
        let run = Run {
            title: "",
            events: &events,
        };
        for width in [60, 80, 81, 120] {
            let text = timeline::draw(&[run], &plain(width));
            let lane = |name: &str| {
                let line = text.lines().find(|line| line.contains(name));
                let line = line.expect("there is a lane");
                let cells: Vec<char> = line.chars().collect();
                let last = cells.iter().rposition(|sign| "●─█".contains(*sign));
                let first = cells.iter().position(|sign| "●─█".contains(*sign));
                (first.expect("a sign"), last.expect("a sign"))
            };
            assert_eq!(lane("first"), lane("second"), "{width}, {late:?}\n{text}");
        }
    }
}

#[test]
fn a_timeline_of_next_to_nothing() {
    for events in [vec![], record(async {}), record(instrument("", async {}))] {
        let run = Run {
            title: "",
            events: &events,
        };
        assert!(timeline::draw(&[run], &plain(60)).contains("the thread"));
        assert!(svg::draw(&[run]).contains("the thread"));
        assert!(replay::tell("", &events, &plain(60)).contains("step by step"));
    }
}

#[test]
fn steps_follow_each_wake_up() {
    let text = printed(&["--virtual", "--steps"]);
    assert_golden("steps.txt", &text);
    let text = replay::tell("eventful", &eventful(), &plain(80));
    assert_golden("steps-eventful.txt", &text);
}

#[test]
fn five_rows_each_with_its_picture_and_a_sentence() {
    let text = printed(&["rows", "--virtual"]);
    assert_golden("rows.txt", &text);
    assert!(text.contains("(a) 6.00 s, (b) 6.00 s, (c) 3.00 s, (d) 3.00 s, (e) 6.00 s"));
}

#[test]
fn rows_on_the_real_clock() {
    let text = printed(&["rows", "--delay", "60ms"]);
    for (row, least, most) in [("(a)", 120.0, 9e3), ("(c)", 60.0, 9e3)] {
        let times = text.lines().rfind(|line| line.contains("(a) "));
        let after = times.and_then(|times| times.split(row).nth(1));
        let time = after.and_then(|rest| rest.split_whitespace().next());
        let time: f64 = time.and_then(|time| time.parse().ok()).expect("a time");
        assert!((least..most).contains(&time), "{row}: {time}");
    }
}

#[test]
fn a_forgotten_waker_is_reported() {
    for clock in [
        &["forgotten", "--virtual"][..],
        &["forgotten", "--delay", "50ms"],
    ] {
        let text = printed(clock);
        assert!(text.contains("\nstuck: no task is ready, no timer is set, and nothing can ever"));
        assert!(text.contains(
            "\n  task 0 \"Endpoint A\", the future of block_on at src/demo/forgotten.rs:"
        ));
        assert!(text.contains("kept no waker, so nothing can ever poll it again\n"));
        assert!(text.contains("× kept no waker: waits for ever"), "{text}");
    }
}

/// A place for files, empty and this test's own.
fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// Runs the binary, which writes a file, and gives what is in the file.
fn written(name: &str, args: &[&str], option: &str) -> String {
    let path = scratch(name).join("file");
    let path = path.to_str().expect("UTF-8");
    let said = format!("{}wrote {path}\n", printed(args));
    assert_eq!(printed(&[args, &[option, path]].concat()), said);
    std::fs::read_to_string(path).expect("the file is there")
}

#[test]
fn svg_and_trace_are_as_they_were() {
    let picture = written("svg", &["--virtual"], "--svg");
    assert_golden("compare.svg", &picture);
    let trace = written("trace", &["--virtual"], "--trace");
    assert_golden("compare.json", &trace);
    let rows = written("rows-svg", &["rows", "--virtual"], "--svg");
    assert_golden("rows.svg", &rows);
}

/// Runs a Python program on a text. `None`: there is no Python, or none that is new enough.
fn python(program: &str, name: &str, text: &str) -> Option<String> {
    let path = scratch(name).join("input");
    std::fs::write(&path, text).expect("the file can be written");
    let exists = Command::new("python3").arg("--version").output();
    if !exists.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: there is no python3 here to read {name}");
        return None;
    }
    let output = Command::new("python3")
        .arg("-c")
        .arg(program)
        .arg(&path)
        .stdin(Stdio::null())
        .output()
        .expect("python3 runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}");
    Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// Reads a trace as a viewer does: slices nest on each track, and each arrow ends in a poll.
const READ_TRACE: &str = r#"
import json, sys
events = json.load(open(sys.argv[1], encoding="utf-8"))["traceEvents"]
open_slices, arrows, lives, times, ended = {}, {}, {}, {}, 0
for event in events:
    track = (event["pid"], event.get("tid"))
    phase = event["ph"]
    if phase == "M":
        continue
    assert event["ts"] >= times.get(event["pid"], 0), ("back in time", event)
    times[event["pid"]] = event["ts"]
    if phase == "B":
        open_slices.setdefault(track, []).append(event)
    elif phase == "E":
        begun = open_slices[track].pop()
        assert begun["name"] == event["name"] and begun["ts"] < event["ts"], event
    elif phase == "s":
        assert event["id"] not in arrows, event
        arrows[event["id"]] = event
    elif phase == "f":
        begun = arrows[event["id"]]
        poll = open_slices[track][-1]
        assert poll["name"] == "poll" and poll["ts"] == event["ts"] > begun["ts"], event
        ended += 1
    elif phase in "be":
        life = (event["pid"], event["id2"]["local"])
        assert (life in lives) == (phase == "e"), event
        lives[life] = event["name"]
        if phase == "e":
            del lives[life]
    else:
        assert phase == "X", event
assert not lives and not any(open_slices.values())
print(len(events), ended)
"#;

const READ_SVG: &str = r#"
import sys, xml.etree.ElementTree as tree
svg = "{http://www.w3.org/2000/svg}"
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == svg + "svg"
assert not [e for e in root.iter() if e.tag in (svg + "script", svg + "image")]
print(len([e for e in root.iter(svg + "g") if e.find(svg + "title") is not None]))
"#;

fn trace_of(events: &[Event], title: &str) -> String {
    let mut out = Vec::new();
    let run = Run { title, events };
    trace_json::write(&[run, run], &mut out).expect("a Vec takes everything");
    String::from_utf8(out).expect("JSON is UTF-8")
}

#[test]
fn python_reads_the_trace() {
    let polls = |text: &str, name: &str| {
        let read = python(READ_TRACE, name, text)?;
        let (_, arrows) = read.split_once(' ')?;
        arrows.parse::<usize>().ok()
    };
    let compare = written("python-trace", &["--virtual"], "--trace");
    if let Some(arrows) = polls(&compare, "compare.json") {
        assert_eq!(arrows, 3, "one poll blocking, two concurrent");
    }
    let events = eventful();
    let all = |event: &&Event| matches!(event.kind, demitasse::EventKind::PollStarted { .. });
    if let Some(arrows) = polls(&trace_of(&events, "eventful"), "eventful.json") {
        assert_eq!(arrows, 2 * events.iter().filter(all).count());
    }
    let real = written_real("--trace");
    polls(&real, "real.json");
}

#[test]
fn python_reads_the_svg() {
    let rows = written("python-svg", &["rows", "--virtual"], "--svg");
    if let Some(shapes) = python(READ_SVG, "rows.svg", &rows) {
        assert!(shapes.parse::<usize>().is_ok_and(|shapes| shapes > 30));
    }
    python(READ_SVG, "real.svg", &written_real("--svg"));
}

fn written_real(option: &str) -> String {
    let path = scratch(&format!("real{option}")).join("file");
    let path = path.to_str().expect("UTF-8");
    printed(&["rows", "--delay", "20ms", "--tasks", "3", option, path]);
    std::fs::read_to_string(path).expect("the file is there")
}

/// Runs the binary, whose path it reads, in terminals, and prints what it does there: whether it
/// moves the cursor, paints, and writes more than ASCII.
const SEE_TERMINALS: &str = r#"
import fcntl, os, pty, re, struct, sys, termios
binary = open(sys.argv[1]).read()
def see(rows, columns, **variables):
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        variables = {"PATH": os.environ["PATH"], "TERM": "xterm", **variables}
        os.execve(binary, [binary, "--delay", "50ms"], variables)
    out = b""
    try:
        while read := os.read(terminal, 65536):
            out += read
    except OSError:
        pass
    assert os.waitpid(pid, 0)[1] == 0, out
    text = re.sub(rb"\x1b\[[0-9;]*[a-zA-Z]", b"", out).decode()
    assert "Total asynchronous time: " in text, text
    widest = max(len(line.rstrip("\r")) for line in text.split("\n"))
    assert widest <= max(40, int(variables.get("COLUMNS", columns))), (widest, text)
    found = [re.search(rb"\x1b\[\d+A", out), re.search(rb"\x1b\[[0-9;]*m", out), not out.isascii()]
    return "".join(sign if there else "-" for sign, there in zip("mcu", found))
print(see(24, 80), see(24, 40), see(24, 200), see(4, 80), see(3, 80), see(24, 39),
      see(24, 80, NO_COLOR="1"), see(24, 80, TERM="dumb"), see(24, 80, LANG="C"),
      see(24, 80, LANG="C.UTF-8"), see(24, 80, COLUMNS="60"), see(24, 80, COLUMNS="120"))
"#;

#[cfg(unix)]
#[test]
fn terminals_get_what_they_can_show() {
    let binary = env!("CARGO_BIN_EXE_demitasse");
    let Some(seen) = python(SEE_TERMINALS, "terminals", binary) else {
        return;
    };
    let expected = "mcu mcu mcu mcu -cu -cu m-u --u mc- mcu mcu -cu";
    assert_eq!(seen, expected);
}

#[test]
fn any_label_can_be_written() {
    let label = "<a&b> \"c\" \\ 'd' ]]> \u{1}\t\n é 日本 \u{7f}\u{9f}\u{fffe}";
    let events = record(instrument(label, sleep(SECOND)));
    let run = Run {
        title: label,
        events: &events,
    };
    python(READ_SVG, "label.svg", &svg::draw(&[run]));
    python(READ_TRACE, "label.json", &trace_of(&events, label));
    let text = timeline::draw(&[run], &plain(60));
    assert!(
        !text.contains('\u{1}'),
        "a label does not write to the terminal"
    );
    assert!(!replay::tell(label, &events, &plain(60)).contains('\u{1}'));
}

#[test]
fn a_path_that_cannot_be_written_is_refused_before_the_run() {
    let folder = scratch("unwritable");
    for path in [folder.join("no such folder").join("file"), folder.clone()] {
        let path = path.to_str().expect("UTF-8");
        // An hour would not pass.
        let output = run(&["--delay", "1h", "--svg", path]);
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        let errors = String::from_utf8_lossy(&output.stderr);
        let start = format!("demitasse: cannot write `{path}`: ");
        assert!(errors.starts_with(&start), "{errors}");
        assert_eq!(errors.lines().count(), 1);
    }
}

#[test]
fn two_exports_do_not_share_a_file() {
    let folder = scratch("shared");
    let path = folder.join("file");
    std::fs::write(&path, "as it was").expect("the file can be written");
    let other = folder.join(".").join("file");
    let (path, other) = (
        path.to_str().expect("UTF-8"),
        other.to_str().expect("UTF-8"),
    );
    let output = run(&["--virtual", "--svg", path, "--trace", other]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!("demitasse: two exports cannot share `{other}`: name two files\n")
    );
    assert_eq!(std::fs::read_to_string(path).expect("a file"), "as it was");
}

#[test]
fn a_longer_file_is_replaced_and_all_that_were_asked_for_are_written() {
    let folder = scratch("replaced");
    let paths = ["a", "b"].map(|name| folder.join(name));
    let names = paths.each_ref().map(|path| path.to_str().expect("UTF-8"));
    std::fs::write(&paths[0], "x".repeat(1_000_000)).expect("the file can be written");
    printed(&["--virtual", "--svg", names[0], "--svg", names[1]]);
    let [a, b] = paths.map(|path| std::fs::read_to_string(path).expect("a file"));
    assert_eq!(a, b);
    assert!(a.ends_with("</svg>\n"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full() {
    for option in ["--html", "--svg", "--trace"] {
        let output = run(&["--virtual", option, "/dev/full"]);
        assert_eq!(output.status.code(), Some(1));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.starts_with("demitasse: cannot write `/dev/full`: "));
    }
    // A failure does not keep the next one from being written.
    let good = scratch("full").join("good.json");
    let good = good.to_str().expect("UTF-8");
    let output = run(&["--virtual", "--svg", "/dev/full", "--trace", good]);
    assert_eq!(output.status.code(), Some(1));
    assert!(std::fs::metadata(good).is_ok_and(|file| file.len() > 0));
}

#[test]
#[ignore = "takes seconds in a debug build; CI runs it in release"]
fn a_hundred_thousand_fetches_can_be_exported() {
    let path = scratch("many").join("trace");
    let file = path.to_str().expect("UTF-8");
    printed(&["async", "--virtual", "--tasks", "100000", "--trace", file]);
    let size = std::fs::metadata(&path).expect("the file is there").len();
    assert!(size > 10_000_000, "{size}");
    std::fs::remove_file(path).expect("the file can be removed");
}

#[test]
fn a_picture_of_many_fetches_is_no_larger_than_one_can_see() {
    let many = ["rows", "--virtual", "--tasks", "2000", "--steps"];
    let path = scratch("many-svg").join("svg");
    let file = path.to_str().expect("UTF-8");
    let text = printed(&[&many[..], &["--svg", file]].concat());
    assert!(text.lines().count() < 4_000, "{}", text.lines().count());
    let size = std::fs::metadata(&path).expect("the file is there").len();
    assert!(size < 2_000_000, "{size}");
}

#[test]
fn bars_grow_with_the_events() {
    let events = record(async {
        let short = instrument("short", sleep(SECOND));
        let long = instrument("long", sleep(4 * SECOND));
        gather([short, long]).await;
    });
    let at = |time: Duration| {
        let mut bars = live::Bars::new(["short", "long", "never"]);
        let until = events.iter().take_while(|event| event.time <= time);
        until.for_each(|event| bars.add(event));
        bars.lines(time, &plain(60)).join("\n")
    };
    let frames: Vec<String> = (0..=4).map(|second| at(second * SECOND)).collect();
    assert_golden("bars.txt", &(frames.join("\n\n") + "\n"));
}

#[test]
fn fetches_in_turn_look_like_stairs() {
    let events = record(async {
        for name in ["first", "second"] {
            instrument(name, async { block_for(SECOND) }).await;
        }
    });
    let mut bars = live::Bars::new(["first", "second"]);
    events.iter().for_each(|event| bars.add(event));
    assert!(bars.are_over());
    let half = "█".repeat(20);
    let gap = " ".repeat(20);
    let stairs = [
        format!("   first  {half}{gap} 1.00 s"),
        format!("   second {gap}{half} 2.00 s"),
    ];
    assert_eq!(bars.lines(2 * SECOND, &plain(61)), stairs);
}

#[test]
fn a_short_run_beside_a_long_one_shows_that_it_waits() {
    let args = ["--virtual", "--tasks", "1000"];
    let text = printed(&args);
    assert!(
        text.contains("3.00 s (too short to draw to scale) "),
        "{text}"
    );
    assert!(text.contains("\n the thread   ●·● "));
    assert!(text.contains("\n   Endpoint A ●─● "));
    for meaning in [
        "● works",
        "─ waits, and",
        "█ holds",
        "· the thread is parked",
    ] {
        assert!(text.contains(meaning), "{meaning}");
    }
    let picture = written("short", &args, "--svg");
    assert!(picture.contains("3.00 s (too short to draw to scale)"));
    for shape in ["works", "waits", "holds", "parked"] {
        let shapes = picture.matches(&format!("class=\"{shape}\"")).count();
        assert!(shapes > 1, "{shape}: one is in the legend");
    }
}

#[test]
fn a_thread_that_is_parked_between_many_polls_is_not_said_to_work() {
    // Row (b): the fetches wait one after the other.
    let args = ["rows", "--virtual", "--tasks", "703", "--delay", "1ms"];
    let text = printed(&args);
    let row = text.split(" (b) in turn ").nth(1).expect("row (b)");
    let thread = row.lines().find(|line| line.starts_with(" the thread"));
    let count = |sign| thread.map_or(0, |line| line.matches(sign).count());
    assert!(count("·") > 20 && count("●") > 20, "{thread:?}");
    let lanes = row.lines().take_while(|line| !line.contains("more lanes"));
    let mut lanes = lanes.filter(|line| line.contains("Endpoint"));
    assert!(
        lanes.all(|line| line.contains('─') && !line.contains('●')),
        "{row}"
    );
    // None of them vanishes.
    for lane in text.lines().filter(|line| line.starts_with("   Endpoint ")) {
        assert!(lane.contains(['█', '─', '●']), "{lane}");
    }
    let picture = written("in-turn", &args, "--svg");
    let row = picture.split(">(b) in turn<").nth(1).expect("row (b)");
    let thread = thread_of(row);
    let parked = "thread parked, from 0 ms, for 703 ms";
    assert!(thread.contains(&parked), "{thread:?}");
    let works = thread
        .iter()
        .filter(|what| what.starts_with("works"))
        .count();
    assert!((40..=80).contains(&works), "{works}");
}

/// The spans of the thread's first lane in a picture: what it says of each.
fn thread_of(picture: &str) -> Vec<&str> {
    let lanes = picture.split("<text ");
    let lane = lanes.skip_while(|lane| !lane.ends_with("the thread</text>\n"));
    let lane: Vec<&str> = lane.skip(1).take(2).collect();
    let title = "<title>the thread: ";
    let titles = lane.iter().flat_map(|lane| lane.split(title).skip(1));
    titles
        .filter_map(|rest| rest.split("</title>").next())
        .collect()
}

#[test]
fn a_thread_that_is_held_is_red_however_many_hold_it() {
    for (tasks, length) in [("2", "6.00 s"), ("100", "5.00 min"), ("1000", "50.00 min")] {
        let args = ["sync", "--virtual", "--tasks", tasks];
        let picture = written(&format!("held-{tasks}"), &args, "--svg");
        assert!(!picture.contains("class=\"works\""), "{tasks}");
        let only = format!("holds the thread, from 0 s, for {length}");
        let only = only.replace("0 s", if tasks == "2" { "0 s" } else { "0 min" });
        assert_eq!(thread_of(&picture), [only], "{tasks}");
    }
}

#[test]
fn bars_stand_still_while_the_thread_is_held() {
    let events = record(instrument("held", async { block_for(SECOND) }));
    let held = |event: &Event| matches!(event.kind, demitasse::EventKind::BlockEnded { .. });
    let before = events.iter().position(held).expect("it is held");
    let mut bars = live::Bars::new(["held"]);
    events[..before].iter().for_each(|event| bars.add(event));
    assert!(!bars.lines(Duration::ZERO, &plain(60))[0].contains('█'));
    events[before..].iter().for_each(|event| bars.add(event));
    let line = &bars.lines(SECOND, &plain(60))[0];
    assert!(!line.contains('·') && line.ends_with("1.00 s"), "{line}");
}
