//! A server that is killed in the middle of a backup, a restore, a purge and a copy, and does not come back until they have ended. It
//! runs only where `STONEKEEP_KILLS` is set, since requests are repeated for minutes.

use std::time::{Duration, Instant};

use stonekeep_testkit::server::Server;

use crate::remote_server_kills::{Killed, PERIOD, WAITS};
use crate::running::Running;
use crate::world::tables;

/// So few requests a second that a command has much left to do.
const SLOWLY: &str = "requests_per_second=3";
/// Requests are repeated for three minutes, some of them one after another.
const LONGEST: Duration = Duration::from_secs(900);

/// Starts all four, each of which has begun and has much left to do.
fn four_commands(killed: &Killed) -> [(&'static str, Running); 4] {
    let of = |repo: &str| killed.bucket.url(repo);
    let slowly = |words: &[&str], option: &str, begun: &str| {
        let mut command = killed.command(words, None);
        command.args([option, PERIOD, option, SLOWLY]);
        let mut running = Running::start(command);
        running.wait_until(|| !killed.bucket.keys(begun).is_empty());
        running
    };
    let backup = ["backup", killed.world.db(), "--repo", &of("backups")];
    let restore = [
        "restore",
        "latest",
        "--repo",
        &of("source"),
        "--to",
        &killed.world.word("to"),
    ];
    let purge = ["purge", "--keep=1", "--repo", &of("purged")];
    let copy = ["copy", "--from", &of("source"), "--to", &of("copied")];
    let option = "--store-option";
    [
        ("backup", slowly(&backup, option, "backups/stonekeep/leases")),
        ("restore", slowly(&restore, option, "source/stonekeep/pins")),
        ("purge", slowly(&purge, option, "purged/stonekeep/leases")),
        (
            "copy",
            slowly(&copy, "--to-store-option", "copied/stonekeep/leases"),
        ),
    ]
}

/// All four end with an error when the server does not come back; when it has, everything goes on.
#[test]
fn commands_end_with_an_error_when_their_server_stays_dead() {
    let test = "commands_end_with_an_error_when_their_server_stays_dead";
    if std::env::var_os("STONEKEEP_KILLS").is_none() {
        eprintln!("skipped: {test}: takes minutes, and runs where STONEKEEP_KILLS is set");
        return;
    }
    let Some(server) = Server::start(test, "minio").unwrap() else {
        return;
    };
    let mut killed = Killed::with(server);
    let before = tables(killed.world.database.path());
    killed.world.database.add_tables(1, 1_000);
    killed.world.database.add_tables(60, 100_000);
    for repo in ["source", "purged"] {
        killed.back_up(repo);
    }
    let commands = four_commands(&killed);
    killed.server.kill().unwrap();
    let begun = Instant::now();
    for (name, mut running) in commands {
        let ended = running.end();
        println!(
            "{name}: {:?} after {:?}: {}",
            ended.code,
            begun.elapsed(),
            ended.stderr
        );
        assert!(matches!(ended.code, Some(1 | 5)), "{name}: {ended:?}");
        for secret in ["X-Amz-", "stonekeepsecret", "panicked"] {
            assert!(!ended.stderr.contains(secret), "{ended:?}");
        }
        let is_clear = ended.stderr.contains("Connection refused") || ended.stderr.contains("the lease of");
        assert!(is_clear && ended.stderr.contains("hint: "), "{name}: {ended:?}");
        assert!(begun.elapsed() < LONGEST, "{name}: {:?}", begun.elapsed());
    }
    killed.server.start_again().unwrap();
    killed.past("backups", &["verify", "--level=checksum"]).ok();
    killed
        .past("backups", &["restore", "1", "--to", &killed.world.word("old")])
        .ok();
    assert!(tables(&killed.world.path("old")) == before);
    killed.back_up("backups");
    killed.past("purged", &["purge", "--keep=1", WAITS]).ok();
    killed.copy(&killed.bucket.url("source"), &killed.bucket.url("copied"));
    killed.assert_whole("backups", 2);
    killed.assert_whole("source", 2);
    killed.assert_whole("purged", 1);
    killed.assert_whole("copied", 2);
    killed.assert_restores("source", "latest", "to");
    killed.assert_restores("backups", "latest", "newest");
}
