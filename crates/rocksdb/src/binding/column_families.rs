//! The names of a database's column families.

use std::path::Path;

use rocksdb::{DB, Options};
use stonekeep::Result;

use super::status;

/// RocksDB may be about to let CURRENT name another MANIFEST, and to delete the old one.
const LOOKS: u32 = 10;

/// Those in the MANIFEST: a column family is there before anything can be written to it.
pub(super) fn names(directory: &Path) -> Result<Vec<String>> {
    let mut look = 1;
    loop {
        match DB::list_cf(&Options::default(), directory) {
            Ok(names) => return Ok(names),
            Err(_) if look < LOOKS => look += 1,
            Err(error) => return Err(status::error("listing the column families", error.as_ref())),
        }
    }
}
