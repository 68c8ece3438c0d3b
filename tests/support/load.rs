//! A strict load generator: it counts every answer by version and never retries a request.
//!
//! A request has *failed* when anything but a complete `200` with an `X-Version` came back, from the first
//! attempt to connect on. One event is not a failure, because HTTP/1.1 allows it at any time and no request is
//! lost by it: the server closed a kept-alive connection while it was idle. It is recognised by an end of file
//! *before* the first byte of a request is written; then the request goes out on a new connection, and
//! [`Report::idle_closes`] counts it. An end of file that arrives after that look counts as a failure, as does
//! a reset at any time.

#![allow(dead_code, unreachable_pub, reason = "every test takes the part that it needs")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long connecting, each read and each write may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How far behind its schedule a worker may be before it gives up the missed requests. So a server that hangs
/// for a while is not answered with a burst.
const MAX_LAG: Duration = Duration::from_millis(100);
/// How many failures a report spells out.
const KEPT_FAILURES: usize = 20;
/// The largest answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// How connections are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Each worker keeps one connection, and gives it up after `requests_per_connection` or when told to.
    KeepAlive,
    /// Each request has a connection of its own.
    Fresh,
}

/// What to send, and how much of it.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Loopback, or inside 10.0.0.0/8; anything else panics.
    pub address: SocketAddr,
    /// What the requests say in `Host`; `None` is the address.
    pub host: Option<String>,
    /// A header line that they have besides, without its end.
    pub header: Option<&'static str>,
    /// How connections are used.
    pub mode: Mode,
    /// Threads, each with at most one request in flight; at least 1.
    pub workers: u8,
    /// Requests per second of all workers together; 1 to 20,000. A slow server lowers the true rate.
    pub rate_per_second: u32,
    /// After how many seconds the load ends by itself; at most 600.
    pub max_seconds: u64,
    /// After how many requests a kept-alive connection is closed, so that balancers get to choose again.
    pub requests_per_connection: u32,
}

/// What came of the load.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Requests that were made: the sum of `by_version` and `failed_count`.
    pub requests: u64,
    /// The first failures: when, on which connection, what.
    pub failed: Vec<String>,
    /// All failures.
    pub failed_count: u64,
    /// Answers by their `X-Version`.
    pub by_version: BTreeMap<String, u64>,
    /// Kept-alive connections that the server closed while they were idle.
    pub idle_closes: u64,
    /// From the start to the end of the load, or to now.
    pub seconds: f64,
    /// The slowest request, connecting included, in milliseconds.
    pub longest_ms: u64,
}

impl Report {
    /// The true rate.
    pub fn requests_per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let requests = self.requests as f64;
        requests / self.seconds
    }
}

/// A running load. It ends with [`Load::stop`], by being dropped, or after `max_seconds`.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    options: LoadOptions,
    started: Instant,
    stop: AtomicBool,
    totals: Mutex<Totals>,
}

#[derive(Debug, Default)]
struct Totals {
    report: Report,
    /// `by_version` since the last snapshot.
    phase: BTreeMap<String, u64>,
}

impl Load {
    /// Starts to send.
    pub fn start(options: LoadOptions) -> Self {
        let allowed = match options.address.ip() {
            IpAddr::V4(ip) => ip.is_loopback() || ip.octets()[0] == 10,
            IpAddr::V6(ip) => ip.is_loopback(),
        };
        assert!(allowed, "no load to {}: neither loopback nor in 10.0.0.0/8", options.address);
        assert!(options.max_seconds <= 600, "load for more than 600 s");
        assert!(options.workers > 0, "no workers");
        assert!((1..=20_000).contains(&options.rate_per_second), "1 to 20,000 requests per second");
        let workers = options.workers;
        let shared = Arc::new(Shared {
            options,
            started: Instant::now(),
            stop: AtomicBool::new(false),
            totals: Mutex::default(),
        });
        let work = |number| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.work(number))
        };
        Self { workers: (0..workers).map(work).collect(), shared }
    }

    /// Answers by version since the last snapshot, or since the start: the share within a phase.
    pub fn snapshot(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.shared.totals().phase)
    }

    /// Everything so far.
    pub fn report(&self) -> Report {
        let mut report = self.shared.totals().report.clone();
        report.seconds = self.shared.started.elapsed().as_secs_f64();
        report
    }

    /// The true rate so far.
    pub fn requests_per_second(&self) -> f64 {
        self.report().requests_per_second()
    }

    /// Lets the requests in flight end and reports.
    pub fn stop(mut self) -> Report {
        self.shared.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            worker.join().expect("a worker panicked");
        }
        let mut report = self.report();
        let limit = Duration::from_secs(self.shared.options.max_seconds).as_secs_f64();
        report.seconds = report.seconds.min(limit);
        report
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().expect("a worker panicked")
    }

    fn work(&self, number: u8) {
        let (number, workers) = (u32::from(number), u32::from(self.options.workers));
        let turn = Duration::from_secs(1) / self.options.rate_per_second;
        let mut client = Client::new(self.options.clone());
        let mut due = self.started + turn * number;
        while self.wait_until(due) {
            let begun = Instant::now();
            due = if begun > due + MAX_LAG { begun } else { due } + turn * workers;
            let outcome = client.request();
            let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let mut totals = self.totals();
            let Totals { report, phase } = &mut *totals;
            report.requests += 1;
            report.longest_ms = report.longest_ms.max(took);
            report.idle_closes += u64::from(std::mem::take(&mut client.found_closed));
            match outcome {
                Ok(version) => {
                    *phase.entry(version.clone()).or_default() += 1;
                    *report.by_version.entry(version).or_default() += 1;
                }
                Err(error) => {
                    report.failed_count += 1;
                    if report.failed.len() < KEPT_FAILURES {
                        let at = (begun - self.started).as_secs_f64();
                        let nth = client.used;
                        report.failed.push(format!(
                            "{at:.3} s, {took} ms, worker {number}, request {nth} of its connection: {error}"
                        ));
                    }
                    client.connection = None;
                }
            }
        }
    }

    /// Whether there is still a request to make at that time.
    fn wait_until(&self, due: Instant) -> bool {
        let end = self.started + Duration::from_secs(self.options.max_seconds);
        loop {
            let now = Instant::now();
            if now >= end || self.stop.load(Ordering::Relaxed) {
                return false;
            }
            if due <= now {
                return true;
            }
            std::thread::sleep((due - now).min(Duration::from_millis(50)));
        }
    }
}

