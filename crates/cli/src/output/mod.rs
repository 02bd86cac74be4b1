//! The output of the command: text or JSON on standard output, notes on standard error.

pub(crate) mod app_metadata;
pub(crate) mod backup_info;
pub(crate) mod command_words;
pub(crate) mod escape;
pub(crate) mod failure;
pub(crate) mod hold;
pub(crate) mod json;
pub(crate) mod location;
pub(crate) mod print_error;
pub(crate) mod progress;
pub(crate) mod rewritten;
pub(crate) mod several;
pub(crate) mod text;
pub(crate) mod units;

use std::io::{self, BufWriter, IsTerminal, Write};

use serde::Serialize;
use stonekeep::Warning;

use failure::Failure;
use json::{Document, DryRun, error_body};
use print_error::PrintError;
use several::{Captured, Heading, Record, Stream};
use text::Page;

/// How the command speaks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Output {
    /// The verb, as JSON documents name it; `None` before it is known.
    pub(crate) command: Option<String>,
    /// Whether standard output gets one JSON document in place of text.
    pub(crate) json: bool,
    /// Whether progress and closing notes are left out.
    pub(crate) quiet: bool,
    /// Takes the document, for what is done with it when the command has ended.
    pub(crate) record: Option<Record>,
    /// The database that this is about, if there are several.
    pub(crate) heading: Option<Heading>,
    /// Takes what is printed, if others print at the same time.
    pub(crate) captured: Option<Captured>,
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
        self.keep(document)?;
        if let Some(captured) = &self.captured {
            let mut bytes = Vec::new();
            self.write(&mut bytes, text)?;
            captured.put(Stream::Stdout, bytes);
            return Ok(());
        }
        let mut sink = BufWriter::new(io::stdout().lock());
        Ok(self.write(&mut sink, text)?)
    }

    fn write(&self, sink: &mut dyn Write, text: impl FnOnce(&mut Page<'_>)) -> io::Result<()> {
        let mut page = Page::new(sink, has_colours(&io::stdout()));
        match &self.heading {
            Some(heading) => heading.before(&mut page, Stream::Stdout, text),
            None => text(&mut page),
        }
        page.finish()
    }

    /// Prints text for other programs, exactly as it is. It must not come from outside.
    pub(crate) fn raw(&self, document: &impl Serialize, text: &str) -> Result<(), PrintError> {
        if self.json {
            return self.document(document);
        }
        self.keep(document)?;
        if let Some(captured) = &self.captured {
            captured.put(Stream::Stdout, text.as_bytes().to_vec());
            return Ok(());
        }
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// Prints the report of a verb that changes something, or of its dry run, and its warnings; `done` is what was done, as
    /// a sentence without its end.
    pub(crate) fn report(
        &self,
        dry_run: bool,
        report: &impl Serialize,
        warnings: &[Warning],
        done: &str,
        text: impl FnOnce(&mut Page<'_>),
    ) -> Result<(), PrintError> {
        let document = DryRun { dry_run, report };
        if dry_run {
            self.end_report(self.data(&document, text), warnings, "nothing was changed")
        } else {
            self.outcome(&document, warnings, done, text)
        }
    }

    /// The same of work that has no dry run. The text is left out when quiet.
    pub(crate) fn outcome(
        &self,
        document: &impl Serialize,
        warnings: &[Warning],
        done: &str,
        text: impl FnOnce(&mut Page<'_>),
    ) -> Result<(), PrintError> {
        let is_silent = self.quiet && !self.json;
        let printed = if is_silent {
            self.keep(document)
        } else {
            self.data(document, text)
        };
        self.end_report(printed, warnings, done)
    }

    /// Prints the warnings of a report that was printed, or could not be printed: then the error reports what was done.
    pub(crate) fn end_report(
        &self,
        printed: Result<(), PrintError>,
        warnings: &[Warning],
        done: &str,
    ) -> Result<(), PrintError> {
        match printed {
            Ok(()) => {
                self.warnings(warnings);
                Ok(())
            }
            Err(unwritten) => {
                self.warnings_in_text(warnings);
                let done = Some(done.to_owned());
                Err(PrintError { done, ..unwritten })
            }
        }
    }

    /// Prints warnings to standard error; in JSON they are in the document.
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

    /// Prints lines to standard error. A failure to write them is ignored.
    pub(crate) fn aside(&self, text: impl FnOnce(&mut Page<'_>)) {
        let mut lines = Vec::new();
        let mut page = Page::new(&mut lines, has_colours(&io::stderr()));
        match &self.heading {
            Some(heading) => heading.before(&mut page, Stream::Stderr, text),
            None => text(&mut page),
        }
        match (page.finish(), &self.captured) {
            (Err(_), _) => {}
            (Ok(()), Some(captured)) => captured.put(Stream::Stderr, lines),
            (Ok(()), None) => drop(io::stderr().write_all(&lines)),
        }
    }

    /// Prints why the command failed.
    pub(crate) fn failure(&self, failure: &Failure, exit_code: u8) {
        let body = error_body(failure, exit_code);
        if !self.json {
            // Only what is printed can fail.
            drop(self.keep(&body));
            return self.aside(|page| failure.write(page));
        }
        let Err(unwritten) = self.document(&body) else {
            return;
        };
        // The reader of the document does not get it: then a person must be able to read the error.
        self.aside(|page| {
            failure.write(page);
            let reason = unwritten.error.to_string();
            if !failure.causes.contains(&reason) {
                page.line(format!("  the JSON document could not be written: {reason}"));
            }
        });
    }

    /// The same output for one of several databases, with a heading, and captured if others print at the same time.
    pub(crate) fn about(&self, text: &str, captured: Option<&Captured>) -> Self {
        Output {
            heading: (!self.json).then(|| Heading::new(text)),
            captured: captured.cloned(),
            ..self.clone()
        }
    }

    /// Prints a line of JSON while a command runs. A reader that is gone is noticed with the document at the end.
    pub(crate) fn event(&self, event: &impl Serialize) {
        drop(self.line(event));
    }

    fn keep(&self, body: &impl Serialize) -> Result<(), PrintError> {
        if let Some(record) = &self.record {
            record.put(body)?;
        }
        Ok(())
    }

    fn document(&self, body: &impl Serialize) -> Result<(), PrintError> {
        if self.record.is_some() {
            return self.keep(body);
        }
        self.line(body)
    }

    fn line(&self, body: &impl Serialize) -> Result<(), PrintError> {
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
