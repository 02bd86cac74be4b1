//! `check`: the health words, their exit codes, and what monitoring gets.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::skip;

use crate::command::Ended;
use crate::shape;
use crate::world::World;

const DOCUMENT: &str = "health: string, databases: [{name: null, repository: string, health: string, reasons: [], last_success: \
    {backup_id: number, time: string, age_seconds: number, duration_ms: number, sequence_number: number, number_files: number, size_bytes: number, \
    unique_bytes: number}, valid_backups: number, corrupt_backups: number, unsupported_backups: number, findings: number, \
    total_bytes: number, unverified_since: string, never_verified_bytes: number, last_drill: null, backups_past_retention: number, past_retention_since: null, free_bytes: number, \
    check_ms: number}]";

fn code_of(world: &World, words: &[&str]) -> i32 {
    let mut command = world.command();
    let output: Output = command.arg("check").args(words).output().unwrap();
    output.status.code().unwrap()
}

#[test]
fn each_word_has_its_reason_and_its_code() {
    let mut world = World::with(DatabaseBuilder::new());
    world.database.add_tables(2, 3_000);
    world
        .run(["check"])
        .code(4)
        .says("never: ")
        .says("there is no repository");
    world.run(["backup", world.db()]).ok();
    world.run(["backup", world.db()]).ok();
    let document = world.json([
        "check",
        "--max-age=1h",
        "--max-unverified-age=1h",
        "--min-valid=2",
        "--keep-last=2",
        "--max-past-retention=1h",
    ]);
    shape::check(&document, "check", DOCUMENT);
    assert_eq!(document["health"], "ok");
    assert_eq!(document["databases"][0]["last_success"]["backup_id"], 2);
    world.run(["check"]).ok().says("ok: ").says("2 backups valid");
    assert_eq!(world.run(["check", "--quiet"]).ok().stdout, "");
    let stale =
        |option: &str, reason: &str| world.run(["check", option]).code(1).says("stale: ").says(reason);
    stale("--min-valid=3", "2 backups valid, fewer than 3");
    stale("--min-free=1000TiB", " free, less than ");
    std::thread::sleep(Duration::from_millis(1_100));
    stale("--max-age=0", "the newest valid backup is ");
    stale("--max-unverified-age=0", "some bytes were not verified for ");
    // What was not read is not known; what a verification has found is, also afterwards.
    let table = world.damage_shared_file();
    world.run(["check"]).ok();
    world.run(["verify"]).code(3);
    let damaged = world.run(["check", "--min-valid=3"]).code(3);
    damaged.says("damaged: ").says(&table);
    world.run(["check", "--quiet"]).code(3).says(&table);
    // Not the mode of a directory makes it unreadable for root; a file in its place does.
    fs::rename(world.repo(), world.path("away")).unwrap();
    fs::write(world.repo(), "").unwrap();
    world.run(["check"]).code(1).says("unreachable: ");
}

