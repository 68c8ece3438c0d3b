//! Templates of Argo's analysis, of a namespace and of the cluster.

mod limit;
mod meaning;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::times::{time, whole};
use super::uses::{Argument, Use, Uses};
use super::{Gathered, Object, Reading, braces, offer, provider, separation};
use crate::analysis_file::{Limit, Metric, OnNoData, Source};

const METRIC: [&str; 11] = [
    "name",
    "interval",
    "initialDelay",
    "count",
    "successCondition",
    "failureCondition",
    "failureLimit",
    "inconclusiveLimit",
    "consecutiveErrorLimit",
    "consecutiveSuccessLimit",
    "provider",
];

/// Reads a template.
pub(super) fn template(gathered: &mut Gathered<'_>, object: Object<'_>, uses: &Uses) {
    let spec = &object.value["spec"];
    gathered.strangers(
        object,
        "spec",
        spec,
        &["args", "metrics", "dryRun", "measurementRetention", "templates"],
    );
    for left_out in ["templates", "measurementRetention"] {
        if !spec[left_out].is_null() {
            gathered.note(object, format!("spec.{left_out}"), "left out");
        }
    }
    let usage = uses.of(object.name());
    let arguments = arguments(gathered, object, usage);
    let metrics = spec["metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, value) in metrics.iter().enumerate() {
        let path = format!("spec.metrics[{index}]");
        gathered.strangers(object, &path, value, &METRIC);
        let mut read = Read { gathered: &mut *gathered, object, path, value, arguments: &arguments, usage };
        read.metric();
    }
}

/// The arguments of a template: what is given by hand, by the Rollout, or stands in the template.
fn arguments(gathered: &mut Gathered<'_>, object: Object<'_>, usage: &Use) -> BTreeMap<String, Argument> {
    let mut arguments = BTreeMap::new();
    for (index, value) in object.value["spec"]["args"].as_array().into_iter().flatten().enumerate() {
        let Some(name) = value["name"].as_str() else { continue };
        let given = gathered.options.arguments.get(name).map(|value| Argument::Text(value.clone()));
        let argument = given
            .or_else(|| usage.arguments.get(name).cloned())
            .unwrap_or_else(|| Argument::of(value, object.value));
        if let Some(why) = argument.why(name) {
            gathered.note(object, format!("spec.args[{index}]"), why);
        }
        arguments.insert(name.to_owned(), argument);
    }
    arguments
}

struct Read<'r, 'o> {
    gathered: &'r mut Gathered<'o>,
    object: Object<'r>,
    path: String,
    value: &'r Value,
    arguments: &'r BTreeMap<String, Argument>,
    usage: &'r Use,
}

/// What was made of a provider.
struct Made {
    source: Source,
    query: Option<String>,
    separation: Option<separation::Separation>,
    offer: Option<Metric>,
}

impl Read<'_, '_> {
    fn note(&mut self, key: &str, text: impl Into<String>) {
        let path = if key.is_empty() { self.path.clone() } else { format!("{}.{key}", self.path) };
        self.gathered.note(self.object, path, text);
    }

    /// Returns a text with its arguments, and what has no value.
    fn filled(&self, text: &str) -> (String, Vec<String>) {
        braces::filled(text, &mut |inner| {
            let name = inner.strip_prefix("args.").ok_or_else(|| format!("'{{{{{inner}}}}}' is not read"))?;
            match self.arguments.get(name) {
                Some(Argument::Text(value)) => Ok(value.clone()),
                Some(Argument::Secret(_)) => Err(format!("the argument {name} is secret")),
                Some(Argument::Missing | Argument::Unread(_)) | None => {
                    Err(format!("the argument {name} has no value: give --arg {name}=VALUE"))
                }
            }
        })
    }

