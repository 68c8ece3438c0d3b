//! Flagger's canaries and their templates of metrics.

mod line;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::times::{ordinal, time, whole};
use super::{Gathered, Object, Reading, braces, offer, provider, separation};
use crate::analysis_file::{Limit, Metric, OnNoData, Source};

pub(super) use line::canary;

const BUILT_IN: [&str; 2] = ["request-success-rate", "request-duration"];

fn analysis(object: Object<'_>) -> (&'static str, &Value) {
    let spec = &object.value["spec"];
    if spec["analysis"].is_null() {
        ("spec.canaryAnalysis", &spec["canaryAnalysis"])
    } else {
        ("spec.analysis", &spec["analysis"])
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Flagger rolls back at so many failed checks (`pkg/controller/scheduler.go`), 1 where nothing is said.
fn threshold(analysis: &Value) -> i64 {
    whole(&analysis["threshold"]).unwrap_or(1).max(1)
}

/// Reads the metrics of a Canary.
pub(super) fn metrics(gathered: &mut Gathered<'_>, object: Object<'_>, objects: &[Object<'_>]) {
    let (base, analysis) = analysis(object);
    for (index, value) in list(&analysis["metrics"]).iter().enumerate() {
        let path = format!("{base}.metrics[{index}]");
        let title = value["name"].as_str().unwrap_or_default();
        let range = &value["thresholdRange"];
        let (min, max) = (range["min"].as_f64(), range["max"].as_f64());
        let known =
            ["name", "interval", "thresholdRange", "threshold", "query", "templateRef", "templateVariables"];
        gathered.strangers(object, &path, value, &known);
        let within = match (min, max) {
            (Some(min), Some(max)) => format!("within {min} and {max}"),
            (Some(min), None) => format!("at least {min}"),
            (None, Some(max)) => format!("at most {max}"),
            (None, None) => "anything".to_owned(),
        };
        let last = ordinal(threshold(analysis));
        let mut reading = Reading {
            object: object.title(),
            metric: title.to_owned(),
            name: None,
            meaning: format!(
                "{within}; outside, no data or an error is a failed check, and the {last} ends it"
            ),
            query: None,
            separation: None,
            offer: None,
        };
        if value["templateRef"].is_null() {
            built_in(gathered, object, &path, value);
        } else {
            match templated(gathered, object, &path, value, objects, &mut reading) {
                Ok(metric) => {
                    reading.name = Some(metric.name.clone());
                    gathered.metrics.push(metric);
                }
                Err(why) => gathered.note(object, path, why),
            }
        }
        gathered.import.metrics.push(reading);
    }
}

fn built_in(gathered: &mut Gathered<'_>, object: Object<'_>, path: &str, value: &Value) {
    let range = &value["thresholdRange"];
    let is_nginx = object.value["spec"]["provider"] == "nginx";
    let name = value["name"].as_str().unwrap_or_default();
    let text = match (name, range["min"].as_f64(), range["max"].as_f64()) {
        ("request-success-rate", Some(min), _) => format!(
            "{min} is a percentage: --max-error-rate {}, beside the comparison with stable that --analyze makes",
            tidy(100.0 - min)
        ),
        ("request-duration", _, Some(max)) => format!(
            "{max} are milliseconds of {}: --slower-than {}ms compares the share of slower requests with stable's",
            if is_nginx { "the mean" } else { "the 99th percentile" },
            tidy(max)
        ),
        _ if !value["query"].is_null() || !value["threshold"].is_null() => {
            format!("left out: '{name}' is of Flagger's deprecated form (threshold, query)")
        }
        _ => format!("left out: '{name}' is neither built in with its limit nor of a template"),
    };
    gathered.note(object, path, text);
}

/// Without the noise of floats: 100 - 99.9 is 0.1.
fn tidy(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

fn templated(
    gathered: &mut Gathered<'_>,
    object: Object<'_>,
    path: &str,
    value: &Value,
    objects: &[Object<'_>],
    reading: &mut Reading,
) -> Result<Metric, String> {
    let name = value["templateRef"]["name"].as_str().unwrap_or_default();
    let namespace = value["templateRef"]["namespace"].as_str().or(object.namespace());
    let is_it = |one: &&Object<'_>| {
        one.is("flagger.app", "MetricTemplate")
            && one.name() == name
            && (one.namespace().is_none() || one.namespace() == namespace)
    };
    let template = *objects
        .iter()
        .find(is_it)
        .ok_or_else(|| format!("left out: metrictemplate/{name} is not among the files"))?;
    let spec = &template.value["spec"];
    let kind = spec["provider"]["type"].as_str().unwrap_or_default();
    if kind != "prometheus" {
        return Err(format!("left out: the provider of metrictemplate/{name} is {kind}; prometheus is read"));
    }
    let (query, refused) = filled(object, value, spec["query"].as_str().unwrap_or_default());
    let (query, separation) = separation::separated(&query, separation::Services::default());
    reading.query = Some(query.clone());
    reading.separation = Some(separation);
    if let Some(why) = refused.first() {
        return Err(format!("left out: {why}"));
    }
    let range = &value["thresholdRange"];
    let (min, max) = (range["min"].as_f64(), range["max"].as_f64());
    if min.is_none() && max.is_none() {
        return Err("left out: it has no thresholdRange, so each check passes".to_owned());
    }
    gathered.room()?;
    let server = server(gathered, template)?;
    provider::checked(
        &serde_json::json!({"metrics": [{"name": "x", "query": query, "min": min.unwrap_or(f64::MIN), "max": max.unwrap_or(f64::MAX)}]}),
    )?;
    gathered.server(&server)?;
    let (_, analysis) = analysis(object);
    let title = value["name"].as_str().unwrap_or_default();
    let metric = gathered.name(title, object.name());
    match offer::offer(&metric, &query, min.is_some()) {
        Some(offer) if gathered.options.compare => return Ok(offer),
        other => reading.offer = other,
    }
    let limit = Limit { min, max, looks: looks(gathered, object, path, analysis), ..Limit::default() };
    let every =
        time(&analysis["interval"]).map(|time| time.clamp(Duration::from_secs(5), Duration::from_secs(3600)));
    Ok(Metric {
        name: metric,
        every: every.or(Some(Duration::from_secs(60))),
        source: Source::Query { query, limit },
        dry_run: false,
        // "no values found" is a failed check there.
        on_no_data: OnNoData::Fail,
    })
}

fn looks(gathered: &mut Gathered<'_>, object: Object<'_>, path: &str, analysis: &Value) -> Option<u32> {
    let threshold = threshold(analysis);
    if threshold > 1 {
        gathered.note(object, path, "Flagger counts the failed checks of all metrics together; looks: here counts those of one in a row");
    }
    u32::try_from(threshold.min(100)).ok().filter(|looks| *looks > 1)
}

/// Fills Flagger's functions in (`pkg/metrics/observers`: `TemplateFunctions`).
fn filled(object: Object<'_>, value: &Value, query: &str) -> (String, Vec<String>) {
    let spec = &object.value["spec"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let interval = time(&value["interval"]).map_or_else(
        || "1m".to_owned(),
        |time| match (time.as_secs(), time.as_secs() % 60) {
            (whole @ 60.., 0) => format!("{}m", whole / 60),
            (seconds, _) => format!("{}s", seconds.max(1)),
        },
    );
    let known = |name: &str| match name {
        "target" | "name" => Some("${deployment}".to_owned()),
        "namespace" => Some("${namespace}".to_owned()),
        "interval" => Some(interval.clone()),
        "service" => text(&spec["service"]["name"]).or_else(|| Some("${deployment}".to_owned())),
        "ingress" => text(&spec["ingressRef"]["name"]),
        "route" => text(&spec["routeRef"]["name"]),
        other => text(&value["templateVariables"][other.strip_prefix("variables.")?]),
    };
    braces::filled(query.trim(), &mut |inner| braces::evaluated(inner, &known))
}

fn server(
    gathered: &mut Gathered<'_>,
    template: Object<'_>,
) -> Result<crate::analysis_file::Prometheus, String> {
    let value = &template.value["spec"]["provider"];
    let path = "spec.provider";
    gathered.strangers(
        template,
        path,
        value,
        &["type", "address", "secretRef", "headers", "insecureSkipVerify", "region"],
    );
    if let Some(secret) = value["secretRef"]["name"].as_str() {
        let text = format!(
            "the Secret {secret} is not read without being asked: Flagger takes its token before username and password; put it into a file, named by prometheus.tokenFile"
        );
        note_once(gathered, template, "spec.provider.secretRef", &text);
    }
    if value["insecureSkipVerify"] == true {
        note_once(gathered, template, "spec.provider.insecureSkipVerify", provider::UNVERIFIED);
    }
    let pairs = value["headers"].as_object().into_iter().flatten().filter_map(|(name, values)| {
        let first = values.as_str().or_else(|| values.as_array()?.first()?.as_str())?;
        Some((name.clone(), first.to_owned()))
    });
    let headers: BTreeMap<String, String> =
        provider::headers(gathered, template, "spec.provider.headers", pairs.collect());
    provider::server(value["address"].as_str().unwrap_or_default(), headers)
}

/// Several metrics may be of one template.
fn note_once(gathered: &mut Gathered<'_>, object: Object<'_>, path: &str, text: &str) {
    let title = object.title();
    if !gathered
        .import
        .notes
        .iter()
        .any(|note| note.object == title && note.path == path && note.text == text)
    {
        gathered.note(object, path, text);
    }
}

/// Says of a template that no Canary among the files uses it.
pub(super) fn template(gathered: &mut Gathered<'_>, object: Object<'_>, objects: &[Object<'_>]) {
    let uses = |canary: &&Object<'_>| {
        list(&analysis(**canary).1["metrics"])
            .iter()
            .any(|metric| metric["templateRef"]["name"] == object.name())
    };
    if !objects.iter().filter(|one| one.is("flagger.app", "Canary")).any(|one| uses(&one)) {
        gathered.note(
            object,
            "",
            "left out: no Canary among the files uses it, and those give its range and variables",
        );
    }
}
