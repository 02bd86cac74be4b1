//! `--database` of `verify` and `repair` names databases of the configuration file, too.

use std::fs;

use crate::command::{Ended, run};
use crate::config::{Configured, TWO};
use crate::deep::Sample;

/// The sample database under the name `app`, with a damaged table.
fn configured() -> Configured {
    let configured = Configured::new(&format!(
        "{TWO}[database.app.verify]\nlevel = \"deep\"\nsample = \"1/7\"\n"
    ));
    let sample = Sample::new();
    fs::remove_dir_all(configured.world.path("db")).unwrap();
    fs::rename(sample.word("db"), configured.world.path("db")).unwrap();
    configured
}

#[test]
fn a_database_is_verified_by_its_name() {
    let configured = configured();
    let directory = configured.world.word("db");
    let by_name = configured.run("verify --database app").ok();
    by_name.says(&format!("all right: the database in {directory}, "));
    let by_variable = |name: &str, line: &str| {
        let mut command = configured.command(line);
        command.env("STONEKEEP_VERIFY_DATABASE", name);
        Ended::from(command.output().unwrap())
    };
    by_variable("app", "verify").ok().says(&directory);
    // A path is none, and another name is a path that is not there.
    configured.run(&format!("verify --database {directory}")).ok();
    configured.run("verify --database unknown").code(4);
    // What backups look for is looked for here, too.
    configured.write(&format!("{TWO}[database.app.backup]\nwal-dir = \"@/nowhere\"\n"));
    configured.run("verify --database app").code(4).warns("/nowhere");
    configured.write(&format!(
        "{TWO}[database.many]\nglob = \"@/*\"\nrepository = \"@/many\"\nprefix = \"{{1}}\"\n"
    ));
    configured
        .run("verify --database many")
        .code(1)
        .warns("--database many names 2 databases, and one is wanted");
}

#[test]
fn a_repair_looks_at_a_database_by_its_name() {
    let configured = configured();
    configured.run("backup app").ok();
    let repository = configured.world.path("nas/app/shared_checksum");
    let entries = fs::read_dir(&repository)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let table = entries
        .into_iter()
        .find(|path| path.extension().is_some_and(|it| it == "sst"))
        .unwrap();
    fs::remove_file(&table).unwrap();
    let repo = configured.world.word("nas/app");
    configured
        .run(&format!("repair --repo {repo} --database app"))
        .ok()
        .says(&configured.world.word("db"));
    assert!(table.exists());
}

/// One of both would be ignored.
#[test]
fn a_repository_beside_the_database_is_an_error() {
    let configured = configured();
    configured.run("backup app").ok();
    let (db, repo) = (configured.world.word("db"), configured.world.word("nas/app"));
    run(["verify", "--database", &db, "--repo", &repo])
        .code(2)
        .warns("--database")
        .warns("--repo");
    for line in [
        "verify --database app --repo nas",
        "verify --database app --repo app",
        "verify app --database app",
    ] {
        configured.run(line).code(2).warns("--database");
    }
    // A variable only says where a repository is, or a database, if the command line does not.
    let with = |name: &str, value: &str, line: &str| {
        let mut command = configured.command(line);
        command.env(name, value);
        Ended::from(command.output().unwrap())
    };
    for place in ["app", "nas", &repo] {
        with("STONEKEEP_REPO", place, "verify --database app")
            .ok()
            .says(&db);
    }
    for line in [
        "verify app --level=checksum".to_owned(),
        format!("verify --level=checksum --repo {repo}"),
    ] {
        with("STONEKEEP_VERIFY_DATABASE", "app", &line)
            .ok()
            .says("looked at by checksum");
    }
}
