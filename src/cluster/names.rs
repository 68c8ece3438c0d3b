//! Names alone, for the completion of a command line.

use serde::Deserialize;

use crate::cluster::Cluster;
use crate::error::Error;
use crate::model::resource;

#[derive(Deserialize)]
struct Named {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

impl Cluster {
    /// Names the Deployments of our namespace.
    pub(crate) async fn deployment_names(&self) -> Result<Vec<String>, Error> {
        self.list(&resource::DEPLOYMENTS, false, None, name).await
    }

    /// Names all namespaces.
    pub(crate) async fn namespace_names(&self) -> Result<Vec<String>, Error> {
        self.list(&resource::NAMESPACES, true, None, name).await
    }
}

#[allow(clippy::unnecessary_wraps, reason = "what a list takes")]
fn name(object: Named) -> Option<String> {
    Some(object.metadata.name)
}
