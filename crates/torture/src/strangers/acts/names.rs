//! Names that hurt who prints them, compares them, or makes paths of them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use rustix::fs::{Mode, OFlags, mkdirat, openat};

use super::ground::{Ground, content, write};
use crate::strangers::shot;

/// Names without a slash.
const NAMES: [&[u8]; 34] = [
    b"\x1b[31m\x1b]0;title\x07",
    b"line\nline",
    b"\r\x08\x7f",
    b"\xff\xfe\x80",
    b"\xc2\x9b2J",
    "\u{202e}gpj.\u{2066}tss".as_bytes(),
    b"...",
    b"-rf",
    b" ",
    b"a\\..\\b",
    b"%2e%2e%2f",
    b"CURRENT ",
    b"current",
    b"MANIFEST-18446744073709551615",
    b"MANIFEST-99999999999999999999",
    b"MANIFEST-",
    b"000000.sst",
    b"18446744073709551615.sst",
    b"99999999999999999999999.log",
    b"000012.SST",
    b"000012_0_0_0_0.sst",
    b"000012_s_18446744073709551615.sst",
    b"000012_sAAAAAAAAAAAAAAAAAAAA_0.sst",
    b"0",
    b"00001",
    b"-1",
    b"+1",
    b"4294967293",
    b"4294967294",
    b"4294967296",
    b"18446744073709551616",
    b"1.tmp",
    b"1-00000000",
    b"1-ffffffff.until",
];

/// A new file or directory with such a name, anywhere.
pub(super) fn hostile_name(ground: &mut Ground<'_>) -> Result<String> {
    let root = ground.root();
    let beside = ground.path_below(&root)?;
    let directory = beside.parent().context("no directory")?;
    let name = match ground.rng.u8(0..6) {
        0 => vec![b'n'; 255],
        1 => other_case(&beside),
        _ => ground.one_of(&NAMES).to_vec(),
    };
    let path = directory.join(OsStr::from_bytes(&name));
    if ground.rng.u8(0..4) == 0 {
        fs::create_dir(&path)?;
        fs::write(path.join("1"), b"1\n")?;
    } else {
        write(&path, content(&beside).unwrap_or_else(|_| b"1\n".to_vec()))?;
    }
    Ok(format!("the name {}", ground.shown(&path)))
}

fn other_case(path: &std::path::Path) -> Vec<u8> {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let upper = name.to_ascii_uppercase();
    if upper == name {
        name.to_ascii_lowercase()
    } else {
        upper
    }
}

/// How deep directories are: longer than a path may be.
const DEPTH: usize = 250;

/// Directories in directories.
pub(super) fn deep(ground: &mut Ground<'_>) -> Result<String> {
    let root = ground.root();
    let is_directory =
        |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|attributes| attributes.is_dir());
    let directories: Vec<PathBuf> = shot::paths(&root).into_iter().filter(is_directory).collect();
    let begin = directories.get(ground.rng.usize(0..directories.len().max(1)));
    let begin = begin.context("no directory")?.clone();
    let mut at = fs::File::open(&begin)?.into();
    for _ in 0..DEPTH {
        mkdirat(&at, "a directory in another", Mode::from(0o755))?;
        at = openat(&at, "a directory in another", OFlags::DIRECTORY, Mode::empty())?;
    }
    Ok(format!("{DEPTH} directories in {}", ground.shown(&begin)))
}
