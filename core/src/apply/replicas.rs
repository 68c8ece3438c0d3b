//! Whose `spec.replicas` is: an autoscaler's number must not be written over.

use serde_json::Value;

use super::Item;
use crate::keys::FIELD_MANAGER;
use crate::ownership::{is_client_side, is_ours};

/// What is sent as `spec.replicas` of a Deployment that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replicas {
    /// What the manifest says.
    AsWritten,
    /// What is live: it is ours by an earlier apply, and leaving it out would set it to 1.
    AsLive(i64),
    /// Nothing: it is somebody else's.
    LeftOut,
}

/// Decides. `autoscaled` says that an autoscaler targets the Deployment, here or in the cluster.
///
/// With server-side apply a field that we own and leave out is removed, and the API's default of `replicas` is
/// 1. So what is ours is sent as it is until the autoscaler has written it once; then it is left out.
pub fn decide(live: &Value, autoscaled: bool, force: bool) -> Replicas {
    // What `kubectl apply` owns is taken over before the apply.
    let applied = entries(live).any(|entry| is_ours(entry) || is_client_side(entry));
    let others = owners(live).any(|(manager, _)| manager != FIELD_MANAGER);
    match live["spec"]["replicas"].as_i64() {
        Some(number) if autoscaled && applied => Replicas::AsLive(number),
        _ if autoscaled => Replicas::LeftOut,
        _ if others && !applied && !force => Replicas::LeftOut,
        _ => Replicas::AsWritten,
    }
}

/// Puts it into what is sent.
pub fn write(object: &mut Value, replicas: Replicas) {
    let Some(spec) = object["spec"].as_object_mut() else { return };
    match replicas {
        Replicas::AsWritten => {}
        Replicas::AsLive(number) => {
            spec.insert("replicas".to_owned(), Value::from(number));
        }
        Replicas::LeftOut => {
            spec.remove("replicas");
        }
    }
}

/// Names those who own `spec.replicas`, with how they write.
pub fn owners(live: &Value) -> impl Iterator<Item = (&str, &str)> {
    entries(live).filter_map(|entry| Some((entry["manager"].as_str()?, entry["operation"].as_str()?)))
}

fn entries(live: &Value) -> impl Iterator<Item = &Value> {
    let entries = live["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries.filter(|entry| entry["fieldsV1"]["f:spec"].get("f:replicas").is_some())
}

/// Whether an autoscaler of the input targets the Deployment.
pub fn is_autoscaled(items: &[Item], deployment: &Item) -> bool {
    items.iter().filter(|item| item.is("autoscaling", "HorizontalPodAutoscaler")).any(|item| {
        let target = &item.object["spec"]["scaleTargetRef"];
        item.id.namespace == deployment.id.namespace
            && target["kind"] == "Deployment"
            && target["name"] == deployment.id.name
    })
}

/// Returns `managedFields` without what our patches own, once an apply of ours owns the same; `None` if there
/// is nothing of the kind.
///
/// The server counts patches and applies of one manager apart. What a patch still owned would stay when a
/// later manifest leaves it out.
pub fn without_patches(live: &Value) -> Option<Vec<Value>> {
    let entries = live["metadata"]["managedFields"].as_array()?;
    let ours = |entry: &Value, operation: &str| {
        entry["manager"] == FIELD_MANAGER && entry["operation"] == operation && entry["subresource"].is_null()
    };
    let both =
        entries.iter().any(|entry| ours(entry, "Apply")) && entries.iter().any(|entry| ours(entry, "Update"));
    both.then(|| entries.iter().filter(|entry| !ours(entry, "Update")).cloned().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(owners: &[(&str, &str)]) -> Value {
        let entries: Vec<Value> = owners
            .iter()
            .map(|(manager, operation)| {
                json!({"manager": manager, "operation": operation, "fieldsV1": {"f:spec": {"f:replicas": {}}}})
            })
            .collect();
        json!({"metadata": {"managedFields": entries}, "spec": {"replicas": 5}})
    }

    #[test]
    fn an_autoscalers_number_is_never_written_and_ours_never_dropped() {
        let ours = live(&[(FIELD_MANAGER, "Apply")]);
        let scaled = live(&[("kube-controller-manager", "Update")]);
        let shared = live(&[("kubectl-client-side-apply", "Update"), (FIELD_MANAGER, "Apply")]);
        let theirs = live(&[("kubectl-client-side-apply", "Update")]);
        for (object, autoscaled, force, expected) in [
            (&ours, true, false, Replicas::AsLive(5)),
            (&ours, true, true, Replicas::AsLive(5)),
            (&ours, false, false, Replicas::AsWritten),
            (&scaled, true, false, Replicas::LeftOut),
            (&scaled, true, true, Replicas::LeftOut),
            (&scaled, false, false, Replicas::LeftOut),
            (&scaled, false, true, Replicas::AsWritten),
            (&shared, false, false, Replicas::AsWritten),
            (&theirs, false, false, Replicas::AsWritten),
            (&theirs, true, false, Replicas::AsLive(5)),
            (&live(&[]), false, false, Replicas::AsWritten),
        ] {
            assert_eq!(decide(object, autoscaled, force), expected, "{object} {autoscaled} {force}");
        }
        let mut object = json!({"spec": {"replicas": 3}});
        write(&mut object, Replicas::AsLive(5));
        assert_eq!(object["spec"]["replicas"], 5);
        write(&mut object, Replicas::LeftOut);
        assert_eq!(object["spec"], json!({}));
    }

    #[test]
    fn what_our_patches_own_goes_once_it_is_applied() {
        let both = live(&[("hpa", "Update"), (FIELD_MANAGER, "Update"), (FIELD_MANAGER, "Apply")]);
        let left = without_patches(&both).unwrap();
        let who: Vec<&str> = left.iter().filter_map(|entry| entry["manager"].as_str()).collect();
        assert_eq!(who, ["hpa", FIELD_MANAGER]);
        assert_eq!(without_patches(&live(&[(FIELD_MANAGER, "Update")])), None);
        assert_eq!(without_patches(&live(&[(FIELD_MANAGER, "Apply")])), None);
    }
}
