//! Has the server show what an apply would make of an object, without keeping it.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use crate::apply::conflict::{self, Conflict};
use crate::apply::{Item, difference, kinds};
use crate::cluster::apply::conflicts;
use crate::cluster::{Call, Cluster, Failure, Sending};
use crate::error::{Error, Kind};
use crate::keys::FIELD_MANAGER;
use crate::model::{Deployment, Workload, resource};
use crate::ownership::{handover, leftover};

const TRIES: u32 = 5;

impl Cluster {
    /// Returns what the server would make of an object once it is applied as `sent`.
    ///
    /// Where `kubectl apply` wrote it last, its fields are ours by then. No dry run can show that, because it takes two
    /// writes; so the server merges what kubectl's own apply would send.
    ///
    /// # Errors
    /// Fields of others are [`Kind::Refused`] and named; what the server calls invalid is [`Kind::Usage`].
    pub(crate) async fn foretell(
        &self,
        item: &Item,
        live: Option<&Value>,
        sent: &Value,
        force: bool,
    ) -> Result<Value, Error> {
        let how = Sending { dry_run: true, force, just_defined: false };
        let Some(live) = live.filter(|live| handover::is_needed(live)) else {
            return self.apply(item, sent, how).await;
        };
        if !force {
            self.conflicts_beside(item, live, sent).await?;
        }
        let left = leftover::leftover(live, sent, force, &[]);
        if !left.halves.is_empty() {
            return Err(conflict::halves(&item.origin, &item.id, &left.halves));
        }
        let strategic = kinds::built_in(&item.resource.api_version, &item.id.kind).is_some();
        let body = leftover::patch(live, sent, &left.gone, &leftover::owned(live), strategic);
        let doing = format!("{}: apply {} (dry run)", item.origin, item.id);
        let merged = self.merged(&doing, &item.path(), body, strategic).await;
        merged.map_err(|mut error| {
            error.message = difference::masked(&error.message, sent);
            error
        })
    }

    /// Refuses what others own. What the server thinks invalid may be so only as long as nothing is taken over.
    async fn conflicts_beside(&self, item: &Item, live: &Value, sent: &Value) -> Result<(), Error> {
        let doing = format!("{}: apply {} (dry run)", item.origin, item.id);
        let path = format!("{}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict&dryRun=All", item.path());
        let body = Some(("application/apply-patch+yaml", sent.clone()));
        let call = Call { doing, method: "PATCH", path, body };
        match self.write(&call).await {
            Ok(_) => Ok(()),
            Err(Failure::Refused(status, _)) if status.code == 422 => Ok(()),
            Err(Failure::Refused(status, _)) if !conflicts(&status).is_empty() => {
                let known = handover::managers(live);
                let foreign = |one: &Conflict| !one.is_with_ourselves() && !known.contains(&&*one.manager);
                let foreign: Vec<Conflict> = conflicts(&status).into_iter().filter(foreign).collect();
                if foreign.is_empty() {
                    return Ok(());
                }
                Err(conflict::error(&item.origin, &item.id, &foreign, Some(live)))
            }
            // It is told in the same words as for every object, and tried again where that may help.
            Err(_) => {
                let how = Sending { dry_run: true, force: true, just_defined: false };
                self.apply(item, sent, how).await.map(|_| ())
            }
        }
    }

    /// Has the server merge a manifest's template into the live Deployment, without keeping the result.
    pub(crate) async fn merge_manifest(&self, name: &str, manifest: &Value) -> Result<Workload, Error> {
        let doing =
            format!("merge the manifest into deployment/{name} in namespace {} (dry run)", self.namespace);
        let path = self.path(&resource::DEPLOYMENTS, name);
        let live = self.optional(doing.clone(), path.clone()).await?;
        let answer = if let Some(live) = live.filter(handover::is_needed) {
            let template = ["f:spec", "f:template"];
            let left = leftover::leftover(&live, manifest, true, &template);
            let owned = leftover::owned(&live).below(&template);
            let body = leftover::patch(&live, manifest, &left.gone, &owned, true);
            self.merged(&doing, &path, body, true).await?
        } else {
            // Forced, because nothing is kept: whose fields they are is of no matter for the template's content.
            let path = format!("{path}?fieldManager={FIELD_MANAGER}&force=true&dryRun=All");
            let body = Some(("application/apply-patch+yaml", manifest.clone()));
            let answer = self.write(&Call { doing: doing.clone(), method: "PATCH", path, body }).await;
            answer.map_err(refused)?
        };
        let read = serde_json::from_value(answer).map(|Deployment(workload)| workload);
        read.map_err(|error| Error::new(Kind::Cluster, format!("{doing}: {error}")))
    }

    async fn merged(&self, doing: &str, path: &str, body: Value, strategic: bool) -> Result<Value, Error> {
        let kind =
            if strategic { "application/strategic-merge-patch+json" } else { "application/merge-patch+json" };
        let call = Call {
            doing: doing.to_owned(),
            method: "PATCH",
            path: format!("{path}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict&dryRun=All"),
            body: Some((kind, body)),
        };
        let mut tries = 0;
        loop {
            match self.write(&call).await {
                Ok(answer) => return Ok(answer),
                Err(failure) if tries + 1 < TRIES && matches!(failure.code(), 0 | 409) => tries += 1,
                Err(failure) => return Err(refused(failure)),
            }
            sleep(Duration::from_millis(200) * 2_u32.pow(tries)).await;
        }
    }
}

fn refused(failure: Failure) -> Error {
    let code = failure.code();
    let mut error = failure.into_error();
    if matches!(code, 400 | 422) {
        error.kind = Kind::Usage;
    }
    error
}
