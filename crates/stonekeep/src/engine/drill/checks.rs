//! D3: whether what is on the disk is the backup, and a database.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::{Crc32c, SequenceNumber};

use super::on_disk::OnDisk;
use super::report::DrillReport;
use crate::engine::BackupEngineReadOnly;
use crate::engine::deep::{self, Record, Wals};
use crate::engine::inspecting_host::InspectingHost;
use crate::engine::restore::RestoreReport;
use crate::engine::transfer::{Meter, Metered};
use crate::image::{Capture, Directory, ImageFile, ImageSource, SourceFiles, SourceKind};
use crate::parallel::run_bounded;
use crate::repo::catalog::{self, LoadedMeta};
use crate::repo::facts::BackupFacts;
use crate::{Error, ErrorKind, Finding, IoContext, Observer, Phase, Result, WarningName};

/// A file as the backup has it.
#[derive(Debug)]
struct Expected {
    name: String,
    size_bytes: u64,
    crc32c: Option<Crc32c>,
}

/// See the [module](self).
pub(super) struct Checks<'a> {
    engine: &'a BackupEngineReadOnly,
    directory: &'a Path,
    restored: &'a RestoreReport,
    loaded: LoadedMeta,
    facts: Option<BackupFacts>,
}

impl<'a> Checks<'a> {
    /// # Errors
    /// Those of reading the meta file.
    pub(super) fn of(
        engine: &'a BackupEngineReadOnly,
        directory: &'a Path,
        restored: &'a RestoreReport,
    ) -> Result<Self> {
        let loaded = catalog::load(engine.store(), restored.backup_id)?.into_result()?;
        let facts = loaded.facts_head(engine.store())?;
        Ok(Checks {
            engine,
            directory,
            restored,
            loaded,
            facts,
        })
    }

    pub(super) fn meta_crc32c(&self) -> Crc32c {
        self.loaded.crc32c
    }

