//! The identity of a database, from the MANIFEST or from IDENTITY.

use std::path::Path;

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::DatabaseState;

use super::diagnostics::Diagnostics;
use super::pinned::read_small;
use crate::{Result, WarningName};

/// An id takes less than this; anything longer is no IDENTITY.
const IDENTITY_LIMIT_BYTES: u64 = 4096;

/// The id in the MANIFEST, else the one in IDENTITY, of which RocksDB takes away one newline at the end
/// (`DBImpl::GetDbIdentityFromIdentityFile`, `db/db_impl/db_impl.cc`).
pub(super) fn database_id(
    database: &Path,
    state: &DatabaseState,
    diagnostics: &mut Diagnostics,
) -> Result<Option<String>> {
    let path = database.join(DbFileName::Identity.to_string());
    let bytes = match state.db_id() {
        Some(id) => id.to_vec(),
        None => match read_small(&path, IDENTITY_LIMIT_BYTES)? {
            None => return Ok(None),
            Some(bytes) => bytes.strip_suffix(b"\n").unwrap_or(&bytes).to_vec(),
        },
    };
    let id = String::from_utf8(bytes).ok();
    let id = id.filter(|id| !id.is_empty() && id.len() as u64 <= IDENTITY_LIMIT_BYTES);
    if id.is_none() {
        diagnostics.warn(
            WarningName::DatabaseId,
            &path,
            "the database id is no text; the image goes without one",
        );
    }
    Ok(id)
}
