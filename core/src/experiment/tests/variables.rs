//! Settings, secrets, and where they are filled in.

use std::time::Duration;

use serde_json::json;

use super::{Experiment, Given, Values, found, values, variable, with, yaml};
use crate::experiment::{Body, Command, Provider};

const SETTINGS: &str = "configuration:
  plain: text
  number: 3
  flag: true
  map: {a: [1]}
  url: {type: env, key: FRONTEND_URL}
  count: {type: env, key: REPLICAS, env_var_type: int}
  missing: {type: env, key: GONE, default: 7}
  typed: {type: env, key: GONE, default: '8', env_var_type: int}
  off: {type: env, key: GONE, default: 'no', env_var_type: bool}
  json: {type: env, key: GONE, default: '{\"x\": [1]}', env_var_type: json}
  half: {type: env, key: GONE, default: '0.5', env_var_type: float}
  nothing: {type: env, key: GONE, default: null}
secrets:
  k8s: {token: {type: env, key: API_TOKEN}, literal: hunter22}
  top: s3cr3t
method: []
";

fn load(parts: &str, given: &Given) -> Result<Values, String> {
    Values::load(&yaml(&with(parts)), given, variable).map_err(|error| error.message)
}

#[test]
fn a_name_alone_keeps_its_type_and_others_become_text() {
    let values = load(SETTINGS, &Given::default()).unwrap();
    for (text, expected) in [
        ("${plain}", json!("text")),
        ("${number}", json!(3)),
        ("${flag}", json!(true)),
        ("${map}", json!({"a": [1]})),
        ("${url}/x", json!("http://frontend.example/x")),
        ("${count}", json!(2)),
        ("${missing}", json!(7)),
        ("${typed}", json!(8)),
        ("${off}", json!(false)),
        ("${json}", json!({"x": [1]})),
        ("${half}", json!(0.5)),
        ("${nothing}", json!(null)),
        ("${token}", json!("tok-8472-abc")),
        ("${literal} ${top}", json!("hunter22 s3cr3t")),
        // As Python writes them.
        ("n=${number} f=${flag} o=${off} z=${nothing} h=${half}", json!("n=3 f=True o=False z=None h=0.5")),
        ("$number", json!("3")),
        ("$numbers ${numbers} ${} $ $1 ${1} ${plain", json!("$numbers ${numbers} ${} $ $1 ${1} ${plain")),
        ("$${number} $$", json!("${number} $")),
        ("a$", json!("a$")),
        ("${number}${number}", json!("33")),
    ] {
        assert_eq!(values.fill_text(text), expected, "{text}");
    }
    let filled = values.fill(&json!({"${plain}": ["${number}", {"b": "${flag}"}, 5]}));
    assert_eq!(filled, json!({"${plain}": [3, {"b": true}, 5]}));
}

#[test]
fn every_variable_that_is_not_set_is_named_at_once() {
    let text = with(
        "configuration:\n  a: {type: env, key: GONE_A}\nsecrets:\n  s: {b: {type: env, key: GONE_B}}\nmethod: []",
    );
    let error = Values::load(&yaml(&text), &Given::default(), variable).unwrap_err();
    assert_eq!(
        error.message,
        "e.yaml: the variables GONE_A (configuration a, line 4), GONE_B (secret b, line 6) are not set"
    );
    assert_eq!(error.next, ["export GONE_A=... GONE_B=..."]);
    let empty = Values::load(&yaml(&text), &Given::default(), |_| Some(String::new())).unwrap();
    assert_eq!(empty.setting("a"), Some(&json!("")));
}

#[test]
fn values_of_a_wrong_type_are_not_shown() {
    let wrong = |kind: &str| {
        load(
            &format!("configuration:\n  a: {{type: env, key: API_TOKEN, env_var_type: {kind}}}\nmethod: []"),
            &Given::default(),
        )
    };
    assert_eq!(
        wrong("int"),
        Err("e.yaml:4: configuration a: variable API_TOKEN: it is not a whole number".into())
    );
    assert_eq!(
        wrong("float"),
        Err("e.yaml:4: configuration a: variable API_TOKEN: it is not a number".into())
    );
    assert_eq!(wrong("json"), Err("e.yaml:4: configuration a: variable API_TOKEN: it is not JSON".into()));
    assert_eq!(
        super::refusal(&with("configuration:\n  a: {type: env, key: K, env_var_type: date}\nmethod: []")),
        "e.yaml:4: configuration a: env_var_type: 'date' is none of str, int, float, bytes, bool, json"
    );
}

