//! Files of anybody.

use serde_json::{Value, json};

use super::super::{Options, import};
use super::{FIXTURES, documents, given};
use crate::analysis_file::AnalysisFile;

/// Puts a value in the place of the n-th one, counted through.
fn put(value: &mut Value, left: &mut usize, new: &Value) {
    if *left == 0 {
        *value = new.clone();
    }
    *left = left.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| put(item, left, new)),
        Value::Object(map) => map.values_mut().for_each(|item| put(item, left, new)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

proptest::proptest! {
    #[test]
    fn no_value_in_any_place_panics(
        which in 0..FIXTURES.len(),
        place in 0_usize..80,
        new in proptest::sample::select(vec![
            json!(null), json!([]), json!({}), json!(-1), json!(1e308), json!(u64::MAX), json!(i64::MIN), json!("{{"),
            json!("{{args.service}}"), json!("${x}"), json!("a{"), json!("99999999999999999999"), json!("\u{0}ä'\""),
            json!([null, [], "x"]), json!({"a": {"b": 1}}), json!("result[0] > 1"), json!(true),
        ]),
        compare in proptest::bool::ANY,
    ) {
        let mut all = documents(FIXTURES[which].1);
        let mut left = place;
        for document in &mut all {
            put(&mut document.object, &mut left, &new);
        }
        let import = import(&all, &Options { compare, ..given(&[("service", "x")]) });
        drop(import.told());
        if let Some(file) = import.file().unwrap() {
            let value: Value = serde_saphyr::from_str(&file).unwrap();
            let read = AnalysisFile::read(&value);
            proptest::prop_assert!(read.is_ok(), "{:?}\n{}", read, file);
        }
    }
}
