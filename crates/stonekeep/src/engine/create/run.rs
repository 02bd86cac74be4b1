//! One backup from its capture to its commit.

use stonekeep_format::BackupId;

use super::commit::{Commit, Outcome};
use super::content;
use super::context::{Context, is_full};
use super::copy::{Copier, Ready};
use super::heal;
use super::history;
use super::host::{self, Host};
use super::included::{self, Beside, Included};
use super::plan::{self, Action, Plan};
use super::report::CreateReport;
use super::warnings;
use crate::image::{Capture, CaptureHost, DatabaseImage};
use crate::repo::ids;
use crate::repo::index::RepositoryIndex;
use crate::{Error, ErrorKind, Phase, Result};

/// Makes the backup.
pub(super) fn create(context: Context<'_>) -> Result<CreateReport> {
    let mut host = Host::new(context, false)?;
    let outcome = backup(&mut host);
    let keep_areas = outcome.as_ref().is_err_and(|error| !is_full(error));
    if !keep_areas {
        context.discard_areas(|_| false);
    }
    if outcome.as_ref().is_err_and(is_refusal) {
        host.unmake_repository();
    }
    outcome.map_err(|error| context.explain_full_disk((host.new_bytes, host.new_files), error))
}

/// Whether the same backup would fail again, so that nothing of it is worth keeping.
fn is_refusal(error: &Error) -> bool {
    let may_succeed = matches!(
        error.kind(),
        ErrorKind::Io | ErrorKind::Stopped | ErrorKind::Locked
    );
    !may_succeed && !error.is_source_changed()
}

/// Says what would be done.
pub(super) fn preview(context: Context<'_>) -> Result<CreateReport> {
    let mut host = Host::new(context, true)?;
    let capture = context.source.capture(&mut host, context.observer)?;
    let mut plan = plan(&mut host, capture.image())?;
    let mut beside = included::preview(&context, capture.image())?;
    plan.warnings.append(&mut beside.warnings);
    let mut report = CreateReport::of(&plan, capture.image(), host.id);
    report.add_beside(beside);
    Ok(report.accept(&context.options.accept))
}

/// Captures and copies until both fit together, then commits.
fn backup(host: &mut Host<'_>) -> Result<CreateReport> {
    loop {
        match capture_and_copy(host) {
            Ok(copied) => return commit(host, copied),
            Err(error) if error.is_source_changed() && !host.is_last_attempt() => {
                tracing::info!(reason = %error.one_line(), "the database is captured again");
                host.begin_next_attempt();
            }
            Err(error) => return Err(error),
        }
    }
}

/// An image of which every file is stored or staged.
struct Copied {
    capture: Box<dyn Capture>,
    plan: Plan,
    ready: Vec<Ready>,
    included: Included,
    beside: Beside,
}

/// C2.
fn capture_and_copy(host: &mut Host<'_>) -> Result<Copied> {
    let context = host.context;
    let capture = context.source.capture(host, context.observer)?;
    let mut plan = plan_locked(host, capture.image())?;
    let (included, beside) = {
        let area = &host.parts()?.area.name;
        included::stage(&context, capture.image(), area)?
    };
    plan.warnings.extend(beside.warnings.iter().cloned());
    (host.new_bytes, host.new_files) = plan.bytes_and_files_to_store();
    let image = capture.image();
    tracing::info!(
        kind = %image.kind,
        sequence = image.sequence_number.0,
        files = image.files.len(),
        new_bytes = host.new_bytes,
        "captured the database"
    );
    // Of a large repository that is much, and nobody asks before another attempt.
    host.known.index = RepositoryIndex::new(host.known.store);
    let ready = copy(host, capture.image(), &plan)?;
    match capture.confirm() {
        Ok(()) => {
            plan.warnings.extend(context.sources.unknown_formats.warnings());
            Ok(Copied {
                capture,
                plan,
                ready,
                included,
                beside,
            })
        }
        Err(error) => {
            host::remember(&mut host.settled, &capture.image().files, &plan.files, &ready);
            Err(error)
        }
    }
}

/// The plan, under the writer's lock. A new repository is made only for a plan that was not refused.
fn plan_locked(host: &mut Host<'_>, image: &DatabaseImage) -> Result<Plan> {
    if host.is_locked() {
        return plan(host, image);
    }
    let planned = plan(host, image)?;
    host.lock()?;
    match host.id {
        BackupId::FIRST => Ok(planned),
        // Another process has made the repository meanwhile.
        _ => plan(host, image),
    }
}

