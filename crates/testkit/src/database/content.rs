//! The contents of the files of a fake database.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use stonekeep_format::blob::{BlobFileFooter, BlobFileHeader, ExpirationRange, FOOTER_LEN, HEADER_LEN};
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::sst::TableProperties;
use stonekeep_format::unique_id::{SessionId, UniqueId};
use stonekeep_format::{ColumnFamilyId, FileNumber, SequenceNumber};
use stonekeep_format_testkit::Encode as _;
use stonekeep_format_testkit::blob::BlobRecordHeader;
use stonekeep_format_testkit::coding::{put_fixed32, put_fixed64, put_length_prefixed};
use stonekeep_format_testkit::whole_table::encode_whole_table;

/// `BytewiseComparator` (`util/comparator.cc`).
pub(super) const COMPARATOR: &str = "leveldb.BytewiseComparator";

/// `kTypeValue` of `db/dbformat.h`.
const TYPE_VALUE: u8 = 1;

/// What the properties of a table say.
pub(super) struct TableFacts<'a> {
    pub(super) database_id: &'a str,
    pub(super) session: SessionId,
    pub(super) number: FileNumber,
    pub(super) family: ColumnFamilyId,
    pub(super) family_name: String,
    /// Its internal keys.
    pub(super) keys: Vec<Vec<u8>>,
    /// The largest sequence number, where the properties have it.
    pub(super) largest_seqno: Option<u64>,
}

impl TableFacts<'_> {
    /// The id of this table.
    pub(super) fn unique_id(&self) -> Option<UniqueId> {
        UniqueId::compute(self.database_id, &self.session, self.number)
    }
}

/// A table of exactly this size.
pub(super) fn table_file(facts: &TableFacts<'_>, size_bytes: usize) -> Vec<u8> {
    let properties = TableProperties {
        db_id: Some(facts.database_id.to_owned()),
        db_session_id: Some(facts.session.to_string()),
        orig_file_number: Some(facts.number),
        column_family_id: Some(facts.family),
        column_family_name: Some(facts.family_name.clone()),
        key_largest_seqno: facts.largest_seqno.map(SequenceNumber),
        comparator: Some(COMPARATOR.to_owned()),
        ..TableProperties::default()
    };
    // Noise makes every table unlike the others.
    let fill = |value: &mut [u8]| fill_with_noise(value, facts.number.0);
    encode_whole_table(&properties, &facts.keys, size_bytes, fill)
        .expect("a size that holds keys and properties")
}

/// A blob file with one value of this size.
pub(super) fn blob_file(family: ColumnFamilyId, number: FileNumber, value_bytes: usize) -> Vec<u8> {
    let key = number.0.to_be_bytes();
    let mut value = vec![0; value_bytes];
    fill_with_noise(&mut value, number.0);
    let header = BlobFileHeader {
        column_family_id: family,
        flags: 0,
        compression: 0,
        expiration: ExpirationRange::default(),
    };
    let footer = BlobFileFooter {
        blob_count: 1,
        expiration: ExpirationRange::default(),
    };
    let record = BlobRecordHeader::new(&key, &value, 0).encode();
    [header.encode(), record, key.to_vec(), value, footer.encode()].concat()
}

/// What the MANIFEST calls the total bytes of a blob file: its records without header and footer.
pub(super) fn blob_total_bytes(file: &[u8]) -> u64 {
    (file.len() - HEADER_LEN - FOOTER_LEN) as u64
}

/// A batch of puts into the default column family (`db/write_batch.cc`).
pub(super) fn write_batch(sequence: u64, keys: u32) -> Vec<u8> {
    let mut out = Vec::new();
    put_fixed64(&mut out, sequence);
    put_fixed32(&mut out, keys);
    for index in 0..u64::from(keys) {
        out.push(TYPE_VALUE);
        put_length_prefixed(&mut out, &(sequence + index).to_be_bytes());
        let mut value = [0; 20];
        fill_with_noise(&mut value, sequence + index);
        put_length_prefixed(&mut out, &value);
    }
    out
}

/// Noise that does not compress, the same for the same seed (xorshift64*).
fn fill_with_noise(bytes: &mut [u8], seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for chunk in bytes.chunks_mut(8) {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let word = state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
}

/// Makes a file that must not be there yet.
pub(super) fn write_new(path: &Path, bytes: &[u8]) {
    let mut file = File::create_new(path).expect("making a file");
    file.write_all(bytes).expect("writing a file");
}

/// Appends to a file, which is made if it is not there.
pub(super) fn append(path: &Path, bytes: &[u8]) {
    let file = File::options().append(true).create(true).open(path);
    file.expect("opening a file")
        .write_all(bytes)
        .expect("appending to a file");
}

/// Puts a file in the place of another by a rename.
pub(super) fn replace(path: &Path, bytes: &[u8]) {
    let temporary = path.with_extension("dbtmp");
    write_new(&temporary, bytes);
    fs::rename(temporary, path).expect("renaming a file");
}

/// Removes the WALs with smaller numbers.
pub(super) fn delete_wals_below(directory: &Path, number: FileNumber) {
    for entry in fs::read_dir(directory).expect("listing WALs") {
        let path = entry.expect("listing WALs").path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(DbFileName::Wal(wal)) = name.and_then(DbFileName::parse)
            && wal < number
        {
            fs::remove_file(&path).expect("removing a WAL");
        }
    }
}

/// The n-th session of a database.
pub(super) fn session(n: u64) -> SessionId {
    SessionId::from_halves(0x12_3456_0000 + n, 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(n))
}
