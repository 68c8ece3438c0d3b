//! SIGKILL before and after every single request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::proxy::{Fault, Rule, When};
use crate::scene::{Scene, Verb, expect_picture, picture, title, undisturbed};
use crate::shop::{Ended, finish};
use crate::{alone, each};

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
    let count = points.len();
    let table = Mutex::new(BTreeMap::<(Verb, usize, &str), BTreeMap<Then, String>>::new());
    let failed = each(points, 24, |&(then, verb, index, side)| {
        let scene = Scene::new(verb);
        let (killed, ended) = kill(&scene, index, side);
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

/// Runs the verb and kills it at that request. Returns whether it came so far.
fn kill(scene: &Scene, index: usize, side: &str) -> (bool, Ended) {
    let child = Arc::new(Mutex::new(None));
    let killed = Arc::new(Mutex::new(false));
    let killer = {
        let (child, killed) = (Arc::clone(&child), Arc::clone(&killed));
        move || {
            let mut slot = child.lock().unwrap();
            let child: &mut std::process::Child = slot.as_mut().expect("a process");
            child.kill().unwrap();
            *killed.lock().unwrap() = true;
        }
    };
    let killer = Arc::new(killer);
    let (one, other) = (Arc::clone(&killer), Arc::clone(&killer));
    if side == "before" {
        let when = When::Index(index);
        scene.proxy.on(Rule { when, times: 1, fault: Fault::kill_before(move || one()) });
    } else {
        // A watch's answer ends only with the watch.
        let when = When::matching(move |seen| seen.index == index && !seen.watch);
        scene.proxy.on(Rule { when, times: 1, fault: Fault::kill_after(move || one()) });
    }
    {
        let mut slot = child.lock().unwrap();
        *slot = Some(scene.shop.start(&scene.kubeconfig, scene.verb.args()));
    }
    loop {
        std::thread::sleep(Duration::from_millis(10));
        let ended = child.lock().unwrap().as_mut().unwrap().try_wait().unwrap().is_some();
        if ended {
            break;
        }
        let answered = || {
            let requests = scene.proxy.requests();
            requests.get(index - 1).is_some_and(|seen| seen.watch && seen.status.is_some())
        };
        if side == "after" && answered() {
            other();
        }
    }
    let child = child.lock().unwrap().take().unwrap();
    let ended = finish(child);
    let killed = *killed.lock().unwrap() && ended.code.is_none();
    (killed, ended)
}
