//! `bootstrap` and what it proves.

use insta::assert_snapshot;

use super::Stage;
use crate::shop::Shop;

#[test]
fn an_account_for_ci() {
    let mut stage = Stage::new(Shop::new(3));
    stage.types("bootstrap ci --dry-run");
    stage.types("bootstrap ci --print");
    stage.types("bootstrap ci --print --deployment frontend --prometheus service:monitoring/prometheus:9090");
    stage.types("bootstrap ci --strategy canary --deliver kubeconfig=ci.kubeconfig");
    stage.types("bootstrap ci --strategy canary --deliver kubeconfig=ci.kubeconfig");
    stage.types("bootstrap list ci");
    stage.types("bootstrap verify ci --kubeconfig ci.kubeconfig");
    stage.types("bootstrap verify ci --deployment frontend --strategy canary --kubeconfig ci.kubeconfig");
    stage.types("bootstrap rotate ci --deliver kubeconfig=ci.kubeconfig");
    stage.types("doctor --kubeconfig ci.kubeconfig");
    // For some ten seconds more the API server takes what it has found good before.
    stage.types("bootstrap revoke ci");
    assert_snapshot!(stage.told());
}

#[test]
fn an_account_that_may_not_do_it() {
    let mut stage = Stage::new(Shop::new(3));
    stage.types("bootstrap ci --deliver kubeconfig=ci.kubeconfig");
    stage.types("bootstrap verify ci --deployment frontend --strategy canary --kubeconfig ci.kubeconfig");
    stage.types("canary frontend --image shop/web:v2 --weight 10 --kubeconfig ci.kubeconfig");
    stage.types("check frontend --strategy canary --kubeconfig ci.kubeconfig");
    stage.types("bootstrap other --kubeconfig ci.kubeconfig --show");
    stage.types("scale frontend --replicas 5 --kubeconfig ci.kubeconfig");
    stage.types("apply -f no-such-file --kubeconfig ci.kubeconfig");
    assert_snapshot!(stage.told());
}

#[test]
fn what_is_wrong_with_a_command_line() {
    let mut stage = Stage::new(Shop::empty());
    stage.types("bootstrap");
    stage.types("bootstrap CI");
    stage.types("bootstrap ci");
    stage.types("bootstrap ci --deliver nowhere=x");
    stage.types("bootstrap ci --deliver github=owner");
    stage.types("bootstrap ci --deliver drone=owner/repo");
    stage.types("bootstrap ci --expires-in never --show");
    stage.types("bootstrap ci --deployment missing --show --dry-run");
    stage.types("bootstrap list missing");
    stage.types("bootstrap revoke missing");
    assert_snapshot!(stage.told());
}
