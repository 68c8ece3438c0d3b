//! All rules together: what was found, and what could not be judged.

use serde::Serialize;

use crate::error::{Error, Kind};
use crate::preflight::{About, Facts, Finding, IGNORE_ANNOTATION, Level, NotChecked, RULES, Subject, ignore};

/// What the rules said. `-o json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The version of this schema.
    pub schema: u32,
    /// The gravest first.
    pub findings: Vec<Finding>,
    /// Rules that could not be judged.
    pub not_checked: Vec<NotChecked>,
}

impl Default for Report {
    fn default() -> Self {
        Self { schema: 1, findings: Vec::new(), not_checked: Vec::new() }
    }
}

/// Judges a subject by all rules. Warnings that the Deployment's annotation silences with a reason are left
/// out; findings of rules in `force` count as warnings.
///
/// An error about the version only warns where no pod of it is made, or if it runs so already; one about the start of its pods
/// only if the way leads back (`goes_back`): whoever is in trouble is no worse off.
pub fn judge(subject: &Subject, facts: &Facts, force: &[String]) -> Report {
    let mut report = Report::default();
    let object = subject.object();
    let (running, live) = (found_in(subject.of_running(), facts), found_in(subject.of_live(), facts));
    for rule in RULES {
        for (about, judge) in rule.judges {
            match judge(subject, facts) {
                Ok(found) => report.findings.extend(found.into_iter().map(|finding| {
                    let key = (rule.id, finding.clone());
                    let runs = running.contains(&key);
                    let passes = match about {
                        About::Version => !subject.makes_pods() || runs,
                        About::Pods => {
                            !subject.makes_pods() || (subject.goes_back && (runs || live.contains(&key)))
                        }
                        About::Plan => false,
                    };
                    Finding {
                        rule: rule.id.to_owned(),
                        object: if finding.object.is_empty() {
                            object.clone()
                        } else {
                            finding.object.clone()
                        },
                        file: subject.file.clone(),
                        live_too: runs && finding.level == Level::Warning,
                        level: if passes { finding.level.max(Level::Warning) } else { finding.level },
                        ..finding
                    }
                })),
                Err(why) => report.not_checked.push(NotChecked {
                    rule: rule.id.to_owned(),
                    object: object.clone(),
                    why,
                }),
            }
        }
    }
    silence(&mut report.findings, subject);
    for finding in report.findings.iter_mut().filter(|finding| finding.level == Level::Error) {
        if force.contains(&finding.rule) {
            finding.level = Level::Warning;
            finding.why = format!("{} (forced)", finding.why);
        }
    }
    report.sort();
    report
}

/// Returns what the rules about the version find in one that is there already.
fn found_in(version: Option<Subject>, facts: &Facts) -> Vec<(&'static str, Finding)> {
    let Some(version) = version else { return Vec::new() };
    let facts = Facts { pod_dry_run: facts.live_dry_run.clone(), ..facts.clone() };
    let judges = RULES.iter().flat_map(|rule| rule.judges.iter().map(|judge| (rule.id, judge)));
    let about_version = judges.filter(|(_, (about, _))| *about != About::Plan);
    about_version
        .flat_map(|(id, (_, judge))| {
            judge(&version, &facts).unwrap_or_default().into_iter().map(move |f| (id, f))
        })
        .collect()
}

fn silence(findings: &mut Vec<Finding>, subject: &Subject) {
    // The manifest's own word counts before the cluster's.
    let own = subject.deployment.annotation(IGNORE_ANNOTATION);
    let live = || subject.live.as_ref().and_then(|live| live.annotation(IGNORE_ANNOTATION));
    let entries = ignore::parse(own.or_else(live).unwrap_or_default());
    for entry in entries {
        if entry.reason.is_empty() {
            let known = RULES.iter().find(|rule| rule.id == entry.rule);
            let why = format!("ignores {} without a reason, so it does not count", entry.rule);
            let mut told =
                Finding::new(Level::Info, IGNORE_PATH, why, format!("write '{}: REASON'", entry.rule));
            told.rule = known.map_or(entry.rule, |rule| rule.id.to_owned());
            told.object = subject.object();
            told.file.clone_from(&subject.file);
            findings.push(told);
        } else {
            findings.retain(|finding| finding.rule != entry.rule || finding.level != Level::Warning);
        }
    }
}

const IGNORE_PATH: &str = "metadata.annotations[rollout-plus/ignore]";

