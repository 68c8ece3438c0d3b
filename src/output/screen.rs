//! A picture on the terminal that is redrawn in place: only lines that changed are written, all at once.

use console::{measure_text_width, truncate_str};

use crate::world;

/// Terminals that know it show a frame only when it is whole; others ignore it.
const BEGIN: &str = "\u{1b}[?2026h";
const END: &str = "\u{1b}[?2026l";

/// The picture on stderr. The cursor stands below it.
#[derive(Default)]
pub(super) struct Screen {
    drawn: Vec<String>,
    width: usize,
    height: usize,
}

impl Screen {
    /// Returns rows and columns of the terminal.
    pub(super) fn size() -> (usize, usize) {
        world::terminal().map_or((24, 80), |(rows, columns)| (rows.max(2), columns.max(2)))
    }

    /// Shows these lines, as many as fit.
    pub(super) fn draw(&mut self, lines: &[String]) {
        let (height, width) = Self::size();
        // In the last column a line would wait to be wrapped, and below the picture there is the cursor.
        let cut = |line: &String| truncate_str(line, width - 1, "…").into_owned();
        let lines: Vec<String> = lines.iter().take(height - 1).map(cut).collect();
        let resized = width != self.width || height != self.height;
        let frame = if resized {
            let rows = wrapped(&self.drawn, width).min(height - 1);
            format!("{}{}", erase(rows), frame(&[], &lines))
        } else {
            frame(&self.drawn, &lines)
        };
        write(&format!("{BEGIN}{frame}{END}"));
        (self.drawn, self.width, self.height) = (lines, width, height);
    }

    /// Takes the picture away.
    pub(super) fn clear(&mut self) {
        let (height, width) = Self::size();
        write(&erase(wrapped(&self.drawn, width).min(height - 1)));
        self.drawn.clear();
    }
}

/// Returns what makes one picture of another. Both begin and end with the cursor in the first column below.
fn frame(old: &[String], new: &[String]) -> String {
    let mut text = up(old.len());
    for (index, line) in new.iter().enumerate() {
        if old.get(index) == Some(line) {
            text.push_str("\r\n");
        } else {
            text.extend([line.as_str(), "\u{1b}[K\r\n"]);
        }
    }
    if old.len() > new.len() {
        text.push_str("\u{1b}[J");
    }
    text
}

/// Returns how many rows lines take, now that the terminal is so wide and has wrapped what is too long.
fn wrapped(lines: &[String], width: usize) -> usize {
    lines.iter().map(|line| measure_text_width(line).div_ceil(width).max(1)).sum()
}

fn erase(rows: usize) -> String {
    format!("{}\u{1b}[J", up(rows))
}

fn up(rows: usize) -> String {
    if rows == 0 { "\r".into() } else { format!("\r\u{1b}[{rows}A") }
}

fn write(text: &str) {
    world::stderr(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn only_lines_that_changed_are_written() {
        assert_eq!(frame(&lines("a b c"), &lines("a x c")), "\r\u{1b}[3A\r\nx\u{1b}[K\r\n\r\n");
        assert_eq!(frame(&[], &lines("a")), "\ra\u{1b}[K\r\n");
    }

    #[test]
    fn a_shorter_picture_leaves_nothing_behind() {
        assert_eq!(frame(&lines("a b c"), &lines("a")), "\r\u{1b}[3A\r\n\u{1b}[J");
    }

    #[test]
    fn rows_are_counted_as_they_are_shown() {
        let wide = ["\u{1b}[31m日本語\u{1b}[0m".to_owned(), String::new()];
        assert_eq!(wrapped(&wide, 80), 2);
        assert_eq!(wrapped(&wide, 4), 3);
        assert_eq!(truncate_str(&wide[0], 5, "…"), "\u{1b}[31m日本…\u{1b}[0m");
    }
}
