use super::*;

macro_rules! answer {
    ($status:expr, $file:literal) => {
        read($status, include_str!(concat!("../../tests/analysis/prometheus/", $file)))
    };
}

fn vector(metric: &str, value: &str) -> Data {
    let body = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{metric},"value":[1,"{value}"]}}]}}}}"#
    );
    read(200, &body).unwrap().data
}

#[test]
fn counters_are_told_by_pod() {
    let data = answer!(200, "vector-two-versions.json").unwrap().data;
    let sums: Vec<(String, String, String)> = data
        .counters()
        .unwrap()
        .into_iter()
        .map(|(pod, all)| {
            let bad =
                all.iter().filter(|(one, _)| one.labels["code"].starts_with('5')).map(|(_, value)| value);
            let sum: f64 = all.iter().map(|(_, value)| value).sum();
            (pod.to_owned(), sum.to_string(), bad.sum::<f64>().to_string())
        })
        .collect();
    let row = |pod: &str, sum: &str, bad: &str| (pod.to_owned(), sum.to_owned(), bad.to_owned());
    assert_eq!(
        sums,
        [row("frontend-779cc4bf55-ccccc", "130", "13"), row("frontend-7b76b897d8-aaaaa", "261", "2")]
    );
}

#[test]
fn nothing_is_no_data() {
    let data = answer!(200, "empty.json").unwrap().data;
    assert_eq!(data.one(), Ok(None));
    assert_eq!(data.counters(), Ok(BTreeMap::new()));
}

#[test]
fn what_no_counter_has_may_be_a_ratio() {
    let nan = answer!(200, "nan-vector.json").unwrap().data;
    assert!(nan.one().unwrap().unwrap().is_nan());
    insta::assert_snapshot!(nan.counters().unwrap_err().to_string(), @"the query gave NaN for a counter: {}");
    let inf = answer!(200, "inf-vector.json").unwrap().data;
    assert_eq!(inf.one(), Ok(Some(f64::INFINITY)));
    insta::assert_snapshot!(inf.counters().unwrap_err().to_string(), @"the query gave inf for a counter: {}");
    assert!(vector(r#"{"pod":"a"}"#, "-1").counters().is_err());
}

#[test]
fn one_value_is_one() {
    assert_eq!(answer!(200, "scalar.json").unwrap().data.one(), Ok(Some(652.0)));
    let said = answer!(200, "several.json").unwrap().data.one().unwrap_err().to_string();
    assert!(said.contains(r#"{"pod": "a"}, {"pod": "b"}"#), "{said}");
    let matrix = answer!(200, "matrix.json").unwrap().data;
    assert!(matrix.one().is_err() && matrix.counters().is_err());
    assert!(matches!(matrix, Data::Matrix(all) if all[0].points.len() == 2));
}

#[test]
fn a_wrong_query_stays_wrong_and_others_pass() {
    assert!(
        matches!(answer!(400, "error-400.json"), Err(Fault::Query(said)) if said.contains("unclosed left"))
    );
    assert!(
        matches!(answer!(422, "error-422.json"), Err(Fault::Query(said)) if said.contains("duplicate series"))
    );
    assert!(
        matches!(answer!(503, "error-503.json"), Err(Fault::Passing(said)) if said.contains("timed out"))
    );
    for status in [200, 400, 401] {
        assert!(matches!(answer!(status, "not-json.txt"), Err(Fault::Passing(_))), "{status}");
    }
}

#[test]
fn a_warning_is_a_part_and_an_info_is_not() {
    assert_eq!(answer!(200, "warnings.json"), Err(Fault::Partial(vec!["a store did not answer".to_owned()])));
    let answer = answer!(200, "infos.json").unwrap();
    assert_eq!((answer.data.one(), answer.infos.len()), (Ok(Some(0.99)), 1));
}

#[test]
fn a_series_is_of_one_pod() {
    assert!(vector(r#"{"exported_pod":"a"}"#, "1").counters().unwrap().contains_key("a"));
    assert!(vector(r#"{"pod":"a","exported_pod":"a"}"#, "1").counters().is_ok());
    let said = vector(r#"{"pod":"a","exported_pod":"b"}"#, "1").counters().unwrap_err().to_string();
    insta::assert_snapshot!(said, @"the query gave a series of two pods, a and b");
    assert!(vector("{}", "1").counters().is_err());
}
