//! Words to a tree (expr: `parser/parser.go`, `parser/operator/operator.go`).

use super::lex::{Token, words};
use super::{Compare, Function, Node, Step, Unreadable};

/// How deep parentheses, `!` and arguments may stand in each other, and how many comparisons in a row.
const MAX_DEPTH: usize = 50;

struct Parser {
    words: std::iter::Peekable<std::vec::IntoIter<(usize, Token)>>,
    depth: usize,
}

pub(super) fn parse(text: &str) -> Result<Node, Unreadable> {
    let mut parser = Parser { words: words(text)?.into_iter().peekable(), depth: 0 };
    let node = parser.or()?;
    match parser.next() {
        (_, Token::End) => Ok(node),
        (column, token) => Err(stranger(column, &token)),
    }
}

fn refused<T>(column: usize, why: impl Into<String>) -> Result<T, Unreadable> {
    Err(Unreadable { column, why: why.into() })
}

fn stranger(column: usize, token: &Token) -> Unreadable {
    let why = match token {
        Token::End => "it ends too early".to_owned(),
        Token::Name(name) => format!("'{name}' is not supported here"),
        Token::Sign(sign) => format!("'{sign}' is not supported here"),
        Token::Text(_) => "a string is not supported here".to_owned(),
        Token::Int(_) | Token::Float(_) => "a number is not supported here".to_owned(),
    };
    Unreadable { column, why }
}

impl Parser {
    fn next(&mut self) -> (usize, Token) {
        self.words.next().unwrap_or((1, Token::End))
    }

    /// Takes the next word if it is one of these.
    fn accept(&mut self, wanted: &[&str]) -> Option<&'static str> {
        let (_, token) = self.words.peek()?;
        let found = match token {
            Token::Sign(sign) => wanted.contains(sign).then_some(*sign),
            Token::Name(name) => {
                ["and", "or", "not"].into_iter().find(|word| name == word && wanted.contains(word))
            }
            Token::Int(_) | Token::Float(_) | Token::Text(_) | Token::End => None,
        };
        found.inspect(|_| drop(self.words.next()))
    }

    fn expect(&mut self, sign: &str) -> Result<(), Unreadable> {
        if self.accept(&[sign]).is_some() {
            return Ok(());
        }
        let (column, token) = self.next();
        if token == Token::End {
            return refused(column, format!("'{sign}' is missing"));
        }
        Err(stranger(column, &token))
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Unreadable>) -> Result<T, Unreadable> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let (column, _) = self.next();
            return refused(column, format!("it is nested deeper than {MAX_DEPTH} levels"));
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn or(&mut self) -> Result<Node, Unreadable> {
        self.deeper(|parser| parser.chain(&["||", "or"], Self::and, Node::Or))
    }

    fn and(&mut self) -> Result<Node, Unreadable> {
        self.chain(&["&&", "and"], Self::relation, Node::And)
    }

    fn chain(
        &mut self,
        signs: &[&str],
        part: fn(&mut Self) -> Result<Node, Unreadable>,
        join: fn(Vec<Node>) -> Node,
    ) -> Result<Node, Unreadable> {
        let first = part(self)?;
        let mut rest = Vec::new();
        while self.accept(signs).is_some() {
            rest.push(part(self)?);
        }
        if rest.is_empty() {
            return Ok(first);
        }
        rest.insert(0, first);
        Ok(join(rest))
    }

    fn relation(&mut self) -> Result<Node, Unreadable> {
        let mut left = self.unary()?;
        for _ in 0..MAX_DEPTH {
            let compare = match self.accept(&["==", "!=", "<", "<=", ">", ">="]) {
                None => return Ok(left),
                Some("==") => Compare::Equal,
                Some("!=") => Compare::NotEqual,
                Some("<") => Compare::Less,
                Some("<=") => Compare::LessOrEqual,
                Some(">") => Compare::More,
                Some(_) => Compare::MoreOrEqual,
            };
            left = Node::Compare(compare, Box::new(left), Box::new(self.unary()?));
        }
        let (column, _) = self.next();
        refused(column, format!("there are more than {MAX_DEPTH} comparisons in a row"))
    }

    fn unary(&mut self) -> Result<Node, Unreadable> {
        match self.accept(&["!", "not"]) {
            Some(_) => Ok(Node::Not(Box::new(self.deeper(Self::unary)?))),
            None => self.primary(),
        }
    }

    fn primary(&mut self) -> Result<Node, Unreadable> {
        let (column, token) = self.next();
        let base = match token {
            Token::Int(number) => return Ok(Node::Int(number)),
            Token::Float(number) => return Ok(Node::Float(number)),
            Token::Text(text) => return Ok(Node::Text(text)),
            Token::Sign("-") => return self.negative(),
            Token::Sign("(") => {
                let inner = self.or()?;
                self.expect(")")?;
                inner
            }
            Token::Name(name) => match name.as_str() {
                "true" => return Ok(Node::Bool(true)),
                "false" => return Ok(Node::Bool(false)),
                "nil" => return Ok(Node::Nil),
                "result" => Node::Result,
                _ => self.call(column, &name)?,
            },
            other @ (Token::Sign(_) | Token::End) => return Err(stranger(column, &other)),
        };
        let steps = self.steps()?;
        Ok(if steps.is_empty() { base } else { Node::Place(Box::new(base), steps) })
    }

    /// A number below 0. Other arithmetic is left out.
    fn negative(&mut self) -> Result<Node, Unreadable> {
        match self.next() {
            (_, Token::Int(number)) => Ok(Node::Int(number.saturating_neg())),
            (_, Token::Float(number)) => Ok(Node::Float(-number)),
            (column, other) => Err(stranger(column, &other)),
        }
    }

    fn call(&mut self, column: usize, name: &str) -> Result<Node, Unreadable> {
        let Some((_, function)) = Function::ALL.into_iter().find(|(known, _)| *known == name) else {
            return refused(column, format!("'{name}' is not supported"));
        };
        self.expect("(")?;
        let mut arguments = vec![self.or()?];
        while self.accept(&[","]).is_some() {
            arguments.push(self.or()?);
        }
        self.expect(")")?;
        let wanted = function.arguments();
        if arguments.len() != wanted {
            let wanted = crate::words::counted(wanted as u64, "argument");
            return refused(column, format!("'{name}' takes {wanted}"));
        }
        Ok(Node::Call(function, arguments))
    }

    fn steps(&mut self) -> Result<Vec<Step>, Unreadable> {
        let mut steps = Vec::new();
        while let Some(sign) = self.accept(&[".", "["]) {
            let (column, token) = self.next();
            let step = match (sign, token) {
                (".", Token::Name(name)) => {
                    steps.push(Step::Field(name));
                    continue;
                }
                ("[", Token::Int(index)) => Step::Index(index),
                ("[", Token::Text(name)) => Step::Field(name),
                ("[", Token::Sign("-")) => match self.next() {
                    (_, Token::Int(index)) => Step::Index(index.saturating_neg()),
                    (column, other) => return Err(stranger(column, &other)),
                },
                (_, other) => return Err(stranger(column, &other)),
            };
            self.expect("]")?;
            steps.push(step);
        }
        Ok(steps)
    }
}
