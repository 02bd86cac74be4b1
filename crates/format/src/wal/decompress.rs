//! Unfolds compressed batches piece by piece.

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use crate::{FileKind, FormatError, Result};

/// How much is unfolded at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// The largest window that a frame may ask for, as a power of two. RocksDB compresses WALs at zstd's default
/// level (`ZSTDStreamingCompress`, `util/compression.h`), which never asks for more than 2 MiB.
const MAX_WINDOW_LOG: u32 = 23;

/// Unfolds the batches of a WAL with `wal_compression`, each of which is one zstd frame.
pub struct Decompressor {
    decoder: Decoder<'static>,
    piece: Vec<u8>,
}

impl Decompressor {
    /// A decompressor for the WAL that turns out at `offset` to be compressed.
    ///
    /// # Errors
    /// Unsupported when there is no memory for it.
    pub fn new(offset: u64) -> Result<Self> {
        let prepared = Decoder::new().and_then(|mut decoder| {
            decoder.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))?;
            Ok(decoder)
        });
        let decoder = prepared.map_err(|error| {
            FormatError::unsupported(
                FileKind::Wal,
                offset,
                format!("no zstd decoder to be had: {error}"),
            )
        })?;
        Ok(Decompressor {
            decoder,
            piece: vec![0; PIECE_BYTES],
        })
    }

    /// Hands what the log record at `offset` of its WAL unfolds to, piece by piece, to `sink`.
    ///
    /// # Errors
    /// Corrupt when the payload is not exactly one frame, and whatever `sink` returns.
    pub fn unfold(
        &mut self,
        offset: u64,
        payload: &[u8],
        sink: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let corrupt = |reason: &str| {
            FormatError::corrupt(FileKind::Wal, offset, format!("compressed write batch: {reason}"))
        };
        let zstd_failed = |error: std::io::Error| corrupt(&error.to_string());
        self.decoder.reinit().map_err(zstd_failed)?;
        let mut input = InBuffer::around(payload);
        loop {
            let mut output = OutBuffer::around(self.piece.as_mut_slice());
            let wanted = self.decoder.run(&mut input, &mut output).map_err(zstd_failed)?;
            let written = output.pos();
            sink(&self.piece[..written])?;
            let consumed = input.pos() == payload.len();
            match (wanted, consumed) {
                (0, true) => return Ok(()),
                (0, false) => return Err(corrupt("something follows the zstd frame")),
                (_, true) if written < PIECE_BYTES => return Err(corrupt("the zstd frame is cut short")),
                _ => {}
            }
        }
    }
}
