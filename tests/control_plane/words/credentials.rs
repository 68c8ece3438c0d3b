//! Credentials and kubeconfigs that are wrong, and what `doctor` says of them.

use std::path::Path;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::Stage;
use crate::shop::Shop;

fn kubeconfig(server: &str, cluster: &Value, user: &Value) -> String {
    let mut cluster = cluster.clone();
    cluster["server"] = server.into();
    json!({"apiVersion": "v1", "kind": "Config", "current-context": "dev",
        "clusters": [{"name": "dev", "cluster": cluster}], "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "me"}}]})
    .to_string()
}

#[test]
fn of_a_kubeconfig() {
    let mut stage = Stage::new(Shop::empty());
    let read = std::fs::read_to_string(&stage.shop.kubeconfig).unwrap();
    let read: Value = serde_saphyr::from_str(&read).unwrap();
    let (cluster, user) = (&read["clusters"][0]["cluster"], &read["users"][0]["user"]);
    let server = cluster["server"].as_str().unwrap().to_owned();
    let ca = json!({"certificate-authority-data": cluster["certificate-authority-data"]});
    let files = [
        ("good", kubeconfig(&server, &ca, user)),
        ("no-token", kubeconfig(&server, &ca, &json!({}))),
        ("wrong-token", kubeconfig(&server, &ca, &json!({"token": "not-one-of-this-cluster"}))),
        (
            "wrong-ca",
            kubeconfig(&server, &json!({"certificate-authority-data": "bm90IGEgY2VydGlmaWNhdGU="}), user),
        ),
        ("no-ca", kubeconfig(&server, &json!({}), user)),
        ("nobody", kubeconfig("https://127.0.0.1:1", &ca, user)),
        ("no-scheme", kubeconfig("not a url", &ca, user)),
        ("no-context", json!({"apiVersion": "v1", "kind": "Config", "current-context": "other"}).to_string()),
        ("broken", "clusters: [".to_owned()),
        (
            "plugin",
            kubeconfig(
                &server,
                &ca,
                &json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1",
            "command": "no-such-program", "interactiveMode": "Never"}}),
            ),
        ),
    ];
    for (name, text) in &files {
        std::fs::write(stage.path(name), text).unwrap();
        stage.types(&format!("doctor --kubeconfig {name}"));
        if *name != "good" {
            stage.types(&format!("get pods --kubeconfig {name}"));
        }
    }
    stage.types("doctor --kubeconfig missing");
    stage.types("get pods --kubeconfig good --context other");
    assert_snapshot!(stage.told());
}

#[test]
fn of_the_settings_of_a_step() {
    let mut stage = Stage::new(Shop::empty());
    let nowhere = Path::new("/nonexistent");
    let doctor = |stage: &mut Stage, what: &str, variables: &[(&str, &str)]| {
        stage.types_with(
            &format!("doctor --environment   # {what}"),
            nowhere,
            &["doctor", "--environment"],
            variables,
        );
    };
    let server = ("KUBERNETES_SERVER", "https://127.0.0.1:1");
    doctor(&mut stage, "nothing is set", &[]);
    doctor(&mut stage, "no token", &[server]);
    doctor(&mut stage, "not a token", &[server, ("KUBERNETES_TOKEN", "two words")]);
    doctor(
        &mut stage,
        "base64 twice",
        &[server, ("KUBERNETES_TOKEN", "WlhsS2FHSkhZMmxQYVVwVFZYcEpNVTVwU1hOSmJYUndXa05KTmtscFNqa3VlQzU0")],
    );
    doctor(
        &mut stage,
        "not a certificate",
        &[server, ("KUBERNETES_CERT", "x"), ("KUBERNETES_TOKEN", "abcdefghijklmnop")],
    );
    doctor(
        &mut stage,
        "not an address",
        &[("KUBERNETES_SERVER", "kubernetes"), ("KUBERNETES_TOKEN", "abcdefghijklmnop")],
    );
    assert_snapshot!(stage.told());
}
