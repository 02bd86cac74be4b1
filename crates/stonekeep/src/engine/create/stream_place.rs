//! What makes a backup a base of a stream: where the stream goes on from it.

use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;

use crate::image::DatabaseImage;
use crate::repo::stream::segment_header::{ManifestPosition, WalPosition};
use crate::repo::stream::segment_name::Ordinal;
use crate::repo::stream::stream_id::StreamId;
use crate::repo::stream::target::{Base, BaseOfStream};

/// Where a stream was before a base of it is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct StreamPlace {
    pub(in crate::engine) stream: StreamId,
    /// Its newest segment.
    pub(in crate::engine) ordinal: Ordinal,
    /// The newest WAL with missing sequence numbers up to there, unless all column families were flushed since.
    pub(in crate::engine) gap: Option<FileNumber>,
}

impl StreamPlace {
    /// The base that this image makes. Its newest WAL with data ends with a record; WALs after it are empty.
    pub(super) fn base(self, image: &DatabaseImage) -> BaseOfStream {
        let (mut manifest, mut end) = (ManifestPosition::default(), WalPosition::default());
        for file in &image.files {
            let offset = file.size_bytes;
            match file.name {
                DbFileName::Manifest(number) => manifest = ManifestPosition { number, offset },
                DbFileName::Wal(number) => end = later(end, WalPosition { number, offset }),
                _ => {}
            }
        }
        BaseOfStream {
            stream: self.stream,
            gap: self.gap.filter(|gap| *gap >= image.lowest_log_number),
            base: Base {
                ordinal: self.ordinal,
                end,
                last_sequence: image.sequence_number,
                manifest,
                lowest_log_number: image.lowest_log_number,
            },
        }
    }
}

/// The later end of two WALs; an empty one counts only if both are.
fn later(one: WalPosition, other: WalPosition) -> WalPosition {
    let rank = |end: &WalPosition| (end.offset > 0, end.number);
    if rank(&one) > rank(&other) { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_wals_behind_the_newest_one_with_data_do_not_count() {
        let end = |wals: &[(u64, u64)]| {
            let ends = wals.iter().map(|(number, offset)| WalPosition {
                number: FileNumber(*number),
                offset: *offset,
            });
            let end = ends.fold(WalPosition::default(), later);
            (end.number.0, end.offset)
        };
        assert_eq!(end(&[(4, 10), (9, 20), (12, 0)]), (9, 20));
        assert_eq!(end(&[(4, 0), (9, 0)]), (9, 0));
        assert_eq!(end(&[(9, 0), (4, 5)]), (4, 5));
    }
}
