//! The checksums that RocksDB puts into its files.
//!
//! A CRC-32C inside a file is stored "masked" (`util/crc32c.h`). A block of a table file ends with the
//! 32-bit checksum of its bytes, the compression byte included, under the algorithm that the footer names
//! (`table/format.cc`). From format version 6 on, a value made of the file's own base and the block's offset is
//! added, so that a block in the wrong place does not pass.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};
use xxhash_rust::xxh32::Xxh32;
use xxhash_rust::xxh64::Xxh64;

use crate::Crc32c;

/// What masking adds after the rotation (`kMaskDelta` in `util/crc32c.h`).
const MASK_DELTA: u32 = 0xa282_ead8;

/// What the last byte is multiplied with under XXH3 (`ModifyChecksumForLastByte` in `table/format.cc`).
const LAST_BYTE_PRIME: u32 = 0x6b90_83d9;

/// The CRC-32C of these bytes.
pub fn crc32c(bytes: &[u8]) -> Crc32c {
    Crc32c(crc32c::crc32c(bytes))
}

/// The CRC-32C of the bytes that gave `crc`, followed by these.
pub fn crc32c_extend(crc: Crc32c, bytes: &[u8]) -> Crc32c {
    Crc32c(crc32c::crc32c_append(crc.0, bytes))
}

/// The form in which RocksDB stores a CRC-32C among the bytes that another CRC may cover.
pub fn mask(crc: Crc32c) -> u32 {
    crc.0.rotate_right(15).wrapping_add(MASK_DELTA)
}

/// The CRC-32C that was stored in this masked form.
pub fn unmask(masked: u32) -> Crc32c {
    Crc32c(masked.wrapping_sub(MASK_DELTA).rotate_left(15))
}

/// The algorithm of a table file's block checksums: `ChecksumType` in `include/rocksdb/table.h`, with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum ChecksumType {
    /// `kNoChecksum`: nothing is checked.
    None = 0,
    /// `kCRC32c`, masked.
    Crc32c = 1,
    /// `kxxHash`: XXH32.
    XxHash = 2,
    /// `kxxHash64`: the low half of XXH64.
    XxHash64 = 3,
    /// `kXXH3`: the low half of XXH3, with RocksDB's own way for the last byte.
    Xxh3 = 4,
}

impl ChecksumType {
    /// Every algorithm.
    pub const ALL: [ChecksumType; 5] = [
        ChecksumType::None,
        ChecksumType::Crc32c,
        ChecksumType::XxHash,
        ChecksumType::XxHash64,
        ChecksumType::Xxh3,
    ];

    /// The algorithm with this number in a footer.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The number that a footer has for it.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// The checksum of a block and the byte after it, without context; 0 for [`ChecksumType::None`]. After a block comes
/// its compression type; bytes that have none, as a footer's, give their own last byte.
pub fn block_checksum(kind: ChecksumType, block: &[u8], compression: u8) -> u32 {
    if kind == ChecksumType::Xxh3 {
        // At once it is faster than in pieces.
        return low_half(xxh3_64(block)) ^ last_byte_of_xxh3(compression);
    }
    let mut hasher = BlockHasher::new(kind);
    hasher.update(block);
    hasher.finish(compression)
}

/// [`block_checksum`] of a block that comes in pieces.
pub struct BlockHasher(Running);

/// The state of each algorithm.
enum Running {
    None,
    Crc32c(Crc32c),
    XxHash(Xxh32),
    XxHash64(Xxh64),
    Xxh3(Box<Xxh3>),
}

impl BlockHasher {
    /// The hasher of no bytes yet.
    pub fn new(kind: ChecksumType) -> Self {
        BlockHasher(match kind {
            ChecksumType::None => Running::None,
            ChecksumType::Crc32c => Running::Crc32c(crc32c(&[])),
            ChecksumType::XxHash => Running::XxHash(Xxh32::new(0)),
            ChecksumType::XxHash64 => Running::XxHash64(Xxh64::new(0)),
            ChecksumType::Xxh3 => Running::Xxh3(Box::new(Xxh3::new())),
        })
    }

    /// The next bytes of the block.
    pub fn update(&mut self, piece: &[u8]) {
        match &mut self.0 {
            Running::None => {}
            Running::Crc32c(crc) => *crc = crc32c_extend(*crc, piece),
            Running::XxHash(hash) => hash.update(piece),
            Running::XxHash64(hash) => hash.update(piece),
            Running::Xxh3(hash) => hash.update(piece),
        }
    }

