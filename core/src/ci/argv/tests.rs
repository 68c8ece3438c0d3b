use clap::Parser;

use super::*;
use crate::ci::build::tests::{DRONE, WOODPECKER, environment, recorded};
use crate::ci::explain;
use crate::cli::Cli;
use crate::environment::Environment;

/// The lines of a step, or its error.
fn lines(environment: &Environment) -> Result<Vec<String>, String> {
    let settings = Settings::of(environment).map_err(|error| error.message)?;
    let tasks = tasks(&settings, &Build::of(environment)).map_err(|error| error.message)?;
    let line = |task: &Task| match &task.work {
        Work::Own(argv) => argv.join(" "),
        Work::Program { words, .. } => format!("PROGRAM {}", words.join(" ")),
    };
    Ok(tasks.iter().map(line).collect())
}

fn of(settings: &[(&str, &str)]) -> Result<Vec<String>, String> {
    lines(&environment_of(settings))
}

/// The variables of a build of Woodpecker with these settings.
fn environment_of(settings: &[(&str, &str)]) -> Environment {
    let upper: Vec<(String, &str)> =
        settings.iter().map(|(name, value)| (format!("PLUGIN_{}", name.to_uppercase()), *value)).collect();
    let mut pairs: Vec<(&str, &str)> = upper.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    pairs.extend([
        ("CI", "woodpecker"),
        ("CI_PIPELINE_NUMBER", "42"),
        ("CI_COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ]);
    environment(&pairs)
}

fn one(settings: &[(&str, &str)]) -> String {
    let lines = of(settings).unwrap();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

/// What the parser says about the last command.
fn refused(settings: &[(&str, &str)]) -> String {
    let upper: Vec<(String, &str)> =
        settings.iter().map(|(name, value)| (format!("PLUGIN_{}", name.to_uppercase()), *value)).collect();
    let pairs: Vec<(&str, &str)> = upper.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let settings = Settings::of(&environment(&pairs)).unwrap();
    let tasks = tasks(&settings, &Build::default()).unwrap();
    let task = tasks.last().unwrap();
    let Work::Own(argv) = &task.work else { panic!("{task:?}") };
    let words = std::iter::once("kubectl rollout-plus").chain(argv.iter().map(String::as_str));
    let error = Cli::try_parse_from(words).expect_err(&argv.join(" "));
    explain(&error, &task.from, argv, &settings).message
}

/// What the parser makes of a step, or the error that the user sees.
fn parsed(environment: &Environment) -> Result<Vec<Cli>, Error> {
    let settings = Settings::of(environment)?;
    let tasks = tasks(&settings, &Build::of(environment))?;
    let own = tasks.iter().map(|task| {
        let Work::Own(argv) = &task.work else { panic!("{task:?}") };
        let words = std::iter::once("kubectl rollout-plus").chain(argv.iter().map(String::as_str));
        Cli::try_parse_from(words).map_err(|error| explain(&error, &task.from, argv, &settings))
    });
    own.collect()
}

#[test]
fn recorded_environments_give_the_lines_that_a_person_would_type() {
    let apply = "apply --filename=./frontend/deployment.yaml --force-conflicts --tag-policy=any --timeout=5m --dry-run";
    let files = "--filename=deploy/a.yaml --filename=deploy/b.yaml";
    // In the run of Drone there was no commit.
    for (recording, tag) in [(WOODPECKER, "0123456789abcdef0123456789abcdef01234567"), (DRONE, "")] {
        let image = format!("--image=shop/frontend:{tag} --tag-policy=any");
        let expected = vec![
            apply.to_owned(),
            format!("apply --except=frontend {image} {files} --timeout=5m --dry-run"),
            format!("canary frontend --or-first {image} {files} --steps=10,25,50,100 --timeout=5m --dry-run"),
        ];
        assert_eq!(lines(&recorded(recording)), Ok(expected));
    }
}

#[test]
fn the_parser_takes_what_recorded_environments_say() {
    use crate::cli::{Command, DryRun};
    for recording in [WOODPECKER, DRONE] {
        let mut environment = recorded(recording);
        if recording == DRONE {
            let told = parsed(&environment).unwrap_err().message;
            assert!(told.contains("'shop/frontend:'") && told.contains("the tag is empty"), "{told}");
            environment.variables.insert("PLUGIN_IMAGE".into(), "shop/frontend:v1".into());
        }
        let settings = Settings::of(&environment).unwrap();
        for name in ["analysis", "checks", "float", "ratio", "text"] {
            let said = format!("there is no setting {name}");
            assert!(settings.warnings.iter().any(|one| one.starts_with(&said)), "{:?}", settings.warnings);
        }
        let all = parsed(&environment).unwrap();
        for cli in &all {
            assert_eq!(cli.global.dry_run, Some(DryRun::Client));
            assert_eq!(cli.global.timeout.as_secs(), 300);
            assert!(!cli.changes());
        }
        let [Command::Apply(first), Command::Apply(rest), Command::Canary(canary)] =
            [&all[0].command, &all[1].command, &all[2].command]
        else {
            panic!("{all:?}")
        };
        assert_eq!((all.len(), first.filename.len(), first.except.len()), (3, 1, 0));
        assert_eq!((rest.filename.len(), &rest.except[..]), (2, &["frontend".to_owned()][..]));
        assert_eq!((&canary.steps[..], canary.weight), (&[10, 25, 50, 100][..], None));
        assert_eq!((canary.name.as_str(), &canary.source.filename), ("frontend", &rest.filename));
        assert!(canary.source.image[0].image.starts_with("shop/frontend:"), "{:?}", canary.source.image);
    }
}

#[test]
fn settings_work_together_or_the_error_names_both() {
    let web = ("deployment", "web");
    let image = ("image", "shop/web:v2");
    let files = ("manifests", "a.yaml,b.yaml");
    let canary = ("strategy", "canary");
    let tags = "--tag-policy=any";
    let both = "--filename=a.yaml --filename=b.yaml";
    for (settings, expected) in [
        (
            vec![web, files],
            vec![format!("apply --except=web {tags} {both}"), format!("rolling web {tags} {both}")],
        ),
        (
            vec![("deployment", "web,api"), ("kustomize", "prod"), canary, ("weight", "10%")],
            vec![
                format!("apply --except=web --except=api {tags} --kustomize=prod"),
                format!("canary web --or-first {tags} --kustomize=prod --weight=10%"),
                format!("canary api --or-first {tags} --kustomize=prod --weight=10%"),
            ],
        ),
        (
            vec![
                web,
                files,
                image,
                ("on_failure", "hold"),
                ("report", "json=r.json"),
                ("force_conflicts", "true"),
            ],
            vec![
                format!(
                    "apply --except=web --image=shop/web:v2 {tags} {both} --on-failure=hold --force-conflicts"
                ),
                format!(
                    "rolling web --image=shop/web:v2 {tags} {both} --on-failure=hold --report=json=r.json"
                ),
            ],
        ),
        (vec![web, files, ("diff", "true")], vec![format!("apply --diff {tags} {both}")]),
        (
            vec![web, image, canary, ("weight", "10"), ("steps", "[10, 50]")],
            vec![format!("canary web --image=shop/web:v2 {tags} --steps=10,50")],
        ),
        (
            vec![files, canary, ("weight", "10")],
            vec![format!("apply --strategy=canary {tags} {both} --weight=10")],
        ),
    ] {
        assert_eq!(of(&settings), Ok(expected), "{settings:?}");
        let taken = parsed(&environment_of(&settings));
        assert!(taken.is_ok(), "{settings:?}: {taken:?}");
    }
    for (settings, named) in [
        (vec![files, image], ["image", "manifests"]),
        (vec![("files", "a"), ("repo", "r"), ("tag", "v2")], ["repo", "files"]),
        (vec![files, canary, ("steps", "10,50")], ["steps", "manifests"]),
        (vec![files, ("strategy", "blue-green")], ["strategy: blue-green", "manifests"]),
        (vec![files, ("kustomize", "prod")], ["manifests", "kustomize"]),
        (vec![files, ("soak", "5m")], ["soak", "manifests without deployment"]),
        (vec![web, files, image, ("diff", "true")], ["diff", "image"]),
        (vec![web, image, canary, ("percentage", "5"), ("weights", "10,50")], ["percentage", "weights"]),
        (vec![web, image, canary, ("soak", "5m"), ("weight", "5")], ["soak", "strategy: canary"]),
        (vec![web, image, ("weight", "5")], ["weight", "strategy: rolling"]),
        (vec![web, image, ("prune", "true"), ("selector", "a=b")], ["prune", "strategy: rolling"]),
        (vec![web, ("action", "promote"), image], ["image", "action: promote"]),
        (vec![web, ("action", "promote"), ("weight", "5")], ["weight", "action: promote"]),
        (vec![("deployment", "a,b"), image, ("report", "json=r")], ["report", "deployment"]),
    ] {
        let error = parsed(&environment_of(&settings)).expect_err(&format!("{settings:?}"));
        assert_eq!(error.kind, crate::error::Kind::Usage);
        for name in named {
            assert!(error.message.contains(name), "{settings:?}: no {name} in: {}", error.message);
        }
    }
}

#[test]
fn four_lines_deploy() {
    let image = ("image", "shop/web:0123abcd");
    assert_eq!(
        one(&[("deployment", "web"), image]),
        "rolling web --image=shop/web:0123abcd --tag-policy=any"
    );
    assert_eq!(
        one(&[("deployment", "web"), image, ("strategy", "canary"), ("steps", "10,50"), ("promote", "true")]),
        "canary web --image=shop/web:0123abcd --tag-policy=any --steps=10,50 --promote"
    );
    assert_eq!(
        one(&[("deployment", "web"), image, ("strategy", "blue_green"), ("verify", r#"{"/health": 200}"#)]),
        "blue-green web --image=shop/web:0123abcd --tag-policy=any --verify=/health=200"
    );
    assert_eq!(
        one(&[
            ("deployment", "web"),
            image,
            ("verify", r#"["/=200~a, b<300ms", "/health"]"#),
            ("verify_port", "http"),
            ("verify_command", "./smoke.sh 'a, b'")
        ]),
        "rolling web --image=shop/web:0123abcd --tag-policy=any --verify=/=200~a, b<300ms --verify=/health --verify-port=http --verify-command=./smoke.sh 'a, b'"
    );
    assert_eq!(
        one(&[("files", "a.yaml,b"), ("kubernetes_namespace", "shop"), ("dry_run", "server")]),
        "apply --strategy=rolling --tag-policy=any --filename=a.yaml --filename=b --namespace=shop --dry-run=server"
    );
    assert_eq!(
        one(&[("kustomize", "prod"), ("strategy", "canary"), ("percentage", "10")]),
        "apply --strategy=canary --tag-policy=any --kustomize=prod --weight=10"
    );
}

#[test]
fn each_action_is_a_verb() {
    for (action, line) in [
        ("promote", "promote web"),
        ("reject", "abort web"),
        ("abort", "abort web"),
        ("restart", "restart web"),
        ("resume", "resume web"),
        ("history", "history web"),
        ("status", "status web"),
        ("verify", "status web --until=healthy"),
        ("tag", "tag"),
        ("rollback", "rollback web"),
        ("check", "check web"),
    ] {
        assert_eq!(one(&[("deployment", "web"), ("action", action)]), line);
    }
    assert_eq!(one(&[("action", "status")]), "status");
    assert_eq!(one(&[("action", "tag"), ("tag_policy", "build_id")]), "tag --tag-policy=build-id");
    insta::assert_snapshot!(of(&[("action", "fly")]).unwrap_err(), @"setting action: 'fly' is none of deploy, promote, abort, reject, rollback, restart, resume, status, verify, history, check, tag");
    assert_eq!(of(&[("weight", "10")]).unwrap_err(), "no setting says what is to be done");
}

#[test]
fn the_image_settings_of_other_plugins_work() {
    let set = [("deployment", "web,api"), ("container", "app,side"), ("repo", "shop/web"), ("tag", "v2")];
    let rest = "--image=app=shop/web:v2 --image=side=shop/web:v2 --tag-policy=any";
    assert_eq!(of(&set).unwrap(), [format!("rolling web {rest}"), format!("rolling api {rest}")]);
    let computed = [("deployment", "web"), ("repo", "r:5000/web"), ("tag_policy", "system-build-id")];
    assert_eq!(one(&computed), "rolling web --image=r:5000/web:woodpecker-42 --tag-policy=system-build-id");
    let renamed = [&computed[..], &[("system", "ci2")]].concat();
    insta::assert_snapshot!(one(&renamed), @"rolling web --image=r:5000/web:ci2-42 --tag-policy=system-build-id --tag-system=ci2");
    insta::assert_snapshot!(of(&[&set[..], &[("report", "junit=a.xml")]].concat()).unwrap_err(), @"setting report: one file cannot tell of all that deployment names");
    insta::assert_snapshot!(of(&set[..3]).unwrap_err(), @"setting repo needs a tag: without one it would be latest");
    insta::assert_snapshot!(of(&[("deployment", "web"), ("tag", "v2")]).unwrap_err(), @"setting tag needs repo: REPOSITORY");
}

#[test]
fn command_lines_are_split_by_the_rules_of_a_shell_and_seen_by_none() {
    let kubectl = |text| of(&[("kubectl", text), ("namespace", "shop")]);
    assert_eq!(
        kubectl("apply -f ./frontend/deployment.yaml").unwrap(),
        ["apply --filename=./frontend/deployment.yaml --force-conflicts --tag-policy=any --namespace=shop"]
    );
    assert_eq!(
        kubectl("kubectl get deployment frontend -n dev").unwrap(),
        ["get deployment frontend --namespace=dev"]
    );
    assert_eq!(
        kubectl("get pods -l 'app in (a, b)'\n\n# a remark\nannotate pod a \"note=$(id) *\"\n").unwrap(),
        ["get pods --selector=app in (a, b) --namespace=shop", "PROGRAM kubectl annotate pod a note=$(id) *"]
    );
    assert_eq!(kubectl("get \\\n  pods").unwrap(), ["get pods --namespace=shop"]);
    assert_eq!(kubectl(r#"["get po,svc", "get deploy"]"#).unwrap().len(), 2);
    insta::assert_snapshot!(kubectl("get 'pods").unwrap_err(), @"setting kubectl has a quote that is not closed, or ends with a backslash");
    for text in ["get pods | grep a", "apply -f a && get b", "get pods; get svc", "get pods > a"] {
        assert!(kubectl(text).unwrap_err().contains("no shell"), "{text}");
    }
    let both =
        of(&[("helm", "upgrade --install web ./chart"), ("kubectl", "get deploy"), ("manifests", "a")]);
    assert_eq!(both.unwrap()[1], "PROGRAM helm upgrade --install web ./chart");
}

#[test]
fn values_are_never_taken_for_flags() {
    let line =
        one(&[("deployment", "web"), ("image", "a:1"), ("service", "--promote"), ("header", "X=-$(id)\"'")]);
    assert!(line.contains("--service=--promote") && line.contains("--header=X=-$(id)\"'"), "{line}");
    insta::assert_snapshot!(of(&[("deployment", "--help")]).unwrap_err(), @"setting deployment: '--help' cannot be the name of a Deployment");
    let kind = [("deployment", "web,statefulset/db"), ("manifests", "a.yaml")];
    assert_eq!(
        of(&kind).unwrap_err(),
        "setting deployment: only Deployments can be rolled out so far, not statefulset"
    );
}

#[test]
fn errors_name_the_setting_as_it_is_spelled() {
    let canary = [("deployment", "web"), ("strategy", "canary"), ("image", "a:1")];
    for (more, said) in [
        (("percentage", "300"), "settings: percentage: '300': not a whole percentage from 0 to 100"),
        (("rollout_timeout", "soon"), "settings: rollout_timeout: 'soon': 'soon' is not a duration"),
        (("router", "iptables"), "settings: router: 'iptables'"),
        (("soak", "5m"), "settings: soak has no meaning for canary"),
        (("service", "a"), "settings: canary needs weight"),
        (("on_failure", "cry"), "settings: on_failure: 'cry' is none of abort, hold, continue"),
        (("dry_run", "deep"), "settings: dry_run: 'deep' is none of client, server"),
    ] {
        let said_now = refused(&[&canary[..], &[more]].concat());
        assert!(said_now.starts_with(said), "{said_now}");
    }
    let typed = refused(&[("kubectl", "rollout undo deploy/web --to-revision=x")]);
    insta::assert_snapshot!(typed, @"setting kubectl: --to-revision <N>: 'x': invalid digit found in string");
    let none = refused(&[("action", "promote")]);
    assert_eq!(none, "settings: promote needs deployment");
}
