//! Repositories of which parts are mounts of their own.

use std::process::Command;

use stonekeep_testkit::skip;

use crate::command::Ended;
use crate::filtered::{Denied, can_filter, run};
use crate::world::World;

/// A shell script that may mount, in which `stonekeep` is the binary; `None` where nobody may mount.
pub(crate) fn script(world: &World, test: &str, text: &str) -> Option<Command> {
    let namespaces: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    let may_mount = |options: &&&[&str]| {
        let tried = Command::new("unshare")
            .args(**options)
            .args(["mount", "-t", "tmpfs", "none", "/mnt"])
            .output();
        tried.is_ok_and(|output| output.status.success())
    };
    let namespace = namespaces.iter().find(may_mount);
    let options = skip::unless(namespace, test, "nothing can be mounted here").unwrap()?;
    let binary = env!("CARGO_BIN_EXE_stonekeep");
    let text = format!("set -e; stonekeep() {{ '{binary}' \"$@\"; }}\n{text}");
    let mut command = Command::new("unshare");
    command.args(*options).args(["sh", "-c", &text]);
    command.current_dir(world.path(""));
    command.env("STONEKEEP_REPO", world.repo());
    Some(command)
}

/// Every verb, with these directories of the repository mounted, and with these system calls denied.
fn every_verb_works(test: &str, mounts: &str, denied: &[Denied<'_>]) {
    let world = World::new();
    let text = format!(
        "mkdir repo; {mounts}
         stonekeep backup db
         stonekeep backup db --share-files-with-checksum-naming=legacy-crc32c-and-file-size
         stonekeep list; stonekeep verify --level=checksum
         stonekeep restore 1 --to restored; cmp db/000004.sst restored/000004.sst
         stonekeep open 2 --at opened; stonekeep close opened
         stonekeep delete 1; stonekeep purge --keep 1; stonekeep gc --min-age 0
         stonekeep backup db --destroy-old-data --yes; stonekeep verify
         ! find repo -name 'stonekeep-staging' | grep .
         echo everything was done"
    );
    let Some(mut command) = script(&world, test, &text) else {
        return;
    };
    let ended = match denied {
        [] => Ended::from(command.output().unwrap()),
        denied => run(denied, &command),
    };
    ended.ok().says("\neverything was done");
}

#[test]
fn a_directory_of_the_repository_may_be_a_disk_of_its_own() {
    let test = "a_directory_of_the_repository_may_be_a_disk_of_its_own";
    for directories in [
        "shared_checksum",
        "meta",
        "private stonekeep",
        "meta private shared_checksum",
    ] {
        let mounts = format!(
            "for name in {directories}; do mkdir repo/$name; mount -t tmpfs none repo/$name; done; mkdir -p repo/meta"
        );
        every_verb_works(test, &mounts, &[]);
    }
}

/// Two mounts of one device look alike to `stat`, and nothing can be renamed between them either.
#[test]
fn a_directory_of_the_repository_may_be_a_bind_mount() {
    let mounts = "mkdir -p repo/meta repo/shared_checksum tables; mount --bind tables repo/shared_checksum";
    every_verb_works("a_directory_of_the_repository_may_be_a_bind_mount", mounts, &[]);
}

#[test]
fn the_repository_may_be_a_mount_point() {
    let mounts = "mount -t tmpfs none repo; mkdir repo/lost+found";
    every_verb_works("the_repository_may_be_a_mount_point", mounts, &[]);
}

/// Without `statx` nobody tells the two mounts apart before a rename fails.
#[test]
fn a_bind_mount_that_is_not_seen_beforehand_is_copied_to() {
    let test = "a_bind_mount_that_is_not_seen_beforehand_is_copied_to";
    if !can_filter() {
        return skip::because(test, "there are no filters of system calls for this processor").unwrap();
    }
    let mounts = "mkdir -p repo/meta repo/shared_checksum tables; mount --bind tables repo/shared_checksum";
    every_verb_works(test, mounts, &[Denied(libc::EPERM, &[libc::SYS_statx])]);
}
