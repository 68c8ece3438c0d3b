//! `bootstrap`: an account for CI with exactly the rights that its deployments need, and tokens that can be revoked.

mod deliver;
mod mint;
mod prove;
mod revoke;
mod wanted;

use serde_json::Value;

use crate::apply::{Document, Item, intake, kinds};
use crate::ci_account::{Account, Granted, beyond_own, is_ours, of_account, own_needs, rules};
use crate::cli::{BootstrapAction, BootstrapArgs, WantedArgs};
use crate::cluster::{Cluster, Sending, connect};
use crate::commands::context::Context;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::model::resource::root;
use crate::preflight::{Fact, Need};
use crate::traffic::Target;

/// Says what a token is, where it went and what was proven.
fn with(granted: Granted, minted: &mint::Minted, deliver: &[crate::delivery::Destination]) -> Granted {
    Granted {
        token: Some(minted.delivery.token.clone()),
        expires: minted.delivery.expires.clone(),
        delivered: deliver.iter().map(ToString::to_string).collect(),
        proof: minted.proof.clone(),
        ..granted
    }
}

/// Runs the verb.
pub(super) async fn run(args: &BootstrapArgs, context: Context<'_>) -> Result<(), Error> {
    let cluster = connect(context.global).await?;
    match &args.action {
        None => make(args, context, &cluster).await,
        Some(BootstrapAction::List { name }) => revoke::list(name.as_deref(), context, &cluster).await,
        Some(BootstrapAction::Rotate { name, token }) => revoke::rotate(name, token, context, &cluster).await,
        Some(BootstrapAction::Revoke { name, token }) => {
            revoke::revoke(name, token.as_deref(), context, &cluster).await
        }
        Some(BootstrapAction::Verify { name, wanted }) => verify(name, wanted, context, &cluster).await,
    }
}

async fn make(args: &BootstrapArgs, context: Context<'_>, cluster: &Cluster) -> Result<(), Error> {
    let account = account(args.name.as_deref().unwrap_or_default(), cluster)?;
    let only_shown = args.print || context.global.dry_run.is_some();
    let ways = if only_shown { Vec::new() } else { mint::check(&args.token, context, cluster).await? };
    let needs = wanted::find(&args.wanted, context, cluster).await?.needs()?;
    let rules = rules(&needs);
    let objects = account.objects(&rules);
    if only_shown {
        context.output.manifests(&objects)?;
        elsewhere(&args.wanted, &account, context);
        return Ok(());
    }
    may_grant(cluster, &account, &needs, args.token.reads_secrets()).await?;
    for object in &objects {
        let item = item(object)?;
        make_way(cluster, &item, &account).await?;
        cluster.apply(&item, object, Sending { force: true, ..Sending::default() }).await?;
        context.output.about_all().event(&Event::note(format!("applied {}", item.id)));
    }
    let minted = mint::mint(&args.token, &ways, context, cluster, &account, &needs).await?;
    let granted = Granted { rules: Some(rules), ..Granted::of(&account) };
    let granted = with(granted, &minted, &args.token.deliver);
    elsewhere(&args.wanted, &account, context);
    told(&granted, &minted, &args.token, context)
}

/// Tells what somebody has to type who may grant rights in another namespace.
fn elsewhere(wanted: &WantedArgs, account: &Account, context: Context<'_>) {
    let commands = wanted.prometheus.iter().flat_map(|server| account.elsewhere(server));
    for command in commands {
        let text =
            format!("its rights end at namespace {}: an administrator types: {command}", account.namespace);
        context.output.about_all().event(&Event::warning(text));
    }
}

/// Tells what was made; with `--show` stdout is the credential's alone.
fn told(
    granted: &Granted,
    minted: &mint::Minted,
    args: &crate::cli::TokenArgs,
    context: Context<'_>,
) -> Result<(), Error> {
    context.output.granted(granted, args.show)?;
    mint::show(minted, args, context)
}

