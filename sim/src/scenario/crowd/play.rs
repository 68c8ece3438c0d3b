//! How a crowd is played.

use std::time::Duration;

use serde_json::{Value, json};

use super::fields::Fields;
use super::judge::{Begun, judge};
use super::line::Typed;
use super::stays::Left;
use super::{Crowd, Line, Stage, Trouble, watch};
use crate::acts::{Act, Sight};
use crate::controllers::kubelet::script::Behaviour;
use crate::draw::Draw;
use crate::driver::Driver;
use crate::driver::runs::End;
use crate::invariants::ending;
use crate::object::{Key, Kind};
use crate::scenario::shop::{self, LOCK, NAME, NAMESPACE};
use crate::scenario::{PATIENCE, verbs, way_out};
use crate::server::request::Request;

/// A crowd that is being played.
pub(super) struct Play<'a> {
    crowd: &'a Crowd,
    driver: &'a mut Driver,
    draw: Draw,
    fields: Fields,
    manifest: Value,
    /// How it was when each run began; nothing of those that are judged.
    begun: Vec<Option<Begun>>,
    /// The version that is not on trial, where that is clear.
    former: Option<String>,
    /// What the last run left held.
    left: Option<Left>,
}

/// What happens while a command is under way.
enum What<'a> {
    Act(&'a Act),
    Rival(&'a Typed),
}

impl<'a> Play<'a> {
    pub(super) fn new(crowd: &'a Crowd, driver: &'a mut Driver, draw: Draw) -> Self {
        let manifest = crowd.manifest();
        let fields = Fields::of(&manifest);
        Self { crowd, driver, draw, fields, manifest, begun: Vec::new(), former: None, left: None }
    }

    /// All of it.
    pub(super) async fn all(mut self) {
        if !shop::open(self.driver, &self.crowd.settings).await {
            return;
        }
        self.furnish();
        watch::over(self.crowd, self.driver);
        for stage in &self.crowd.stages {
            if !self.stage(stage).await {
                return;
            }
        }
        self.go_back().await;
    }

    /// What the shop has beside its pods, and what is to befall it.
    fn furnish(&mut self) {
        let deadline = json!({"spec": {"progressDeadlineSeconds": self.crowd.deadline}});
        let uri = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}");
        let merge = "application/merge-patch+json";
        drop(self.driver.serve(&Request::new("user", "PATCH", &uri, merge, deadline)));
        if let Some((least, most)) = self.crowd.scaler {
            let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME});
            let spec = json!({"minReplicas": least, "maxReplicas": most, "scaleTargetRef": target});
            shop::create(self.driver, Kind::Autoscaler, json!({"metadata": {"name": NAME}, "spec": spec}));
        }
        match self.crowd.trouble {
            Some(Trouble::Restart(after, at)) => self.driver.restart_controller(after, at),
            Some(Trouble::Cut(after, forgets)) => self.driver.cut(after, forgets),
            None => {}
        }
    }

    /// Plays one command. Returns whether it ended.
    async fn stage(&mut self, stage: &Stage) -> bool {
        let begin = self.driver.elapsed();
        let first = self.start(&stage.typed);
        let acts = stage.acts.iter().map(|due| (due.after, What::Act(&due.act)));
        let rival = stage.rival.iter().map(|(after, typed)| (*after, What::Rival(typed)));
        let mut all: Vec<(Duration, What<'_>)> = acts.chain(rival).collect();
        all.sort_by_key(|(after, _)| *after);
        for (after, what) in all {
            self.wait(begin + after).await;
            match what {
                What::Act(act) => self.act(act),
                What::Rival(typed) => drop(self.start(typed)),
            }
        }
        for run in first..self.driver.runs.len() {
            if self.end_of(run).await.is_none() {
                let words = self.driver.runs.get(run).map(|run| run.words.join(" ")).unwrap_or_default();
                self.driver.breaks("ends", format!("run {run} does not end: '{words}'"));
                return false;
            }
        }
        self.wait(self.driver.elapsed() + stage.rest).await;
        // Autoscalers are controllers, and have reasons of their own.
        if let Some(left) = self.left.take().filter(|_| self.crowd.scaler.is_none()) {
            left.check(self.driver);
        }
        true
    }

    fn start(&mut self, typed: &Typed) -> usize {
        let deployment = shop::deployment(self.driver);
        if !ending::is_held(&deployment) {
            let settled = shop::is_settled(self.driver);
            self.former = settled.then(|| shop::image(&deployment).to_owned());
        }
        let keeps = self.crowd.typed().any(|typed| typed.keeps);
        let version = self.driver.server.store.version();
        self.begun.push(Some(Begun { version, former: self.former.clone(), keeps }));
        typed.start(self.driver)
    }

    /// Lets time pass, and judges each run at the very moment of its end.
    async fn wait(&mut self, until: Duration) {
        loop {
            let left = until.saturating_sub(self.driver.elapsed());
            let begun = &self.begun;
            let is_news = |driver: &Driver| {
                driver.runs.iter().zip(begun).any(|(run, begun)| run.end.is_some() && begun.is_some())
            };
            if !self.driver.until(left, is_news).await {
                return;
            }
            self.judge();
        }
    }

    async fn end_of(&mut self, run: usize) -> Option<End> {
        let end = self.driver.elapsed() + PATIENCE;
        while self.driver.runs.get(run).is_some_and(|run| run.end.is_none()) && self.driver.elapsed() < end {
            let begun = &self.begun;
            let is_news = |driver: &Driver| {
                driver.runs.iter().zip(begun).any(|(run, begun)| run.end.is_some() && begun.is_some())
            };
            if !self.driver.until(end.saturating_sub(self.driver.elapsed()), is_news).await {
                break;
            }
            self.judge();
        }
        self.driver.runs.get(run).and_then(|run| run.end)
    }

    fn judge(&mut self) {
        for run in 0..self.begun.len() {
            let ended = self.driver.runs.get(run).is_some_and(|run| run.end.is_some());
            if let Some(begun) = self.begun.get_mut(run).filter(|_| ended).and_then(Option::take) {
                judge(self.driver, run, &begun);
                self.left = Left::by(self.driver, run).or(self.left.take());
            }
        }
    }

    fn act(&mut self, act: &Act) {
        let target = Key::new(NAMESPACE, NAME);
        let now = self.driver.now();
        let store = &self.driver.server.store;
        let sight = Sight { store, target: &target, manifest: &self.manifest, now };
        let requests = act.requests(&sight, &mut self.draw);
        let done = requests.iter().filter(|request| self.driver.serve(request).is_ok()).count();
        if done > 0 {
            self.driver.seen.act(act);
            self.fields.wrote(act, &self.manifest);
        }
    }

    /// Whatever happened: `status` says how it is, and `abort` alone brings everything back.
    async fn go_back(&mut self) {
        self.wait(self.driver.elapsed() + LOCK).await;
        if shop::deployment(self.driver).is_null() {
            return;
        }
        way_out::status(self.driver).await;
        self.begun.resize(self.driver.runs.len(), None);
        for verb in ["status", "abort"] {
            let run = self.start(&Typed::plain(Line::Other(verb)));
            match self.end_of(run).await {
                None => return self.driver.breaks("ends", format!("'{verb}' does not end")),
                Some(End::Code(0)) => {}
                // Whatever version it goes back to, it cannot make the pods of a bad one Ready.
                Some(_) if verb == "abort" && !is_good(shop::image(&shop::deployment(self.driver))) => {}
                Some(end) => {
                    let printed = self.driver.runs.get(run).map(|run| run.printed().stderr);
                    let printed = printed.unwrap_or_default();
                    let said: Vec<&str> = printed.lines().filter(|line| line.starts_with("error")).collect();
                    let why = format!("'{verb}' ends with {end:?}: {}", said.join(" "));
                    self.driver.breaks("the way back", why);
                }
            }
        }
        let deployment = shop::deployment(self.driver);
        for why in self.fields.lost(&deployment) {
            self.driver.breaks("nothing is lost", why);
        }
        if !is_good(shop::image(&deployment)) {
            return;
        }
        for why in verbs::beside(self.driver) {
            self.driver.breaks("nothing is left", why);
        }
        shop::rest(self.driver).await;
    }
}

/// Whether the pods of a version become Ready and stay so.
fn is_good(image: &str) -> bool {
    matches!(Behaviour::of_image(image), Behaviour::Good | Behaviour::Slow)
}
