//! The health of a database, and what is known of its backups.

use serde::{Serialize, Serializer};

use crate::exit::Exit;
use crate::output::location::without_secrets;

/// One word. The order is that of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Health {
    Ok,
    Stale,
    Unreachable,
    Never,
    Damaged,
}

impl Health {
    pub(super) const ALL: [Health; 5] = [
        Health::Ok,
        Health::Stale,
        Health::Unreachable,
        Health::Never,
        Health::Damaged,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Health::Ok => "ok",
            Health::Stale => "stale",
            Health::Unreachable => "unreachable",
            Health::Never => "never",
            Health::Damaged => "damaged",
        }
    }

    pub(super) fn exit(self) -> Exit {
        match self {
            Health::Ok => Exit::Success,
            Health::Stale | Health::Unreachable => Exit::Failure,
            Health::Never => Exit::NotFound,
            Health::Damaged => Exit::Corrupt,
        }
    }
}

/// A database in one repository, after it was checked.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Checked {
    /// Its name in the configuration file.
    pub(crate) name: Option<String>,
    /// How it is called among several.
    #[serde(skip)]
    pub(crate) display: Option<String>,
    pub(crate) repository: String,
    pub(crate) health: Health,
    /// Why, the worst first; of one that is ok, nothing.
    pub(crate) reasons: Vec<String>,
    #[serde(flatten)]
    pub(crate) figures: Figures,
    /// How long the check took.
    pub(crate) check_ms: u64,
}

impl Checked {
    /// One that could not be looked at.
    pub(crate) fn unreachable(
        (name, display): (Option<String>, Option<String>),
        repository: String,
        reason: String,
    ) -> Self {
        Checked {
            name,
            display,
            repository: without_secrets(&repository),
            health: Health::Unreachable,
            reasons: vec![reason],
            figures: Figures::default(),
            check_ms: 0,
        }
    }

    /// What people call it.
    pub(super) fn label(&self) -> &str {
        let name = self.display.as_deref().or(self.name.as_deref());
        name.unwrap_or(&self.repository)
    }
}

/// What the backups of a repository amount to; nothing is known of one that could not be read.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Figures {
    /// The newest valid backup.
    pub(crate) last_success: Option<Newest>,
    pub(crate) valid_backups: Option<u64>,
    pub(crate) corrupt_backups: Option<u64>,
    pub(crate) unsupported_backups: Option<u64>,
    /// Files with something wrong, each counted once.
    pub(crate) findings: Option<u64>,
    pub(crate) total_bytes: Option<u64>,
    #[serde(serialize_with = "time")]
    pub(crate) unverified_since: Option<i64>,
    pub(crate) never_verified_bytes: Option<u64>,
    #[serde(serialize_with = "time")]
    pub(crate) last_drill: Option<i64>,
    /// Backups that no rule keeps; nothing without rules.
    pub(crate) backups_past_retention: Option<u64>,
    /// Since when there is one.
    #[serde(serialize_with = "time")]
    pub(crate) past_retention_since: Option<i64>,
    pub(crate) free_bytes: Option<u64>,
}

/// The newest valid backup.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Newest {
    pub(crate) backup_id: u32,
    #[serde(serialize_with = "seconds")]
    pub(crate) time: i64,
    pub(crate) age_seconds: i64,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) sequence_number: u64,
    pub(crate) number_files: u64,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) unique_bytes: Option<u64>,
}

fn seconds<S: Serializer>(seconds: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    time(&Some(*seconds), serializer)
}

/// In RFC 3339; null where no calendar has it.
fn time<S: Serializer>(seconds: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    let time = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    serializer.serialize_some(&time.map(|time| time.to_string()))
}
