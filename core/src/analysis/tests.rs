use serde_json::Value;

use super::*;

/// Counts, and what numpy makes of them by the same formulas.
const LOOKS: &str = include_str!("../../tests/analysis/looks.json");

fn counts(look: &Value, prefix: &str) -> BTreeMap<String, Count> {
    let pods = look.as_array().unwrap().iter().enumerate();
    let count = |pod: &Value| Count { requests: pod[0].as_u64().unwrap(), bad: pod[1].as_u64().unwrap() };
    pods.map(|(index, pod)| (format!("{prefix}{index}"), count(pod))).collect()
}

fn close(ours: f64, theirs: &Value) -> bool {
    let theirs = theirs.as_f64().unwrap();
    // It says -99 where guards forbid an alarm.
    (theirs < -98.9 && ours.is_infinite()) || (ours - theirs).abs() < 1e-4 * theirs.abs().max(1.0)
}

#[test]
fn every_look_comes_to_what_another_program_makes_of_it() {
    let cases: Vec<Value> = serde_json::from_str(LOOKS).unwrap();
    let asked = Asked { grid: &ERRORS, margin: 1.25, alarm: 100.0_f64.ln(), bad: 2.0 };
    for case in &cases {
        let mut series = Series::default();
        let looks = case["canary"].as_array().unwrap().iter().zip(case["stable"].as_array().unwrap());
        for (index, (canary, stable)) in looks.enumerate() {
            series.add(&counts(canary, "c"), &counts(stable, "s"), 1.0);
            let at = format!("{} look {index}", case["name"]);
            assert!(
                close(series.scatter(), &case["scatter"][index]),
                "{at}: {} {}",
                series.scatter(),
                case["scatter"][index]
            );
            let worse = series.worse(asked);
            assert!(close(worse, &case["worse"][index]), "{at}: {worse} {}", case["worse"][index]);
            let good = series.good(asked);
            assert!(index < 7 || close(good, &case["good"][index]), "{at}: {good} {}", case["good"][index]);
        }
    }
}

/// Seen on a real node: a version that answered all within 5 ms told no bound, and one that took 20 ms was let through.
#[test]
fn a_version_that_is_always_fast_has_a_bound_too() {
    let stable = |above: [u64; 4]| {
        let count = |bad| Count { requests: 10_000, bad };
        [0.005, 0.01, 0.025, 0.05].into_iter().zip(above.map(count)).collect::<Vec<_>>()
    };
    assert_eq!(bounds(&stable([0, 0, 0, 0])), [0.005]);
    assert_eq!(bounds(&stable([9_000, 4_000, 20, 2])), [0.01, 0.025, 0.05]);
    assert_eq!(bounds(&stable([9_000, 8_000, 7_000, 6_000])), [0.0; 0]);
    assert_eq!(bounds(&[(0.005, Count::default())]), [0.0; 0], "nothing was answered yet");
}
