//! Shows that the load generator hides nothing and that each fault of the proxy is what it says.

#![allow(missing_docs, reason = "a test")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/load.rs"]
mod load;
#[path = "support/proxy.rs"]
mod proxy;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::sleep;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, WatchEvent, WatchParams};
use kube::config::{Config, KubeConfigOptions, Kubeconfig};

use load::{Load, LoadOptions, Mode, Report};
use proxy::{Fault, Proxy, Rule, Seen, When};

const PAGE: &str = "HTTP/1.1 200 OK\r\nX-Version: v1\r\nContent-Length: 3\r\n\r\nhi\n";
const LAST_PAGE: &str =
    "HTTP/1.1 200 OK\r\nX-Version: v1\r\nContent-Length: 3\r\nConnection: close\r\n\r\nhi\n";

/// Starts a server that hands each connection, with its number from 0, to `serve` on a thread of its own.
fn server(serve: impl Fn(u64, TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for (number, stream) in (0..).zip(listener.incoming()) {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(number, stream.unwrap()));
        }
    });
    address
}

/// The next request of a connection, if there is one.
fn receive(stream: &mut TcpStream) -> Option<String> {
    let mut request = String::new();
    let mut byte = [0];
    while !request.ends_with("\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        request.push(char::from(byte[0]));
    }
    let length = header(&request, "content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(request + str::from_utf8(&body).unwrap())
}

fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = message.lines().filter_map(|line| line.split_once(": "));
    headers.find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
}

fn options(address: SocketAddr, mode: Mode) -> LoadOptions {
    let (workers, rate_per_second, max_seconds) = (4, 200, 10);
    LoadOptions {
        address,
        host: None,
        header: None,
        mode,
        workers,
        rate_per_second,
        max_seconds,
        requests_per_connection: 10,
    }
}

/// Waits until it is so, for at most 10 s.
fn wait_until(mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() && begun.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(5));
    }
}

/// The report of a load that ends when it is `enough`.
fn load(options: LoadOptions, enough: impl Fn(&Report) -> bool) -> Report {
    let load = Load::start(options);
    wait_until(|| enough(&load.report()));
    let report = load.stop();
    assert!(enough(&report), "{report:?}");
    assert_eq!(report.requests, report.failed_count + report.by_version.values().sum::<u64>());
    assert!(report.failed.len() <= 20);
    report
}

/// A server whose even connections are answered by v1 and whose odd ones by v2, and its count of connections.
fn two_versions() -> (SocketAddr, Arc<AtomicU64>) {
    let connections = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&connections);
    let address = server(move |number, mut stream| {
        count.fetch_add(1, Ordering::SeqCst);
        let page = PAGE.replace("v1", if number % 2 == 0 { "v1" } else { "v2" });
        while let Some(request) = receive(&mut stream) {
            stream.write_all(page.as_bytes()).unwrap();
            if header(&request, "connection") == Some("close") {
                return;
            }
        }
    });
    (address, connections)
}

#[test]
fn load_counts_versions_and_keeps_to_its_limits() {
    for (mode, requests_per_connection) in [(Mode::KeepAlive, 10), (Mode::Fresh, 1)] {
        let (address, connections) = two_versions();
        let load = Load::start(LoadOptions { max_seconds: 1, ..options(address, mode) });
        sleep(Duration::from_millis(500));
        let first = load.snapshot();
        sleep(Duration::from_millis(700));
        let second = load.snapshot();
        assert!(load.snapshot().is_empty());
        let report = load.stop();
        assert_eq!((report.failed_count, report.idle_closes), (0, 0), "{report:?}");
        assert!((100.0..=204.0).contains(&report.requests_per_second()), "{report:?}");
        for version in ["v1", "v2"] {
            assert!(report.by_version[version] * 3 > report.requests, "{report:?}");
            assert_eq!(first[version] + second[version], report.by_version[version]);
        }
        let fewest = report.requests.div_ceil(requests_per_connection);
        // Each of the four workers has one connection that is not used up.
        assert!((fewest..fewest + 4).contains(&connections.load(Ordering::SeqCst)), "{report:?}");
    }
}

