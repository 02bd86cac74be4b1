//! A table file that a version edit adds.

use crate::coding::Reader;
use crate::unique_id::UniqueId;
use crate::{FileNumber, Result, SequenceNumber, Temperature};

use super::field::{UnknownField, nested, unknown_custom};
use super::tag::custom;

/// Which of RocksDB's four records adds the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum NewFileForm {
    /// `kNewFile`: LevelDB's, without sequence numbers.
    NewFile,
    /// `kNewFile2`: with sequence numbers.
    NewFile2,
    /// `kNewFile3`: with a path id as well.
    NewFile3,
    /// `kNewFile4`: with custom fields; what every RocksDB since 6.0 writes.
    #[default]
    NewFile4,
}

/// What becomes of the keys of new files when an edit is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// They are in [`NewFile::smallest`] and [`NewFile::largest`].
    Kept,
    /// They are checked, and those fields are empty.
    Checked,
}

/// A table file as the MANIFEST describes it: `FileMetaData` of `db/version_edit.h`.
///
/// Everything from `path_id` on is encoded only in forms that have a place for it. In others it keeps its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// The record that adds it.
    pub form: NewFileForm,
    /// The level it is added to.
    pub level: u32,
    /// The number in its name.
    pub number: FileNumber,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its smallest internal key: user key, then eight bytes of sequence number and type.
    pub smallest: Vec<u8>,
    /// Its largest internal key.
    pub largest: Vec<u8>,
    /// The smallest sequence number in it; `kMaxSequenceNumber` in the form that has none.
    pub smallest_seqno: SequenceNumber,
    /// The largest sequence number in it; 0 in the form that has none.
    pub largest_seqno: SequenceNumber,
    /// Which of `db_paths` or `cf_paths` it lies in: any in [`NewFileForm::NewFile3`], 0 to 3 in
    /// [`NewFileForm::NewFile4`], else 0.
    pub path_id: u32,
    /// `oldest_ancester_time`: seconds since 1970, 0 for unknown.
    pub oldest_ancestor_time: Option<u64>,
    /// Seconds since 1970, 0 for unknown.
    pub file_creation_time: Option<u64>,
    /// The order of flushes and ingestions (since 7.9).
    pub epoch_number: Option<u64>,
    /// The checksum of the complete file, in the encoding of its function.
    pub file_checksum: Option<Vec<u8>>,
    /// The name of the function of [`file_checksum`](Self::file_checksum).
    pub file_checksum_func_name: Option<Vec<u8>>,
    /// The storage temperature.
    pub temperature: Temperature,
    /// `NeedCompaction` of a user's table property collector.
    pub marked_for_compaction: bool,
    /// WALs below this number are obsolete once the edit counts: the second place of
    /// [`VersionEdit::min_log_number_to_keep`](super::VersionEdit::min_log_number_to_keep).
    pub min_log_number_to_keep: Option<FileNumber>,
    /// The oldest blob file that it points into.
    pub oldest_blob_file_number: Option<FileNumber>,
    /// The unique id; files from before 7.3 have none.
    pub unique_id: Option<UniqueId>,
    /// The size of everything behind the data blocks.
    pub tail_size_bytes: Option<u64>,
    /// Whether user-defined timestamps were written into it.
    pub user_defined_timestamps_persisted: bool,
    /// How many bytes of the next level its range deletions cover, roughly.
    pub compensated_range_deletion_size_bytes: Option<u64>,
    /// The smallest user-defined timestamp in it.
    pub min_timestamp: Option<Vec<u8>>,
    /// The largest user-defined timestamp in it.
    pub max_timestamp: Option<Vec<u8>>,
    /// What `fast_sst_open` keeps to open it without a read.
    pub file_open_metadata: Option<Vec<u8>>,
    /// Custom fields that are not known here and safe to ignore.
    pub ignored: Vec<UnknownField>,
}

/// `kMaxSequenceNumber` (`db/dbformat.h`).
const MAX_SEQUENCE_NUMBER: SequenceNumber = SequenceNumber((1 << 56) - 1);

impl Default for NewFile {
    fn default() -> Self {
        NewFile {
            form: NewFileForm::default(),
            level: 0,
            number: FileNumber(0),
            size_bytes: 0,
            smallest: Vec::new(),
            largest: Vec::new(),
            smallest_seqno: MAX_SEQUENCE_NUMBER,
            largest_seqno: SequenceNumber(0),
            path_id: 0,
            oldest_ancestor_time: None,
            file_creation_time: None,
            epoch_number: None,
            file_checksum: None,
            file_checksum_func_name: None,
            temperature: Temperature::Unknown,
            marked_for_compaction: false,
            min_log_number_to_keep: None,
            oldest_blob_file_number: None,
            unique_id: None,
            tail_size_bytes: None,
            user_defined_timestamps_persisted: true,
            compensated_range_deletion_size_bytes: None,
            min_timestamp: None,
            max_timestamp: None,
            file_open_metadata: None,
            ignored: Vec::new(),
        }
    }
}

