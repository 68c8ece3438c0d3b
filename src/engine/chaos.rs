//! A fault on some pods of the workload, what is seen meanwhile, and the way back.

mod experiment;
mod stages;
mod steady;
mod takes;
mod trial;
mod undo;

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::chaos::{Aim, Candidate, Fault, Group, Pool, Trial, choose};
use crate::cluster::labels;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::journal::Verb;
use crate::model::{Pod, Revision};
use crate::plan::Steady;
use crate::preflight::{Level, Need, asking_need, fault_needs, needs};
use crate::scrape::asked_port;
use crate::situation::{Phase, Situation};
use crate::words::counted;

use super::Engine;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// What is done.
    pub(crate) fault: Fault,
    /// Whether pods are deleted, and not evicted.
    pub(crate) deletes: bool,
    /// To whom; absent: to the canary if there is one.
    pub(crate) group: Option<Group>,
    /// Whether the same is done to the stable version before.
    pub(crate) compare: bool,
    /// To how many, and who is left.
    pub(crate) aim: Aim,
    /// For how long.
    pub(crate) lasting: Duration,
    /// How soon all has to be as before.
    pub(crate) limit: Duration,
    /// What has to hold.
    pub(crate) steady: Vec<Steady>,
    /// The port that pods are asked at.
    pub(crate) port: Option<String>,
}

impl Attempt {
    /// Whether each pod has to answer.
    fn asks_pods(&self) -> bool {
        self.steady.iter().any(|steady| matches!(steady, Steady::Path(_)))
    }
}

/// The version that is hit, as it was before.
#[derive(Clone, Debug)]
struct Target {
    group: Group,
    /// The name of its `ReplicaSet`.
    revision: String,
    /// How its pods are called.
    noun: String,
}

/// Pods as the API has them.
struct Pods {
    /// Those of the version that is hit.
    group: Vec<Candidate>,
    /// Ready ones that get the same requests.
    serving: Vec<Candidate>,
}

/// Pods that were not hit.
struct After {
    /// So many are to be Ready of the version.
    wanted: usize,
    /// So many of these are not.
    missing: usize,
    /// Ready ones that get the same requests.
    serving: usize,
}

/// Pods before a fault, and those that it is going to hit.
struct Chosen {
    victims: Vec<Candidate>,
    ready: usize,
}

