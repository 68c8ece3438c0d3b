//! Plain text tables of counts.

use std::fmt::{Display, Formatter, Result};

/// Rows with a name and counts.
#[derive(Clone, Debug)]
pub(super) struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<(String, Vec<u64>)>,
}

impl Table {
    pub(super) fn new(title: &str, columns: &[&str], rows: Vec<(String, Vec<u64>)>) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { title: title.to_owned(), columns, rows }
    }
}

fn widest<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or_default()
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let counts = || self.rows.iter().flat_map(|(_, counts)| counts);
        let (all, never) = (counts().count(), counts().filter(|count| **count == 0).count());
        writeln!(f, "{} ({never} of {all} never)", self.title)?;
        let name = widest(self.rows.iter().map(|(name, _)| name.as_str()));
        let most = counts().max().copied().unwrap_or_default().to_string();
        let width = widest(self.columns.iter().map(String::as_str).chain([most.as_str()]));
        write!(f, "  {:name$}", "")?;
        self.columns.iter().try_for_each(|column| write!(f, "  {column:>width$}"))?;
        writeln!(f)?;
        for (row, counts) in &self.rows {
            write!(f, "  {row:name$}")?;
            counts.iter().try_for_each(|count| write!(f, "  {count:>width$}"))?;
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Each with each: the columns have the numbers of the rows.
pub(super) fn matrix(
    title: &str,
    names: &[&'static str],
    count: impl Fn(&'static str, &'static str) -> u64,
) -> String {
    let pairs =
        || names.iter().enumerate().flat_map(|(at, row)| names[..=at].iter().map(move |one| (row, one)));
    let counts: Vec<u64> = pairs().map(|(row, one)| count(row, one)).collect();
    let never = counts.iter().filter(|count| **count == 0).count();
    let name = widest(names.iter().copied());
    let width = counts.iter().max().copied().unwrap_or_default().to_string().len().max(2);
    let mut text = format!("{title} ({never} of {} never)\n  {:name$}   ", counts.len(), "");
    (1..=names.len()).for_each(|at| text.push_str(&format!(" {at:>width$}")));
    for (at, row) in names.iter().enumerate() {
        text.push_str(&format!("\n  {row:name$} {:>2}", at + 1));
        names[..=at].iter().for_each(|one| text.push_str(&format!(" {:>width$}", count(row, one))));
    }
    text.push('\n');
    text
}
