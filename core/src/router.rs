//! Routers: what each has to say to split traffic. Pure: JSON objects in, JSON objects out.
//!
//! A router is one file and one line in [`ROUTERS`].

mod alb;
mod apisix;
mod consul;
mod contour;
mod detect;
mod gateway;
mod haproxy;
mod ingress;
mod istio;
mod linkerd;
mod nginx;
mod passed;
pub mod reach;
mod smi;
mod stored;
mod traefik;
mod weave;

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::traffic::{Match, Role, Split, Target, Traffic, View};

pub use detect::{Choice, Found, Search, choose, own_targets};
pub use passed::{Passed, Taken};
pub use weave::{Woven, drifted, kept, weave};

/// A kind of objects that name Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteKind {
    /// The API group; empty for the core.
    pub group: &'static str,
    /// The versions that we can write, the best first.
    pub versions: &'static [&'static str],
    /// The kind.
    pub kind: &'static str,
    /// The plural in paths.
    pub plural: &'static str,
}

impl RouteKind {
    /// Whether such a route may be in another namespace than the Services that it names (a `ReferenceGrant` allows it).
    pub fn may_be_elsewhere(&self) -> bool {
        self.group == "gateway.networking.k8s.io"
    }
}

/// What a router can do, and how that was tested.
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Whole percentages of the requests.
    pub weight: bool,
    /// Requests with a header go to the canary.
    pub header: bool,
    /// Requests with a cookie go to the canary.
    pub cookie: bool,
    /// The canary gets a copy of requests.
    pub mirror: bool,
    /// What the tests run it against.
    pub tested: &'static str,
    /// What to know before it is used.
    pub limits: &'static str,
}

/// Whether a data plane follows a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Its status says so, for this generation.
    Yes,
    /// Not yet, or never: what its status says.
    No(String),
    /// Its status says nothing about it: only time helps.
    Silent,
}

/// Whether an object is for a router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It says so.
    Mine,
    /// What it says looks like it.
    Alike(String),
    /// It says something else.
    Strange(String),
}

/// One kind of router.
pub trait Router: Sync {
    /// Its name, as `--router` takes it.
    fn name(&self) -> &'static str;

    /// The kinds of the user's objects that it reads.
    fn kinds(&self) -> &'static [RouteKind];

    /// What it can do.
    fn abilities(&self) -> Abilities;

    /// Whether an object is for this router at all, by the classes that there are.
    fn claim(&self, _route: &Value, _classes: &[Value]) -> Claim {
        Claim::Mine
    }

    /// Whether an object of another namespace can send requests to a Service without that namespace's leave.
    fn reaches_abroad(&self) -> bool {
        false
    }

    /// Returns JSON Pointers of the lists (or single values) whose elements name Services.
    fn places(&self, route: &Value) -> Vec<String>;

    /// Whether an element of such a list, of the route `home`, sends requests to a Service.
    fn names(&self, element: &Value, home: &Target, service: &str, namespace: &str) -> bool;

    /// Returns what takes the place of an element that names the root, as the user wrote it.
    ///
    /// What it changes in the element names Services of ours in that very member; elements that it adds name the
    /// canary alone. That is how they are found again.
    ///
    /// # Errors
    /// [`crate::error::Kind::Refused`] for what this router or this route cannot do.
    fn weave(&self, element: &Value, home: &Target, split: &Split) -> Result<Vec<Value>, Error>;

    /// Why it cannot do what is asked with this route, if so: known before anything is written.
    fn refuses(&self, _route: &Value, split: &Split) -> Option<Error> {
        unable(self, split)
    }

    /// The kinds of the user's objects that say how a Service is served. They are read, and never
    /// written but for what [`Router::amend`] says.
    fn beside(&self) -> &'static [RouteKind] {
        &[]
    }

    /// Whether such an object is about a Service of its own namespace.
    fn concerns(&self, _object: &Value, _service: &str, _namespace: &str) -> bool {
        false
    }

    /// Why what is beside the routes does not allow what is asked, if so: known before anything is written.
    fn unfit(&self, _view: &View<'_>, _split: &Split) -> Option<Error> {
        None
    }

    /// Whether a route of somebody else that names the canary's Service keeps it from splitting the traffic.
    fn wants_canary_alone(&self) -> bool {
        false
    }

    /// Why it cannot split the requests to this Service, if so: known before anything is written.
    fn refuses_service(&self, _service: &Value) -> Option<Error> {
        None
    }

    /// Returns objects of ours that it needs beside the Services.
    ///
    /// # Errors
    /// As [`Router::weave`].
    fn own(&self, _view: &View<'_>, _split: &Split) -> Result<Vec<(Target, Value)>, Error> {
        Ok(Vec::new())
    }

    /// Whether parts of ours come into the user's objects beside the routes.
    fn amends(&self) -> bool {
        false
    }

    /// Returns the patch that gives such an object the parts that it has to have, each known by its name; empty if it
    /// has just these.
    ///
    /// # Errors
    /// As [`Router::weave`].
    fn amend(&self, _object: &Value, _view: &View<'_>, _split: &Split) -> Result<Vec<Value>, Error> {
        Ok(Vec::new())
    }

    /// Whether the objects of its own bring requests to a version on their own: a route does not have to name its Service.
    fn own_carry(&self) -> bool {
        true
    }

    /// What its annotations begin with, where the controller can be told another prefix.
    fn annotation_prefix(&self) -> Option<&'static str> {
        None
    }

    /// Whether the data plane follows a route, as far as its status tells. What is wrong with backends other than this
    /// Service, and ours beside it, is of no matter.
    fn settled(&self, route: &Value, service: &str) -> Settled;

    /// For how long a data plane may need to follow after that.
    fn grace(&self) -> Duration;
}

