//! The concurrent path: the article's second program.
//!
//! `sleep` is `asyncio.sleep`: it gives the thread back until the time is over. So the second fetch
//! begins while the first one waits, and two waits of three seconds take three.
//!
//! Read this file beside `blocking.rs`. They are the same line for line, and what differs is the
//! lesson: `diff src/demo/blocking.rs src/demo/concurrent.rs`.
//!
//! Read next: `compare.rs`, which runs both.

use super::say;
use demitasse::{gather, instrument, sleep};
use std::time::Duration;

/// Fetches from one endpoint.
pub async fn fetch(endpoint: &str, delay: Duration) -> String {
    say(&format!("Fetching {endpoint}"));
    sleep(delay).await;
    format!("Data from {endpoint}")
}

/// Fetches from all endpoints.
pub async fn fetch_all(endpoints: &[String], delay: Duration) -> Vec<String> {
    let fetches = endpoints
        .iter()
        .map(|endpoint| instrument(endpoint.as_str(), fetch(endpoint, delay)));
    gather(fetches).await
}
