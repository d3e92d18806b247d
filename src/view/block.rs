//! The lines of one turn, while they are gathered.
//!
//! A turn has three phases, and what happens in each is told under a heading of its own. A line
//! stands as far to the right as polls are open when it is said: what a future does in its poll
//! stands under that poll.
//!
//! What always holds: a phase has so many lines at most. If more were said, it has the first, how
//! many more, and the last.
//!
//! Read next: `steps.rs`.

/// How many lines a phase has, and two more.
const MOST_LINES: usize = 30;

/// The phases of a turn.
#[derive(Clone, Copy, PartialEq, Default)]
pub enum Phase {
    /// What is ready is polled.
    #[default]
    Poll,
    /// The timers that are due are fired.
    Fire,
    /// The thread is parked, if nothing is ready.
    Park,
}

/// What was said of a turn so far.
#[derive(Default)]
pub struct Block {
    lines: [Lines; 3],
    /// The phase that the turn is in.
    pub phase: Phase,
    /// How many polls are open: the task's, and those of the labelled futures in it.
    pub depth: usize,
}

impl Block {
    /// Adds a line to the phase.
    pub fn say(&mut self, line: String) {
        let line = " ".repeat(2 * self.depth) + &line;
        self.lines[self.phase as usize].push(line);
    }

    /// A poll begins.
    pub fn enter(&mut self, name: &str) {
        self.say(format!("{name} is polled"));
        self.depth += 1;
    }

    /// The innermost poll ends.
    pub fn leave(&mut self, answer: &str) {
        self.say(answer.to_string());
        self.depth = self.depth.saturating_sub(1);
    }

    /// What was said of a phase.
    pub fn take(&mut self, phase: Phase) -> Lines {
        std::mem::take(&mut self.lines[phase as usize])
    }
}

/// Lines in their order. If there are many: the first, how many more, and the last.
#[derive(Default)]
pub struct Lines {
    first: Vec<String>,
    more: usize,
    last: Option<String>,
}

impl Lines {
    /// All of these.
    pub fn of(lines: impl IntoIterator<Item = String>) -> Self {
        let mut all = Lines::default();
        lines.into_iter().for_each(|line| all.push(line));
        all
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Adds a line.
    pub fn push(&mut self, line: String) {
        if self.first.len() < MOST_LINES {
            self.first.push(line);
        } else if self.last.replace(line).is_some() {
            self.more += 1;
        }
    }

    /// Those that are to be shown.
    pub fn all(self) -> impl Iterator<Item = String> {
        let more = (self.more > 0).then(|| format!("... {} more lines", self.more));
        self.first.into_iter().chain(more).chain(self.last)
    }
}
