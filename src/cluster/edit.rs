//! What kubectl's `delete`, `scale` and `rollout pause` send.

use serde_json::{Value, json};

use crate::cluster::{Call, Cluster};
use crate::error::{Error, Kind};
use crate::keys::FIELD_MANAGER;
use crate::model::resource::DEPLOYMENTS;

impl Cluster {
    /// Reads an object of any kind by its path; `None` if there is none.
    pub(crate) async fn at(&self, title: &str, path: &str) -> Result<Option<Value>, Error> {
        self.optional(format!("get {title}"), path.to_owned()).await
    }

    /// Deletes just the object with this uid; what it owns goes in the background, as with kubectl. Returns whether it
    /// was still there.
    pub(crate) async fn delete_at(
        &self,
        title: &str,
        path: &str,
        uid: &str,
        dry_run: bool,
    ) -> Result<bool, Error> {
        let call = deletion(format!("delete {title}"), path, uid, dry_run);
        match self.write(&call).await {
            Ok(_) => Ok(true),
            // 409: another of the same name was made meanwhile.
            Err(failure) if matches!(failure.code(), 404 | 409) => Ok(false),
            Err(failure) => Err(failure.into_error()),
        }
    }

    /// Sets fields of a Deployment's spec.
    pub(crate) async fn set_spec(&self, name: &str, spec: Value, dry_run: bool) -> Result<(), Error> {
        let dry_run = if dry_run { "&dryRun=All" } else { "" };
        let path = self.path(&DEPLOYMENTS, name);
        let path = format!("{path}?fieldManager={FIELD_MANAGER}{dry_run}");
        let body = Some(("application/merge-patch+json", json!({"spec": spec})));
        let doing = format!("patch {}", self.workload(name));
        match self.write(&Call { doing, method: "PATCH", path, body }).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.code() == 404 => Err(self.not_found(name).await),
            Err(failure) => Err(failure.into_error()),
        }
    }
}

/// The request that deletes just the object with this uid; what it owns goes in the background.
pub(super) fn deletion(doing: String, path: &str, uid: &str, dry_run: bool) -> Call {
    let mut body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
        "preconditions": {"uid": uid}});
    if dry_run {
        body["dryRun"] = json!(["All"]);
    }
    Call { doing, method: "DELETE", path: path.to_owned(), body: Some(("application/json", body)) }
}

/// An error of an object that is not there.
pub(crate) fn absent(title: &str, place: &str) -> Error {
    Error::new(Kind::Cluster, format!("there is no {title}{place}"))
}
