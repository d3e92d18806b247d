//! Rung 2: a waker, and a `block_on` that parks its thread until it is called.
//!
//! Read it beside `docs/03-block-on.md` and `docs/04-the-waker.md`.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Polls a future when it is new, and when it was woken, until it is ready.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let unpark = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&unpark);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        thread::park();
    }
}

/// Wakes the thread that parks.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A future that is ready when its time has come, and says so.
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

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        self.polls += 1;
        if self.time <= Instant::now() {
            return Poll::Ready(self.polls);
        }
        let waker = cx.waker().clone();
        let left = self.time - Instant::now();
        thread::spawn(move || {
            thread::sleep(left);
            waker.wake();
        });
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
