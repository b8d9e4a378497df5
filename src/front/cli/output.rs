//! Where a command's words go: results to standard output, everything else to standard error.
//!
//! Tables are for people and may change; `--json` is for programs and may not ([`super::shape`]).
//! Colour appears only on a terminal that has not said `NO_COLOR`, and never carries a meaning
//! that the words do not.

use super::failure::Failure;
use crate::model::text::visible;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use unicode_width::UnicodeWidthStr;

/// What is at the other end of the standard streams.
#[derive(Clone, Copy, Debug, Default)]
pub struct Streams {
    /// Standard input is a terminal.
    pub input_is_terminal: bool,
    /// Standard output is a terminal.
    pub output_is_terminal: bool,
    /// Standard error is a terminal.
    pub error_is_terminal: bool,
    /// Colours are welcome (`NO_COLOR` is not set, `TERM` is not `dumb`).
    pub colour: bool,
}

impl Streams {
    /// Looks at the process's streams. `colour` is whether the environment welcomes it.
    pub fn of_process(colour: bool) -> Self {
        Self {
            input_is_terminal: std::io::stdin().is_terminal(),
            output_is_terminal: std::io::stdout().is_terminal(),
            error_is_terminal: std::io::stderr().is_terminal(),
            colour,
        }
    }

    /// Whether a screen can be shown and typed at.
    pub fn is_interactive(&self) -> bool {
        self.input_is_terminal && self.output_is_terminal
    }
}

/// The two streams of a command, and the form its results take.
pub struct Output {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    streams: Streams,
    json: bool,
}

impl Output {
    /// Writes to the process's streams.
    pub fn to_process(streams: Streams, json: bool) -> Self {
        Self {
            out: Box::new(std::io::stdout()),
            err: Box::new(std::io::stderr()),
            streams,
            json,
        }
    }

    /// What is at the ends.
    pub fn streams(&self) -> Streams {
        self.streams
    }

    /// Whether results are JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a result: `shape` as JSON, or what `people` writes.
    ///
    /// # Errors
    /// [`Failure::PipeClosed`] if nobody reads any more.
    pub fn result(&mut self, shape: &impl Serialize, people: impl FnOnce(&mut Page)) -> Result<(), Failure> {
        if self.json {
            return self.json_only(shape);
        }
        let mut page = Page {
            text: String::new(),
            colour: self.colour(),
        };
        people(&mut page);
        self.raw(page.text.as_bytes())
    }

    /// Prints JSON if JSON is wanted, nothing otherwise.
    ///
    /// # Errors
    /// [`Failure::PipeClosed`] if nobody reads any more.
    pub fn json_only(&mut self, shape: &impl Serialize) -> Result<(), Failure> {
        if !self.json {
            return Ok(());
        }
        let mut text = serde_json::to_vec_pretty(shape)
            .map_err(|reason| Failure::writing(std::io::Error::other(reason)))?;
        text.push(b'\n');
        self.raw(&text)
    }

    /// Prints bytes as they are: completions, man pages.
    ///
    /// # Errors
    /// [`Failure::PipeClosed`] if nobody reads any more.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out
            .write_all(bytes)
            .and_then(|()| self.out.flush())
            .map_err(Failure::writing)
    }

    /// A line for people beside the result. Where standard error is closed there is nobody to
    /// tell, so a failure to write is not one of the command.
    pub fn note(&mut self, line: &str) {
        let _nobody = writeln!(self.err, "{line}").and_then(|()| self.err.flush());
    }

    /// Text without a line break, for prompts and redrawn progress.
    pub fn note_part(&mut self, text: &str) {
        let _nobody = self
            .err
            .write_all(text.as_bytes())
            .and_then(|()| self.err.flush());
    }

    fn colour(&self) -> bool {
        self.streams.colour && self.streams.output_is_terminal
    }
}

/// Text for people being put together.
pub struct Page {
    text: String,
    colour: bool,
}

impl Page {
    /// A line; what it contains is made safe to show.
    pub fn line(&mut self, line: &str) {
        self.text.push_str(&visible(line));
        self.text.push('\n');
    }

