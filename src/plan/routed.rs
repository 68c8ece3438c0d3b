//! The moves of a canary whose traffic a router splits.
//!
//! Whoever is named by a route has to be known to the data plane before its first request, and until its last. So
//! each change is three moves: add with no share, wait, shift; and to remove: no share, wait, remove.

use serde_json::{Value, json};

use crate::model::{Observed, Situation};
use crate::plan::Step;
use crate::router::{Router, router};
use crate::share::{Size, Stable};
use crate::traffic::{Match, Role, Split, Traffic, drifted};

/// What is asked of the router.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Shares in percent to go through, 0 to 100.
    pub weights: Vec<u8>,
    /// Canary pods, if not by the share.
    pub pods: Option<u32>,
    /// Requests that go to the canary whatever the weights say.
    pub matches: Vec<Match>,
    /// The share of the requests that the canary gets a copy of.
    pub mirror: Option<u8>,
}

/// The steps of one workload's traffic, as its routes are now.
pub(super) struct Moves<'m> {
    observed: &'m Observed,
    traffic: &'m Traffic,
    router: &'static dyn Router,
}

impl<'m> Moves<'m> {
    /// `None` where no router splits the traffic.
    pub(super) fn of(observed: &'m Observed) -> Option<Self> {
        let traffic = observed.traffic.as_ref()?;
        Some(Self { observed, traffic, router: router(&traffic.router)? })
    }

    fn split(&self, root: Option<u8>, stable: Option<u8>, canary: Option<u8>) -> Split {
        Split::undone(&self.traffic.service, &self.observed.deployment.id().namespace)
            .with(root, stable, canary)
    }

    fn grace(&self) -> u64 {
        self.router.grace().as_secs()
    }

    /// Adds or shifts: what a route is to name has to be there first.
    fn forward(&self, split: Split) -> Vec<Step> {
        let mut steps = vec![Step::Route { split: split.clone(), grace: self.grace() }];
        if !self.traffic.own.is_empty() {
            steps.insert(0, Step::Own { split, grace: self.grace() });
        }
        steps
    }

    /// Removes: what is not named any more goes after that.
    fn back(&self, split: Split) -> Vec<Step> {
        let mut steps = self.forward(split);
        steps.reverse();
        steps
    }

    /// Whether some route, or an object of ours beside it, names the Service of that version.
    fn names(&self, role: Role) -> bool {
        let roads = &self.observed.roads;
        let own = self.traffic.own.iter().filter_map(|target| roads.objects.get(target));
        let name = role.service(&self.traffic.service);
        roads.routes(self.traffic).map(|(_, route)| route).chain(own).any(|one| mentions(one, &name))
    }

    /// Whether the stable pods alone get what the routes bring.
    fn is_isolated(&self) -> bool {
        let mut routes = self.observed.roads.routes(self.traffic).peekable();
        let name = Role::Stable.service(&self.traffic.service);
        routes.peek().is_some() && routes.all(|(_, route)| mentions(route, &name))
    }

    /// Whether some route names a Service of ours.
    fn is_woven(&self) -> bool {
        let undone = self.split(Some(100), None, None);
        self.observed
            .roads
            .routes(self.traffic)
            .any(|(target, route)| drifted(self.router, target, route, &undone))
    }

    /// The stable pods alone get the routed traffic.
    fn isolate(&self, steps: &mut Vec<Step>) {
        let publish = Step::Publish { role: Role::Stable };
        if !self.is_isolated() {
            steps.push(publish);
            steps.extend(self.forward(self.split(Some(100), Some(0), None)));
            steps.extend(self.forward(self.split(Some(0), Some(100), None)));
        }
        if self.traffic.isolate {
            steps.push(Step::Pin { role: Some(Role::Stable) });
        }
    }

    /// Returns the steps of a canary. `hold` makes the step that holds so many canary pods for a share.
    pub(super) fn canary(
        &self,
        wanted: &Wanted,
        wait: u64,
        new: bool,
        hold: &mut dyn FnMut(Size) -> Step,
    ) -> Vec<Step> {
        let situation = Situation::of(self.observed);
        let asked =
            situation.hold.as_ref().and_then(|hold| hold.record.as_ref()).and_then(|record| record.asked);
        let held = situation.hold.is_some();
        let mut steps = Vec::new();
        if held && new && self.names(Role::Canary) {
            // Another version comes in the canary's place: no request may meet its first pods.
            steps.extend(self.back(self.split(Some(0), Some(100), None)));
        }
        self.isolate(&mut steps);
        let mut published = self.names(Role::Canary) && !new;
        let mut before = asked.filter(|_| held && published).unwrap_or(0);
        for (index, &weight) in wanted.weights.iter().enumerate() {
            let pods = wanted.pods.unwrap_or_else(|| pods(weight, self.observed.deployment.replicas()));
            let hold = hold(Size::Routed { weight, pods });
            let mut shift = self.split(Some(0), Some(100 - weight), Some(weight));
            shift.matches.clone_from(&wanted.matches);
            shift.mirror = wanted.mirror;
            if index > 0 {
                steps.push(Step::Soak { seconds: wait });
            }
            if published && weight < before {
                steps.extend(self.forward(shift));
                steps.extend([hold, Step::AwaitCanary]);
            } else {
                steps.extend([hold, Step::AwaitCanary, Step::Publish { role: Role::Canary }]);
                if !published {
                    steps.extend(self.forward(self.split(Some(0), Some(100), Some(0))));
                }
                steps.extend(self.forward(shift));
            }
            published = true;
            before = weight;
        }
        steps
    }

