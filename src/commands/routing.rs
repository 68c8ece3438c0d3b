//! Finds what brings traffic to a workload, and says what was found.

use serde_json::Value;

use crate::cli::TrafficArgs;
use crate::cluster::Cluster;
use crate::engine::Engine;
use crate::error::Error;
use crate::router::{Choice, Router, Search, choose, own_targets, router};
use crate::situation::Situation;
use crate::traffic::{Split, Target, Traffic, text};

/// What the user wants of the traffic.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoutingFlags<'w> {
    /// The flags.
    pub(super) args: &'w TrafficArgs,
    /// Seconds to judge after a switch of all traffic at once; `None` for a share.
    pub(super) switch: Option<u64>,
}

impl RoutingFlags<'_> {
    /// Notes what is told of the router; what was told before holds.
    fn tell(self, traffic: &mut Traffic) {
        if let Some(prefix) = &self.args.settings.annotation_prefix {
            traffic.annotation_prefix = Some(prefix.clone());
        }
        if let Some(grace) = self.args.settings.router_grace {
            traffic.grace = Some(grace.as_secs());
        }
    }

    /// Refuses what is told of a router that there is not.
    fn refuse(self, traffic: Option<&Traffic>) -> Result<(), Error> {
        let router = traffic.and_then(|traffic| router(&traffic.router));
        let by = router.map_or("no router splits the traffic".into(), |router| {
            format!("the router {} splits the traffic", router.name())
        });
        if self.args.settings.router_grace.is_some() && router.is_none() {
            return Err(Error::usage(format!("--router-grace: {by}")));
        }
        if self.args.settings.annotation_prefix.is_some()
            && router.and_then(Router::annotation_prefix).is_none()
        {
            return Err(Error::usage(format!(
                "--annotation-prefix is for the annotations of nginx and haproxy, and {by}"
            )));
        }
        Ok(())
    }
}

/// Has the engine follow what brings the traffic; without a router that is the Service itself for a switch, and
/// nothing for a share.
pub(super) async fn find(
    cluster: &Cluster,
    engine: &mut Engine<'_>,
    flags: RoutingFlags<'_>,
) -> Result<(), Error> {
    Box::pin(look(cluster, engine, flags)).await?;
    flags.refuse(engine.observed()?.traffic.as_ref())?;
    engine.hear_routes().await
}

async fn look(cluster: &Cluster, engine: &mut Engine<'_>, flags: RoutingFlags<'_>) -> Result<(), Error> {
    let observed = engine.observed()?;
    let held = Situation::of(&observed).hold.is_some();
    if let Some(known) = &observed.traffic {
        let mut traffic = known.clone();
        flags.tell(&mut traffic);
        traffic.matches = flags.args.matches(if held { &known.matches } else { &[] });
        traffic.mirror = flags.args.mirror(known.mirror.filter(|_| held));
        let labels = &observed.workload.spec.template["metadata"]["labels"];
        let view = observed.traffic_objects.view(&traffic, vec![labels]);
        let own = own_targets(&traffic, &view, &split(&traffic, cluster))?;
        traffic.own.extend(own.into_iter().filter(|target| !known.own.contains(target)));
        // What is held stays what it is; what was interrupted before that may become the other.
        traffic.switch = match known.switch {
            Some(soak) if held => Some(flags.switch.unwrap_or(soak)),
            None if held => None,
            _ => flags.switch,
        };
        if traffic != *known {
            return engine.route_by(traffic).await;
        }
        return Ok(());
    }
    // A canary that is held by its pods stays so.
    if held || (flags.args.router == Choice::None && flags.switch.is_none()) {
        return Ok(());
    }
    let labels = &observed.workload.spec.template["metadata"]["labels"];
    let workload = observed.workload.id().title();
    let search = cluster.search(labels, flags.args.router).await?;
    let (traffic, found) = choose(&search, flags.args.router, flags.args.service.as_deref(), &workload)?;
    if traffic.is_none() {
        search.unread.iter().chain(&search.unserved).for_each(|text| {
            engine.warn(&format!("{text}: if one brings traffic to {workload}, it is left as it is"));
        });
    }
    let written = traffic.as_ref().map_or(&[][..], |traffic| &traffic.routes);
    for left in search.left(flags.args.router, written) {
        engine.warn(&left);
    }
    for stranger in search.strangers.iter().filter(|_| traffic.is_some()) {
        engine
            .warn(&format!("{stranger} names the canary's Service: it has pods only while a canary is held"));
    }
    let mut traffic = match (traffic, flags.switch) {
        (Some(traffic), _) => {
            engine.note(&found);
            traffic
        }
        (None, None) => return Ok(()),
        (None, Some(_)) => {
            let names: Vec<&str> =
                search.services.iter().map(|service| text(service, "/metadata/name")).collect();
            let service = match (flags.args.service.as_deref(), names.as_slice()) {
                (Some(service), _) => service,
                (None, [only]) => only,
                (None, []) => return Ok(()),
                (None, several) => {
                    let error = Error::refused(format!(
                        "several Services select the pods of {workload}: {}",
                        several.join(", ")
                    ));
                    return Err(several
                        .iter()
                        .fold(error, |error, name| error.next(format!("--service {name}"))));
                }
            };
            engine.note(&format!(
                "no router splits the traffic of {workload}: service/{service} itself is switched"
            ));
            Traffic::direct(service)
        }
    };
    if let Some((router, kind)) = search.hidden.iter().find(|(router, _)| *router == traffic.router) {
        let (plural, group, namespace) = (kind.plural, kind.group, &cluster.namespace);
        return Err(Error::refused(format!(
            "no right to list {plural} in namespace {namespace}: the router {router} has to know what they say of \
             service/{}",
            traffic.service
        ))
        .next(format!("kubectl auth can-i list {plural}.{group} -n {namespace}")));
    }
    flags.tell(&mut traffic);
    traffic.matches = flags.args.matches(&[]);
    traffic.mirror = flags.args.mirror(None);
    traffic.isolate = flags.args.isolate;
    traffic.switch = flags.switch;
    traffic.own = own(&search, &traffic, labels, cluster)?;
    if flags.switch.is_none() && !flags.args.isolate {
        engine.note(&format!(
            "clients that use service/{} without the router get the share of the pods; --isolate keeps them on the stable ones",
            traffic.service
        ));
    }
    engine.route_by(traffic).await
}

/// Returns the objects of ours that the router needs beside the Services, for pods with these labels.
pub(super) fn own(
    search: &Search,
    traffic: &Traffic,
    labels: &Value,
    cluster: &Cluster,
) -> Result<Vec<Target>, Error> {
    let traffic_objects = search.traffic_objects(&cluster.namespace);
    own_targets(traffic, &traffic_objects.view(traffic, vec![labels]), &split(traffic, cluster))
}

/// The most that will be asked of the router.
fn split(traffic: &Traffic, cluster: &Cluster) -> Split {
    let mut split = Split::undone(&traffic.service, &cluster.namespace).with(Some(0), Some(100), Some(0));
    split.matches.clone_from(&traffic.matches);
    split.mirror = traffic.mirror;
    split
}
