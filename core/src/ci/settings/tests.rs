use std::collections::BTreeSet;

use super::*;
use crate::ci::build::tests::{DRONE, WOODPECKER, environment, recorded};
use crate::ci::encoding::tests::Writer;
use crate::credentials::ExposeSecret;
use crate::model::Strategy;
use clap::Parser;
use serde_json::{Value, json};

fn of(pairs: &[(&str, &str)]) -> Result<Settings, Error> {
    Settings::of(&environment(pairs))
}

fn said(pairs: &[(&str, &str)]) -> String {
    of(pairs).map(|_| ()).unwrap_err().message
}

fn example(text: &str, step: usize) -> BTreeMap<String, Value> {
    let pipeline: Value = serde_saphyr::from_str(text).unwrap();
    serde_json::from_value(pipeline["steps"][step]["settings"].clone()).unwrap()
}

/// What stands in `plugin/` for a system, with its secrets put in.
fn variables(text: &str, step: usize, writer: Writer) -> Environment {
    let mut settings = example(text, step);
    for value in settings.values_mut() {
        if value.get("from_secret").is_some() {
            *value = json!("geheim");
        }
    }
    let mut variables = writer.write(&settings);
    variables.extend([
        ("CI".to_owned(), "woodpecker".to_owned()),
        ("CI_PIPELINE_NUMBER".to_owned(), "42".to_owned()),
    ]);
    variables.insert("CI_COMMIT_SHA".into(), "0123456789abcdef0123456789abcdef01234567".into());
    Environment { variables, ..Environment::default() }
}

#[test]
fn names_are_unique_and_every_flag_exists() {
    use clap::CommandFactory;
    let mut names: Vec<&str> =
        TABLE.iter().flat_map(|one| one.aliases.iter().chain([&one.name])).copied().collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name has two meanings");
    let command = crate::cli::Cli::command();
    let verbs: Vec<&clap::Command> = command.get_subcommands().chain([&command]).collect();
    for flag in TABLE.iter().filter_map(|one| one.becomes.flag()) {
        let known =
            |verb: &&clap::Command| verb.get_arguments().any(|one| one.get_long() == flag.strip_prefix("--"));
        assert!(verbs.iter().any(known), "no verb has {flag}");
    }
}

/// The flags of a verb, without those of every command.
fn flags(verb: &str) -> BTreeSet<String> {
    use clap::CommandFactory;
    let command = crate::cli::Cli::command();
    let own = command.find_subcommand(verb).unwrap().get_arguments().filter(|one| !one.is_global_set());
    own.filter_map(|one| one.get_long())
        .filter(|flag| *flag != "help")
        .map(|flag| format!("--{flag}"))
        .collect()
}

/// What a step gives a verb by itself: it follows from other settings.
const BY_ITSELF: [&str; 7] =
    ["--image", "--tag-policy", "--strategy", "--except", "--or-first", "--until", "--offline"];

#[test]
fn every_flag_of_a_verb_that_an_action_or_strategy_is_has_its_setting() {
    let known: BTreeSet<&str> = TABLE.iter().filter_map(|one| one.becomes.flag()).chain(BY_ITSELF).collect();
    let actions = ["promote", "abort", "rollback", "restart", "resume", "check"];
    for verb in Strategy::ALL.map(Strategy::name).into_iter().chain(actions).chain(["apply"]) {
        let unknown: Vec<String> =
            flags(verb).into_iter().filter(|flag| !known.contains(flag.as_str())).collect();
        assert!(unknown.is_empty(), "no setting becomes {unknown:?} of {verb}");
    }
}

#[test]
fn a_flag_of_manifests_and_of_every_strategy_is_given_to_both() {
    let manifests = flags("apply");
    let rollouts = Strategy::ALL.map(Strategy::name).map(flags);
    for setting in TABLE {
        let (flag, of) = match setting.becomes {
            Becomes::Option(flag, of)
            | Becomes::Each(flag, of)
            | Becomes::Joined(flag, of)
            | Becomes::Switch(flag, of) => (flag, of),
            Becomes::Everywhere(_)
            | Becomes::Command
            | Becomes::Credential
            | Becomes::Nothing(_)
            | Becomes::Refused(_) => continue,
        };
        // One file cannot tell of two runs.
        let is_of_both =
            manifests.contains(flag) && rollouts.iter().all(|all| all.contains(flag)) && flag != "--report";
        assert_eq!(of == Of::Both, is_of_both, "{flag} is of {of:?}");
    }
}

