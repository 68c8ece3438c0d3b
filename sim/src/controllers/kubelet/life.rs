//! The life of one pod on its node, in steps.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, ResourceRequirements};

use crate::controllers::kubelet::script::Behaviour;
use crate::draw::Draw;

/// `MaxContainerBackOff`, `pkg/kubelet/kubelet.go`: the longest time between two starts.
const LONGEST: Duration = Duration::from_secs(300);
/// `backOffPeriod`, `pkg/kubelet/kubelet.go`: the first.
const SHORTEST: Duration = Duration::from_secs(10);

/// So often a pod is looked at, in milliseconds, whatever happens.
const LOOKS: u64 = 10_000;

/// What the containers do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// They are being made.
    Creating,
    /// They cannot be made, for this reason.
    Refused(&'static str),
    /// They run.
    Running {
        /// Whether they are Ready.
        ready: bool,
        /// Since when they run.
        since: Timestamp,
    },
    /// They ended, and are started again at once.
    Ended,
    /// They ended, and wait for their next start.
    Waiting {
        /// For so long.
        backoff: Duration,
    },
    /// They ended because the pod is to go.
    Over,
}

/// One pod.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) uid: String,
    behaviour: Behaviour,
    pub(crate) state: State,
    pub(crate) restarts: i32,
    /// When and how it ended last.
    pub(crate) last: Option<Timestamp>,
    /// When the next step is due.
    due: Option<Timestamp>,
    /// When it ends, if it does.
    end: Option<Timestamp>,
    /// Whether the server does not know of the last step.
    pub(crate) untold: bool,
    stopping: bool,
    /// When it was first seen: what is looked at now and then is looked at from then on.
    since: Timestamp,
    /// Its images and resources as they are asked for, and how it behaves with other ones from a time on.
    asked: Asked,
    other: Option<(Timestamp, Behaviour)>,
    /// The resources that its containers have, and when they get others.
    pub(crate) resources: Vec<Option<ResourceRequirements>>,
    resized: Option<Timestamp>,
    /// When its deadline is seen to be over.
    late: Option<Timestamp>,
    /// Whether it ended because of that.
    pub(crate) is_late: bool,
}

/// What a pod's spec asks for that may be changed while it runs.
#[derive(Clone, Debug, Default, PartialEq)]
struct Asked {
    images: Vec<String>,
    resources: Vec<Option<ResourceRequirements>>,
}

impl Asked {
    fn of(pod: &Pod) -> Self {
        let containers = || pod.spec.iter().flat_map(|spec| &spec.containers);
        Self {
            images: containers().map(|one| one.image.clone().unwrap_or_default()).collect(),
            resources: containers().map(|one| one.resources.clone()).collect(),
        }
    }
}

fn after(now: Timestamp, delay: Duration) -> Timestamp {
    now.checked_add(delay).unwrap_or(now)
}

impl Life {
    /// That of a pod.
    pub(crate) fn of(pod: &Pod, behaviour: Behaviour, now: Timestamp, draw: &mut Draw) -> Self {
        let asked = Asked::of(pod);
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        let resources = asked.resources.clone();
        Self { asked, resources, ..Self::new(uid, behaviour, now, draw) }
    }

    fn new(uid: &str, behaviour: Behaviour, now: Timestamp, draw: &mut Draw) -> Self {
        Self {
            uid: uid.to_owned(),
            behaviour,
            state: State::Creating,
            restarts: 0,
            last: None,
            due: Some(after(now, draw.millis(200..=3_000))),
            end: None,
            untold: true,
            stopping: false,
            since: now,
            asked: Asked::default(),
            other: None,
            resources: Vec::new(),
            resized: None,
            late: None,
            is_late: false,
        }
    }

    /// Somebody changed what runs: other images (`computePodActions`, `pkg/kubelet/kuberuntime/kuberuntime_manager.go`: a
    /// container whose hash changed is killed, and started again), other resources (`doPodResizeAction`, the same), a deadline.
    pub(crate) fn take(&mut self, pod: &Pod, now: Timestamp, draw: &mut Draw) {
        let asked = Asked::of(pod);
        if self.stopping {
            return;
        }
        if asked.images != self.asked.images {
            self.other = Some((after(now, draw.millis(500..=4_000)), Behaviour::of(pod)));
        }
        if asked.resources != self.asked.resources {
            self.resized = Some(after(now, draw.millis(300..=3_000)));
        }
        self.asked = asked;
        let seconds = pod.spec.as_ref().and_then(|spec| spec.active_deadline_seconds);
        let begin = pod.status.as_ref().and_then(|status| status.start_time.as_ref());
        let end = seconds
            .zip(begin)
            .and_then(|(seconds, begin)| begin.0.checked_add(jiff::SignedDuration::from_secs(seconds)).ok());
        self.late = end.map(|end| self.next_look(end));
    }

    /// `activeDeadlineHandler`, `pkg/kubelet/active_deadline.go`, is asked whenever the pod is looked at: each ten seconds.
    fn next_look(&self, end: Timestamp) -> Timestamp {
        let millis = u64::try_from(end.duration_since(self.since).as_millis()).unwrap_or(0);
        after(self.since, Duration::from_millis(millis.div_ceil(LOOKS) * LOOKS))
    }

