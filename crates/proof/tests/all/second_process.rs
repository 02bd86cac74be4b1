//! Runs this test program as a second process that opens a database.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use stonekeep_proof::oracle::{self, OpenOptions};

/// Names the database to the second process.
const DATABASE: &str = "STONEKEEP_PROOF_DATABASE";
/// The test that is the second process; in the first one it does nothing.
const TEST: &str = "second_process::the_second_process";

/// Another process that has a database open, until this is dropped.
pub(crate) struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        // Its end of the pipe closes, and it leaves; killing makes sure.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets another process open a database, if it can.
pub(crate) fn open(database: &Path) -> Result<Holder, String> {
    let child = Command::new(std::env::current_exe().unwrap())
        .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
        .env(DATABASE, database)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut holder = Holder(child);
    let lines = BufReader::new(holder.0.stdout.take().unwrap()).lines();
    let answer = lines
        .map(Result::unwrap)
        .find_map(|line| line.split_once("answer: ").map(|(_, answer)| answer.to_owned()));
    match answer.unwrap().as_str() {
        "open" => Ok(holder),
        error => Err(error.to_owned()),
    }
}

#[test]
fn the_second_process() {
    let Some(database) = std::env::var_os(DATABASE).map(PathBuf::from) else {
        return;
    };
    let opened = oracle::open(&database, &OpenOptions::default());
    let answer = match &opened {
        Ok(_) => "open".to_owned(),
        Err(error) => format!("{error:?}").replace('\n', " "),
    };
    println!("answer: {answer}");
    std::io::stdout().flush().unwrap();
    let mut end = String::new();
    std::io::stdin().read_line(&mut end).unwrap();
}
