//! File systems that keep a removed file under another name for as long as somebody has it open, as NFS and FUSE do.

use std::fs;
use std::io::Read;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use stonekeep::engine::RestoreOptions;
use stonekeep::engine::restore::{
    FreeSpace, SystemDisk, TargetDisk, TargetPath, abort_restore, abort_restore_on,
};
use stonekeep::store::Durability;
use stonekeep::{Clock, ErrorKind, Result, Warning, WarningName};

use crate::restore::dying_disk::DyingDisk;
use crate::restore::scene::{over, restore_on};

const STAGING: &str = ".stonekeep-restore";

fn system_disk() -> SystemDisk {
    SystemDisk::new(NonZeroUsize::new(1 << 16).unwrap())
}

/// Gives a file that this process has open another name when it is removed; that name goes when the file is closed.
#[derive(Debug)]
struct KeepingDisk(SystemDisk);

fn is_open(path: &Path) -> bool {
    let Ok(wanted) = fs::symlink_metadata(path) else {
        return false;
    };
    let descriptors = fs::read_dir("/proc/self/fd").unwrap();
    let mut open = descriptors.filter_map(|entry| fs::metadata(entry.ok()?.path()).ok());
    open.any(|open| (open.dev(), open.ino()) == (wanted.dev(), wanted.ino()))
}

impl TargetDisk for KeepingDisk {
    fn make_directory(&self, at: &TargetPath) -> Result<()> {
        self.0.make_directory(at)
    }
    fn write(
        &self,
        at: &TargetPath,
        content: &mut dyn Read,
        expected: u64,
        durability: Durability,
    ) -> Result<u64> {
        self.0.write(at, content, expected, durability)
    }
    fn duplicate(&self, from: &TargetPath, to: &TargetPath, durability: Durability) -> Result<()> {
        self.0.duplicate(from, to, durability)
    }
    fn rename(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
        self.0.rename(from, to)
    }
    fn replace(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
        self.0.replace(from, to)
    }
    fn remove(&self, at: &TargetPath) -> Result<()> {
        let path = at.path();
        if is_open(&path) {
            let hidden = format!(".fuse_hidden{:016x}", fs::metadata(&path).unwrap().ino());
            fs::rename(&path, path.with_file_name(hidden)).unwrap();
        }
        self.0.remove(at)
    }
    fn remove_directory(&self, at: &TargetPath) -> Result<()> {
        for entry in fs::read_dir(at.path()).into_iter().flatten() {
            let path = entry.unwrap().path();
            let is_hidden = path
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(".fuse_hidden");
            if is_hidden && !is_open(&path) {
                fs::remove_file(path).unwrap();
            }
        }
        self.0.remove_directory(at)
    }
    fn sync_files(&self, files: &[TargetPath]) -> Result<bool> {
        self.0.sync_files(files)
    }
    fn free_space(&self, directory: &Path) -> Result<FreeSpace> {
        self.0.free_space(directory)
    }
    fn sync_directory(&self, at: &TargetPath) -> Result<()> {
        self.0.sync_directory(at)
    }
}

#[test]
fn nothing_of_a_restore_stays_where_open_files_are_kept() {
    let two = over();
    let options = RestoreOptions::default().with_wal_dir(Some(two.scene.path("wals")));
    let places = [two.target(), two.scene.path("wals")];
    let assert_nothing_stays = || {
        for place in &places {
            assert!(!place.join(STAGING).exists(), "{}", place.display());
        }
    };
    for options in [&RestoreOptions::default(), &options] {
        let report = restore_on(&two, &KeepingDisk(system_disk()), options).unwrap();
        let is_left = |warning: &Warning| warning.name == WarningName::NotCleanedUp;
        assert!(!report.warnings.iter().any(is_left), "{:?}", report.warnings);
        assert_nothing_stays();
        let error = abort_restore(&two.target(), options.wal_dir.as_deref()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    restore_on(&two, &DyingDisk::before("replace CURRENT"), &options).unwrap_err();
    let wals = options.wal_dir.as_deref();
    abort_restore_on(
        &KeepingDisk(system_disk()),
        &two.target(),
        wals,
        Durability::Buffered,
    )
    .unwrap();
    assert_nothing_stays();
}

/// A program behind a file system lets the file go while somebody waits.
#[derive(Debug)]
struct LettingGo(PathBuf);

impl Clock for LettingGo {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
    fn instant(&self) -> Instant {
        Instant::now()
    }
    fn sleep(&self, _: Duration) {
        fs::remove_file(&self.0).unwrap();
    }
}

#[test]
fn a_file_that_is_let_go_somewhat_later_is_waited_for() {
    for (name, is_waited_for) in [
        (".nfs00000000012a4f5e00000001", true),
        (".fuse_hidden0000000800000002", true),
        ("somebody's", false),
    ] {
        let root = tempfile::tempdir().unwrap();
        let at = TargetPath::root(root.path()).with_key(crate::support::scene::key("directory"));
        fs::create_dir(at.path()).unwrap();
        let kept = at.path().join(name);
        fs::write(&kept, "").unwrap();
        let disk = system_disk().with_clock(Arc::new(LettingGo(kept.clone())));
        assert_eq!(disk.remove_directory(&at).is_ok(), is_waited_for, "{name}");
        assert_eq!(kept.exists(), !is_waited_for, "{name}");
    }
}

#[test]
fn what_is_kept_of_a_complete_restore_is_none_to_take_back() {
    let two = over();
    restore_on(&two, &system_disk(), &RestoreOptions::default()).unwrap();
    let staging = two.target().join(STAGING);
    fs::create_dir(&staging).unwrap();
    fs::write(staging.join(".nfs00000000012a4f5e00000001"), "").unwrap();
    let error = abort_restore(&two.target(), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(staging.join(".nfs00000000012a4f5e00000001").exists());
}
