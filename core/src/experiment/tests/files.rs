//! Files as they are found in public: what is decided of each before anything is written.

use std::time::Duration;

use super::{Danger, Experiment, Given, Terms, Values, findings, found, values, variable};
use crate::error::Kind;
use crate::experiment::{
    FindingKind, Function, HypothesisStrategy, Moment, PodProbe, Provider, RollbackStrategy, SettingSource,
    Tolerance, refusal,
};

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../../../tests/fixtures/chaos/", $name)))),+]
    };
}

const FILES: [(&str, &str); 22] = files![
    "01-seed-shape.json",
    "02-label-from-env.json",
    "03-no-version-no-ns.json",
    "04-host-header.yaml",
    "05-percentage-oldest-pattern.json",
    "06-scale-to-zero-and-back.yaml",
    "07-refs.yaml",
    "08-drain.json",
    "09-istio-delay.json",
    "10-deny-ingress.json",
    "11-prometheus-jsonpath.json",
    "12-load-in-background.json",
    "13-deprecated-names.json",
    "14-foreign-module.json",
    "15-wrong-argument.json",
    "16-duplicate-keys.yaml",
    "17-conditions.yaml",
    "18-tolerances.json",
    "19-runtime.json",
    "20-logs-as-tolerance.json",
    "21-exec.json",
    "22-no-selector.json",
];

fn file(number: usize) -> Experiment {
    let (name, text) = FILES[number - 1];
    Experiment::read(text, name).unwrap()
}

fn function(experiment: &Experiment, index: usize) -> Function {
    let Provider::Function(call) = &experiment.method[index].provider else { panic!() };
    Function::read(call, &values(experiment)).unwrap()
}

#[test]
fn each_file_is_run_or_refused_for_what_is_in_it() {
    use Danger::{All, Exec, Namespace, Network, NoSelector, Node, Scale};
    let expected: [(usize, &str, &[Danger], u8); 21] = [
        (1, "default", &[], 0),
        (2, "default", &[], 0),
        (3, "default", &[], 0),
        (3, "shop", &[Namespace], 8),
        (4, "shop", &[], 0),
        (5, "default", &[], 0),
        (6, "default", &[Scale, Scale], 8),
        (7, "default", &[], 0),
        (8, "default", &[Node, Node], 8),
        (9, "shop", &[Network], 8),
        (10, "default", &[Network], 8),
        (12, "default", &[], 0),
        (13, "default", &[], 0),
        (17, "default", &[], 0),
        (18, "default", &[], 0),
        (19, "default", &[], 0),
        (20, "default", &[], 0),
        (21, "default", &[Exec], 8),
        (22, "default", &[NoSelector, All], 8),
        (22, "shop", &[NoSelector, All, Namespace], 8),
        (14, "default", &[], 2),
    ];
    for (number, namespace, dangers, code) in expected {
        let experiment = file(number);
        let found = found(&experiment, namespace, &[]);
        let told: Vec<Danger> = found
            .iter()
            .filter_map(|finding| match finding.kind {
                FindingKind::Dangerous(danger) => Some(danger),
                FindingKind::Invalid => None,
            })
            .collect();
        assert_eq!(told, dangers, "{number}: {found:?}");
        let error = refusal(&experiment.file, &found);
        assert_eq!(error.as_ref().map_or(0, |error| error.kind.exit_code()), code, "{number}: {error:?}");
    }
}

#[test]
fn what_is_allowed_is_not_told_except_what_never_is() {
    assert_eq!(found(&file(6), "default", &[Danger::Scale]), []);
    assert_eq!(found(&file(21), "default", &Danger::ALL).len(), 1);
    assert_eq!(found(&file(10), "default", &[Danger::Network]), []);
    assert_eq!(found(&file(22), "default", &[Danger::NoSelector, Danger::All]), []);
    assert_eq!(found(&file(3), "shop", &[Danger::Namespace]), []);
    assert_eq!(found(&file(8), "default", &Danger::ALL).len(), 2);
    assert_eq!(found(&file(21), "default", &Danger::ALL).len(), 1);
}

#[test]
fn refusals_name_file_line_activity_and_function() {
    let error = |number: usize| {
        let experiment = file(number);
        refusal(&experiment.file, &found(&experiment, "default", &[])).unwrap()
    };
    assert_eq!(
        error(14).message,
        "14-foreign-module.json:6: activity 'stop': chaosaws.ec2.actions.stop_instance is Python code, and none is run \
         here: only functions of chaosk8s, chaosistio.fault and chaosprometheus"
    );
    assert_eq!(
        error(15).message,
        "15-wrong-argument.json:6: activity 'end' (chaosk8s.pod.actions.terminate_pods): there is no argument 'count': \
         known are label_selector, name_pattern, ns, mode, order, qty, all, rand, grace_period"
    );
    let drain = error(8);
    assert_eq!(
        drain.message,
        "08-drain.json:31: activity 'drain' (chaosk8s.node.actions.drain_nodes): it needs rights of the whole cluster \
         (list nodes, patch nodes, list pods -A, create pods/eviction -A), which a run never uses (and 1 more)"
    );
    assert_eq!(drain.next, ["kubectl rollout-plus chaos check 08-drain.json"]);
    let image = error(11);
    assert_eq!((image.kind, image.next.len()), (Kind::Usage, 2));
    assert_eq!(image.next[0], "kubectl rollout-plus canary frontend --image shop/web:v4 --chaos FILE");
    assert!(image.message.contains("activity 'roll': chaosk8s.deployment.actions.set_deployment_image"));
}

