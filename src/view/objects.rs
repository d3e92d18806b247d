//! The objects that a trace consists of, written one by one.
//!
//! An object has a phase, one letter that says what it is: `B` and `E` begin and end a slice, `X`
//! is a whole one, `s` and `f` are the ends of an arrow, `b` and `e` those of a life, `M` is a name.
//! It has a process, a track and a time, and what else its phase needs.
//!
//! What always holds: times never go back within a process, and no two events have the same.
//!
//! Read next: `trace_json.rs`, which says what the objects mean.

use std::fmt::{self, Arguments};
use std::io::{self, Write};

/// Writes the objects of one run.
pub struct Objects<W> {
    out: W,
    process: usize,
    /// The nanosecond of the event that is being written.
    time: u128,
}

impl<W: Write> Objects<W> {
    /// For the process with this number.
    pub fn new(out: W, process: usize) -> Self {
        Objects {
            out,
            process,
            time: 0,
        }
    }

    /// Time goes on: to this nanosecond, and by one at least.
    pub fn go_on(&mut self, time: u128) {
        self.time = time.max(self.time + 1);
    }

    /// Something that takes no time.
    pub fn mark(&mut self, track: u64, name: &str) -> io::Result<()> {
        self.mark_with(track, name, format_args!(""))
    }

    /// The same with arguments, as JSON has them.
    pub fn mark_with(&mut self, track: u64, name: &str, args: Arguments<'_>) -> io::Result<()> {
        let rest = format_args!(r#","dur":0.001,"args":{{{args}}}"#);
        self.put("X", track, name, rest)
    }

    /// Names a process or a track.
    pub fn name(&mut self, what: &str, track: u64, name: &str) -> io::Result<()> {
        let name = Json(name);
        let rest = format_args!(r#","args":{{"name":{name}}}"#);
        self.put("M", track, what, rest)
    }

    /// Writes one object. Times are microseconds.
    pub fn put(
        &mut self,
        phase: &str,
        track: u64,
        name: &str,
        rest: Arguments<'_>,
    ) -> io::Result<()> {
        let (pid, name) = (self.process, Json(name));
        let (micros, nanos) = (self.time / 1000, self.time % 1000);
        write!(
            self.out,
            ",\n{{\"ph\":\"{phase}\",\"pid\":{pid},\"tid\":{track},\
             \"ts\":{micros}.{nanos:03},\"name\":{name}{rest}}}"
        )
    }
}

/// A string as JSON has it.
struct Json<'a>(&'a str);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}
