//! The blocking path: the article's first program.
//!
//! `block_for` is `time.sleep`: it holds the thread until the time is over. So the second fetch can
//! begin only when the first is done, and two waits of three seconds take six.
//!
//! Read this file beside `concurrent.rs`. They are the same line for line, and what differs is the
//! lesson: `diff src/demo/blocking.rs src/demo/concurrent.rs`.
//!
//! Read next: `compare.rs`, which runs both.

use super::{named, say};
use demitasse::block_for;
use std::time::Duration;

/// Fetches from one endpoint.
pub fn fetch(endpoint: &str, delay: Duration) -> String {
    say(&format!("Fetching {endpoint}"));
    block_for(delay);
    format!("Data from {endpoint}")
}

/// Fetches from all endpoints.
pub fn fetch_all(endpoints: &[String], delay: Duration) -> Vec<String> {
    let fetches = endpoints
        .iter()
        .map(|endpoint| named(endpoint.as_str(), || fetch(endpoint, delay)));
    fetches.collect()
}
