//! Links, FIFOs, sockets, devices, directories and files, where something else is expected.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use anyhow::Result;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use super::ground::{Ground, directories, remove};

/// Names that are looked for, in the repository, the database and the target.
const LOOKED_FOR: [&str; 44] = [
    "repository/meta",
    "repository/meta/9",
    "repository/private",
    "repository/private/9",
    "repository/private/7.tmp",
    "repository/shared",
    "repository/shared_checksum",
    "repository/shared_checksum/stonekeep-staging",
    "repository/private/stonekeep-staging",
    "repository/LATEST_BACKUP",
    "repository/stonekeep",
    "repository/stonekeep/backups",
    "repository/stonekeep/ids",
    "repository/stonekeep/files",
    "repository/stonekeep/files/6",
    "repository/stonekeep/deleted",
    "repository/stonekeep/pins",
    "repository/stonekeep/holds",
    "repository/stonekeep/verified",
    "repository/stonekeep/verified/drill",
    "repository/stonekeep/latest",
    "repository/stonekeep/tmp",
    "repository/stonekeep/tmp/6",
    "repository/stonekeep/leases",
    "repository/stonekeep/runs",
    "repository/stonekeep/lock",
    "database/LOCK",
    "database/CURRENT",
    "database/IDENTITY",
    "database/archive",
    "database/conf",
    "database/notes",
    "database/LOG",
    "target/LOCK",
    "target/CURRENT",
    "target/IDENTITY",
    "target/archive",
    "target/notes",
    "target/.stonekeep-restore",
    "target/.stonekeep-restore/new",
    "target/.stonekeep-restore/old",
    "target/.stonekeep-restore/state",
    "target/.stonekeep-restore/lock",
    "scratch/stonekeep-drill-1",
];

/// In the place of something that is there.
pub(super) fn instead_of_something(ground: &mut Ground<'_>) -> Result<String> {
    let root = ground.root();
    let path = ground.path_below(&root)?;
    let what = put(ground, &path)?;
    Ok(format!("{what} in the place of {}", ground.shown(&path)))
}

/// Where something is looked for that may not be there.
pub(super) fn where_something_is_looked_for(ground: &mut Ground<'_>) -> Result<String> {
    let name = ground.one_of(&LOOKED_FOR);
    let path = ground.site.room(name);
    if let Some(above) = path.parent() {
        directories(&ground.site.base().join("room"), above)?;
    }
    let what = put(ground, &path)?;
    Ok(format!("{what} as {name}"))
}

/// Puts something special there.
fn put(ground: &mut Ground<'_>, path: &Path) -> Result<&'static str> {
    let outside = ground.site.outside();
    let kind = ground.rng.u8(0..17);
    if kind == 0 {
        let moved = ground.site.base().join("outside/moved");
        fs::rename(path, &moved)?;
        symlink(&moved, path)?;
        return Ok("a link to itself outside");
    }
    remove(path)?;
    let link = |to: &Path, what| symlink(to, path).map(|()| what);
    let node = |kind, (major, minor), what| {
        let made = mknodat(CWD, path, kind, Mode::from(0o666), makedev(major, minor));
        made.map(|()| what)
    };
    Ok(match kind {
        1 => link(&outside.join("secret"), "a link to a file")?,
        2 => link(&outside.join("deep"), "a link to a directory")?,
        3 => link(&outside, "a link to a directory")?,
        4 => link(&outside.join("absent"), "a dangling link")?,
        5 => link(&outside.join("absent/deeper"), "a dangling link")?,
        6 => link(path, "a link to itself")?,
        7 => link(Path::new(".."), "a link to its parent")?,
        8 => link(Path::new("/nowhere/deeper"), "a dangling link")?,
        9 => link(Path::new("/dev/zero"), "a link to a device")?,
        10 => link(Path::new("../../../outside/secret"), "a link through parents")?,
        11 => fs::hard_link(outside.join("linked/file"), path).map(|()| "a hard link")?,
        12 => UnixListener::bind(path).map(|_| "a socket")?,
        13 if ground.is_root => node(FileType::CharacterDevice, (1, 5), "a device without end")?,
        14 => fs::create_dir_all(path.join("000009.sst")).map(|()| "a directory")?,
        15 => fs::write(path, b"4294967295\n").map(|()| "a file")?,
        _ => node(FileType::Fifo, (0, 0), "a FIFO")?,
    })
}

/// Modes that nobody expects.
pub(super) fn another_mode(ground: &mut Ground<'_>) -> Result<String> {
    let root = ground.root();
    let path = ground.path_below(&root)?;
    let mode = ground.one_of(&[0, 0o111, 0o444, 0o222, 0o7777, 0o1000]);
    if !fs::symlink_metadata(&path)?.is_symlink() {
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
    }
    Ok(format!("the mode {mode:o} of {}", ground.shown(&path)))
}
