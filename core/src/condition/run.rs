//! Values, as expr evaluates them (`vm/vm.go`, `vm/runtime`) with Argo's functions.

use serde_json::{Map, Value};

use super::{Compare, Function, Measured, Node, Step};

/// A value while it runs. Go's `int` and `float64` differ: `isNaN` takes no `int`.
#[derive(Clone, Debug)]
enum Val<'v> {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'v str),
    Floats(&'v [f64]),
    List(&'v [Value]),
    Map(&'v Map<String, Value>),
}

impl<'v> From<&'v Value> for Val<'v> {
    fn from(value: &'v Value) -> Self {
        match value {
            Value::Null => Self::Nil,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(items),
            Value::Object(map) => Self::Map(map),
        }
    }
}

impl<'v> From<&'v Measured> for Val<'v> {
    fn from(measured: &'v Measured) -> Self {
        match measured {
            Measured::Scalar(number) => Self::Float(*number),
            Measured::Vector(numbers) => Self::Floats(numbers),
            Measured::Json(value) => value.into(),
        }
    }
}

/// Evaluates a condition whose types are checked.
pub(super) fn run(node: &Node, measured: &Measured) -> Result<bool, String> {
    let end = evaluated(node, measured)?;
    if let Val::Bool(value) = end {
        return Ok(value);
    }
    Err(format!("it is {} in the end, neither true nor false", end.title()))
}

fn evaluated<'v>(node: &'v Node, measured: &'v Measured) -> Result<Val<'v>, String> {
    Ok(match node {
        Node::Nil => Val::Nil,
        Node::Bool(value) => Val::Bool(*value),
        Node::Int(number) => Val::Int(*number),
        Node::Float(number) => Val::Float(*number),
        Node::Text(text) => Val::Text(text),
        Node::Result => measured.into(),
        Node::And(parts) => return chained(parts, measured, true),
        Node::Or(parts) => return chained(parts, measured, false),
        Node::Not(inner) => Val::Bool(!evaluated(inner, measured)?.bool()?),
        Node::Place(base, steps) => {
            return steps.iter().try_fold(evaluated(base, measured)?, Val::step);
        }
        Node::Compare(compare, left, right) => {
            let (left, right) = (evaluated(left, measured)?, evaluated(right, measured)?);
            Val::Bool(left.compared(*compare, &right)?)
        }
        Node::Call(function, arguments) => return called(*function, arguments, measured),
    })
}

/// Evaluates a chain up to the part that decides. Its last part may be no bool: whoever takes it looks.
fn chained<'v>(parts: &'v [Node], measured: &'v Measured, goes_on: bool) -> Result<Val<'v>, String> {
    let mut value = Val::Bool(goes_on);
    for part in parts {
        if value.bool()? != goes_on {
            break;
        }
        value = evaluated(part, measured)?;
    }
    Ok(value)
}

fn called<'v>(function: Function, arguments: &'v [Node], measured: &'v Measured) -> Result<Val<'v>, String> {
    let result = Val::from(measured);
    let is_nil = matches!(result, Val::Nil);
    let values = arguments.iter().map(|one| evaluated(one, measured)).collect::<Result<Vec<_>, _>>()?;
    let literal = matches!(arguments, [Node::Int(_)]);
    let mut values = values.into_iter();
    let first = values.next().unwrap_or(Val::Nil);
    Ok(match function {
        Function::Len => Val::Int(first.len()?),
        Function::IsNaN => Val::Bool(first.float(literal)?.is_nan()),
        Function::IsInf => Val::Bool(first.float(literal)?.is_infinite()),
        // Argo's two look at the whole result, whatever they are given.
        Function::IsNil => Val::Bool(is_nil),
        Function::Default if is_nil => values.next().unwrap_or(Val::Nil),
        Function::Default => result,
        Function::AsFloat => Val::Float(first.as_float()?),
        Function::AsInt => Val::Int(first.as_int()?),
    })
}

