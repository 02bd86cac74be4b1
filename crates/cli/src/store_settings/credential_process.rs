//! Runs a command that prints credentials, in the format of `credential_process`.
//!
//! ```json
//! {"Version": 1, "AccessKeyId": "…", "SecretAccessKey": "…", "SessionToken": "…", "Expiration": "2026-11-30T00:00:00Z"}
//! ```
//!
//! `SessionToken` and `Expiration` may be missing.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde::Deserialize;
use stonekeep::store::remote::Credentials;

/// How long a command may take. Some ask a user for a code.
const LIMIT: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(10);

/// How much of its standard error a message shows.
const SHOWN_CHARS: usize = 300;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

/// Runs the command. What it prints is in no message.
pub(super) fn run(mut command: Command) -> Result<Credentials, String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "it is not installed".to_owned(),
        _ => format!("it cannot be started: {error}"),
    })?;
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let ended = wait(&mut child)?;
    let (stdout, stderr) = (
        stdout.join().unwrap_or_default(),
        stderr.join().unwrap_or_default(),
    );
    if !ended.success() {
        let why: String = String::from_utf8_lossy(&stderr)
            .trim()
            .chars()
            .take(SHOWN_CHARS)
            .collect();
        return Err(format!("it ended with {ended}: {why}"));
    }
    parse(&stdout)
}

/// Reads all that comes, while the command runs.
fn reader(from: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            // What is there so far is judged.
            drop(from.read_to_end(&mut bytes));
        }
        bytes
    })
}

fn wait(child: &mut Child) -> Result<std::process::ExitStatus, String> {
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(ended)) => return Ok(ended),
            Ok(None) if begun.elapsed() < LIMIT => thread::sleep(POLL),
            Ok(None) => {
                // It ends by itself otherwise.
                drop(child.kill());
                drop(child.wait());
                return Err(format!("it did not end within {} s", LIMIT.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Credentials, String> {
    // The position alone: the text may have a secret in it.
    let printed: Printed = serde_json::from_slice(bytes).map_err(|error| {
        format!(
            "it did not print the JSON of credentials (line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    if printed.version != 1 {
        return Err(format!("it printed version {}, and 1 is known", printed.version));
    }
    let mut credentials = Credentials::new(printed.access_key_id, printed.secret_access_key);
    if let Some(token) = printed.session_token.filter(|token| !token.is_empty()) {
        credentials = credentials.with_session_token(token);
    }
    if let Some(text) = printed.expiration {
        let end: Timestamp = text
            .parse()
            .map_err(|_| format!("its Expiration {text:?} is no time"))?;
        credentials = credentials.with_expiry(system_time(end));
    }
    Ok(credentials)
}

fn system_time(time: Timestamp) -> SystemTime {
    let since = Duration::from_secs(u64::try_from(time.as_second()).unwrap_or(0));
    SystemTime::UNIX_EPOCH + since
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Result<Credentials, String> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command)
    }

    #[test]
    fn what_a_command_prints_are_credentials() {
        let printed = sh(
            r#"echo '{"Version":1,"AccessKeyId":"i","SecretAccessKey":"s","SessionToken":"t","Expiration":"2030-01-01T00:00:00Z"}'"#,
        );
        let end: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        let expected = Credentials::new("i", "s")
            .with_session_token("t")
            .with_expiry(system_time(end));
        assert_eq!(printed, Ok(expected));
        let short = sh(r#"echo '{"Version":1,"AccessKeyId":"i","SecretAccessKey":"s"}'"#);
        assert_eq!(short, Ok(Credentials::new("i", "s")));
    }

    #[test]
    fn what_is_wrong_is_named_without_what_was_printed() {
        for (script, reason) in [
            ("echo a-secret", "did not print the JSON"),
            (
                r#"echo '{"Version":2,"AccessKeyId":"i","SecretAccessKey":"a-secret"}'"#,
                "version 2",
            ),
            (
                r#"echo '{"Version":1,"AccessKeyId":"i","SecretAccessKey":"a-secret","Expiration":"soon"}'"#,
                "\"soon\" is no time",
            ),
            ("echo a-secret; echo log in first >&2; exit 3", "log in first"),
        ] {
            let error = sh(script).unwrap_err();
            assert!(error.contains(reason) && !error.contains("a-secret"), "{error}");
        }
        let error = run(Command::new("/no/such/program")).unwrap_err();
        assert_eq!(error, "it is not installed");
    }
}
