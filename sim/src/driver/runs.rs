//! Runs of the product: the function that `main` calls, in a world that is made of a seed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::{Future, poll_fn};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rollout_plus::environment::Environment;
use rollout_plus::world::{Played, Signals, Transport, World};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;

use super::transport::{Line, Message};
use crate::draw::Draw;

/// Who is woken so often within one instant goes round in circles.
const SPINS: u32 = 10_000;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Code(u8),
    /// By SIGKILL.
    Killed,
    /// It went round in circles.
    Spun,
}

/// What a run printed.
#[derive(Clone, Debug, Default)]
pub struct Printed {
    /// Data.
    pub stdout: String,
    /// Feedback.
    pub stderr: String,
}

/// One run.
#[derive(Debug)]
pub struct Run {
    /// What was typed, without the program's name.
    pub words: Vec<String>,
    /// How it ended, if it did.
    pub end: Option<End>,
    /// How many requests it has sent.
    pub requests: u64,
    /// The store's version at its start, and when each of its requests was there.
    pub versions: Vec<u64>,
    /// When it began, and when it was over.
    pub times: (Duration, Option<Duration>),
    /// When it sent each of them.
    pub sent: Vec<Duration>,
    /// How often it asked each pod for its metrics.
    pub looks: BTreeMap<String, u64>,
    /// How many of them are patches that do not only try.
    patches: u64,
    printed: Arc<Mutex<Printed>>,
    told: usize,
    signals: Senders,
    task: AbortHandle,
}

type Senders = Arc<Mutex<Vec<UnboundedSender<()>>>>;

/// What the run gets from outside.
#[derive(Debug)]
struct Seeded {
    begin: Instant,
    epoch: Timestamp,
    draw: Mutex<Draw>,
    printed: Arc<Mutex<Printed>>,
    signals: Senders,
    line: Line,
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one program whose tests pass.
const PASSES: &str = "/bin/true";

impl World for Seeded {
    fn now(&self) -> Timestamp {
        self.epoch + self.begin.elapsed()
    }

    fn random(&self) -> u64 {
        held(&self.draw).number(0..=u64::MAX)
    }

    fn stdout(&self, bytes: &[u8]) -> io::Result<()> {
        held(&self.printed).stdout.push_str(&String::from_utf8_lossy(bytes));
        Ok(())
    }

    fn stderr(&self, bytes: &[u8]) -> io::Result<()> {
        held(&self.printed).stderr.push_str(&String::from_utf8_lossy(bytes));
        Ok(())
    }

    fn signals(&self) -> io::Result<Signals> {
        let (sender, receiver): (UnboundedSender<()>, UnboundedReceiver<()>) = unbounded_channel();
        held(&self.signals).push(sender);
        Ok(Signals::Given(receiver))
    }

    fn terminal(&self) -> Option<(usize, usize)> {
        None
    }

    fn transport(&self) -> Option<Transport> {
        Some(BoxCloneSyncService::new(self.line.clone()))
    }

    /// The real ones of these names do the same, and take no time either. Its variables are what a test prints.
    fn played(&self, words: &[String], variables: &[(String, String)]) -> Option<Played> {
        let named = variables.iter().filter(|(name, _)| name.starts_with("ROLLOUT_"));
        let lines: Vec<String> = named.map(|(name, value)| format!("{name}={value}\n")).collect();
        let code = i32::from(words.first().is_none_or(|program| program != PASSES));
        Some(Played { code, said: lines.concat() })
    }
}

/// What a run is started with.
pub struct Start {
    /// Which one it is.
    pub run: usize,
    /// What is typed.
    pub words: Vec<String>,
    /// Where.
    pub environment: Environment,
    /// When the simulation began, and what the wall clock showed then.
    pub begin: (Instant, Timestamp),
    /// The store's version.
    pub version: u64,
    /// The run's own chance.
    pub draw: Draw,
    /// To the driver.
    pub out: UnboundedSender<Message>,
}

/// The host that a run is on.
pub fn host(run: usize) -> String {
    format!("machine-{run}")
}

impl Run {
    /// Starts one as a task of its own.
    pub fn start(start: Start) -> Self {
        let Start { run, words, environment, begin: (begin, epoch), version, draw, out } = start;
        let (printed, signals) = (Arc::default(), Senders::default());
        let world = Seeded {
            begin,
            epoch,
            draw: Mutex::new(draw),
            printed: Arc::clone(&printed),
            signals: Arc::clone(&signals),
            line: Line { run, out: out.clone() },
        };
        let argv: Vec<OsString> = std::iter::once("kubectl-rollout_plus")
            .chain(words.iter().map(String::as_str))
            .map(OsString::from)
            .collect();
        let task = tokio::task::spawn_local(async move {
            let mut work = Box::pin(rollout_plus::run(argv, &environment, Arc::new(world)));
            let (mut at, mut polls) = (Instant::now(), 0_u32);
            let ended = poll_fn(|context| {
                polls = if Instant::now() == at { polls + 1 } else { 0 };
                at = Instant::now();
                // Time stands still as long as somebody has something to do.
                if polls > SPINS { Poll::Ready(None) } else { work.as_mut().poll(context).map(Some) }
            });
            let Some(code) = ended.await else {
                out.send(Message::Spins { run }).unwrap_or(());
                return;
            };
            // Nobody hears it when the simulation is over.
            out.send(Message::Ends { run, code }).unwrap_or(());
        });
        let (versions, times) = (vec![version], (begin.elapsed(), None));
        Self {
            words,
            end: None,
            requests: 0,
            versions,
            times,
            sent: Vec::new(),
            looks: BTreeMap::new(),
            patches: 0,
            printed,
            told: 0,
            signals,
            task: task.abort_handle(),
        }
    }

    /// The how manieth of its patches a request is, if it is one and does not only try.
    pub fn patch(&mut self, request: &http::Request<Bytes>) -> Option<u64> {
        let tries = request.uri().query().is_some_and(|query| query.contains("dryRun"));
        let is_one = request.method() == http::Method::PATCH && !tries;
        self.patches += u64::from(is_one);
        is_one.then_some(self.patches)
    }

    /// Counts a look at a pod's metrics, if it is one.
    pub fn look(&mut self, request: &http::Request<Bytes>) {
        if let Some((pod, _)) = request.uri().path().split_once("/proxy/") {
            *self.looks.entry(pod.to_owned()).or_default() += 1;
        }
    }

    /// Drops its future, wherever it waits.
    pub fn kill(&mut self) {
        self.task.abort();
        self.end.get_or_insert(End::Killed);
    }

    /// SIGTERM.
    pub fn signal(&self) {
        for sender in held(&self.signals).iter() {
            // Who no longer listens has ended.
            sender.send(()).unwrap_or(());
        }
    }

    /// What it has printed by now.
    pub fn printed(&self) -> Printed {
        held(&self.printed).clone()
    }

    /// What it printed since the last call, for the trace.
    pub fn news(&mut self) -> String {
        let printed = held(&self.printed);
        let news = printed.stderr.get(self.told..).unwrap_or_default().to_owned();
        self.told = printed.stderr.len();
        news
    }
}
