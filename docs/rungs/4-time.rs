//! Rung 4: time. A thread-local says which loop runs, and timers wait in a sorted map.
//!
//! Read it beside `docs/06-time-you-can-hold.md`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
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

thread_local! {
    /// The loop that runs on this thread: here `spawn`, `sleep` and `now` find it.
    static CURRENT: RefCell<Option<Rc<EventLoop>>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct EventLoop {
    /// The time on the simulated clock. On the real one, `None`.
    simulated: Cell<Option<Instant>>,
    queue: Arc<Queue>,
    /// The tasks that were spawned in this turn.
    newcomers: RefCell<Vec<(u64, Child<Task>)>>,
    /// By deadline, and then in the order in which they were set.
    timers: RefCell<BTreeMap<TimerKey, Waker>>,
    /// The last number that a task or a timer got.
    last: Cell<u64>,
}

type Task = dyn Future<Output = ()>;
/// A deadline, and a number.
type TimerKey = (Instant, u64);

const ROOT: u64 = 0;

fn current(caller: &str) -> Rc<EventLoop> {
    CURRENT.with_borrow(Option::clone).unwrap_or_else(|| {
        panic!("{caller} needs a running event loop: call it in a future that `block_on` runs")
    })
}

impl EventLoop {
    /// Polls the children that were woken, fires the timers that are due, and parks. Until the root
    /// future is done.
    fn run(&self, tasks: &mut Children<dyn Future<Output = ()> + '_>) {
        let unpark = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            tasks.extend(self.newcomers.take());
            for number in self.queue.take() {
                if poll(tasks, number).is_some() && number == ROOT {
                    return;
                }
            }
            self.fire_due_timers();
            if self.queue.rest(&unpark) {
                self.park();
            }
        }
    }

    /// Wakes the sleeps whose deadline has passed, by deadline, then in the order of their numbers.
    fn fire_due_timers(&self) {
        let now = self.now();
        let take_due = || {
            let mut timers = self.timers.borrow_mut();
            let first = timers.first_entry()?;
            (first.key().0 <= now).then(|| first.remove())
        };
        while let Some(waker) = take_due() {
            waker.wake();
        }
    }

    /// Nothing is ready: holds the thread until the next deadline, or until it is unparked.
    fn park(&self) {
        let deadline = self.timers.borrow().keys().next().map(|key| key.0);
        match (self.simulated.get(), deadline) {
            (None, None) => thread::park(),
            (None, Some(deadline)) => thread::park_timeout(deadline - Instant::now()),
            (Some(_), Some(_)) => self.simulated.set(deadline),
            (Some(_), None) => panic!("stuck: nothing is ready, and no timer is set"),
        }
    }

    fn now(&self) -> Instant {
        self.simulated.get().unwrap_or_else(Instant::now)
    }

    fn number(&self) -> u64 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }
}

/// Wakes the loop itself.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end, and meanwhile the tasks that it spawns.
pub fn block_on<F: Future>(future: F) -> F::Output {
    run(None, future)
}

/// The same on a simulated clock: time stands still while anything is ready, and jumps to the next
/// deadline when nothing is.
pub fn simulate<F: Future>(future: F) -> F::Output {
    run(Some(Instant::now()), future)
}

fn run<F: Future>(simulated: Option<Instant>, future: F) -> F::Output {
    let is_free = CURRENT.with_borrow(Option::is_none);
    assert!(is_free, "block_on inside a running loop would stop it");
    let event_loop = Rc::<EventLoop>::default();
    event_loop.simulated.set(simulated);
    CURRENT.set(Some(Rc::clone(&event_loop)));
    let output = Cell::new(None);
    let root = Box::pin(async { output.set(Some(future.await)) });
    let mut tasks: Children<dyn Future<Output = ()> + '_> = BTreeMap::new();
    tasks.insert(ROOT, Child::new(ROOT, &event_loop.queue, root));
    event_loop.run(&mut tasks);
    drop(tasks);
    CURRENT.set(None);
    output.into_inner().expect("the root future is done")
}

// Tasks ---------------------------------------------------------------------------------------

/// Starts a task: it is polled for the first time in the next turn.
pub fn spawn(task: impl Future<Output = ()> + 'static) {
    let event_loop = current("spawn");
    let number = event_loop.number();
    let task = Child::new(number, &event_loop.queue, Box::pin(task) as Pin<Box<Task>>);
    event_loop.newcomers.borrow_mut().push((number, task));
}

/// Lets every other task that is ready run once, and then goes on.
pub async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

// Time ----------------------------------------------------------------------------------------

/// The time on the running loop's clock.
pub fn now() -> Instant {
    current("now").now()
}

/// Waits for `duration`, counted from the first poll.
pub async fn sleep(duration: Duration) {
    let event_loop = current("sleep");
    let Some(deadline) = event_loop.now().checked_add(duration) else {
        return pending().await; // beyond the clock
    };
    let key = (deadline, event_loop.number());
    poll_fn(|cx| {
        if key.0 <= event_loop.now() {
            return Poll::Ready(());
        }
        // Only the latest waker counts. The old one is dropped when nothing is borrowed any more.
        let waker = cx.waker().clone();
        let _old = event_loop.timers.borrow_mut().insert(key, waker);
        Poll::Pending
    })
    .await;
}

// A program -----------------------------------------------------------------------------------

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
    sleep(Duration::from_secs(3)).await;
    format!("Data from {endpoint}")
}

async fn fetch_both() {
    let start = now();
    let countdown = Rc::new(Countdown {
        left: Cell::new(2),
        waiter: Cell::default(),
    });
    for endpoint in ["Endpoint A", "Endpoint B"] {
        let countdown = Rc::clone(&countdown);
        spawn(async move {
            println!("{}", fetch(endpoint).await);
            countdown.one_is_done();
        });
    }
    (&*countdown).await;
    println!("{:.2} s on this clock", (now() - start).as_secs_f64());
}

fn main() {
    let start = Instant::now();
    block_on(fetch_both());
    println!("{:.2} s on the wall", start.elapsed().as_secs_f64());
    let start = Instant::now();
    simulate(fetch_both());
    println!("{:.2} s on the wall", start.elapsed().as_secs_f64());
}
