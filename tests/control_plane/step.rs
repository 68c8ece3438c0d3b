//! The step of a pipeline on a real control plane: nothing but variables, as CI systems set them.

mod cannot_run;
mod card;
mod killed;
mod lines;
mod manifests;
mod moved;
mod pipeline;
mod two_builds;

use std::path::Path;
use std::process::Command;

use crate::shop::{Shop, run};
use pipeline::{Pipeline, SHA};
use serde_json::{Value, json};

fn deployment(image: &str) -> Value {
    let labels = json!({"app": "frontend"});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "frontend"},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": image}]}}}})
}

fn image(shop: &Shop) -> Value {
    shop.deployment()["spec"]["template"]["spec"]["containers"][0]["image"].clone()
}

const APPLY: (&str, &str) = ("kubectl", "apply -f ./frontend/deployment.yaml");

#[test]
fn a_pipeline_that_had_kubectl_works_and_fails_when_its_deployment_does() {
    let pipeline = Pipeline::new(Shop::empty());
    pipeline.write("frontend/deployment.yaml", &deployment("shop/web:v1"));
    let ended = pipeline.step(&[APPLY]).expect(0);
    assert!(
        ended.stderr.contains("kubectl rollout-plus apply --filename=./frontend/deployment.yaml"),
        "{}",
        ended.stderr
    );
    assert_eq!(pipeline.shop.deployment()["status"]["availableReplicas"], 2);
    let ended = pipeline.step(&[("kubectl", "get deployment frontend")]).expect(0);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let words: Vec<&str> = lines[1].split_whitespace().collect();
    assert!(lines[0].starts_with("NAME") && lines.len() == 2, "{}", ended.stdout);
    assert_eq!(words[..4], ["frontend", "2/2", "2", "2"], "{}", ended.stdout);

    // The server refuses it.
    let mut refused = deployment("shop/web:v2");
    refused["spec"]["selector"]["matchLabels"]["app"] = json!("other");
    pipeline.write("frontend/deployment.yaml", &refused);
    let ended = pipeline.step(&[APPLY]);
    assert!(ended.code.is_some_and(|code| code != 0), "{}", ended.stderr);
    assert!(ended.stderr.contains("selector"), "{}", ended.stderr);
    assert_eq!(image(&pipeline.shop), "shop/web:v1");
    pipeline.step(&[("kubectl", "apply -f ./frontend/nothing.yaml")]).expect(2);
    pipeline.step(&[("kubectl", "get deployment backend")]).expect(3);
    // What comes after what has failed is not run.
    let ended = pipeline.step(&[("kubectl", "get deployment backend\nget deployment frontend")]).expect(3);
    assert_eq!(ended.stdout, "");
}

#[test]
fn settings_canary_and_promote_and_the_workload_says_where_it_comes_from() {
    let pipeline = Pipeline::new(Shop::new(3));
    let version = [
        ("deployment", "frontend"),
        ("repo", "shop/web"),
        ("tag_policy", "git-hash-build-id"),
        ("strategy", "canary"),
        ("weight", "25"),
    ];
    let ended = pipeline.step(&version).expect(0);
    assert!(ended.stderr.contains("--image=shop/web:01234567-42"), "{}", ended.stderr);
    assert_eq!(pipeline.shop.pods_of("shop/web:01234567-42"), (1, 1));
    pipeline.step(&[("action", "promote"), ("deployment", "frontend")]).expect(0);
    let deployment = pipeline.shop.deployment();
    let annotations = &deployment["metadata"]["annotations"];
    assert_eq!(annotations["rollout-plus/commit"], SHA);
    assert_eq!(annotations["rollout-plus/build"], "https://ci.example.org/repos/1/pipeline/42");
    assert_eq!(annotations["rollout-plus/author"], "alice");
    let template = &deployment["spec"]["template"]["metadata"]["annotations"];
    assert!(!template.to_string().contains("rollout-plus"), "{template}");
    let history = pipeline.shop.tool(&["history", "frontend", "-o", "json"]).expect(0).stdout;
    let history: Value = serde_json::from_str(&history).unwrap();
    let outcome = &history.as_array().unwrap().last().unwrap()["outcome"];
    assert_eq!((&outcome["author"], &outcome["commit"]), (&json!("alice"), &json!(SHA)));
    assert!(outcome["who"].as_str().unwrap().starts_with("shop/frontend@"), "{outcome}");
    // A version of which nothing is known takes the note away.
    pipeline.shop.tool(&["rollback", "frontend", "--to-revision", "1"]).expect(0);
    assert_eq!(pipeline.shop.deployment()["metadata"]["annotations"]["rollout-plus/commit"], Value::Null);
}

