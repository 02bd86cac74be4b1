//! This test program, run once more as another process that holds something.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use stonekeep::Observer;
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;

/// Names the repository to the second process.
pub(crate) const REPOSITORY: &str = "STONEKEEP_TEST_REPOSITORY";

/// Another process that holds something until it is killed, which it is at the latest when this is dropped.
pub(crate) struct Holder(Child);

impl Holder {
    /// Runs this test in another process, and waits until it says what it holds.
    pub(crate) fn start(test: &str, repository: &Path) -> (Holder, String) {
        let child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(REPOSITORY, repository)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut holder = Holder(child);
        let lines = BufReader::new(holder.0.stdout.take().unwrap()).lines();
        let held = lines
            .map(Result::unwrap)
            .find_map(|line| line.split_once("holding ").map(|(_, what)| what.to_owned()));
        (holder, held.expect("the other process ended too early"))
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Kills another process when it is asked for the third time whether to stop: who asks so often is waiting for it.
pub(crate) struct KilledWhileAsked {
    holder: Mutex<Option<Holder>>,
    asked: AtomicU32,
}

impl KilledWhileAsked {
    pub(crate) fn new(holder: Holder) -> Self {
        KilledWhileAsked {
            holder: Mutex::new(Some(holder)),
            asked: AtomicU32::new(0),
        }
    }

    /// Never says to stop.
    pub(crate) fn ask(&self) -> bool {
        if self.asked.fetch_add(1, Ordering::SeqCst) == 2
            && let Some(holder) = self.holder.lock().unwrap().take()
        {
            holder.kill();
        }
        false
    }

    pub(crate) fn is_done(&self) -> bool {
        self.holder.lock().unwrap().is_none()
    }
}

impl Observer for KilledWhileAsked {
    fn should_stop(&self) -> bool {
        self.ask()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // After `kill`, both only say that it is over.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// In the second process: says what is held, and waits to be killed.
pub(crate) fn hold<T>(what: &str, _held: T) -> ! {
    println!("holding {what}");
    std::io::stdout().flush().unwrap();
    loop {
        std::thread::park();
    }
}

/// In the second process: the repository that it was given.
pub(crate) fn store_of_second_process() -> Option<Store> {
    std::env::var_os(REPOSITORY).map(|path| LocalStore::new(path).into())
}
