//! Reading an analysis file: every key known, every value checked, and what is wrong told with metric and key.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{
    AnalysisFile, EVERY, From, JsonPath, Limit, MAX_METRICS, Metric, OnNoData, Prometheus, SCHEMA, Source,
    Web, values, variables,
};
use crate::condition::Condition;

const MAX_QUERY: usize = 4096;

impl<'de> Deserialize<'de> for AnalysisFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl AnalysisFile {
    /// Reads a file as its values.
    ///
    /// # Errors
    /// What is wrong, with metric and key: "metric errors: slowerThan: ...".
    pub fn read(value: &Value) -> Result<Self, String> {
        let mut keys = Keys::of(value, "")?;
        match keys.take("schema").map(Value::as_u64) {
            Some(Some(SCHEMA)) => {}
            None => return Err(format!("schema: {SCHEMA} is missing")),
            Some(_) => return Err(format!("schema: only {SCHEMA} is known")),
        }
        let every = keys.read("every", time)?.unwrap_or(EVERY);
        let metrics = keys.take("metrics").and_then(Value::as_array).filter(|list| !list.is_empty());
        let metrics = metrics.ok_or("metrics: at least one is wanted, as a list")?;
        if metrics.len() > MAX_METRICS {
            return Err(format!("metrics: there are {}, and {MAX_METRICS} at most", metrics.len()));
        }
        let metrics = metrics
            .iter()
            .enumerate()
            .map(|(index, value)| metric(index, value))
            .collect::<Result<Vec<_>, _>>()?;
        let mut names = BTreeSet::new();
        if let Some(twice) = metrics.iter().find(|metric| !names.insert(metric.name.as_str())) {
            return Err(format!("metric {}: the name stands twice", twice.name));
        }
        let prometheus = keys.take("prometheus").map(prometheus).transpose()?;
        keys.end()?;
        Ok(Self { every, metrics, prometheus })
    }
}

fn metric(index: usize, value: &Value) -> Result<Metric, String> {
    let name = value["name"].as_str();
    let place = name.map_or_else(
        || format!("metric {}: ", index + 1),
        |name| format!("metric {}: ", crate::brief::cut(name, 63)),
    );
    let mut keys = Keys::of(value, &place)?;
    let name = keys.wanted("name", |value| values::name(text(value)?))?;
    let every = keys.read("every", time)?;
    let dry_run =
        keys.read("dryRun", |value| value.as_bool().ok_or_else(|| "true or false is wanted".into()))?;
    let on_no_data = keys.read("onNoData", |value| match text(value)? {
        "inconclusive" => Ok(OnNoData::Inconclusive),
        "ignore" => Ok(OnNoData::Ignore),
        "fail" => Ok(OnNoData::Fail),
        other => Err(format!("'{}' is none of inconclusive, ignore, fail", crate::brief::cut(other, 40))),
    })?;
    let source = source(&mut keys)?;
    keys.end()?;
    Ok(Metric {
        name,
        every,
        source,
        dry_run: dry_run.unwrap_or_default(),
        on_no_data: on_no_data.unwrap_or_default(),
    })
}

fn source(keys: &mut Keys<'_>) -> Result<Source, String> {
    let kinds = ["counter", "histogram", "query", "web", "command"];
    let given: Vec<&str> = kinds.into_iter().filter(|kind| keys.has(kind)).collect();
    let kind = match given.as_slice() {
        [one] => *one,
        [] => {
            keys.stranger(&kinds)?;
            return Err(keys.wrong("", format!("one of {} is wanted", kinds.join(", "))));
        }
        many => return Err(keys.wrong("", format!("{} cannot stand together", many.join(" and ")))),
    };
    match kind {
        "counter" => {
            let counter = keys.wanted("counter", |value| values::family(text(value)?))?;
            let bad = keys.read("bad", |value| values::labels(texts(value)?))?.unwrap_or_default();
            Ok(Source::Counter { counter, from: from(keys)?, bad, ignore: ignored(keys)? })
        }
        "histogram" => {
            let histogram = keys.wanted("histogram", |value| values::family(text(value)?))?;
            let slower_than = keys.read("slowerThan", |value| values::latency(text(value)?))?;
            Ok(Source::Histogram { histogram, from: from(keys)?, slower_than, ignore: ignored(keys)? })
        }
        "query" => {
            let query = keys.wanted("query", |value| {
                let text = text(value)?;
                if text.trim().is_empty() || text.len() > MAX_QUERY {
                    return Err(format!("1 to {MAX_QUERY} bytes are wanted"));
                }
                with_variables(text)
            })?;
            Ok(Source::Query { query, limit: limit(keys, "a query")? })
        }
        "command" => {
            let command = keys.wanted("command", |value| {
                let words = words(value)?;
                let (program, arguments) = words.split_first().ok_or("a program is wanted")?;
                if program.is_empty() || !variables::names(program).is_empty() {
                    return Err("a program without variables is wanted".to_owned());
                }
                let length: usize = words.iter().map(String::len).sum();
                if length > MAX_QUERY || words.iter().any(|word| word.contains('\0')) {
                    return Err(format!("a text of {MAX_QUERY} bytes at most is wanted"));
                }
                arguments.iter().find_map(|word| variables::unknown(word)).map_or(Ok(words.clone()), Err)
            })?;
            Ok(Source::Command {
                command,
                timeout: keys.read("timeout", timeout)?,
                limit: limit(keys, "a command")?,
            })
        }
        _ => {
            let web = keys.take("web").map(|value| web(value, &keys.place)).transpose()?;
            let web = web.ok_or_else(|| keys.wrong("web", "it is missing"))?;
            Ok(Source::Web { web, limit: limit(keys, "a web request")? })
        }
    }
}

