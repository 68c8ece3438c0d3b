//! A card of Drone's: the run in a few lines, on the page of the build.
//!
//! Format: `card.go` of drone-docker and `CardInput` of drone-go. `schema` is the address of an Adaptive Cards template,
//! which Drone's pages load when they show the card, and `data` is what is put into it. A file gets it as it is; a stream
//! in base64 between two escape sequences, by which the runner finds it in the log.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::report::{by_workload, evidence, of_type};
use super::safe::safe;
use super::{Output, to_stderr, to_stdout, whole};

/// Lines of evidence that a card has room for.
const LINES: usize = 15;

/// Where a card goes, and what it is made with.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    /// The value of `DRONE_CARD_PATH`: a file, `/dev/stdout` or `/dev/stderr`.
    pub(crate) path: String,
    /// The address of the template.
    pub(crate) template: String,
    /// The address of the build.
    pub(crate) link: Option<String>,
}

impl Card {
    /// Writes what events tell; nothing if they are about no workload.
    ///
    /// # Errors
    /// Says which file cannot be written.
    pub(super) fn write(&self, events: &[Value]) -> Result<(), String> {
        let Some(data) = data(events, self.link.as_deref()) else { return Ok(()) };
        let card = json!({"schema": self.template, "data": data}).to_string();
        let marked = || format!("\u{1b}]1338;{}\u{1b}]0m", BASE64_STANDARD.encode(&card));
        match self.path.as_str() {
            "/dev/stdout" => to_stdout(&marked()).map_err(|error| error.message),
            "/dev/stderr" => {
                to_stderr(&marked());
                Ok(())
            }
            file => whole::write(Path::new(file), &card)
                .map_err(|error| format!("write the card {file}: {error}")),
        }
    }
}

impl Output {
    /// Has a card made of the run when it is over.
    pub(crate) fn card_to(&self, card: Card) {
        self.card.replace(Some(card));
    }

    /// Writes the card. One that cannot be written is no failure of the rollout.
    pub(crate) fn write_card(&self) {
        let Some(card) = self.card.take() else { return };
        self.finish();
        if let Err(why) = card.write(&self.told.borrow()) {
            to_stderr(&format!("warning: {}", safe(&why)));
        }
    }
}

/// Returns what the template shows; `None` if no workload was rolled out.
pub(super) fn data(events: &[Value], link: Option<&str>) -> Option<Value> {
    let told = by_workload(events).into_iter().filter(|(_, events)| !events[0]["workload"].is_null());
    let workloads: Vec<Value> = told.map(|(name, events)| workload(&name, &events)).collect();
    let failed = workloads.iter().filter(|one| one["verdict"] != "succeeded").count();
    let title = match (workloads.len(), failed) {
        (0, _) => return None,
        (_, 0) => "rollout succeeded".to_owned(),
        (1, _) => "rollout failed".to_owned(),
        (all, failed) => format!("{failed} of {all} rollouts failed"),
    };
    Some(json!({
        "title": title,
        "color": color(failed == 0),
        "workloads": workloads,
        "link": link.unwrap_or_default(),
    }))
}

fn workload(name: &str, events: &[&Value]) -> Value {
    let finished = of_type(events, "finished").last().copied().cloned().unwrap_or_default();
    let verdict = of_type(events, "verdict").last().copied().cloned().unwrap_or_default();
    let good = finished["exitCode"] == 0;
    let status = &finished["status"];
    let images = |role: &str| {
        let images = status[role]["images"].as_array().into_iter().flatten().filter_map(Value::as_str);
        safe(&images.collect::<Vec<_>>().join(", "))
    };
    let share = status["weight"]["actual"].as_f64().map(|share| format!("{share:.0} %"));
    let proof: Vec<String> =
        of_type(events, "evidence").iter().flat_map(|event| evidence(event)).take(LINES).collect();
    let next = finished["error"]["next"].as_array().into_iter().flatten().filter_map(Value::as_str);
    json!({
        "name": safe(name),
        "verdict": if good { "succeeded" } else { "failed" },
        "color": color(good),
        "stable": images("stable"),
        "canary": images("canary"),
        "share": share.unwrap_or_default(),
        "took": format!("{:.0} s", finished["seconds"].as_f64().unwrap_or_default()),
        "reason": safe(verdict["reason"].as_str().unwrap_or_default()),
        "message": safe(finished["error"]["message"].as_str().unwrap_or_default()),
        "next": safe(&next.collect::<Vec<_>>().join("; ")),
        "evidence": proof.join("\n"),
    })
}

/// Returns the name of a colour of Adaptive Cards.
fn color(good: bool) -> &'static str {
    if good { "good" } else { "attention" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_has_the_verdict_and_its_proof_and_the_template_shows_no_more_than_it_has() {
        let data = data(&super::super::report::example(), Some("https://ci/1")).unwrap();
        assert_eq!((&data["title"], &data["link"]), (&json!("rollout failed"), &json!("https://ci/1")));
        let workload = &data["workloads"][0];
        assert_eq!(workload["name"], "shop/web");
        assert_eq!((&workload["verdict"], &workload["color"]), (&json!("failed"), &json!("attention")));
        assert_eq!(workload["reason"], "CrashLoopBackOff");
        let proof = workload["evidence"].as_str().unwrap();
        assert!(proof.contains("a | b") && !proof.contains('\u{1b}'), "{proof}");
        let template: Value = serde_json::from_str(include_str!("../../plugin/card.json")).unwrap();
        let text = template.to_string();
        let names: Vec<&str> =
            text.split("${").skip(1).map(|rest| rest.split(['}', ' ']).next().unwrap()).collect();
        assert!(names.len() > 9, "{names:?}");
        for name in names {
            assert!(data.get(name).is_some() || workload.get(name).is_some(), "the card has no {name}");
        }
    }

    #[test]
    fn nothing_rolled_out_is_no_card_and_a_file_has_schema_and_data() {
        assert_eq!(data(&[json!({"type": "note", "text": "a", "workload": null})], None), None);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card").display().to_string();
        let card = Card { path: path.clone(), template: "https://a/card.json".into(), link: None };
        card.write(&super::super::report::example()).unwrap();
        let written: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(written["schema"], "https://a/card.json");
        assert_eq!(written["data"]["workloads"][0]["name"], "shop/web");
        let lost = Card { path: "/no/such/folder/card".into(), ..card };
        insta::assert_snapshot!(lost.write(&super::super::report::example()).unwrap_err(), @"write the card /no/such/folder/card: No such file or directory (os error 2)");
    }
}
