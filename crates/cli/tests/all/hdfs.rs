//! Repositories in HDFS: `STONEKEEP_TEST_HDFS` is the URL of a directory. `STONEKEEP_TEST_HDFS_SERVER` is `PROGRAM DIRECTORY`: called
//! as `PROGRAM VERB DIRECTORY`, it stops and starts parts of the cluster.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdfs_native::client::FileStatus;
use hdfs_native::{Client, ClientBuilder, HdfsError, WriteOptions};
use stonekeep_testkit::skip;
use tokio::runtime::Runtime;

use crate::command::{Ended, run, stonekeep};
use crate::running::{Running, tables_below};
use crate::world::{World, tables};

/// The tests stop parts of the cluster, so that one runs at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The test cluster, and a directory in it that no other test uses.
pub(crate) struct Cluster {
    url: String,
    /// The path of the directory.
    root: String,
    client: Client,
    runtime: Runtime,
    _alone: MutexGuard<'static, ()>,
}

impl Cluster {
    /// `None`, after a note, without a cluster.
    #[expect(clippy::print_stderr, reason = "a skipped test says why")]
    pub(crate) fn of_test(test: &str) -> Option<Self> {
        const NEEDED: &str = "needs HDFS: STONEKEEP_TEST_HDFS=hdfs://HOST:PORT/PATH and HADOOP_USER_NAME";
        let url = std::env::var("STONEKEEP_TEST_HDFS").unwrap_or_default();
        match url.as_str() {
            // This machine can have none.
            "none" => eprintln!("skipped: {test}: {NEEDED}"),
            "" => skip::because(test, NEEDED).unwrap(),
            _ => {}
        }
        let (address, path) = url.strip_prefix("hdfs://")?.split_once('/')?;
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = Runtime::new().unwrap();
        let client = ClientBuilder::new()
            .with_url(format!("hdfs://{address}"))
            .with_io_runtime(runtime.handle().clone())
            .build()
            .unwrap();
        let root = format!("/{path}/{test}-{}", std::process::id());
        runtime.block_on(client.mkdirs(&root, 0o755, true)).unwrap();
        Some(Cluster {
            url: format!("hdfs://{address}{root}"),
            root,
            client,
            runtime,
            _alone: alone,
        })
    }

    /// Copies a directory, as any tool does.
    pub(crate) fn put_directory(&self, directory: &Path, at: &str) {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let at = format!("{at}/{}", entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() {
                self.put_directory(&entry.path(), &at);
            } else {
                self.put(&at, fs::read(entry.path()).unwrap());
            }
        }
    }

    pub(crate) fn put(&self, at: &str, bytes: Vec<u8>) {
        let path = format!("{}/{at}", self.root);
        let write = async {
            let mut file = self
                .client
                .create(&path, WriteOptions::default().overwrite(true))
                .await?;
            file.write_bytes(bytes.into()).await?;
            file.close().await
        };
        self.runtime.block_on(write).unwrap();
    }

    /// The directories in a directory, which may be absent.
    pub(crate) fn directories(&self, at: &str) -> Vec<String> {
        let directories = self.listed(at, false).into_iter().filter(|it| it.isdir);
        directories.map(|it| it.path).collect()
    }

    /// The files below a directory, which may be absent.
    pub(crate) fn files(&self, at: &str) -> Vec<String> {
        let files = self.listed(at, true).into_iter().filter(|it| !it.isdir);
        files.map(|it| it.path).collect()
    }

    fn listed(&self, at: &str, recursive: bool) -> Vec<FileStatus> {
        let path = self.path(at);
        match self.runtime.block_on(self.client.list_status(&path, recursive)) {
            Err(HdfsError::FileNotFound(_)) => Vec::new(),
            listed => listed.unwrap(),
        }
    }

    /// The path of what is in the directory.
    pub(crate) fn path(&self, at: &str) -> String {
        format!("{}/{at}", self.root)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.url)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // To be looked at.
            return;
        }
        let _ = self.runtime.block_on(self.client.delete(&self.root, true));
    }
}

/// Runs the program that controls the cluster; `false`, after a note, where there is none.
fn control(test: &str, verb: &str, arguments: &[&str]) -> bool {
    let server = std::env::var("STONEKEEP_TEST_HDFS_SERVER").unwrap_or_default();
    let Some((program, directory)) = server.rsplit_once(' ') else {
        skip::because(test, "needs STONEKEEP_TEST_HDFS_SERVER='PROGRAM DIRECTORY'").unwrap();
        return false;
    };
    let ended = Command::new(program)
        .args([verb, directory])
        .args(arguments)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{verb}: {ended:?}");
    true
}

