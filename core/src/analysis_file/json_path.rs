//! What of an answer is measured, as kubectl writes it: `{$.data.ok}`.
//!
//! It is the part of client-go's `JSONPath` (`util/jsonpath`) that leads to one value:
//!
//! ```text
//! path = "{" ["$"] { step } "}"
//! step = "." NAME | ".*" | "[*]" | "[" INTEGER "]" | "['" NAME "']" | "[?(@" { step } "==" VALUE ")]"
//! ```
//!
//! A backslash takes the meaning from the letter after it: `{.a\.b}`. Anything else is refused with its column.

use serde_json::Value;

/// The longest path that is read, in bytes.
const MAX_LENGTH: usize = 500;

/// Letters that end a name.
const ENDS: &str = ".,[]{}()$@=!<>'\" ";

/// A path, read.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// The member of this name.
    Name(String),
    /// The item at this place; a negative one counts from the end.
    Index(i64),
    /// All members or items.
    Each,
    /// Those items that have this value at this path.
    Where(Vec<Step>, Value),
}

impl JsonPath {
    /// Reads a path.
    ///
    /// # Errors
    /// The column, and what is wrong there.
    pub fn read(text: &str) -> Result<Self, String> {
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let Some(inner) = inner.filter(|_| text.len() <= MAX_LENGTH) else {
            return Err("a path in braces is wanted: '{$.status}'".to_owned());
        };
        let mut reader = Reader { letters: inner.chars().collect(), at: 0 };
        reader.blanks();
        reader.takes('$');
        let steps = reader.steps()?;
        reader.blanks();
        if reader.at < reader.letters.len() {
            return Err(reader.wrong("is not supported"));
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// Returns the one value that is there.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn find<'v>(&self, value: &'v Value) -> Result<&'v Value, String> {
        match found(&self.steps, value).as_slice() {
            [one] => Ok(one),
            [] => Err(format!("the answer has nothing at {}", self.text)),
            many => Err(format!("the answer has {} values at {}", many.len(), self.text)),
        }
    }
}

fn found<'v>(steps: &[Step], value: &'v Value) -> Vec<&'v Value> {
    steps.iter().fold(vec![value], |all, step| all.into_iter().flat_map(|value| next(step, value)).collect())
}

fn next<'v>(step: &Step, value: &'v Value) -> Vec<&'v Value> {
    let items = || value.as_array().into_iter().flatten();
    match step {
        Step::Name(name) => value.get(name.as_str()).into_iter().collect(),
        Step::Index(index) => {
            let place = match usize::try_from(*index) {
                Ok(place) => Some(place),
                Err(_) => usize::try_from(index.unsigned_abs())
                    .ok()
                    .and_then(|back| value.as_array()?.len().checked_sub(back)),
            };
            place.and_then(|place| value.as_array()?.get(place)).into_iter().collect()
        }
        Step::Each => match value {
            Value::Object(members) => members.values().collect(),
            Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                items().collect()
            }
        },
        Step::Where(path, wanted) => {
            items().filter(|item| found(path, item).iter().any(|value| is_same(value, wanted))).collect()
        }
    }
}

/// 1 and 1.0 are the same number.
fn is_same(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().is_some_and(|number| b.as_f64() == Some(number))
}

/// The letters between the braces.
struct Reader {
    letters: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn takes(&mut self, letter: char) -> bool {
        let is_there = self.peek() == Some(letter);
        self.at += usize::from(is_there);
        is_there
    }

    fn wants(&mut self, letter: char) -> Result<(), String> {
        if self.takes(letter) { Ok(()) } else { Err(self.wrong(&format!("where '{letter}' is wanted"))) }
    }

    fn blanks(&mut self) {
        while self.takes(' ') {}
    }

    /// Letters count from 1, and a brace stands before the first.
    fn wrong(&self, why: &str) -> String {
        let column = self.at + 2;
        let there = self.peek().map_or_else(|| "the end".to_owned(), |letter| format!("'{letter}'"));
        format!("column {column}: {there} {why}")
    }

    fn steps(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        loop {
            if self.takes('.') {
                steps.push(if self.takes('*') { Step::Each } else { Step::Name(self.name()?) });
            } else if self.takes('[') {
                steps.push(self.bracket()?);
                self.wants(']')?;
            } else {
                return Ok(steps);
            }
        }
    }

    fn name(&mut self) -> Result<String, String> {
        let mut name = String::new();
        while let Some(letter) = self.peek() {
            if ENDS.contains(letter) {
                break;
            }
            self.at += 1;
            let escaped = if letter == '\\' { self.peek() } else { None };
            self.at += usize::from(escaped.is_some());
            name.push(escaped.unwrap_or(letter));
        }
        if name.is_empty() { Err(self.wrong("where a name is wanted")) } else { Ok(name) }
    }

    fn bracket(&mut self) -> Result<Step, String> {
        match self.peek() {
            Some('*') => {
                self.at += 1;
                Ok(Step::Each)
            }
            Some('\'') => self.quoted().map(Step::Name),
            Some('?') => {
                self.at += 1;
                self.wants('(')?;
                self.wants('@')?;
                let path = self.steps()?;
                self.blanks();
                self.wants('=')?;
                self.wants('=')?;
                self.blanks();
                let value = self.value()?;
                self.blanks();
                self.wants(')')?;
                Ok(Step::Where(path, value))
            }
            Some(_) | None => {
                let begin = self.at;
                self.plain().parse().map(Step::Index).map_err(|_| {
                    self.at = begin;
                    self.wrong("where a number, '*' or a name in quotes is wanted")
                })
            }
        }
    }

    /// A text in quotes, a number, `true` or `false`.
    fn value(&mut self) -> Result<Value, String> {
        if matches!(self.peek(), Some('\'' | '"')) {
            return self.quoted().map(Value::String);
        }
        let begin = self.at;
        let read = serde_json::from_str::<Value>(&self.plain()).ok();
        read.filter(|value| value.is_number() || value.is_boolean()).ok_or_else(|| {
            self.at = begin;
            self.wrong("where a text in quotes, a number, true or false is wanted")
        })
    }

    fn quoted(&mut self) -> Result<String, String> {
        let quote = self.peek();
        self.at += 1;
        let rest = self.letters.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|letter| Some(*letter) == quote);
        let Some(length) = length else {
            self.at = self.letters.len();
            return Err(self.wrong("where a quote is wanted"));
        };
        let text = rest.iter().take(length).collect();
        self.at += length + 1;
        Ok(text)
    }

    /// Letters up to a bracket or a blank.
    fn plain(&mut self) -> String {
        let rest = self.letters.get(self.at..).unwrap_or_default();
        let text: String = rest.iter().take_while(|letter| !"[]() ".contains(**letter)).collect();
        self.at += text.chars().count();
        text
    }
}

#[cfg(test)]
mod tests;
