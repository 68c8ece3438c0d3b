//! `JSONPath` as jsonpath2 reads it, which is what Chaos Toolkit uses, and not RFC 9535.
//!
//! The difference that counts: a filter tests the value that it stands after, not the members of it:
//! `$.data.result.*[?(@.value[1]!="0")]`.
//!
//! ```text
//! path    = "$" { step }
//! step    = "." NAME | ".*" | ".." ( NAME | "*" | bracket ) | bracket | "." NAME "()"
//! bracket = "[" one { "," one } "]"
//! one     = STRING | INTEGER | slice | "*" | "?(" expression ")"
//! ```
//!
//! Expressions have `and`, `or`, `not`, parentheses and `= != < <= > >=`; `and` binds looser than `or`, as there. `==`,
//! `&&`, `||`, `!` and texts in single quotation marks are read as well. Of the functions, `length()`, `keys()` and
//! `values()` are.

mod find;
mod parse;

use serde_json::Value;

/// The longest path, in bytes.
const MAX_LENGTH: usize = 1000;

/// As many values are looked at for one path at most.
const MAX_LOOKS: usize = 1_000_000;

/// A path, read.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// What any of these leads to, in their order.
    Any(Vec<Selector>),
    /// The same from here and from everything below.
    Below(Vec<Selector>),
    /// A function of the value.
    Call(Call),
}

#[derive(Clone, Debug, PartialEq)]
enum Selector {
    Name(String),
    Index(i64),
    Slice { start: Option<i64>, end: Option<i64>, step: Option<i64> },
    All,
    Filter(Expression),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Length,
    Keys,
    Values,
}

#[derive(Clone, Debug, PartialEq)]
enum Expression {
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    /// A path leads to something, or a literal is true.
    Is(Operand),
    Compare(Operand, Comparison, Operand),
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    /// A path from the value that is tested.
    Here(Vec<Step>),
    /// A path from the root.
    Root(Vec<Step>),
    Literal(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl JsonPath {
    /// Reads a path.
    ///
    /// # Errors
    /// What is not understood, and at which column.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("the path is longer than {MAX_LENGTH} bytes"));
        }
        parse::path(text).map(|steps| Self { steps })
    }

    /// Returns the values that the path leads to, in the order in which jsonpath2 finds them.
    ///
    /// # Errors
    /// The value is too large for the path.
    pub fn find(&self, value: &Value) -> Result<Vec<Value>, String> {
        find::all(&self.steps, value)
    }
}
