//! What new pods have to answer, asked one by one.

use serde_json::Value;

use crate::error::Error;
use crate::plan::{Check, SmokeTest, Step};
use crate::scrape::asked_port;
use crate::situation::Observed;

/// What is asked of each new pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyRequest {
    /// What is asked, and what is to be answered.
    pub checks: Vec<Check>,
    /// The port of the pods, by its number or name; absent: as their Service or template says.
    pub port: Option<String>,
    /// What is run against them after that, in order.
    pub tests: Vec<SmokeTest>,
}

impl VerifyRequest {
    /// Returns what tests alone ask.
    pub fn tests(tests: &[SmokeTest]) -> Self {
        Self { tests: tests.to_vec(), ..Self::default() }
    }

    /// Returns the steps for pods of a template: nothing if nothing is asked of them.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`] if there is no such port.
    pub(super) fn steps(&self, template: &Value, observed: &Observed) -> Result<Vec<Step>, Error> {
        let tests = smoke(&self.tests);
        if self.checks.is_empty() {
            return Ok(tests.collect());
        }
        let traffic = observed.traffic.as_ref();
        let service = traffic.and_then(|traffic| observed.traffic_objects.service(&traffic.service));
        let port = asked_port(template, self.port.as_deref(), service)
            .map_err(|why| Error::usage(format!("--verify: {why}")).next("--verify-port PORT"))?;
        let asked = Step::Verify { checks: self.checks.clone(), port: Some(port) };
        Ok(std::iter::once(asked).chain(tests).collect())
    }
}

/// Returns the steps of tests.
pub(super) fn smoke(tests: &[SmokeTest]) -> impl Iterator<Item = Step> {
    tests.iter().map(|test| Step::Smoke { test: test.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{idle, template};
    use crate::share::Size;
    use crate::strategy::{CanaryRequest, Wanted, canary};

    #[test]
    fn where_pods_are_the_share_they_are_asked_as_soon_as_they_are_ready() {
        let checks: Vec<Check> = vec!["/health".parse().unwrap()];
        let request = CanaryRequest {
            template: Some(template("web:2")),
            verify: VerifyRequest {
                checks: checks.clone(),
                port: Some("80".into()),
                ..VerifyRequest::default()
            },
            wanted: Wanted { weights: vec![25, 50], ..Wanted::default() },
            wait_seconds: 60,
            promote: true,
            ..CanaryRequest::default()
        };
        let asked = Step::Verify { checks, port: Some(80) };
        let soak = Step::soak(60, None).unwrap();
        let steps = canary(&request, &idle()).unwrap().steps;
        let [hold, first @ .., release, last] = &steps[..] else { panic!("{steps:?}") };
        assert!(matches!(hold, Step::Hold { size: Size::Weight(25), .. }));
        assert_eq!((release, last), (&Step::Release, &Step::AwaitRollout));
        assert_eq!(first[..3], [Step::AwaitCanary, asked.clone(), soak.clone()]);
        assert!(matches!(first[3], Step::Hold { size: Size::Weight(50), .. }));
        assert_eq!(first[4..], [Step::AwaitCanary, asked, soak]);
    }

    #[test]
    fn the_port_of_a_version_that_is_pending_is_found_in_its_template() {
        let mut observed = idle();
        observed.workload.spec.template = template("web:2");
        observed.workload.spec.template["spec"]["containers"][0]["ports"] =
            serde_json::json!([{"containerPort": 8080}]);
        observed.workload.spec.paused = true;
        let request = CanaryRequest {
            verify: VerifyRequest { checks: vec!["/".parse().unwrap()], ..VerifyRequest::default() },
            wanted: Wanted { weights: vec![25], ..Wanted::default() },
            ..CanaryRequest::default()
        };
        let steps = canary(&request, &observed).unwrap().steps;
        assert!(matches!(steps.last(), Some(Step::Verify { port: Some(8080), .. })), "{steps:?}");
        let mut bare = request.clone();
        bare.template = Some(template("web:3"));
        observed.workload.spec.paused = false;
        observed.workload.spec.template = template("web:1");
        let error = canary(&bare, &observed).unwrap_err();
        assert_eq!(error.message, "--verify: the pods name no port");
    }

    #[test]
    fn without_checks_no_port_is_missed() {
        assert_eq!(VerifyRequest::default().steps(&Value::Null, &idle()), Ok(Vec::new()));
    }
}
