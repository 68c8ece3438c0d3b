//! What people have for Argo Rollouts and Flagger, read: our analysis file, the command line that does the same, and what
//! was left out or read differently.
//!
//! Fields and their meanings are those of argo-rollouts `pkg/apis/rollouts/v1alpha1` and `analysis/`, and of flagger
//! `pkg/apis/flagger/v1beta1`, `pkg/controller/scheduler_metrics.go`. Secrets are never read.

mod argo;
mod braces;
mod flagger;
mod line;
mod offer;
mod promql;
mod provider;
mod rollout;
mod separation;
mod times;
mod told;
mod uses;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::analysis_file::{AnalysisFile, EVERY, MAX_METRICS, Metric, Prometheus};
use crate::apply::Document;

pub use separation::Separation;

/// The file that command lines name.
pub const FILE: &str = "analysis.yaml";

/// What the caller adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Values of arguments by name. They win over those of the files.
    pub arguments: BTreeMap<String, String>,
    /// Take the comparison of raw counters where a query is a ratio of rates, in place of its limit.
    pub compare: bool,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Import {
    /// The analysis file, where a metric could be read.
    pub analysis: Option<AnalysisFile>,
    /// Command lines that do the same, in their order.
    pub commands: Vec<String>,
    /// How each metric was read.
    pub metrics: Vec<Reading>,
    /// What was left out or read differently.
    pub notes: Vec<Note>,
}

/// How a metric was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reading {
    /// Whose it is: `analysistemplate/success-rate`.
    pub object: String,
    /// Its name there.
    pub metric: String,
    /// Its name in the analysis file; none where it was left out.
    pub name: Option<String>,
    /// What it means there: "5 looks, 1m apart; failed at the 4th failed look".
    pub meaning: String,
    /// Its query with our variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Whether that separates the versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separation: Option<Separation>,
    /// The comparison of raw counters that its query can be replaced by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<Metric>,
}

/// What was left out or read differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Where it stands: "shop.yaml, document 2".
    pub origin: String,
    /// The object: `rollout/web`.
    pub object: String,
    /// The field: `spec.metrics[0].provider.job`; empty for the whole object.
    pub path: String,
    /// What about it.
    pub text: String,
}

/// An object with its place.
#[derive(Clone, Copy)]
struct Object<'d> {
    document: &'d Document,
    value: &'d Value,
}

impl<'d> Object<'d> {
    fn kind(self) -> &'d str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    fn name(self) -> &'d str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }

    fn namespace(self) -> Option<&'d str> {
        self.value["metadata"]["namespace"].as_str()
    }

    fn title(self) -> String {
        format!("{}/{}", self.kind().to_lowercase(), self.name())
    }

    fn is(self, group: &str, kind: &str) -> bool {
        let api = self.value["apiVersion"].as_str().unwrap_or_default();
        self.kind() == kind && api.split_once('/').is_some_and(|(of, _)| of == group)
    }
}

/// What is gathered on the way.
struct Gathered<'o> {
    options: &'o Options,
    metrics: Vec<Metric>,
    names: BTreeSet<String>,
    prometheus: Option<Prometheus>,
    import: Import,
}

impl Gathered<'_> {
    fn note(&mut self, object: Object<'_>, path: impl Into<String>, text: impl Into<String>) {
        let origin = object.document.origin.clone();
        self.import.notes.push(Note { origin, object: object.title(), path: path.into(), text: text.into() });
    }

    /// Notes the keys of a map that nobody here knows.
    fn strangers(&mut self, object: Object<'_>, path: &str, map: &Value, known: &[&str]) {
        let keys: Vec<String> = map.as_object().into_iter().flat_map(|map| map.keys().cloned()).collect();
        for key in keys.into_iter().filter(|key| !known.contains(&key.as_str())) {
            self.note(object, format!("{path}.{key}"), "unknown field: left out");
        }
    }

    /// Returns a name that no metric of the file has yet.
    fn name(&mut self, wanted: &str, owner: &str) -> String {
        let plain = |text: &str| -> String {
            let fits = |letter: char| {
                if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' }
            };
            text.chars().take(50).map(fits).collect()
        };
        let wanted = if wanted.is_empty() { "metric".to_owned() } else { plain(wanted) };
        let owned = plain(&format!("{owner}-{wanted}"));
        let numbered = (2..1000).map(|number| format!("{wanted}-{number}"));
        let mut names = [wanted.clone(), owned].into_iter().chain(numbered);
        let free = names.find(|name| !self.names.contains(name)).unwrap_or(wanted);
        self.names.insert(free.clone());
        free
    }

    /// Whether the file has room for one more.
    fn room(&self) -> Result<(), String> {
        if self.metrics.len() < MAX_METRICS {
            return Ok(());
        }
        Err(format!("left out: a file has {MAX_METRICS} metrics at most; import this one into another"))
    }

    /// Takes a Prometheus for that of the file. There is one a file.
    fn server(&mut self, wanted: &Prometheus) -> Result<(), String> {
        match &self.prometheus {
            Some(other) if other != wanted => Err(format!(
                "left out: it asks another server ({}) than the metrics before it ({}); a file has one, so import it alone",
                wanted.url, other.url
            )),
            Some(_) => Ok(()),
            None => {
                self.prometheus = Some(wanted.clone());
                Ok(())
            }
        }
    }
}

/// Reads manifests of Argo Rollouts and Flagger.
pub fn import(documents: &[Document], options: &Options) -> Import {
    let objects: Vec<Object<'_>> =
        documents.iter().map(|document| Object { document, value: &document.object }).collect();
    let mut gathered = Gathered {
        options,
        metrics: Vec::new(),
        names: BTreeSet::new(),
        prometheus: None,
        import: Import::default(),
    };
    let uses = uses::uses(&objects);
    for object in &objects {
        if object.is("argoproj.io", "AnalysisTemplate") || object.is("argoproj.io", "ClusterAnalysisTemplate")
        {
            argo::template(&mut gathered, *object, &uses);
        } else if object.is("flagger.app", "Canary") {
            flagger::metrics(&mut gathered, *object, &objects);
        } else if object.is("flagger.app", "MetricTemplate") {
            flagger::template(&mut gathered, *object, &objects);
        } else if !object.is("argoproj.io", "Rollout") {
            gathered.note(*object, "", "left out: it is of neither Argo Rollouts' analysis nor Flagger's");
        }
    }
    let has_file = !gathered.metrics.is_empty();
    for object in &objects {
        if object.is("argoproj.io", "Rollout") {
            rollout::read(&mut gathered, *object, &objects, has_file);
        } else if object.is("flagger.app", "Canary") {
            flagger::canary(&mut gathered, *object, has_file);
        }
    }
    let Gathered { metrics, prometheus, mut import, .. } = gathered;
    let every = metrics.iter().filter_map(|metric| metric.every).min().unwrap_or(EVERY);
    let mut metrics = metrics;
    for metric in &mut metrics {
        metric.every = metric.every.filter(|own| *own != every);
    }
    import.analysis = has_file.then_some(AnalysisFile { every, metrics, prometheus });
    import
}

#[cfg(test)]
mod tests;
