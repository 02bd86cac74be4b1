//! `CreateNewBackup`: a new backup of an image, of which nothing is visible before it is complete.
//!
//! # Files
//! Each file uses those below it only.
//! - `run` goes through the steps. `backup_run` has the lock, the id and the staging area, and answers captures.
//! - `plan` is the plan of a backup: an image with a `decision` about each of its files. `planner` makes the decisions:
//!   `decide` says what to do, or what has to be read first, and is pure; `inputs` is what was read of the repository,
//!   `identity` and `session` are what identifies a file.
//! - `copier` carries out copies in batches, `one_file` copies one file from its `source`; `ends` refuses damaged ones.
//! - `commit` makes the backup visible: `publish` gives shared files their names, `record` describes the backup,
//!   `last_look` looks whether all files exist.
//! - `together` makes backups of one capture in several repositories: each is a run of its own, in a thread of its own.
//! - `report`, `warnings`, `history` and `heal` are what the caller learns.
//!
//! # Protocol
//! Each step is durable before the next one begins; with `sync = false` file syncs are left out, the order is not.
//! - **C0** The repository's directories are made where there are none, and the writer's lock is taken: before the
//!   capture if there is a repository, otherwise when something is to be written into it.
//! - **C1** The id: one more than the largest that any record or claim has. The journals of killed runs are read, and
//!   records of deletions that did not happen are removed.
//! - **C2** The database is captured, and files of the application that were asked for are copied; a source of many
//!   files may have a part of them copied before its image is complete.
//!   Areas of killed runs that are of no use are removed. Files that are not stored yet are copied to an area of
//!   this run's own, `stonekeep/tmp/<id>/`, in batches: each batch is made durable, then written down in the area's
//!   journal. A batch ends after some seconds, also in the middle of a file, of which the length and checksum of what is
//!   copied are written down then: a killed run loses ten seconds of copying at most. Then the image is asked whether it still is one state. If not, and another capture may help, C2 is
//!   repeated with everything that has been copied.
//! - **C3** Stored files that are named again are looked at, and made durable where nobody is known to have done so.
//! - **C4** Staged files get their final names, never replacing: shared ones first. The id is claimed, by putting
//!   `stonekeep/ids/<id>` if it is absent, then the private directory follows, then the files of the application. During
//!   C3 and C4 the meta file is written in memory, and our facts are staged: nobody sees them.
//! - **C5** Our facts are published. **C6** Every file is looked for once more: shared ones as soon as all of them have
//!   their names, private ones just before the commit.
//! - **C7** The commit: the meta file appears under `meta/<id>`. If somebody took the id, private files are staged again
//!   and C4 to C7 repeated with another id.
//! - **C8** A last look, since a foreign collector may have run between C6 and C7: after a loss the meta file is
//!   withdrawn and the run fails. A look that fails finds no loss: the backup stays, and the error says so.
//!
//! # What a crash leaves
//! `tests/all/create/crash.rs` stops at every store operation, and looks.
//!
//! | stopped | state |
//! |---|---|
//! | before C4 | older backups as they were; files in the area, those in its journal are used by the next run, which also goes on in the middle of those that are copied in part |
//! | from C4 to C6 | older backups as they were; files under legal names that no meta file names: the next backup uses them, or they are collected; an id that is claimed and has no backup |
//! | in C7 | the backup exists completely, or does not exist |
//! | after C7 | the backup exists; an empty area may be left |
//!
//! # Where uploads have their names at once
//! An object store has no rename ([`Uploads::Named`](crate::store::Uploads::Named)), so that the same steps change what is
//! visible in another order. The lock is a lease, which keeps every other writer of ours away; other engines do not write there.
//! - **C2** The id is claimed before anything else is copied, since private files and those of the application are uploaded
//!   under it. Shared files are uploaded under their final names; a file whose name contains its checksum is read for it
//!   before. One that replaces something is not uploaded while a backup that cannot be read may name that. The journal is
//!   `stonekeep/runs/<run>/`, a chunk for every 1,000 files or ten seconds, while copies go on.
//! - **C3, C4** do nothing more. **C5** Our facts are uploaded. **C6** The listing that the plan was made from stands for the
//!   look at shared files if it is younger than a minute.
//! - **C7** is the same, and fenced by the store as a deletion is. **C8** is the same.
//!
//! What a crash leaves: shared files under their names. Those in the journal are used by the next run; one that is not is
//! read and compared before it is used; one that the store holds for doubtful is uploaded again. Private files, facts and files
//! of the application under a claimed id without a meta file: the next run claims another id, a collection removes them
//! after an hour: another engine may have taken that id. A writer that lost its lock just before C7 may commit all the same where its request was under way:
//! `repo/doubtful.rs`.
//!
//! On a full disk the area is freed; after other errors, and when somebody asked to stop, it stays for the next run.

mod area;
mod backup_run;
mod commit;
mod context;
mod copier;
mod decide;
mod decision;
mod doubts;
mod ends;
mod heal;
mod history;
mod identity;
mod included;
mod inputs;
pub(super) mod last_look;
mod leftovers;
pub(super) mod namers;
mod one_file;
mod plan;
mod planner;
mod publish;
mod record;
mod report;
mod run;
mod session;
mod source;
mod stored_record;
pub(in crate::engine) mod stream_place;
pub mod together;
mod unknown_formats;
mod warnings;

