//! Recorded system calls are parsed and replayed correctly.

use std::path::{Path, PathBuf};
use std::process::Command;

use stonekeep_testkit::skip;
use stonekeep_testkit::syscall_trace::{self, Action, Disk, Files, Operation, Survivors};

/// Operations of one thread: each begins when the one before has ended.
fn replay(disk: &mut Disk, actions: Vec<Action>) {
    for (began, action) in actions.into_iter().enumerate() {
        disk.apply(&Operation { action, began }).unwrap();
    }
}

fn create(path: &str, content: &[u8]) -> Vec<Action> {
    let path = PathBuf::from(path);
    let (offset, bytes) = (0, content.to_vec());
    vec![
        Action::Create(path.clone()),
        Action::Write { path, offset, bytes },
    ]
}

fn found(disk: &Disk, survivors: Survivors, path: &str) -> Option<Vec<u8>> {
    let files = disk.after_power_failure(survivors);
    files
        .contents
        .get(Path::new(path))
        .map(|content| content.to_vec())
}

fn with_directories() -> Disk {
    let directories = ["a", "b"].map(PathBuf::from).into();
    Disk::new(&Files {
        directories,
        ..Files::default()
    })
}

#[test]
fn content_and_name_are_durable_each_for_itself() {
    let mut disk = with_directories();
    replay(&mut disk, create("a/file", b"content"));
    assert_eq!(found(&disk, Survivors::Nothing, "a/file"), None);
    assert_eq!(found(&disk, Survivors::Names, "a/file").unwrap(), b"");
    disk.begin_record();
    replay(&mut disk, vec![Action::SyncData("a/file".into())]);
    assert_eq!(found(&disk, Survivors::Nothing, "a/file"), None);
    assert_eq!(found(&disk, Survivors::Names, "a/file").unwrap(), b"content");
    disk.begin_record();
    replay(
        &mut disk,
        vec![Action::Sync("b".into()), Action::Sync("a".into())],
    );
    assert_eq!(found(&disk, Survivors::Nothing, "a/file").unwrap(), b"content");
}

#[test]
fn a_renamed_file_may_have_both_names_or_none_until_both_directories_are_synced() {
    let durable = || {
        let mut disk = with_directories();
        replay(&mut disk, create("a/file", b"content"));
        disk.begin_record();
        replay(&mut disk, vec![Action::SyncFileSystem("".into())]);
        disk.begin_record();
        let (from, to) = ("a/file".into(), "b/file".into());
        replay(&mut disk, vec![Action::Rename { from, to }]);
        disk.begin_record();
        disk
    };
    let names =
        |disk: &Disk| ["a/file", "b/file"].map(|path| found(disk, Survivors::Nothing, path).is_some());
    assert_eq!(names(&durable()), [true, false]);
    for (synced, left) in [("a", [false, false]), ("b", [true, true])] {
        let mut disk = durable();
        replay(&mut disk, vec![Action::Sync(synced.into())]);
        assert_eq!(names(&disk), left, "{synced} is synced");
    }
}

#[test]
fn a_sync_covers_what_had_ended_when_it_began() {
    let mut disk = with_directories();
    replay(&mut disk, create("a/file", b"content"));
    let action = Action::SyncFileSystem("".into());
    disk.apply(&Operation { action, began: 1 }).unwrap();
    assert_eq!(found(&disk, Survivors::Nothing, "a/file").unwrap(), b"");
}

#[test]
fn removals_and_new_names_survive_each_for_itself() {
    let mut disk = with_directories();
    replay(&mut disk, create("a/old", b"1"));
    disk.begin_record();
    replay(&mut disk, vec![Action::SyncFileSystem("".into())]);
    disk.begin_record();
    let mut actions = create("a/new", b"2");
    actions.push(Action::Unlink("a/old".into()));
    replay(&mut disk, actions);
    let names = |survivors| ["a/old", "a/new"].map(|path| found(&disk, survivors, path).is_some());
    assert_eq!(names(Survivors::Nothing), [true, false]);
    assert_eq!(names(Survivors::Names), [false, true]);
    assert_eq!(names(Survivors::Removals), [false, false]);
    assert_eq!(names(Survivors::Additions), [true, true]);
}

#[test]
fn what_a_command_does_is_recorded_and_replayed() {
    if let Some(reason) = syscall_trace::obstacle() {
        skip::because("what_a_command_does_is_recorded_and_replayed", &reason).unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    std::fs::write(root.join("before"), "1").unwrap();
    let mut disk = Disk::new(&syscall_trace::files_below(&root).unwrap());
    let script = "mkdir d; printf hello > d/a; printf ' you' | dd of=d/a oflag=seek_bytes seek=5 conv=notrunc,fsync; \
                  mv d/a d/b; ln d/b c; rm before; mkdir e; rmdir e; sync d";
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(&root);
    let recorded = syscall_trace::record(&command, &root).unwrap();
    assert!(recorded.output.status.success(), "{recorded:?}");
    for operation in &recorded.operations {
        disk.apply(operation).unwrap();
    }
    let there = syscall_trace::files_below(&root).unwrap();
    assert_eq!(disk.files(), there);
    assert_eq!(&*there.contents[Path::new("d/b")], b"hello you");
    // The directory d was synced, and its own name was not.
    assert_eq!(found(&disk, Survivors::Nothing, "d/b"), None);
    assert_eq!(found(&disk, Survivors::Additions, "d/b").unwrap(), b"hello you");
    assert_eq!(found(&disk, Survivors::Nothing, "before").unwrap(), b"1");
}
