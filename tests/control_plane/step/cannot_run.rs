//! A line that cannot run here is found before the first one writes.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::deployment;
use super::pipeline::{Build, Pipeline, System};
use crate::shop::{Shop, finish};

fn settings() -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"colour": "green"}})
}

#[test]
fn a_step_writes_nothing_when_one_of_its_lines_cannot_run() {
    let pipeline = Pipeline::new(Shop::empty());
    pipeline.allow("", "configmaps", &["get", "create", "patch"]);
    pipeline.write("settings.yaml", &settings());
    pipeline.write("latest.yaml", &deployment("shop/web:latest"));
    for (line, said) in [
        (
            "rollout restart -l app=frontend",
            "there is no kubectl on the PATH to run 'kubectl rollout restart -l app=frontend', and without it '-l' is not known",
        ),
        (
            "rollout restart deployment/frontend statefulset/db",
            "to run 'kubectl rollout restart deployment/frontend statefulset/db', and without it 'statefulset/db' is not a Deployment",
        ),
        (
            "delete -f settings.yaml --cascade=foreground",
            "to run 'kubectl delete -f settings.yaml --cascade=foreground', and without it '--cascade' is not known",
        ),
        ("apply -f typo.yaml", "--filename=typo.yaml --force-conflicts --tag-policy=any"),
        ("apply -f 'typo*.yaml'", "no file matches the pattern typo*.yaml"),
        ("apply -f latest.yaml", "latest.yaml, document 1: image shop/web:latest has the tag latest"),
        ("set image deployment/frontend web=shop/web:latest", "image shop/web:latest has the tag latest"),
    ] {
        let lines = format!("apply -f settings.yaml\n{line}");
        let code = if line.contains("latest") { 8 } else { 2 };
        let ended = pipeline.step(&[("kubectl", &lines)]).expect(code);
        assert!(
            ended.stderr.contains("setting kubectl: ") && ended.stderr.contains(said),
            "{}",
            ended.stderr
        );
        assert!(pipeline.shop.get("configmap/settings").is_null(), "{line}: half the step is done");
    }
    let helm = [("kubectl", "apply -f settings.yaml"), ("helm", "upgrade --install web ./chart")];
    let ended = pipeline.step(&helm).expect(2);
    assert!(ended.stderr.contains("no helm on the PATH to run 'helm upgrade --install web ./chart'"));
    assert!(pipeline.shop.get("configmap/settings").is_null());
    pipeline.step(&[("kubectl", "apply -f settings.yaml --overwrite --timeout=60s")]).expect(0);
    assert!(!pipeline.shop.get("configmap/settings").is_null());
}

#[test]
fn several_deployments_of_a_line_are_restarted_one_after_the_other() {
    let pipeline = Pipeline::new(Shop::new(1));
    let mut other = deployment("shop/web:v1");
    other["metadata"]["name"] = json!("worker");
    for labels in ["/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
        *other.pointer_mut(labels).unwrap() = json!({"app": "worker"});
    }
    other["spec"]["replicas"] = json!(1);
    pipeline.shop.apply(&other);
    pipeline.shop.kubectl(&["rollout", "status", "deployment/worker", "--timeout=120s"]);
    pipeline.step(&[("kubectl", "rollout restart deployment/frontend deployment/worker")]).expect(0);
    let revision = |name: &str| {
        pipeline.shop.get(name)["metadata"]["annotations"]["deployment.kubernetes.io/revision"].clone()
    };
    assert_eq!((revision("deployment/frontend"), revision("deployment/worker")), (json!("2"), json!("2")));
    let named = pipeline.step(&[("kubectl", "get deployments -o name")]).expect(0).stdout;
    assert_eq!(named, "deployment.apps/frontend\ndeployment.apps/worker\n");
    pipeline.step(&[("kubectl", "wait --for=condition=available deployment --all")]).expect(0);
}

#[test]
fn a_kustomization_that_does_not_end_ends_with_the_build() {
    let pipeline = Pipeline::new(Shop::empty());
    std::fs::create_dir(pipeline.folder.path().join("overlay")).unwrap();
    let tool = pipeline.folder.path().join("kubectl");
    std::fs::write(&tool, "#!/bin/sh\nexec /bin/sleep 40\n").unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let build = Build::push(System::Woodpecker, 42);
    let mut command: Command = pipeline.command(build, &pipeline.secrets, &[("kustomize", "overlay")]);
    command.env("PATH", pipeline.folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = Instant::now();
    let child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    crate::shop::run(Command::new("kill").args(["-TERM", &child.id().to_string()])).expect(0);
    let ended = finish(child).expect(130);
    assert!(ended.stderr.contains("kubectl on overlay: stopped by a signal"), "{}", ended.stderr);
    assert!(begun.elapsed() < Duration::from_secs(15));
}
