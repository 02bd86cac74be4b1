//! The two texts that describe a new backup: RocksDB's meta file and our facts.

use std::time::UNIX_EPOCH;

use stonekeep_format::backup_meta::{BackupMeta, HeaderNumber, MetaFile, MetaHead, SchemaVersion};
use stonekeep_format::{BackupId, Crc32c, Temperature};

use super::commit::Commit;
use super::copy::file_facts;
use super::plan::Action;
use crate::engine::MetaSchema;
use crate::repo::facts::{BackupFacts, FileFacts};
use crate::store::Durability;
use crate::{Error, Result};

impl Commit<'_, '_> {
    /// The meta file: files in the order of the plan, those that were left out last, as RocksDB writes them.
    pub(super) fn meta(&self, id: BackupId) -> Result<BackupMeta> {
        let schema_two = self.context.engine.options().schema_version == MetaSchema::Two;
        let now = self.context.engine.options().clock.now();
        let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let head = MetaHead {
            schema: if schema_two {
                SchemaVersion::two()
            } else {
                SchemaVersion::One
            },
            timestamp: HeaderNumber::from(seconds),
            sequence: HeaderNumber::from(self.plan.sequence_number.0),
            app_metadata: self.context.options.app_metadata.clone(),
            ..MetaHead::default()
        };
        let mut files = Vec::with_capacity(self.plan.files.len());
        for ready in &self.ready {
            let mut file = MetaFile::new(self.path(id, ready)?, ready.crc32c);
            if schema_two {
                file.temperature = self.temperature(ready.at);
            }
            files.push(file);
        }
        let excluded = self.plan.files.iter().filter_map(|file| match &file.action {
            Action::Exclude(path) => Some(MetaFile::excluded(path.clone())),
            _ => None,
        });
        files.extend(excluded);
        Ok(BackupMeta {
            head,
            files,
            ..BackupMeta::default()
        })
    }

    fn temperature(&self, at: usize) -> Temperature {
        let file = self
            .plan
            .files
            .get(at)
            .and_then(|file| self.image.files.get(file.index));
        file.map(|file| file.temperature).unwrap_or_default()
    }

    /// Our facts, bound to the meta file, without those of the files.
    pub(super) fn facts(&self, id: BackupId, meta_crc32c: Crc32c, meta_bytes: usize) -> BackupFacts {
        let image = self.image;
        BackupFacts {
            backup_id: id.get(),
            meta_crc32c: meta_crc32c.0,
            meta_size_bytes: meta_bytes as u64,
            database_id: image.database_id.clone(),
            database_id_in_manifest: image.database_id_in_manifest,
            sequence_number: self.plan.sequence_number.0,
            prepared_transactions: self.plan.prepared_transactions,
            capture: image.kind,
            live: image.live,
            column_families: image.column_families.clone(),
            rocksdb_version: image.rocksdb_version.clone(),
            engine: image.engine.clone(),
            wal_dir: image.wal_dir.as_ref().map(|path| path.display().to_string()),
            host: self.context.options.host.clone(),
            tags: self.context.options.tags.clone(),
            went_back: self.plan.went_back.clone(),
            warnings: image
                .warnings
                .iter()
                .chain(&self.plan.warnings)
                .map(|warning| warning.clone().accepted_by(&self.context.options.accept))
                .collect(),
            durable: self.durability() == Durability::Durable,
            created_by: concat!("stonekeep ", env!("CARGO_PKG_VERSION")).to_owned(),
            included: self.included.facts(),
            files: Vec::new(),
        }
    }

    /// The facts of each file, in the order of the meta file.
    pub(super) fn file_facts(&self, id: BackupId) -> impl Iterator<Item = Result<FileFacts>> {
        self.ready.iter().map(move |ready| {
            let file = self.plan.files.get(ready.at);
            let image = file.and_then(|file| self.image.files.get(file.index));
            let (file, image) = file
                .zip(image)
                .ok_or_else(|| Error::invalid("the plan is of another image"))?;
            Ok(file_facts(
                file,
                image,
                self.path(id, ready)?.to_string(),
                ready.crc32c,
            ))
        })
    }
}
