//! Calls, and what they are with upstream's defaults.

use std::collections::BTreeSet;

use std::time::Duration;

use serde_json::{Value, json};

use super::call;
use crate::experiment::{
    ActivityKind, Fault, FaultRoute, Function, LogsOf, Mode, Moment, Order, PodProbe, Unknown, Values,
    WorkloadCheck,
};

#[allow(clippy::needless_pass_by_value, reason = "the tables read better")]
fn read(path: &str, arguments: Value) -> Result<Function, String> {
    Function::read(&call(path, &arguments), &Values::default()).map_err(|unknown| match unknown {
        Unknown::Argument(why) | Unknown::Name { why, .. } => why,
    })
}

fn back(seconds: u64) -> Moment {
    Moment::Back(Duration::from_secs(seconds))
}

#[test]
fn moments_are_read_or_refused() {
    for (text, expected) in [
        ("30s", back(30)),
        ("10 minutes", back(600)),
        ("5 minutes ago", back(300)),
        ("1 hour 30 min", back(5400)),
        ("1h, 2m ago", back(3720)),
        (" Now ", back(0)),
        ("2 Days", back(172_800)),
        ("2026-11-28T16:00:00Z", Moment::At("2026-11-28T16:00:00Z".parse().unwrap())),
    ] {
        assert_eq!(Moment::read(text), Ok(expected), "{text}");
    }
    for text in ["", "30", "yesterday", "5 parsecs", "-5s", "40 days", "99999999999999999999s", "s"] {
        assert!(Moment::read(text).is_err(), "{text}");
    }
    let told = read("chaosk8s.pod.probes.read_pod_logs", json!({"name": "a", "last": "soon"}));
    assert_eq!(
        told,
        Err("argument 'last': 'soon' is not a time: write for example 30s, 10 minutes, or 2026-11-28T16:00:00Z".into())
    );
}

#[test]
fn names_are_searched_for_the_pattern() {
    let path = "chaosk8s.pod.actions.terminate_pods";
    let Ok(Function::TerminatePods { pick, .. }) = read(path, json!({"name_pattern": "b[0-9]$"})) else {
        panic!()
    };
    assert!(pick.candidates.has_name("a-b7") && !pick.candidates.has_name("a-b7x"));
    assert_eq!(
        read(path, json!({"name_pattern": "(?=a)"})),
        Err("argument 'name_pattern': the pattern has look-ahead (?=...), which is not supported".into())
    );
}

#[test]
fn pods_are_picked_as_chaosk8s_picks_them() {
    let Ok(Function::TerminatePods { pick, grace_period }) =
        read("chaosk8s.pod.actions.terminate_pods", json!({}))
    else {
        panic!()
    };
    assert_eq!((pick.candidates.namespace.as_str(), pick.quantity, grace_period), ("default", 1, None));
    assert_eq!(
        (pick.all, pick.random, pick.mode, pick.order),
        (false, false, Mode::Fixed, Order::Alphabetic)
    );
    assert_eq!((pick.count(0), pick.count(5)), (0, 1));
    let arguments = json!({"qty": "34", "mode": "percentage", "order": "oldest", "grace_period": 0, "rand": "true", "label_selector": ""});
    let Ok(Function::TerminatePods { pick, grace_period }) =
        read("chaosk8s.pod.actions.terminate_pods", arguments)
    else {
        panic!()
    };
    assert_eq!((pick.count(3), pick.count(0), pick.random, grace_period), (2, 0, true, Some(0)));
    assert_eq!(pick.candidates.label_selector, None);
    let Ok(Function::TerminatePods { pick, .. }) =
        read("chaosk8s.pod.actions.delete_pods", json!({"name": "^a", "ns": "x"}))
    else {
        panic!()
    };
    assert_eq!(
        (pick.candidates.name_pattern.as_deref(), pick.candidates.namespace.as_str()),
        (Some("^a"), "x")
    );
    for (arguments, why) in [
        (json!({"qty": -1}), "argument 'qty' has to be 0 or more"),
        (json!({"qty": "x"}), "argument 'qty' has to be a whole number, and it is \"x\""),
        (json!({"qty": 1.5}), "argument 'qty' has to be a whole number, and it is 1.5"),
        (json!({"mode": "some"}), "argument 'mode' has to be fixed or percentage"),
        (json!({"order": "new"}), "argument 'order' has to be alphabetic or oldest"),
        (json!({"all": 1}), "argument 'all' has to be true or false, and it is 1"),
        (json!({"ns": ["a"]}), "argument 'ns' has to be a text, and it is [\"a\"]"),
        (json!({"label_selecter": "a=b"}), "there is no argument 'label_selecter': is label_selector meant?"),
    ] {
        assert_eq!(read("chaosk8s.pod.actions.terminate_pods", arguments), Err(why.into()));
    }
}