    /// Reads everything again.
    ///
    /// # Errors
    /// `Stopped`, and I/O errors of the disk. What is wrong is in the report.
    pub(super) fn run(&self, observer: &dyn Observer) -> Result<DrillReport> {
        let source = Directory::new(self.directory, SourceKind::Closed);
        let (capture, mut findings) = match source.capture(&mut InspectingHost::holding_nothing(), observer) {
            Ok(capture) => (Some(capture), Vec::new()),
            // A backup of it was made: what cannot be read any more is damaged.
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported) => {
                (None, of_capture(&error))
            }
            Err(error) => return Err(error),
        };
        let (files, unread) = self.expected()?;
        findings.extend(unread);
        let (count, bytes) = (files.len() as u64, files.iter().map(|file| file.size_bytes).sum());
        findings.extend(self.read_again(files, capture.as_deref(), (count, bytes), observer)?);
        let sequence_number = capture.as_deref().map(|capture| capture.image().sequence_number);
        findings.extend(self.wrong_sequence_number(capture.as_deref()));
        Ok(DrillReport {
            backup_id: self.restored.backup_id,
            files: count,
            bytes,
            sequence_number,
            restore_ms: 0,
            restore_bytes_per_second: 0,
            verify_ms: 0,
            verify_bytes_per_second: 0,
            findings,
            unverifiable: self.restored.unverifiable.clone(),
            passed_over: self.restored.passed_over.clone(),
            kept: None,
            removed_leftovers: Vec::new(),
            // Nobody opens the scratch database, so it does not matter whose it is.
            warnings: self
                .restored
                .warnings
                .iter()
                .filter(|warning| warning.name != WarningName::Owner)
                .cloned()
                .collect(),
        })
    }

    /// The files of the backup as they are on the disk, and those that are missing or no regular files. A file that the backup was made
    /// without, and an OPTIONS file that the restore has changed, has no checksum to compare.
    fn expected(&self) -> Result<(Vec<Expected>, Vec<Finding>)> {
        let rewritten = self.restored.rewritten_options.iter();
        let rewritten: HashSet<&str> = rewritten.map(|options| options.name.as_str()).collect();
        let mut wanted: Vec<(String, Option<u64>, Option<Crc32c>)> = Vec::new();
        for file in &self.loaded.meta.files {
            let name = file.path.restored_name().to_string();
            let is_as_stored = !file.excluded && !rewritten.contains(name.as_str());
            let recorded = |value: Option<u64>| value.filter(|_| is_as_stored);
            wanted.push((
                name,
                recorded(file.recorded_size_bytes()),
                file.recorded_crc32c().filter(|_| is_as_stored),
            ));
        }
        for file in self.facts.iter().flat_map(|facts| &facts.included) {
            wanted.push((file.path.clone(), Some(file.size_bytes), Some(file.checksum())));
        }
        let (mut files, mut findings) = (Vec::new(), Vec::new());
        for (name, size_bytes, crc32c) in wanted {
            match self.length(&name)? {
                Ok(found) if size_bytes.is_none_or(|wanted| wanted == found) => files.push(Expected {
                    name,
                    size_bytes: found,
                    crc32c,
                }),
                Ok(found) => {
                    let wanted = size_bytes.unwrap_or_default();
                    findings.push(self.finding(&name, format!("has {found} bytes instead of {wanted}")));
                }
                Err(reason) => findings.push(self.finding(&name, reason)),
            }
        }
        Ok((files, findings))
    }

    /// The length of a restored file, or what is wrong with it.
    fn length(&self, name: &str) -> Result<std::result::Result<u64, String>> {
        let path = self.directory.join(name);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Ok(metadata.len())),
            Ok(_) => Ok(Err("is no regular file".to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Err("is missing".to_owned())),
            Err(error) => Err(error).context("looking at", &path),
        }
    }

    /// Compares the checksums of what is on the disk.
    fn read_again(
        &self,
        files: Vec<Expected>,
        capture: Option<&dyn Capture>,
        to_do: (u64, u64),
        observer: &dyn Observer,
    ) -> Result<Vec<Finding>> {
        let live = capture
            .map(|capture| capture.image().files.as_slice())
            .unwrap_or_default();
        let live: HashMap<String, &ImageFile> =
            live.iter().map(|file| (file.name.to_string(), file)).collect();
        let engine = self.engine;
        let sources = SourceFiles::new(true, engine.options().io_buffer_size_bytes);
        let limiter = &engine.verify_rate_limiter;
        let meter = engine.meter(observer, limiter, Phase::Verifying, to_do);
        let findings = Mutex::new(Vec::new());
        let into = LooksInto {
            memory_bytes: deep::memory_of_one(engine.workers()),
            records: match capture {
                Some(capture) => Record::all_of_image(capture.image())?,
                None => HashMap::new(),
            },
            wals: Mutex::default(),
        };
        run_bounded(engine.workers(), files, |file| {
            meter.check()?;
            // What the capture makes itself, such as CURRENT, or reads only a part of, says nothing of the disk.
            let is_as_it_stands =
                |image: &&&ImageFile| image.path().is_some() && image.size_bytes == file.size_bytes;
            let reader = match live.get(&file.name).filter(is_as_it_stands) {
                Some(image) => sources.open(image)?.into_reader(),
                None => self.open(&file.name)?,
            };
            let wrong = self.wrong_bytes(&file, reader, &into, &meter)?;
            if let Ok(mut findings) = findings.lock() {
                findings.extend(wrong.into_iter().map(|reason| self.finding(&file.name, reason)));
            }
            meter.file_done();
            Ok(())
        })?;
        let mut findings = findings.into_inner().unwrap_or_default();
        let wals = into.wals.into_inner().unwrap_or_default();
        let misplaced = wals.out_of_order().into_iter();
        findings.extend(misplaced.map(|(name, part)| self.finding(name, part.to_string())));
        findings.sort_by(|a: &Finding, b| a.file.cmp(&b.file));
        Ok(findings)
    }

    fn open(&self, name: &str) -> Result<Box<dyn Read + Send>> {
        let path = self.directory.join(name);
        Ok(Box::new(File::open(&path).context("opening", &path)?))
    }

    /// What is wrong with the bytes of a file, and in it.
    fn wrong_bytes(
        &self,
        file: &Expected,
        reader: Box<dyn Read + Send>,
        into: &LooksInto,
        meter: &Meter<'_>,
    ) -> Result<Vec<String>> {
        let name = DbFileName::parse(&file.name).filter(deep::is_known);
        let (found, inside) = match name {
            None => {
                let mut reader = Metered::new(reader, &file.name, file.size_bytes, meter);
                (reader.drain(&mut self.engine.read_buffer())?, None)
            }
            Some(name) => {
                let path = self.directory.join(&file.name);
                let open = File::open(&path).context("opening", &path)?;
                let on_disk = OnDisk::new(open, file.size_bytes, reader);
                let record = into.records.get(&Record::name_of(&name));
                let records: Vec<&Record> = record.into_iter().collect();
                let count = |bytes| meter.count(bytes);
                match deep::look(&name, &on_disk, into.memory_bytes, &records, &count) {
                    Ok(looked) => looked,
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                        return Ok(vec![format!("it ends before byte {}", file.size_bytes)]);
                    }
                    Err(error) => {
                        return Err(Error::of_reading(error, || format!("reading {}", path.display())));
                    }
                }
            }
        };
        let wanted = file.crc32c.filter(|wanted| *wanted != found);
        let wrong = wanted
            .map(|wanted| format!("its checksum on the disk is {found:#010x} instead of {wanted:#010x}"));
        let inside = inside.map(deep::Deep::with_contradictions);
        if let (Some(inside), Ok(mut wals)) = (&inside, into.wals.lock()) {
            wals.add(&file.name, inside);
        }
        let inside = inside.iter().flat_map(deep::Deep::lines);
        Ok(wrong.into_iter().chain(inside).collect())
    }

    /// The backup has another last sequence number than what came back, where both are known for certain.
    fn wrong_sequence_number(&self, capture: Option<&dyn Capture>) -> Option<Finding> {
        let image = capture?.image();
        let wanted = SequenceNumber(self.facts.as_ref()?.sequence_number);
        if image.sequence_number == wanted || !image.warnings.is_empty() {
            return None;
        }
        let found = image.sequence_number;
        let reason = format!("the last sequence number is {found} instead of {wanted}");
        Some(Finding {
            file: self.directory.display().to_string(),
            reason,
        })
    }

    fn finding(&self, name: &str, reason: String) -> Finding {
        let path: PathBuf = self.directory.join(name);
        Finding {
            file: path.display().to_string(),
            reason,
        }
    }
}

/// How the files are looked into.
struct LooksInto {
    memory_bytes: usize,
    records: HashMap<DbFileName, Record>,
    wals: Mutex<Wals>,
}

/// What keeps the directory from being captured.
fn of_capture(error: &Error) -> Vec<Finding> {
    match error.findings() {
        [] => vec![Finding {
            file: "the restored database".to_owned(),
            reason: error.one_line(),
        }],
        findings => findings.to_vec(),
    }
}
