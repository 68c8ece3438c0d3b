//! The fields that runs borrow, as their user or whoever wrote them last wants them.

use std::collections::BTreeMap;

use rollout_plus::keys::{HELD_ANNOTATION, OWNERS_ANNOTATION};
use serde_json::{Value, json};

use crate::acts::{Act, Field};

/// The fields, by their names.
#[derive(Clone, Debug)]
pub(super) struct Fields(BTreeMap<&'static str, Value>);

impl Fields {
    /// Those of a manifest.
    pub(super) fn of(manifest: &Value) -> Self {
        let spec = &manifest["spec"];
        let names = ["strategy", "minReadySeconds", "progressDeadlineSeconds", "paused"];
        Self(names.into_iter().map(|name| (name, spec[name].clone())).collect())
    }

    /// Somebody did something.
    pub(super) fn wrote(&mut self, act: &Act, manifest: &Value) {
        let mut set = |name, value| drop(self.0.insert(name, value));
        match act {
            Act::Edit(Field::MinReadySeconds(seconds)) => set("minReadySeconds", json!(seconds)),
            Act::Edit(Field::ProgressDeadline(seconds)) => set("progressDeadlineSeconds", json!(seconds)),
            Act::Edit(Field::Surge(percent)) => {
                let limits = json!({"maxSurge": format!("{percent}%"), "maxUnavailable": 0});
                set("strategy", json!({"type": "RollingUpdate", "rollingUpdate": limits}));
            }
            Act::Pause => set("paused", json!(true)),
            Act::Resume => set("paused", Value::Null),
            Act::Revert | Act::RevertSettings => *self = Self::of(manifest),
            Act::Edit(Field::History(_) | Field::Annotation | Field::Label)
            | Act::Scale(_)
            | Act::ThirdVersion(_)
            | Act::Undo
            | Act::Restart
            | Act::Quota(_)
            | Act::NoQuota
            | Act::Evict(_)
            | Act::EndPods(_)
            | Act::NodeLost(_)
            | Act::NodeBack(_)
            | Act::Delete => {}
        }
    }

    /// Names those that are not as they should be, and annotations of ours.
    pub(super) fn lost(&self, deployment: &Value) -> Vec<String> {
        let nothing = |value: &Value| value.is_null() || *value == json!(0) || *value == json!(false);
        let differs = |(name, wanted): (&&'static str, &Value)| {
            let is = &deployment["spec"][*name];
            let same = is == wanted || (nothing(is) && nothing(wanted));
            (!same).then(|| format!("spec.{name} is {is}, and {wanted} was written last"))
        };
        let annotations = &deployment["metadata"]["annotations"];
        let left = [HELD_ANNOTATION, OWNERS_ANNOTATION]
            .into_iter()
            .filter(|name| annotations[*name].is_string())
            .map(|name| format!("the annotation {name} is left"));
        self.0.iter().filter_map(differs).chain(left).collect()
    }
}
