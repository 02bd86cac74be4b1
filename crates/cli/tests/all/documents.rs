//! The shell examples of the documents run as written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Ended, run, word};

/// The paths that the documents use, below a temporary directory. The sample database is at `/var/lib/app/db`.
struct Machine {
    root: tempfile::TempDir,
    workspace: PathBuf,
}

/// The directories that documents name.
const DIRECTORIES: [&str; 6] = [
    "/tmp/",
    "/var/lib/app",
    "/var/lib/orders",
    "/var/lib/kafka-streams",
    "/backups",
    "/run/secrets",
];

impl Machine {
    fn new() -> Self {
        let machine = Machine {
            root: tempfile::tempdir().unwrap(),
            workspace: Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
        };
        for directory in [
            "var/lib/app",
            "var/lib/orders",
            "backups",
            "tmp",
            "etc/stonekeep",
            "run/secrets",
        ] {
            fs::create_dir_all(machine.root.path().join(directory)).unwrap();
        }
        machine
            .shell("cp -r crates/cli/sample/state1 /var/lib/app/db; cp -r crates/cli/sample/state1 /var/lib/orders/db")
            .ok();
        machine
    }

    fn document(&self, name: &str) -> String {
        fs::read_to_string(self.workspace.join(name)).unwrap()
    }

    /// Runs a script in the workspace, with the directories of this machine.
    fn shell(&self, script: &str) -> Ended {
        let root = self.root.path().to_str().unwrap();
        let script = self.here(script);
        let binaries = Path::new(env!("CARGO_BIN_EXE_stonekeep")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("sh")
            .args(["-euc", &script])
            .current_dir(&self.workspace)
            .env("PATH", format!("{}:{path}", binaries.display()))
            .env_remove("STONEKEEP_REPO")
            .env("STONEKEEP_CONFIG", format!("{root}/etc/stonekeep/config.toml"))
            .output();
        Ended::from(output.unwrap())
    }

    /// A text with the directories of this machine.
    fn here(&self, text: &str) -> String {
        let root = self.root.path().to_str().unwrap();
        let mut text = text.to_owned();
        for directory in DIRECTORIES {
            text = text.replace(directory, &format!("{root}{directory}"));
        }
        text
    }

    /// Puts the configuration file into its place.
    fn configure(&self, text: &str) {
        fs::write(
            self.root.path().join("etc/stonekeep/config.toml"),
            self.here(text),
        )
        .unwrap();
    }

    /// Runs a command, unless this machine lacks a program that it needs.
    fn example(&self, script: &str) -> Option<Ended> {
        let has_jq = Command::new("jq").arg("--version").output().is_ok();
        (has_jq || !script.contains("jq ")).then(|| self.shell(script))
    }

    fn repository(&self) -> PathBuf {
        self.root.path().join("backups/app")
    }

    fn back_up(&self) {
        let database = self.root.path().join("var/lib/app/db");
        run([
            "backup",
            word(&database),
            "--repo",
            word(&self.repository()),
            "--quiet",
        ])
        .ok();
    }
}

/// The fenced blocks of this language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = document.split(&fence).skip(1);
    let blocks = blocks.map(|rest| rest.split_once("```").unwrap().0.to_owned());
    let blocks: Vec<String> = blocks.collect();
    assert!(!blocks.is_empty(), "no block of {language}");
    blocks
}

#[test]
fn the_shell_examples_of_the_readme_run() {
    let machine = Machine::new();
    machine.configure(&blocks(&machine.document("README.md"), "toml").remove(0));
    machine.back_up();
    for block in blocks(&machine.document("README.md"), "sh") {
        if !block.contains("cargo install ") {
            machine.shell(&block).ok();
        }
    }
    let root = machine.root.path();
    for restored in ["tmp/app-restored", "var/lib/app/db", "var/lib/app/db-before"] {
        assert!(root.join(restored).join("CURRENT").is_file(), "{restored}");
    }
}

#[test]
fn the_cron_jobs_of_the_readme_print_only_problems() {
    let machine = Machine::new();
    let crontab = blocks(&machine.document("README.md"), "cron").remove(0);
    let mut jobs = Vec::new();
    for line in crontab.lines().filter(|line| !line.starts_with("MAILTO=")) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if line.contains(" * ") {
            jobs.push(fields[6..].join(" "));
        }
    }
    assert_eq!(jobs.len(), 3);
    machine.configure(&blocks(&machine.document("README.md"), "toml").remove(0));
    for job in &jobs {
        let ended = machine.shell(job).ok();
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""), "{job}");
    }
    fs::remove_file(machine.repository().join("meta/1")).unwrap();
    machine.shell(&jobs[2]).code(4).says("never: app");
}

#[test]
fn the_shell_examples_for_operators_run() {
    let machine = Machine::new();
    machine.back_up();
    for block in blocks(&machine.document("docs/operators.md"), "sh") {
        if let Some(ended) = machine.example(&block) {
            let ended = ended.ok();
            assert!(
                !ended.stdout.contains("valid backup"),
                "a false alarm: {ended:#?}"
            );
        }
    }
}

#[test]
fn the_alerts_for_operators_report_an_empty_repository() {
    let machine = Machine::new();
    machine.back_up();
    fs::remove_file(machine.repository().join("meta/1")).unwrap();
    let alerts = blocks(&machine.document("docs/operators.md"), "sh");
    for alert in &alerts[..2] {
        if let Some(ended) = machine.example(alert) {
            ended.says("valid backup");
        }
    }
}

#[test]
fn the_examples_of_the_configuration_run() {
    let machine = Machine::new();
    let document = machine.document("docs/configuration.md");
    let files = blocks(&document, "toml");
    machine.configure(&files[0]);
    for block in blocks(&document, "sh") {
        machine.shell(&block).ok();
    }
    let root = machine.root.path();
    for made in [
        "backups/app/meta/1",
        "backups/orders/meta/1",
        "var/lib/app/restored/CURRENT",
    ] {
        assert!(root.join(made).is_file(), "{made}");
    }
    let crontab = blocks(&document, "cron").remove(0);
    let mut jobs: Vec<String> = crontab
        .lines()
        .filter(|line| line.contains(" * "))
        .map(|line| line.split_whitespace().skip(6).collect::<Vec<_>>().join(" "))
        .collect();
    let units = blocks(&document, "ini").remove(0);
    let starts = units
        .lines()
        .filter_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/"));
    jobs.extend(starts.map(str::to_owned));
    assert_eq!(jobs.len(), 5);
    for job in jobs {
        let ended = machine.shell(&job).ok();
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""), "{job}");
    }
    assert!(root.join("backups/orders/meta/3").is_file());
}

#[test]
fn each_file_of_the_configuration_is_right() {
    let machine = Machine::new();
    let files = blocks(&machine.document("docs/configuration.md"), "toml");
    let all = ["key-id", "backup-key", "ping-url"].map(|name| format!("/run/secrets/{name}"));
    machine
        .shell(&format!(
            "umask 077; for file in {}; do echo https://localhost/x > $file; done",
            all.join(" ")
        ))
        .ok();
    assert!(files.len() >= 4);
    for file in files {
        machine.configure(&file.replace("\"pass\", \"show\"", "\"echo\""));
        machine
            .shell("BACKUP_KEY_ID=id stonekeep config check; stonekeep config show")
            .ok();
    }
}
