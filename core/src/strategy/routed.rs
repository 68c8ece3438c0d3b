//! The moves of a canary whose traffic a router splits.
//!
//! Whoever is named by a route has to be known to the data plane before its first request, and until its last. So
//! each change is three moves: add with no share, wait, shift; and to remove: no share, wait, remove.

mod check;
mod retreat;

use serde_json::{Value, json};

use crate::plan::Step;
use crate::router::{Router, drifted, router, weave};
use crate::share::{Size, Stable, average};
use crate::situation::{Observed, Situation};
use crate::strategy::Wanted;
use crate::strategy::anew::anew;
use crate::traffic::{Role, Split, Target, Traffic, View, says, unpin};

pub(super) use check::foreign_pod;
pub use retreat::{RETREATING, is_woven, retreat, unanswered};

/// The steps of one workload's traffic, as its routes are now.
pub(super) struct RoutedSteps<'m> {
    observed: &'m Observed,
    traffic: &'m Traffic,
    router: &'static dyn Router,
}

impl<'m> RoutedSteps<'m> {
    /// `None` where no router splits the traffic.
    pub(super) fn of(observed: &'m Observed) -> Option<Self> {
        let traffic = observed.traffic.as_ref()?;
        Some(Self { observed, traffic, router: router(&traffic.router)? })
    }

    fn split(&self, root: Option<u8>, stable: Option<u8>, canary: Option<u8>) -> Split {
        Split::undone(&self.traffic.service, &self.observed.workload.id().namespace)
            .with(root, stable, canary)
    }

    fn grace(&self) -> u64 {
        self.traffic.grace().unwrap_or_default().as_secs()
    }

