//! RP015, RP017: what the pods refer to by name.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::preflight::{Facts, Finding, Judged, Kind, Level, Subject};

/// A reference to an object.
struct Reference {
    kind: Kind,
    name: String,
    /// Keys that are needed of it, empty for none in particular.
    keys: Vec<String>,
    path: String,
    need: Need,
}

/// What becomes of a pod whose reference does not hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// It does not start, unless the reference is marked optional.
    Start,
    /// It does not start.
    Always,
    /// The kubelet goes on without, and the image may be public or on the node (`FailedToRetrieveImagePullSecret` in
    /// kubernetes/pkg/kubelet).
    Pull,
}

/// Returns the objects that the template refers to, each once. What is optional, and the ServiceAccount `default` that
/// every namespace has, are left out.
pub fn references(subject: &Subject) -> Vec<(Kind, String)> {
    let mut names: Vec<(Kind, String)> = all(subject).into_iter().map(|r| (r.kind, r.name)).collect();
    names.sort();
    names.dedup();
    names
}

fn all(subject: &Subject) -> Vec<Reference> {
    let mut found = Vec::new();
    let mut add = |kind: Kind, object: &Value, field: &str, keys: Vec<String>, path: String| {
        if let (Some(name), false) = (object[field].as_str(), object["optional"] == true) {
            let need = match kind {
                _ if path.contains(".imagePullSecrets[") => Need::Pull,
                Kind::ConfigMap | Kind::Secret => Need::Start,
                Kind::ServiceAccount | Kind::Claim => Need::Always,
            };
            found.push(Reference { kind, name: name.to_owned(), keys, path, need });
        }
    };
    let pod = subject.pod();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for (path, container) in subject.all_containers() {
        for (index, from) in list(&container["envFrom"]).iter().enumerate() {
            let path = format!("{path}.envFrom[{index}]");
            add(Kind::ConfigMap, &from["configMapRef"], "name", vec![], path.clone());
            add(Kind::Secret, &from["secretRef"], "name", vec![], path);
        }
        for (index, env) in list(&container["env"]).iter().enumerate() {
            let path = format!("{path}.env[{index}].valueFrom");
            for (kind, field) in [(Kind::ConfigMap, "configMapKeyRef"), (Kind::Secret, "secretKeyRef")] {
                let from = &env["valueFrom"][field];
                add(
                    kind,
                    from,
                    "name",
                    from["key"].as_str().map(str::to_owned).into_iter().collect(),
                    path.clone(),
                );
            }
        }
    }
    let keys = |source: &Value| {
        list(&source["items"])
            .iter()
            .filter_map(|item| item["key"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    for (index, volume) in list(&pod["volumes"]).iter().enumerate() {
        let path = format!("spec.template.spec.volumes[{index}]");
        add(Kind::ConfigMap, &volume["configMap"], "name", keys(&volume["configMap"]), path.clone());
        add(Kind::Secret, &volume["secret"], "secretName", keys(&volume["secret"]), path.clone());
        add(Kind::Claim, &volume["persistentVolumeClaim"], "claimName", vec![], path.clone());
        for (index, source) in list(&volume["projected"]["sources"]).iter().enumerate() {
            let path = format!("{path}.projected.sources[{index}]");
            add(Kind::ConfigMap, &source["configMap"], "name", keys(&source["configMap"]), path.clone());
            add(Kind::Secret, &source["secret"], "name", keys(&source["secret"]), path);
        }
    }
    for (index, secret) in list(&pod["imagePullSecrets"]).iter().enumerate() {
        add(Kind::Secret, secret, "name", vec![], format!("spec.template.spec.imagePullSecrets[{index}]"));
    }
    if pod["serviceAccountName"] != "default" {
        let path = "spec.template.spec.serviceAccountName".to_owned();
        add(Kind::ServiceAccount, pod, "serviceAccountName", vec![], path);
    }
    found
}

/// A pod that refers to what is not there may never start. Each kind by itself, because rights are by kind.
pub(super) fn exist(subject: &Subject, facts: &Facts, kind: Kind) -> Judged {
    let mut found = Vec::new();
    for Reference { name, keys, path, need, .. } in all(subject).into_iter().filter(|r| r.kind == kind) {
        let object = named(facts, kind, &name)?;
        let word = kind.word();
        let Some(object) = object else {
            let missing = format!("needs {word}/{name}, which does not exist: the pods would not start");
            let create = format!("create {word}/{name} first");
            found.push(match need {
                Need::Start => {
                    Finding::error(path, missing, format!("{create}, or mark the reference optional"))
                }
                Need::Always => Finding::error(path, missing, create),
                Need::Pull => Finding::warning(
                    path,
                    format!("names {word}/{name}, which does not exist: the image may not be pulled"),
                    format!("create {word}/{name}, or remove the reference"),
                ),
            });
            continue;
        };
        // Of a Secret only the metadata was read.
        if kind != Kind::ConfigMap {
            continue;
        }
        for key in keys {
            if object["data"].get(&key).is_none() && object["binaryData"].get(&key).is_none() {
                found.push(Finding::error(
                    path.clone(),
                    format!("needs the key {key} of {word}/{name}, which has none of that name: the pods would not start"),
                    format!("add the key to {word}/{name} first"),
                ));
            }
        }
    }
    Ok(found)
}

fn named<'f>(facts: &'f Facts, kind: Kind, name: &str) -> Result<Option<&'f Value>, String> {
    match facts.named.get(&(kind, name.to_owned())) {
        Some(read) => read.as_ref().map(Option::as_ref).map_err(Clone::clone),
        None => Err("offline".into()),
    }
}

/// A volume that only one node or pod may have cannot be had twice.
pub(super) fn claims(subject: &Subject, facts: &Facts) -> Judged {
    if subject.surge_pods == 0 {
        return Ok(Vec::new());
    }
    let mut found = BTreeMap::new();
    for Reference { kind, name, path, .. } in all(subject) {
        if kind != Kind::Claim {
            continue;
        }
        let modes = named(facts, kind, &name)?.and_then(|claim| claim["spec"]["accessModes"].as_array());
        let only = |wanted: &str| modes.is_some_and(|modes| modes.iter().all(|mode| mode == wanted));
        let finding = if only("ReadWriteOncePod") {
            let level = if is_taken(subject, &name) { Level::Error } else { Level::Warning };
            Finding::new(
                level,
                path,
                format!(
                    "persistentvolumeclaim/{name} is ReadWriteOncePod: a pod beside the one that has it cannot start"
                ),
                "use a volume that several pods may have, or the strategy Recreate",
            )
        } else if only("ReadWriteOnce") {
            Finding::warning(
                path,
                format!(
                    "persistentvolumeclaim/{name} is ReadWriteOnce: a pod on another node waits for it for ever"
                ),
                "use ReadWriteMany, or keep the pods on one node",
            )
        } else {
            continue;
        };
        found.insert(name, finding);
    }
    Ok(found.into_values().collect())
}

/// Whether a pod of now has the claim and keeps it until a new one is Ready.
fn is_taken(subject: &Subject, name: &str) -> bool {
    let goes_first = subject.replacing.as_ref().is_some_and(|rolling| rolling.may_miss > 0);
    let is_claim = |reference: &Reference| reference.kind == Kind::Claim && reference.name == name;
    !goes_first && subject.of_live().is_some_and(|live| all(&live).iter().any(is_claim))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Strategy;
    use crate::preflight::Replacing;
    use crate::preflight::fixtures::{facts, subject, with};

    fn know(kind: Kind, name: &str, object: Option<Value>) -> Facts {
        let mut facts = facts();
        facts.named.insert((kind, name.into()), Ok(object));
        facts
    }

    #[test]
    fn names_and_keys_must_exist_wherever_they_are_used() {
        assert_eq!(exist(&subject(), &facts(), Kind::ConfigMap), Ok(vec![]));
        let map = |data: Value| Some(json!({"data": data, "binaryData": {"blob": ""}}));
        for (path, value, ok) in [
            ("containers/0/envFrom", json!([{"configMapRef": {"name": "c"}}]), map(json!({}))),
            (
                "containers/0/env",
                json!([{"valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]),
                map(json!({"k": ""})),
            ),
            (
                "initContainers",
                json!([{"env": [{"valueFrom": {"configMapKeyRef": {"name": "c", "key": "blob"}}}]}]),
                map(json!({})),
            ),
            (
                "volumes",
                json!([{"configMap": {"name": "c", "items": [{"key": "k"}]}}]),
                map(json!({"k": ""})),
            ),
            ("volumes", json!([{"projected": {"sources": [{"configMap": {"name": "c"}}]}}]), map(json!({}))),
        ] {
            let subject = with(path, value);
            assert_eq!(references(&subject), [(Kind::ConfigMap, "c".into())]);
            assert_eq!(
                exist(&subject, &know(Kind::ConfigMap, "c", ok), Kind::ConfigMap),
                Ok(vec![]),
                "{path}"
            );
            let found = exist(&subject, &know(Kind::ConfigMap, "c", None), Kind::ConfigMap).unwrap();
            assert_eq!(found[0].level, Level::Error, "{path}");
            assert!(exist(&subject, &facts(), Kind::ConfigMap).is_err(), "{path}: unread is not missing");
        }
        let key =
            with("containers/0/env", json!([{"valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]));
        let found =
            exist(&key, &know(Kind::ConfigMap, "c", map(json!({"other": ""}))), Kind::ConfigMap).unwrap();
        insta::assert_snapshot!(found[0].why, @"needs the key k of configmap/c, which has none of that name: the pods would not start");
    }

    #[test]
    fn secrets_accounts_and_claims_must_exist() {
        for (path, value, kind) in [
            ("containers/0/envFrom", json!([{"secretRef": {"name": "x"}}]), Kind::Secret),
            (
                "containers/0/env",
                json!([{"valueFrom": {"secretKeyRef": {"name": "x", "key": "k"}}}]),
                Kind::Secret,
            ),
            ("volumes", json!([{"secret": {"secretName": "x"}}]), Kind::Secret),
            ("serviceAccountName", json!("x"), Kind::ServiceAccount),
            ("volumes", json!([{"persistentVolumeClaim": {"claimName": "x"}}]), Kind::Claim),
        ] {
            let subject = with(path, value);
            assert_eq!(exist(&subject, &know(kind, "x", Some(json!({}))), kind), Ok(vec![]), "{path}");
            let found = exist(&subject, &know(kind, "x", None), kind).unwrap();
            assert_eq!(found.iter().map(|f| f.level).collect::<Vec<_>>(), [Level::Error], "{path}");
            let may_be = matches!(kind, Kind::Secret | Kind::ConfigMap);
            assert_eq!(found[0].fix.contains("optional"), may_be, "{path}");
        }
        assert_eq!(references(&with("serviceAccountName", json!("default"))), []);
    }

    #[test]
    fn a_pod_starts_without_its_pull_secret() {
        let subject = with("imagePullSecrets", json!([{"name": "regcred"}]));
        let secret = |object| know(Kind::Secret, "regcred", object);
        assert_eq!(exist(&subject, &secret(Some(json!({}))), Kind::Secret), Ok(vec![]));
        let found = exist(&subject, &secret(None), Kind::Secret).unwrap();
        assert_eq!(found.iter().map(|f| f.level).collect::<Vec<_>>(), [Level::Warning]);
        assert!(
            found[0].why.contains("may not be pulled") && !found[0].fix.contains("optional"),
            "{found:?}"
        );
    }

    #[test]
    fn what_is_optional_may_be_missing() {
        let optional =
            with("containers/0/envFrom", json!([{"configMapRef": {"name": "c", "optional": true}}]));
        assert_eq!(references(&optional), []);
        assert_eq!(exist(&optional, &facts(), Kind::ConfigMap), Ok(vec![]));
    }

    #[test]
    fn a_volume_for_one_is_found() {
        let mut subject = with("volumes", json!([{"persistentVolumeClaim": {"claimName": "x"}}]));
        subject.live = Some(subject.deployment.clone());
        for (mode, level) in [
            ("ReadWriteOnce", Some(Level::Warning)),
            ("ReadWriteOncePod", Some(Level::Error)),
            ("ReadWriteMany", None),
        ] {
            let facts = know(Kind::Claim, "x", Some(json!({"spec": {"accessModes": [mode]}})));
            assert_eq!(claims(&subject, &facts).unwrap().first().map(|f| f.level), level, "{mode}");
            let none = Subject { surge_pods: 0, ..subject.clone() };
            assert_eq!(claims(&none, &facts), Ok(vec![]));
        }
        assert!(claims(&subject, &facts()).is_err());
        let once = know(Kind::Claim, "x", Some(json!({"spec": {"accessModes": ["ReadWriteOncePod"]}})));
        let level = |subject: &Subject| claims(subject, &once).unwrap()[0].level;
        subject.strategy = Strategy::Rolling;
        for (may_miss, expected) in [(1, Level::Warning), (0, Level::Error)] {
            subject.replacing = Some(Replacing { new: 0, old: 1, wanted: 1, may_miss });
            assert_eq!(level(&subject), expected, "the old pod may go first: {may_miss}");
        }
        subject.live = None;
        assert_eq!(level(&subject), Level::Warning, "nobody has it yet");
    }
}
