//! Whether a file system shows at once what another process writes, and keeps open files.

use std::fs::File;
use std::path::Path;

use crate::disk::file_system::{self, Locality};
use crate::image::diagnostics::Diagnostics;
use crate::{Error, ErrorKind, IoContext, Result, WarningName};

/// Refuses a directory on a file system that is not known to be local, unless forced: then it is a warning.
///
/// # Errors
/// `Unsupported` if it is not known to be local, `Io` if it cannot be asked.
pub(super) fn check(directory: &Path, forced: bool, diagnostics: &mut Diagnostics) -> Result<()> {
    let opened = File::open(directory).context("opening", directory)?;
    let magic = file_system::magic(&opened).context("asking for the file system of", directory)?;
    let Some(doubt) = doubt(magic) else {
        return Ok(());
    };
    if forced {
        diagnostics.warn(
            WarningName::FileSystem,
            directory,
            format!("{doubt}; it was captured all the same"),
        );
        return Ok(());
    }
    let directory = directory.display();
    let message = format!("{directory} cannot be captured while it is written: {doubt}");
    Err(Error::new(ErrorKind::Unsupported, message).with_hint(
        "capture it on the machine and in the container that its writer runs on, or stop the writer, or force it if \
         you know that the file system behaves like a local one",
    ))
}

/// Why a capture from this file system may be wrong, if it may.
fn doubt(magic: u64) -> Option<String> {
    let Some(known) = file_system::find(magic) else {
        return Some(format!(
            "its file system, number {magic:#x}, is not known to be local"
        ));
    };
    let why = match known.locality {
        Locality::Local => return None,
        Locality::Overlay => "an open file of its lower layer does not show what is written to its copy",
        Locality::Network => "it may show an old state of files, and lose those that another machine deletes",
        Locality::Fuse => "its behaviour for open files is not known",
    };
    Some(format!("its file system is {}: {why}", known.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_file_systems_are_beyond_doubt() {
        assert_eq!(doubt(0xEF53), None);
        assert_eq!(doubt(0x9123_683E), None);
        assert!(doubt(0x6969).unwrap().contains("NFS: it may show an old state"));
        assert!(doubt(0x6573_5546).unwrap().contains("FUSE"));
        assert!(doubt(0x794C_7630).unwrap().contains("lower layer"));
        let unknown = doubt(0x1234).unwrap();
        assert!(unknown.contains("0x1234"), "{unknown}");
    }

    #[test]
    fn a_doubtful_file_system_is_refused_unless_forced() {
        // It is never local, and always there.
        let proc = Path::new("/proc/self");
        let mut diagnostics = Diagnostics::default();
        let error = check(proc, false, &mut diagnostics).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.hint().unwrap().contains("force"), "{error:?}");
        check(proc, true, &mut diagnostics).unwrap();
        let warnings = diagnostics.into_warnings(proc, None).unwrap();
        assert!(warnings[0].message.contains("all the same"), "{warnings:?}");
    }
}
