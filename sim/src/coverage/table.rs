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
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    title: String,
    /// Each with the counts of itself and of those before it.
    rows: Vec<(&'static str, Vec<u64>)>,
}

impl Matrix {
    pub(super) fn new(
        title: &str,
        names: &[&'static str],
        count: impl Fn(&'static str, &'static str) -> u64,
    ) -> Self {
        let counts = |at: usize, row| names.iter().take(at + 1).map(|one| count(row, one)).collect();
        let rows = names.iter().enumerate().map(|(at, row)| (*row, counts(at, row)));
        Self { title: title.to_owned(), rows: rows.collect() }
    }
}

impl Display for Matrix {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let counts = || self.rows.iter().flat_map(|(_, counts)| counts);
        let (all, never) = (counts().count(), counts().filter(|count| **count == 0).count());
        writeln!(f, "{} ({never} of {all} never)", self.title)?;
        let name = widest(self.rows.iter().map(|(name, _)| *name));
        let width = counts().max().copied().unwrap_or_default().to_string().len().max(2);
        write!(f, "  {:name$}   ", "")?;
        (1..=self.rows.len()).try_for_each(|at| write!(f, " {at:>width$}"))?;
        for (at, (row, counts)) in self.rows.iter().enumerate() {
            write!(f, "\n  {row:name$} {:>2}", at + 1)?;
            counts.iter().try_for_each(|count| write!(f, " {count:>width$}"))?;
        }
        writeln!(f)
    }
}
