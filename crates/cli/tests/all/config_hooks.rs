//! Hooks and pings of a configuration file.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use stonekeep_testkit::http_server::{HttpServer, Response};

use crate::config::Configured;
use crate::running::{Running, tables_below};

/// A database with hooks. `log` is a command that writes its name, and what it is told, to a file.
fn with_hooks(hooks: &str) -> Configured {
    let text = format!(
        "[database.app]\npath = \"@/db\"\nrepository = \"@/repo\"\n[database.app.hooks]\n{}",
        hooks.replace(
            "log",
            "[\"sh\", \"-c\", \"echo $STONEKEEP_HOOK $STONEKEEP_DATABASE $STONEKEEP_VERB $STONEKEEP_EXIT_CODE $STONEKEEP_BACKUP_ID >>@/log; \
             cat >>@/input\"]"
        )
    );
    Configured::new(&text)
}

fn log(configured: &Configured) -> Vec<String> {
    let path = configured.world.path("log");
    let text = fs::read_to_string(&path).unwrap_or_default();
    drop(fs::remove_file(path));
    text.lines().map(str::to_owned).collect()
}

const ALL: &str = "before = log\nafter = log\non-failure = log\n";

#[test]
fn hooks_are_told_how_it_went() {
    let configured = with_hooks(ALL);
    configured.run("backup app").ok();
    assert_eq!(log(&configured), ["before app backup", "after app backup 0 1"]);
    let input = fs::read_to_string(configured.world.path("input")).unwrap();
    let documents: Vec<Value> = input
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(documents.len(), 2);
    for document in &documents {
        assert_eq!(
            (&document["stonekeep_json"], &document["command"]),
            (&json!(1), &json!("backup"))
        );
        assert_eq!(document["name"], "app");
    }
    assert_eq!(documents[0]["exit_code"], Value::Null);
    assert_eq!(
        (&documents[1]["exit_code"], &documents[1]["committed"]),
        (&json!(0), &json!(true))
    );

    let document = configured.json("backup app");
    assert_eq!(document["backup_id"], 2);
    let ran = |hook: &str| json!({ "hook": hook, "failed": false, "reason": null });
    assert_eq!(document["hooks"], json!([ran("before"), ran("after")]));
    assert_eq!(log(&configured).len(), 2);

    // Other commands, dry runs and paths have none.
    configured.run("backup app --dry-run").ok();
    configured.run("list app").ok();
    configured.run("backup ./db --repo ./repo").ok();
    assert_eq!(log(&configured), Vec::<String>::new());
}

#[test]
fn a_failed_command_runs_after_and_on_failure() {
    let configured = with_hooks(ALL);
    let current = configured.world.path("db/CURRENT");
    fs::rename(&current, configured.world.path("current")).unwrap();
    let ended = configured.run("backup app");
    let code = ended.code.unwrap();
    assert_ne!(code, 0);
    assert_eq!(
        log(&configured),
        [
            "before app backup",
            &format!("after app backup {code}"),
            &format!("on-failure app backup {code}")
        ]
    );
    let input = fs::read_to_string(configured.world.path("input")).unwrap();
    let last: Value = serde_json::from_str(input.lines().next_back().unwrap()).unwrap();
    assert_eq!(last["error"]["exit_code"], code);
}

#[test]
fn a_failing_before_stops_the_run() {
    let configured = with_hooks(
        "before = [\"sh\", \"-c\", \"echo no luck >&2; exit 7\"]\nafter = log\non-failure = log\n",
    );
    configured
        .run("backup app")
        .code(1)
        .warns("before: no luck")
        .warns("the hook before has failed, so backup was not begun: sh ended with exit code 7");
    assert!(!configured.world.path("repo").exists());
    assert_eq!(log(&configured), ["on-failure app backup 1"]);
    let document = configured.run("backup app --json").code(1).json();
    assert_eq!(document["error"]["kind"], "refused");
    assert_eq!(document["hooks"][0]["reason"], "sh ended with exit code 7");
}

