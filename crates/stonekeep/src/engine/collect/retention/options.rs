//! The rules of a purge.

use std::time::Duration;

use jiff::tz::TimeZone;
use stonekeep_format::BackupId;

use super::keep::{Keep, Period};
use super::report::KeepRule;
use crate::engine::options::with;
use crate::{Error, Result, WarningName};

/// Which backups a purge keeps: those that any rule keeps. The [module](super) says what each rule means.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct PurgeOptions {
    /// The newest so many valid backups stay (`PurgeOldBackups(num_backups_to_keep)`).
    pub num_backups_to_keep: Option<usize>,
    /// The newest backup of a minute stays.
    pub keep_minutely: Option<Keep>,
    /// The newest backup of an hour stays.
    pub keep_hourly: Option<Keep>,
    /// The newest backup of a day stays.
    pub keep_daily: Option<Keep>,
    /// The newest backup of an ISO week stays.
    pub keep_weekly: Option<Keep>,
    /// The newest backup of a month stays.
    pub keep_monthly: Option<Keep>,
    /// The newest backup of a year stays.
    pub keep_yearly: Option<Keep>,
    /// Backups within this period before the newest one stay.
    pub keep_within: Option<Period>,
    /// Backups with any of these tags stay.
    pub keep_tags: Vec<String>,
    /// These backups stay.
    pub keep_ids: Vec<BackupId>,
    /// The newest so many valid backups stay, whatever the other rules and the limit say. No rule by itself.
    pub min_count: usize,
    /// A limit on the bytes of all backups that stay, files that they share counted once: the oldest go until that is reached.
    /// Those go not that stay for their tag, their id, a hold, `min_count`, or that the database went back.
    pub max_total_size_bytes: Option<u64>,
    /// What the user accepts: with [`WarningName::SequenceWentBack`] backups from before the database went back to an older
    /// state may go as well.
    pub accept: Vec<WarningName>,
    /// How long the files of what is deleted stay, so that it can be undeleted.
    pub undelete_for: Option<Duration>,
    /// Where days begin.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub time_zone: TimeZone,
}

impl Default for PurgeOptions {
    /// No rule, and UTC.
    fn default() -> Self {
        PurgeOptions {
            num_backups_to_keep: None,
            keep_minutely: None,
            keep_hourly: None,
            keep_daily: None,
            keep_weekly: None,
            keep_monthly: None,
            keep_yearly: None,
            keep_within: None,
            keep_tags: Vec::new(),
            keep_ids: Vec::new(),
            min_count: 0,
            max_total_size_bytes: None,
            accept: Vec::new(),
            undelete_for: None,
            time_zone: TimeZone::UTC,
        }
    }
}

impl PurgeOptions {
    /// Keeps so many valid backups.
    pub fn keep(num_backups_to_keep: usize) -> Self {
        PurgeOptions::default().with_num_backups_to_keep(num_backups_to_keep)
    }

    /// Whether these options keep no backup that nothing else keeps.
    pub fn keeps_none(&self) -> bool {
        self.num_backups_to_keep == Some(0) && !self.has_other_rules() && self.max_total_size_bytes.is_none()
    }

    /// The rules by the calendar that are given.
    pub(super) fn calendar_rules(&self) -> impl Iterator<Item = (KeepRule, Keep)> {
        let rules = [
            (KeepRule::Minutely, self.keep_minutely),
            (KeepRule::Hourly, self.keep_hourly),
            (KeepRule::Daily, self.keep_daily),
            (KeepRule::Weekly, self.keep_weekly),
            (KeepRule::Monthly, self.keep_monthly),
            (KeepRule::Yearly, self.keep_yearly),
        ];
        rules.into_iter().filter_map(|(rule, keep)| Some((rule, keep?)))
    }

    /// Whether a rule is given: with none, only the limit says what goes.
    pub(super) fn has_rules(&self) -> bool {
        self.num_backups_to_keep.is_some() || self.has_other_rules()
    }

    /// Whether anything says which backups stay: without that, a purge is refused.
    pub fn has_rules_or_limit(&self) -> bool {
        self.has_rules() || self.max_total_size_bytes.is_some()
    }

    fn has_other_rules(&self) -> bool {
        self.calendar_rules().next().is_some()
            || self.keep_within.is_some()
            || !self.keep_tags.is_empty()
            || !self.keep_ids.is_empty()
    }

    /// Refuses options by which everything would go.
    pub(in crate::engine::collect) fn check(&self) -> Result<()> {
        if self.has_rules_or_limit() {
            return Ok(());
        }
        Err(Error::invalid("no rule says which backups a purge keeps"))
    }
}

with!(PurgeOptions:
    /// Sets [`Self::num_backups_to_keep`].
    with_num_backups_to_keep(num_backups_to_keep: impl Into<Option<usize>>),
    /// Sets [`Self::keep_minutely`].
    with_keep_minutely(keep_minutely: impl Into<Option<Keep>>),
    /// Sets [`Self::keep_hourly`].
    with_keep_hourly(keep_hourly: impl Into<Option<Keep>>),
    /// Sets [`Self::keep_daily`].
    with_keep_daily(keep_daily: impl Into<Option<Keep>>),
    /// Sets [`Self::keep_weekly`].
    with_keep_weekly(keep_weekly: impl Into<Option<Keep>>),
    /// Sets [`Self::keep_monthly`].
    with_keep_monthly(keep_monthly: impl Into<Option<Keep>>),
    /// Sets [`Self::keep_yearly`].
    with_keep_yearly(keep_yearly: impl Into<Option<Keep>>),
    /// Sets [`Self::keep_within`].
    with_keep_within(keep_within: impl Into<Option<Period>>),
    /// Sets [`Self::keep_tags`].
    with_keep_tags(keep_tags: impl Into<Vec<String>>),
    /// Sets [`Self::keep_ids`].
    with_keep_ids(keep_ids: impl Into<Vec<BackupId>>),
    /// Sets [`Self::min_count`].
    with_min_count(min_count: usize),
    /// Sets [`Self::max_total_size_bytes`].
    with_max_total_size_bytes(max_total_size_bytes: impl Into<Option<u64>>),
    /// Sets [`Self::accept`].
    with_accept(accept: impl Into<Vec<WarningName>>),
    /// Sets [`Self::undelete_for`].
    with_undelete_for(undelete_for: impl Into<Option<Duration>>),
    /// Sets [`Self::time_zone`].
    with_time_zone(time_zone: TimeZone),
);