fn from(keys: &mut Keys<'_>) -> Result<From, String> {
    let read = keys.read("from", |value| match text(value)? {
        "pods" => Ok(From::Pods),
        "prometheus" => Ok(From::Prometheus),
        "router" => Ok(From::Router),
        other => Err(format!("'{}' is none of pods, prometheus, router", crate::brief::cut(other, 40))),
    })?;
    Ok(read.unwrap_or_default())
}

fn ignored(keys: &mut Keys<'_>) -> Result<BTreeMap<String, String>, String> {
    Ok(keys.read("ignore", |value| values::labels(texts(value)?))?.unwrap_or_default())
}

/// `what` has the limit: "a query".
fn limit(keys: &mut Keys<'_>, what: &str) -> Result<Limit, String> {
    let number = |value: &Value| {
        value.as_f64().filter(|number| number.is_finite()).ok_or("a number is wanted".to_owned())
    };
    let condition = |value: &Value| Condition::read(text(value)?).map_err(|why| why.to_string());
    let limit = Limit {
        min: keys.read("min", number)?,
        max: keys.read("max", number)?,
        success_condition: keys.read("successCondition", condition)?,
        failure_condition: keys.read("failureCondition", condition)?,
        looks: keys.read("looks", |value| {
            let number = value.as_u64().filter(|number| (1..=100).contains(number));
            number
                .and_then(|number| number.try_into().ok())
                .ok_or_else(|| "a number from 1 to 100 is wanted".into())
        })?,
    };
    let (bounds, conditions) = (
        limit.min.is_some() || limit.max.is_some(),
        limit.success_condition.is_some() || limit.failure_condition.is_some(),
    );
    if bounds && conditions {
        return Err(keys.wrong("", "min and max cannot stand beside conditions"));
    }
    if !bounds && !conditions {
        return Err(keys.wrong("", format!("{what} takes min, max, successCondition or failureCondition")));
    }
    if limit.min.zip(limit.max).is_some_and(|(min, max)| min > max) {
        return Err(keys.wrong("min", "it is larger than max"));
    }
    Ok(limit)
}

fn web(value: &Value, place: &str) -> Result<Web, String> {
    let mut keys = Keys::of(value, &format!("{place}web."))?;
    let web = Web {
        url: keys.wanted("url", |value| values::web_address(text(value)?))?,
        headers: keys.read("headers", |value| values::headers(texts(value)?))?.unwrap_or_default(),
        token_file: keys.read("tokenFile", path)?,
        json_path: keys.read("jsonPath", |value| {
            let path = text(value)?;
            JsonPath::read(path).map(|_| path.to_owned())
        })?,
        timeout: keys.read("timeout", timeout)?,
    };
    keys.end()?;
    if web.token_file.is_some() && !values::is_private(&web.url) {
        return Err(keys.wrong("tokenFile", "the token would go in clear: https is wanted"));
    }
    Ok(web)
}

fn prometheus(value: &Value) -> Result<Prometheus, String> {
    let mut keys = Keys::of(value, "prometheus.")?;
    let prometheus = Prometheus {
        url: keys.wanted("url", |value| values::server(text(value)?))?,
        headers: keys.read("headers", |value| values::headers(texts(value)?))?.unwrap_or_default(),
        token_file: keys.read("tokenFile", path)?,
        token_command: keys.read("tokenCommand", words)?.unwrap_or_default(),
        ca_file: keys.read("caFile", path)?,
    };
    keys.end()?;
    if prometheus.token_file.is_some() && !prometheus.token_command.is_empty() {
        return Err(keys.wrong("tokenFile", "it cannot stand beside tokenCommand"));
    }
    Ok(prometheus)
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "a text is wanted".to_owned())
}

