//! The life of one pod on its node, in steps.

use std::time::Duration;

use jiff::Timestamp;

use crate::controllers::kubelet::script::Behaviour;
use crate::draw::Draw;

/// `MaxContainerBackOff`, `pkg/kubelet/kubelet.go`: the longest time between two starts.
const LONGEST: Duration = Duration::from_secs(300);
/// `backOffPeriod`, `pkg/kubelet/kubelet.go`: the first.
const SHORTEST: Duration = Duration::from_secs(10);

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
}

fn after(now: Timestamp, delay: Duration) -> Timestamp {
    now.checked_add(delay).unwrap_or(now)
}

impl Life {
    pub(crate) fn new(uid: &str, behaviour: Behaviour, now: Timestamp, draw: &mut Draw) -> Self {
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
        }
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
        let most = u64::try_from(grace).unwrap_or(0).saturating_mul(1_000).min(4_000);
        self.end = None;
        self.due = Some(after(now, draw.millis(0..=most)));
    }

    /// How long it is until something happens.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Duration> {
        let due = [self.due, self.end].into_iter().flatten().min()?;
        Some(Duration::try_from(due.duration_since(now)).unwrap_or_default())
    }

    /// Does what is due. Says whether something changed.
    pub(crate) fn step(&mut self, now: Timestamp, draw: &mut Draw) -> bool {
        let mut changed = false;
        while let Some(due) = [self.due, self.end].into_iter().flatten().min().filter(|due| *due <= now) {
            if self.end == Some(due) && !self.stopping {
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
mod tests {
    use super::*;

    fn told(behaviour: Behaviour, seconds: i64) -> Vec<(i64, State, i32)> {
        let mut draw = Draw::new(1);
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let mut life = Life::new("u", behaviour, at(0), &mut draw);
        let mut told = Vec::new();
        for second in 0..seconds {
            if life.step(at(second), &mut draw) {
                told.push((second, life.state.clone(), life.restarts));
            }
        }
        told
    }

    #[test]
    fn a_good_one_is_ready_and_stays_so() {
        let told = told(Behaviour::Good, 1000);
        assert!(matches!(told.last(), Some((..6, State::Running { ready: true, .. }, 0))), "{told:?}");
    }

    #[test]
    fn a_crashing_one_waits_longer_each_time() {
        let told = told(Behaviour::Crash, 2000);
        let waits: Vec<u64> = told
            .iter()
            .filter_map(|(_, state, _)| match state {
                State::Waiting { backoff } => Some(backoff.as_secs()),
                _ => None,
            })
            .collect();
        assert_eq!(waits[..7], [10, 20, 40, 80, 160, 300, 300]);
        assert!(!told.iter().any(|(_, state, _)| matches!(state, State::Running { ready: true, .. })));
    }

    #[test]
    fn others_do_as_their_name_says() {
        let ready = |behaviour| {
            told(behaviour, 600)
                .iter()
                .find(|(_, state, _)| matches!(state, State::Running { ready: true, .. }))
                .map(|told| told.0)
        };
        assert_eq!(ready(Behaviour::Unready), None);
        assert!(ready(Behaviour::Slow).is_some_and(|second| second >= 30));
        assert!(ready(Behaviour::Late).is_some());
        assert!(told(Behaviour::Late, 600).last().unwrap().2 > 0);
        assert_eq!(ready(Behaviour::NoImage), None);
        let refused = told(Behaviour::NoConfig, 600);
        assert_eq!(refused.last().unwrap().1, State::Refused("CreateContainerConfigError"));
    }

    #[test]
    fn it_ends_within_its_grace() {
        let (mut draw, start) = (Draw::new(1), Timestamp::from_second(0).unwrap());
        let mut life = Life::new("u", Behaviour::Crash, start, &mut draw);
        life.stop(1, start, &mut draw);
        assert!(life.step(Timestamp::from_second(1).unwrap(), &mut draw));
        assert!(life.is_over() && life.next(start).is_none());
    }
}
