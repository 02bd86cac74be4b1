//! The content of a file under way, of which the second half is an operation of its own.

use std::io::{self, Read};

use super::{Operation, Refusal, Store, Upload};
use crate::Result;

/// See the [module](self).
pub(super) struct Halves<'a> {
    store: &'a Store,
    content: &'a mut dyn Read,
    /// Until the second half begins.
    second: Option<Operation>,
    first_bytes: u64,
    refusal: Option<Refusal>,
}

impl<'a> Halves<'a> {
    pub(super) fn new(
        store: &'a Store,
        content: &'a mut dyn Read,
        second: Operation,
        expected_bytes: u64,
    ) -> Self {
        Halves {
            store,
            content,
            second: Some(second),
            first_bytes: expected_bytes / 2,
            refusal: None,
        }
    }

    /// What became of the file: a process that died in the middle has left what it had written.
    pub(super) fn outcome(self, written: Result<Upload>) -> Result<Upload> {
        match self.refusal {
            Some(refusal) => Err(refusal.into()),
            None => written,
        }
    }
}

impl Read for Halves<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.refusal.is_some() {
            return Ok(0);
        }
        if self.first_bytes > 0 {
            let most = buffer
                .len()
                .min(usize::try_from(self.first_bytes).unwrap_or(usize::MAX));
            let count = self.content.read(buffer.get_mut(..most).unwrap_or_default())?;
            self.first_bytes = if count == 0 {
                0
            } else {
                self.first_bytes - count as u64
            };
            if count > 0 {
                return Ok(count);
            }
        }
        if let Some(second) = self.second.take() {
            match self.store.before(&second) {
                Ok(()) => {}
                Err(Refusal::Dies(error)) => {
                    self.refusal = Some(Refusal::Dies(error));
                    return Ok(0);
                }
                Err(Refusal::Fails(error)) => return Err(io::Error::other(error)),
            }
        }
        self.content.read(buffer)
    }
}
