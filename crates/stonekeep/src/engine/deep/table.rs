//! Every block and every entry of a table, and the table against the MANIFEST.

use std::io;

use stonekeep_format::sst::ReadError;
use stonekeep_format::sst::walk::{
    BlockKind, Contradiction, Finding, TableClaim, TableSummary, TableVisitor, WalkOptions, walk_table,
};

use super::damage::{DamagedPart, Deep, shown_key};
use super::front::Front;
use super::record::Record;

struct Gathered<'r> {
    deep: Deep,
    records: &'r [&'r Record],
}

impl Gathered<'_> {
    /// The keys between which all entries of the table are, as the MANIFEST has it.
    fn user_keys(&self) -> Option<(&[u8], &[u8])> {
        self.records.iter().find_map(|record| record.table()?.user_keys())
    }
}

impl TableVisitor for Gathered<'_> {
    fn finding(&mut self, finding: &Finding<'_>) {
        let error = finding.error;
        if error.is_unsupported() {
            self.deep.add_unchecked(error.reason().to_owned());
            return;
        }
        let (from, to) = match finding.keys {
            None => (None, None),
            Some(keys) => {
                let recorded = self.user_keys().unzip();
                (keys.from.or(recorded.0), keys.to.or(recorded.1))
            }
        };
        let part = DamagedPart {
            part: finding.kind.to_string(),
            offset: finding.handle.offset,
            column_family: None,
            level: None,
            from_key: from.map(shown_key),
            to_key: to.map(shown_key),
            reason: error.reason().to_owned(),
        };
        self.deep.add(part);
    }
}

/// Walks through a table, of which the MANIFESTs of some databases say this.
///
/// # Errors
/// Those of reading.
pub(super) fn look(front: &mut Front<'_>, memory_bytes: usize, records: &[&Record]) -> io::Result<Deep> {
    let options = WalkOptions::default().with_memory_bytes(memory_bytes);
    let mut gathered = Gathered {
        deep: Deep::default(),
        records,
    };
    let walked = walk_table(front.size_bytes(), front, options, &mut gathered);
    let keys = gathered
        .user_keys()
        .map(|(from, to)| (shown_key(from), shown_key(to)));
    let mut deep = gathered.deep;
    let recorded = records.first().map(|record| record.column_family.to_string());
    match walked {
        Ok(summary) => {
            (deep.parts, deep.entries) = (summary.counts.blocks, summary.counts.entries);
            let properties = summary.properties.as_ref();
            let family = properties.and_then(|properties| properties.column_family_name.clone());
            let family = recorded.or(family);
            for part in &mut deep.damaged {
                part.column_family.clone_from(&family);
            }
            compare(&mut deep, &summary, records);
        }
        Err(ReadError::Io { source, .. }) => return Err(source),
        Err(ReadError::Format(error)) if error.is_unsupported() => {
            deep.add_unchecked(error.reason().to_owned())
        }
        Err(ReadError::Format(error)) => {
            let (from_key, to_key) = keys.unzip();
            deep.add(DamagedPart {
                part: BlockKind::Footer.to_string(),
                offset: error.offset,
                column_family: recorded,
                level: None,
                from_key,
                to_key,
                reason: error.reason().to_owned(),
            });
        }
    }
    Ok(deep)
}

/// Adds what the table has otherwise than each record says.
fn compare(deep: &mut Deep, summary: &TableSummary, records: &[&Record]) {
    for (place, record) in records.iter().enumerate() {
        let contradictions = record
            .table()
            .map(|claim: &TableClaim| claim.contradictions(summary));
        for Contradiction { reason, keys, .. } in contradictions.into_iter().flatten() {
            let (from, to) = keys.unzip();
            let part = DamagedPart {
                part: "table".to_owned(),
                offset: 0,
                column_family: Some(record.column_family.to_string()),
                level: None,
                from_key: from.as_deref().map(shown_key),
                to_key: to.as_deref().map(shown_key),
                reason,
            };
            deep.contradictions.push((place, part));
        }
    }
}
