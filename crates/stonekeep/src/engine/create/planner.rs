//! Decides on the files of an image, reading what the decisions need.
//!
//! Each table and blob is decided on once in a run. What is decided while the image is captured is kept for the plan,
//! over all attempts: a file that is stored or was copied is neither opened nor read again, and may vanish from the
//! database meanwhile.

use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{Crc32c, FileNumber};

use super::context::Context;
use super::decide::{self, Candidate, Rules, Step};
use super::decision::{Action, Decision, EarlyDecisions, PlannedFile, Target, shareable};
use super::identity::Identity;
use super::inputs::PlanInputs;
use super::leftovers;
use super::namers::Namers;
use super::session;
use super::source;
use crate::image::ImageFile;
use crate::parallel::run_bounded;
use crate::repo::facts::Session;
use crate::repo::layout;
use crate::store::{self, PutMode, Uploads};
use crate::{ErrorKind, Phase, Result};

/// See the [module](self).
pub(super) struct Planner<'a> {
    context: Context<'a>,
    pub(super) inputs: PlanInputs<'a>,
    database_id: Option<String>,
    early: EarlyDecisions,
    /// Whether decisions were forgotten whose files may be stored by now, unlike what the index says.
    forgot: bool,
    /// How many tables were opened for their session id.
    pub(super) tables_opened: u64,
}

