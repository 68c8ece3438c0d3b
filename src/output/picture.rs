//! What a live picture shows: trees of a few workloads, of many those that matter.

use jiff::Timestamp;

use crate::output::{table, tree};
use crate::situation::Phase;
use crate::status::{Condition, WorkloadStatus};

/// As many are shown as trees.
const FEW: usize = 4;

/// What a picture has to fit into.
pub(super) struct Frame {
    /// Rows of the terminal.
    pub(super) rows: usize,
    /// Whether colours are allowed.
    pub(super) color: bool,
    /// Ages are counted to this.
    pub(super) now: Timestamp,
    /// Whether rows of a table name the namespace.
    pub(super) namespaces: bool,
}

/// Returns the lines of a picture.
pub(super) fn lines(statuses: &[&WorkloadStatus], frame: &Frame) -> Vec<String> {
    let room = frame.rows.saturating_sub(2);
    if (1..=FEW).contains(&statuses.len()) {
        for pods in [10, 3, 0] {
            let trees = statuses.iter().flat_map(|status| tree::lines(status, frame.color, frame.now, pods));
            let trees: Vec<String> = trees.collect();
            if trees.len() <= room || statuses.len() == 1 && pods == 0 {
                return trees;
            }
        }
    }
    board(statuses, room, frame)
}

fn board(statuses: &[&WorkloadStatus], room: usize, frame: &Frame) -> Vec<String> {
    let mut matter: Vec<&WorkloadStatus> = statuses.iter().filter(|s| rank(s) < CALM).copied().collect();
    // The sort keeps the order by name among equals.
    matter.sort_by_key(|status| rank(status));
    // A header above, a summary below.
    matter.truncate(room.saturating_sub(2));
    let mut lines = Vec::new();
    if !matter.is_empty() {
        lines.extend(table::render(matter.iter().copied(), frame.namespaces).lines().map(str::to_owned));
    }
    lines.push(rest(statuses, &matter));
    lines
}

/// At rest and healthy.
const CALM: u8 = 4;
/// At rest without a pod.
const UNJUDGED: u8 = 5;

/// Says how much a workload matters to somebody who watches: the less, the more.
fn rank(status: &WorkloadStatus) -> u8 {
    match (status.health.state, status.phase) {
        (Condition::Failed, _) | (_, Phase::Failed) => 0,
        (Condition::Failing, _) => 1,
        (Condition::Healthy, Phase::Idle) => CALM,
        (Condition::Unjudged, Phase::Idle) => UNJUDGED,
        (_, Phase::Held) => 3,
        _ => 2,
    }
}

fn rest(statuses: &[&WorkloadStatus], shown: &[&WorkloadStatus]) -> String {
    let shown_of = |wanted: &dyn Fn(u8) -> bool| shown.iter().filter(|status| wanted(rank(status))).count();
    let all_of = |wanted: &dyn Fn(u8) -> bool| statuses.iter().filter(|status| wanted(rank(status))).count();
    let mut parts = Vec::new();
    let names: [(&str, &dyn Fn(u8) -> bool); 5] = [
        ("failing", &|rank| rank < 2),
        ("progressing", &|rank| rank == 2),
        ("held", &|rank| rank == 3),
        ("healthy", &|rank| rank == CALM),
        ("unjudged", &|rank| rank == UNJUDGED),
    ];
    for (name, wanted) in names {
        let hidden = all_of(wanted) - shown_of(wanted);
        if hidden > 0 {
            parts.push(format!("{hidden} {name}"));
        }
    }
    match parts.as_slice() {
        [] => format!("{} workloads", statuses.len()),
        parts if shown.is_empty() => format!("{} workloads: {}", statuses.len(), parts.join(", ")),
        parts => format!("{} workloads; not shown: {}", statuses.len(), parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollout_plus_core::fixtures;

    fn frame(rows: usize) -> Frame {
        Frame { rows, color: false, now: Timestamp::UNIX_EPOCH, namespaces: true }
    }

    fn many() -> Vec<WorkloadStatus> {
        let named = |mut status: WorkloadStatus, name: &str| {
            name.clone_into(&mut status.name);
            status
        };
        let idle = WorkloadStatus::of(&fixtures::idle(), &[]);
        let held = WorkloadStatus::of(&fixtures::held(), &[]);
        let mut failed = idle.clone();
        failed.health.state = Condition::Failed;
        failed.health.reason = Some("CrashLoopBackOff".into());
        let mut all = vec![named(held, "b"), named(failed, "z")];
        all.extend((0..50).map(|n| named(idle.clone(), &format!("idle-{n}"))));
        all
    }

    #[test]
    fn what_matters_comes_first_and_the_rest_is_one_line() {
        let all = many();
        let all: Vec<&WorkloadStatus> = all.iter().collect();
        let lines = lines(&all, &frame(24));
        assert_eq!(lines.len(), 4, "{lines:#?}");
        assert!(lines[1].contains(" z ") && lines[1].contains("failed: CrashLoopBackOff"), "{}", lines[1]);
        assert!(lines[2].contains(" b ") && lines[2].contains("Held"), "{}", lines[2]);
        assert_eq!(lines[3], "52 workloads; not shown: 50 healthy");
    }

    #[test]
    fn a_low_terminal_counts_what_it_cannot_show() {
        let mut all = many();
        for status in &mut all {
            status.health.state = Condition::Failing;
        }
        let all: Vec<&WorkloadStatus> = all.iter().collect();
        let lines = lines(&all, &frame(10));
        assert_eq!(lines.len(), 8, "{lines:#?}");
        assert_eq!(lines[7], "52 workloads; not shown: 46 failing");
    }

    #[test]
    fn a_few_are_trees() {
        let one = WorkloadStatus::of(&fixtures::held(), &[]);
        let lines = lines(&[&one], &frame(24));
        insta::assert_snapshot!(lines[0], @"deployment/web  Held  (namespace shop)");
        assert!(lines.iter().any(|line| line.starts_with("└─ canary")), "{lines:#?}");
    }
}
