//! The compression algorithms of blocks.

use std::fmt;

/// What a block's trailer says about its content: `CompressionType` in `include/rocksdb/compression_type.h`, with its
/// numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Compression {
    /// `kNoCompression`: the content is stored as it is.
    None,
    /// `kSnappyCompression`
    Snappy,
    /// `kZlibCompression`: deflate without zlib's header.
    Zlib,
    /// `kBZip2Compression`
    Bzip2,
    /// `kLZ4Compression`
    Lz4,
    /// `kLZ4HCCompression`: another compressor, the same format as [`Compression::Lz4`].
    Lz4hc,
    /// `kXpressCompression`, of Windows; it is recognised, but not decompressed.
    Xpress,
    /// `kZSTD`
    Zstd,
    /// `kZSTDNotFinalCompression`, which RocksDB 4.3 to 11.0 wrote on request; the same format as [`Compression::Zstd`].
    ZstdNotFinal,
    /// A number of a compression manager of the application (0x80 and above, from format version 7 on), or one that is
    /// not known.
    Other(u8),
}

impl Compression {
    /// The algorithm with this number in a trailer.
    pub fn from_number(number: u8) -> Self {
        match number {
            0 => Compression::None,
            1 => Compression::Snappy,
            2 => Compression::Zlib,
            3 => Compression::Bzip2,
            4 => Compression::Lz4,
            5 => Compression::Lz4hc,
            6 => Compression::Xpress,
            7 => Compression::Zstd,
            // Until RocksDB 10 in `include/rocksdb/compression_type.h`.
            0x40 => Compression::ZstdNotFinal,
            other => Compression::Other(other),
        }
    }

    /// The number that a trailer has for it.
    pub fn number(self) -> u8 {
        match self {
            Compression::None => 0,
            Compression::Snappy => 1,
            Compression::Zlib => 2,
            Compression::Bzip2 => 3,
            Compression::Lz4 => 4,
            Compression::Lz4hc => 5,
            Compression::Xpress => 6,
            Compression::Zstd => 7,
            Compression::ZstdNotFinal => 0x40,
            Compression::Other(number) => number,
        }
    }

    /// Whether [`super::Decompressor`] knows the algorithm.
    pub fn is_supported(self) -> bool {
        !matches!(self, Compression::Xpress | Compression::Other(_))
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compression::None => "no compression",
            Compression::Snappy => "snappy",
            Compression::Zlib => "zlib",
            Compression::Bzip2 => "bzip2",
            Compression::Lz4 => "lz4",
            Compression::Lz4hc => "lz4hc",
            Compression::Xpress => "xpress",
            Compression::Zstd => "zstd",
            Compression::ZstdNotFinal => "zstd (early)",
            Compression::Other(number) => return write!(f, "compression type {number:#04x}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_for_themselves() {
        for number in 0..=u8::MAX {
            assert_eq!(Compression::from_number(number).number(), number);
        }
    }
}
