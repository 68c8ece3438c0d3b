//! Accounts that there are: which tokens are out, a new one for the old, and the end of them.

use super::mint::{check, mint, secret_target};
use super::{Granted, account, target, told};
use crate::cli::TokenArgs;
use crate::cluster::{Cluster, Failure};
use crate::commands::rollout::Context;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::grant::{Account, Issued, issued, of_account, token_needs};
use crate::traffic::text;

/// Shows the tokens of an account, or of all.
pub(super) async fn list(name: Option<&str>, context: Context<'_>, cluster: &Cluster) -> Result<(), Error> {
    let found = issued(&cluster.token_secrets().await?, name);
    if let (Some(name), true) = (name, found.is_empty()) {
        let why = format!("there is no token of {name} in namespace {}", cluster.namespace);
        return Err(
            Error::usage(why).next(format!("kubectl rollout-plus bootstrap list -n {}", cluster.namespace))
        );
    }
    context.output.tokens(&found)
}

/// Makes a new token, and only once it is delivered and proven takes the others back.
pub(super) async fn rotate(
    name: &str,
    args: &TokenArgs,
    context: Context<'_>,
    cluster: &Cluster,
) -> Result<(), Error> {
    let account = account(name, cluster)?;
    let ways = check(args, context, cluster).await?;
    let missing = cluster.missing_rights(&token_needs(&account)).await?;
    let missing = missing.map_err(|why| Error::new(Kind::Cluster, why))?;
    if let Some(need) = missing.first() {
        let why =
            format!("no right in namespace {} to {}: nothing was changed", account.namespace, need.words());
        return Err(Error::refused(why).next(format!("kubectl auth can-i --list -n {}", account.namespace)));
    }
    let old = cluster.token_secrets().await?;
    let minted = mint(args, &ways, context, cluster, &account, &[]).await?;
    let mut granted = Granted::of(&account).with(&minted, &args.deliver);
    for secret in old.iter().filter(|secret| of_account(secret, name)) {
        remove(cluster, &account, secret).await?;
        granted.revoked.push(text(secret, "/metadata/name").to_owned());
    }
    told(&granted, &minted, args, context)
}

/// Takes one token back, or all of them with the account.
pub(super) async fn revoke(
    name: &str,
    token: Option<&str>,
    context: Context<'_>,
    cluster: &Cluster,
) -> Result<(), Error> {
    let account = account(name, cluster)?;
    let secrets = cluster.token_secrets().await?;
    let is_meant = |secret: &&serde_json::Value| {
        of_account(secret, name) && token.is_none_or(|token| text(secret, "/metadata/name") == token)
    };
    let meant: Vec<_> = secrets.iter().filter(is_meant).collect();
    if let (Some(token), true) = (token, meant.is_empty()) {
        let names = issued(&secrets, Some(name)).into_iter().map(|Issued { token, .. }| token);
        let why = format!("there is no token {token} of {name} in namespace {}", account.namespace);
        return Err(names.fold(Error::usage(why), |error, name| error.next(format!("--token {name}"))));
    }
    let mut granted = Granted::of(&account);
    for secret in meant {
        remove(cluster, &account, secret).await?;
        granted.revoked.push(text(secret, "/metadata/name").to_owned());
    }
    if token.is_none() {
        // The rights go first: whatever happens then, nobody has them any more.
        for object in account.objects(&[]).iter().rev() {
            let target = target(&super::item(object)?, &account);
            let Some(there) = cluster.road(&target).await?.filter(|there| of_account(there, name)) else {
                continue;
            };
            cluster.remove(&target, text(&there, "/metadata/uid")).await.map_err(Failure::into_error)?;
            granted.revoked.push(format!("{}/{}", target.kind.to_lowercase(), target.name));
        }
        if granted.revoked.is_empty() {
            let why = format!("nothing of {name} is in namespace {}: nothing to revoke", account.namespace);
            context.output.about_all().event(&Event::note(why));
        }
    }
    context.output.granted(&granted, false)
}

async fn remove(cluster: &Cluster, account: &Account, secret: &serde_json::Value) -> Result<(), Error> {
    let target = secret_target(&account.namespace, text(secret, "/metadata/name"));
    cluster.remove(&target, text(secret, "/metadata/uid")).await.map_err(Failure::into_error)
}
