//! Backups whose command is killed at any moment.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stonekeep::Quiet;
use stonekeep_proof::engine::VerifyLevel;
use stonekeep_proof::makers::{self, ClosedDatabase, Recipe, Workbench};

use crate::judge::{self, Recorded};
use crate::ours;
use crate::restoring::restores_all;

const ROUNDS: u32 = 16;
const AT_MOST: Duration = Duration::from_secs(25);
/// About 12 MiB in two dozen tables.
const TABLES: u32 = 24;
const VALUES_IN_A_TABLE: u32 = 500;

/// Builds the command with the profile of the tests, and returns its path.
fn stonekeep() -> PathBuf {
    // This test is target/<profile>/deps/all-<hash>.
    let test = std::env::current_exe().unwrap();
    let directory = test.ancestors().nth(2).unwrap();
    let profile = match directory.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        name => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package",
            "stonekeep-cli",
            "--profile",
            profile,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(built.success());
    directory.join("stonekeep")
}

fn fill(bench: &mut Workbench) -> stonekeep_proof::Result<()> {
    (0..TABLES).try_for_each(|table| one_more_table(bench, table))
}

fn one_more_table(bench: &mut Workbench, table: u32) -> stonekeep_proof::Result<()> {
    let mut noise = u64::from(table) + 1;
    for n in 0..VALUES_IN_A_TABLE {
        let mut value = Vec::with_capacity(1024);
        while value.len() < 1024 {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            value.extend_from_slice(&noise.to_be_bytes());
        }
        bench.put("default", format!("{table:04}-{n:06}").as_bytes(), &value)?;
    }
    bench.flush("default")
}

fn more_tables(bench: &mut Workbench) -> stonekeep_proof::Result<()> {
    let next = u32::try_from(bench.contents().key_count()).unwrap_or(u32::MAX) / VALUES_IN_A_TABLE;
    (next..next + TABLES / 3).try_for_each(|table| one_more_table(bench, table))
}

struct Scene {
    root: tempfile::TempDir,
    command: PathBuf,
    closed: ClosedDatabase,
    recorded: Vec<Recorded>,
    /// The duration of an undisturbed run.
    usual: Duration,
}

impl Scene {
    fn repository(&self) -> PathBuf {
        self.root.path().join("repo")
    }

    fn backup(&self, repository: &Path) -> Command {
        let mut command = Command::new(&self.command);
        command
            .arg("backup")
            .arg(&self.closed.path)
            .arg("--repo")
            .arg(repository);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Runs the command whole.
    fn complete(&self, repository: &Path) -> Duration {
        let begin = Instant::now();
        let output = self.backup(repository).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        begin.elapsed()
    }

    /// Kills the command after this time; whether it was still at work.
    fn kill_after(&self, time: Duration) -> bool {
        let mut child = self.backup(&self.repository()).spawn().unwrap();
        sleep(time);
        let working = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        working
    }

    /// RocksDB finds no corrupt backup, and every byte of each right. The ids.
    fn judge(&self, what: &str) -> Vec<u32> {
        if !self.repository().join("meta").exists() {
            return Vec::new();
        }
        let engine = judge::rocksdb(&self.repository());
        assert_eq!(engine.corrupted(), Vec::<u32>::new(), "{what}");
        let ids: Vec<u32> = engine.backups().iter().map(|backup| backup.id).collect();
        for id in &ids {
            engine
                .verify(*id, VerifyLevel::Checksums)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        ids
    }

    /// Every backup that appeared since is of the present state.
    fn record(&mut self, ids: &[u32]) {
        for id in ids {
            if self.recorded.iter().all(|backup| backup.id != *id) {
                let engine = ours::engine(&self.repository());
                let id_of_ours = stonekeep::format::BackupId::new(*id).unwrap();
                let info = engine
                    .get_backup_info(id_of_ours, stonekeep::engine::info::InfoDetail::Head)
                    .unwrap();
                self.recorded.push(Recorded {
                    id: *id,
                    contents: self.closed.contents.clone(),
                    sequence: info.sequence_number.0,
                });
            }
        }
    }
}

#[test]
fn a_backup_that_is_killed_at_any_moment_harms_nothing() {
    let root = tempfile::tempdir().unwrap();
    let recipe = Recipe {
        options: "disable_auto_compactions=true;compression=kNoCompression",
        families: &["default"],
        fill,
        change: more_tables,
        ..makers::by_name("column families").unwrap()
    };
    let closed = Workbench::create(recipe, root.path()).unwrap().close();
    let mut scene = Scene {
        command: stonekeep(),
        root,
        closed,
        recorded: Vec::new(),
        usual: Duration::ZERO,
    };
    scene.usual = scene.complete(&scene.root.path().join("to-measure"));
    let (begin, mut killed) = (Instant::now(), 0);
    for round in 0..ROUNDS {
        if begin.elapsed() > AT_MOST {
            break;
        }
        // Spread over the run, in an order that mixes early and late moments.
        killed += u32::from(scene.kill_after(scene.usual * (round * 7 % ROUNDS) / ROUNDS));
        let ids = scene.judge(&format!("round {round}"));
        scene.record(&ids);
        if round % 4 == 3 {
            finish_and_change(&mut scene, round);
        }
    }
    assert!(killed > 3, "only {killed} runs were killed at work");
    finish_and_change(&mut scene, ROUNDS);
    let repository = scene.repository();
    judge::accepts(&repository, &scene.recorded, "after all kills");
    // Runs killed just before their commit have published files that no backup names.
    ours::engine(&repository)
        .garbage_collect(Duration::ZERO, &Quiet)
        .unwrap();
    judge::finds_nothing_surplus(&repository, "after all kills");
    judge::agrees_on_infos(&repository, "after all kills");
    restores_all(
        &repository,
        &scene.recorded[scene.recorded.len() - 1..],
        "after all kills",
    );
    assert_eq!(
        judge::names(&repository.join("stonekeep/tmp")),
        Default::default()
    );
}

/// An undisturbed run succeeds; then the database changes.
fn finish_and_change(scene: &mut Scene, round: u32) {
    let took = scene.complete(&scene.repository());
    // Later runs have less to copy, and killed ones have done part of that; yet enough is left to be killed in.
    scene.usual = scene.usual.min(took.max(scene.usual / 3));
    let ids = scene.judge(&format!("after round {round}"));
    scene.record(&ids);
    let mut bench = Workbench::reopen(scene.closed.clone()).unwrap();
    bench.change().unwrap();
    scene.closed = bench.close();
}
