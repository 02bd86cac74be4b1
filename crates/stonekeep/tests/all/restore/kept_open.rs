//! File systems that keep a removed file under another name for as long as somebody has it open, as NFS and FUSE do.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use stonekeep::engine::RestoreOptions;
use stonekeep::engine::restore::{
    TargetDisk, TargetHook, TargetOperation, TargetPath, abort_restore, abort_restore_on,
};
use stonekeep::{ErrorKind, Result, Warning, WarningName};

use crate::restore::dying_disk::DyingDisk;
use crate::restore::scene::{over, restore_on};

const STAGING: &str = ".stonekeep-restore";

/// Gives a file that this process has open another name when it is removed; that name goes when the file is closed.
#[derive(Debug)]
struct KeepOpenFiles;

fn keeping_disk() -> TargetDisk {
    TargetDisk::default().with_hook(Arc::new(KeepOpenFiles))
}

fn is_open(path: &Path) -> bool {
    let Ok(wanted) = fs::symlink_metadata(path) else {
        return false;
    };
    let descriptors = fs::read_dir("/proc/self/fd").unwrap();
    let mut open = descriptors.filter_map(|entry| fs::metadata(entry.ok()?.path()).ok());
    open.any(|open| (open.dev(), open.ino()) == (wanted.dev(), wanted.ino()))
}

impl TargetHook for KeepOpenFiles {
    fn run(&self, operation: TargetOperation<'_>, act: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        match operation {
            TargetOperation::Remove(at) if is_open(&at.path()) => {
                let path = at.path();
                let hidden = format!(".fuse_hidden{:016x}", fs::metadata(&path).unwrap().ino());
                fs::rename(&path, path.with_file_name(hidden)).unwrap();
            }
            TargetOperation::RemoveDirectory(at) => {
                for entry in fs::read_dir(at.path()).into_iter().flatten() {
                    let path = entry.unwrap().path();
                    let name = path.file_name().unwrap().to_str().unwrap();
                    if name.starts_with(".fuse_hidden") && !is_open(&path) {
                        fs::remove_file(path).unwrap();
                    }
                }
            }
            _ => {}
        }
        act()
    }

    fn sync_files(&self, _: &[TargetPath], act: &mut dyn FnMut() -> Result<bool>) -> Result<bool> {
        act()
    }

    fn free_bytes(&self, on_disk: u64) -> u64 {
        on_disk
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
        let report = restore_on(&two, &keeping_disk(), options).unwrap();
        let is_left = |warning: &Warning| warning.name == WarningName::NotCleanedUp;
        assert!(!report.warnings.iter().any(is_left), "{:?}", report.warnings);
        assert_nothing_stays();
        let error = abort_restore(&two.target(), options.wal_dir.as_deref()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    restore_on(&two, &DyingDisk::before("replace CURRENT"), &options).unwrap_err();
    let wals = options.wal_dir.as_deref();
    abort_restore_on(&keeping_disk(), &two.target(), wals).unwrap();
    assert_nothing_stays();
}

#[test]
fn what_is_kept_of_a_complete_restore_is_none_to_take_back() {
    let two = over();
    restore_on(&two, &TargetDisk::default(), &RestoreOptions::default()).unwrap();
    let staging = two.target().join(STAGING);
    fs::create_dir(&staging).unwrap();
    fs::write(staging.join(".nfs00000000012a4f5e00000001"), "").unwrap();
    let error = abort_restore(&two.target(), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(staging.join(".nfs00000000012a4f5e00000001").exists());
}
