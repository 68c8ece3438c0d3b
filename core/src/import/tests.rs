mod hostile;
mod parts;

use serde_json::json;

use super::*;
use crate::analysis_file::{From, Limit, OnNoData, Source};
use crate::condition::Outcome::{Error, Failed, Inconclusive, Successful};
use crate::condition::{Condition, Measured};

fn documents(text: &str) -> Vec<Document> {
    let values: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    let document =
        |(index, object)| Document { file: None, origin: format!("t, document {}", index + 1), object };
    values.into_iter().enumerate().map(document).collect()
}

fn read_with(text: &str, options: &Options) -> Import {
    let import = import(&documents(text), options);
    if let Some(file) = import.file().unwrap() {
        let value: Value = serde_saphyr::from_str(&file).unwrap();
        assert_eq!(AnalysisFile::read(&value).as_ref(), Ok(import.analysis.as_ref().unwrap()), "{file}");
    }
    import
}

fn read(text: &str) -> Import {
    read_with(text, &Options::default())
}

fn given(arguments: &[(&str, &str)]) -> Options {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Options { arguments: arguments.iter().map(pair).collect(), compare: false }
}

fn notes(import: &Import) -> Vec<String> {
    import.notes.iter().map(|note| format!("{}: {}", note.path, note.text)).collect()
}

fn has(import: &Import, path: &str, text: &str) -> bool {
    import.notes.iter().any(|note| note.path == path && note.text.contains(text))
}

#[track_caller]
fn wants(import: &Import, path: &str, text: &str) {
    assert!(has(import, path, text), "{path}: {text} is not in {:#?}", notes(import));
}

fn limit(metric: &Metric) -> &Limit {
    match &metric.source {
        Source::Query { limit, .. } | Source::Web { limit, .. } | Source::Command { limit, .. } => limit,
        Source::Counter { .. } | Source::Histogram { .. } => panic!("{metric:?}"),
    }
}

fn metric<'i>(import: &'i Import, name: &str) -> &'i Metric {
    let metrics = &import.analysis.as_ref().unwrap().metrics;
    metrics.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{metrics:?}"))
}

fn meaning<'i>(import: &'i Import, name: &str) -> &'i str {
    &import.metrics.iter().find(|reading| reading.metric == name).unwrap().meaning
}

/// All that a person sees.
fn whole(import: &Import) -> String {
    let file = import.file().unwrap().unwrap_or_else(|| "(no file)\n".to_owned());
    format!("{file}---\n{}\n", import.told().join("\n"))
}

macro_rules! fixtures {
    ($($name:ident = $file:literal,)+) => {
        $(const $name: &str = include_str!(concat!("../../tests/analysis/", $file, ".yaml"));)+
        const FIXTURES: [(&str, &str); [$($file),+].len()] = [$(($file, $name)),+];
    };
}

fixtures! {
    RATIO = "argo/ratio-vector",
    BOTH = "argo/both-conditions",
    FAIL = "argo/fail-only",
    NO_DATA = "argo/no-data",
    SCALAR = "argo/scalar-on-vector",
    WEB = "argo/web-and-job",
    ROLLOUT = "argo/rollout-steps",
    BUILT_IN = "flagger/canary-builtin",
    TEMPLATE = "flagger/canary-template",
}

#[test]
fn what_is_told_of_each_fixture() {
    for (file, text) in FIXTURES {
        insta::assert_snapshot!(file.replace('/', "_"), whole(&read(text)));
    }
    let (ratio, options) =
        (format!("{ROLLOUT}---\n{RATIO}---\n{BOTH}"), Options { compare: true, ..Options::default() });
    insta::assert_snapshot!("argo_together", whole(&read(&ratio)));
    insta::assert_snapshot!("argo_together_compared", whole(&read_with(&ratio, &options)));
    let document =
        serde_json::to_string_pretty(&read_with(RATIO, &given(&[("service", "web")])).document()).unwrap();
    insta::assert_snapshot!("argo_ratio-vector_json", document);
}

