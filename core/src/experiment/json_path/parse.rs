//! The grammar.

use serde_json::Value;

use super::{Call, Comparison, Expression, Operand, Selector, Step};

/// How deep expressions are nested at most.
const MAX_DEPTH: usize = 20;

pub(super) fn path(text: &str) -> Result<Vec<Step>, String> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    parser.blanks();
    if !parser.takes("$") {
        return Err(parser.wrong("$ is wanted at the begin"));
    }
    let steps = parser.steps()?;
    parser.blanks();
    if parser.rest().is_empty() { Ok(steps) } else { Err(parser.wrong("the path does not end here")) }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, why: &str) -> String {
        let column = self.text.get(..self.at).unwrap_or_default().chars().count() + 1;
        format!("the path is not understood at column {column}: {why}")
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Goes over a word, if it stands here after blanks.
    fn takes(&mut self, word: &str) -> bool {
        let begin = self.at;
        self.blanks();
        let takes = self.rest().starts_with(word);
        self.at = if takes { self.at + word.len() } else { begin };
        takes
    }

    /// The same of a word of letters, which must not go on.
    fn takes_word(&mut self, word: &str) -> bool {
        let begin = self.at;
        let takes = self.takes(word) && !self.rest().starts_with(is_name);
        if !takes {
            self.at = begin;
        }
        takes
    }

    fn steps(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        loop {
            if self.takes("..") {
                let selectors = if self.takes("[") { self.bracket()? } else { vec![self.bareword()?] };
                steps.push(Step::Below(selectors));
            } else if self.takes(".") {
                let selector = self.bareword()?;
                let name = if let Selector::Name(name) = &selector { name.clone() } else { String::new() };
                if self.takes("(") {
                    steps.push(Step::Call(self.call(&name)?));
                } else {
                    steps.push(Step::Any(vec![selector]));
                }
            } else if self.takes("[") {
                let begin = self.at;
                let name = self.name();
                if !name.is_empty() && self.takes("(") {
                    let call = self.call(&name)?;
                    if !self.takes("]") {
                        return Err(self.wrong("] is wanted"));
                    }
                    steps.push(Step::Call(call));
                } else {
                    self.at = begin;
                    steps.push(Step::Any(self.bracket()?));
                }
            } else {
                return Ok(steps);
            }
        }
    }

    fn call(&mut self, name: &str) -> Result<Call, String> {
        let call = match name {
            "length" => Call::Length,
            "keys" => Call::Keys,
            "values" => Call::Values,
            _ => return Err(self.wrong("only the functions length(), keys() and values() are supported")),
        };
        if self.takes(")") { Ok(call) } else { Err(self.wrong(") is wanted")) }
    }

    fn name(&mut self) -> String {
        self.blanks();
        let rest = self.rest();
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return String::new();
        }
        self.at += end;
        name.to_owned()
    }

    fn bareword(&mut self) -> Result<Selector, String> {
        if self.takes("*") {
            return Ok(Selector::All);
        }
        let name = self.name();
        if name.is_empty() { Err(self.wrong("a name or * is wanted")) } else { Ok(Selector::Name(name)) }
    }

    fn bracket(&mut self) -> Result<Vec<Selector>, String> {
        let mut selectors = vec![self.selector()?];
        while self.takes(",") {
            selectors.push(self.selector()?);
        }
        if self.takes("]") { Ok(selectors) } else { Err(self.wrong(", or ] is wanted")) }
    }

    fn selector(&mut self) -> Result<Selector, String> {
        if self.takes("*") {
            return Ok(Selector::All);
        }
        if self.takes("?") {
            if !self.takes("(") {
                return Err(self.wrong("( is wanted after ?"));
            }
            let expression = self.expression()?;
            return if self.takes(")") {
                Ok(Selector::Filter(expression))
            } else {
                Err(self.wrong(") is wanted"))
            };
        }
        if let Some(text) = self.string()? {
            return Ok(Selector::Name(text));
        }
        let start = self.integer()?;
        if !self.takes(":") {
            return start
                .map(Selector::Index)
                .ok_or_else(|| self.wrong("a name in quotation marks, a number, * or ?( is wanted"));
        }
        let end = self.integer()?;
        let step = if self.takes(":") { self.integer()? } else { None };
        if step == Some(0) {
            return Err(self.wrong("the step of a slice cannot be 0"));
        }
        Ok(Selector::Slice { start, end, step })
    }

    fn integer(&mut self) -> Result<Option<i64>, String> {
        self.blanks();
        let rest = self.rest();
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if length == 0 {
            return Ok(None);
        }
        let length = length + rest.len() - digits.len();
        let number = rest
            .get(..length)
            .unwrap_or_default()
            .parse()
            .map_err(|_| self.wrong("the number is too large"))?;
        self.at += length;
        Ok(Some(number))
    }

    fn string(&mut self) -> Result<Option<String>, String> {
        self.blanks();
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|c| *c == '"' || *c == '\'') else { return Ok(None) };
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == quote && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end else { return Err(self.wrong("the quotation mark has no other half")) };
        let inner = rest.get(1..end).unwrap_or_default();
        let text = if quote == '"' {
            serde_json::from_str(&format!("\"{inner}\"")).map_err(|_| self.wrong("the text is not JSON"))?
        } else {
            inner.replace("\\'", "'")
        };
        self.at += end + 1;
        Ok(Some(text))
    }

    fn expression(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong("it is nested too deeply"));
        }
        let left = self.alternatives()?;
        let read = if self.takes_word("and") || self.takes("&&") {
            Expression::And(Box::new(left), Box::new(self.expression()?))
        } else {
            left
        };
        self.depth -= 1;
        Ok(read)
    }

    fn alternatives(&mut self) -> Result<Expression, String> {
        let mut all = vec![self.negation()?];
        while self.takes_word("or") || self.takes("||") {
            all.push(self.negation()?);
        }
        let last = all.pop();
        let read = last.map(|last| {
            let or = |right, left| Expression::Or(Box::new(left), Box::new(right));
            all.into_iter().rev().fold(last, or)
        });
        read.ok_or_else(|| self.wrong("an expression is wanted"))
    }

    fn negation(&mut self) -> Result<Expression, String> {
        let mut negated = false;
        while self.takes_word("not") || (!self.at_operator("!=") && self.takes("!")) {
            negated = !negated;
        }
        let read = if self.takes("(") {
            let inner = self.expression()?;
            if !self.takes(")") {
                return Err(self.wrong(") is wanted"));
            }
            inner
        } else {
            self.comparison()?
        };
        Ok(if negated { Expression::Not(Box::new(read)) } else { read })
    }

    fn at_operator(&mut self, operator: &str) -> bool {
        self.blanks();
        self.rest().starts_with(operator)
    }

    fn comparison(&mut self) -> Result<Expression, String> {
        let left = self.operand()?;
        // The longer ones first.
        let all = [
            ("==", Comparison::Equal),
            ("=", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        for (sign, comparison) in all {
            if self.takes(sign) {
                return Ok(Expression::Compare(left, comparison, self.operand()?));
            }
        }
        Ok(Expression::Is(left))
    }

    fn operand(&mut self) -> Result<Operand, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong("it is nested too deeply"));
        }
        let read = if self.takes("@") {
            Operand::Here(self.steps()?)
        } else if self.takes("$") {
            Operand::Root(self.steps()?)
        } else {
            Operand::Literal(self.literal()?)
        };
        self.depth -= 1;
        Ok(read)
    }

    fn literal(&mut self) -> Result<Value, String> {
        if let Some(text) = self.string()? {
            return Ok(text.into());
        }
        self.blanks();
        let rest = self.rest();
        let (value, length) = if rest.starts_with(['{', '[']) {
            let mut read = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            (read.next().and_then(Result::ok), read.byte_offset())
        } else {
            let is_in = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
            let length = rest.find(|c| !is_in(c)).unwrap_or(rest.len());
            (serde_json::from_str(rest.get(..length).unwrap_or_default()).ok(), length)
        };
        let value = value.ok_or_else(|| self.wrong("@, $ or a value is wanted"))?;
        self.at += length;
        Ok(value)
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
