//! From flags, manifests and the cluster to what an account will need.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::apply::{Item, intake};
use crate::ci_account::{RolledOut, Wanted};
use crate::cli::WantedArgs;
use crate::cluster::Cluster;
use crate::commands::apply::resolve;
use crate::commands::context::Context;
use crate::commands::routing::own;
use crate::error::Error;
use crate::event::Event;
use crate::model::{Deployment, Strategy, Workload, deployment_name};
use crate::preflight::{Subject, prometheus_need};
use crate::router::{Choice, choose};
use crate::source::manifest;
use crate::traffic::{Role, Traffic, proxied, selecting, text};

/// Finds out what an account is for.
pub(super) async fn find(
    args: &WantedArgs,
    context: Context<'_>,
    cluster: &Cluster,
) -> Result<Wanted, Error> {
    let strategies = args.strategy.clone();
    let routed = strategies.iter().any(|strategy| *strategy != Strategy::Rolling);
    let mut wanted = Wanted {
        searched: if routed { cluster.searched(args.router).await? } else { Vec::new() },
        items: items(args, context, cluster).await?,
        verifies: args.previews,
        asks_pods: args.analyze || args.verify,
        faults: args.chaos.clone(),
        prometheus: args.prometheus.as_ref().and_then(|server| prometheus_need(server, &cluster.namespace)),
        strategies,
        ..Wanted::default()
    };
    for deployment in deployments(args, context, cluster, &wanted.items).await? {
        let (traffic, asked, preview) =
            traffic(args, context, cluster, &deployment, &wanted.strategies).await?;
        wanted.searched.extend(asked);
        wanted.previews.extend(preview);
        wanted.workloads.push(RolledOut { subject: Subject { deployment, ..Subject::default() }, traffic });
    }
    let services: Vec<Value> = of_kind(&wanted.items, "Service").map(|item| item.object.clone()).collect();
    for item in wanted.items.iter().filter(|item| item.is_rolled_out()) {
        let labels = &item.object["spec"]["template"]["metadata"]["labels"];
        let selecting = selecting(services.clone(), labels);
        wanted.previews.extend(selecting.iter().map(preview));
    }
    // What the manifests refer to may be something else than what runs now.
    for item in wanted.items.iter().filter(|item| item.is_rolled_out()) {
        let Deployment(deployment) = serde_json::from_value(item.object.clone())
            .map_err(|error| Error::usage(format!("{}: {error}", item.origin)))?;
        let subject = Subject { deployment, ..Subject::default() };
        wanted.workloads.push(RolledOut { subject, traffic: Vec::new() });
    }
    Ok(wanted)
}

fn of_kind<'i>(items: &'i [Item], kind: &'i str) -> impl Iterator<Item = &'i Item> {
    items.iter().filter(move |item| item.id.group.is_empty() && item.id.kind == kind)
}

/// Returns the name by which the preview of a Service is asked.
fn preview(service: &Value) -> String {
    proxied(&Role::Preview.service(text(service, "/metadata/name")), service)
}

async fn items(args: &WantedArgs, context: Context<'_>, cluster: &Cluster) -> Result<Vec<Item>, Error> {
    if args.filename.is_empty() {
        return Ok(Vec::new());
    }
    let mut documents = Vec::new();
    for path in &args.filename {
        documents.extend(manifest::read(path)?);
    }
    let documents = intake::objects(documents)?;
    let items = resolve::items(cluster, context.global.namespace.as_deref(), documents).await?.items;
    let elsewhere =
        |item: &&Item| item.id.namespace.as_ref().is_some_and(|other| *other != cluster.namespace);
    if let Some(item) = items.iter().find(elsewhere) {
        let why = format!("{}: {} is not in namespace {}", item.origin, item.id, cluster.namespace);
        return Err(
            Error::usage(why).next("make one account for each namespace, with the manifests of that alone")
        );
    }
    Ok(items)
}

/// The Deployments that there are, of those that are meant.
async fn deployments(
    args: &WantedArgs,
    context: Context<'_>,
    cluster: &Cluster,
    items: &[Item],
) -> Result<Vec<Workload>, Error> {
    let mut names = Vec::new();
    for name in &args.deployment {
        names.push(deployment_name(name)?.to_owned());
    }
    if !args.filename.is_empty() {
        names.extend(items.iter().filter(|item| item.is_rolled_out()).map(|item| item.id.name.clone()));
    } else if names.is_empty() {
        let named = "--deployment NAME, where a credential may not list all of them";
        let all = cluster.deployments().await.map_err(|error| error.next(named))?;
        if all.is_empty() {
            return Err(Error::usage(format!("there is no Deployment in namespace {}", cluster.namespace))
                .next("give the manifests that are going to be applied: -f FILE|DIRECTORY"));
        }
        return Ok(all.into_iter().map(|Deployment(workload)| workload).collect());
    }
    let mut found = Vec::new();
    for name in names {
        match cluster.deployment(&name).await? {
            Some(Deployment(workload)) => found.push(workload),
            None if args.filename.is_empty() => return Err(cluster.not_found(&name).await),
            None => context.output.about_all().event(&Event::note(format!(
                "deployment/{name} is not there yet, so nothing is known of its traffic: once it is, run this again"
            ))),
        }
    }
    Ok(found)
}

/// What brings the traffic of a Deployment, for each strategy that changes it; the kinds that were asked for because of
/// what was found; and the name of the preview.
async fn traffic(
    args: &WantedArgs,
    context: Context<'_>,
    cluster: &Cluster,
    deployment: &Workload,
    strategies: &[Strategy],
) -> Result<(Vec<Traffic>, BTreeSet<(String, String)>, Option<String>), Error> {
    let (canary, blue_green) =
        (strategies.contains(&Strategy::Canary), strategies.contains(&Strategy::BlueGreen));
    let routed = canary && args.router != Choice::None;
    if !routed && !blue_green {
        return Ok((Vec::new(), BTreeSet::new(), None));
    }
    let workload = deployment.id().title();
    let labels = &deployment.spec.template["metadata"]["labels"];
    let search = cluster.search(labels, args.router).await?;
    let (router, found) = choose(&search, args.router, args.service.as_deref(), &workload)?;
    context.output.about_all().event(&Event::note(format!("{workload}: {found}")));
    let written = router.as_ref().map_or(&[][..], |traffic| &traffic.routes);
    for left in search.left(args.router, written) {
        context.output.about_all().event(&Event::warning(left));
    }
    let mut all = Vec::new();
    if canary && let Some(traffic) = &router {
        all.push(traffic.clone());
    }
    if blue_green {
        let names: Vec<&str> =
            search.services.iter().map(|service| text(service, "/metadata/name")).collect();
        let direct = args.service.as_deref().or(names.first().copied().filter(|_| names.len() == 1));
        let Some(traffic) = router.or_else(|| direct.map(Traffic::direct)) else {
            let found = if names.is_empty() { "none".into() } else { names.join(", ") };
            let why = format!("{workload}: which Service is switched? these select its pods: {found}");
            return Err(names
                .iter()
                .fold(Error::refused(why), |error, name| error.next(format!("--service {name}"))));
        };
        all.push(Traffic { switch: Some(0), ..traffic });
    }
    for traffic in &mut all {
        traffic.own = own(&search, traffic, labels, cluster)?;
    }
    let switched = all.iter().find(|traffic| traffic.switch.is_some());
    let root = switched.and_then(|traffic| {
        search.services.iter().find(|service| text(service, "/metadata/name") == traffic.service)
    });
    let preview = root.map(preview);
    Ok((all, search.asked, preview))
}
