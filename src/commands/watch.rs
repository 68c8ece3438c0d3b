//! `status --watch` and `status --until`: one process follows any number of workloads on one set of watches.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use crate::cluster::{Cluster, Fleet, Scope};
use crate::commands::status::{nothing, unread_routes};
use crate::error::{Error, Kind};
use crate::health::Watch;
use crate::model::{ObjectName, command};
use crate::output::{Output, Reader, Watching};
use crate::status::{Goal, Pods, Reached, WorkloadStatus};
use crate::world::Signals;

/// Changes come in bursts: workloads are looked at, and the picture is redrawn, this often at most.
const PACE: Duration = Duration::from_millis(200);
/// Routes are not watched, as each may be of another kind, but read this often at least while they are split.
const REREAD: Duration = Duration::from_secs(2);

/// What is followed, and until when.
pub(super) struct Order {
    pub(super) scope: Scope,
    /// Whether changes are shown.
    pub(super) shown: bool,
    pub(super) goal: Option<Goal>,
    pub(super) timeout: Duration,
}

/// One workload.
struct Row {
    uid: String,
    watch: Watch,
    status: WorkloadStatus,
    reached: Reached,
    /// When time alone can change the verdict.
    wake: Option<Instant>,
}

struct Follow<'a> {
    order: &'a Order,
    cluster: &'a Cluster,
    fleet: Fleet,
    output: Watching<'a>,
    born: Instant,
    rows: BTreeMap<(String, String), Row>,
    autoscalers: Vec<String>,
}

/// Runs until the goal is reached, the user stops it or nobody reads any more.
pub(super) async fn run(order: &Order, cluster: &Cluster, output: &Output) -> Result<(), Error> {
    let mut stop = Signals::new()?;
    let mut resized = signal(SignalKind::window_change())
        .map_err(|error| Error::new(Kind::Infrastructure, format!("listen for signals: {error}")))?;
    let fleet = Fleet::watch(cluster, &order.scope).await?;
    let autoscalers = match &order.scope {
        Scope::One(name) => cluster.autoscalers(name).await?,
        Scope::Many { .. } => Vec::new(),
    };
    if let Scope::Many { all, labels } = &order.scope
        && fleet.names().next().is_none()
    {
        return Err(nothing(*all, labels.as_deref(), cluster));
    }
    let many = matches!(order.scope, Scope::Many { .. });
    let output = output.watching(order.shown, many, order.scope.everywhere());
    let rows = BTreeMap::new();
    let mut follow = Follow { order, cluster, fleet, output, born: Instant::now(), rows, autoscalers };
    let result = follow.until_over(&mut stop, &mut resized).await;
    let statuses: Vec<WorkloadStatus> = follow.rows.into_values().map(|row| row.status).collect();
    match result {
        Ok(()) => follow.output.end(&statuses),
        Err(error) => {
            follow.output.clear();
            Err(error)
        }
    }
}

