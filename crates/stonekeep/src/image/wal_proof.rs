//! Whether the WALs in a directory belong to the state that a MANIFEST adds up to.
//!
//! A WAL names no database. What ties it to a MANIFEST are numbers:
//! - The MANIFEST has the last sequence number that is in tables, `S`. The first needed WAL with data begins at `S + 1`, or
//!   earlier where other column families were flushed later.
//! - The MANIFEST names WALs: the first one that holds what is not in tables, and the one in which the last flush went on.
//!   It also has the next file number: WALs below it were made before its last edit, WALs from it on may have been
//!   made by a database that went on after a copy was taken.
//! - It may track WALs with the bytes that were durable (`track_and_verify_wals_in_manifest`).
//! - A WAL may name the one before it, with its size (`track_and_verify_wals`).
//!
//! | verdict | when |
//! |---|---|
//! | `Absent` | there is no WAL that the MANIFEST needs |
//! | `Contradicted` | a tracked WAL is missing or shorter than it was durable; the oldest names a needed one before it, which is missing; a WAL names another size for the one before it; sequence numbers go back |
//! | `Unproven` | the WALs begin after `S + 1`, so that some writes are in neither; or all of them may be newer than the MANIFEST; or one cannot be read |
//! | `Plausible` | nothing is missing between MANIFEST and WALs, but others could look so: in a database that was never flushed (`S` is 0), where no WAL has data, or where the MANIFEST does not say which WAL is the first |
//! | `Proven` | nothing is missing, and the MANIFEST names the first WAL, or tracks one, or all column families go on at `S + 1` in a WAL that is older than its last edit |
//!
//! A proof does not show that nothing was appended since: see [`wal_dir`](super::wal_dir), which asks for more than this.

use stonekeep_format::FileNumber;
use stonekeep_format::SequenceNumber;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::log::PredecessorWal;
use stonekeep_format::manifest::DatabaseState;
use stonekeep_format::options::CaptureOptions;
use stonekeep_format::wal::{Replay, WalScanner};

use super::listing::Listing;
use super::pinned::Pinned;
use super::wal_rules::{check_tracked, first_with_unflushed_data, is_needed};
use crate::{ErrorKind, Observer, Result};

/// How much of a WAL is read at first for its first batch; then twice as much, until there is one.
const BEGINNING_BYTES: u64 = 32 << 10;

/// How far the WALs of a directory are shown to belong to a database; the text says why not, in words that fit after
/// "the WALs in this directory".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Belonging {
    /// It has no WAL that the database needs.
    Absent,
    /// They belong to another database, or to another state of this one.
    Contradicted(String),
    /// Nothing shows that they belong to it.
    Unproven(String),
    /// They fit, as those of another database might.
    Plausible,
    /// They belong to it.
    Proven,
}

impl Belonging {
    /// Whether they may belong to it.
    pub(super) fn fits(&self) -> bool {
        matches!(self, Belonging::Plausible | Belonging::Proven)
    }
}

/// What the beginning of a WAL says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct WalBeginning {
    number: FileNumber,
    size_bytes: u64,
    /// The sequence number of its first batch; none if it has no batch.
    first_sequence: Option<SequenceNumber>,
    predecessor: Option<PredecessorWal>,
    /// It could not be understood.
    is_unreadable: bool,
}

/// Looks at the WALs of a directory that a database in this state needs.
///
/// # Errors
/// `Io` and `Stopped`; `Unsupported` for records of a newer RocksDB.
pub(super) fn belonging(
    state: &DatabaseState,
    settings: &CaptureOptions,
    directory: &Listing,
    observer: &dyn Observer,
) -> Result<Belonging> {
    let mut numbers: Vec<_> = directory
        .wal_numbers()
        .filter(|number| is_needed(state, *number))
        .collect();
    numbers.sort_unstable();
    let mut wals = Vec::new();
    for number in numbers {
        let path = directory.path.join(DbFileName::Wal(number).to_string());
        // One that vanished was obsolete, or its absence shows in the numbers.
        if let Some(file) = Pinned::open(&path)? {
            wals.push(WalBeginning::read(number, &file, observer)?);
        }
    }
    Ok(judge(state, settings, &wals))
}

impl WalBeginning {
    fn read(number: FileNumber, file: &Pinned, observer: &dyn Observer) -> Result<WalBeginning> {
        let mut beginning = WalBeginning {
            number,
            size_bytes: file.size_bytes,
            ..WalBeginning::default()
        };
        let mut replay = Replay::default();
        let mut scanner = WalScanner::new(number, &mut replay);
        let (mut offset, mut length) = (0, BEGINNING_BYTES);
        while offset < file.size_bytes && beginning.first_sequence.is_none() {
            let mut pushed = Ok(());
            let to = file.size_bytes.min(offset + length);
            let end = file.read_on(offset, to, observer, &mut |piece| {
                if pushed.is_ok() && beginning.first_sequence.is_none() {
                    pushed = scanner.push_each(piece, &mut |_, batch| {
                        beginning.first_sequence.get_or_insert(batch.sequence);
                    });
                }
                Ok(())
            })?;
            if let Err(error) = pushed {
                let error = crate::Error::format(file.path.display().to_string(), error);
                if error.kind() != ErrorKind::Corrupt {
                    return Err(error);
                }
                beginning.is_unreadable = true;
                return Ok(beginning);
            }
            if end < to {
                break;
            }
            (offset, length) = (end, length * 2);
        }
        beginning.predecessor = scanner.finish().predecessor;
        Ok(beginning)
    }
}

