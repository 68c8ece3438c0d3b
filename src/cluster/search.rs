//! Looks for what brings traffic to a workload.

mod elsewhere;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::cluster::call::encode;
use crate::cluster::{Cluster, Failure};
use crate::error::Error;
use crate::model::{Workload, resource};
use crate::router::reach::{is_stranger, is_woven, reached};
use crate::router::{
    Choice, Claim, Found, Passed, ROUTERS, RouteKind, Router, Search, Taken, choose, drifted, own_targets,
    router,
};
use crate::traffic::{Split, Target, Traffic, is_made_by_us, pinned_to, root_of, selecting, text};

use elsewhere::Home;

/// What tells of a Service whether a run left it.
pub(crate) struct Mark {
    name: String,
    is_pinned: bool,
    owners: Vec<String>,
}

impl Cluster {
    /// Looks for routes that bring traffic to pods with these labels.
    ///
    /// One request for the Services, one for the API groups, and one for each kind of route that is installed.
    pub(crate) async fn search(&self, labels: &Value, choice: Choice) -> Result<Search, Error> {
        let mut search = Search::default();
        let services = match self.items(&Target::service(&self.namespace, "")).await {
            Err(failure) if failure.code() == 403 => {
                search.unread.push("no right to list services".into());
                return Ok(search);
            }
            services => services.map_err(Failure::into_error)?,
        };
        search.services = selecting(services, labels);
        if search.services.is_empty() || choice == Choice::None {
            return Ok(search);
        }
        let groups = self.groups().await?;
        let mut classes = None;
        for router in ROUTERS.into_iter().filter(|router| choice.includes(*router)) {
            for kind in router.kinds() {
                let Some(served) = groups.get(kind.group) else { continue };
                let Some(version) = version(kind, served) else {
                    search.unserved.push(format!("{} is served in {} alone", kind.plural, served.join(", ")));
                    continue;
                };
                let ours = target(kind, version, &self.namespace);
                for home in self.homes(kind, &groups).await? {
                    let place = Target { namespace: home.namespace.clone(), ..ours.clone() };
                    let routes = match self.items(&place).await {
                        Ok(found) => found,
                        // The group is there, this kind of it is not.
                        Err(failure) if failure.code() == 404 => continue,
                        Err(failure) if failure.code() == 403 => {
                            let place = &place.namespace;
                            search
                                .unread
                                .push(format!("no right to list {} in namespace {place}", kind.plural));
                            continue;
                        }
                        Err(failure) => return Err(failure.into_error()),
                    };
                    for route in routes.into_iter().filter(|route| !is_made_by_us(route)) {
                        let target = named(&ours, &route);
                        let services = reached(router, &target, &route, &search.services, &self.namespace);
                        if services.is_empty() {
                            let stranger = search.services.iter().any(|service| is_stranger(&route, service));
                            search.strangers.extend(stranger.then_some(target));
                            continue;
                        }
                        if kind.group == "networking.k8s.io" && classes.is_none() {
                            classes = Some(self.classes().await);
                        }
                        let classes = classes.as_deref().unwrap_or_default();
                        let found = services.into_iter().map(|service| Found {
                            router: router.name(),
                            service,
                            target: target.clone(),
                            object: route.clone(),
                        });
                        self.sort(router, found.collect(), (&home, classes), &mut search);
                    }
                }
            }
            self.abroad(router, &groups, &mut search).await?;
            self.beside(router, &groups, &mut search).await?;
        }
        Ok(search)
    }

    /// Puts a route where it belongs: to those that are written, or to those that are left.
    fn sort(
        &self,
        router: &'static dyn Router,
        found: Vec<Found>,
        (home, classes): (&Home, &[Value]),
        search: &mut Search,
    ) {
        for found in found {
            let (target, route) = (&found.target, &found.object);
            let others = others(router, target);
            let another = others.iter().find(|other| other.claim(route, classes) == Claim::Mine);
            let another = another.map(|other| other.name());
            let passed = Taken::of(router.claim(route, classes), another, home.narrow.as_deref());
            let is_left_behind = self.is_left_behind(router, &found, &search.services);
            match passed {
                Some((why, taken)) if !is_left_behind => search.passed.push(Passed { found, why, taken }),
                Some(_) | None => search.routes.push(found),
            }
        }
    }

