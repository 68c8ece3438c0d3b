//! Runs of the tool: each in a process of its own, looked after by a thread that reads what is there as soon as it ends.

use std::io::Read;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Ended;
use super::claims::{Claims, Picture};

/// The runs that this process has started: in which namespace, and until when they may write.
static RUNS: Mutex<Vec<(String, Option<Instant>)>> = Mutex::new(Vec::new());

/// One of [`RUNS`].
#[derive(Clone, Copy)]
pub struct Place {
    index: usize,
    pub begun: Instant,
}

impl Place {
    fn take(namespace: &str) -> Self {
        let mut runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
        runs.push((namespace.to_owned(), None));
        Self { index: runs.len() - 1, begun: Instant::now() }
    }

    fn leave(self) {
        RUNS.lock().unwrap_or_else(PoisonError::into_inner)[self.index].1 = Some(Instant::now());
    }

    /// Whether another run in the namespace could still write after `since`.
    pub fn has_company(self, since: Instant) -> bool {
        let runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
        let namespace = &runs[self.index].0;
        runs.iter().enumerate().any(|(index, (of, end))| {
            index != self.index && of == namespace && end.is_none_or(|end| end >= since)
        })
    }
}

/// A run that was started and not waited for yet.
pub struct Run {
    child: Arc<Mutex<Child>>,
    claims: Option<Claims>,
    end: JoinHandle<(Ended, Option<Picture>)>,
}

impl Run {
    /// Looks after a process with pipes. `claims` are what is compared with its words if it ends by itself.
    pub fn of(mut child: Child, namespace: &str, writes: bool, claims: Option<Claims>) -> Self {
        let place = Place::take(namespace);
        if !writes {
            place.leave();
        }
        let claims = claims.map(|claims| claims.by(place));
        let (stdout, stderr) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
        let child = Arc::new(Mutex::new(child));
        let (same, reads) = (Arc::clone(&child), claims.clone());
        let end = std::thread::spawn(move || {
            let stderr = std::thread::spawn(move || text(stderr));
            let stdout = text(stdout);
            let stderr = stderr.join().expect("read");
            let status = loop {
                if let Some(status) = lock(&same).try_wait().expect("wait") {
                    break status;
                }
                std::thread::sleep(Duration::from_millis(2));
            };
            let now = status.code().and(reads).map(|claims| claims.read());
            place.leave();
            (Ended { code: status.code(), stdout, stderr }, now)
        });
        Self { child, claims, end }
    }

    pub fn id(&self) -> u32 {
        lock(&self.child).id()
    }

    pub fn kill(&mut self) -> std::io::Result<()> {
        lock(&self.child).kill()
    }

    pub fn try_wait(&mut self) -> std::io::Result<Option<ExitStatus>> {
        lock(&self.child).try_wait()
    }

    /// Waits for its end, and fails the test if something that it said was not so then.
    #[track_caller]
    pub fn finish(self) -> Ended {
        let (ended, now) = self.end.join().expect("look after a run");
        if let (Some(claims), Some(now)) = (self.claims, now) {
            claims.check(&now, &ended);
        }
        ended
    }
}

fn lock(child: &Mutex<Child>) -> std::sync::MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).expect("read");
    String::from_utf8_lossy(&bytes).into_owned()
}