/// The verdict about these WALs, oldest first, all of which a database in this state would read.
fn judge(state: &DatabaseState, settings: &CaptureOptions, wals: &[WalBeginning]) -> Belonging {
    let Some(oldest) = wals.first() else {
        return Belonging::Absent;
    };
    if let Some(reason) = contradiction(state, settings, wals) {
        return Belonging::Contradicted(reason);
    }
    if let Some(wal) = wals.iter().find(|wal| wal.is_unreadable) {
        return Belonging::Unproven(format!("cannot be read: {}", DbFileName::Wal(wal.number)));
    }
    let in_tables = state.last_sequence().unwrap_or_default();
    let first = wals.iter().find_map(|wal| wal.first_sequence);
    if let Some(first) = first.filter(|first| first.0 > in_tables.0.saturating_add(1)) {
        return Belonging::Unproven(format!(
            "begin with sequence number {first}, but the tables of the database end with {in_tables}"
        ));
    }
    let is_named = wals
        .iter()
        .any(|wal| wal.number == first_with_unflushed_data(state));
    let is_older = state.next_file_number().is_some_and(|next| oldest.number < next);
    // RocksDB versions that keep this number write an edit after they made a WAL, before they write to it.
    let is_dated = state.min_log_number_to_keep().is_some();
    if !is_named && !is_older && is_dated {
        return Belonging::Unproven("may all be newer than the state of the database".into());
    }
    let continues = first.is_some_and(|first| first.0 == in_tables.0 + 1);
    let is_next = is_older && is_dated && continues && has_one_log(state);
    let is_exact = first.is_some() && in_tables.0 > 0 && (is_named || is_next);
    if is_tracked(state) || is_exact {
        Belonging::Proven
    } else {
        Belonging::Plausible
    }
}

/// Whether all column families go on in the same WAL, so that no older one has data for any of them.
fn has_one_log(state: &DatabaseState) -> bool {
    let mut logs = state.column_families().values().map(|family| family.log_number);
    let first = logs.next();
    logs.all(|log| Some(log) == first)
}

/// Whether the MANIFEST has the durable size of a WAL that is needed.
fn is_tracked(state: &DatabaseState) -> bool {
    let needed = |number| number >= state.min_wal_to_keep();
    let mut wals = state.tracked_wals().iter();
    wals.any(|(number, size)| needed(number) && size.is_some_and(|size| size > 0))
}

/// What shows that the WALs are not those that belong to the state.
fn contradiction(state: &DatabaseState, settings: &CaptureOptions, wals: &[WalBeginning]) -> Option<String> {
    let find = |number| wals.iter().find(|wal| wal.number == number);
    let size_of = |number| find(number).map(|wal| wal.size_bytes);
    let tracked = check_tracked(state, settings, size_of);
    if let Some(complaint) = tracked.iter().find(|complaint| complaint.is_grave) {
        let (name, message) = (DbFileName::Wal(complaint.number), &complaint.message);
        return Some(format!(
            "are not those that the MANIFEST tracks: {name}: {message}"
        ));
    }
    for wal in wals {
        let Some(before) = wal.predecessor else { continue };
        let name = DbFileName::Wal(before.number);
        let is_needed = before.number >= first_with_unflushed_data(state);
        match find(before.number) {
            None if is_needed => {
                return Some(format!(
                    "follow {name}, which the database needs and which is not there"
                ));
            }
            Some(found) if found.size_bytes < before.size_bytes => {
                return Some(format!("follow another {name}, of {} bytes", before.size_bytes));
            }
            _ => {}
        }
    }
    let sequences = wals.iter().filter_map(|wal| wal.first_sequence);
    let is_in_order = sequences.collect::<Vec<_>>().is_sorted();
    (!is_in_order).then(|| "have sequence numbers that go back".to_owned())
}

#[cfg(test)]
mod tests {
    use stonekeep_format::ColumnFamilyId;
    use stonekeep_format::manifest::{ColumnFamilyChange, VersionEdit, WalAddition};

    use super::*;

