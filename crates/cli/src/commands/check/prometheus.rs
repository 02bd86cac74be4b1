//! Writes metrics for the textfile collector of node_exporter.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use anyhow::Context;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::health::{Checked, Health};

/// Everybody may read it: node_exporter is another user.
const MODE: u32 = 0o644;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    database: String,
    repository: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    database: String,
    repository: String,
    state: Word,
}

/// The value of the label `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Word(&'static str);

impl EncodeLabelValue for Word {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        self.0.encode(encoder)
    }
}

type Values = Family<Labels, Gauge<f64, AtomicU64>>;
type States = Family<StateLabels, Gauge>;

/// A metric with one value for each database.
type Metric = (&'static str, &'static str, fn(&Checked) -> Option<f64>);

const METRICS: [Metric; 18] = [
    ("check_duration_seconds", "How long the check took", |one| {
        Some(one.check_ms as f64 / 1e3)
    }),
    (
        "repository_reachable",
        "Whether the repository could be read",
        |one| Some(f64::from(u8::from(one.health != Health::Unreachable))),
    ),
    (
        "last_success_timestamp_seconds",
        "When the newest valid backup was made",
        |one| Some(one.figures.last_success.as_ref()?.time as f64),
    ),
    (
        "last_success_age_seconds",
        "The age of the newest valid backup at the time of the check",
        |one| Some(one.figures.last_success.as_ref()?.age_seconds as f64),
    ),
    (
        "last_success_duration_seconds",
        "How long the newest valid backup took",
        |one| Some(one.figures.last_success.as_ref()?.duration_ms? as f64 / 1e3),
    ),
    (
        "last_success_backup_id",
        "The id of the newest valid backup",
        |one| Some(f64::from(one.figures.last_success.as_ref()?.backup_id)),
    ),
    (
        "last_success_sequence_number",
        "The last sequence number in the newest valid backup",
        |one| Some(one.figures.last_success.as_ref()?.sequence_number as f64),
    ),
    (
        "last_success_size_bytes",
        "The size of the newest valid backup",
        |one| bytes(one.figures.last_success.as_ref()?.size_bytes),
    ),
    (
        "last_success_unique_bytes",
        "Bytes that the newest valid backup alone has",
        |one| bytes(one.figures.last_success.as_ref()?.unique_bytes),
    ),
    (
        "last_success_files",
        "The number of files of the newest valid backup",
        |one| Some(one.figures.last_success.as_ref()?.number_files as f64),
    ),
    (
        "repository_size_bytes",
        "Bytes of all files of the backups",
        |one| bytes(one.figures.total_bytes),
    ),
    (
        "repository_free_bytes",
        "Bytes that may still be written, where that is known",
        |one| bytes(one.figures.free_bytes),
    ),
    ("findings", "Damaged and missing files that are known", |one| {
        bytes(one.figures.findings)
    }),
    (
        "unverified_since_timestamp_seconds",
        "Since when some byte was not verified",
        |one| Some(one.figures.unverified_since? as f64),
    ),
    ("never_verified_bytes", "Bytes that were never verified", |one| {
        bytes(one.figures.never_verified_bytes)
    }),
    (
        "last_drill_timestamp_seconds",
        "When the last drill found nothing wrong",
        |one| Some(one.figures.last_drill? as f64),
    ),
    (
        "backups_past_retention",
        "The number of backups that no rule keeps",
        |one| bytes(one.figures.backups_past_retention),
    ),
    (
        "past_retention_since_timestamp_seconds",
        "Since when there is a backup that no rule keeps",
        |one| Some(one.figures.past_retention_since? as f64),
    ),
];

fn bytes(value: Option<u64>) -> Option<f64> {
    value.map(|value| value as f64)
}

/// Replaces the file in one step.
pub(super) fn write(path: &Path, checked: &[Checked]) -> anyhow::Result<()> {
    let text = text(checked).with_context(|| format!("encoding metrics for {}", path.display()))?;
    put(path, &text).with_context(|| format!("writing {}", path.display()))
}

/// The temporary file has a name that node_exporter passes over, since it does not end in `.prom`.
fn put(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".stonekeep-")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(MODE))
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    // The umask may have taken something away.
    file.as_file().set_permissions(Permissions::from_mode(MODE))?;
    file.persist(path)?;
    Ok(())
}

fn text(checked: &[Checked]) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("stonekeep");
    for (name, help, value) in METRICS {
        let values = Values::default();
        for one in checked {
            if let Some(value) = value(one) {
                values.get_or_create(&labels(one)).set(value);
            }
        }
        registry.register(name, help, values);
    }
    let (health, backups) = (States::default(), States::default());
    for one in checked {
        for word in Health::ALL {
            let is_it = i64::from(one.health == word);
            health.get_or_create(&with_state(one, word.word())).set(is_it);
        }
        let figures = &one.figures;
        for (state, count) in [
            ("valid", figures.valid_backups),
            ("corrupt", figures.corrupt_backups),
            ("unsupported", figures.unsupported_backups),
        ] {
            if let Some(count) = count.and_then(|count| i64::try_from(count).ok()) {
                backups.get_or_create(&with_state(one, state)).set(count);
            }
        }
    }
    registry.register("health", "Whether the health of the backups is this one", health);
    registry.register("backups", "The number of backups in this state", backups);
    let checked_at: Gauge = Gauge::default();
    checked_at.set(jiff::Timestamp::now().as_second());
    registry.register("check_timestamp_seconds", "When the check was made", checked_at);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    // The mark of OpenMetrics for its end means nothing in a text file, and its linter does not know it.
    Ok(text.replace("# EOF\n", ""))
}

fn labels(one: &Checked) -> Labels {
    Labels {
        database: one.name.clone().unwrap_or_default(),
        repository: one.repository.clone(),
    }
}

fn with_state(one: &Checked, state: &'static str) -> StateLabels {
    StateLabels {
        database: one.name.clone().unwrap_or_default(),
        repository: one.repository.clone(),
        state: Word(state),
    }
}
