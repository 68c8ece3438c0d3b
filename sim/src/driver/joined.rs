//! Controllers that are not in every cluster.

use std::ops::RangeInclusive;

use super::Driver;
use super::desks::Desk;
use crate::controllers::Controller;

impl Driver {
    /// Adds a controller. Its times are milliseconds: until its cache has a change, and before each of its steps.
    pub fn join(
        &mut self,
        controller: Box<dyn Controller>,
        lag: RangeInclusive<u64>,
        step: RangeInclusive<u64>,
    ) {
        self.desks.push(Desk::new(controller));
        self.pace.controllers.push((lag, step));
    }
}
