//! Table files with chosen blocks, right or wrong, and without checksums.

use stonekeep_format::checksum::{ChecksumType, context_modifier};
use stonekeep_format::sst::{BlockHandle, Footer, TableKind, TableProperties};

use crate::Encode;
use crate::coding::{put_fixed32, put_varint64};
use crate::table::encode_entries;

/// What such a table consists of, besides properties and metaindex.
#[derive(Debug, Clone, Default)]
pub struct Blocks<'a> {
    /// From 1 to 7.
    pub format_version: u32,
    /// Contents as stored, with the numbers of their compression; one after the other from the beginning on.
    pub data: Vec<(&'a [u8], u8)>,
    /// The same for the index.
    pub index: (&'a [u8], u8),
    /// Names in the metaindex with contents as stored, in any order.
    pub meta: Vec<(&'a [u8], &'a [u8])>,
}

impl Blocks<'_> {
    /// The table.
    pub fn encode(&self, properties: &TableProperties) -> Vec<u8> {
        let has_context = self.format_version >= 6;
        let base_context_checksum = if has_context { 0x5eed } else { 0 };
        let mut file = Vec::new();
        let mut put = |content: &[u8], compression: u8| {
            let offset = file.len() as u64;
            file.extend_from_slice(content);
            file.push(compression);
            put_fixed32(&mut file, context_modifier(base_context_checksum, offset));
            BlockHandle {
                offset,
                size: content.len() as u64,
            }
        };
        for (content, compression) in &self.data {
            put(content, *compression);
        }
        let index = put(self.index.0, self.index.1);
        let mut names = vec![(b"rocksdb.properties".to_vec(), put(&properties.encode(), 0))];
        for (name, content) in &self.meta {
            names.push((name.to_vec(), put(content, 0)));
        }
        if has_context {
            names.push((b"rocksdb.index".to_vec(), index));
        }
        names.sort_by(|left, right| left.0.cmp(&right.0));
        names.dedup_by(|left, right| left.0 == right.0);
        let named: Vec<(Vec<u8>, Vec<u8>)> = names
            .into_iter()
            .map(|(name, handle)| (name, bytes(handle)))
            .collect();
        let metaindex = encode_entries(
            named
                .iter()
                .map(|(name, handle)| (name.as_slice(), handle.as_slice())),
        );
        let metaindex = put(&metaindex, 0);
        let footer = Footer {
            kind: TableKind::BlockBased,
            format_version: self.format_version,
            checksum: ChecksumType::None,
            base_context_checksum,
            metaindex,
            index: if has_context {
                BlockHandle::default()
            } else {
                index
            },
            offset: file.len() as u64,
        };
        file.extend_from_slice(&footer.encode());
        file
    }
}

fn bytes(handle: BlockHandle) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_varint64(&mut bytes, handle.offset);
    put_varint64(&mut bytes, handle.size);
    bytes
}
