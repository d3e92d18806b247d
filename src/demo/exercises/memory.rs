//! What was found out before, and still holds, because no file of the exercise has changed since.
//!
//! It is a text file in cargo's target folder, a line for each exercise. A fingerprint of the times
//! and sizes of its files stands there, with what came of it. Without that file, or if it cannot be
//! written, nothing is remembered and all is as before, only slower.
//!
//! Read next: `watch.rs`.

use super::page::{self, Exercise};
use super::verdict::Verdict;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

/// What came of each exercise, by its name, and the fingerprint of its files at that time.
pub struct Memory(BTreeMap<String, (u64, Verdict)>);

impl Memory {
    pub fn load() -> Memory {
        let text = fs::read_to_string(file()).unwrap_or_default();
        Memory(text.lines().filter_map(parse).collect())
    }

    /// What came of it, if its files are as they were.
    pub fn recall(&self, exercise: &Exercise) -> Option<Verdict> {
        let (files, verdict) = self.0.get(&exercise.name)?;
        (*files == fingerprint(exercise)).then(|| verdict.clone())
    }

    /// How many were solved when last looked, if anybody did.
    pub fn count_solved(&self, exercises: &[Exercise]) -> Option<usize> {
        let found = |exercise: &&Exercise| {
            let found = self.0.get(&exercise.name);
            found.is_some_and(|(_, verdict)| verdict.is_solved())
        };
        (!self.0.is_empty()).then(|| exercises.iter().filter(found).count())
    }

    /// Remembers what came of an exercise whose files had this fingerprint.
    pub fn keep(&mut self, exercise: &Exercise, files: u64, verdict: &Verdict) {
        self.0
            .insert(exercise.name.clone(), (files, verdict.clone()));
        let lines = self.0.iter().map(|(name, (files, verdict))| {
            let verdict = match verdict {
                Verdict::Solved => "",
                Verdict::Open(why) => why,
            };
            format!("{name}\t{files:x}\t{}\n", verdict.replace('\n', "\t"))
        });
        let _ = fs::write(file(), lines.collect::<String>());
    }
}

fn parse(line: &str) -> Option<(String, (u64, Verdict))> {
    let (name, rest) = line.split_once('\t')?;
    let (files, verdict) = rest.split_once('\t')?;
    let verdict = match verdict {
        "" => Verdict::Solved,
        why => Verdict::Open(why.replace('\t', "\n")),
    };
    let files = u64::from_str_radix(files, 16).ok()?;
    Some((name.to_string(), (files, verdict)))
}

/// A number that is another one when a file of the exercise has changed, come or gone.
pub fn fingerprint(exercise: &Exercise) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in exercise.files() {
        if let Ok(data) = fs::metadata(&file) {
            (file, data.modified().ok(), data.len()).hash(&mut hasher);
        }
    }
    hasher.finish()
}

fn file() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| page::folder().join("target"));
    target.join("exercises.txt")
}
