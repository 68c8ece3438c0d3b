//! Judges once more what a run has counted: the same looks come to the same verdict, whoever has them.

use serde::Deserialize;
use serde_json::Value;

use super::{Analysis, Judged, Settings};

/// What a run has counted, and what is thought of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// What was asked.
    pub settings: Settings,
    /// The looks.
    pub counts: Analysis,
    /// What is thought of them.
    pub judged: Judged,
}

/// Judges the last share that a stream of events, or a report in JSON or Markdown, has an `analysis` of.
///
/// # Errors
/// Says what there is none of, or what of it cannot be read.
pub fn replay(text: &str) -> Result<Replayed, String> {
    let whole = serde_json::Deserializer::from_str(text).into_iter::<Value>().collect::<Result<Vec<_>, _>>();
    // In Markdown it is a line among others.
    let lines = || text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let documents: Vec<Value> = whole.unwrap_or_else(|_| lines());
    let mut events = documents
        .into_iter()
        .flat_map(|document| if let Value::Array(events) = document { events } else { vec![document] });
    // The document of `analyze` is no event, and has a kind.
    let last = events.rfind(|event| event["type"] == "analysis" || event["kind"] == "Analysis");
    let event = last.ok_or("it has no event of the type 'analysis': no metrics were judged")?;
    let settings = read(&event["settings"]).map_err(|error| format!("its settings: {error}"))?;
    let counts: Analysis = read(&event["counts"]).map_err(|error| format!("its counts: {error}"))?;
    let judged = counts.judge(settings);
    Ok(Replayed { settings, counts, judged })
}

fn read<'v, T: Deserialize<'v>>(value: &'v Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::State;
    use super::*;

    fn event(bad: u64) -> Value {
        let mut counts = Analysis::default();
        let of = |bad: u64| super::super::Counted {
            errors: Some(super::super::Count { requests: 1000, bad }),
            slow: Vec::new(),
        };
        for _ in 0..10 {
            let canary = [("c".to_owned(), of(bad))].into();
            let stable = [("s".to_owned(), of(10))].into();
            counts.look(&canary, &stable, Some(std::time::Duration::from_secs(5)));
        }
        json!({"type": "analysis", "settings": {"margin": 1.25, "maxErrorRate": null}, "counts": counts})
    }

    #[test]
    fn the_last_share_of_a_stream_or_a_report_is_judged_again() {
        let (good, worse) = (event(10), event(100));
        let lines = format!("{}\n{good}\n{worse}\n", json!({"type": "step", "text": "hold"}));
        assert_eq!(replay(&lines).unwrap().judged.state, State::Worse);
        let report = json!([worse, good]).to_string();
        let again = replay(&report).unwrap();
        assert_eq!(again.judged.state, State::Good);
        insta::assert_snapshot!(again.counts.picture(&again.judged).join("\n"), @"errors  canary 1.0 % of 10000  stable 1.0 % of 10000  x1  ▄▄▄▄▄▄▄▄▄▄  evidence 65196 of 20 for the same: good");
    }

    #[test]
    fn what_has_no_counts_is_refused() {
        insta::assert_snapshot!(replay("{").unwrap_err(), @"it has no event of the type 'analysis': no metrics were judged");
        insta::assert_snapshot!(replay("[]").unwrap_err(), @"it has no event of the type 'analysis': no metrics were judged");
        insta::assert_snapshot!(replay(r#"{"type":"analysis","counts":{}}"#).unwrap_err(), @"its settings: invalid type: null, expected struct Settings");
    }
}
