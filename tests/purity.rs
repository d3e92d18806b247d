//! What the project promises to be made of: `std` alone, and safe code alone.
//!
//! The compiler forbids unsafe code by a line in `Cargo.toml`, so these tests see to it that the
//! line stays, and that nothing slips in where the compiler does not look.

use std::fs;
use std::path::{Path, PathBuf};

/// In two pieces, so that this file does not contain it.
const UNSAFE: &str = concat!("uns", "afe");

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = project().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every Rust file in a folder, however deep.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The lines of a TOML file that say something, each with the section in which it stands.
fn entries(toml: &str) -> Vec<(&str, &str)> {
    let mut section = "";
    let mut entries = Vec::new();
    for line in toml.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('[') {
            section = line;
        } else {
            entries.push((section, line));
        }
    }
    entries
}

#[test]
fn there_is_no_dependency_of_any_kind() {
    // For development, for building, for one target, for the workspace: all have the word in them.
    let manifest = read("Cargo.toml");
    for (section, entry) in entries(&manifest) {
        let key = entry.split('=').next().unwrap();
        for word in ["dependencies", "patch", "replace"] {
            assert!(!section.contains(word), "{section} has an entry: {entry}");
            assert!(!key.contains(word), "a dependency: {entry}");
        }
    }
    // Cargo's own list of all that is built holds this package alone.
    assert_eq!(read("Cargo.lock").matches("[[package]]").count(), 1);
}

#[test]
fn nothing_runs_before_the_build() {
    assert!(!project().join("build.rs").exists());
    let manifest = read("Cargo.toml");
    let mut package = entries(&manifest).into_iter();
    assert!(!package.any(|(section, entry)| {
        let key = entry.split('=').next().unwrap().trim();
        section == "[package]" && (key == "build" || key == "links")
    }));
}

#[test]
fn all_code_is_safe() {
    let manifest = read("Cargo.toml");
    let lint = format!("{UNSAFE}_code = \"forbid\"");
    assert!(entries(&manifest).contains(&("[lints.rust]", &lint)));

    let folders = ["src", "tests"].map(|folder| rust_files(&project().join(folder)));
    let files = folders.concat();
    assert!(files.len() > 15, "the sources were found");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            // A comment may say what it is that we do without.
            let code = line.split("//").next().unwrap();
            let place = format!("{}:{}", file.display(), number + 1);
            assert!(!code.contains(UNSAFE), "{place}: {line}");
        }
    }
}

#[test]
fn the_small_executor_stands_alone_in_three_hundred_lines() {
    let text = read("src/small.rs");
    let code = |text: &str| {
        let lines = text.lines().map(|line| line.split("//").next().unwrap());
        let lines = lines.filter(|line| !line.trim().is_empty());
        lines.map(str::to_string).collect::<Vec<_>>()
    };
    let small = code(&text);
    assert!(small.len() <= 300, "{} lines of code", small.len());
    let others = rust_files(&project().join("src")).into_iter();
    let others = others.filter(|path| !path.ends_with("src/small.rs"));
    for line in others.flat_map(|path| code(&fs::read_to_string(path).unwrap())) {
        assert!(!line.contains("small::"), "it is used: {line}");
    }
    for line in small {
        for path in ["crate::", "super::", "demitasse"] {
            assert!(!line.contains(path), "it uses another file: {line}");
        }
    }
}
