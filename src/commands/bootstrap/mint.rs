//! A new token: made, proven, delivered, and taken back if one of these fails.

use jiff::Timestamp;
use serde_json::json;

use super::deliver::{Undelivered, Way, deliver, open};
use super::prove::{come_with, prove};
use crate::ci_account::{Account, DELIVERED, EXPIRES, Proof, issued, next_number};
use crate::cli::TokenArgs;
use crate::cluster::Cluster;
use crate::commands::context::Context;
use crate::credentials::{Access, Secret, certificates};
use crate::delivery::{self, Delivery};
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::preflight::Need;
use crate::traffic::{Target, text};
use crate::world;

/// How often the name of a token may be taken by somebody who makes one at the same moment.
const TRIES: u32 = 5;

/// A token that is out.
pub(super) struct Minted {
    pub(super) delivery: Delivery,
    pub(super) proof: Proof,
}

/// Checks what is asked of a token before anything is made, and opens the ways that it will take.
///
/// # Errors
/// That it would go nowhere, that a CI system does not take it, or that it leads to a server that cannot be trusted.
pub(super) async fn check<'a>(
    args: &'a TokenArgs,
    context: Context<'_>,
    cluster: &Cluster,
) -> Result<Vec<Way<'a>>, Error> {
    if args.deliver.is_empty() && !args.show {
        return Err(Error::usage("where is the credential to go?")
            .next("--deliver kubeconfig=FILE (or dotenv=FILE, secret=NAME, drone=OWNER/REPO and others: see --help)")
            .next("--show prints it")
            .next("--print prints the objects without a token"));
    }
    if cluster.credential.unchecked && args.certificate_authority.is_none() {
        let why = "the kubeconfig does not check the server's certificate, and a credential for CI must";
        return Err(Error::usage(why).next("--certificate-authority FILE"));
    }
    access(args, cluster, Secret::from(""))?;
    open(&args.deliver, context).await
}

