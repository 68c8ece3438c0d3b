//! Deployments that are held, and copies of objects that were made while a rollout was under way.

use serde_json::{Value, json};

use super::Document;
use crate::error::Error;
use crate::journal::{HeldRecord, Originals};
use crate::keys::{
    self, HELD, HELD_ANNOTATION, NO_DEADLINE, OWNERS_ANNOTATION, ROUTE_ANNOTATION, SELECTOR_ANNOTATION,
};
use crate::model::DEPLOYMENT;

/// Returns what is sent to a held Deployment for the server to look at. A manifest seldom has `minReadySeconds`, and the
/// hold's is longer than any deadline that it may have: the server would refuse the one beside the other.
pub fn beside_hold(live: &Value, mut sent: Value) -> Value {
    if is_held(live)
        && let Some(spec) = sent["spec"].as_object_mut()
        && spec.get("minReadySeconds").is_none_or(Value::is_null)
    {
        let own = record(live).and_then(|record| record.original.min_ready_seconds);
        spec.insert("minReadySeconds".to_owned(), json!(own.unwrap_or(0)));
    }
    sent
}

/// Returns an object as it is without the hold of `live`: its user's own values where it has those of the hold.
pub fn without_hold(live: &Value, mut object: Value) -> Value {
    let Some(record) = record(live).filter(|_| is_held(live)) else {
        return object;
    };
    let Originals { min_ready_seconds, progress_deadline_seconds, strategy } = record.original;
    if let Some(spec) = object["spec"].as_object_mut() {
        let own = [
            ("minReadySeconds", json!(HELD), min_ready_seconds.map(Value::from)),
            ("progressDeadlineSeconds", json!(NO_DEADLINE), progress_deadline_seconds.map(Value::from)),
            ("strategy", record.bounds.strategy(), strategy),
        ];
        for (field, held, own) in own {
            if spec.get(field) == Some(&held) {
                match own {
                    Some(own) => spec.insert(field.to_owned(), own),
                    None => spec.remove(field),
                };
            }
        }
    }
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.remove(HELD_ANNOTATION);
        annotations.remove(OWNERS_ANNOTATION);
    }
    object
}

fn is_held(object: &Value) -> bool {
    keys::is_held(object["spec"]["minReadySeconds"].as_i64())
}

fn record(live: &Value) -> Option<HeldRecord> {
    HeldRecord::parse(live["metadata"]["annotations"][HELD_ANNOTATION].as_str()?)
}

/// Refuses a copy of an object that was made while a rollout was under way: what it says of the rollout is not the user's.
///
/// # Errors
/// [`crate::error::Kind::Refused`] with the way to the user's own values.
pub fn refuse_copy(document: &Document) -> Result<(), Error> {
    let Document { origin, object, .. } = document;
    let id = format!(
        "{}/{}",
        object["kind"].as_str().unwrap_or_default().to_lowercase(),
        object["metadata"]["name"].as_str().unwrap_or_default()
    );
    if object["kind"] == "Deployment" && is_held(object) {
        let error = Error::refused(format!(
            "{origin}: that is a copy of {id} from while it was held: minReadySeconds, progressDeadlineSeconds and \
             strategy are those of the hold"
        ));
        let Originals { min_ready_seconds, progress_deadline_seconds, strategy } =
            record(object).map_or_else(|| DEPLOYMENT.defaults(), |record| record.original);
        let own = json!({"minReadySeconds": min_ready_seconds.unwrap_or(0),
            "progressDeadlineSeconds": progress_deadline_seconds, "strategy": strategy});
        return Err(error.next(format!("write its own values there: {own}")));
    }
    let annotations = &object["metadata"]["annotations"];
    if [ROUTE_ANNOTATION, SELECTOR_ANNOTATION].iter().any(|name| annotations[*name].is_string()) {
        return Err(Error::refused(format!(
            "{origin}: that is a copy of {id} from while a rollout split its traffic: it names Services or pods that \
             are not there any more"
        ))
        .next(format!("export it again once the rollout is over, or take {ROUTE_ANNOTATION} and {SELECTOR_ANNOTATION} and what they brought out of it")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::held;

    fn live() -> Value {
        serde_json::to_value(held().workload).unwrap()
    }

    #[test]
    fn a_deadline_beside_a_hold_comes_with_a_shorter_wait() {
        let manifest = json!({"spec": {"progressDeadlineSeconds": 600}});
        assert_eq!(beside_hold(&live(), manifest.clone())["spec"]["minReadySeconds"], 0);
        let mut own = manifest.clone();
        own["spec"]["minReadySeconds"] = json!(7);
        assert_eq!(beside_hold(&live(), own.clone()), own, "the manifest's own stays");
        assert_eq!(beside_hold(&json!({"spec": {}}), manifest.clone()), manifest);
    }

    #[test]
    fn without_the_hold_the_users_own_values_stand_there() {
        let live = live();
        let own = without_hold(&live, live.clone());
        assert_eq!(
            (&own["spec"]["minReadySeconds"], &own["spec"]["progressDeadlineSeconds"]),
            (&Value::Null, &json!(600))
        );
        assert_eq!(own["spec"]["strategy"]["rollingUpdate"]["maxSurge"], "25%");
        assert_eq!(own["metadata"]["annotations"][HELD_ANNOTATION], Value::Null);
        let mut changed = live.clone();
        changed["spec"]["progressDeadlineSeconds"] = json!(60);
        assert_eq!(without_hold(&live, changed)["spec"]["progressDeadlineSeconds"], 60);
    }

    #[test]
    fn copies_of_what_is_under_way_are_refused_with_the_users_own_values() {
        let document = |object: Value| Document { file: None, origin: "a.yaml, document 1".into(), object };
        let mut held = live();
        held["kind"] = json!("Deployment");
        let error = refuse_copy(&document(held.clone())).unwrap_err();
        assert_eq!(error.kind, crate::error::Kind::Refused);
        insta::assert_snapshot!(error.message, @"a.yaml, document 1: that is a copy of deployment/web from while it was held: minReadySeconds, progressDeadlineSeconds and strategy are those of the hold");
        assert!(error.next[0].contains("\"progressDeadlineSeconds\":600"), "{error:?}");
        held["metadata"]["annotations"] = json!({HELD_ANNOTATION: "nothing of ours"});
        assert!(
            refuse_copy(&document(held.clone())).unwrap_err().next[0].contains("25%"),
            "the API's defaults"
        );
        held["spec"]["minReadySeconds"] = json!(5);
        assert!(refuse_copy(&document(held)).is_ok());
        let pinned = json!({"kind": "Service", "metadata": {"name": "web", "annotations": {SELECTOR_ANNOTATION: "{}"}}});
        insta::assert_snapshot!(refuse_copy(&document(pinned)).unwrap_err().message, @"a.yaml, document 1: that is a copy of service/web from while a rollout split its traffic: it names Services or pods that are not there any more");
    }
}
