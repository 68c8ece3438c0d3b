//! `delete`: as kubectl's, with nothing but our credentials.

use tokio::time::Instant;

use super::apply::resolve;
use super::wait::until_all;
use crate::apply::asked::asked;
use crate::apply::{Awaited, intake};
use crate::cli::{DeleteArgs, DryRun, GlobalArgs};
use crate::cluster::{Cluster, absent};
use crate::error::Error;
use crate::event::Event;
use crate::output::Output;
use crate::source;

/// An object by its path, and how it is called.
pub(super) struct Target {
    pub(super) title: String,
    pub(super) path: String,
}

/// Runs the verb.
pub(super) async fn run(
    args: &DeleteArgs,
    global: &GlobalArgs,
    cluster: &Cluster,
    output: &Output,
) -> Result<(), Error> {
    let mut targets = targets(args, global, cluster).await?;
    let (mut gone, mut missing) = (Vec::new(), Vec::new());
    for target in &targets {
        let Some(live) = cluster.at(&target.title, &target.path).await? else {
            missing.extend((!args.ignore_not_found).then_some(target.title.as_str()));
            continue;
        };
        let uid = live["metadata"]["uid"].as_str().unwrap_or_default();
        let mut done = "deleted";
        match global.dry_run {
            Some(DryRun::Client) => done = "would be deleted",
            Some(DryRun::Server) => {
                cluster.delete_at(&target.title, &target.path, uid, true).await?;
                done = "would be deleted, says the server";
            }
            None => {
                cluster.delete_at(&target.title, &target.path, uid, false).await?;
                gone.push((target.path.clone(), uid.to_owned()));
            }
        }
        output.about_all().event(&Event::note(format!("{}: {done}", target.title)));
    }
    // One that is not there does not keep the others, as with kubectl.
    let missing = match missing[..] {
        [] => Ok(()),
        _ => Err(absent(&missing.join(", "), "").next("--ignore-not-found")),
    };
    targets.retain(|target| gone.iter().any(|(path, _)| *path == target.path));
    if targets.is_empty() {
        return missing;
    }
    let deadline = Instant::now() + global.timeout;
    until_all(cluster, &Awaited::Deletion, deadline, || async {
        let mut all = Vec::new();
        for target in &targets {
            let live = cluster.at(&target.title, &target.path).await?;
            // Another of the same name is not the one that was deleted.
            let same = |uid: &str| gone.iter().any(|(path, old)| *path == target.path && old == uid);
            let live = live.filter(|live| live["metadata"]["uid"].as_str().is_some_and(same));
            all.push((target.title.clone(), live));
        }
        Ok::<_, Error>(all)
    })
    .await?;
    missing
}

/// Finds what is meant, in the order of the input: the last first, as what needs others was applied last.
async fn targets(args: &DeleteArgs, global: &GlobalArgs, cluster: &Cluster) -> Result<Vec<Target>, Error> {
    if !args.filename.is_empty() {
        let documents = intake::objects(source::files(&args.filename)?)?;
        let input = resolve::items(cluster, global.namespace.as_deref(), documents).await?;
        let target = |item: &crate::apply::Item| Target { title: item.id.to_string(), path: item.path() };
        return Ok(input.items.iter().rev().map(target).collect());
    }
    let all = asked(&args.what).filter(|all| all.iter().all(|one| one.name.is_some()));
    let all = all.ok_or_else(|| {
        let what = args.what.join(" ");
        Error::usage(format!("delete takes KIND NAME of Kubernetes' own kinds, and '{what}' is not that"))
            .next(format!("kubectl delete {what}"))
    })?;
    let target = |one: &crate::apply::asked::Asked| {
        let namespace = Some(cluster.namespace.as_str()).filter(|_| one.resource.namespaced);
        let name = one.name.clone().unwrap_or_default();
        let place = namespace.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
        Target {
            title: format!("{}/{name}{place}", one.prefix()),
            path: one.resource.object(namespace, &name),
        }
    };
    Ok(all.iter().map(target).collect())
}
