//! The driver: the only one who lets time pass. Everything that happens in the cluster is an entry of its agenda.

mod agenda;
mod answers;
mod desks;
pub mod faults;
mod joined;
pub mod pace;
pub mod runs;
mod spread;
pub mod trace;
pub mod transport;
mod watches;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rollout_plus::environment::Environment;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use crate::controllers;
use crate::coverage::{Actor, Seen, phase};
use crate::draw::Draw;
use crate::invariants::{Broken, Invariant};
use crate::server::Server;
use crate::server::request::Request;
use agenda::{Agenda, Due};
use desks::Desk;
use faults::{Fault, Kill, Late};
use pace::Pace;
use runs::{End, Run, Start, host};
use trace::Trace;
use transport::{Answer, Message, reset};
use watches::Watch;

/// What the wall clock shows when a simulation begins.
const EPOCH: &str = "2026-01-01T00:00:00Z";

/// More than this never happens in a scenario: somebody goes round in circles.
const MOST: u64 = 1_000_000;

/// The cluster, those who run in it, and the runs of the product.
pub struct Driver {
    /// The API server.
    pub server: Server,
    /// What happened.
    pub trace: Trace,
    /// The source of all chance.
    pub draw: Draw,
    /// The runs, in the order of their start.
    pub runs: Vec<Run>,
    /// What goes wrong with requests.
    pub faults: Vec<Fault>,
    /// When runs are killed.
    pub kills: Vec<(usize, Kill)>,
    /// Patches that are long on their way.
    pub late: Vec<Late>,
    /// What must always hold.
    pub invariants: Vec<Box<dyn Invariant>>,
    /// What did not.
    pub broken: Vec<Broken>,
    /// What happened, for the coverage of the draw.
    pub seen: Seen,
    /// How often all watches were cut.
    pub cuts: u64,
    pace: Pace,
    begin: Instant,
    epoch: Timestamp,
    agenda: Agenda,
    /// How much has happened.
    happened: u64,
    desks: Vec<Desk>,
    watches: BTreeMap<u64, Watch>,
    next_watch: u64,
    /// Up to which version others know that there is news.
    spread: u64,
    /// Requests that nobody ever answers.
    hung: Vec<Answer>,
    inbox: UnboundedReceiver<Message>,
    out: UnboundedSender<Message>,
}

impl Driver {
    /// A cluster without objects.
    pub fn new(mut draw: Draw, pace: Option<Pace>, traced: bool) -> Self {
        let desks: Vec<Desk> = controllers::all().into_iter().map(Desk::new).collect();
        let pace = pace.unwrap_or_else(|| Pace::draw(&mut draw, desks.len()));
        let (out, inbox) = unbounded_channel();
        Self {
            server: Server::new(),
            trace: Trace::new(traced),
            draw,
            runs: Vec::new(),
            faults: Vec::new(),
            kills: Vec::new(),
            late: Vec::new(),
            invariants: Vec::new(),
            broken: Vec::new(),
            seen: Seen::default(),
            cuts: 0,
            pace,
            begin: Instant::now(),
            epoch: EPOCH.parse().unwrap_or_default(),
            agenda: Agenda::default(),
            happened: 0,
            desks,
            watches: BTreeMap::new(),
            next_watch: 0,
            spread: 0,
            hung: Vec::new(),
            inbox,
            out,
        }
    }

    /// What the clocks of the cluster show.
    pub fn now(&self) -> Timestamp {
        self.epoch + self.begin.elapsed()
    }

    /// How long it has been going on.
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// How many controllers there are.
    pub fn controllers(&self) -> usize {
        self.desks.len()
    }

    fn later(&mut self, wait: Duration, due: Due) {
        self.agenda.enter(self.begin.elapsed() + wait, due);
    }

    /// Starts a run of somebody's on a machine of its own, and returns which one it is.
    pub fn start(&mut self, words: &[String]) -> usize {
        let host = host(self.runs.len());
        self.start_in(words, Environment { host, user: "jane".into(), ..Environment::default() })
    }

    /// Starts a run in an environment, and returns which one it is.
    pub fn start_in(&mut self, words: &[String], environment: Environment) -> usize {
        let run = self.runs.len();
        let draw = self.draw.fork();
        let at = self.begin.elapsed();
        self.trace.tell(at, || format!("run {run} starts: {}", words.join(" ")));
        if self.runs.iter().any(|run| run.end.is_none()) {
            self.seen.actor(Actor::Rival);
        }
        let begin = (self.begin, self.epoch);
        let version = self.server.store.version();
        let words = words.to_vec();
        self.runs.push(Run::start(Start {
            run,
            words,
            environment,
            begin,
            version,
            draw,
            out: self.out.clone(),
        }));
        let after: Vec<u64> = self
            .kills
            .iter()
            .filter(|(of, _)| *of == run)
            .filter_map(|(_, kill)| match kill {
                Kill::After(millis) => Some(*millis),
                Kill::Sending(_) | Kill::Done(_) => None,
            })
            .collect();
        for millis in after {
            self.later(Duration::from_millis(millis), Due::Kill(run));
        }
        run
    }

    /// Has somebody send a request after a time.
    pub fn foreign(&mut self, wait: Duration, request: Request) {
        self.later(wait, Due::Foreign(Box::new(request)));
    }

