//! Files that want to hurt.

use std::fmt::Write;

use proptest::prelude::*;
use serde_json::json;

use super::{refusal, with};
use crate::experiment::{Experiment, JsonPath, Values};

#[test]
fn what_is_too_large_or_too_deep_is_refused() {
    let large = with(&format!("method: []\nx: {}", "a".repeat(1024 * 1024)));
    assert_eq!(refusal(&large), "e.yaml: it is larger than 1 MiB, and no experiment is");
    for (open, close, file) in [("[", "]", "e.json"), ("[", "]", "e.yaml"), ("{\"a\":", "}", "e.json")] {
        let text = format!("{{\"x\": {}1{}}}", open.repeat(100), close.repeat(100));
        let message = Experiment::read(&text, file).unwrap_err().message;
        assert!(message.starts_with(file), "{message}");
        let text = format!("{{\"x\": {}1{}}}", open.repeat(100_000), close.repeat(100_000));
        assert!(Experiment::read(&text, file).is_err());
    }
    let many = format!("{{\"x\": [{}1]}}", "1,".repeat(200_000));
    assert!(Experiment::read(&many, "e.json").unwrap_err().message.contains("too many values"));
    assert!(Experiment::read(&many, "e.yaml").is_err());
}

#[test]
fn a_bomb_of_aliases_is_refused() {
    let mut text = with("method: []\na: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (letter, before) in ('b'..='j').zip('a'..) {
        let aliases = vec![format!("*{before}"); 10].join(", ");
        writeln!(text, "{letter}: &{letter} [{aliases}]").unwrap();
    }
    assert!(refusal(&text).contains("it is not YAML"));
    let fair = with("method: []\nx: &x {a: 1}\ny: *x\nz: {<<: *x, b: 2}");
    let experiment = Experiment::read(&fair, "e.yaml").unwrap();
    assert_eq!(experiment.document["y"], json!({"a": 1}));
    assert_eq!(experiment.document["z"], json!({"a": 1, "b": 2}));
}

#[test]
fn a_path_that_looks_too_long_ends() {
    let wide: Vec<_> = (0..200).map(|_| json!((0..200).collect::<Vec<_>>())).collect();
    let path = JsonPath::read("$..*[?($..* = 1)]").unwrap();
    assert_eq!(path.find(&json!(wide)), Err("the output is too large for the path".into()));
    let deep = format!("${}", "[?(@".repeat(200));
    assert!(JsonPath::read(&deep).unwrap_err().contains("nested too deeply"));
    assert!(JsonPath::read(&format!("$[?({}@)]", "not ".repeat(200))).is_ok());
    assert!(JsonPath::read(&"$.a".repeat(500)).is_err());
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "[\\[\\](){}$@.*?:,\"' a-z0-9=!<>-]{0,60}") {
        let path = JsonPath::read(&format!("${text}"));
        if let Ok(path) = path {
            let _found = path.find(&json!({"a": [1, {"b": "c"}], "d": null}));
        }
        Values::default().fill_text(&text);
        let _read = Experiment::read(&text, "e.yaml");
        let _json = Experiment::read(&text, "e.json");
    }

    #[test]
    fn json_is_read_as_serde_json_reads_it(keys in proptest::collection::btree_map(".{0,8}", ".{0,12}", 0..6), number: f64, whole: i64) {
        let mut value = json!({"title": "t", "description": "d", "method": [], "n": number, "w": whole});
        for (key, text) in keys {
            value[format!("x{key}")] = json!([text, {"y": text}]);
        }
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(Experiment::read(&pretty, "e.json").unwrap().document, serde_json::from_str::<serde_json::Value>(&pretty).unwrap());
    }
}
