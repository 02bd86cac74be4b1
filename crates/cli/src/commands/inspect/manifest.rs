//! What a MANIFEST says: each edit, and the state that they lead to.

use serde::Serialize;
use stonekeep::format::FormatError;
use stonekeep::format::log::{LogRecord, LogScanner};
use stonekeep::format::manifest::{
    ColumnFamily, DatabaseState, GroupBuffer, LiveBlob, LiveTable, VersionEdit,
};

use super::dump::{Dump, hex, lossy};
use super::log_end::LogEndJson;
use super::source::Source;
use crate::output::units::temperature_name;

#[derive(Serialize)]
struct ManifestJson {
    state: Option<StateJson>,
    incomplete_atomic_group: bool,
    end: LogEndJson,
    edits: Vec<EditJson>,
}

#[derive(Serialize)]
struct EditJson {
    offset: u64,
    end_offset: u64,
    says: Vec<String>,
}

#[derive(Serialize)]
struct StateJson {
    database_id: Option<String>,
    last_sequence: Option<u64>,
    next_file_number: Option<u64>,
    min_wal_to_keep: u64,
    column_families: Vec<FamilyJson>,
    tracked_wals: Vec<TrackedWalJson>,
    live_tables: Vec<TableJson>,
    live_blobs: Vec<BlobJson>,
}

#[derive(Serialize)]
struct FamilyJson {
    id: u32,
    name: String,
    comparator: Option<String>,
    log_number: u64,
    tables: usize,
    table_bytes: u64,
}

#[derive(Serialize)]
struct TrackedWalJson {
    number: u64,
    synced_size_bytes: Option<u64>,
}

#[derive(Serialize)]
struct TableJson {
    number: u64,
    column_family: u32,
    level: u32,
    size_bytes: u64,
    smallest_seqno: u64,
    largest_seqno: u64,
    path_id: Option<u32>,
    unique_id: Option<String>,
    checksum: Option<String>,
    checksum_function: Option<String>,
    temperature: Option<&'static str>,
}

#[derive(Serialize)]
struct BlobJson {
    number: u64,
    column_family: u32,
    blobs: u64,
    blob_bytes: u64,
    garbage_blobs: u64,
    garbage_bytes: u64,
}

/// The edits so far, folded.
#[derive(Default)]
struct Folder {
    edits: Vec<EditJson>,
    group: GroupBuffer,
    state: DatabaseState,
    problem: Option<FormatError>,
}

impl Folder {
    fn take(&mut self, record: &LogRecord<'_>) {
        if self.problem.is_none() {
            self.problem = self.fold(record).err();
        }
    }

    fn fold(&mut self, record: &LogRecord<'_>) -> Result<(), FormatError> {
        let edit = VersionEdit::decode(record.payload, record.offset)?;
        self.edits.push(EditJson {
            offset: record.offset,
            end_offset: record.end_offset,
            says: edit.to_string().lines().map(ToOwned::to_owned).collect(),
        });
        for placed in self.group.push(edit, record.offset)? {
            self.state.apply(placed.edit, placed.offset)?;
        }
        Ok(())
    }
}

pub(super) fn dump(source: &Source) -> anyhow::Result<Dump> {
    let mut folder = Folder::default();
    let mut scanner = LogScanner::manifest();
    source.pieces(&mut |piece| {
        let mut sink = |record: LogRecord<'_>| {
            folder.take(&record);
            Ok(())
        };
        scanner
            .push(piece, &mut sink)
            .map_err(|error| source.complaint(error))
    })?;
    let end = scanner.finish();
    let is_whole = folder.problem.is_none();
    let content = ManifestJson {
        // What stands after the damage may have undone any of it.
        state: is_whole.then(|| state(&folder.state)),
        incomplete_atomic_group: !folder.group.is_empty(),
        end: LogEndJson::new(&end),
        edits: folder.edits,
    };
    let incomplete = || folder.state.check_complete(end.valid_bytes).err();
    let problem = folder.problem.or_else(|| end.damage()).or_else(incomplete);
    Dump::with_problem(&content, problem)
}

fn state(state: &DatabaseState) -> StateJson {
    let wal = |(number, synced_size_bytes): (stonekeep::format::FileNumber, _)| TrackedWalJson {
        number: number.0,
        synced_size_bytes,
    };
    StateJson {
        database_id: state.db_id().map(lossy),
        last_sequence: state.last_sequence().map(|number| number.0),
        next_file_number: state.next_file_number().map(|number| number.0),
        min_wal_to_keep: state.min_wal_to_keep().0,
        column_families: state.column_families().values().map(family).collect(),
        tracked_wals: state.tracked_wals().iter().map(wal).collect(),
        live_tables: state.live_tables().map(|live| table(&live)).collect(),
        live_blobs: state.live_blobs().map(|live| blob(&live)).collect(),
    }
}

fn family(family: &ColumnFamily) -> FamilyJson {
    let sizes = family.tables.values().map(|table| table.size_bytes);
    FamilyJson {
        id: family.id.0,
        name: lossy(&family.name),
        comparator: family.comparator.as_deref().map(lossy),
        log_number: family.log_number.0,
        tables: family.tables.len(),
        table_bytes: sizes.fold(0, u64::saturating_add),
    }
}

fn table(live: &LiveTable<'_>) -> TableJson {
    let file = live.file;
    TableJson {
        number: file.number.0,
        column_family: live.column_family.0,
        level: file.level,
        size_bytes: file.size_bytes,
        smallest_seqno: file.smallest_seqno.0,
        largest_seqno: file.largest_seqno.0,
        path_id: Some(file.path_id).filter(|id| *id != 0),
        unique_id: file.unique_id.map(|id| id.to_string()),
        checksum: file.file_checksum.as_deref().map(hex),
        checksum_function: file.file_checksum_func_name.as_deref().map(lossy),
        temperature: temperature_name(file.temperature),
    }
}

fn blob(live: &LiveBlob<'_>) -> BlobJson {
    BlobJson {
        number: live.file.addition.number.0,
        column_family: live.column_family.0,
        blobs: live.file.addition.total_count,
        blob_bytes: live.file.addition.total_bytes,
        garbage_blobs: live.file.garbage_count,
        garbage_bytes: live.file.garbage_bytes,
    }
}
