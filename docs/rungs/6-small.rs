//! Rung 6: handles, cancelling, taking down. The executor is `src/small.rs`; this is a program for it.
//!
//! Read it beside `docs/08-spawn-join-cancel.md`.

#[path = "../../src/small.rs"]
mod small;

use small::{block_on, gather, now, simulate, sleep, spawn, yield_now};
use std::time::{Duration, Instant};

async fn fetch(endpoint: &str) -> String {
    println!("Fetching {endpoint}");
    sleep(Duration::from_secs(3)).await;
    format!("Data from {endpoint}")
}

async fn fetch_both() {
    let start = now();
    // A task goes on by itself. Its handle waits for it, and gives what it gave.
    let coffee = spawn(async {
        sleep(Duration::from_secs(2)).await;
        "coffee"
    });
    let data = gather(["Endpoint A", "Endpoint B"].map(fetch)).await;
    println!("{data:?}");
    println!("{}", coffee.await.unwrap());

    // This one has an hour left when the loop ends, and is dropped with it.
    let handle = spawn(sleep(Duration::from_secs(3600)));
    yield_now().await;
    println!("finished: {}", handle.is_finished());
    println!("{:.2} s", (now() - start).as_secs_f64());
}

fn main() {
    let start = Instant::now();
    block_on(fetch_both());
    simulate(fetch_both());
    println!("{:.2} s on the wall", start.elapsed().as_secs_f64());
}
