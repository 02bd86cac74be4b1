//! Everything that the command says: text or JSON on standard output, notes on standard error.

pub(crate) mod app_metadata;
pub(crate) mod backup_info;
pub(crate) mod command_words;
pub(crate) mod escape;
pub(crate) mod failure;
pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod rewritten;
pub(crate) mod text;
pub(crate) mod units;

use std::io::{self, BufWriter, IsTerminal, Write};

use serde::Serialize;
use stonekeep::Warning;

use crate::exit::Exit;
use failure::Failure;
use json::Document;
use text::Page;

/// Standard output could not be written.
#[derive(Debug)]
pub(crate) struct PrintError {
    error: io::Error,
    /// What was done before, as a sentence without its end.
    done: Option<String>,
}

impl PrintError {
    /// Whether the reader went away, which is its right.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.error.kind() == io::ErrorKind::BrokenPipe
    }
}

impl From<io::Error> for PrintError {
    fn from(error: io::Error) -> Self {
        PrintError { error, done: None }
    }
}

impl std::fmt::Display for PrintError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.done {
            Some(done) => write!(
                f,
                "{done}, but the report could not be written to standard output"
            ),
            None => f.write_str("writing to standard output"),
        }
    }
}

impl std::error::Error for PrintError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// How the command speaks.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// The verb, as JSON documents name it; `None` before it is known.
    pub(crate) command: Option<String>,
    /// Whether standard output gets one JSON document in place of text.
    pub(crate) json: bool,
    /// Whether progress and closing notes are left out.
    pub(crate) quiet: bool,
}

impl Output {
    /// Prints what was asked for.
    pub(crate) fn data(
        &self,
        document: &impl Serialize,
        text: impl FnOnce(&mut Page<'_>),
    ) -> Result<(), PrintError> {
        if self.json {
            return self.document(document);
        }
        let mut sink = BufWriter::new(io::stdout().lock());
        let mut page = Page::new(&mut sink, has_colours(&io::stdout()));
        text(&mut page);
        Ok(page.finish()?)
    }

    /// Prints text for other programs, exactly as it is. It must not come from outside.
    pub(crate) fn raw(&self, document: &impl Serialize, text: &str) -> Result<(), PrintError> {
        if self.json {
            return self.document(document);
        }
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// Prints what became of the work: like [`Output::data`], but its text is left out when quiet.
    pub(crate) fn outcome(
        &self,
        document: &impl Serialize,
        text: impl FnOnce(&mut Page<'_>),
    ) -> Result<(), PrintError> {
        if self.quiet && !self.json {
            return Ok(());
        }
        self.data(document, text)
    }

    /// Ends the report of work that is done: prints its warnings, also where the report itself could not be printed, and
    /// then makes the error say what was done.
    pub(crate) fn end_report(
        &self,
        printed: Result<(), PrintError>,
        warnings: &[Warning],
        done: impl FnOnce() -> String,
    ) -> Result<(), PrintError> {
        match printed {
            Ok(()) => {
                self.warnings(warnings);
                Ok(())
            }
            Err(unwritten) => {
                self.warnings_in_text(warnings);
                let done = Some(done());
                Err(PrintError { done, ..unwritten })
            }
        }
    }

    /// Prints warnings to standard error; in JSON they stand in the document.
    pub(crate) fn warnings(&self, warnings: &[Warning]) {
        if !self.json {
            self.warnings_in_text(warnings);
        }
    }

    fn warnings_in_text(&self, warnings: &[Warning]) {
        self.aside(|page| {
            for warning in warnings {
                page.warning(warning);
            }
        });
    }

    /// Prints lines to standard error. That nobody can read them is no reason to fail.
    pub(crate) fn aside(&self, text: impl FnOnce(&mut Page<'_>)) {
        let mut lines = Vec::new();
        let mut page = Page::new(&mut lines, has_colours(&io::stderr()));
        text(&mut page);
        if page.finish().is_ok() {
            let _ = io::stderr().write_all(&lines);
        }
    }

    /// Prints why the command failed, and gives back the code that it ends with.
    pub(crate) fn failure(&self, failure: &Failure, exit: Exit) -> Exit {
        if !self.json {
            self.aside(|page| failure.write(page));
            return exit;
        }
        if let Err(unwritten) = self.document(&json::ErrorBody::new(failure, exit)) {
            // Whoever reads the document does not get it: then a person must be able to read the error.
            self.aside(|page| {
                failure.write(page);
                let reason = unwritten.error.to_string();
                if !failure.causes.contains(&reason) {
                    page.line(format!("  the JSON document could not be written: {reason}"));
                }
            });
        }
        exit
    }

    fn document(&self, body: &impl Serialize) -> Result<(), PrintError> {
        let json =
            serde_json::to_string(&Document::new(self.command.as_deref(), body)).map_err(io::Error::from)?;
        let mut out = io::stdout().lock();
        writeln!(out, "{}", escape::visible_json(&json))?;
        Ok(out.flush()?)
    }
}

/// Whether a stream shows colours: a terminal, unless the user does not want them (`NO_COLOR`) or it cannot.
pub(crate) fn has_colours(stream: &impl IsTerminal) -> bool {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let able = std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb");
    wanted && able && stream.is_terminal()
}
