//! Writes batches and flushes with a plain database.

use std::fs;
use std::thread;

use rocksdb::{
    DBWithThreadMode, FlushOptions, IngestExternalFileOptions, MultiThreaded, ReadOptions, SstFileWriter,
    WriteBatch, WriteOptions,
};

use super::{Ended, Writer};
use crate::hot::history::{self, Action, FAMILIES, Family, Operation, Work};
use crate::{ProofError, Result};

type Database = DBWithThreadMode<MultiThreaded>;

/// Writes, closing and opening the database in between where the setting wants it.
pub(super) fn run(writer: &Writer) -> Result<()> {
    loop {
        let session = Session {
            writer,
            db: open(writer)?,
        };
        if session.write()? == Ended::Stopped {
            return Ok(());
        }
    }
}

fn open(writer: &Writer) -> Result<Database> {
    let (given, options) = writer.options()?;
    let path = writer.setting.database(&writer.root);
    Database::open_cf_descriptors(&options, &path, writer.families(&given)?)
        .map_err(ProofError::database(format!("open {}", path.display())))
}

/// The time for which a database is open.
struct Session<'a> {
    writer: &'a Writer,
    db: Database,
}

impl Session<'_> {
    fn write(&self) -> Result<Ended> {
        let lanes = self.writer.setting.lanes;
        if lanes == 1 {
            return self.write_lane(0);
        }
        thread::scope(|scope| {
            let write = |lane| {
                // If one cannot go on, the others must not either.
                self.write_lane(lane).inspect_err(|_| self.writer.stop())
            };
            let lanes: Vec<_> = (0..lanes).map(|lane| scope.spawn(move || write(lane))).collect();
            let mut ended = lanes.into_iter().map(|lane| match lane.join() {
                Ok(ended) => ended,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            ended.try_fold(Ended::Stopped, |_, one| one)
        })
    }

    fn write_lane(&self, lane: usize) -> Result<Ended> {
        let found = self.get(FAMILIES[0], &history::counter_key(lane))?;
        let mut last = self.writer.goes_on_after(lane, found)?;
        let mut just_opened = true;
        while !self.writer.is_stopped() {
            for action in self.writer.history.actions_before(last + 1) {
                if action != Action::Reopen {
                    self.do_action(&action)?;
                } else if !just_opened {
                    return Ok(Ended::ToReopen);
                }
            }
            just_opened = false;
            self.write_batch(lane, last + 1)?;
            last += 1;
        }
        Ok(Ended::Stopped)
    }

    fn write_batch(&self, lane: usize, number: u64) -> Result<()> {
        let mut batch = WriteBatch::default();
        for change in self.writer.history.batch(lane, number) {
            let family = self.family(&change.family.to_string())?;
            let timestamp = number.to_le_bytes();
            match (change.operation, self.has_timestamps()) {
                (Operation::Put(value), true) => batch.put_cf_with_ts(&family, change.key, timestamp, value),
                (_, true) => batch.delete_cf_with_ts(&family, change.key, timestamp),
                (Operation::Put(value), false) => batch.put_cf(&family, change.key, value),
                (Operation::Delete, false) => batch.delete_cf(&family, change.key),
                (Operation::SingleDelete, false) => batch.single_delete_cf(&family, change.key),
                (Operation::Add(number), false) => {
                    batch.merge_cf(&family, change.key, number.to_le_bytes());
                }
            }
        }
        if self.writer.setting.lanes > 1 {
            let family = self.family(FAMILIES[0])?;
            batch.put_cf(&family, history::seen_key(lane), self.writer.seen()?);
        }
        self.writer.begin(lane, number)?;
        let mut options = WriteOptions::default();
        options.disable_wal(self.writer.setting.flush_without_wal_every.is_some());
        options.set_sync(self.writer.setting.sync);
        self.db
            .write_opt(batch, &options)
            .map_err(ProofError::database("write a batch"))?;
        self.hand_over(lane, number)
    }

    /// Acknowledges a batch, if it is in the operating system's hands.
    fn hand_over(&self, lane: usize, number: u64) -> Result<()> {
        let setting = self.writer.setting;
        if let Some(batches) = setting.flush_wal_every.or(setting.flush_without_wal_every) {
            if !number.is_multiple_of(batches) {
                return Ok(());
            }
            match setting.flush_wal_every {
                Some(_) => self
                    .db
                    .flush_wal(false)
                    .map_err(ProofError::database("flush the WAL")),
                None => self.flush_all(),
            }?;
        }
        self.writer
            .acknowledge(lane, number, Some(self.db.latest_sequence_number()))
    }

    /// In one piece, if the setting has `atomic_flush`.
    fn flush_all(&self) -> Result<()> {
        let families = FAMILIES.iter().map(|name| self.family(name));
        let families: Vec<_> = families.collect::<Result<_>>()?;
        let families: Vec<_> = families.iter().collect();
        self.db
            .flush_cfs_opt(&families, &FlushOptions::default())
            .map_err(ProofError::database("flush all column families"))
    }

    fn has_timestamps(&self) -> bool {
        self.writer.setting.work == Work::Timestamps
    }

    /// Actions can be done again: a writer that was killed may have done them already.
    fn do_action(&self, action: &Action) -> Result<()> {
        match action {
            Action::CreateFamily(number) => self.create_family(&Family::Passing(*number).to_string()),
            Action::DropFamily(number) => self.drop_family(&Family::Passing(*number).to_string()),
            Action::Ingest { family, round } => self.ingest(*family, *round),
            Action::Forget(below) => self.forget(*below),
            Action::Prepare(_) | Action::Commit(_) | Action::Reopen => Ok(()),
        }
    }

    fn create_family(&self, name: &str) -> Result<()> {
        if self.db.cf_handle(name).is_some() {
            return Ok(());
        }
        let options = self.writer.options()?.1;
        self.db
            .create_cf(name, &options)
            .map_err(ProofError::database("create a column family"))
    }

    fn drop_family(&self, name: &str) -> Result<()> {
        if self.db.cf_handle(name).is_none() {
            return Ok(());
        }
        self.db
            .drop_cf(name)
            .map_err(ProofError::database("drop a column family"))
    }

    fn ingest(&self, family: usize, round: u64) -> Result<()> {
        let file = self.writer.root.join(format!("ingest-{family}-{round}.sst"));
        let options = self.writer.options()?.1;
        let mut table = SstFileWriter::create(&options);
        let mut write = || {
            table.open(&file)?;
            for (key, value) in self.writer.history.ingested(family, round) {
                table.put(key, value)?;
            }
            table.finish()
        };
        write().map_err(ProofError::database("write a table to ingest"))?;
        let mut how = IngestExternalFileOptions::default();
        how.set_move_files(round.is_multiple_of(2));
        let handle = self.family(FAMILIES[family])?;
        self.db
            .ingest_external_file_cf_opts(&handle, &how, vec![&file])
            .map_err(ProofError::database("ingest a table"))?;
        let _ = fs::remove_file(&file);
        Ok(())
    }

    fn forget(&self, below: u64) -> Result<()> {
        FAMILIES.iter().try_for_each(|name| {
            let family = self.family(name)?;
            self.db
                .increase_full_history_ts_low(&family, below.to_le_bytes())
                .map_err(ProofError::database("raise the lowest timestamp"))
        })
    }

    fn get(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut options = ReadOptions::default();
        if self.has_timestamps() {
            options.set_timestamp(u64::MAX.to_le_bytes());
        }
        let family = self.family(family)?;
        self.db
            .get_cf_opt(&family, key, &options)
            .map_err(ProofError::database("read where to go on"))
    }

    fn family(&self, name: &str) -> Result<std::sync::Arc<rocksdb::BoundColumnFamily<'_>>> {
        self.db.cf_handle(name).ok_or_else(|| ProofError::Differs {
            what: "the open column families".to_owned(),
            difference: format!("{name} is missing"),
        })
    }
}
