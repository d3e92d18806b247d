//! JSON, as far as we write it: text, lists, and objects whose keys are our own.
//!
//! It stands inside of a page, in a `<script>` element. There a `<` could end the element, so each
//! is written as `\u003c`, which JSON reads as the same. So no label, and no source, is ever HTML.
//!
//! Read next: `show.rs`.

use std::fmt::{Display, Write};

/// Text.
pub fn text(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                json.push('\\');
                json.push(c);
            }
            c if c == '<' || c.is_control() => {
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json + "\""
}

/// A list of what is JSON already.
pub fn list(items: impl IntoIterator<Item = impl Display>) -> String {
    let mut json = String::from("[");
    for (number, item) in items.into_iter().enumerate() {
        let comma = if number > 0 { "," } else { "" };
        let _ = write!(json, "{comma}{item}");
    }
    json + "]"
}

/// An object.
pub fn object<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let fields = fields.into_iter();
    let fields: Vec<String> = fields
        .map(|(key, value)| format!("\"{key}\":{value}"))
        .collect();
    format!("{{{}}}", fields.join(","))
}