#[test]
fn a_failing_after_fails_the_run_that_was_done() {
    let configured = with_hooks("after = [\"/no/such/program\"]\non-failure = log\n");
    configured
        .run("backup app")
        .code(1)
        .says("backup 1 of")
        .warns("the hook after has failed: /no/such/program cannot be run");
    assert_eq!(log(&configured), ["on-failure app backup 1 1"]);
    let document = configured.run("backup app --json").code(1).json();
    assert_eq!(
        (&document["committed"], &document["hooks"][0]["failed"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(
        document["error"]["message"]
            .as_str()
            .map(|text| text.starts_with("the hook after")),
        Some(true)
    );
    let configured = with_hooks("before = [\"false\"]\non-failure = [\"false\"]\n");
    configured
        .run("backup app")
        .code(1)
        .warns("warning: the hook on-failure has failed");
}

#[test]
fn hooks_that_do_not_end_or_do_not_listen_hold_nothing_up() {
    let hostile = [
        "sh\", \"-c\", \"trap '' TERM; while :; do sleep 0.1; done",
        "sh\", \"-c\", \"while :; do echo x; done",
        "sleep\", \"1000",
    ];
    for hook in hostile {
        let configured = with_hooks(&format!("before = [\"{hook}\"]\ntime-limit = \"1s\"\n"));
        let began = Instant::now();
        configured
            .run("backup app")
            .code(1)
            .warns("did not end within 1 s");
        assert!(began.elapsed() < Duration::from_secs(120));
    }
    for hook in [
        "sh\", \"-c\", \"sleep 3 & exit 0",
        "true",
        "sh\", \"-c\", \"head -c 3000000 /dev/zero",
    ] {
        let configured = with_hooks(&format!("before = [\"{hook}\"]\nafter = [\"{hook}\"]\n"));
        configured.run("backup app --quiet").ok();
    }
}

#[test]
fn a_signal_during_a_hook_ends_it_and_runs_after() {
    let configured = with_hooks(
        "before = [\"sh\", \"-c\", \"touch @/begun; sleep 1000\"]\nafter = log\non-failure = log\n",
    );
    let mut running = Running::start(configured.command("backup app"));
    running.wait_until(|| configured.world.path("begun").exists());
    running.send(Signal::INT);
    running
        .end()
        .code(130)
        .warns("stopped while the hook before was running");
    assert!(!configured.world.path("repo").exists());
    assert_eq!(log(&configured), ["on-failure app backup 130"]);

    let mut configured = with_hooks("before = log\nafter = log\n");
    configured.world.database.add_tables(1, 1_000);
    configured.world.database.add_tables(60, 100_000);
    let slow = "backup app --backup-rate-limit 20000 --max-background-operations=1";
    let mut running = Running::start(configured.command(slow));
    let staged = configured.world.path("repo/stonekeep/tmp");
    running.wait_until(|| tables_below(&staged) > 1);
    running.send(Signal::INT);
    running.end().code(130);
    assert_eq!(log(&configured), ["before app backup", "after app backup 130"]);
}

#[test]
fn general_hooks_are_for_every_database_unless_it_has_its_own() {
    let configured = Configured::new(
        r#"
        [hooks]
        after = ["sh", "-c", "echo $STONEKEEP_DATABASE $STONEKEEP_VERB $STONEKEEP_REPOSITORY >>@/log"]
        commands = ["verify", "backup"]
        [repository.nas]
        path = "@/nas"
        [database.app]
        path = "@/db"
        repository = "nas"
        [database.orders]
        path = "@/orders"
        repository = "nas"
        [database.orders.hooks]
        after = []
        "#,
    );
    configured.run("backup --all").ok();
    let place = configured.world.word("nas/app");
    assert_eq!(log(&configured), [format!("app backup {place}")]);
    configured.run("verify --all").ok();
    assert_eq!(log(&configured), [format!("app verify {place}")]);
    let document = configured.json("backup --all");
    assert_eq!(document["databases"][0]["hooks"][0]["hook"], "after");
    assert_eq!(document["databases"][1]["hooks"], Value::Null);
}

#[test]
fn a_backup_to_several_repositories_has_hooks_once() {
    let configured = Configured::new(
        r#"
        [database.app]
        path = "@/db"
        repository = ["@/one", "@/two"]
        [database.app.hooks]
        after = ["sh", "-c", "echo $STONEKEEP_REPOSITORY $STONEKEEP_BACKUP_ID >>@/log"]
        "#,
    );
    configured.run("backup ./db --repo ./one").ok();
    let ended = configured.run("backup --all").ok();
    assert!(ended.stdout.starts_with("app\n"), "{ended:#?}");
    let here = configured.world.word("");
    let here = here.trim_end_matches('/');
    assert_eq!(log(&configured), [format!("{here}/one {here}/two 2 1")]);
}

#[test]
fn pings_report_runs_and_their_failure_is_a_warning() {
    let server = HttpServer::start(|request| {
        Response::new(
            if request.target.contains("broken") {
                404
            } else {
                200
            },
            Vec::new(),
        )
    })
    .unwrap();
    let configured = with_hooks(&format!("ping-url = \"{}/secret-path\"\n", server.url()));
    configured.run("backup app").ok();
    fs::rename(
        configured.world.path("db/CURRENT"),
        configured.world.path("current"),
    )
    .unwrap();
    assert_ne!(configured.run("backup app").code, Some(0));
    fs::rename(
        configured.world.path("current"),
        configured.world.path("db/CURRENT"),
    )
    .unwrap();
    let seen: Vec<String> = server
        .requests()
        .iter()
        .map(|request| request.target.clone())
        .collect();
    assert_eq!(
        seen,
        [
            "/secret-path/start",
            "/secret-path",
            "/secret-path/start",
            "/secret-path/fail"
        ]
    );
    let configured = with_hooks(&format!(
        "ping-url = \"{}/broken-secret\"\nping-on = [\"success\"]\n",
        server.url()
    ));
    let ended = configured.run("backup app").ok();
    assert!(!ended.stderr.contains("secret"), "{ended:#?}");
    ended.warns("warning: 127.0.0.1 could not be told of the success: it answers 404");
    let document = configured.json("backup app");
    assert_eq!(document["hooks"][0]["hook"], "ping-success");
    assert_eq!(document["hooks"][0]["failed"], true);
}

#[test]
fn after_a_signal_no_other_database_is_begun() {
    let configured = Configured::new(
        "[database.app]\npath = \"@/db\"\nrepository = \"@/repo\"\n\
         [database.orders]\npath = \"@/orders\"\nrepository = \"@/other\"\n\
         [hooks]\nbefore = [\"sh\", \"-c\", \"echo before >>@/log\"]\n\
         after = [\"sh\", \"-c\", \"echo after >>@/log; exec sleep 5\"]\n\
         on-failure = [\"sh\", \"-c\", \"echo failed $STONEKEEP_DATABASE >>@/log\"]\n",
    );
    let mut running = Running::start(configured.command("backup --all --max-background-operations=1"));
    let path = configured.world.path("log");
    running.wait_until(|| fs::read_to_string(&path).is_ok_and(|log| log.contains("after")));
    running.send(Signal::TERM);
    let ended = running.end();
    assert!(ended.code != Some(0), "{ended:#?}");
    assert_eq!(
        log(&configured),
        ["before", "after", "failed app", "failed orders"]
    );
    assert!(!configured.world.path("other/meta/1").exists());
}
