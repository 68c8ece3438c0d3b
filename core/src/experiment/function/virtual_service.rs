//! `chaosistio.fault.actions` and `chaosistio.fault.probes`.

use serde_json::{Map, Value, json};

use super::{Function, Read};
use crate::experiment::arguments::Arguments;

/// A `VirtualService` and what is done to its routes.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualService {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its `apiVersion`.
    pub version: String,
    /// The `spec.http` entries with a route to one of these.
    pub routes: Vec<FaultRoute>,
    /// What is done to them.
    pub fault: Fault,
}

/// A destination of a route; both have to be as they are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRoute {
    /// The host.
    pub host: String,
    /// The subset, if it has one.
    pub subset: Option<String>,
}

/// What is done to routes.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Nothing: the output is status, headers and body of the object.
    Look,
    /// `fault` becomes this.
    Set(Map<String, Value>),
    /// `fault` is removed, of whatever kind it is.
    Unset,
}

impl VirtualService {
    /// Returns the JSON Patch that gives the routes this fault, or none, and the fault that the first of them has. Each operation
    /// goes by the route as it was read.
    pub fn patch(&self, found: &Value, fault: Option<&Value>) -> (Vec<Value>, Option<Value>) {
        let (mut patch, mut before) = (Vec::new(), None);
        let entries = found["spec"]["http"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| self.leads(entry)) {
            let has = entry.get("fault");
            before = before.or_else(|| has.cloned());
            if has == fault {
                continue;
            }
            let path = format!("/spec/http/{index}");
            patch.push(json!({"op": "test", "path": format!("{path}/route"), "value": entry["route"]}));
            let path = format!("{path}/fault");
            patch.push(match fault {
                Some(fault) => json!({"op": "add", "path": path, "value": fault}),
                None => json!({"op": "remove", "path": path}),
            });
        }
        (patch, before)
    }

    /// Whether an entry has a route to one of the destinations.
    fn leads(&self, entry: &Value) -> bool {
        let routes = entry["route"].as_array().map(Vec::as_slice).unwrap_or_default();
        routes.iter().any(|route| {
            let destination = &route["destination"];
            self.routes.iter().any(|wanted| {
                destination["host"] == wanted.host
                    && destination.get("subset").and_then(Value::as_str) == wanted.subset.as_deref()
            })
        })
    }
}

pub(super) fn read(func: &str, arguments: &mut Arguments<'_>) -> Read {
    let fault = match func {
        "get_virtual_service" => Fault::Look,
        "set_fault" => Fault::Set(arguments.map("fault")?.ok_or("argument 'fault' is missing")?),
        "add_delay_fault" => {
            let mut delay = json!({"fixedDelay": arguments.wanted("fixed_delay")?});
            percentage(arguments, &mut delay)?;
            Fault::Set([("delay".to_owned(), delay)].into_iter().collect())
        }
        "add_abort_fault" => {
            let given = arguments.value("http_status").is_some();
            let status = arguments.whole("http_status")?.unwrap_or(503);
            if !given || !(200..=599).contains(&status) {
                return Err("argument 'http_status' has to be a status from 200 to 599".into());
            }
            let mut abort = json!({"httpStatus": status});
            percentage(arguments, &mut abort)?;
            Fault::Set([("abort".to_owned(), abort)].into_iter().collect())
        }
        "unset_fault" | "remove_delay_fault" | "remove_abort_fault" => Fault::Unset,
        _ => return Ok(None),
    };
    let routes = if fault == Fault::Look { Vec::new() } else { routes(arguments)? };
    Ok(Some(Function::VirtualService(VirtualService {
        name: arguments.wanted("virtual_service_name")?,
        namespace: arguments.namespace()?,
        version: arguments.text("version")?.unwrap_or_else(|| "networking.istio.io/v1alpha3".into()),
        routes,
        fault,
    })))
}

/// Without it, every request is meant.
fn percentage(arguments: &mut Arguments<'_>, fault: &mut Value) -> Result<(), String> {
    let Some(percentage) = arguments.number("percentage")? else { return Ok(()) };
    if !(0.0..=100.0).contains(&percentage) {
        return Err("argument 'percentage' has to be 0 to 100".into());
    }
    fault["percentage"] = json!({"value": percentage});
    Ok(())
}

fn routes(arguments: &mut Arguments<'_>) -> Result<Vec<FaultRoute>, String> {
    let wrong = "argument 'routes' has to be a list of maps with a destination that has a host";
    let list = arguments.list("routes")?.ok_or(wrong)?;
    let route = |value: &Value| {
        let destination = &value["destination"];
        let subset = destination["subset"].as_str().map(str::to_owned);
        destination["host"].as_str().map(|host| FaultRoute { host: host.to_owned(), subset })
    };
    let routes: Vec<FaultRoute> =
        list.iter().map(|value| route(value).ok_or(wrong)).collect::<Result<_, _>>()?;
    if routes.is_empty() { Err(wrong.into()) } else { Ok(routes) }
}