impl Report {
    /// Returns what refuses.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.level == Level::Error)
    }

    /// Returns the warnings that are new with the version, and the rules of those that the live one has, too.
    pub fn warnings(&self) -> (Vec<&Finding>, Vec<&str>) {
        let warnings = self.findings.iter().filter(|finding| finding.level == Level::Warning);
        let (lived, new): (Vec<&Finding>, Vec<&Finding>) = warnings.partition(|finding| finding.live_too);
        (new, lived.into_iter().map(|finding| finding.rule.as_str()).collect())
    }

    /// Adds the report of another subject.
    pub fn add(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.not_checked.extend(other.not_checked);
        self.sort();
    }

    fn sort(&mut self) {
        self.findings.sort_by(|a, b| (a.level, &a.rule).cmp(&(b.level, &b.rule)));
        self.not_checked.sort();
        self.not_checked.dedup();
    }

    /// Returns the refusal that the errors mean, `None` without one.
    pub fn refusal(&self, name: &str) -> Option<Error> {
        let errors: Vec<&Finding> = self.errors().collect();
        if errors.is_empty() {
            return None;
        }
        let mut rules: Vec<&str> = errors.iter().map(|finding| finding.rule.as_str()).collect();
        rules.dedup();
        let said: Vec<String> =
            errors.iter().map(|finding| format!("{} {}", finding.rule, finding.sentence())).collect();
        let error = Error::new(Kind::Refused, format!("preflight of {name}: {}", said.join("; ")));
        let error = errors.iter().fold(error, |error, finding| {
            let next = format!("{}: {}", finding.rule, finding.fix);
            if error.next.contains(&next) { error } else { error.next(next) }
        });
        Some(error.next(format!("or go on all the same: --force={}", rules.join(","))))
    }
}

