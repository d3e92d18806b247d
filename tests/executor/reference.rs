//! Random programs on two executors: ours, and a naive one that is written here.
//!
//! The naive executor is slow and plainly right: a vector of tasks, a list of who is ready, a list
//! of timers that is searched from end to end. A program is a tree of small scripts. It runs on
//! both, and each poll, each step and each drop must come in the same order, at the same time.
//! Where it does not, the program is cut down for as long as it still fails, and shown.
//!
//! `random_programs.rs` holds our executor against its own events. This holds it against another.

use crate::support::{Random, caught, elsewhere};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

type Boxed<T = ()> = Pin<Box<dyn Future<Output = T>>>;

// Programs.

#[derive(Clone, Debug)]
struct Script {
    name: u32,
    ops: Vec<Op>,
}

#[derive(Clone, Debug)]
enum Op {
    Sleep(u64),
    Until(u64),
    Yield,
    /// Holds the thread.
    Hold(u64),
    /// Starts a task, and keeps its handle.
    Spawn(Script),
    /// Awaits the oldest handle.
    Join,
    /// Drops the newest handle.
    Detach,
    Gather(Vec<Script>),
    /// Goes on when the first is done, and drops the others.
    Race(Vec<Script>),
    /// Waits until a flag is up. Its waker stays with the flag.
    Wait(usize),
    Raise(usize),
    /// Leaves its waker lying about.
    Keep,
    /// Calls one of those wakers.
    Wake(usize),
    /// The same from another thread.
    WakeElsewhere(usize),
    Panic,
}

const FLAGS: usize = 3;

struct Generator {
    random: Random,
    names: u32,
    ops: u32,
}

impl Generator {
    fn program(seed: u64) -> Script {
        let mut generator = Generator {
            random: Random::new(seed),
            names: 0,
            ops: 40,
        };
        generator.script(0)
    }

    fn script(&mut self, depth: u32) -> Script {
        let name = self.names;
        self.names += 1;
        let most = self.random.below(7).min(self.ops.into());
        self.ops -= most as u32;
        let ops = (0..most).map(|_| self.op(depth)).collect();
        Script { name, ops }
    }

    fn nanos(&mut self) -> u64 {
        // Few, so that many are due together, and on both sides of the wheel's borders.
        [0, 1, 1, 2, 3, 63, 64, 65, 4_096, 1 << 40][self.random.below(10) as usize]
    }

    fn op(&mut self, depth: u32) -> Op {
        let number = self.random.below(8) as usize;
        match self.random.below(if depth < 4 { 24 } else { 16 }) {
            0..3 => Op::Sleep(self.nanos()),
            3 => Op::Until(self.nanos()),
            4 | 5 => Op::Yield,
            6 => Op::Hold(self.nanos()),
            7 => Op::Join,
            8 => Op::Detach,
            9 => Op::Wait(number % FLAGS),
            10 => Op::Raise(number % FLAGS),
            11 | 12 => Op::Keep,
            13 | 14 => Op::Wake(number),
            15 if number < 2 => Op::Panic,
            15 if number < 4 => Op::WakeElsewhere(number),
            15 => Op::Raise(number % FLAGS),
            16..19 => Op::Spawn(self.script(depth + 1)),
            19..22 => Op::Gather(self.scripts(depth)),
            _ => Op::Race(self.scripts(depth)),
        }
    }

    fn scripts(&mut self, depth: u32) -> Vec<Script> {
        (0..self.random.below(4))
            .map(|_| self.script(depth + 1))
            .collect()
    }
}

/// Every program that is this one with one thing less.
fn smaller(script: &Script) -> Vec<Script> {
    let mut all = Vec::new();
    let with = |i: usize, ops: Vec<Op>| {
        let mut changed = script.clone();
        changed.ops.splice(i..=i, ops);
        changed
    };
    for (i, op) in script.ops.iter().enumerate() {
        all.push(with(i, vec![]));
        match op {
            Op::Spawn(inner) => {
                all.push(with(i, inner.ops.clone()));
                let spawns = smaller(inner).into_iter().map(Op::Spawn);
                all.extend(spawns.map(|op| with(i, vec![op])));
            }
            Op::Gather(inner) => {
                let gathers = smaller_lists(inner).into_iter().map(Op::Gather);
                all.extend(gathers.map(|op| with(i, vec![op])));
            }
            Op::Race(inner) => {
                let races = smaller_lists(inner).into_iter().map(Op::Race);
                all.extend(races.map(|op| with(i, vec![op])));
            }
            Op::Sleep(2..) => all.push(with(i, vec![Op::Sleep(1)])),
            _ => {}
        }
    }
    all
}