#[test]
fn ratio_vector_has_an_argument_that_must_be_given_and_5_looks() {
    let without = read(RATIO);
    assert_eq!(without.analysis, None);
    wants(&without, "spec.args[0]", "service has no value: give --arg service=VALUE");
    wants(&without, "spec.metrics[0]", "left out: the argument service has no value");
    assert_eq!(without.metrics[0].separation, Some(Separation::Argument { name: "service".into() }));
    let import = read_with(RATIO, &given(&[("service", "frontend")]));
    assert_eq!(meaning(&import, "success-rate"), "5 looks, 60s apart; failed at the 4th failed look");
    let file = import.analysis.as_ref().unwrap();
    assert_eq!(
        (file.every.as_secs(), file.prometheus.as_ref().unwrap().url.as_str()),
        (60, "http://prometheus.monitoring:9090")
    );
    let query = import.metrics[0].query.as_deref().unwrap();
    assert!(query.contains("code!~\"5..\"}[2m]") && query.contains("{service=\"frontend\"}[2m]"), "{query}");
    assert_eq!(
        limit(metric(&import, "success-rate")),
        &Limit { min: Some(0.95), looks: Some(4), ..Limit::default() }
    );
    assert_eq!(
        import.metrics[0].separation,
        Some(Separation::Nothing),
        "no version, and no argument that is of one"
    );
    wants(&import, "spec.metrics[0].count", "--analysis-time 240s");
    let offer = import.metrics[0].offer.clone().unwrap();
    let wanted = Source::Counter {
        counter: "http_requests_total".into(),
        from: From::Prometheus,
        bad: [("code".to_owned(), "5..".to_owned())].into(),
        ignore: BTreeMap::new(),
    };
    assert_eq!(offer.source, wanted);
    let compared = read_with(RATIO, &Options { compare: true, ..given(&[("service", "frontend")]) });
    assert_eq!(metric(&compared, "success-rate").source, wanted);
}

#[test]
fn both_conditions_leave_looks_inconclusive_and_go_on_for_ever() {
    let import = read(BOTH);
    assert_eq!(
        meaning(&import, "success-rate"),
        "a look each 30s for ever: only as a background analysis; failed at the 1st failed look; between both \
         conditions it is inconclusive; the 3rd inconclusive look ends it; the 6th error in a row ends it"
    );
    let limit = limit(metric(&import, "success-rate"));
    let judged = |sample: f64| limit.judge(&Measured::Vector(vec![sample]));
    assert_eq!([0.99, 0.97, 0.949].map(judged), [Successful, Inconclusive, Failed]);
    assert_eq!(import.metrics[0].separation, Some(Separation::Nothing), "'up' is of everything");
    let inline = ROLLOUT.replace("startingStep: 2", "startingStep: 0");
    wants(&read(&format!("{inline}---\n{BOTH}")), "spec.metrics[0].count", "never ends");
}

#[test]
fn fail_only_turns_round_and_neither_an_empty_vector_nor_nan_passes() {
    let condition = Condition::read("result[0] > 0.05").unwrap();
    let failure = |samples: &[f64]| {
        crate::condition::judge(None, Some(&condition), &Measured::Vector(samples.to_vec()))
    };
    assert_eq!(failure(&[]), Error("a list of 0 has no [0]".into()), "as in Argo: an error, not a pass");
    assert_eq!(failure(&[f64::NAN]), Successful, "as in Argo");
    let import = read(FAIL);
    let metric = metric(&import, "errors");
    assert_eq!(limit(metric), &Limit { max: Some(0.05), ..Limit::default() });
    assert_eq!(metric.on_no_data, OnNoData::Inconclusive);
    wants(&import, "spec.metrics[0].failureCondition", "NaN passes in Argo, and is no data here");
    assert!(matches!(limit(metric).judge(&Measured::Vector(vec![f64::NAN])), Error(_)));
}

#[test]
fn no_data_is_what_each_condition_says_and_what_takes_more_is_refused_by_name() {
    let import = read(NO_DATA);
    let names: Vec<&str> =
        import.analysis.as_ref().unwrap().metrics.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["open", "closed", "nan"]);
    let on = |name: &str| metric(&import, name).on_no_data;
    assert_eq!(["open", "closed", "nan"].map(on), [OnNoData::Ignore, OnNoData::Fail, OnNoData::Inconclusive]);
    let holds = |text: &str, measured: &Measured| Condition::read(text).unwrap().holds(measured);
    let empty = Measured::Vector(Vec::new());
    assert_eq!(holds("len(result) == 0 || isNaN(result[0]) || result[0] < 0.02", &empty), Ok(true), "open");
    let closed = "len(result) == 1 && !isNaN(result[0]) && !isInf(result[0]) && result[0] >= 20";
    assert_eq!(holds(closed, &empty), Ok(false), "closed");
    assert!(holds("isNaN(result[0]) || result[0] < 0.3", &empty).is_err(), "nan");
    assert_eq!(holds("default(result, 0) < 0.05", &Measured::Json(json!(null))), Ok(true), "nil");
    wants(&import, "spec.metrics[3]", "its provider is datadog");
    wants(&import, "spec.metrics[4]", "left out: successCondition 'all(result, # < 1000)': column");
    wants(&import, "spec.metrics[5]", "'result[0] < 0.01 && result[1] < 200' takes more than one sample");
    let range = NO_DATA.replace("all(result, # < 1000)", "result[0] < 1000");
    wants(&read(&range), "spec.metrics[4]", "it is a range query");
}

