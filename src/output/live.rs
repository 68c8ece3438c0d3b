//! The live tree on a terminal. It is redrawn in place and taken away at the end, when the same tree is
//! written once as plain text.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The lines on the screen.
pub(super) struct Live {
    screen: MultiProgress,
    /// The tree of each workload, by name.
    trees: BTreeMap<String, Vec<String>>,
    /// What its metrics say, below its tree.
    pictures: BTreeMap<String, Vec<String>>,
    lines: Vec<ProgressBar>,
    waiting: Option<ProgressBar>,
    color: bool,
}

impl Live {
    pub(super) fn new(color: bool) -> Self {
        Self {
            screen: MultiProgress::new(),
            trees: BTreeMap::new(),
            pictures: BTreeMap::new(),
            lines: Vec::new(),
            waiting: None,
            color,
        }
    }

    pub(super) fn color(&self) -> bool {
        self.color
    }

    /// Redraws the tree of a workload, with what is waited for below all of them.
    pub(super) fn show(&mut self, workload: &str, tree: &[String], waiting: &str) {
        self.trees.insert(workload.to_owned(), tree.to_vec());
        self.draw();
        let spinner = self.waiting.get_or_insert_with(|| {
            let spinner = self.screen.add(ProgressBar::new_spinner());
            spinner.set_style(style("{spinner} {wide_msg} {elapsed}"));
            spinner.enable_steady_tick(Duration::from_millis(120));
            spinner
        });
        spinner.set_message(waiting.to_owned());
    }

    /// Draws the lines that are new.
    fn draw(&mut self) {
        let below = |name: &String| self.pictures.get(name).into_iter().flatten();
        let all = self.trees.iter().flat_map(|(name, tree)| tree.iter().chain(below(name)));
        let tree: Vec<String> = all.cloned().collect();
        while self.lines.len() > tree.len() {
            if let Some(line) = self.lines.pop() {
                line.finish_and_clear();
                self.screen.remove(&line);
            }
        }
        while self.lines.len() < tree.len() {
            let line = self.screen.insert(self.lines.len(), ProgressBar::new_spinner());
            line.set_style(style("{wide_msg}"));
            self.lines.push(line);
        }
        for (line, text) in self.lines.iter().zip(tree) {
            line.set_message(text);
            line.tick();
        }
    }

    /// Has what the metrics of a workload say stand below its tree from now on.
    pub(super) fn picture(&mut self, workload: &str, lines: Vec<String>) {
        self.pictures.insert(workload.to_owned(), lines);
        self.draw();
    }

    /// Writes a line above the tree.
    pub(super) fn line(&mut self, text: &str) {
        // A terminal that went away is no reason to stop a rollout.
        self.screen.println(text).unwrap_or(());
    }

    /// Takes the tree away.
    pub(super) fn clear(&mut self) {
        if let Some(spinner) = self.waiting.take() {
            spinner.finish_and_clear();
        }
        self.trees.clear();
        self.pictures.clear();
        self.lines.drain(..).for_each(|line| line.finish_and_clear());
        self.screen.clear().unwrap_or(());
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
impl Live {
    /// One that is drawn somewhere else than on stderr.
    pub(super) fn on(terminal: Box<dyn indicatif::TermLike>, color: bool) -> Self {
        let live = Self::new(color);
        live.screen.set_draw_target(indicatif::ProgressDrawTarget::term_like(terminal));
        live
    }
}
