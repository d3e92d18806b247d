//! What the tests share: futures and wakers that count what is done to them, a recorder of events,
//! a catcher of panics, and a seeded generator.

// Each test binary uses a part of this.
#![allow(dead_code)]

use demitasse::{Event, EventKind};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{
    AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook,
};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, Once};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

pub const NANOSECOND: Duration = Duration::from_nanos(1);
pub const MILLISECOND: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

/// Watches one future from outside: counts its polls, its wakes and its drops. It also keeps the
/// latest waker, and says when the future is done.
#[derive(Clone, Default)]
pub struct Probe(Arc<Probed>);

#[derive(Default)]
struct Probed {
    polls: AtomicUsize,
    wakes: AtomicUsize,
    drops: AtomicUsize,
    is_done: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Probe {
    pub fn new() -> Self {
        Self::default()
    }

    /// All that was counted, as `polls 1, wakes 0, drops 0`.
    pub fn counts(&self) -> String {
        let [polls, wakes, drops] =
            [&self.0.polls, &self.0.wakes, &self.0.drops].map(|count| count.load(SeqCst));
        format!("polls {polls}, wakes {wakes}, drops {drops}")
    }

    pub fn polls(&self) -> usize {
        self.0.polls.load(SeqCst)
    }

    /// A future that is `Pending` until [`finish`](Probe::finish), and keeps its waker here.
    pub fn future(&self) -> Tracked<impl Future<Output = ()> + use<>> {
        self.future_that(|_| {})
    }

    /// The same, but it does something at each poll.
    pub fn future_that<A: FnMut(&Probe)>(
        &self,
        mut act: A,
    ) -> Tracked<impl Future<Output = ()> + use<A>> {
        let probe = self.clone();
        self.track(poll_fn(move |cx| {
            let waker = cx.waker().clone();
            // The old one is dropped after the lock is released.
            let _old = probe.0.waker.lock().unwrap().replace(waker);
            act(&probe);
            match probe.0.is_done.load(SeqCst) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        }))
    }

    /// Counts the polls and the drop of a future, and changes nothing else.
    pub fn track<F: Future>(&self, future: F) -> Tracked<F> {
        Tracked {
            future: Box::pin(future),
            probe: self.clone(),
        }
    }

    /// From its next poll on, the future is `Ready`.
    pub fn finish(&self) {
        self.0.is_done.store(true, SeqCst);
    }

    /// The waker of the latest poll.
    #[track_caller]
    pub fn waker(&self) -> Waker {
        let waker = self.0.waker.lock().unwrap().clone();
        waker.expect("the future was polled, and its waker was kept")
    }

    pub fn forget_waker(&self) {
        let _old = self.0.waker.lock().unwrap().take();
    }

    /// Calls the waker of the latest poll.
    #[track_caller]
    pub fn wake(&self) {
        self.0.wakes.fetch_add(1, SeqCst);
        self.waker().wake();
    }
}

/// A future that a [`Probe`] watches.
pub struct Tracked<F> {
    future: Pin<Box<F>>,
    probe: Probe,
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.probe.0.polls.fetch_add(1, SeqCst);
        self.future.as_mut().poll(cx)
    }
}

impl<F> Drop for Tracked<F> {
    fn drop(&mut self) {
        self.probe.0.drops.fetch_add(1, SeqCst);
    }
}

/// What was done to a waker, and how many clones of it there are.
#[derive(Default)]
pub struct Bell {
    wakes: AtomicUsize,
}

impl Bell {
    /// A waker that wakes nobody, and the bell that counts.
    pub fn new() -> (Arc<Bell>, Waker) {
        let bell = Arc::<Bell>::default();
        (Arc::clone(&bell), Waker::from(bell))
    }

    /// All that was counted, as `wakes 0, wakers 1`. The test's own waker is one.
    pub fn counts(self: &Arc<Self>) -> String {
        let wakes = self.wakes.load(SeqCst);
        let wakers = Arc::strong_count(self) - 1;
        format!("wakes {wakes}, wakers {wakers}")
    }

    pub fn wakes(&self) -> usize {
        self.wakes.load(SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, SeqCst);
    }
}

/// Polls once, with a waker of the test's own.
pub fn poll_once<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Does something on another thread, and waits for it.
pub fn elsewhere<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// Does something on a thread of its own, and fails when that takes half a minute: for work that
/// would never end if it went wrong.
pub fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    // Nobody listens any more if it took too long.
    let worker = thread::spawn(move || drop(done.send(work())));
    match result.recv_timeout(30 * SECOND) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("this should have ended long ago"),
        Err(RecvTimeoutError::Disconnected) => resume_unwind(worker.join().unwrap_err()),
    }
}

