//! One workload as a tree.

use jiff::Timestamp;

use crate::duration;
use crate::output::safe::safe;
use crate::share::tidy;
use crate::situation::Phase;
use crate::status::{PodStatus, Version, WorkloadStatus};

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
/// So many pods of each version are shown where there is room for all.
pub(super) const PODS: usize = 20;

/// Returns the lines of the tree, with so many pods of each version at most: first those that are not Ready.
pub(super) fn lines(status: &WorkloadStatus, color: bool, now: Timestamp, most: usize) -> Vec<String> {
    let phase = format!("{:?}", status.phase);
    let code = match status.phase {
        Phase::Idle => GREEN,
        Phase::Failed => RED,
        Phase::Held | Phase::Progressing | Phase::Promoting | Phase::Aborting => YELLOW,
    };
    let phase = paint(&phase, code, color);
    let mut lines =
        vec![format!("{}  {phase}  (namespace {})", safe(&status.id().title()), safe(&status.namespace))];
    if status.health.message.is_some() || status.health.reason.is_some() {
        let code = if status.is_failing() { RED } else { YELLOW };
        lines.push(paint(&safe(&status.health.sentence()), code, color));
    }
    let share = 100.0 - status.weight.actual;
    let pods = |version: &Version, indent: &str| self::pods(version, indent, color, now, most);
    let (former, new) = status.names();
    let shares = status.has_shares();
    match (&status.stable, &status.canary) {
        (Some(stable), Some(canary)) => {
            lines.push(version(&format!("├─ {former}"), stable, Some(share).filter(|_| shares)));
            lines.extend(pods(stable, "│  "));
            let asked = status.weight.asked.map(|asked| format!("  asked {asked} %")).unwrap_or_default();
            lines.push(format!(
                "{}{asked}",
                version(&format!("└─ {new}"), canary, Some(status.weight.actual).filter(|_| shares))
            ));
            lines.extend(pods(canary, "   "));
        }
        (Some(stable), None) => {
            lines.push(version(&format!("└─ {}", if shares { former } else { new }), stable, None));
            lines.extend(pods(stable, "   "));
        }
        (None, Some(canary)) => {
            lines.push(version(&format!("└─ {new}"), canary, None));
            lines.extend(pods(canary, "   "));
        }
        (None, None) => lines.push(format!("└─ no {} yet", status.kind.revision)),
    }
    if let Some(run) = &status.run {
        let link = run.link.as_ref().map(|link| format!("  {}", safe(link))).unwrap_or_default();
        let doing = if run.active { "run by" } else { "held by" };
        lines.push(format!(
            "{doing} {} since {}  run {}{link}",
            safe(&run.holder),
            safe(&run.since),
            safe(&run.id)
        ));
    }
    for line in status.traffic.iter().flat_map(crate::status::TrafficStatus::lines) {
        lines.push(safe(&line));
    }
    for warning in &status.warnings {
        lines.push(format!("{} {}", paint("warning:", YELLOW, color), safe(&warning.message)));
    }
    lines
}

fn version(role: &str, version: &Version, share: Option<f64>) -> String {
    let revision = version.revision.map(|revision| format!("revision {revision}  ")).unwrap_or_default();
    let share = share.map(|share| format!("  {} %", tidy(share))).unwrap_or_default();
    format!(
        "{role}  {}  {revision}{}  {}{share}",
        safe(&version.images.join(", ")),
        safe(&version.hash),
        version.readiness()
    )
}

fn pods(version: &Version, indent: &str, color: bool, now: Timestamp, most: usize) -> Vec<String> {
    let mut pods: Vec<&PodStatus> = version.pods.iter().collect();
    pods.sort_by_key(|pod| pod.ready);
    let hidden = pods.split_off(most.min(pods.len()));
    let width = pods.iter().map(|pod| pod.name.len()).max().unwrap_or(0);
    let last = pods.len().saturating_sub(1);
    let branch = |index: usize| if index == last && hidden.is_empty() { "└─" } else { "├─" };
    let line = |(index, pod): (usize, &&PodStatus)| {
        let (word, code) = match &pod.reason {
            None => ("Ready".to_owned(), GREEN),
            Some(reason) if pod.ready => (safe(reason), GREEN),
            Some(reason) => (safe(reason), if is_bad(reason) { RED } else { YELLOW }),
        };
        let restarts = match pod.restarts {
            0 => String::new(),
            1 => "  1 restart".to_owned(),
            more => format!("  {more} restarts"),
        };
        let age = pod.created.as_deref().and_then(|created| age(created, now)).unwrap_or_default();
        format!(
            "{indent}{} {:width$}  {}{restarts}{age}",
            branch(index),
            safe(&pod.name),
            paint(&word, code, color)
        )
    };
    let mut lines: Vec<String> = pods.iter().enumerate().map(line).collect();
    if !hidden.is_empty() && most > 0 {
        let ready = hidden.iter().filter(|pod| pod.ready).count();
        lines.push(format!("{indent}└─ and {} more, {ready} of them Ready", hidden.len()));
    }
    lines
}

/// Whether a pod's reason is more than that it starts or ends.
fn is_bad(reason: &str) -> bool {
    !matches!(
        reason,
        "ContainerCreating" | "PodInitializing" | "Pending" | "NotReady" | "Terminating" | "SchedulingGated"
    )
}

fn age(created: &str, now: Timestamp) -> Option<String> {
    let created: Timestamp = created.parse().ok()?;
    // The cluster's clock may be ahead of ours.
    let age = now.duration_since(created).max(jiff::SignedDuration::ZERO);
    Some(format!("  {}", duration::short(age.unsigned_abs())))
}

pub(super) fn paint(text: &str, code: &str, color: bool) -> String {
    if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