    /// The same in all texts of a value.
    fn filled_all(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.filled(text).0),
            Value::Array(items) => items.iter().map(|item| self.filled_all(item)).collect(),
            Value::Object(map) => {
                map.iter().map(|(key, item)| (key.clone(), self.filled_all(item))).collect()
            }
            same @ (Value::Null | Value::Bool(_) | Value::Number(_)) => same.clone(),
        }
    }

    fn text(&self, key: &str) -> (String, Vec<String>) {
        self.filled(&self.value[key].as_str().map_or_else(
            || if self.value[key].is_null() { String::new() } else { self.value[key].to_string() },
            str::to_owned,
        ))
    }

    fn number(&self, key: &str) -> Option<i64> {
        whole(&Value::String(self.text(key).0))
    }

    fn time(&self, key: &str) -> Option<Duration> {
        time(&Value::String(self.text(key).0))
    }

    fn metric(&mut self) {
        let title = self.value["name"].as_str().unwrap_or_default().to_owned();
        let meaning = self.meaning();
        let made = self.provider().and_then(|()| self.limit()).and_then(|(limit, on_no_data)| {
            let made = self.made(&title, limit)?;
            Ok((made, on_no_data))
        });
        let mut reading = Reading {
            object: self.object.title(),
            metric: title.clone(),
            name: None,
            meaning,
            query: None,
            separation: None,
            offer: None,
        };
        match made {
            Err((partial, why)) => {
                self.note("", why);
                if let Some((query, separation)) = partial {
                    (reading.query, reading.separation) = (Some(query), Some(separation));
                }
            }
            Ok((made, on_no_data)) => {
                let name = self.gathered.name(&title, self.object.name());
                let dry_run = self.is_dry_run(&title);
                let every = self
                    .time("interval")
                    .map(|time| time.clamp(Duration::from_secs(5), Duration::from_secs(3600)));
                let taken = made.offer.clone().filter(|_| self.gathered.options.compare);
                let source = taken.as_ref().map_or(made.source, |offer| offer.source.clone());
                let on_no_data = if taken.is_some() { OnNoData::default() } else { on_no_data };
                let every = every.filter(|_| taken.is_none());
                self.gathered.metrics.push(Metric { name: name.clone(), every, source, dry_run, on_no_data });
                reading = Reading {
                    name: Some(name),
                    query: made.query,
                    separation: made.separation,
                    offer: made.offer.filter(|_| taken.is_none()),
                    ..reading
                };
            }
        }
        self.gathered.import.metrics.push(reading);
    }

    /// `regexp.MatchString` of `utils/analysis`: anywhere in the name.
    fn is_dry_run(&self, title: &str) -> bool {
        let patterns = self.object.value["spec"]["dryRun"].as_array().into_iter().flatten();
        let meets = |pattern: &Value| {
            let pattern = pattern["metricName"].as_str().unwrap_or_default();
            pattern.len() <= 500
                && regex_lite::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(title))
        };
        patterns.into_iter().any(meets)
    }

    fn has(&self, key: &str) -> bool {
        self.value[key].as_str().is_some_and(|text| !text.trim().is_empty())
    }

    fn made(&mut self, title: &str, limit: Limit) -> Result<Made, Refusal> {
        let provider = &self.value["provider"];
        let refused = |why| (None, why);
        self.gathered.room().map_err(refused)?;
        if !provider["web"].is_null() {
            let (url, missing) = self.filled(provider["web"]["url"].as_str().unwrap_or_default());
            if let Some(missing) = missing.first() {
                return Err(refused(format!("left out: {missing}")));
            }
            let path = format!("{}.provider.web", self.path);
            let value = self.filled_all(&provider["web"]);
            let web = provider::web(self.gathered, self.object, &path, &value, &url).map_err(refused)?;
            return Ok(Made {
                source: Source::Web { web, limit },
                query: None,
                separation: None,
                offer: None,
            });
        }
        self.prometheus(title, limit)
    }

    /// Refuses other providers by name.
    fn provider(&self) -> Result<(), Refusal> {
        let provider = &self.value["provider"];
        if !provider["prometheus"].is_null() || !provider["web"].is_null() {
            return Ok(());
        }
        let kind = provider.as_object().and_then(|map| map.keys().next()).map_or("none", String::as_str);
        Err((None, format!("left out: its provider is {kind}; prometheus and web are read")))
    }

    fn prometheus(&mut self, title: &str, limit: Limit) -> Result<Made, Refusal> {
        let value = &self.value["provider"]["prometheus"];
        let refused = |why| (None, why);
        if !value["rangeQuery"].is_null() {
            return Err(refused("left out: it is a range query, which gives many samples".to_owned()));
        }
        let (query, mut missing) = self.filled(value["query"].as_str().unwrap_or_default().trim());
        let services = separation::Services {
            canary: self.usage.canary_service.as_deref(),
            stable: self.usage.stable_service.as_deref(),
        };
        let (query, separation) = separation::separated(&query, services);
        let partial = |why: String| (Some((query.clone(), separation.clone())), why);
        let (address, unknown) = self.filled(value["address"].as_str().unwrap_or_default());
        missing.extend(unknown);
        if let Some(missing) = missing.first() {
            return Err(partial(format!("left out: {missing}")));
        }
        let path = format!("{}.provider.prometheus", self.path);
        let value = self.filled_all(value);
        let server =
            provider::prometheus(self.gathered, self.object, &path, &value, &address).map_err(partial)?;
        provider::checked(&serde_json::json!({"metrics": [{"name": "x", "query": query, "max": 1}]}))
            .map_err(partial)?;
        self.gathered.server(&server).map_err(partial)?;
        let offer = offer::offer(title, &query, limit::is_least(&limit));
        Ok(Made {
            source: Source::Query { query: query.clone(), limit },
            query: Some(query),
            separation: Some(separation),
            offer,
        })
    }
}

/// Why a metric was left out, and its query as far as that could be read.
type Refusal = (Option<(String, separation::Separation)>, String);
