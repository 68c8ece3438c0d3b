use super::*;

fn translated(line: &str) -> Option<String> {
    let lines: Vec<String> =
        ours(&shlex::split(line).unwrap()).ok()?.iter().map(|argv| argv.join(" ")).collect();
    Some(lines.join("; "))
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
        ("rollout status deployment/frontend --timeout 90s", "status frontend --until=healthy --timeout=90s"),
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
        ("get pods -o name", "get pods --names"),
        ("rollout restart deployment/web deploy/api", "restart web; restart api"),
        (
            "rollout status deployment web api --timeout=90s",
            "status web --until=healthy --timeout=90s; status api --until=healthy --timeout=90s",
        ),
        ("scale --replicas=2 deploy/web deploy/api", "scale web --replicas=2; scale api --replicas=2"),
        (
            "set image deployment/web deployment/api c=i:1",
            "rolling web --image=c=i:1; rolling api --image=c=i:1",
        ),
        ("apply -f a.yaml --overwrite --timeout=60s", "apply --filename=a.yaml --force-conflicts"),
        (
            "wait --for=condition=available deployment --all",
            "wait deployment --for=condition=available --all",
        ),
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
fn the_word_that_only_kubectl_knows_is_named() {
    for (line, why) in [
        ("describe pod a", "'describe' is not known"),
        ("rollout restart", "no Deployment is named"),
        ("rollout restart deployment", "'deployment' names no object"),
        ("rollout restart -l app=web", "'-l' is not known"),
        ("rollout restart deployment/web statefulset/db", "'statefulset/db' is not a Deployment"),
        ("rollout restart deployment/We_b", "'We_b' cannot be the name of a Deployment"),
        ("rollout back deployment/web", "'rollout back' is not known"),
        ("apply -f a.yaml --overwrite=false", "'--overwrite=false' is not known"),
        ("delete -f a.yaml --cascade=foreground", "'--cascade' is not known"),
        ("get pods -o jsonpath={.items}", "'-o jsonpath={.items}' is not known"),
        ("get widgets", "'widgets' is not of Kubernetes' own kinds"),
        ("wait --for=condition=Ready pod/a --all", "'--all' is not known beside a name"),
        ("scale deployment/web --replicas", "'--replicas' has no value"),
    ] {
        assert_eq!(ours(&shlex::split(line).unwrap()), Err(why.to_owned()), "{line}");
    }
}

#[test]
fn each_line_of_the_docs_is_ours() {
    let docs = include_str!("../../../../plugin/docs.md");
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
