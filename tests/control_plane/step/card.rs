//! Cards of Drone's, from a real rollout.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::pipeline::{Build, Pipeline, System};
use crate::shop::{Shop, run};

const TEMPLATE: &str = "https://pages.example.org/card.json";
const NOWHERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/nowhere.yaml");

#[test]
fn a_build_of_drone_leaves_a_card_with_the_verdict_and_its_proof() {
    let pipeline = Pipeline::new(Shop::new(1));
    let build = Build::push(System::Drone, 7);
    let path = pipeline.folder.path().join("card.json");
    let settings = [("deployment", "frontend"), ("image", "shop/web:v2")];
    let with_template = [&settings[..], &[("card_template", TEMPLATE)]].concat();
    let mut plain = pipeline.command(build, &pipeline.secrets, &settings);
    run(plain.env("DRONE_CARD_PATH", &path)).expect(0);
    assert!(!path.exists(), "without a template there is no card");

    let mut command = pipeline.command(build, &pipeline.secrets, &with_template);
    run(command.env("DRONE_CARD_PATH", &path)).expect(0);
    let card: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!((&card["schema"], &card["data"]["link"]), (&json!(TEMPLATE), &json!(build.link())));
    let workload = &card["data"]["workloads"][0];
    assert_eq!(workload["name"], format!("{}/frontend", pipeline.shop.namespace));
    assert_eq!((&workload["verdict"], &workload["stable"]), (&json!("succeeded"), &json!("shop/web:v2")));

    // As the runner sets it.
    let fails = [
        ("deployment", "frontend"),
        ("manifests", NOWHERE),
        ("image", "shop/web:v3"),
        ("tolerate", "Unschedulable=0s"),
        ("card_template", TEMPLATE),
    ];
    let mut command = pipeline.command(build, &pipeline.secrets, &fails);
    let ended = run(command.env("DRONE_CARD_PATH", "/dev/stdout")).expect(6);
    let (_, rest) = ended.stdout.split_once("\u{1b}]1338;").unwrap();
    let (encoded, _) = rest.split_once("\u{1b}]0m").unwrap();
    let card: Value = serde_json::from_slice(&BASE64_STANDARD.decode(encoded).unwrap()).unwrap();
    let workload = &card["data"]["workloads"][0];
    assert_eq!((&workload["verdict"], &workload["reason"]), (&json!("failed"), &json!("Unschedulable")));
    assert!(workload["message"].as_str().unwrap().contains("the former version is back"), "{card}");
    assert!(workload["evidence"].as_str().unwrap().contains("pod: "), "{card}");
    assert!(!card.to_string().contains(pipeline.token()));
}
