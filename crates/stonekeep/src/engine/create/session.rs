//! The session id of a table file: from what is known already if that can be proven, else from the file's properties.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use stonekeep_format::sst::{self, ReadError};
use stonekeep_format::unique_id::SessionId;

use super::identity::Identity;
use super::known::Known;
use crate::image::{Content, ImageFile};
use crate::{Error, IoContext, Result};

/// Where a session id came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionSource {
    /// A candidate that the MANIFEST's unique id proves: the file was not opened.
    Proven,
    /// The properties block of the file.
    Properties,
}

/// The session that wrote this table; `None` for tables of RocksDB before 6.12.
pub(super) fn find(
    file: &ImageFile,
    identity: &Identity,
    database_id: Option<&str>,
    known: &Known<'_>,
) -> Result<(Option<SessionId>, SessionSource)> {
    if let (Some(unique_id), Some(database_id)) = (identity.unique_id(), database_id) {
        let candidates = known.sessions(unique_id.low).iter();
        let mut proven = candidates.filter(|session| unique_id.proves(database_id, session, identity.number));
        if let Some(session) = proven.next() {
            return Ok((Some(*session), SessionSource::Proven));
        }
    }
    let properties = read_properties(file)?;
    let session = properties.db_session_id.as_deref().and_then(SessionId::parse);
    Ok((session, SessionSource::Properties))
}

fn read_properties(file: &ImageFile) -> Result<sst::TableProperties> {
    let name = file.name.to_string();
    let (table, path) = match &file.content {
        Content::Path(path) => (Arc::new(File::open(path).context("opening", path)?), path.clone()),
        Content::Open { file, path } => (Arc::clone(file), path.clone()),
        Content::Bytes(bytes) => {
            let mut read = |offset: u64, length: usize| Ok(slice(bytes, offset, length).to_vec());
            return sst::read_properties(bytes.len() as u64, &mut read)
                .map_err(|error| explain(&name, error));
        }
    };
    let mut read = |offset: u64, length: usize| -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        table.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    };
    sst::read_properties(file.size_bytes, &mut read)
        .map_err(|error| explain(&path.display().to_string(), error))
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
