//! Measuring, and the tables.

use std::fs;
use std::thread;
use std::time::Instant;

/// A name, and a function that does its work for a size and gives a figure.
pub type Row = (String, Box<dyn Fn(u64) -> f64>);

pub fn row(name: &str, work: impl Fn(u64) -> f64 + 'static) -> Row {
    (name.to_string(), Box::new(work))
}

/// The rows of two executors, under each other.
pub fn beside(rows: Vec<Row>, small: Vec<Row>) -> Vec<Row> {
    let small = small.into_iter();
    let small = small.map(|(name, work)| (format!("small: {name}"), work));
    let pairs = rows.into_iter().zip(small);
    pairs.flat_map(|(row, small)| [row, small]).collect()
}

/// The CPU time that this thread has used, in nanoseconds, where the system tells it.
fn cpu_nanos() -> Option<u64> {
    // The system brings its books up to date when a thread offers to give way.
    thread::yield_now();
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ').next()?.parse().ok()
}

/// A stretch of time.
pub struct Span {
    cpu: Option<u64>,
    start: Instant,
}

impl Span {
    pub fn start() -> Self {
        Span {
            cpu: cpu_nanos(),
            start: Instant::now(),
        }
    }

    /// What each of `count` operations has cost since the start.
    pub fn cost(&self, count: u64) -> f64 {
        let passed = self.start.elapsed().as_nanos() as f64;
        let used = cpu_nanos()
            .zip(self.cpu)
            .map_or(passed, |(end, start)| (end - start) as f64);
        used / count as f64
    }
}

/// The memory that this process has in use, in bytes, where the system tells it.
pub fn memory() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = stat.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

/// The median.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Measures each row at each size, `repeats` times in turn, and prints the medians.
pub fn table(title: &str, sizes: &[u64], repeats: usize, rows: Vec<Row>) {
    if rows.is_empty() {
        return;
    }
    print!("\n{title:44}");
    for size in sizes {
        print!("{size:>11}");
    }
    println!();
    let mut figures = vec![vec![Vec::new(); sizes.len()]; rows.len()];
    for _ in 0..repeats {
        for (column, size) in sizes.iter().enumerate() {
            for ((_, work), figures) in rows.iter().zip(&mut figures) {
                figures[column].push(work(*size));
            }
        }
    }
    for ((name, _), figures) in rows.iter().zip(figures) {
        print!("  {name:42}");
        for figures in figures {
            match median(figures) {
                none if none.is_nan() => print!("{:>11}", "-"),
                few if few < 100.0 => print!("{few:>11.1}"),
                many => print!("{many:>11.0}"),
            }
        }
        println!();
    }
}
