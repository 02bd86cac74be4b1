//! Servers that answer as S3 does, and a command that knows nothing of this machine's AWS settings.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use stonekeep_testkit::http_server::{Request, Response};
use tempfile::TempDir;

use crate::command::{Ended, stonekeep};

/// A home directory without AWS files, and variables.
pub(crate) struct Home {
    directory: TempDir,
    variables: BTreeMap<String, String>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Home {
            directory: tempfile::tempdir().unwrap(),
            variables: BTreeMap::new(),
        }
    }

    /// Sets a variable.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a key, a region and an endpoint in variables.
    pub(crate) fn with_server(self, endpoint: &str) -> Self {
        self.with("AWS_ENDPOINT_URL", endpoint)
            .with("AWS_ALLOW_HTTP", "true")
            .with("AWS_REGION", "eu-west-1")
            .with("AWS_ACCESS_KEY_ID", "the-key")
            .with("AWS_SECRET_ACCESS_KEY", "the-secret")
    }

    /// Writes a file, such as `.aws/config`.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The command with these variables and no others, but for the path of programs.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(stonekeep().get_program());
        command
            .env_clear()
            .env("TZ", "UTC")
            .env("HOME", self.directory.path());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.envs(&self.variables);
        command
    }

    pub(crate) fn run<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Ended {
        Ended::from(self.command().args(words).output().unwrap())
    }
}

/// Makes a file that can be run.
pub(crate) fn make_program(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A listing of nothing.
pub(crate) fn empty_listing() -> Response {
    Response::new(
        200,
        "<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>",
    )
}

/// An error as S3 answers it; to HEAD nothing but the status.
pub(crate) fn error(request: &Request, status: u16, code: &str, more: &str) -> Response {
    let body = match &*request.method {
        "HEAD" => String::new(),
        _ => format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>as the store says it</Message>{more}<RequestId>1</RequestId></Error>"
        ),
    };
    Response::new(status, body).with("Content-Type", "application/xml")
}

/// What a request was signed with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SignedWith {
    pub(crate) key: String,
    pub(crate) region: String,
    pub(crate) token: String,
}

/// `None` for a request without a signature.
pub(crate) fn signed_with(request: &Request) -> Option<SignedWith> {
    let percent = |text: &str| text.replace("%2F", "/").replace("%2f", "/");
    let in_query = |name: &str| {
        let (_, query) = request.target.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(key, _)| *key == name)
            .map(|(_, value)| percent(value))
    };
    let in_header = || {
        let (_, credential) = request.headers.get("authorization")?.split_once("Credential=")?;
        Some(credential.split(',').next()?.to_owned())
    };
    let credential = in_header().or_else(|| in_query("X-Amz-Credential"))?;
    let words: Vec<&str> = credential.split('/').collect();
    let token = request.headers.get("x-amz-security-token").cloned();
    Some(SignedWith {
        key: words.first()?.to_string(),
        region: words.get(2)?.to_string(),
        token: token
            .or_else(|| in_query("X-Amz-Security-Token"))
            .unwrap_or_default(),
    })
}

/// What the server at `http://HOST:PORT` answers to a request.
pub(crate) fn forwarded(server: &str, request: &Request) -> Response {
    let address = server.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    // A server answers HTTP/1.0 without chunks.
    let mut head = format!("{} {} HTTP/1.0\r\n", request.method, request.target);
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    stream.write_all(&request.body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut response = Response::new(status, &answer[end + 4..]);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let is_length = name.eq_ignore_ascii_case("content-length");
        if request.method == "HEAD" && is_length {
            // The body stands for its length.
            response.body = vec![0; value.parse().unwrap()];
        }
        let is_of_connection = ["connection", "transfer-encoding"]
            .iter()
            .any(|own| own.eq_ignore_ascii_case(name));
        if !is_length && !is_of_connection {
            response = response.with(name, value);
        }
    }
    response
}
