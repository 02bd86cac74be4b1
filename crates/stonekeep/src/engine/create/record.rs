//! The two texts that describe a new backup: RocksDB's meta file and our facts.

use std::time::UNIX_EPOCH;

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::{BackupMeta, HeaderNumber, MetaFile, MetaHead, SchemaVersion};

use super::context::Context;
use super::decision::Action;
use super::included::Included;
use super::plan::Plan;
use crate::Result;
use crate::engine::MetaSchema;
use crate::repo::facts::BackupFacts;
use crate::repo::facts_reader::FileLines;
use crate::repo::rebuilt_meta;
use crate::store::Durability;

/// The meta file: files in the order of the plan, excluded ones last, as RocksDB writes them.
///
/// # Errors
/// `InvalidArgument` for a file that is not one of a backup.
pub(super) fn meta(context: &Context<'_>, plan: &Plan<'_>, id: BackupId) -> Result<BackupMeta> {
    let schema_two = context.engine.options().schema_version == MetaSchema::Two;
    let now = context.engine.clock.now();
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let head = MetaHead {
        schema: if schema_two {
            SchemaVersion::two()
        } else {
            SchemaVersion::One
        },
        timestamp: HeaderNumber::from(seconds),
        sequence: HeaderNumber::from(plan.sequence_number.0),
        app_metadata: context.options.app_metadata.clone(),
        ..MetaHead::default()
    };
    let mut files = Vec::with_capacity(plan.files.len());
    for planned in &plan.files {
        if let Some(ready) = planned.ready() {
            let mut file = MetaFile::new(planned.path(ready.path, id)?, ready.crc32c);
            if schema_two {
                file.temperature = planned.image.temperature;
            }
            files.push(file);
        }
    }
    let excluded = plan.files.iter().filter_map(|file| match &file.decision.action {
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

/// Our facts, bound to a meta file of this checksum and length, without those of the files.
pub(super) fn facts(
    context: &Context<'_>,
    plan: &Plan<'_>,
    included: &Included,
    id: BackupId,
    meta: &[u8],
) -> BackupFacts {
    let image = plan.image;
    let warnings = image.warnings.iter().chain(&plan.warnings);
    BackupFacts {
        backup_id: id.get(),
        meta_crc32c: crc32c::crc32c(meta),
        meta_size_bytes: meta.len() as u64,
        meta_head: rebuilt_meta::head(meta),
        database_id: image.database_id.clone(),
        database_id_in_manifest: image.database_id_in_manifest,
        sequence_number: plan.sequence_number.0,
        prepared_transactions: plan.prepared_transactions,
        capture: image.kind,
        live: image.live,
        column_families: image.column_families.clone(),
        rocksdb_version: image.rocksdb_version.clone(),
        engine: image.engine.clone(),
        wal_dir: image.wal_dir.as_ref().map(|path| path.display().to_string()),
        host: context.options.host.clone(),
        tags: context.options.tags.clone(),
        went_back: plan.went_back.clone(),
        warnings: warnings
            .map(|warning| warning.clone().accepted_by(&context.options.accept))
            .collect(),
        durable: context.engine.durability() == Durability::Durable,
        stream: context.base_of.map(|stream| stream.base(image)),
        took_ms: u64::try_from(context.elapsed().as_millis()).ok(),
        created_by: concat!("stonekeep ", env!("CARGO_PKG_VERSION")).to_owned(),
        included: included.facts(),
        files: Vec::new(),
    }
}

/// The lines of the facts about each file, in the order of the meta file. Those that the newest backup's facts have too are
/// copied from there.
pub(super) fn file_lines<'p>(
    plan: &'p Plan<'_>,
    id: BackupId,
    mut newest: Option<FileLines<'p>>,
) -> impl Iterator<Item = Result<Vec<u8>>> + 'p {
    let ready = plan.files.iter().filter_map(|file| Some((file, file.ready()?)));
    ready.map(move |(file, ready)| {
        if let (Some(line), Some(newest)) = (file.decision.line, &mut newest)
            && let Some(line) = newest.line(line as usize)?
        {
            return Ok(line.to_vec());
        }
        let path = file.path(ready.path, id)?;
        file.facts(&path, ready.crc32c).line()
    })
}