/// Decisions about some files, in their order.
#[derive(Default)]
pub(super) struct Decided<'i> {
    pub(super) files: Vec<PlannedFile<'i>>,
    /// Files that the database has begun to delete: they became shorter. They are not among `files`.
    pub(super) shortened: Vec<FileNumber>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(context: Context<'a>, inputs: PlanInputs<'a>) -> Self {
        Planner {
            context,
            inputs,
            database_id: None,
            early: EarlyDecisions::default(),
            forgot: false,
            tables_opened: 0,
        }
    }

    /// Decides from these inputs from now on.
    pub(super) fn replace_inputs(&mut self, inputs: PlanInputs<'a>) {
        self.inputs = inputs;
        self.forget_decisions();
    }

    /// Sets the database that the files are of.
    pub(super) fn set_database_id(&mut self, database_id: Option<&str>) {
        if self.database_id.as_deref() != database_id {
            self.forget_decisions();
            self.database_id = database_id.map(str::to_owned);
        }
    }

    fn forget_decisions(&mut self) {
        self.forgot |= !self.early.is_empty();
        self.early.clear();
    }

    /// Whether a table or blob is stored or staged, if that is known without reading it.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn is_at_hand(&mut self, image: &ImageFile) -> Result<bool> {
        if self.early.contains(image) {
            return Ok(true);
        }
        let mut candidate = match self.candidate(image) {
            Ok(Some(candidate)) => candidate,
            Ok(None) => return Ok(false),
            // The database has deleted it meanwhile.
            Err(error) if error.io_kind() == Some(std::io::ErrorKind::NotFound) => return Ok(false),
            Err(error) => return Err(error),
        };
        match self.step(&mut candidate)? {
            Step::Decided {
                action: Action::Copy(_),
                ..
            } => Ok(false),
            // What the MANIFEST identifies is decided on again for the plan, without its file; decisions about all files would
            // take much memory until then.
            Step::Decided {
                action: Action::Reuse { .. },
                ..
            } if candidate.identity.unique_id().is_some() => Ok(true),
            Step::Decided { action, heals } => {
                let decision = self.decision(candidate, action, heals)?;
                self.early.insert(image, decision);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Decides on these files. Files whose content decides are read.
    ///
    /// # Errors
    /// Those of reading the database's files and the repository; `Corrupt` or `Refused` if backups name what is stored
    /// under the name of a file, and it is not that file.
    pub(super) fn decide<'i>(&mut self, images: impl Iterator<Item = &'i ImageFile>) -> Result<Decided<'i>> {
        let (mut decided, mut to_read) = (Decided::default(), Vec::new());
        for image in images {
            if let Some(decision) = self.early.take(image) {
                decided.files.push(PlannedFile { image, decision });
                continue;
            }
            let decision = match self.candidate(image)? {
                None => private(image),
                Some(mut candidate) => match self.step_with_session(&mut candidate) {
                    Ok(Step::Decided { action, heals }) => self.decision(candidate, action, heals)?,
                    Ok(_) => {
                        to_read.push((decided.files.len(), candidate));
                        private(image)
                    }
                    Err(error) if error.is_source_changed() => {
                        decided.shortened.extend(image.name.number());
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            decided.files.push(PlannedFile { image, decision });
        }
        self.early.shrink_to_fit();
        self.decide_by_content(to_read, &mut decided)?;
        Ok(decided)
    }

    /// Keeps decisions that hold whatever is captured next: that a file is staged.
    pub(super) fn keep_staged(&mut self, files: Vec<PlannedFile<'_>>) {
        self.keep(
            files,
            |action| matches!(action, Action::Publish(file) if file.path.is_some()),
        );
    }

    /// Keeps the decisions about files that need not be read again in this attempt.
    pub(super) fn keep(&mut self, files: Vec<PlannedFile<'_>>, which: impl Fn(&Action) -> bool) {
        for file in files {
            if which(&file.decision.action) {
                self.early.insert(file.image, file.decision);
            }
        }
    }

    /// Reads files for their checksums, and decides on them.
    fn decide_by_content<'i>(
        &mut self,
        to_read: Vec<(usize, Candidate<'i>)>,
        decided: &mut Decided<'i>,
    ) -> Result<()> {
        let context = self.context;
        let to_do = to_read.iter().map(|(_, file)| file.image.size_bytes).collect();
        let meter = context.meter(Phase::Planning, to_do);
        let read = run_bounded(context.engine.workers(), to_read, |(at, mut candidate)| {
            let mut buffer = context.engine.read_buffer();
            match source::checksum(candidate.image, context.sources, &mut buffer, &meter) {
                Ok(crc32c) => candidate.content = Some(crc32c),
                Err(error) if error.is_source_changed() => {}
                Err(error) => return Err(error),
            }
            Ok((at, candidate))
        })?;
        let mut shortened = Vec::new();
        for (at, mut candidate) in read {
            if candidate.content.is_none() {
                shortened.push(at);
                continue;
            }
            let step = self.step(&mut candidate)?;
            if let (Step::Decided { action, heals }, Some(file)) = (step, decided.files.get_mut(at)) {
                file.decision = self.decision(candidate, action, heals)?;
            }
        }
        for at in shortened.into_iter().rev() {
            let file = decided.files.remove(at);
            decided.shortened.extend(file.image.name.number());
        }
        Ok(())
    }

    fn decision(&self, candidate: Candidate<'_>, action: Action, heals: bool) -> Result<Box<Decision>> {
        let (identity, session) = (candidate.identity, candidate.session);
        let line = match &action {
            Action::Reuse { path, crc32c, .. } => {
                self.inputs.line_of(&identity.facts(path, *crc32c, session))
            }
            _ => None,
        };
        let mode = match &action {
            Action::Copy(Target::Shared(path)) if self.is_stored(path)? => PutMode::Replace,
            _ => PutMode::IfAbsent,
        };
        Ok(Box::new(Decision {
            identity,
            session,
            action,
            mode,
            heals,
            line,
        }))
    }

    /// Whether something may have this path.
    fn is_stored(&self, path: &RepoPath) -> Result<bool> {
        Ok(self.forgot || self.inputs.index.get(path)?.is_some())
    }

    /// Where files have their names as soon as they are copied, what has the name is replaced before it can be compared. No
    /// backup that is read names it; it must not belong to one that cannot be read.
    fn require_replaceable(&self, file: &Candidate<'_>, path: &RepoPath) -> Result<()> {
        let store = self.context.store();
        if store.traits().uploads != Uploads::Named || self.inputs.index.get(path)?.is_none() {
            return Ok(());
        }
        let namers = Namers::read(store, path)?;
        if namers.agree_on(file.content.unwrap_or(Crc32c(0))) {
            Ok(())
        } else {
            Err(namers.harmed(path, "is not known to be the database's file"))
        }
    }

    fn candidate<'i>(&self, image: &'i ImageFile) -> Result<Option<Candidate<'i>>> {
        let database_id = self.database_id.as_deref();
        let Some((number, kind)) = shareable(&image.name) else {
            return Ok(None);
        };
        Candidate::of(image, number, kind, database_id, &self.inputs).map(Some)
    }

    /// The next step, after the session was read if that is the next one.
    fn step_with_session(&mut self, candidate: &mut Candidate<'_>) -> Result<Step> {
        match self.step(candidate)? {
            Step::ReadSession => {
                self.tables_opened += 1;
                candidate.session = session::read(candidate.image)
                    .map_err(|error| source::explain_short_source(error, candidate.image))?;
                if let Some(session) = candidate.session.id() {
                    self.inputs.add_session(session);
                }
                self.step(candidate)
            }
            step => Ok(step),
        }
    }

    /// The next step, after everything that has to be read of the repository.
    fn step(&mut self, candidate: &mut Candidate<'_>) -> Result<Step> {
        let (store, observer) = (self.context.store(), self.context.observer);
        let rules = Rules {
            engine: self.context.engine.options(),
            may_exclude: self.context.engine.exclude_files_callback.is_some(),
            uploads: store.traits().uploads,
        };
        loop {
            match decide::next_step(candidate, rules, &self.inputs)? {
                Step::ReadMore => self.inputs.read_more()?,
                Step::ReadFacts(id) => self.inputs.doubts.read_facts_of(store, id)?,
                Step::ReadStored(path) => {
                    let key = layout::file(&path)?;
                    let read = store
                        .open(&key)
                        .and_then(|object| store::checksum(object.as_ref(), key.as_str(), observer));
                    match read {
                        Ok(crc32c) => self.inputs.add_checksum(&path, crc32c),
                        // Listed, and not there.
                        Err(error)
                            if error.kind() == ErrorKind::NotFound && self.inputs.is_unnamed(&path) =>
                        {
                            self.inputs.leftovers.doubt(key);
                        }
                        Err(error) => return Err(error),
                    }
                }
                Step::Conflict {
                    path,
                    reason,
                    replacement,
                } => {
                    let namers = Namers::read(store, &path)?;
                    if !replacement.is_some_and(|crc32c| namers.agree_on(crc32c)) {
                        return Err(namers.harmed(&path, &reason));
                    }
                    let action = Action::Copy(Target::Shared(path));
                    return Ok(Step::Decided { action, heals: true });
                }
                // What was not durable when it was written down may have lost bytes in a power failure.
                Step::Decided {
                    action: Action::Publish(file),
                    ..
                } if !file.durable && !leftovers::is_complete(store, observer, &file)? => {
                    self.inputs.leftovers.forget(|staged| *staged == file.staged);
                }
                step => {
                    if let Step::Decided {
                        action: Action::Copy(Target::Shared(path)),
                        heals: false,
                    } = &step
                    {
                        self.require_replaceable(candidate, path)?;
                    }
                    return Ok(step);
                }
            }
        }
    }
}

fn private(image: &ImageFile) -> Box<Decision> {
    Box::new(Decision {
        identity: Identity::of_private(image),
        session: Session::Unknown,
        action: Action::Copy(Target::Private),
        mode: PutMode::Replace,
        heals: false,
        line: None,
    })
}
