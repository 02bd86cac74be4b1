//! A server that is killed in the middle of a backup, a restore, a purge and a copy, and started again.
//!
//! `STONEKEEP_KILLS` says how often. Nothing depends on time: a proxy holds one request of each command up until the server is dead.

use std::process::Command;
use std::thread;
use std::time::Duration;

use stonekeep_testkit::faulty_proxy::RequestKind::{Complete, DeleteMany, Get, List, Part, Put};
use stonekeep_testkit::faulty_proxy::Side::{After, Before};
use stonekeep_testkit::faulty_proxy::{FaultyProxy, Hold, RequestKind, Side};
use stonekeep_testkit::server::Server;

use crate::command::{Ended, stonekeep};
use crate::remote::Bucket;
use crate::running::Running;
use crate::world::{World, tables};

/// How often a server is killed where nobody says otherwise: most of the time is waiting.
const KILLS: usize = 2;

/// Short leases: what was about to be deleted is waited for.
pub(crate) const PERIOD: &str = "lease_period=30s";
pub(crate) const WAITS: &str = "--lock-wait=forever";
/// How many collections may find pins of readers that are gone.
const PATIENCE: u32 = 60;
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// A request: its kind, what is in its target, which one of those, and on which side of the server it is held up.
type At = (RequestKind, &'static str, usize, Side);

/// In each round the requests at which a backup, a restore, a purge and a copy are when the server is killed.
const ROUNDS: [[At; 4]; 6] = [
    [
        (Put, "/shared_checksum/", 2, Before),
        (Get, ".sst", 1, Before),
        (Put, "/deleted/", 1, After),
        (Part, "", 1, After),
    ],
    [
        (Part, "", 2, After),
        (Get, ".sst", 3, After),
        (DeleteMany, "", 1, Before),
        (Complete, "", 1, After),
    ],
    [
        (Complete, "", 1, Before),
        (Put, "/pins/", 1, After),
        (DeleteMany, "", 1, After),
        (Put, "/ids/", 1, After),
    ],
    [
        (Complete, "", 1, After),
        (Get, "/meta/", 1, Before),
        (DeleteMany, "", 2, Before),
        (Put, "/meta/", 1, After),
    ],
    [
        (Put, "/meta/", 1, Before),
        (List, "", 2, After),
        (DeleteMany, "", 2, After),
        (Put, "/meta/", 1, Before),
    ],
    [
        (Put, "/meta/", 1, After),
        (Get, "/private/", 1, After),
        (Put, "/leases/", 1, After),
        (Put, "/leases/", 1, Before),
    ],
];

/// The repositories of one server, each for one verb, and a database.
pub(crate) struct Killed {
    pub(crate) server: Server,
    pub(crate) bucket: Bucket,
    pub(crate) world: World,
}

/// A command, and the proxy that holds one of its requests up.
struct Held {
    running: Running,
    proxy: FaultyProxy,
}

impl Killed {
    pub(crate) fn with(server: Server) -> Self {
        let mut world = World::new();
        world.database.add_tables(4, 40_000);
        world.database.add_tables(1, 20 << 20);
        let killed = Killed {
            bucket: Bucket::of_server(&server),
            server,
            world,
        };
        for repo in ["backups", "source", "purged"] {
            killed.back_up(repo);
        }
        killed
    }

    pub(crate) fn back_up(&self, repo: &str) {
        self.past(repo, &["backup", self.world.db(), WAITS]).ok();
    }

    /// The command, which finds the server at this address.
    pub(crate) fn command(&self, words: &[&str], address: Option<String>) -> Command {
        let mut command = stonekeep();
        let variables = self.server.variables().iter();
        command
            .envs(variables.map(|(name, value)| (name, value)))
            .args(words);
        if let Some(address) = address {
            for name in ["AWS_ENDPOINT", "AWS_ENDPOINT_URL"] {
                command.env(name, &address);
            }
        }
        command
    }

    /// Runs a command past any proxy.
    pub(crate) fn past(&self, repo: &str, words: &[&str]) -> Ended {
        let mut command = self.command(words, None);
        let url = self.bucket.url(repo);
        command.args(["--repo", &url, "--store-option", PERIOD]);
        command.output().unwrap().into()
    }

    /// Starts a command one of whose requests is held up.
    fn start(&self, words: &[&str], (kind, about, number, side): At) -> Held {
        let server = self.server.variables().iter();
        let mut server = server.filter(|(name, _)| name == "AWS_ENDPOINT").map(|it| &it.1);
        let hold = Hold {
            kind,
            about,
            number,
            side,
        };
        let proxy = FaultyProxy::holding(server.next_back().unwrap(), hold).unwrap();
        let command = self.command(words, Some(proxy.url()));
        Held {
            running: Running::start(command),
            proxy,
        }
    }

    /// The four commands of a round, by the directories that they restore and copy to.
    fn commands(&self, round: usize, [backup, restore, purge, copy]: [At; 4]) -> [Held; 4] {
        let (of, option) = (|repo: &str| self.bucket.url(repo), "--store-option");
        let (from, onto) = ("--from-store-option", "--to-store-option");
        let (backups, source, purged) = (of("backups"), of("source"), of("purged"));
        let (to, copied) = (
            self.world.word(&format!("to-{round}")),
            of(&format!("copy-{round}")),
        );
        [
            self.start(
                &["backup", self.world.db(), "--repo", &backups, option, PERIOD],
                backup,
            ),
            self.start(
                &["restore", "1", "--repo", &source, option, PERIOD, "--to", &to],
                restore,
            ),
            self.start(&["purge", "--keep=1", "--repo", &purged, option, PERIOD], purge),
            self.start(
                &[
                    "copy", "--all", "--from", &source, "--to", &copied, from, PERIOD, onto, PERIOD,
                ],
                copy,
            ),
        ]
    }

    pub(crate) fn copy(&self, from: &str, to: &str) {
        let words = ["copy", "--all", "--from", from, "--to", to, WAITS];
        let mut command = self.command(&words, None);
        command.args(["--to-store-option", PERIOD]);
        Ended::from(command.output().unwrap()).ok();
    }

    /// Everything restores, and nothing of a run is left.
    pub(crate) fn assert_whole(&self, repo: &str, backups: usize) {
        let below = |directory: &str| self.bucket.keys(&format!("{repo}/stonekeep/{directory}"));
        let collect = || drop(self.past(repo, &["gc", "--min-age=0s", WAITS]).ok());
        collect();
        // A pin whose removal had no answer stays until it is old.
        for _ in 0..PATIENCE {
            if below("pins").is_empty() {
                break;
            }
            thread::sleep(Duration::from_secs(1));
            collect();
        }
        self.past(repo, &["verify", "--level=checksum"]).ok();
        let listed = self.past(repo, &["list", "--json"]).ok().json();
        assert_eq!(listed["backups"].as_array().unwrap().len(), backups, "{listed}");
        for left in ["leases", "pins", "deleted"] {
            assert_eq!(below(left), [""; 0], "{left}");
        }
        // The mark of a completion that had no answer stays for 15 minutes.
        let records = below("runs");
        assert!(records.iter().all(|key| key.contains("/marks/")), "{records:?}");
    }

    pub(crate) fn assert_restores(&self, repo: &str, id: &str, to: &str) {
        self.past(repo, &["restore", id, "--to", &self.world.word(to)])
            .ok();
        assert!(tables(&self.world.path(to)) == tables(self.world.database.path()));
    }
}

/// Whether it ended well; where the machine was so slow that it lost its lease meanwhile, it says so.
fn ended_well(held: &mut Held) -> bool {
    let ended = held.running.end();
    if ended.code == Some(5) {
        ended.warns("the lease of");
        return false;
    }
    ended.ok();
    true
}

/// Kills the server in the middle of all four, starts it again, and looks at what became of them.
fn go_on_after_a_restart(test: &str, kind: &str, first: usize) {
    let Some(server) = Server::start(test, kind).unwrap() else {
        return;
    };
    let mut killed = Killed::with(server);
    let mut backups = 1;
    let kills = std::env::var("STONEKEEP_KILLS").ok();
    let kills = kills.and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    for (round, at) in ROUNDS.iter().cycle().skip(first).take(kills).enumerate() {
        killed.world.database.add_tables(3, 40_000);
        killed.world.database.add_tables(1, 20 << 20);
        killed.back_up("purged");
        if round == 0 {
            killed.back_up("source");
        }
        let mut commands = killed.commands(round, *at);
        for Held { running, proxy } in &mut commands {
            running.wait_until(|| proxy.holds());
        }
        killed.server.kill().unwrap();
        for Held { proxy, .. } in &commands {
            proxy.let_go();
        }
        // Each has noticed.
        for Held { running, proxy } in &mut commands {
            while proxy.refused() == 0 && !running.has_ended() {
                thread::sleep(BETWEEN_LOOKS);
            }
        }
        killed.server.start_again().unwrap();
        let [backup, restore, purge, copy] = &mut commands;
        if !ended_well(backup) {
            killed.back_up("backups");
        }
        assert!(ended_well(restore), "a restore holds no lease");
        if !ended_well(purge) {
            killed.past("purged", &["purge", "--keep=1", WAITS]).ok();
        }
        let copied = format!("copy-{round}");
        if !ended_well(copy) {
            let (from, to) = (killed.bucket.url("source"), killed.bucket.url(&copied));
            killed.copy(&from, &to);
        }
        backups += 1;
        killed.assert_whole("backups", backups);
        killed.assert_whole("source", 2);
        killed.assert_whole("purged", 1);
        killed.assert_whole(&copied, 2);
        killed.assert_restores("backups", "latest", &format!("backup-{round}"));
        killed.assert_restores("purged", "latest", &format!("purged-{round}"));
        let first = killed.world.path("first");
        if round == 0 {
            killed
                .past("source", &["restore", "1", "--to", first.to_str().unwrap()])
                .ok();
        }
        assert!(tables(&killed.world.path(&format!("to-{round}"))) == tables(&first));
    }
}

#[test]
fn commands_go_on_when_minio_was_killed_and_started_again() {
    let test = "commands_go_on_when_minio_was_killed_and_started_again";
    go_on_after_a_restart(test, "minio", 0);
}

#[test]
fn commands_go_on_when_versitygw_was_killed_and_started_again() {
    let test = "commands_go_on_when_versitygw_was_killed_and_started_again";
    go_on_after_a_restart(test, "versitygw", 2);
}

#[test]
fn commands_go_on_when_garage_was_killed_and_started_again() {
    let test = "commands_go_on_when_garage_was_killed_and_started_again";
    go_on_after_a_restart(test, "garage", 4);
}
