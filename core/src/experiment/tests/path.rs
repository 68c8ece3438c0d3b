//! Paths as jsonpath2 0.4.5 reads them.

use serde_json::{Value, json};

use crate::experiment::JsonPath;

fn found(path: &str, value: &Value) -> Result<Value, String> {
    JsonPath::read(path)?.find(value).map(Value::Array)
}

#[test]
fn paths_lead_where_jsonpath2_goes() {
    let value = json!({
        "data": {"result": [
            {"metric": {"code": "500"}, "value": [1, "0"]},
            {"metric": {"code": "502"}, "value": [1, "3"]},
        ]},
        "list": [0, 1, 2, 3, 4],
        "a b": {"c": true},
        "n": null,
    });
    for (path, expected) in [
        ("$", json!([value])),
        ("$.list[0]", json!([0])),
        ("$.list[-1]", json!([4])),
        ("$.list[9]", json!([])),
        ("$.list[1:3]", json!([1, 2])),
        ("$.list[::2]", json!([0, 2, 4])),
        ("$.list[::-2]", json!([4, 2, 0])),
        ("$.list[-2:]", json!([3, 4])),
        ("$.list[0,2, 4]", json!([0, 2, 4])),
        ("$.list.*", json!([0, 1, 2, 3, 4])),
        ("$[\"a b\"].c", json!([true])),
        ("$['a b']['c']", json!([true])),
        ("$.n", json!([null])),
        ("$.gone.more", json!([])),
        ("$..code", json!(["500", "502"])),
        ("$..value[1]", json!(["0", "3"])),
        ("$.list.length()", json!([5])),
        ("$.list[length()]", json!([5])),
        ("$.data.keys()[0]", json!(["result"])),
        // A filter tests what it stands after, not its members.
        ("$.data.result.*[?(@.value[1]!=\"0\")].metric.code", json!(["502"])),
        ("$.data.result[*][?(@.metric.code = \"500\")].value[1]", json!(["0"])),
        ("$.data.result[?(@.value[1]!=\"0\")]", json!([])),
        ("$.list[*][?(@ > 1 and @ <= 3)]", json!([2, 3])),
        ("$.list[*][?(@ = 0 or @ >= 4)]", json!([0, 4])),
        ("$.list[*][?(not (@ < 4))]", json!([4])),
        ("$.list[*][?(@==1 || @==2 && @!=1)]", json!([2])),
        ("$.data.result[*][?(@.metric)].value[0]", json!([1, 1])),
        ("$.data.result[*][?(@.value[1] < 5)]", json!([])),
        ("$.list[*][?(@ = $.list[2])]", json!([2])),
        ("$[*][?(@ = null)]", json!([null])),
        ("$[*][?(@ = {\"c\": true})].c", json!([true])),
    ] {
        assert_eq!(found(path, &value), Ok(expected), "{path}");
    }
}

#[test]
fn what_is_not_understood_is_told_with_its_column() {
    for (path, why) in [
        ("", "column 1: $ is wanted at the begin"),
        ("$.", "column 3: a name or * is wanted"),
        ("$.a b", "column 5: the path does not end here"),
        ("$[", "column 3: a name in quotation marks, a number, * or ?( is wanted"),
        ("$[0", "column 4: , or ] is wanted"),
        ("$[?@.a]", "column 4: ( is wanted after ?"),
        ("$[?(@.a ~ 1)]", "column 8: ) is wanted"),
        ("$[\"a]", "column 3: the quotation mark has no other half"),
        ("$[::0]", "column 6: the step of a slice cannot be 0"),
        ("$.a.substring(1)", "column 15: only the functions length(), keys() and values() are supported"),
        ("$[99999999999999999999]", "column 3: the number is too large"),
    ] {
        assert_eq!(found(path, &json!({})), Err(format!("the path is not understood at {why}")), "{path}");
    }
}
