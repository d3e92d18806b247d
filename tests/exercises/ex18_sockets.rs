//! Exercise 18: sockets. The page is docs/exercises/18-sockets.md.
//! Run it: cargo test --test ex18
//!
//! Your code is in src/: see the page.
#![cfg(unix)]

mod support;

use demitasse::{EventKind, gather, instrument, now, readable, sleep, spawn, writable, yield_now};
use std::cell::Cell;
use std::fs;
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::pin::{Pin, pin};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};
use support::{Asked, ask, seconds};

// ---- a client, on top of `readable` and `writable` ------------------------------------------

/// Sends a request, and gives what the server answers.
async fn fetch(server: SocketAddr, path: &str) -> io::Result<String> {
    // To connect holds the thread for one round trip. On loopback that is some microseconds.
    let mut stream = TcpStream::connect(server)?;
    stream.set_nonblocking(true)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: loopback\r\nConnection: close\r\n\r\n");
    let mut rest = request.as_bytes();
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(sent) => rest = &rest[sent..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => writable(&stream).await,
            Err(error) => return Err(error),
        }
    }
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => readable(&stream).await,
            Err(error) => return Err(error),
        }
    }
    let answer = String::from_utf8(answer).map_err(io::Error::other)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.starts_with("HTTP/1.1 200 ") {
        true => Ok(body.to_string()),
        false => Err(io::Error::other(head.to_string())),
    }
}

// ---- a server, on threads -------------------------------------------------------------------

/// Answers each request when its delay is over, and when `together` requests are there. Counts the
/// connections that it has accepted.
fn serve(delay: Duration, together: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let (sender, receiver) = mpsc::channel();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::Relaxed);
            let Some(path) = read_request(&stream) else {
                continue;
            };
            if sender.send((Instant::now() + delay, stream, path)).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        let mut early = Vec::new();
        // If nobody else comes, those that are there are told that they were too few.
        while early.len() < together {
            match receiver.recv_timeout(Duration::from_secs(5)) {
                Ok(request) => early.push(request),
                Err(_) => break,
            }
        }
        let status = match early.len() < together {
            true => format!("503 only {} of {together} at once", early.len()),
            false => "200 OK".to_string(),
        };
        for (due, mut stream, path) in early.into_iter().chain(receiver.iter()) {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let body = format!("Data from {path}");
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
    (address, accepted)
}

/// The path of a request.
fn read_request(mut stream: &TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
    let request = String::from_utf8(request).ok()?;
    request.split(' ').nth(1).map(str::to_string)
}

/// The two ends of a connection.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let client = TcpStream::connect(listener.local_addr().expect("it has an address"));
    let (server, _) = listener.accept().expect("somebody connects");
    let client = client.expect("it connects");
    client
        .set_nonblocking(true)
        .expect("a socket can be non-blocking");
    (client, server)
}

fn turns(asked: &Asked) -> usize {
    asked.count(|kind| matches!(kind, EventKind::TurnStarted { .. }))
}

/// Whether a future is ready in time.
async fn in_time(limit: Duration, future: impl Future) -> bool {
    let (mut future, mut limit) = (pin!(future), pin!(sleep(limit)));
    poll_fn(|cx| {
        if future.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        limit.as_mut().poll(cx).map(|()| false)
    })
    .await
}

// ---- the tests ------------------------------------------------------------------------------

#[test]
fn step1_what_is_there_can_be_read() {
    let asked = ask("A socket on which data has come is readable, and one with room is writable.");
    asked.run_for_real(async {
        let (mut client, mut server) = pair();
        writable(&client).await;
        server.write_all(b"espresso").unwrap();
        readable(&client).await;
        let mut buffer = [0; 100];
        assert_eq!(
            client.read(&mut buffer).expect("it is readable"),
            8,
            "bytes that can be read"
        );
    });

    // A pipe, for which Linux says nothing but that the other end is gone: no data can be read.
    let asked = ask("What has come to its end is readable, for one who reads must hear of it.");
    let (reader, writer) = io::pipe().expect("two files can be opened");
    drop(writer);
    asked.run_for_real(readable(&reader));
}