#[test]
fn a_scalar_of_a_vector_is_the_one_sample_and_unknown_fields_are_named() {
    let of_list = Condition::read("result < 0.01").unwrap().holds(&Measured::Vector(vec![0.0]));
    assert_eq!(of_list, Err("a list and a number cannot be compared".into()), "as in Argo");
    let import = read(SCALAR);
    wants(&import, "spec.metrics[0]", "'result < 0.01' compares a list, which Argo calls an error");
    wants(&import, "spec.metrics[0].inconclusiveCondition", "unknown field");
    wants(&import, "spec.metrics[0].failingLimit", "unknown field");
    let limit = limit(metric(&import, "error-rate"));
    let texts = [&limit.success_condition, &limit.failure_condition].map(|one| one.as_ref().unwrap().text());
    assert_eq!(texts, ["result[0] < 0.01", "result[0] >= 0.05"]);
}

#[test]
fn web_is_read_without_its_secret_and_a_job_is_refused() {
    let import = read(WEB);
    wants(
        &import,
        "spec.args[0]",
        "token is of the Secret gate/token, which is not read without being asked",
    );
    wants(&import, "spec.metrics[0].provider.web.headers", "Authorization left out");
    wants(&import, "spec.metrics[2]", "its provider is job");
    let file = import.file().unwrap().unwrap();
    assert!(!file.contains("Bearer") && !file.contains("token"), "{file}");
    let gate = metric(&import, "gate");
    assert!(
        matches!(&gate.source, Source::Web { web, .. } if web.json_path.as_deref() == Some("{$.status}"))
    );
    let judge = |name: &str, value: Value| limit(metric(&import, name)).judge(&Measured::Json(value));
    assert_eq!(judge("gate", json!("ready")), Successful);
    assert_eq!(judge("object", json!({"ok": true, "latency": 700})), Failed);
    let filled = WEB
        .replace("{$.status}", "{$.{{args.field}}}")
        .replace(
            "key: Authorization, value: \"Bearer {{args.token}}\"",
            "key: X-Tenant, value: \"{{ args.field }}\"",
        )
        .replace("- {name: token,", "- {name: field, value: state}\n  - {name: token,");
    let Source::Web { web, .. } = &metric(&read(&filled), "gate").source.clone() else { panic!("{filled}") };
    assert_eq!((web.json_path.as_deref(), web.headers["X-Tenant"].as_str()), (Some("{$.state}"), "state"));
    wants(
        &read(&filled.replace(", value: state", "")),
        "spec.metrics[0]",
        "its jsonPath has an argument without a value",
    );
    let trial = read(&WEB.replace("name: object", "name: object-trial"));
    assert!(metric(&trial, "object-trial").dry_run && !metric(&trial, "gate").dry_run);
}

#[test]
fn a_rollout_becomes_a_command_line_that_ends_where_it_waits() {
    let import = read(ROLLOUT);
    assert_eq!(
        import.commands,
        [
            "kubectl rollout-plus canary frontend --image frontend=shop/web:v2 --steps 10,50 --step-wait 300s",
            "kubectl rollout-plus promote frontend",
        ]
    );
    wants(&import, "spec.strategy.canary.steps[5]", "the 600s before a pause without an end");
    wants(&import, "spec.strategy.canary.steps[5]", "it waits until somebody goes on");
    wants(&import, "spec.strategy.canary.analysis.startingStep", "from the 3rd step (index 2) on");
    wants(&import, "spec.strategy.canary.analysis.args[1]", "hash is the hash of the canary: ${canary.hash}");
    let all = read(&format!("{ROLLOUT}---\n{RATIO}---\n{BOTH}"));
    assert!(all.commands[0].ends_with("--analysis analysis.yaml"), "{:?}", all.commands);
    let reading = all.metrics.iter().find(|one| one.object == "analysistemplate/ratio-vector").unwrap();
    assert_eq!(reading.separation, Some(Separation::Service { label: "service".into() }));
    assert!(
        reading.query.as_ref().unwrap().contains("service=\"${deployment}-rp-canary\""),
        "the Rollout's own Service"
    );
}