impl NewFile {
    /// Reads what follows the tag of `form` into a default file.
    pub(super) fn read(&mut self, form: NewFileForm, reader: &mut Reader<'_>, keys: Keys) -> Result<()> {
        self.form = form;
        self.level = reader.varint32()?;
        self.number = FileNumber(reader.varint64()?);
        if form == NewFileForm::NewFile3 {
            self.path_id = reader.varint32()?;
        }
        self.size_bytes = reader.varint64()?;
        let (smallest, largest) = (internal_key(reader)?, internal_key(reader)?);
        if keys == Keys::Kept {
            self.smallest = smallest.to_vec();
            self.largest = largest.to_vec();
        }
        if form != NewFileForm::NewFile {
            self.smallest_seqno = SequenceNumber(reader.varint64()?);
            self.largest_seqno = SequenceNumber(reader.varint64()?);
        }
        if form == NewFileForm::NewFile4 {
            self.read_custom_fields(reader)?;
        }
        Ok(())
    }

    fn read_custom_fields(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        loop {
            let tag = reader.varint32()?;
            if tag == custom::TERMINATE {
                return Ok(());
            }
            self.read_custom_field(tag, nested(reader)?)?;
        }
    }

    fn read_custom_field(&mut self, tag: u32, mut field: Reader<'_>) -> Result<()> {
        let bytes = field.rest();
        match tag {
            custom::NEED_COMPACTION => self.marked_for_compaction = single_byte(&field)? == 1,
            custom::MIN_LOG_NUMBER_TO_KEEP => {
                self.min_log_number_to_keep = Some(FileNumber(field.fixed64()?));
            }
            custom::OLDEST_BLOB_FILE_NUMBER => {
                // 0 is `kInvalidBlobFileNumber` (db/blob/blob_constants.h): none.
                self.oldest_blob_file_number = Some(FileNumber(field.varint64()?)).filter(|n| n.0 != 0);
            }
            custom::OLDEST_ANCESTOR_TIME => self.oldest_ancestor_time = Some(field.varint64()?),
            custom::FILE_CREATION_TIME => self.file_creation_time = Some(field.varint64()?),
            custom::FILE_CHECKSUM => self.file_checksum = Some(bytes.to_vec()),
            custom::FILE_CHECKSUM_FUNC_NAME => self.file_checksum_func_name = Some(bytes.to_vec()),
            custom::TEMPERATURE => self.read_temperature(&field)?,
            custom::MIN_TIMESTAMP => self.min_timestamp = Some(bytes.to_vec()),
            custom::MAX_TIMESTAMP => self.max_timestamp = Some(bytes.to_vec()),
            custom::UNIQUE_ID => self.unique_id = Some(unique_id(&field)?),
            custom::EPOCH_NUMBER => self.epoch_number = Some(field.varint64()?),
            custom::COMPENSATED_RANGE_DELETION_SIZE => {
                self.compensated_range_deletion_size_bytes = Some(field.varint64()?);
            }
            custom::TAIL_SIZE => self.tail_size_bytes = Some(field.varint64()?),
            custom::USER_DEFINED_TIMESTAMPS_PERSISTED => {
                self.user_defined_timestamps_persisted = single_byte(&field)? == 1;
            }
            custom::FILE_OPEN_METADATA => self.file_open_metadata = Some(bytes.to_vec()),
            custom::PATH_ID => self.path_id = path_id(&field)?,
            _ => self.ignored.push(unknown_custom(tag, &field)?),
        }
        Ok(())
    }

    /// A temperature that is not known is kept as it is: RocksDB takes it for unknown, too.
    fn read_temperature(&mut self, field: &Reader<'_>) -> Result<()> {
        match Temperature::from_byte(single_byte(field)?) {
            Some(temperature) => self.temperature = temperature,
            None => self.ignored.push(UnknownField {
                tag: custom::TEMPERATURE,
                value: field.rest().to_vec(),
            }),
        }
        Ok(())
    }
}

/// An internal key, which has at least its eight bytes of sequence number and type (`db/dbformat.h`).
pub(super) fn internal_key<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8]> {
    let key = nested(reader)?;
    if key.rest().len() < 8 {
        return Err(key.corrupt("an internal key has less than eight bytes"));
    }
    Ok(key.rest())
}

/// The only byte of a field.
pub(super) fn single_byte(field: &Reader<'_>) -> Result<u8> {
    match field.rest() {
        [byte] => Ok(*byte),
        other => Err(field.corrupt(format!("one byte wanted, {} there", other.len()))),
    }
}

fn unique_id(field: &Reader<'_>) -> Result<UniqueId> {
    let bytes = field.rest().try_into();
    bytes
        .map(UniqueId::from_bytes)
        .map_err(|_| field.corrupt(format!("a unique id of {} bytes", field.rest().len())))
}

fn path_id(field: &Reader<'_>) -> Result<u32> {
    match single_byte(field)? {
        id @ 0..=3 => Ok(u32::from(id)),
        id => Err(field.corrupt(format!("path id {id} is above 3"))),
    }
}
