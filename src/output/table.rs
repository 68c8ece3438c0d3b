//! Many workloads as a table.

use std::time::Duration;

use comfy_table::{Table, presets};

use crate::apply::Row;
use crate::ci_account::Issued;
use crate::history::RevisionRow;
use crate::output::safe::safe;
use crate::share::tidy;
use crate::status::{Health, Version, WorkloadStatus};

/// Returns the table, in kubectl's style.
pub(super) fn render<'a>(
    statuses: impl IntoIterator<Item = &'a WorkloadStatus>,
    with_namespace: bool,
) -> String {
    let mut header =
        vec!["NAME", "PHASE", "HEALTH", "STABLE", "CANARY", "ASKED", "SHARE", "HELD BY", "WARNINGS"];
    if with_namespace {
        header.insert(0, "NAMESPACE");
    }
    let mut table = plain(header.into_iter().map(str::to_owned).collect());
    for status in statuses {
        let mut row = vec![
            safe(&status.name),
            format!("{:?}", status.phase),
            health(&status.health),
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
    trimmed(&table)
}

/// Returns the table of revisions.
pub(super) fn revisions(revisions: &[RevisionRow]) -> String {
    let header = ["REVISION", "IMAGES", "COMMIT", "WHO", "VERDICT", "TOOK", "LINK", "CHANGE-CAUSE"];
    let mut table = plain(header.map(str::to_owned).to_vec());
    for one in revisions {
        let outcome = one.outcome.as_ref();
        let text = |text: Option<&String>| text.map_or("-".to_owned(), |text| safe(text));
        let verdict = outcome.map_or("-".to_owned(), |outcome| {
            let ending = format!("{:?}", outcome.ending).to_lowercase();
            outcome.reason.as_ref().map_or(ending.clone(), |reason| format!("{ending}: {}", safe(reason)))
        });
        table.add_row(vec![
            format!("{}{}", one.revision, if one.live { " (live)" } else { "" }),
            safe(&one.images.join(",")),
            outcome
                .and_then(|outcome| outcome.commit.as_ref())
                .map_or("-".into(), |commit| safe(commit).chars().take(12).collect()),
            outcome.map_or("-".into(), |outcome| safe(outcome.author.as_ref().unwrap_or(&outcome.who))),
            verdict,
            outcome
                .map_or("-".into(), |outcome| crate::duration::short(Duration::from_secs(outcome.seconds))),
            text(outcome.and_then(|outcome| outcome.link.as_ref())),
            text(one.cause.as_ref()),
        ]);
    }
    trimmed(&table)
}

/// Returns the table of tokens.
pub(super) fn tokens(tokens: &[Issued]) -> String {
    let header = ["ACCOUNT", "TOKEN", "CREATED", "EXPIRES", "DELIVERED TO", "LAST USED"];
    let mut table = plain(header.map(str::to_owned).to_vec());
    for one in tokens {
        let text =
            |text: &Option<String>, none: &str| text.as_ref().map_or(none.to_owned(), |text| safe(text));
        table.add_row(vec![
            safe(&one.account),
            safe(&one.token),
            safe(&one.created),
            text(&one.expires, "never"),
            text(&one.delivered, "-"),
            text(&one.last_used, "-"),
        ]);
    }
    trimmed(&table)
}

/// Returns the table of objects.
pub(super) fn objects(rows: &[Row]) -> String {
    let mut table = plain(["OBJECT", "NAMESPACE", "RESULT"].map(str::to_owned).to_vec());
    for row in rows {
        let namespace = row.namespace.as_deref().unwrap_or("-");
        table.add_row(vec![safe(&row.title()), safe(namespace), row.action.word().to_owned()]);
    }
    trimmed(&table)
}

pub(super) fn plain(header: Vec<String>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    table
}

pub(super) fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
}

/// The reason says more than a column has room for; `status NAME` has the message.
fn health(health: &Health) -> String {
    let word = health.state.word();
    health.reason.as_ref().map_or(word.to_owned(), |reason| format!("{word}: {}", safe(reason)))
}

fn cell(version: Option<&Version>) -> String {
    version.map_or("-".into(), |version| {
        format!("{} {}/{}", safe(&version.images.join(",")), version.ready, version.replicas)
    })
}
