//! A store that has answered, and falls silent: a signal ends a command within seconds, and the next ones go on from there.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use stonekeep_testkit::fake_s3::FakeS3;
use stonekeep_testkit::http_server::{HttpServer, Request};

use crate::command::Ended;
use crate::running::Running;
use crate::s3_server::Home;
use crate::world::World;

/// A request is repeated for minutes, and a command that is stopped waits for it some seconds. Between both, also on a machine that
/// is busy.
const SOON: Duration = Duration::from_secs(40);

const REPO: &str = "s3://bucket/app";

type Kind = Box<dyn Fn(&Request) -> bool + Send>;

/// A server that ignores one kind of request as long as it is told to.
struct Silent {
    bucket: FakeS3,
    server: HttpServer,
    home: Home,
    ignores: Arc<Mutex<Option<Kind>>>,
    ignored: Arc<AtomicUsize>,
}

impl Silent {
    fn new() -> Self {
        let bucket = FakeS3::default();
        let (ignores, ignored) = (
            Arc::<Mutex<Option<Kind>>>::default(),
            Arc::<AtomicUsize>::default(),
        );
        let (kind, count) = (Arc::clone(&ignores), Arc::clone(&ignored));
        let server = bucket.serve(move |request| {
            let kind = kind.lock().unwrap_or_else(PoisonError::into_inner);
            let is_it = kind.as_ref().is_some_and(|kind| kind(request));
            count.fetch_add(usize::from(is_it), Ordering::SeqCst);
            is_it
        });
        let server = server.unwrap();
        let home = Home::new().with_server(&server.url());
        Silent {
            bucket,
            server,
            home,
            ignores,
            ignored,
        }
    }

    fn ignore(&self, kind: Option<Kind>) {
        self.ignored.store(0, Ordering::SeqCst);
        *self.ignores.lock().unwrap_or_else(PoisonError::into_inner) = kind;
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.home.command();
        // Shorter than by default, so that the requests of a run that was stopped run out soon.
        let settings = ["--repo", REPO, "--store-option", "lease_period=20"];
        command.args(words).args(settings);
        command
    }

    fn run(&self, words: &[&str]) -> Ended {
        Ended::from(self.command(words).output().unwrap())
    }

    /// Runs a command until it waits for a request of this kind, and sends it a signal.
    #[track_caller]
    fn stopped(
        &self,
        words: &[&str],
        kind: impl Fn(&Request) -> bool + Send + 'static,
        signal: Signal,
    ) -> Ended {
        self.ignore(Some(Box::new(kind)));
        let mut running = Running::start(self.command(words));
        running.wait_until(|| self.ignored.load(Ordering::SeqCst) > 0);
        let begun = Instant::now();
        running.send(signal);
        let ended = running.end();
        assert!(
            begun.elapsed() < SOON,
            "{words:?} took {:?}: {ended:?}",
            begun.elapsed()
        );
        self.ignore(None);
        ended
    }

    /// The next runs find nothing that is in their way, and leave nothing.
    #[track_caller]
    fn is_clean(&self, world: &World) {
        // First, since an upload is not aborted where an object is there meanwhile.
        self.run(&["gc", "--min-age=0s", "--lock-wait=120s"]).ok();
        self.run(&["backup", world.db()]).ok();
        self.run(&["gc", "--min-age=0s"]).ok();
        self.run(&["verify"]).ok();
        let left: Vec<String> = self
            .bucket
            .keys()
            .into_iter()
            .filter(|key| is_transient(key))
            .collect();
        assert_eq!((left, self.bucket.uploads()), (Vec::new(), 0));
    }
}

/// What belongs to runs that go on, and to none of them when all have ended.
fn is_transient(key: &str) -> bool {
    ["stonekeep/leases/", "stonekeep/pins/", "stonekeep/runs/"]
        .iter()
        .any(|directory| key.contains(directory))
}

fn is_put_of(request: &Request, part: &str) -> bool {
    request.method == "PUT" && request.target.contains(part)
}

fn world() -> World {
    let mut world = World::new();
    // One that is one request, and one that is sent in parts.
    world.database.add_tables(1, 100_000);
    world.database.add_tables(1, 9_000_000);
    world
}