    /// Whether a run of ours wrote to a route by that router, whatever the route says: who looks for what was left behind
    /// cannot know what the run was told.
    fn is_left_behind(&self, router: &dyn Router, found: &Found, services: &[Value]) -> bool {
        let Found { target, object, service, .. } = found;
        let split = Split::undone(service, &self.namespace).with(Some(0), Some(100), None);
        let others = others(router, target);
        is_woven(object)
            && (!drifted(router, target, object, &split)
                || others
                    .iter()
                    .all(|other| reached(*other, target, object, services, &self.namespace).is_empty()))
    }

    /// Looks for what says how the Services of a router's routes are served.
    async fn beside(
        &self,
        router: &dyn Router,
        groups: &BTreeMap<String, Vec<String>>,
        search: &mut Search,
    ) -> Result<(), Error> {
        let passed = search.passed.iter().map(|passed| &passed.found);
        let of = search.routes.iter().chain(passed).filter(|found| found.router == router.name());
        let services: BTreeSet<String> = of.map(|found| found.service.clone()).collect();
        for kind in router.beside().iter().filter(|_| !services.is_empty()) {
            let version = groups.get(kind.group).and_then(|served| version(kind, served));
            let Some(version) = version else { continue };
            search.asked.insert((kind.group.to_owned(), kind.plural.to_owned()));
            let target = target(kind, version, &self.namespace);
            let objects = match self.items(&target).await {
                Err(failure) if failure.code() == 404 => continue,
                Err(failure) if failure.code() == 403 => {
                    search.hidden.push((router.name(), *kind));
                    continue;
                }
                objects => objects.map_err(Failure::into_error)?,
            };
            for object in &objects {
                let about = services.iter().filter(|one| router.concerns(object, one, &self.namespace));
                search.beside.extend(about.map(|service| Found {
                    router: router.name(),
                    service: service.clone(),
                    target: Target { name: text(object, "/metadata/name").into(), ..target.clone() },
                    object: object.clone(),
                }));
            }
        }
        Ok(())
    }

    /// Names the kinds that [`Cluster::search`] always lists, as group and plural.
    pub(crate) async fn searched(&self, choice: Choice) -> Result<Vec<(String, String)>, Error> {
        let mut kinds = Vec::new();
        if choice == Choice::None {
            return Ok(kinds);
        }
        let groups = self.groups().await?;
        for router in ROUTERS.into_iter().filter(|router| choice.includes(*router)) {
            for kind in router.kinds() {
                let Some(served) = groups.get(kind.group) else { continue };
                if version(kind, served).is_some() {
                    kinds.push((kind.group.to_owned(), kind.plural.to_owned()));
                }
                if kind.may_be_elsewhere() && served.iter().any(|one| one == "v1beta1") {
                    kinds.push((kind.group.to_owned(), "referencegrants".to_owned()));
                }
            }
        }
        kinds.sort_unstable();
        kinds.dedup();
        Ok(kinds)
    }

    /// Reads what of the Services of our namespace tells whether a run left some.
    pub(crate) async fn marks(&self) -> Result<Vec<Mark>, Error> {
        let mark = |service: Value| {
            let owners = service["metadata"]["ownerReferences"].as_array().into_iter().flatten();
            Some(Mark {
                name: text(&service, "/metadata/name").to_owned(),
                is_pinned: pinned_to(&service).is_some(),
                owners: owners.map(|owner| text(owner, "/uid").to_owned()).collect(),
            })
        };
        self.list(&resource::SERVICES, false, None, mark).await
    }

