//! Metrics as programs expose them: the text format of Prometheus 0.0.4, and what `OpenMetrics` adds to it (exemplars,
//! `# EOF`, names in quotes). <https://prometheus.io/docs/instrumenting/exposition_formats/>
//!
//! One pass over the text, so that hostile text costs no more than its length. A value or a label may have anything in quotes:
//! braces, commas, `#`. What is read is what Prometheus reads; where it is more or less on purpose, `core/tests/exposition/purpose.rs`
//! says why.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::brief;

/// The longest that is told of a line that cannot be read, in letters.
const SHOWN: usize = 40;

/// A line with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'t> {
    /// The name of the metric.
    pub name: Cow<'t, str>,
    /// Its labels, in their order.
    pub labels: Vec<(Cow<'t, str>, Cow<'t, str>)>,
    /// The value; it may be infinite, or no number.
    pub value: f64,
}

impl Sample<'_> {
    /// Returns a label, empty where there is none.
    pub fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
    }
}

/// A line that is none of the format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its number, from 1.
    pub line: usize,
    /// What it begins with.
    pub text: String,
}

/// Reads a text. Comments, `HELP` and `TYPE` are passed over.
///
/// # Errors
/// Names the first line that cannot be read.
pub fn samples(text: &str) -> Result<Vec<Sample<'_>>, Broken> {
    let lines = text.lines().enumerate();
    let lines = lines.map(|(index, line)| (index + 1, line.trim_matches([' ', '\t', '\r'])));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let broken =
        |line, text: &str| Broken { line, text: brief::cut(&text.escape_default().to_string(), SHOWN) };
    lines.map(|(number, line)| sample(line).ok_or_else(|| broken(number, line))).collect()
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let mut rest = Rest(line);
    let mut name = Cow::Borrowed(rest.name(is_name));
    if !name.is_empty() && !rest.0.starts_with(['{', ' ', '\t']) {
        return None;
    }
    rest.blanks();
    let mut labels = Vec::new();
    if rest.take('{') {
        loop {
            rest.blanks();
            if rest.take('}') {
                break;
            }
            let is_quoted = rest.0.starts_with('"');
            let label = if is_quoted { rest.quoted()? } else { Cow::Borrowed(rest.name(is_label)) };
            rest.blanks();
            if rest.take('=') {
                rest.blanks();
                labels.push((label, rest.quoted()?));
            } else if is_quoted && name.is_empty() && !label.is_empty() {
                // A name in quotes stands among the labels.
                name = label;
            } else {
                return None;
            }
            rest.blanks();
            if !rest.take(',') && !rest.0.starts_with('}') {
                return None;
            }
        }
    }
    rest.blanks();
    let value = value(rest.word(|letter| !letter.is_whitespace()))?;
    rest.blanks();
    let time = rest.word(|letter| !letter.is_whitespace() && letter != '#');
    rest.blanks();
    let is_over = rest.0.is_empty() || rest.0.starts_with('#');
    let mut seen = BTreeSet::new();
    let is_sound =
        !name.is_empty() && labels.iter().all(|(label, _)| !label.is_empty() && seen.insert(label));
    let is_time = time.is_empty() || time.parse::<f64>().is_ok_and(f64::is_finite);
    (is_over && is_sound && is_time).then_some(Sample { name, labels, value })
}

/// Go's `ParseFloat` without what Prometheus does not take of it: hexadecimal numbers, and `_` in them.
fn value(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    // Other than here, NaN has no sign there, and a number is never too large.
    let is_read = if number.is_nan() {
        !text.starts_with(['+', '-'])
    } else {
        number.is_finite() || !text.contains(|letter: char| letter.is_ascii_digit())
    };
    is_read.then_some(number)
}

fn is_name(letter: char) -> bool {
    is_label(letter) || letter == ':'
}

fn is_label(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.')
}

/// What is left of a line.
struct Rest<'t>(&'t str);

impl<'t> Rest<'t> {
    fn blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, letter: char) -> bool {
        let rest = self.0.strip_prefix(letter);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn word(&mut self, of: impl Fn(char) -> bool) -> &'t str {
        let end = self.0.find(|letter| !of(letter)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word
    }

    /// A name without quotes, which begins with no digit.
    fn name(&mut self, of: impl Fn(char) -> bool) -> &'t str {
        if self.0.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.') {
            return "";
        }
        self.word(of)
    }

    /// A text in quotes, with `\\`, `\"` and `\n` undone.
    fn quoted(&mut self) -> Option<Cow<'t, str>> {
        let text = self.0.strip_prefix('"')?;
        let mut escaped = false;
        let mut has_escapes = false;
        let end = text.find(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            has_escapes |= escaped;
            ends
        })?;
        let (inner, rest) = text.split_at(end);
        self.0 = rest.strip_prefix('"')?;
        Some(if has_escapes { Cow::Owned(unescaped(inner)) } else { Cow::Borrowed(inner) })
    }
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, if letter == '\\' { letters.next() } else { None }) {
            ('\\', Some('n')) => plain.push('\n'),
            ('\\', Some(other @ ('\\' | '"'))) => plain.push(other),
            (letter, other) => plain.extend(std::iter::once(letter).chain(other)),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
