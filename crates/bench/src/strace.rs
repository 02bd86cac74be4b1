//! Counts the system calls in the output of `strace -f`.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::measure::{BEGIN, END};

/// System calls between begin and end of the measured work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// All of them.
    pub(crate) calls: u64,
    /// Those that wait for a disk: `fsync`, `fdatasync`, `syncfs`, `sync`, `msync`.
    pub(crate) flushes: u64,
    /// Tables that were opened for reading, wherever they lie.
    pub(crate) tables_opened: u64,
    /// By name.
    pub(crate) by_name: BTreeMap<String, u64>,
}

const FLUSHES: [&str; 5] = ["fsync", "fdatasync", "syncfs", "sync", "msync"];

/// Counts the calls in a log: each line begins with the number of a process, and a call that others interrupted has a
/// second line that begins with `<...`.
pub(crate) fn counts(log: &str) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut lines = log.lines();
    ensure!(
        lines.any(|line| line.contains(BEGIN)),
        "strace saw no begin of the work"
    );
    for line in lines {
        if line.contains(END) {
            return Ok(counts);
        }
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let Some((name, arguments)) = call.split_once('(') else {
            continue;
        };
        if !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            counts.add(name, arguments);
        }
    }
    anyhow::bail!("strace saw no end of the work")
}

impl Counts {
    fn add(&mut self, name: &str, arguments: &str) {
        self.calls += 1;
        self.flushes += u64::from(FLUSHES.contains(&name));
        let opens = matches!(name, "open" | "openat" | "openat2");
        let for_reading = arguments.contains("O_RDONLY") && arguments.contains(".sst\"");
        self.tables_opened += u64::from(opens && for_reading && !arguments.contains("ENOENT"));
        *self.by_name.entry(name.to_owned()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"
100 openat(AT_FDCWD, "/db/000001.sst", O_RDONLY|O_CLOEXEC) = 3
100 access("stonekeep-bench/begin", F_OK) = -1 ENOENT (No such file or directory)
100 openat(AT_FDCWD, "/db/000002.sst", O_RDONLY|O_CLOEXEC) = 3
101 openat(AT_FDCWD, "/db/000003.sst", O_RDONLY|O_CLOEXEC <unfinished ...>
100 openat(AT_FDCWD, "/db/000004.sst", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)
101 <... openat resumed>) = 4
101 openat(5, "000003.sst", O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0644) = 6
101 fdatasync(6) = 0
101 exit(0)                           = ?
101 +++ exited with 0 +++
100 fsync(7 <unfinished ...>
100 <... fsync resumed>) = 0
100 access("stonekeep-bench/end", F_OK) = -1 ENOENT (No such file or directory)
100 fsync(7) = 0
"#;

    #[test]
    fn calls_between_the_marks_are_counted() {
        let counts = counts(LOG).unwrap();
        assert_eq!((counts.calls, counts.flushes, counts.tables_opened), (7, 2, 2));
        assert_eq!(counts.by_name["openat"], 4);
    }

    #[test]
    fn a_log_without_marks_is_no_count() {
        assert!(counts("100 fsync(7) = 0\n").is_err());
        assert!(counts(LOG.split("100 fsync").next().unwrap()).is_err());
    }
}
