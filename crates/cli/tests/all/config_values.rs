//! Where the values of options come from, and how they are shown.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::command::Ended;
use crate::config::{Configured, TWO};
use crate::world::World;

#[test]
fn options_come_from_the_line_then_variables_then_the_file() {
    let configured = Configured::new(&format!(
        "{TWO}
        [defaults.backup]
        tag = \"default\"
        app-metadata = \"default\"
        force = true
        [repository.nas.backup]
        app-metadata = \"repository\"
        lock-wait = 30
        [database.app.backup]
        tag = [\"a\", \"b\"]
        sync = false
        [database.app.retention]
        keep = 1
        "
    ));
    let tags = |line: &str, variables: &[(&str, &str)]| {
        let mut command = configured.command(line);
        command.envs(variables.iter().copied());
        Ended::from(command.output().unwrap()).ok();
        let backup = configured.json("show app")["backup"].clone();
        (backup["tags"].clone(), backup["app_metadata"].clone())
    };
    assert_eq!(tags("backup app", &[]), (json!(["a", "b"]), json!("repository")));
    let general = ("STONEKEEP_TAG", "v 1\nw");
    assert_eq!(tags("backup app", &[general]).0, json!(["v 1", "w"]));
    let own = ("STONEKEEP_BACKUP_TAG", "own");
    assert_eq!(tags("backup app", &[general, own]).0, json!(["own"]));
    assert_eq!(tags("backup app --tag line", &[general, own]).0, json!(["line"]));
    let empty = ("STONEKEEP_BACKUP_TAG", "");
    assert_eq!(tags("backup app", &[empty]).0, json!(["a", "b"]));
    let file = configured.world.word("metadata");
    fs::write(&file, "from a file").unwrap();
    let line = format!("backup app --app-metadata-file {file}");
    assert_eq!(tags(&line, &[]).1, json!("from a file"));
    configured.run("purge app").ok();
    assert_eq!(configured.ids("app").len(), 1);
    configured.run("backup orders").ok();
    configured.run("backup orders").ok();
    configured.run("purge orders").code(2).warns("--keep");
}

#[test]
fn variables_are_options_without_a_file_too() {
    let world = World::with_two_backups();
    let list = |name: &str, value: &str| {
        let mut command = world.command();
        command.env(name, value).arg("list");
        Ended::from(command.output().unwrap())
    };
    assert_eq!(list("STONEKEEP_JSON", "yes").ok().json()["backups"][1]["id"], 2);
    list("STONEKEEP_TAG", "second").ok().says("1 backup selected");
    list("STONEKEEP_BACKUP_TAG", "none").ok().says("2 backups");
    list("STONEKEEP_LOCK_WAIT", "soon").ok();
    list("STONEKEEP_BEFORE", "soon")
        .code(2)
        .warns("the environment variable STONEKEEP_BEFORE: a time is");
    let mut command = world.command();
    command
        .env("STONEKEEP_DRY_RUN", "true")
        .args(["backup", world.db()]);
    Ended::from(command.output().unwrap())
        .ok()
        .says("nothing was changed");
    let mut command = world.command();
    command
        .env("STONEKEEP_BACKUP_RATE_LIMIT", "often")
        .args(["backup", world.db(), "--json"]);
    let ended = Ended::from(command.output().unwrap()).code(2);
    let message = ended.json()["error"]["message"].to_string();
    assert!(message.contains("STONEKEEP_BACKUP_RATE_LIMIT"), "{message}");
}

#[test]
fn secrets_are_looked_up_and_not_shown() {
    let configured = Configured::new(&format!(
        "{TWO}
        [repository.offsite]
        url = \"s3://bucket/x\"
        [repository.offsite.store-option]
        aws_region = \"r\"
        aws_access_key_id = {{ env = \"KEY_OF_TEST\" }}
        aws_secret_access_key = {{ command = [\"sh\", \"-c\", \"printf a-%s secret; exit $CODE\"] }}
        aws_session_token = {{ file = \"@/token\" }}
        [database.far]
        path = \"@/db\"
        repository = \"offsite\"
        "
    ));
    let token = configured.world.path("token");
    fs::write(&token, "a-secret\n").unwrap();
    let run = |line: &str, code: &str| {
        let mut command = configured.command(line);
        command.env("KEY_OF_TEST", "a-secret").env("CODE", code);
        let ended = Ended::from(command.output().unwrap());
        assert!(
            !ended.stdout.contains("a-secret") && !ended.stderr.contains("a-secret"),
            "{ended:#?}"
        );
        ended
    };
    fs::set_permissions(&token, Permissions::from_mode(0o644)).unwrap();
    run("config check", "3")
        .code(1)
        .says("aws_secret_access_key has no value: sh: the command ended with exit code 3")
        .says("aws_session_token has no value: ")
        .says("chmod");
    run("list far", "3")
        .code(1)
        .warns("aws_secret_access_key has no value");
    fs::set_permissions(&token, Permissions::from_mode(0o600)).unwrap();
    run("config check", "0")
        .ok()
        .says("3 databases, nothing is wrong");
    let file = configured.world.path("config.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("aws_region", "aws_regoin")).unwrap();
    run("config check", "0")
        .code(1)
        .says("repository.offsite: ")
        .says("aws_regoin");
    fs::write(&file, text).unwrap();
    run("config show far", "0").ok().says("the variable KEY_OF_TEST");
    run("config show --json", "0").ok();
    configured
        .run("config check")
        .code(1)
        .says("the variable KEY_OF_TEST is not set");
}

#[test]
fn what_counts_is_shown_with_its_origin() {
    let configured = Configured::new(&format!(
        "{TWO}[database.app.backup]\ntag = \"t\"\n[database.app.schedule]\nbackup-every = \"1d\"\n"
    ));
    let mut command = configured.command("config show app --json");
    command.env("STONEKEEP_LOCK_WAIT", "5m");
    let document = Ended::from(command.output().unwrap()).ok().json();
    let database = &document["databases"][0];
    assert_eq!(database["schedule"]["backup_every_seconds"], 86400);
    let repository = &database["repositories"][0];
    assert_eq!(repository["name"], "nas");
    let settings = repository["settings"].as_array().unwrap();
    let find = |command: &str, name: &str| {
        let is_it = |setting: &&Value| setting["command"] == command && setting["name"] == name;
        settings.iter().find(is_it).unwrap().clone()
    };
    let tag = find("backup", "tag");
    assert_eq!(
        (&tag["origin"], &tag["values"], &tag["line"]),
        (&json!("file"), &json!(["t"]), &json!(13))
    );
    let wait = find("purge", "lock-wait");
    assert_eq!(
        (&wait["origin"], &wait["from"]),
        (&json!("variable"), &json!("STONEKEEP_LOCK_WAIT"))
    );
    assert_eq!(find("backup", "sync")["origin"], "default");
    let text = configured.run("config show app").ok();
    text.says("backup --tag").says("config.toml:13:1");
    configured
        .run("config show ap")
        .code(4)
        .warns("did you mean app?");
    configured.run("config check --connect").ok();
    fs::remove_file(configured.world.path("orders/CURRENT")).unwrap();
    fs::remove_dir(configured.world.path("nas")).unwrap();
    fs::write(configured.world.path("nas"), "").unwrap();
    configured
        .run("config check --connect")
        .code(1)
        .says("there is no database in")
        .says("the repository of app cannot be opened");
}

#[test]
fn a_command_for_a_secret_is_run_once_also_if_it_fails() {
    let configured = Configured::new(
        "[repository.far]\nurl = \"s3://bucket/x\"\n\
         store-option = { aws_region = { command = [\"sh\", \"-c\", \"echo x >>@/count; echo here; exit $FAILS\"] } }\n\
         [database.app]\npath = \"@/db\"\nrepository = \"far\"\n\
         [database.orders]\npath = \"@/orders\"\nrepository = \"far\"\n",
    );
    let count = configured.world.path("count");
    for (line, fails, code) in [
        ("config check", "0", 0),
        ("config check", "1", 1),
        ("list --all", "1", 1),
    ] {
        let mut command = configured.command(line);
        let ended = Ended::from(command.env("FAILS", fails).output().unwrap()).code(code);
        assert_eq!(
            fs::read_to_string(&count).unwrap(),
            "x\n",
            "{line} {fails}: {ended:#?}"
        );
        fs::remove_file(&count).unwrap();
    }
}
