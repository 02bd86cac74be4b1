//! Writes lines and tables for people, in which nothing from outside can act on the terminal.

use std::io::{self, Write};

use stonekeep::Warning;

use super::escape::visible;
use super::units::bytes;

/// How a piece of text is to be seen, where there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Style {
    #[default]
    Plain,
    /// Headings.
    Strong,
    /// What is as it should be.
    Good,
    /// What needs attention.
    Warning,
    /// What is wrong.
    Bad,
    /// Advice.
    Hint,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Style::Plain => "0",
            Style::Strong => "1",
            Style::Good => "32",
            Style::Warning => "33",
            Style::Bad => "1;31",
            Style::Hint => "36",
        }
    }

    /// The text, made safe, in this style.
    pub(crate) fn paint(self, text: &str, colour: bool) -> String {
        let text = visible(text);
        if !colour || self == Style::Plain || text.is_empty() {
            return text;
        }
        format!("\x1b[{}m{text}\x1b[0m", self.code())
    }
}

/// Where a verb writes its text. The first failure to write is kept until [`Page::finish`]; what follows it is dropped.
pub(crate) struct Page<'a> {
    sink: &'a mut dyn Write,
    colour: bool,
    failed: Option<io::Error>,
    /// What comes before the first line, if there is one.
    heading: Option<String>,
}

impl<'a> Page<'a> {
    pub(crate) fn new(sink: &'a mut dyn Write, colour: bool) -> Self {
        Page {
            sink,
            colour,
            failed: None,
            heading: None,
        }
    }

    /// A line before the others, if others follow.
    pub(crate) fn head(&mut self, text: &str) {
        self.heading = Some(Style::Strong.paint(text, self.colour));
    }

    /// Whether the line before the others is still to be written.
    pub(crate) fn is_untouched(&self) -> bool {
        self.heading.is_some()
    }

    /// A line.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        self.styled(Style::Plain, text);
    }

    /// A line in one style.
    pub(crate) fn styled(&mut self, style: Style, text: impl AsRef<str>) {
        self.put(&style.paint(text.as_ref(), self.colour));
    }

    /// A line whose first part is in a style: `warning: the rest`.
    pub(crate) fn marked(&mut self, style: Style, mark: &str, text: impl AsRef<str>) {
        let line = format!("{} {}", style.paint(mark, self.colour), visible(text.as_ref()));
        self.put(&line);
    }

    /// A warning with its name, by which it can be looked up; nothing of one that the user accepts.
    pub(crate) fn warning(&mut self, warning: &Warning) {
        if warning.accepted {
            return;
        }
        self.marked(
            Style::Warning,
            "warning:",
            format!("{warning} [{}]", warning.name),
        );
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.put("");
    }

    /// Values behind labels, one a line, aligned.
    pub(crate) fn fields(&mut self, fields: &[(&str, String)]) {
        let width = fields.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
        for (label, value) in fields {
            let value = visible(value);
            self.put(format!("{label:width$}  {value}").trim_end());
        }
    }

    /// A table.
    pub(crate) fn table(&mut self, table: &Table) {
        let widths = table.widths();
        for (row, cells) in std::iter::once(&table.head).chain(&table.rows).enumerate() {
            let mut line = String::new();
            for (column, cell) in cells.iter().enumerate() {
                let style = if row == 0 { Style::Strong } else { cell.style };
                let fill = " ".repeat(widths[column].saturating_sub(cell.width()));
                let text = style.paint(&cell.text, self.colour);
                let gap = if column == 0 { "" } else { "  " };
                line.push_str(gap);
                line.push_str(&match table.head[column].align {
                    Align::Left => format!("{text}{fill}"),
                    Align::Right => format!("{fill}{text}"),
                });
            }
            self.put(line.trim_end());
        }
    }

    /// What a dry run would do, a file with its size in each row, and a gap.
    pub(crate) fn plan<A: Into<String>, B: Into<String>>(
        &mut self,
        headings: [&str; 3],
        files: impl Iterator<Item = (A, u64, B)>,
    ) {
        let mut table = Table::new(&headings);
        for (first, size_bytes, last) in files {
            table.row(vec![
                first.into().into(),
                bytes(size_bytes).into(),
                last.into().into(),
            ]);
        }
        self.table(&table);
        self.gap();
    }

    /// Whether writing has failed, so that a long text can end early.
    pub(crate) fn is_broken(&self) -> bool {
        self.failed.is_some()
    }

    /// Whether everything was written.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.sink.flush(),
        }
    }

    fn put(&mut self, safe_line: &str) {
        if let Some(heading) = self.heading.take() {
            self.put(&heading);
        }
        if self.failed.is_none() {
            self.failed = writeln!(self.sink, "{safe_line}").err();
        }
    }
}

