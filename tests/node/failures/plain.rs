//! The same with plain kubectl.

use std::process::Command;
use std::time::{Duration, Instant};

use super::cases::Case;
use super::observer::Observer;
use super::place::Place;
use crate::shop::run;

/// How long `kubectl rollout status` is listened to.
const PATIENCE: Duration = Duration::from_secs(150);

/// Applies the bad version and returns what `kubectl rollout status` had to say, and when.
pub fn rollout_status(case: &Case) -> String {
    let place = Place::new(case.prepare, |_| {});
    let file = place.next_version(case.change);
    let observer = Observer::start(&place, case.proof);
    let begun = Instant::now();
    place.shop.kubectl(&["apply", "-f", &file]);
    let mut command = Command::new("kubectl");
    command.args(["-n", &place.shop.namespace, "rollout", "status", "deployment/frontend"]);
    let ended = run(command.arg(format!("--timeout={}s", PATIENCE.as_secs())));
    let seconds = begun.elapsed().as_secs();
    let proof = observer.seen().proof.expect("the API server never showed the failure");
    let last = |text: &str| text.lines().last().unwrap_or_default().to_owned();
    let said = [last(&ended.stdout), last(&ended.stderr)].join(" / ");
    format!(
        "proof after {:.0} s, exit {} after {seconds} s: {}",
        (proof - begun).as_secs_f64(),
        ended.code.unwrap_or(-1),
        said.trim_matches([' ', '/'])
    )
}
