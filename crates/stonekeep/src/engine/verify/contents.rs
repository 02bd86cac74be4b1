//! `VerifyBackup(id, true)`: every file is opened, and every byte read whose length can be right.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::{BackupId, Crc32c};

use super::claims::{Claim, Said};
use super::recorded::RecordedFiles;
use super::report::{FindingKind, Findings, is_shortage};
use super::verified_contents::VerifiedContents;
use super::wals_of_backups::WalsOfBackups;
use crate::engine::BackupEngineReadOnly;
use crate::engine::deep::{self, Deep, Record};
use crate::engine::transfer::{Meter, Metered};
use crate::parallel::run_bounded;
use crate::repo::index::RepositoryIndex;
use crate::repo::stored_files::StoredEntry;
use crate::repo::verified::{Outcome, Recorder, Wanted};
use crate::repo::wrong::Wrong;
use crate::store::{Key, ObjectReader};
use crate::{Error, ErrorKind, Observer, Phase, Result};

/// What is stored under a path.
enum Found {
    /// A file of this length; its checksum, if it was read, and what was found in it, if somebody looked.
    File(u64, Option<Crc32c>, Option<Deep>),
    /// No file, or one that is not what it should be.
    Bad(FindingKind, String),
    /// Something that could not be read, and may be right.
    Unchecked(Error),
}

impl From<Wrong> for Found {
    fn from(wrong: Wrong) -> Self {
        Found::Bad(wrong.into(), wrong.to_string())
    }
}

/// What is to be read, and until when.
pub(super) struct Reading<'a> {
    /// In this order.
    pub(super) claims: Vec<Claim>,
    /// No file is begun after that, except for the first one.
    pub(super) until: Option<Instant>,
    pub(super) recorder: Option<&'a Recorder<'a>>,
    /// If tables and WALs are parsed, what MANIFESTs say of them.
    pub(super) recorded: Option<&'a RecordedFiles>,
}

/// How files are looked into.
#[derive(Clone, Copy)]
struct Into<'a> {
    memory_bytes: usize,
    recorded: &'a RecordedFiles,
}

/// What has been read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) files: u64,
    /// Of the files that were read to the end.
    pub(super) bytes: u64,
    /// The files that were not begun.
    pub(super) left: Vec<Claim>,
    /// The files of which not every byte could be read.
    pub(super) unread: Vec<Claim>,
    /// Whether the observer asked for an end.
    pub(super) is_stopped: bool,
    /// What is in those that somebody looked into.
    pub(super) contents: VerifiedContents,
    wals: WalsOfBackups,
}

impl Read {
    /// Adds what was found of a file.
    fn add(&mut self, claim: Claim, found: Found, recorded: Option<&RecordedFiles>, findings: &mut Findings) {
        self.files += 1;
        let is_read = matches!(found, Found::File(_, Some(_), _));
        match found {
            Found::File(size_bytes, crc32c, deep) => {
                self.bytes += crc32c.map_or(0, |_| size_bytes);
                compare(&claim, size_bytes, crc32c, findings);
                if let Some(deep) = deep {
                    add_contents(&claim, &deep, recorded, findings);
                    self.wals.add(&claim, &deep);
                    self.contents.add(&claim.path, deep.with_contradictions());
                }
            }
            Found::Bad(kind, reason) => findings.add(kind, claim.path.clone(), reason, claim.ids()),
            Found::Unchecked(error) => findings.add_unchecked(&claim.path, &error, claim.ids()),
        }
        if !is_read {
            self.unread.push(claim);
        }
    }
}

/// Adds what is damaged in a file for all backups that name it, and what is otherwise than a MANIFEST says for those with the MANIFEST.
fn add_contents(claim: &Claim, deep: &Deep, recorded: Option<&RecordedFiles>, findings: &mut Findings) {
    let kind = FindingKind::DamagedContents;
    for line in deep.lines() {
        findings.add(kind, claim.path.clone(), line, claim.ids());
    }
    let name = contents_of(&claim.path);
    let Some((recorded, name)) = recorded.zip(name).filter(|_| !deep.contradictions.is_empty()) else {
        return;
    };
    let records = recorded.of(claim, &name);
    for (place, part) in &deep.contradictions {
        if let Some((_, ids)) = records.get(*place) {
            findings.add(kind, claim.path.clone(), part.to_string(), ids.iter().copied());
        }
    }
}

