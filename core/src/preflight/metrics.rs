//! RP032: what `--analyze` compares has to be there, in the stable version at least.

use crate::comparison::is_same;
use crate::metric::Scraped;
use crate::model::{Pod, Revision};
use crate::plan::{Analyze, Plan, Step};
use crate::preflight::{Facts, Finding, Judged, Subject};
use crate::reading::{MetricSource, Question};
use crate::router_metrics::Backends;
use crate::scrape::Unread;
use crate::situation::Situation;

/// So many stable pods are tried.
const TRIED: usize = 2;

/// A look at the metrics before the first write.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// What the looks are for.
    pub asked: Analyze,
    /// The question about pods of the stable version, or about its Service, or why none can be asked.
    pub question: Result<Question, String>,
}

impl Trial {
    /// Returns the trial for a plan, if it compares metrics.
    pub(super) fn of(situation: &Situation<'_>, plan: &Plan, subject: &Subject) -> Option<Self> {
        let asked = plan.steps.iter().find_map(Step::analyze).filter(|asked| asked.compares())?.clone();
        let namespace = situation.observed.workload.metadata.namespace.as_deref().unwrap_or_default();
        let named = asked.named();
        if asked.from.is_router() {
            // There is no backend of the canary yet.
            let observed = situation.observed;
            let backends =
                Backends::of_stable(observed.traffic.as_ref(), &observed.traffic_objects, namespace);
            let question = backends.map(|backends| asked.from.question_of(named.as_ref(), backends));
            let question = question.map(|question| question.unwrap_or(Question::Pods(Vec::new())));
            return Some(Self { asked, question });
        }
        let place = |template| asked.from.place(template);
        let new = place(&subject.deployment.spec.template).map_err(|why| format!("the new version: {why}"));
        let stable = situation.stable_template().map(place);
        let ready = |version: &Revision| -> Vec<String> {
            let pods = situation.pods_of(version).filter(|pod| pod.is_ready());
            pods.map(Pod::name).take(TRIED).map(str::to_owned).collect()
        };
        let names = situation.stable.map(ready).unwrap_or_default();
        let pods = new.and_then(|_| match stable {
            Some(place) => {
                let place = place.map_err(|why| format!("the stable version: {why}"))?;
                Ok(names.into_iter().map(|name| (name, place.clone())).collect())
            }
            None => Ok(Vec::new()),
        });
        let question = pods.map(|pods| asked.from.question(named.as_ref(), namespace, pods));
        Some(Self { asked, question })
    }
}

/// What cannot be read of the stable version cannot be compared: the run would end with "not enough data" for certain.
pub(super) fn comparable(subject: &Subject, facts: &Facts) -> Judged {
    let Some(trial) = &subject.trial else { return Ok(Vec::new()) };
    let named = match &trial.asked.from {
        MetricSource::Pods { .. } => {
            "name them: --metrics-port PORT --metrics-path PATH, or annotations prometheus.io/port and prometheus.io/path; pods without metrics are compared with --probe 5/s --metrics-from probe"
        }
        MetricSource::Probe => "leave --metrics-from out, and the pods are asked themselves",
        MetricSource::Prometheus { .. } => {
            "its series need the labels namespace and pod; or leave --prometheus out, and the pods are asked themselves"
        }
        MetricSource::Router { .. } => {
            "have Prometheus read the router's metrics, and send a request; or leave --metrics-from out, and those of the pods are read"
        }
    };
    if let Err(why) = &trial.question {
        return Ok(vec![Finding::error("spec.template", why, named)]);
    }
    let read = facts.metrics.as_ref().map_err(Clone::clone)?;
    let mut troubles = Vec::new();
    for (pod, told) in read {
        match told {
            Ok(scraped) => return Ok(judged(scraped, &trial.asked)),
            // RP030 tells of that.
            Err(Unread::Forbidden) => return Ok(Vec::new()),
            // It went meanwhile.
            Err(Unread::Gone) => {}
            Err(why) if trial.asked.from.is_router() => troubles.push(format!("{pod}: {}", why.sentence())),
            Err(why) => troubles.push(format!("pod {pod}: {}", why.sentence())),
        }
    }
    let trouble = |why| Finding::error("", format!("no metrics of the stable version: {why}"), named);
    Ok(troubles.into_iter().next().map(trouble).into_iter().collect())
}

