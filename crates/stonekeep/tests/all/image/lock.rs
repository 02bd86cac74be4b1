//! Who holds a database's `LOCK`: other processes, this process, nobody.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{FlockOperation, fcntl_lock};
use stonekeep::image::lock::LockState;

/// Set in a child process: the database whose `LOCK` it takes, or asks about.
const TAKE: &str = "STONEKEEP_TEST_TAKE_LOCK_OF";
const ASK: &str = "STONEKEEP_TEST_ASK_ABOUT_LOCK_OF";

/// This test once more in a process of its own, which plays the part that `variable` names.
fn child(test: &str, variable: &str, database: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([&format!("image::lock::{test}"), "--exact", "--nocapture"])
        .env(variable, database)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until a child prints a line that ends in this word.
fn wait_for(child: &mut Child, word: &str) {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let found = lines.map_while(Result::ok).any(|line| line.ends_with(word));
    assert!(found, "the child said nothing of {word}");
}

/// Takes the lock as RocksDB does.
fn lock(database: &Path) -> File {
    let file = File::options().write(true).open(database.join("LOCK")).unwrap();
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
    file
}

fn database() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    File::create(path.join("LOCK")).unwrap();
    (directory, path)
}

#[test]
fn no_lock_file_and_no_holder_are_free() {
    let (_directory, path) = database();
    assert_eq!(LockState::of(&path).unwrap(), LockState::Free);
    assert_eq!(LockState::Free.holder(), None);
    fs::remove_file(path.join("LOCK")).unwrap();
    assert_eq!(LockState::of(&path).unwrap(), LockState::Free);
    assert_eq!(LockState::of(&path.join("absent")).unwrap(), LockState::Free);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "nothing was made");
}

#[test]
fn another_process_is_named() {
    if let Some(path) = std::env::var_os(TAKE) {
        let _held = lock(Path::new(&path));
        println!("held");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let (_directory, path) = database();
    let mut holder = child("another_process_is_named", TAKE, &path);
    wait_for(&mut holder, "held");
    fs::set_permissions(path.join("LOCK"), Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o555)).unwrap();

    let state = LockState::of(&path).unwrap();
    let LockState::HeldBy { pid, name } = &state else {
        panic!("{state:?}");
    };
    assert_eq!(*pid, Some(holder.id()));
    let name = name.as_deref().unwrap();
    assert!(!name.is_empty() && !name.contains('\n'), "{name:?}");
    assert_eq!(
        state.holder().unwrap(),
        format!("process {} ({name})", holder.id())
    );

    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert_eq!(LockState::of(&path).unwrap(), LockState::Free);
}

#[test]
fn an_own_lock_is_seen_and_not_lost() {
    if let Some(path) = std::env::var_os(ASK) {
        let held = LockState::of(Path::new(&path)).unwrap().holder().is_some();
        println!("{}", if held { "still-held" } else { "lost" });
        return;
    }
    let (_directory, path) = database();
    let held = lock(&path);
    let state = LockState::of(&path).unwrap();
    assert_eq!(state, LockState::HeldByThisProcess);
    assert_eq!(state.holder().as_deref(), Some("this process"));

    let mut other = child("an_own_lock_is_seen_and_not_lost", ASK, &path);
    wait_for(&mut other, "still-held");
    other.wait().unwrap();
    drop(held);
    assert_eq!(LockState::of(&path).unwrap(), LockState::Free);
}

#[test]
fn threads_that_ask_at_once_do_not_see_each_other() {
    let (_directory, path) = database();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(LockState::of(&path).unwrap(), LockState::Free);
                }
            });
        }
    });
}

#[test]
fn a_fifo_in_the_place_of_the_lock_does_not_block() {
    let (_directory, path) = database();
    fs::remove_file(path.join("LOCK")).unwrap();
    let made = Command::new("mkfifo").arg(path.join("LOCK")).status().unwrap();
    assert!(made.success());
    assert_eq!(LockState::of(&path).unwrap(), LockState::Free);
}

#[test]
fn the_message_names_what_is_known_of_the_lock_holder() {
    let held = |pid, name: Option<&str>| LockState::HeldBy {
        pid,
        name: name.map(str::to_owned),
    };
    assert_eq!(held(Some(7), None).holder().unwrap(), "process 7");
    assert_eq!(
        held(None, None).holder().unwrap(),
        "a process of another container or machine"
    );
}