fn smaller_lists(scripts: &[Script]) -> Vec<Vec<Script>> {
    let mut all = Vec::new();
    for (i, script) in scripts.iter().enumerate() {
        let mut fewer = scripts.to_vec();
        fewer.remove(i);
        all.push(fewer);
        for script in smaller(script) {
            let mut changed = scripts.to_vec();
            changed[i] = script;
            all.push(changed);
        }
    }
    all
}

/// How many things there are in it.
fn size(script: &Script) -> usize {
    let inner = |op: &Op| match op {
        Op::Spawn(script) => size(script),
        Op::Gather(scripts) | Op::Race(scripts) => scripts.iter().map(size).sum(),
        _ => 0,
    };
    script.ops.len() + script.ops.iter().map(inner).sum::<usize>()
}

// What a program needs of an executor, and how it runs on one.

trait Executor: 'static {
    /// In nanoseconds since the program began.
    fn now(&self) -> u64;
    fn sleep(&self, nanos: u64) -> Boxed;
    fn sleep_until(&self, nanos: u64) -> Boxed;
    fn hold(&self, nanos: u64);
    /// The handle says whether the task ended without a panic.
    fn spawn(&self, task: Boxed) -> Boxed<bool>;
    fn gather(&self, futures: Vec<Boxed>) -> Boxed;
}

/// When, which script, and what.
type Entry = (u64, u32, What);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum What {
    Polled,
    Step(usize),
    Joined(bool),
    Dropped,
}

struct World<E> {
    executor: E,
    log: Rc<RefCell<Vec<Entry>>>,
    flags: [RefCell<(bool, Vec<Waker>)>; FLAGS],
    kept: RefCell<Vec<Waker>>,
}

impl<E: Executor> World<E> {
    fn new(executor: E, log: &Rc<RefCell<Vec<Entry>>>) -> Rc<Self> {
        Rc::new(World {
            executor,
            log: Rc::clone(log),
            flags: Default::default(),
            kept: RefCell::default(),
        })
    }

    fn note(&self, name: u32, what: What) {
        let entry = (self.executor.now(), name, what);
        self.log.borrow_mut().push(entry);
    }

    fn some_waker(&self, number: usize) -> Waker {
        let kept = self.kept.borrow();
        match kept.len() {
            0 => Waker::noop().clone(),
            count => kept[number % count].clone(),
        }
    }
}

/// Notes each poll of a script, and its drop.
struct Played<E: Executor> {
    future: Boxed,
    name: u32,
    world: Rc<World<E>>,
}

impl<E: Executor> Future for Played<E> {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.world.note(self.name, What::Polled);
        self.future.as_mut().poll(cx)
    }
}

impl<E: Executor> Drop for Played<E> {
    fn drop(&mut self) {
        self.world.note(self.name, What::Dropped);
    }
}

fn play<E: Executor>(script: Script, world: &Rc<World<E>>) -> Boxed {
    let name = script.name;
    let of_it = Rc::clone(world);
    let world = Rc::clone(world);
    let future = Box::pin(perform(script, of_it));
    Box::pin(Played {
        future,
        name,
        world,
    })
}