/// A time as text, or as a number of seconds.
fn time(value: &Value) -> Result<Duration, String> {
    value.as_u64().map_or_else(|| values::span(text(value)?), |seconds| values::span(&seconds.to_string()))
}

/// The longest time for an answer.
fn timeout(value: &Value) -> Result<Duration, String> {
    let time = crate::duration::parse(text(value)?)?;
    let within = (1..=60).contains(&time.as_secs());
    if within { Ok(time) } else { Err("1s to 60s are wanted".into()) }
}

fn path(value: &Value) -> Result<String, String> {
    let path = text(value)?;
    let plain = !path.is_empty() && path.len() <= 4096 && !path.contains(char::is_control);
    if plain { Ok(path.to_owned()) } else { Err("the path of a file is wanted".into()) }
}

fn words(value: &Value) -> Result<Vec<String>, String> {
    let wrong = || "a program with its arguments is wanted, as a list of texts".to_owned();
    let list = value.as_array().filter(|list| !list.is_empty()).ok_or_else(wrong)?;
    list.iter().map(|word| word.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

fn texts(value: &Value) -> Result<BTreeMap<String, String>, String> {
    let wrong = || "names with texts are wanted".to_owned();
    let map = value.as_object().ok_or_else(wrong)?;
    let pair =
        |(key, value): (&String, &Value)| Ok((key.clone(), value.as_str().ok_or_else(wrong)?.to_owned()));
    map.iter().map(pair).collect()
}

fn with_variables(text: &str) -> Result<String, String> {
    variables::unknown(text).map_or_else(|| Ok(text.to_owned()), Err)
}

/// The keys of a map, of which each has to be asked for: what was not is a stranger.
struct Keys<'v> {
    map: &'v Map<String, Value>,
    place: String,
    asked: Vec<&'static str>,
}

impl<'v> Keys<'v> {
    fn of(value: &'v Value, place: &str) -> Result<Self, String> {
        let map = value.as_object().ok_or_else(|| {
            let place = place.trim_end_matches([':', ' ', '.']);
            format!("{}keys are wanted", if place.is_empty() { String::new() } else { format!("{place}: ") })
        })?;
        Ok(Self { map, place: place.to_owned(), asked: Vec::new() })
    }

    fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    fn take(&mut self, key: &'static str) -> Option<&'v Value> {
        self.asked.push(key);
        self.map.get(key)
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&'v Value) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        self.take(key).map(read).transpose().map_err(|why| self.wrong(key, why))
    }

    fn wanted<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&'v Value) -> Result<T, String>,
    ) -> Result<T, String> {
        self.read(key, read)?.ok_or_else(|| self.wrong(key, "it is missing"))
    }

    fn wrong(&self, key: &str, why: impl Into<String>) -> String {
        let why = why.into();
        match key {
            "" => match self.place.strip_suffix('.') {
                Some(place) => format!("{place}: {why}"),
                None => format!("{}{why}", self.place),
            },
            key => format!("{}{key}: {why}", self.place),
        }
    }

    /// Refuses what was not asked for.
    fn end(&self) -> Result<(), String> {
        let Some(stranger) = self.map.keys().find(|key| !self.asked.contains(&key.as_str())) else {
            return Ok(());
        };
        let likeness = |known: &&&str| strsim::jaro_winkler(stranger, known);
        let nearest = self.asked.iter().filter(|known| likeness(known) > 0.7);
        let nearest = nearest.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let stranger = crate::brief::cut(stranger, 40);
        Err(self.wrong(
            "",
            match nearest {
                Some(nearest) => format!("there is no key {stranger}: is {nearest} meant?"),
                None => format!("there is no key {stranger}: here are {}", self.asked.join(", ")),
            },
        ))
    }

    /// The same where the kind of metric is not known, and so not all keys: only what is like one of these is told.
    fn stranger(&mut self, kinds: &[&'static str]) -> Result<(), String> {
        let near = |key: &String| kinds.iter().any(|known| strsim::jaro_winkler(key, known) > 0.85);
        if !self.map.keys().any(near) {
            return Ok(());
        }
        self.asked.extend(kinds);
        self.end()
    }
}
