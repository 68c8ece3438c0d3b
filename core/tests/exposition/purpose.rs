//! Where our reading differs from Prometheus' on purpose. A pod is asked for counters of requests alone, and a text that is
//! refused leaves a run without a verdict: whatever does not change what a sample is, is passed over.

/// Takes out of a text what we read and Prometheus does not:
///
/// - what comments say: a wrong `# TYPE` is no reason not to count, and types are not used;
/// - `\r` at the end of a line, which exporters for Windows write;
/// - whatever stands behind the value: times that are negative or have a fraction, and exemplars, are `OpenMetrics`, which some
///   programs send whatever they are asked for;
/// - dots in names without quotes, which older exporters of `StatsD` and Dropwizard write: they become `_` here, and in the names
///   of what we read.
pub(crate) fn as_prometheus_wants(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn line(line: &str) -> String {
    let line = line.trim_matches([' ', '\t', '\r']);
    if line.starts_with('#') {
        return String::new();
    }
    let mut scan = Scan { rest: line };
    let mut plain = String::new();
    scan.rest = scan.rest.trim_start_matches([' ', '\t']);
    plain += &scan.outside(|letter| !"{ \t".contains(letter)).replace('.', "_");
    scan.blanks();
    if scan.rest.starts_with('{') {
        while !scan.rest.is_empty() && !scan.rest.starts_with('}') {
            plain += &scan.outside(|letter| !"\"}".contains(letter)).replace('.', "_");
            plain += scan.quoted();
        }
        plain += scan.outside(|letter| letter == '}');
    }
    scan.blanks();
    plain += " ";
    plain += scan.outside(|letter| !" \t".contains(letter));
    plain
}

struct Scan<'t> {
    rest: &'t str,
}

impl<'t> Scan<'t> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn outside(&mut self, of: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|letter| !of(letter)).unwrap_or(self.rest.len());
        self.split(end)
    }

    /// A text in quotes with them, or all that is left.
    fn quoted(&mut self) -> &'t str {
        if !self.rest.starts_with('"') {
            return "";
        }
        let mut escaped = true;
        let end = self.rest.find(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        self.split(end.map_or(self.rest.len(), |end| end + 1))
    }

    fn split(&mut self, at: usize) -> &'t str {
        let (before, rest) = self.rest.split_at(at);
        self.rest = rest;
        before
    }
}

/// Why we refuse what Prometheus reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stricter {
    /// A line feed in a text in quotes. The format has `\n` for it, and a text is read line by line.
    LineFeedInQuotes,
    /// Labels without a comma between them, which the format asks for, and `OpenMetrics` and `expfmt` too.
    NoComma,
    /// A value at a name without a blank between them, which the format asks for: where the name ends cannot be told from its
    /// letters alone where dots are letters.
    NoBlank,
}

impl Stricter {
    /// Finds the reason in a text.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let lines = || text.split('\n').filter(|line| !line.trim_start().starts_with('#'));
        if lines().any(has_open_quotes) {
            Some(Self::LineFeedInQuotes)
        } else if lines().any(lacks_a_comma) {
            Some(Self::NoComma)
        } else if lines().any(lacks_a_blank) {
            Some(Self::NoBlank)
        } else {
            None
        }
    }
}

fn has_open_quotes(line: &str) -> bool {
    let mut scan = Scan { rest: line };
    scan.outside(|letter| letter != '"');
    while !scan.rest.is_empty() {
        let quoted = scan.quoted();
        if quoted.len() < 2 || !quoted.ends_with('"') {
            return true;
        }
        scan.outside(|letter| letter != '"');
    }
    false
}

fn lacks_a_blank(line: &str) -> bool {
    let mut scan = Scan { rest: line };
    scan.blanks();
    let name = scan.outside(|letter| !"{ \t".contains(letter));
    !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_:".contains(letter))
}

fn lacks_a_comma(line: &str) -> bool {
    let mut scan = Scan { rest: line };
    scan.outside(|letter| letter != '"');
    while !scan.rest.is_empty() {
        scan.quoted();
        scan.blanks();
        if scan.rest.starts_with(|letter: char| letter.is_ascii_alphabetic() || "_\"".contains(letter)) {
            return true;
        }
        scan.outside(|letter| letter != '"');
    }
    false
}
