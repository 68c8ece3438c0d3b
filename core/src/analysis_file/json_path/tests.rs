use proptest::prelude::*;
use serde_json::json;

use super::*;

fn at(path: &str) -> Result<Value, String> {
    let answer = json!({
        "data": {"ok": true, "a.b": 1, "empty": null},
        "items": [{"name": "a", "n": 1, "ready": false}, {"name": "b", "n": 2.0, "ready": true}],
    });
    JsonPath::read(path).unwrap().find(&answer).cloned()
}

#[test]
fn one_value_is_found() {
    for (path, wanted) in [
        ("{$.data.ok}", json!(true)),
        ("{.data.ok}", json!(true)),
        ("{ $.data.ok }", json!(true)),
        ("{$['data']['a.b']}", json!(1)),
        (r"{.data.a\.b}", json!(1)),
        ("{.data.empty}", json!(null)),
        ("{.items[0].name}", json!("a")),
        ("{.items[-1].name}", json!("b")),
        ("{.items[?(@.name==\"b\")].n}", json!(2.0)),
        ("{.items[?(@.n == 2)].name}", json!("b")),
        ("{.items[?(@.ready==true)].name}", json!("b")),
    ] {
        assert_eq!(at(path), Ok(wanted), "{path}");
    }
    assert_eq!(at("{$}").unwrap()["items"][0]["n"], 1);
}

#[test]
fn none_and_several_are_errors() {
    for path in ["{.data.no}", "{.items[2]}", "{.items[-3]}", "{.data[0]}", "{.items.name}"] {
        assert_eq!(at(path), Err(format!("the answer has nothing at {path}")));
    }
    assert_eq!(at("{.items[*].name}"), Err("the answer has 2 values at {.items[*].name}".into()));
    assert_eq!(at("{.data.*}"), Err("the answer has 3 values at {.data.*}".into()));
}

#[test]
fn what_cannot_be_read_is_refused_with_its_column() {
    for (path, why) in [
        ("$.x", "a path in braces is wanted: '{$.status}'"),
        ("{x}", "column 2: 'x' is not supported"),
        ("{$..x}", "column 4: '.' where a name is wanted"),
        ("{.x}{.y}", "column 4: '}' is not supported"),
        ("{.x[1:2]}", "column 5: '1' where a number, '*' or a name in quotes is wanted"),
        ("{.x[?(@.a>1)]}", "column 10: '>' where '=' is wanted"),
        ("{.x[?(@.a==nil)]}", "column 12: 'n' where a text in quotes, a number, true or false is wanted"),
        ("{.x[0}", "column 6: the end where ']' is wanted"),
        ("{.x['a}", "column 7: the end where a quote is wanted"),
        ("{range .items[*]}", "column 2: 'r' is not supported"),
    ] {
        assert_eq!(JsonPath::read(path), Err(why.to_owned()), "{path}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_panics(text in "[{}$.\\[\\]?@='\"a0*\\\\ -]{0,16}") {
        if let Ok(path) = JsonPath::read(&format!("{{{text}}}")) {
            drop(path.find(&json!({"a": [{"0": 1}, 0]})));
        }
    }
}