#[test]
fn a_repository_in_hdfs_is_listed_verified_and_restored() {
    let Some(cluster) = Cluster::of_test("a_repository_in_hdfs_is_listed_verified_and_restored") else {
        return;
    };
    let mut world = World::with_two_backups();
    world.database.add_tables(1, 3_000_000);
    world.run(["backup", world.db()]).ok();
    cluster.put_directory(&world.repo(), "app");
    let (url, here) = (cluster.url("app"), world.word("repo"));
    for verb in [&["list"][..], &["show", "1"], &["diff", "1", "2"], &["verify"]] {
        let at = |repo: &str| run(verb.iter().copied().chain(["--repo", repo])).ok().stdout;
        assert_eq!(at(&url), at(&here), "{verb:?}");
    }
    let (from_hdfs, from_disk) = (world.word("from-hdfs"), world.word("from-disk"));
    run(["restore", "latest", "--repo", &url, "--to", &from_hdfs]).ok();
    run(["restore", "latest", "--repo", &here, "--to", &from_disk]).ok();
    for entry in fs::read_dir(&from_disk).unwrap().map(Result::unwrap) {
        let restored = fs::read(Path::new(&from_hdfs).join(entry.file_name())).unwrap();
        assert!(restored == fs::read(entry.path()).unwrap(), "{entry:?}");
    }
}

#[test]
fn what_is_wrong_with_hdfs_is_named_with_what_to_check() {
    let Some(cluster) = Cluster::of_test("what_is_wrong_with_hdfs_is_named_with_what_to_check") else {
        return;
    };
    let list = |repo: &str| run(["list", "--repo", repo]);
    list(&cluster.url("nothing-is-here"))
        .code(4)
        .warns("there is no repository");
    cluster.put("file", vec![1]);
    list(&cluster.url("file")).code(1).warns("/file is a file");
    list(&cluster.url("file/app"))
        .code(1)
        .warns("/file/app")
        .warns("(is not a directory)")
        .warns("a repository is a directory");
    let world = World::new();
    run(["backup", world.db(), "--repo", &cluster.url("no/parent")])
        .code(4)
        .warns("/no/parent")
        .warns("hdfs dfs -mkdir -p");
    run([
        "backup",
        world.db(),
        "--repo",
        &cluster.url("of-eve"),
        "--store-option",
        "hdfs_user=eve",
    ])
    .code(1)
    .warns("access=WRITE")
    .warns("check the user");
    cluster.put("private/meta/1", vec![1]);
    let secret = format!("{}/private", cluster.root);
    cluster
        .runtime
        .block_on(cluster.client.set_permission(&secret, 0o700))
        .unwrap();
    run([
        "list",
        "--repo",
        &cluster.url("private"),
        "--store-option",
        "hdfs_user=eve",
    ])
    .code(1)
    .warns("user=eve")
    .warns("check the user");
}

