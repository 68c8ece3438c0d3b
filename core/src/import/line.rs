//! Command lines of ours.

use std::time::Duration;

use super::times::seconds;
use crate::words::typed;

/// What a canary's command line says.
#[derive(Debug, Default)]
pub(super) struct Line<'l> {
    pub(super) name: &'l str,
    pub(super) namespace: Option<&'l str>,
    pub(super) image: Option<String>,
    pub(super) weights: Vec<u64>,
    pub(super) wait: Option<Duration>,
    pub(super) promote: bool,
    /// Flags of the analysis.
    pub(super) analysis: Vec<String>,
}

impl Line<'_> {
    pub(super) fn written(self) -> String {
        let mut words = vec!["canary".to_owned(), self.name.to_owned()];
        words
            .extend(self.namespace.into_iter().flat_map(|namespace| ["-n".to_owned(), namespace.to_owned()]));
        words.extend(self.image.into_iter().flat_map(|image| ["--image".to_owned(), image]));
        let weights: Vec<String> = self.weights.iter().map(u64::to_string).collect();
        words.extend(["--steps".to_owned(), weights.join(",")]);
        words.extend(self.wait.into_iter().flat_map(|wait| ["--step-wait".to_owned(), seconds(wait)]));
        words.extend(self.promote.then(|| "--promote".to_owned()));
        words.extend(self.analysis);
        line(&words)
    }
}

/// Returns the line that promotes.
pub(super) fn promote(name: &str, namespace: Option<&str>) -> String {
    let mut words = vec!["promote", name];
    words.extend(namespace.into_iter().flat_map(|namespace| ["-n", namespace]));
    line(&words.into_iter().map(str::to_owned).collect::<Vec<_>>())
}

/// Names come from files of anybody: what a shell would read is quoted.
fn line(words: &[String]) -> String {
    format!("kubectl rollout-plus {}", typed(words))
}

/// Returns the shares that can be asked for: 0 and 100 are no steps of a canary with pods alone.
pub(super) fn steps(weights: &[u64]) -> Vec<u64> {
    let mut steps: Vec<u64> = weights.iter().copied().filter(|weight| (1..=99).contains(weight)).collect();
    steps.dedup();
    steps
}
