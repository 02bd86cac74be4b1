//! What a purge decided about each backup, and why.

use std::fmt;

use stonekeep_format::BackupId;

/// Why a backup stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum KeepRule {
    /// It is the newest valid one.
    Newest,
    /// It is among the newest of that number (`num_backups_to_keep`).
    Last,
    /// It is the newest of a minute.
    Minutely,
    /// It is the newest of an hour.
    Hourly,
    /// It is the newest of a day.
    Daily,
    /// It is the newest of an ISO week.
    Weekly,
    /// It is the newest of a month.
    Monthly,
    /// It is the newest of a year.
    Yearly,
    /// It is not older than a period before the newest.
    Within,
    /// It has a tag.
    Tag,
    /// It is named by its id.
    Id,
    /// Fewer would be left (`min_count`).
    MinCount,
    /// All that stay fit into the limit (`max_total_size_bytes`), and there is no other rule.
    TotalSize,
    /// It is held.
    Hold,
    /// It is the last valid one from before the database went back to an older state, which nobody has accepted.
    SequenceWentBack,
    /// It is not valid, and neither counted nor deleted.
    NotValid,
}

impl KeepRule {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            KeepRule::Newest => "newest",
            KeepRule::Last => "last",
            KeepRule::Minutely => "minutely",
            KeepRule::Hourly => "hourly",
            KeepRule::Daily => "daily",
            KeepRule::Weekly => "weekly",
            KeepRule::Monthly => "monthly",
            KeepRule::Yearly => "yearly",
            KeepRule::Within => "within",
            KeepRule::Tag => "tag",
            KeepRule::Id => "id",
            KeepRule::MinCount => "min-count",
            KeepRule::TotalSize => "total-size",
            KeepRule::Hold => "hold",
            KeepRule::SequenceWentBack => "sequence-went-back",
            KeepRule::NotValid => "not-valid",
        }
    }
}

/// A rule that keeps a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct KeptBy {
    /// The rule.
    pub rule: KeepRule,
    /// The day, the tag, the reason of the hold and so on; empty if the rule says it all.
    pub detail: String,
}

impl KeptBy {
    pub(in crate::engine::collect) fn new(rule: KeepRule, detail: impl Into<String>) -> Self {
        KeptBy {
            rule,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for KeptBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule.name())?;
        if !self.detail.is_empty() {
            write!(f, " {}", self.detail)?;
        }
        Ok(())
    }
}

/// Why a backup goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Goes {
    /// No rule keeps it.
    NoRule,
    /// What the rules keep is larger than `max_total_size_bytes`.
    TotalSize,
}

/// What a purge decided about a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BackupDecision {
    /// The backup.
    pub id: BackupId,
    /// Its time, in seconds since 1970, UTC; `None` if its meta file cannot be read.
    pub timestamp_seconds: Option<i64>,
    /// Why it goes; `None` if it stays.
    pub goes: Option<Goes>,
    /// All rules that keep it; empty if it goes.
    pub kept_by: Vec<KeptBy>,
}