#[test]
fn load_reports_every_kind_of_failure() {
    /// What a server does with a connection.
    type Serve = fn(&mut TcpStream);
    let failures: [(&str, Serve); 10] = [
        // Closing with unread bytes is a reset.
        ("reset by peer", |stream| stream.read_exact(&mut [0]).unwrap()),
        ("closed after 0 bytes", |stream| drop(receive(stream))),
        ("closed after 55 bytes", |stream| respond(stream, &PAGE[..55])),
        ("status 503", |stream| respond(stream, &PAGE.replace("200 OK", "503 Unavailable"))),
        ("without X-Version", |stream| respond(stream, &PAGE.replace("X-Version", "X-Other"))),
        ("without a Content-Length", |stream| respond(stream, &PAGE.replace("Content-Length", "X-Other"))),
        ("not a status line", |stream| respond(stream, "SSH-2.0\r\n\r\n")),
        ("1 bytes after the answer", |stream| respond(stream, &(PAGE.to_owned() + "!"))),
        // Not asked for, and so at any time.
        ("bytes that nobody asked for|bytes after the answer|status 408", |stream| {
            respond(stream, PAGE);
            sleep(Duration::from_millis(5));
            stream.write_all(b"HTTP/1.1 408 Too Slow\r\nContent-Length: 0\r\n\r\n").unwrap_or_default();
            sleep(Duration::from_millis(100));
        }),
        ("reset by peer", |stream| {
            respond(stream, PAGE);
            sleep(Duration::from_millis(5));
            reset(stream);
        }),
    ];
    for (what, serve) in failures {
        // Every third connection fails.
        let address = server(move |number, mut stream| {
            if number % 3 == 1 {
                serve(&mut stream);
            } else {
                respond(&mut stream, LAST_PAGE);
            }
        });
        let report = load(options(address, Mode::KeepAlive), |report| {
            report.failed_count >= 3 && report.by_version.get("v1") > Some(&3)
        });
        let expected = |failure: &String| what.split('|').any(|what| failure.contains(what));
        assert!(report.failed.iter().all(expected), "{what}: {report:?}");
    }
}

fn respond(stream: &mut TcpStream, answer: &str) {
    receive(stream);
    // A worker that has seen enough closes.
    stream.write_all(answer.as_bytes()).unwrap_or_default();
}

/// Closes without time to linger.
fn reset(stream: &TcpStream) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let _inside = runtime.enter();
    stream.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(stream.try_clone().unwrap()).unwrap().set_zero_linger().unwrap();
}

#[test]
fn load_reports_who_cannot_be_reached_or_hangs() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report = load(options(free, Mode::Fresh), |report| report.failed_count > 20);
    assert_eq!(report.failed.len(), 20, "{report:?}");
    assert!(report.failed[0].contains("connect: Connection refused"), "{report:?}");

    let silent = server(|_, stream| {
        sleep(Duration::from_secs(60));
        drop(stream);
    });
    let once = LoadOptions { max_seconds: 1, ..options(silent, Mode::KeepAlive) };
    let report = load(once, |report| report.failed_count == 4);
    assert!((5_000..7_000).contains(&report.longest_ms), "{report:?}");
}

#[test]
fn load_forgives_only_the_close_of_an_idle_connection() {
    // So slow that the close is always there before the next request.
    let slow = |address| LoadOptions { workers: 1, rate_per_second: 2, ..options(address, Mode::KeepAlive) };
    let enough = |report: &Report| report.requests >= 4;
    let closes = server(|_, mut stream| respond(&mut stream, PAGE));
    let report = load(slow(closes), enough);
    assert!(report.failed_count == 0 && report.idle_closes == report.requests - 1, "{report:?}");

    let says_so = server(|_, mut stream| respond(&mut stream, LAST_PAGE));
    let report = load(slow(says_so), enough);
    assert!(report.failed_count == 0 && report.idle_closes == 0, "{report:?}");
}

