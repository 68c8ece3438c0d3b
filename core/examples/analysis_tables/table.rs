//! Figures of many runs, and tables of them.

use crate::draw::LOOK;

/// How many runs came to something, and when.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    pub runs: usize,
    seconds: Vec<f64>,
}

impl Figure {
    /// Plays runs.
    pub fn of(runs: usize, play: impl FnMut(usize) -> Option<usize>) -> Self {
        let mut seconds: Vec<f64> = (0..runs).filter_map(play).map(|look| (look + 1) as f64 * LOOK).collect();
        seconds.sort_by(f64::total_cmp);
        Self { runs, seconds }
    }

    /// The share of runs, in percent.
    pub fn percent(&self) -> f64 {
        100.0 * self.seconds.len() as f64 / self.runs as f64
    }

    /// Whether more than one in a hundred is more than chance: four standard errors.
    pub fn breaks_the_claim(&self, most: f64) -> bool {
        let error = 100.0 * (most / 100.0 * (1.0 - most / 100.0) / self.runs as f64).sqrt();
        self.percent() > most + 4.0 * error
    }

    /// The percentage; with the median of the seconds, if at least half of the runs came to it.
    pub fn text(&self) -> String {
        let percent = round(self.percent());
        let found = self.seconds.len();
        match self.seconds.get(found / 2).filter(|_| found * 2 >= self.runs) {
            Some(seconds) => format!("{percent}/{seconds:.0}"),
            None => percent,
        }
    }
}

/// Rounds to a tenth.
pub fn round(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Prints a table.
pub fn print(title: &str, head: &[&str], rows: &[Vec<String>]) {
    println!("{title}\n\n| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
    println!();
}
