//! An image registry on the node's loopback, where kubelet needs no TLS and no credentials. The first part of an
//! image's name says what happens: `missing` is answered by 404; `third` by 503 twice and then by a copy of what the
//! node has as `shop/web:v2`.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

use serde_json::{Value, json};

/// The name of an image in the registry, which is started by the first call.
pub fn image(name: &str) -> String {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    let address = ADDRESS.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || answer(stream));
            }
        });
        address
    });
    format!("{address}/{name}:v2")
}

/// Answers one request and closes the connection.
fn answer(mut stream: TcpStream) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let Some((method, path)) = head.first().and_then(|line| {
        let mut words = line.split(' ');
        Some((words.next()?, words.next()?.split('?').next()?))
    }) else {
        return;
    };
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let reply = match parts.as_slice() {
        ["v2"] => Reply::new("200 OK", "application/json", b"{}".to_vec()),
        ["v2", "missing", ..] => Reply::error("404 Not Found", "MANIFEST_UNKNOWN", "manifest unknown"),
        ["v2", "third", name, "manifests", _] if method == "HEAD" && tries(name) < 3 => {
            Reply::error("503 Service Unavailable", "UNAVAILABLE", "try again later")
        }
        ["v2", "third", _, "manifests", _] => {
            let copy = Copy::of_v2();
            let kind = format!("{}\r\nDocker-Content-Digest: {}", copy.kind, digest(&copy.manifest));
            Reply::new("200 OK", &kind, copy.manifest)
        }
        ["v2", "third", _, "blobs", wanted] => {
            let config = Copy::of_v2().config;
            let body = if digest(&config) == *wanted { config } else { content(wanted) };
            Reply::new("200 OK", "application/octet-stream", body)
        }
        _ => Reply::error("404 Not Found", "NAME_UNKNOWN", "no such thing"),
    };
    let body = if method == "HEAD" { &[][..] } else { &reply.body };
    // Who asked may have left.
    drop(stream.write_all(&[reply.head.as_bytes(), b"\r\n", body].concat()));
}

struct Reply {
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn new(status: &str, kind: &str, body: Vec<u8>) -> Self {
        let head = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n",
            body.len()
        );
        Self { head, body }
    }

    fn error(status: &str, code: &str, message: &str) -> Self {
        let body = json!({"errors": [{"code": code, "message": message}]});
        Self::new(status, "application/json", body.to_string().into_bytes())
    }
}

/// How often this image was asked for, this time included.
fn tries(name: &str) -> u32 {
    static TRIES: Mutex<Option<HashMap<String, u32>>> = Mutex::new(None);
    let mut all = TRIES.lock().unwrap();
    let count = all.get_or_insert_default().entry(name.to_owned()).or_default();
    *count += 1;
    *count
}

/// `shop/web:v2` with another id: an image that was pulled from a registry counts as that registry's from then on,
/// and kubelet would refuse it to all who want the node's own.
struct Copy {
    kind: String,
    manifest: Vec<u8>,
    config: Vec<u8>,
}

impl Copy {
    fn of_v2() -> Self {
        let list = String::from_utf8(ctr(&["images", "ls"])).unwrap();
        let line = list.lines().find(|line| line.starts_with("docker.io/shop/web:v2 ")).expect("shop/web:v2");
        let words: Vec<&str> = line.split_whitespace().collect();
        let json = |digest: &str| serde_json::from_slice::<Value>(&content(digest)).unwrap();
        let mut manifest = json(words[2]);
        let mut config = json(manifest["config"]["digest"].as_str().unwrap());
        config["author"] = json!("the registry");
        let config = config.to_string().into_bytes();
        manifest["config"]["digest"] = json!(digest(&config));
        manifest["config"]["size"] = json!(config.len());
        Self { kind: words[1].to_owned(), manifest: manifest.to_string().into_bytes(), config }
    }
}

fn digest(content: &[u8]) -> String {
    let mut child =
        Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sha256sum");
    child.stdin.take().unwrap().write_all(content).unwrap();
    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    format!("sha256:{}", output.split(' ').next().unwrap())
}

fn content(digest: &str) -> Vec<u8> {
    ctr(&["content", "get", digest])
}

/// Asks containerd, whose socket is in the folder of the cluster.
fn ctr(args: &[&str]) -> Vec<u8> {
    #[allow(clippy::disallowed_methods, reason = "set by 'testbed/cluster exec'")]
    let kubeconfig = std::env::var("KUBECONFIG").expect("run through 'testbed/cluster exec NAME --'");
    let socket = std::path::Path::new(&kubeconfig).with_file_name("node/run/containerd/containerd.sock");
    let mut command = Command::new("ctr");
    command.arg("--address").arg(socket).args(["--namespace", "k8s.io"]).args(args);
    let output = command.output().expect("ctr");
    assert!(output.status.success(), "{command:?}: {output:?}");
    output.stdout
}
