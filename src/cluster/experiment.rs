//! What experiments read and change beside pods.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::chaos::Candidate;
use crate::cluster::call::{ANYTHING, encode};
use crate::cluster::edit::deletion;
use crate::cluster::{Call, Cluster};
use crate::error::Error;
use crate::keys::FIELD_MANAGER;
use crate::model::Resource;
use crate::model::resource::{NETWORK_POLICIES, PODS, REPLICA_SETS};

/// The most that is read of a log, in bytes.
const LOG_BYTES: usize = 1024 * 1024;

impl Cluster {
    /// Returns the same cluster with another namespace.
    pub(crate) fn of_namespace(&self, namespace: &str) -> Self {
        Self {
            client: self.client.clone(),
            namespace: namespace.to_owned(),
            request_timeout: self.request_timeout,
            answered: Arc::clone(&self.answered),
            heard: Arc::clone(&self.heard),
            credential: Arc::clone(&self.credential),
            warned: Arc::clone(&self.warned),
            sources: Arc::clone(&self.sources),
        }
    }

    /// Lists objects of a kind, with these labels.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn objects_of(
        &self,
        resource: &Resource,
        labels: Option<&str>,
    ) -> Result<Vec<Value>, Error> {
        self.list(resource, false, labels, |object: Value| Some(object)).await
    }

    /// Reads an object of a kind; `None` if there is none.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn object_of(&self, resource: &Resource, name: &str) -> Result<Option<Value>, Error> {
        let doing = format!("get {}/{name} in namespace {}", resource.plural, self.namespace);
        self.optional(doing, self.path(resource, &encode(name))).await
    }

    /// Reads the log of a pod with the times of its lines.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn pod_log(
        &self,
        pod: &str,
        container: Option<&str>,
        since_seconds: Option<u64>,
        previous: bool,
    ) -> Result<String, Error> {
        let doing = format!("read the log of pod/{pod} in namespace {}", self.namespace);
        let container = container.map(|name| format!("&container={}", encode(name))).unwrap_or_default();
        let since = since_seconds.map(|time| format!("&sinceSeconds={}", time.max(1))).unwrap_or_default();
        let log = self.path(&PODS, pod);
        let path =
            format!("{log}/log?timestamps=true&limitBytes={LOG_BYTES}&previous={previous}{container}{since}");
        let call = Call { doing, method: "GET", path, body: None };
        let body = self.read_as(&call, ANYTHING).await.map_err(crate::cluster::Failure::into_error)?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Deletes just this pod; a disruption budget is not asked.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn delete_pod(&self, pod: &Candidate, grace_period: Option<u64>) -> Result<(), Error> {
        let doing = format!("delete pod/{} in namespace {}", pod.name, self.namespace);
        let mut call = deletion(doing, &self.path(&PODS, &pod.name), &pod.uid, false);
        if let (Some((_, body)), Some(seconds)) = (&mut call.body, grace_period) {
            body["gracePeriodSeconds"] = json!(seconds);
        }
        match self.write(&call).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(failure.into_error()),
        }
    }

    /// Sets replicas by the scale of a workload. Returns what they were.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn set_replicas(
        &self,
        resource: &Resource,
        name: &str,
        replicas: u32,
    ) -> Result<u32, Error> {
        let doing = format!("scale {}/{name} in namespace {}", resource.plural, self.namespace);
        let path = format!("{}/scale", self.path(resource, &encode(name)));
        let now: Option<Value> = self.optional(doing.clone(), path.clone()).await?;
        let now = now.ok_or_else(|| Error::usage(format!("{doing}: there is none")))?;
        let before =
            now["spec"]["replicas"].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
        let mut scale = now;
        scale["spec"]["replicas"] = json!(replicas);
        let path = format!("{path}?fieldManager={FIELD_MANAGER}");
        let call = Call { doing, method: "PUT", path, body: Some(("application/json", scale)) };
        match self.write(&call).await {
            Ok(_) => Ok(before),
            Err(failure) => Err(failure.into_error()),
        }
    }

    /// Creates a `NetworkPolicy`. Returns its uid.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn create_policy(&self, policy: Value) -> Result<String, Error> {
        let name = policy["metadata"]["name"].as_str().unwrap_or_default();
        let doing = format!("create networkpolicy/{name} in namespace {}", self.namespace);
        let path =
            format!("{}?fieldManager={FIELD_MANAGER}", NETWORK_POLICIES.collection(Some(&self.namespace)));
        let call = Call { doing, method: "POST", path, body: Some(("application/json", policy)) };
        match self.write(&call).await {
            Ok(made) => Ok(made["metadata"]["uid"].as_str().unwrap_or_default().to_owned()),
            Err(failure) => Err(failure.into_error()),
        }
    }

    /// Sets an annotation of the pod template of a Deployment, so that all of its pods are replaced.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn set_template_annotation(
        &self,
        name: &str,
        key: &str,
        value: &str,
    ) -> Result<(), Error> {
        self.set_spec(name, json!({"template": {"metadata": {"annotations": {key: value}}}}), false).await
    }

    /// Changes an object by a JSON Patch.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn patch_object(
        &self,
        resource: &Resource,
        name: &str,
        patch: &[Value],
    ) -> Result<(), Error> {
        let doing = format!("patch {}/{name} in namespace {}", resource.plural, self.namespace);
        let path = format!("{}?fieldManager={FIELD_MANAGER}", self.path(resource, &encode(name)));
        let body = Some(("application/json-patch+json", Value::from(patch.to_vec())));
        match self.write(&Call { doing, method: "PATCH", path, body }).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(failure.into_error()),
        }
    }

    /// Names the Deployments that pods belong to.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn deployments_of(&self, pods: &[Candidate]) -> Result<Vec<String>, Error> {
        let sets = self.objects_of(&REPLICA_SETS, None).await?;
        let owner = |pod: &Candidate| {
            let set = sets.iter().find(|set| set["metadata"]["uid"].as_str() == pod.owner.as_deref())?;
            let owner = &set["metadata"]["ownerReferences"][0];
            (owner["kind"] == "Deployment").then(|| owner["name"].as_str().unwrap_or_default().to_owned())
        };
        let mut names: Vec<String> = pods.iter().filter_map(owner).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }
}
