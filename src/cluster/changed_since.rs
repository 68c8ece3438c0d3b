//! Whether what a version refers to is still as it was.

use futures::future::join_all;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::model::{Revision, Workload};
use crate::preflight::{Kind, Subject, references};
use crate::situation::Observed;

impl Cluster {
    /// Names the ConfigMaps and Secrets of a former version that changed since it was replaced. Who may not read them is
    /// told so.
    pub(crate) async fn changed_since(&self, version: &Revision, observed: &Observed) -> Vec<String> {
        let made = |rs: &Revision| rs.metadata.creation_timestamp.as_ref().map(|time| time.0);
        // It was replaced when the next one was made. The API's times have seconds, so they may be equal.
        let later = observed.revisions.iter().filter(|rs| rs.revision() > version.revision());
        let next = later.filter_map(made).filter(|time| Some(*time) >= made(version)).min();
        let Some(replaced) = next else { return Vec::new() };
        let mut deployment = Workload::default();
        deployment.spec.template = version.spec.template.clone();
        let named = references(&Subject { deployment, ..Subject::default() });
        let config = named.into_iter().filter(|(kind, _)| matches!(kind, Kind::ConfigMap | Kind::Secret));
        let read = join_all(config.map(|(kind, name)| self.named(kind, name))).await;
        read.into_iter()
            .filter_map(|read| {
                let ((kind, name), fact) = read.ok()?;
                let what = format!("{} {name}", kind.word());
                match fact {
                    Ok(Some(object)) => changed(&object).filter(|changed| *changed > replaced).map(|changed| {
                        format!("{what} was changed at {changed}, after that version was replaced: the old code has never run with it")
                    }),
                    // The preflight says what does not exist, and what follows from it.
                    Ok(None) => None,
                    Err(why) => Some(format!("{what} may have changed since that version ran: {why}")),
                }
            })
            .collect()
    }
}

/// When somebody last wrote an object, by the server's clock.
fn changed(object: &Value) -> Option<jiff::Timestamp> {
    let writes = object["metadata"]["managedFields"].as_array()?.iter();
    writes.filter_map(|entry| entry["time"].as_str()?.parse().ok()).max()
}
