//! `wait`: until objects have a condition, or are gone.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::apply::Awaited;
use crate::apply::asked::asked;
use crate::cli::WaitArgs;
use crate::cluster::{Cluster, absent};
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::output::Output;
use crate::world::Signals;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs the verb.
pub(super) async fn run(args: &WaitArgs, cluster: &Cluster, output: &Output) -> Result<(), Error> {
    let wrong = |why: String| Err(Error::usage(why).next("--for=condition=Available").next("--for=delete"));
    let Some(awaited) = Awaited::parse(&args.awaited) else {
        return wrong(format!("--for={} is neither a condition nor delete", args.awaited));
    };
    let is_listed = args.selector.is_some() || args.all;
    let Some(all) = asked(&args.what).filter(|all| is_listed || all.iter().all(|one| one.name.is_some()))
    else {
        return wrong(format!("'{}' names no object of Kubernetes' own kinds", args.what.join(" ")));
    };
    let deadline = Instant::now() + args.patience;
    let look = || async {
        let mut found = Vec::new();
        for one in &all {
            let place = Some(cluster.namespace.as_str()).filter(|_| one.resource.namespaced);
            if let Some(name) = &one.name {
                let title = format!("{}/{name}", one.prefix());
                let path = one.resource.object(place, name);
                found.push((title.clone(), cluster.at(&title, &path).await?));
                continue;
            }
            let list = cluster.whole(one, false, args.selector.as_deref()).await?;
            for item in list["items"].as_array().into_iter().flatten() {
                let name = item["metadata"]["name"].as_str().unwrap_or_default();
                found.push((format!("{}/{name}", one.prefix()), Some(item.clone())));
            }
        }
        Ok::<_, Error>(found)
    };
    // Who waits for a condition of what is not there has mistyped its name.
    let first = look().await?;
    if awaited != Awaited::Deletion {
        let place = format!(" in namespace {}", cluster.namespace);
        if let Some((title, _)) = first.iter().find(|(_, object)| object.is_none()) {
            return Err(absent(title, &place));
        }
        if first.is_empty() {
            return Err(absent(&format!("object of {}", args.what.join(" ")), &place));
        }
    }
    until_all(cluster, &awaited, deadline, look).await?;
    output.about_all().event(&Event::note(format!("{}: {}", args.what.join(" "), awaited.words())));
    Ok(())
}

/// Waits until all that a look finds is so.
pub(super) async fn until_all<F, L>(
    cluster: &Cluster,
    awaited: &Awaited,
    deadline: Instant,
    look: L,
) -> Result<(), Error>
where
    L: Fn() -> F,
    F: Future<Output = Result<Vec<(String, Option<Value>)>, Error>>,
{
    let mut stop = Signals::new()?;
    loop {
        let found = look().await?;
        let Some((title, _)) = found.iter().find(|(_, object)| !awaited.is_so(object.as_ref())) else {
            return Ok(());
        };
        let not_yet = |kind, why: &str| {
            let text = format!("{title} in namespace {} is not {} {why}", cluster.namespace, awaited.words());
            Err(Error::new(kind, text).next(format!("kubectl get {title} -n {} -o yaml", cluster.namespace)))
        };
        if Instant::now() >= deadline {
            return not_yet(Kind::Deadline, "within the time");
        }
        tokio::select! {
            biased;
            () = sleep(LOOK_EVERY) => {}
            () = stop.received() => return not_yet(Kind::Interrupted, "yet: stopped by a signal"),
        }
    }
}
