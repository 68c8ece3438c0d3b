//! Reads an experiment: what Chaos Toolkit requires of it, each refusal with its line.

use super::activity::{Activity, Part, controls, fault, in_tolerance, title};
use super::node::{self, Fault, Node};
use super::runtime::{Runtime, dry};
use super::tolerance::Tolerance;
use super::{Experiment, Hypothesis, MAX_BYTES, configuration};
use crate::brief;
use crate::error::Error;

impl Experiment {
    /// Reads an experiment as JSON or YAML, by the name of its file.
    ///
    /// # Errors
    /// A usage error that names file, line and activity.
    pub fn read(text: &str, file: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::usage(format!("{file}: it is larger than 1 MiB, and no experiment is")));
        }
        let read = node::read(text, file).and_then(|document| experiment(&document, file));
        read.map_err(|fault| fault.at(file))
    }
}

fn experiment(document: &Node, file: &str) -> Result<Experiment, Fault> {
    if !document.is_map() {
        return Err(fault(
            document,
            "it is not an experiment: a map with title, description and method is wanted",
        ));
    }
    let text = |key: &str| {
        let text = document.get(key).and_then(Node::text).filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| fault(document, format!("the experiment has no {key}")))
    };
    let (title, description) = (text("title")?, text("description")?);
    if let Some(tags) = document.get("tags") {
        let is_tag = |tag: &Node| tag.text().is_some_and(|tag| !tag.is_empty());
        if !tags.items().is_some_and(|tags| tags.iter().all(is_tag)) {
            return Err(fault(tags, "tags have to be a list of texts"));
        }
    }
    for key in ["configuration", "secrets"] {
        if let Some(given) = document.get(key).filter(|given| !given.is_map()) {
            return Err(fault(given, format!("{key} has to be a map")));
        }
    }
    let probes = match document.get("steady-state-hypothesis") {
        Some(hypothesis) => list(hypothesis, "probes")?,
        None => &[],
    };
    let method = document.get("method").ok_or_else(|| {
        fault(
            document,
            "the experiment has no method; an empty list is enough to look at the hypothesis alone",
        )
    })?;
    let method = activities(method, "method")?;
    let rollbacks = list(document, "rollbacks")?;
    let named = Named { probes, method };
    Ok(Experiment {
        file: file.to_owned(),
        document: document.value(),
        title,
        description,
        configuration: configuration::settings(document)?,
        secrets: configuration::secrets(document),
        hypothesis: hypothesis(document, &named)?,
        method: named.all(method, Part::Method)?,
        rollbacks: named.all(rollbacks, Part::Rollbacks)?,
        runtime: Runtime::read(document)?,
        dry: dry(document)?,
        controls: controls(document),
    })
}

fn hypothesis(document: &Node, named: &Named<'_>) -> Result<Option<Hypothesis>, Fault> {
    let Some(node) = document.get("steady-state-hypothesis") else { return Ok(None) };
    let title = node.get("title").and_then(Node::text).filter(|title| !title.is_empty());
    let title = title.ok_or_else(|| fault(node, "the steady-state-hypothesis has no title"))?.to_owned();
    let probes = named.all(named.probes, Part::Hypothesis)?;
    if let Some(probe) = probes.iter().find(|probe| probe.tolerance.is_none()) {
        let name = brief::line(&probe.name, 60);
        let why =
            format!("activity '{name}' ({}): a probe of the hypothesis needs a tolerance", probe.what());
        return Err(Fault { line: Some(probe.line), why });
    }
    Ok(Some(Hypothesis { title, probes, line: node.line, controls: controls(node) }))
}

/// Returns the activities under a key that may be missing.
fn list<'n>(node: &'n Node, key: &str) -> Result<&'n [Node], Fault> {
    node.get(key).map_or(Ok(&[]), |given| activities(given, key))
}

fn activities<'n>(node: &'n Node, key: &str) -> Result<&'n [Node], Fault> {
    let items = node.items().ok_or_else(|| fault(node, format!("{key} has to be a list of activities")))?;
    match items.iter().find(|item| item.pairs().is_empty()) {
        Some(item) => Err(fault(item, format!("{key}: an activity has to be a map that is not empty"))),
        None => Ok(items),
    }
}

/// What references can name: activities of the method and the hypothesis (`chaoslib/caching.py`).
struct Named<'n> {
    probes: &'n [Node],
    method: &'n [Node],
}

impl Named<'_> {
    fn all(&self, nodes: &[Node], part: Part) -> Result<Vec<Activity>, Fault> {
        nodes.iter().map(|node| self.one(node, part)).collect()
    }

    fn one(&self, node: &Node, part: Part) -> Result<Activity, Fault> {
        let Some(reference) = node.get("ref") else { return Activity::read(node, part) };
        let name = reference.text().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| fault(reference, "ref has to be the name of an activity"))?;
        let shown = brief::line(name, 60);
        // Of equal names the last one counts, and those of the hypothesis come after the method's.
        let found = self.method.iter().chain(self.probes).rev().find(|node| has_name(node, name));
        let found = found.ok_or_else(|| {
            fault(
                reference,
                format!("ref '{shown}': neither the hypothesis nor the method has this activity"),
            )
        })?;
        if found.get("ref").is_some() {
            return Err(fault(reference, format!("ref '{shown}': the activity there is a reference too")));
        }
        let mut activity = Activity::read(found, if part == Part::Hypothesis { Part::Method } else { part })?;
        // A reference has a tolerance of its own, and Chaos Toolkit asks it too whether it is in the background.
        activity.tolerance = match node.get("tolerance") {
            Some(given) if part == Part::Hypothesis => {
                Some(Tolerance::read(given).map_err(|fault| in_tolerance(&title(found), &fault))?)
            }
            given => given.and_then(|given| Tolerance::read(given).ok()),
        };
        activity.background = node.get("background").and_then(Node::flag).unwrap_or_default();
        (activity.part, activity.line) = (part, node.line);
        Ok(activity)
    }
}

fn has_name(node: &Node, name: &str) -> bool {
    node.get("name").and_then(Node::text) == Some(name)
}