async fn verify(
    name: &str,
    wanted: &WantedArgs,
    context: Context<'_>,
    cluster: &Cluster,
) -> Result<(), Error> {
    let account = account(name, cluster)?;
    let needs = wanted::find(wanted, context, cluster).await?.needs()?;
    let proof = prove::prove(cluster, &account, &needs).await?;
    context.output.granted(&Granted { proof, ..Granted::of(&account) }, false)
}

/// Reads the name of an account. Labels hold it, so it is short.
fn account(name: &str, cluster: &Cluster) -> Result<Account, Error> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = !name.starts_with('-') && !name.ends_with('-');
    if name.is_empty() || name.len() > 50 || !name.chars().all(legal) || !ends {
        return Err(Error::usage(format!("'{name}' cannot be the name of an account"))
            .next("up to 50 small letters, digits and '-' between them"));
    }
    Ok(Account { name: name.to_owned(), namespace: cluster.namespace.clone() })
}

/// Checks our own rights before anything is made.
///
/// # Errors
/// [`Kind::Refused`] with each right that is missing.
async fn may_grant(
    cluster: &Cluster,
    account: &Account,
    needs: &[Need],
    reads_secrets: bool,
) -> Result<(), Error> {
    let unknown = |why: String| Error::new(Kind::Cluster, why);
    let missing = cluster.missing_rights(&own_needs(account, reads_secrets)).await?.map_err(unknown)?;
    let refused = |error: Error| {
        error
            .next(format!("kubectl auth can-i --list -n {}", account.namespace))
            .next("the same with --print gives YAML for an administrator to apply; then: bootstrap rotate")
    };
    let words = |needs: &[Need]| needs.iter().map(Need::words).collect::<Vec<_>>().join(", ");
    if !missing.is_empty() {
        let why =
            format!("no right in namespace {} to {}: nothing was made", account.namespace, words(&missing));
        return Err(refused(Error::refused(why)));
    }
    let beyond: Fact<Vec<Need>> = cluster.missing_rights(&beyond_own(account)).await?;
    if beyond.is_ok_and(|missing| missing.is_empty()) {
        return Ok(());
    }
    let lacking = cluster.missing_rights(needs).await?.map_err(unknown)?;
    if lacking.is_empty() {
        return Ok(());
    }
    Err(refused(Error::refused(format!(
        "nobody may grant what they may not do themselves, and you may not {} in namespace {}: nothing was made",
        words(&lacking),
        account.namespace
    ))))
}

/// Refuses what somebody else made, and takes a binding away that leads elsewhere: that cannot be changed.
async fn make_way(cluster: &Cluster, item: &Item, account: &Account) -> Result<(), Error> {
    let target = target(item, account);
    let Some(there) = cluster.read_target(&target).await? else { return Ok(()) };
    if !is_ours(&there) || !of_account(&there, &account.name) {
        return Err(Error::refused(format!("{target} is there, and bootstrap did not make it"))
            .next("choose another name: what it may do already is not known"));
    }
    if item.id.kind == "RoleBinding" && there["roleRef"]["name"] != account.name.as_str() {
        let uid = there["metadata"]["uid"].as_str().unwrap_or_default();
        cluster.remove(&target, uid).await.map_err(crate::cluster::Failure::into_error)?;
    }
    Ok(())
}

fn target(item: &Item, account: &Account) -> Target {
    Target {
        api: root(&item.resource.api_version),
        kind: item.id.kind.clone(),
        plural: item.resource.plural.to_string(),
        namespace: account.namespace.clone(),
        name: item.id.name.clone(),
    }
}

/// Places an object of ours in the API.
fn item(object: &Value) -> Result<Item, Error> {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let resource = kinds::built_in(text("apiVersion"), text("kind"))
        .ok_or_else(|| Error::usage(format!("there is no kind {}", text("kind"))))?;
    let document = Document { file: None, origin: "bootstrap".into(), object: object.clone() };
    intake::place(document, resource, None, "default")
}
