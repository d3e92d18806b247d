//! The steps in a terminal: a heading for each turn, a line for each step.
//!
//! It prints what [`steps`](super::steps) has decided, and nothing else. A line stands as far to
//! the right as polls are open. After each turn comes what the loop has in its hands then: who is
//! on the queue, and whose wakers are on the wheel.
//!
//! Read next: `page.rs`.

use super::names::at;
use super::text::{Style, clean};
use super::{MOST_STEPS, steps};
use demitasse::Event;

/// How to read it.
const PREFACE: &str = "
  A turn polls who is ready, fires the timers that are due,
  and parks the thread if nobody is ready then.
  queue: who is to be polled next
  wheel: the wakers that wait for their time
";

/// Deeper polls do not stand further to the right.
const DEEPEST: usize = 6;

/// Tells a run turn by turn.
pub fn tell(title: &str, events: &[Event], style: &Style) -> String {
    let heading = format!("{}, step by step", clean(title));
    let mut text = style.paint("1", &heading) + "\n" + PREFACE;
    let steps = steps(events, MOST_STEPS).steps;
    let mut number = 0;
    for turn in steps.chunk_by(|a, b| a.turn.max(1) == b.turn.max(1)) {
        let heading = format!("turn {}", turn[0].turn.max(1));
        let heading = style.paint("1", &heading);
        text += &format!("\n{heading}, at {}\n", at(turn[0].time));
        for step in turn {
            number += 1;
            let say = step.said.say.replace('`', "");
            let indent = 6 + 2 * step.depth.min(DEEPEST);
            wrap(&mut text, &format!("{number:>4}"), indent, &say, style);
        }
        let last = &turn[turn.len() - 1];
        if number < steps.len() {
            wrap(&mut text, "queue", 8, &last.queue, style);
            wrap(&mut text, "wheel", 8, &last.wheel, style);
        }
    }
    text
}

/// Words in lines that are no wider than the terminal, and the first of them with a heading.
fn wrap(text: &mut String, heading: &str, indent: usize, words: &str, style: &Style) {
    let mut columns = heading.chars().count();
    *text += &style.paint("36", heading);
    for (number, word) in words.split(' ').enumerate() {
        let wide = word.chars().count() + 1;
        if number == 0 {
            *text += &" ".repeat(indent - columns);
            columns = indent - 1;
        } else if columns + wide > style.width {
            *text += &format!("\n{}", " ".repeat(indent));
            columns = indent - 1;
        } else {
            text.push(' ');
        }
        *text += word;
        columns += wide;
    }
    text.push('\n');
}
