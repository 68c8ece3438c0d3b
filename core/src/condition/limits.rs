//! Conditions that are no more than limits of one sample: nine of ten.

use super::{Compare, Function, Limits, Node, Step};

impl Limits {
    /// Reads `result[0] OP N`, both of a range, and the looks at whether there is a sample that people put before.
    pub(super) fn of(node: &Node) -> Option<Self> {
        match node {
            Node::Compare(compare, left, right) => match (place(left), number(right)) {
                (Some(bare), Some(limit)) => Self::one(*compare, limit, bare),
                _ => match (number(left), place(right)) {
                    (Some(limit), Some(bare)) => Self::one(turned(*compare), limit, bare),
                    _ => None,
                },
            },
            Node::And(parts) => Self::all(parts, false),
            Node::Or(parts) => Self::all(parts, true),
            Node::Nil
            | Node::Bool(_)
            | Node::Int(_)
            | Node::Float(_)
            | Node::Text(_)
            | Node::Result
            | Node::Call(..)
            | Node::Place(..)
            | Node::Not(_) => None,
        }
    }

    fn one(compare: Compare, limit: f64, bare: bool) -> Option<Self> {
        let empty = Self { bare, ..Self::default() };
        match compare {
            Compare::Less => Some(Self { max: Some(limit), strict: true, ..empty }),
            Compare::LessOrEqual => Some(Self { max: Some(limit), ..empty }),
            Compare::More => Some(Self { min: Some(limit), strict: true, ..empty }),
            Compare::MoreOrEqual => Some(Self { min: Some(limit), ..empty }),
            Compare::Equal | Compare::NotEqual => None,
        }
    }

    /// Joins parts: those of `||` are a limit and looks that pass without a sample; those of `&&` may be two limits.
    fn all(parts: &[Node], any: bool) -> Option<Self> {
        let mut found: Option<Self> = None;
        let (mut empty, mut nan) = (None, None);
        for part in parts {
            if asks_for_a_sample(part, any) {
                empty = Some(any);
                continue;
            }
            if asks_for_a_number(part, any) {
                nan = Some(any);
                continue;
            }
            let one = Self::of(part)?;
            found = Some(match found {
                None => one,
                Some(first) if !any => first.with(one)?,
                Some(_) => return None,
            });
        }
        found.map(|limits| Self { empty: empty.or(limits.empty), nan: nan.or(limits.nan), ..limits })
    }

    fn with(self, other: Self) -> Option<Self> {
        let twice =
            (self.min.is_some() && other.min.is_some()) || (self.max.is_some() && other.max.is_some());
        (!twice && self.strict == other.strict && self.bare == other.bare).then_some(Self {
            min: self.min.or(other.min),
            max: self.max.or(other.max),
            ..self
        })
    }
}

/// Whether a place is that of one sample; whether it is the list itself.
fn place(node: &Node) -> Option<bool> {
    if *node == Node::Result {
        return Some(true);
    }
    if let Node::Call(Function::Default, arguments) = node {
        return arguments.first().and_then(place);
    }
    let Node::Place(base, steps) = node else { return None };
    (**base == Node::Result && steps.as_slice() == [Step::Index(0)]).then_some(false)
}

fn number(node: &Node) -> Option<f64> {
    if let Node::Int(number) = node {
        #[allow(clippy::cast_precision_loss, reason = "a limit")]
        return Some(*number as f64);
    }
    if let Node::Float(number) = node { Some(*number) } else { None }
}

fn turned(compare: Compare) -> Compare {
    match compare {
        Compare::Less => Compare::More,
        Compare::LessOrEqual => Compare::MoreOrEqual,
        Compare::More => Compare::Less,
        Compare::MoreOrEqual => Compare::LessOrEqual,
        same @ (Compare::Equal | Compare::NotEqual) => same,
    }
}

/// Whether a part only asks if there is a sample: `len(result) > 0 &&`, or the same turned round before `||`.
fn asks_for_a_sample(node: &Node, any: bool) -> bool {
    if let Node::Not(inner) = node {
        return !any && asks_for_a_sample(inner, true);
    }
    let Node::Compare(compare, left, right) = node else {
        return any && matches!(node, Node::Call(Function::IsNil, _));
    };
    let length = number(right).filter(|_| is_length(left));
    match (compare, length, any) {
        (Compare::Equal | Compare::LessOrEqual, Some(0.0), true)
        | (Compare::Less, Some(1.0), true)
        | (Compare::Equal | Compare::MoreOrEqual, Some(1.0), false)
        | (Compare::More | Compare::NotEqual, Some(0.0), false) => true,
        _ => {
            let is = if any { Compare::Equal } else { Compare::NotEqual };
            *compare == is && **left == Node::Result && **right == Node::Nil
        }
    }
}

/// Whether a part only asks if the sample is a number: `!isNaN(result[0]) &&`, `isNaN(result[0]) ||`.
fn asks_for_a_number(node: &Node, any: bool) -> bool {
    if let Node::Not(inner) = node {
        return !any && asks_for_a_number(inner, true);
    }
    any && matches!(node, Node::Call(Function::IsNaN | Function::IsInf, _))
}

fn is_length(node: &Node) -> bool {
    matches!(node, Node::Call(Function::Len, list) if matches!(list.as_slice(), [Node::Result]))
}
