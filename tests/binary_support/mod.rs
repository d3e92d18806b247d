//! How tests run the binary, and compare what it prints with a file.
//!
//! Golden files are in `tests/golden`. They come from the simulated clock, so every run gives them
//! byte for byte. `BLESS=1 cargo test` writes them anew; look at the difference before you commit.

#![allow(dead_code, reason = "each test file uses some of this")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The binary, with nothing of the outside that changes what it prints.
pub fn demitasse(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demitasse"));
    command.args(args).stdin(Stdio::null());
    for name in ["COLUMNS", "NO_COLOR", "LC_ALL", "LC_CTYPE", "LANG"] {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end.
pub fn run(args: &[&str]) -> Output {
    demitasse(args).output().expect("the binary runs")
}

/// What it prints, if all goes well.
pub fn printed(args: &[&str]) -> String {
    let output = run(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?} failed: {errors}");
    assert_eq!(errors, "", "{args:?} complains");
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

/// Asserts that `actual` is what the golden file holds.
pub fn assert_golden(name: &str, actual: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let path = folder.join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        std::fs::write(&path, actual).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; BLESS=1 writes it", path.display()))
        .replace("\r\n", "\n");
    let differs = (expected.lines().zip(actual.lines()).enumerate()).find(|(_, (a, b))| a != b);
    assert!(
        expected == actual,
        "{name} is no longer what is printed; BLESS=1 accepts it. First difference: {differs:?}"
    );
}