#[test]
fn each_setting_stands_once_in_the_docs_with_all_its_names() {
    let docs = include_str!("../../../../plugin/docs.md");
    let docs = docs.split("\n## ").find(|section| section.starts_with("Settings\n")).unwrap();
    let mut rows = BTreeMap::new();
    for line in docs.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let names = |cell: &str| -> Vec<String> {
            cell.split(',')
                .map(|one| one.trim().trim_matches('`').to_owned())
                .filter(|one| !one.is_empty())
                .collect()
        };
        assert!(cells.len() == 5 && !cells[3].is_empty(), "{line}");
        for name in names(cells[1]) {
            assert!(rows.insert(name.clone(), names(cells[2])).is_none(), "{name} stands twice");
        }
    }
    for setting in TABLE {
        let documented =
            rows.remove(setting.name).unwrap_or_else(|| panic!("{} is not documented", setting.name));
        assert_eq!(documented, setting.aliases, "the other names of {}", setting.name);
    }
    assert!(rows.is_empty(), "there is no setting {rows:?}");
}

#[test]
fn steps_with_a_fault_give_the_lines_that_a_person_would_type() {
    let docs = include_str!("../../../../plugin/docs.md");
    let section = docs.split("\n## ").find(|section| section.starts_with("Faults\n")).unwrap();
    let text = section.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let expected = [
        "canary frontend --image=shop/frontend:01234567-42 --tag-policy=git-hash-build-id --weight=10 --promote \
         --chaos=kill-pods --chaos-recover-within=30s --report=junit=rollout.xml --namespace=shop",
        "canary frontend --image=shop/frontend:01234567-42 --tag-policy=git-hash-build-id --weight=10 --promote \
         --chaos=examples/chaos/experiment.json --namespace=shop",
    ];
    for (step, line) in expected.iter().enumerate() {
        let environment = variables(text, step, Writer::Woodpecker);
        let settings = Settings::of(&environment).unwrap();
        let tasks = crate::ci::tasks(&settings, &Build::of(&environment)).unwrap();
        let crate::ci::Work::Own(argv) = &tasks[0].work else { panic!("{tasks:?}") };
        assert_eq!(argv.join(" "), *line);
        crate::cli::Cli::try_parse_from(std::iter::once("k").chain(argv.iter().map(String::as_str))).unwrap();
    }
}

#[test]
fn example_pipelines_give_the_lines_that_a_person_would_type() {
    let drone = include_str!("../../../../plugin/.drone.yml");
    let woodpecker = include_str!("../../../../plugin/.woodpecker.yaml");
    for (text, writer) in [(drone, Writer::Drone), (woodpecker, Writer::Woodpecker)] {
        let expected = [
            "canary frontend --image=shop/frontend:01234567-42 --tag-policy=git-hash-build-id --steps=10,25,50 \
             --step-wait=1m --promote --report=junit=rollout.xml --namespace=shop",
            "apply --filename=./frontend/deployment.yaml --force-conflicts --tag-policy=any --namespace=shop",
        ];
        for (step, line) in expected.iter().enumerate() {
            let environment = variables(text, step, writer);
            let settings = Settings::of(&environment).unwrap();
            assert_eq!(settings.warnings, Vec::<String>::new());
            let build = Build::of(&environment);
            let tasks = crate::ci::tasks(&settings, &build).unwrap();
            let crate::ci::Work::Own(argv) = &tasks[0].work else { panic!("{tasks:?}") };
            assert_eq!(argv.join(" "), *line, "{writer:?}");
            crate::cli::Cli::try_parse_from(std::iter::once("k").chain(argv.iter().map(String::as_str)))
                .unwrap();
            let token = settings.credentials(&build).unwrap().token.unwrap();
            assert_eq!(token.value.expose_secret(), "geheim");
        }
    }
}

#[test]
fn secrets_come_under_all_their_names_and_are_shown_under_none() {
    let bare = [("KUBERNETES_SERVER", "https://a"), ("KUBERNETES_TOKEN", "geheim")];
    for pairs in [&bare[..], &[("PLUGIN_API_SERVER", "https://a"), ("PLUGIN_K8S_TOKEN", "geheim")]] {
        let given = of(pairs).unwrap().credentials(&Build::default()).unwrap();
        assert_eq!(given.token.as_ref().unwrap().value.expose_secret(), "geheim");
        assert!(!format!("{given:?}").contains("geheim"));
    }
    let both = of(&[&bare[..], &[("PLUGIN_TOKEN", "other")]].concat()).unwrap();
    let token = both.credentials(&Build::default()).unwrap().token.unwrap();
    assert_eq!((token.name.as_str(), token.value.expose_secret()), ("token", "other"), "a setting wins");
    for recording in [WOODPECKER, DRONE] {
        let settings = Settings::of(&recorded(recording)).unwrap();
        let lines = format!("{:?}", crate::ci::tasks(&settings, &Build::default()));
        assert!(!lines.contains("s3cr3t") && !settings.warnings.join(" ").contains("s3cr3t"));
    }
}

