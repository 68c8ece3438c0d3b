//! Requests about objects of any kind: server-side apply, and what goes with it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::apply::conflict::{self, Conflict};
use crate::apply::prune::{Place, Prunable};
use crate::apply::{Id, Item, difference, replicas};
use crate::cluster::call::{encode, parse};
use crate::cluster::edit::deletion;
use crate::cluster::list::List;
use crate::cluster::{Call, Cluster, Failure};
use crate::error::{Error, Kind};
use crate::keys::FIELD_MANAGER;
use crate::model::resource::root;

/// How often an apply is sent: it says what is to be so, and may be sent again whatever became of it.
const TRIES: u32 = 5;

/// How an object is sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sending {
    /// The server checks it and keeps nothing.
    pub(crate) dry_run: bool,
    /// Fields of others are taken.
    pub(crate) force: bool,
    /// What it needs was made a moment ago: the server may need another to know it.
    pub(crate) just_defined: bool,
}

impl Cluster {
    /// Returns the same cluster, seen from a namespace.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Self {
        Self {
            client: self.client.clone(),
            namespace: namespace.to_owned(),
            credential: Arc::clone(&self.credential),
            answered: Arc::clone(&self.answered),
            warned: Arc::clone(&self.warned),
            heard: Arc::clone(&self.heard),
            sources: self.sources.clone(),
            ..*self
        }
    }

    /// Reads an object; `None` if there is none, or the server does not know its kind.
    pub(crate) async fn object(&self, id: &Id, path: &str) -> Result<Option<Value>, Error> {
        let doing = format!("read {id}");
        self.optional(doing, path.to_owned()).await
    }

    /// Reads what a group version serves; `None` if the server does not know it.
    pub(crate) async fn served(&self, api_version: &str) -> Result<Option<Value>, Error> {
        self.optional(format!("ask what {api_version} serves"), root(api_version)).await
    }

    /// Applies an object of the input as `object`, and returns what the server makes of it.
    ///
    /// # Errors
    /// Fields of others are [`Kind::Refused`] and named; what the server calls invalid is [`Kind::Usage`].
    pub(crate) async fn apply(&self, item: &Item, object: &Value, how: Sending) -> Result<Value, Error> {
        self.send(item, object, how).await.map_err(|mut error| {
            error.message = difference::masked(&error.message, object);
            error
        })
    }

    async fn send(&self, item: &Item, object: &Value, how: Sending) -> Result<Value, Error> {
        let dry = if how.dry_run { " (dry run)" } else { "" };
        let doing = format!("{}: apply {}{dry}", item.origin, item.id);
        let mut force = how.force;
        let mut tries = 0;
        loop {
            let dry = if how.dry_run { "&dryRun=All" } else { "" };
            let path = format!(
                "{}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict&force={force}{dry}",
                item.path()
            );
            let body = Some(("application/apply-patch+yaml", object.clone()));
            let call = Call { doing: doing.clone(), method: "PATCH", path, body };
            let error = match self.write(&call).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Unknown(error)) => error,
                // Once more, in case it was the server's trouble after all.
                Err(Failure::Unreasoned(mut error)) => {
                    if tries > 0 && (how.dry_run || how.just_defined) {
                        error.kind = Kind::Usage;
                        return Err(error);
                    }
                    error
                }
                Err(Failure::Refused(status, mut error)) => {
                    let conflicts = conflicts(&status);
                    if !force && !conflicts.is_empty() && conflicts.iter().all(Conflict::is_with_ourselves) {
                        force = true;
                        continue;
                    }
                    if !conflicts.is_empty() {
                        let live = self.object(&item.id, &item.path()).await.ok().flatten();
                        return Err(conflict::error(&item.origin, &item.id, &conflicts, live.as_ref()));
                    }
                    // Of others who wrote at the same moment, of a quota for example.
                    let passing = status.code == 409 || (status.code == 404 && how.just_defined);
                    if !passing {
                        if matches!(status.code, 400 | 422) {
                            error.kind = Kind::Usage;
                        }
                        return Err(error);
                    }
                    error
                }
            };
            tries += 1;
            if tries >= TRIES {
                return Err(error);
            }
            sleep(Duration::from_millis(200) * 2_u32.pow(tries)).await;
        }
    }

    /// Takes what our patches own off a Deployment that we applied, so that what a later manifest leaves out
    /// goes. Best effort: the next apply does it else.
    pub(crate) async fn forget_patches(&self, item: &Item) -> Result<(), Error> {
        self.rewrite_owners(item, replicas::without_patches).await
    }

    /// Waits until the server serves what a definition defines.
    pub(crate) async fn until_established(&self, item: &Item, deadline: Instant) -> Result<(), Error> {
        loop {
            let live = self.object(&item.id, &item.path()).await?.unwrap_or_default();
            let is = |type_: &str| {
                let conditions = live["status"]["conditions"].as_array();
                conditions.into_iter().flatten().find(|condition| condition["type"] == type_).cloned()
            };
            if is("Established").is_some_and(|condition| condition["status"] == "True") {
                return Ok(());
            }
            let refused = is("NamesAccepted").filter(|condition| condition["status"] == "False");
            if let Some(condition) = refused {
                let why = condition["message"].as_str().unwrap_or("its names are taken").to_owned();
                return Err(Error::new(Kind::Cluster, format!("{}: {}: {why}", item.origin, item.id)));
            }
            if Instant::now() >= deadline {
                return Err(Error::new(
                    Kind::Deadline,
                    format!("{}: {}: the server does not serve it yet", item.origin, item.id),
                )
                .next(format!("kubectl get crd {} -o yaml", item.id.name)));
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Reads the objects of a place that have the labels.
    pub(crate) async fn labelled(&self, place: &Place, labels: &str) -> Result<Vec<Value>, Failure> {
        let doing = format!("list what of kind {} to prune in namespace {}", place.kind, place.namespace);
        let path = format!("{}?labelSelector={}", place.path, encode(labels));
        let body = self.read(&Call { doing: doing.clone(), method: "GET", path, body: None }).await?;
        parse::<List<Value>>(&doing, &body).map(|list| list.items).map_err(Failure::Unknown)
    }

    /// Deletes just this object. Returns whether it was still there.
    pub(crate) async fn delete(&self, one: &Prunable) -> Result<bool, Error> {
        let call = deletion(format!("prune {}", one.id), &one.path, &one.uid, false);
        let mut tries = 0;
        loop {
            match self.write(&call).await {
                Ok(_) => return Ok(true),
                // 409: another of the same name was made meanwhile.
                Err(failure) if matches!(failure.code(), 404 | 409) => return Ok(false),
                Err(Failure::Unknown(_) | Failure::Unreasoned(_)) if tries < TRIES => tries += 1,
                Err(failure) => return Err(failure.into_error()),
            }
            sleep(Duration::from_millis(300) * tries).await;
        }
    }
}

pub(super) fn conflicts(status: &kube::core::Status) -> Vec<Conflict> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .filter(|cause| cause.reason == conflict::REASON)
        .map(|cause| Conflict::of(&cause.message, &cause.field))
        .collect()
}
