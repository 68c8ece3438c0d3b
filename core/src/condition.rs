//! Conditions as Argo Rollouts' analysis templates have them: `result[0] >= 0.95`, `len(result) == 0 || result[0] < 0.02`.
//!
//! What Argo's evaluator says of a condition is what is said here: expr v1.15.5, types checked first and then values,
//! with the functions of argo-rollouts `utils/evaluate/evaluate.go`. The grammar is the part of expr that public
//! templates use:
//!
//! ```text
//! or     = and { ("||" | "or") and }
//! and    = relation { ("&&" | "and") relation }
//! relation = unary { ("==" | "!=" | "<" | "<=" | ">" | ">=") unary }
//! unary  = ("!" | "not") unary | primary
//! primary = NUMBER | STRING | true | false | nil | place
//! place  = ("result" | FUNCTION "(" or { "," or } ")" | "(" or ")") { "." NAME | "[" INTEGER | STRING "]" }
//! ```
//!
//! Anything else is refused with its column. What Go leaves to the machine (`asInt` of NaN) is an error here.

mod check;
mod lex;
mod limits;
mod parse;
mod run;

use std::fmt;

use serde_json::Value;

/// The longest condition that is read, in bytes.
pub const MAX_LENGTH: usize = 4096;

/// A condition, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    text: String,
    written: Node,
    /// With what expr's optimizer folds folded: `x && false` is false, whatever `x` is.
    folded: Node,
}

/// Why a condition cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where it begins, in letters from 1.
    pub column: usize,
    /// What is wrong there.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.why)
    }
}

/// What was measured, typed as Argo's providers type it.
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// A scalar of Prometheus.
    Scalar(f64),
    /// The samples of a vector or a matrix of Prometheus.
    Vector(Vec<f64>),
    /// What a web request gave. Its numbers are floats, as in Go.
    Json(Value),
}

/// How a measurement ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is good.
    Successful,
    /// It is bad.
    Failed,
    /// Neither.
    Inconclusive,
    /// A condition could not be evaluated; never a pass.
    Error(String),
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is not of the grammar, and its column.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        if text.len() > MAX_LENGTH {
            return Err(Unreadable { column: 1, why: format!("it is longer than {MAX_LENGTH} bytes") });
        }
        let written = parse::parse(text)?;
        Ok(Self { text: text.to_owned(), folded: written.clone().folded(), written })
    }

    /// Returns it as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Says whether a measurement meets it (`evaluate.go: EvalCondition`).
    ///
    /// # Errors
    /// Why Argo calls it an error: types that do not fit, a place that is not there, or no true or false at the end.
    pub fn holds(&self, measured: &Measured) -> Result<bool, String> {
        check::check(&self.written, measured)?;
        run::run(&self.folded, measured)
    }

    /// Whether it takes more than the one sample that a query gives: `result[1]`.
    pub fn takes_many(&self) -> bool {
        self.written.takes_many()
    }

    /// Returns the limits, where it says no more than that one sample has to be within them.
    pub fn limits(&self) -> Option<Limits> {
        Limits::of(&self.written)
    }
}

/// Judges a measurement (`evaluate.go: EvaluateResult`). Without conditions it is good.
pub fn judge(success: Option<&Condition>, failure: Option<&Condition>, measured: &Measured) -> Outcome {
    let holds =
        |condition: Option<&Condition>| condition.map(|condition| condition.holds(measured)).transpose();
    let both = holds(success).and_then(|good| holds(failure).map(|bad| (good, bad)));
    match both {
        Err(why) => Outcome::Error(why),
        Ok((_, Some(true)) | (Some(false), None)) => Outcome::Failed,
        Ok((Some(false), Some(false))) => Outcome::Inconclusive,
        Ok((Some(true) | None, _)) => Outcome::Successful,
    }
}

