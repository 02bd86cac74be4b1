//! Why a directory could not be made.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::Error;
use crate::shortage::Shortage;

/// The error of a directory that could not be made.
pub(crate) fn no_directory(path: &Path, error: io::Error) -> Error {
    let above = path.parent().and_then(|above| File::open(above).ok());
    match above.and_then(|above| Shortage::of(error.kind(), above)) {
        Some(shortage) => Error::io(shortage.at(path.display()), error)
            .with_shortage(shortage)
            .with_hint(shortage.advice()),
        None => Error::io(format!("making {}", path.display()), error),
    }
}