impl Finding {
    /// Returns object, path and reason in one line.
    pub fn sentence(&self) -> String {
        let space = if self.path.is_empty() { "" } else { " " };
        format!("{}{space}{}: {}", self.object, self.path, self.why)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::fixtures::{facts, subject, with};

    #[test]
    fn what_the_live_version_has_too_is_told_apart() {
        let mut tagless = subject();
        for deployment in [Some(&mut tagless.deployment), tagless.live.as_mut()].into_iter().flatten() {
            deployment.spec.template["spec"]["containers"][0]["lifecycle"] = json!(null);
        }
        let report = judge(&tagless, &facts(), &[]);
        assert_eq!(report.warnings(), (vec![], vec!["RP010"]));
        tagless.deployment.spec.template["spec"]["containers"][0]["image"] = json!("web:latest");
        let report = judge(&tagless, &facts(), &[]);
        let (new, lived) = report.warnings();
        assert_eq!((new[0].rule.as_str(), new.len(), lived), ("RP002", 1, vec!["RP010"]));
        // What is pending on a paused Deployment is not what runs.
        let pending = Subject {
            live: Some(tagless.deployment.clone()),
            running: subject().live.map(|live| live.spec.template),
            ..tagless.clone()
        };
        assert_eq!(judge(&pending, &facts(), &[]).warnings().0.len(), 2);
        tagless.live = None;
        assert_eq!(judge(&tagless, &facts(), &[]).warnings().1, Vec::<&str>::new(), "there is none");
    }

    #[test]
    fn what_runs_so_already_is_no_reason_to_refuse() {
        let mut unprobed = with("containers/0/readinessProbe", json!(null));
        assert_eq!(rules(&judge(&unprobed, &facts(), &[])), [("RP001", Level::Error)]);
        let template = unprobed.deployment.spec.template.clone();
        unprobed.live.as_mut().unwrap().spec.template = template;
        assert_eq!(
            rules(&judge(&unprobed, &facts(), &[])).first(),
            Some(&("RP001", Level::Warning)),
            "nobody is worse off"
        );
        unprobed.running = subject().live.map(|live| live.spec.template);
        assert!(judge(&unprobed, &facts(), &[]).errors().next().is_some(), "it is pending, and runs nowhere");
    }

    #[test]
    fn going_back_is_not_refused_for_what_the_live_version_has_too() {
        let mut back = with("containers/0/envFrom", json!([{"configMapRef": {"name": "gone"}}]));
        let mut gone = facts();
        gone.named.insert((crate::preflight::Kind::ConfigMap, "gone".into()), Ok(None));
        let live = back.deployment.spec.template.clone();
        assert_eq!(rules(&judge(&back, &gone, &[])), [("RP015", Level::Error)]);
        back.goes_back = true;
        assert_eq!(rules(&judge(&back, &gone, &[])), [("RP015", Level::Error)], "the live one has it not");
        back.live.as_mut().unwrap().spec.template = live;
        let report = judge(&back, &gone, &[]);
        assert!(report.errors().next().is_none());
        assert_eq!(report.warnings().0[0].rule, "RP015", "told in full");
        back.goes_back = false;
        assert!(judge(&back, &gone, &[]).errors().next().is_some(), "the pods will not start");
        // An admission that refuses both is asked about both.
        let refused = || Ok(Err("violates PodSecurity \"restricted:latest\"".to_owned()));
        let tightened = Facts { pod_dry_run: refused(), live_dry_run: refused(), ..facts() };
        let mut back = Subject { goes_back: true, ..subject() };
        assert!(judge(&back, &tightened, &[]).errors().next().is_none());
        back.goes_back = false;
        assert!(judge(&back, &tightened, &[]).errors().next().is_some());
    }

    #[test]
    fn a_version_without_new_pods_cannot_fail_to_start() {
        let mut none = with("containers/0/envFrom", json!([{"configMapRef": {"name": "gone"}}]));
        none.strategy = crate::model::Strategy::Rolling;
        none.deployment.spec.replicas = Some(0);
        none.replacing = Some(crate::preflight::Replacing::default());
        none.surge_pods = 0;
        let mut gone = facts();
        gone.named.insert((crate::preflight::Kind::ConfigMap, "gone".into()), Ok(None));
        assert_eq!(judge(&none, &gone, &[]).refusal(""), None);
    }

    fn ignoring(text: &str) -> Subject {
        let mut subject = with("containers/0/image", json!("web:latest"));
        subject.live = None;
        subject.deployment.metadata.annotations =
            Some([(IGNORE_ANNOTATION.to_owned(), text.to_owned())].into());
        subject
    }

    fn rules(report: &Report) -> Vec<(&str, Level)> {
        report.findings.iter().map(|finding| (finding.rule.as_str(), finding.level)).collect()
    }

    #[test]
    fn nothing_is_found_where_nothing_is_wrong() {
        assert_eq!(judge(&subject(), &facts(), &[]), Report::default());
    }

    #[test]
    fn a_warning_is_silent_with_a_reason_only() {
        assert_eq!(rules(&judge(&ignoring(""), &facts(), &[])), [("RP002", Level::Warning)]);
        assert_eq!(rules(&judge(&ignoring("RP002: a lab"), &facts(), &[])), []);
        assert_eq!(
            rules(&judge(&ignoring("RP002"), &facts(), &[])),
            [("RP002", Level::Warning), ("RP002", Level::Info)]
        );
    }

    #[test]
    fn an_error_is_forced_and_never_silenced() {
        let mut bare = ignoring("RP001: no matter\nRP002: a lab");
        bare.deployment.spec.template["spec"]["containers"][0]["readinessProbe"] = json!(null);
        let refusing = judge(&bare, &facts(), &[]);
        assert_eq!(rules(&refusing), [("RP001", Level::Error)]);
        let error = refusing.refusal("deployment/web").unwrap();
        assert_eq!(error.kind, Kind::Refused);
        insta::assert_snapshot!(error.message, @"preflight of deployment/web: RP001 deployment/web spec.template.spec.containers[0].readinessProbe: container web is behind service/web and has no readiness probe: it gets requests as soon as its process runs");
        assert!(error.next.iter().any(|next| next.contains("--force=RP001")), "{error:?}");
        let forced = judge(&bare, &facts(), &["RP001".into()]);
        assert_eq!(rules(&forced), [("RP001", Level::Warning)]);
        assert_eq!(forced.refusal("deployment/web"), None);
        assert!(judge(&bare, &facts(), &["RP002".into()]).refusal("").is_some(), "each by its own id");
    }

    #[test]
    fn what_could_not_be_read_is_listed_once() {
        let report = judge(&subject(), &Facts::unread("offline"), &[]);
        assert_eq!(report.findings, []);
        let rules: Vec<&str> = report.not_checked.iter().map(|not| not.rule.as_str()).collect();
        assert_eq!(rules, ["RP001", "RP010", "RP013", "RP014", "RP020", "RP030"]);
    }
}
