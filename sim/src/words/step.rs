//! The log of a step in a pipeline, which has nothing but variables.

use insta::assert_snapshot;

use super::stage::{Stage, play};

/// A build of Woodpecker's.
const BUILD: [(&str, &str); 6] = [
    ("CI", "woodpecker"),
    ("CI_PIPELINE_NUMBER", "42"),
    ("CI_PIPELINE_URL", "https://ci.example/42"),
    ("CI_COMMIT_AUTHOR", "jane"),
    ("CI_COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("CI_REPO", "shop/web"),
];

const GO: [(&str, &str); 3] = [("DEPLOYMENT", "web"), ("NAMESPACE", "shop"), ("IMAGE", "shop:v2-good")];

async fn step(stage: &mut Stage, event: &str, settings: &[(&str, &str)]) {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let given = |(name, value): &(&str, &str)| (format!("PLUGIN_{name}"), (*value).to_owned());
    stage.at.variables = BUILD.iter().map(own).chain(settings.iter().map(given)).collect();
    stage.at.variables.insert("CI_PIPELINE_EVENT".into(), event.into());
    let shown: Vec<String> = settings.iter().map(|(name, value)| format!("PLUGIN_{name}={value}")).collect();
    stage.title(&format!("{event}: {}", shown.join(" ")));
    stage.types("").await;
}

#[test]
fn canary_then_promoted() {
    assert_snapshot!(play(async |stage| {
        step(stage, "push", &[&GO[..], &[("STRATEGY", "canary"), ("WEIGHT", "25")]].concat()).await;
        step(stage, "push", &[("ACTION", "promote"), ("DEPLOYMENT", "web"), ("NAMESPACE", "shop")]).await;
    }));
}

#[test]
fn rolling_of_a_version_that_crashes() {
    assert_snapshot!(play(async |stage| {
        let settings = [("DEPLOYMENT", "web"), ("NAMESPACE", "shop"), ("IMAGE", "shop:v2-crash")];
        step(stage, "push", &settings).await;
    }));
}

#[test]
fn settings_that_are_wrong() {
    assert_snapshot!(play(async |stage| {
        step(stage, "push", &[("NAMESPACE", "shop")]).await;
        step(stage, "push", &[("DEPLOYMENT", "web"), ("STRATEGY", "cannary"), ("IMAGE", "shop:v2-good")])
            .await;
        step(stage, "push", &[&GO[..], &[("WIEGHT", "25")]].concat()).await;
        step(stage, "push", &[&GO[..], &[("WIEGHT", "25"), ("STRICT", "true")]].concat()).await;
        step(stage, "push", &[&GO[..], &[("STRATEGY", "canary"), ("WEIGHT", "a lot")]].concat()).await;
        step(stage, "push", &[&GO[..], &[("INSECURE", "true")]].concat()).await;
        step(stage, "push", &[&GO[..], &[("STATEFULSET", "web")]].concat()).await;
        step(stage, "push", &[&GO[..], &[("TOKEN", "")]].concat()).await;
        step(stage, "push", &[&GO[..], &[("TOKEN", "${SECRET}")]].concat()).await;
        step(stage, "pull_request", &[&GO[..], &[("KUBERNETES_TOKEN", "")]].concat()).await;
        step(stage, "pull_request", &GO).await;
    }));
}

#[test]
fn tags_of_a_build() {
    assert_snapshot!(play(async |stage| {
        stage.types("tag").await;
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        stage.at.variables = BUILD.iter().map(own).collect();
        for line in ["tag", "tag --tag-policy hash", "tag shop:latest", "tag shop:v2-good"] {
            stage.types(line).await;
        }
    }));
}
