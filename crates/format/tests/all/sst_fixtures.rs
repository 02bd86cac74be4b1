//! The table files of `tests/fixtures/sst`, and reading from bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use stonekeep_format::sst::{ReadError, TableTail, read_session_id, read_tail};

/// The directory of the fixtures.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sst")
}

/// Names and bytes of all table files there.
pub(crate) fn tables() -> BTreeMap<String, Vec<u8>> {
    let mut tables = BTreeMap::new();
    for entry in fs::read_dir(directory()).expect("the fixtures") {
        let path = entry.expect("a fixture").path();
        if path.extension().is_some_and(|extension| extension == "sst") {
            let name = path
                .file_name()
                .expect("a name")
                .to_str()
                .expect("plain ASCII")
                .to_owned();
            tables.insert(name, fs::read(&path).expect("a fixture"));
        }
    }
    assert_eq!(tables.len(), 15, "all fixtures are there");
    tables
}

/// One of them.
pub(crate) fn table(name: &str) -> Vec<u8> {
    fs::read(directory().join(name)).expect("a fixture")
}

/// What a table file that consists of these bytes says.
pub(crate) fn read(file: &[u8]) -> Result<TableTail, ReadError> {
    let tail = read_counted(file).0;
    let session = read_session_id(file.len() as u64, &mut |offset, len| {
        Ok(file[offset as usize..][..len].to_vec())
    });
    match (&tail, session) {
        (Ok(tail), Ok(session)) => assert_eq!(tail.properties.session_id(), session),
        // What is wrong behind the session is not looked at, unless a checksum tells.
        (tail, session) => assert!(tail.is_err() || session.is_ok(), "{session:?}"),
    }
    tail
}

/// The same, and where it was read: offsets and lengths.
pub(crate) fn read_counted(file: &[u8]) -> (Result<TableTail, ReadError>, Vec<(u64, usize)>) {
    let mut reads = Vec::new();
    let result = read_tail(file.len() as u64, &mut |offset, len| {
        reads.push((offset, len));
        let start = usize::try_from(offset).expect("an offset in the file");
        let bytes = file.get(start..start + len).map(<[u8]>::to_vec);
        bytes.ok_or_else(|| io::Error::other("a read outside of the file"))
    });
    (result, reads)
}
