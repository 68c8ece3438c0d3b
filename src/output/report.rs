//! The run told again in a file: `--report junit=FILE,json=FILE,markdown=FILE`.

mod junit;
mod markdown;

use serde_json::Value;

use crate::cli::{Report, ReportForm};
use crate::error::Error;
use crate::output::whole;

/// Writes a report, from the same events that `-o json` prints. It appears whole or not at all.
pub(super) fn write(report: &Report, events: &[Value]) -> Result<(), Error> {
    let text = match report.form {
        ReportForm::Json => serde_json::to_string_pretty(events).unwrap_or_default(),
        ReportForm::Junit => junit::render(events),
        ReportForm::Markdown => markdown::render(events),
    };
    whole::write(&report.path, &format!("{}\n", text.trim_end())).map_err(|error| unwritable(report, &error))
}

/// Finds out before a run whether its report can be written.
pub(super) fn check(report: &Report) -> Result<(), Error> {
    whole::check(&report.path).map_err(|error| unwritable(report, &error))
}

fn unwritable(report: &Report, error: &std::io::Error) -> Error {
    Error::usage(format!("write the report {}: {error}", report.path.display()))
}

/// Returns the workloads that events are about, in their order, each with its events.
pub(super) fn by_workload(events: &[Value]) -> Vec<(String, Vec<&Value>)> {
    let mut found: Vec<(String, Vec<&Value>)> = Vec::new();
    for event in events {
        let part = |name: &str| event["workload"][name].as_str().unwrap_or_default();
        let name = if event["workload"].is_null() {
            // What is told about all of several.
            "all".to_owned()
        } else {
            format!("{}/{}", part("namespace"), part("name"))
        };
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, events)) => events.push(event),
            None => found.push((name, vec![event])),
        }
    }
    found
}

pub(super) fn of_type<'a>(events: &[&'a Value], type_: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == type_).copied().collect()
}

/// Returns the proof of a failure as lines, escaped for a terminal and so for any reader.
pub(super) fn evidence(event: &Value) -> Vec<String> {
    let evidence: Vec<String> = ["pod", "container", "image", "state", "limits"]
        .iter()
        .filter(|name| !event[**name].is_null())
        .map(|name| {
            let value = &event[*name];
            value.as_str().map_or_else(|| format!("{name}: {value}"), |text| format!("{name}: {text}"))
        })
        .collect();
    let mut lines = evidence;
    for (title, list) in
        [("events", "events"), ("log before the last restart", "previousLog"), ("log", "log")]
    {
        let block: Vec<&str> =
            event[list].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !block.is_empty() {
            lines.push(format!("{title}:"));
            lines.extend(block.iter().map(|line| format!("  {line}")));
        }
    }
    lines.iter().map(|line| super::safe::safe(line)).collect()
}

#[cfg(test)]
pub(super) fn example() -> Vec<Value> {
    use serde_json::json;
    let workload = json!({"namespace": "shop", "kind": "Deployment", "name": "web"});
    vec![
        json!({"type": "step", "text": "hold at 10 %", "workload": workload, "time": "2026-01-01T00:00:00Z"}),
        json!({"type": "verdict", "reason": "CrashLoopBackOff", "class": "version", "message": "exit code 3 <&> ]]>", "workload": workload}),
        json!({"type": "evidence", "pod": "web-1", "container": "web", "log": ["a | b", "\u{1b}[31m``` red"], "workload": workload}),
        json!({"type": "finished", "exitCode": 1, "error": {"message": "it failed", "next": []}, "seconds": 3.5, "workload": workload}),
    ]
}

/// Events of a canary that had to stand a fault and an experiment, as they are told.
#[cfg(test)]
pub(super) fn tried() -> Vec<Value> {
    use serde_json::json;

    use crate::chaos::{Fault, Group, Tally, Trial};
    use crate::event::{Event, Experimented};
    use crate::experiment::{Told, ToldState};
    let mut users = Tally::default();
    users.note(80, None);
    users.note(90, Some("http://shop.example/ answered 503 instead of 200 <&>".into()));
    let held = Trial {
        fault: Fault::KillPods,
        group: Group::Stable,
        noun: "stable pod".into(),
        victims: vec!["web-1".into()],
        recovered: Some(std::time::Duration::from_millis(3240)),
        limit: std::time::Duration::from_secs(60),
        stuck: None,
        experiment: Tally::default(),
        control: None,
        users: Tally::default(),
    };
    let canary = Trial { group: Group::Canary, noun: "canary pod".into(), ..held.clone() };
    let deviated = Trial { users: users.clone(), recovered: None, ..canary.clone() };
    let environment = Trial { control: Some(users), ..canary };
    let told = |part, kind, name: &str, state, text: &str| Told {
        part,
        kind,
        name: name.into(),
        state,
        text: text.into(),
        seconds: 0.5,
    };
    let activities = vec![
        told("hypothesis", "probe", "answers", ToldState::Failed, "after the method: status 503"),
        told("method", "action", "end | one", ToldState::Good, "[\"web-1\"]"),
        told("method", "probe", "logs", ToldState::Unknown, "no log yet"),
    ];
    let failed = Err(Error::new(crate::error::Kind::VersionFailed, "e.json: deviated: answers: status 503"));
    let mut done = Experimented::new(("e.json", "Do users *notice*?"), &failed, activities);
    done.left_out = 2;
    let all = [
        Event::Fault(Box::new(held.into())),
        Event::Fault(Box::new(deviated.into())),
        Event::Fault(Box::new(environment.into())),
        Event::Experiment(Box::new(done)),
        Event::Finished {
            exit_code: 1,
            error: failed.as_ref().err().map(Into::into),
            status: None,
            seconds: 9.0,
        },
    ];
    let stamp = |event: &Event| {
        let mut event = serde_json::to_value(event).unwrap();
        event["workload"] = json!({"namespace": "shop", "kind": "Deployment", "name": "web"});
        event["time"] = "2026-01-01T00:00:00Z".into();
        event
    };
    all.iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.json");
        write(&Report { form: ReportForm::Json, path: path.clone() }, &example()).unwrap();
        let read: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(read, example());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(write(&Report { form: ReportForm::Json, path: "/no/such/folder/x".into() }, &[]).is_err());
    }
}
