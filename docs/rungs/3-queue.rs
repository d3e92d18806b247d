//! Rung 3: many tasks. A waker puts a number on a queue, and the loop polls who is on it.
//!
//! Read it beside `docs/05-many-tasks.md`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

// Who wants to be polled? ---------------------------------------------------------------------

/// The numbers of the tasks that were woken.
#[derive(Default)]
struct Queue(Mutex<Woken>);

#[derive(Default)]
struct Woken {
    numbers: Vec<u64>,
    /// Whom to wake when a number arrives: set while the owner of the queue rests.
    owner: Option<Waker>,
}

impl Queue {
    /// All the numbers, in the order in which they came. The owner rests no longer.
    fn take(&self) -> Vec<u64> {
        let woken = mem::take(&mut *self.0.lock().unwrap());
        woken.numbers
    }

    /// The owner wants to rest, and to be woken when a number arrives. False: one has arrived.
    fn rest(&self, owner: &Waker) -> bool {
        let owner = owner.clone();
        let mut woken = self.0.lock().unwrap();
        if woken.numbers.is_empty() {
            woken.owner = Some(owner);
        }
        woken.owner.is_some() // `take` has left none
    }
}

/// A task's number, and the way to its queue. A `Waker` is a shared pointer to it.
struct Ticket {
    number: u64,
    is_queued: AtomicBool,
    queue: Arc<Queue>,
}

impl Wake for Ticket {
    fn wake(self: Arc<Self>) {
        if self.is_queued.swap(true, Ordering::Release) {
            return;
        }
        let mut woken = self.queue.0.lock().unwrap();
        woken.numbers.push(self.number);
        let owner = woken.owner.take();
        drop(woken);
        if let Some(owner) = owner {
            owner.wake();
        }
    }
}

/// A future with its ticket.
struct Child<F: ?Sized> {
    ticket: Arc<Ticket>,
    future: Pin<Box<F>>,
}

impl<F: Future + ?Sized> Child<F> {
    /// A new child wants to be polled at once, so it wakes itself.
    fn new(number: u64, queue: &Arc<Queue>, future: Pin<Box<F>>) -> Self {
        let ticket = Arc::new(Ticket {
            number,
            is_queued: AtomicBool::new(false),
            queue: Arc::clone(queue),
        });
        Arc::clone(&ticket).wake();
        Child { ticket, future }
    }
}

impl<F: ?Sized> Drop for Child<F> {
    fn drop(&mut self) {
        // Marked for ever: a late wake takes it for queued, and does nothing.
        self.ticket.is_queued.store(true, Ordering::Relaxed);
    }
}

type Children<F> = BTreeMap<u64, Child<F>>;

/// Polls a child that was woken, if it has not left. If it is done, it leaves.
fn poll<F: Future + ?Sized>(children: &mut Children<F>, number: u64) -> Option<F::Output> {
    let child = children.get_mut(&number)?;
    child.ticket.is_queued.swap(false, Ordering::Acquire);
    let waker = Waker::from(Arc::clone(&child.ticket));
    let Poll::Ready(output) = child.future.as_mut().poll(&mut Context::from_waker(&waker)) else {
        return None;
    };
    children.remove(&number);
    Some(output)
}

// The loop ------------------------------------------------------------------------------------

#[derive(Default)]
struct EventLoop {
    queue: Arc<Queue>,
    /// The tasks that were spawned in this turn.
    newcomers: RefCell<Vec<(u64, Child<Task>)>>,
    /// The last number that a task got.
    last: Cell<u64>,
}

type Task = dyn Future<Output = ()>;

const ROOT: u64 = 0;

impl EventLoop {
    /// Polls the children that were woken, and parks. Until the root future is done.
    fn run(&self, tasks: &mut Children<dyn Future<Output = ()> + '_>) {
        let unpark = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            tasks.extend(self.newcomers.take());
            for number in self.queue.take() {
                if poll(tasks, number).is_some() && number == ROOT {
                    return;
                }
            }
            if self.queue.rest(&unpark) {
                thread::park();
            }
        }
    }

    fn number(&self) -> u64 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }

    /// Runs a future to its end, and meanwhile the tasks that it spawns.
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let output = Cell::new(None);
        let root = Box::pin(async { output.set(Some(future.await)) });
        let mut tasks: Children<dyn Future<Output = ()> + '_> = BTreeMap::new();
        tasks.insert(ROOT, Child::new(ROOT, &self.queue, root));
        self.run(&mut tasks);
        drop(tasks);
        output.into_inner().expect("the root future is done")
    }

    /// Starts a task: it is polled for the first time in the next turn.
    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let number = self.number();
        let task = Child::new(number, &self.queue, Box::pin(task) as Pin<Box<Task>>);
        self.newcomers.borrow_mut().push((number, task));
    }
}

/// Wakes the loop itself.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

// A program -----------------------------------------------------------------------------------

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

/// Ready when so many tasks have said that they are done.
struct Countdown {
    left: Cell<u32>,
    waiter: Cell<Option<Waker>>,
}

impl Countdown {
    fn one_is_done(&self) {
        self.left.set(self.left.get() - 1);
        if let Some(waiter) = self.waiter.take() {
            waiter.wake();
        }
    }
}

impl Future for &Countdown {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.left.get() == 0 {
            return Poll::Ready(());
        }
        self.waiter.set(Some(cx.waker().clone()));
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
    let event_loop = EventLoop::default();
    let countdown = Rc::new(Countdown {
        left: Cell::new(2),
        waiter: Cell::default(),
    });
    event_loop.block_on(async {
        for endpoint in ["Endpoint A", "Endpoint B"] {
            let countdown = Rc::clone(&countdown);
            event_loop.spawn(async move {
                println!("{}", fetch(endpoint).await);
                countdown.one_is_done();
            });
        }
        (&*countdown).await;
    });
    println!("{:.2} s", start.elapsed().as_secs_f64());
}