    /// Adds or shifts: what a route is to name has to be there first.
    fn forward(&self, split: Split) -> Vec<Step> {
        let mut steps = vec![Step::Route { split: split.clone(), grace: self.grace() }];
        let amends = self.router.amends() && !self.traffic.beside.is_empty();
        if amends || !self.traffic.own.is_empty() {
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

    fn service(&self, role: Role) -> String {
        role.service(&self.traffic.service)
    }

    /// The routes that are there, with whether each is so.
    fn each(&self, is: impl Fn(&Target, &Value) -> bool) -> Vec<bool> {
        self.observed.traffic_objects.routes(self.traffic).map(|(target, route)| is(target, route)).collect()
    }

    fn all(&self, is: impl Fn(&Target, &Value) -> bool) -> bool {
        let each = self.each(is);
        !each.is_empty() && each.iter().all(|one| *one)
    }

    fn is_named(&self, object: &Value, role: Role) -> bool {
        mentions(object, &self.service(role))
    }

    /// Whether an object of ours beside the routes names the Service of that version: they bring it requests, too.
    fn own_names(&self, role: Role) -> bool {
        if !self.router.own_carry() {
            return false;
        }
        let traffic_objects = &self.observed.traffic_objects;
        let mut own = self.traffic.own.iter().filter_map(|target| traffic_objects.objects.get(target));
        own.any(|object| self.is_named(object, role))
    }

    /// Whether all routes name the Service of that version.
    fn names(&self, role: Role) -> bool {
        self.all(|_, route| self.is_named(route, role)) || self.own_names(role)
    }

    /// Whether some route does: a run may have been killed between two of them.
    fn mentions(&self, role: Role) -> bool {
        self.each(|_, route| self.is_named(route, role)).contains(&true) || self.own_names(role)
    }

    /// Whether something of ours is left in some route: a Service, or what it was before.
    pub(super) fn is_woven(&self) -> bool {
        let undone = self.split(Some(100), None, None);
        let is_undone = |target: &Target, route: &Value| {
            weave(self.router, target, route, &undone).is_ok_and(|woven| woven.patch.is_empty())
        };
        self.each(is_undone).contains(&false)
    }

    /// Whether some traffic goes to the pods of one version alone.
    pub(super) fn is_in_force(&self) -> bool {
        let root = self.observed.traffic_objects.service(&self.traffic.service);
        self.is_woven() || root.is_some_and(|root| !unpin(root).is_empty())
    }

    /// Whether the routes, and the objects of ours beside them, say just this.
    fn says(&self, split: &Split) -> bool {
        let view = self.observed.traffic_objects.view(self.traffic, Vec::new());
        view.routes.iter().all(|(target, route)| !drifted(self.router, target, route, split))
            && self.own_say(&view, split)
    }

    /// Whether the objects of ours beside the routes do: with some routers the shares are there alone.
    fn own_say(&self, view: &View<'_>, split: &Split) -> bool {
        let is_so = |(target, wanted): &(Target, Value)| {
            view.traffic_objects
                .objects
                .get(target)
                .is_some_and(|live| says(live, wanted, &self.traffic.service))
        };
        let is_amended =
            |object: &&Value| self.router.amend(object, view, split).is_ok_and(|patch| patch.is_empty());
        self.router.own(view, split).is_ok_and(|own| own.iter().all(is_so))
            && view.beside.iter().all(is_amended)
    }

    /// Returns the canary's share as it stands there: the run that was to change it may have been killed.
    fn share(&self) -> Option<u8> {
        let hold = Situation::of(self.observed).hold?.record?;
        let written = hold.traffic.as_ref().unwrap_or(self.traffic);
        let says = |weight: &u8| {
            let mut split = self.split(Some(0), Some(100 - weight), Some(*weight));
            split.matches.clone_from(&written.matches);
            split.mirror = written.mirror;
            self.says(&split)
        };
        // What was asked is mostly what is there.
        hold.asked.into_iter().chain(0..=100).find(says)
    }

    /// The stable pods alone get the routed traffic.
    fn isolate(&self, held: bool, steps: &mut Vec<Step>) {
        let publish = Step::Publish { role: Role::Stable };
        let alone = self.split(Some(0), Some(100), None);
        let own_alone = !self.router.own_carry()
            || self.own_say(&self.observed.traffic_objects.view(self.traffic, Vec::new()), &alone);
        // A name alone says nothing: a run may have been killed before the root lost its share.
        let isolated = held && self.own_names(Role::Canary)
            || self.all(|target, route| {
                let both = self.is_named(route, Role::Stable) && self.is_named(route, Role::Canary);
                held && both || own_alone && !drifted(self.router, target, route, &alone)
            });
        let outlived = self.is_outlived();
        if outlived {
            steps.extend(self.root_again());
        }
        if outlived || !isolated {
            steps.push(publish);
            steps.extend(self.forward(self.split(Some(100), Some(0), None)));
            steps.extend(self.forward(alone));
        } else if self.observed.traffic_objects.service(&self.service(Role::Stable)).is_none() {
            steps.push(publish);
        }
        if self.traffic.isolate {
            steps.push(Step::Pin { role: Some(Role::Stable) });
        }
    }

    /// The root alone has all. A Service that is gone already is not named again.
    fn root_alone(&self, stable: bool, canary: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        if stable || canary {
            let share = |named: bool| named.then_some(0);
            steps.extend(self.forward(self.split(Some(100), share(stable), share(canary))));
        }
        steps.extend(self.back(self.split(Some(100), None, None)));
        steps
    }

    /// Whether the routes name a Service that is there.
    fn uses(&self, role: Role) -> bool {
        self.names(role) && self.observed.traffic_objects.service(&self.service(role)).is_some()
    }

    /// Returns the steps of a canary. `hold` makes the step that holds so many canary pods for a share; `verify` is done
    /// before the first share, and again after each rise.
    pub(super) fn canary(
        &self,
        wanted: &Wanted,
        soak: Option<&Step>,
        verify: &[Step],
        new: bool,
        hold: &mut dyn FnMut(Size) -> Step,
    ) -> Vec<Step> {
        let situation = Situation::of(self.observed);
        let held = situation.hold.is_some();
        let mut steps = Vec::new();
        if held && new && self.mentions(Role::Canary) {
            // Another version comes in the canary's place: no request may meet its first pods.
            steps.extend(self.back(self.split(Some(0), Some(100), None)));
        }
        self.isolate(held, &mut steps);
        steps.extend(anew(&situation));
        let mut published = self.names(Role::Canary) && !new;
        let mut before = published.then(|| self.share()).flatten().unwrap_or(0);
        for (index, &weight) in wanted.shares().iter().enumerate() {
            let pods = wanted.pods.unwrap_or_else(|| average(weight, self.observed.workload.replicas()));
            let hold = hold(Size::Routed { weight, pods, by_share: wanted.pods.is_none() });
            let mut shift = self.split(Some(0), Some(100 - weight), Some(weight));
            shift.matches.clone_from(&wanted.matches);
            shift.mirror = wanted.mirror;
            if index > 0 {
                steps.extend(soak.cloned());
            }
            if published && weight < before {
                steps.extend(self.forward(shift));
                steps.extend([hold, Step::AwaitCanary]);
            } else {
                steps.extend([hold, Step::AwaitCanary]);
                if !published {
                    steps.extend_from_slice(verify);
                }
                steps.push(Step::Publish { role: Role::Canary });
                if !published {
                    steps.extend(self.forward(self.split(Some(0), Some(100), Some(0))));
                }
                steps.extend(self.forward(shift));
                steps.extend_from_slice(verify);
            }
            published = true;
            before = weight;
        }
        steps
    }

    /// Returns the steps that bring a second set up to be switched to.
    pub(super) fn second_set(&self, hold: Vec<Step>) -> Vec<Step> {
        let mut steps = Vec::new();
        self.isolate(Situation::of(self.observed).hold.is_some(), &mut steps);
        steps.extend(hold);
        steps.extend(self.named());
        steps
    }

    /// Returns the steps after which the routes name the canary, without a share.
    fn named(&self) -> Vec<Step> {
        let mut steps = vec![Step::Publish { role: Role::Canary }];
        steps.extend(self.forward(self.split(Some(0), Some(100), Some(0))));
        steps
    }

    /// Returns the steps before a switch to a second set whose run was killed before the routes named it.
    pub(super) fn before_switch(&self) -> Vec<Step> {
        if !self.names(Role::Canary) {
            return self.named();
        }
        if self.uses(Role::Canary) { Vec::new() } else { vec![Step::Publish { role: Role::Canary }] }
    }

    /// Returns the step that gives the second set all of the traffic. The first stays named, for the way back.
    pub(super) fn switch(&self) -> Vec<Step> {
        self.forward(self.split(Some(0), Some(0), Some(100)))
    }

    /// Whether the second set has all of the traffic.
    pub(super) fn is_switched(&self) -> bool {
        let splits = [self.split(Some(0), Some(0), Some(100)), self.split(Some(0), None, Some(100))];
        self.names(Role::Canary) && splits.iter().any(|split| self.says(split))
    }

    /// Returns the steps before the Deployment is released, and those after its rollout is complete. `asked` is the
    /// share of a canary that is held.
    pub(super) fn promote(&self, asked: Option<u8>) -> (Vec<Step>, Vec<Step>) {
        let held = Situation::of(self.observed).hold.is_some();
        let (stable, canary) = (self.names(Role::Stable), self.names(Role::Canary));
        // Once the hold is off, the routes tell how far the traffic came.
        let whole = asked.map_or(canary && !stable, |asked| asked == 100);
        let mut before = Vec::new();
        if whole && held {
            // The run that was to bring it to 100 % may have been killed on the way.
            before.extend([Step::AwaitCanary, Step::Publish { role: Role::Canary }]);
            if !canary {
                let (root, stable) = if stable { (0, Some(100)) } else { (100, None) };
                before.extend(self.forward(self.split(Some(root), stable, Some(0))));
            }
            before.extend(self.back(self.split(Some(0), None, Some(100))));
        } else if !whole && self.is_woven() {
            before.extend(self.root_alone(self.uses(Role::Stable), self.uses(Role::Canary)));
        }
        self.around_rollout(whole, before)
    }

    /// The same after the steps of a canary that ends with this share.
    pub(super) fn promote_after(&self, weight: u8) -> (Vec<Step>, Vec<Step>) {
        let before = match weight {
            100 => self.back(self.split(Some(0), None, Some(100))),
            _ => self.root_alone(true, true),
        };
        self.around_rollout(weight == 100, before)
    }

    /// `whole`: no request goes back to the former version. Its Service loses its pods, so no route may name it.
    fn around_rollout(&self, whole: bool, mut before: Vec<Step>) -> (Vec<Step>, Vec<Step>) {
        if self.traffic.isolate {
            before.insert(0, Step::Pin { role: None });
        }
        let mut after = Vec::new();
        if whole {
            after.extend(self.forward(self.split(Some(100), None, Some(0))));
        }
        after.extend(self.back(self.split(Some(100), None, None)));
        after.push(Step::Withdraw);
        (before, after)
    }

    /// Returns the steps before the Deployment goes back, and those after.
    pub(super) fn abort(&self) -> (Vec<Step>, Vec<Step>) {
        let situation = Situation::of(self.observed);
        let held = situation.hold.is_some();
        // Without a hold the pods of the stable Service stay only if nothing else is being rolled out.
        let stays = situation.is_on_stable_template()
            && !self.observed.traffic_objects.ready(&self.service(Role::Stable)).is_empty();
        let unpin = self.traffic.isolate.then_some(Step::Pin { role: None });
        let mut before = Vec::new();
        let mut after = Vec::new();
        if self.names(Role::Stable) && (held || stays) {
            if self.observed.traffic_objects.service(&self.service(Role::Stable)).is_none() {
                before.push(Step::Publish { role: Role::Stable });
            }
            if self.mentions(Role::Canary) {
                if self.uses(Role::Canary) {
                    before.extend(self.forward(self.split(Some(0), Some(100), Some(0))));
                }
                before.extend(self.back(self.split(Some(0), Some(100), None)));
            }
            after.extend(self.forward(self.split(Some(100), Some(0), None)));
            after.extend(self.back(self.split(Some(100), None, None)));
            after.extend(unpin);
        } else {
            // The pods of either version may go.
            before.extend(unpin);
            if self.is_woven() {
                before.extend(self.root_alone(self.uses(Role::Stable), self.uses(Role::Canary)));
            }
        }
        after.push(Step::Withdraw);
        (before, after)
    }
}

fn mentions(object: &Value, name: &str) -> bool {
    let object = json!([object["spec"], object["metadata"]["annotations"]]).to_string();
    object.contains(&format!("\"{name}"))
}

/// What may be done with the stable pods: nothing, the router does the share.
pub(super) const STABLE: Stable = Stable::Whole;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod verified;
#[cfg(test)]
mod ways;
#[cfg(test)]
mod world;
