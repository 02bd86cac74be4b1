//! What a capture finds wrong with the files of a database, and what is lost with them.

use std::path::Path;

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::DatabaseState;
use stonekeep_format::sst::walk::TableClaim;

use super::verified_contents::DamagedContents;
use crate::Finding;
use crate::engine::deep::{DamagedPart, shown_key};

/// The damage, and for tables what is lost by the MANIFEST. What somebody has looked into, and has described better, is left out.
pub(super) fn describe(
    damage: Vec<Finding>,
    state: &DatabaseState,
    known: &[DamagedContents],
) -> (Vec<Finding>, Vec<DamagedContents>) {
    let is_unknown = |finding: &Finding| known.iter().all(|known| known.file != finding.file);
    let (mut findings, mut contents) = (Vec::new(), Vec::new());
    for mut finding in damage.into_iter().filter(is_unknown) {
        if let Some(part) = lost_table(state, &finding) {
            finding.reason += &part.about();
            contents.push(DamagedContents {
                file: finding.file.clone(),
                parts: vec![part],
                more_parts: 0,
            });
        }
        findings.push(finding);
    }
    (findings, contents)
}

/// What is lost with a table that the MANIFEST names.
fn lost_table(state: &DatabaseState, finding: &Finding) -> Option<DamagedPart> {
    let name = Path::new(&finding.file).file_name()?.to_str()?;
    let DbFileName::Table { number, .. } = DbFileName::parse(name)? else {
        return None;
    };
    let mut families = state.column_families().values();
    let (family, table) = families.find_map(|family| Some((family, family.tables.get(&number)?)))?;
    let claim = TableClaim::of(table);
    let (from, to) = claim.user_keys().unzip();
    Some(DamagedPart {
        part: "table".to_owned(),
        offset: 0,
        column_family: Some(String::from_utf8_lossy(&family.name).into_owned()),
        level: Some(table.level),
        from_key: from.map(shown_key),
        to_key: to.map(shown_key),
        reason: finding.reason.clone(),
    })
}
