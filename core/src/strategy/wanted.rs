//! What a canary is to get.

use crate::share::Size;
use crate::traffic::Match;

/// What is asked for a canary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Shares in percent to go through; the last one stays.
    pub weights: Vec<u8>,
    /// Canary pods, if not by the share.
    pub pods: Option<u32>,
    /// Requests that go to the canary whatever the weights say.
    pub matches: Vec<Match>,
    /// The share of the requests that the canary gets a copy of.
    pub mirror: Option<u8>,
}

impl Wanted {
    /// Returns the sizes to go through where the pods are the share.
    pub(super) fn sizes(&self) -> Vec<Size> {
        match self.pods {
            Some(pods) => vec![Size::Pods(pods)],
            None => self.weights.iter().copied().map(Size::Weight).collect(),
        }
    }

    /// Returns the shares that a router goes through; without any a version is only matched or mirrored.
    pub(super) fn shares(&self) -> &[u8] {
        if self.weights.is_empty() { &[0] } else { &self.weights }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_pods_takes_the_place_of_a_share_where_the_pods_are_the_share() {
        let wanted = |weights: &[u8], pods| Wanted { weights: weights.to_vec(), pods, ..Wanted::default() };
        assert_eq!(wanted(&[10, 25], None).sizes(), [Size::Weight(10), Size::Weight(25)]);
        assert_eq!(wanted(&[], Some(2)).sizes(), [Size::Pods(2)]);
        assert_eq!(wanted(&[10], Some(2)).sizes(), [Size::Pods(2)]);
        assert_eq!(wanted(&[], None).sizes(), []);
        assert_eq!(wanted(&[10, 25], Some(2)).shares(), [10, 25]);
        assert_eq!(wanted(&[], Some(2)).shares(), [0]);
    }
}
