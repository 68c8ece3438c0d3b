//! What other people and programs do while a run is under way. An act is drawn beforehand, and its requests are made of what
//! is there when its time comes.

mod objects;
mod pods;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::controllers::kubelet::script::Behaviour;
use crate::draw::Draw;
use crate::names::names;
use crate::object::Key;
use crate::server::request::Request;
use crate::server::store::Store;

/// One act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// `kubectl scale`.
    Scale(u32),
    /// `kubectl set image`: a version that is neither the former nor the new one.
    ThirdVersion(Behaviour),
    /// `kubectl rollout undo`.
    Undo,
    /// `kubectl rollout restart`.
    Restart,
    /// `kubectl rollout pause`.
    Pause,
    /// `kubectl rollout resume`.
    Resume,
    /// An agent that follows a repository applies the manifest that it has: every field that it names.
    Revert,
    /// The same, but for the pod template.
    RevertSettings,
    /// `kubectl edit` of one field.
    Edit(Field),
    /// A quota of so many pods.
    Quota(u32),
    /// The quota goes.
    NoQuota,
    /// So many pods are evicted.
    Evict(u32),
    /// So many pods are deleted.
    EndPods(u32),
    /// A node is lost.
    NodeLost(usize),
    /// It is back.
    NodeBack(usize),
    /// `kubectl delete deployment`.
    Delete,
}

/// A field that somebody edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `spec.minReadySeconds`, in seconds.
    MinReadySeconds(u32),
    /// `spec.progressDeadlineSeconds`, in seconds.
    ProgressDeadline(u32),
    /// `maxSurge` in percent, and no `maxUnavailable`.
    Surge(u32),
    /// `spec.revisionHistoryLimit`.
    History(u32),
    /// An annotation that is nobody's business.
    Annotation,
    /// A label of the Deployment itself.
    Label,
}

/// When somebody does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// How long after the first run began.
    pub after: Duration,
    /// What.
    pub act: Act,
}

/// What an act goes by.
#[derive(Debug)]
pub struct Sight<'a> {
    /// What there is.
    pub store: &'a Store,
    /// The Deployment.
    pub target: &'a Key,
    /// The Deployment as its user applied it.
    pub manifest: &'a Value,
    /// What the clocks show.
    pub now: Timestamp,
}

names! {
    /// The names of all acts.
    pub NAMES,
    /// The name of an act.
    name(act: Act),
    {
        Act::Scale(_) => "scale",
        Act::ThirdVersion(_) => "third version",
        Act::Undo => "undo",
        Act::Restart => "restart",
        Act::Pause => "pause",
        Act::Resume => "resume",
        Act::Revert => "revert",
        Act::RevertSettings => "revert settings",
        Act::Edit(_) => "edit",
        Act::Quota(_) => "quota",
        Act::NoQuota => "no quota",
        Act::Evict(_) => "evict",
        Act::EndPods(_) => "end pods",
        Act::NodeLost(_) => "node lost",
        Act::NodeBack(_) => "node back",
        Act::Delete => "delete",
    }
}

impl Act {
    /// Draws one, for a Deployment of so many replicas. Those that tell much of a run come often.
    pub fn draw(draw: &mut Draw, replicas: u32) -> Self {
        let up_to =
            |draw: &mut Draw, most: u32| u32::try_from(draw.number(1..=u64::from(most.max(1)))).unwrap_or(1);
        match draw.number(0..=23) {
            0..=3 => Self::Scale(up_to(draw, 2 * replicas)),
            4 | 5 => Self::ThirdVersion(draw.one(&Behaviour::ALL).copied().unwrap_or(Behaviour::Good)),
            6 | 7 => Self::Undo,
            8 => Self::Restart,
            9 => Self::Pause,
            10 => Self::Resume,
            11 => Self::Revert,
            12 => Self::RevertSettings,
            13..=17 => Self::Edit(Field::draw(draw)),
            18 => Self::Quota(up_to(draw, replicas + 2)),
            19 => Self::Evict(up_to(draw, replicas)),
            20 => Self::EndPods(up_to(draw, replicas)),
            21 | 22 => Self::NodeLost(usize::try_from(draw.number(0..=2)).unwrap_or(0)),
            _ => Self::Delete,
        }
    }

    /// Draws some, each within the time in which a run is likely to be under way, in their order.
    pub fn some(draw: &mut Draw, most: u64, within: Duration, replicas: u32) -> Vec<Due> {
        let millis = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let mut all: Vec<Due> = (0..draw.number(0..=most))
            .flat_map(|_| {
                let due = Due { after: draw.millis(0..=millis), act: Self::draw(draw, replicas) };
                let end =
                    due.act.undone().map(|act| Due { after: due.after + draw.millis(1_000..=600_000), act });
                std::iter::once(due).chain(end)
            })
            .collect();
        all.sort_by_key(|due| due.after);
        all
    }

