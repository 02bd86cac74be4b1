//! Finds mount points on which nothing is mounted, so that a repository is not made on the disk below.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use stonekeep::{Error, Result};

/// Where file systems are meant to be mounted.
const FSTAB: &str = "/etc/fstab";
/// Where they are mounted now.
const MOUNTINFO: &str = "/proc/self/mountinfo";

/// Refuses to make a repository at a mount point, or below one, while nothing is mounted there: the disk that the
/// repository is on, or is meant to be on, is missing.
pub(crate) fn check_mounted(repo: &Path) -> Result<()> {
    let Some(point) = missing_disk(repo).filter(|_| is_absent_or_empty(repo)) else {
        return Ok(());
    };
    Err(Error::refused(format!(
        "there is no repository at {}, and {} is a mount point of /etc/fstab that nothing is mounted on",
        repo.display(),
        point.display()
    ))
    .with_hint(format!("mount {} first", point.display())))
}

/// The mount point at this place or above it that nothing is mounted on.
pub(crate) fn missing_disk(repo: &Path) -> Option<PathBuf> {
    unmounted_above(&real_path(repo))
}

/// The path without links, as far as it exists.
fn real_path(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real_path(parent).join(name),
        _ => path.to_owned(),
    })
}

/// The mount point of `/etc/fstab` at or above this path that nothing is mounted on, if there is one. None where
/// the system's files cannot be read.
fn unmounted_above(resolved: &Path) -> Option<PathBuf> {
    let fstab = fs::read_to_string(FSTAB).ok()?;
    let meant = meant(&fstab, resolved);
    if meant.is_empty() {
        return None;
    }
    let mountinfo = fs::read_to_string(MOUNTINFO).ok()?;
    unmounted(meant, &mountinfo)
}

/// Whether there is nothing at this path, or a directory with nothing in it.
fn is_absent_or_empty(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

/// The mount points at or above this path, the nearest first. Something is mounted on the root.
fn meant<'p>(fstab: &str, resolved: &'p Path) -> Vec<&'p Path> {
    let points: Vec<PathBuf> = fstab
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| field(line, 1))
        .collect();
    let is_point = |place: &&Path| points.iter().any(|point| point == place);
    let below_the_root = |place: &&Path| place.parent().is_some();
    resolved
        .ancestors()
        .filter(below_the_root)
        .filter(is_point)
        .collect()
}

/// The first of these that nothing is mounted on.
fn unmounted(meant: Vec<&Path>, mountinfo: &str) -> Option<PathBuf> {
    let mounted: Vec<PathBuf> = mountinfo.lines().filter_map(|line| field(line, 4)).collect();
    let is_mounted = |place: &&Path| mounted.iter().any(|point| point == place);
    meant
        .into_iter()
        .find(|place| !is_mounted(place))
        .map(Path::to_owned)
}

/// A field of a line, with the octal escapes of fstab(5) and proc(5) read.
fn field(line: &str, index: usize) -> Option<PathBuf> {
    let raw = line.split_ascii_whitespace().nth(index)?;
    let mut text = String::new();
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 4);
        let code = code.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        // Only characters that separate are escaped, all of them ASCII.
        match code.filter(u8::is_ascii) {
            Some(byte) => {
                text.push(char::from(byte));
                rest = &rest[at + 4..];
            }
            None => {
                text.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    text.push_str(rest);
    Some(PathBuf::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FSTAB: &str = "\
# the backup disk
UUID=1  /            ext4  defaults  0 1
UUID=2  /mnt/backup/ xfs   defaults  0 2
UUID=3  /mnt/my\\040disk ext4 noauto 0 2
  #UUID=4 /mnt/comment ext4 defaults 0 2
UUID=5  none         swap  sw        0 0
";
    const MOUNTINFO: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 8:2 / /srv rw,relatime shared:2 - ext4 /dev/sda2 rw
";

    fn find(path: &str, mountinfo: &str) -> Option<PathBuf> {
        unmounted(meant(FSTAB, Path::new(path)), mountinfo)
    }

    #[test]
    fn a_mount_point_with_nothing_on_it_is_found_from_below() {
        let point = Some(PathBuf::from("/mnt/backup/"));
        for path in [
            "/mnt/backup",
            "/mnt/backup/",
            "/mnt/backup/repo",
            "/mnt/backup/a/b",
        ] {
            assert_eq!(find(path, MOUNTINFO), point, "{path}");
        }
        assert_eq!(find("/mnt/my disk/x", MOUNTINFO), Some("/mnt/my disk".into()));
    }

    #[test]
    fn a_directory_that_is_not_mounted_is_no_mount_point() {
        for path in [
            "/",
            "/srv/repo",
            "/mnt",
            "/mnt/backup2",
            "/mnt/comment/x",
            "/none",
        ] {
            assert_eq!(find(path, MOUNTINFO), None, "{path}");
        }
    }

    #[test]
    fn a_mounted_directory_is_a_mount_point() {
        let mounted = format!(
            "{MOUNTINFO}24 22 8:3 / /mnt/backup rw - xfs /dev/sdb rw\n25 22 8:4 / /mnt/my\\040disk rw - ext4 /dev/sdc rw\n"
        );
        assert_eq!(find("/mnt/backup/repo", &mounted), None);
        assert_eq!(find("/mnt/my disk", &mounted), None);
    }

    #[test]
    fn malformed_lines_are_skipped() {
        let malformed = "\n\\\n/dev/x \\9\n/dev/x /a\\\n";
        assert!(meant(malformed, Path::new("/a")).is_empty());
        let with_one = format!("{malformed}/dev/y /a\n");
        let unmounted = unmounted(meant(&with_one, Path::new("/a")), "1\n\n");
        assert_eq!(unmounted, Some("/a".into()));
    }
}
