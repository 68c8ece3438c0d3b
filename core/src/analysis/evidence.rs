//! The closed form: what a look at both versions says for "so many times worse", in natural logarithms.

/// Counts of one look, or of several: requests and bad ones of the canary, and of the stable version.
pub(super) type Look = [u64; 4];

/// The counts as numbers to compute with. Up to 2^53 requests they are exact.
#[expect(
    clippy::cast_precision_loss,
    reason = "a version with 2^53 requests is judged by its leading digits"
)]
pub(super) fn numbers([nc, xc, ns, xs]: Look) -> [f64; 4] {
    [nc as f64, xc as f64, ns as f64, xs as f64]
}

/// Returns the evidence of a look that the canary has `t` times the stable version's rate, against at most `t0` times:
/// `x_c ln(t/t0) - x ln[(t n_c + n_s) / (t0 n_c + n_s)]`.
///
/// Whatever the common rate is in this look, the mean of its exponential is at most 1 if the canary is at most `t0` times
/// worse (`1 + y <= e^y`), so a product over looks is a supermartingale, and crosses `1/alpha` with a probability of at most
/// `alpha`, however often one looks (Ville's inequality).
pub(super) fn worse(look: Look, t: f64, t0: f64) -> f64 {
    let [nc, xc, ns, xs] = numbers(look);
    if nc + ns <= 0.0 {
        return 0.0;
    }
    xc * (t / t0).ln() - (xc + xs) * ((t * nc + ns) / (t0 * nc + ns)).ln()
}

/// Returns the evidence that the canary has the stable version's rate, against `t_bad` times.
pub(super) fn same(look: Look, t_bad: f64) -> f64 {
    worse(look, 1.0, t_bad)
}

/// Returns the evidence that a quarter of `floor` of the canary's requests are bad, against `floor`.
pub(super) fn below(look: Look, floor: f64) -> f64 {
    let [nc, xc, ..] = numbers(look);
    share(nc, xc, floor / 4.0, floor)
}

/// Returns the evidence that a share `p` of the requests is bad, against `p0`.
pub(super) fn share(requests: f64, bad: f64, p: f64, p0: f64) -> f64 {
    bad * (p / p0).ln() + (requests - bad) * ((1.0 - p) / (1.0 - p0)).ln()
}

/// Returns the logarithm of the mean of exponentials: evidence for one of several alternatives.
pub(super) fn mixed(all: &[f64]) -> f64 {
    let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !most.is_finite() {
        return most;
    }
    let count = f64::from(u32::try_from(all.len()).unwrap_or(u32::MAX));
    most + (all.iter().map(|one| (one - most).exp()).sum::<f64>() / count).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_that_of_the_closed_form() {
        // By hand: 3 ln 2 - 4 ln(1100/1000) and so on.
        let expected = 3.0 * 2.0_f64.ln() - 4.0 * (1100.0_f64 / 1000.0).ln();
        assert!((worse([100, 3, 900, 1], 2.0, 1.0) - expected).abs() < 1e-12);
        assert!((same([100, 3, 900, 1], 2.0) + expected).abs() < 1e-12);
        assert!(worse([0, 0, 0, 0], 2.0, 1.0).abs() < 1e-12);
        let half = 2.0 * 0.5_f64.ln() + 8.0 * (0.95_f64 / 0.9).ln();
        assert!((share(10.0, 2.0, 0.05, 0.1) - half).abs() < 1e-12);
    }

    #[test]
    fn a_mean_of_exponentials_overflows_nowhere() {
        assert!((mixed(&[1e5, 1e5]) - 1e5).abs() < 1e-9);
        assert!((mixed(&[0.0, f64::NEG_INFINITY]) + 2.0_f64.ln()).abs() < 1e-12);
        assert!(mixed(&[]).is_infinite());
    }

    /// The claim itself, by every possible count: the mean of E under "not worse" is at most 1.
    #[test]
    fn the_mean_of_the_evidence_is_at_most_one_where_the_canary_is_not_worse() {
        let (nc, ns) = (8_u64, 24_u64);
        let chance = |n: u64, x: u64, p: f64| {
            let choose = (0..x)
                .fold(1.0, |all, k| all * numbers([n - k, k + 1, 0, 0])[0] / numbers([k + 1, 0, 0, 0])[0]);
            let [n, x, ..] = numbers([n, x, 0, 0]);
            choose * p.powf(x) * (1.0 - p).powf(n - x)
        };
        for (p, ratio, t0) in
            [(0.05, 1.0, 1.0), (0.3, 1.0, 1.0), (0.1, 1.25, 1.25), (0.2, 0.5, 1.25), (0.02, 1.2, 1.25)]
        {
            for t in [2.0, 4.0, 16.0] {
                let each = (0..=nc).flat_map(|xc| (0..=ns).map(move |xs| (xc, xs)));
                let mean: f64 = each
                    .map(|(xc, xs)| {
                        chance(nc, xc, p * ratio)
                            * chance(ns, xs, p)
                            * worse([nc, xc, ns, xs], t * t0, t0).exp()
                    })
                    .sum();
                assert!(mean <= 1.0 + 1e-9, "{p} {ratio} {t}: {mean}");
            }
        }
    }
}
