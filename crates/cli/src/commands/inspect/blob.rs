//! What the header and the footer of a blob file say.

use serde_json::{Value, json};
use stonekeep::format::blob::{BlobFileFooter, BlobFileHeader, FOOTER_LEN, HEADER_LEN, decode_ends};

use super::dump::Dump;
use super::source::Source;

pub(super) fn dump(source: &Source) -> anyhow::Result<Dump> {
    let size = source.size_bytes();
    let head = source.range(0, size.min(HEADER_LEN as u64) as usize)?;
    let header = BlobFileHeader::decode(&head).map_err(|error| source.complaint(error))?;
    let foot_at = size.saturating_sub(FOOTER_LEN as u64);
    let foot = source.range(foot_at, (size - foot_at) as usize)?;
    // The header is right, so that what is wrong is the footer; a file that is being written has none.
    let (footer, problem) = match decode_ends(size, &head, &foot) {
        Ok((_, footer)) => (Some(footer), None),
        Err(error) => (None, Some(error)),
    };
    let content = ends(&header, footer.as_ref());
    Ok(Dump { content, problem })
}

fn ends(header: &BlobFileHeader, footer: Option<&BlobFileFooter>) -> Value {
    let expiration = footer
        .filter(|_| header.has_ttl())
        .map(|footer| footer.expiration);
    json!({
        "column_family_id": header.column_family_id.0,
        "compression": compression_name(header.compression),
        "expires": header.has_ttl(),
        "finished": footer.is_some(),
        "blobs": footer.map(|footer| footer.blob_count),
        "first_expiration_seconds": expiration.map(|range| range.first),
        "last_expiration_seconds": expiration.map(|range| range.last),
    })
}

/// `CompressionType` (`include/rocksdb/compression_type.h`).
fn compression_name(number: u8) -> &'static str {
    match number {
        0 => "none",
        1 => "snappy",
        2 => "zlib",
        3 => "bzip2",
        4 => "lz4",
        5 => "lz4hc",
        6 => "xpress",
        7 => "zstd",
        _ => "unknown",
    }
}