    /// The checksum, given the byte after the block.
    pub fn finish(mut self, compression: u8) -> u32 {
        match &mut self.0 {
            Running::None => {}
            Running::Xxh3(hash) => return low_half(hash.digest()) ^ last_byte_of_xxh3(compression),
            Running::Crc32c(_) | Running::XxHash(_) | Running::XxHash64(_) => self.update(&[compression]),
        }
        match self.0 {
            Running::None | Running::Xxh3(_) => 0,
            Running::Crc32c(crc) => mask(crc),
            Running::XxHash(hash) => hash.digest(),
            Running::XxHash64(hash) => low_half(hash.digest()),
        }
    }
}

fn last_byte_of_xxh3(byte: u8) -> u32 {
    u32::from(byte).wrapping_mul(LAST_BYTE_PRIME)
}

/// What is added to the checksum of the block or footer at `offset`, given the base in the footer;
/// 0, for files without the feature, adds nothing (`ChecksumModifierForContext` in `table/format.h`).
pub fn context_modifier(base: u32, offset: u64) -> u32 {
    if base == 0 {
        return 0;
    }
    base ^ low_half(offset).wrapping_add(low_half(offset >> 32))
}

fn low_half(value: u64) -> u32 {
    (value & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn crc32c_has_its_published_values() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), Crc32c(0x8a91_36aa));
        assert_eq!(crc32c(&[0xff; 32]), Crc32c(0x62a8_ab43));
        assert_eq!(crc32c_extend(crc32c(b"1234"), b"56789"), Crc32c(0xe306_9283));
    }

    #[test]
    fn the_mask_of_zero_is_the_delta() {
        assert_eq!(mask(Crc32c(0)), MASK_DELTA);
        assert_eq!(mask(Crc32c(1)), MASK_DELTA.wrapping_add(1 << 17));
    }

    #[test]
    fn each_algorithm_has_its_published_value_for_one_block() {
        // Of "123456789": the check values of XXH32, XXH64 and CRC-32C.
        assert_eq!(block_checksum(ChecksumType::None, b"12345678", b'9'), 0);
        assert_eq!(
            block_checksum(ChecksumType::Crc32c, b"12345678", b'9'),
            mask(Crc32c(0xe306_9283))
        );
        assert_eq!(
            block_checksum(ChecksumType::XxHash, b"12345678", b'9'),
            0x937b_ad67
        );
        assert_eq!(
            block_checksum(ChecksumType::XxHash64, b"12345678", b'9'),
            0x40e6_ae83
        );
    }

    #[test]
    fn xxh3_takes_the_last_byte_apart() {
        let without = block_checksum(ChecksumType::Xxh3, b"block", 0);
        assert_eq!(without, low_half(xxh3_64(b"block")));
        assert_eq!(
            block_checksum(ChecksumType::Xxh3, b"block", 1),
            without ^ LAST_BYTE_PRIME
        );
    }

    #[test]
    fn the_context_is_off_when_the_base_is_zero() {
        assert_eq!(context_modifier(0, 4096), 0);
        assert_eq!(context_modifier(0xf0, 0x0000_0003_0000_000c), 0xff);
        assert_eq!(context_modifier(1, u64::MAX), 1 ^ u32::MAX.wrapping_add(u32::MAX));
    }

    proptest! {
        #[test]
        fn pieces_have_the_checksum_of_the_whole(block: Vec<u8>, last: u8, cut: prop::sample::Index) {
            for kind in ChecksumType::ALL {
                let mut hasher = BlockHasher::new(kind);
                let (one, other) = block.split_at(cut.index(block.len() + 1));
                hasher.update(one);
                hasher.update(other);
                prop_assert_eq!(hasher.finish(last), block_checksum(kind, &block, last));
            }
        }

        #[test]
        fn unmask_undoes_mask(crc: u32) {
            prop_assert_eq!(unmask(mask(Crc32c(crc))), Crc32c(crc));
        }
    }

    #[test]
    fn masked_checksums_unmask_to_the_same_number() {
        for kind in ChecksumType::ALL {
            assert_eq!(ChecksumType::from_number(kind.number()), Some(kind));
        }
        assert_eq!(ChecksumType::from_number(5), None);
    }
}
