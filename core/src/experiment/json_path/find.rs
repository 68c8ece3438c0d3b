//! What a path leads to.

use std::cell::Cell;

use serde_json::Value;

use super::{Call, Comparison, Expression, MAX_LOOKS, Operand, Selector, Step};
use crate::experiment::python;

pub(super) fn all(steps: &[Step], root: &Value) -> Result<Vec<Value>, String> {
    let search = Search { root, looks: Cell::new(0) };
    search.steps(steps, root).map_err(|TooMany| "the output is too large for the path".to_owned())
}

struct TooMany;

struct Search<'v> {
    root: &'v Value,
    looks: Cell<usize>,
}

impl Search<'_> {
    fn look(&self) -> Result<(), TooMany> {
        self.looks.set(self.looks.get() + 1);
        if self.looks.get() > MAX_LOOKS { Err(TooMany) } else { Ok(()) }
    }

    fn steps(&self, steps: &[Step], from: &Value) -> Result<Vec<Value>, TooMany> {
        self.look()?;
        let Some((step, rest)) = steps.split_first() else { return Ok(vec![from.clone()]) };
        let mut found = Vec::new();
        match step {
            Step::Call(call) => {
                if let Some(value) = called(*call, from) {
                    found.extend(self.steps(rest, &value)?);
                }
            }
            Step::Any(selectors) => self.select(selectors, rest, from, &mut found)?,
            Step::Below(selectors) => self.below(selectors, rest, from, &mut found)?,
        }
        Ok(found)
    }

    fn select(
        &self,
        selectors: &[Selector],
        rest: &[Step],
        from: &Value,
        found: &mut Vec<Value>,
    ) -> Result<(), TooMany> {
        for selector in selectors {
            for value in self.selected(selector, from)? {
                found.extend(self.steps(rest, value)?);
            }
        }
        Ok(())
    }

    fn below(
        &self,
        selectors: &[Selector],
        rest: &[Step],
        from: &Value,
        found: &mut Vec<Value>,
    ) -> Result<(), TooMany> {
        self.look()?;
        self.select(selectors, rest, from, found)?;
        children(from).into_iter().try_for_each(|child| self.below(selectors, rest, child, found))
    }

    fn selected<'v>(&self, selector: &Selector, from: &'v Value) -> Result<Vec<&'v Value>, TooMany> {
        Ok(match selector {
            Selector::All => children(from),
            Selector::Name(name) => from.as_object().and_then(|map| map.get(name)).into_iter().collect(),
            Selector::Index(index) => {
                let list = from.as_array().map(Vec::as_slice).unwrap_or_default();
                place(*index, list.len()).and_then(|at| list.get(at)).into_iter().collect()
            }
            Selector::Slice { start, end, step } => {
                slice(from.as_array().map(Vec::as_slice).unwrap_or_default(), *start, *end, step.unwrap_or(1))
            }
            Selector::Filter(expression) => {
                if self.holds(expression, from)? {
                    vec![from]
                } else {
                    Vec::new()
                }
            }
        })
    }

    fn holds(&self, expression: &Expression, here: &Value) -> Result<bool, TooMany> {
        self.look()?;
        Ok(match expression {
            Expression::And(a, b) => self.holds(a, here)? && self.holds(b, here)?,
            Expression::Or(a, b) => self.holds(a, here)? || self.holds(b, here)?,
            Expression::Not(inner) => !self.holds(inner, here)?,
            Expression::Is(Operand::Literal(value)) => python::is_true(value),
            Expression::Is(operand) => !self.operand(operand, here)?.is_empty(),
            Expression::Compare(left, comparison, right) => {
                let right = self.operand(right, here)?;
                let mut left = self.operand(left, here)?.into_iter();
                left.any(|a| right.iter().any(|b| compared(&a, *comparison, b)))
            }
        })
    }

    fn operand(&self, operand: &Operand, here: &Value) -> Result<Vec<Value>, TooMany> {
        match operand {
            Operand::Here(steps) => self.steps(steps, here),
            Operand::Root(steps) => self.steps(steps, self.root),
            Operand::Literal(value) => Ok(vec![value.clone()]),
        }
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// Only numbers have an order.
fn compared(a: &Value, comparison: Comparison, b: &Value) -> bool {
    let ordered = |is: fn(&f64, &f64) -> bool| {
        python::number(a).zip(python::number(b)).is_some_and(|(a, b)| is(&a, &b))
    };
    match comparison {
        Comparison::Equal => python::equal(a, b),
        Comparison::NotEqual => !python::equal(a, b),
        Comparison::Less => ordered(f64::lt),
        Comparison::LessOrEqual => ordered(f64::le),
        Comparison::Greater => ordered(f64::gt),
        Comparison::GreaterOrEqual => ordered(f64::ge),
    }
}

fn called(call: Call, value: &Value) -> Option<Value> {
    match (call, value) {
        (Call::Length, Value::Array(items)) => Some(items.len().into()),
        (Call::Length, Value::Object(fields)) => Some(fields.len().into()),
        (Call::Length, Value::String(text)) => Some(text.chars().count().into()),
        (Call::Keys, Value::Object(fields)) => Some(fields.keys().cloned().collect()),
        (Call::Values, Value::Object(fields)) => Some(fields.values().cloned().collect()),
        (Call::Length | Call::Keys | Call::Values, _) => None,
    }
}

/// Returns the place of an index; a negative one counts from the end.
fn place(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let index = if index < 0 { index.checked_add(length)? } else { index };
    usize::try_from(index).ok()
}

/// Python's slices.
fn slice(list: &[Value], start: Option<i64>, end: Option<i64>, step: i64) -> Vec<&Value> {
    let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
    let bound = |given: Option<i64>, other: i64| match given {
        None => other,
        Some(index) if index < 0 => index.saturating_add(length),
        Some(index) => index,
    };
    let (first, last) = if step > 0 {
        (bound(start, 0).clamp(0, length), bound(end, length).clamp(0, length))
    } else {
        (bound(start, length - 1).clamp(-1, length - 1), bound(end, -1).clamp(-1, length - 1))
    };
    let (mut found, mut at) = (Vec::new(), first);
    while (step > 0 && at < last) || (step < 0 && at > last) {
        found.extend(usize::try_from(at).ok().and_then(|at| list.get(at)));
        at = at.saturating_add(step);
    }
    found
}