#[test]
fn a_check_changes_nothing() {
    let world = World::with_two_backups();
    let listed = || {
        let output = Command::new("find")
            .arg(world.repo())
            .arg("-printf")
            .arg("%p %s %T@\n")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let before = listed();
    world.run(["check", "--max-age=1h", "--nagios"]).ok();
    assert_eq!(listed(), before);
}

#[test]
fn a_silent_repository_is_unreachable_in_time() {
    let world = World::with_backup();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://user:secret@{}/backups", silent.local_addr().unwrap());
    for url in [url, format!("hdfs://{}/backups", silent.local_addr().unwrap())] {
        let began = Instant::now();
        let mut command = world.command();
        command
            .args(["check", "--timeout=1s", "--repo", &url])
            .env("HADOOP_USER_NAME", "x");
        let ended = Ended::from(command.output().unwrap());
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        let ended = ended.code(1).says("unreachable: ");
        assert!(
            !ended.stdout.contains("secret") && !ended.stderr.contains("secret"),
            "{ended:?}"
        );
    }
}

#[test]
fn a_nagios_plugin_prints_one_line_and_has_its_codes() {
    let world = World::with_backup();
    let line = world.run(["check", "--nagios"]).ok().stdout;
    assert!(
        line.starts_with("STONEKEEP OK: ") && line.lines().count() == 1,
        "{line}"
    );
    let data = line.split_once('|').unwrap().1;
    for figure in [
        " age'=",
        " backups'=1;;;0",
        " findings'=0;;;0",
        " size'=",
        " free'=",
    ] {
        assert!(data.contains(figure), "{data}");
    }
    assert_eq!(code_of(&world, &["--nagios", "--min-valid=2"]), 1);
    let table = world.lose_shared_file();
    world
        .run(["check", "--nagios"])
        .code(2)
        .says("STONEKEEP CRITICAL: ")
        .says(&table);
    assert_eq!(code_of(&world, &["--nagios", "--json"]), 2);
    fs::remove_dir_all(world.repo()).unwrap();
    world.run(["check", "--nagios"]).code(2).says(" never: ");
}

pub(crate) fn configured(world: &World, more: &str) -> String {
    let file = world.path("stonekeep.toml");
    let (db, directory) = (world.db(), world.path(""));
    let text = format!(
        "[database.app]\npath = {db:?}\nrepository = {:?}\n[database.other]\npath = {db:?}\nrepository = {:?}\n{more}",
        directory.join("one").display().to_string(),
        directory.join("two").display().to_string(),
    );
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file.display().to_string()
}

#[test]
fn several_databases_have_one_result_the_worst() {
    let world = World::with(DatabaseBuilder::new());
    let verify_every = |time: &str| {
        let schedule = format!("[defaults.schedule]\nbackup-every = \"1h\"\nverify-every = \"{time}\"\n");
        configured(&world, &schedule)
    };
    let config = verify_every("1h");
    let run = |words: &[&str]| {
        let mut command = world.command();
        command
            .env_remove("STONEKEEP_REPO")
            .args(["--config", &config])
            .args(words);
        Ended::from(command.output().unwrap())
    };
    run(&["backup", "app"]).ok();
    let ended = run(&["check", "--all"]).code(4);
    ended.says("ok: app: ").says("never: other: ");
    let document = run(&["check", "--all", "--json"]).code(4).json();
    assert_eq!(
        (&document["health"], &document["databases"][1]["name"]),
        (&"never".into(), &"other".into())
    );
    run(&["check", "app", "--nagios"])
        .ok()
        .says("STONEKEEP OK: app ok|'app age'=");
    let nagios = run(&["check", "--all", "--nagios"]).code(2);
    assert_eq!(nagios.stdout.lines().count(), 1);
    nagios
        .says("STONEKEEP CRITICAL: other never: ")
        .says("'app age'=");
    run(&["backup", "other"]).ok();
    run(&["check", "--all"]).ok();
    std::thread::sleep(Duration::from_millis(2_300));
    run(&["check", "app"]).ok();
    // The schedule of the file says when.
    verify_every("1s");
    run(&["check", "app"])
        .code(1)
        .says("stale: app: some bytes were not verified for ");
    run(&["check", "app", "--max-unverified-age=1h"]).ok();
}

#[test]
fn a_directory_is_not_verified_once_for_each_database_of_the_file() {
    let world = World::with(DatabaseBuilder::new());
    let config = configured(&world, "");
    let mut command = world.command();
    command.env_remove("STONEKEEP_REPO");
    command.args(["--config", &config, "verify", "--all", "--database", world.db()]);
    let ended = Ended::from(command.output().unwrap()).code(2);
    ended.warns("--all").warns("--database");
}

/// The linter of Prometheus: on the path, or where a variable says.
fn promtool() -> Option<PathBuf> {
    let named = std::env::var_os("STONEKEEP_PROMTOOL").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|directory| directory.join("promtool"));
    named.into_iter().chain(found).find(|tool| tool.is_file())
}

const INSTALL: &str = "needs promtool, of Debian's package prometheus, on the path or as STONEKEEP_PROMTOOL";

