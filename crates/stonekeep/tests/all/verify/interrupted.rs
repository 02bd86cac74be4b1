//! A verification that is stopped says what it found before.

use std::sync::atomic::{AtomicU64, Ordering};

use stonekeep::engine::verify::{VerifyLevel, VerifyOptions, VerifyWhat};
use stonekeep::{BackupEngineReadOnly, BackupState, ErrorKind, InfoDetail, Observer, Progress};

use crate::support::scene::{Scene, memory, named, options, reader};
use crate::verify::basics::flip;

/// Asks for an end after so many files.
struct After {
    files: u64,
    done: AtomicU64,
}

impl Observer for After {
    fn progressed(&self, progress: &Progress) {
        self.done.fetch_max(progress.files_done, Ordering::Relaxed);
    }

    fn should_stop(&self) -> bool {
        self.done.load(Ordering::Relaxed) >= self.files
    }
}

#[test]
fn what_was_found_before_a_stop_is_in_the_error_and_remembered() {
    let (mut scene, store) = (Scene::new(), memory());
    scene.create(&store).unwrap();
    scene.change();
    scene.create(&store).unwrap();
    // Files are read in the order of their paths.
    let all: Vec<String> = named(&store, 2).into_iter().collect();
    let shared: Vec<&String> = all.iter().filter(|path| path.starts_with("shared")).collect();
    let private: Vec<&String> = all.iter().filter(|path| path.starts_with("private")).collect();
    flip(&store, private[0]);
    flip(&store, shared[shared.len() - 1]);
    let often = options().with_callback_trigger_interval_size_bytes(1);
    let engine = BackupEngineReadOnly::open(often, store.clone()).unwrap();
    let stop_after = |files: u64| {
        let observer = After {
            files,
            done: AtomicU64::new(0),
        };
        let stopped = engine.verify(VerifyWhat::All, &VerifyOptions::default(), &observer);
        let error = stopped.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stopped);
        error
    };
    let nothing = stop_after(0);
    assert_eq!(nothing.findings(), []);
    assert!(
        nothing.to_string().ends_with("nothing was found wrong before"),
        "{nothing}"
    );
    let count = (all.len() + named(&store, 1).len()) as u64;
    let error = stop_after(count - shared.len() as u64 - 1);
    let [finding] = error.findings() else {
        panic!("{error:?}");
    };
    assert_eq!(&finding.file, private[0]);
    assert!(finding.reason.ends_with(" (backup 2)"), "{finding}");
    assert!(
        error.to_string().ends_with("; 1 fault was found before"),
        "{error}"
    );
    let info = reader(&store).get_all_backup_info(InfoDetail::Sizes).unwrap();
    assert_eq!(info.backups[0].state, BackupState::Valid);
    assert_ne!(info.backups[1].state, BackupState::Valid);
    let whole = VerifyOptions::default().with_level(VerifyLevel::Checksum);
    let whole = reader(&store).verify(VerifyWhat::All, &whole, &stonekeep::Quiet);
    assert_eq!(whole.unwrap().findings.len(), 2);
}
