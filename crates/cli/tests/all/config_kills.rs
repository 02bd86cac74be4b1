//! `kill -9` while several databases are backed up: the same command goes on.

use rustix::process::Signal;

use crate::config::{Configured, TWO};
use crate::running::{Running, tables_below};

/// Starts a slow backup of all databases, and kills it when it has copied some tables of this one.
fn kill_during(configured: &Configured, database: &str) {
    let slow = "backup --all --backup-rate-limit 400000 --max-background-operations=1";
    let mut running = Running::start(configured.command(slow));
    let staged = configured.world.path(&format!("nas/{database}/stonekeep/tmp"));
    running.wait_until(|| tables_below(&staged) > 1);
    running.send(Signal::KILL);
    assert_eq!(running.end().code, None);
}

#[test]
fn what_a_kill_leaves_is_taken_up_by_the_same_command() {
    let mut configured = Configured::new(TWO);
    configured.world.database.add_tables(20, 20_000);
    configured.copy("db", "orders");
    kill_during(&configured, "app");
    assert!(
        configured.json("list app")["backups"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    kill_during(&configured, "orders");
    // The first database was done before the second one was begun.
    assert_eq!(configured.ids("app").len(), 1);
    configured.run("backup --all").ok();
    assert_eq!(
        (configured.ids("app"), configured.ids("orders")),
        (vec![1, 2], vec![1])
    );
    configured.run("verify --all --quiet").ok();
    configured.run("gc --all --quiet").ok();
    configured.run("verify --all --quiet").ok();
}
