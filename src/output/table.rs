//! Many workloads as a table.

use comfy_table::{Table, presets};

use crate::output::safe::safe;
use crate::share::tidy;
use crate::status::{Version, WorkloadStatus};

/// Returns the table, in kubectl's style.
pub(super) fn render(statuses: &[WorkloadStatus], with_namespace: bool) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut header = vec!["NAME", "PHASE", "STABLE", "CANARY", "ASKED", "SHARE", "HELD BY", "WARNINGS"];
    if with_namespace {
        header.insert(0, "NAMESPACE");
    }
    table.set_header(header);
    for status in statuses {
        let mut row = vec![
            safe(&status.name),
            format!("{:?}", status.phase),
            cell(status.stable.as_ref()),
            cell(status.canary.as_ref()),
            status.weight.asked.map_or("-".into(), |asked| format!("{asked} %")),
            if status.canary.is_some() { format!("{} %", tidy(status.weight.actual)) } else { "-".into() },
            status.run.as_ref().map_or("-".into(), |run| safe(&run.holder)),
            if status.warnings.is_empty() {
                "-".into()
            } else {
                status.warnings.iter().map(|warning| warning.code).collect::<Vec<_>>().join(",")
            },
        ];
        if with_namespace {
            row.insert(0, safe(&status.namespace));
        }
        table.add_row(row);
    }
    table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
}

fn cell(version: Option<&Version>) -> String {
    version.map_or("-".into(), |version| {
        format!("{} {}/{}", safe(&version.images.join(",")), version.ready, version.replicas)
    })
}
