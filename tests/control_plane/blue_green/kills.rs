//! SIGKILL after every write, and before those of the Service and the Deployment. A kill at a read is a kill after the
//! write before it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::place::{Place, V1, V2, is_write, path};
use crate::api::{call, direct};
use crate::jobs::each;
use crate::proxy::{Fault, Rule, Seen, When};
use crate::sample::sample;
use crate::shop::{Ended, Run, finish};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verb {
    Start,
    /// The switch, and the end of the first set.
    Promote,
    /// The switch back.
    Abort,
}

/// What is done after the kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Then {
    Again,
    Abort,
    /// An abort after somebody deleted the Lease, and with it all records but the hold's.
    Forgotten,
    /// A promotion in the same place.
    Finish,
}

impl Verb {
    const ALL: [Self; 3] = [Self::Start, Self::Promote, Self::Abort];

    fn args(self) -> &'static [&'static str] {
        match self {
            Self::Start => &["blue-green", "frontend", "--image", V2, "--soak", "1s", "--timeout", "60s"],
            Self::Promote => &["promote", "frontend", "--timeout", "60s"],
            Self::Abort => &["abort", "frontend", "--timeout", "60s"],
        }
    }

    fn place(self) -> Place {
        let place = Place::new(3);
        match self {
            Self::Start => {}
            Self::Promote => place.start("1s"),
            Self::Abort => {
                place.start("60s");
                let mut promote = place.switch();
                promote.kill().unwrap();
                finish(promote);
            }
        }
        place
    }

    fn images(self) -> &'static [&'static str] {
        if self == Self::Promote { &[V1, V2] } else { &[V1] }
    }
}

/// A write in a few words.
fn title(seen: &Seen) -> String {
    let mut parts = seen.path.rsplit('/');
    let (name, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (kind, name) = if seen.method == "POST" { (name, "") } else { (kind, name) };
    format!("{} {kind}/{name}", seen.method)
}

#[test]
fn a_kill_at_every_write_leaves_a_service_with_pods_and_a_way_back() {
    let begin = Instant::now();
    direct();
    let undisturbed = |verb: Verb| {
        let place = verb.place();
        finish(place.shop.start(&place.kubeconfig, verb.args())).expect(0);
        let writes: Vec<String> = place.writes().iter().map(title).collect();
        println!("{verb:?}: {}", writes.join(", "));
        if verb != Verb::Start {
            place.expect_as_before(&[if verb == Verb::Promote { V2 } else { V1 }]);
        }
        place.end();
        writes
    };
    let all: Vec<Vec<String>> = std::thread::scope(|scope| {
        let threads = Verb::ALL.map(|verb| scope.spawn(move || undisturbed(verb)));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut points = Vec::new();
    for (verb, writes) in Verb::ALL.into_iter().zip(&all) {
        for (index, write) in (1..).zip(writes) {
            points.extend([Then::Again, Then::Abort].map(|then| (then, verb, index, "after")));
            // Without the Lease what was written there last is of no matter.
            if index > 1 && write.contains(" leases/") {
                continue;
            }
            points.push((Then::Abort, verb, index, "before"));
            points.push((Then::Forgotten, verb, index, "after"));
            if verb == Verb::Promote {
                points.push((Then::Finish, verb, index, "after"));
            }
        }
    }
    // The longest ones first: whoever starts again waits until a Lease has run out.
    points.sort_by_key(|(then, ..)| *then);
    let points = sample("blue-green kill walk", points);
    let count = points.len();
    let table = Mutex::new(BTreeMap::<(Verb, usize, &str), Vec<String>>::new());
    let failed = each(points, 20, |&(then, verb, index, side)| {
        let place = verb.place();
        let (killed, ended) = kill(&place, verb, index, side);
        if !killed {
            // It needed fewer writes this time.
            ended.expect(0);
        }
        let write = place.writes().get(index - 1).map_or("never sent".to_owned(), title);
        let loose = place.is_loose();
        if matches!(then, Then::Forgotten | Then::Finish) {
            call("DELETE", &path(&place.shop, "leases/rollout-plus.deployment.frontend"), None);
        }
        assert_eq!(
            place.is_warned_of(),
            loose,
            "{}: {then:?} {verb:?} {index} {write}",
            place.shop.namespace
        );
        after(&place, then, verb);
        let note = if loose { " (pinned)" } else { "" };
        let mut table = table.lock().unwrap();
        table.entry((verb, index, side)).or_default().push(format!("{then:?}{note} after {write}"));
        drop(table);
        place.end();
    });
    for ((verb, index, side), row) in table.into_inner().unwrap() {
        println!("{verb:?} {index:2} {side:6} {}", row.join(" | "));
    }
    println!("kill walk of blue-green: {count} kills in {:.0} s", begin.elapsed().as_secs_f64());
    assert!(failed.is_empty(), "{} of {count} failed:\n{}", failed.len(), failed.join("\n"));
}

/// Does what comes after the kill, and looks at the end.
fn after(place: &Place, then: Then, verb: Verb) {
    match (then, verb) {
        (Then::Abort | Then::Forgotten, _) => {
            place.shop.tool(&["abort", "frontend", "--timeout", "60s"]).expect(0);
            place.expect_as_before(verb.images());
        }
        (Then::Again, Verb::Start) => {
            place.shop.tool(verb.args()).expect(0);
            assert_eq!(place.endpoints.seen().others, 0, "{}", place.shop.namespace);
            place.shop.tool(&["abort", "frontend", "--timeout", "60s"]).expect(0);
            place.expect_as_before(&[V1]);
        }
        (Then::Again, Verb::Abort) => {
            place.shop.tool(verb.args()).expect(0);
            place.expect_as_before(&[V1]);
        }
        (Then::Again | Then::Finish, _) => {
            // Once all of it was done, there is nothing left to promote, which promote says by exit 2.
            let ended = place.shop.tool(&["promote", "frontend", "--timeout", "60s"]);
            assert!(matches!(ended.code, Some(0 | 2)), "{}: {ended:?}", place.shop.namespace);
            place.expect_as_before(&[V2]);
        }
    }
}

/// Runs the verb and kills it at that write. Returns whether it came so far.
fn kill(place: &Place, verb: Verb, index: usize, side: &str) -> (bool, Ended) {
    let child = Arc::new(Mutex::new(None::<Run>));
    let killer = {
        let child = Arc::clone(&child);
        move || child.lock().unwrap().as_mut().expect("a process").kill().unwrap()
    };
    let sent = AtomicUsize::new(0);
    let when =
        When::matching(move |seen| is_write(seen) && sent.fetch_add(1, Ordering::Relaxed) + 1 == index);
    let fault = if side == "before" { Fault::kill_before(killer) } else { Fault::kill_after(killer) };
    place.proxy.on(Rule { when, times: 1, fault });
    let mut slot = child.lock().unwrap();
    *slot = Some(place.shop.start(&place.kubeconfig, verb.args()));
    drop(slot);
    loop {
        std::thread::sleep(Duration::from_millis(10));
        if child.lock().unwrap().as_mut().unwrap().try_wait().unwrap().is_some() {
            break;
        }
    }
    let ended = finish(child.lock().unwrap().take().unwrap());
    (ended.code.is_none(), ended)
}
