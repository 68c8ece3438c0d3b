//! Command lines of kubectl that we run ourselves, in our own words.

use crate::apply::Awaited;
use crate::apply::asked::asked;

/// What is said of the flags of a command.
struct Flags {
    /// Flags that take a value, with ours.
    valued: &'static [(&'static str, &'static str)],
    /// Flags that take none, with ours; `None` for what is so in any case.
    bare: &'static [(&'static str, Option<&'static str>)],
}

/// A command line, read.
#[derive(Default)]
struct Line {
    plain: Vec<String>,
    flags: Vec<String>,
}

const EVERYWHERE: &[(&str, &str)] = &[
    ("-n", "--namespace"),
    ("--namespace", "--namespace"),
    ("--context", "--context"),
    ("--request-timeout", "--request-timeout"),
    ("--as", "--as"),
    ("--as-group", "--as-group"),
];

const APPLY: Flags = Flags {
    valued: &[
        ("-f", "--filename"),
        ("--filename", "--filename"),
        ("-k", "--kustomize"),
        ("--kustomize", "--kustomize"),
        ("-l", "--selector"),
        ("--selector", "--selector"),
    ],
    bare: &[
        ("--server-side", Some("--server-side")),
        ("--record", None),
        ("--wait", None),
        ("--prune", Some("--prune")),
        ("--force-conflicts", Some("--force-conflicts")),
    ],
};

const ROLLOUT: Flags = Flags {
    valued: &[("--timeout", "--timeout"), ("--to-revision", "--to-revision"), ("--revision", "--revision")],
    bare: &[("-w", None), ("--watch", None)],
};

const SET: Flags = Flags { valued: &[], bare: &[("--record", None)] };

const GET: Flags = Flags {
    valued: &[
        ("-l", "--selector"),
        ("--selector", "--selector"),
        ("-o", "--output"),
        ("--output", "--output"),
    ],
    bare: &[("-A", Some("--all-namespaces")), ("--all-namespaces", Some("--all-namespaces"))],
};

const DELETE: Flags = Flags {
    valued: &[("-f", "--filename"), ("--filename", "--filename"), ("--timeout", "--timeout")],
    bare: &[("--wait", None), ("--ignore-not-found", Some("--ignore-not-found"))],
};

const WAIT: Flags = Flags {
    valued: &[
        ("--for", "--for"),
        ("-l", "--selector"),
        ("--selector", "--selector"),
        ("--timeout", "--within"),
    ],
    bare: &[],
};

const SCALE: Flags = Flags { valued: &[("--replicas", "--replicas")], bare: &[] };

/// Returns a command of ours that does what kubectl's would; `None` if there is none.
pub(super) fn ours(words: &[String]) -> Option<Vec<String>> {
    // Flags of every command may stand before the verb.
    let mut words = words.to_vec();
    for _ in 0..EVERYWHERE.len() {
        let flag = words
            .first()
            .filter(|word| word.starts_with('-'))
            .map(|word| word.split('=').next().unwrap_or(word));
        let Some(flag) = flag.filter(|flag| EVERYWHERE.iter().any(|(theirs, _)| theirs == flag)) else {
            break;
        };
        let count = if words[0].len() > flag.len() { 1 } else { 2.min(words.len()) };
        words.rotate_left(count);
    }
    let (verb, rest) = words.split_first()?;
    match verb.as_str() {
        "apply" => apply(&read(rest, &APPLY)?),
        "set" => set(&read(rest, &SET)?),
        "rollout" => rollout(&read(rest, &ROLLOUT)?),
        "get" => get(read(rest, &GET)?),
        "delete" => delete(&read(rest, &DELETE)?),
        "wait" => wait(&read(rest, &WAIT)?),
        "scale" => scale(&read(rest, &SCALE)?),
        _ => None,
    }
}

fn apply(line: &Line) -> Option<Vec<String>> {
    let has = |flag: &str| line.flags.iter().any(|one| one.split('=').next() == Some(flag));
    // Without --prune it picks objects of the input, and we apply all of it. An address is for kubectl to fetch.
    if !line.plain.is_empty()
        || has("--selector") != has("--prune")
        || line.flags.iter().any(|f| f.contains("://"))
    {
        return None;
    }
    let mut argv = vec!["apply".to_owned()];
    argv.extend(with_each_file(line).filter(|flag| flag != "--server-side"));
    // Without, kubectl writes over what others changed; with it, it asks first.
    if !has("--server-side") && !has("--force-conflicts") {
        argv.push("--force-conflicts".to_owned());
    }
    Some(argv)
}

/// Returns the flags, with one for each file.
fn with_each_file(line: &Line) -> impl Iterator<Item = String> {
    line.flags.iter().flat_map(|flag| match flag.strip_prefix("--filename=") {
        Some(files) => files.split(',').map(|file| format!("--filename={file}")).collect(),
        None => vec![flag.clone()],
    })
}

