//! SIGKILL before or after a request, and the table of a walk of such kills.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::proxy::{Fault, Proxy, Rule, When};
use crate::shop::{Ended, Run, Shop, finish};

/// What is done after the kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Then {
    Again,
    Abort,
}

/// Where a verb was killed: at which request, on which side of it.
pub type Place<Verb> = (Verb, usize, &'static str);

/// How it went, a row for each place.
pub struct Table<Verb>(Mutex<BTreeMap<Place<Verb>, BTreeMap<Then, String>>>);

impl<Verb: Debug + Ord> Table<Verb> {
    pub fn new() -> Self {
        Self(Mutex::default())
    }

    /// Notes that all was well; `what` is the request.
    pub fn note(&self, place: Place<Verb>, then: Then, what: &str, took: Duration, killed: bool) {
        let note = if killed { "" } else { " (ended before)" };
        let took = took.as_secs_f64();
        let text = format!("{what:<52} {then:?}: ok in {took:4.1} s{note}").to_lowercase();
        self.0.lock().unwrap().entry(place).or_default().insert(then, text);
    }

    pub fn print(self) {
        for ((verb, index, side), row) in self.0.into_inner().unwrap() {
            let text = row.values().cloned().collect::<Vec<_>>().join(" | ");
            println!("{verb:?} {index:2} {side:6} {text}");
        }
    }
}

/// Runs the tool through a proxy and kills it at that request. Returns whether it came so far.
pub fn kill(
    shop: &Shop,
    proxy: &Proxy,
    kubeconfig: &Path,
    args: &[&str],
    index: usize,
    side: &str,
) -> (bool, Ended) {
    let child = Arc::new(Mutex::new(None));
    let killed = Arc::new(Mutex::new(false));
    let killer = {
        let (child, killed) = (Arc::clone(&child), Arc::clone(&killed));
        move || {
            let mut slot = child.lock().unwrap();
            let child: &mut Run = slot.as_mut().expect("a process");
            child.kill().unwrap();
            *killed.lock().unwrap() = true;
        }
    };
    let killer = Arc::new(killer);
    let (one, other) = (Arc::clone(&killer), Arc::clone(&killer));
    if side == "before" {
        let when = When::Index(index);
        proxy.on(Rule { when, times: 1, fault: Fault::kill_before(move || one()) });
    } else {
        // A watch's answer ends only with the watch.
        let when = When::matching(move |seen| seen.index == index && !seen.watch);
        proxy.on(Rule { when, times: 1, fault: Fault::kill_after(move || one()) });
    }
    {
        let mut slot = child.lock().unwrap();
        *slot = Some(shop.start(kubeconfig, args));
    }
    loop {
        std::thread::sleep(Duration::from_millis(10));
        let ended = child.lock().unwrap().as_mut().unwrap().try_wait().unwrap().is_some();
        if ended {
            break;
        }
        let answered = || {
            let requests = proxy.requests();
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
