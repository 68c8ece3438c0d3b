//! How fast everything is, in milliseconds: drawn once for each scenario.

use std::ops::RangeInclusive;

use crate::draw::Draw;

/// The speeds of a cluster.
#[derive(Clone, Debug)]
pub struct Pace {
    /// A request on its way, and its answer.
    pub request: RangeInclusive<u64>,
    /// Until a watch of a run tells a change.
    pub watch: RangeInclusive<u64>,
    /// How many versions a list may be behind that asks for any.
    pub stale: u64,
    /// The same for each controller, in their order: until its cache has a change, and before each of its steps.
    pub controllers: Vec<(RangeInclusive<u64>, RangeInclusive<u64>)>,
}

impl Pace {
    /// Draws one: mostly quick, sometimes one part of it is slow.
    pub fn draw(draw: &mut Draw, controllers: usize) -> Self {
        let mut lag = |usual: u64, slow: u64| {
            let most = if draw.chance(900) { usual } else { slow };
            0..=draw.number(1..=most)
        };
        Self {
            request: lag(10, 400),
            watch: lag(50, 3_000),
            controllers: (0..controllers).map(|_| (lag(30, 4_000), lag(10, 1_000))).collect(),
            stale: if draw.chance(100) { draw.number(1..=20) } else { 0 },
        }
    }

    /// The same for all, and quick: for tests.
    pub fn quick(controllers: usize) -> Self {
        Self { request: 1..=3, watch: 1..=10, stale: 0, controllers: vec![(1..=10, 1..=3); controllers] }
    }
}