impl Engine<'_> {
    /// Tries a fault on one group, or on both one after the other, and tells what was seen.
    ///
    /// # Errors
    /// What kept it from being made; a verdict is none.
    pub(crate) async fn attempt(
        &mut self,
        asked: &Attempt,
        dry_run: Option<bool>,
    ) -> Result<Vec<Trial>, Error> {
        self.is_allowed(asked).await?;
        self.settle(asked.limit).await?;
        let groups = self.groups(asked)?;
        let port = self.steady_port(asked)?;
        // Whoever comes later must not find out that another group cannot be hit.
        for target in &groups {
            let chosen = self.choose(asked, target).await?;
            if let Some(server) = dry_run {
                self.foretell_fault(asked, target, &chosen, server).await?;
            }
        }
        if dry_run.is_some() {
            return Ok(Vec::new());
        }
        let mut trials = Vec::new();
        for target in &groups {
            let trial = Box::pin(self.try_fault(asked, target, port)).await?;
            self.output.event(&Event::Fault(Box::new(trial.clone().into())));
            trials.push(trial);
        }
        Ok(trials)
    }

    /// Makes sure before the first write that the way back is allowed, too.
    async fn is_allowed(&self, asked: &Attempt) -> Result<(), Error> {
        let mut wanted = needs(&self.id.name, false);
        // Nothing is written to the workload itself.
        wanted.retain(|need| {
            need.level == Level::Error && !(need.resource == "deployments" && need.verb == "patch")
        });
        wanted.extend(fault_needs(asked.fault, asked.deletes));
        if asked.asks_pods() && asked.fault != Fault::CutPods {
            wanted.push(asking_need());
        }
        let missing = match self.cluster.missing_rights(&wanted).await? {
            Ok(missing) => missing,
            Err(why) => {
                self.note(&format!("not checked: what is allowed ({why})"));
                return Ok(());
            }
        };
        if missing.is_empty() {
            return Ok(());
        }
        let words: Vec<String> = missing.iter().map(Need::words).collect();
        let message = format!(
            "{}: {} takes rights that are missing: {}",
            self.id,
            asked.fault.name(),
            words.join(", ")
        );
        let error = Error::refused(message);
        Err(words.iter().fold(error, |error, words| {
            error.next(format!("kubectl auth can-i {words} -n {}", self.id.namespace))
        }))
    }

    /// Gives pods time to come that are on their way: the last fault may have been a moment ago.
    async fn settle(&mut self, patience: Duration) -> Result<(), Error> {
        let end = Instant::now() + patience;
        let mut is_told = false;
        loop {
            let observed = self.observed()?;
            let situation = Situation::of(&observed);
            let is_moving = match situation.phase {
                Phase::Progressing => situation.canary.is_none_or(|rs| rs.replicas() == 0),
                Phase::Idle | Phase::Held | Phase::Promoting | Phase::Aborting | Phase::Failed => false,
            };
            if !is_moving || Instant::now() >= end {
                return Ok(());
            }
            if !std::mem::replace(&mut is_told, true) {
                self.note("some of its pods are not Ready yet: waiting for them");
            }
            tokio::select! {
                biased;
                () = self.stop.received() => {
                    return Err(Error::new(Kind::Interrupted, "stopped by a signal; nothing was done"));
                }
                changed = self.cache.changed() => changed?,
                () = sleep_until(end) => {}
            }
        }
    }

    /// Waits until nobody alive holds the lock: a fault disturbs no rollout.
    async fn wait_for_turn_of_fault(&mut self) -> Result<(), Error> {
        let waited = self
            .lock
            .wait_for_turn(self.cluster, Verb::Restart, self.options.wait_lock, &self.output, &mut self.stop)
            .await?;
        if waited {
            self.refresh().await?;
        }
        Ok(())
    }

    /// Names the groups that are hit, in order.
    fn groups(&mut self, asked: &Attempt) -> Result<Vec<Target>, Error> {
        let observed = self.observed()?;
        let situation = Situation::of(&observed);
        let id = observed.workload.id();
        match situation.phase {
            Phase::Idle | Phase::Held => {}
            Phase::Progressing | Phase::Promoting | Phase::Aborting | Phase::Failed => {
                let message = format!(
                    "{id}: its pods change already ({:?}): no fault could be told from that",
                    situation.phase
                );
                return Err(Error::refused(message).next(id.command("status")));
            }
        }
        let canary = situation.canary.filter(|_| situation.hold.is_some());
        let target = |group: Group, revision: &Revision| Target {
            group,
            revision: revision.name().to_owned(),
            noun: match (group, canary) {
                (Group::Stable, None) => "pod".to_owned(),
                (Group::Stable | Group::Canary, _) => format!("{} pod", group.name()),
            },
        };
        let of = |group: Group| match group {
            Group::Stable => situation.stable.map(|stable| target(group, stable)),
            Group::Canary => canary.map(|canary| target(group, canary)),
        };
        let missing = |group: Group| {
            Error::usage(format!("{id}: there is no {} version", group.name())).next(id.command("status"))
        };
        if asked.compare {
            return Group::ALL.into_iter().map(|group| of(group).ok_or_else(|| missing(group))).collect();
        }
        let group = asked.group.unwrap_or(if canary.is_some() { Group::Canary } else { Group::Stable });
        Ok(vec![of(group).ok_or_else(|| missing(group))?])
    }

    /// Returns the port that pods are asked at: whether they answer well, or whether they are cut off.
    fn steady_port(&mut self, asked: &Attempt) -> Result<Option<u16>, Error> {
        if !asked.asks_pods() && asked.fault != Fault::CutPods {
            return Ok(None);
        }
        let observed = self.observed()?;
        let port = asked_port(&observed.workload.spec.template, asked.port.as_deref(), None);
        port.map(Some).map_err(|why| Error::usage(format!("--steady-port: {why}")).next("--steady-port PORT"))
    }

    /// Reads the pods as they are now.
    async fn read_pods(&mut self, target: &Target) -> Result<Pods, Error> {
        let observed = self.observed()?;
        let all = self.cluster.candidates(&labels(&observed.workload.spec.selector)?).await?;
        // Where a router sends requests to one version, pods of the other do not answer these.
        let is_routed = self.traffic.is_some();
        let made_by = |pod: &Candidate| {
            let of = |revision: &&Revision| pod.owner.is_some() && revision.metadata.uid == pod.owner;
            observed.revisions.iter().find(of).map(|revision| revision.name().to_owned())
        };
        let (mut group, mut serving) = (Vec::new(), Vec::new());
        for pod in all {
            let Some(revision) = made_by(&pod) else { continue };
            let is_target = revision == target.revision;
            if pod.ready && (is_target || !is_routed) {
                serving.push(pod.clone());
            }
            if is_target {
                group.push(pod);
            }
        }
        Ok(Pods { group, serving })
    }

    /// Chooses those that are hit, of the pods as they are now.
    async fn choose(&mut self, asked: &Attempt, target: &Target) -> Result<Chosen, Error> {
        let pods = self.read_pods(target).await?;
        let ready = pods.group.iter().filter(|pod| pod.ready).count();
        let pool = Pool { group: &pods.group, noun: &target.noun, serving: pods.serving.len() };
        let victims = choose(pool, asked.aim)
            .map_err(|error| Error { message: format!("{}: {}", self.id, error.message), ..error })?;
        // What cannot be done to one of them is not begun with the others.
        for victim in &victims {
            self.fault_requests(asked, victim)?;
        }
        Ok(Chosen { victims: victims.into_iter().cloned().collect(), ready })
    }

    /// Returns what the watches have of those that were not hit.
    fn after_fault(&mut self, target: &Target, chosen: &Chosen) -> Result<After, Error> {
        let observed = self.observed()?;
        let situation = Situation::of(&observed);
        let is_left = |pod: &&Pod| pod.is_ready() && !chosen.victims.iter().any(|hit| hit.uid == pod.uid());
        let revision = observed.revisions.iter().find(|revision| revision.name() == target.revision);
        let Some(revision) = revision.filter(|revision| revision.replicas() > 0) else {
            let message = format!("{}: another client took the version away meanwhile", self.id);
            return Err(Error::new(Kind::Infrastructure, message).next(self.id.command("status")));
        };
        let back = situation.pods_of(revision).filter(is_left).count();
        // Others may scale meanwhile.
        let wanted = chosen.ready.min(usize::try_from(revision.replicas()).unwrap_or(usize::MAX));
        let serving = if self.traffic.is_some() {
            back
        } else {
            observed.pods.iter().map(std::sync::Arc::as_ref).filter(is_left).count()
        };
        Ok(After { wanted, missing: wanted.saturating_sub(back), serving })
    }

    /// Says who would be hit; `server` has the API server judge the requests, too.
    async fn foretell_fault(
        &mut self,
        asked: &Attempt,
        target: &Target,
        chosen: &Chosen,
        server: bool,
    ) -> Result<(), Error> {
        let names = names(&chosen.victims);
        self.note(&format!(
            "{} would hit {}: {names}",
            asked.fault.name(),
            counted(chosen.victims.len(), &target.noun)
        ));
        if server {
            for victim in &chosen.victims {
                let requests = self.fault_requests(asked, victim)?;
                for sent in &requests {
                    self.cluster.hit(victim, sent, true).await?;
                }
            }
        }
        Ok(())
    }
}

fn names(pods: &[Candidate]) -> String {
    let names: Vec<&str> = pods.iter().map(|pod| pod.name.as_str()).collect();
    names.join(", ")
}