async fn perform<E: Executor>(script: Script, world: Rc<World<E>>) {
    let executor = &world.executor;
    let name = script.name;
    let mut handles = VecDeque::new();
    let all = |scripts: Vec<Script>| -> Vec<Boxed> {
        let played = scripts.into_iter().map(|script| play(script, &world));
        played.collect()
    };
    for (step, op) in script.ops.into_iter().enumerate() {
        match op {
            Op::Sleep(nanos) => executor.sleep(nanos).await,
            Op::Until(nanos) => executor.sleep_until(nanos).await,
            Op::Yield => demitasse::yield_now().await,
            Op::Hold(nanos) => executor.hold(nanos),
            Op::Spawn(script) => handles.push_back(executor.spawn(play(script, &world))),
            Op::Join => {
                if let Some(handle) = handles.pop_front() {
                    let is_well = handle.await;
                    world.note(name, What::Joined(is_well));
                }
            }
            Op::Detach => drop(handles.pop_back()),
            Op::Gather(scripts) => executor.gather(all(scripts)).await,
            Op::Race(scripts) => race(all(scripts)).await,
            Op::Wait(flag) => {
                let flag = &world.flags[flag];
                poll_fn(|cx| {
                    if flag.borrow().0 {
                        return Poll::Ready(());
                    }
                    flag.borrow_mut().1.push(cx.waker().clone());
                    Poll::Pending
                })
                .await;
            }
            Op::Raise(flag) => {
                let wakers = {
                    let mut flag = world.flags[flag].borrow_mut();
                    flag.0 = true;
                    flag.1.clone()
                };
                wakers.into_iter().for_each(Waker::wake);
            }
            Op::Keep => {
                let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
                world.kept.borrow_mut().push(waker);
            }
            Op::Wake(number) => world.some_waker(number).wake(),
            Op::WakeElsewhere(number) => {
                let waker = world.some_waker(number);
                elsewhere(|| waker.wake());
            }
            // This panic prints nothing.
            Op::Panic => resume_unwind(Box::new("meant")),
        }
        world.note(name, What::Step(step));
    }
}

