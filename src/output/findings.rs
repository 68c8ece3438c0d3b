//! What a check found, for people.

use crate::output::safe::safe;
use crate::output::tree::paint;
use crate::preflight::{Level, Report};
use crate::words::counted;

/// Returns a line for each finding, with the reason and what to do below it, and a line that counts.
pub(super) fn render(report: &Report, color: bool) -> String {
    let mut lines = Vec::new();
    for finding in &report.findings {
        let (word, code) = match finding.level {
            Level::Error => ("error  ", "31"),
            Level::Warning => ("warning", "33"),
            Level::Info => ("info   ", "36"),
        };
        let place = format!("{} {}", finding.object, finding.path);
        let file = finding.file.as_ref().map(|file| format!("  ({})", safe(file))).unwrap_or_default();
        lines.push(format!("{}  {}  {}{file}", paint(word, code, color), finding.rule, safe(place.trim())));
        lines.push(format!("{:9}why: {}", "", safe(&finding.why)));
        if !finding.fix.is_empty() {
            lines.push(format!("{:9}fix: {}", "", safe(&finding.fix)));
        }
    }
    for not in &report.not_checked {
        lines.push(format!(
            "skipped  {}  {}  not checked: {}",
            safe(&not.rule),
            safe(&not.object),
            safe(&not.why)
        ));
    }
    let count = |level: Level| report.findings.iter().filter(|finding| finding.level == level).count();
    lines.push(format!(
        "{}, {}, {}, {} not checked",
        counted(count(Level::Error), "error"),
        counted(count(Level::Warning), "warning"),
        counted(count(Level::Info), "note"),
        report.not_checked.len()
    ));
    lines.join("\n")
}
