//! What the proxies know, and whether the requests go where they may.
//!
//! A share counts as the proxies see it: what they were not told of yet could have been waited for, by their lags, which are
//! shorter than the time that the product gives them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rollout_plus::journal::HeldRecord;
use rollout_plus::keys::{HELD_ANNOTATION, SELECTOR_ANNOTATION};
use rollout_plus::traffic::Role;
use serde_json::Value;

use super::proxies::Way;
use super::shares::{End, Ending, Shares, failing, of_rule, of_service};
use crate::cache::Cache;
use crate::invariants::ending::is_held;
use crate::object::{Key, Route, Rule};
use crate::scenario::shop::{FORMER, NAME, NAMESPACE, image};
use crate::server::store::Entry;

/// What rounding may cost.
const NOTHING: f64 = 1e-6;
/// For how long a proxy may send requests to a pod that is not Ready any more: as long as the slowest controllers need.
const LATE: SignedDuration = SignedDuration::from_secs(60);

/// What is asked of the data plane.
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// The new version gets no more than the share that was asked for.
    pub share: bool,
    /// No request may fail, at no instant, until the new version is to take the place of the former one.
    pub whole: bool,
    /// Nor may one after that.
    pub whole_after: bool,
    /// Requests that come by the Service, and not by the route, stay on the stable version, too.
    pub direct: bool,
}

/// What is known of a pod, whoever asks.
#[derive(Clone, Debug)]
struct Pod {
    image: String,
    /// Since when it does not answer.
    dead: Option<Timestamp>,
}