/// On which side of its column a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Align {
    #[default]
    Left,
    Right,
}

/// One cell of a [`Table`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
    align: Align,
}

impl Cell {
    /// A cell in a style.
    pub(crate) fn styled(style: Style, text: impl Into<String>) -> Self {
        Cell {
            text: text.into(),
            style,
            ..Cell::default()
        }
    }

    fn width(&self) -> usize {
        visible(&self.text).chars().count()
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Cell::styled(Style::Plain, text)
    }
}

/// Rows of cells under headings.
#[derive(Debug, Default)]
pub(crate) struct Table {
    head: Vec<Cell>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these headings; a `>` before a heading puts its column to the right.
    pub(crate) fn new(headings: &[&str]) -> Self {
        let head = headings
            .iter()
            .map(|heading| match heading.strip_prefix('>') {
                Some(text) => Cell {
                    align: Align::Right,
                    ..Cell::from(text)
                },
                None => Cell::from(*heading),
            })
            .collect();
        Table {
            head,
            rows: Vec::new(),
        }
    }

    /// Adds a row, cut or filled up to the number of headings.
    pub(crate) fn row(&mut self, mut cells: Vec<Cell>) {
        cells.resize_with(self.head.len(), Cell::default);
        self.rows.push(cells);
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.head.iter().map(Cell::width).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(colour: bool, write: impl FnOnce(&mut Page<'_>)) -> String {
        let mut sink = Vec::new();
        let mut page = Page::new(&mut sink, colour);
        write(&mut page);
        page.finish().unwrap();
        String::from_utf8(sink).unwrap()
    }

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["id", ">size", "state"]);
        table.row(vec![
            "1".into(),
            "980 B".into(),
            Cell::styled(Style::Good, "valid"),
        ]);
        table.row(vec!["12".into(), "1.50 KiB".into()]);
        assert_eq!(
            page(false, |page| page.table(&table)),
            "id      size  state\n1      980 B  valid\n12  1.50 KiB\n"
        );
    }

    #[test]
    fn only_our_own_colours_reach_the_terminal() {
        let line = |colour| page(colour, |page| page.styled(Style::Bad, "\u{1b}[32mfine"));
        assert_eq!(line(false), "\\u{1b}[32mfine\n");
        assert_eq!(line(true), "\u{1b}[1;31m\\u{1b}[32mfine\u{1b}[0m\n");
    }

    #[test]
    fn control_characters_in_cells_and_fields_are_escaped() {
        let mut table = Table::new(&["name"]);
        table.row(vec!["a\nb".into()]);
        let text = page(true, |page| {
            page.table(&table);
            page.fields(&[("tag", "x\u{202e}y".to_owned())]);
        });
        assert_eq!(text, "\u{1b}[1mname\u{1b}[0m\na\\nb\ntag  x\\u{202e}y\n");
    }

    /// A pipe whose reader is gone.
    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_first_failure_is_kept() {
        let mut sink = Gone;
        let mut page = Page::new(&mut sink, false);
        page.line("one");
        assert!(page.is_broken());
        page.line("two");
        assert_eq!(page.finish().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
