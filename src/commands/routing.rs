//! Finds what brings traffic to a workload, and says what was found.

use crate::cluster::Cluster;
use crate::engine::Engine;
use crate::error::Error;
use crate::model::Situation;
use crate::traffic::{Choice, Match, Split, Target, Traffic, choose, own_targets, text};

/// What the user wants of the traffic.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish<'w> {
    /// `--router`.
    pub(super) choice: Choice,
    /// `--service`.
    pub(super) service: Option<&'w str>,
    /// `--header` and `--cookie`.
    pub(super) matches: Vec<Match>,
    /// `--mirror`.
    pub(super) mirror: Option<u8>,
    /// `--isolate`.
    pub(super) isolate: bool,
    /// Seconds to judge after a switch of all traffic at once; `None` for a share.
    pub(super) switch: Option<u64>,
}

/// Has the engine follow what brings the traffic; without a router that is the Service itself for a switch, and
/// nothing for a share.
pub(super) async fn find(cluster: &Cluster, engine: &mut Engine<'_>, wish: &Wish<'_>) -> Result<(), Error> {
    let observed = engine.observed()?;
    let held = Situation::of(&observed).hold.is_some();
    if let Some(known) = observed.traffic.clone() {
        let routes: Vec<_> = observed.roads.routes(&known).collect();
        let own = own_targets(&known, &routes, &split(&known, cluster, wish))?;
        let more: Vec<Target> = own.into_iter().filter(|target| !known.own.contains(target)).collect();
        // What is held stays what it is; what was interrupted before that may become the other.
        let switch = match known.switch {
            Some(soak) if held => Some(wish.switch.unwrap_or(soak)),
            None if held => None,
            _ => wish.switch,
        };
        if !more.is_empty() || switch != known.switch {
            let own = known.own.iter().cloned().chain(more).collect();
            return engine.route_by(Traffic { own, switch, ..known }).await;
        }
        return Ok(());
    }
    // A canary that is held by its pods stays so.
    if held || (wish.choice == Choice::None && wish.switch.is_none()) {
        return Ok(());
    }
    let deployment = &observed.deployment;
    let labels = &deployment.spec.template["metadata"]["labels"];
    let workload = format!("deployment/{}", deployment.id().name);
    let search = cluster.search(labels, wish.choice).await?;
    let (traffic, found) = choose(&search, wish.choice, wish.service, &workload)?;
    if traffic.is_none() {
        search.unread.iter().chain(&search.unserved).for_each(|text| {
            engine.warn(&format!("{text}: if one brings traffic to {workload}, it is left as it is"));
        });
    }
    let mut traffic = match (traffic, wish.switch) {
        (Some(traffic), _) => {
            engine.note(&found);
            traffic
        }
        (None, None) => return Ok(()),
        (None, Some(_)) => {
            let names: Vec<&str> =
                search.services.iter().map(|service| text(service, "/metadata/name")).collect();
            let service = match (wish.service, names.as_slice()) {
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
                "no route names a Service of {workload}: service/{service} itself is switched"
            ));
            Traffic::direct(service)
        }
    };
    let routes: Vec<(&Target, &serde_json::Value)> = search
        .routes
        .iter()
        .filter(|route| traffic.routes.contains(&route.target))
        .map(|route| (&route.target, &route.object))
        .collect();
    traffic.own = own_targets(&traffic, &routes, &split(&traffic, cluster, wish))?;
    traffic.isolate = wish.isolate;
    traffic.switch = wish.switch;
    if wish.switch.is_none() && !wish.isolate {
        engine.note(&format!(
            "clients that use service/{} without the router get the share of the pods; --isolate keeps them on the stable ones",
            traffic.service
        ));
    }
    engine.route_by(traffic).await
}

/// The most that will be asked of the router.
fn split(traffic: &Traffic, cluster: &Cluster, wish: &Wish<'_>) -> Split {
    let mut split = Split::undone(&traffic.service, &cluster.namespace).with(Some(0), Some(100), Some(0));
    split.matches.clone_from(&wish.matches);
    split.mirror = wish.mirror;
    split
}
