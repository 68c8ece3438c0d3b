//! The selectors of a query of Prometheus, found without reading the expression (prometheus: `promql/parser/lex.go`).

/// What follows is a list of labels.
const LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
/// Words that are no metric, whatever follows.
const WORDS: [&str; 11] =
    ["and", "or", "unless", "bool", "offset", "atan2", "inf", "nan", "start", "end", "default"];

/// A selector: `http_requests_total{code="500"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector {
    /// The metric's name, if it has one.
    pub(super) name: String,
    /// Its matchers.
    pub(super) matchers: Vec<Matcher>,
    /// Where it stands, in bytes.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
}

/// A matcher of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matcher {
    pub(super) label: String,
    pub(super) op: &'static str,
    /// Between its quotes, as it is written.
    pub(super) value: String,
    /// Where the value stands, without its quotes.
    pub(super) at: usize,
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
}

/// Returns all selectors, in their order; none where the braces and quotes of the text do not fit.
pub(super) fn selectors(text: &str) -> Option<Vec<Selector>> {
    let mut scan = Scan { text, at: 0 };
    let mut found = Vec::new();
    while let Some(letter) = scan.letter() {
        match letter {
            '#' => {
                scan.take_while(|letter| letter != '\n');
            }
            '"' | '\'' | '`' => drop(scan.quoted()?),
            '[' => scan.range()?,
            '{' => found.push(scan.selector(scan.at, String::new())?),
            letter if is_word(letter) && !letter.is_ascii_digit() => {
                let start = scan.at;
                let word = scan.take_while(is_word).to_owned();
                scan.blanks();
                if LABELS.contains(&word.as_str()) && scan.letter() == Some('(') {
                    scan.take_while(|letter| letter != ')');
                    continue;
                }
                let next = scan.text.get(scan.at..).unwrap_or_default();
                let aggregates = ["by", "without"].iter().any(|list| {
                    next.strip_prefix(list).is_some_and(|rest| rest.trim_start().starts_with('('))
                });
                match scan.letter() {
                    Some('{') => found.push(scan.selector(start, word)?),
                    Some('(') => {}
                    _ if aggregates || WORDS.contains(&word.to_ascii_lowercase().as_str()) => {}
                    _ => found.push(Selector {
                        end: start + word.len(),
                        name: word,
                        matchers: Vec::new(),
                        start,
                    }),
                }
            }
            letter if letter.is_ascii_digit() => {
                scan.take_while(|letter| is_word(letter) || letter == '.');
            }
            _ => scan.skip(),
        }
    }
    Some(found)
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'
}

impl<'t> Scan<'t> {
    fn letter(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn skip(&mut self) {
        self.at += self.letter().map_or(0, char::len_utf8);
    }

    fn take_while(&mut self, is_one: impl Fn(char) -> bool) -> &'t str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let taken = rest.get(..rest.find(|letter| !is_one(letter)).unwrap_or(rest.len())).unwrap_or_default();
        self.at += taken.len();
        taken
    }

    fn blanks(&mut self) {
        self.take_while(char::is_whitespace);
    }

    /// Returns what stands in quotes, and where.
    fn quoted(&mut self) -> Option<(usize, &'t str)> {
        let quote = self.letter().filter(|letter| "\"'`".contains(*letter))?;
        self.skip();
        let start = self.at;
        loop {
            let letter = self.letter()?;
            if letter == quote {
                let text = self.text.get(start..self.at)?;
                self.skip();
                return Some((start, text));
            }
            self.skip();
            if letter == '\\' && quote != '`' {
                self.letter()?;
                self.skip();
            }
        }
    }

    /// Passes the range behind a selector.
    fn range(&mut self) -> Option<()> {
        self.take_while(|letter| letter != ']');
        self.letter()?;
        self.skip();
        Some(())
    }

    /// Reads the matchers from the brace on.
    fn selector(&mut self, start: usize, mut name: String) -> Option<Selector> {
        self.skip();
        let mut matchers = Vec::new();
        loop {
            self.blanks();
            match self.letter()? {
                '}' => {
                    self.skip();
                    return Some(Selector { name, matchers, start, end: self.at });
                }
                ',' => self.skip(),
                letter if is_word(letter) => {
                    let label = self.take_while(is_word).to_owned();
                    matchers.push(self.matcher(label)?);
                }
                // A name in quotes (UTF-8 names): the metric's, or that of a label.
                _ => {
                    let (_, text) = self.quoted()?;
                    self.blanks();
                    if self.letter()? == '=' || self.letter()? == '!' {
                        matchers.push(self.matcher(text.to_owned())?);
                    } else {
                        text.clone_into(&mut name);
                    }
                }
            }
            if let Some(Matcher { label, op: "=", value, .. }) = matchers.last()
                && label == "__name__"
            {
                name.clone_from(value);
                matchers.pop();
            }
        }
    }

    fn matcher(&mut self, label: String) -> Option<Matcher> {
        self.blanks();
        let rest = self.text.get(self.at..)?;
        let op = ["=~", "!~", "!=", "="].into_iter().find(|op| rest.starts_with(op))?;
        self.at += op.len();
        self.blanks();
        let (at, value) = self.quoted()?;
        Some(Matcher { label, op, value: value.to_owned(), at })
    }
}