    /// A database with tables up to sequence number 100, whose column families go on in these WALs.
    fn state(log_numbers: &[u64], min_log_number_to_keep: Option<u64>) -> DatabaseState {
        let mut state = DatabaseState::default();
        for (id, log_number) in log_numbers.iter().enumerate() {
            let column_family = ColumnFamilyId(id as u32);
            let name = format!("family {id}").into_bytes();
            let edit = VersionEdit {
                column_family,
                column_family_change: (id > 0).then_some(ColumnFamilyChange::Add(name)),
                log_number: Some(FileNumber(*log_number)),
                next_file_number: Some(FileNumber(15)),
                last_sequence: Some(SequenceNumber(100)),
                min_log_number_to_keep: min_log_number_to_keep.map(FileNumber),
                ..VersionEdit::default()
            };
            state.apply(edit, 0).unwrap();
        }
        state
    }

    fn wal(number: u64, first_sequence: u64) -> WalBeginning {
        WalBeginning {
            number: FileNumber(number),
            size_bytes: 1_000,
            first_sequence: Some(SequenceNumber(first_sequence)).filter(|first| first.0 > 0),
            ..WalBeginning::default()
        }
    }

    fn verdict(state: &DatabaseState, wals: &[WalBeginning]) -> Belonging {
        judge(state, &CaptureOptions::default(), wals)
    }

    fn is_unproven(belonging: &Belonging) -> bool {
        matches!(belonging, Belonging::Unproven(_))
    }

    fn is_contradicted(belonging: &Belonging) -> bool {
        matches!(belonging, Belonging::Contradicted(_))
    }

    #[test]
    fn the_first_wal_that_the_manifest_names_is_a_proof() {
        let state = state(&[9, 12], Some(9));
        assert_eq!(verdict(&state, &[wal(9, 40), wal(12, 90)]), Belonging::Proven);
        assert_eq!(verdict(&state, &[wal(9, 101)]), Belonging::Proven);
        // It was flushed by a database that went on: the other family's data is gone.
        assert_eq!(verdict(&state, &[wal(12, 101)]), Belonging::Plausible);
        assert_eq!(verdict(&state, &[]), Belonging::Absent);
    }

    #[test]
    fn a_number_that_was_never_given_to_a_wal_leaves_the_sequence() {
        // After a recovery the log number is one above the last WAL.
        let recovered = state(&[10, 10], Some(10));
        assert_eq!(verdict(&recovered, &[wal(14, 101)]), Belonging::Proven);
        assert_eq!(verdict(&recovered, &[wal(14, 100)]), Belonging::Plausible);
        assert_eq!(verdict(&recovered, &[wal(14, 0)]), Belonging::Plausible);
        assert!(is_unproven(&verdict(&recovered, &[wal(14, 102)])));
        // Made after the last edit of this MANIFEST.
        assert!(is_unproven(&verdict(&recovered, &[wal(15, 101)])));
        // Before RocksDB kept the number, that was usual.
        assert_eq!(
            verdict(&state(&[10], None), &[wal(15, 101)]),
            Belonging::Plausible
        );
    }

    #[test]
    fn a_database_without_tables_has_nothing_to_compare_with() {
        let mut state = DatabaseState::default();
        let edit = VersionEdit {
            log_number: Some(FileNumber(0)),
            next_file_number: Some(FileNumber(6)),
            last_sequence: Some(SequenceNumber(0)),
            ..VersionEdit::default()
        };
        state.apply(edit, 0).unwrap();
        assert_eq!(verdict(&state, &[wal(4, 1)]), Belonging::Plausible);
        assert!(is_unproven(&verdict(&state, &[wal(9, 101)])));
    }

    #[test]
    fn a_predecessor_that_is_needed_must_be_there_with_its_size() {
        let state = state(&[9], Some(9));
        let after = |number, size_bytes| WalBeginning {
            predecessor: Some(PredecessorWal {
                number: FileNumber(number),
                size_bytes,
                last_sequence: SequenceNumber(100),
            }),
            ..wal(12, 105)
        };
        assert_eq!(
            verdict(&state, &[wal(9, 101), after(9, 1_000)]),
            Belonging::Proven
        );
        assert!(is_contradicted(&verdict(&state, &[wal(9, 101), after(9, 1_001)])));
        assert!(is_contradicted(&verdict(
            &state,
            &[wal(9, 101), after(11, 1_000)]
        )));
    }

    #[test]
    fn sequence_numbers_that_go_back_are_of_two_databases() {
        let state = state(&[9], Some(9));
        assert!(is_contradicted(&verdict(&state, &[wal(9, 101), wal(12, 7)])));
    }

    #[test]
    fn tracked_wals_prove_and_contradict() {
        let mut state = DatabaseState::default();
        let wal_additions = vec![WalAddition {
            number: FileNumber(4),
            synced_size_bytes: Some(1_000),
        }];
        let edit = VersionEdit {
            wal_additions,
            ..VersionEdit::default()
        };
        state.apply(edit, 0).unwrap();
        assert_eq!(verdict(&state, &[wal(4, 1)]), Belonging::Proven);
        assert!(is_contradicted(&verdict(&state, &[wal(5, 1)])));
    }
}