#[test]
fn a_wrong_address_is_named_within_a_limit() {
    let mut command: Command = stonekeep();
    command
        .env_remove("HADOOP_CONF_DIR")
        .env_remove("HADOOP_HOME")
        .args(["list", "--repo", "hdfs://127.0.0.1/p"]);
    Ended::from(command.output().unwrap())
        .code(2)
        .warns("HADOOP_CONF_DIR");
    let begun = Instant::now();
    run(["list", "--repo", "hdfs://127.0.0.1:1/p"])
        .code(1)
        .warns("Connection refused")
        .warns("check the host and the port");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn a_backup_is_restored_although_a_data_node_is_dead() {
    const TEST: &str = "a_backup_is_restored_although_a_data_node_is_dead";
    let Some(cluster) = Cluster::of_test(TEST) else {
        return;
    };
    let world = World::with_two_backups();
    cluster.put_directory(&world.repo(), "app");
    if !control(TEST, "kill-datanode", &["1"]) {
        return;
    }
    let (url, to) = (cluster.url("app"), world.word("restored"));
    let ended = run(["restore", "latest", "--repo", &url, "--to", &to]);
    control(TEST, "start-datanode", &["1"]);
    ended.ok();
}

#[test]
fn backups_in_hdfs_are_made_restored_and_deleted() {
    let Some(cluster) = Cluster::of_test("backups_in_hdfs_are_made_restored_and_deleted") else {
        return;
    };
    let mut world = World::new();
    // Longer than what is held in memory, so that its bytes are handed on while they are read.
    world.database.add_tables(2, 1_500_000);
    let url = cluster.url("app");
    let at = |words: &[&str]| run(words.iter().copied().chain(["--repo", &url]));
    at(&["backup", world.db()]).ok();
    let same = at(&["backup", world.db(), "--json"]).ok().json();
    assert!(
        same["files_reused"].as_u64() > same["files_copied"].as_u64(),
        "{same}"
    );
    world.database.add_tables(2, 20_000);
    at(&["backup", world.db()]).ok();
    at(&["verify"]).ok().says("3 backups");
    let restored = world.word("restored");
    at(&["restore", "latest", "--to", &restored]).ok();
    for entry in fs::read_dir(&restored).unwrap().map(Result::unwrap) {
        let original = world.database.path().join(entry.file_name());
        assert!(
            fs::read(&original).unwrap() == fs::read(entry.path()).unwrap(),
            "{entry:?}"
        );
    }
    let (back, also) = (world.word("back"), cluster.url("also"));
    run(["copy", "--from", &url, "--to", &back])
        .ok()
        .says("copied backups 1-3");
    run(["verify", "--repo", &back]).ok();
    run(["copy", "--from", &back, "--to", &also])
        .ok()
        .says("copied backups 1-3");
    run(["verify", "--repo", &also]).ok();
    at(&["check-store"]).ok().says("can hold repositories");
    run(["check-store", "--repo", &cluster.url("absent")])
        .code(4)
        .warns("there is no directory");
    at(&["purge", "--keep", "1"]).ok();
    at(&["gc"]).ok().says("removed 0 files");
    // Empty directories count for a quota.
    assert_eq!(cluster.directories("app/private").len(), 1);
    for empty in ["app/stonekeep/tmp", "app/stonekeep/runs"] {
        assert_eq!(cluster.directories(empty), [""; 0], "{empty}");
    }
    at(&["list"]).ok().says("1 backup");
    at(&["delete", "3", "--yes"]).ok();
    let left: Vec<String> = cluster
        .files("app")
        .into_iter()
        // Claims outlive their backups, and stamps go with the next verification.
        .filter(|file| !file.contains("/ids/") && !file.contains("/verified/"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn a_backup_goes_on_although_a_data_node_is_killed_and_waits_in_safe_mode() {
    const TEST: &str = "a_backup_goes_on_although_a_data_node_is_killed_and_waits_in_safe_mode";
    let Some(cluster) = Cluster::of_test(TEST) else {
        return;
    };
    let mut world = World::new();
    world.database.add_tables(6, 24_000_000);
    let url = cluster.url("app");
    // Several blocks each, so that a dead DataNode is given some of most files until the NameNode has noticed.
    const BLOCKS: &str = "hdfs_block_size=8388608";
    let backup = |url: &str| {
        let mut command = stonekeep();
        command.args(["backup", world.db(), "--repo", url, "--store-option", BLOCKS]);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    if !control(TEST, "safemode", &["enter"]) {
        return;
    }
    let waiting = backup(&url);
    std::thread::sleep(Duration::from_secs(1));
    control(TEST, "safemode", &["leave"]);
    Ended::from(waiting.wait_with_output().unwrap()).ok();
    // Everything again, into another repository.
    let url = cluster.url("other");
    let copying = backup(&url);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30)
        && !cluster
            .files("")
            .iter()
            .any(|file| file.contains("/other/stonekeep/runs/"))
    {
        std::thread::sleep(Duration::from_millis(50));
    }
    control(TEST, "kill-datanode", &["1"]);
    let ended = Ended::from(copying.wait_with_output().unwrap());
    control(TEST, "start-datanode", &["1"]);
    ended.ok();
    run(["verify", "--repo", &url, "--store-option", BLOCKS])
        .ok()
        .says("1 backup");
}

#[test]
fn a_backup_and_a_restore_go_on_although_the_name_node_is_killed() {
    const TEST: &str = "a_backup_and_a_restore_go_on_although_the_name_node_is_killed";
    let Some(cluster) = Cluster::of_test(TEST) else {
        return;
    };
    let mut world = World::new();
    world.database.add_tables(20, 100_000);
    let (url, to) = (cluster.url("app"), world.word("restored"));
    run(["backup", world.db(), "--repo", &url]).ok();
    let before = tables(world.database.path());
    world.database.add_tables(20, 100_000);
    // So slow that both have much left to do.
    let slowly = |words: &[&str]| {
        let mut command = stonekeep();
        command
            .args(words)
            .args(["--repo", &url, "--max-background-operations=1"]);
        Running::start(command)
    };
    let mut backup = slowly(&["backup", world.db(), "--backup-rate-limit=300000"]);
    let mut restore = slowly(&["restore", "1", "--to", &to, "--restore-rate-limit=300000"]);
    backup.wait_until(|| !cluster.files("app/stonekeep/leases").is_empty());
    restore.wait_until(|| tables_below(&world.path("restored")) > 0);
    if !control(TEST, "kill-namenode", &[]) {
        return;
    }
    control(TEST, "start-namenode", &[]);
    backup.end().ok();
    restore.end().ok();
    assert!(tables(&world.path("restored")) == before);
    run(["verify", "--level=checksum", "--repo", &url])
        .ok()
        .says("2 backups");
    assert_eq!(cluster.files("app/stonekeep/leases"), [""; 0]);
}
