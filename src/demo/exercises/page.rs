//! An exercise, as its page has it: its name and title, how long it takes, where its hints are.
//!
//! The first line of a page is `# 05 · The title`, and the first sentences in italics say where one
//! works and how long: `*On top of the library. Half an hour. After 04.*`
//!
//! The name of an exercise is that of its page up to the first `-`. A page whose name is no number
//! is no exercise, but for `own.md`, the executor that is written from nothing.
//!
//! Read next: `verdict.rs`.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// An exercise, as its page has it.
pub struct Exercise {
    /// `05`, or `own`.
    pub name: String,
    pub title: String,
    /// How long it takes, in words; empty if the page does not say it.
    pub time: String,
    /// The page, from the project's folder on.
    pub page: String,
    /// The line of the page where its hints begin.
    pub hints: usize,
}

impl Exercise {
    fn new(page: &str, text: &str) -> Option<Exercise> {
        let name = page.strip_suffix(".md")?.split('-').next()?;
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number && name != "own" {
            return None;
        }
        let title = text.lines().next().unwrap_or_default();
        let title = title.split_once(" · ").map_or(title, |(_, title)| title);
        let where_and_when = text.lines().find_map(|line| line.strip_prefix('*'));
        let time = where_and_when.unwrap_or_default().split(". ").nth(1);
        let time = time.unwrap_or_default().trim_end_matches(['*', '.']);
        let hints = text.lines().position(|line| line == "## Hints");
        Some(Exercise {
            name: name.to_string(),
            title: title.to_string(),
            time: time.to_lowercase(),
            page: format!("docs/exercises/{page}"),
            hints: hints.map_or(1, |line| line + 1),
        })
    }

    /// What cargo calls its test.
    pub fn target(&self) -> String {
        match self.name.as_str() {
            "own" => "own".to_string(),
            number => format!("ex{number}"),
        }
    }

    /// The files that decide about it: its own, what all tests share, and the library.
    pub fn files(&self) -> Vec<PathBuf> {
        let tests = folder().join("tests/exercises");
        let target = self.target();
        let mut files = vec![folder().join("Cargo.toml")];
        collect(&folder().join("src"), &mut files);
        collect(&tests.join("support"), &mut files);
        collect(&tests.join(&target), &mut files);
        for file in file_names(&tests).unwrap_or_default() {
            let stem = file.strip_suffix(".rs").unwrap_or_default();
            if stem == target || stem.starts_with(&format!("{target}_")) {
                files.push(tests.join(file));
            }
        }
        files.sort();
        files
    }
}

/// All exercises, from their pages, in order.
pub fn all() -> Result<Vec<Exercise>, String> {
    let pages = folder().join("docs/exercises");
    let names = file_names(&pages).map_err(|error| {
        format!(
            "cannot read {}: {error}; start this in the project's folder, with `cargo run -- exercises`",
            pages.display()
        )
    })?;
    let mut exercises = Vec::new();
    for name in names {
        let text = fs::read_to_string(pages.join(&name))
            .map_err(|error| format!("cannot read docs/exercises/{name}: {error}"))?;
        exercises.extend(Exercise::new(&name, &text));
    }
    exercises.sort_by(|one, other| one.name.cmp(&other.name));
    match exercises.is_empty() {
        true => Err(format!("there is no exercise in {}", pages.display())),
        false => Ok(exercises),
    }
}

/// Where the exercise with this name is.
pub fn find(exercises: &[Exercise], name: &str) -> Result<usize, String> {
    let found = exercises.iter().position(|exercise| exercise.name == name);
    found.ok_or_else(|| format!("there is no exercise {name}"))
}

/// The project's folder: cargo tells it to what it runs.
pub fn folder() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").map_or(PathBuf::from("."), PathBuf::from)
}

fn file_names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?;
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries.map(|entry| entry.map(name)).collect()
}

/// All files of a folder, however deep.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for name in file_names(folder).unwrap_or_default() {
        let path = folder.join(name);
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