/// One worker's side of HTTP/1.1.
struct Client {
    options: LoadOptions,
    connection: Option<TcpStream>,
    /// Requests written to the connection, the present one included.
    used: u32,
    /// Whether the connection turned out to be closed before the present request.
    found_closed: bool,
}

impl Client {
    fn new(options: LoadOptions) -> Self {
        Self { options, connection: None, used: 0, found_closed: false }
    }

    /// Makes one request and returns the version that answered. After an error the connection is spoilt.
    fn request(&mut self) -> Result<String, String> {
        if let Some(connection) = &self.connection
            && is_closed(connection)?
        {
            self.found_closed = true;
            self.connection = None;
        }
        let mut connection = if let Some(connection) = self.connection.take() {
            connection
        } else {
            self.used = 0;
            connect(self.options.address).map_err(|error| format!("connect: {error}"))?
        };
        self.used += 1;
        let last = self.options.mode == Mode::Fresh || self.used >= self.options.requests_per_connection;
        let host = self.options.host.clone().unwrap_or_else(|| self.options.address.to_string());
        let header = self.options.header.map_or_else(String::new, |line| format!("{line}\r\n"));
        let close = if last { "Connection: close\r\n" } else { "" };
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{header}{close}\r\n");
        connection.write_all(request.as_bytes()).map_err(|error| format!("write: {error}"))?;
        let answer = Answer::read(&mut connection)?;
        if answer.status != 200 {
            return Err(format!("status {}", answer.status));
        }
        if answer.close || last {
            // Whoever closes first holds the port for a while: let that be the server. How it closes does not
            // matter to an answered request.
            drop(connection.read(&mut [0]));
        } else {
            self.connection = Some(connection);
        }
        answer.version.ok_or_else(|| "an answer without X-Version".to_owned())
    }
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let connection = TcpStream::connect_timeout(&address, TIMEOUT)?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_write_timeout(Some(TIMEOUT))?;
    Ok(connection)
}

/// Whether the server closed an idle connection. That it sent or broke something instead is an error.
fn is_closed(connection: &TcpStream) -> Result<bool, String> {
    let look = || {
        connection.set_nonblocking(true)?;
        let seen = connection.peek(&mut [0]);
        connection.set_nonblocking(false)?;
        seen
    };
    match look() {
        Ok(0) => Ok(true),
        Ok(_) => Err("idle connection: bytes that nobody asked for".to_owned()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(format!("idle connection: {error}")),
    }
}

/// The parts of an answer that matter here.
struct Answer {
    status: u16,
    version: Option<String>,
    /// Whether the server is going to close the connection.
    close: bool,
}

impl Answer {
    /// Reads one complete answer, and not a byte more.
    fn read(connection: &mut TcpStream) -> Result<Self, String> {
        let mut bytes = Vec::with_capacity(1024);
        let (head_end, answer, length) = loop {
            receive(connection, &mut bytes)?;
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let (answer, length) = Self::parse(&String::from_utf8_lossy(&bytes[..end]))?;
                break (end + 4, answer, length);
            }
        };
        while bytes.len() < head_end + length {
            receive(connection, &mut bytes)?;
        }
        if bytes.len() > head_end + length {
            return Err(format!("{} bytes after the answer", bytes.len() - head_end - length));
        }
        Ok(answer)
    }

    /// The answer and the length of its body in bytes, from the lines before the body.
    fn parse(head: &str) -> Result<(Self, usize), String> {
        let mut lines = head.lines();
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
        let status = status.ok_or_else(|| format!("not a status line: {status_line:?}"))?;
        let close = status_line.starts_with("HTTP/1.0");
        let mut answer = Self { status, close, version: None };
        let mut length = None;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("x-version") {
                answer.version = Some(value.to_owned());
            } else if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().ok();
            } else if name.eq_ignore_ascii_case("connection") {
                answer.close |= value.split(',').any(|token| token.trim().eq_ignore_ascii_case("close"));
            }
        }
        Ok((answer, length.ok_or_else(|| format!("status {status} without a Content-Length"))?))
    }
}

/// Adds what has arrived to `bytes`.
fn receive(connection: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<(), String> {
    let mut chunk = [0; 2048];
    match connection.read(&mut chunk) {
        Ok(0) => Err(format!("closed after {} bytes of the answer", bytes.len())),
        Ok(_) if bytes.len() > MAX_ANSWER => Err("the answer is too large".to_owned()),
        Ok(count) => {
            bytes.extend_from_slice(&chunk[..count]);
            Ok(())
        }
        Err(error) => Err(format!("read, after {} bytes of the answer: {error}", bytes.len())),
    }
}
