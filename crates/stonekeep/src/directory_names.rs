//! The names in a directory, without looking at what they name.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use rustix::fs::{FileType, RawDir};

/// The size of the buffer that the system fills with names.
const BUFFER_BYTES: usize = 64 << 10;

/// Calls `visit` with each name in a directory that has just been opened, except `.` and `..`, and with the type of the
/// file if the directory contains it.
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
