//! Credentials that go to CI systems, and what those say against it.

use insta::assert_snapshot;
use serde_json::json;

use super::Stage;
use crate::bootstrap::fake::{Fake, Reply};
use crate::bootstrap::systems::{SYSTEMS, System, TOKEN};
use crate::shop::Shop;

/// Types `bootstrap rotate` with a delivery to a system that is at this address.
fn delivers(stage: &mut Stage, system: &System, what: &str, variables: &[(&str, &str)]) {
    let target = format!("{}={}", system.form, system.place);
    let line = format!("bootstrap rotate ci --deliver {target}   # {what}");
    let kubeconfig = stage.shop.kubeconfig.clone();
    stage.types_with(&line, &kubeconfig, &["bootstrap", "rotate", "ci", "--deliver", &target], variables);
}

#[test]
fn to_each_system() {
    let mut stage = Stage::new(Shop::new(3));
    stage.types("bootstrap ci --deliver kubeconfig=ci.kubeconfig");
    for system in &SYSTEMS {
        delivers(&mut stage, system, "nothing is set", &[]);
        let mut stored = std::collections::BTreeMap::new();
        let answer = system.answer;
        let fake = Fake::start(move |got| answer(got, &mut stored));
        let at = fake.url();
        delivers(&mut stage, system, "the token is another", &[(system.address, &at), (system.token, "no")]);
        delivers(&mut stage, system, "it is taken", &[(system.address, &at), (system.token, TOKEN)]);
    }
    stage.types("bootstrap list ci");
    assert_snapshot!(stage.told());
}

#[test]
fn to_a_system_that_refuses() {
    let mut stage = Stage::new(Shop::new(3));
    stage.types("bootstrap ci --deliver kubeconfig=ci.kubeconfig");
    let system = &SYSTEMS[0];
    let replies = [
        ("it may not", Reply::Json(403, json!({"message": "Forbidden"}))),
        ("it is not there", Reply::Json(404, json!({"message": "Not Found"}))),
        ("it breaks", Reply::Text(500, "oh".into())),
        ("it is elsewhere", Reply::Moved("https://ci.example.org/api".into())),
        ("it goes away", Reply::Gone),
    ];
    for writes in [false, true] {
        for (what, reply) in replies.clone() {
            let fake = Fake::start(move |got| {
                if got.method == "GET" && writes { Reply::Json(200, json!([])) } else { reply.clone() }
            });
            let what = if writes { format!("{what}, once it is written to") } else { what.to_owned() };
            delivers(&mut stage, system, &what, &[(system.address, &fake.url()), (system.token, TOKEN)]);
        }
    }
    for (what, address) in [("no address", "a b"), ("in clear", "http://ci.example.org")] {
        delivers(&mut stage, system, what, &[(system.address, address), (system.token, TOKEN)]);
    }
    std::fs::write(stage.path("taken"), "somebody's").unwrap();
    stage.types("bootstrap rotate ci --deliver dotenv=taken");
    stage.types("bootstrap rotate ci --deliver dotenv=no/such/folder");
    stage.types("bootstrap rotate ci --deliver dotenv=-");
    stage.types("bootstrap rotate ci --deliver secret=Not_A_Name");
    stage.types("bootstrap rotate ci --deliver secret=ci-token");
    assert_snapshot!(stage.told());
}
