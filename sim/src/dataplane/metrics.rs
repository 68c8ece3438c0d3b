//! What a pod says of the requests that it has answered, as the word in its image's tag has it: `fails5` fails 5 % of them,
//! `mute` says nothing, `e7r30` fails 7 of a thousand and gets 30 a second, any other fails one in a hundred.

use jiff::Timestamp;
use serde_json::Value;

use crate::draw::Draw;

/// So many requests a second a Ready pod gets, in the mean.
const RATE: u64 = 20;

/// Returns the text, which only grows with time; `None` of a version that says nothing.
pub fn of(pod: &Value, now: Timestamp) -> Option<String> {
    let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
    let word = image.rsplit('-').next().unwrap_or_default();
    if word == "mute" {
        return None;
    }
    let (per_thousand, rate) = of_word(word);
    let mut draw = Draw::new(seed(pod));
    let (mut good, mut bad) = (0_u64, 0_u64);
    for _ in 0..ready_for(pod, now) {
        for _ in 0..draw.number(0..=2 * rate) {
            if draw.chance(per_thousand) { bad += 1 } else { good += 1 }
        }
    }
    Some(format!(
        "# TYPE http_requests_total counter\nhttp_requests_total{{code=\"200\"}} {good}\nhttp_requests_total{{code=\"500\"}} {bad}\n"
    ))
}

/// Whether a request that it is asked now fails: as often as those of its users.
pub fn fails(pod: &Value, now: Timestamp) -> bool {
    let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
    let word = image.rsplit('-').next().unwrap_or_default();
    // Those of a version that is not named for it fail by chance, and a look that meets one would say nothing of the version.
    let per_thousand = if word.starts_with(['e', 'f']) { of_word(word).0 } else { 0 };
    let moment = u64::try_from(now.as_microsecond()).unwrap_or_default();
    Draw::new(seed(pod) ^ moment.wrapping_mul(0x9E37_79B9_7F4A_7C15)).chance(per_thousand)
}

/// How many of a thousand fail, and how many there are each second.
fn of_word(word: &str) -> (u64, u64) {
    let number = |text: &str| text.parse::<u64>().ok();
    let drawn = word.strip_prefix('e').and_then(|rest| rest.split_once('r'));
    match drawn.and_then(|(fails, rate)| number(fails).zip(number(rate))) {
        Some(drawn) => drawn,
        None => (word.strip_prefix("fails").and_then(number).map_or(10, |percent| percent * 10), RATE),
    }
}

fn seed(pod: &Value) -> u64 {
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
    uid.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

/// For how many seconds it has been Ready.
fn ready_for(pod: &Value, now: Timestamp) -> u64 {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let since = conditions
        .filter(|one| one["type"] == "Ready" && one["status"] == "True")
        .find_map(|one| one["lastTransitionTime"].as_str()?.parse::<Timestamp>().ok());
    since.and_then(|since| u64::try_from(now.duration_since(since).as_secs()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(image: &str) -> Value {
        let ready =
            json!([{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
        json!({"metadata": {"uid": "u1"}, "spec": {"containers": [{"image": image}]}, "status": {"conditions": ready}})
    }

    fn counts(image: &str, at: &str) -> Vec<u64> {
        let text = of(&pod(image), at.parse().unwrap()).unwrap();
        text.lines().filter_map(|line| line.rsplit_once(' ')?.1.parse().ok()).collect()
    }

    #[test]
    fn counters_grow_and_fail_as_the_image_says() {
        let early = counts("shop:v1-good", "2026-01-01T00:01:00Z");
        let late = counts("shop:v1-good", "2026-01-01T00:10:00Z");
        assert!(early.iter().zip(&late).all(|(a, b)| a < b), "{early:?} {late:?}");
        let share = |counts: &[u64]| counts[1] * 1000 / (counts[0] + counts[1]);
        assert!((5..=15).contains(&share(&late)), "{late:?}");
        assert!((40..=60).contains(&share(&counts("shop:v2-fails5", "2026-01-01T00:10:00Z"))));
        let rare = counts("shop:v2-e200r2", "2026-01-01T00:10:00Z");
        assert!(
            (150..=250).contains(&share(&rare)) && (900..=1500).contains(&(rare[0] + rare[1])),
            "{rare:?}"
        );
        let asked = |image: &str| {
            let moments = (0..1000).map(|n| Timestamp::from_microsecond(n * 200_000).unwrap());
            moments.filter(|now| fails(&pod(image), *now)).count()
        };
        assert!((150..=250).contains(&asked("shop:v2-fails20")), "{}", asked("shop:v2-fails20"));
        assert_eq!(of(&pod("shop:v2-mute"), Timestamp::UNIX_EPOCH), None);
    }
}
