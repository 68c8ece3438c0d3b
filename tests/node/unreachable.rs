//! The node itself is lost for a while, which is no failure of the version. By its name this test comes last: it takes the
//! node from everybody.

use std::process::Command;
use std::time::Duration;

use crate::api::within;
use crate::failures::calm::{CANARY, Calm, slow};
use crate::failures::place::{Place, is_ready};
use crate::seats::Exclusive;
use crate::shop::run;

#[test]
fn a_node_that_is_lost_for_a_while_is_no_failure() {
    let cluster = Exclusive::take();
    let lost =
        Calm { name: "the node is lost for a while", change: slow::<20>, meanwhile: lose_node, ..CANARY };
    lost.happen(&Place::alone(&cluster));
}

/// Stops kubelet until the pods of its node count as not Ready.
fn lose_node(place: &Place) {
    kubelet("stop");
    let lost = within(120, || !place.pods().iter().any(is_ready));
    std::thread::sleep(Duration::from_secs(10));
    kubelet("start");
    assert!(lost, "the node is not lost");
}

fn kubelet(verb: &str) {
    #[allow(clippy::disallowed_methods, reason = "set by 'testbed/cluster exec'")]
    let cluster = std::env::var("TESTBED_CLUSTER").expect("run through 'testbed/cluster exec NAME --'");
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/testbed/cluster");
    run(Command::new(program).args([verb, &cluster, "kubelet"])).expect(0);
}