#[test]
#[should_panic(expected = "no load to 192.168.0.1:80")]
fn load_goes_to_no_foreign_address() {
    Load::start(options("192.168.0.1:80".parse().unwrap(), Mode::Fresh));
}

#[test]
#[should_panic(expected = "load for more than 600 s")]
fn load_has_an_end() {
    let address = "127.0.0.1:1".parse().unwrap();
    Load::start(LoadOptions { max_seconds: 601, ..options(address, Mode::Fresh) });
}

/// An API server in little, and a proxy in front of it.
struct Cluster {
    proxy: Proxy,
    dir: tempfile::TempDir,
    /// Where the API server is.
    address: SocketAddr,
    /// The requests that reached the API server.
    reached: Arc<Mutex<Vec<String>>>,
    /// How many times it got to the last bytes of `/slow`.
    answered: Arc<AtomicU64>,
    /// Each lets a watch send its second event and end.
    go_on: mpsc::Sender<()>,
}

impl Cluster {
    fn start() -> Self {
        let (go_on, wait) = mpsc::channel();
        let wait = Mutex::new(wait);
        let (reached, answered) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(AtomicU64::new(0)));
        let (requests, slow) = (Arc::clone(&reached), Arc::clone(&answered));
        let address = server(move |_, mut stream| {
            while let Some(request) = receive(&mut stream) {
                requests.lock().unwrap().push(request.clone());
                let path = request.split(' ').nth(1).unwrap();
                let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n";
                let rest = "3\r\ntwo\r\n0\r\n\r\n";
                if path.contains("watch=true") {
                    stream.write_all(head.as_bytes()).unwrap();
                    if wait.lock().unwrap().recv().is_err() {
                        return;
                    }
                    stream.write_all(rest.as_bytes()).unwrap_or_default();
                } else if path == "/slow" {
                    stream.write_all(head.as_bytes()).unwrap();
                    sleep(Duration::from_millis(200));
                    slow.fetch_add(1, Ordering::SeqCst);
                    stream.write_all(rest.as_bytes()).unwrap();
                } else {
                    let status = if path == "/busy" { "503 Busy" } else { "201 Created" };
                    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}");
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        let dir = tempfile::tempdir().unwrap();
        let proxy = Proxy::start(&kubeconfig(dir.path(), address, "{token: admin}"));
        Self { proxy, dir, address, reached, answered, go_on }
    }

    fn reached(&self) -> usize {
        self.reached.lock().unwrap().len()
    }

    /// Lets the next request fail.
    fn next(&self, fault: Fault) {
        self.proxy.clear();
        self.reached.lock().unwrap().clear();
        self.answered.store(0, Ordering::SeqCst);
        self.proxy.on(Rule { when: When::Index(1), times: 1, fault });
    }
}

/// Writes a kubeconfig for that user of the API server at that address.
fn kubeconfig(dir: &std::path::Path, address: SocketAddr, user: &str) -> std::path::PathBuf {
    let path = dir.join("admin.kubeconfig");
    let config = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u}}}}],
        clusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}], users: [{{name: u, user: {user}}}]}}"
    );
    std::fs::write(&path, config).unwrap();
    path
}

/// Writes a request to the proxy, which has 5 s for each part of the answer.
fn open(proxy: &Proxy, method: &str, path: &str, body: &str) -> TcpStream {
    let address = proxy.url().strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer tool\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// The whole answer, or how there was none.
fn finish(mut stream: TcpStream) -> Result<String, ErrorKind> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.kind())?;
    Ok(answer)
}

fn get(proxy: &Proxy, path: &str) -> Result<String, ErrorKind> {
    finish(open(proxy, "GET", path, ""))
}

/// Whether no answer comes for 500 ms, nor an end of the connection.
fn hangs(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    stream.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Reads until those bytes have come.
fn read_until(stream: &mut TcpStream, end: &str) {
    let mut read = String::new();
    while !read.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        read.push(char::from(byte[0]));
    }
}

