//! What is read, filled in, judged and refused.

mod files;
mod functions;
mod hostile;
mod journal;
mod path;
mod reading;
mod refusals;
mod tolerances;
mod variables;

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Danger, Experiment, Finding, Given, Terms, Values, findings};

/// The variables that the files of the fixtures name.
fn variable(key: &str) -> Option<String> {
    let value = match key {
        "FRONTEND_URL" => "http://frontend.example",
        "INGRESS_HOST" => "ingress.example",
        "POD_LABEL" => "run=frontend",
        "NODE_NAME" => "node-1",
        "PROMETHEUS_URL" => "http://prometheus.example:9090",
        "API_TOKEN" => "tok-8472-abc",
        "REPLICAS" => "2",
        _ => return None,
    };
    Some(value.to_owned())
}

fn yaml(text: &str) -> Experiment {
    Experiment::read(text, "e.yaml").unwrap()
}

fn refusal(text: &str) -> String {
    Experiment::read(text, "e.yaml").unwrap_err().message
}

/// An experiment of these parts, which begin in line 3.
fn with(parts: &str) -> String {
    format!("title: t\ndescription: d\n{parts}")
}

fn values(experiment: &Experiment) -> Values {
    Values::load(experiment, &Given::default(), variable).unwrap()
}

fn found(experiment: &Experiment, namespace: &str, allowed: &[Danger]) -> Vec<Finding> {
    let allowed: BTreeSet<Danger> = allowed.iter().copied().collect();
    let terms = Terms { namespace: namespace.into(), allowed, ignore_controls: false };
    findings(experiment, &values(experiment), &terms)
}

/// The function of an action with these arguments.
fn call(path: &str, arguments: &Value) -> super::Call {
    let (module, func) = path.rsplit_once('.').unwrap();
    let arguments = arguments.as_object().cloned().unwrap();
    super::Call { module: module.into(), func: func.into(), arguments }
}
