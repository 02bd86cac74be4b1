//! `demo`.

use std::path::Path;

use crate::command::line;
use crate::shape;

#[test]
fn the_demo_shows_every_step() {
    let ended = line("demo").ok();
    let ended = ended
        .says("$ stonekeep backup db --repo repo")
        .says("$ stonekeep restore latest")
        .says("damaged: ");
    let ended = ended.says("byte for byte");
    let directory = ended.stdout.split("Everything happens in ").nth(1).unwrap();
    let directory = directory.split(".\n").next().unwrap();
    assert!(!Path::new(directory).exists(), "{directory} is left");
}

#[test]
fn the_demo_can_be_kept_and_reported_as_json() {
    let document = line("demo --keep --json").ok().json();
    let expected = "directory: string, kept: bool, steps: [{title: string, command: null, exit_code: null, \
        output: string}], files_compared: number, identical: bool";
    shape::check(&document, "demo", expected);
    let directory = Path::new(document["directory"].as_str().unwrap());
    assert!(directory.join("restored/CURRENT").exists());
    std::fs::remove_dir_all(directory).unwrap();
}