#[test]
fn proxy_forwards_and_records() {
    let cluster = Cluster::start();
    let answer = finish(open(&cluster.proxy, "PATCH", "/apis/apps/v1?dryRun=All", "{\"a\":1}")).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n") && answer.ends_with("\r\n\r\n{}"), "{answer}");
    let request = cluster.reached.lock().unwrap()[0].clone();
    assert!(request.starts_with("PATCH /apis/apps/v1?dryRun=All HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
    assert_eq!(header(&request, "authorization"), Some("Bearer admin"));
    assert!(!request.contains(&cluster.proxy.url()[7..]), "{request}");

    // The tool's own credentials never count.
    let anonymous = Proxy::start(&kubeconfig(cluster.dir.path(), cluster.address, "{}"));
    get(&anonymous, "/pods").unwrap();
    assert_eq!(header(&cluster.reached.lock().unwrap()[1], "authorization"), None);

    // The API server's refusal is the tool's to retry.
    assert!(get(&cluster.proxy, "/busy").unwrap().starts_with("HTTP/1.1 503 "));
    assert_eq!(cluster.reached(), 3);
    let [first, second] = cluster.proxy.requests().try_into().unwrap();
    let Seen { index, method, path, query, body, status, watch, at } = first;
    assert_eq!((index, &*method, &*path, &*query), (1, "PATCH", "/apis/apps/v1", "dryRun=All"));
    assert_eq!((&*body, status, watch), (&b"{\"a\":1}"[..], Some(201), false));
    assert!(at < second.at && (second.index, second.status) == (2, Some(503)));
}

#[test]
fn proxy_streams_watches_until_they_are_cut() {
    let cluster = Cluster::start();
    let mut watch = open(&cluster.proxy, "GET", "/pods?watch=true&resourceVersion=5", "");
    read_until(&mut watch, "one\r\n");
    cluster.go_on.send(()).unwrap();
    assert_eq!(finish(watch).unwrap(), "3\r\ntwo\r\n0\r\n\r\n");
    assert!(cluster.proxy.requests()[0].watch);

    let mut watch = open(&cluster.proxy, "GET", "/pods?watch=true", "");
    read_until(&mut watch, "one\r\n");
    cluster.proxy.cut_all();
    assert_eq!(finish(watch), Err(ErrorKind::ConnectionReset));
    assert!(get(&cluster.proxy, "/pods").unwrap().ends_with("{}"));
}

#[test]
fn proxy_resets_when_the_api_server_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::start(&kubeconfig(dir.path(), free, "{}"));
    assert_eq!(get(&proxy, "/pods"), Err(ErrorKind::ConnectionReset));
    assert_eq!(proxy.requests()[0].status, None);
}

#[test]
fn proxy_picks_requests_by_index_and_by_predicate() {
    let cluster = Cluster::start();
    let fault = Fault::Status(404, None);
    cluster.proxy.on(Rule { when: When::Index(2), times: 1, fault: fault.clone() });
    let patch = When::matching(|seen| seen.method == "PATCH" && seen.body == b"x");
    cluster.proxy.on(Rule { when: patch, times: 2, fault });
    let status = |method, body| finish(open(&cluster.proxy, method, "/", body)).unwrap()[9..12].to_owned();
    let requests = ["GET", "GET", "GET", "PATCH", "PATCH", "PATCH"];
    assert_eq!(requests.map(|method| status(method, "x")), ["201", "404", "201", "404", "404", "201"]);

    cluster.next(Fault::Status(500, None));
    assert_eq!([status("GET", ""), status("GET", "")], ["500", "201"]);
    assert_eq!(cluster.proxy.requests().iter().map(|seen| seen.index).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn proxy_faults_before_forwarding() {
    let cluster = Cluster::start();
    cluster.next(Fault::Status(429, Some(7)));
    let answer = get(&cluster.proxy, "/pods").unwrap();
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    assert_eq!(header(&answer, "retry-after"), Some("7"));
    let status: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&status["kind"], &status["code"]), (&"Status".into(), &429.into()));
    assert_eq!(status["reason"], "TooManyRequests");
    assert_eq!((cluster.reached(), cluster.proxy.requests()[0].status), (0, Some(429)));

    cluster.next(Fault::ResetBefore);
    assert_eq!(get(&cluster.proxy, "/pods"), Err(ErrorKind::ConnectionReset));
    assert_eq!((cluster.reached(), cluster.proxy.requests()[0].status), (0, None));

    let (called, calls) = mpsc::channel();
    cluster.next(Fault::kill_before(move || called.send(()).unwrap()));
    assert!(hangs(&open(&cluster.proxy, "GET", "/pods", "")));
    assert_eq!((calls.recv_timeout(Duration::from_secs(5)), cluster.reached()), (Ok(()), 0));

    cluster.next(Fault::Hang);
    let hanging = open(&cluster.proxy, "GET", "/pods", "");
    assert!(hangs(&hanging));
    assert_eq!((cluster.reached(), cluster.proxy.requests()[0].status), (0, None));
    drop(cluster.proxy);
    assert!(!hangs(&hanging));
}

#[test]
fn proxy_faults_after_the_whole_answer() {
    let cluster = Cluster::start();
    let answered = Arc::clone(&cluster.answered);
    let done =
        |cluster: &Cluster| (cluster.answered.load(Ordering::SeqCst), cluster.proxy.requests()[0].status);

    cluster.next(Fault::ResetAfter);
    assert_eq!(get(&cluster.proxy, "/slow"), Err(ErrorKind::ConnectionReset));
    assert_eq!(done(&cluster), (1, Some(200)));

    cluster.next(Fault::HangAfter);
    assert!(hangs(&open(&cluster.proxy, "GET", "/slow", "")));
    wait_until(|| done(&cluster).0 == 1);
    assert_eq!(done(&cluster), (1, Some(200)));

    let (called, calls) = mpsc::channel();
    let kill = Fault::kill_after(move || called.send(answered.load(Ordering::SeqCst)).unwrap());
    cluster.next(kill.clone());
    assert!(hangs(&open(&cluster.proxy, "GET", "/slow", "")));
    assert_eq!(calls.recv_timeout(Duration::from_secs(5)), Ok(1));

    // The tool leaves before the answer.
    cluster.next(kill);
    let leaving = open(&cluster.proxy, "GET", "/slow", "");
    sleep(Duration::from_millis(50));
    drop(leaving);
    assert_eq!(calls.recv_timeout(Duration::from_secs(5)), Ok(1));
}

#[test]
fn proxy_delays() {
    let cluster = Cluster::start();
    cluster.next(Fault::Delay(Duration::from_millis(300)));
    let begun = Instant::now();
    assert!(get(&cluster.proxy, "/pods").unwrap().ends_with("{}"));
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(cluster.reached(), 1);
}

#[tokio::test]
async fn proxy_expires_each_watch_once() {
    let cluster = Cluster::start();
    let path = cluster.proxy.kubeconfig(cluster.dir.path(), "shop");
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    let pods = Api::<Pod>::default_namespaced(kube::Client::try_from(config).unwrap());
    cluster.proxy.expire_watches();
    for selector in ["app=a", "app=b"] {
        let parameters = WatchParams::default().labels(selector);
        let events = async { pods.watch(&parameters, "5").await?.try_collect::<Vec<_>>().await };
        let events = tokio::time::timeout(Duration::from_secs(5), events).await.unwrap().unwrap();
        let [WatchEvent::Error(status)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((status.code, &*status.reason), (410, "Expired"));
    }
    assert_eq!(cluster.reached(), 0);
    // Neither a watch that starts anew nor a second one is too old.
    for (app, version) in [("c", "0"), ("a", "6")] {
        let watch = format!(
            "/api/v1/namespaces/shop/pods?watch=true&labelSelector=app%3D{app}&resourceVersion={version}"
        );
        read_until(&mut open(&cluster.proxy, "GET", &watch, ""), "one\r\n");
        cluster.go_on.send(()).unwrap();
    }
    assert_eq!(cluster.proxy.requests()[0].path, "/api/v1/namespaces/shop/pods");
    assert_eq!(cluster.proxy.requests().len(), 4);
}
