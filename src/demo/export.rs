//! The files that a run leaves behind.
//!
//! A run may take nine seconds, or an hour. So a file is opened before it, and a path that cannot
//! be written is said at once. What is in the file stays until there is something better: it is
//! emptied when the run is over, and then written.
//!
//! What always holds: if all goes well on the way to the file, it is written, whatever becomes of
//! standard output. Two exports never share a file.
//!
//! Read next: `view/replay/`, `view/svg.rs` and `view/trace_json.rs`, which make what is written.

use super::args::Export;
use super::{Run, console};
use crate::view::timeline::text::clean;
use crate::view::{replay, svg, trace_json};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that is open, and what will be in it.
pub struct Target {
    export: Export,
    path: PathBuf,
    file: File,
}

/// Opens all files. An error is a sentence for the user.
pub fn open(exports: &[(Export, PathBuf)]) -> Result<Vec<Target>, String> {
    let mut targets: Vec<Target> = Vec::new();
    for (export, path) in exports {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| sentence(path, &error))?;
        if targets.iter().any(|other| is_same(&other.path, path)) {
            let path = name(path);
            return Err(format!("two exports cannot share `{path}`: name two files"));
        }
        targets.push(Target {
            export: *export,
            path: path.clone(),
            file,
        });
    }
    Ok(targets)
}

/// Whether two paths lead to one file. Devices such as `/dev/null` may be shared.
fn is_same(one: &Path, other: &Path) -> bool {
    let is_file = fs::metadata(one).is_ok_and(|found| found.is_file());
    is_file && fs::canonicalize(one).ok() == fs::canonicalize(other).ok()
}

impl Target {
    /// Writes the file and says so, or says why not. Gives whether it is written.
    pub fn write(&self, runs: &[Run]) -> bool {
        let is_file = self.file.metadata().is_ok_and(|found| found.is_file());
        let written = self.fill(runs, is_file);
        match &written {
            Ok(()) if is_file => console::print(&format!("wrote {}", name(&self.path))),
            // A pipe or a device may be standard output itself.
            Ok(()) => {}
            Err(error) => console::complain(&sentence(&self.path, error)),
        }
        written.is_ok()
    }

    fn fill(&self, runs: &[Run], is_file: bool) -> io::Result<()> {
        if is_file {
            self.file.set_len(0)?;
        }
        let mut out = BufWriter::new(&self.file);
        let drawn: Vec<_> = runs.iter().map(Run::as_drawn).collect();
        match self.export {
            Export::Html => out.write_all(page(runs).as_bytes())?,
            Export::Svg => out.write_all(svg::draw(&drawn).as_bytes())?,
            Export::Trace => trace_json::write(&drawn, &mut out)?,
        }
        out.flush()
    }
}

/// The files whose lines the runs ran.
const SOURCES: [(&str, &str); 4] = [
    ("src/demo/blocking.rs", include_str!("blocking.rs")),
    ("src/demo/concurrent.rs", include_str!("concurrent.rs")),
    ("src/demo/rows.rs", include_str!("rows.rs")),
    ("src/demo/forgotten.rs", include_str!("forgotten.rs")),
];

fn page(runs: &[Run]) -> String {
    let about = replay::Page {
        title: "demitasse",
        banner: "",
        opens_at_end: false,
        read: &|file| {
            let file = file.replace('\\', "/");
            let source = SOURCES.iter().find(|(name, _)| *name == file);
            source.map(|(_, text)| text.to_string())
        },
    };
    let runs: Vec<_> = runs.iter().map(Run::as_replayed).collect();
    replay::page(&about, &runs)
}

fn name(path: &Path) -> String {
    clean(&path.to_string_lossy())
}

fn sentence(path: &Path, error: &io::Error) -> String {
    format!("cannot write `{}`: {error}", name(path))
}
