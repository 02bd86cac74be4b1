//! The session id of a table file: from what is known already if that can be proven, else from the file's properties.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use stonekeep_format::FileNumber;
use stonekeep_format::sst::{self, ReadError, TableEnd};
use stonekeep_format::unique_id::{SessionId, UniqueId};

use crate::image::{Content, ImageFile};
use crate::repo::facts::Session;
use crate::{Error, IoContext, Result};

/// What an `SstFileWriter` takes for database id and file number (`table/sst_file_writer.cc`): an ingested table keeps the
/// unique id that it was written with.
const SST_WRITER: (&str, FileNumber) = ("SST Writer", FileNumber(1));

/// The one of these sessions that wrote this table, if the MANIFEST's unique id proves it: the file is not opened.
pub(super) fn proven(
    unique_id: UniqueId,
    number: FileNumber,
    database_id: Option<&str>,
    sessions: &[SessionId],
) -> Option<SessionId> {
    let own = (database_id.unwrap_or_default(), number);
    let proves = |session: &&SessionId| {
        let writers = [own, SST_WRITER];
        writers
            .iter()
            .any(|(database, number)| unique_id.proves(database, session, *number))
    };
    sessions.iter().find(proves).copied()
}

/// The session that wrote this table, by its properties block. One of a format that is not known has none.
pub(super) fn read(file: &ImageFile) -> Result<Session> {
    let properties = read_properties(file)?;
    let session = properties.and_then(|properties| SessionId::parse(properties.db_session_id.as_deref()?));
    Ok(session.map_or(Session::None, Session::Id))
}

fn read_properties(file: &ImageFile) -> Result<Option<sst::TableProperties>> {
    let path = file.path().unwrap_or_default();
    let table = match &file.content {
        Content::In(_) | Content::Path(_) => Arc::new(File::open(&path).context("opening", &path)?),
        Content::Open { file, .. } => Arc::clone(file),
        Content::Bytes(bytes) => {
            let mut read = |offset: u64, length: usize| Ok(slice(bytes, offset, length).to_vec());
            return known_properties(file.size_bytes, &file.name.to_string(), &mut read);
        }
    };
    let mut read = |offset: u64, length: usize| -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        table.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    };
    known_properties(file.size_bytes, &path.display().to_string(), &mut read)
}

/// The properties of a table; `None` if its format is not known.
fn known_properties(
    size_bytes: u64,
    path: &str,
    read: &mut dyn FnMut(u64, usize) -> io::Result<Vec<u8>>,
) -> Result<Option<sst::TableProperties>> {
    let error = match sst::read_properties(size_bytes, read) {
        Ok(properties) => return Ok(Some(properties)),
        Err(error) => error,
    };
    let from = size_bytes.saturating_sub(TableEnd::LEN as u64);
    let end = read(from, usize::try_from(size_bytes - from).unwrap_or_default());
    match end.map(|tail| TableEnd::decode(&tail, size_bytes)) {
        Ok(Ok(TableEnd::UnknownMagic(_) | TableEnd::Newer(_))) => Ok(None),
        Ok(Err(wrong)) => Err(Error::corrupt(path, wrong.to_string())),
        _ => Err(explain(path, error)),
    }
}

fn slice(bytes: &[u8], offset: u64, length: usize) -> &[u8] {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    bytes.get(start..start.saturating_add(length)).unwrap_or_default()
}

fn explain(path: &str, error: ReadError) -> Error {
    match error {
        ReadError::Io { source, .. } => Error::io(format!("reading the properties of {path}"), source),
        ReadError::Format(error) => Error::format(path, error),
    }
}
