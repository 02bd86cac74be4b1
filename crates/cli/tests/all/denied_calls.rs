//! Every verb does its work where system calls are denied that an old kernel or the filter of a container does not know.

use std::process::Command;

use stonekeep_testkit::skip;

use crate::filtered::{Denied, can_filter, run, run_each};
use crate::world::{World, tables};

/// Calls that are younger than Linux 3.2, or that file systems and filters often lack.
const NEWER_CALLS: [i64; 8] = [
    libc::SYS_openat2,
    libc::SYS_preadv2,
    libc::SYS_renameat2,
    libc::SYS_syncfs,
    libc::SYS_statx,
    libc::SYS_copy_file_range,
    libc::SYS_clone3,
    libc::SYS_getrandom,
];

fn skipped(test: &str) -> bool {
    let can = can_filter();
    if !can {
        skip::because(test, "there are no filters of system calls for this processor").unwrap();
    }
    !can
}

/// Runs every verb that reads or changes a repository, and looks at what they left.
#[track_caller]
fn every_verb_works(denied: &[Denied<'_>]) {
    let mut world = World::new();
    let expected = tables(world.database.path());
    run_each(&world, denied, &["backup db --use-direct-reads"]);
    world.database.add_tables(1, 5_000);
    let verbs = [
        "backup db --sync-method=syncfs",
        "list",
        "show 1",
        "verify --level=checksum",
        "restore 1 --to restored --sync-method=syncfs",
    ];
    run_each(&world, denied, &verbs);
    assert_eq!(tables(&world.path("restored")), expected);
    let verbs = [
        "restore 2 --to restored --mode=keep-latest-db-session-id-files",
        "open 1 --at open",
        "close open",
        "delete 1",
        "purge --keep=1",
        "gc --min-age=0",
    ];
    run_each(&world, denied, &verbs);
    // Nothing that was done can be told from what is done where every call is let through.
    world.run(["verify"]).ok();
    assert_eq!(world.stored("private").len(), 1);
}

#[test]
fn every_verb_works_without_any_newer_call() {
    if skipped("every_verb_works_without_any_newer_call") {
        return;
    }
    for errno in [libc::EPERM, libc::ENOSYS] {
        every_verb_works(&[Denied(errno, &NEWER_CALLS)]);
    }
    // The standard library takes no other answer of getrandom, and no filter gives one.
    let (_getrandom, calls) = NEWER_CALLS.split_last().unwrap();
    for errno in [libc::EINVAL, libc::EOPNOTSUPP] {
        every_verb_works(&[Denied(errno, calls)]);
    }
}

/// As on exFAT and on some FUSE file systems: `renameat2` knows no flags, and there are no hard links.
#[test]
fn every_verb_works_without_hard_links_and_flags_of_renames() {
    if skipped("every_verb_works_without_hard_links_and_flags_of_renames") {
        return;
    }
    for errno in [libc::EPERM, libc::EOPNOTSUPP] {
        every_verb_works(&[
            Denied(libc::EINVAL, &[libc::SYS_renameat2]),
            Denied(errno, &[libc::SYS_linkat]),
        ]);
    }
}

/// A filter may deny what nothing stands in for: then the call and the file are named.
#[test]
fn a_denied_call_without_a_fallback_is_an_error() {
    if skipped("a_denied_call_without_a_fallback_is_an_error") {
        return;
    }
    let world = World::new();
    let mut command: Command = world.command();
    command.args(["backup", world.db()]);
    let calls = [libc::SYS_renameat2, libc::SYS_renameat, libc::SYS_linkat];
    let ended = run(&[Denied(libc::EPERM, &calls)], &command).code(1);
    ended.warns("renaming ").warns("Operation not permitted");
}
