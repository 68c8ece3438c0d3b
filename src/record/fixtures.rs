//! A journal for value tests: of a run that has begun.

use crate::model::RunRef;
use crate::plan::Plan;
use crate::record::{Journal, State, Verb};

pub(crate) fn journal(verb: Verb, plan: Plan) -> Journal {
    Journal {
        schema: Journal::SCHEMA,
        run: RunRef::default(),
        epoch: 1,
        verb,
        plan,
        cursor: 0,
        state: State::Open,
        snapshot: None,
        loan: None,
        failure: None,
        traffic: None,
    }
}