#[test]
fn nothing_is_written_for_a_wrong_tag_a_pull_request_or_a_secret_that_is_withheld() {
    let pipeline = Pipeline::new(Shop::new(1));
    let before = pipeline.shop.deployment()["metadata"]["generation"].clone();
    for (image, policy, said) in [
        ("shop/web:latest", "any", "has the tag latest"),
        ("shop/web", "any", "has no tag"),
        ("shop/web:v2", "git-hash", "the tag for this build: 01234567"),
    ] {
        let ended =
            pipeline.step(&[("deployment", "frontend"), ("image", image), ("tag_policy", policy)]).expect(8);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
    pipeline.write("frontend/deployment.yaml", &deployment("shop/web:latest"));
    let ended = pipeline.step(&[APPLY]).expect(8);
    assert!(ended.stderr.contains("deployment.yaml, document 1: image shop/web:latest has the tag latest"));

    pipeline.write("frontend/deployment.yaml", &deployment("shop/web:v2"));
    let proposed = |settings: &[(&str, &str)]| pipeline.step_in("pull_request", &pipeline.secrets, settings);
    let ended = proposed(&[APPLY]).expect(8);
    assert!(ended.stderr.contains("a pull request must not change the cluster"), "{}", ended.stderr);
    proposed(&[APPLY, ("dry_run", "true")]).expect(0);
    proposed(&[("kubectl", "get deployment frontend")]).expect(0);
    let withheld =
        [("KUBERNETES_SERVER".to_owned(), String::new()), ("KUBERNETES_TOKEN".to_owned(), String::new())];
    let ended = pipeline.step_in("pull_request", &withheld, &[("action", "status")]).expect(2);
    assert!(ended.stderr.contains("withholds secrets from pull requests"), "{}", ended.stderr);
    assert_eq!(pipeline.shop.deployment()["metadata"]["generation"], before);
    let allowed = [("deployment", "frontend"), ("image", "shop/web:v2"), ("allow_pull_requests", "true")];
    proposed(&allowed).expect(0);
    assert_eq!(image(&pipeline.shop), "shop/web:v2");
}

#[test]
fn what_is_not_ours_is_run_by_the_program_or_refused() {
    let pipeline = Pipeline::new(Shop::empty());
    let missing = pipeline.step(&[("kubectl", "describe deployment frontend")]).expect(2);
    assert!(missing.stderr.contains("there is no kubectl on the PATH"), "{}", missing.stderr);
    let missing = pipeline.step(&[("helm", "upgrade --install web ./chart")]).expect(2);
    assert!(missing.stderr.contains("there is no helm on the PATH"), "{}", missing.stderr);

    let real = run(Command::new("sh").args(["-c", "command -v kubectl"])).expect(0).stdout;
    let folder = Path::new(real.trim()).parent().unwrap().to_str().unwrap().to_owned();
    let secrets = [&pipeline.secrets[..], &[("PATH".to_owned(), folder)]].concat();
    let ended = pipeline.step_in("push", &secrets, &[("kubectl", "auth whoami -o json")]).expect(0);
    let who: Value = serde_json::from_str(&ended.stdout).unwrap();
    let name = format!("system:serviceaccount:{}:ci", pipeline.shop.namespace);
    assert_eq!(who["status"]["userInfo"]["username"], name);
    pipeline.step_in("push", &secrets, &[("kubectl", "annotate deployment no-such a=b")]).expect(1);
    let left = std::fs::read_dir(std::env::temp_dir()).unwrap().filter_map(Result::ok);
    let left = left.filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    assert!(left.into_iter().all(|text| !text.contains(pipeline.token())), "the kubeconfig is left behind");
}
