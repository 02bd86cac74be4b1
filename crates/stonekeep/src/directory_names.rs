//! The names in a directory, with the types of their files where the directory contains them.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType, RawDir};
use rustix::io::Errno;

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

/// The type of the file with this name, of which [`each_name`] reported `reported`; `None` if it is gone by now.
pub(crate) fn file_type(
    directory: impl AsFd,
    name: &CStr,
    reported: FileType,
) -> rustix::io::Result<Option<FileType>> {
    if reported != FileType::Unknown {
        return Ok(Some(reported));
    }
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}
