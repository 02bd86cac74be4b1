//! What a deep verification looks at beside the checksum of a whole file: every block and entry of its tables, every record and
//! batch of its WALs, every record of its blob files, and what the MANIFEST says of tables and blob files. RocksDB is not asked.
//!
//! A file is read once: the parsers get the bytes in the order of the file, and its checksum is computed on the way. What the
//! parsers find is of two kinds. Damage is what RocksDB would fail on, or what contradicts itself. What is not checked may be right:
//! a comparator or a compression that is not known here, a table that is no block-based one.

mod blob;
mod damage;
mod front;
mod record;
mod table;
mod wal;
mod wal_order;
mod wal_sequences;

use std::io;

use stonekeep_format::Crc32c;
use stonekeep_format::file_name::DbFileName;

pub use self::damage::DamagedPart;
pub(crate) use self::damage::{Deep, shown_key};
use self::front::Front;
pub(crate) use self::record::{Record, state_of_image};
pub(crate) use self::wal_order::Wals;
use crate::store::Object;

/// The memory that all parsers of a run may use together.
const MEMORY_BYTES: usize = 48 << 20;

/// What each of so many workers may use of it.
pub(crate) fn memory_of_one(workers: usize) -> usize {
    (MEMORY_BYTES / workers.max(1)).max(4 << 20)
}

/// Whether the contents of files of this name are known here.
pub(crate) fn is_known(name: &DbFileName) -> bool {
    matches!(
        name,
        DbFileName::Table { .. } | DbFileName::Blob(_) | DbFileName::Wal(_)
    )
}

/// Reads a file of this name to its end: its checksum, and what was found in it if its contents are known here; `records` are what MANIFESTs say of it. `count` is called with the number of bytes that
/// were read, each counted once, and ends the reading with an error.
///
/// # Errors
/// Those of reading, and of `count`.
pub(crate) fn look(
    name: &DbFileName,
    object: &dyn Object,
    memory_bytes: usize,
    records: &[&Record],
    count: &dyn Fn(u64) -> io::Result<()>,
) -> io::Result<(Crc32c, Option<Deep>)> {
    let mut front = Front::new(object, count);
    let mut deep = match name {
        DbFileName::Wal(number) => Some(wal::look(*number, &mut front, records)?),
        DbFileName::Blob(_) => Some(blob::look(&mut front, records)?),
        DbFileName::Table { .. } => Some(table::look(&mut front, memory_bytes, records)?),
        _ => None,
    };
    let found = front.finish()?;
    if let Some(deep) = &mut deep {
        compare_checksums(deep, found, records);
    }
    Ok((found, deep))
}

/// Adds the records that have another checksum of the whole file.
fn compare_checksums(deep: &mut Deep, found: Crc32c, records: &[&Record]) {
    for (place, record) in records.iter().enumerate() {
        let Some(wanted) = record.crc32c.filter(|wanted| *wanted != found) else {
            continue;
        };
        let part = DamagedPart {
            part: "file".to_owned(),
            offset: 0,
            column_family: Some(record.column_family.to_string()),
            level: None,
            from_key: None,
            to_key: None,
            reason: format!(
                "its checksum is {found:#010x} instead of {wanted:#010x}, as the MANIFEST has it"
            ),
        };
        deep.contradictions.push((place, part));
    }
}