#[test]
fn a_secret_that_is_withheld_is_recognised() {
    let pairs = [("PLUGIN_SERVER", "https://a"), ("PLUGIN_KUBERNETES_TOKEN", "")];
    let settings = of(&pairs).unwrap();
    let why = |build: &Build| settings.credentials(build).unwrap_err().message;
    insta::assert_snapshot!(why(&Build::default()), @"kubernetes_token is empty: there is no secret of that name, or it has no value");
    let proposed = Build { event: Some("pull_request".into()), ..Build::default() };
    insta::assert_snapshot!(why(&proposed), @"kubernetes_token is empty: the CI system withholds secrets from pull requests");
    // An empty CA alone means those of the system.
    let given = of(&[("PLUGIN_CERT", ""), ("PLUGIN_SERVER", "https://a"), ("PLUGIN_TOKEN", "t")]).unwrap();
    assert!(given.credentials(&Build::default()).is_ok());
}

#[test]
fn what_the_system_did_not_put_in_is_an_error() {
    let nested = r#"{"X-Key":{"from_secret":"key"}}"#;
    insta::assert_snapshot!(said(&[("PLUGIN_HEADER", nested)]), @"setting header: a secret is named within a list or a map, and the CI system did not put its value in (Drone never does)");
    assert!(of(&[("PLUGIN_ANALYSIS", nested)]).is_ok(), "nobody reads it");
}

#[test]
fn names_that_are_not_known_are_told_and_strictly_refused() {
    let pairs = [("PLUGIN_DEPLOYMNET", "web"), ("PLUGIN_XYZ", "")];
    let warnings = of(&pairs).unwrap().warnings;
    assert_eq!(warnings, ["there is no setting deploymnet: is deployment meant?", "there is no setting xyz"]);
    insta::assert_snapshot!(said(&[&pairs[..], &[("PLUGIN_STRICT", "true")]].concat()), @"there is no setting deploymnet: is deployment meant?; there is no setting xyz");
    assert!(of(&[("PLUGIN_STRICT", "maybe")]).is_err());
}

#[test]
fn spellings_of_one_setting_must_agree() {
    assert!(of(&[("PLUGIN_DRY-RUN", "true"), ("PLUGIN_DRY_RUN", "")]).unwrap().is("dry_run").unwrap());
    assert!(of(&[("PLUGIN_WAIT.TIMEOUT", "5m"), ("PLUGIN_TIMEOUT", "5m")]).is_ok());
    let two = said(&[("PLUGIN_WAIT.TIMEOUT", "5m"), ("PLUGIN_TIMEOUT", "6m")]);
    assert_eq!(two, "settings timeout and wait_timeout mean the same, and have different values");
}

#[test]
fn what_other_plugins_do_is_refused_or_said_to_be_so_anyway() {
    insta::assert_snapshot!(said(&[("PLUGIN_SKIP_TLS_VERIFY", "true")]), @"setting skip_tls_verify: the server's certificate is always verified: give its CA in 'cert'");
    assert!(of(&[("PLUGIN_SKIP_TLS_VERIFY", "false")]).unwrap().warnings.is_empty());
    insta::assert_snapshot!(said(&[("PLUGIN_STATEFULSET", "db")]), @"setting statefulset: only Deployments can be rolled out so far; 'manifests' applies the others");
    let warnings = of(&[("PLUGIN_FORCE", "true"), ("PLUGIN_USER", "me")]).unwrap().warnings;
    assert!(warnings[0].starts_with("setting force does nothing") && warnings.len() == 2);
    let forced = of(&[("PLUGIN_FORCE", "RP001,RP002")]).unwrap();
    assert_eq!(forced.arguments(|_| true).unwrap(), ["--force=RP001,RP002"]);
}

#[test]
fn a_context_is_one_of_a_kubeconfig() {
    let said = |pairs: &[(&str, &str)]| {
        of(pairs).unwrap().credentials(&Build::default()).map(|_| ()).map_err(|error| error.message)
    };
    let access = [("PLUGIN_CONTEXT", "prod"), ("PLUGIN_SERVER", "https://a"), ("PLUGIN_TOKEN", "t")];
    assert_eq!(
        said(&access).unwrap_err(),
        "settings context and server: a context is one of a kubeconfig, and server names the cluster"
    );
    let inside = |value| [("PLUGIN_CONTEXT", "prod"), ("PLUGIN_IN_CLUSTER", value)];
    insta::assert_snapshot!(said(&inside("true")).unwrap_err(), @"settings context and in_cluster: a context is one of a kubeconfig, and in_cluster names the cluster");
    assert_eq!(said(&inside("false")), Ok(()));
    assert_eq!(said(&[("PLUGIN_CONTEXT", "prod"), ("PLUGIN_KUBECONFIG", "clusters: []")]), Ok(()));
}
