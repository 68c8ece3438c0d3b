//! What may be said after a version failed: from what was read back, never from what was planned.

mod taken_over;

use serde_json::Value;

use crate::model::{Names, Revision, images, same_template};
use crate::situation::Situation;
use crate::words::counted;

pub use taken_over::{Fate, fate};

/// What became of a version that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aftermath {
    /// The template of before is there, nothing is held, and the pods are all of it and Ready.
    Back,
    /// The template of before is there, but not all of its pods are.
    Returning {
        /// Its pods that are Ready.
        ready: u32,
        /// Its pods that are wanted.
        wanted: u32,
    },
    /// It is held beside the former version.
    Held {
        /// Its pods.
        pods: u32,
        /// The pods of the former version.
        beside: u32,
        /// The pods of all others: a version that was tried before may not be gone yet.
        others: u32,
    },
    /// It is still what the workload rolls out.
    Live,
    /// Another client has put a third version on the workload.
    Another {
        /// Its images.
        images: String,
    },
}

impl Aftermath {
    /// Reads what became of it. `home` is the template of before, as it was known when the version failed; `failed` that
    /// of the version.
    pub fn of(situation: &Situation<'_>, home: Option<&Value>, failed: &Value) -> Self {
        let workload = situation.workload();
        let live = &workload.spec.template;
        if situation.hold.is_some() {
            let pods = situation.canary.map_or(0, Revision::replicas);
            let beside = situation.stable.map_or(0, Revision::replicas);
            let all: u32 = situation.observed.revisions.iter().map(Revision::replicas).sum();
            return Self::Held { pods, beside, others: all.saturating_sub(pods + beside) };
        }
        if home.is_some_and(|home| same_template(home, live)) {
            let current = situation.current;
            let (ready, wanted) = (current.map_or(0, Revision::ready), workload.replicas());
            let others = situation.observed.revisions.iter();
            let alone = others
                .filter(|rs| current.is_none_or(|current| current.name() != rs.name()))
                .all(|rs| rs.replicas() == 0);
            return if ready >= wanted && alone { Self::Back } else { Self::Returning { ready, wanted } };
        }
        if same_template(failed, live) {
            Self::Live
        } else {
            Self::Another { images: images(live).join(", ") }
        }
    }

    /// Returns it as the end of a sentence.
    pub fn sentence(&self, kind: &Names) -> String {
        match self {
            Self::Back => "the former version is back".to_owned(),
            Self::Returning { ready, wanted } => {
                format!("the former version's template is back, {ready} of {wanted} of its pods are Ready")
            }
            Self::Held { pods: canary, beside, others } => {
                let (canary, beside) = (counted(*canary, "pod"), counted(*beside, "pod"));
                let others = match others {
                    0 => String::new(),
                    pods => format!(", and {} of other versions", counted(*pods, "pod")),
                };
                format!("it is held where it stands: {canary} of it beside {beside}{others}")
            }
            Self::Live => format!("it was not undone: the {} still has it", kind.kind),
            Self::Another { images } => {
                format!("another client has put {images} on the {} since", kind.kind)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{held, idle, replica_set, template};
    use crate::model::DEPLOYMENT;
    use crate::situation::Observed;

    #[test]
    fn all_that_is_held_is_named() {
        let mut observed = held();
        let end = "it is held where it stands: 1 pod of it beside 3 pods";
        assert_eq!(after(&observed).sentence(DEPLOYMENT.names()), end);
        // A version that was tried before was to go, and had not.
        observed.revisions.push(replica_set("web:0", 2));
        assert_eq!(after(&observed), Aftermath::Held { pods: 1, beside: 3, others: 2 });
        assert_eq!(
            after(&observed).sentence(DEPLOYMENT.names()),
            format!("{end}, and 2 pods of other versions")
        );
    }

    fn after(observed: &Observed) -> Aftermath {
        Aftermath::of(&Situation::of(observed), Some(&template("web:1")), &template("web:2"))
    }

    #[test]
    fn only_what_is_there_is_said() {
        assert_eq!(after(&idle()), Aftermath::Back);
        assert_eq!(after(&held()), Aftermath::Held { pods: 1, beside: 3, others: 0 });
        let mut observed = idle();
        observed.revisions[0].status.ready_replicas = 2;
        assert_eq!(after(&observed), Aftermath::Returning { ready: 2, wanted: 3 });
        let mut observed = idle();
        observed.revisions.push(replica_set("web:2", 1));
        assert_eq!(after(&observed), Aftermath::Returning { ready: 3, wanted: 3 }, "its pod is still wanted");
        // The new version goes on, although a plan without steps was carried out.
        let mut observed = idle();
        observed.workload.spec.template = template("web:2");
        assert_eq!(after(&observed), Aftermath::Live);
        observed.workload.spec.template = template("web:3");
        assert_eq!(after(&observed), Aftermath::Another { images: "web:3".into() });
    }
}
