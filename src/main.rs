//! The demitasse binary: arguments in, output out.
//!
//! It fetches from two endpoints twice: once as `time.sleep` waits, holding the thread, and once on
//! the event loop. Then it draws both runs on one axis, and says what the difference is.
//!
//! What runs is in `demo/`, what is drawn is in `view/`, which knows nothing of the demo. The
//! library stands beside them, and they use only what it offers to everybody.
//!
//! Read next: `demo/blocking.rs` and `demo/concurrent.rs`, side by side.

mod demo;
mod view;

use demo::args::{self, Args, Command, Export, Request};
use demo::{Run, compare, console, exercises, export, forgotten, rows};
use std::process::ExitCode;
use std::time::Duration;
use view::timeline::text::Unit;
use view::{replay, timeline};

/// A run that takes longer says so before.
const PATIENCE: Duration = Duration::from_secs(60);

/// How to see more. It ends the output of somebody who may not know of the page.
const BROWSER: &str = "Step through it in a browser, forward and back: add `--html FILE`.";

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)) {
        Ok(Request::Help) => console::print(args::USAGE),
        Ok(Request::Version) => console::print(concat!("demitasse ", env!("CARGO_PKG_VERSION"))),
        Ok(Request::Exercises { name, watch }) => return exercises::run(name.as_deref(), watch),
        Ok(Request::Run(args)) => return run(&args),
        Err(sentence) => {
            console::complain(&format!("{sentence}\nTry `--help`."));
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn run(args: &Args) -> ExitCode {
    let targets = match export::open(&args.exports) {
        Ok(targets) => targets,
        Err(sentence) => {
            console::complain(&sentence);
            return ExitCode::FAILURE;
        }
    };
    if !targets.is_empty() {
        console::go_on_without_output();
    }
    let expected = args.expected();
    if expected > PATIENCE {
        let time = Unit::of([expected]).spell(expected);
        console::complain(&format!("this takes {time}; with `--virtual`, no time"));
    }
    let style = console::style(args);
    let runs = match args.command {
        Command::Compare => vec![
            compare::blocking(args, &style),
            compare::concurrent(args, &style),
        ],
        Command::Sync => vec![compare::blocking(args, &style)],
        Command::Async => vec![compare::concurrent(args, &style)],
        Command::Rows => rows::run(args, &style),
        Command::Forgotten => vec![forgotten::run(args)],
    };
    let drawn: Vec<_> = runs.iter().map(Run::as_drawn).collect();
    if args.command != Command::Rows {
        console::print(&timeline::draw(&drawn, &style));
    }
    let closing = match args.command {
        Command::Rows => rows::closing(args, &runs),
        Command::Forgotten => forgotten::CLOSING.to_string(),
        _ => compare::closing(args, &runs),
    };
    console::print_wrapped(&closing, style.width);
    let has_page = args
        .exports
        .iter()
        .any(|(export, _)| *export == Export::Html);
    if args.command == Command::Compare && !has_page {
        console::print_wrapped(BROWSER, style.width);
    }
    if args.steps {
        for run in &runs {
            let steps = replay::tell(run.title, &run.events, &style);
            console::print(&format!("\n{}", steps.trim_end()));
        }
    }
    // Each is tried, whatever became of the others.
    let failed = targets.iter().filter(|target| !target.write(&runs));
    match failed.count() {
        0 => console::exit_code(),
        _ => ExitCode::FAILURE,
    }
}