#[test]
fn keys_that_are_there_twice_are_refused_with_their_line() {
    let (name, text) = FILES[15];
    let error = Experiment::read(text, name).unwrap_err();
    assert_eq!(error.message, "16-duplicate-keys.yaml:6: the key 'method' is there twice");
    assert_eq!(error.kind.exit_code(), 2);
    let json = "{\n\"title\": \"t\",\n \"method\": [],\n \"title\": \"u\"}";
    assert_eq!(
        Experiment::read(json, "e.json").unwrap_err().message,
        "e.json:4: the key 'title' is there twice"
    );
    let deep = "{\"title\": \"t\", \"method\": [\n{\"a\": 1, \"b\": {\"c\":1,\n\"\\u0063\":2}}]}";
    assert_eq!(Experiment::read(deep, "e.json").unwrap_err().message, "e.json:3: the key 'c' is there twice");
}

#[test]
fn old_names_mean_what_they_meant() {
    let experiment = file(13);
    let read = |index: usize| {
        let probe = &experiment.hypothesis.as_ref().unwrap().probes[index];
        let Provider::Function(call) = &probe.provider else { panic!() };
        Function::read(call, &values(&experiment)).unwrap()
    };
    let healthy = PodProbe::AllHealthy { namespace: "default".into(), raises: true };
    assert_eq!(read(0), Function::Pods(healthy));
    let Function::Workload(probe) = read(1) else { panic!() };
    assert_eq!((probe.name.as_str(), probe.namespace.as_str(), probe.raises), ("frontend", "default", true));
    let Function::ReadLogs(logs) = function(&experiment, 0) else { panic!() };
    assert_eq!(
        (logs.label_selector.as_deref(), logs.last),
        (Some("run=frontend"), Some(Moment::Back(Duration::from_secs(20))))
    );
}

#[test]
fn references_are_what_they_name_with_a_tolerance_of_their_own() {
    let experiment = file(7);
    let probes = &experiment.hypothesis.as_ref().unwrap().probes;
    assert_eq!(probes.len(), 3);
    assert!(
        probes.iter().all(|probe| probe.name == "answers" && probe.tolerance == Some(Tolerance::Whole(200)))
    );
    assert_eq!(probes.iter().map(|probe| probe.line).collect::<Vec<_>>(), [9, 10, 11]);
    assert_eq!((experiment.method[1].name.as_str(), experiment.method[1].line), ("answers", 16));
    assert_eq!(experiment.rollbacks[0].document, probes[0].document);
}

#[test]
fn what_the_files_say_besides_is_read() {
    let runtime = file(19).runtime;
    assert_eq!(runtime.hypothesis, Some(HypothesisStrategy::Continuously));
    assert_eq!(runtime.rollbacks, Some(RollbackStrategy::Always));
    let load = &file(12).method;
    assert!(load[0].background && !load[1].background);
    let SettingSource::Environment { default, .. } = &file(2).configuration[2].source else { panic!() };
    assert_eq!(default.as_ref().unwrap(), "default");
    let Function::TerminatePods { pick, grace_period } = function(&file(5), 0) else { panic!() };
    assert_eq!((pick.count(3), pick.count(100), grace_period), (2, 34, Some(0)));
    assert_eq!(pick.candidates.name_pattern.as_deref(), Some("^frontend-[a-z0-9]+"));
    let probe = &file(20).hypothesis.unwrap().probes[0];
    assert_eq!(probe.tolerance.as_ref().unwrap().probe().unwrap().name, "search");
}

#[test]
fn the_example_is_for_the_sample_and_nothing_of_it_is_refused() {
    let text = include_str!("../../../../examples/chaos/experiment.json");
    let experiment = Experiment::read(text, "experiment.json").unwrap();
    assert_eq!(found(&experiment, "default", &[]), []);
    let given =
        |key: &str| (key == "FRONTEND_NAMESPACE").then(|| "shop".to_owned()).or_else(|| variable(key));
    let values = Values::load(&experiment, &Given::default(), given).unwrap();
    let terms = Terms { namespace: "shop".into(), ..Terms::default() };
    assert_eq!(findings(&experiment, &values, &terms), []);
    // Its labels are those of the sample's pods.
    let Function::TerminatePods { pick, .. } = function(&experiment, 0) else { panic!() };
    let labels = pick.candidates.label_selector.unwrap().replace('=', ": ");
    let sample = include_str!("../../../../testbed/shop.yaml").split("\n---\n").next().unwrap();
    assert_eq!(sample.matches(&labels).count(), 3, "{labels}");
}
