//! Databases, repositories and options of a configuration file.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::command::{Ended, stonekeep, word};
use crate::world::World;

/// Databases and a configuration file in one directory, which `@` stands for in the file.
pub(crate) struct Configured {
    pub(crate) world: World,
}

/// Two databases in one place.
pub(crate) const TWO: &str = r#"
[repository.nas]
path = "@/nas"

[database.app]
path = "@/db"
repository = "nas"

[database.orders]
path = "@/orders"
repository = "nas"
"#;

impl Configured {
    pub(crate) fn new(text: &str) -> Self {
        let world = World::new();
        fs::create_dir(world.path("nas")).unwrap();
        let configured = Configured { world };
        configured.copy("db", "orders");
        configured.write(text);
        configured
    }

    pub(crate) fn write(&self, text: &str) {
        let here = self.world.word("");
        let text = text.replace('@', here.trim_end_matches('/'));
        fs::write(self.world.path("config.toml"), text).unwrap();
    }

    /// Copies a database.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        let to = self.world.path(to);
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(self.world.path(from)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = stonekeep();
        command.env("STONEKEEP_CONFIG", self.world.path("config.toml"));
        command.current_dir(self.world.path(""));
        command.args(line.split_whitespace());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Ended {
        Ended::from(self.command(line).output().unwrap())
    }

    pub(crate) fn json(&self, line: &str) -> Value {
        self.run(&format!("{line} --json")).json()
    }

    pub(crate) fn ids(&self, database: &str) -> Vec<u64> {
        let list = self.json(&format!("list {database}"));
        let backups = list["backups"].as_array().unwrap().iter();
        backups.map(|backup| backup["id"].as_u64().unwrap()).collect()
    }
}

#[test]
fn a_name_stands_for_its_database_and_its_repository() {
    let configured = Configured::new(TWO);
    configured.run("backup app").ok().says("nas/app");
    assert!(configured.world.path("nas/app/meta/1").is_file());
    configured.run("list app").ok().says("valid");
    configured.run("list --repo app").ok().says("valid");
    configured.run("verify app latest").ok();
    configured.run("verify app --all").ok();
    configured.run("show app").ok();
    configured.run("purge app --keep 3").ok();
    configured.run("gc app").ok();
    let to = configured.world.word("restored");
    configured
        .run(&format!("restore app latest-valid --to {to}"))
        .ok();
    // A path is what it was.
    configured.run("backup ./db --repo ./nas/app").ok();
    assert_eq!(configured.ids("app"), [1, 2]);
    fs::create_dir(configured.world.path("second")).unwrap();
    configured.run("copy --from app --to ./second/app").ok();
    configured
        .run("copy latest --from app --to orders")
        .ok()
        .says("nas/orders");
    fs::remove_dir_all(configured.world.path("nas/orders")).unwrap();
    configured.run("backup app --repo ./elsewhere").ok();
    assert!(configured.world.path("elsewhere/meta/1").is_file());
    configured
        .run("list orders")
        .code(4)
        .warns("there is no repository");
}

#[test]
fn what_is_named_twice_is_run_once_and_nothing_is_dropped() {
    let configured = Configured::new(TWO);
    configured
        .run("backup app app --max-background-operations=1")
        .ok();
    assert_eq!(configured.ids("app"), [1]);
    configured.run("backup --repo app --repo orders").ok();
    assert_eq!(
        (configured.ids("app"), configured.ids("orders")),
        (vec![1, 2], vec![1])
    );
    for other in ["./elsewhere", "nas"] {
        configured
            .run(&format!("backup --repo app --repo {other}"))
            .code(2)
            .warns("--repo names both databases and repositories");
    }
    configured
        .run("backup ./db --repo app")
        .code(2)
        .warns("--repo names a database of the configuration file, and ./db is another directory")
        .warns("leave out ./db");
    assert_eq!(configured.ids("app"), [1, 2]);
}

#[test]
fn a_url_that_is_typed_for_a_database_is_shown_without_its_secret() {
    let configured = Configured::new("[database.app]\npath = \"@/db\"\nrepository = \"@/repo\"\n");
    let url = "http://user:a-secret@127.0.0.1:1/x?key=a-secret";
    for line in [
        format!("list --all --json --repo {url}"),
        format!("backup app --repo ./repo --repo {url}"),
        format!("backup app --json --repo ./repo --repo {url}"),
        format!("check app --repo {url}"),
    ] {
        let ended = configured.run(&line);
        assert!(ended.code != Some(0), "{ended:#?}");
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert!(
            all.contains("127.0.0.1") && !all.contains("a-secret"),
            "{line}: {all}"
        );
    }
}

#[test]
fn a_name_that_is_probably_misspelt_is_named() {
    let configured = Configured::new(TWO);
    configured
        .run("backup apps")
        .code(4)
        .warns("there is no database apps in")
        .warns("did you mean app?");
    configured.run("list oders").code(2).warns("did you mean orders?");
    configured.run("list --repo nass").code(4);
    // A directory of the name is meant if no database has it.
    configured.run("backup db --repo ./there").ok();
    let ended = configured.run("backup").code(2);
    assert!(!ended.stderr.contains("tip: "), "{ended:#?}");
    configured
        .run("purge --all")
        .code(2)
        .warns("app\nerror: the following required arguments were not provided: ");
    configured.write("[database");
    configured
        .run("backup db --repo ./there")
        .code(2)
        .warns("config.toml:1:")
        .warns("put ./ before it");
    configured.run("backup ./db --repo ./there").ok();
    let without = Ended::from(stonekeep().args(["backup", "--all"]).output().unwrap());
    without
        .code(4)
        .warns("there is none")
        .warns("/etc/stonekeep/config.toml");
}

#[test]
fn all_databases_are_run_and_a_failure_stops_none() {
    let configured = Configured::new(TWO);
    fs::rename(
        configured.world.path("db/CURRENT"),
        configured.world.path("current"),
    )
    .unwrap();
    let ended = configured.run("backup --all");
    let failed = ended.code.unwrap();
    assert!(failed == 3 || failed == 4, "{ended:#?}");
    let ended = ended.says("orders\nbackup 1 of").warns("app\nerror: ");
    ended.warns("error: 1 of 2 runs failed: app");
    let document = configured.json("backup --all");
    assert_eq!(document["command"], "backup");
    let parts = document["databases"].as_array().unwrap();
    assert_eq!(
        (&parts[0]["name"], &parts[0]["exit_code"]),
        (&json!("app"), &json!(failed))
    );
    assert_eq!(parts[0]["error"]["exit_code"], failed);
    assert_eq!(
        (&parts[1]["name"], &parts[1]["backup_id"]),
        (&json!("orders"), &json!(2))
    );
    fs::rename(
        configured.world.path("current"),
        configured.world.path("db/CURRENT"),
    )
    .unwrap();
    configured.run("backup --all --quiet").ok();
    let quiet = configured.run("verify --all").ok();
    assert_eq!(
        quiet
            .stdout
            .lines()
            .filter(|line| ["app", "orders"].contains(line))
            .count(),
        2
    );
    configured.run("list --all -q").ok().says("app\nid ");
    configured.run("purge --all --keep 1").ok();
    assert_eq!(configured.ids("orders"), [3]);
    configured.run("gc app orders").ok().says("orders\n");
    configured
        .run("restore app orders --to x")
        .code(2)
        .warns("for one database");
    configured
        .run("backup --all app")
        .code(2)
        .warns("--all cannot be used");
}

#[test]
fn several_repositories_are_written_together() {
    let configured = Configured::new(
        "[repository.nas]\npath = \"@/nas\"\n[repository.far]\npath = \"@/far\"\n\
         [database.app]\npath = \"@/db\"\nrepository = [\"nas\", \"far\", \"@/third\"]\n",
    );
    fs::create_dir(configured.world.path("far")).unwrap();
    configured
        .run("backup app")
        .ok()
        .says("/far/app\n")
        .says("/third\n");
    for place in ["nas/app", "far/app", "third"] {
        assert!(configured.world.path(place).join("meta/1").is_file(), "{place}");
    }
    configured.run("restore app --to x").code(2).warns("--repo");
    configured.run("restore app --repo far --to x").ok();
    configured.run("verify app --repo nas").ok();
    let document = configured.json("backup app");
    assert_eq!(document["repositories"].as_array().unwrap().len(), 3);
}

/// What fails before the backup begins is that repository's failure, too.
#[test]
fn one_of_several_repositories_that_cannot_be_used_does_not_stop_the_others() {
    let configured = Configured::new(
        "[repository.nas]\npath = \"@/nas\"\n[repository.far]\npath = \"@/far\"\n\
         [repository.s3]\nurl = \"s3://bucket/x\"\nstore-option.aws_secret_access_key = { env = \"STONEKEEP_TEST_UNSET\" }\n\
         [database.app]\npath = \"@/db\"\nprefix = \"x/y/app\"\nrepository = [\"s3\", \"far\", \"nas\"]\n",
    );
    fs::create_dir(configured.world.path("far")).unwrap();
    fs::write(configured.world.path("far/x"), "in the way").unwrap();
    let ended = configured.run("backup app --json");
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let outcomes = document["repositories"].as_array().unwrap();
    let message = |at: usize| outcomes[at]["error"]["message"].as_str().unwrap();
    assert!(
        message(0).contains("aws_secret_access_key has no value"),
        "{document}"
    );
    assert!(
        message(1).contains("making") && message(1).contains("far/x/y"),
        "{document}"
    );
    assert_eq!(outcomes[2]["backup_id"], 1, "{document}");
    assert_eq!(ended.code, Some(1));
    // Alone, it is the command's failure.
    configured.run("backup app --repo far").code(1).warns("far/x/y");
}

#[test]
fn a_file_that_others_could_have_written_is_refused() {
    let configured = Configured::new(TWO);
    let path = configured.world.path("config.toml");
    fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
    configured
        .run("backup app")
        .code(1)
        .warns("can be written by others (mode 0664)")
        .warns("chmod go-w");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    // Only root can give a file away.
    if chown(&path, Some(12345), None).is_ok() {
        let ended = configured.run("backup app").code(1);
        ended
            .warns("belongs to user 12345")
            .warns("hint: ")
            .warns("chown");
        configured.run("backup ./db --repo ./there").ok();
    }
    let missing = configured.run("list app --config ./absent.toml").code(4);
    missing.warns("there is no configuration file ./absent.toml");
    configured
        .run("config check --config .")
        .code(1)
        .warns("is a directory");
}

#[test]
fn the_places_are_searched_in_their_order() {
    let configured = Configured::new(TWO);
    let home = configured.world.path("home");
    let user = home.join(".config/stonekeep");
    fs::create_dir_all(&user).unwrap();
    fs::copy(configured.world.path("config.toml"), user.join("config.toml")).unwrap();
    let check = |variables: &[(&str, &Path)], line: &str| {
        let mut command = stonekeep();
        command
            .env_remove("XDG_CONFIG_HOME")
            .current_dir(configured.world.path(""));
        command.env("HOME", &home).envs(variables.iter().copied());
        Ended::from(command.args(line.split_whitespace()).output().unwrap())
    };
    let own = word(&user.join("config.toml")).to_owned();
    check(&[], "config check").ok().says(&own);
    // Neither the working directory nor a relative place is searched.
    let nowhere = Path::new("home/.config");
    check(&[("XDG_CONFIG_HOME", nowhere)], "config check")
        .ok()
        .says(&own);
    let named = configured.world.path("config.toml");
    check(&[("STONEKEEP_CONFIG", &named)], "config check")
        .ok()
        .says(word(&named));
    let options = format!("config check --config {own}");
    check(&[("STONEKEEP_CONFIG", &named)], &options).ok().says(&own);
}

#[test]
fn many_are_run_at_a_time_and_printed_in_their_order() {
    let names: Vec<String> = (0..20).map(|number| format!("d{number}")).collect();
    let tables = names.iter().map(|name| {
        format!("[database.{name}]\npath = \"@/{name}\"\nrepository = \"nas\"\nprefix = \"all/of/{name}\"\n")
    });
    let text = format!(
        "[repository.nas]\npath = \"@/nas\"\n{}",
        tables.collect::<String>()
    );
    let configured = Configured::new(&text);
    for name in &names {
        configured.copy("db", name);
    }
    fs::remove_file(configured.world.path("d7/CURRENT")).unwrap();
    for line in ["backup --all", "backup --all --max-background-operations 1"] {
        let ended = configured.run(line);
        assert_ne!(ended.code, Some(0));
        let is_heading = |line: &&str| names.iter().any(|name| name == line);
        let headings: Vec<&str> = ended.stdout.lines().filter(is_heading).collect();
        let expected: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| *name != "d7")
            .collect();
        assert_eq!(headings, expected);
        let after = ended.stdout.split("d8\n").nth(1).unwrap();
        assert!(after.starts_with("backup "), "{after}");
        ended.warns("d7\nerror: ").warns("error: 1 of 20 runs failed: d7");
    }
    let document = configured.json("list --all");
    let parts = document["databases"].as_array().unwrap();
    let listed: Vec<&str> = parts.iter().filter_map(|part| part["name"].as_str()).collect();
    assert_eq!(listed, names);
    assert_eq!(parts[19]["backups"].as_array().unwrap().len(), 2);
}