/// Polls all of them, in order, until the first is done.
async fn race(mut futures: Vec<Boxed>) {
    poll_fn(|cx| {
        let is_done = futures.is_empty()
            || (futures.iter_mut()).any(|future| future.as_mut().poll(cx).is_ready());
        match is_done {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await
}

// Our executor.

struct Ours(Instant);

impl Executor for Ours {
    fn now(&self) -> u64 {
        (demitasse::now() - self.0).as_nanos() as u64
    }
    fn sleep(&self, nanos: u64) -> Boxed {
        Box::pin(demitasse::sleep(Duration::from_nanos(nanos)))
    }
    fn sleep_until(&self, nanos: u64) -> Boxed {
        let moment = self.0 + Duration::from_nanos(nanos);
        Box::pin(demitasse::sleep_until(moment))
    }
    fn hold(&self, nanos: u64) {
        demitasse::block_for(Duration::from_nanos(nanos));
    }
    fn spawn(&self, task: Boxed) -> Boxed<bool> {
        let handle = demitasse::spawn(task);
        Box::pin(async { handle.await.is_ok() })
    }
    fn gather(&self, futures: Vec<Boxed>) -> Boxed {
        let all = demitasse::gather(futures);
        Box::pin(async { drop(all.await) })
    }
}

// The naive executor.

/// Who is ready, in order. The loop has one, and so has each gather.
#[derive(Default)]
struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    ready: VecDeque<usize>,
    /// Woken by another thread, or while the owner did not run. Seen before the next poll, and
    /// before the next wake from here.
    mail: VecDeque<usize>,
    /// Their wakes mean nothing.
    done: Vec<usize>,
    runs_on: Option<ThreadId>,
    parent: Option<Waker>,
}

impl Waiting {
    fn collect(&mut self) {
        while let Some(number) = self.mail.pop_front() {
            if !self.ready.contains(&number) {
                self.ready.push_back(number);
            }
        }
    }
}

impl Queue {
    fn collect(&self) {
        self.0.lock().unwrap().collect();
    }

    fn is_done(&self, number: usize) {
        let mut waiting = self.0.lock().unwrap();
        waiting.mail.retain(|woken| *woken != number);
        waiting.done.push(number);
    }

    fn next(&self) -> usize {
        self.collect();
        self.0.lock().unwrap().ready.pop_front().unwrap()
    }

    fn len(&self) -> usize {
        self.collect();
        self.0.lock().unwrap().ready.len()
    }

    fn run_here(&self, does_run: bool) {
        self.0.lock().unwrap().runs_on = does_run.then(|| thread::current().id());
    }

    fn waker(self: &Arc<Self>, number: usize) -> Waker {
        Waker::from(Arc::new(Numbered(number, Arc::clone(self))))
    }
}

struct Numbered(usize, Arc<Queue>);

impl Wake for Numbered {
    fn wake(self: Arc<Self>) {
        let number = self.0;
        let mut waiting = self.1.0.lock().unwrap();
        if waiting.done.contains(&number) {
            return;
        }
        if waiting.runs_on == Some(thread::current().id()) {
            waiting.collect();
            if !waiting.ready.contains(&number) {
                waiting.ready.push_back(number);
            }
        } else if !waiting.mail.contains(&number) {
            waiting.mail.push_back(number);
            let parent = waiting.parent.take();
            drop(waiting);
            if let Some(parent) = parent {
                parent.wake();
            }
        }
    }
}

#[derive(Clone, Default)]
struct Naive(Rc<State>);

#[derive(Default)]
struct State {
    time: Cell<u64>,
    queue: Arc<Queue>,
    tasks: RefCell<Vec<Task>>,
    timers: RefCell<Vec<Timer>>,
    timers_made: Cell<u64>,
    /// For a test of this test: timers that are due together fire the wrong way round.
    is_broken: Cell<bool>,
}

struct Task {
    future: Option<Boxed>,
    is_well: Option<bool>,
    waiter: Option<Waker>,
}

struct Timer {
    deadline: u64,
    number: u64,
    waker: Waker,
}

impl Naive {
    /// Runs the first task to its end. An error says why it has none.
    fn run(&self) -> Result<(), &'static str> {
        self.0.queue.run_here(true);
        loop {
            for _ in 0..self.0.queue.len() {
                let number = self.0.queue.next();
                let ended = self.poll(number);
                if let (0, Some(ended)) = (number, ended) {
                    return ended;
                }
            }
            self.fire();
            if self.0.queue.len() == 0 {
                let timers = self.0.timers.borrow();
                let Some(next) = timers.iter().map(|timer| timer.deadline).min() else {
                    return Err("stuck");
                };
                self.0.time.set(self.0.time.get().max(next));
            }
        }
    }

    fn poll(&self, number: usize) -> Option<Result<(), &'static str>> {
        let mut future = self.0.tasks.borrow_mut()[number].future.take()?;
        let waker = self.0.queue.waker(number);
        let cx = &mut Context::from_waker(&waker);
        let ended = match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => {
                self.0.tasks.borrow_mut()[number].future = Some(future);
                return None;
            }
            Ok(Poll::Ready(())) => Ok(()),
            Err(_) => Err("meant"),
        };
        if number == 0 {
            // The root is dropped with the loop.
            self.0.tasks.borrow_mut()[number].future = Some(future);
            return Some(ended);
        }
        drop(future);
        let task = &mut self.0.tasks.borrow_mut()[number];
        task.is_well = Some(ended.is_ok());
        if let Some(waiter) = task.waiter.take() {
            waiter.wake();
        }
        Some(ended)
    }

    fn fire(&self) {
        let mut due = Vec::new();
        self.0.timers.borrow_mut().retain(|timer| {
            let is_due = timer.deadline <= self.0.time.get();
            if is_due {
                due.push((timer.deadline, timer.number, timer.waker.clone()));
            }
            !is_due
        });
        due.sort_by_key(|&(deadline, number, _)| match self.0.is_broken.get() {
            false => (deadline, number),
            true => (deadline, u64::MAX - number),
        });
        due.into_iter().for_each(|(.., waker)| waker.wake());
    }
}

impl Executor for Naive {
    fn now(&self) -> u64 {
        self.0.time.get()
    }

    fn sleep(&self, nanos: u64) -> Boxed {
        let naive = self.clone();
        // Its time begins at its first poll.
        Box::pin(async move { naive.sleep_until(naive.now() + nanos).await })
    }

