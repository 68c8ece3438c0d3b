//! Faults: what is sent to hit a pod, and to replace what was hit.

use serde_json::Value;

use crate::chaos::{Candidate, Fault, Sent, policy_name};
use crate::cluster::{Asked, Call, Cluster, Reply};
use crate::error::{Error, Kind};
use crate::journal::FaultRecord;
use crate::keys::{FAULT_LABEL, FIELD_MANAGER};
use crate::model::resource::{NETWORK_POLICIES, PODS};

/// The content type of a patch that finds containers by their name.
const STRATEGIC: &str = "application/strategic-merge-patch+json";

impl Cluster {
    /// Lists pods as a fault sees them.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn candidates(&self, labels: &str) -> Result<Vec<Candidate>, Error> {
        self.list(&PODS, false, Some(labels), |pod: Value| Some(Candidate::of(&pod))).await
    }

    /// Sends one request of a fault.
    ///
    /// # Errors
    /// What the server said, a `PodDisruptionBudget` that allows no eviction included.
    pub(crate) async fn hit(&self, pod: &Candidate, sent: &Sent, dry_run: bool) -> Result<(), Error> {
        let place = self.path(&PODS, &pod.name);
        let title = format!("pod/{} in namespace {}", pod.name, self.namespace);
        let (doing, method, path, body) = match sent {
            Sent::Evict(body) => {
                (format!("evict {title}"), "POST", format!("{place}/eviction"), ("application/json", body))
            }
            Sent::Patch(body) => (format!("patch {title}"), "PATCH", place, (STRATEGIC, body)),
            Sent::Resize(body) => {
                (format!("resize {title}"), "PATCH", format!("{place}/resize"), (STRATEGIC, body))
            }
            Sent::Policy(body) => (
                format!("create a NetworkPolicy for {title}"),
                "POST",
                NETWORK_POLICIES.collection(Some(&self.namespace)),
                ("application/json", body),
            ),
        };
        let dry_run = if dry_run { "&dryRun=All" } else { "" };
        let path = format!("{path}?fieldManager={FIELD_MANAGER}{dry_run}");
        let call = Call { doing, method, path, body: Some((body.0, body.1.clone())) };
        // "Too many requests" is how an eviction is refused.
        self.write_now(&call).await.map(|_| ()).map_err(|failure| failure.into_error().after_a_write())
    }

    /// Undoes what a record says: the policies go, and the pods that were hit are deleted, so that others take their place.
    /// Returns how many were still there.
    ///
    /// # Errors
    /// What the server said; it can be tried again.
    pub(crate) async fn replace_victims(&self, record: &FaultRecord) -> Result<usize, Error> {
        let mut replaced = 0;
        if !record.fault.lasts() {
            return Ok(replaced);
        }
        for victim in &record.victims {
            let Some(pod) = self.victim(&victim.name, &victim.uid).await? else { continue };
            // Who was chosen and never hit stays: the label comes with the first request of a fault.
            if pod["metadata"]["labels"][FAULT_LABEL] != record.run.id {
                continue;
            }
            let title = format!("pod/{} in namespace {}", victim.name, self.namespace);
            let path = self.path(&PODS, &victim.name);
            replaced += usize::from(self.delete_at(&title, &path, &victim.uid, false).await?);
        }
        // The pods own them, so that they go with these in any case: this is only sooner.
        if record.fault == Fault::CutPods {
            for victim in &record.victims {
                self.delete_policy(&policy_name(&victim.name)).await?;
            }
        }
        Ok(replaced)
    }

    /// Deletes a `NetworkPolicy`, if it is there.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn delete_policy(&self, name: &str) -> Result<(), Error> {
        let doing = format!("delete networkpolicy/{name} in namespace {}", self.namespace);
        let path = self.path(&NETWORK_POLICIES, name);
        match self.write(&Call { doing, method: "DELETE", path, body: None }).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.code() == 404 => Ok(()),
            Err(failure) => Err(failure.into_error()),
        }
    }

    /// Whether a pod of this name and uid is there, as the API has it.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn victim(&self, name: &str, uid: &str) -> Result<Option<Value>, Error> {
        let doing = format!("read pod/{name} in namespace {}", self.namespace);
        let pod: Option<Value> = self.optional(doing, self.path(&PODS, name)).await?;
        Ok(pod.filter(|pod| pod["metadata"]["uid"] == uid))
    }

    /// Whether somebody answers there, whatever it is.
    pub(crate) async fn reaches(&self, whom: &Asked) -> bool {
        match self.ask(whom, "/").await {
            // The API server's own words for a connection that it does not get.
            Ok(Reply::Answer(answer)) => answer.status != 503 && answer.status != 502,
            Ok(Reply::Silence(_) | Reply::Gone) | Err(_) => false,
        }
    }

    /// Returns what the server's clock shows: the end of a fault goes by it.
    ///
    /// # Errors
    /// If no answer had a date.
    pub(crate) fn server_time(&self) -> Result<jiff::Timestamp, Error> {
        self.clock().ok_or_else(|| Error::new(Kind::Cluster, "the server does not say what time it is"))
    }
}
