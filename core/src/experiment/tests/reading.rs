//! What an experiment has to have, and the lines of refusals.

use super::{Experiment, found, refusal, values, with, yaml};
use crate::experiment::{Activity, ActivityKind, Dry, FindingKind, Tolerance};

#[test]
fn what_chaos_toolkit_requires_is_required() {
    for (text, why) in [
        ("- a", "e.yaml:1: it is not an experiment: a map with title, description and method is wanted"),
        ("description: d\nmethod: []", "e.yaml:1: the experiment has no title"),
        ("title: t\nmethod: []", "e.yaml:1: the experiment has no description"),
        (
            "title: t\ndescription: d",
            "e.yaml:1: the experiment has no method; an empty list is enough to look at the hypothesis alone",
        ),
        (&with("method: {}"), "e.yaml:3: method has to be a list of activities"),
        (&with("tags: [a, '']\nmethod: []"), "e.yaml:3: tags have to be a list of texts"),
        (
            &with("method:\n- name: a\n  provider: {type: http, url: x}"),
            "e.yaml:4: activity 'a': it has no type: probe or action",
        ),
        (
            &with("method:\n- type: action\n  provider: {type: http, url: x}"),
            "e.yaml:4: activity: it has no name",
        ),
        (&with("method:\n- {type: probe, name: a}"), "e.yaml:4: activity 'a': it has no provider"),
        (
            &with("method:\n- type: probe\n  name: a\n  provider:\n    type: ruby"),
            "e.yaml:7: activity 'a': the provider's type has to be python, process or http",
        ),
        (
            &with("method:\n- type: probe\n  name: a\n  provider: {type: http}"),
            "e.yaml:6: activity 'a': the http provider has no url",
        ),
        (
            &with("method:\n- type: probe\n  name: a\n  provider: {type: process}"),
            "e.yaml:6: activity 'a': the process provider has no path",
        ),
        (
            &with(
                "method:\n- type: action\n  name: a\n  provider: {type: python, module: m, func: f, arguments: [x]}",
            ),
            "e.yaml:6: activity 'a' (m.f): arguments have to be a map of names to values",
        ),
        (
            &with(
                "method:\n- type: action\n  name: a\n  provider: {type: http, url: x}\n  pauses:\n    before: 1\n    after: soon",
            ),
            "e.yaml:9: activity 'a': pauses.after has to be a number of seconds or the name of a variable",
        ),
        (
            &with("method:\n- {type: action, name: a, background: 1, provider: {type: http, url: x}}"),
            "e.yaml:4: activity 'a': background has to be true or false",
        ),
        (
            &with("method: []\nsteady-state-hypothesis: {probes: []}"),
            "e.yaml:4: the steady-state-hypothesis has no title",
        ),
        (
            &with(
                "method: []\nsteady-state-hypothesis:\n  title: h\n  probes:\n  - {type: probe, name: a, provider: {type: http, url: x}}",
            ),
            "e.yaml:7: activity 'a' (http): a probe of the hypothesis needs a tolerance",
        ),
        (
            &with("method:\n- ref: gone"),
            "e.yaml:4: ref 'gone': neither the hypothesis nor the method has this activity",
        ),
        (&with("method: []\nrollbacks:\n- ref: 7"), "e.yaml:5: ref has to be the name of an activity"),
        (
            &with("method: []\nruntime: {hypothesis: {strategy: sometimes}}"),
            "e.yaml:4: runtime.hypothesis.strategy: \"sometimes\" is none of default, before-method-only, \
             after-method-only, during-method-only, continuously, skip",
        ),
        (&with("configuration: 3\nmethod: []"), "e.yaml:3: configuration has to be a map"),
    ] {
        assert_eq!(refusal(text), why);
    }
}

#[test]
fn what_is_no_json_or_yaml_is_told_with_its_line() {
    let error = |text: &str, file: &str| Experiment::read(text, file).unwrap_err().message;
    assert_eq!(
        error("{\"title\": \"t\",\n\n oops}", "e.json"),
        "e.json:3: it is not JSON: key must be a string"
    );
    let yaml = error("title: t\ndescription: [a\nmethod: []", "e.yml");
    assert!(yaml.starts_with("e.yml:") && yaml.contains("it is not YAML"), "{yaml}");
    let two = error("title: t\n---\ntitle: u\n", "e.yaml");
    assert!(two.contains("it is not YAML"), "{two}");
    // What a file without an ending is, its text says.
    assert!(Experiment::read("{\"title\": \"t\", \"description\": \"d\", \"method\": []}", "-").is_ok());
    assert!(Experiment::read(&with("method: []"), "-").is_ok());
    assert!(Experiment::read("{title: t, description: d, method: []}", "-").is_ok());
}

