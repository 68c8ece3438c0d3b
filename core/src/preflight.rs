//! Preflight: what would go wrong with a rollout, judged before the first write.
//!
//! A rule looks at a [`Subject`] (the Deployment as it will be) and at [`Facts`] (what was read from the
//! cluster), and answers with [`Finding`]s. What could not be read is no reason to guess: the rule is then
//! listed as not checked. Every error is provable from the manifest or the API; heuristics only warn.

#![allow(clippy::unnecessary_wraps, reason = "all rules have one signature, those that need no facts too")]

mod access;
mod facts;
mod finding;
mod ignore;
mod images;
mod live;
mod made;
mod metrics;
mod numbers;
mod placement;
mod pod_size;
mod probes;
mod quantity;
mod quota;
mod reading;
mod references;
mod report;
mod rules;
mod sarif;
mod selector;
mod services;
mod subject;
mod surge;

#[cfg(test)]
mod fixtures;

pub use access::{
    Need, Rights, asking_need, fault_needs, following_needs, missing, needs, prometheus_need, routing_needs,
};
pub use facts::{Fact, Facts, Kind, from_documents};
pub use finding::{Finding, Judged, Level, NotChecked};
pub use ignore::IGNORE_ANNOTATION;
pub use made::Made;
pub use metrics::Trial;
pub use placement::wants_own_nodes;
pub use quantity::Quantity;
pub use reading::reading_needs;
pub use references::references;
pub use report::{Report, judge};
pub use rules::{About, Judge, RULES, Rule, rule_id};
pub use sarif::sarif;
pub use services::selects;
pub use subject::Subject;
pub use surge::Replacing;