    /// A table with aligned columns. No rows, no table: `empty` is said instead.
    pub fn table(&mut self, table: &Table, empty: &str) {
        if table.rows.is_empty() {
            self.line(empty);
            return;
        }
        let widths: Vec<usize> = (0..table.columns.len()).map(|at| table.width(at)).collect();
        let heads: Vec<String> = table.columns.iter().map(|(head, _)| (*head).to_owned()).collect();
        let head = table.row(&heads, &widths);
        if self.colour {
            self.text.push_str(&format!("\x1b[1m{head}\x1b[0m\n"));
        } else {
            self.text.push_str(&head);
            self.text.push('\n');
        }
        for cells in &table.rows {
            self.text.push_str(&table.row(cells, &widths));
            self.text.push('\n');
        }
    }

    /// Names and values, one pair a line; empty values are left out.
    pub fn pairs(&mut self, pairs: &[(&str, String)]) {
        let shown = || pairs.iter().filter(|(_, value)| !value.is_empty());
        let width = shown().map(|(name, _)| name.width()).max().unwrap_or(0);
        for (name, value) in shown() {
            let gap = " ".repeat(width - name.width());
            self.line(&format!("{name}{gap}  {value}"));
        }
    }
}

/// On which side a column's cells are flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows of cells under headings.
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, one cell per column; cells are made safe to show.
    pub fn push(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(
            cells
                .into_iter()
                .map(|cell| visible(&cell).into_owned())
                .collect(),
        );
    }

    fn width(&self, column: usize) -> usize {
        let cells = self
            .rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.width());
        cells.max().unwrap_or(0).max(self.columns[column].0.width())
    }

    fn row(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), (_, align)) in cells.iter().zip(widths).zip(&self.columns) {
            let gap = " ".repeat(width.saturating_sub(cell.width()));
            if !line.is_empty() {
                line.push_str("  ");
            }
            match align {
                Align::Left => line.extend([cell.as_str(), &gap]),
                Align::Right => line.extend([gap.as_str(), cell]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// `1.5 GiB`: bytes for people, in binary units.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `3d 2h`, `5h 12m`, `12m`, `40s`: a span for people, two units at most.
pub fn span(seconds: i64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m"),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// A moment in the local time zone.
pub fn moment(time: jiff::Timestamp) -> String {
    time.to_zoned(jiff::tz::TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

#[cfg(test)]
mod capture {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What a command said.
    pub(in crate::front::cli) struct Captured {
        out: Shared,
        err: Shared,
    }

    impl Captured {
        /// Standard output and standard error.
        pub fn texts(&self) -> (String, String) {
            let text = |shared: &Shared| String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
            (text(&self.out), text(&self.err))
        }
    }

    impl Output {
        /// An output that a test can read.
        pub(in crate::front::cli) fn captured(json: bool) -> (Self, Captured) {
            let (out, err) = (Shared::default(), Shared::default());
            let output = Self {
                out: Box::new(out.clone()),
                err: Box::new(err.clone()),
                streams: Streams::default(),
                json,
            };
            (output, Captured { out, err })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(people: impl FnOnce(&mut Page)) -> String {
        let (mut output, screen) = Output::captured(false);
        output.result(&(), people).unwrap();
        screen.texts().0
    }

    #[test]
    fn columns_align_by_width_not_by_bytes() {
        let mut table = Table::new(&[("NAME", Align::Left), ("RAM", Align::Right)]);
        table.push(["世界".to_owned(), "512".to_owned()]);
        table.push(["web-1".to_owned(), "2048".to_owned()]);
        assert_eq!(
            page(|page| page.table(&table, "none")),
            "NAME    RAM\n世界    512\nweb-1  2048\n"
        );
    }

    #[test]
    fn an_empty_table_is_a_sentence() {
        let table = Table::new(&[("NAME", Align::Left)]);
        assert_eq!(page(|page| page.table(&table, "no machines")), "no machines\n");
    }

    #[test]
    fn hostile_text_does_not_reach_the_terminal() {
        let mut table = Table::new(&[("NAME", Align::Left)]);
        table.push(["a\x1b[2Jb".to_owned()]);
        let text = page(|page| {
            page.table(&table, "");
            page.line("x\u{202e}y");
        });
        assert!(!text.contains('\x1b') && !text.contains('\u{202e}'), "{text:?}");
    }

    #[test]
    fn sizes_and_spans_read_well() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(19 * 1024 * 1024), "19.0 MiB");
        assert_eq!(span(40), "40s");
        assert_eq!(span(3 * 86_400 + 2 * 3_600 + 59), "3d 2h");
        assert_eq!(span(5 * 3_600 + 12 * 60), "5h 12m");
    }
}
