//! Routes in other namespaces.

use std::collections::BTreeMap;

use super::{named, target, version};
use crate::cluster::{Cluster, Failure};
use crate::error::Error;
use crate::router::reach::reached;
use crate::router::{Found, Passed, RouteKind, Router, Search, Taken};
use crate::traffic::{is_made_by_us, text};

/// A namespace whose routes may name our Services.
pub(super) struct Home {
    pub(super) namespace: String,
    /// The `ReferenceGrant` that lets it in for some Services alone: ours would be refused.
    pub(super) narrow: Option<String>,
}

impl Cluster {
    /// Names the namespaces whose routes may name our Services: ours, and those that a `ReferenceGrant` lets in.
    pub(super) async fn homes(
        &self,
        kind: &RouteKind,
        groups: &BTreeMap<String, Vec<String>>,
    ) -> Result<Vec<Home>, Error> {
        let mut homes = vec![Home { namespace: self.namespace.clone(), narrow: None }];
        let served = groups.get(kind.group).filter(|_| kind.may_be_elsewhere());
        let version = served.and_then(|served| served.iter().find(|version| *version == "v1beta1"));
        let Some(version) = version else { return Ok(homes) };
        let grants =
            RouteKind { group: kind.group, versions: &[], kind: "ReferenceGrant", plural: "referencegrants" };
        let grants = match self.items(&target(&grants, version, &self.namespace)).await {
            Ok(grants) => grants,
            // Whoever may not read them has no route elsewhere that we could write.
            Err(failure) if matches!(failure.code(), 403 | 404) => return Ok(homes),
            Err(failure) => return Err(failure.into_error()),
        };
        for grant in &grants {
            let list = |list: &str| grant["spec"][list].as_array().into_iter().flatten();
            let services: Vec<&str> =
                list("to").filter(|to| to["kind"] == "Service").map(|to| text(to, "/name")).collect();
            if services.is_empty() {
                continue;
            }
            let narrow = (!services.contains(&"")).then(|| text(grant, "/metadata/name").to_owned());
            let from = list("from").filter(|from| from["kind"] == kind.kind);
            let homes_of = from
                .map(|from| Home { namespace: text(from, "/namespace").to_owned(), narrow: narrow.clone() });
            homes.extend(homes_of);
        }
        // Of several grants the widest counts.
        homes.sort_by(|a, b| (&a.namespace, a.narrow.is_some()).cmp(&(&b.namespace, b.narrow.is_some())));
        homes.dedup_by(|a, b| a.namespace == b.namespace);
        Ok(homes)
    }

    /// Looks for routes of other namespaces where ours has none; those that we may not list are not known.
    pub(super) async fn abroad(
        &self,
        router: &'static dyn Router,
        groups: &BTreeMap<String, Vec<String>>,
        search: &mut Search,
    ) -> Result<(), Error> {
        if !router.reaches_abroad() || search.routes.iter().any(|found| found.router == router.name()) {
            return Ok(());
        }
        for kind in router.kinds() {
            let version = groups.get(kind.group).and_then(|served| version(kind, served));
            let Some(version) = version else { continue };
            let everywhere = target(kind, version, "");
            let routes = match self.items(&everywhere).await {
                Err(failure) if matches!(failure.code(), 403 | 404) => continue,
                routes => routes.map_err(Failure::into_error)?,
            };
            let is_abroad =
                |route: &&_| text(route, "/metadata/namespace") != self.namespace && !is_made_by_us(route);
            for route in routes.iter().filter(is_abroad) {
                let target = named(&everywhere, route);
                for service in reached(router, &target, route, &search.services, &self.namespace) {
                    let found = Found {
                        router: router.name(),
                        service,
                        target: target.clone(),
                        object: route.clone(),
                    };
                    if self.is_left_behind(router, &found, &search.services) {
                        search.routes.push(found);
                        continue;
                    }
                    let why = format!("it is in namespace {}", target.namespace);
                    search.passed.push(Passed { found, why, taken: Taken::ByName });
                }
            }
        }
        Ok(())
    }
}