/// What did not hold, and when.
pub type Told = (Timestamp, &'static str, String);

/// What the proxies know.
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
#[derive(Debug, Default)]
pub struct Plane {
    /// What the router's controller knows.
    given: Cache,
    router: Cache,
    nodes: Cache,
    pods: BTreeMap<String, Pod>,
    /// What is asked.
    pub asked: Asked,
    /// The greatest share that was asked for, in percent.
    most: u8,
    /// Whether somebody asked for the end: then the new version may have everything.
    pub may_end: bool,
    /// Whether that is all that was asked.
    pub ends: bool,
    /// Whether that end has begun.
    open: bool,
    /// Whether the Service was pinned to one version.
    pinned: bool,
    told: Vec<Told>,
    broken: BTreeSet<&'static str>,
}

impl Plane {
    /// The router's controller has looked: that is what its proxy is given.
    pub fn serve(&mut self, cache: &Cache) {
        self.given.routes.clone_from(&cache.routes);
        self.given.services.clone_from(&cache.services);
    }

    /// Whether that is all that there is.
    pub fn has_served(&self, cache: &Cache) -> bool {
        let same = |route: (&Key, &Arc<Route>)| {
            let given = self.given.routes.get(route.0);
            given.is_some_and(|given| given.metadata.resource_version == route.1.metadata.resource_version)
        };
        cache.routes.len() == self.given.routes.len() && cache.routes.iter().all(same)
    }

    /// A proxy takes in what it was told.
    pub fn learn(&mut self, way: Way, cache: &Cache, now: Timestamp) {
        match way {
            Way::Routes => {
                self.router.routes.clone_from(&self.given.routes);
                self.router.services.clone_from(&self.given.services);
            }
            Way::Endpoints => self.router.slices.clone_from(&cache.slices),
            Way::Node => {
                self.nodes.services.clone_from(&cache.services);
                self.nodes.slices.clone_from(&cache.slices);
            }
        }
        self.judge(now);
    }

    /// Takes in what happened in the store.
    pub fn see(&mut self, entry: &Entry, now: Timestamp) {
        match entry.resource.plural {
            "pods" => self.see_pod(entry, now),
            "deployments" if entry.key == Key::new(NAMESPACE, NAME) => {
                entry.after.iter().for_each(|deployment| self.see_deployment(deployment));
            }
            "services" if entry.key.name == NAME => {
                entry.after.iter().for_each(|service| self.see_service(service));
            }
            "httproutes" => entry.after.iter().for_each(|route| self.see_route(route)),
            _ => {}
        }
        self.judge(now);
    }

    fn see_pod(&mut self, entry: &Entry, now: Timestamp) {
        let Some(object) = entry.after.as_ref().or(entry.before.as_ref()) else { return };
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        let mut ready = conditions.filter(|one| one["type"] == "Ready");
        let answers = entry.after.is_some() && ready.any(|one| one["status"] == "True");
        let image = object["spec"]["containers"][0]["image"].as_str().unwrap_or_default().to_owned();
        let pod = self.pods.entry(entry.key.name.clone()).or_insert(Pod { image, dead: None });
        pod.dead = if answers { None } else { pod.dead.or(Some(now)) };
    }

    fn see_deployment(&mut self, deployment: &Value) {
        let held = is_held(deployment);
        let text = deployment["metadata"]["annotations"][HELD_ANNOTATION].as_str();
        let asked = text.and_then(HeldRecord::parse).and_then(|record| record.asked);
        self.most = self.most.max(asked.unwrap_or_default());
        // A second set that is frozen is about to get everything.
        let frozen = held && deployment["spec"]["paused"] == true;
        self.open |= (!held && image(deployment) != FORMER) || (self.may_end && frozen);
    }

    /// Whoever promotes gives the user's own Service its share back while the new version is still held.
    fn see_route(&mut self, route: &Value) {
        let promotes = self.ends;
        let rules = route["spec"]["rules"].as_array().into_iter().flatten();
        let ends = |rule: &Value| {
            let backends = rule["backendRefs"].as_array().into_iter().flatten();
            let of = |name: &str| backends.clone().find(|backend| backend["name"] == name);
            let root = of(NAME).and_then(|root| root["weight"].as_u64()).unwrap_or_default();
            let is_there = |role: Role| of(&role.service(NAME)).is_some();
            root > 0 && (is_there(Role::Canary) || (promotes && is_there(Role::Stable)))
        };
        self.open |= self.may_end && rules.into_iter().any(ends);
    }

    /// Or it takes the pin off, first.
    fn see_service(&mut self, service: &Value) {
        let pinned = service["metadata"]["annotations"][SELECTOR_ANNOTATION].is_string();
        self.open |= self.may_end && self.pinned && !pinned;
        self.pinned = pinned;
    }

    /// Whether the new version may have everything.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// The rules that the workload's traffic goes by, as the router knows them.
    fn rules(&self) -> impl Iterator<Item = &Rule> {
        let routes = self.router.routes.get(&Key::new(NAMESPACE, NAME)).into_iter();
        let ours = |backend: &crate::object::Backend| {
            backend.name == NAME || Role::ALL.iter().any(|role| role.service(NAME) == backend.name)
        };
        routes.flat_map(|route| &route.spec.rules).filter(move |rule| rule.backend_refs.iter().any(ours))
    }

    /// Where the requests end: those of each rule of the route, and those to the Service itself.
    fn shares(&self) -> (Vec<Shares>, Shares) {
        let rules = self.rules().map(|rule| of_rule(&self.router, NAMESPACE, rule)).collect();
        let service = Key::new(NAMESPACE, NAME);
        (rules, of_service(&self.nodes, &service, Ending::LastResort))
    }

    /// The part of the requests that pods get which are not of the former version.
    fn of_new(&self, shares: &Shares) -> f64 {
        let is_new = |end: &End| match end {
            End::Pod(name) => self.pods.get(name).is_some_and(|pod| pod.image != FORMER),
            End::NoService(_) | End::NoEndpoint(_) | End::NoBackend => false,
        };
        shares.iter().filter(|(end, _)| is_new(end)).map(|(_, share)| share).sum()
    }

    /// The shares of the new version by the route, of each rule, in percent.
    pub fn routed(&self) -> Vec<f64> {
        self.shares().0.iter().map(|shares| 100.0 * self.of_new(shares)).collect()
    }

    /// The part of the requests that fail now, by the route or by the Service.
    pub fn failing(&self) -> Option<(f64, String)> {
        let (rules, direct) = self.shares();
        rules
            .iter()
            .find_map(failing)
            .or_else(|| failing(&direct).filter(|_| !self.nodes.services.is_empty()))
    }

    /// Where requests go in vain.
    pub fn in_vain(&self) -> BTreeSet<End> {
        let (rules, direct) = self.shares();
        let direct = Some(direct).filter(|_| !self.nodes.services.is_empty());
        let ends = rules.into_iter().chain(direct).flat_map(Shares::into_keys);
        ends.filter(|end| !matches!(end, End::Pod(_))).collect()
    }

    fn judge(&mut self, now: Timestamp) {
        let (rules, direct) = self.shares();
        let mut told = Vec::new();
        let is_known = !self.nodes.services.is_empty();
        for (who, shares, most) in rules.iter().map(|shares| ("the route", shares, Some(self.most))).chain(
            std::iter::once(("the Service", &direct, self.asked.direct.then_some(0))).filter(|_| is_known),
        ) {
            let new = 100.0 * self.of_new(shares);
            if let Some(most) =
                most.filter(|most| self.asked.share && !self.open && new > f64::from(*most) + NOTHING)
            {
                told.push((
                    "share of requests",
                    format!("by {who} the new version gets {new:.1} %, and {most} % were asked for"),
                ));
            }
            if let Some((share, why)) =
                failing(shares).filter(|_| if self.open { self.asked.whole_after } else { self.asked.whole })
            {
                told.push((
                    "requests",
                    format!("by {who} {:.1} % of the requests fail: {why}", 100.0 * share),
                ));
            }
            let late = |end: &&End| match end {
                End::Pod(name) => {
                    let dead = self.pods.get(name).and_then(|pod| pod.dead);
                    dead.is_some_and(|since| now.duration_since(since) > LATE)
                }
                End::NoService(_) | End::NoEndpoint(_) | End::NoBackend => false,
            };
            if let Some(End::Pod(name)) = shares.keys().find(late) {
                told.push((
                    "dead pods",
                    format!("by {who} pod {name} gets requests, and has not been Ready for a minute"),
                ));
            }
        }
        // One of each is enough.
        told.retain(|(name, _)| self.broken.insert(*name));
        self.told.extend(told.into_iter().map(|(name, why)| (now, name, why)));
    }

    /// Returns what of this rule did not hold, once.
    pub fn take(&mut self, rule: &str) -> Option<(Timestamp, String)> {
        let at = self.told.iter().position(|(_, name, _)| *name == rule)?;
        let (when, _, why) = self.told.remove(at);
        Some((when, why))
    }
}

#[cfg(test)]
mod tests;
