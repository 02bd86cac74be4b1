//! Backups that read the same file, in every order: each gets all bytes, none waits for ever, and in the end nothing is kept.

use std::fs;

use shuttle::thread;

use super::*;
use crate::sync::in_every_order;

#[test]
fn each_backup_gets_all_bytes_and_nothing_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path: Arc<Path> = directory.path().join("000007.sst").into();
    let content: Vec<u8> = (0..PIECE_BYTES + 5).map(|at| (at % 251) as u8).collect();
    fs::write(&path, &content).unwrap();
    let content = Arc::new(content);
    in_every_order(move || {
        let reads = Arc::<SharedReads>::default();
        let shares = [0, 1, 2].map(|number| Arc::new(Share::new(&reads, number)));
        shares.iter().for_each(|share| share.announce(&path));
        let threads = shares.map(|share| {
            let (path, content) = (Arc::clone(&path), Arc::clone(&content));
            thread::spawn(move || {
                let file = Arc::new(File::open(&path).unwrap());
                let mut all = Vec::new();
                let mut reader = share.reader(path.to_path_buf(), file, Arc::default(), 0);
                reader.read_to_end(&mut all).unwrap();
                assert!(all == *content);
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let pieces = reads.lock();
        assert!(pieces.kept.is_empty() && pieces.readers.is_empty());
    });
}