/// What is to be done.
fn plan(host: &mut Host<'_>, image: &DatabaseImage) -> Result<Plan> {
    host.check_database(image.database_id.as_deref())?;
    let context = host.context;
    let mut plan = plan::plan(image, host)?;
    host.settled.shrink_to_fit();
    let short = content::settle(
        &context,
        &image.files,
        &mut plan.files,
        &plan.unsure,
        &mut host.known,
    )?;
    if let Some(file) = short.first().and_then(|at| plan.files.get(*at)) {
        let name = image.files.get(file.index).map(|file| file.name.to_string());
        let message = format!("{} became shorter while it was read", name.unwrap_or_default());
        return Err(Error::source_changed(message));
    }
    exclude(&context, &mut plan)?;
    plan.warnings = warnings::of_plan(&plan, image, context.engine.options(), &host.known);
    plan.went_back = history::went_back(image, &host.known)?;
    plan.warnings.extend(history::warnings(&plan.went_back));
    Ok(plan)
}

fn copy(host: &mut Host<'_>, image: &DatabaseImage, plan: &Plan) -> Result<Vec<Ready>> {
    let (context, id) = (host.context, host.id);
    let useful = plan.areas_to_keep();
    let parts = host.parts()?;
    context.discard_areas(|area| {
        area == parts.area.name || useful.contains(area) || parts.area.has_partials_in(area)
    });
    let mut copier = Copier::new(context, &image.files, &plan.files, id, parts.area);
    let outcome = copier.run();
    if outcome.is_err() {
        host::remember(parts.settled, &image.files, &plan.files, &copier.ready);
    }
    outcome.map(|()| copier.into_ready())
}

/// C3 to C8.
fn commit(host: &mut Host<'_>, copied: Copied) -> Result<CreateReport> {
    let Copied {
        capture,
        plan,
        ready,
        included,
        beside,
    } = copied;
    tracing::info!(files = ready.len(), "every file is stored or staged");
    let (context, mut id) = (host.context, host.id);
    let parts = host.parts()?;
    parts.known.forget_files();
    context.tell(Phase::Committing);
    let mut commit = Commit {
        context,
        image: capture.image(),
        plan: &plan,
        known: parts.known,
        area: parts.area,
        ready,
        included: &included,
        lock: parts.lock,
    };
    let mut description = commit.share(id)?;
    while let Outcome::IdTaken = commit.commit(description)? {
        id = next_free(&context, id)?;
        commit.stage_private_again(id)?;
        capture.confirm()?;
        description = commit.describe(id)?;
    }
    tracing::info!(%id, "committed the backup");
    let mut report = CreateReport::of(&plan, capture.image(), id);
    report.committed = true;
    heal::tell(&context, commit.known, &mut report);
    report.add_beside(beside);
    report.warnings.extend(context.sources.warnings());
    report.warnings.extend(context.store().warnings());
    Ok(report.accept(&context.options.accept))
}

fn next_free(context: &Context<'_>, taken: BackupId) -> Result<BackupId> {
    let largest = ids::largest(context.store())?;
    ids::next(taken.max(largest.unwrap_or(taken)))
}

fn exclude(context: &Context<'_>, plan: &mut Plan) -> Result<()> {
    let Some(callback) = &context.options.exclude_files_callback else {
        return Ok(());
    };
    let (places, offered): (Vec<_>, Vec<_>) = plan
        .excludable()
        .into_iter()
        .map(|(at, path, offered)| ((at, path), offered))
        .unzip();
    let failed = |reason: String| {
        Error::new(
            ErrorKind::Aborted,
            format!("the exclude callback failed: {reason}"),
        )
    };
    let answers = callback(&offered).map_err(failed)?;
    if answers.len() != offered.len() {
        return Err(failed(format!(
            "{} answers for {} files",
            answers.len(),
            offered.len()
        )));
    }
    for ((at, path), excluded) in places.into_iter().zip(answers) {
        if let Some(file) = plan.files.get_mut(at).filter(|_| excluded) {
            file.action = Action::Exclude(path);
        }
    }
    Ok(())
}
