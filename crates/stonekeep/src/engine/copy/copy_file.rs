//! Copying one file: its last bytes are handed on only if its checksum is right.

use std::io::ErrorKind;

use super::context::Context;
use super::source_backup::{WantedFile, damaged};
use crate::engine::checked::Checked;
use crate::engine::transfer::{Meter, Metered};
use crate::repo::wrong::Wrong;
use crate::store::{Key, ObjectReader, PutMode, Upload};
use crate::{Finding, Result};

/// Copies a file of the source to the area of this run, for this key; the mode says what happens to a key that is taken where
/// the file gets it at once.
///
/// # Errors
/// `Corrupt`, with a finding, for a file that is not what the source's records say; then nothing of it is in the target.
/// `Stopped`, and I/O errors of both stores.
pub(super) fn copy(
    context: &Context<'_>,
    area: &str,
    wanted: &WantedFile,
    (to, mode): (&Key, PutMode),
    meter: &Meter<'_>,
) -> Result<Upload> {
    let (mut mode, mut repetitions) = (mode, 0);
    loop {
        match copy_once(context, area, wanted, (to, mode), meter) {
            Err(error) if error.wants_content_again(repetitions) => {
                tracing::warn!(key = %to, error = %error.one_line(), "the file is copied again");
            }
            copied => return copied,
        }
        // Over what the upload before may have left.
        (mode, repetitions) = (PutMode::Replace, repetitions + 1);
    }
}

fn copy_once(
    context: &Context<'_>,
    area: &str,
    wanted: &WantedFile,
    (to, mode): (&Key, PutMode),
    meter: &Meter<'_>,
) -> Result<Upload> {
    meter.check()?;
    let (store, key, size_bytes) = (context.source(), &wanted.from, wanted.size_bytes);
    let wrong = |reason: String| damaged(vec![Finding::new(key.as_str(), reason)]);
    let opened = store.open(key);
    let object = opened.map_err(|error| match Wrong::of_opening_listed(store, &error) {
        Some(what) => wrong(what.to_string()),
        None => error,
    })?;
    let found = object.size_bytes();
    if found != size_bytes {
        let expected = size_bytes;
        return Err(wrong(Wrong::Size { found, expected }.to_string()));
    }
    let name = key.shown_in(store);
    let buffer_bytes = context.to.io_buffer_bytes().get();
    let reader = Metered::new(ObjectReader::new(object.as_ref()), &name, size_bytes, meter);
    let mut content = Checked {
        inner: reader.at_most(buffer_bytes),
        wanted: wanted.crc32c,
        wrong: &wrong,
    };
    let copied = context.target().upload(area, to, &mut content, size_bytes, mode);
    if copied.as_ref().is_err_and(|error| error.wants_content_again(0)) {
        meter.take_back(size_bytes - content.inner.left());
    }
    let copied = copied.map_err(|error| match error.io_kind() {
        Some(ErrorKind::UnexpectedEof) => wrong("ends early".to_owned()),
        _ => error,
    })?;
    tracing::debug!(key = %to, bytes = size_bytes, "copied");
    Ok(copied)
}
