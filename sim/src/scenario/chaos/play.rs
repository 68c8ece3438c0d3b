//! How it is played.

use std::time::Duration;

use rollout_plus::keys::FAULT_ANNOTATION;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::watch::{HAPPENED, SPARED, UNDONE, Watch, as_hit, policies};
use super::{Chaos, FAULTS, GOOD, ONCE, Way, typed};
use crate::acts::{Act, Sight};
use crate::controllers::kubelet::script::Behaviour;
use crate::draw::Draw;
use crate::driver::Driver;
use crate::driver::runs::End;
use crate::invariants::ending;
use crate::object::{Key, Kind};
use crate::scenario::shop::{self, FORMER, LOCK, NAME, NAMESPACE};
use crate::scenario::{PATIENCE, Report, aim, report, verbs, way_out};
use crate::server::resources::{find, of_kind};

/// What a run says that lets a new version take the place of the other.
const RELEASE: &str = "keep the new template";

/// A scenario that is being played.
struct Play<'a> {
    chaos: &'a Chaos,
    driver: &'a mut Driver,
    draw: Draw,
    watch: Watch,
}

/// Plays a scenario.
///
/// # Errors
/// If there is no runtime.
pub fn play(chaos: &Chaos, seed: u64, traced: bool) -> std::io::Result<Report> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let local = LocalSet::new();
    Ok(local.block_on(&runtime, async {
        let mut draw = Draw::new(seed.wrapping_add(1 << 43));
        let own = draw.fork();
        let mut driver = Driver::new(draw, None, traced);
        let at = driver.elapsed();
        driver.trace.tell(at, || format!("seed {seed}: {chaos:?}"));
        driver.server.has_firewall = chaos.has_firewall;
        let mut play = Play { chaos, driver: &mut driver, draw: own, watch: Watch::of(chaos) };
        play.all().await;
        play.watch.tell(play.driver);
        report(&mut driver, format!("{chaos:?}"))
    }))
}

/// The fault that is written down on the Lease, if any is.
fn record(driver: &Driver) -> Option<String> {
    let leases = find("coordination.k8s.io", "v1", "leases").into_iter();
    let mut all = leases.flat_map(|leases| driver.server.store.all(leases));
    all.find_map(|(_, lease)| lease["metadata"]["annotations"][FAULT_ANNOTATION].as_str().map(str::to_owned))
}

/// The hash of a version's `ReplicaSet`.
fn hash(driver: &Driver, image: &str) -> Option<String> {
    let mut all = of_kind(Kind::ReplicaSet).into_iter().flat_map(|sets| driver.server.store.all(sets));
    all.find_map(|(_, set)| {
        let is_its = shop::image(set) == image;
        set["metadata"]["labels"]["pod-template-hash"].as_str().filter(|_| is_its).map(str::to_owned)
    })
}