fn delete(line: &Line) -> Option<Vec<String>> {
    let files = line.flags.iter().filter(|flag| flag.starts_with("--filename=")).count();
    let named = || Some(asked(&line.plain)?.iter().all(|one| one.name.is_some()));
    let known = if files > 0 { line.plain.is_empty() } else { named()? };
    // Standard input is not there, and an address is for kubectl to fetch.
    if !known || line.flags.iter().any(|flag| flag.contains("://") || flag == "--filename=-") {
        return None;
    }
    let words = std::iter::once("delete".to_owned()).chain(line.plain.clone());
    Some(words.chain(with_each_file(line)).collect())
}

fn wait(line: &Line) -> Option<Vec<String>> {
    let has = |name: &str| line.flags.iter().find_map(|flag| flag.strip_prefix(name));
    Awaited::parse(has("--for=")?)?;
    let named = asked(&line.plain)?.iter().all(|one| one.name.is_some());
    if named == has("--selector=").is_some() {
        return None;
    }
    let words = std::iter::once("wait".to_owned()).chain(line.plain.clone());
    Some(words.chain(line.flags.clone()).collect())
}

fn scale(line: &Line) -> Option<Vec<String>> {
    let target = deployment(&line.plain.iter().collect::<Vec<_>>())?;
    let words = ["scale".to_owned(), target].into_iter();
    Some(words.chain(line.flags.clone()).collect())
}

fn set(line: &Line) -> Option<Vec<String>> {
    let (word, rest) = line.plain.split_first()?;
    let (images, target): (Vec<&String>, Vec<&String>) = rest.iter().partition(|word| word.contains('='));
    if word != "image" || images.is_empty() || images.iter().any(|image| image.starts_with('*')) {
        return None;
    }
    let images = images.iter().map(|image| format!("--image={image}"));
    Some(
        ["rolling".to_owned(), deployment(&target)?]
            .into_iter()
            .chain(images)
            .chain(line.flags.clone())
            .collect(),
    )
}

fn rollout(line: &Line) -> Option<Vec<String>> {
    let (word, rest) = line.plain.split_first()?;
    let target = deployment(&rest.iter().collect::<Vec<_>>())?;
    let (verb, more) = match word.as_str() {
        "status" => ("status", Some("--until=healthy")),
        "undo" => ("rollback", None),
        "restart" => ("restart", None),
        "history" => ("history", None),
        "pause" => ("pause", None),
        "resume" => ("unpause", None),
        _ => return None,
    };
    let mut argv = vec![verb.to_owned(), target];
    argv.extend(more.map(str::to_owned));
    argv.extend(line.flags.clone());
    Some(argv)
}

fn get(line: Line) -> Option<Vec<String>> {
    let mut argv = vec!["get".to_owned()];
    argv.extend(line.plain);
    for flag in line.flags {
        match flag.strip_prefix("--output=") {
            Some("wide") => argv.push("--wide".to_owned()),
            Some("json" | "yaml") | None => argv.push(flag),
            Some(_) => return None,
        }
    }
    let words: Vec<String> = argv[1..].iter().filter(|word| !word.starts_with('-')).cloned().collect();
    asked(&words).map(|_| argv)
}

/// Returns the name of the one Deployment that is named: `deployment/web` or `deployment web`.
fn deployment(words: &[&String]) -> Option<String> {
    let (kind, name) = match words {
        [one] => one.split_once('/')?,
        [kind, name] => (kind.as_str(), name.as_str()),
        _ => return None,
    };
    let ours =
        matches!(kind, "deployment" | "deployments" | "deploy" | "deployment.apps" | "deployments.apps");
    (ours && !name.starts_with('-')).then(|| name.to_owned())
}

