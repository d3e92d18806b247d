//! The two fetches of the article on your own loop, beside the same two that hold the thread.
//! Run it: cargo test --test own_fetches
//!
//! It runs on the real clock, for six seconds and three. With `-- 0.5` a fetch takes half a second.

#[allow(dead_code, unused_imports, unused_variables, missing_docs)]
mod executor;

use executor::{block_on, gather, sleep};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::thread;
use std::time::{Duration, Instant};

const ENDPOINTS: [&str; 2] = ["Endpoint A", "Endpoint B"];

/// So many characters wide is the longer run.
const WIDTH: f64 = 54.0;

fn main() {
    std::panic::set_hook(Box::new(|info| {
        let text = info
            .payload()
            .downcast_ref::<&str>()
            .map(|text| text.to_string());
        let text = text.or(info.payload().downcast_ref::<String>().cloned());
        let text = text.unwrap_or("your executor panicked".to_string());
        let what = text.replace("not yet implemented:", "not written yet:");
        eprintln!("own_fetches: {what}; `cargo test --test own` says what is next");
    }));
    let seconds = std::env::args().nth(1).unwrap_or("3".to_string());
    let delay = seconds.parse().ok();
    let Some(delay) = delay.and_then(|delay| Duration::try_from_secs_f64(delay).ok()) else {
        eprintln!("own_fetches: `{seconds}` is no number of seconds: write it as 0.5");
        std::process::exit(2);
    };
    let blocking = Run::new("blocking", |lanes| {
        lanes.iter().for_each(|lane| blocking(lane, delay));
    });
    println!(
        "Total synchronous time: {:.2} seconds\n",
        blocking.seconds()
    );
    let own = Run::new("your loop", |lanes| {
        block_on(gather(lanes.iter().map(|lane| watched(lane, delay))));
    });
    println!("Total asynchronous time: {:.2} seconds\n", own.seconds());
    let scale = WIDTH / blocking.seconds().max(own.seconds());
    println!("{:14}0 s{:>55.2} s", "", WIDTH / scale);
    blocking.draw('█', scale);
    own.draw('─', scale);
    println!("\n   ● is polled   ─ waits, and leaves the thread free   █ holds the thread\n");
}

/// What is seen of one fetch.
struct Lane {
    endpoint: &'static str,
    polls: Vec<Instant>,
    end: Instant,
}

/// What `time.sleep` does.
fn blocking(lane: &RefCell<Lane>, delay: Duration) {
    println!("Fetching {}", lane.borrow().endpoint);
    lane.borrow_mut().polls.push(Instant::now());
    thread::sleep(delay);
    lane.borrow_mut().end = Instant::now();
}

/// What `asyncio.sleep` does.
async fn fetch(endpoint: &str, delay: Duration) -> String {
    println!("Fetching {endpoint}");
    sleep(delay).await;
    format!("Data from {endpoint}")
}

/// A fetch, and the moments of its polls.
async fn watched(lane: &RefCell<Lane>, delay: Duration) -> String {
    let endpoint = lane.borrow().endpoint;
    let mut fetch = pin!(fetch(endpoint, delay));
    poll_fn(|cx| {
        lane.borrow_mut().polls.push(Instant::now());
        let polled = fetch.as_mut().poll(cx);
        lane.borrow_mut().end = Instant::now();
        polled
    })
    .await
}

struct Run {
    title: &'static str,
    start: Instant,
    took: Duration,
    lanes: Vec<RefCell<Lane>>,
}

impl Run {
    fn new(title: &'static str, work: impl FnOnce(&[RefCell<Lane>])) -> Run {
        let start = Instant::now();
        let lane = |endpoint| {
            RefCell::new(Lane {
                endpoint,
                polls: Vec::new(),
                end: start,
            })
        };
        let lanes: Vec<_> = ENDPOINTS.into_iter().map(lane).collect();
        work(&lanes);
        Run {
            title,
            start,
            took: start.elapsed(),
            lanes,
        }
    }

    fn seconds(&self) -> f64 {
        self.took.as_secs_f64()
    }

    /// A line for each fetch, from its first poll to its end.
    fn draw(&self, waits: char, scale: f64) {
        println!(" {:<12} {:.2} s", self.title, self.seconds());
        let column = |time: Instant| ((time - self.start).as_secs_f64() * scale) as usize;
        for lane in &self.lanes {
            let lane = lane.borrow();
            let first = lane.polls.first().map_or(0, |poll| column(*poll));
            let mut line = vec![' '; first];
            line.resize(column(lane.end).max(first) + 1, waits);
            let mut count = String::new();
            if waits == '─' {
                lane.polls.iter().for_each(|poll| line[column(*poll)] = '●');
                count = format!("   {} polls", lane.polls.len());
            }
            let line: String = line.into_iter().collect();
            println!("   {} {line}{count}", lane.endpoint);
        }
    }
}
