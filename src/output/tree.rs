//! One workload as a tree.

use crate::model::Phase;
use crate::output::safe::safe;
use crate::share::tidy;
use crate::status::{Version, WorkloadStatus};

/// Returns the lines of the tree.
pub(super) fn lines(status: &WorkloadStatus, color: bool) -> Vec<String> {
    let phase = format!("{:?}", status.phase);
    let code = match status.phase {
        Phase::Idle => "32",
        Phase::Failed => "31",
        _ => "33",
    };
    let phase = paint(&phase, code, color);
    let mut lines =
        vec![format!("deployment/{}  {phase}  (namespace {})", safe(&status.name), safe(&status.namespace))];
    let share = 100.0 - status.weight.actual;
    match (&status.stable, &status.canary) {
        (Some(stable), Some(canary)) => {
            lines.push(version("├─ stable", stable, Some(share)));
            let asked = status.weight.asked.map(|asked| format!("  asked {asked} %")).unwrap_or_default();
            lines.push(format!("{}{asked}", version("└─ canary", canary, Some(status.weight.actual))));
        }
        (Some(stable), None) => lines.push(version("└─ stable", stable, None)),
        (None, Some(canary)) => lines.push(version("└─ canary", canary, None)),
        (None, None) => lines.push("└─ no ReplicaSet yet".into()),
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
    for warning in &status.warnings {
        lines.push(format!("{} {}", paint("warning:", "33", color), safe(&warning.message)));
    }
    lines
}

fn version(role: &str, version: &Version, share: Option<f64>) -> String {
    let revision = version.revision.map(|revision| format!("revision {revision}  ")).unwrap_or_default();
    let share = share.map(|share| format!("  {} %", tidy(share))).unwrap_or_default();
    format!(
        "{role}  {}  {revision}{}  {}/{} Ready{share}",
        safe(&version.images.join(", ")),
        safe(&version.hash),
        version.ready,
        version.replicas
    )
}

pub(super) fn paint(text: &str, code: &str, color: bool) -> String {
    if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