    /// Returns the steps that bring a second set up to be switched to.
    pub(super) fn second_set(&self, hold: [Step; 2]) -> Vec<Step> {
        let mut steps = Vec::new();
        self.isolate(&mut steps);
        steps.extend(hold);
        steps.push(Step::Publish { role: Role::Canary });
        steps.extend(self.forward(self.split(Some(0), Some(100), Some(0))));
        steps
    }

    /// Returns the step that gives the second set all of the traffic. The first stays named, for the way back.
    pub(super) fn switch(&self) -> Vec<Step> {
        self.forward(self.split(Some(0), Some(0), Some(100)))
    }

    /// Whether the second set has all of the traffic.
    pub(super) fn is_switched(&self) -> bool {
        let splits = [self.split(Some(0), Some(0), Some(100)), self.split(Some(0), None, Some(100))];
        let says = |split: &Split| {
            let mut routes = self.observed.roads.routes(self.traffic);
            routes.all(|(target, route)| !drifted(self.router, target, route, split))
        };
        self.names(Role::Canary) && splits.iter().any(says)
    }

    /// The share of a canary whose hold is off: all, if the routes name no other version.
    pub(super) fn weight(&self) -> u8 {
        if self.names(Role::Canary) && !self.names(Role::Stable) { 100 } else { 0 }
    }

    /// Returns the steps before the Deployment is released, and those after its rollout is complete.
    pub(super) fn promote(&self, weight: u8) -> (Vec<Step>, Vec<Step>) {
        let mut before = Vec::new();
        let mut after = Vec::new();
        if self.traffic.isolate {
            before.push(Step::Pin { role: None });
        }
        if weight == 100 {
            // No request goes back to the former version. Its Service loses its pods, so no route may name it.
            before.extend(self.back(self.split(Some(0), None, Some(100))));
            after.extend(self.forward(self.split(Some(100), None, Some(0))));
        } else {
            before.extend(self.forward(self.split(Some(100), Some(0), Some(0))));
            before.extend(self.back(self.split(Some(100), None, None)));
        }
        after.extend(self.back(self.split(Some(100), None, None)));
        after.push(Step::Withdraw);
        (before, after)
    }

    /// Returns the steps before the Deployment goes back, and those after.
    pub(super) fn abort(&self, held: bool) -> (Vec<Step>, Vec<Step>) {
        let mut before = Vec::new();
        let mut after = Vec::new();
        if held && self.names(Role::Stable) {
            if self.observed.roads.service(&Role::Stable.service(&self.traffic.service)).is_none() {
                before.push(Step::Publish { role: Role::Stable });
            }
            if self.names(Role::Canary) {
                before.extend(self.forward(self.split(Some(0), Some(100), Some(0))));
                before.extend(self.back(self.split(Some(0), Some(100), None)));
            }
            after.extend(self.forward(self.split(Some(100), Some(0), None)));
            after.extend(self.back(self.split(Some(100), None, None)));
        } else if self.traffic.isolate {
            // The pods that it is pinned to may go.
            before.push(Step::Pin { role: None });
        }
        if !(held && self.names(Role::Stable)) && self.is_woven() {
            // The pods of either version may go: the root alone has all.
            let canary = self.names(Role::Canary).then_some(0);
            let stable = self.names(Role::Stable).then_some(0);
            before.extend(self.forward(self.split(Some(100), stable, canary)));
            before.extend(self.back(self.split(Some(100), None, None)));
        }
        if self.traffic.isolate {
            after.push(Step::Pin { role: None });
        }
        after.push(Step::Withdraw);
        (before, after)
    }
}

fn mentions(object: &Value, name: &str) -> bool {
    let object = json!([object["spec"], object["metadata"]["annotations"]]).to_string();
    object.contains(&format!("\"{name}"))
}

/// Canary pods for a share: no pod gets more than an average one, and there is one to get anything at all.
pub(super) fn pods(weight: u8, replicas: u32) -> u32 {
    (replicas * u32::from(weight)).div_ceil(100).max(1)
}

/// What may be done with the stable pods: nothing, the router does the share.
pub(super) const STABLE: Stable = Stable::Whole;
