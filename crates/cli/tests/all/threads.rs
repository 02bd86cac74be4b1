//! Every verb does its work where no thread can be started.

use crate::filtered::{Denied, can_filter, run_each};
use crate::world::{World, tables};

/// As a limit on processes answers (`ulimit -u`, a pids cgroup), and as a limit on memory does.
#[test]
fn every_verb_works_on_its_first_thread_alone() {
    if !can_filter() {
        let reason = "there are no filters of system calls for this processor";
        return stonekeep_testkit::skip::because("every_verb_works_on_its_first_thread_alone", reason)
            .unwrap();
    }
    let calls = [libc::SYS_clone, libc::SYS_clone3];
    for errno in [libc::EAGAIN, libc::ENOMEM] {
        let mut world = World::new();
        let expected = tables(world.database.path());
        let denied = [Denied(errno, &calls)];
        let priority = "--decrease-background-thread-cpu-priority";
        let backup = format!("backup db --max-background-operations=8 {priority}");
        run_each(&world, &denied, &[&backup]);
        world.database.add_tables(12, 5_000);
        let verbs = [
            "backup db --sync-method=files",
            "list",
            "verify",
            "restore 1 --to restored",
        ];
        run_each(&world, &denied, &verbs);
        assert_eq!(tables(&world.path("restored")), expected);
        let verbs = [
            "restore 2 --to restored --mode=keep-latest-db-session-id-files",
            "open 2 --at open",
            "close open",
            "delete 1",
            "purge --keep=1",
            "gc",
        ];
        run_each(&world, &denied, &verbs);
    }
}