use self::context::Context;
pub use self::report::{CreateReport, FileAction, PlannedFile};
use self::stream_place::StreamPlace;
use self::unknown_formats::UnknownFormats;
use super::callbacks::guarded;
use super::{BackupEngine, CreateBackupOptions, MetaSchema};
use crate::image::{ImageSource, Share, SourceFiles};
use crate::store::Store;
use crate::{Error, Observer, Result};

/// RocksDB's limit on application metadata (`kMaxAppMetaSize` in `utilities/backup/backup_engine.cc`).
const MAX_APP_METADATA_BYTES: usize = 1 << 20;

/// What a backup is a part of, besides its repository.
#[derive(Default)]
struct PartOf {
    /// Backups of one capture, whose files are read together.
    share: Option<Share>,
    /// The stream that it is a base of.
    base_of: Option<StreamPlace>,
}

impl BackupEngine {
    /// Backs up a database (`CreateNewBackup`, `CreateNewBackupWithMetadata`). See the [module](self) for what happens
    /// in which order.
    ///
    /// # Errors
    /// `Locked` if another process writes into the repository, `Refused` where something would be harmed, `Corrupt`
    /// where database or repository are damaged, `Aborted` by the exclude callback, `Stopped` by the observer. No
    /// backup exists after an error, unless its message says so.
    pub fn create_new_backup(
        &self,
        source: &dyn ImageSource,
        options: &CreateBackupOptions,
        observer: &dyn Observer,
    ) -> Result<CreateReport> {
        self.create(source, options, observer, PartOf::default())
    }

    /// The same for a base of a stream.
    ///
    /// # Errors
    /// As [`Self::create_new_backup`].
    pub(in crate::engine) fn create_base(
        &self,
        source: &dyn ImageSource,
        options: &CreateBackupOptions,
        observer: &dyn Observer,
        stream: StreamPlace,
    ) -> Result<CreateReport> {
        let part_of = PartOf {
            base_of: Some(stream),
            ..PartOf::default()
        };
        self.create(source, options, observer, part_of)
    }

    /// The same, with files read together with other backups.
    fn create_sharing(
        &self,
        source: &dyn ImageSource,
        options: &CreateBackupOptions,
        observer: &dyn Observer,
        share: Share,
    ) -> Result<CreateReport> {
        let part_of = PartOf {
            share: Some(share),
            ..PartOf::default()
        };
        self.create(source, options, observer, part_of)
    }

    fn create(
        &self,
        source: &dyn ImageSource,
        options: &CreateBackupOptions,
        observer: &dyn Observer,
        part_of: PartOf,
    ) -> Result<CreateReport> {
        self.with_context(source, options, (observer, part_of), |context| {
            context.with_priority(|| run::create(context))
        })
    }

    /// What [`Self::create_new_backup`] would do now. Nothing is changed, and no lock is taken.
    ///
    /// # Errors
    /// As [`Self::create_new_backup`], without those of copying.
    pub fn plan_new_backup(
        &self,
        source: &dyn ImageSource,
        options: &CreateBackupOptions,
        observer: &dyn Observer,
    ) -> Result<CreateReport> {
        self.with_context(source, options, (observer, PartOf::default()), run::preview)
    }

    fn with_context(
        &self,
        source: &dyn ImageSource,
        options: &CreateBackupOptions,
        (observer, part_of): (&dyn Observer, PartOf),
        work: impl FnOnce(Context<'_>) -> Result<CreateReport>,
    ) -> Result<CreateReport> {
        let began = self.reader.clock.instant();
        self.check_create_options(options)?;
        Self::check_place(self.store(), source)?;
        let engine = self.options();
        let sources =
            SourceFiles::new(engine.use_direct_reads, engine.io_buffer_size_bytes).sharing(part_of.share);
        let unknown_formats = UnknownFormats::default();
        guarded(observer, |observer| {
            work(Context {
                engine: &self.reader,
                options,
                source,
                observer,
                sources: &sources,
                unknown_formats: &unknown_formats,
                began,
                base_of: part_of.base_of,
            })
        })
    }

    fn check_create_options(&self, options: &CreateBackupOptions) -> Result<()> {
        let engine = self.options();
        if options.app_metadata.len() > MAX_APP_METADATA_BYTES {
            let bytes = options.app_metadata.len();
            return Err(Error::invalid(format!(
                "{bytes} bytes of app metadata are more than RocksDB's 1 MiB"
            )));
        }
        if self.reader.exclude_files_callback.is_some() {
            if engine.schema_version != MetaSchema::Two {
                return Err(Error::invalid(
                    "excluded files can only be written down in meta files of schema 2",
                ));
            }
            if !engine.share_table_files || !engine.share_files_with_checksum {
                return Err(Error::invalid(
                    "files can only be excluded with share_files_with_checksum",
                ));
            }
        }
        Ok(())
    }

    /// Refuses a repository that is a directory of the database, or has one inside it. Each backup checks this; a caller who
    /// opens the engine with `destroy_old_data` can check it before.
    ///
    /// # Errors
    /// `Refused`.
    pub fn check_place(store: &Store, source: &dyn ImageSource) -> Result<()> {
        let mut what = "the database";
        for directory in source.directories() {
            store.require_outside(&directory, what)?;
            what = "a directory of the database";
        }
        Ok(())
    }
}
