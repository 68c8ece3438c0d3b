//! What is refused before the first write: half way would be too late.

use super::RoutedSteps;
use crate::error::Error;
use crate::model::Revision;
use crate::plan::Step;
use crate::router::{Settled, weave};
use crate::situation::Situation;
use crate::traffic::Target;

/// As many letters a name may have that something random is added to (`MaxGeneratedNameLength` of
/// k8s.io/apiserver/pkg/storage/names), and as many are added.
const BASE: usize = 58;
const RANDOM: usize = 5;

impl RoutedSteps<'_> {
    /// Refuses what the router or a route cannot do.
    pub(in crate::strategy) fn check(&self, steps: &[Step]) -> Result<(), Error> {
        let situation = Situation::of(self.observed);
        if situation.hold.is_none() {
            self.refuse_to_start(&situation)?;
        }
        let root = self.observed.traffic_objects.service(&self.traffic.service);
        if let Some(error) = root.and_then(|root| self.router.refuses_service(root)) {
            return Err(error);
        }
        let new = steps.iter().find_map(Step::template);
        let templates = new.into_iter().chain([&self.observed.workload.spec.template]);
        let labels = templates.map(|template| &template["metadata"]["labels"]).collect();
        let view = self.observed.traffic_objects.view(self.traffic, labels);
        for step in steps {
            match step {
                Step::Own { split, .. } => {
                    if let Some(error) = self.router.unfit(&view, split) {
                        return Err(error);
                    }
                    self.router.own(&view, split)?;
                }
                Step::Route { split, .. } => {
                    for (target, route) in &view.routes {
                        weave(self.router, target, route, split)?;
                    }
                }
                Step::Hold { .. }
                | Step::Stop
                | Step::AwaitCanary
                | Step::Soak { .. }
                | Step::Update { .. }
                | Step::Release
                | Step::AwaitRollout
                | Step::Follow { .. }
                | Step::Restore
                | Step::AwaitStable
                | Step::Publish { .. }
                | Step::Pin { .. }
                | Step::Withdraw
                | Step::Freeze
                | Step::Verify { .. }
                | Step::Fault { .. }
                | Step::Smoke { .. } => {}
            }
        }
        Ok(())
    }

    /// Refuses what would be found out with the first route half way.
    fn refuse_to_start(&self, situation: &Situation<'_>) -> Result<(), Error> {
        let id = situation.workload().id();
        let service = &self.traffic.service;
        if let Some(pod) = foreign_pod(situation, service) {
            let error = Error::refused(format!(
                "service/{service} also has pods that are not of {id} ({pod}): while the router {} splits the traffic \
                 between versions of one {}, these would get no requests",
                self.router.name(),
                id.kind.kind
            ))
            .next(format!("--service NAME (one that has the pods of this {} alone)", id.kind.kind));
            return Err(match self.traffic.switch {
                None => error.next("--router none (the share is that of the pods)"),
                Some(_) => error,
            });
        }
        match self.unanswered() {
            None => Ok(()),
            Some((target, why)) => Err(Error::refused(format!(
                "{target}: {why}: whether requests follow a change of it could not be told"
            ))
            .next(format!("kubectl get {} {} -n {} -o yaml", target.plural, target.name, target.namespace))
            .next("--router none (the share is that of the pods)")),
        }
    }

    /// Returns the first route whose status does not say that it is served as it is, and what it says.
    pub(super) fn unanswered(&self) -> Option<(&Target, String)> {
        let mut routes = self.observed.traffic_objects.routes(self.traffic);
        routes.find_map(|(target, route)| match self.router.settled(route, &self.traffic.service) {
            Settled::No(why) => Some((target, why)),
            Settled::Yes | Settled::Silent => None,
        })
    }
}

