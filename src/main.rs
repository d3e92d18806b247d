//! The demitasse binary: arguments in, output out.
//!
//! It fetches from two endpoints twice: once as `time.sleep` would wait, holding the thread, and
//! once on the event loop. Then it draws both runs on one axis, and says what the difference is.
//!
//! What runs is in `demo/`, what is drawn is in `view/`. Neither knows the other: here they meet.
//! The library stands beside them, and they use only what it offers to everybody.
//!
//! Read next: `demo/blocking.rs` and `demo/concurrent.rs`, side by side.

mod demo;
mod view;

use demo::args::{self, Args, Command, Request};
use demo::{Run, console};
use std::process::ExitCode;
use std::time::Duration;
use view::timeline;

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)) {
        Ok(Request::Help) => console::print(args::USAGE),
        Ok(Request::Version) => console::print(concat!("demitasse ", env!("CARGO_PKG_VERSION"))),
        Ok(Request::Run(args)) => run(&args),
        Err(sentence) => {
            console::complain(&format!("{sentence}\n\n{}", args::USAGE));
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn run(args: &Args) {
    let runs = match args.command {
        Command::Sync => vec![demo::run_blocking(args)],
        Command::Async => vec![demo::run_concurrent(args)],
        Command::Compare => demo::compare(args),
    };
    let style = console::style(args.ascii);
    console::print("");
    console::print(timeline::draw(&drawn(&runs), Duration::ZERO, &style).as_str());
    console::print(&demo::closing(&runs));
}

fn drawn(runs: &[Run]) -> Vec<timeline::Run<'_>> {
    let drawn = runs.iter().map(|run| timeline::Run {
        title: run.title,
        events: &run.events,
    });
    drawn.collect()
}
