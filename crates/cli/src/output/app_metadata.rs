//! The application's metadata as they are shown: whole, or cut where they are larger than RocksDB lets anybody write.

use super::escape::visible_bytes;
use super::units::bytes;

/// This much is shown of metadata that are cut.
const SHOWN_BYTES: usize = 1024;
/// `kMaxAppMetaSize` in RocksDB's `utilities/backup/backup_engine.cc`.
const LIMIT_BYTES: u64 = 1 << 20;

/// Metadata to show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AppMetadata<'a> {
    shown: &'a [u8],
    /// Of all of them.
    size_bytes: u64,
}

impl<'a> AppMetadata<'a> {
    /// Of metadata of this size these are held.
    pub(crate) fn new(held: &'a [u8], size_bytes: u64) -> Self {
        let shown = if size_bytes > LIMIT_BYTES {
            held.get(..SHOWN_BYTES).unwrap_or(held)
        } else {
            held
        };
        AppMetadata { shown, size_bytes }
    }

    /// As text, if they are; a character that is cut is left out.
    pub(crate) fn utf8(self) -> Option<&'a str> {
        match std::str::from_utf8(self.shown) {
            Ok(text) => Some(text),
            Err(error) if self.is_cut() && error.error_len().is_none() => {
                let whole = self.shown.get(..error.valid_up_to())?;
                std::str::from_utf8(whole).ok()
            }
            Err(_) => None,
        }
    }

    /// In upper-case hex, as meta files have them.
    pub(crate) fn hex(self) -> String {
        self.shown.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// How many bytes there are.
    pub(crate) fn size_bytes(self) -> u64 {
        self.size_bytes
    }

    /// As text, with a note about the part that is not shown.
    pub(crate) fn text(self) -> String {
        let text = visible_bytes(self.shown);
        if self.is_cut() {
            format!(
                "{text}... (the first {} of {})",
                bytes(self.shown.len() as u64),
                bytes(self.size_bytes)
            )
        } else {
            text
        }
    }

    fn is_cut(self) -> bool {
        (self.shown.len() as u64) < self.size_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_rocksdb_writes_is_cut() {
        let most = vec![b'm'; 1 << 20];
        let whole = AppMetadata::new(&most, 1 << 20);
        assert_eq!(whole.utf8().unwrap().len(), 1 << 20);
        assert_eq!(whole.hex().len(), 2 << 20);
        assert_eq!(whole.text().len(), 1 << 20);
        let cut = AppMetadata::new(&most, 30 << 20);
        assert_eq!(cut.utf8().unwrap(), "m".repeat(1024));
        assert_eq!(cut.hex(), "6D".repeat(1024));
        assert_eq!(
            cut.text(),
            "m".repeat(1024) + "... (the first 1.00 KiB of 30.0 MiB)"
        );
        assert_eq!(cut.size_bytes(), 30 << 20);
    }

    #[test]
    fn a_character_is_not_cut() {
        let text = "x".to_owned() + &"\u{fc}".repeat(1 << 19);
        let cut = AppMetadata::new(text.as_bytes(), text.len() as u64);
        assert_eq!(cut.utf8().unwrap().len(), 1023);
        assert_eq!(AppMetadata::new(b"\xff", 1).utf8(), None);
        assert_eq!(AppMetadata::new(b"\xc3", 1).utf8(), None);
    }
}
