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

use demo::args::{self, Args, Command, Request};
use demo::{Run, compare, console, exercises, forgotten, rows};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use view::{replay, svg, timeline, trace_json};

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)) {
        Ok(Request::Help) => console::print(args::USAGE),
        Ok(Request::Version) => console::print(concat!("demitasse ", env!("CARGO_PKG_VERSION"))),
        Ok(Request::Exercises(number)) => return exercises::run(number),
        Ok(Request::Run(args)) => return run(&args),
        Err(sentence) => {
            console::complain(&format!("{sentence}\n\n{}", args::USAGE));
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn run(args: &Args) -> ExitCode {
    let style = console::style(args);
    let runs = match args.command {
        Command::Compare => vec![
            compare::blocking(args, &style),
            compare::concurrent(args, &style),
        ],
        Command::Sync => vec![compare::blocking(args, &style)],
        Command::Async => vec![compare::concurrent(args, &style)],
        Command::Rows => rows::run(args, &style),
        Command::Forgotten => vec![forgotten::run(args, &style)],
    };
    let drawn: Vec<_> = runs.iter().map(Run::as_drawn).collect();
    if args.command != Command::Rows {
        console::print(&timeline::draw(&drawn, &style));
    }
    let closing = match args.command {
        Command::Rows => rows::closing(&runs),
        Command::Forgotten => forgotten::CLOSING.to_string(),
        _ => compare::closing(&runs),
    };
    console::print_wrapped(&closing, style.width);
    if args.steps {
        for run in &runs {
            let steps = replay::tell(run.title, &run.events, &style);
            console::print(&format!("\n{}", steps.trim_end()));
        }
    }
    let svg = save(args.svg.as_deref(), |file| {
        file.write_all(svg::draw(&drawn).as_bytes())
    });
    let trace = save(args.trace.as_deref(), |file| {
        trace_json::write(&drawn, file)
    });
    if svg && trace {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Writes a file, if there is one to be written. If that fails, says so and gives false.
fn save(path: Option<&Path>, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> bool {
    let Some(path) = path else { return true };
    let written = File::create(path).and_then(|file| {
        let mut file = BufWriter::new(file);
        write(&mut file)?;
        file.flush()
    });
    if let Err(error) = &written {
        console::complain(&format!("cannot write `{}`: {error}", path.display()));
    }
    written.is_ok()
}
