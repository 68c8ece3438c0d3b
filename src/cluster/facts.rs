//! Reading what the preflight needs, all at once.
//!
//! Requests: five always (rights, Services, ResourceQuotas, PodDisruptionBudgets, the dry run of a pod), one for
//! each object that the templates name, the new one and the live one, and after these one for EndpointSlices if a Service selects the pods.
//! Rarely more: nodes where pods exclude each other, LimitRanges where no pod may be tried, a dry run of the live pod where
//! one that is gone back to is refused, and one for each right that an incomplete review leaves open.

use std::collections::BTreeSet;

use futures::future::{join_all, try_join_all};
use serde_json::{Value, json};

use crate::cluster::call::{METADATA_ONLY, encode, parse};
use crate::cluster::get::found;
use crate::cluster::{Call, Cluster, Failure};
use crate::error::Error;
use crate::model::{Resource, resource};
use crate::preflight::{
    Fact, Facts, Kind, Need, Rights, Subject, missing, references, selects, wants_own_nodes,
};

impl Cluster {
    /// Reads the facts about a subject. What may not be read is left out, with the reason.
    ///
    /// # Errors
    /// Only if the API server cannot be reached or does not know the user.
    pub(crate) async fn facts(&self, subject: &Subject) -> Result<Facts, Error> {
        let nodes = async {
            if wants_own_nodes(subject) {
                self.some(&resource::NODES, "").await
            } else {
                Ok(Err("not needed".into()))
            }
        };
        let metrics = async {
            let Some(trial) = &subject.trial else { return Ok(Err("not needed".into())) };
            let Ok(question) = &trial.question else { return Ok(Err("not needed".into())) };
            let (named, login) = (trial.asked.named(), trial.asked.login());
            if let Some(why) = self.sources.closed(login).filter(|_| !trial.asked.from.asks_pods()) {
                return Ok(Err(why));
            }
            Ok(Ok(self.counters(question.clone(), named.as_ref(), login).await))
        };
        let (missing_rights, metrics, services, quotas, budgets, nodes, pod_dry_run, named) = tokio::try_join!(
            self.missing_rights(&subject.needs),
            metrics,
            self.some(&resource::SERVICES, ""),
            self.some(&resource::QUOTAS, ""),
            self.some(&resource::DISRUPTION_BUDGETS, ""),
            nodes,
            self.try_pod(subject),
            try_join_all(all_references(subject).into_iter().map(|(kind, name)| self.named(kind, name))),
        )?;
        let live = subject.of_live().filter(|_| subject.goes_back && matches!(pod_dry_run, Ok(Err(_))));
        let live_dry_run = match live {
            Some(live) => self.try_pod(&live).await?,
            None => Err("not needed".into()),
        };
        let mut facts = Facts {
            services,
            quotas,
            budgets,
            nodes,
            pod_dry_run,
            live_dry_run,
            missing_rights,
            metrics,
            named: named.into_iter().collect(),
            ..Facts::unread("not needed")
        };
        let names: Vec<&str> = facts
            .services
            .iter()
            .flatten()
            .filter(|service| selects(service, subject))
            .filter_map(|service| service["metadata"]["name"].as_str())
            .collect();
        if !names.is_empty() {
            let of_services = encode(&format!("kubernetes.io/service-name in ({})", names.join(",")));
            let query = format!("?labelSelector={of_services}");
            facts.endpoint_slices = self.some(&resource::ENDPOINT_SLICES, &query).await?;
        }
        if facts.pod_dry_run.is_err() {
            facts.limit_ranges = self.some(&resource::LIMIT_RANGES, "").await?;
        }
        Ok(facts)
    }

    /// Reads a list, if that is allowed.
    async fn some(&self, resource: &Resource, query: &str) -> Result<Fact<Vec<Value>>, Error> {
        let what = &resource.plural;
        let doing = format!("list {what} in namespace {}", self.namespace);
        let namespace = resource.namespaced.then_some(self.namespace.as_str());
        let path = format!("{}{query}", resource.collection(namespace));
        let call = Call { doing: doing.clone(), method: "GET", path, body: None };
        let mut list: Value = match self.read(&call).await {
            Ok(body) => parse(&doing, &body)?,
            Err(failure) => return unread(failure, &format!("list {what}")).map(Err),
        };
        let items = list["items"].as_array_mut().map(std::mem::take);
        Ok(Ok(items.unwrap_or_default()))
    }

    /// Reads an object that the template names, of a Secret the metadata alone.
    pub(super) async fn named(
        &self,
        kind: Kind,
        name: String,
    ) -> Result<((Kind, String), Fact<Option<Value>>), Error> {
        let doing = format!("read {}/{name} in namespace {}", kind.word(), self.namespace);
        let path = self.path(kind.resource(), &encode(&name));
        let call = Call { doing: doing.clone(), method: "GET", path, body: None };
        let answer = match kind {
            Kind::Secret => self.read_as(&call, METADATA_ONLY).await,
            Kind::ConfigMap | Kind::ServiceAccount | Kind::Claim => self.read(&call).await,
        };
        let fact = match found(answer) {
            Ok(body) => Ok(body.map(|body| parse(&doing, &body)).transpose()?),
            Err(failure) => Err(unread(failure, &format!("get {}", kind.plural()))?),
        };
        Ok(((kind, name), fact))
    }

