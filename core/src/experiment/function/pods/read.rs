//! Reads the calls of both modules.

use serde_json::Value;

use super::{Candidates, Condition, ExecInPods, LogsOf, Mode, Order, Pick, PodProbe};
use crate::experiment::arguments::Arguments;
use crate::experiment::function::{Function, Read, selector};
use crate::experiment::{python, tolerance};

pub(in super::super) fn read(func: &str, arguments: &mut Arguments<'_>) -> Read {
    let read = match func {
        "terminate_pods" => {
            let pick = pick(arguments)?;
            let grace = arguments.whole("grace_period")?.unwrap_or(-1);
            Function::TerminatePods { pick, grace_period: u64::try_from(grace).ok() }
        }
        "delete_pods" => {
            let name_pattern = pattern(arguments, "name")?;
            let candidates = Candidates {
                namespace: arguments.namespace()?,
                label_selector: selector(arguments)?,
                name_pattern,
            };
            let pick = Pick {
                candidates,
                all: false,
                random: false,
                mode: Mode::Fixed,
                quantity: 1,
                order: Order::Alphabetic,
            };
            Function::TerminatePods { pick, grace_period: None }
        }
        "exec_in_pods" => Function::ExecInPods(exec(arguments)?),
        "read_pod_logs" | "read_microservices_logs" => {
            let name = arguments.text("name")?;
            Function::ReadLogs(LogsOf {
                label_selector: named_selector(arguments, name.as_deref())?,
                last: arguments.moment("last")?,
                namespace: arguments.namespace()?,
                from_previous: arguments.flag("from_previous", false)?,
                container_name: arguments.text("container_name")?,
            })
        }
        "should_be_found_in_logs" => {
            // The tolerance's own argument: the caller gives it.
            arguments.passed_over("value");
            let pattern = pattern(arguments, "pattern")?.ok_or("argument 'pattern' is missing")?;
            Function::FoundInLogs { pattern, all_containers: arguments.flag("all_containers", true)? }
        }
        other => return Ok(probe(other, arguments)?.map(Function::Pods)),
    };
    Ok(Some(read))
}

fn probe(func: &str, arguments: &mut Arguments<'_>) -> Result<Option<PodProbe>, String> {
    let running = |phase: Option<String>| phase.unwrap_or_else(|| "Running".into());
    Ok(Some(match func {
        "count_pods" => PodProbe::Count {
            pods: wanted(arguments)?,
            phase: arguments.text("phase")?.filter(|phase| !phase.is_empty()),
        },
        "count_min_pods" => {
            let pods = wanted(arguments)?;
            let phase = running(arguments.text("phase")?);
            let least = arguments.whole("min_count")?.unwrap_or(2);
            PodProbe::CountAtLeast { pods, phase, least: u64::try_from(least).unwrap_or_default() }
        }
        "pods_in_phase" => PodProbe::InPhase {
            pods: wanted(arguments)?,
            phase: running(arguments.text("phase")?),
            raises: arguments.flag("raise_on_invalid_phase", true)?,
        },
        "pods_not_in_phase" => PodProbe::NotInPhase {
            pods: wanted(arguments)?,
            phase: running(arguments.text("phase")?),
            raises: arguments.flag("raise_on_in_phase", true)?,
        },
        "pods_in_conditions" => PodProbe::InConditions {
            pods: wanted(arguments)?,
            conditions: conditions(arguments)?,
            raises: arguments.flag("raise_on_invalid_conditions", true)?,
        },
        "pod_is_not_available" | "microservice_is_not_available" => {
            let name = arguments.wanted("name")?;
            let label_selector = named_selector(arguments, Some(&name))?;
            let namespace = arguments.namespace()?;
            let pods = Candidates { namespace, label_selector, name_pattern: None };
            let raises = func != "pod_is_not_available" || arguments.flag("raise_on_is_available", true)?;
            PodProbe::NotAvailable { pods, raises }
        }
        "all_pods_healthy" | "all_microservices_healthy" => {
            let namespace = arguments.namespace()?;
            let raises = func != "all_pods_healthy" || arguments.flag("raise_on_any_unhealthy", true)?;
            PodProbe::AllHealthy { namespace, raises }
        }
        _ => return Ok(None),
    }))
}

