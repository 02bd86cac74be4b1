//! Every block and every entry of a table.

use std::io;

use stonekeep_format::sst::ReadError;
use stonekeep_format::sst::walk::{BlockKind, Finding, KeyRange, TableVisitor, WalkOptions, walk_table};

use super::damage::{DamagedPart, Deep, shown_key};
use super::front::Front;

#[derive(Default)]
struct Gathered(Deep);

impl TableVisitor for Gathered {
    fn finding(&mut self, finding: &Finding<'_>) {
        let error = finding.error;
        if error.is_unsupported() {
            self.0.add_unchecked(error.reason().to_owned());
            return;
        }
        let KeyRange { from, to } = finding.keys.unwrap_or_default();
        self.0.add(DamagedPart {
            part: finding.kind.to_string(),
            offset: finding.handle.offset,
            column_family: None,
            from_key: from.map(shown_key),
            to_key: to.map(shown_key),
            reason: error.reason().to_owned(),
        });
    }
}

/// Walks through a table.
///
/// # Errors
/// Those of reading.
pub(super) fn look(front: &mut Front<'_>, memory_bytes: usize) -> io::Result<Deep> {
    let options = WalkOptions::default().with_memory_bytes(memory_bytes);
    let mut gathered = Gathered::default();
    let walked = walk_table(front.size_bytes(), front, options, &mut gathered);
    let mut deep = gathered.0;
    match walked {
        Ok(summary) => {
            (deep.parts, deep.entries) = (summary.counts.blocks, summary.counts.entries);
            let properties = summary.properties.as_ref();
            let family = properties.and_then(|properties| properties.column_family_name.clone());
            for part in &mut deep.damaged {
                part.column_family.clone_from(&family);
            }
        }
        Err(ReadError::Io { source, .. }) => return Err(source),
        Err(ReadError::Format(error)) if error.is_unsupported() => {
            deep.add_unchecked(error.reason().to_owned())
        }
        Err(ReadError::Format(error)) => deep.add(DamagedPart {
            part: BlockKind::Footer.to_string(),
            offset: error.offset,
            column_family: None,
            from_key: None,
            to_key: None,
            reason: error.reason().to_owned(),
        }),
    }
    Ok(deep)
}
