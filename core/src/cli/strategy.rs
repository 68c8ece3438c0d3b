//! `--strategy`: each verb takes some.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::model::Strategy;

/// Returns a parser that takes these alone.
pub(super) fn one_of(strategies: &[Strategy]) -> impl TypedValueParser<Value = Strategy> + use<> {
    let values = strategies.iter().map(|strategy| PossibleValue::new(strategy.name()).help(strategy.about()));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<Strategy>())
}