impl Play<'_> {
    async fn all(&mut self) {
        shop::create(self.driver, Kind::Deployment, self.chaos.deployment());
        let service =
            json!({"metadata": {"name": NAME}, "spec": {"selector": {"app": NAME}, "ports": [{"port": 80}]}});
        shop::create(self.driver, Kind::Service, service);
        shop::rest(self.driver).await;
        if let Way::Held { .. } = self.chaos.way {
            let line = format!("canary {NAME} --image {} --weight 50", self.chaos.version);
            let run = self.driver.start(&typed(&line));
            self.end_of(run).await;
        }
        let run = self.main().await;
        self.judge(run, true);
        if let Some(again) = self.chaos.again {
            self.wait(LOCK).await;
            let words = match again {
                "same" => self.chaos.words(),
                "chaos" => typed(&format!("chaos kill-pods {NAME}")),
                verb => way_out::typed(verb),
            };
            let run = self.driver.start(&words);
            self.end_of(run).await;
            self.judge(run, false);
        }
        self.go_back().await;
    }

    /// The run that it is about, and all that happens meanwhile. Returns which one it is.
    async fn main(&mut self) -> usize {
        let kills: Vec<_> = self.chaos.kill.iter().map(|kill| (0, *kill)).collect();
        aim(self.driver, 0, &self.chaos.faults, &kills);
        let begin = self.driver.elapsed();
        // A version that ends by itself, or does not come back, takes pods that no fault took.
        let keeps = !matches!(self.chaos.way, Way::Gate { .. })
            && self.chaos.is_alone()
            && (self.chaos.way == Way::Alone || self.chaos.version == GOOD);
        self.watch.keeps(keeps.then_some(self.chaos.min_ready));
        let run = self.driver.start(&self.chaos.words());
        if let Some(wait) = self.chaos.signal {
            self.driver.signal(wait, run);
        }
        let mut rival = self.chaos.rival.clone();
        let mut others = Vec::new();
        for due in &self.chaos.acts {
            if let Some((after, line)) = rival.take_if(|(after, _)| *after <= due.after) {
                self.wait((begin + after).saturating_sub(self.driver.elapsed())).await;
                others.push(self.driver.start(&typed(&line)));
            }
            self.wait((begin + due.after).saturating_sub(self.driver.elapsed())).await;
            self.act(&due.act);
        }
        if let Some((after, line)) = rival {
            self.wait((begin + after).saturating_sub(self.driver.elapsed())).await;
            others.push(self.driver.start(&typed(&line)));
        }
        for run in std::iter::once(run).chain(others) {
            self.end_of(run).await;
        }
        self.watch.keeps(None);
        run
    }

    fn act(&mut self, act: &Act) {
        let (target, manifest) = (Key::new(NAMESPACE, NAME), self.chaos.deployment());
        let now = self.driver.now();
        let sight = Sight { store: &self.driver.server.store, target: &target, manifest: &manifest, now };
        let requests = act.requests(&sight, &mut self.draw);
        let done = requests.iter().filter(|request| self.driver.serve(request).is_ok()).count();
        if done > 0 {
            self.driver.seen.act(act);
        }
    }

    /// Lets time pass, and looks at every instant.
    async fn wait(&mut self, time: Duration) {
        let watch = &mut self.watch;
        self.driver
            .until(time, |driver| {
                watch.look(driver);
                false
            })
            .await;
    }

    async fn end_of(&mut self, run: usize) -> Option<End> {
        let watch = &mut self.watch;
        let ended = |driver: &Driver| driver.runs.get(run).is_none_or(|run| run.end.is_some());
        self.driver
            .until(PATIENCE, |driver| {
                watch.look(driver);
                ended(driver)
            })
            .await;
        let end = self.driver.runs.get(run).and_then(|run| run.end);
        if end.is_none() {
            let words = self.driver.runs.get(run).map(|run| run.words.join(" ")).unwrap_or_default();
            self.driver.breaks("ends", format!("'{words}' does not end"));
        }
        end
    }

    /// What has to be so at the end of a run that made a fault.
    fn judge(&mut self, run: usize, is_first: bool) {
        let Some(told) = self.driver.runs.get(run) else { return };
        let (end, words) = (told.end, told.words.join(" "));
        let Some(End::Code(code)) = end else { return };
        for rule in [UNDONE, SPARED, HAPPENED] {
            self.driver.seen.look(rule);
        }
        ending::check(self.driver, run);
        let is_quiet = self.chaos.rival.is_none() && self.chaos.faults.is_empty();
        if code == 0 && is_quiet && record(self.driver).is_some() {
            self.driver.breaks(UNDONE, format!("'{words}' ended well, and the record of a fault is there"));
        }
        if is_quiet {
            for pod in as_hit(self.driver) {
                self.driver.breaks(UNDONE, format!("'{words}' ended with {code}, and pod {pod} is as hit"));
            }
        }
        let brought = self.driver.runs.get(run).is_some_and(|run| run.printed().stderr.contains(RELEASE));
        if brought {
            self.judge_gate(code, &words);
        }
        let stands = match self.chaos.way {
            Way::Alone => true,
            Way::Held { .. } | Way::Gate { .. } => self.chaos.version == GOOD,
        };
        let takes = self.chaos.has_firewall || self.chaos.fault != FAULTS[3];
        let is_easy = self.chaos.count == 1 && self.chaos.min_ready <= 1 && self.chaos.within >= 60;
        if is_first && self.chaos.is_calm() && stands && takes && is_easy && code != 0 && self.is_seen() {
            self.driver.breaks("the way out", format!("'{words}' ended with {code}, and nothing was wrong"));
        }
    }

    /// Whether the fault lasts long enough to be seen on its pods in a slow cluster.
    fn is_seen(&self) -> bool {
        self.chaos.fault == FAULTS[0] || self.chaos.lasting >= 30
    }

    /// A version that had to stand a fault is in place only if the fault was there, and if it stood it.
    fn judge_gate(&mut self, code: u8, words: &str) {
        let Way::Gate { promote: true, .. } = self.chaos.way else { return };
        let changes = self.chaos.does(Act::changes_version) || self.chaos.rival.is_some();
        let deployment = shop::deployment(self.driver);
        let is_in = shop::image(&deployment) == self.chaos.version && !ending::is_held(&deployment);
        if code != 0 || !is_in || changes {
            return;
        }
        let is_hit = hash(self.driver, self.chaos.version).is_some_and(|hash| self.watch.has_hit(&hash));
        let cannot = !self.chaos.has_firewall && self.chaos.fault == FAULTS[3];
        if !is_hit || cannot || self.chaos.version == ONCE && self.chaos.is_alone() {
            let why = format!("'{words}' brought {}, which no fault hit", self.chaos.version);
            self.driver.breaks(HAPPENED, why);
        }
    }

    /// Whatever happened: `status` says how it is, and `abort` alone ends what is left of a fault.
    async fn go_back(&mut self) {
        self.wait(LOCK).await;
        if shop::deployment(self.driver).is_null() {
            return;
        }
        way_out::status(self.driver).await;
        let run = self.driver.start(&way_out::typed("abort"));
        let end = self.end_of(run).await;
        let deployment = shop::deployment(self.driver);
        let is_good = is_good(&deployment);
        if end != Some(End::Code(0)) && is_good {
            let printed = self.driver.runs.get(run).map(|run| run.printed().stderr).unwrap_or_default();
            let said: Vec<&str> = printed.lines().filter(|line| line.starts_with("error")).collect();
            self.driver.breaks("the way back", format!("'abort' ends with {end:?}: {}", said.join(" ")));
        }
        if end == Some(End::Code(0)) {
            if let Some(record) = record(self.driver) {
                self.driver.breaks(UNDONE, format!("'abort' ended well, and there is {record}"));
            }
            if !self.chaos.does(|act| matches!(act, Act::NodeLost(_))) {
                for pod in as_hit(self.driver) {
                    self.driver.breaks(UNDONE, format!("'abort' ended well, and pod {pod} is as hit"));
                }
            }
        }
        for why in verbs::beside(self.driver).into_iter().filter(|_| is_good) {
            self.driver.breaks("nothing is left", why);
        }
        if is_good {
            shop::rest(self.driver).await;
        }
        // Those that go with their pods are waited for.
        self.wait(Duration::from_secs(90)).await;
        for policy in policies(self.driver) {
            self.driver.breaks(UNDONE, format!("networkpolicy/{policy} is left"));
        }
        if self.chaos.is_alone() && is_good && shop::image(&deployment) == FORMER {
            for why in ending::leftovers(&shop::deployment(self.driver), &self.chaos.settings) {
                self.driver.breaks("nothing is left", why);
            }
        }
    }
}

/// Whether the pods of a Deployment become Ready and stay so.
fn is_good(deployment: &Value) -> bool {
    let image = shop::image(deployment);
    image != ONCE && matches!(Behaviour::of_image(image), Behaviour::Good | Behaviour::Slow)
}