/// Reads a command line; `None` if it has a flag that is not known.
fn read(words: &[String], known: &Flags) -> Option<Line> {
    let mut line = Line::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if !word.starts_with('-') || word == "-" {
            line.plain.push(word.clone());
            continue;
        }
        let (name, given) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            // -nshop
            None if !word.starts_with("--") && word.len() > 2 => {
                (word.get(..2)?, word.get(2..).map(str::to_owned))
            }
            None => (word.as_str(), None),
        };
        if name == "--dry-run" {
            match given.as_deref() {
                Some("none") => {}
                Some(depth) => line.flags.push(format!("--dry-run={depth}")),
                None => line.flags.push("--dry-run".to_owned()),
            }
        } else if let Some((_, ours)) =
            known.valued.iter().chain(EVERYWHERE).find(|(theirs, _)| *theirs == name)
        {
            let value = given.or_else(|| words.next().cloned())?;
            line.flags.push(format!("{ours}={value}"));
        } else {
            let (_, ours) = known.bare.iter().find(|(theirs, _)| *theirs == name)?;
            match (given.as_deref(), ours) {
                (None | Some("true"), Some(ours)) => line.flags.push((*ours).to_owned()),
                (None | Some("true"), None) | (Some("false"), Some(_)) => {}
                // What we always do cannot be left out.
                _ => return None,
            }
        }
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(line: &str) -> Option<String> {
        ours(&shlex::split(line).unwrap()).map(|argv| argv.join(" "))
    }

    #[test]
    fn what_people_have_in_their_pipelines_runs_natively() {
        for (theirs, own) in [
            (
                "apply -f ./frontend/deployment.yaml",
                "apply --filename=./frontend/deployment.yaml --force-conflicts",
            ),
            ("apply -f a.yaml --server-side=false", "apply --filename=a.yaml --force-conflicts"),
            ("apply -f a.yaml --server-side --force-conflicts", "apply --filename=a.yaml --force-conflicts"),
            (
                "apply -n shop --filename=a.yaml,b.yaml --server-side --prune=false",
                "apply --namespace=shop --filename=a.yaml --filename=b.yaml",
            ),
            (
                "apply -k overlays/prod --dry-run=server",
                "apply --kustomize=overlays/prod --dry-run=server --force-conflicts",
            ),
            (
                "apply -f - --prune -l 'app=web' --dry-run=none",
                "apply --filename=- --prune --selector=app=web --force-conflicts",
            ),
            (
                "set image deployment/frontend web=shop/web:v2 --record",
                "rolling frontend --image=web=shop/web:v2",
            ),
            (
                "set image deploy frontend a=a:1 b=b:1 -nshop",
                "rolling frontend --image=a=a:1 --image=b=b:1 --namespace=shop",
            ),
            (
                "rollout status deployment/frontend --timeout 90s",
                "status frontend --until=healthy --timeout=90s",
            ),
            ("rollout undo deploy/frontend --to-revision=3", "rollback frontend --to-revision=3"),
            ("rollout restart deployment frontend", "restart frontend"),
            ("rollout history deployment/frontend", "history frontend"),
            ("get deployment frontend", "get deployment frontend"),
            (
                "delete -f a.yaml,b.yaml --ignore-not-found",
                "delete --filename=a.yaml --filename=b.yaml --ignore-not-found",
            ),
            ("delete job migrate --timeout=2m", "delete job migrate --timeout=2m"),
            ("delete pod/a svc/b --wait", "delete pod/a svc/b"),
            (
                "wait --for=condition=Available deployment/web --timeout 90s",
                "wait deployment/web --for=condition=Available --within=90s",
            ),
            ("wait --for=delete pod -l app=web", "wait pod --for=delete --selector=app=web"),
            ("scale deployment/web --replicas 3", "scale web --replicas=3"),
            ("scale --replicas=0 deploy web", "scale web --replicas=0"),
            ("rollout pause deployment/web", "pause web"),
            ("rollout resume deploy web", "unpause web"),
            ("get po,svc -l app=web -o wide -A", "get po,svc --selector=app=web --wide --all-namespaces"),
            ("-n shop --context=a get deployment web", "get deployment web --namespace=shop --context=a"),
            ("get deploy/frontend -oyaml", "get deploy/frontend --output=yaml"),
        ] {
            assert_eq!(translated(theirs).as_deref(), Some(own), "{theirs}");
        }
    }

    #[test]
    fn what_we_would_do_otherwise_is_left_to_kubectl() {
        for theirs in [
            "apply -R -f manifests",
            "apply -l app=web -f a.yaml",
            "apply -f https://example.org/a.yaml",
            "set image deployment/web *=shop/web:v2",
            "set image statefulset/db db=db:2",
            "set env deployment/web A=1",
            "delete pods --all",
            "delete -l app=web pods",
            "delete widget a",
            "delete -f -",
            "delete pod a --grace-period=0",
            "wait --for=jsonpath={.a}=1 pod/a",
            "wait --for=condition=Ready pods",
            "scale deployment/web --replicas=3 --current-replicas=2",
            "scale statefulset/db --replicas=3",
            "rollout status deployment/web --watch=false",
            "get widgets",
            "get deployment web -o jsonpath={.spec}",
            "get deployment web --watch",
        ] {
            assert_eq!(translated(theirs), None, "{theirs}");
        }
    }

    #[test]
    fn each_line_of_the_docs_is_ours() {
        let docs = include_str!("../../plugin/docs.md");
        let docs = docs.split("\n## ").find(|section| section.starts_with("kubectl\n")).unwrap();
        let mut verbs = std::collections::BTreeSet::new();
        for row in docs.lines().filter(|line| line.starts_with("| `")) {
            for line in row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2) {
                if line.starts_with('-') {
                    continue;
                }
                let filled = [
                    ("FILE,...", "a.yaml"),
                    ("DIRECTORY", "d"),
                    ("KIND", "pod"),
                    ("NAME", "web"),
                    ("WHAT", "condition=Ready"),
                ];
                let filled = filled.iter().fold(line.to_owned(), |text, (from, to)| text.replace(from, to));
                let filled =
                    filled.replace("CONTAINER=IMAGE...", "c=i:1").replace(" [web]", "").replace(" N", " 2");
                assert!(translated(&filled).is_some(), "{line} is not ours: {filled}");
                verbs.insert(line.split(' ').next().unwrap().to_owned());
            }
        }
        let all = ["apply", "delete", "get", "rollout", "scale", "set", "wait"];
        assert!(verbs.iter().eq(all), "{verbs:?}");
    }
}