#[test]
fn metrics_are_written_in_one_step_for_everybody() {
    let world = World::with_two_backups();
    let directory = world.path("metrics");
    fs::create_dir(&directory).unwrap();
    let file = directory.join("stonekeep.prom");
    let word = file.display().to_string();
    let mut command = Command::new("sh");
    let program = world.command().get_program().to_owned();
    command.args([
        "-c",
        "umask 077; exec \"$0\" check --prometheus \"$1\" --repo \"$2\"",
    ]);
    command.arg(program).arg(&word).arg(world.repo());
    Ended::from(command.output().unwrap()).ok();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
    let text = fs::read_to_string(&file).unwrap();
    let repository = world.repo().display().to_string();
    for line in [
        "# TYPE stonekeep_last_success_timestamp_seconds gauge".to_owned(),
        "# HELP stonekeep_findings Damaged and missing files that are known.".to_owned(),
        format!("stonekeep_health{{database=\"\",repository=\"{repository}\",state=\"ok\"}} 1"),
        format!("stonekeep_health{{database=\"\",repository=\"{repository}\",state=\"stale\"}} 0"),
        format!("stonekeep_backups{{database=\"\",repository=\"{repository}\",state=\"valid\"}} 2"),
        format!("stonekeep_findings{{database=\"\",repository=\"{repository}\"}} 0.0"),
        format!("stonekeep_last_success_duration_seconds{{database=\"\",repository=\"{repository}\"}} "),
        format!("stonekeep_last_success_backup_id{{database=\"\",repository=\"{repository}\"}} 2.0"),
    ] {
        assert!(text.contains(&line), "no {line:?} in {text}");
    }
    // A failure is written, too, and the exit code is its own.
    fs::remove_dir_all(world.repo()).unwrap();
    world.run(["check", "--prometheus", &word]).code(4);
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("state=\"never\"} 1") && !text.contains("last_success_timestamp_seconds{"),
        "{text}"
    );
    let nowhere = world.path("nowhere/x.prom").display().to_string();
    world
        .run(["check", "--prometheus", &nowhere])
        .code(1)
        .warns("nowhere/x.prom");
    world.run(["check", "--prometheus", "x.txt"]).code(2);
}

#[test]
fn prometheus_accepts_the_metrics() {
    let Some(promtool) = skip::unless(promtool(), "prometheus_accepts_the_metrics", INSTALL).unwrap() else {
        return;
    };
    let world = World::with_two_backups();
    let file = world.path("x.prom").display().to_string();
    world.run(["verify"]).ok();
    let scratch = world.path("scratch");
    fs::create_dir(&scratch).unwrap();
    world
        .run(["drill", "--scratch", &scratch.display().to_string()])
        .ok();
    world.run(["check", "--prometheus", &file]).ok();
    let mut command = Command::new(promtool);
    command
        .args(["check", "metrics"])
        .stdin(fs::File::open(&file).unwrap());
    let ended = Ended::from(command.output().unwrap());
    assert!(
        ended.code == Some(0) && ended.stderr.is_empty() && ended.stdout.is_empty(),
        "{ended:?}"
    );
}

#[test]
fn the_alert_rules_fire_when_they_should() {
    let Some(promtool) = skip::unless(promtool(), "the_alert_rules_fire_when_they_should", INSTALL).unwrap()
    else {
        return;
    };
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/monitoring");
    let run = |words: &[&str]| {
        let mut command = Command::new(&promtool);
        Ended::from(command.args(words).current_dir(rules).output().unwrap())
    };
    run(&["check", "rules", "stonekeep.rules.yml"]).ok();
    run(&["test", "rules", "stonekeep.rules.test.yml"]).ok();
    // Every metric of the rules is one that `check` writes.
    let source = include_str!("../../src/commands/check/prometheus.rs");
    let text = fs::read_to_string(format!("{rules}/stonekeep.rules.yml")).unwrap();
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let metrics: Vec<&str> = words.filter_map(|word| word.strip_prefix("stonekeep_")).collect();
    assert!(metrics.len() >= 8, "{metrics:?}");
    for metric in metrics {
        assert!(source.contains(&format!("\"{metric}\"")), "{metric}");
    }
}