/// Every router, in the order in which they are looked for.
pub const ROUTERS: [&dyn Router; 12] = [
    &gateway::HTTP,
    &gateway::GRPC,
    &nginx::NGINX,
    &traefik::TRAEFIK,
    &contour::CONTOUR,
    &istio::ISTIO,
    &smi::SMI,
    &consul::CONSUL,
    &linkerd::LINKERD,
    &haproxy::HAPROXY,
    &alb::ALB,
    &apisix::APISIX,
];

/// Returns the router of that name.
pub fn router(name: &str) -> Option<&'static dyn Router> {
    ROUTERS.into_iter().find(|router| router.name() == name)
}

impl Traffic {
    /// Returns for how long the data plane may need to follow a change; `None` where there is no router.
    pub fn grace(&self) -> Option<Duration> {
        let own = router(&self.router)?.grace();
        Some(self.grace.map_or(own, Duration::from_secs))
    }
}

/// Returns a route as its user has it: without anything of ours.
pub(crate) fn as_written(
    router: &dyn Router,
    target: &Target,
    route: &Value,
    split: &Split,
) -> Result<Value, Error> {
    let mut user = route.clone();
    let undone = Split::undone(&split.service, &split.namespace);
    for operation in weave(router, target, route, &undone)?.patch {
        let place = operation["path"].as_str().filter(|_| operation["op"] == "replace");
        if let Some(place) = place.and_then(|pointer| user.pointer_mut(pointer)) {
            *place = operation["value"].clone();
        }
    }
    Ok(user)
}

/// Refuses what a router never can.
pub(crate) fn unable(router: &(impl Router + ?Sized), split: &Split) -> Option<Error> {
    let able = router.abilities();
    let header = split.matches.iter().any(|one| matches!(one, Match::Header { .. }));
    let cookie = split.matches.iter().any(|one| matches!(one, Match::Cookie { .. }));
    let what = if header && !able.header {
        "tell requests by a header"
    } else if cookie && !able.cookie {
        "tell requests by a cookie"
    } else if split.mirror.is_some() && !able.mirror {
        "give the canary a copy of requests"
    } else {
        return None;
    };
    Some(Error::refused(format!("the router {} cannot {what}", router.name())))
}

/// How a list of weighted backends is written.
pub(crate) struct Weighted<'w> {
    /// Whether an entry is the root.
    pub(crate) is_root: &'w dyn Fn(&Value) -> bool,
    /// Gives an entry another Service.
    pub(crate) rename: &'w dyn Fn(&mut Map<String, Value>, &str),
    /// The member with the weight.
    pub(crate) weight: &'static str,
    /// What no weight means beside other backends.
    pub(crate) omitted: u64,
    /// The largest weight.
    pub(crate) most: u64,
}

impl Weighted<'_> {
    /// Returns the list with the root's share divided; the shares of other backends stay what they were.
    pub(crate) fn divided(&self, entries: &[Value], split: &Split) -> Result<Vec<Value>, Error> {
        let roots: Vec<&Value> = entries.iter().filter(|entry| (self.is_root)(entry)).collect();
        let [root] = roots.as_slice() else {
            return Err(Error::refused(format!(
                "a rule names service/{} {} times",
                split.service,
                roots.len()
            )));
        };
        let alone = entries.len() == 1;
        let own = if alone { 1 } else { root[self.weight].as_u64().unwrap_or(self.omitted) };
        let mut parts = Vec::new();
        for entry in entries {
            let members = entry.as_object().cloned().unwrap_or_default();
            if !(self.is_root)(entry) {
                let weight = members.get(self.weight).and_then(Value::as_u64).unwrap_or(self.omitted);
                parts.push((members, None, weight.saturating_mul(100)));
                continue;
            }
            for backend in split.backends() {
                let name = backend.role.map(|_| backend.name);
                parts.push((members.clone(), name, own.saturating_mul(u64::from(backend.percent))));
            }
        }
        // The same shares in smaller numbers, where there is a limit.
        let large = parts.iter().any(|(.., weight)| *weight > self.most);
        let divisor =
            if large { parts.iter().fold(0, |divisor, part| common(divisor, part.2)).max(1) } else { 1 };
        parts
            .into_iter()
            .map(|(members, name, weight)| self.entry(members, name.as_deref(), weight / divisor))
            .collect()
    }

    fn entry(
        &self,
        mut members: Map<String, Value>,
        name: Option<&str>,
        weight: u64,
    ) -> Result<Value, Error> {
        if weight > self.most {
            return Err(Error::refused(format!(
                "a weight of {weight} is too large: the most is {}",
                self.most
            )));
        }
        if let Some(name) = name {
            (self.rename)(&mut members, name);
        }
        members.insert(self.weight.into(), json!(weight));
        Ok(Value::Object(members))
    }

    /// Returns the list with the canary in the root's place, for requests that all go there.
    pub(crate) fn canary_alone(&self, entries: &[Value], split: &Split) -> Vec<Value> {
        let root = entries.iter().find(|entry| (self.is_root)(entry));
        let mut members = root.and_then(Value::as_object).cloned().unwrap_or_default();
        (self.rename)(&mut members, &split.name(Some(Role::Canary)));
        members.insert(self.weight.into(), json!(1));
        vec![Value::Object(members)]
    }
}

/// Returns the greatest common divisor.
fn common(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { common(other, one % other) }
}

#[cfg(test)]
pub(crate) mod tests;