    /// Asks what of the needs is not allowed.
    pub(crate) async fn missing_rights(&self, needs: &[Need]) -> Result<Fact<Vec<Need>>, Error> {
        if needs.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let rights = match self.rights().await? {
            Ok(rights) => rights,
            Err(why) => return Ok(Err(why)),
        };
        let missing = missing(needs, &rights);
        if !rights.incomplete {
            return Ok(Ok(missing));
        }
        let confirmed = join_all(missing.iter().map(|need| self.is_allowed(need))).await;
        let mut left = Vec::new();
        for (need, allowed) in missing.into_iter().zip(confirmed) {
            match allowed? {
                Ok(true) => {}
                Ok(false) => left.push(need),
                Err(why) => return Ok(Err(why)),
            }
        }
        Ok(Ok(left))
    }

    /// Asks for all that is allowed in the namespace, as far as authorizers can list it.
    pub(crate) async fn rights(&self) -> Result<Fact<Rights>, Error> {
        let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": self.namespace}});
        Ok(self.review("selfsubjectrulesreviews", body).await?.map(|review| Rights::of(&review)))
    }

    /// Asks whether something is allowed.
    pub(crate) async fn is_allowed(&self, need: &Need) -> Result<Fact<bool>, Error> {
        let (resource, subresource) = need.resource.split_once('/').unwrap_or((&need.resource, ""));
        let attributes = json!({"namespace": self.namespace, "verb": need.verb, "group": need.group,
            "resource": resource, "subresource": subresource, "name": need.name.as_deref().unwrap_or_default()});
        let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes}});
        let review = self.review("selfsubjectaccessreviews", body).await?;
        Ok(review.map(|review| review["status"]["allowed"] == true))
    }

    /// Sends a review. It changes nothing, so it counts as a read.
    async fn review(&self, plural: &str, body: Value) -> Result<Fact<Value>, Error> {
        let doing = format!("ask for our rights in namespace {}", self.namespace);
        let path = format!("/apis/authorization.k8s.io/v1/{plural}");
        let call =
            Call { doing: doing.clone(), method: "POST", path, body: Some(("application/json", body)) };
        match self.read(&call).await {
            Ok(body) => parse(&doing, &body).map(Ok),
            Err(failure) => unread(failure, &format!("create {plural}")).map(Err),
        }
    }

    /// Has the server judge the template as a pod, without making one.
    async fn try_pod(&self, subject: &Subject) -> Result<Fact<Result<Value, String>>, Error> {
        let template = &subject.deployment.spec.template;
        let name = subject.deployment.id().name;
        let body = json!({"apiVersion": "v1", "kind": "Pod", "spec": template["spec"], "metadata": {
            // Names of pods are cut at 63 letters, five of them random.
            "generateName": format!("{}-", name.chars().take(50).collect::<String>()),
            "labels": template["metadata"]["labels"], "annotations": template["metadata"]["annotations"]}});
        let call = Call {
            doing: format!("try a pod of deployment/{name} in namespace {} (dry run)", self.namespace),
            method: "POST",
            path: format!("{}?dryRun=All", resource::PODS.collection(Some(&self.namespace))),
            body: Some(("application/json", body)),
        };
        let mut tries = 0;
        loop {
            let failure = match self.quiet().write(&call).await {
                Ok(pod) => return Ok(Ok(Ok(pod))),
                Err(failure) => failure,
            };
            let message = match failure {
                Failure::Refused(status, error) => match status.code {
                    401 => return Err(error),
                    403 if status.message.contains("cannot create resource \"pods\"") => {
                        return Ok(Err("no right to create pods (for a dry run)".into()));
                    }
                    400 | 403 | 422 if !status.message.contains("does not support dry run") => {
                        return Ok(Ok(Err(status.message)));
                    }
                    _ => error.message,
                },
                // It changes nothing, so it may be sent again whatever became of it.
                Failure::Unknown(_) if tries < 3 => {
                    tries += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(300 * tries)).await;
                    continue;
                }
                Failure::Unreasoned(error) | Failure::Unknown(error) => error.message,
            };
            return Ok(Err(message));
        }
    }
}

/// What the new template refers to, and those that are there: only what all lack is nothing new.
fn all_references(subject: &Subject) -> BTreeSet<(Kind, String)> {
    let there = [subject.of_live(), subject.of_running()].into_iter().flatten();
    references(subject).into_iter().chain(there.flat_map(|version| references(&version))).collect()
}

/// Why something was not read; an error if not even the rest can be.
fn unread(failure: Failure, what: &str) -> Result<String, Error> {
    match failure.code() {
        403 => Ok(format!("no right to {what}")),
        404 => Ok(format!("the server has nothing to {what}")),
        _ => Err(failure.into_error()),
    }
}