#[test]
fn step2_the_loop_sleeps_in_the_kernel() {
    let asked = ask("A loop that waits for a socket sleeps until data comes: it does not spin.");
    if is_other_process("EX18_SIGNAL") {
        return a_signal_comes(&asked);
    }
    let (mut client, mut server) = pair();
    let writer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        server.write_all(b"espresso").unwrap();
        server
    });
    asked.run_for_real(async {
        readable(&client).await;
        let mut buffer = [0; 100];
        assert_eq!(
            client.read(&mut buffer).expect("it is readable"),
            8,
            "bytes that can be read"
        );
    });
    writer.join().unwrap();
    let turns = turns(&asked);
    assert!(turns <= 5, "{turns} turns of the loop: it did not sleep");
    in_another_process("step2_the_loop_sleeps_in_the_kernel", "EX18_SIGNAL", "");
}

/// A signal ends the sleep in the kernel with an error that is none. This one is `SIGBUS`, for which
/// Rust has a handler that does nothing the first time, if it comes from outside.
fn a_signal_comes(asked: &Asked) {
    // The number of this thread, by which the kernel knows whom the signal is for. On Linux only.
    let Ok(this_thread) = fs::read_link("/proc/thread-self") else {
        return;
    };
    let (mut client, mut server) = pair();
    let writer = thread::spawn(move || {
        wait_for_sleep(&this_thread);
        let number = this_thread.file_name().unwrap_or_default();
        let script = "sleep 0.1; kill -BUS \"$0\" && echo sent";
        let mut shell = Command::new("sh");
        shell
            .args(["-c", script])
            .arg(number)
            .stdout(Stdio::piped());
        let mut shell = shell.spawn().expect("there is a shell");
        let mut said = String::new();
        // It is awaited only later: a thread that awaits a process looks for signals, and could take
        // this one.
        let pipe = shell.stdout.as_mut().expect("it was asked for");
        pipe.read_to_string(&mut said).unwrap();
        assert_eq!(said, "sent\n", "what becomes of the signal");
        wait_for_sleep(&this_thread);
        shell.wait().unwrap();
        server.write_all(b"espresso").unwrap();
        server
    });
    asked.run_for_real(readable(&client));
    let read = client.read(&mut [0; 100]).unwrap();
    assert_eq!(read, 8, "bytes that can be read after a signal");
    writer.join().unwrap();
}

/// Waits until a thread has slept for a while, as the kernel tells it, but not for ever: a loop that
/// spins never sleeps, and is judged elsewhere. However busy the machine is, a signal then meets a
/// loop that sleeps, and data do not come before it has met the signal.
fn wait_for_sleep(thread: &Path) {
    let stat = Path::new("/proc").join(thread).join("stat");
    let mut asleep = 0;
    for _ in 0..1500 {
        thread::sleep(Duration::from_millis(10));
        let state = fs::read_to_string(&stat).unwrap_or_default();
        let is_asleep = state
            .rsplit(") ")
            .next()
            .is_some_and(|s| s.starts_with('S'));
        asleep = if is_asleep { asleep + 1 } else { 0 };
        if asleep == 10 {
            return;
        }
    }
}

