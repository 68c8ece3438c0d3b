//! Every fault at every single request.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use serde_json::Value;

use super::scene::{Scene, Verb, deployment, expect_picture, title, undisturbed};
use crate::jobs::{alone, each};
use crate::proxy::{Fault, Rule, When};
use crate::sample::sample;

const FAULTS: [&str; 7] = ["409", "429", "500", "503", "reset before", "reset after", "hang"];

fn fault(name: &str) -> Fault {
    match name {
        "409" => Fault::Status(409, None),
        "429" => Fault::Status(429, Some(1)),
        "500" => Fault::Status(500, None),
        "503" => Fault::Status(503, None),
        "reset before" => Fault::ResetBefore,
        "reset after" => Fault::ResetAfter,
        _ => Fault::Hang,
    }
}

#[test]
fn a_fault_at_every_request() {
    let _alone = alone();
    let begin = Instant::now();
    let undisturbed = undisturbed();
    let ends: BTreeMap<Verb, Value> = undisturbed.iter().map(|(verb, end, _)| (*verb, end.clone())).collect();
    let mut points = Vec::new();
    for name in FAULTS.into_iter().rev() {
        for (verb, _, requests) in &undisturbed {
            // A watch's answer ends only with the watch: there is no "after".
            let sent = requests.iter().filter(|seen| name != "reset after" || !seen.watch);
            points.extend(sent.map(|seen| (*verb, seen.index, name)));
        }
    }
    let points = sample("fault walk", points);
    let count = points.len();
    let table = Mutex::new(BTreeMap::<(Verb, usize), (String, Vec<String>)>::new());
    let failed = each(points, 24, |&(verb, index, name)| {
        let scene = Scene::new(verb);
        scene.proxy.on(Rule { when: When::Index(index), times: 1, fault: fault(name) });
        let begin = Instant::now();
        let ended = scene.run(&["--request-timeout", "2s"]);
        let took = begin.elapsed().as_secs_f64();
        let code = ended.code.expect("an exit code");
        let requests = scene.proxy.requests();
        let what = requests.get(index - 1).map_or("never sent".to_owned(), title);
        let story = || {
            let sent = requests.iter().map(|seen| format!("  {} {:?}\n", title(seen), seen.status));
            format!(
                "{verb:?} {index} {what}, {name}: exit {code} in {took:.1} s\n{}{}",
                sent.collect::<String>(),
                ended.stderr
            )
        };
        assert!([0, 3, 4, 5, 6].contains(&code), "{}", story());
        assert!(took < 90.0, "{}", story());
        let of = |method: &str, part: &str| {
            let is = |seen: &&crate::proxy::Seen| {
                seen.method == method && seen.path.contains(part) && !seen.is_of_owners()
            };
            scene.writes().iter().filter(is).count()
        };
        let (patches, scales) = (of("PATCH", "/deployments/"), of("PUT", "/scale"));
        assert!(patches <= verb.patches() && scales <= 1, "{patches} patches, {scales} scales: {}", story());
        let moved = deployment(&scene.shop)["metadata"]["generation"].as_i64().unwrap() - scene.generation;
        assert_eq!(moved, i64::try_from(patches).unwrap(), "{}", story());
        if code == 0 {
            assert_eq!(patches, 1, "{}", story());
            expect_picture(&scene.shop, std::slice::from_ref(&ends[&verb]));
            scene.witness.expect_whole(verb.keeps_stable());
        } else {
            scene.expect_abort();
        }
        let mut table = table.lock().unwrap();
        let row = table.entry((verb, index)).or_insert((what, Vec::new()));
        row.1.push(format!("{name}: {code} ({took:.1} s)"));
        drop(table);
        scene.end();
    });
    for ((verb, index), (what, row)) in table.into_inner().unwrap() {
        println!("{verb:?} {index:2} {what:<52} {}", row.join(", "));
    }
    println!("fault walk: {count} faults in {:.0} s", begin.elapsed().as_secs_f64());
    assert!(failed.is_empty(), "{} of {count} failed:\n{}", failed.len(), failed.join("\n"));
}
