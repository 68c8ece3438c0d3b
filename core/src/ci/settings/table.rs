//! The table of settings. `plugin/docs.md` says what each means; a test holds the two together.

use super::Becomes::{Command, Credential, Each, Everywhere, Joined, Nothing, Option, Refused, Switch};
use super::Of::{Both, Manifests, Rollout};
use super::{Becomes, Setting};

const fn of(name: &'static str, aliases: &'static [&'static str], becomes: Becomes) -> Setting {
    Setting { name, aliases, becomes }
}

const TEMPLATES: &str =
    "manifests are sent as they are, with no variables put in: make them before this step";
const STATEFUL: &str = "only Deployments can be rolled out so far; 'manifests' applies the others";
const UNVERIFIED: &str = "the server's certificate is always verified: give its CA in 'cert'";

/// All settings, in the order in which their flags stand on the command line.
pub const TABLE: &[Setting] = &[
    // What is run.
    of("action", &[], Command),
    of("kubectl", &[], Command),
    of("helm", &[], Command),
    of("deployment", &["deployments"], Command),
    of("strategy", &[], Command),
    // The new version.
    of("image", &["images"], Command),
    of("container", &["containers"], Command),
    of("repo", &[], Command),
    of("tag", &[], Command),
    of(
        "manifests",
        &["files", "templates", "template", "kubernetes_template", "kubernetes_yaml_file"],
        Each("--filename", Both),
    ),
    of("kustomize", &[], Option("--kustomize", Both)),
    of("create_namespace", &[], Switch("--create-namespace", Manifests)),
    of("pin_digest", &[], Option("--pin-digest", Rollout)),
    of("tag_policy", &[], Command),
    of("system", &[], Option("--tag-system", Both)),
    // How it comes in.
    of("weight", &["percentage"], Option("--weight", Rollout)),
    of("steps", &["weights"], Joined("--steps", Rollout)),
    of("step_wait", &["pause"], Option("--step-wait", Rollout)),
    of("promote", &[], Switch("--promote", Rollout)),
    of("exact", &[], Switch("--exact", Rollout)),
    of("canary_replicas", &[], Option("--canary-replicas", Rollout)),
    of("shrink_stable", &[], Switch("--shrink-stable", Rollout)),
    of("analyze", &[], Switch("--analyze", Rollout)),
    of("analysis_file", &[], Option("--analysis", Rollout)),
    of("slower_than", &[], Option("--slower-than", Rollout)),
    of("margin", &[], Option("--margin", Rollout)),
    of("max_error_rate", &[], Option("--max-error-rate", Rollout)),
    of("warm_up", &[], Option("--warm-up", Rollout)),
    of("analysis_time", &[], Option("--analysis-time", Rollout)),
    of("early_pass", &[], Switch("--early-pass", Rollout)),
    of("on_inconclusive", &[], Option("--on-inconclusive", Rollout)),
    of("metrics_from", &[], Option("--metrics-from", Rollout)),
    of("metrics_port", &[], Option("--metrics-port", Rollout)),
    of("metrics_path", &[], Option("--metrics-path", Rollout)),
    of("probe", &[], Option("--probe", Rollout)),
    of("probe_path", &[], Option("--probe-path", Rollout)),
    of("probe_port", &[], Option("--probe-port", Rollout)),
    of("prometheus", &[], Option("--prometheus", Rollout)),
    of("prometheus_match", &[], Each("--prometheus-match", Rollout)),
    of("verify", &[], Each("--verify", Rollout)),
    of("verify_port", &[], Option("--verify-port", Rollout)),
    of("verify_command", &[], Option("--verify-command", Rollout)),
    of("chaos", &[], Option("--chaos", Rollout)),
    of("chaos_count", &[], Option("--chaos-count", Rollout)),
    of("chaos_for", &[], Option("--chaos-for", Rollout)),
    of("chaos_recover_within", &[], Option("--chaos-recover-within", Rollout)),
    of("chaos_min_ready", &[], Option("--chaos-min-ready", Rollout)),
    of("chaos_at", &[], Option("--chaos-at", Rollout)),
    of("auto_promote", &[], Switch("--auto-promote", Rollout)),
    of("soak", &[], Option("--soak", Rollout)),
    of("router", &["traffic", "traffic_split_method", "route_method"], Option("--router", Rollout)),
    of("service", &[], Option("--service", Rollout)),
    of("annotation_prefix", &[], Option("--annotation-prefix", Rollout)),
    of("router_grace", &[], Option("--router-grace", Rollout)),
    of("header", &["headers"], Each("--header", Rollout)),
    of("cookie", &["cookies"], Each("--cookie", Rollout)),
    of("mirror", &[], Option("--mirror", Rollout)),
    of("isolate", &[], Switch("--isolate", Rollout)),
    of("to_revision", &[], Option("--to-revision", Rollout)),
    // What is done about failures, and what is told.
    of("on_failure", &[], Option("--on-failure", Both)),
    of("tolerate", &[], Each("--tolerate", Both)),
    of("force", &[], Joined("--force", Both)),
    of("atomic", &[], Switch("--atomic", Manifests)),
    of("prune", &[], Switch("--prune", Manifests)),
    of("selector", &[], Option("--selector", Manifests)),
    of("diff", &[], Switch("--diff", Rollout)),
    of("force_conflicts", &[], Switch("--force-conflicts", Manifests)),
    of("report", &[], Joined("--report", Rollout)),
    // Of every command.
    of("namespace", &["kubernetes_namespace"], Everywhere("--namespace")),
    of("context", &[], Everywhere("--context")),
    of("timeout", &["wait_timeout", "wait_seconds", "rollout_timeout"], Everywhere("--timeout")),
    of("request_timeout", &[], Everywhere("--request-timeout")),
    of("wait_lock", &[], Everywhere("--wait-lock")),
    of("output", &[], Everywhere("--output")),
    of("dry_run", &[], Command),
    // The step itself.
    of("card_template", &[], Command),
    of("strict", &[], Command),
    of("allow_pull_requests", &[], Command),
    // The connection.
    of(
        "server",
        &[
            "kubernetes_server",
            "k8s_server",
            "kube_api_server",
            "api_server",
            "kubernetes_api_host",
            "kuberentes_api_host",
            "url",
        ],
        Credential,
    ),
    of(
        "cert",
        &[
            "kubernetes_cert",
            "kubernetes_certificate",
            "kubernetes_ca_crt",
            "k8s_ca_crt",
            "kube_certificate",
            "ca",
            "certificate",
        ],
        Credential,
    ),
    of("token", &["kubernetes_token", "k8s_token", "kube_token"], Credential),
    of("kubeconfig", &["kube_config", "kubectl_config"], Credential),
    of("tls_server_name", &[], Credential),
    of("in_cluster", &[], Credential),
    of("proxy_url", &[], Credential),
    // What other plugins have.
    of("user", &["kubernetes_user", "kube_service_account"], Nothing("the token says who it is")),
    of(
        "wait",
        &["wait_for_upgrade", "wait_deployments", "rollout_check"],
        Nothing("a rollout is always waited for and judged"),
    ),
    of("server_side", &[], Nothing("manifests are always applied by the server")),
    of("debug", &["verbose", "log_level"], Nothing("all that happens is told")),
    of("statefulset", &["daemonset"], Refused(STATEFUL)),
    of("vars", &["expand_env_vars"], Refused(TEMPLATES)),
    of(
        "init_manifests",
        &["init_templates"],
        Refused("give them in 'manifests': what others need is applied first"),
    ),
    of(
        "config_files",
        &[],
        Refused("a ConfigMap is not made from files: give it in 'manifests' or 'kustomize'"),
    ),
    of(
        "insecure_skip_tls_verify",
        &["skip_tls_verify", "kubernetes_skip_tls", "k8s_skip_tls", "insecure"],
        Refused(UNVERIFIED),
    ),
];