    /// Sends SIGTERM to a run after a time.
    pub fn signal(&mut self, wait: Duration, run: usize) {
        self.later(wait, Due::Signal(run));
    }

    /// Has a controller killed after a time; it starts again at once.
    pub fn restart_controller(&mut self, wait: Duration, at: usize) {
        self.later(wait, Due::Restart(at));
    }

    /// Has all watches cut after a time; where `forgets`, what they would go on from is forgotten.
    pub fn cut(&mut self, wait: Duration, forgets: bool) {
        if forgets {
            self.later(wait, Due::Compact);
        }
        self.later(wait, Due::Cut);
    }

    /// Lets time pass until something is so, for so long at most. Returns whether it is.
    pub async fn until(&mut self, limit: Duration, mut reached: impl FnMut(&Self) -> bool) -> bool {
        let end = self.begin.elapsed() + limit;
        loop {
            while let Ok(message) = self.inbox.try_recv() {
                self.hear(message);
            }
            self.listen();
            if reached(self) {
                return true;
            }
            if self.happened > MOST {
                return false;
            }
            let now = self.begin.elapsed();
            if let Some(due) = self.agenda.take(now) {
                self.happened += 1;
                self.happen(due);
                continue;
            }
            if now >= end {
                return false;
            }
            let wake = self.begin + self.agenda.next().map_or(end, |at| at.min(end));
            tokio::select! {
                biased;
                message = self.inbox.recv() => message.into_iter().for_each(|message| self.hear(message)),
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Lets time pass until a run is over.
    pub async fn end_of(&mut self, run: usize, limit: Duration) -> Option<End> {
        self.until(limit, |driver| driver.runs.get(run).is_none_or(|run| run.end.is_some())).await;
        self.runs.get(run).and_then(|run| run.end)
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Asks { run, request, answer } => {
                let Some(asking) = self.runs.get_mut(run) else { return };
                asking.requests += 1;
                let nth = asking.requests;
                asking.sent.push(self.begin.elapsed());
                asking.look(&request);
                let late = Late::of(&self.late, run, asking.patch(&request));
                if self.kills.contains(&(run, Kill::Sending(nth))) {
                    self.kill(run);
                }
                let wait = self.draw.millis(self.pace.request.clone());
                self.later(wait + late, Due::Effect(run, nth, request, answer));
            }
            Message::Spins { run } => {
                let at = self.begin.elapsed();
                let why = format!("run {run} goes round in circles");
                self.trace.tell(at, || format!("BROKEN ends: {why}"));
                self.broken.push(Broken { name: "ends", at, why });
                if let Some(run) = self.runs.get_mut(run) {
                    run.end.get_or_insert(End::Spun);
                }
            }
            Message::Ends { run, code } => {
                let at = self.begin.elapsed();
                self.trace.tell(at, || format!("run {run} ends with {code}"));
                if let Some(run) = self.runs.get_mut(run) {
                    run.times.1.get_or_insert(at);
                    run.end.get_or_insert(End::Code(code));
                }
            }
        }
    }

    /// Takes down what runs printed.
    fn listen(&mut self) {
        if !self.trace.is_kept() {
            return;
        }
        let at = self.begin.elapsed();
        for (number, run) in self.runs.iter_mut().enumerate() {
            for line in run.news().lines() {
                self.trace.tell(at, || format!("run {number} | {line}"));
            }
        }
    }

    /// Takes down that something does not hold.
    pub fn breaks(&mut self, name: &'static str, why: String) {
        let at = self.begin.elapsed();
        self.trace.tell(at, || format!("BROKEN {name}: {why}"));
        self.broken.push(Broken { name, at, why });
    }

    fn kill(&mut self, run: usize) {
        let at = self.begin.elapsed();
        if let Some(killed) = self.runs.get_mut(run).filter(|run| run.end.is_none()) {
            killed.kill();
            self.seen.kill(phase(&self.server.store, &host(run)));
            self.trace.tell(at, || format!("run {run} is killed"));
        }
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Effect(run, nth, request, answer) => self.effect(run, nth, &request, answer),
            // Who does not wait any more was killed, or gave up.
            Due::Answered(answer, response) => answer.send(Ok(*response)).unwrap_or(()),
            Due::Broken(answer) => answer.send(Err(reset())).unwrap_or(()),
            Due::Cache(at) => self.tell(at),
            Due::Look(at) => self.look(at),
            Due::Act(at) => self.act(at),
            Due::Again(at, key) => self.again(at, key),
            Due::Restart(at) => {
                self.seen.actor(Actor::Restart);
                self.restart(at);
            }
            Due::Tell(id) => self.tell_watch(id),
            Due::Close(id) => self.close_watch(id),
            Due::Cut => {
                self.seen.actor(Actor::Cut);
                self.cuts += 1;
                self.cut_watches();
            }
            Due::Compact => self.server.store.compact(),
            Due::Foreign(request) => drop(self.serve(&request)),
            Due::Kill(run) => self.kill(run),
            Due::Signal(run) => {
                let at = self.begin.elapsed();
                self.trace.tell(at, || format!("run {run} gets SIGTERM"));
                self.seen.actor(Actor::Signal);
                self.runs.get(run).into_iter().for_each(Run::signal);
            }
        }
    }
}
