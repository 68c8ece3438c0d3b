//! Accounts that there are: which tokens are out, a new one for the old, and the end of them.

use serde_json::Value;

use super::mint::{check, mint, secret_target};
use super::{account, target, told, with};
use crate::ci_account::{Account, Granted, Issued, issued, of_account, token_needs};
use crate::cli::TokenArgs;
use crate::cluster::{Cluster, Failure};
use crate::commands::context::Context;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::model::command;
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
    let missing = cluster.missing_rights(&token_needs(&account, args.reads_secrets())).await?;
    let missing = missing.map_err(|why| Error::new(Kind::Cluster, why))?;
    if let Some(need) = missing.first() {
        let why =
            format!("no right in namespace {} to {}: nothing was changed", account.namespace, need.words());
        return Err(Error::refused(why).next(format!("kubectl auth can-i --list -n {}", account.namespace)));
    }
    let old = cluster.token_secrets().await?;
    let minted = mint(args, &ways, context, cluster, &account, &[]).await?;
    let mut granted = with(Granted::of(&account), &minted, &args.deliver);
    let mut left = Left::default();
    tokens(&old, cluster, &account, &mut granted, &mut left).await;
    told(&granted, &minted, args, context)?;
    let again = |what: &str| format!(" --token {}", what.trim_start_matches("secret/"));
    left.into_error(&account, again).map_or(Ok(()), Err)
}

/// Takes one token back, or all of them with the account.
pub(super) async fn revoke(
    name: &str,
    token: Option<&str>,
    context: Context<'_>,
    cluster: &Cluster,
) -> Result<(), Error> {
    let account = account(name, cluster)?;
    let mut granted = Granted::of(&account);
    if let Some(token) = token {
        remove(cluster, &account, &issued_as(token, name, cluster).await?).await?;
        granted.revoked.push(token.to_owned());
        return context.output.granted(&granted, false);
    }
    let left = all(&account, &mut granted, cluster).await;
    if granted.revoked.is_empty() && left.what.is_empty() {
        let why = format!("nothing of {name} is in namespace {}: nothing to revoke", account.namespace);
        context.output.about_all().event(&Event::note(why));
    }
    context.output.granted(&granted, false)?;
    left.into_error(&account, |_| String::new()).map_or(Ok(()), Err)
}

/// Finds the Secret of a token.
async fn issued_as(token: &str, name: &str, cluster: &Cluster) -> Result<Value, Error> {
    let secrets = cluster.token_secrets().await?;
    let is_meant = |secret: &&Value| of_account(secret, name) && text(secret, "/metadata/name") == token;
    secrets.iter().find(is_meant).cloned().ok_or_else(|| {
        let names = issued(&secrets, Some(name)).into_iter().map(|Issued { token, .. }| token);
        let why = format!("there is no token {token} of {name} in namespace {}", cluster.namespace);
        names.fold(Error::usage(why), |error, name| error.next(format!("--token {name}")))
    })
}

/// Takes all of an account back. The rights go first, and then what no token is worth anything without: whatever happens
/// after that, nobody has them.
async fn all(account: &Account, granted: &mut Granted, cluster: &Cluster) -> Left {
    let mut left = Left::default();
    let [service_account, role, binding] = account.objects(&[]);
    take(&binding, cluster, account, granted, &mut left).await;
    take(&service_account, cluster, account, granted, &mut left).await;
    match cluster.token_secrets().await {
        Ok(secrets) => tokens(&secrets, cluster, account, granted, &mut left).await,
        Err(error) => left.note("the Secrets of its tokens".into(), error),
    }
    take(&role, cluster, account, granted, &mut left).await;
    left
}

/// Takes the tokens of an account back. What fails does not keep the rest.
async fn tokens(
    secrets: &[Value],
    cluster: &Cluster,
    account: &Account,
    granted: &mut Granted,
    left: &mut Left,
) {
    for secret in secrets.iter().filter(|secret| of_account(secret, &account.name)) {
        let token = text(secret, "/metadata/name");
        match remove(cluster, account, secret).await {
            Ok(()) => granted.revoked.push(token.to_owned()),
            Err(error) => left.note(format!("secret/{token}"), error),
        }
    }
}

/// What could not be taken back.
#[derive(Default)]
struct Left {
    what: Vec<String>,
    /// Why the first of it could not.
    why: Option<Error>,
}

impl Left {
    fn note(&mut self, what: String, why: Error) {
        self.what.push(what);
        self.why.get_or_insert(why);
    }

    /// Returns the error; `again` is what `revoke` is to be told of each.
    fn into_error(self, account: &Account, again: impl Fn(&str) -> String) -> Option<Error> {
        let mut error = self.why?;
        error.message = format!(
            "of {} in namespace {} is left: {}; {}",
            account.name,
            account.namespace,
            self.what.join(", "),
            error.message
        );
        let mut next: Vec<String> = self.what.iter().map(|what| again(what)).collect();
        next.dedup();
        let revoke = command("bootstrap revoke", &account.name, &account.namespace);
        Some(next.iter().fold(error, |error, flags| error.next(format!("{revoke}{flags}"))))
    }
}

/// Deletes an object of an account, if it is there. What fails does not keep the rest.
async fn take(object: &Value, cluster: &Cluster, account: &Account, granted: &mut Granted, left: &mut Left) {
    let named = format!("{}/{}", text(object, "/kind").to_lowercase(), account.name);
    let gone = async {
        let target = target(&super::item(object)?, account);
        let there = cluster.read_target(&target).await?.filter(|there| of_account(there, &account.name));
        let Some(there) = there else { return Ok(false) };
        let removed = cluster.remove(&target, text(&there, "/metadata/uid")).await;
        removed.map(|()| true).map_err(Failure::into_error)
    };
    match gone.await {
        Ok(true) => granted.revoked.push(named),
        Ok(false) => {}
        Err(error) => left.note(named, error),
    }
}

async fn remove(cluster: &Cluster, account: &Account, secret: &Value) -> Result<(), Error> {
    let target = secret_target(&account.namespace, text(secret, "/metadata/name"));
    cluster.remove(&target, text(secret, "/metadata/uid")).await.map_err(Failure::into_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_named_with_the_first_reason() {
        let account = Account { name: "ci".into(), namespace: "shop".into() };
        assert!(Left::default().into_error(&account, |_| String::new()).is_none());
        let mut left = Left::default();
        left.note("rolebinding/ci".into(), Error::new(Kind::Cluster, "delete rolebinding/ci: forbidden"));
        left.note("secret/ci-token-1".into(), Error::new(Kind::Cluster, "delete secret: forbidden"));
        let error = left.into_error(&account, |_| String::new()).unwrap();
        assert_eq!(
            error.message,
            "of ci in namespace shop is left: rolebinding/ci, secret/ci-token-1; delete rolebinding/ci: forbidden"
        );
        assert_eq!((error.kind, error.next.len()), (Kind::Cluster, 1));
    }
}
