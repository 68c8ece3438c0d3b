//! One thing that is wrong.

use std::time::Duration;

use crate::health::{Rule, View};
use crate::model::{ContainerStatus, Pod};

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// What it means.
    pub rule: &'static Rule,
    /// The pod's uid; empty where it is about no pod.
    pub uid: String,
    /// The pod's name.
    pub pod: Option<String>,
    /// The container's name.
    pub container: Option<String>,
    /// What the cluster said, secrets masked: pods and registries may have put anything into it, and it goes into
    /// every output, the reports and the journal.
    pub message: String,
    /// How the container ended.
    pub exit_code: Option<i64>,
    /// For how long it may last, where that depends on the object.
    pub within: Option<Duration>,
}

impl Signal {
    pub(super) fn new(view: &View<'_>, rule: &'static Rule, message: &str) -> Self {
        Self {
            rule,
            uid: String::new(),
            pod: None,
            container: None,
            message: view.scrubber.text(message.trim()),
            exit_code: None,
            within: None,
        }
    }

    pub(super) fn of_pod(view: &View<'_>, rule: &'static Rule, pod: &Pod, message: &str) -> Self {
        Self { uid: pod.uid().to_owned(), pod: Some(pod.name().to_owned()), ..Self::new(view, rule, message) }
    }

    pub(super) fn of_container(
        view: &View<'_>,
        rule: &'static Rule,
        (pod, status): (&Pod, &ContainerStatus),
        message: &str,
    ) -> Self {
        Self { container: Some(status.name.clone()), ..Self::of_pod(view, rule, pod, message) }
    }

    pub(super) fn exit(self, code: i64) -> Self {
        Self { exit_code: Some(code), ..self }
    }

    pub(super) fn within(self, patience: Duration) -> Self {
        Self { within: Some(patience), ..self }
    }
}
