//! What is judged: a Deployment as it will be.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{Revision, Strategy, Workload, without_hash};
use crate::plan::{Plan, Step};
use crate::preflight::made::{Made, made};
use crate::preflight::surge::Replacing;
use crate::preflight::{Need, Trial, asking_need, fault_needs, needs, prometheus_need, routing_needs};
use crate::share::Sizing;
use crate::situation::Situation;
use crate::step;

/// A Deployment as it will be.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// With the new template and the user's own settings, never those of a hold.
    pub deployment: Workload,
    /// As it is in the cluster.
    pub live: Option<Workload>,
    /// The template of the version that users have; the live one may be pending, or held.
    pub running: Option<Value>,
    /// How the new version comes in.
    pub strategy: Strategy,
    /// Pods that will exist beside those of now, if there is room for them.
    pub surge_pods: u32,
    /// What a rolling update replaces; `None` where nothing is taken away for the pods of the surge.
    pub replacing: Option<Replacing>,
    /// Objects that come to exist besides the pods, and that quotas may count.
    pub makes: Vec<Made>,
    /// Whether it is a way out of trouble (`rollback`, `restart`): what the live version has, too, is no reason to refuse.
    pub goes_back: bool,
    /// Whether the template that a paused Deployment has pending is what is rolled out.
    pub pending: bool,
    /// The numbers of pods for the share that was asked.
    pub sizing: Option<Sizing>,
    /// The metrics that are to be compared.
    pub trial: Option<Trial>,
    /// What the user must be allowed to do.
    pub needs: Vec<Need>,
    /// The manifest that it came from.
    pub file: Option<String>,
}

impl Subject {
    /// Returns the subject of a plan: its template, and the most pods of its steps.
    pub fn of(situation: &Situation<'_>, plan: &Plan, strategy: Strategy) -> Self {
        let live = situation.workload();
        let mut deployment = live.clone();
        if let Some(hold) = &situation.hold {
            deployment.spec.min_ready_seconds = hold.original.min_ready_seconds;
            deployment.spec.progress_deadline_seconds = hold.original.progress_deadline_seconds;
            deployment.spec.strategy.clone_from(&hold.original.strategy);
        }
        let now: u32 = situation.observed.revisions.iter().map(Revision::replicas).sum();
        let (mut surge_pods, mut first, mut lowers, mut given) = (0, None, false, false);
        let mut replacing = None;
        for step in &plan.steps {
            if let Step::Update { template } = step {
                deployment.spec.template = template.clone();
                given = true;
                let rolling = Replacing::of(situation, &deployment);
                surge_pods = rolling.surge(&deployment);
                replacing = Some(rolling);
            }
            let Step::Hold { template, size, stable, changes: _ } = step else { continue };
            if let Some(template) = template {
                deployment.spec.template = template.clone();
                given = true;
            }
            let Ok((sizing, _)) = step::sizing(situation, *size, *stable) else { continue };
            surge_pods = surge_pods.max((sizing.stable + sizing.canary).saturating_sub(now));
            lowers |= situation.canary.is_some_and(|canary| canary.replicas() > sizing.canary);
            first.get_or_insert(sizing);
        }
        let home = live.metadata.namespace.as_deref().unwrap_or_default();
        let mut needs = needs(&live.id().name, lowers);
        needs.extend(situation.observed.traffic.iter().flat_map(routing_needs));
        needs.extend(plan.asks_pods().then(asking_need));
        needs
            .extend(plan.steps.iter().filter_map(Step::gate).flat_map(|gate| fault_needs(gate.fault, false)));
        let analyze = plan.steps.iter().find_map(Step::analyze);
        needs.extend(analyze.and_then(|asked| prometheus_need(&asked.server()?, home)));
        let subject = Self {
            makes: made(situation, plan, &deployment.spec.template),
            deployment,
            live: Some(live.clone()),
            running: situation.stable_template().map(without_hash),
            strategy,
            surge_pods,
            replacing,
            goes_back: false,
            pending: !given && !situation.is_on_stable_template(),
            sizing: first,
            trial: None,
            needs,
            file: None,
        };
        Self { trial: Trial::of(situation, plan, &subject), ..subject }
    }

    /// Returns the same change with the template that is live: what is found there, too, is nothing new.
    pub fn of_live(&self) -> Option<Self> {
        self.live.as_ref().map(|live| self.with_template(&live.spec.template))
    }

    /// Returns the same change with the template of the version that users have.
    pub fn of_running(&self) -> Option<Self> {
        self.running.as_ref().map_or_else(|| self.of_live(), |running| Some(self.with_template(running)))
    }

    fn with_template(&self, template: &Value) -> Self {
        let mut deployment = self.deployment.clone();
        deployment.spec.template.clone_from(template);
        Self { deployment, ..self.clone() }
    }

    /// Whether pods of the version are going to be made.
    pub fn makes_pods(&self) -> bool {
        self.replacing.as_ref().map_or(self.surge_pods > 0, Replacing::makes_pods)
    }

    /// Returns `deployment/name`.
    pub fn object(&self) -> String {
        self.deployment.id().title()
    }

    /// Returns the spec of the pods.
    pub fn pod(&self) -> &Value {
        &self.deployment.spec.template["spec"]
    }

    /// Returns the labels of the pods.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let labels = self.deployment.spec.template["metadata"]["labels"].as_object();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        labels.into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect()
    }

    /// Returns the containers that run side by side, with their paths: sidecars are init containers that
    /// are restarted always.
    pub fn containers(&self) -> Vec<(String, &Value)> {
        let mut found = self.all_containers();
        found.retain(|(path, container)| {
            !path.contains("initContainers") || container["restartPolicy"] == "Always"
        });
        found
    }

    /// Returns all containers with their paths, init containers last.
    pub fn all_containers(&self) -> Vec<(String, &Value)> {
        let list = |name: &'static str| {
            let items = self.pod()[name].as_array().into_iter().flatten().enumerate();
            items.map(move |(index, item)| (format!("spec.template.spec.{name}[{index}]"), item))
        };
        list("containers").chain(list("initContainers")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{idle, template};
    use crate::strategy::{Trial, VerifyRequest, tried};

    #[test]
    fn whoever_asks_pods_needs_the_right_to_it() {
        let words = |checks: &[&str]| {
            let checks = checks.iter().map(|check| check.parse().unwrap()).collect();
            let verify = VerifyRequest { checks, port: Some("80".into()), ..VerifyRequest::default() };
            let observed = idle();
            let trial = Trial { verify, analyze: None };
            let plan = tried(&template("web:2"), &trial, &observed).unwrap();
            let subject = Subject::of(&Situation::of(&observed), &plan, Strategy::Rolling);
            subject.needs.iter().map(Need::words).filter(|need| need.contains("proxy")).collect::<Vec<_>>()
        };
        assert_eq!(words(&["/health", "/ready"]), ["get pods --subresource=proxy"]);
        assert_eq!(words(&[]), [""; 0]);
    }
}
