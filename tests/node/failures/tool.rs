//! The tool with `-o json`: each event with the moment at which it came.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::shop::Shop;

/// An event of the tool's.
#[derive(Clone, Debug)]
pub struct Line {
    pub at: Instant,
    pub event: Value,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Run {
    /// None if it was killed.
    pub code: Option<i32>,
    pub lines: Vec<Line>,
    pub stderr: String,
}

/// A run that goes on.
pub struct Running {
    child: Arc<Mutex<Child>>,
    lines: Arc<Mutex<Vec<Line>>>,
    readers: [JoinHandle<String>; 2],
}

/// Ends a run as the kernel does, from any thread and at any time.
#[derive(Clone)]
pub struct Killer(Arc<Mutex<Option<Arc<Mutex<Child>>>>>);

impl Killer {
    pub fn new() -> Self {
        Self(Arc::default())
    }

    pub fn kill(&self) {
        if let Some(child) = self.0.lock().unwrap().as_ref() {
            child.lock().unwrap().kill().unwrap();
        }
    }
}

impl Running {
    pub fn start(shop: &Shop, kubeconfig: &Path, args: &[&str]) -> Self {
        Self::start_and(shop, kubeconfig, args, &Killer::new(), |_| {})
    }

    /// Starts the tool, and calls `on_line` with each event as it comes.
    pub fn start_and(
        shop: &Shop,
        kubeconfig: &Path,
        args: &[&str],
        killer: &Killer,
        on_line: impl Fn(&Value) + Send + 'static,
    ) -> Self {
        let mut command = shop.command(kubeconfig, args);
        command.args(["-o", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A killer that comes early waits for the child.
        let mut slot = killer.0.lock().unwrap();
        let mut child = command.spawn().expect("start the tool");
        let (stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let child = Arc::new(Mutex::new(child));
        *slot = Some(Arc::clone(&child));
        drop(slot);
        let lines: Arc<Mutex<Vec<Line>>> = Arc::default();
        let write = Arc::clone(&lines);
        let events = std::thread::spawn(move || {
            let mut other = String::new();
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let at = Instant::now();
                match serde_json::from_str::<Value>(&line) {
                    Ok(event) if event["type"].is_string() => {
                        on_line(&event);
                        write.lock().unwrap().push(Line { at, event });
                    }
                    _ => other.extend(["not an event on stdout: ", &line, "\n"]),
                }
            }
            other
        });
        let errors = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self { child, lines, readers: [events, errors] }
    }

    /// Whether an event of this type has come.
    pub fn has(&self, kind: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|line| line.event["type"] == kind)
    }

    pub fn is_running(&self) -> bool {
        self.child.lock().unwrap().try_wait().unwrap().is_none()
    }

    /// Waits for the end; kills the run after so many seconds.
    pub fn finish(self, seconds: u64) -> Run {
        let begun = Instant::now();
        while self.is_running() {
            if begun.elapsed() > Duration::from_secs(seconds) {
                self.child.lock().unwrap().kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let code = self.child.lock().unwrap().wait().unwrap().code();
        let stderr = self.readers.map(|reader| reader.join().unwrap()).concat();
        let lines = self.lines.lock().unwrap().clone();
        Run { code, lines, stderr }
    }
}

impl Run {
    /// The first event of this type.
    pub fn first(&self, kind: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.event["type"] == kind)
    }

    /// All that the tool said, for the message of a failed test.
    pub fn story(&self) -> String {
        let events: Vec<String> = self.lines.iter().map(|line| brief(&line.event)).collect();
        format!("exit {:?}\n  {}\n{}", self.code, events.join("\n  "), self.stderr)
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.story());
        self
    }
}

/// An event without the whole status, which is long.
fn brief(event: &Value) -> String {
    let mut event = event.clone();
    if let Some(fields) = event.as_object_mut() {
        fields.remove("status");
    }
    event.to_string().chars().take(600).collect()
}
