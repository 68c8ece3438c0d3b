//! SIGKILL before and after every single request.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

use super::kill::{Table, Then, kill};
use super::scene::{Scene, Verb, expect_picture, picture, title, undisturbed};
use crate::jobs::{alone, each};
use crate::sample::sample;

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
    let table = Table::new();
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
        table.note((verb, index, side), then, &what, begin.elapsed(), killed);
        scene.end();
    });
    table.print();
    println!("kill walk: {count} kills in {:.0} s", begin.elapsed().as_secs_f64());
    assert!(failed.is_empty(), "{} of {count} failed:\n{}", failed.len(), failed.join("\n"));
}
