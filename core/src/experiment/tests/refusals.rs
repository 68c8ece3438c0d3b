//! What is refused or dangerous, besides what the files of the fixtures have.

use super::{found, with, yaml};
use crate::experiment::{Danger, FindingKind, refusal};

/// An experiment whose method has this function.
fn method(path: &str, arguments: &str) -> String {
    with(&format!("method:\n{}", activity("action", path, arguments)))
}

fn activity(kind: &str, path: &str, arguments: &str) -> String {
    let (module, func) = path.rsplit_once('.').unwrap();
    format!(
        "- {{type: {kind}, name: a, tolerance: true, provider: {{type: python, module: {module}, func: {func}, arguments: {arguments}}}}}"
    )
}

#[test]
fn each_danger_is_told_and_allowed_by_its_name() {
    for (path, arguments, danger) in [
        (
            "chaosk8s.pod.actions.terminate_pods",
            "{label_selector: a, mode: percentage, qty: 51}",
            Danger::All,
        ),
        ("chaosk8s.pod.actions.terminate_pods", "{ns: default}", Danger::NoSelector),
        ("chaosk8s.pod.actions.delete_pods", "{}", Danger::NoSelector),
        ("chaosk8s.networking.actions.deny_all_egress", "{label_selectors: {app: a}}", Danger::Network),
        ("chaosk8s.networking.actions.remove_deny_all_egress", "{ns: x}", Danger::Namespace),
        ("chaosk8s.statefulset.actions.scale_statefulset", "{name: db, replicas: 1}", Danger::Scale),
        ("chaosk8s.deployment.actions.rollout_deployment", "{name: web}", Danger::Restart),
        ("chaosk8s.pod.actions.exec_in_pods", "{cmd: ls, name_pattern: a}", Danger::Exec),
        ("chaosk8s.deployment.actions.delete_deployment", "{name: web}", Danger::Delete),
        ("chaosk8s.namespace.actions.delete_namespace", "{name: web}", Danger::Delete),
        ("chaosk8s.node.actions.cordon_node", "{whatever: 1}", Danger::Node),
    ] {
        let experiment = yaml(&method(path, arguments));
        let told: Vec<FindingKind> =
            found(&experiment, "default", &[]).into_iter().map(|found| found.kind).collect();
        assert_eq!(told, [FindingKind::Dangerous(danger)], "{path} {arguments}");
        let allowed = found(&experiment, "default", &[danger]);
        assert_eq!(allowed.is_empty(), danger.allow().is_some(), "{path}");
        assert_eq!(danger.allow().map(Danger::read), danger.allow().map(|_| Ok(danger)));
    }
    for (path, arguments) in [
        ("chaosk8s.pod.actions.terminate_pods", "{label_selector: a, mode: percentage, qty: 50}"),
        ("chaosk8s.pod.probes.count_pods", "{label_selector: a, ns: other}"),
        ("chaosk8s.networking.actions.remove_allow_dns_access", "{}"),
    ] {
        assert_eq!(found(&yaml(&method(path, arguments)), "default", &[]), [], "{path}");
    }
    assert_eq!(
        Danger::read("node"),
        Err("'node' is none of no-selector, all, namespace, scale, restart, network".into())
    );
}

#[test]
fn all_that_can_be_allowed_is_named_in_one_line() {
    let next = |text: &str| refusal("e.yaml", &found(&yaml(text), "shop", &[])).unwrap().next;
    let both = method("chaosk8s.pod.actions.terminate_pods", "{all: true, label_selector: a}");
    assert_eq!(
        next(&both),
        ["--allow all --allow namespace if that is meant", "kubectl rollout-plus chaos check e.yaml"]
    );
    let never = method("chaosk8s.deployment.actions.delete_deployment", "{name: web, ns: shop}");
    assert!(next(&never).is_empty());
}

#[test]
fn a_function_is_refused_where_it_means_nothing() {
    let probe = |path: &str, arguments: &str| {
        let probe = activity("probe", path, arguments).replace('\n', " ");
        let text = with(&format!("method: []\nsteady-state-hypothesis:\n  title: h\n  probes:\n  {probe}"));
        found(&yaml(&text), "default", &[])
    };
    let acts = probe("chaosk8s.pod.actions.terminate_pods", "{label_selector: a}");
    assert!(acts[0].message.ends_with("it changes something, and only looks are allowed here"), "{acts:?}");
    let search = probe("chaosk8s.pod.probes.should_be_found_in_logs", "{pattern: a}");
    assert!(
        search[0].message.ends_with("it is for the tolerance of read_pod_logs, and has no logs elsewhere"),
        "{search:?}"
    );
    let nodes = probe("chaosk8s.node.probes.get_nodes", "{}");
    assert_eq!(nodes[0].kind, FindingKind::Dangerous(Danger::Node), "{nodes:?}");
    let judge = "tolerance: {type: probe, name: j, provider: {type: python, module: chaosk8s.pod.probes, func: all_pods_healthy}}";
    let text = format!(
        "method: []\nsteady-state-hypothesis:\n  title: h\n  probes:\n  - {{type: probe, name: p, provider: {{type: http, url: u}}, {judge}}}"
    );
    let judges = found(&yaml(&with(&text)), "default", &[]);
    assert!(
        judges[0].message.ends_with("it takes no argument 'value', so it cannot be a tolerance"),
        "{judges:?}"
    );
}

#[test]
fn what_variables_make_wrong_is_found_before_the_run() {
    let text = with(
        "configuration: {p: '(', path: 'x', t: soon, w: -1}\nsteady-state-hypothesis:\n  title: h\n  probes:\n  - {type: probe, name: a, provider: {type: http, url: u, timeout: '${t}'}, tolerance: {type: regex, pattern: '${p}'}}\n  - {type: probe, name: b, provider: {type: http, url: u}, tolerance: {type: jsonpath, path: '${path}'}}\nmethod:\n- {type: action, name: c, pauses: {after: '${w}'}, provider: {type: process, path: p, timeout: '${t}'}}",
    );
    let told: Vec<(u64, bool)> = found(&yaml(&text), "default", &[])
        .iter()
        .map(|finding| (finding.line, finding.kind == FindingKind::Invalid))
        .collect();
    assert_eq!(told, [(7, true), (7, true), (8, true), (10, true), (10, true)]);
}