/// What is to be remembered of the contents of a file: what is wrong for every backup that names it, in one line, or that nothing is. `None` if
/// only some MANIFESTs contradict it: a later look finds that again.
fn to_remember(claim: &Claim, deep: &Deep, recorded: Option<&RecordedFiles>) -> Option<Option<String>> {
    if let Some(first) = deep.damaged.first() {
        return Some(Some(match deep.damaged.len() as u64 - 1 + deep.more_damaged {
            0 => first.to_string(),
            more => format!("{first}; {more} more"),
        }));
    }
    let Some((_, first)) = deep.contradictions.first() else {
        return Some(None);
    };
    let recorded = recorded.filter(|recorded| recorded.is_of_all)?;
    let records = recorded.of(claim, &contents_of(&claim.path)?);
    let places = deep.contradictions.iter().map(|(place, _)| *place);
    let contradicting: HashSet<BackupId> = places
        .filter_map(|place| records.get(place))
        .flat_map(|(_, ids)| ids.iter().copied())
        .collect();
    let all = claim.ids().all(|id| contradicting.contains(&id));
    all.then(|| Some(first.to_string()))
}

/// How many bytes these are likely to have. Meta files may tell any sizes.
pub(super) fn sum_of_bytes<'c>(claims: impl IntoIterator<Item = &'c Claim>) -> u64 {
    let bytes = claims.into_iter().map(|claim| claim.likely_bytes);
    bytes.fold(0, u64::saturating_add)
}

/// Opens and reads what the claims are about. Files for which descriptors or memory were lacking are tried once more at the end, one after
/// another.
///
/// # Errors
/// None that is about one file: it must not end the verification of all others. Neither does a stop lose what was found before.
pub(super) fn verify(
    engine: &BackupEngineReadOnly,
    index: &RepositoryIndex<'_>,
    reading: Reading<'_>,
    findings: &mut Findings,
    observer: &dyn Observer,
) -> Result<Read> {
    let Reading {
        claims,
        until,
        recorder,
        recorded,
    } = reading;
    let into = recorded.map(|recorded| Into {
        memory_bytes: deep::memory_of_one(engine.workers()),
        recorded,
    });
    let bytes = sum_of_bytes(&claims);
    let limiter = &engine.verify_rate_limiter;
    let meter = engine.meter(observer, limiter, Phase::Verifying, (claims.len() as u64, bytes));
    let is_over = || until.is_some_and(|until| engine.clock.instant() >= until);
    let stopped = AtomicBool::new(false);
    let numbered = claims.into_iter().enumerate().collect();
    let results = run_bounded(engine.workers(), numbered, |(number, claim)| {
        if number > 0 && is_over() {
            return Ok((claim, None));
        }
        let Some(found) = unless_stopped(look_twice(engine, (index, into), &claim, &meter), &stopped)? else {
            return Ok((claim, None));
        };
        meter.file_done();
        record(recorder, &claim, &found, recorded);
        Ok((claim, Some(found)))
    })?;
    let mut read = Read::default();
    for (claim, found) in results {
        let found = match found {
            None => {
                read.left.push(claim);
                continue;
            }
            Some(Found::Unchecked(error)) if is_shortage(&error) => {
                let again = meter
                    .check()
                    .and_then(|()| look(engine, (index, into), &claim, &meter));
                let Some(found) = unless_stopped(again, &stopped)? else {
                    read.left.push(claim);
                    continue;
                };
                record(recorder, &claim, &found, recorded);
                found
            }
            Some(found) => found,
        };
        read.add(claim, found, recorded, findings);
    }
    read.wals.report(findings);
    read.is_stopped = stopped.into_inner();
    Ok(read)
}

/// `None` if it was stopped, which is noted.
fn unless_stopped(found: Result<Found>, stopped: &AtomicBool) -> Result<Option<Found>> {
    match found {
        Err(error) if error.kind() == ErrorKind::Stopped => {
            stopped.store(true, Ordering::Relaxed);
            Ok(None)
        }
        found => found.map(Some),
    }
}

/// Looks once more at what seems to be wrong: it may have been changed on the way.
fn look_twice(
    engine: &BackupEngineReadOnly,
    (index, into): (&RepositoryIndex<'_>, Option<Into<'_>>),
    claim: &Claim,
    meter: &Meter<'_>,
) -> Result<Found> {
    meter.check()?;
    let found = look(engine, (index, into), claim, meter)?;
    if !is_wrong(claim, &found) {
        return Ok(found);
    }
    if let Found::File(size_bytes, Some(_), _) = found {
        meter.take_back(size_bytes);
    }
    let found = look(engine, (index, into), claim, meter)?;
    if is_wrong(claim, &found) {
        tracing::info!(file = %claim.path, "a file is damaged");
    }
    Ok(found)
}

/// Leaves a stamp for each of those that a file can be, if all of its bytes were read.
fn record(recorder: Option<&Recorder<'_>>, claim: &Claim, found: &Found, recorded: Option<&RecordedFiles>) {
    let (Some(recorder), Found::File(size_bytes, crc32c @ Some(_), deep)) = (recorder, found) else {
        return;
    };
    let in_file = deep.as_ref().and_then(|deep| to_remember(claim, deep, recorded));
    for said in &claim.said {
        let outcome = match wrong(claim, said, *size_bytes, *crc32c) {
            None => Outcome::Right,
            Some((FindingKind::WrongChecksum | FindingKind::LyingMeta, reason)) => Outcome::Damaged(reason),
            // A look at the size is enough.
            Some(_) => continue,
        };
        let wanted = Wanted {
            size_bytes: said.size_bytes.or(Some(*size_bytes)),
            crc32c: said.crc32c,
        };
        let in_file = in_file.clone().filter(|_| outcome == Outcome::Right);
        recorder.record_looked_into(&claim.path, wanted, outcome, in_file);
    }
}