impl Follow<'_> {
    async fn until_over(
        &mut self,
        stop: &mut Signals,
        resized: &mut tokio::signal::unix::Signal,
    ) -> Result<(), Error> {
        let deadline = self.order.goal.map(|_| self.born + self.order.timeout);
        loop {
            let looked = Instant::now();
            // Who waits for a state wants the exit code, whether anybody reads or not.
            let unread = self.look(looked).await? == Reader::Gone && self.order.goal.is_none();
            if unread || self.is_over()? {
                return Ok(());
            }
            let waits = self.waits();
            let statuses: Vec<&WorkloadStatus> = self.rows.values().map(|row| &row.status).collect();
            self.output.show(&statuses, waits.as_deref());
            if deadline.is_some_and(|deadline| looked >= deadline) {
                return Err(self.unfinished("not"));
            }
            let wakes = self.rows.values().filter_map(|row| row.wake).chain(deadline);
            let wake = wakes.min().map_or(self.output.next(), |wake| wake.min(self.output.next()));
            loop {
                let pace = looked + PACE;
                let until = if self.fleet.is_touched() { pace } else { wake.max(pace) };
                tokio::select! {
                    biased;
                    () = stop.received() => return self.stopped(),
                    () = sleep_until(until) => break,
                    _ = resized.recv() => break,
                    changed = self.fleet.changed() => changed?,
                }
            }
        }
    }

    /// Looks at the workloads that changed, and at those whose time has come.
    async fn look(&mut self, now: Instant) -> Result<Reader, Error> {
        let mut due: Vec<ObjectName> = self.fleet.take_touched();
        // A list that came anew tells of a deletion by what is not in it.
        let gone = |row: &WorkloadStatus| !self.fleet.contains(&row.id());
        let stirred =
            self.rows.values().filter(|row| row.wake.is_some_and(|at| at <= now) || gone(&row.status));
        due.extend(stirred.map(|row| row.status.id()));
        let mut reader = Reader::Here;
        for id in due {
            if self.look_at(&id, now).await? == Reader::Gone {
                reader = Reader::Gone;
            }
        }
        Ok(reader)
    }

    async fn look_at(&mut self, id: &ObjectName, now: Instant) -> Result<Reader, Error> {
        let key = (id.namespace.clone(), id.name.clone());
        let Some(mut observed) = self.fleet.observed(id)? else {
            if self.rows.remove(&key).is_none() {
                return Ok(Reader::Here);
            }
            let told = self.output.deleted(id);
            if self.order.goal.is_some() || matches!(self.order.scope, Scope::One(_)) {
                return Err(Error::new(Kind::Infrastructure, format!("{id} was deleted meanwhile")));
            }
            return Ok(told);
        };
        let unread = unread_routes(self.cluster, &mut observed).await;
        let uid = observed.workload.uid();
        let before = self.rows.remove(&key).filter(|row| row.uid == uid);
        let (mut watch, before) =
            before.map_or((Watch::default(), None), |row| (row.watch, Some(row.status)));
        let age = now.saturating_duration_since(self.born);
        let pods = if matches!(self.order.scope, Scope::One(_)) { Pods::All } else { Pods::NotReady };
        let (mut status, wake) = WorkloadStatus::watched(&observed, &self.autoscalers, pods, &mut watch, age);
        let reached = self.order.goal.map_or(Reached::No, |goal| goal.reached(&observed.workload, &status));
        status.warnings.extend(unread);
        let told = self.output.changed(before.as_ref(), &status);
        let reread = observed.traffic.is_some().then(|| now + REREAD);
        let wake = wake.map(|at| self.born + at).into_iter().chain(reread).min();
        self.rows.insert(key, Row { uid: uid.to_owned(), watch, status, reached, wake });
        Ok(told)
    }

    /// Whether the goal is reached by all. One that will never reach it is an error at once.
    fn is_over(&self) -> Result<bool, Error> {
        if self.order.goal.is_none() {
            return Ok(false);
        }
        for row in self.rows.values() {
            if let Reached::Never(class) = row.reached {
                let WorkloadStatus { namespace, name, health, .. } = &row.status;
                let error = format!("deployment/{name} in namespace {namespace}: {}", health.sentence());
                return Err(Error::new(class.kind(), error).next(command("status", name, namespace)));
            }
        }
        Ok(self.rows.values().all(|row| row.reached == Reached::Yes))
    }

    /// Says what is waited for.
    fn waits(&self) -> Option<String> {
        let goal = self.order.goal?;
        let there = self.rows.values().filter(|row| row.reached == Reached::Yes).count();
        let since = crate::duration::short(self.born.elapsed());
        Some(format!("{there} of {} {} (for {since})", self.rows.len(), goal.word()))
    }

    /// The user stopped it: the end of a watch, or a wait without its result.
    fn stopped(&self) -> Result<(), Error> {
        if self.order.goal.is_none() {
            return Ok(());
        }
        let mut error = self.unfinished("stopped by a signal and not");
        error.kind = Kind::Interrupted;
        Err(error)
    }

    fn unfinished(&self, how: &str) -> Error {
        let goal = self.order.goal.map_or("", Goal::word);
        let missing: Vec<&WorkloadStatus> =
            self.rows.values().filter(|row| row.reached != Reached::Yes).map(|row| &row.status).collect();
        let named = missing.iter().take(3).map(|status| {
            let WorkloadStatus { namespace, name, .. } = status;
            format!("{namespace}/{name}: {}", status.sentence())
        });
        let named: Vec<String> = named.collect();
        let more = missing.len().saturating_sub(named.len());
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        let time = crate::duration::short(self.born.elapsed());
        Error::new(Kind::Deadline, format!("{how} {goal} after {time}: {}{more}", named.join("; ")))
    }
}
