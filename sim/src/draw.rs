//! The one source of chance: the same seed draws the same numbers.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Draws numbers from a seed.
#[derive(Clone, Debug)]
pub struct Draw {
    generator: fastrand::Rng,
}

impl Draw {
    /// A source whose every number follows from the seed.
    pub fn new(seed: u64) -> Self {
        Self { generator: fastrand::Rng::with_seed(seed) }
    }

    /// A source of its own, so that who draws more from one moves nothing in the other.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self { generator: self.generator.fork() }
    }

    /// A number of the range.
    pub fn number(&mut self, range: RangeInclusive<u64>) -> u64 {
        self.generator.u64(range)
    }

    /// Whether something happens that happens so many times in a thousand.
    pub fn chance(&mut self, in_thousand: u64) -> bool {
        self.generator.u64(0..1000) < in_thousand
    }

    /// A time of so many milliseconds.
    pub fn millis(&mut self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.generator.u64(range))
    }

    /// One of them, if there is any.
    pub fn one<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        let last = among.len().checked_sub(1)?;
        among.get(self.generator.usize(0..=last))
    }

    /// A random identifier in the form of a UUID.
    pub fn uuid(&mut self) -> String {
        let bits = self.generator.u128(..);
        let hex = format!("{bits:032x}");
        format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }

    /// Five letters as at the end of a pod's name (`apiserver/pkg/storage/names/generate.go`).
    pub fn suffix(&mut self) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..5).filter_map(|_| self.one(LETTERS).map(|letter| char::from(*letter))).collect()
    }
}