/// Makes a token, proves it by itself, and delivers it.
///
/// # Errors
/// Whatever failed; the token is revoked then.
pub(super) async fn mint(
    args: &TokenArgs,
    ways: &[Way<'_>],
    context: Context<'_>,
    cluster: &Cluster,
    account: &Account,
    needs: &[Need],
) -> Result<Minted, Error> {
    let (secret, uid) = secret(args, cluster, account).await?;
    match with(args, ways, context, cluster, account, needs, (&secret, &uid)).await {
        Ok(minted) => Ok(minted),
        Err(failed) => {
            let is_revoked = cluster.remove(&secret, &uid).await.is_ok();
            Err(undone(failed, is_revoked, &secret))
        }
    }
}

/// Says what became of a token that did not reach all places, and which of them have it.
fn undone(Undelivered { mut error, reached }: Undelivered, is_revoked: bool, secret: &Target) -> Error {
    let reached = reached.join(", ");
    let fate = match (is_revoked, reached.as_str()) {
        (true, "") => "the new token was revoked again".to_owned(),
        (true, reached) => format!("the new token was revoked again: what {reached} has is void"),
        (false, "") => "the new token could not be revoked".to_owned(),
        (false, reached) => format!("the new token could not be revoked, and {reached} has it"),
    };
    error.message = format!("{}; {fate}", error.message);
    if !is_revoked {
        error = error.next(format!("kubectl delete secret {} -n {}", secret.name, secret.namespace));
    }
    if reached.is_empty() { error } else { error.next("run it again once that is mended") }
}

async fn with(
    args: &TokenArgs,
    ways: &[Way<'_>],
    context: Context<'_>,
    cluster: &Cluster,
    account: &Account,
    needs: &[Need],
    (secret, uid): (&Target, &str),
) -> Result<Minted, Undelivered> {
    let (token, expires) = if args.long_lived {
        (cluster.long_lived_token(secret).await?, None)
    } else {
        let bound_to = json!({"metadata": {"name": secret.name, "uid": uid}});
        let (token, expires) = cluster.issue(account, &bound_to, args.expires_in).await?;
        warn_if_short(args, expires, context);
        (token, Some(expires.to_string()))
    };
    let delivery = Delivery {
        account: account.clone(),
        access: access(args, cluster, token)?,
        token: secret.name.clone(),
        expires,
    };
    let proof =
        prove(&come_with(&delivery.access, context.global, &account.namespace).await?, account, needs)
            .await?;
    let places: Vec<String> = args.deliver.iter().map(ToString::to_string).collect();
    let places = if places.is_empty() { "shown".to_owned() } else { places.join(", ") };
    let mut annotations = json!({DELIVERED: places});
    if let Some(expires) = &delivery.expires {
        annotations[EXPIRES] = json!(expires);
    }
    // Before it is delivered: nothing may fail once CI has it, because that would revoke it.
    cluster.annotate(secret, annotations).await?;
    deliver(ways, &delivery, cluster).await?;
    Ok(Minted { delivery, proof })
}

/// Makes the Secret that the token lives and dies with.
async fn secret(args: &TokenArgs, cluster: &Cluster, account: &Account) -> Result<(Target, String), Error> {
    let mut number = next_number(&issued(&cluster.token_secrets().await?, Some(&account.name)));
    for _ in 0..TRIES {
        let object =
            if args.long_lived { account.long_lived_secret(number) } else { account.bound_secret(number) };
        let target = secret_target(&account.namespace, &account.token_name(number));
        match cluster.create(&target, &object, false).await {
            Ok(made) => return Ok((target, text(&made, "/metadata/uid").to_owned())),
            Err(failure) if failure.code() == 409 => number = number.saturating_add(1),
            Err(failure) => return Err(failure.into_error()),
        }
    }
    Err(Error::new(
        Kind::Cluster,
        format!("the names of tokens up to {} are taken", account.token_name(number)),
    ))
}

/// Where CI finds the server, with the new token.
fn access(args: &TokenArgs, cluster: &Cluster, token: Secret) -> Result<Access, Error> {
    let ours = &cluster.credential;
    let authorities = match &args.certificate_authority {
        Some(path) => {
            let failed = |why: String| Error::usage(format!("read the CA of {}: {why}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
            Some(certificates(&text).map_err(failed)?.value)
        }
        // Another address may have another certificate, but a CA that does not fit is found by the proof.
        None => ours.authority_data.clone(),
    };
    let server = match &args.server {
        Some(server) => crate::credentials::address("--server", server)?,
        None => ours.server.clone(),
    };
    let tls_server_name = ours.tls_server_name.clone().filter(|_| args.server.is_none());
    Ok(Access { server, authorities, token, tls_server_name })
}

/// A server may give less than was asked, and says so nowhere else.
fn warn_if_short(args: &TokenArgs, expires: Timestamp, context: Context<'_>) {
    let given = expires.duration_since(world::now()).as_secs();
    let asked = i64::try_from(args.expires_in.as_secs()).unwrap_or(i64::MAX);
    if given + 60 < asked {
        context.output.about_all().event(&Event::warning(format!(
            "the server gives tokens for less than was asked: this one is valid until {expires}"
        )));
    }
}

pub(super) fn secret_target(namespace: &str, name: &str) -> Target {
    Target { kind: "Secret".into(), plural: "secrets".into(), ..Target::service(namespace, name) }
}

/// Prints a credential: the one place that does.
pub(super) fn show(minted: &Minted, args: &TokenArgs, context: Context<'_>) -> Result<(), Error> {
    if args.show { context.output.credential(&delivery::kubeconfig(&minted.delivery)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_that_hold_a_void_token_are_named() {
        let secret = secret_target("shop", "ci-token-2");
        let of = |reached: &[&str], is_revoked: bool| {
            let reached = reached.iter().map(|place| (*place).to_owned()).collect();
            let error = Error::new(Kind::Infrastructure, "deliver to drone=a/b: gone");
            undone(Undelivered { error, reached }, is_revoked, &secret)
        };
        let said = |reached: &[&str], is_revoked| of(reached, is_revoked).message;
        assert_eq!(said(&[], true), "deliver to drone=a/b: gone; the new token was revoked again");
        assert_eq!(
            said(&["dotenv=ci.env", "github=a/b"], true),
            "deliver to drone=a/b: gone; the new token was revoked again: what dotenv=ci.env, github=a/b has is void"
        );
        let left = of(&["dotenv=ci.env"], false);
        insta::assert_snapshot!(left.message, @"deliver to drone=a/b: gone; the new token could not be revoked, and dotenv=ci.env has it");
        assert_eq!(left.next[0], "kubectl delete secret ci-token-2 -n shop");
    }
}