/// Limits of one sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// At least so much.
    pub min: Option<f64>,
    /// At most so much.
    pub max: Option<f64>,
    /// Whether a limit itself is outside: `<` and `>`.
    pub strict: bool,
    /// Whether it compares the list itself, which Argo calls an error of types where it is a vector.
    pub bare: bool,
    /// What it says where there is no sample, where it says that.
    pub empty: Option<bool>,
    /// What it says of NaN or infinity, where it asks for them.
    pub nan: Option<bool>,
}

/// A part of a condition.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Result,
    Call(Function, Vec<Self>),
    Place(Box<Self>, Vec<Step>),
    Not(Box<Self>),
    Compare(Compare, Box<Self>, Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// A step from a value into it.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Index(i64),
    Field(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Len,
    IsNaN,
    IsInf,
    IsNil,
    Default,
    AsFloat,
    AsInt,
}

impl Function {
    const ALL: [(&'static str, Self); 7] = [
        ("len", Self::Len),
        ("isNaN", Self::IsNaN),
        ("isInf", Self::IsInf),
        ("isNil", Self::IsNil),
        ("default", Self::Default),
        ("asFloat", Self::AsFloat),
        ("asInt", Self::AsInt),
    ];

    fn arguments(self) -> usize {
        match self {
            Self::Default => 2,
            Self::Len | Self::IsNaN | Self::IsInf | Self::IsNil | Self::AsFloat | Self::AsInt => 1,
        }
    }
}

impl Node {
    /// Folds what expr's optimizer folds after the types are checked (`optimizer/fold.go`).
    fn folded(self) -> Self {
        match self {
            Self::Not(inner) => {
                let inner = inner.folded();
                if let Self::Bool(value) = inner { Self::Bool(!value) } else { Self::Not(Box::new(inner)) }
            }
            Self::And(parts) => Self::joined(parts, true),
            Self::Or(parts) => Self::joined(parts, false),
            Self::Compare(compare, left, right) => {
                let (left, right) = (left.folded(), right.folded());
                match (compare, &left, &right) {
                    (Compare::Equal, Self::Int(a), Self::Int(b)) => Self::Bool(a == b),
                    (Compare::Equal, Self::Text(a), Self::Text(b)) => Self::Bool(a == b),
                    (Compare::Equal, Self::Bool(a), Self::Bool(b)) => Self::Bool(a == b),
                    _ => Self::Compare(compare, Box::new(left), Box::new(right)),
                }
            }
            Self::Call(function, arguments) => {
                Self::Call(function, arguments.into_iter().map(Self::folded).collect())
            }
            Self::Place(base, steps) => Self::Place(Box::new(base.folded()), steps),
            same @ (Self::Nil
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Result) => same,
        }
    }

    fn takes_many(&self) -> bool {
        match self {
            Self::Nil | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Text(_) | Self::Result => false,
            Self::Place(base, steps) => match (base.as_ref(), steps.first()) {
                (Self::Result, Some(Step::Index(index))) => *index != 0,
                (base, _) => base.takes_many(),
            },
            Self::Not(inner) => inner.takes_many(),
            Self::Compare(_, left, right) => left.takes_many() || right.takes_many(),
            Self::And(parts) | Self::Or(parts) | Self::Call(_, parts) => parts.iter().any(Self::takes_many),
        }
    }

    /// Folds a chain of `&&`, for which `true` is neutral, or of `||`.
    fn joined(parts: Vec<Self>, neutral: bool) -> Self {
        let parts: Vec<Self> = parts.into_iter().map(Self::folded).collect();
        if parts.contains(&Self::Bool(!neutral)) {
            return Self::Bool(!neutral);
        }
        let mut rest: Vec<Self> = parts.into_iter().filter(|part| *part != Self::Bool(neutral)).collect();
        match (rest.pop(), rest.is_empty()) {
            (None, _) => Self::Bool(neutral),
            (Some(only), true) => only,
            (Some(last), false) => {
                rest.push(last);
                if neutral { Self::And(rest) } else { Self::Or(rest) }
            }
        }
    }
}

#[cfg(test)]
mod tests;
