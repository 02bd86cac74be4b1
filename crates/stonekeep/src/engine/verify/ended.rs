//! The report of a verification, or what it found before it was stopped.

use std::collections::HashSet;

use stonekeep_format::BackupId;

use super::Verifier;
use super::report::VerifyReport;
use crate::engine::BackupEngineReadOnly;
use crate::engine::backups_text::backups_text;
use crate::repo::layout;
use crate::{Error, ErrorKind, Finding, Result};

impl Verifier<'_> {
    /// Adds to the error of a verification that did not come to its end what it found before.
    pub(super) fn interrupted(self, error: Error) -> Error {
        if error.kind() != ErrorKind::Stopped {
            return error;
        }
        let Ok(report) = self.finish() else {
            return error;
        };
        let findings = report.findings.into_iter().map(|found| {
            let reason = format!("{} ({})", found.reason, backups_text(&found.backups));
            Finding::new(found.file, reason)
        });
        let findings: Vec<Finding> = findings.collect();
        let note = match findings.len() {
            0 => "nothing was found wrong before".to_owned(),
            1 => "1 fault was found before".to_owned(),
            found => format!("{found} faults were found before"),
        };
        error.with_note(&note).with_findings(findings)
    }

    /// Backups that were deleted meanwhile have no findings.
    pub(super) fn finish(self) -> Result<VerifyReport> {
        let Verifier {
            engine,
            mut report,
            findings,
            ..
        } = self;
        let there = still_there(engine, report.backups.iter().map(|backup| backup.id))?;
        let there = |id: BackupId| there.contains(&id);
        report.backups.retain(|backup| there(backup.id));
        report.backups.sort_by_key(|backup| backup.id);
        findings.report(&mut report, there);
        report.settle();
        Ok(report)
    }
}

/// Which of these backups exist now.
fn still_there(
    engine: &BackupEngineReadOnly,
    ids: impl Iterator<Item = BackupId>,
) -> Result<HashSet<BackupId>> {
    let store = engine.store();
    if store.traits().lists {
        return Ok(engine.backup_ids()?.into_iter().collect());
    }
    let found = ids.map(|id| Ok(store.stat(&layout::meta(id))?.map(|_| id)));
    found.filter_map(Result::transpose).collect()
}
