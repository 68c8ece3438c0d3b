//! What is made of a run: by the test of the product, by its closed form without guards, by thresholds.

use std::collections::BTreeMap;
use std::time::Duration;

use rollout_plus_core::analysis::{Analysis, Count, Counted, Settings, State};

use crate::draw::{LOOK, Look, Pair};

const SETTINGS: Settings = Settings { margin: 1.25, max_error_rate: None, alone: false };
/// Looks of a minute.
const MINUTE: usize = 4;

/// Returns the look after which the product has this opinion of what each pod has counted.
pub fn first(
    looks: impl IntoIterator<Item = [Vec<Counted>; 2]>,
    wanted: State,
    least: usize,
) -> Option<usize> {
    let mut analysis = Analysis::default();
    let named = |pods: Vec<Counted>| -> BTreeMap<String, Counted> {
        pods.into_iter().enumerate().map(|(place, counted)| (place.to_string(), counted)).collect()
    };
    looks.into_iter().enumerate().position(|(at, [canary, stable])| {
        analysis.look(&named(canary), &named(stable), Some(Duration::from_secs_f64(LOOK)));
        at + 1 >= least && analysis.judge(SETTINGS).state == wanted
    })
}

fn counted(look: &Look) -> [Vec<Counted>; 2] {
    let of = |pods: &[Pair]| {
        let count = |(requests, bad): &Pair| Some(Count { requests: *requests, bad: *bad });
        pods.iter().map(|pod| Counted { errors: count(pod), slow: Vec::new() }).collect()
    };
    [of(&look.canary), of(&look.stable)]
}

/// The look after which the version is worse.
pub fn worse(run: &[Look]) -> Option<usize> {
    first(run.iter().map(counted), State::Worse, 1)
}

/// The look after which it is known not to be. From the eighth on, as the product has it for a first share.
pub fn good(run: &[Look]) -> Option<usize> {
    first(run.iter().map(counted), State::Good, 1)
}

/// The same by the closed form alone: no margin, no guard.
pub fn plain(run: &[Look]) -> Option<usize> {
    let mut sums = [0.0_f64; 5];
    run.iter().position(|look| {
        let sum = |pods: &[Pair]| {
            pods.iter().fold((0.0, 0.0), |all, one| (all.0 + one.0 as f64, all.1 + one.1 as f64))
        };
        let ((nc, xc), (ns, xs)) = (sum(&look.canary), sum(&look.stable));
        for (sum, t) in sums.iter_mut().zip([2.0_f64, 4.0, 8.0, 16.0, 64.0]) {
            if nc + ns > 0.0 {
                *sum += xc * t.ln() - (xc + xs) * ((t * nc + ns) / (nc + ns)).ln();
            }
        }
        let most = sums.iter().copied().fold(f64::MIN, f64::max);
        most + (sums.iter().map(|sum| (sum - most).exp()).sum::<f64>() / 5.0).ln() >= 100.0_f64.ln()
    })
}

/// A success rate below `limit` in a minute, for the `nth` time.
pub fn threshold(run: &[Look], limit: f64, nth: usize) -> Option<usize> {
    let minutes = run.chunks(MINUTE).enumerate().filter(|(_, looks)| {
        let all = looks.iter().flat_map(|look| &look.canary);
        let (requests, bad) = all.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        requests > 0 && bad as f64 > (1.0 - limit) * requests as f64
    });
    let failed: Vec<usize> = minutes.map(|(minute, _)| (minute + 1) * MINUTE - 1).collect();
    failed.get(nth - 1).copied()
}