    /// What ends a state that would keep the cluster from coming to rest.
    fn undone(&self) -> Option<Self> {
        match self {
            Self::Quota(_) => Some(Self::NoQuota),
            Self::NodeLost(node) => Some(Self::NodeBack(*node)),
            Self::Pause => Some(Self::Resume),
            Self::Scale(_)
            | Self::ThirdVersion(_)
            | Self::Undo
            | Self::Restart
            | Self::Resume
            | Self::Revert
            | Self::RevertSettings
            | Self::Edit(_)
            | Self::NoQuota
            | Self::Evict(_)
            | Self::EndPods(_)
            | Self::NodeBack(_)
            | Self::Delete => None,
        }
    }

    /// Its name, as the coverage of the draw counts it.
    pub const fn name(&self) -> &'static str {
        name(self)
    }

    /// Who does it.
    pub const fn who(&self) -> &'static str {
        match self {
            Self::Revert | Self::RevertSettings => "gitops",
            Self::Evict(_) | Self::NodeLost(_) | Self::NodeBack(_) => "nodes",
            Self::Scale(_)
            | Self::ThirdVersion(_)
            | Self::Undo
            | Self::Restart
            | Self::Pause
            | Self::Resume
            | Self::Edit(_)
            | Self::Quota(_)
            | Self::NoQuota
            | Self::EndPods(_)
            | Self::Delete => "somebody",
        }
    }

    /// Whether it takes pods away, or keeps them from coming, whatever a run does.
    pub const fn takes_pods(&self) -> bool {
        match self {
            Self::Quota(_)
            | Self::Evict(_)
            | Self::EndPods(_)
            | Self::NodeLost(_)
            | Self::Delete
            | Self::Scale(_) => true,
            Self::ThirdVersion(_)
            | Self::Undo
            | Self::Restart
            | Self::Pause
            | Self::Resume
            | Self::Revert
            | Self::RevertSettings
            | Self::Edit(_)
            | Self::NoQuota
            | Self::NodeBack(_) => false,
        }
    }

    /// Whether it changes which version is wanted.
    pub const fn changes_version(&self) -> bool {
        match self {
            Self::ThirdVersion(_) | Self::Undo | Self::Restart | Self::Revert | Self::Delete => true,
            Self::Scale(_)
            | Self::Pause
            | Self::Resume
            | Self::RevertSettings
            | Self::Edit(_)
            | Self::Quota(_)
            | Self::NoQuota
            | Self::Evict(_)
            | Self::EndPods(_)
            | Self::NodeLost(_)
            | Self::NodeBack(_) => false,
        }
    }

    /// What is sent when its time has come; nothing where there is nothing to do it to.
    pub fn requests(&self, sight: &Sight<'_>, draw: &mut Draw) -> Vec<Request> {
        let who = self.who();
        match self {
            Self::Scale(replicas) => objects::scale(who, sight, *replicas),
            Self::ThirdVersion(behaviour) => {
                objects::image(who, sight, &format!("shop:v3-{}", behaviour.name()))
            }
            Self::Undo => objects::undo(who, sight),
            Self::Restart => objects::restart(who, sight),
            Self::Pause => objects::pause(who, sight, true),
            Self::Resume => objects::pause(who, sight, false),
            Self::Revert => objects::apply(who, sight, true),
            Self::RevertSettings => objects::apply(who, sight, false),
            Self::Edit(field) => objects::edit(who, sight, *field),
            Self::Quota(pods) => objects::quota(who, sight, *pods),
            Self::NoQuota => objects::no_quota(who, sight),
            Self::Evict(count) => pods::evict(who, sight, *count, draw),
            Self::EndPods(count) => pods::end(who, sight, *count, draw),
            Self::NodeLost(node) => pods::node(who, sight, *node, true),
            Self::NodeBack(node) => pods::node(who, sight, *node, false),
            Self::Delete => objects::delete(who, sight),
        }
    }
}

impl Field {
    fn draw(draw: &mut Draw) -> Self {
        let number = |draw: &mut Draw, least, most| u32::try_from(draw.number(least..=most)).unwrap_or(0);
        match draw.number(0..=8) {
            0 | 1 => Self::MinReadySeconds(number(draw, 0, 10)),
            2 | 3 => Self::ProgressDeadline(number(draw, 20, 120)),
            4 | 5 => Self::Surge(number(draw, 1, 100)),
            6 => Self::History(number(draw, 0, 3)),
            7 => Self::Annotation,
            _ => Self::Label,
        }
    }
}

#[cfg(test)]
mod tests;
