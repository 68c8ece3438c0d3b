//! What is asked at a look: pods of both versions, or what the router before them has counted for each.

use super::Comparison;
use crate::model::{Pod, Revision};
use crate::reading::Question;
use crate::router_metrics::Backends;
use crate::situation::Situation;
use crate::traffic::Role;

/// Pods of a version, with the version.
pub(super) type OfVersion<'v> = (Option<&'v Revision>, Vec<Pod>);

impl Comparison {
    /// Asks about these pods, or about what stands for them; notes who is asked, and for what nobody can be.
    pub(super) fn question(
        &mut self,
        situation: &Situation<'_>,
        canary: OfVersion<'_>,
        stable: OfVersion<'_>,
    ) -> Question {
        self.trouble.clear();
        self.asked_of.clear();
        if !self.asked.compares() {
            return Question::Pods(Vec::new());
        }
        if self.asked.from.is_router() {
            return self.ask_router(situation);
        }
        let mut pods = Vec::new();
        for (role, (version, all)) in [(Role::Canary, canary), (Role::Stable, stable)] {
            let place = version.map(|version| self.asked.from.place(&version.spec.template));
            for pod in all {
                match &place {
                    Some(Ok(place)) => {
                        self.asked_of.insert(pod.name().to_owned(), (pod.uid().to_owned(), role));
                        pods.push((pod.name().to_owned(), place.clone()));
                    }
                    Some(Err(why)) => drop(self.trouble.insert(pod.name().to_owned(), why.clone())),
                    None => {}
                }
            }
        }
        let named = self.asked.named();
        self.asked.from.question(named.as_ref(), namespace(situation), pods)
    }

    /// A version's backend stands for its pods: its name for theirs, and for their uid.
    fn ask_router(&mut self, situation: &Situation<'_>) -> Question {
        let observed = situation.observed;
        let traffic = observed.traffic.as_ref();
        let named = self.asked.named();
        let question = Backends::of_versions(traffic, &observed.traffic_objects, namespace(situation))
            .map(|backends| self.asked.from.question_of(named.as_ref(), backends));
        match question {
            Ok(Some(Question::Router { server, queries, backends })) => {
                for backend in &backends.all {
                    let title = &backend.title;
                    self.asked_of.insert(title.clone(), (title.clone(), backend.role()));
                }
                Question::Router { server, queries, backends }
            }
            Ok(Some(other)) => other,
            Ok(None) => Question::Pods(Vec::new()),
            Err(why) => {
                self.trouble.insert(String::new(), why);
                Question::Pods(Vec::new())
            }
        }
    }

    /// Names a pod, or a backend of the router, whose metrics were not read.
    pub fn missing(&self) -> Option<String> {
        let Some((name, why)) = self.trouble.first_key_value() else {
            return self.unprobed.as_ref().map(|why| format!("the probe was not answered: {why}"));
        };
        if name.is_empty() {
            return Some(format!("no metrics of the router: {why}"));
        }
        let asked = self.asked_of.len().max(self.trouble.len());
        let what = if self.asked.from.is_router() { "backends of the router" } else { "pods" };
        Some(format!("no metrics of {} of {asked} {what}: {name}: {why}", self.trouble.len()))
    }
}

/// Returns the namespace of the workload.
pub(super) fn namespace<'s>(situation: &Situation<'s>) -> &'s str {
    situation.observed.workload.metadata.namespace.as_deref().unwrap_or_default()
}
