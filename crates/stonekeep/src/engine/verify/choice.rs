//! Chooses the files that a verification reads: those first that were not verified for the longest time.
//!
//! Whatever is not read is looked at for its size. A file that is missing or of a wrong size is a finding already, and takes no
//! part of the sample: it would take the place of others in every run.
//!
//! A file that an earlier run found damaged is read beside the sample: it may be healed, and must not take the place of others.
//!
//! A sample of a deep verification takes those first that nobody looked into for the longest time, however often their bytes were read.
//!
//! Every run of a sample of 1/n reads at least that part of the bytes, and files that were never read, or earlier than all others, come
//! first. So n runs read every byte, as long as no files come and go.

use stonekeep_format::backup_name::RepoPath;

use super::claims::{Claim, Said};
use super::contents::{contents_of, sum_of_bytes};
use super::options::Sample;
use super::report::Findings;
use crate::repo::index::RepositoryIndex;
use crate::repo::stored_files::StoredEntry;
use crate::repo::verified::Stamps;
use crate::repo::wrong::Wrong;
use crate::store::{EntryKind, Key};
use crate::{ErrorKind, Result};

/// Which files are read.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// In the order in which they are to be read.
    pub(super) chosen: Vec<Claim>,
    /// Those that are left for another run.
    pub(super) left: Vec<Claim>,
    /// Those that need not be read: a look at their size has found damage, or could not be made.
    pub(super) settled: Vec<Claim>,
}

impl Choice {
    /// Every file.
    pub(super) fn all(claims: Vec<Claim>) -> Self {
        Choice {
            chosen: claims,
            ..Choice::default()
        }
    }
}

/// When a file was last verified, as meta files expect it, in milliseconds since 1970. `None` if it never was, as one of them
/// expects it.
pub(super) fn verified_ms(stamps: &Stamps, claim: &Claim) -> Option<u64> {
    let times = claim
        .said
        .iter()
        .map(|said| stamps.verified_ms(&claim.path, said.wanted()));
    times.min().flatten()
}

/// The same for a look into the file, if there is something to look at.
fn looked_into_ms(stamps: &Stamps, claim: &Claim) -> Option<u64> {
    if contents_of(&claim.path).is_none() {
        return verified_ms(stamps, claim);
    }
    let times = claim
        .said
        .iter()
        .map(|said| stamps.looked_into_ms(&claim.path, said.wanted()));
    times.min().flatten()
}

fn is_damaged(stamps: &Stamps, claim: &Claim) -> bool {
    let mut wanted = claim.said.iter().map(Said::wanted);
    wanted.any(|wanted| stamps.damage(&claim.path, wanted).is_some())
}

/// How a sample is taken.
pub(super) struct Choosing<'a> {
    pub(super) stamps: &'a Stamps,
    pub(super) sample: Option<Sample>,
    /// By when somebody looked into the files, not by when their bytes were read.
    pub(super) by_looks: bool,
    /// In this order, else in that of the paths, in which a disk is read fastest.
    pub(super) oldest_first: bool,
}

/// Chooses a sample of files, those first that were not verified for the longest time.
///
/// # Errors
/// Those of the store that are not about one file.
pub(super) fn choose(
    index: &RepositoryIndex<'_>,
    claims: Vec<Claim>,
    choosing: &Choosing<'_>,
    findings: &mut Findings,
) -> Result<Choice> {
    let Choosing {
        stamps,
        sample,
        by_looks,
        oldest_first,
    } = *choosing;
    let time_of = if by_looks { looked_into_ms } else { verified_ms };
    let mut choice = Choice::default();
    let mut candidates = Vec::with_capacity(claims.len());
    for mut claim in claims {
        match stored_bytes(index, &claim, findings)? {
            Some(size_bytes) => {
                claim.likely_bytes = size_bytes;
                candidates.push((time_of(stamps, &claim), claim));
            }
            None => choice.settled.push(claim),
        }
    }
    candidates.sort_by(|(a_ms, a), (b_ms, b)| (a_ms, &a.path).cmp(&(b_ms, &b.path)));
    let total_bytes = sum_of_bytes(candidates.iter().map(|(_, claim)| claim));
    let wanted_bytes = sample.map_or(total_bytes, |sample| sample.of(total_bytes));
    let mut bytes = 0;
    for (_, claim) in candidates {
        let is_wanted = bytes < wanted_bytes || claim.likely_bytes == 0;
        if is_wanted || sample.is_none() {
            bytes = claim.likely_bytes.saturating_add(bytes);
            choice.chosen.push(claim);
        } else if is_damaged(stamps, &claim) {
            choice.chosen.push(claim);
        } else {
            choice.left.push(claim);
        }
    }
    if !oldest_first {
        choice.chosen.sort_by(|a, b| a.path.cmp(&b.path));
    }
    Ok(choice)
}

/// The size of a stored file, if that can be right; else it is added to the findings.
fn stored_bytes(index: &RepositoryIndex<'_>, claim: &Claim, findings: &mut Findings) -> Result<Option<u64>> {
    let stored = match stored(index, &claim.path) {
        Ok(stored) => stored,
        Err(error) if error.kind() == ErrorKind::Io => {
            findings.add_unchecked(&claim.path, &error, claim.ids());
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut is_right = false;
    for said in &claim.said {
        match Wrong::of(stored, said.size_bytes) {
            Some(wrong) => {
                let ids = said.ids.iter().copied();
                findings.add(wrong.into(), claim.path.clone(), wrong.to_string(), ids);
            }
            None => is_right = true,
        }
    }
    Ok(stored
        .filter(|_| is_right)
        .map(|stored| stored.size_bytes.unwrap_or(claim.likely_bytes)))
}

fn stored(index: &RepositoryIndex<'_>, path: &str) -> Result<Option<StoredEntry>> {
    if let Some(path) = RepoPath::parse(path) {
        return index.get(&path);
    }
    // A file of the application.
    match index.store().stat(&Key::new(path)?) {
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Some(StoredEntry {
            kind: EntryKind::Other,
            size_bytes: None,
        })),
        stat => Ok(stat?.map(|stat| StoredEntry::file(stat.size_bytes))),
    }
}
