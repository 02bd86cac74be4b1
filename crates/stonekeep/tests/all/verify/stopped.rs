//! A verification ends soon after it was asked to, whatever it reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::{ErrorKind, Quiet};

use crate::support::scene::{Scene, key, memory, named, put, reader};

/// A MANIFEST that is read in hundreds of pieces.
const MANIFEST_BYTES: usize = 32 << 20;
/// How often it may be asked whether to stop; a small backup asks less often.
const PATIENCE: u32 = 100;

#[test]
fn the_reading_of_an_endless_manifest_ends_when_the_store_is_asked_to_stop() {
    let store = memory();
    Scene::new().create(&store).unwrap();
    let manifest = named(&store, 1)
        .into_iter()
        .find(|path| path.contains("MANIFEST"));
    let manifest = manifest.unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let stopped = store.with_stop(move || count.fetch_add(1, Ordering::Relaxed) >= PATIENCE);
    let verify = |level| reader(&stopped).verify_backups(VerifyWhat::All, level, &Quiet);
    verify(VerifyLevel::Deep).unwrap();
    assert!(asked.swap(0, Ordering::Relaxed) > 0);

    let mut bytes = store.read(&key(&manifest), 1 << 20).unwrap();
    bytes.resize(MANIFEST_BYTES, 0);
    put(&store, &manifest, &bytes);
    for level in [VerifyLevel::Size, VerifyLevel::Checksum, VerifyLevel::Deep] {
        asked.store(0, Ordering::Relaxed);
        assert_eq!(verify(level).unwrap_err().kind(), ErrorKind::Stopped, "{level:?}");
    }
}