fn look(
    engine: &BackupEngineReadOnly,
    (index, into): (&RepositoryIndex<'_>, Option<Into<'_>>),
    claim: &Claim,
    meter: &Meter<'_>,
) -> Result<Found> {
    let object = match index.store().open(&Key::new(claim.path.as_str())?) {
        Ok(object) => object,
        Err(error) if error.kind() == ErrorKind::Stopped => return Err(error),
        Err(error) => {
            return Ok(match Wrong::of_opening(&error) {
                Some(Wrong::Missing) if is_listed(index, &claim.path) => Wrong::ListedOnly.into(),
                Some(wrong) => wrong.into(),
                None => Found::Unchecked(error),
            });
        }
    };
    let size_bytes = object.size_bytes();
    if !claim.may_have(size_bytes) {
        return Ok(Found::File(size_bytes, None, None));
    }
    let read = match into.zip(contents_of(&claim.path)) {
        Some((into, name)) => {
            let count = |bytes| meter.count(bytes);
            let records = into.recorded.of(claim, &name);
            let records: Vec<&Record> = records.into_iter().map(|(record, _)| record).collect();
            let looked = deep::look(&name, object.as_ref(), into.memory_bytes, &records, &count);
            looked.map_err(|error| Error::of_reading(error, || format!("reading {}", claim.path)))
        }
        None => {
            let inner = ObjectReader::new(object.as_ref());
            let mut reader = Metered::new(inner, &claim.path, size_bytes, meter);
            reader
                .drain(&mut engine.read_buffer())
                .map(|crc32c| (crc32c, None))
        }
    };
    match read {
        Ok((crc32c, deep)) => Ok(Found::File(size_bytes, Some(crc32c), deep)),
        Err(error) if error.io_kind() == Some(io::ErrorKind::UnexpectedEof) => {
            let reason = std::error::Error::source(&error).map(ToString::to_string);
            Ok(Found::Bad(FindingKind::WrongSize, reason.unwrap_or_default()))
        }
        Err(error) if error.kind() == ErrorKind::Stopped => Err(error),
        Err(error) => Ok(Found::Unchecked(error)),
    }
}

/// What a file is in a database, if there is something to look at in it.
pub(super) fn contents_of(path: &str) -> Option<DbFileName> {
    let name = RepoPath::parse(path)?.restored_name();
    deep::is_known(&name).then_some(name)
}

/// Whether the store lists a file that it does not find.
fn is_listed(index: &RepositoryIndex<'_>, path: &str) -> bool {
    let path = RepoPath::parse(path).filter(|_| index.store().traits().lists);
    path.is_some_and(|path| index.get(&path).is_ok_and(|stored| stored.is_some()))
}

/// Whether it is missing, or has a checksum that none of the backups has for it.
fn is_wrong(claim: &Claim, found: &Found) -> bool {
    match *found {
        Found::File(size_bytes, Some(crc32c), _) => {
            let of_any = |said: &Said| wrong(claim, said, size_bytes, Some(crc32c)).is_none();
            !claim.said.iter().any(of_any)
        }
        Found::Bad(kind, _) => kind == FindingKind::Missing,
        Found::File(_, None, _) | Found::Unchecked(_) => false,
    }
}

fn compare(claim: &Claim, size_bytes: u64, crc32c: Option<Crc32c>, findings: &mut Findings) {
    for said in &claim.said {
        if let Some((kind, reason)) = wrong(claim, said, size_bytes, crc32c) {
            findings.add(kind, claim.path.clone(), reason, said.ids.iter().copied());
        }
    }
}

/// What these backups have wrong.
fn wrong(
    claim: &Claim,
    said: &Said,
    size_bytes: u64,
    crc32c: Option<Crc32c>,
) -> Option<(FindingKind, String)> {
    if let Some(wrong) = Wrong::of(Some(StoredEntry::file(size_bytes)), said.size_bytes) {
        return Some((wrong.into(), wrong.to_string()));
    }
    let found = crc32c?;
    let wanted = said.crc32c.filter(|wanted| *wanted != found)?;
    Some(if claim.says(size_bytes, found) {
        (
            FindingKind::LyingMeta,
            format!(
                "its checksum is {found:#010x}, as other backups have it; these meta files have {wanted:#010x}"
            ),
        )
    } else {
        (
            FindingKind::WrongChecksum,
            format!("its checksum is {found:#010x} instead of {wanted:#010x}"),
        )
    })
}
