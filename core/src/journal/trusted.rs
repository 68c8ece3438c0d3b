//! Whether a journal may be followed: whoever may write a Lease must not lead others elsewhere.

use serde_json::Value;

use super::Journal;
use crate::duration::MAX_SECONDS;
use crate::error::Error;
use crate::keys;
use crate::plan::{Check, Step};

/// Reads the journal off a Lease; `None` if there is none of our schema.
///
/// # Errors
/// Names the Lease, and what no run could have written: whoever may write it must not lead others elsewhere.
pub fn trusted_journal(lease: &Value) -> Result<Option<Journal>, Error> {
    let metadata = &lease["metadata"];
    let Some(text) = metadata["annotations"][keys::JOURNAL_ANNOTATION].as_str() else { return Ok(None) };
    let journal = serde_json::from_str::<Journal>(text).ok();
    let Some(journal) = journal.filter(|journal| journal.schema == Journal::SCHEMA) else { return Ok(None) };
    let text = |field: &str| metadata[field].as_str().unwrap_or_default();
    match oddity(&journal, text("namespace")) {
        None => Ok(Some(journal)),
        Some(odd) => Err(Error::refused(format!(
            "the journal on lease/{} names {odd}: no run wrote that, and it is not followed",
            text("name")
        ))
        .next(format!("kubectl get lease {} -n {} -o yaml", text("name"), text("namespace")))
        .next(format!(
            "kubectl annotate lease {} -n {} {}-",
            text("name"),
            text("namespace"),
            keys::JOURNAL_ANNOTATION
        ))),
    }
}

/// Returns what of a journal no run on a workload of this namespace could have written.
fn oddity(journal: &Journal, namespace: &str) -> Option<String> {
    let traffic = journal.traffic.as_ref().and_then(|traffic| traffic.oddity(namespace));
    traffic.or_else(|| journal.plan.steps.iter().find_map(|step| step_oddity(step, namespace)))
}

fn step_oddity(step: &Step, namespace: &str) -> Option<String> {
    match step {
        Step::Own { split, grace } | Step::Route { split, grace } => {
            split.oddity(namespace).or_else(|| time_oddity(*grace))
        }
        Step::Soak { seconds, analyze } => {
            time_oddity(*seconds).or_else(|| analyze.as_ref().and_then(|asked| asked.oddity()))
        }
        Step::Follow { analyze } => analyze.oddity(),
        Step::Verify { checks, port } => {
            let odd = checks.iter().find_map(Check::oddity);
            odd.or_else(|| port.filter(|port| *port == 0).map(|_| "port 0 of pods".to_owned()))
        }
        Step::Smoke { test } => test.oddity(),
        Step::Fault { gate } => time_oddity(gate.seconds.max(gate.within)),
        Step::Hold { .. }
        | Step::Stop
        | Step::AwaitCanary
        | Step::Update { .. }
        | Step::Release
        | Step::AwaitRollout
        | Step::Restore
        | Step::AwaitStable
        | Step::Publish { .. }
        | Step::Pin { .. }
        | Step::Withdraw
        | Step::Freeze => None,
    }
}

/// No flag takes longer times; a clock may end before them.
fn time_oddity(seconds: u64) -> Option<String> {
    (seconds > MAX_SECONDS).then(|| format!("a time of {seconds} s"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::journal;
    use crate::journal::{Verb, write_lease};
    use crate::plan::Plan;
    use crate::traffic::{Split, Traffic};

    #[test]
    fn a_journal_that_leads_elsewhere_is_not_followed() {
        let read = |journal: &Journal| {
            let mut lease = json!({"metadata": {"name": "rollout-plus.deployment.web", "namespace": "shop"}});
            write_lease(&mut lease, None, journal, "").unwrap();
            trusted_journal(&lease)
        };
        let mut followed = journal(Verb::Canary, Plan { steps: vec![Step::AwaitCanary] });
        followed.traffic = Some(Traffic::direct("web"));
        followed.plan.steps.push(Step::Route { split: Split::undone("web", "shop"), grace: 1 });
        assert_eq!(read(&followed), Ok(Some(followed.clone())));
        let mut traffic = followed.clone();
        traffic.traffic = Some(Traffic::direct("web/../../../../kube-system/secrets/key"));
        let mut step = followed.clone();
        step.plan.steps.push(Step::Own { split: Split::undone("web", "kube-system"), grace: 1 });
        let mut soak = followed.clone();
        soak.plan.steps.push(Step::Soak { seconds: u64::MAX, analyze: None });
        let asked: Check = "/ready".parse().unwrap();
        let verify = |check: Check, port| {
            let mut journal = followed.clone();
            journal.plan.steps.push(Step::Verify { checks: vec![asked.clone(), check], port });
            journal
        };
        assert_eq!(read(&verify(asked.clone(), Some(80))).map(|read| read.is_some()), Ok(true));
        let path = verify(Check { path: "/../../../secrets".into(), ..asked.clone() }, None);
        let text = verify(Check { text: Some("x".repeat(2000)), ..asked.clone() }, Some(80));
        let port = verify(asked.clone(), Some(0));
        let mut nothing = followed.clone();
        nothing.plan.steps.push(Step::Smoke { test: crate::plan::SmokeTest::Command(Vec::new()) });
        for (journal, odd) in [
            (traffic, "service web/../../../../kube-system/secrets/key"),
            (step, "service web in namespace kube-system"),
            (path, "path /../../../secrets"),
            (text, "a check of /ready that none asks"),
            (port, "port 0 of pods"),
            (nothing, "a test that runs nothing"),
            (soak, "a time of 18446744073709551615 s"),
        ] {
            let error = read(&journal).unwrap_err();
            assert_eq!(
                error.message,
                format!(
                    "the journal on lease/rollout-plus.deployment.web names {odd}: no run wrote that, and it is not followed"
                )
            );
        }
    }
}
