//! Every record of a blob file, and the file against the MANIFEST.

use std::io;

use stonekeep_format::blob::{BlobFinding, BlobPart, BlobScanner, BlobSummary, ExpirationRange};

use super::damage::{DamagedPart, Deep, shown_key};
use super::front::Front;
use super::record::{BlobClaim, Record};

/// How much is read at a time.
const READ_BYTES: usize = 256 << 10;

/// Scans a blob file, of which the MANIFESTs of some databases say this.
///
/// # Errors
/// Those of reading.
pub(super) fn look(front: &mut Front<'_>, records: &[&Record]) -> io::Result<Deep> {
    let mut deep = Deep::default();
    let family = records.first().map(|record| record.column_family.to_string());
    let mut scanner = BlobScanner::new(front.size_bytes());
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = front.next(&mut buffer)?;
        let read = buffer.get(..count).unwrap_or_default();
        if read.is_empty() {
            break;
        }
        scanner.push(read, &mut |finding| add(&mut deep, &finding, family.as_deref()));
    }
    let summary = scanner.finish(&mut |finding| add(&mut deep, &finding, family.as_deref()));
    (deep.parts, deep.entries) = (summary.records, summary.records);
    for (place, record) in records.iter().enumerate() {
        let reasons = record.blob().map(|claim| contradictions(claim, &summary));
        for reason in reasons.into_iter().flatten() {
            let part = DamagedPart {
                part: "blob file".to_owned(),
                offset: 0,
                column_family: Some(record.column_family.to_string()),
                level: None,
                from_key: None,
                to_key: None,
                reason,
            };
            deep.contradictions.push((place, part));
        }
    }
    Ok(deep)
}

fn add(deep: &mut Deep, finding: &BlobFinding, family: Option<&str>) {
    if finding.error.is_unsupported() {
        deep.add_unchecked(finding.error.reason().to_owned());
        return;
    }
    let key = finding.key.as_deref().map(shown_key);
    let follows = match (finding.part, &key) {
        (BlobPart::Record, None) => "; the keys of the lost records are not known",
        _ => "",
    };
    deep.add(DamagedPart {
        part: finding.part.to_string(),
        offset: finding.error.offset,
        column_family: family.map(str::to_owned),
        level: None,
        from_key: key.clone(),
        to_key: key,
        reason: format!("{}{follows}", finding.error.reason()),
    });
}

/// What a whole file has otherwise than the MANIFEST says.
fn contradictions(claim: &BlobClaim, summary: &BlobSummary) -> Vec<String> {
    let mut found = Vec::new();
    let has_both_ends = summary.is_complete && summary.footer.is_some();
    let (count, bytes) = (summary.records, summary.record_bytes);
    if has_both_ends && (count, bytes) != (claim.total_count, claim.total_bytes) {
        found.push(format!(
            "it has {count} blobs in {bytes} bytes, but the MANIFEST has {} in {}",
            claim.total_count, claim.total_bytes
        ));
    }
    // RocksDB refuses to open it in both cases (`BlobFileReader::ReadHeader` in `db/blob/blob_file_reader.cc`).
    let Some(header) = summary.header else {
        return found;
    };
    if header.has_ttl() || header.expiration != ExpirationRange::default() {
        found.push("its blobs expire, which those of a MANIFEST never do".to_owned());
    }
    if header.column_family_id != claim.column_family_id {
        found.push(format!(
            "it belongs to column family {}, but the MANIFEST has it in {}",
            header.column_family_id, claim.column_family_id
        ));
    }
    found
}