#[test]
fn a_tab_an_escape_and_a_mark_at_the_begin_are_json() {
    let text = "\u{feff}{\n\t\"title\": \"\\ud83d\\ude00 \\/ \\\"t\\\\\",\n\t\"description\": \"d\",\n\t\"method\": [ ] , \"x\": [1.5e3,-2 , null,true]\n}\n";
    let experiment = Experiment::read(text, "e.json").unwrap();
    assert_eq!(experiment.title, "😀 / \"t\\");
    let (_, without_mark) = text.split_at('\u{feff}'.len_utf8());
    assert_eq!(experiment.document, serde_json::from_str::<serde_json::Value>(without_mark).unwrap());
}

#[test]
fn unknown_keys_are_passed_over_and_stay_in_the_document() {
    let text = with("method: []\nextensions: [{name: x, data: 1}]\nversion: 1.0.0\nfoo: 200");
    let experiment = yaml(&text);
    assert_eq!(experiment.document["foo"], 200);
    assert_eq!(experiment.document["version"], "1.0.0");
    assert_eq!(found(&experiment, "default", &[]), []);
}

#[test]
fn controls_are_refused_unless_they_are_passed_over() {
    let text = with(
        "controls: [{name: slack, provider: {type: python, module: chaosslack.control}}]\nmethod:\n- type: probe\n  \
         name: a\n  provider: {type: http, url: http://x}\n  controls: [{name: own, provider: {type: python, module: m}}]",
    );
    let experiment = yaml(&text);
    let told = found(&experiment, "default", &[]);
    assert_eq!(
        told.iter().map(|finding| (finding.line, finding.kind)).collect::<Vec<_>>(),
        [(3, FindingKind::Invalid), (8, FindingKind::Invalid)]
    );
    assert_eq!(told[0].message, "control 'slack' (chaosslack.control) is Python code, and none is run here");
    let terms = crate::experiment::Terms { ignore_controls: true, ..Default::default() };
    assert_eq!(crate::experiment::findings(&experiment, &values(&experiment), &terms), []);
}

#[test]
fn an_activity_is_read_with_all_that_it_says() {
    let text = with(
        "dry: actions\nmethod:\n- {type: action, name: a, dry: pause, pauses: {before: 1.5, after: '${x}'}, provider: {type: http, url: u}}",
    );
    let experiment = yaml(&text);
    let activity = &experiment.method[0];
    assert_eq!(
        (activity.kind, activity.dry, experiment.dry),
        (ActivityKind::Action, Some(Dry::Pause), Some(Dry::Actions))
    );
    assert_eq!(
        activity.pauses.times(&values(&experiment)).unwrap_err(),
        "pauses.after: \"${x}\" is not a number of seconds from 0 to 30 days"
    );
    assert_eq!(found(&experiment, "default", &[]).len(), 1);
}

#[test]
fn words_of_yaml_are_those_of_python() {
    let text = with(
        "method: []\nx: [yes, 'yes', off, \"off\", y, n, N, True, 'true', null, ~, 1.5, 0x10]\ny: on\non: z",
    );
    let document = yaml(&text).document;
    let expected =
        serde_json::json!([true, "yes", false, "off", "y", "n", "N", true, "true", null, null, 1.5, 16]);
    assert_eq!(document["x"], expected);
    assert_eq!((&document["y"], &document["on"]), (&serde_json::json!(true), &serde_json::json!("z")));
}

#[test]
fn a_reference_keeps_its_own_tolerance_and_background() {
    let text = with(
        "steady-state-hypothesis:\n  title: h\n  probes:\n  - {type: probe, name: p, tolerance: 1, provider: {type: http, url: u}}\n  - {ref: p, tolerance: 2}\nmethod:\n- {ref: p}\n- {ref: p, tolerance: 3, background: true}\n- {type: action, name: p, background: true, provider: {type: process, path: other}}",
    );
    let experiment = yaml(&text);
    let told = |activity: &Activity| (activity.what(), activity.tolerance.clone(), activity.background);
    let probes = experiment.hypothesis.iter().flat_map(|hypothesis| &hypothesis.probes);
    let whole = |number| Some(Tolerance::Whole(number));
    // Of equal names, the hypothesis' is meant.
    assert_eq!(
        probes.chain(&experiment.method).map(told).collect::<Vec<_>>(),
        [
            ("http".to_owned(), whole(1), false),
            ("http".to_owned(), whole(2), false),
            ("http".to_owned(), None, false),
            ("http".to_owned(), whole(3), true),
            ("process".to_owned(), None, true),
        ]
    );
    let missing = refusal(&text.replace("{ref: p, tolerance: 2}", "{ref: p}"));
    assert_eq!(missing, "e.yaml:7: activity 'p' (http): a probe of the hypothesis needs a tolerance");
}