    /// Looks for what a run left that no record tells of any more: Services that are pinned, or of our own. `marks` may
    /// be from before.
    pub(crate) async fn leftover(
        &self,
        workload: &Workload,
        marks: Result<Vec<Mark>, Error>,
    ) -> Result<Option<Traffic>, Error> {
        // Who may not read Services has none of ours.
        let Ok(marks) = marks else { return Ok(None) };
        let is_pinned = |service: &Value| pinned_to(service).is_some();
        let is_owned = |mark: &&Mark| mark.owners.iter().any(|uid| uid == workload.uid());
        let owned: Vec<&str> = marks.iter().filter(is_owned).map(|mark| mark.name.as_str()).collect();
        if owned.is_empty() && !marks.iter().any(|mark| mark.is_pinned) {
            return Ok(None);
        }
        let labels = &workload.spec.template["metadata"]["labels"];
        let mut search = self.search(labels, Choice::Auto).await?;
        // The way back is open whoever looks at the canary.
        search.strangers.clear();
        let names = || marks.iter().map(|mark| mark.name.as_str());
        // A neighbour's Service may be pinned, too; that is none of ours.
        let pinned = search.services.iter().find(|service| is_pinned(service));
        let root = match pinned {
            Some(service) => Some(text(service, "/metadata/name")),
            None => owned.iter().find_map(|name| root_of(name, names())),
        };
        let Some(root) = root else { return Ok(None) };
        let workload = workload.id().title();
        let known = search.services.iter().any(|service| text(service, "/metadata/name") == root);
        let (traffic, _) = choose(&search, Choice::Auto, Some(root).filter(|_| known), &workload)?;
        let mut traffic = traffic.unwrap_or_else(|| Traffic::direct(root));
        let traffic_objects = search.traffic_objects(&self.namespace);
        // Whatever was asked, what the router may have needed is by these names.
        let mut split = Split::undone(root, &self.namespace).with(Some(0), Some(100), Some(0));
        split.mirror = router(&traffic.router).is_some_and(|router| router.abilities().mirror).then_some(100);
        for target in
            own_targets(&traffic, &traffic_objects.view(&traffic, Vec::new()), &split).unwrap_or_default()
        {
            // Who may not read it has made none.
            if let Ok(Some(_)) = self.read_target(&target).await {
                traffic.own.push(target);
            }
        }
        traffic.isolate = pinned.is_some();
        Ok(Some(traffic))
    }

    /// Returns the Services that are pinned to one version, of all namespaces or of ours; none for whoever may not
    /// read them.
    pub(crate) async fn pinned(&self, all: bool) -> Vec<Value> {
        let pinned = |service: Value| pinned_to(&service).is_some().then_some(service);
        self.list(&resource::SERVICES, all, None, pinned).await.unwrap_or_default()
    }

    async fn items(&self, kind: &Target) -> Result<Vec<Value>, Failure> {
        let (path, place) = match kind.namespace.as_str() {
            "" => (format!("{}/{}", kind.api, kind.plural), "all namespaces".to_owned()),
            namespace => (kind.collection(), format!("namespace {namespace}")),
        };
        let doing = format!("list {} in {place}", kind.plural);
        let mut items = Vec::new();
        let mut next = String::new();
        loop {
            let list = self.get(&doing, format!("{path}?limit=500{next}")).await?;
            items.extend(list["items"].as_array().cloned().unwrap_or_default());
            match text(&list, "/metadata/continue") {
                "" => return Ok(items),
                token => next = format!("&continue={}", encode(token)),
            }
        }
    }

    /// Returns the API groups with the versions that are served, in one request.
    async fn groups(&self) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let list = self.get("read the API groups", "/apis".into()).await.map_err(Failure::into_error)?;
        let versions = |group: &Value| {
            group["versions"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| text(one, "/version").to_owned())
                .collect()
        };
        let groups = list["groups"].as_array().into_iter().flatten();
        Ok(groups.map(|group| (text(group, "/name").to_owned(), versions(group))).collect())
    }

    /// Returns the classes of Ingresses; none for whoever may not read them, which a namespace's user often may not.
    async fn classes(&self) -> Vec<Value> {
        let path = resource::INGRESS_CLASSES.collection(None);
        let list = self.get("list ingressclasses", path).await.unwrap_or_default();
        list["items"].as_array().cloned().unwrap_or_default()
    }
}

/// Returns the best version of a kind that is served.
fn version(kind: &RouteKind, served: &[String]) -> Option<&'static str> {
    kind.versions.iter().copied().find(|version| served.iter().any(|one| one == version))
}

fn target(kind: &RouteKind, version: &str, namespace: &str) -> Target {
    Target {
        api: format!("/apis/{}/{version}", kind.group),
        kind: kind.kind.into(),
        plural: kind.plural.into(),
        namespace: namespace.into(),
        name: String::new(),
    }
}

fn named(kind: &Target, route: &Value) -> Target {
    Target {
        namespace: text(route, "/metadata/namespace").into(),
        name: text(route, "/metadata/name").into(),
        ..kind.clone()
    }
}

/// Returns the other routers that read objects of this kind.
fn others(router: &dyn Router, target: &Target) -> Vec<&'static dyn Router> {
    let is_kind = |kind: &RouteKind| kind.plural == target.plural && kind.group == target.group();
    let reads = |other: &&dyn Router| other.name() != router.name() && other.kinds().iter().any(is_kind);
    ROUTERS.into_iter().filter(reads).collect()
}
