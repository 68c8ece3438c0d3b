//! Conditions of a metric as a limit of our file.

use super::{Read, Refusal};
use crate::analysis_file::{Limit, OnNoData};
use crate::condition::Condition;

impl Read<'_, '_> {
    fn condition(&self, key: &str) -> Result<Option<Condition>, String> {
        if !self.has(key) {
            return Ok(None);
        }
        let (text, missing) = self.text(key);
        if let Some(missing) = missing.first() {
            return Err(format!("left out: {key}: {missing}"));
        }
        let read = Condition::read(text.trim());
        read.map(Some).map_err(|why| format!("left out: {key} '{}': {why}", text.trim()))
    }

    pub(super) fn limit(&mut self) -> Result<(Limit, OnNoData), Refusal> {
        let refused = |why| (None, why);
        let success = self.condition("successCondition").map_err(refused)?;
        let failure = self.condition("failureCondition").map_err(refused)?;
        let looks = self.number("failureLimit").unwrap_or(0).clamp(0, 99).saturating_add(1);
        let looks = u32::try_from(looks).ok().filter(|looks| *looks > 1);
        let is_vector = !self.value["provider"]["prometheus"].is_null();
        let both = [&success, &failure];
        if let Some(many) = both.into_iter().flatten().find(|one| is_vector && one.takes_many()) {
            return Err(refused(format!("left out: '{}' takes more than one sample", many.text())));
        }
        let bare = |condition: &Condition| is_vector && condition.limits().is_some_and(|limits| limits.bare);
        if let Some(condition) = both.into_iter().flatten().find(|condition| bare(condition)) {
            let text = format!(
                "'{}' compares a list, which Argo calls an error; here it is the one sample of the list",
                condition.text()
            );
            self.note("", text);
        }
        let of_sample = |condition: Option<Condition>| match condition {
            Some(condition) if bare(&condition) => {
                Condition::read(&condition.text().replace("result", "result[0]"))
                    .map(Some)
                    .unwrap_or(Some(condition))
            }
            other => other,
        };
        let (success, failure) = (of_sample(success), of_sample(failure));
        let limits = |condition: &Option<Condition>| condition.as_ref().and_then(Condition::limits);
        let (good, bad) = (limits(&success), limits(&failure));
        let empty = good.and_then(|limits| limits.empty);
        let on_no_data = match empty {
            Some(true) => OnNoData::Ignore,
            Some(false) => OnNoData::Fail,
            None => OnNoData::Inconclusive,
        };
        let limit = match (good, bad, &success, &failure) {
            (Some(good), _, _, None) if !good.strict && good.nan != Some(true) => {
                Limit { min: good.min, max: good.max, looks, ..Limit::default() }
            }
            // What is bad above is good at most there.
            (_, Some(bad), None, _)
                if bad.strict
                    && bad.empty.is_none()
                    && bad.nan.is_none()
                    && bad.min.is_none() != bad.max.is_none() =>
            {
                self.note(
                    "failureCondition",
                    "read as the opposite limit; NaN passes in Argo, and is no data here",
                );
                Limit { min: bad.max, max: bad.min, looks, ..Limit::default() }
            }
            (_, _, None, None) => {
                return Err(refused("left out: it has no condition, so each look passes".to_owned()));
            }
            _ => Limit { success_condition: success, failure_condition: failure, looks, ..Limit::default() },
        };
        Ok((limit, on_no_data))
    }
}

/// Whether a limit is the least that is good.
pub(super) fn is_least(limit: &Limit) -> bool {
    let of = |condition: &Option<Condition>| condition.as_ref().and_then(Condition::limits);
    match (limit.min.is_some(), limit.max.is_some()) {
        (least @ true, false) | (least @ false, true) => least,
        _ => {
            let good = of(&limit.success_condition).is_some_and(|limits| limits.min.is_some());
            good || of(&limit.failure_condition).is_some_and(|limits| limits.max.is_some())
        }
    }
}
