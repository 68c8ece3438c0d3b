//! The requests that we send, one function each.

use futures::future::try_join;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Selector;
use serde_json::{Value, json};

use crate::cluster::{Call, Cluster, Failure};
use crate::error::{Error, Kind};
use crate::journal::{self, FaultRecord, HeldRecord, Journal};
use crate::keys::{FIELD_MANAGER, HELD_ANNOTATION};
use crate::model::{DEPLOYMENT, Deployment, ObjectName, Pod, ReplicaSet, Resource, Workload, resource};
use crate::situation::Observed;
use crate::traffic::{Traffic, TrafficObjects};

impl Cluster {
    /// Returns the path of an object in our namespace.
    pub(super) fn path(&self, resource: &Resource, name: &str) -> String {
        resource.object(Some(&self.namespace), name)
    }

    /// Returns which workload of our namespace has a name: there is one kind so far.
    pub(crate) fn workload(&self, name: &str) -> ObjectName {
        ObjectName::new(DEPLOYMENT, &*self.namespace, name)
    }

    /// Reads a Deployment; `None` if there is none of that name.
    pub(crate) async fn deployment(&self, name: &str) -> Result<Option<Deployment>, Error> {
        let doing = format!("read {}", self.workload(name));
        let path = self.path(&resource::DEPLOYMENTS, name);
        self.optional(doing, path).await
    }

    /// Reads the Deployments of our namespace.
    pub(crate) async fn deployments(&self) -> Result<Vec<Deployment>, Error> {
        self.list(&resource::DEPLOYMENTS, false, None, Some).await
    }

    /// Reads ReplicaSets of our namespace.
    pub(crate) async fn replica_sets(&self, labels: &str) -> Result<Vec<ReplicaSet>, Error> {
        self.list(&resource::REPLICA_SETS, false, Some(labels), Some).await
    }

    /// Reads the pods that a workload's selector finds.
    pub(crate) async fn pods(&self, workload: &Workload) -> Result<Vec<Pod>, Error> {
        let labels = labels(&workload.spec.selector)?;
        self.list(&resource::PODS, false, Some(&labels), Some).await
    }

    /// Names the autoscalers of a Deployment. Who may not read them is told of none.
    pub(crate) async fn autoscalers(&self, deployment: &str) -> Result<Vec<String>, Error> {
        let found: Result<Vec<Value>, Error> = self.list(&resource::AUTOSCALERS, false, None, Some).await;
        let targets = |hpa: &Value| {
            let target = &hpa["spec"]["scaleTargetRef"];
            target["kind"] == "Deployment" && target["name"] == deployment
        };
        Ok(found
            .unwrap_or_default()
            .iter()
            .filter(|hpa| targets(hpa))
            .filter_map(|hpa| hpa["metadata"]["name"].as_str().map(str::to_owned))
            .collect())
    }

    /// Reads all that `status` needs of one workload, pods excepted.
    pub(crate) async fn observe(&self, name: &str) -> Result<Observed, Error> {
        let Some(Deployment(workload)) = self.deployment(name).await? else {
            return Err(self.not_found(name).await);
        };
        self.around(workload).await
    }

    /// Reads the rest, both at once. The Lease is to be younger than the workload: a run writes to it first.
    pub(crate) async fn around(&self, workload: Workload) -> Result<Observed, Error> {
        let labels = labels(&workload.spec.selector)?;
        let id = workload.id();
        let (replica_sets, lease) = try_join(self.replica_sets(&labels), self.lease(&id)).await?;
        let own = replica_sets.into_iter().filter(|rs| rs.is_owned_by(workload.uid()));
        let revisions = own.map(|ReplicaSet(revision)| revision).collect();
        let journal = lease.as_ref().and_then(journal::journal);
        let traffic = traffic_of(&workload, journal.as_ref());
        let traffic_objects = match &traffic {
            Some(traffic) => self.traffic_objects(&self.namespace, traffic).await?,
            None => TrafficObjects::default(),
        };
        Ok(Observed {
            workload,
            revisions,
            pods: Vec::new(),
            passed: Vec::new(),
            journal,
            lock: lease.as_ref().map(journal::lock_state),
            fault: lease.as_ref().and_then(FaultRecord::on),
            traffic,
            traffic_objects,
        })
    }