#[test]
fn commands_in_pods_are_split_as_a_shell_does() {
    let path = "chaosk8s.pod.actions.exec_in_pods";
    let Ok(Function::ExecInPods(exec)) =
        read(path, json!({"cmd": "sh -c 'kill 1'", "container_name": "web"}))
    else {
        panic!()
    };
    assert_eq!(
        (exec.command, exec.request_timeout),
        (vec!["sh".to_owned(), "-c".into(), "kill 1".into()], 60)
    );
    assert_eq!(read(path, json!({})), Err("argument 'cmd' is missing".into()));
    assert_eq!(
        read(path, json!({"cmd": "a 'b"})),
        Err("argument 'cmd' has a quotation mark without its other half".into())
    );
}

#[test]
fn probes_of_pods_have_upstreams_defaults() {
    let Ok(Function::Pods(PodProbe::InPhase { phase, raises, pods })) =
        read("chaosk8s.pod.probes.pods_in_phase", json!({"label_selector": "a=b"}))
    else {
        panic!()
    };
    assert_eq!((phase.as_str(), raises, pods.namespace.as_str()), ("Running", true, "default"));
    assert_eq!(
        read("chaosk8s.pod.probes.pods_in_phase", json!({})),
        Err("argument 'label_selector' is missing".into())
    );
    let Ok(Function::Pods(PodProbe::Count { pods, phase })) =
        read("chaosk8s.pod.probes.count_pods", json!({"label_selector": ""}))
    else {
        panic!()
    };
    assert_eq!((pods.label_selector, phase), (None, None));
    let logs = read("chaosk8s.pod.probes.read_pod_logs", json!({"name": "web"}));
    let expected = LogsOf {
        namespace: "default".into(),
        label_selector: Some("name in (web)".into()),
        last: None,
        from_previous: false,
        container_name: None,
    };
    assert_eq!(logs, Ok(Function::ReadLogs(expected)));
    assert_eq!(
        read("chaosk8s.pod.probes.read_pod_logs", json!({})),
        Err("argument 'name' or 'label_selector' is missing".into())
    );
    let conditions = json!({"label_selector": "a", "conditions": [{"type": "Ready", "status": true}]});
    let Ok(Function::Pods(PodProbe::InConditions { conditions, .. })) =
        read("chaosk8s.pod.probes.pods_in_conditions", conditions)
    else {
        panic!()
    };
    assert_eq!((conditions[0].kind.as_str(), conditions[0].status.as_str()), ("Ready", "True"));
}

#[test]
fn workloads_and_services_are_read() {
    let Ok(Function::Workload(probe)) =
        read("chaosk8s.statefulset.probes.statefulset_fully_available", json!({"name": "db"}))
    else {
        panic!()
    };
    assert_eq!((probe.check, probe.timeout, probe.raises), (WorkloadCheck::FullyAvailable, 30, true));
    let Ok(Function::Scale { replicas, .. }) =
        read("chaosk8s.actions.scale_microservice", json!({"name": "a", "replicas": "0"}))
    else {
        panic!()
    };
    assert_eq!(replicas, 0);
    let path = "chaosk8s.deployment.actions.scale_deployment";
    assert_eq!(read(path, json!({"name": "a"})), Err("argument 'replicas' is missing".into()));
    assert_eq!(
        read(path, json!({"name": "a", "replicas": -1})),
        Err("argument 'replicas' has to be 0 or more".into())
    );
    let Ok(Function::ServiceExists { label_selector, name, .. }) =
        read("chaosk8s.probes.service_endpoint_is_initialized", json!({"name": "web"}))
    else {
        panic!()
    };
    assert_eq!((label_selector, name.as_deref()), (None, Some("web")));
    let Ok(Function::Delete(delete)) = read("chaosk8s.actions.kill_microservice", json!({"name": "web"}))
    else {
        panic!()
    };
    assert_eq!(delete.deleted.words(), "Deployments, ReplicaSets and pods");
}

