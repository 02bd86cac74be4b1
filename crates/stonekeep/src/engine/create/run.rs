//! One backup from its capture to its commit.

use super::backup_run::BackupRun;
use super::commit::{Commit, Outcome};
use super::context::{Context, is_full};
use super::heal;
use super::included::{self, Beside, Included};
use super::plan::Plan;
use super::report::CreateReport;
use crate::image::{Capture, CaptureHost};
use crate::repo::index::RepositoryIndex;
use crate::{Error, ErrorKind, Phase, Result};

/// Makes the backup.
pub(super) fn create(context: Context<'_>) -> Result<CreateReport> {
    let mut run = BackupRun::begin(context, false)?;
    let outcome = backup(&mut run);
    let keep_areas = outcome.as_ref().is_err_and(|error| !is_full(error));
    if !keep_areas {
        run.discard_areas(|_| false);
    }
    if outcome.as_ref().is_err_and(is_refusal) {
        run.unmake_repository();
    }
    outcome.map_err(|error| context.explain_full_disk(run.new, error))
}

/// Whether the same backup would fail again, so that nothing of it is worth keeping.
fn is_refusal(error: &Error) -> bool {
    let may_succeed = matches!(
        error.kind(),
        ErrorKind::Io | ErrorKind::Stopped | ErrorKind::Locked
    );
    !may_succeed && !error.is_source_changed()
}

/// Reports what would be done.
pub(super) fn preview(context: Context<'_>) -> Result<CreateReport> {
    let mut run = BackupRun::begin(context, true)?;
    let capture = context.source.capture(&mut run, context.observer)?;
    let mut plan = run.plan(capture.image())?;
    capture.confirm()?;
    let mut beside = included::preview(&context, capture.image())?;
    plan.warnings.append(&mut beside.warnings);
    let mut report = CreateReport::of(&plan, run.id);
    report.add_beside(beside);
    Ok(report.accept(&context.options.accept))
}

/// Captures and copies until both fit together, then commits.
fn backup(run: &mut BackupRun<'_>) -> Result<CreateReport> {
    loop {
        match attempt(run) {
            Ok(committed) => return committed,
            Err(error) if error.is_source_changed() && !run.is_last_attempt() => {
                tracing::info!(reason = %error.one_line(), "the database is captured again");
                run.begin_next_attempt();
            }
            Err(error) => return Err(error),
        }
    }
}

/// C2 to C8. The outer error is one of C2, before anything is published; another capture may help.
fn attempt(run: &mut BackupRun<'_>) -> Result<Result<CreateReport>> {
    let context = run.context;
    let capture = context.source.capture(run, context.observer)?;
    let capture = capture.as_ref();
    let mut plan = run.plan(capture.image())?;
    match copy(run, capture, &mut plan) {
        Ok((included, beside)) => Ok(commit(run, capture, plan, &included, beside)),
        Err(error) => {
            run.planner.keep_staged(plan.files);
            Err(error)
        }
    }
}

/// C2, from the plan on: every file of it is stored or staged then.
fn copy(run: &mut BackupRun<'_>, capture: &dyn Capture, plan: &mut Plan<'_>) -> Result<(Included, Beside)> {
    let (context, image) = (run.context, plan.image);
    run.prepare_private()?;
    let id = run.claimed_id();
    let area = run.writing()?.area;
    let (included, beside) = included::stage(&context, image, &area.name, id)?;
    plan.warnings.extend(beside.warnings.iter().cloned());
    if !run.names_at_once() {
        let area = run.writing()?.area;
        let (planned, with_partials) = (plan.areas(), area.with_partials());
        run.discard_areas(|name| planned.contains(name) || with_partials.contains(name));
    }
    run.new = plan.new_files();
    tracing::info!(
        kind = %image.kind,
        sequence = image.sequence_number.0,
        files = image.files.len(),
        new_bytes = run.new.bytes,
        "captured the database"
    );
    // Of a large repository that is much, and nobody asks before another attempt.
    run.planner.inputs.index = RepositoryIndex::new(context.store());
    run.copy(&mut plan.files, false)?;
    capture.confirm()?;
    plan.warnings.extend(context.unknown_formats.warnings());
    Ok((included, beside))
}

/// C3 to C8.
fn commit(
    run: &mut BackupRun<'_>,
    capture: &dyn Capture,
    plan: Plan<'_>,
    included: &Included,
    beside: Beside,
) -> Result<CreateReport> {
    tracing::info!(files = plan.files.len(), "every file is stored or staged");
    let (context, mut id) = (run.context, run.id);
    let (claimed, listed_at) = (run.claimed_id(), run.read_at());
    run.planner.inputs.forget_files();
    let writing = run.writing()?;
    context.report(Phase::Committing);
    let mut commit = Commit {
        context,
        plan,
        area: writing.area,
        included,
        lock: writing.lock,
        claimed,
        listed_at,
    };
    let (shared, mut description) = commit.share(id)?;
    while let Outcome::IdTaken = commit.commit(description, &shared)? {
        id = commit.take_next(id)?;
        commit.stage_private_again(id)?;
        capture.confirm()?;
        description = commit.describe(id)?;
        commit.look_before(id, &shared)?;
    }
    tracing::info!(%id, "committed the backup");
    let mut report = CreateReport::of(&commit.plan, id);
    report.committed = true;
    heal::report(&context, &commit.plan, &mut report);
    report.add_beside(beside);
    report.warnings.extend(context.sources.warnings());
    report.warnings.extend(context.store().warnings());
    Ok(report.accept(&context.options.accept))
}
