//! How a version behaves: its image says it.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::draw::Draw;

/// What becomes of the pods of a version. The last part of the image's tag names it (`shop:v2-crash`); any other is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behaviour {
    /// It starts, is Ready soon, and stays so.
    Good,
    /// It is Ready after half a minute or more.
    Slow,
    /// It runs and is never Ready.
    Unready,
    /// It ends with an error at once, again and again.
    Crash,
    /// It is Ready, and ends with an error some time later.
    Late,
    /// It is killed for its memory, again and again.
    Oom,
    /// Its image is not there.
    NoImage,
    /// Something that its spec names is not there.
    NoConfig,
    /// It is Ready and not Ready by turns.
    Flaps,
    /// No node takes it.
    Unschedulable,
}

/// The word of a version whose pods are good if they are among the first of their `ReplicaSet`, and crash if they come later:
/// what it needs is gone, and it does not start again.
const ONCE: &str = "once";

/// Whether a container starts only once.
pub(crate) fn is_once(container: &Container) -> bool {
    container.image.as_deref().is_some_and(|image| image.rsplit('-').next() == Some(ONCE))
}

impl Behaviour {
    /// All of them that follow from the image alone.
    pub const ALL: [Self; 10] = [
        Self::Good,
        Self::Slow,
        Self::Unready,
        Self::Crash,
        Self::Late,
        Self::Oom,
        Self::NoImage,
        Self::NoConfig,
        Self::Flaps,
        Self::Unschedulable,
    ];

    /// Its name in a tag.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Slow => "slow",
            Self::Unready => "unready",
            Self::Crash => "crash",
            Self::Late => "late",
            Self::Oom => "oom",
            Self::NoImage => "noimage",
            Self::NoConfig => "noconfig",
            Self::Flaps => "flaps",
            Self::Unschedulable => "unschedulable",
        }
    }

    /// That of an image.
    pub fn of_image(image: &str) -> Self {
        // No registry has such a name (RFC 2606).
        if image.split('/').next().is_some_and(|registry| registry.ends_with(".invalid")) {
            return Self::NoImage;
        }
        let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
        let word = tag.rsplit('-').next().unwrap_or(tag);
        Self::ALL.into_iter().find(|behaviour| behaviour.name() == word).unwrap_or(Self::Good)
    }

    /// That of the first of a pod's containers that is not good.
    pub(crate) fn of(pod: &Pod) -> Self {
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        let all = containers.map(|container| Self::of_image(container.image.as_deref().unwrap_or_default()));
        all.into_iter().find(|behaviour| *behaviour != Self::Good).unwrap_or(Self::Good)
    }

    /// How long after its start it is Ready, if it ever is.
    pub(crate) fn until_ready(self, draw: &mut Draw) -> Option<Duration> {
        match self {
            Self::Good | Self::Late | Self::Flaps => Some(draw.millis(0..=2_000)),
            Self::Slow => Some(draw.millis(30_000..=60_000)),
            Self::Unready
            | Self::Crash
            | Self::Oom
            | Self::NoImage
            | Self::NoConfig
            | Self::Unschedulable => None,
        }
    }

    /// How long after its start it ends, if it does.
    pub(crate) fn until_end(self, draw: &mut Draw) -> Option<Duration> {
        match self {
            Self::Crash | Self::Oom => Some(draw.millis(50..=1_500)),
            Self::Late => Some(draw.millis(5_000..=40_000)),
            Self::Good
            | Self::Slow
            | Self::Unready
            | Self::NoImage
            | Self::NoConfig
            | Self::Flaps
            | Self::Unschedulable => None,
        }
    }

    /// Its exit code and the runtime's word for it.
    pub(crate) const fn end(self) -> (i32, &'static str) {
        match self {
            Self::Oom => (137, "OOMKilled"),
            Self::Good
            | Self::Slow
            | Self::Unready
            | Self::Crash
            | Self::Late
            | Self::NoImage
            | Self::NoConfig
            | Self::Flaps
            | Self::Unschedulable => (1, "Error"),
        }
    }
}