fn judged(scraped: &Scraped, asked: &Analyze) -> Vec<Finding> {
    let mut found = Vec::new();
    let bounds = scraped.bounds();
    if let Some(slow) = asked.slower_than
        && !bounds.iter().any(|bound| is_same(*bound, slow))
    {
        let near: Vec<String> = [
            bounds.iter().copied().filter(|bound| *bound < slow).reduce(f64::max),
            bounds.iter().copied().filter(|bound| *bound > slow).reduce(f64::min),
        ]
        .into_iter()
        .flatten()
        .map(|bound| format!("--slower-than {bound}s"))
        .collect();
        let why = format!("the stable version's metrics do not count requests above {slow} s");
        let fix = if near.is_empty() {
            "leave --slower-than out: there is no histogram of latency".to_owned()
        } else {
            near.join(", or ")
        };
        found.push(Finding::error("", why, fix));
    }
    if !scraped.tells_errors() {
        found.push(Finding::warning(
            "",
            "the stable version's metrics do not tell requests that fail: latency alone is compared",
            "count requests by their status: http_requests_total{code=...}",
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{analyze, idle, routed_by};
    use crate::preflight::Level;
    use crate::preflight::fixtures::{facts, subject};
    use crate::scrape::Place;
    use crate::situation::Observed;

    fn found(text: Result<&str, Unread>, slower_than: Option<f64>) -> Vec<(Level, String)> {
        let asked = Analyze { slower_than, ..analyze() };
        let trial = Trial { asked, question: Ok(Question::Pods(Vec::new())) };
        let subject = Subject { trial: Some(trial), ..subject() };
        let mut facts = facts();
        let told = text.and_then(|text| Scraped::of(text, None).map_err(Unread::Told));
        facts.metrics = Ok(vec![("web-1".into(), told)]);
        let found = comparable(&subject, &facts).unwrap();
        found
            .into_iter()
            .map(|finding| (finding.level, format!("{}; {}", finding.why, finding.fix)))
            .collect()
    }

    #[test]
    fn what_can_be_compared_is_let_through() {
        let text = include_str!("../../tests/analysis/exposition/go-http.txt");
        assert_eq!(found(Ok(text), Some(0.25)), []);
        assert_eq!(found(Ok(text), None), []);
        assert_eq!(found(Err(Unread::Forbidden), None), []);
        assert_eq!(found(Err(Unread::Gone), None), []);
    }

    #[test]
    fn before_a_canary_the_router_is_asked_about_the_users_own_service() {
        let server = "service:monitoring/prometheus:9090".parse().unwrap();
        let asked = Analyze { from: MetricSource::Router { server, matchers: [].into() }, ..analyze() };
        let steps = vec![Step::Soak { seconds: 60, analyze: Some(Box::new(asked)) }];
        let trial = |observed: &Observed| {
            Trial::of(&Situation::of(observed), &Plan { steps: steps.clone() }, &subject()).unwrap()
        };
        let mut observed = idle();
        let unrouted = trial(&observed).question.unwrap_err();
        assert!(unrouted.starts_with("no router splits the traffic"), "{unrouted}");
        routed_by("contour", &mut observed);
        let trial = trial(&observed);
        let Ok(Question::Router { queries, .. }) = &trial.question else { panic!("{:?}", trial.question) };
        assert!(queries[0].contains("envoy_cluster_name=~\"shop_(web|web-rp-stable)_80\""), "{queries:?}");
        let subject = Subject { trial: Some(trial), ..subject() };
        let mut facts = facts();
        let told = Unread::Told("Prometheus has no a_total of it".into());
        facts.metrics = Ok(vec![("service/web".into(), Err(told))]);
        let finding = comparable(&subject, &facts).unwrap().remove(0);
        insta::assert_snapshot!(format!("{}; {}", finding.why, finding.fix), @"no metrics of the stable version: service/web: Prometheus has no a_total of it; have Prometheus read the router's metrics, and send a request; or leave --metrics-from out, and those of the pods are read");
    }

    #[test]
    fn where_a_probe_alone_counts_no_metrics_are_missed() {
        let trial = |from: MetricSource, path: &str| {
            let probe = crate::plan::Probe { rate: 5, path: path.into(), port: None };
            let asked = Analyze { from, ..analyze() }.with_probe(Some(probe)).unwrap();
            let plan = Plan { steps: vec![Step::Soak { seconds: 0, analyze: Some(Box::new(asked)) }] };
            assert!(plan.asks_pods(), "which takes the right to it");
            Trial::of(&Situation::of(&idle()), &plan, &subject())
        };
        assert_eq!(trial(MetricSource::Probe, "/"), None);
        let pods = trial(MetricSource::Pods { port: None, path: None }, "/healthz");
        assert!(pods.is_some(), "beside it they are read");
    }

    #[test]
    fn what_cannot_is_refused_with_what_would_do() {
        let spring = include_str!("../../tests/analysis/exposition/spring.txt");
        let (level, text) = found(Ok(spring), Some(0.25)).remove(0);
        assert_eq!(level, Level::Error);
        insta::assert_snapshot!(text, @"the stable version's metrics do not count requests above 0.25 s; --slower-than 0.1s, or --slower-than 0.5s");
        let place = Place { tls: false, port: 8080, path: "/metrics".into() };
        let (level, text) = found(Err(Unread::of(404, None, &place)), None).remove(0);
        assert_eq!(level, Level::Error);
        insta::assert_snapshot!(text, @"no metrics of the stable version: pod web-1: /metrics on port 8080 answered 404; name them: --metrics-port PORT --metrics-path PATH, or annotations prometheus.io/port and prometheus.io/path; pods without metrics are compared with --probe 5/s --metrics-from probe");
        insta::assert_snapshot!(found(Ok("up 1"), None)[0].1, @"no metrics of the stable version: pod web-1: nothing in it counts requests that fail (http_requests_total, http_server_request_duration_seconds_count, http_server_duration_milliseconds_count, http_server_requests_seconds_count, grpc_server_handled_total, http_request_duration_seconds_count, http_server_requests_total); name them: --metrics-port PORT --metrics-path PATH, or annotations prometheus.io/port and prometheus.io/path; pods without metrics are compared with --probe 5/s --metrics-from probe");
        let latency = "http_request_duration_seconds_bucket{le=\"0.1\"} 1\nhttp_request_duration_seconds_bucket{le=\"+Inf\"} 2";
        assert_eq!(found(Ok(latency), None)[0].0, Level::Warning);
    }
}
