//! JSON with lines: `serde_json` says whether it is well-formed, then the text is walked once more for the lines.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Content, Fault, MAX_DEPTH, MAX_VALUES, Node};

pub(super) fn read(text: &str) -> Result<Node, Fault> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let line = u64::try_from(error.line()).ok().filter(|line| *line > 0);
        let why = error.to_string();
        // serde_json adds the place, which is told apart from the reason here.
        let why = why.split(" at line ").next().unwrap_or_default().to_owned();
        return Err(Fault { line, why: format!("it is not JSON: {why}") });
    }
    Walk { text, at: 0, line: 1, values: 0 }.node(0)
}

/// A place in a text that is known to be JSON.
struct Walk<'t> {
    text: &'t str,
    at: usize,
    line: u64,
    values: usize,
}

impl Walk<'_> {
    fn node(&mut self, depth: usize) -> Result<Node, Fault> {
        let first = self.next();
        let line = self.line;
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return Err(Fault {
                line: Some(line),
                why: "it is nested too deeply or has too many values".into(),
            });
        }
        let content = match first {
            Some(b'{') => {
                self.at += 1;
                self.map(depth)?
            }
            Some(b'[') => {
                self.at += 1;
                let mut items = Vec::new();
                while self.goes_on(b']') {
                    items.push(self.node(depth + 1)?);
                }
                Content::List(items)
            }
            Some(_) | None => Content::Scalar(self.scalar()?),
        };
        Ok(Node { line, content })
    }

    fn map(&mut self, depth: usize) -> Result<Content, Fault> {
        let (mut pairs, mut seen) = (Vec::new(), BTreeSet::new());
        while self.goes_on(b'}') {
            let line = self.line;
            let Value::String(key) = self.scalar()? else { return Err(self.broken()) };
            if !seen.insert(key.clone()) {
                return Err(Fault::twice(&key, line));
            }
            if self.next() == Some(b':') {
                self.at += 1;
            }
            pairs.push((key, self.node(depth + 1)?));
        }
        Ok(Content::Map(pairs))
    }

    /// Goes to the next value of a list or map, or over its end.
    fn goes_on(&mut self, end: u8) -> bool {
        let mut next = self.next();
        if next == Some(b',') {
            self.at += 1;
            next = self.next();
        }
        if next == Some(end) {
            self.at += 1;
        }
        next.is_some_and(|next| next != end)
    }

    /// Goes over blanks and returns the byte there.
    fn next(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.as_bytes().get(self.at).copied() {
            match byte {
                b'\n' => self.line += 1,
                b' ' | b'\t' | b'\r' => {}
                _ => return Some(byte),
            }
            self.at += 1;
        }
        None
    }

    /// Reads a text, number or word; none of them holds the end of a line.
    fn scalar(&mut self) -> Result<Value, Fault> {
        self.next();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = if rest.starts_with('"') {
            let mut escaped = false;
            let end = rest.bytes().enumerate().skip(1).find(|(_, byte)| {
                let ends = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |(at, _)| at + 1)
        } else {
            rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(rest.len())
        };
        self.at += length;
        serde_json::from_str(rest.get(..length).unwrap_or_default()).map_err(|_| self.broken())
    }

    fn broken(&self) -> Fault {
        Fault { line: Some(self.line), why: "it is not JSON".into() }
    }
}