#[test]
fn what_the_command_line_gives_comes_first() {
    let mut given = Given::default();
    for text in ["plain=a=b", "number:int=9", "flag:bool=No", "count:json=[1]"] {
        given.variable(text).unwrap();
    }
    given.file("# c\n\nFRONTEND_URL=http://other\nGONE=x y\n", "x.env").unwrap();
    given.file("{\"secrets\": {\"k8s\": {\"token\": \"given-secret\"}}, \"other\": 1}", "v.json").unwrap();
    given.file("configuration: {missing: {type: env, key: REPLICAS}, unused: 1}", "v.yaml").unwrap();
    let text = SETTINGS
        .replace("typed: {type: env, key: GONE", "typed: {type: env, key: GONE_TOO")
        .replace("off: {type: env, key: GONE", "off: {type: env, key: GONE_TOO")
        .replace("json: {type: env, key: GONE", "json: {type: env, key: GONE_TOO")
        .replace("half: {type: env, key: GONE", "half: {type: env, key: GONE_TOO");
    let values = load(&text, &given).unwrap();
    for (name, expected) in [
        ("plain", json!("a=b")),
        ("number", json!(9)),
        ("flag", json!(false)),
        ("count", json!([1])),
        ("url", json!("http://other")),
        ("missing", json!("2")),
        ("nothing", json!("x y")),
    ] {
        assert_eq!(values.setting(name), Some(&expected), "{name}");
    }
    assert_eq!(values.fill_text("${token}"), json!("given-secret"));
    assert!(!values.scrubber().text("given-secret").contains("given"));
    let named = with(
        "configuration: {db_password: abcd-efgh, x: {type: env, key: API_TOKEN}, y: wxyz-wxyz}\nmethod: []",
    );
    let scrubber = super::values(&yaml(&named)).scrubber();
    assert_eq!(scrubber.text("abcd-efgh tok-8472-abc wxyz-wxyz"), "*** *** wxyz-wxyz");
}

#[test]
fn what_is_wrong_with_given_values_is_told_without_them() {
    let wrong = |text: &str| Given::default().variable(text).unwrap_err().message;
    assert_eq!(wrong("secret"), "--var: NAME[:TYPE]=VALUE is wanted");
    assert_eq!(wrong("=secret"), "--var: NAME[:TYPE]=VALUE is wanted");
    assert_eq!(wrong("a:int=secret"), "--var: a: it is not a whole number");
    assert_eq!(wrong("a:date=secret"), "--var: 'date' is none of str, int, float, bytes, bool, json");
    let file = |text: &str, name: &str| Given::default().file(text, name).unwrap_err().message;
    assert_eq!(file("A=1\nsecret", ".env"), ".env:2: NAME=VALUE is wanted, or a comment after #");
    assert_eq!(file("[1]", "v.json"), "v.json: it has to be a map with configuration and secrets");
    assert_eq!(file("{\"secrets\": 1}", "v.json"), "v.json: secrets has to be a map");
    let mut given = Given::default();
    given.variable("lable=x").unwrap();
    assert_eq!(
        load("configuration: {label: x, b: y}\nmethod: []", &given),
        Err("--var lable: e.yaml has no such setting under configuration; it has label, b".into())
    );
}

#[test]
fn settings_that_a_probe_finds_out_wait_for_it() {
    let text = with(
        "configuration:\n  n: {type: probe, provider: {type: process, path: count}}\n  h: {type: probe, name: host, provider: {type: http, url: 'http://x'}}\nmethod:\n- type: action\n  name: a\n  provider: {type: python, module: chaosk8s.pod.actions, func: terminate_pods, arguments: {label_selector: a=b, qty: '${n}'}}",
    );
    let experiment = yaml(&text);
    let mut values = values(&experiment);
    assert_eq!(
        values.dynamic().iter().map(|(name, probe)| (name.as_str(), probe.name.as_str())).collect::<Vec<_>>(),
        [("n", "n"), ("h", "host")]
    );
    assert_eq!(found(&experiment, "default", &[]), []);
    assert_eq!(
        values.set_output("n", &json!({"status": 3, "stdout": "", "stderr": ""})),
        Err("its program ended with status 3".into())
    );
    values.set_output("n", &json!({"status": 0, "stdout": " many\n", "stderr": ""})).unwrap();
    values.set_output("h", &json!({"status": 200, "headers": {}, "body": {"a": 1}})).unwrap();
    assert_eq!((values.setting("n"), values.setting("h")), (Some(&json!("many")), Some(&json!({"a": 1}))));
    let terms = crate::experiment::Terms { namespace: "default".into(), ..Default::default() };
    let told = crate::experiment::findings(&experiment, &values, &terms);
    assert!(
        told[0].message.ends_with("argument 'qty' has to be a whole number, and it is \"many\""),
        "{told:?}"
    );
}

