//! SIGKILL before or after a request.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::proxy::{Fault, Proxy, Rule, When};
use crate::shop::{Ended, Shop, finish};

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
            let child: &mut std::process::Child = slot.as_mut().expect("a process");
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