    /// Reads how the traffic of a workload goes that is under way, if it is known that a router splits it.
    pub(crate) async fn see_routes(&self, observed: &mut Observed) -> Result<(), Error> {
        let journal = observed.journal.as_ref();
        if !observed.is_held() && !journal.is_some_and(Journal::is_open) {
            return Ok(());
        }
        if let Some(traffic) = traffic_of(&observed.workload, journal) {
            observed.traffic_objects =
                self.traffic_objects(&observed.workload.id().namespace, &traffic).await?;
            observed.traffic = Some(traffic);
        }
        Ok(())
    }

    /// Explains why there is no such Deployment.
    pub(crate) async fn not_found(&self, name: &str) -> Error {
        let error = Error::usage(format!("there is no {}", self.workload(name)));
        let others = self.deployments().await.unwrap_or_default();
        let path = self.path(&resource::SERVICES, name);
        let service: Option<Value> = self.optional(String::new(), path).await.ok().flatten();
        if let Some(selector) = service.as_ref().and_then(|service| service["spec"]["selector"].as_object()) {
            let selected = others.iter().filter(|deployment| {
                let labels = &deployment.spec.template["metadata"]["labels"];
                !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
            });
            let names: Vec<String> = selected.map(|other| other.id().title()).collect();
            let mut error = error;
            error.message = format!("{}; there is a Service of that name", error.message);
            return names.into_iter().fold(error, Error::next);
        }
        let alike = others.iter().map(|other| other.id()).filter(|ObjectName { name: other, .. }| {
            other.contains(name)
                || name.contains(other.as_str())
                || other.chars().take(3).eq(name.chars().take(3))
        });
        let error = alike.take(3).fold(error, |error, other| error.next(other.title()));
        error.next(format!("kubectl get deployments -n {}", self.namespace))
    }

    /// Sets the pods of a ReplicaSet if it is unchanged.
    pub(crate) async fn scale_replica_set(
        &self,
        name: &str,
        resource_version: &str,
        replicas: u32,
    ) -> Result<(), Failure> {
        let doing = format!("scale replicaset/{name} in namespace {}", self.namespace);
        let path = self.path(&resource::REPLICA_SETS, name);
        let path = format!("{path}/scale?fieldManager={FIELD_MANAGER}");
        let body = json!({
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": name, "namespace": self.namespace, "resourceVersion": resource_version},
            "spec": {"replicas": replicas},
        });
        self.write(&Call { doing, method: "PUT", path, body: Some(("application/json", body)) })
            .await
            .map(|_| ())
    }
}

/// Returns how a workload's traffic is routed, by the journal or else by the record on it.
pub(crate) fn traffic_of(workload: &Workload, journal: Option<&Journal>) -> Option<Traffic> {
    let held = workload.annotation(HELD_ANNOTATION).filter(|_| workload.is_held());
    let namespace = workload.id().namespace;
    let held = || {
        let traffic = held.and_then(HeldRecord::parse)?.traffic?;
        // As with the journal: an annotation may come from anybody who can write it.
        traffic.oddity(&namespace).is_none().then_some(traffic)
    };
    // `kubectl rollout undo` brings the record of an older hold back, and a journal of this one knows better.
    let noted = journal.and_then(|journal| journal.snapshot.as_ref());
    let is_noted = noted.is_some_and(|snapshot| snapshot.uid == workload.uid());
    journal.and_then(|journal| journal.traffic.clone()).or_else(|| held().filter(|_| !is_noted))
}

/// Returns a Deployment's selector as a query has it.
pub(crate) fn labels(selector: &LabelSelector) -> Result<String, Error> {
    Selector::try_from(selector.clone())
        .map(|selector| selector.to_string())
        .map_err(|error| Error::new(Kind::Cluster, format!("read the Deployment's selector: {error}")))
}
