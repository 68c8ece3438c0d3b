//! Requests about who owns which fields: what `kubectl apply` owned is taken over, what our patches took is given back.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::apply::Item;
use crate::cluster::{Call, Cluster, Failure};
use crate::error::{Error, Kind};
use crate::keys::FIELD_MANAGER;
use crate::model::Deployment;
use crate::ownership::{displaced, handover};
use crate::traffic::Target;

const TRIES: u32 = 5;
/// For how long a change waits for the list of owners. Who owns what is worth no delay of a way back.
const PATIENCE: Duration = Duration::from_secs(2);

impl Cluster {
    /// Patches a Deployment with RFC 6902 operations; see [`Cluster::change`].
    pub(crate) async fn change_deployment(
        &self,
        name: &str,
        patch: &[Value],
    ) -> Result<(Deployment, Option<Error>), Failure> {
        let (what, path) = self.place(name);
        let (answer, trouble) = self.change(&what, &path, patch).await?;
        let deployment = serde_json::from_value(answer)
            .map_err(|error| Failure::Unknown(Error::new(Kind::Cluster, format!("patch {what}: {error}"))))?;
        Ok((deployment, trouble))
    }

    /// Has the server judge such a patch, without keeping the result.
    pub(crate) async fn rehearse_deployment(&self, name: &str, patch: &[Value]) -> Result<(), Failure> {
        let (what, path) = self.place(name);
        self.write(&patching(format!("patch {what}"), &path, "&dryRun=All", patch)).await.map(|_| ())
    }

    fn place(&self, name: &str) -> (String, String) {
        let id = self.workload(name);
        (id.to_string(), self.path(id.kind.resource, name))
    }

    /// Patches a Service or a route with RFC 6902 operations; see [`Cluster::change`].
    pub(crate) async fn change_target(
        &self,
        target: &Target,
        patch: &[Value],
    ) -> Result<(Value, Option<Error>), Failure> {
        self.change(&target.to_string(), &target.path(), patch).await
    }

    /// Has the server judge such a patch, without keeping the result.
    pub(crate) async fn rehearse(&self, target: &Target, patch: &[Value]) -> Result<(), Failure> {
        self.write(&patching(format!("patch {target}"), &target.path(), "&dryRun=All", patch))
            .await
            .map(|_| ())
    }

    /// Patches an object, and gives back what the patch took from other owners. Returns it with the reason why that was not
    /// possible, if so: the patch stands then all the same.
    async fn change(
        &self,
        what: &str,
        path: &str,
        patch: &[Value],
    ) -> Result<(Value, Option<Error>), Failure> {
        let before = timeout(PATIENCE, self.optional(format!("read {what}"), path.to_owned())).await;
        let before: Option<Value> = before.ok().and_then(Result::ok).flatten();
        let mut patch = patch.to_vec();
        patch.extend(before.as_ref().and_then(|live| displaced::note(live, &patch)));
        let after = self.write(&patching(format!("patch {what}"), path, "", &patch)).await?;
        let trouble = match before {
            Some(before) => self.give_back(what, path, &before, after.clone()).await.err(),
            None => None,
        };
        Ok((after, trouble))
    }

    async fn give_back(&self, what: &str, path: &str, before: &Value, after: Value) -> Result<(), Error> {
        let doing = format!("give the fields of {what} back to their owners");
        let mut after = after;
        for tries in 1.. {
            let Some(patch) = displaced::given_back(before, &after) else { return Ok(()) };
            let Err(failure) = self.write(&patching(doing.clone(), path, "", &patch)).await else {
                return Ok(());
            };
            if tries >= TRIES || failure.code() == 403 {
                return Err(failure.into_error());
            }
            sleep(Duration::from_millis(100) * tries).await;
            let Some(now) = self.optional(doing.clone(), path.to_owned()).await? else { return Ok(()) };
            after = now;
        }
        Ok(())
    }

    /// Makes what `kubectl apply` owns of an object ours, as `kubectl apply --server-side` does; `live` is how it was read
    /// last. Nothing else of the object changes.
    pub(crate) async fn take_over(
        &self,
        item: &Item,
        live: &Value,
        sent: &Value,
        all: bool,
    ) -> Result<(), Error> {
        if !handover::is_needed(live) {
            return Ok(());
        }
        self.rewrite_owners(item, |live| handover::taken_over(live, sent, all)).await
    }

    /// Takes fields from other managers, which are named by entries with just these.
    pub(crate) async fn take_from_others(&self, item: &Item, taken: &[Value]) -> Result<(), Error> {
        if taken.is_empty() {
            return Ok(());
        }
        self.rewrite_owners(item, |live| handover::without(live, taken)).await
    }

    /// Replaces the entries of `managedFields` by what is decided about the object as it is, until that is met.
    pub(super) async fn rewrite_owners(
        &self,
        item: &Item,
        decide: impl Fn(&Value) -> Option<Vec<Value>>,
    ) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            let Some(live) = self.object(&item.id, &item.path()).await? else { return Ok(()) };
            let Some(managed) = decide(&live) else { return Ok(()) };
            let body = vec![
                json!({"op": "test", "path": "/metadata/uid", "value": live["metadata"]["uid"]}),
                json!({"op": "replace", "path": "/metadata/managedFields", "value": managed}),
                // Not a test: the server then says 409 and not that the patch is wrong.
                json!({"op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]}),
            ];
            let doing = format!("note that we apply {}", item.id);
            match self.write(&patching(doing, &item.path(), "", &body)).await {
                Ok(_) => return Ok(()),
                Err(failure) if tries + 1 >= TRIES => return Err(failure.into_error()),
                Err(_) => tries += 1,
            }
            sleep(Duration::from_millis(100) * tries).await;
        }
    }
}

fn patching(doing: String, path: &str, query: &str, patch: &[Value]) -> Call {
    let path = format!("{path}?fieldManager={FIELD_MANAGER}{query}");
    Call { doing, method: "PATCH", path, body: Some(("application/json-patch+json", Value::from(patch))) }
}
