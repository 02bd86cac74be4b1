//! Adding to a staged file that a batch, or a run, has left in the middle.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use rustix::fs::OFlags;

use super::LocalStore;
use super::new_file::write_error;
use crate::buffers::Buffers;
use crate::disk::WriteBack;
use crate::disk::Written;
use crate::disk::copying::{Failed, copy};
use crate::disk::rename::replace_file;
use crate::disk::tree::{self, Tree};
use crate::store::{Key, Upload};
use crate::{Error, IoContext, Result};

impl LocalStore {
    /// [`crate::store::Store::resume`].
    pub(super) fn add_to(
        &self,
        staged: &Upload,
        area: &str,
        content: &mut dyn Read,
        expected_bytes: u64,
    ) -> Result<Upload> {
        let from = self.areas.place(&self.tree, &staged.run, &staged.key)?;
        let place = self.areas.place(&self.tree, area, &staged.key)?;
        self.syncs.begin(&self.tree)?;
        self.syncs.forget(&from);
        let content = (content, expected_bytes);
        let written = append(&self.tree, (&from, &place), staged, content, &self.buffers)?;
        Ok(self.unsynced(area, &staged.key, place, written))
    }
}

/// Keeps the first `staged.size_bytes` bytes of the file, and adds the content, of which so much is expected. A file with
/// a second name is left alone: it may be visible under that.
fn append(
    tree: &Tree,
    (from, to): (&Key, &Key),
    staged: &Upload,
    (content, expected_bytes): (&mut dyn Read, u64),
    buffers: &Buffers,
) -> Result<Written> {
    let missing = || Error::not_found(format!("{from} is not there"));
    let place = tree.find_place(from)?.ok_or_else(missing)?;
    let (mut file, stat) = place.open_and_look(OFlags::RDWR)?.ok_or_else(missing)?;
    let (kept, size_bytes) = (staged.size_bytes, tree::size_bytes(&stat));
    if stat.st_nlink != 1 {
        return Err(Error::refused(format!("{from} has a second name")));
    }
    if size_bytes < kept {
        let reason = format!("{size_bytes} bytes, not the {kept} that were written down");
        return Err(Error::corrupt(from.as_str(), reason));
    }
    if from != to {
        replace_file(tree, from, to, size_bytes)?;
    }
    let path = tree.path(Some(to));
    file.set_len(kept).context("shortening", &path)?;
    file.seek(SeekFrom::Start(kept)).context("going on in", &path)?;
    let write_back = WriteBack::of(&place.directory, kept);
    match copy(content, &file, write_back, &mut buffers.take()) {
        Ok(size_bytes) => Ok(Written {
            file,
            size_bytes,
            device: stat.st_dev,
        }),
        Err(failed) => {
            let written = length(&file);
            if let Err(error) = file.set_len(kept) {
                tracing::warn!(%error, path = %path.display(), "what could not be added stays in the area");
            }
            Err(match failed {
                Failed::Reading(error) => Error::of_content(&staged.key, error),
                Failed::Writing(error) => {
                    let place = tree.make_place(to)?;
                    write_error(&place, error, written, expected_bytes)
                }
            })
        }
    }
}

fn length(file: &File) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::PutMode;
    use crate::store::contract::Backend;

    /// A store in which five bytes are staged.
    fn staged() -> (tempfile::TempDir, LocalStore, Upload) {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::new(directory.path());
        let key = Key::trusted("a");
        let staged = store.upload("1", &key, &mut &b"12345"[..], 5, PutMode::IfAbsent);
        (directory, store, staged.unwrap())
    }

    #[test]
    fn files_with_a_second_name_are_not_extended() {
        let (directory, store, staged) = staged();
        let at = |area: &str| directory.path().join(format!("stonekeep/tmp/{area}/a"));
        std::fs::hard_link(at("1"), directory.path().join("visible")).unwrap();
        let kept = Upload {
            size_bytes: 2,
            ..staged
        };
        let error = store.resume(&kept, "2", &mut &b"x"[..], 1).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Refused);
        assert_eq!(std::fs::read(at("1")).unwrap(), b"12345");
        std::fs::remove_file(directory.path().join("visible")).unwrap();
        let extended = store.resume(&kept, "2", &mut &b"x"[..], 1).unwrap();
        assert_eq!((extended.run.as_str(), extended.size_bytes), ("2", 3));
        assert_eq!(std::fs::read(at("2")).unwrap(), b"12x");
        assert!(!at("1").exists());
    }

    /// Gives one byte, and then an error.
    struct Breaks(bool);

    impl Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(std::io::Error::other("the disk of the database is gone"));
            }
            buffer[0] = b'x';
            Ok(1)
        }
    }

    #[test]
    fn what_could_not_be_added_leaves_the_bytes_that_were_there() {
        let (directory, store, staged) = staged();
        let longer = Upload {
            size_bytes: 6,
            ..staged.clone()
        };
        let error = store.resume(&longer, "2", &mut &b"x"[..], 1).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
        let reason = "5 bytes, not the 6 that were written down";
        assert!(error.to_string().contains(reason), "{error}");
        let error = store.resume(&staged, "2", &mut Breaks(false), 9).unwrap_err();
        assert!(
            error.one_line().contains("the disk of the database is gone"),
            "{error:?}"
        );
        let kept = Upload {
            run: "2".to_owned(),
            ..staged
        };
        let at = directory.path().join("stonekeep/tmp/2/a");
        assert_eq!(std::fs::read(&at).unwrap(), b"12345");
        store.resume(&kept, "2", &mut &b"67"[..], 2).unwrap();
        assert_eq!(std::fs::read(&at).unwrap(), b"1234567");
    }
}