    fn sleep_until(&self, deadline: u64) -> Boxed {
        let (executor, number) = (self.clone(), None);
        Box::pin(NaiveSleep {
            executor,
            deadline,
            number,
        })
    }

    fn hold(&self, nanos: u64) {
        self.0.time.set(self.0.time.get() + nanos);
    }

    fn spawn(&self, task: Boxed) -> Boxed<bool> {
        let mut tasks = self.0.tasks.borrow_mut();
        let number = tasks.len();
        tasks.push(Task {
            future: Some(task),
            is_well: None,
            waiter: None,
        });
        let mut waiting = self.0.queue.0.lock().unwrap();
        waiting.collect();
        waiting.ready.push_back(number);
        drop(waiting);
        Box::pin(NaiveHandle(self.clone(), number))
    }

    fn gather(&self, futures: Vec<Boxed>) -> Boxed {
        let queue = Arc::<Queue>::default();
        queue.0.lock().unwrap().ready.extend(0..futures.len());
        let children = futures.into_iter().map(Some).collect();
        Box::pin(NaiveGather { queue, children })
    }
}

struct NaiveSleep {
    executor: Naive,
    deadline: u64,
    number: Option<u64>,
}

impl Future for NaiveSleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let state = Rc::clone(&self.executor.0);
        let mut timers = state.timers.borrow_mut();
        if self.deadline <= state.time.get() {
            timers.retain(|timer| Some(timer.number) != self.number);
            return Poll::Ready(());
        }
        if self.number.is_some() {
            let mut own = timers
                .iter_mut()
                .filter(|timer| Some(timer.number) == self.number);
            return match own.next() {
                Some(timer) => {
                    timer.waker = cx.waker().clone();
                    Poll::Pending
                }
                None => Poll::Ready(()),
            };
        }
        let number = state.timers_made.get();
        state.timers_made.set(number + 1);
        self.number = Some(number);
        timers.push(Timer {
            deadline: self.deadline,
            number,
            waker: cx.waker().clone(),
        });
        Poll::Pending
    }
}

impl Drop for NaiveSleep {
    fn drop(&mut self) {
        let mut timers = self.executor.0.timers.borrow_mut();
        timers.retain(|timer| Some(timer.number) != self.number);
    }
}

struct NaiveHandle(Naive, usize);

