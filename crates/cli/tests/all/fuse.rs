//! Repositories and targets on a FUSE file system, where `bindfs` can make one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use stonekeep_testkit::skip;

use crate::command::run;
use crate::world::World;

/// A directory seen through FUSE, unmounted when it is dropped.
struct Mount(PathBuf);

impl Mount {
    /// `None` where there is no FUSE, or no `bindfs`.
    fn new(source: &Path, at: PathBuf) -> Option<Self> {
        fs::create_dir_all(source).unwrap();
        fs::create_dir_all(&at).unwrap();
        let status = Command::new("bindfs").args([source, &at]).status().ok()?;
        status.success().then_some(Mount(at))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        for (command, args) in [("fusermount", &["-u"][..]), ("umount", &[])] {
            let ended = Command::new(command).args(args).arg(&self.0).output();
            if ended.is_ok_and(|ended| ended.status.success()) {
                return;
            }
        }
    }
}

#[test]
fn each_verb_that_writes_to_fuse_says_so_and_leaves_nothing() {
    let test = "each_verb_that_writes_to_fuse_says_so_and_leaves_nothing";
    let world = World::new();
    let Some(mount) = Mount::new(&world.path("below"), world.path("fuse")) else {
        return skip::because(test, "needs FUSE and bindfs").unwrap();
    };
    let word = |name: &str| mount.0.join(name).to_str().unwrap().to_owned();
    let (repo, to) = (word("repo"), word("new"));
    for verb in [
        &["backup", world.db()][..],
        &["backup", world.db()],
        &["delete", "1"],
        &["purge", "--keep=1"],
        &["gc"],
        &["backup", world.db()],
    ] {
        let args = verb.iter().copied().chain(["--repo", &repo]);
        run(args)
            .ok()
            .warns("is a FUSE file system")
            .warns("[file-system]");
    }
    for _ in 0..3 {
        let ended = run(["restore", "--repo", &repo, "--to", &to]).ok();
        let ended = ended.warns("is a FUSE file system");
        assert!(!ended.stderr.contains("could not be removed"), "{ended:?}");
        assert!(!mount.0.join("new/.stonekeep-restore").exists());
        run(["restore", "--abort", "--to", &to]).code(4);
    }
}
