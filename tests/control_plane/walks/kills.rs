//! SIGKILL before and after every single request.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use serde_json::Value;

use super::kill::kill;
use super::scene::{Scene, Verb, expect_picture, picture, title, undisturbed};
use crate::jobs::{alone, each};
use crate::sample::sample;

/// What is done after the kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Then {
    Again,
    Abort,
}

type Point = (Then, Verb, usize, &'static str);

#[test]
fn kill_at_every_request() {
    let _alone = alone();
    let begin = Instant::now();
    let undisturbed = undisturbed();
    let ends: BTreeMap<Verb, Value> = undisturbed.iter().map(|(verb, end, _)| (*verb, end.clone())).collect();
    let mut points: Vec<Point> = Vec::new();
    for then in [Then::Again, Then::Abort] {
        for (verb, _, requests) in &undisturbed {
            for index in 1..=requests.len() {
                points.extend(["before", "after"].map(|side| (then, *verb, index, side)));
            }
        }
    }
    let points = sample("kill walk", points);
    let count = points.len();
    let table = Mutex::new(BTreeMap::<(Verb, usize, &str), BTreeMap<Then, String>>::new());
    let failed = each(points, 24, |&(then, verb, index, side)| {
        let scene = Scene::new(verb);
        let (killed, ended) = kill(&scene.shop, &scene.proxy, &scene.kubeconfig, verb.args(), index, side);
        let requests = scene.proxy.requests();
        let what = requests.get(index - 1).map_or("never sent".to_owned(), title);
        if !killed {
            // It needed fewer requests this time.
            ended.expect(verb.code());
        }
        let begin = Instant::now();
        match then {
            Then::Abort => scene.expect_abort(),
            Then::Again => {
                // Once all of it was done, there is nothing left to promote, which promote says by exit 2.
                let done = verb == Verb::Promote && picture(&scene.shop) == ends[&verb];
                let again = scene.shop.tool(verb.args());
                assert!(again.code == Some(verb.code()) || done && again.code == Some(2), "{again:?}");
                expect_picture(&scene.shop, std::slice::from_ref(&ends[&verb]));
                scene.witness.expect_whole(verb.keeps_stable());
            }
        }
        let took = begin.elapsed().as_secs_f64();
        let mut table = table.lock().unwrap();
        let row = table.entry((verb, index, side)).or_default();
        let note = if killed { "" } else { " (ended before)" };
        row.insert(then, format!("{what:<52} {then:?}: ok in {took:4.1} s{note}").to_lowercase());
        drop(table);
        scene.end();
    });
    for ((verb, index, side), row) in table.into_inner().unwrap() {
        let text = row.values().cloned().collect::<Vec<_>>().join(" | ");
        println!("{verb:?} {index:2} {side:6} {text}");
    }
    println!("kill walk: {count} kills in {:.0} s", begin.elapsed().as_secs_f64());
    assert!(failed.is_empty(), "{} of {count} failed:\n{}", failed.len(), failed.join("\n"));
}