impl Val<'_> {
    fn title(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a bool",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::Floats(_) | Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    fn bool(&self) -> Result<bool, String> {
        if let Self::Bool(value) = self {
            Ok(*value)
        } else {
            Err(format!("{} is neither true nor false", self.title()))
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            #[allow(clippy::cast_precision_loss, reason = "as Go does")]
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Nil | Self::Bool(_) | Self::Text(_) | Self::Floats(_) | Self::List(_) | Self::Map(_) => {
                None
            }
        }
    }

    /// A float for isNaN and isInf; of integers only those that are written.
    fn float(&self, literal: bool) -> Result<f64, String> {
        let number = self.number().filter(|_| literal || !matches!(self, Self::Int(_)));
        number.ok_or_else(|| format!("{} is not a float", self.title()))
    }

    fn len(&self) -> Result<i64, String> {
        let length = match self {
            Self::Text(text) => text.len(),
            Self::Floats(list) => list.len(),
            Self::List(list) => list.len(),
            Self::Map(map) => map.len(),
            Self::Nil | Self::Bool(_) | Self::Int(_) | Self::Float(_) => {
                return Err(format!("{} has no length", self.title()));
            }
        };
        Ok(i64::try_from(length).unwrap_or(i64::MAX))
    }

    fn as_float(&self) -> Result<f64, String> {
        let read = match self {
            Self::Text(text) => parsed(text),
            Self::Nil
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Floats(_)
            | Self::List(_)
            | Self::Map(_) => self.number(),
        };
        read.ok_or_else(|| format!("asFloat cannot read {}", self.title()))
    }

    fn as_int(&self) -> Result<i64, String> {
        let read = match self {
            Self::Text(text) => text.parse().ok(),
            Self::Int(number) => Some(*number),
            // Go leaves to the machine what is larger.
            #[allow(clippy::cast_possible_truncation, reason = "it is cut off, as Go does, and fits")]
            Self::Float(number) => (number.abs() < 9e18).then_some(*number as i64),
            Self::Nil | Self::Bool(_) | Self::Floats(_) | Self::List(_) | Self::Map(_) => None,
        };
        read.ok_or_else(|| format!("asInt cannot read {}", self.title()))
    }

    fn step(self, step: &Step) -> Result<Self, String> {
        let none = |title: &str| match step {
            Step::Index(index) => format!("{title} has no [{index}]"),
            Step::Field(name) => format!("{title} has no field '{name}'"),
        };
        let found = match (&self, step) {
            (Self::Map(map), Step::Field(name)) => Some(map.get(name).map_or(Self::Nil, Self::from)),
            (Self::Floats(list), Step::Index(index)) => {
                at(*index, list.len()).and_then(|at| list.get(at)).map(|number| Self::Float(*number))
            }
            (Self::List(list), Step::Index(index)) => {
                at(*index, list.len()).and_then(|at| list.get(at)).map(Self::from)
            }
            // A byte.
            (Self::Text(text), Step::Index(index)) => at(*index, text.len())
                .and_then(|at| text.as_bytes().get(at))
                .map(|byte| Self::Int((*byte).into())),
            (Self::Nil | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Map(_), Step::Index(_))
            | (_, Step::Field(_)) => None,
        };
        let many = match &self {
            Self::Floats(list) => Some(list.len()),
            Self::List(list) => Some(list.len()),
            Self::Nil | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Text(_) | Self::Map(_) => None,
        };
        found.ok_or_else(|| match many {
            Some(many) => none(&format!("a list of {many}")),
            None => none(self.title()),
        })
    }

    fn compared(&self, compare: Compare, other: &Self) -> Result<bool, String> {
        let order = || {
            let order = match (self, other) {
                // Not by way of floats, which are not exact beyond 2^53.
                (Self::Int(a), Self::Int(b)) => Some(Some(a.cmp(b))),
                (Self::Text(a), Self::Text(b)) => Some(Some(a.cmp(b))),
                _ => self.number().zip(other.number()).map(|(a, b)| a.partial_cmp(&b)),
            };
            order.ok_or_else(|| format!("{} and {} cannot be compared", self.title(), other.title()))
        };
        Ok(match compare {
            Compare::Equal => equal(self, other),
            Compare::NotEqual => !equal(self, other),
            Compare::Less => order()?.is_some_and(std::cmp::Ordering::is_lt),
            Compare::LessOrEqual => order()?.is_some_and(std::cmp::Ordering::is_le),
            Compare::More => order()?.is_some_and(std::cmp::Ordering::is_gt),
            Compare::MoreOrEqual => order()?.is_some_and(std::cmp::Ordering::is_ge),
        })
    }
}

/// `reflect.DeepEqual`, but numbers of every kind. A list is equal to itself even where it has NaN.
#[allow(clippy::float_cmp, reason = "as Go compares")]
fn equal(left: &Val<'_>, right: &Val<'_>) -> bool {
    let same = |a: &Value, b: &Value| equal(&a.into(), &b.into());
    match (left, right) {
        (Val::Nil, Val::Nil) => true,
        (Val::Int(a), Val::Int(b)) => a == b,
        (Val::Bool(a), Val::Bool(b)) => a == b,
        (Val::Text(a), Val::Text(b)) => a == b,
        (Val::Floats(a), Val::Floats(b)) => std::ptr::eq(*a, *b) || a == b,
        (Val::List(a), Val::List(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b)),
        (Val::Map(a), Val::Map(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => left.number().zip(right.number()).is_some_and(|(a, b)| a == b),
    }
}

/// Returns the place of an index, which counts from the end below 0.
fn at(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let place = if index < 0 { length.checked_add(index)? } else { index };
    usize::try_from(place).ok()
}

/// Reads a float as `strconv.ParseFloat` does: what is too large is an error, and NaN has no sign.
fn parsed(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    let is_written = || text.trim_start_matches(['+', '-']).to_ascii_lowercase().starts_with("inf");
    let is_signed = text.starts_with(['+', '-']);
    match (number.is_infinite(), number.is_nan()) {
        (true, _) => is_written().then_some(number),
        (_, true) => (!is_signed).then_some(number),
        (false, false) => Some(number),
    }
}
