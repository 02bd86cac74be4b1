//! The names in a directory, without looking at what they name.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use rustix::fs::{FileType, RawDir};

/// What the system fills with names at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// Hands over every name in a directory that has just been opened, itself and the one above left out, with what it names
/// as far as the directory tells.
pub(crate) fn each_name(
    directory: impl AsFd,
    mut visit: impl FnMut(&CStr, FileType) -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER_BYTES];
    let mut entries = RawDir::new(directory, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            visit(entry.file_name(), entry.file_type())?;
        }
    }
    Ok(())
}
