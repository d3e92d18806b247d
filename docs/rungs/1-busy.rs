//! Rung 1: a future by hand, and a `block_on` that asks all the time.
//!
//! Read it beside `docs/02-a-future-is-a-value.md` and `docs/03-block-on.md`.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Polls a future until it is ready.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}

/// A future that is ready when its time has come.
struct Alarm {
    time: Instant,
    polls: u32,
}

impl Alarm {
    fn after(duration: Duration) -> Self {
        Alarm {
            time: Instant::now() + duration,
            polls: 0,
        }
    }
}

impl Future for Alarm {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<u32> {
        self.polls += 1;
        if self.time <= Instant::now() {
            return Poll::Ready(self.polls);
        }
        Poll::Pending
    }
}

async fn fetch(endpoint: &str) -> String {
    println!("Fetching {endpoint}");
    let polls = Alarm::after(Duration::from_secs(1)).await;
    println!("polled {polls} times");
    format!("Data from {endpoint}")
}

fn main() {
    let start = Instant::now();
    println!("{}", block_on(fetch("Endpoint A")));
    println!("{:.2} s", start.elapsed().as_secs_f64());
}
