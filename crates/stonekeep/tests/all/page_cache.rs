//! What a backup leaves in the page cache of the database that it reads.

use std::fs::File;
use std::io::IoSliceMut;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::Advice;
use rustix::io::{Errno, ReadWriteFlags};
use stonekeep::engine::verify::VerifyLevel;
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{Quiet, engine::BackupEngine};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::skip;

use crate::scene::{self, Scene};

const TEST: &str = "a_backup_leaves_the_page_cache_as_it_was";
pub(crate) const TABLE_BYTES: usize = 8 << 20;
/// The part that the database reads again and again.
const HOT_BYTES: usize = 1 << 20;
const STEP_BYTES: usize = 256 << 10;
/// `RWF_DONTCACHE` in `include/uapi/linux/fs.h`.
const DONTCACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);

fn read_with(file: &File, offset: u64, flags: ReadWriteFlags) -> Result<usize, Errno> {
    rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut [0; 1])], offset, flags)
}

/// Writes the file out and takes it out of the cache.
pub(crate) fn forget(path: &Path) {
    let file = File::open(path).unwrap();
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).unwrap();
}

/// Which of the places in the file are cached. From the end, so that reading ahead changes nothing that is still to be
/// looked at.
pub(crate) fn cached(path: &Path) -> Vec<bool> {
    let file = File::open(path).unwrap();
    rustix::fs::fadvise(&file, 0, None, Advice::Random).unwrap();
    let places = (0..TABLE_BYTES).step_by(STEP_BYTES).rev();
    let mut cached: Vec<bool> = places
        .map(|at| read_with(&file, at as u64, ReadWriteFlags::NOWAIT) == Ok(1))
        .collect();
    cached.reverse();
    cached
}

#[test]
fn a_backup_leaves_the_page_cache_as_it_was() {
    let mut scene = Scene::empty(DatabaseBuilder::new());
    let number = scene.database.add_tables(1, TABLE_BYTES)[0];
    let table = scene.database.table_path(number, 0);
    let file = File::open(&table).unwrap();
    for flags in [ReadWriteFlags::NOWAIT, DONTCACHE] {
        if let Err(Errno::OPNOTSUPP | Errno::INVAL) = read_with(&file, 0, flags) {
            let reason =
                "the file system of the temporary directory, or the kernel, does not know RWF_DONTCACHE";
            skip::because(TEST, reason).unwrap();
            return;
        }
    }
    forget(&table);
    rustix::fs::fadvise(&file, 0, None, Advice::Random).unwrap();
    file.read_exact_at(&mut vec![0; HOT_BYTES], 0).unwrap();
    let before = cached(&table);
    let hot = HOT_BYTES / STEP_BYTES;
    assert!(before[..hot].iter().all(|cached| *cached));
    assert!(before[hot..].iter().all(|cached| !cached));

    forget(&table);
    file.read_exact_at(&mut vec![0; HOT_BYTES], 0).unwrap();
    let store: Arc<dyn Store> = Arc::new(LocalStore::new(scene.path("repository")));
    scene.create(&store).unwrap();
    assert_eq!(cached(&table), before);

    // Verifying reads what is stored, not what is cached of it, and leaves nothing there.
    let stored = std::fs::read_dir(scene.path("repository/shared_checksum")).unwrap();
    let stored = stored.map(|entry| entry.unwrap().path()).next().unwrap();
    forget(&stored);
    let engine = BackupEngine::open(scene::options(), store).unwrap();
    let report = engine.verify_backups(&[], VerifyLevel::Checksum, &Quiet);
    assert!(report.unwrap().is_clean());
    assert!(cached(&stored).iter().all(|cached| !cached));
}