#[test]
fn policies_faults_and_queries_are_those_of_upstream() {
    let Ok(Function::Network(network)) =
        read("chaosk8s.networking.actions.deny_all_ingress", json!({"label_selectors": {"app": "x"}}))
    else {
        panic!()
    };
    assert_eq!(network.direction.policy(), "chaostoolkit-deny-all-ingress");
    assert_eq!(
        network.spec(),
        json!({"podSelector": {"matchLabels": {"app": "x"}}, "policyTypes": ["Ingress"], "ingress": []})
    );
    let arguments = json!({"virtual_service_name": "v", "fixed_delay": "5s", "percentage": 50, "routes": [{"destination": {"host": "h", "subset": "s"}}]});
    let Ok(Function::VirtualService(service)) = read("chaosistio.fault.actions.add_delay_fault", arguments)
    else {
        panic!()
    };
    assert_eq!(service.routes, [FaultRoute { host: "h".into(), subset: Some("s".into()) }]);
    let Fault::Set(fault) = service.fault else { panic!() };
    assert_eq!(Value::Object(fault), json!({"delay": {"fixedDelay": "5s", "percentage": {"value": 50.0}}}));
    assert!(
        read("chaosistio.fault.actions.unset_fault", json!({"virtual_service_name": "v", "routes": []}))
            .is_err()
    );
    let Ok(Function::Prometheus(query)) = read(
        "chaosprometheus.probes.query_interval",
        json!({"query": "up", "start": "5 minutes ago", "end": "now"}),
    ) else {
        panic!()
    };
    assert_eq!(query.range, Some((back(300), back(0), 1)));
}

#[test]
fn the_old_modules_have_the_functions_that_they_import_and_no_others() {
    for (path, arguments) in [
        ("chaosk8s.probes.deployment_available_and_healthy", json!({"name": "a"})),
        ("chaosk8s.probes.deployment_is_fully_available", json!({"name": "a"})),
        ("chaosk8s.probes.microservice_is_not_available", json!({"name": "a"})),
        ("chaosk8s.probes.read_microservices_logs", json!({"name": "a"})),
        ("chaosk8s.actions.delete_pods", json!({"name": "a"})),
    ] {
        assert!(read(path, arguments).is_ok(), "{path}");
    }
    for (path, why) in [
        (
            "chaosk8s.pod.actions.count_pods",
            "chaosk8s.pod.actions.count_pods is not a function that is run here",
        ),
        (
            "chaosk8s.pod.actions.terminate_pod",
            "chaosk8s.pod.actions.terminate_pod is not a function that is run here: is terminate_pods meant?",
        ),
        (
            "chaosk8s.actions.start_microservice",
            "chaosk8s.actions.start_microservice is not a function that is run here",
        ),
        (
            "chaosk8s.crd.actions.delete_custom_object",
            "chaosk8s.crd.actions.delete_custom_object is not a function that is run here",
        ),
        (
            "chaosk8s.deployment.probes.all_microservices_healthy",
            "chaosk8s.deployment.probes.all_microservices_healthy is not a function that is run here",
        ),
    ] {
        assert_eq!(read(path, json!({"name": "a", "label_selector": "a"})), Err(why.into()));
    }
}

#[test]
fn what_acts_is_known_whatever_the_file_calls_it() {
    let kinds: BTreeSet<bool> = [
        ("chaosk8s.node.actions.drain_nodes", json!({"anything": 1})),
        ("chaosk8s.deployment.actions.rollout_deployment", json!({"name": "a"})),
        ("chaosk8s.networking.actions.remove_allow_dns_access", json!({})),
        ("chaosk8s.namespace.actions.delete_namespace", json!({"name": "a"})),
    ]
    .into_iter()
    .map(|(path, arguments)| read(path, arguments).unwrap().kind() == ActivityKind::Action)
    .collect();
    assert_eq!(kinds, BTreeSet::from([true]));
    let look = read("chaosistio.fault.probes.get_virtual_service", json!({"virtual_service_name": "v"}));
    assert_eq!(look.unwrap().kind(), ActivityKind::Probe);
}