/// Does something when it is dropped.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A list that many tasks write to.
pub struct Log<T>(Rc<RefCell<Vec<T>>>);

impl<T> Log<T> {
    pub fn new() -> Self {
        Log(Rc::default())
    }

    pub fn push(&self, entry: T) {
        self.0.borrow_mut().push(entry);
    }

    pub fn take(&self) -> Vec<T> {
        self.0.take()
    }
}

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Log(Rc::clone(&self.0))
    }
}

/// Remembers what a loop told: `.on_event(recorder.observer())`.
#[derive(Clone, Default)]
pub struct Recorder(Rc<RefCell<Vec<Event>>>);

impl Recorder {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn observer(&self) -> impl FnMut(&Event) + 'static {
        let events = Rc::clone(&self.0);
        move |event| events.borrow_mut().push(event.clone())
    }

    pub fn events(&self) -> Vec<Event> {
        self.0.borrow().clone()
    }

    pub fn count(&self, is_meant: impl Fn(&EventKind) -> bool) -> usize {
        let events = self.0.borrow();
        events.iter().filter(|event| is_meant(&event.kind)).count()
    }

    /// How often the loop parked.
    pub fn parks(&self) -> usize {
        self.count(|kind| matches!(kind, EventKind::Parked { .. }))
    }
}

/// A panic that was meant to happen.
#[derive(Debug)]
pub struct Panicked {
    /// What came out of the closure.
    pub message: String,
    /// Where the thread panicked last.
    pub file: String,
    pub line: u32,
}

/// Runs something that may panic. Nothing is printed.
pub fn caught<R>(work: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |info| note_or(&print, info)));
    });
    IS_MEANT.set(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_MEANT.set(false);
    result
}

/// Runs something that must panic, and says how it did. Nothing is printed.
#[track_caller]
pub fn panic_of<R>(work: impl FnOnce() -> R) -> Panicked {
    let result = caught(work);
    let Err(panic) = result else {
        panic!("this call should have let a panic out, and it returned");
    };
    let (file, line) = LAST_PLACE.take();
    let message = panic.downcast_ref::<&str>().map(|text| text.to_string());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    Panicked {
        message: message.expect("a panic with a message"),
        file,
        line,
    }
}

thread_local! {
    static IS_MEANT: Cell<bool> = const { Cell::new(false) };
    static LAST_PLACE: Cell<(String, u32)> = const { Cell::new((String::new(), 0)) };
}

fn note_or(print: &impl Fn(&PanicHookInfo<'_>), info: &PanicHookInfo<'_>) {
    match info.location() {
        Some(at) if IS_MEANT.get() => LAST_PLACE.set((at.file().to_string(), at.line())),
        _ => print(info),
    }
}

/// A generator of numbers that look random and are the same in every run (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// A number of any magnitude: one bit long as likely as sixty-four.
    pub fn magnitude(&mut self) -> u64 {
        let bits = self.below(64);
        self.number() >> bits
    }
}

/// One type for futures of several.
pub fn boxed<'a>(future: impl Future<Output = ()> + 'a) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(future)
}

/// The processor time that this thread has used. Zero where the operating system does not say.
pub fn cpu_time() -> Duration {
    cpu_time_in("/proc/thread-self/stat")
}

/// The processor time in a file of the kind `/proc/.../stat`. Zero where there is no such file.
pub fn cpu_time_in(file: &str) -> Duration {
    let Ok(stat) = std::fs::read_to_string(file) else {
        return Duration::ZERO;
    };
    // The name, in parentheses, may hold spaces. After it, `utime` and `stime` are fields 12 and
    // 13, in hundredths of a second.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks = fields
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse().unwrap_or(0));
    10 * MILLISECOND * ticks.sum::<u32>()
}

/// How often this thread has stopped to wait, where the operating system counts it.
pub fn rests() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let mut lines = status.lines();
    let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    count.trim().parse().ok()
}

/// In bytes. Where the operating system does not say, the other two tests must do.
pub fn resident_memory() -> u64 {
    let Ok(statm) = std::fs::read_to_string("/proc/self/statm") else {
        return 0;
    };
    let pages = statm.split(' ').nth(1).and_then(|text| text.parse().ok());
    4096 * pages.unwrap_or(0_u64)
}

/// Ways to wake a task: from here, from another thread, and twice.
pub const WAYS_TO_WAKE: [fn(&Probe); 4] = [
    |task| task.wake(),
    |task| elsewhere(|| task.wake()),
    |task| {
        task.wake();
        task.wake();
    },
    |task| {
        elsewhere(|| task.wake());
        task.wake();
    },
];
