//! What a MANIFEST says of the contents of a file.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::Arc;

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::{DatabaseState, ManifestReader};
use stonekeep_format::sst::walk::TableClaim;
use stonekeep_format::{ColumnFamilyId, Crc32c};

use crate::image::{DatabaseImage, SourceFiles, crc32c_of};
use crate::{Error, Result};

/// How much of a MANIFEST is read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// What the MANIFEST of a database says of one of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The name of the column family; a WAL belongs to all.
    pub(crate) column_family: Arc<str>,
    /// The checksum of the whole file, if the database was opened with `file_checksum_gen_factory`.
    pub(crate) crc32c: Option<Crc32c>,
    pub(crate) claim: FileClaim,
}

/// By the kind of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileClaim {
    Table(TableClaim),
    Blob(BlobClaim),
    /// So many bytes of a WAL were synced (`track_and_verify_wals_in_manifest`).
    Wal(u64),
}

/// What a MANIFEST says of a blob file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlobClaim {
    pub(crate) column_family_id: ColumnFamilyId,
    pub(crate) total_count: u64,
    /// Of its records.
    pub(crate) total_bytes: u64,
}

impl Record {
    /// The names of all files that a state says something of, with what it says.
    pub(crate) fn all_of(state: &DatabaseState) -> impl Iterator<Item = (DbFileName, Record)> + '_ {
        let wals = state.tracked_wals().iter().filter_map(|(number, synced)| {
            let record = Record {
                column_family: "".into(),
                crc32c: None,
                claim: FileClaim::Wal(synced?),
            };
            Some((DbFileName::Wal(number), record))
        });
        let of_families = state.column_families().values().flat_map(|family| {
            let column_family: Arc<str> = String::from_utf8_lossy(&family.name).into();
            let tables = family.tables.values().map(|table| {
                let checksum = table.checksum.as_ref();
                let crc32c = checksum.and_then(|it| crc32c_of(&it.function, &it.value));
                let claim = FileClaim::Table(TableClaim::of(table));
                (DbFileName::table(table.number), crc32c, claim)
            });
            let blobs = family.live_blobs().map(|blob| {
                let addition = &blob.addition;
                let claim = BlobClaim {
                    column_family_id: family.id,
                    total_count: addition.total_count,
                    total_bytes: addition.total_bytes,
                };
                let crc32c = crc32c_of(&addition.checksum_method, &addition.checksum_value);
                (DbFileName::Blob(addition.number), crc32c, FileClaim::Blob(claim))
            });
            tables.chain(blobs).map(move |(name, crc32c, claim)| {
                let record = Record {
                    column_family: Arc::clone(&column_family),
                    crc32c,
                    claim,
                };
                (name, record)
            })
        });
        wals.chain(of_families)
    }

    /// The same for an image: its MANIFEST is read again, since the capture has left out the keys of tables.
    ///
    /// # Errors
    /// Those of reading it.
    pub(crate) fn all_of_image(image: &DatabaseImage) -> Result<HashMap<DbFileName, Record>> {
        Ok(Record::all_of(&state_of_image(image)?).collect())
    }

    /// The name under which the record of a file is found, whatever extension it has.
    pub(crate) fn name_of(name: &DbFileName) -> DbFileName {
        match name {
            DbFileName::Table { number, .. } => DbFileName::table(*number),
            other => other.clone(),
        }
    }

    pub(super) fn table(&self) -> Option<&TableClaim> {
        match &self.claim {
            FileClaim::Table(claim) => Some(claim),
            FileClaim::Blob(_) | FileClaim::Wal(_) => None,
        }
    }

    pub(super) fn blob(&self) -> Option<&BlobClaim> {
        match &self.claim {
            FileClaim::Blob(claim) => Some(claim),
            FileClaim::Table(_) | FileClaim::Wal(_) => None,
        }
    }

    pub(super) fn synced_bytes(&self) -> Option<u64> {
        match self.claim {
            FileClaim::Wal(synced) => Some(synced),
            FileClaim::Table(_) | FileClaim::Blob(_) => None,
        }
    }
}

/// What the MANIFEST of an image says, with the first and the last key of each table.
///
/// # Errors
/// Those of reading it.
pub(crate) fn state_of_image(image: &DatabaseImage) -> Result<DatabaseState> {
    let mut files = image.files.iter();
    let Some(file) = files.find(|file| matches!(file.name, DbFileName::Manifest(_))) else {
        return Ok(DatabaseState::default());
    };
    let open = SourceFiles::new(false, None).open_anywhere(file)?;
    let mut source = open.into_reader_at(0).take(file.size_bytes);
    let (mut reader, mut buffer) = (ManifestReader::new().with_bounds(), vec![0; PIECE_BYTES]);
    loop {
        match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => reader
                .push(buffer.get(..count).unwrap_or_default())
                .map_err(|error| Error::format(file.to_string(), error))?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io(format!("reading {file}"), error)),
        }
    }
    let finished = reader.finish();
    let (state, _) = finished.map_err(|error| Error::format(file.to_string(), error))?;
    Ok(state)
}
