//! How often a database is to be backed up, verified and so on.
//!
//! Nothing is started by it: cron and systemd do that. `check` judges by it what is overdue.

use std::time::Duration;

use serde::{Serialize, Serializer};
use toml::de::DeTable;

use super::options::Given;
use super::problem::At;
use super::table::Reader;

/// The table `schedule` of a database, or of the defaults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Schedule {
    /// A backup is to be made at least this often.
    #[serde(rename = "backup_every_seconds", serialize_with = "seconds")]
    pub(crate) backup_every: Option<Duration>,
    /// All bytes are to be verified at least this often.
    #[serde(rename = "verify_every_seconds", serialize_with = "seconds")]
    pub(crate) verify_every: Option<Duration>,
    /// Backups that no rule keeps are to be deleted at least this often.
    #[serde(rename = "purge_every_seconds", serialize_with = "seconds")]
    pub(crate) purge_every: Option<Duration>,
    /// A restore is to be tried at least this often.
    #[serde(rename = "drill_every_seconds", serialize_with = "seconds")]
    pub(crate) drill_every: Option<Duration>,
}

const KEYS: [&str; 4] = ["backup-every", "verify-every", "purge-every", "drill-every"];

impl Schedule {
    pub(super) fn read<'t>(reader: &mut Reader<'t>, table: &DeTable<'t>, place: &str) -> Self {
        let mut schedule = Schedule::default();
        for (key, value) in table {
            let what = format!("{place}.{}", key.get_ref());
            match &**key.get_ref() {
                "backup-every" => schedule.backup_every = reader.duration(value, &what),
                "verify-every" => schedule.verify_every = reader.duration(value, &what),
                "purge-every" => schedule.purge_every = reader.duration(value, &what),
                "drill-every" => schedule.drill_every = reader.duration(value, &what),
                other => reader.unknown(key.span(), (other, place), KEYS),
            }
        }
        schedule
    }

    /// The options of `check` that follow from it. A run that begins late, or takes long, is no reason for an alert: a quarter is added.
    pub(super) fn of_check(&self, place: &str, at: At) -> Vec<Given> {
        let options = [
            ("max-age", "backup-every", self.backup_every),
            ("max-unverified-age", "verify-every", self.verify_every),
            ("max-past-retention", "purge-every", self.purge_every),
            ("max-drill-age", "drill-every", self.drill_every),
        ];
        let given = options.into_iter().filter_map(|(long, key, every)| {
            let every = every?;
            let seconds = every.saturating_add(every / 4).as_secs();
            Some(Given {
                long: long.to_owned(),
                values: vec![seconds.to_string().into()],
                at,
                key: format!("{place}.{key}"),
            })
        });
        given.collect()
    }

    /// This one, and the other where this one says nothing.
    pub(super) fn or(self, other: Schedule) -> Schedule {
        Schedule {
            backup_every: self.backup_every.or(other.backup_every),
            verify_every: self.verify_every.or(other.verify_every),
            purge_every: self.purge_every.or(other.purge_every),
            drill_every: self.drill_every.or(other.drill_every),
        }
    }
}

fn seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs()).serialize(serializer)
}