/// Names a pod behind the Service that is none of the workload's, whether it is Ready or not.
pub(in crate::strategy) fn foreign_pod<'s>(situation: &'s Situation<'_>, service: &str) -> Option<&'s str> {
    let observed = situation.observed;
    let is_of = |set: &Revision, pod: &str| {
        let mut base = format!("{}-", set.name());
        base.truncate(BASE);
        // The name tells of pods that one of two watches knows of and the other does not yet.
        situation.pods_of(set).any(|own| own.name() == pod)
            || pod.strip_prefix(&base).is_some_and(|rest| rest.len() == RANDOM && !rest.contains('-'))
    };
    let own = |pod: &str| observed.revisions.iter().any(|set| is_of(set, pod));
    observed.traffic_objects.pods(service).into_iter().find(|pod| !own(pod))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::super::ways::Way;
    use super::super::world::{Command, World};
    use super::*;
    use crate::error::Kind;
    use crate::fixtures::template;
    use crate::strategy::{BlueGreenRequest, blue_green};

    const START: Command = Command::Canary(Some("web:2"), 10);

    /// Another endpoint of the user's Service.
    fn join(world: &mut World, pod: &str, conditions: &Value) {
        let labels = json!({"kubernetes.io/service-name": "web"});
        let endpoint =
            json!({"targetRef": {"name": pod}, "conditions": conditions, "addresses": ["10.0.0.9"]});
        world
            .observed
            .traffic_objects
            .slices
            .push(Arc::new(json!({"metadata": {"labels": labels}, "endpoints": [endpoint]})));
    }

    #[test]
    fn a_service_that_several_deployments_share_is_not_split() {
        for way in [Way::Backends, Way::Subsets, Way::Amended, Way::Groups] {
            for isolate in [false, true] {
                let mut world = World::new(way, &["web"], isolate);
                assert!(world.plan(START).is_ok());
                join(&mut world, "web-spot-7d9c4b-x7kq2", &json!({"ready": true}));
                let error = world.plan(START).unwrap_err();
                assert_eq!(error.kind, Kind::Refused);
                assert!(error.message.contains("(web-spot-7d9c4b-x7kq2)"), "{error}");
                assert!(error.next.iter().any(|next| next.starts_with("--router none")), "{error:?}");
                world.observed.traffic.as_mut().unwrap().switch = Some(0);
                let asked =
                    BlueGreenRequest { template: Some(template("web:2")), ..BlueGreenRequest::default() };
                let error = blue_green(&asked, &world.observed).unwrap_err();
                assert!(error.kind == Kind::Refused && error.message.contains("web-spot"), "{error}");
            }
        }
    }

    #[test]
    fn a_foreign_pod_is_one_that_stays_and_that_no_version_of_ours_made() {
        let is_refused = |pod: &str, conditions: Value| {
            let mut world = World::new(Way::Backends, &["web"], false);
            join(&mut world, pod, &conditions);
            world.plan(START).is_err()
        };
        let ready = || json!({"ready": true});
        assert!(is_refused("other-1-abcde", json!({"ready": false})), "it may be Ready at any time");
        assert!(!is_refused("other-1-abcde", json!({"ready": false, "terminating": true})));
        assert!(is_refused("", ready()), "an address that is no pod");
        // One of ours that the watch of pods does not know yet, and one of a Deployment with a longer name.
        assert!(!is_refused("web-web-1-x7kq2", ready()));
        assert!(is_refused("web-web-1-6c9d-x7kq2", ready()));
        let mut world = World::new(Way::Backends, &["web"], false);
        assert!(world.run(START, usize::MAX, &|_| {}));
        join(&mut world, "other-1-abcde", &ready());
        assert!(world.plan(Command::Canary(None, 20)).is_ok(), "it is as it is already");
    }

    #[test]
    fn a_pod_of_a_long_name_is_one_of_ours() {
        let mut world = World::new(Way::Backends, &["web"], false);
        let name = "w".repeat(60);
        world.observed.revisions[0].metadata.name = Some(name.clone());
        join(&mut world, &format!("{}x7kq2", &name[..58]), &json!({}));
        let situation = Situation::of(&world.observed);
        assert_eq!(foreign_pod(&situation, "web"), None);
    }

    #[test]
    fn a_route_that_nobody_answered_for_is_left_alone() {
        let status = |world: &mut World, status: Value| {
            for (target, object) in &mut world.observed.traffic_objects.objects {
                if target.kind == "HTTPRoute" {
                    object["status"] = status.clone();
                }
            }
        };
        let mut world = World::new(Way::Backends, &["web"], false);
        status(&mut world, Value::Null);
        let error = world.plan(START).unwrap_err();
        assert_eq!(error.kind, Kind::Refused);
        let wanted = "httproute/web in namespace shop: no controller of gateway/gate answered";
        assert!(error.message.starts_with(wanted), "{error}");
        assert!(crate::strategy::unanswered(&world.observed).is_some());
        // What is under way goes on, and back.
        let mut world = World::new(Way::Backends, &["web"], false);
        assert!(world.run(START, usize::MAX, &|_| {}));
        status(&mut world, Value::Null);
        assert!(world.plan(Command::Canary(None, 20)).is_ok() && world.plan(Command::Abort).is_ok());
        assert_eq!(crate::strategy::unanswered(&world.observed), None);
    }
}
