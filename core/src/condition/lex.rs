//! Words of a condition, with the columns where they begin (expr: `parser/lexer/state.go`).

use super::Unreadable;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Int(i64),
    Float(f64),
    Text(String),
    /// A name, also `true` and `nil`.
    Name(String),
    /// `&&`, `(`, `<=` and so on.
    Sign(&'static str),
    End,
}

/// Longer ones first.
const SIGNS: [&str; 17] =
    ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ".", ",", "-", "?"];

struct Letters<'t> {
    rest: &'t str,
    column: usize,
}

impl<'t> Letters<'t> {
    fn first(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let letter = self.first()?;
        self.rest = self.rest.get(letter.len_utf8()..).unwrap_or_default();
        self.column += 1;
        Some(letter)
    }

    fn take_while(&mut self, is_one: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|letter| !is_one(letter)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.column += taken.chars().count();
        taken
    }

    fn refused(&self, why: impl Into<String>) -> Unreadable {
        Unreadable { column: self.column, why: why.into() }
    }
}

/// Returns the words with their columns; the last is the end.
pub(super) fn words(text: &str) -> Result<Vec<(usize, Token)>, Unreadable> {
    let mut letters = Letters { rest: text, column: 1 };
    let mut words = Vec::new();
    loop {
        letters.take_while(char::is_whitespace);
        let column = letters.column;
        let second = letters.rest.chars().nth(1);
        let token = match letters.first() {
            None => {
                words.push((column, Token::End));
                return Ok(words);
            }
            Some(quote @ ('"' | '\'')) => Token::Text(quoted(&mut letters, quote)?),
            Some('0'..='9') => number(&mut letters)?,
            Some('.') if second.is_some_and(|letter| letter.is_ascii_digit()) => number(&mut letters)?,
            Some(letter) if is_name(letter) => Token::Name(letters.take_while(is_name).to_owned()),
            Some(letter) => {
                let sign = SIGNS.into_iter().find(|sign| letters.rest.starts_with(sign));
                let sign = sign.ok_or_else(|| letters.refused(format!("'{letter}' is not supported")))?;
                for _ in sign.chars() {
                    letters.take();
                }
                Token::Sign(sign)
            }
        };
        words.push((column, token));
    }
}

fn is_name(letter: char) -> bool {
    letter == '_' || letter == '$' || letter.is_alphanumeric()
}

fn number(letters: &mut Letters<'_>) -> Result<Token, Unreadable> {
    let column = letters.column;
    let refused = |word: &str| Unreadable { column, why: format!("'{word}' is not a number") };
    let mut word = letters.take_while(|letter| is_name(letter) || letter == '.').to_owned();
    let is_hex = word.starts_with("0x") || word.starts_with("0X");
    if !is_hex && word.ends_with(['e', 'E']) && letters.first().is_some_and(|letter| "+-".contains(letter)) {
        word.extend(letters.take());
        word.push_str(letters.take_while(is_name));
    }
    let plain = word.replace('_', "");
    if let Some(digits) = plain.strip_prefix("0x") {
        let is_plain = digits.chars().all(|digit| digit.is_ascii_hexdigit());
        return i64::from_str_radix(digits, 16)
            .ok()
            .filter(|_| is_plain)
            .map(Token::Int)
            .ok_or_else(|| refused(&word));
    }
    if !plain.chars().all(|letter| letter.is_ascii_digit() || ".eE+-".contains(letter)) {
        return Err(refused(&word));
    }
    if plain.contains(['.', 'e', 'E']) {
        // Go calls what is too large an error, Rust infinite.
        let read = plain.parse::<f64>().ok().filter(|number| number.is_finite());
        return read.map(Token::Float).ok_or_else(|| refused(&word));
    }
    plain.parse().map(Token::Int).map_err(|_| refused(&word))
}

fn quoted(letters: &mut Letters<'_>, quote: char) -> Result<String, Unreadable> {
    let column = letters.column;
    letters.take();
    let mut text = String::new();
    loop {
        let here = letters.column;
        match letters.take() {
            None | Some('\n') => return Err(Unreadable { column, why: "the string does not end".into() }),
            Some(letter) if letter == quote => return Ok(text),
            Some('\\') => {
                let escaped = escaped(letters, quote);
                text.push(escaped.ok_or_else(|| Unreadable {
                    column: here,
                    why: "this escape is not supported".into(),
                })?);
            }
            Some(letter) => text.push(letter),
        }
    }
}

/// Reads what stands behind a backslash. Octal digits and `\U` are left out.
fn escaped(letters: &mut Letters<'_>, quote: char) -> Option<char> {
    let letter = letters.take()?;
    Some(match letter {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' => '\\',
        'x' | 'u' => {
            let digits: String =
                (0..if letter == 'x' { 2 } else { 4 }).map_while(|_| letters.take()).collect();
            let code = u32::from_str_radix(&digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ => Some(letter).filter(|letter| *letter == quote)?,
    })
}