impl Future for NaiveHandle {
    type Output = bool;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let task = &mut self.0.0.tasks.borrow_mut()[self.1];
        if let Some(is_well) = task.is_well {
            return Poll::Ready(is_well);
        }
        task.waiter = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for NaiveHandle {
    fn drop(&mut self) {
        // At the end the tasks are gone before the last handles are.
        if let Ok(mut tasks) = self.0.0.tasks.try_borrow_mut()
            && let Some(task) = tasks.get_mut(self.1)
        {
            task.waiter = None;
        }
    }
}

struct NaiveGather {
    queue: Arc<Queue>,
    children: Vec<Option<Boxed>>,
}

impl Future for NaiveGather {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let queue = Arc::clone(&self.queue);
        queue.run_here(true);
        for _ in 0..queue.len() {
            let number = queue.next();
            let Some(child) = &mut self.children[number] else {
                continue;
            };
            let waker = queue.waker(number);
            let inner = &mut Context::from_waker(&waker);
            match catch_unwind(AssertUnwindSafe(|| child.as_mut().poll(inner))) {
                Ok(Poll::Pending) => {}
                Ok(Poll::Ready(())) => {
                    self.children[number] = None;
                    queue.is_done(number);
                }
                Err(panic) => {
                    self.children[number] = None;
                    resume_unwind(panic);
                }
            }
        }
        queue.run_here(false);
        if self.children.iter().all(Option::is_none) {
            return Poll::Ready(());
        }
        let mut waiting = queue.0.lock().unwrap();
        if waiting.ready.is_empty() && waiting.mail.is_empty() {
            waiting.parent = Some(cx.waker().clone());
        } else {
            drop(waiting);
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for NaiveGather {
    fn drop(&mut self) {
        // Whoever wakes a child now wakes nobody.
        let parent = self.queue.0.lock().unwrap().parent.take();
        drop(parent);
    }
}

// One against the other.

type Run = (Result<(), &'static str>, Vec<Entry>);

fn on_ours(program: &Script) -> Run {
    let log = Rc::<RefCell<Vec<Entry>>>::default();
    let (noted, program) = (Rc::clone(&log), program.clone());
    let result = caught(|| {
        demitasse::simulate(async move {
            let world = World::new(Ours(demitasse::now()), &noted);
            play(program, &world).await;
        })
    });
    let result = result.map_err(|panic| match panic.downcast_ref::<&str>() {
        Some(&"meant") => "meant",
        _ => "stuck",
    });
    (result, in_any_order_at_the_end(log.take()))
}

fn on_naive(program: &Script, is_broken: bool) -> Run {
    let log = Rc::<RefCell<Vec<Entry>>>::default();
    let naive = Naive::default();
    naive.0.is_broken.set(is_broken);
    let world = World::new(naive.clone(), &log);
    drop(naive.spawn(play(program.clone(), &world)));
    let result = naive.run();
    drop(naive.0.tasks.take());
    (result, in_any_order_at_the_end(log.take()))
}

/// In which order a loop drops the tasks that are left is nobody's business.
fn in_any_order_at_the_end(mut log: Vec<Entry>) -> Vec<Entry> {
    let last = log.iter().rposition(|entry| entry.2 != What::Dropped);
    log[last.map_or(0, |last| last + 1)..].sort();
    log
}

/// What differs, if anything does.
fn difference(program: &Script, is_broken: bool) -> Option<String> {
    let (ours, naive) = (on_ours(program), on_naive(program, is_broken));
    if ours.0 != naive.0 {
        return Some(format!("it ends: {:?}, but naively {:?}", ours.0, naive.0));
    }
    let entries = ours.1.iter().zip(&naive.1).enumerate();
    let first = entries.into_iter().find(|(_, (ours, naive))| ours != naive);
    if let Some((i, (ours, naive))) = first {
        return Some(format!("entry {i}: {ours:?}, but naively {naive:?}"));
    }
    let (ours, naive) = (ours.1.len(), naive.1.len());
    (ours != naive).then(|| format!("{ours} entries, but naively {naive}"))
}

/// Cuts a program that fails down to one that could not be smaller.
fn shrink(mut program: Script, is_broken: bool) -> Script {
    loop {
        let mut candidates = smaller(&program).into_iter();
        match candidates.find(|smaller| difference(smaller, is_broken).is_some()) {
            Some(smaller) => program = smaller,
            None => return program,
        }
    }
}

fn compare(seeds: std::ops::Range<u64>) {
    let mut ends = [0; 3];
    let mut entries = 0;
    for seed in seeds.clone() {
        let program = Generator::program(seed);
        if difference(&program, false).is_some() {
            let least = shrink(program, false);
            let difference = difference(&least, false).unwrap();
            panic!("seed {seed}: {difference}\nin {least:#?}");
        }
        let (result, log) = on_naive(&program, false);
        ends[result.map_or_else(|end| 1 + usize::from(end == "stuck"), |()| 0)] += 1;
        entries += log.len();
    }
    println!("seeds {seeds:?}: [done, panicked, stuck] {ends:?}, {entries} entries");
    // The programs are worth their name.
    let count = (seeds.end - seeds.start) as usize;
    assert!(ends.into_iter().all(|end| end > count / 100), "{ends:?}");
    assert!(entries > 10 * count, "{entries} entries");
}

#[test]
fn two_thousand_programs_do_as_on_the_naive_executor() {
    compare(0..2_000);
}

#[test]
#[ignore = "takes a minute"]
fn a_hundred_thousand_programs_do_as_on_the_naive_executor() {
    compare(2_000..102_000);
}

#[test]
fn a_wrong_executor_is_found_out_and_the_program_is_small() {
    let found = (0..2_000)
        .map(Generator::program)
        .find(|program| difference(program, true).is_some());
    let least = shrink(found.expect("a program that shows it"), true);
    // Two sleeps that are due together, and what it takes to have two.
    assert!(size(&least) <= 6, "{least:#?}");
    assert!(difference(&least, false).is_none());
}