fn pick(arguments: &mut Arguments<'_>) -> Result<Pick, String> {
    let candidates = Candidates {
        label_selector: selector(arguments)?,
        name_pattern: pattern(arguments, "name_pattern")?,
        namespace: arguments.namespace()?,
    };
    let mode = match arguments.text("mode")?.as_deref() {
        None | Some("fixed") => Mode::Fixed,
        Some("percentage") => Mode::Percentage,
        Some(_) => return Err("argument 'mode' has to be fixed or percentage".into()),
    };
    let order = match arguments.text("order")?.as_deref() {
        None | Some("alphabetic") => Order::Alphabetic,
        Some("oldest") => Order::Oldest,
        Some(_) => return Err("argument 'order' has to be alphabetic or oldest".into()),
    };
    let quantity = arguments.whole("qty")?.unwrap_or(1);
    let quantity = u64::try_from(quantity).map_err(|_| "argument 'qty' has to be 0 or more")?;
    let (all, random) = (arguments.flag("all", false)?, arguments.flag("rand", false)?);
    Ok(Pick { candidates, all, random, mode, quantity, order })
}

fn exec(arguments: &mut Arguments<'_>) -> Result<ExecInPods, String> {
    let command = match arguments.value("cmd") {
        Some(Value::String(line)) => {
            shlex::split(&line).ok_or("argument 'cmd' has a quotation mark without its other half")?
        }
        Some(Value::Array(words)) => words.iter().map(python::text).collect(),
        Some(_) => return Err("argument 'cmd' has to be a text or a list".into()),
        None => Vec::new(),
    };
    if command.is_empty() {
        return Err("argument 'cmd' is missing".into());
    }
    let timeout = arguments.whole("request_timeout")?.unwrap_or(60);
    Ok(ExecInPods {
        command,
        pick: pick(arguments)?,
        container_name: arguments.text("container_name")?.filter(|name| !name.is_empty()),
        request_timeout: u64::try_from(timeout)
            .ok()
            .filter(|seconds| (1..=3600).contains(seconds))
            .ok_or("argument 'request_timeout' has to be 1 to 3600 seconds")?,
    })
}

/// Reads pods that a selector names; it is wanted, and may be empty.
fn wanted(arguments: &mut Arguments<'_>) -> Result<Candidates, String> {
    let label_selector = arguments.text("label_selector")?.ok_or("argument 'label_selector' is missing")?;
    Ok(Candidates {
        namespace: arguments.namespace()?,
        label_selector: Some(label_selector).filter(|selector| !selector.trim().is_empty()),
        name_pattern: None,
    })
}

/// Reads a selector that may hold `{name}`; its default is `name in ({name})`.
fn named_selector(arguments: &mut Arguments<'_>, name: Option<&str>) -> Result<Option<String>, String> {
    let given = arguments.text("label_selector")?;
    match (given, name) {
        (Some(given), name) if !given.contains("{name}") || name.is_some() => {
            let selector = given.replace("{name}", name.unwrap_or_default());
            Ok(Some(selector).filter(|selector| !selector.trim().is_empty()))
        }
        (None, Some(name)) => Ok(Some(format!("name in ({name})"))),
        // With Chaos Toolkit, that asks for pods with the label name=None.
        (Some(_) | None, _) => Err("argument 'name' or 'label_selector' is missing".into()),
    }
}

fn pattern(arguments: &mut Arguments<'_>, name: &'static str) -> Result<Option<String>, String> {
    let pattern = arguments.text(name)?.filter(|pattern| !pattern.is_empty());
    if let Some(pattern) = &pattern {
        tolerance::regex(pattern).map_err(|why| format!("argument '{name}': {why}"))?;
    }
    Ok(pattern)
}

fn conditions(arguments: &mut Arguments<'_>) -> Result<Vec<Condition>, String> {
    let wrong = "argument 'conditions' has to be a list of maps with type and status";
    let list = arguments.list("conditions")?.ok_or(wrong)?;
    let text = |value: &Value| match value {
        // YAML reads True as a flag, and the API server says "True".
        Value::Bool(_) | Value::String(_) => Some(python::text(value)),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let condition = |value: &Value| {
        text(&value["type"]).zip(text(&value["status"])).map(|(kind, status)| Condition { kind, status })
    };
    list.iter().map(|value| condition(value).ok_or_else(|| wrong.to_owned())).collect()
}
