//! The proof of a credential, with that credential alone: it may do what is needed, and nothing dangerous.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use crate::ci_account::{Account, DANGERS, DANGERS_ELSEWHERE, Danger, Proof, dangerous};
use crate::cli::GlobalArgs;
use crate::cluster::{Cluster, connect};
use crate::credentials::{Access, Credentials};
use crate::error::{Error, Kind};
use crate::model::command;
use crate::preflight::Need;

/// For how long a right that was just granted may need until the API server knows it.
const PATIENCE: Duration = Duration::from_secs(15);

/// Comes to the server with a credential and nothing else of ours.
pub(super) async fn come_with(
    access: &Access,
    global: &GlobalArgs,
    namespace: &str,
) -> Result<Cluster, Error> {
    let global = GlobalArgs {
        credentials: Credentials::of_access(access),
        namespace: Some(namespace.to_owned()),
        context: None,
        kubeconfig: None,
        impersonate: None,
        impersonate_groups: Vec::new(),
        ..global.clone()
    };
    connect(&global).await
}

/// Proves the credential that `cluster` was made with.
///
/// # Errors
/// What it lacks, or what it must not have.
pub(super) async fn prove(cluster: &Cluster, account: &Account, needs: &[Need]) -> Result<Proof, Error> {
    let user = cluster.who_am_i().await?;
    if user != account.user() {
        let why = format!("the credential is that of {user}, not of {}", account.user());
        return Err(Error::refused(why).next("kubectl rollout-plus doctor"));
    }
    let mut needs = needs.to_vec();
    needs.sort_by_key(Need::words);
    needs.dedup_by_key(|need| need.words());
    allowed(cluster, account, &needs).await?;
    let elsewhere = if cluster.namespace == "default" { "kube-system" } else { "default" };
    let mut denied = are_denied(cluster, account, &DANGERS).await?;
    // A right to one object by name is none to all of them, and so only the rules tell of it.
    let rights = cluster.rights().await?.map_err(|why| Error::new(Kind::Cluster, why))?;
    if let Some(need) = dangerous(&rights) {
        return Err(too_much(cluster, account, &need));
    }
    let beyond = are_denied(&cluster.in_namespace(elsewhere), account, &DANGERS_ELSEWHERE).await?;
    denied.extend(beyond.into_iter().map(|words| format!("{words} in namespace {elsewhere}")));
    Ok(Proof { allowed: needs.len(), denied })
}

/// Asks of each whether it is allowed, all at once.
async fn answers(cluster: &Cluster, needs: &[Need]) -> Result<Vec<bool>, Error> {
    let answers = join_all(needs.iter().map(|need| cluster.is_allowed(need))).await;
    answers.into_iter().map(|answer| answer?.map_err(|why| Error::new(Kind::Cluster, why))).collect()
}

async fn allowed(cluster: &Cluster, account: &Account, needs: &[Need]) -> Result<(), Error> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let answers = needs.iter().zip(answers(cluster, needs).await?);
        let lacking: Vec<String> =
            answers.filter(|(_, allowed)| !allowed).map(|(need, _)| need.words()).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        if Instant::now() > give_up {
            let why = format!("{} may not {}", account.user(), lacking.join(", "));
            return Err(Error::new(Kind::Refused, why).next(format!(
                "{} ... (grants it)",
                command("bootstrap", &account.name, &account.namespace)
            )));
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// Asks of each single right whether it is allowed, and returns them in words.
async fn are_denied(cluster: &Cluster, account: &Account, dangers: &[Danger]) -> Result<Vec<String>, Error> {
    let needs: Vec<Need> = dangers.iter().flat_map(|danger| danger.needs()).collect();
    let allowed = needs.iter().zip(answers(cluster, &needs).await?).find(|(_, allowed)| *allowed);
    match allowed {
        Some((need, _)) => Err(too_much(cluster, account, need)),
        None => Ok(dangers.iter().map(|danger| danger.words()).collect()),
    }
}

fn too_much(cluster: &Cluster, account: &Account, need: &Need) -> Error {
    let why = format!(
        "{} may {} in namespace {}, which no deployment needs: another binding allows it",
        account.user(),
        need.words(),
        cluster.namespace
    );
    Error::refused(why).next(format!(
        "kubectl auth can-i --list -n {} --as={}",
        cluster.namespace,
        account.user()
    ))
}