#[test]
fn a_vault_is_refused() {
    let experiment = yaml(&with("secrets:\n  a:\n    b: {type: vault, path: secret/x}\nmethod: []"));
    let told = found(&experiment, "default", &[]);
    assert_eq!((told.len(), told[0].line), (1, 5));
    assert!(told[0].message.starts_with("secret b: a vault is not asked"));
}

fn provider(provider: &str) -> (Provider, Values) {
    let experiment: Experiment = yaml(&with(&format!(
        "configuration: {{u: 'http://h/p', n: 2, secs: 1.5, both: [1, 2], word: a b}}\nmethod:\n- type: action\n  name: a\n  provider: {provider}"
    )));
    let values = values(&experiment);
    (experiment.method[0].provider.clone(), values)
}

#[test]
fn requests_are_those_that_requests_would_send() {
    let sent = |text: &str| {
        let (provider, values) = provider(text);
        let Provider::Http(http) = provider else { panic!() };
        http.request(&values).unwrap()
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let get = sent(
        "{type: http, url: '${u}/x', timeout: '${secs}', verify_tls: false, headers: {X: 1, Y: '${word}'}, arguments: {q: [1, 2], f: true, z: null}}",
    );
    assert_eq!((get.url.as_str(), get.method.as_str(), get.verify_tls), ("http://h/p/x", "GET", false));
    assert_eq!(get.headers, [pair("X", "1"), pair("Y", "a b")]);
    assert_eq!(get.body, Body::Query(vec![pair("f", "True"), pair("q", "1"), pair("q", "2")]));
    let time = Some(Duration::from_millis(1500));
    assert_eq!((get.connect_timeout, get.read_timeout), (time, time));
    let form = sent("{type: http, url: u, method: post, timeout: '${both}', arguments: {n: '${n}'}}");
    assert_eq!((form.method.as_str(), form.body), ("POST", Body::Form(vec![pair("n", "2")])));
    assert_eq!(
        (form.connect_timeout, form.read_timeout),
        (Some(Duration::from_secs(1)), Some(Duration::from_secs(2)))
    );
    let json = sent(
        "{type: http, url: u, method: PUT, headers: {content-type: application/json}, arguments: {n: '${n}'}}",
    );
    assert_eq!(json.body, Body::Json(json!({"n": 2})));
    let raw = sent("{type: http, url: u, method: POST, arguments: 'x=${n}'}");
    assert_eq!((raw.body, raw.connect_timeout), (Body::Raw("x=2".into()), None));
    assert_eq!(sent("{type: http, url: u, arguments: {}}").body, Body::Empty);
}

#[test]
fn commands_are_those_that_chaoslib_would_run() {
    let run = |text: &str| {
        let (provider, values) = provider(&format!("{{type: process, path: p, {text}}}"));
        let Provider::Process(process) = provider else { panic!() };
        process.command(&values)
    };
    let program = |words: &[&str]| {
        Ok(Command::Program {
            path: "p".into(),
            arguments: words.iter().map(|word| (*word).into()).collect(),
        })
    };
    assert_eq!(run("timeout: 1"), program(&[]));
    assert_eq!(
        run("arguments: [a, '', null, 3, true, '${word}', '${n}']"),
        program(&["a", "3", "True", "a b", "2"])
    );
    assert_eq!(
        run("arguments: {--z: 1, --a: '${word}', --flag: ''}"),
        program(&["--z", "1", "--a", "a b", "--flag"])
    );
    let line = Command::Shell { path: "p".into(), rest: "-n 2 $HOME".into() };
    assert_eq!(run("arguments: '-n ${n} $HOME'"), Ok(line));
    assert_eq!(run("arguments: [[a]]"), Err("arguments: each has to be a text or a number".into()));
}
