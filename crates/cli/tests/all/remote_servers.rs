//! Repositories in each kind of server that this machine can start: see `remote.rs` for the tests themselves.

use stonekeep_testkit::server::Server;

/// Backup, incremental backup, verify, restore, delete, purge, gc, copy in both directions and check-store, and what each leaves.
const TESTS: [&str; 4] = [
    "remote::a_repository_on_s3_is_listed_verified_and_restored",
    "remote::a_repository_is_copied_to_s3_and_back",
    "remote::what_a_store_promises_is_tried",
    "remote_writing::backups_on_s3_are_made_incrementally_verified_restored_and_collected",
];

/// What is wrong with a bucket or with credentials, in the words of S3.
const ERRORS_OF_S3: &str = "remote::what_is_wrong_with_a_store_is_named_with_what_to_check";

/// Every verb is killed.
const KILLS: [&str; 4] = [
    "remote_kills::a_killed_purge_or_collection_loses_no_backup",
    "remote_kills::a_killed_backup_sends_nothing_twice",
    "remote_kills::a_killed_restore_is_resumed",
    "remote_kills::a_killed_copy_is_resumed",
];

fn holds_repositories(test: &str, kind: &str) {
    let Some(server) = Server::start(test, kind).unwrap() else {
        return;
    };
    server.runs(&TESTS);
    if server.bucket().is_some_and(|bucket| bucket.starts_with("s3:")) {
        server.runs(&[ERRORS_OF_S3]);
    }
}

#[test]
fn minio_holds_repositories() {
    holds_repositories("minio_holds_repositories", "minio");
}

#[test]
fn minio_loses_nothing_when_commands_are_killed() {
    let test = "minio_loses_nothing_when_commands_are_killed";
    if let Some(server) = Server::start(test, "minio").unwrap() {
        server.runs_with(&[("STONEKEEP_KILLS", "1")], &KILLS);
    }
}

#[test]
fn versitygw_holds_repositories() {
    holds_repositories("versitygw_holds_repositories", "versitygw");
}

#[test]
fn seaweedfs_holds_repositories() {
    holds_repositories("seaweedfs_holds_repositories", "seaweedfs");
}

#[test]
fn azurite_holds_repositories() {
    holds_repositories("azurite_holds_repositories", "azurite");
}
