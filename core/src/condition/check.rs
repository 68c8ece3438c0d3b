//! Types, as expr checks them before anything is evaluated (`checker/checker.go`, `checker/types.go`): `result < 1` of a
//! list is an error, whatever is in the list.

use serde_json::Value;

use super::{Compare, Function, Measured, Node, Step};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Nil,
    Bool,
    Int,
    Float,
    Text,
    Floats,
    List,
    Map,
    /// Only known when it runs: what is inside of JSON.
    Any,
}

impl Type {
    fn of(measured: &Measured) -> Self {
        match measured {
            Measured::Scalar(_) | Measured::Json(Value::Number(_)) => Self::Float,
            Measured::Vector(_) => Self::Floats,
            Measured::Json(Value::Null) => Self::Nil,
            Measured::Json(Value::Bool(_)) => Self::Bool,
            Measured::Json(Value::String(_)) => Self::Text,
            Measured::Json(Value::Array(_)) => Self::List,
            Measured::Json(Value::Object(_)) => Self::Map,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool => "a bool",
            Self::Int | Self::Float => "a number",
            Self::Text => "a string",
            Self::Floats | Self::List => "a list",
            Self::Map => "a map",
            Self::Any => "any value",
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Float)
    }

    fn is_list(self) -> bool {
        matches!(self, Self::Floats | Self::List)
    }

    fn is_bool_or_any(self) -> bool {
        matches!(self, Self::Bool | Self::Any)
    }

    fn orders_with(self, other: Self) -> bool {
        let has_order = |one: Self| one.is_number() || matches!(one, Self::Text | Self::Any);
        match (self, other) {
            (Self::Any, one) | (one, Self::Any) => has_order(one),
            _ => (self.is_number() && other.is_number()) || (self == Self::Text && other == Self::Text),
        }
    }

    fn equals_with(self, other: Self) -> bool {
        matches!((self, other), (Self::Nil | Self::Any, _) | (_, Self::Nil | Self::Any))
            || self == other
            || (self.is_number() && other.is_number())
            || (self.is_list() && other.is_list())
    }

    fn step(self, step: &Step) -> Result<Self, String> {
        match (self, step) {
            (Self::Any | Self::List, Step::Index(_)) | (Self::Any | Self::Map, Step::Field(_)) => {
                Ok(Self::Any)
            }
            (Self::Floats, Step::Index(_)) => Ok(Self::Float),
            (_, Step::Index(index)) => Err(format!("{} has no [{index}]", self.title())),
            (_, Step::Field(name)) => Err(format!("{} has no field '{name}'", self.title())),
        }
    }
}

/// Checks the types of a condition for a measurement.
pub(super) fn check(node: &Node, measured: &Measured) -> Result<(), String> {
    type_of(node, Type::of(measured)).map(|_| ())
}

fn type_of(node: &Node, result: Type) -> Result<Type, String> {
    let bools = |parts: &[Node]| {
        // Of a chain each but the first is joined to what is a bool.
        let types = parts.iter().map(|part| type_of(part, result)).collect::<Result<Vec<_>, _>>()?;
        let wrong = types.into_iter().find(|part| !part.is_bool_or_any());
        wrong.map_or(Ok(Type::Bool), |wrong| Err(format!("{} is neither true nor false", wrong.title())))
    };
    match node {
        Node::Nil => Ok(Type::Nil),
        Node::Bool(_) => Ok(Type::Bool),
        Node::Int(_) => Ok(Type::Int),
        Node::Float(_) => Ok(Type::Float),
        Node::Text(_) => Ok(Type::Text),
        Node::Result => Ok(result),
        Node::And(parts) | Node::Or(parts) => bools(parts),
        Node::Not(inner) => bools(std::slice::from_ref(inner)),
        Node::Place(base, steps) => steps.iter().try_fold(type_of(base, result)?, Type::step),
        Node::Compare(compare, left, right) => {
            let (left, right) = (type_of(left, result)?, type_of(right, result)?);
            let fits = match compare {
                Compare::Equal | Compare::NotEqual => left.equals_with(right),
                Compare::Less | Compare::LessOrEqual | Compare::More | Compare::MoreOrEqual => {
                    left.orders_with(right)
                }
            };
            if fits {
                Ok(Type::Bool)
            } else {
                Err(format!("{} and {} cannot be compared", left.title(), right.title()))
            }
        }
        Node::Call(function, arguments) => {
            let types = arguments.iter().map(|one| type_of(one, result)).collect::<Result<Vec<_>, _>>()?;
            called(*function, types.first().copied().unwrap_or(Type::Nil))
        }
    }
}

fn called(function: Function, argument: Type) -> Result<Type, String> {
    let (fits, gives) = match function {
        Function::Len => {
            (argument.is_list() || matches!(argument, Type::Map | Type::Text | Type::Any), Type::Int)
        }
        // That nil is none is only seen when it runs.
        Function::IsNaN | Function::IsInf => {
            (argument.is_number() || matches!(argument, Type::Nil | Type::Any), Type::Bool)
        }
        Function::IsNil => (true, Type::Bool),
        Function::Default => (true, Type::Any),
        Function::AsFloat => (true, Type::Float),
        Function::AsInt => (true, Type::Int),
    };
    let name = Function::ALL.into_iter().find(|(_, one)| *one == function).map_or("", |(name, _)| name);
    if fits { Ok(gives) } else { Err(format!("{} cannot be given to {name}", argument.title())) }
}