    pub(crate) const fn behaviour(&self) -> Behaviour {
        self.behaviour
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    pub(crate) const fn is_ready(&self) -> bool {
        matches!(self.state, State::Running { ready: true, .. })
    }

    /// The pod is to go: its containers get as long as they need, at most the grace.
    pub(crate) fn stop(&mut self, grace: i64, now: Timestamp, draw: &mut Draw) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        (self.other, self.resized, self.late) = (None, None, None);
        let most = u64::try_from(grace).unwrap_or(0).saturating_mul(1_000).min(4_000);
        self.end = None;
        self.due = Some(after(now, draw.millis(0..=most)));
    }

    /// When something happens next.
    fn first(&self) -> Option<Timestamp> {
        let other = self.other.map(|(at, _)| at);
        [self.due, self.end, other, self.resized, self.late].into_iter().flatten().min()
    }

    /// How long it is until something happens.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Duration> {
        let due = self.first()?;
        Some(Duration::try_from(due.duration_since(now)).unwrap_or_default())
    }

    /// Does what is due. Says whether something changed.
    pub(crate) fn step(&mut self, now: Timestamp, draw: &mut Draw) -> bool {
        let mut changed = false;
        while let Some(due) = self.first().filter(|due| *due <= now) {
            if self.late == Some(due) {
                self.is_late = true;
                self.stop(30, due, draw);
            } else if let Some((_, behaviour)) = self.other.filter(|(at, _)| *at == due) {
                self.replace(behaviour, due, draw);
            } else if self.resized == Some(due) {
                self.resized = None;
                self.resources.clone_from(&self.asked.resources);
            } else if self.end == Some(due) && !self.stopping {
                self.fail(due);
            } else {
                self.due = None;
                self.advance(due, draw);
            }
            changed = true;
        }
        self.untold |= changed;
        changed
    }

    fn advance(&mut self, now: Timestamp, draw: &mut Draw) {
        if self.stopping {
            self.state = State::Over;
            return;
        }
        match self.state {
            State::Creating => match self.behaviour {
                Behaviour::NoImage => self.refuse("ErrImagePull", Some(after(now, SHORTEST))),
                Behaviour::NoConfig => self.refuse("CreateContainerConfigError", None),
                Behaviour::Good
                | Behaviour::Slow
                | Behaviour::Unready
                | Behaviour::Crash
                | Behaviour::Late
                | Behaviour::Oom
                | Behaviour::Flaps
                | Behaviour::Unschedulable => self.start(now, draw),
            },
            // The kubelet says by turns that it tried and that it waits.
            State::Refused("ErrImagePull") => self.refuse("ImagePullBackOff", Some(after(now, 2 * SHORTEST))),
            State::Refused(_) => self.refuse("ErrImagePull", Some(after(now, SHORTEST))),
            State::Running { ready, since } => {
                self.state = State::Running { ready: !ready, since };
                if self.behaviour == Behaviour::Flaps {
                    self.due = Some(after(now, draw.millis(3_000..=20_000)));
                }
            }
            State::Ended | State::Waiting { .. } => {
                self.restarts += 1;
                self.start(now, draw);
            }
            State::Over => {}
        }
    }

    /// The container is killed, and begins again as another one.
    fn replace(&mut self, behaviour: Behaviour, now: Timestamp, draw: &mut Draw) {
        self.other = None;
        self.behaviour = behaviour;
        (self.end, self.last) = (None, Some(now));
        if behaviour == Behaviour::NoImage {
            self.refuse("ErrImagePull", Some(after(now, SHORTEST)));
        } else {
            self.restarts += 1;
            self.start(now, draw);
        }
    }

    fn refuse(&mut self, reason: &'static str, due: Option<Timestamp>) {
        self.state = State::Refused(reason);
        self.due = due;
    }

    fn start(&mut self, now: Timestamp, draw: &mut Draw) {
        self.state = State::Running { ready: false, since: now };
        self.due = self.behaviour.until_ready(draw).map(|delay| after(now, delay));
        self.end = self.behaviour.until_end(draw).map(|delay| after(now, delay));
    }

    /// `doBackOff`, `pkg/kubelet/kuberuntime/kuberuntime_manager.go`: the first new start is at once, the next ones after a
    /// time that doubles.
    fn fail(&mut self, now: Timestamp) {
        self.end = None;
        self.last = Some(now);
        let Some(doublings) = self.restarts.checked_sub(1).and_then(|count| u32::try_from(count).ok()) else {
            self.state = State::Ended;
            self.due = Some(after(now, Duration::from_millis(500)));
            return;
        };
        let backoff = 2_u32.checked_pow(doublings).and_then(|factor| SHORTEST.checked_mul(factor));
        let backoff = backoff.unwrap_or(LONGEST).min(LONGEST);
        self.state = State::Waiting { backoff };
        self.due = Some(after(now, backoff));
    }
}

#[cfg(test)]
mod tests;
