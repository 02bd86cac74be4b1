//! Judges what a repository has.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use stonekeep::WarningName;
use stonekeep::engine::collect::PastRetention;
use stonekeep::engine::info::{BackupInfo, BackupState, RepositoryInfo};

use super::args::CheckArgs;
use super::health::{Figures, Health, Newest};
use crate::output::units::{bytes, count};

/// This many findings are reasons; JSON and `list` have all.
const MAX_FINDINGS: usize = 5;

/// What was found in a repository.
pub(super) struct Findings {
    pub(super) info: RepositoryInfo,
    /// Which backups no rule keeps, or why that is not known; `None` if nobody asks.
    pub(super) past_retention: Option<stonekeep::Result<PastRetention>>,
    pub(super) free_bytes: Option<u64>,
}

/// What the backups amount to.
pub(super) fn figures(found: &Findings) -> Figures {
    let info = &found.info;
    let past = found.past_retention.as_ref().and_then(|past| past.as_ref().ok());
    let counted = |is: fn(&BackupState) -> bool| {
        let backups = info.backups.iter();
        Some(backups.filter(|backup| is(&backup.state)).count() as u64)
    };
    Figures {
        last_success: info
            .backups
            .iter()
            .rev()
            .find(|backup| is_valid(backup))
            .map(newest),
        valid_backups: counted(|state| *state == BackupState::Valid),
        corrupt_backups: counted(|state| matches!(state, BackupState::Corrupt(_))),
        unsupported_backups: counted(|state| matches!(state, BackupState::Unsupported(_))),
        findings: Some(damaged_files(info).len() as u64),
        total_bytes: info.total_bytes,
        unverified_since: info
            .backups
            .iter()
            .filter_map(|backup| backup.unverified_since_seconds)
            .min(),
        never_verified_bytes: info.never_verified_bytes,
        last_drill: info.last_drill_seconds,
        backups_past_retention: past.map(|past| past.backups.len() as u64),
        past_retention_since: past.and_then(|past| past.since_seconds),
        free_bytes: found.free_bytes,
    }
}

fn is_valid(backup: &BackupInfo) -> bool {
    backup.state == BackupState::Valid
}

fn newest(backup: &BackupInfo) -> Newest {
    Newest {
        backup_id: backup.id.get(),
        time: backup.timestamp_seconds,
        age_seconds: age_seconds(backup.timestamp_seconds),
        duration_ms: backup.duration_ms,
        sequence_number: backup.sequence_number.0,
        number_files: backup.number_files,
        size_bytes: backup.size_bytes,
        unique_bytes: backup.unique_bytes,
    }
}

/// The age of something of this time; nothing is younger than now.
fn age_seconds(seconds: i64) -> i64 {
    Timestamp::now().as_second().saturating_sub(seconds).max(0)
}

/// What is wrong: each file once.
fn damaged_files(info: &RepositoryInfo) -> BTreeSet<(&str, &str)> {
    let corrupt = info.backups.iter().filter_map(|backup| match &backup.state {
        BackupState::Corrupt(findings) => Some(findings),
        _ => None,
    });
    let findings = corrupt.flatten();
    findings
        .map(|finding| (finding.file.as_str(), finding.reason.as_str()))
        .collect()
}

/// The word, with the reasons.
pub(super) fn judge(args: &CheckArgs, found: &Findings, figures: &Figures) -> (Health, Vec<String>) {
    let info = &found.info;
    if info.backups.is_empty() {
        return (Health::Never, vec!["there is no backup".to_owned()]);
    }
    let damage = damage(info, figures);
    let mut stale = Vec::new();
    stale.extend(too_old(args, figures));
    stale.extend(too_few(args, figures));
    stale.extend(not_verified(args, figures));
    stale.extend(not_purged(args, found, figures));
    stale.extend(not_drilled(args, figures));
    stale.extend(no_space(args, figures));
    stale.extend(forgotten(info));
    if let Some(unsupported @ 1..) = figures.unsupported_backups {
        let backups = count(unsupported, "backup");
        stale.push(format!("{backups} cannot be read by this version"));
    }
    let health = if !damage.is_empty() {
        Health::Damaged
    } else if !stale.is_empty() {
        Health::Stale
    } else {
        Health::Ok
    };
    (health, damage.into_iter().chain(stale).collect())
}