#[test]
fn a_canary_with_built_in_metrics_is_a_command_line_alone() {
    let import = read(BUILT_IN);
    assert_eq!(import.analysis, None);
    assert_eq!(
        import.commands,
        [
            "kubectl rollout-plus canary frontend -n shop --image CONTAINER=IMAGE --steps 10,20,30,40,50 --step-wait 30s \
          --promote --analyze --max-error-rate 1 --slower-than 500ms"
        ]
    );
    for metric in ["request-success-rate", "request-duration"] {
        assert!(
            meaning(&import, metric).ends_with("no data or an error is a failed check, and the 5th ends it")
        );
    }
    wants(&import, "spec.analysis.metrics[0]", "99 is a percentage");
    wants(&import, "spec.analysis.metrics[1]", "500 are milliseconds of the mean");
    wants(
        &read(&BUILT_IN.replace("provider: nginx", "provider: istio")),
        "spec.analysis.metrics[1]",
        "99th percentile",
    );
    wants(&import, "spec.analysis.webhooks[0]", "type rollout");
}

#[test]
fn a_template_of_flagger_is_of_the_canary_only_with_its_pods_added() {
    let import = read(TEMPLATE);
    let reading = &import.metrics[0];
    let query = reading.query.as_deref().unwrap();
    let both = "pod=~\"${deployment}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\"";
    assert_eq!(query.matches(both).count(), 2, "{query}");
    assert_eq!(query.matches(",pod=~\"${canary.pods}\"}[2m]").count(), 2, "{query}");
    assert!(query.contains("namespace=\"${namespace}\"") && query.contains("status=\"404\""), "{query}");
    assert_eq!(reading.separation, Some(Separation::Pods { label: "pod".into() }));
    assert!(reading.meaning.ends_with("the 2nd ends it"), "{}", reading.meaning);
    let metric = metric(&import, "not-found");
    assert_eq!(limit(metric), &Limit { max: Some(5.0), looks: Some(2), ..Limit::default() });
    assert_eq!(metric.on_no_data, OnNoData::Fail, "no values found is a failed check there");
    let prometheus = import.analysis.as_ref().unwrap().prometheus.as_ref().unwrap();
    assert_eq!((prometheus.headers["X-Scope-OrgID"].as_str(), &prometheus.token_file), ("shop", &None));
    wants(
        &import,
        "spec.provider.secretRef",
        "not read without being asked: Flagger takes its token before username and password",
    );
    wants(
        &import,
        "spec.analysis.metrics[1]",
        "'old-form' is of Flagger's deprecated form (threshold, query)",
    );
    assert!(
        import.commands[0].contains("--steps 1,5,20,50 --step-wait 60s --promote --analysis analysis.yaml")
    );
}

#[test]
fn a_rollout_that_waits_between_shares_takes_a_command_line_for_each_stretch() {
    let steps = "- setWeight: 0\n      - setWeight: 10\n      - pause: {}\n      - setWeight: 50\n      - pause: {duration: 1m}\n      - pause: {duration: 30}\n      - setWeight: 100\n      - experiment: {}\n";
    let (head, _) = ROLLOUT.split_once("- setWeight").unwrap();
    let import = read(&format!("{head}{steps}"));
    let line = "kubectl rollout-plus canary frontend";
    assert_eq!(
        import.commands,
        [
            format!("{line} --image frontend=shop/web:v2 --steps 10"),
            format!("{line} --steps 50 --step-wait 90s --promote")
        ]
    );
    wants(&import, "spec.strategy.canary.steps[0]", "a share of 0 is no step");
    wants(&import, "spec.strategy.canary.steps[7]", "a step 'experiment' is not read");
    let evil = ROLLOUT.replace("metadata: {name: frontend}", "metadata: {name: \"a; rm -rf $HOME\"}");
    assert!(
        read(&evil).commands[0].starts_with("kubectl rollout-plus canary 'a; rm -rf $HOME' "),
        "a shell would read it"
    );
}

#[test]
fn a_file_has_no_more_metrics_than_its_reader_takes() {
    let many: Vec<String> = (0..25).map(|number| FAIL.replace("fail-only", &format!("t{number}"))).collect();
    let import = read(&many.join("---\n"));
    assert_eq!(import.analysis.as_ref().unwrap().metrics.len(), 20);
    assert_eq!(import.notes.iter().filter(|note| note.text.contains("20 metrics at most")).count(), 5);
}

#[test]
fn metrics_of_two_servers_do_not_fit_into_one_file() {
    let other = FAIL
        .replace("name: fail-only", "name: other")
        .replace("http://prometheus.monitoring", "http://thanos");
    let import = read(&format!("{FAIL}---\n{other}"));
    assert_eq!(import.analysis.as_ref().unwrap().metrics.len(), 1);
    wants(&import, "spec.metrics[0]", "it asks another server (http://thanos:9090)");
}
