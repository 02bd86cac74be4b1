//! Describes the machine of a measurement.

use std::fs;
use std::path::Path;

use anyhow::{Result, anyhow};
use serde::Serialize;

use crate::data::tables::{self, Tables};
use crate::scenario::MIB;

/// Everything that figures depend on, as far as a program can find it out.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) kernel: String,
    /// File system types: in memory, on disk.
    pub(crate) file_systems: [String; 2],
    /// How busy it was before, over one, five and fifteen minutes.
    pub(crate) load_before: String,
    pub(crate) rocksdb: String,
    /// Whether RocksDB was compiled to use the processor's own CRC-32C, as it says itself.
    pub(crate) rocksdb_fast_crc32c: String,
}

impl Machine {
    /// Looks around. `memory` and `disk` are directories to measure in.
    ///
    /// # Errors
    /// The lines of creating a small database, which say how RocksDB was compiled.
    pub(crate) fn look(memory: &Path, disk: &Path) -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let meminfo = read("/proc/meminfo");
        let kib = after(&meminfo, "MemTotal:").and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok());
        let mounts = read("/proc/self/mountinfo");
        let directory = memory.join("look");
        let log = log_of_a_database(&directory)?;
        crate::data::remove(&directory)?;
        let uname = rustix::system::uname();
        Ok(Machine {
            processor: after(&cpuinfo, "model name").unwrap_or("unknown").to_owned(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: kib.unwrap_or(0) * 1024,
            kernel: uname.release().to_string_lossy().into_owned(),
            file_systems: [memory, disk].map(|path| file_system(&mounts, path)),
            load_before: read("/proc/loadavg")
                .split(' ')
                .take(3)
                .collect::<Vec<_>>()
                .join(", "),
            rocksdb: in_log(&log, "RocksDB version: ")?,
            rocksdb_fast_crc32c: in_log(&log, "Fast CRC32 supported: ")?,
        })
    }
}

impl Machine {
    /// In words, up to a semicolon.
    pub(crate) fn sentence(&self) -> String {
        format!(
            "{} processors ({}), {:.0} GiB of memory, Linux {}, load before {}; in memory: {}, on disk: {}; \
             RocksDB {}, fast CRC-32C: {}; ",
            self.processors,
            self.processor,
            self.memory_bytes as f64 / (1024.0 * MIB),
            self.kernel,
            self.load_before,
            self.file_systems[0],
            self.file_systems[1],
            self.rocksdb,
            self.rocksdb_fast_crc32c,
        )
    }
}

/// How busy this machine was over the last minute.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split(' ').next().and_then(|load| load.parse().ok());
    first.unwrap_or(0.0)
}

fn log_of_a_database(directory: &Path) -> Result<String> {
    let tables = Tables {
        count: 1,
        bytes_each: 64 << 10,
    };
    tables::make(tables, directory)?;
    Ok(fs::read_to_string(directory.join("LOG"))?)
}

fn in_log(log: &str, label: &str) -> Result<String> {
    let line = log.lines().find_map(|line| line.split_once(label));
    let (_, value) = line.ok_or_else(|| anyhow!("RocksDB's info log does not say {label:?}"))?;
    Ok(value.trim().to_owned())
}

/// The text after a label and its colon.
fn after<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    Some(line.trim_start_matches([' ', '\t', ':']))
}

/// The type of the file system that a path lies on: that of the longest mount point above it (`proc_pid_mountinfo(5)`).
fn file_system(mounts: &str, path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let of_line = |line: &str| {
        let (front, back) = line.split_once(" - ")?;
        let point = front.split(' ').nth(4)?.to_owned();
        let kind = back.split(' ').next()?.to_owned();
        path.starts_with(&point).then_some((point.len(), kind))
    };
    let longest = mounts
        .lines()
        .filter_map(of_line)
        .max_by_key(|(length, _)| *length);
    longest.map_or_else(|| "unknown".to_owned(), |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_point_counts() {
        let mounts = "21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
                      25 21 0:22 / /nowhere/shm rw - tmpfs tmpfs rw,size=9k\n";
        assert_eq!(file_system(mounts, Path::new("/nowhere/shm/a")), "tmpfs");
        assert_eq!(file_system(mounts, Path::new("/nowhere/shmall")), "ext4");
    }

    #[test]
    fn this_machine_is_described() {
        let directory = tempfile::tempdir().unwrap();
        let machine = Machine::look(directory.path(), directory.path()).unwrap();
        assert!(machine.rocksdb.starts_with("11."), "{machine:?}");
        assert!(machine.rocksdb_fast_crc32c.contains("upported"), "{machine:?}");
        assert!(
            machine.memory_bytes > 0 && machine.file_systems[0] != "unknown",
            "{machine:?}"
        );
    }
}
