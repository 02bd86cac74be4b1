//! Finds the configuration file, and refuses one that others could have written.
//!
//! The file names commands, so it counts only if the user who runs this, or root, owns it and nobody else may write it. That is
//! asked of the open descriptor, so that a file put in its place meanwhile is not read. As with sudo, the directories on the way
//! are not looked at: whoever can change those can put a file there, but not one that belongs to the user. The working directory
//! is never searched.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use stonekeep::{Error, IoContext, Result};

/// Where administrators put it.
const OF_MACHINE: &str = "/etc/stonekeep/config.toml";

/// Below the directory of the user's configuration.
const OF_USER: &str = "stonekeep/config.toml";

/// A longer file is refused.
const MAX_BYTES: u64 = 1 << 20;

/// A file that was found, with its text.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// The file that is named, else the first one that exists at the usual places; `None` without any.
pub(crate) fn find(named: Option<&Path>) -> Result<Option<Found>> {
    if let Some(path) = named {
        let missing = || {
            Error::not_found(format!("there is no configuration file {}", path.display()))
                .with_hint("--config and STONEKEEP_CONFIG name a file in TOML; see docs/configuration.md")
        };
        return Ok(Some(open(path)?.ok_or_else(missing)?));
    }
    for path in usual() {
        if let Some(found) = open(&path)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The same, for a command that needs one.
pub(crate) fn require(named: Option<&Path>) -> Result<Found> {
    find(named)?.ok_or_else(|| Error::not_found("there is no configuration file").with_hint(advice()))
}

/// What to do without a file.
pub(crate) fn advice() -> String {
    let places: Vec<String> = usual().iter().map(|path| path.display().to_string()).collect();
    format!("write {}, or name a file with --config", places.join(" or "))
}

/// The places that are searched, in this order.
fn usual() -> Vec<PathBuf> {
    let absolute = |name| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let of_user = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    let of_user = of_user.map(|directory| directory.join(OF_USER));
    of_user.into_iter().chain([OF_MACHINE.into()]).collect()
}

fn open(path: &Path) -> Result<Option<Found>> {
    // A FIFO without a writer would block the open.
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits();
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if is_absent(error.kind()) => return Ok(None),
        Err(error) => return Err(error).context("opening the configuration file", path),
    };
    check(&file, path)?;
    let text = text(&file, path)?;
    Ok(Some(Found {
        path: path.to_owned(),
        text,
    }))
}

fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn check(file: &File, path: &Path) -> Result<()> {
    let about = file
        .metadata()
        .context("reading the attributes of the configuration file", path)?;
    let path = path.display();
    if !about.is_file() {
        let what = if about.is_dir() {
            "a directory"
        } else {
            "no regular file"
        };
        return Err(Error::invalid(format!("the configuration file {path} is {what}")));
    }
    let user = geteuid().as_raw();
    if !is_trusted(about.uid(), user) {
        let owner = about.uid();
        return Err(Error::refused(format!(
            "the configuration file {path} belongs to user {owner}, not to the user who runs this ({user}) or to root"
        ))
        .with_hint(format!(
            "the file names commands that are run; if you trust it: chown {user} {path}"
        )));
    }
    if about.mode() & 0o022 != 0 {
        let mode = about.mode() & 0o7777;
        return Err(Error::refused(format!(
            "the configuration file {path} can be written by others (mode {mode:04o})"
        ))
        .with_hint(format!(
            "the file names commands that are run; if you trust it: chmod go-w {path}"
        )));
    }
    Ok(())
}

/// Whether what this owner writes may act for this user.
pub(super) fn is_trusted(owner: u32, user: u32) -> bool {
    owner == user || owner == 0
}

fn text(file: &File, path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .context("reading the configuration file", path)?;
    let path = path.display();
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::invalid(format!(
            "the configuration file {path} has more than {MAX_BYTES} bytes"
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::invalid(format!("the configuration file {path} is not UTF-8 (byte {at})"))
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn refusal(path: &Path) -> String {
        find(Some(path)).unwrap_err().to_string()
    }

    #[test]
    fn only_a_file_that_nobody_else_may_write_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        fs::write(&path, "[database]\n").unwrap();
        for (mode, reason) in [(0o664, "(mode 0664)"), (0o646, "(mode 0646)")] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(refusal(&path).contains(reason));
        }
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let found = find(Some(&path)).unwrap().unwrap();
        assert_eq!(found.text, "[database]\n");
        assert!(is_trusted(0, 1000) && is_trusted(1000, 1000) && !is_trusted(1001, 1000));
        assert!(!is_trusted(1000, 0));
    }

    #[test]
    fn what_is_no_text_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(refusal(directory.path()).ends_with("is a directory"));
        let path = directory.path().join("config.toml");
        assert!(refusal(&path).starts_with("there is no configuration file"));
        assert!(refusal(&path.join("below")).starts_with("there is no configuration file"));
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        assert!(refusal(&path).ends_with("is no regular file"));
        fs::remove_file(&path).unwrap();
        fs::write(&path, b"a = \"\xff\"").unwrap();
        assert!(refusal(&path).ends_with("is not UTF-8 (byte 5)"));
        File::create(&path).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert!(refusal(&path).ends_with("has more than 1048576 bytes"));
    }
}
