//! Secrets by reference: what stands in the file is where they are.
//!
//! ```toml
//! aws_access_key_id = { env = "BACKUP_KEY_ID" }
//! aws_secret_access_key = { file = "/run/secrets/backup-key" }
//! aws_session_token = { command = ["pass", "show", "backup/token"] }
//! ```

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

use super::problem::Problem;
use super::table::{Reader, Value};
use crate::process::{self, Process};

/// How long a command may take. Some ask a user for a code.
const LIMIT: Duration = Duration::from_secs(60);

/// A longer secret is refused.
const MAX_BYTES: u64 = 64 << 10;

const KEYS: [&str; 3] = ["env", "file", "command"];

/// A value, or where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// The value itself.
    Literal(String),
    /// In an environment variable.
    Variable(String),
    /// In a file, without the end of its last line.
    File(PathBuf),
    /// What a command prints, without the end of its last line.
    Command(Vec<String>),
}

impl Reference {
    pub(super) fn read<'t>(reader: &mut Reader<'t>, value: &Value<'t>, what: &str) -> Option<Self> {
        let at = reader.at(value.span());
        let table = match value.get_ref() {
            DeValue::Table(table) => table,
            DeValue::String(text) => return Some(Reference::Literal(text.to_string())),
            DeValue::Integer(number) => return Some(Reference::Literal(number.as_str().to_owned())),
            DeValue::Boolean(it) => return Some(Reference::Literal(it.to_string())),
            _ => {
                let message = format!("{what} must be a string or a reference");
                reader.problem(Problem::new(at, message).with_hint(FORMS));
                return None;
            }
        };
        let mut found = None;
        for (key, value) in table {
            let part = format!("{what}.{}", key.get_ref());
            let one = match &**key.get_ref() {
                "env" => reader
                    .string(value, &part)
                    .map(|name| Reference::Variable(name.to_owned())),
                "file" => reader.path(value, &part).map(Reference::File),
                "command" => reader.command(value, &part).map(Reference::Command),
                other => {
                    reader.unknown(key.span(), (other, what), KEYS);
                    return None;
                }
            };
            if found.replace(one?).is_some() {
                reader.problem(Problem::new(at, format!("{what} has two references")).with_hint(FORMS));
                return None;
            }
        }
        if found.is_none() {
            reader.problem(Problem::new(at, format!("{what} is an empty reference")).with_hint(FORMS));
        }
        found
    }

    /// The value. An error names where it should be, never a part of it.
    pub(crate) fn resolve(&self) -> Result<String, String> {
        let text = match self {
            Reference::Literal(text) => return Ok(text.clone()),
            Reference::Variable(name) => {
                let value = std::env::var_os(name).ok_or(format!("the variable {name} is not set"))?;
                value
                    .into_string()
                    .map_err(|_| format!("the variable {name} is not UTF-8"))?
            }
            Reference::File(path) => of_file(path).map_err(|why| format!("{}: {why}", path.display()))?,
            Reference::Command(words) => of_command(words).map_err(|why| format!("{}: {why}", words[0]))?,
        };
        if text.is_empty() {
            return Err(format!("{} is empty", self.shown()));
        }
        Ok(text)
    }

    /// For people: where the value is. A literal is shown, so it must be no secret.
    pub(crate) fn shown(&self) -> String {
        match self {
            Reference::Literal(text) => text.clone(),
            Reference::Variable(name) => format!("the variable {name}"),
            Reference::File(path) => format!("the file {}", path.display()),
            Reference::Command(words) => format!("the command {}", words[0]),
        }
    }
}

/// How references are written.
pub(super) const FORMS: &str =
    "write { env = \"VARIABLE\" }, { file = \"/path\" } or { command = [\"program\", \"argument\"] }";

fn of_file(path: &Path) -> Result<String, String> {
    // A FIFO without a writer would block the open.
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path)
        .map_err(|error| error.to_string())?;
    let about = file.metadata().map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("is no regular file".to_owned());
    }
    if about.mode() & 0o027 != 0 {
        let mode = about.mode() & 0o7777;
        return Err(format!(
            "a file with a secret must not be readable by all or writable by others (mode {mode:04o}): chmod o-rwx,g-w"
        ));
    }
    let mut bytes = Vec::new();
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    value_of(bytes)
}

fn of_command(words: &[String]) -> Result<String, String> {
    let ended = Process::new(words, LIMIT)
        .keeping(MAX_BYTES as usize + 1)
        .run()
        .map_err(|error| error.to_string())?;
    match ended.how {
        process::How::Exited(0) => value_of(ended.stdout),
        how => Err(format!("the command {how}")),
    }
}

/// The text without the end of its last line.
fn value_of(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("has more than {MAX_BYTES} bytes"));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn command(script: &str) -> Result<String, String> {
        Reference::Command(["sh", "-c", script].map(str::to_owned).to_vec()).resolve()
    }

    #[test]
    fn a_command_gives_what_it_prints_and_no_error_has_it() {
        assert_eq!(command("echo a-secret"), Ok("a-secret".to_owned()));
        assert_eq!(command("printf 'two\\nlines\\r\\n'"), Ok("two\nlines".to_owned()));
        for (script, reason) in [
            (
                "echo a-secret; echo a-secret >&2; exit 3",
                "ended with exit code 3",
            ),
            ("kill -9 $$", "was ended by signal 9"),
            ("true", "is empty"),
            ("printf '\\377a-secret'", "is not UTF-8"),
            ("head -c 70000 /dev/zero", "has more than 65536 bytes"),
        ] {
            let error = command(script).unwrap_err();
            assert!(error.contains(reason), "{script}: {error}");
            assert!(!error.contains("a-secret") || reason == "is empty", "{error}");
        }
        let absent = Reference::Command(vec!["/no/such/program".to_owned()]);
        assert!(absent.resolve().unwrap_err().contains("/no/such/program"));
    }

    #[test]
    fn a_file_that_all_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, "a-secret\n").unwrap();
        let resolve = || Reference::File(path.clone()).resolve();
        for (mode, is_fine) in [(0o600, true), (0o640, true), (0o644, false), (0o660, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(resolve().is_ok(), is_fine, "{mode:o}");
        }
        assert!(resolve().unwrap_err().contains("chmod"));
        assert!(Reference::File("/no/such/file".into()).resolve().is_err());
        assert!(
            Reference::File("/".into())
                .resolve()
                .unwrap_err()
                .contains("regular")
        );
        let unset = Reference::Variable("STONEKEEP_TEST_UNSET".to_owned());
        assert!(unset.resolve().unwrap_err().contains("is not set"));
    }
}
