//! The ways that a credential takes: opened before a token is made, and gone once there is one.

use std::path::Path;

use super::mint::secret_target;
use crate::cluster::{Cluster, Sending};
use crate::commands::context::Context;
use crate::delivery::{self, Delivery, Destination, FileForm, Open};
use crate::error::Error;

/// A way to a place.
pub(super) struct Way<'a> {
    target: &'a Destination,
    end: End<'a>,
}

/// What is at the end of a way.
enum End<'a> {
    File(FileForm, &'a Path),
    Secret(&'a str),
    Remote(Box<Open<'a>>),
}

/// Opens the ways to all places: nothing is written there yet.
///
/// # Errors
/// Why a CI system would not take a credential.
pub(super) async fn open<'a>(
    targets: &'a [Destination],
    context: Context<'_>,
) -> Result<Vec<Way<'a>>, Error> {
    let mut ways = Vec::new();
    for target in targets {
        let end = match target {
            Destination::File(form, path) => End::File(*form, path),
            Destination::Secret(name) => End::Secret(name),
            Destination::Remote(remote) => {
                let open = Open::new(remote, context.environment, context.global.request_timeout());
                End::Remote(Box::new(open.await?))
            }
        };
        ways.push(Way { target, end });
    }
    Ok(ways)
}

/// Why a credential did not reach all places, and which have it.
pub(super) struct Undelivered {
    pub(super) error: Error,
    pub(super) reached: Vec<String>,
}

impl From<Error> for Undelivered {
    fn from(error: Error) -> Self {
        Self { error, reached: Vec::new() }
    }
}

/// Goes all ways.
///
/// # Errors
/// What failed, and which places have the credential already.
pub(super) async fn deliver(
    ways: &[Way<'_>],
    delivery: &Delivery,
    cluster: &Cluster,
) -> Result<(), Undelivered> {
    let mut reached = Vec::new();
    for way in ways {
        if let Err(error) = go(&way.end, delivery, cluster).await {
            return Err(Undelivered { error, reached });
        }
        reached.push(way.target.to_string());
    }
    Ok(())
}

async fn go(end: &End<'_>, delivery: &Delivery, cluster: &Cluster) -> Result<(), Error> {
    match end {
        End::File(form, path) => {
            let content = match form {
                FileForm::Kubeconfig => delivery::kubeconfig(delivery),
                FileForm::Dotenv => delivery::dotenv(delivery),
                FileForm::Json => delivery::json(delivery),
            };
            delivery::write(path, &content, &delivery.mark())
        }
        End::Secret(name) => {
            let place = secret_target(&delivery.account.namespace, name);
            if let Some(there) = cluster.read_target(&place).await?
                && there["metadata"]["annotations"]["rollout-plus/made-by"] != delivery.mark().as_str()
            {
                return Err(Error::usage(format!("{place} is there and holds something else")));
            }
            let item = super::item(&delivery::secret(delivery, name))?;
            cluster
                .apply(&item, &item.object, Sending { force: true, ..Sending::default() })
                .await
                .map(|_| ())
        }
        End::Remote(open) => open.deliver(delivery).await,
    }
}
