//! A collector of a repository in an S3 server that is stopped, loses its lease, and goes on.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use stonekeep_testkit::faulty_proxy::{FaultyProxy, Hold, RequestKind, Side};

use crate::command::Ended;
use crate::remote::Bucket;
use crate::running::Running;
use crate::world::{World, tables};

const PERIOD: [&str; 2] = ["--store-option", "lease_period=20"];

fn command(world: &World, words: &[&str], url: &str) -> Command {
    let mut command = world.command();
    command.args(words).args(["--repo", url]).args(PERIOD);
    command
}

fn ended(world: &World, words: &[&str], url: &str) -> Ended {
    command(world, words, url).output().unwrap().into()
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// What the collector was about to remove is used again while it is stopped.
#[test]
fn a_stopped_collector_removes_nothing_when_it_goes_on() {
    let test = "a_stopped_collector_removes_nothing_when_it_goes_on";
    let Some(bucket) = Bucket::of_test(test) else {
        return;
    };
    // It holds the lease and reads which backups there are; it has recorded which backup it deletes.
    for (stopped_at, kind, about, side) in [
        ("reading", RequestKind::List, "meta%2F", Side::Before),
        ("recorded", RequestKind::Put, "/stonekeep/deleted/", Side::After),
    ] {
        let mut world = World::new();
        let prefix = format!("collector/{}/{stopped_at}", std::process::id());
        let url = bucket.url(&prefix);
        let old = world.path("old");
        copy_files(world.database.path(), &old);
        ended(&world, &["backup", world.db()], &url).ok();
        world.database.compact();
        ended(&world, &["backup", world.db()], &url).ok();

        let hold = Hold {
            kind,
            about,
            number: 1,
            side,
        };
        let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap();
        let proxy = FaultyProxy::holding(&endpoint, hold).unwrap();
        let mut collector = command(&world, &["purge", "--keep=1"], &url);
        for name in ["AWS_ENDPOINT", "AWS_ENDPOINT_URL"] {
            collector.env(name, proxy.url());
        }
        let mut collector = Running::start(collector);
        collector.wait_until(|| proxy.holds());
        collector.send(Signal::STOP);
        proxy.let_go();
        let again = ["backup", old.to_str().unwrap(), "--lock-wait=forever"];
        ended(&world, &again, &url).ok();
        ended(&world, &["purge", "--keep=9", "--lock-wait=forever"], &url).ok();
        collector.send(Signal::CONT);
        collector.end().code(5).warns("the lease of");

        ended(&world, &["verify", "--level=checksum"], &url).ok();
        let to = world.word("restored");
        ended(&world, &["restore", "latest", "--to", &to], &url).ok();
        assert!(tables(Path::new(&to)) == tables(&old), "{stopped_at}");
        ended(&world, &["gc", "--lock-wait=forever"], &url).ok();
        for left in ["leases", "pins", "deleted", "runs"] {
            let below = format!("{prefix}/stonekeep/{left}");
            assert_eq!(bucket.names(&below), [""; 0], "{left}");
        }
    }
}
