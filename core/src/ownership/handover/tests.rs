use super::*;

fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
        "time": "2026-11-27T12:00:00Z", "fieldsV1": fields})
}

fn annotation() -> Value {
    json!({".": {}, format!("f:{LAST_APPLIED}"): {}})
}

fn live(entries: &[Value], last: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "metadata": {"name": "web", "annotations": {LAST_APPLIED: last.to_string()},
        "managedFields": entries}})
}

fn csa(more: &Value) -> Value {
    let mut fields = json!({"f:metadata": {"f:annotations": annotation()}});
    fields["f:spec"] = more.clone();
    entry("kubectl-client-side-apply", "Update", &fields)
}

#[test]
fn an_update_of_kubectl_apply_becomes_an_apply_of_ours() {
    let live = live(&[csa(&json!({"f:replicas": {}}))], &json!({}));
    assert_eq!(managers(&live), ["kubectl-client-side-apply"]);
    let managed = taken_over(&live, &json!({}), false).unwrap();
    assert_eq!(managed.len(), 1);
    assert_eq!((&managed[0]["manager"], &managed[0]["operation"]), (&json!(FIELD_MANAGER), &json!("Apply")));
    assert_eq!(managed[0]["fieldsV1"]["f:spec"], json!({"f:replicas": {}}));
    assert_eq!(managed[0]["time"], "2026-11-27T12:00:00Z");
}

#[test]
fn it_is_joined_with_what_we_applied_and_our_patches_go() {
    let ours = entry(FIELD_MANAGER, "Apply", &json!({"f:spec": {"f:paused": {}}}));
    let patches = entry(FIELD_MANAGER, "Update", &json!({"f:spec": {"f:minReadySeconds": {}}}));
    let mut old = csa(&json!({"f:older": {}}));
    old["apiVersion"] = json!("extensions/v1beta1");
    let status = json!({"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
        "apiVersion": "apps/v1", "fieldsV1": {"f:status": {}}});
    let live = live(&[ours, csa(&json!({"f:replicas": {}})), old, patches, status.clone()], &json!({}));
    let managed = taken_over(&live, &json!({}), true).unwrap();
    assert_eq!(managed.len(), 2, "{managed:?}");
    assert_eq!(managed[0]["fieldsV1"]["f:spec"], json!({"f:paused": {}, "f:replicas": {}}));
    assert_eq!(managed[1], status);
}

#[test]
fn others_keep_what_is_theirs_unless_kubectl_apply_would_delete_it() {
    let last = json!({"spec": {"replicas": 3, "old": {"a": 1}, "kept": 1}});
    let edit = entry(
        "kubectl-edit",
        "Update",
        &json!({"f:spec": {"f:replicas": {}, "f:old": {"f:a": {}}, "f:kept": {}, "f:own": {}}}),
    );
    let live = live(&[csa(&json!({"f:old": {".": {}}})), edit.clone()], &last);
    let sent = json!({"spec": {"kept": 2}});
    assert_eq!(taken_over(&live, &sent, false).unwrap()[1], edit);
    let managed = taken_over(&live, &sent, true).unwrap();
    assert_eq!(managed[0]["fieldsV1"]["f:spec"], json!({"f:old": {".": {}, "f:a": {}}}));
    assert_eq!(managed[1]["fieldsV1"]["f:spec"], json!({"f:replicas": {}, "f:kept": {}, "f:own": {}}));
}

#[test]
fn other_tools_are_not_taken_for_kubectl_apply() {
    for (manager, operation, is) in [
        ("kubectl-client-side-apply", "Update", true),
        ("kubectl", "Update", true),
        ("kubectl", "Apply", false),
        ("argocd-controller", "Update", false),
        ("helm", "Update", false),
        (FIELD_MANAGER, "Apply", false),
    ] {
        let fields = json!({"f:metadata": {"f:annotations": annotation()}});
        let live = live(&[entry(manager, operation, &fields)], &json!({}));
        assert_eq!(is_needed(&live), is, "{manager} {operation}");
    }
    let other = entry("kubectl", "Update", &json!({"f:spec": {"f:replicas": {}}}));
    assert!(!is_needed(&live(&[other], &json!({}))), "kubectl scale");
}

#[test]
fn the_annotation_is_as_kubectl_writes_it_and_only_where_it_is_kubectls() {
    let sent = json!({"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"a": "<b>"}});
    let with = with_annotation(&live(&[csa(&json!({}))], &json!({})), sent.clone());
    assert_eq!(
        with["metadata"]["annotations"][LAST_APPLIED],
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"annotations\":{},\"name\":\"web\",\
         \"namespace\":\"shop\"},\"spec\":{\"a\":\"\\u003cb\\u003e\"}}\n"
    );
    let again = with_annotation(&live(&[csa(&json!({}))], &json!({})), with.clone());
    assert_eq!(again, with);
    let argo = entry("argocd-controller", "Update", &json!({"f:metadata": {"f:annotations": annotation()}}));
    assert_eq!(with_annotation(&live(&[argo], &json!({})), sent.clone()), sent);
    assert_eq!(with_annotation(&json!({}), sent.clone()), sent);
}

#[test]
fn what_others_changed_is_told_with_who_and_when() {
    let set = entry("kubectl-set", "Update", &json!({"f:spec": {"f:image": {}, "f:paused": {}}}));
    let live = json!({"metadata": {"managedFields": [set, csa(&json!({"f:x": {}}))]}, "spec": {"image": "b", "x": 1}});
    let sent = json!({"spec": {"image": "a", "x": 2}});
    let taken = overwritten(&live, &sent, &sent);
    assert_eq!(
        taken.iter().map(told).collect::<Vec<_>>(),
        ["kubectl-set changed spec.image at 2026-11-27T12:00:00Z"]
    );
    let left = without(&live, &taken).unwrap();
    assert_eq!(left[0]["fieldsV1"], json!({"f:spec": {"f:paused": {}}}));
    assert_eq!(without(&live, &[]), None);
    assert!(overwritten(&live, &live, &live).is_empty());
}

#[test]
fn what_a_run_brought_that_has_not_ended_becomes_an_apply_of_ours_but_for_what_others_had() {
    let template = |fields: Value| json!({"f:spec": {"f:template": fields}});
    let patches = entry(FIELD_MANAGER, "Update", &template(json!({"f:port": {}, "f:image": {}})));
    let mut live = json!({"metadata": {"annotations": {}, "managedFields": [patches]}});
    let image = entry("kubectl-edit", "Update", &template(json!({"f:image": {}})));
    live["metadata"]["annotations"][crate::keys::OWNERS_ANNOTATION] = json!(json!([image]).to_string());
    assert!(is_needed(&live));
    let managed = taken_over(&live, &json!({}), false).unwrap();
    assert_eq!(managed[0]["operation"], "Apply");
    assert_eq!(managed[0]["fieldsV1"], template(json!({"f:port": {}})));
    assert_eq!(managed.len(), 1);
}