#[test]
fn a_backup_that_waits_for_a_silent_server_ends_soon_after_a_signal() {
    let (world, silent) = (world(), Silent::new());
    let backup = ["backup", world.db()];
    let silent_from_now_on = AtomicBool::new(false);
    let cases: [(Kind, Signal, i32); 5] = [
        (Box::new(|request| request.method == "GET"), Signal::INT, 130),
        (
            Box::new(|request| is_put_of(request, "/stonekeep/leases/")),
            Signal::TERM,
            143,
        ),
        (
            Box::new(|request| is_put_of(request, "partNumber=1&")),
            Signal::INT,
            130,
        ),
        (
            Box::new(|request| is_put_of(request, "partNumber=2&")),
            Signal::HUP,
            129,
        ),
        // From then on nothing is answered, so that not even the lease can be released.
        (
            Box::new(move |request| {
                let is_part = is_put_of(request, "partNumber=");
                silent_from_now_on.fetch_or(is_part, Ordering::SeqCst) || is_part
            }),
            Signal::INT,
            130,
        ),
    ];
    for (kind, signal, code) in cases {
        let ended = silent.stopped(&backup, kind, signal);
        ended
            .code(code)
            .warns("error: stopped")
            .warns("hint: no backup was made");
    }
    silent.is_clean(&world);
    silent.run(&["list"]).ok().says("1 backup");
}

#[test]
fn a_backup_whose_commit_is_not_answered_says_that_nobody_knows() {
    let (world, silent) = (world(), Silent::new());
    let backup = ["backup", world.db()];
    silent
        .stopped(&backup, |request| is_put_of(request, "/meta/1"), Signal::INT)
        .code(130)
        .warns("error: whether backup 1 was made is unknown")
        .warns("hint: see whether stonekeep list shows backup 1");
    silent.is_clean(&world);
    // After the commit the files are looked for once more.
    let bucket = silent.bucket.clone();
    let listed = move |request: &Request| {
        let is_committed = bucket.keys().iter().any(|key| key == "app/meta/3");
        is_committed && request.method == "GET" && request.target.contains("shared_checksum")
    };
    silent
        .stopped(&backup, listed, Signal::INT)
        .code(130)
        .warns("error: backup 3 was made, but the last look at its files failed")
        .warns("hint: verify backup 3");
    silent.run(&["list"]).ok().says("2 backups");
    silent.is_clean(&world);
}

#[test]
fn a_restore_and_a_verification_that_wait_end_soon_after_a_signal() {
    let (world, silent) = (world(), Silent::new());
    silent.run(&["backup", world.db()]).ok();
    let reads = |request: &Request| request.method == "GET" && request.target.contains(".sst");
    silent
        .stopped(&["verify"], reads, Signal::INT)
        .code(130)
        .warns("error: stopped")
        .warns("hint: the repository remembers which files were verified");
    let to = world.word("to");
    let restore = ["restore", "latest", "--to", &to];
    silent
        .stopped(&restore, reads, Signal::TERM)
        .code(143)
        .warns("error: stopped")
        .warns("hint: the old files at the target are unchanged");
    silent.run(&restore).ok();
    silent.is_clean(&world);
}

#[test]
fn a_deletion_that_waits_ends_soon_after_a_signal() {
    let (world, silent) = (world(), Silent::new());
    for _ in 0..3 {
        silent.run(&["backup", world.db()]).ok();
    }
    silent
        .stopped(
            &["delete", "1", "--yes"],
            |request| request.method == "DELETE" && request.target.contains("/meta/1"),
            Signal::INT,
        )
        .code(130)
        .warns("whether backup 1 is deleted is not known");
    silent
        .stopped(
            &["purge", "--keep", "1", "--lock-wait=120s"],
            |request| request.target.contains("?delete") || request.target.contains("private/2"),
            Signal::INT,
        )
        .code(130);
    silent.is_clean(&world);
    assert!(!silent.server.requests().is_empty());
}

/// Waits for half a minute, which is the least that a server is given for its answer.
#[test]
fn a_part_whose_bytes_are_not_taken_is_sent_again_long_before_a_slow_line_would_have_taken_them() {
    let (mut world, silent) = (World::new(), Silent::new());
    world.database.add_tables(2, 26_000_000);
    let sent = AtomicUsize::new(0);
    // The first part of the second table: what the line can do is known from the first one.
    silent.ignore(Some(Box::new(move |request| {
        is_put_of(request, "partNumber=") && sent.fetch_add(1, Ordering::SeqCst) == 4
    })));
    let begun = Instant::now();
    let one_at_a_time = "--max-background-operations=1";
    silent.run(&["backup", world.db(), one_at_a_time]).ok();
    assert_eq!(silent.ignored.load(Ordering::SeqCst), 1);
    // A line that is as slow as a backup bears takes four minutes for these bytes.
    assert!(
        begun.elapsed() < Duration::from_secs(150),
        "{:?}",
        begun.elapsed()
    );
    silent.ignore(None);
    silent.run(&["verify"]).ok();
}
