//! What the outputs of several runs need: a heading, the document of each, and an order.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;

use super::print_error::PrintError;
use super::text::Page;

/// The document of a command: kept, and in JSON not printed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record(Arc<Mutex<Option<Value>>>);

impl Record {
    pub(super) fn put(&self, body: &impl Serialize) -> io::Result<()> {
        let new = serde_json::to_value(body)?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&mut *kept, new) {
            // An error after the report.
            (Some(Value::Object(kept)), Value::Object(new)) => kept.extend(new),
            (kept, new) => *kept = Some(new),
        }
        Ok(())
    }

    /// Takes this document in place of the one that it has.
    pub(crate) fn set(&self, document: Value) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(document);
    }

    /// The document without what all begin with.
    pub(crate) fn take(&self) -> Value {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.unwrap_or_else(|| Value::Object(serde_json::Map::new()))
    }
}

/// A line before what is printed about one of several databases, once on each stream.
#[derive(Debug, Clone)]
pub(crate) struct Heading {
    text: String,
    on_stdout: Arc<AtomicBool>,
    on_stderr: Arc<AtomicBool>,
}

impl Heading {
    pub(super) fn new(text: &str) -> Self {
        Heading {
            text: text.to_owned(),
            on_stdout: Arc::default(),
            on_stderr: Arc::default(),
        }
    }

    /// Writes it before a text, unless the stream has it already. A terminal that shows both streams needs one.
    pub(super) fn before(&self, page: &mut Page<'_>, stream: Stream, text: impl FnOnce(&mut Page<'_>)) {
        let is_shown = match stream {
            Stream::Stdout => &self.on_stdout,
            Stream::Stderr => &self.on_stderr,
        };
        if !is_shown.load(Ordering::SeqCst) {
            page.head(&self.text);
        }
        text(page);
        if !page.is_untouched() {
            is_shown.store(true, Ordering::SeqCst);
            let are_one = io::stdout().is_terminal() && io::stderr().is_terminal();
            self.on_stderr.fetch_or(are_one, Ordering::SeqCst);
        }
    }
}

/// Where something is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// What is printed about one of several databases while others are at work.
#[derive(Debug, Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<Piece>>>);

/// Bytes for a stream.
type Piece = (Stream, Vec<u8>);

impl Captured {
    pub(super) fn put(&self, stream: Stream, bytes: Vec<u8>) {
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.push((stream, bytes));
    }

    /// Prints it, in its order.
    pub(crate) fn print(&self) -> Result<(), PrintError> {
        let pieces = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut out, mut unwritten) = (io::stdout().lock(), None);
        for (stream, bytes) in pieces {
            match stream {
                // What goes to the other stream is printed nevertheless.
                Stream::Stdout if unwritten.is_none() => unwritten = out.write_all(&bytes).err(),
                Stream::Stdout => {}
                Stream::Stderr => {
                    unwritten = unwritten.or(out.flush().err());
                    drop(io::stderr().write_all(&bytes));
                }
            }
        }
        unwritten = unwritten.or(out.flush().err());
        unwritten.map_or(Ok(()), |error| Err(error.into()))
    }
}