/// Runs a step once more, in a process with this variable and other limits: they are a process's,
/// and a shell can change them for another one.
fn in_another_process(step: &str, variable: &str, limits: &str) {
    let child = Command::new("sh")
        .args(["-c", &format!("{limits} exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().expect("this program has a name"))
        .args(["--exact", step, "--test-threads=1", "--nocapture"])
        .env(variable, "1")
        .output()
        .expect("there is a shell");
    if !child.status.success() {
        let said = [child.stdout, child.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let found = said.split_once("found:\n").map_or(&*said, |(_, rest)| rest);
        let found = found.split("\n\n").next().unwrap_or_default();
        panic!("in a process of its own:\n{found}");
    }
}

/// Whether this is the process with this variable.
fn is_other_process(variable: &str) -> bool {
    std::env::var_os(variable).is_some()
}

#[test]
fn step3_timers_beside_a_silent_socket() {
    let asked = ask("While one task waits for a socket, others sleep, and wake in time.");
    let (client, _server) = pair();
    asked.run_for_real(async {
        let silent = readable(&client);
        let sleeps = async {
            // The last is less than what `poll` can count.
            for time in [[0.01; 5], [0.002; 5], [0.0009; 5]].concat() {
                let start = now();
                sleep(seconds(time)).await;
                assert!(now() - start >= seconds(time), "a sleep ended early");
            }
        };
        let (mut silent, mut sleeps) = (pin!(silent), pin!(sleeps));
        poll_fn(|cx| {
            assert!(
                silent.as_mut().poll(cx).is_pending(),
                "nobody wrote to this socket"
            );
            sleeps.as_mut().poll(cx)
        })
        .await;
    });
    let turns = turns(&asked);
    assert!(turns <= 50, "{turns} turns of the loop: it did not sleep");
}

#[test]
fn step4_a_wake_from_another_thread() {
    let asked = ask("A loop that sleeps for a socket is woken by another thread's waker.");
    let (client, _server) = pair();
    asked.run_for_real(async {
        let silent = async { readable(&client).await };
        let wake = || {
            let mut is_started = false;
            let (sender, receiver) = mpsc::channel();
            poll_fn(move |cx| {
                if is_started {
                    return match receiver.try_recv() {
                        Ok(()) => Poll::Ready(()),
                        Err(_) => Poll::Pending,
                    };
                }
                is_started = true;
                let (waker, sender) = (cx.waker().clone(), sender.clone());
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(50));
                    sender.send(()).unwrap();
                    waker.wake();
                });
                Poll::Pending
            })
        };
        let woken = async {
            // What wakes the loop once need not do it twice.
            for _ in 0..3 {
                wake().await;
            }
            sleep(seconds(0.05)).await;
        };
        let (mut silent, mut woken) = (pin!(silent), pin!(woken));
        poll_fn(|cx| {
            assert!(
                silent.as_mut().poll(cx).is_pending(),
                "nobody wrote to this socket"
            );
            woken.as_mut().poll(cx)
        })
        .await;
    });
    let turns = turns(&asked);
    assert!(turns <= 10, "{turns} turns of the loop: it did not sleep");
}

#[test]
fn step5_room_to_write() {
    let asked = ask("A socket whose buffers are full is not writable until the other end reads.");
    if is_other_process("EX18_LOWERED") {
        return many_wait_for_one_socket(&asked);
    }
    let (mut client, mut server) = pair();
    asked.run_for_real(async {
        let block = vec![7; 64 * 1024];
        let mut sent = 0;
        loop {
            match client.write(&block) {
                Ok(bytes) => sent += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(
            !in_time(seconds(0.02), writable(&client)).await,
            "writable, but there is no room"
        );
        let reader = thread::spawn(move || {
            let mut received = 0;
            let mut block = [0; 64 * 1024];
            while received < sent {
                received += server.read(&mut block).unwrap();
            }
            server
        });
        writable(&client).await;
        reader.join().unwrap();
    });

    // Some wait to read and some to write, all on one socket.
    let (mut client, mut server) = pair();
    asked.run_for_real(async {
        let block = vec![7; 64 * 1024];
        while client.write(&block).is_ok() {}
        let waits = (0..4).map(|n| match n % 2 {
            0 => Box::pin(readable(&client)) as Pin<Box<dyn Future<Output = ()>>>,
            _ => Box::pin(writable(&client)),
        });
        let all = gather(waits);
        let other_end = thread::spawn(move || {
            server.write_all(b"espresso").unwrap();
            let timeout = Some(Duration::from_millis(100));
            server.set_read_timeout(timeout).unwrap();
            while server.read(&mut [0; 64 * 1024]).is_ok() {}
            server
        });
        all.await;
        other_end.join().unwrap();
    });
    let _asked = ask("200 tasks may wait for one socket, where 100 files may be open.");
    in_another_process("step5_room_to_write", "EX18_LOWERED", "ulimit -n 100;");
}

/// More tasks than this process may have open files.
fn many_wait_for_one_socket(asked: &Asked) {
    let (client, mut server) = pair();
    let writer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        server.write_all(b"espresso").unwrap();
        server
    });
    asked.run_for_real(gather((0..200).map(|_| readable(&client))));
    writer.join().unwrap();
}

#[test]
fn step6_a_busy_loop_hears_the_network() {
    let asked = ask("A task that yields for ever keeps no other from its socket.");
    let (client, mut server) = pair();
    asked.run_for_real(async {
        let is_done = Cell::new(false);
        server.write_all(b"espresso").unwrap();
        let reads = async {
            readable(&client).await;
            is_done.set(true);
        };
        let yields = async {
            for _ in 0..100_000 {
                if is_done.get() {
                    return;
                }
                yield_now().await;
            }
            panic!("100,000 turns, and nobody asked whether the socket is readable");
        };
        let (mut reads, mut yields) = (pin!(reads), pin!(yields));
        poll_fn(|cx| {
            if !is_done.get() {
                let _ = reads.as_mut().poll(cx);
            }
            yields.as_mut().poll(cx)
        })
        .await;
    });
}

#[test]
fn step7_who_gives_up_is_forgotten() {
    let asked = ask(
        "A `readable` that is dropped is forgotten. Of one that waits the latest waker counts.",
    );
    let (client, mut server) = pair();
    asked.run_for_real(async {
        let mut waits = asked.by_hand("readable", readable(&client));
        assert!(waits.poll().is_pending(), "nobody wrote");
        let first = waits.change_task();
        assert!(waits.poll().is_pending(), "nobody wrote");
        let second = waits.change_task();
        assert!(
            !first.is_kept(),
            "the waker of a poll that was not the last is kept"
        );
        drop(waits);
        assert!(!second.is_kept(), "it is dropped, and its waker is kept");

        // One task polls it, and another one awaits it.
        let mut waits = Box::pin(readable(&client));
        let polled = asked.by_hand("readable", waits.as_mut()).poll();
        assert!(polled.is_pending(), "nobody wrote");
        server.write_all(b"espresso").unwrap();
        waits.await;
        let read = (&client).read(&mut [0; 100]).unwrap();
        assert_eq!(read, 8, "bytes that can be read");
    });

    let asked = ask("Polled in another loop, a `readable` waits there.");
    let mut waits = Box::pin(readable(&client));
    asked.run_for_real(async {
        let polled = asked.by_hand("readable", waits.as_mut()).poll();
        assert!(polled.is_pending(), "nobody wrote");
    });
    server.write_all(b"espresso").unwrap();
    asked.run_for_real(waits);
}

/// The article's two programs: two fetches that each take 0.3 s.
#[test]
fn step8_two_fetches() {
    let asked = ask("Over real HTTP: one after the other 2 × 0.3 s, gathered 0.3 s.");
    let delay = Duration::from_millis(300);
    let (server, _) = serve(delay, 0);
    let expected = ["Data from /endpoint-a", "Data from /endpoint-b"];

    let start = Instant::now();
    let data = asked.run_for_real(async {
        let a = instrument("Endpoint A", fetch(server, "/endpoint-a"))
            .await
            .unwrap();
        let b = instrument("Endpoint B", fetch(server, "/endpoint-b"))
            .await
            .unwrap();
        [a, b]
    });
    let in_sequence = start.elapsed();
    assert_eq!(data, expected);
    assert!(
        in_sequence >= 2 * delay,
        "the server waits for 0.3 s twice: {in_sequence:?}"
    );

    let start = Instant::now();
    let data = asked.run_for_real(async {
        let a = instrument("Endpoint A", fetch(server, "/endpoint-a"));
        let b = instrument("Endpoint B", fetch(server, "/endpoint-b"));
        gather([a, b]).await
    });
    let gathered = start.elapsed();
    let data: Vec<_> = data.into_iter().map(Result::unwrap).collect();
    assert_eq!(data, expected);
    assert!(
        gathered >= delay,
        "the server waits for 0.3 s: {gathered:?}"
    );
    assert!(
        gathered < 2 * delay,
        "they did not wait at the same time: {gathered:?}"
    );
}

/// How many connections this process may have open, if both ends of each are its own.
fn connections() -> usize {
    let limit = Command::new("sh").args(["-c", "ulimit -n"]).output();
    let limit = String::from_utf8(limit.expect("there is a shell").stdout).unwrap_or_default();
    // "unlimited" is no number.
    let files: usize = limit.trim().parse().unwrap_or(usize::MAX);
    (files.saturating_sub(100) / 2).min(2000)
}

#[test]
fn step9_two_thousand_at_once() {
    let asked =
        ask("2,000 connections at once, on one thread: the server has all before it answers.");
    let number = connections();
    if number < 2000 && !is_other_process("EX18_RAISED") {
        let raise = "ulimit -n 4200 2>/dev/null || ulimit -n $(ulimit -H -n);";
        return in_another_process("step9_two_thousand_at_once", "EX18_RAISED", raise);
    }
    let (server, accepted) = serve(Duration::from_millis(100), number);
    let data = asked.run_for_real(async {
        let fetches = (0..number).map(|n| {
            let accepted = Arc::clone(&accepted);
            spawn(async move {
                // Where very many knock at once the kernel lets some of them wait for seconds.
                while n > accepted.load(Ordering::Relaxed) + 50 {
                    thread::sleep(Duration::from_millis(1));
                }
                fetch(server, &format!("/{n}")).await
            })
        });
        let fetches: Vec<_> = fetches.collect();
        gather(fetches).await
    });
    for (n, data) in data.into_iter().enumerate() {
        assert_eq!(data.unwrap().unwrap(), format!("Data from /{n}"));
    }
}
