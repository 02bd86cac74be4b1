//! The content of a MANIFEST: each edit, and the resulting state.

use serde_json::{Value, json};
use stonekeep::format::FormatError;
use stonekeep::format::log::{LogRecord, LogScanner};
use stonekeep::format::manifest::{
    ColumnFamily, DatabaseState, GroupBuffer, LiveBlob, LiveTable, VersionEdit,
};

use super::dump::{Dump, hex, log_end, lossy};
use super::source::Source;
use crate::output::units::temperature_name;

/// The edits so far, folded.
#[derive(Default)]
struct Folder {
    edits: Vec<Value>,
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
        self.edits.push(json!({
            "offset": record.offset,
            "end_offset": record.end_offset,
            "says": edit.to_string().lines().map(ToOwned::to_owned).collect::<Vec<_>>(),
        }));
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
    let content = json!({
        // What follows the damage may have undone any of it.
        "state": is_whole.then(|| state(&folder.state)),
        "incomplete_atomic_group": !folder.group.is_empty(),
        "end": log_end(&end),
        "edits": folder.edits,
    });
    let incomplete = || folder.state.check_complete(end.valid_bytes).err();
    let problem = folder.problem.or_else(|| end.damage()).or_else(incomplete);
    Ok(Dump { content, problem })
}

fn state(state: &DatabaseState) -> Value {
    let wal = |(number, synced_size_bytes): (stonekeep::format::FileNumber, _)| {
        json!({
            "number": number.0,
            "synced_size_bytes": synced_size_bytes,
        })
    };
    json!({
        "database_id": state.db_id().map(lossy),
        "last_sequence": state.last_sequence().map(|number| number.0),
        "next_file_number": state.next_file_number().map(|number| number.0),
        "min_wal_to_keep": state.min_wal_to_keep().0,
        "column_families": state.column_families().values().map(family).collect::<Vec<_>>(),
        "tracked_wals": state.tracked_wals().iter().map(wal).collect::<Vec<_>>(),
        "live_tables": state.live_tables().map(|live| table(&live)).collect::<Vec<_>>(),
        "live_blobs": state.live_blobs().map(|live| blob(&live)).collect::<Vec<_>>(),
    })
}

fn family(family: &ColumnFamily) -> Value {
    let sizes = family.tables.values().map(|table| table.size_bytes);
    json!({
        "id": family.id.0,
        "name": lossy(&family.name),
        "comparator": family.comparator.as_deref().map(lossy),
        "log_number": family.log_number.0,
        "tables": family.tables.len(),
        "table_bytes": sizes.fold(0, u64::saturating_add),
    })
}

fn table(live: &LiveTable<'_>) -> Value {
    let file = live.file;
    json!({
        "number": file.number.0,
        "column_family": live.column_family.0,
        "level": file.level,
        "size_bytes": file.size_bytes,
        "smallest_seqno": file.smallest_seqno.0,
        "largest_seqno": file.largest_seqno.0,
        "path_id": Some(file.path_id).filter(|id| *id != 0),
        "unique_id": file.unique_id.map(|id| id.to_string()),
        "checksum": file.checksum.as_ref().map(|checksum| hex(&checksum.value)),
        "checksum_function": file.checksum.as_ref().map(|checksum| lossy(&checksum.function)),
        "temperature": temperature_name(file.temperature),
    })
}

fn blob(live: &LiveBlob<'_>) -> Value {
    json!({
        "number": live.file.addition.number.0,
        "column_family": live.column_family.0,
        "blobs": live.file.addition.total_count,
        "blob_bytes": live.file.addition.total_bytes,
        "garbage_blobs": live.file.garbage_count,
        "garbage_bytes": live.file.garbage_bytes,
    })
}
