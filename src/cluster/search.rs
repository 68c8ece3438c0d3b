//! Looks for what brings traffic to a workload.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cluster::objects::encode;
use crate::cluster::{Cluster, Failure};
use crate::error::Error;
use crate::model::Deployment;
use crate::router::{ROUTERS, RouteKind, Router};
use crate::traffic::{
    Choice, Found, Role, Search, Target, Traffic, choose, pinned_to, root_of, selecting, text,
};

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
                let Some(version) =
                    kind.versions.iter().find(|version| served.iter().any(|one| one == *version))
                else {
                    search.unserved.push(format!("{} is served in {} alone", kind.plural, served.join(", ")));
                    continue;
                };
                let target = target(kind, version, &self.namespace);
                let mut routes = Vec::new();
                for namespace in self.homes(kind, &groups).await? {
                    let target = Target { namespace, ..target.clone() };
                    match self.items(&target).await {
                        Ok(found) => routes.extend(found),
                        // The group is there, this kind of it is not.
                        Err(failure) if failure.code() == 404 => {}
                        Err(failure) if failure.code() == 403 => search.unread.push(format!(
                            "no right to list {} in namespace {}",
                            kind.plural, target.namespace
                        )),
                        Err(failure) => return Err(failure.into_error()),
                    }
                }
                for route in routes {
                    let services = self.reached(router, &route, &search.services);
                    if services.is_empty() {
                        continue;
                    }
                    if kind.group == "networking.k8s.io" && classes.is_none() {
                        classes = Some(self.classes().await);
                    }
                    if !router.is_mine(&route, classes.as_deref().unwrap_or_default()) {
                        continue;
                    }
                    let target = Target {
                        namespace: text(&route, "/metadata/namespace").into(),
                        name: text(&route, "/metadata/name").into(),
                        ..target.clone()
                    };
                    search.routes.extend(services.into_iter().map(|service| Found {
                        router: router.name(),
                        service,
                        target: target.clone(),
                        object: route.clone(),
                    }));
                }
            }
        }
        Ok(search)
    }

    /// Names the namespaces whose routes may name our Services: ours, and those that a `ReferenceGrant` lets in. One
    /// that lets only some Services in is not one that ours could be reached by.
    async fn homes(
        &self,
        kind: &RouteKind,
        groups: &BTreeMap<String, Vec<String>>,
    ) -> Result<Vec<String>, Error> {
        let mut homes = vec![self.namespace.clone()];
        let served = groups.get(kind.group).filter(|_| kind.group == "gateway.networking.k8s.io");
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
            let any = |list: &str, is: &dyn Fn(&Value) -> bool| {
                grant["spec"][list].as_array().into_iter().flatten().any(is)
            };
            if !any("to", &|to| to["kind"] == "Service" && text(to, "/name").is_empty()) {
                continue;
            }
            let from = grant["spec"]["from"].as_array().into_iter().flatten();
            let from =
                from.filter(|from| from["kind"] == kind.kind).map(|from| text(from, "/namespace").to_owned());
            homes.extend(from);
        }
        homes.sort_unstable();
        homes.dedup();
        Ok(homes)
    }

    /// Names the Services to which a route sends requests.
    fn reached(&self, router: &dyn Router, route: &Value, services: &[Value]) -> Vec<String> {
        let names = services.iter().map(|service| text(service, "/metadata/name"));
        let reached = names.filter(|name| {
            let reaches = |element: &Value| {
                router.names(element, text(route, "/metadata/namespace"), name, &self.namespace)
                    || mentions_ours(element, name)
            };
            router.places(route).iter().any(|place| match route.pointer(place) {
                Some(Value::Array(list)) => list.iter().any(reaches),
                Some(one) => reaches(one),
                None => false,
            })
        });
        reached.map(str::to_owned).collect()
    }

    /// Looks for what a run left that no record tells of any more: Services that are pinned, or of our own.
    pub(crate) async fn leftover(&self, deployment: &Deployment) -> Result<Option<Traffic>, Error> {
        // Who may not read Services has none of ours.
        let Ok(services) = self.items(&Target::service(&self.namespace, "")).await else { return Ok(None) };
        let is_pinned = |service: &Value| pinned_to(service).is_some();
        let is_owned = |service: &Value| {
            let owners = service["metadata"]["ownerReferences"].as_array();
            owners.into_iter().flatten().any(|owner| owner["uid"] == deployment.uid())
        };
        let owned: Vec<&str> =
            services.iter().filter(|one| is_owned(one)).map(|one| text(one, "/metadata/name")).collect();
        if owned.is_empty() && !services.iter().any(is_pinned) {
            return Ok(None);
        }
        let labels = &deployment.spec.template["metadata"]["labels"];
        let search = self.search(labels, Choice::Auto).await?;
        // A neighbour's Service may be pinned, too; that is none of ours.
        let pinned = search.services.iter().find(|service| is_pinned(service));
        let root = match pinned {
            Some(service) => Some(text(service, "/metadata/name")),
            None => owned.iter().find_map(|name| root_of(name)),
        };
        let Some(root) = root else { return Ok(None) };
        let workload = format!("deployment/{}", deployment.id().name);
        let known = search.services.iter().any(|service| text(service, "/metadata/name") == root);
        let (traffic, _) = choose(&search, Choice::Auto, Some(root).filter(|_| known), &workload)?;
        let mut traffic = traffic.unwrap_or_else(|| Traffic::direct(root));
        traffic.isolate = pinned.is_some();
        Ok(Some(traffic))
    }

    async fn items(&self, kind: &Target) -> Result<Vec<Value>, Failure> {
        let doing = format!("list {} in namespace {}", kind.plural, kind.namespace);
        let mut items = Vec::new();
        let mut next = String::new();
        loop {
            let path = format!("{}?limit=500{next}", kind.collection());
            let list = self.get(&doing, path).await?;
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
        let path = "/apis/networking.k8s.io/v1/ingressclasses".to_owned();
        let list = self.get("list ingressclasses", path).await.unwrap_or_default();
        list["items"].as_array().cloned().unwrap_or_default()
    }
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

/// A route that names Services of ours alone is still the user's: a run may have been killed half way.
fn mentions_ours(element: &Value, service: &str) -> bool {
    let element = element.to_string();
    [Role::Stable, Role::Canary].iter().any(|role| element.contains(&format!("\"{}", role.service(service))))
}