fn damage(info: &RepositoryInfo, figures: &Figures) -> Vec<String> {
    let found = damaged_files(info);
    let mut reasons: Vec<String> = Vec::new();
    if let Some(corrupt @ 1..) = figures.corrupt_backups {
        let all = info.backups.len() as u64;
        reasons.push(format!("{corrupt} of {} damaged", count(all, "backup")));
    }
    let named = found.iter().take(MAX_FINDINGS);
    reasons.extend(named.map(|(file, reason)| format!("{file}: {reason}")));
    if let Some(more @ 1..) = found.len().checked_sub(MAX_FINDINGS) {
        reasons.push(format!("{} more", count(more as u64, "finding")));
    }
    reasons
}

fn too_old(args: &CheckArgs, figures: &Figures) -> Option<String> {
    let newest = match &figures.last_success {
        Some(newest) => newest,
        None => return Some("no backup is valid".to_owned()),
    };
    let max = args.max_age?;
    is_over(newest.age_seconds, max).then(|| {
        let (age, max) = (period(newest.age_seconds), period(whole(max)));
        format!("the newest valid backup is {age} old, more than {max}")
    })
}

fn too_few(args: &CheckArgs, figures: &Figures) -> Option<String> {
    let (valid, min) = (figures.valid_backups?, args.min_valid? as u64);
    (valid < min).then(|| format!("{} valid, fewer than {min}", count(valid, "backup")))
}

fn not_verified(args: &CheckArgs, figures: &Figures) -> Option<String> {
    let (since, max) = (figures.unverified_since?, args.max_unverified_age?);
    let age = age_seconds(since);
    is_over(age, max).then(|| {
        let max = period(whole(max));
        format!(
            "some bytes were not verified for {}, more than {max}",
            period(age)
        )
    })
}

fn not_purged(args: &CheckArgs, found: &Findings, figures: &Figures) -> Option<String> {
    if let Some(Err(error)) = &found.past_retention {
        let error = error.one_line();
        return Some(format!("which backups are past retention is not known: {error}"));
    }
    let (past, since) = (figures.backups_past_retention?, figures.past_retention_since?);
    let (age, max) = (age_seconds(since), args.max_past_retention?);
    is_over(age, max).then(|| {
        let (past, age, max) = (count(past, "backup"), period(age), period(whole(max)));
        format!("{past} past retention, for up to {age}, more than {max}: purge is overdue")
    })
}

fn not_drilled(args: &CheckArgs, figures: &Figures) -> Option<String> {
    let max = args.max_drill_age?;
    let Some(last) = figures.last_drill else {
        return Some("no successful drill is known".to_owned());
    };
    let age = age_seconds(last);
    is_over(age, max).then(|| {
        let (age, max) = (period(age), period(whole(max)));
        format!("the last successful drill was {age} ago, more than {max}")
    })
}

fn no_space(args: &CheckArgs, figures: &Figures) -> Option<String> {
    let (free, min) = (figures.free_bytes?, args.min_free?);
    (free < min).then(|| format!("{} free, less than {}", bytes(free), bytes(min)))
}

/// Records of verifications that cannot be read: damage may be unknown that was found.
fn forgotten(info: &RepositoryInfo) -> impl Iterator<Item = String> {
    let warnings = info.warnings.iter();
    let forgotten = warnings.filter(|warning| warning.name == WarningName::NotRemembered);
    forgotten.map(ToString::to_string)
}

fn is_over(age_seconds: i64, max: Duration) -> bool {
    age_seconds > whole(max)
}

fn whole(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// A time of seconds in its largest unit, as in "26 h".
pub(super) fn period(seconds: i64) -> String {
    match seconds {
        172_800.. => format!("{} d", seconds / 86_400),
        7_200.. => format!("{} h", seconds / 3_600),
        120.. => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}
