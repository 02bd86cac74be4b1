//! Tells a web server that watches runs (a dead man's switch) that one began, went well or failed.
//!
//! `URL/start`, `URL` and `URL/fail` are asked for, as healthchecks.io and its like want it. The path of such a URL is a secret: no
//! message has it.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use crate::interrupt::Interrupt;

/// How long one try may take.
const LIMIT: Duration = Duration::from_secs(10);

const TRIES: usize = 3;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Start,
    Success,
    Failure,
}

impl Event {
    /// As the file names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Event::Start => "start",
            Event::Success => "success",
            Event::Failure => "failure",
        }
    }

    /// What is added to the path.
    fn suffix(self) -> &'static str {
        match self {
            Event::Start => "/start",
            Event::Success => "",
            Event::Failure => "/fail",
        }
    }
}

/// Whether it is the URL of a web server.
pub(crate) fn is_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Sends a ping; a failure comes with a short text. The error names the server, and nothing else of the URL.
pub(crate) fn send(url: &str, event: Event, text: &str, interrupt: &Interrupt) -> Result<(), String> {
    let mut url = Url::parse(url).map_err(|_| "the ping URL is no URL".to_owned())?;
    let path = format!("{}{}", url.path().trim_end_matches('/'), event.suffix());
    url.set_path(&path);
    let server = url.host_str().unwrap_or_default().to_owned();
    let (runtime, client) = client()?;
    let mut wrong = String::new();
    for number in 0..TRIES {
        if number > 0 {
            std::thread::sleep(PAUSE);
        }
        if number > 0 && interrupt.came() {
            break;
        }
        let request = match event {
            Event::Failure => client.post(url.clone()).body(text.to_owned()),
            _ => client.get(url.clone()),
        };
        match runtime.block_on(async { request.send().await }) {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => {
                wrong = format!("it answers {}", answer.status());
                if answer.status() == StatusCode::NOT_FOUND {
                    break;
                }
            }
            Err(error) => wrong = reason(&error),
        }
    }
    Err(format!(
        "{server} could not be told of the {}: {wrong}",
        event.name()
    ))
}

fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("it does not answer within {} s", LIMIT.as_secs());
    }
    // The text of the error has the URL; the innermost cause says what happened.
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if cause.is::<reqwest::Error>() {
        return "the request failed".to_owned();
    }
    cause.to_string()
}

/// One client for all pings of a run: reading the certificates of the system takes time.
fn client() -> Result<&'static (Runtime, Client), String> {
    static CLIENT: OnceLock<Option<(Runtime, Client)>> = OnceLock::new();
    let make = || {
        let runtime = Builder::new_current_thread().enable_all().build().ok()?;
        let agent = concat!("stonekeep/", env!("CARGO_PKG_VERSION"));
        let client = Client::builder().timeout(LIMIT).user_agent(agent).build().ok()?;
        Some((runtime, client))
    };
    CLIENT
        .get_or_init(make)
        .as_ref()
        .ok_or_else(|| "no web client can be made".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    use super::*;

    /// Answers so many requests with a status each, and gives their first lines with their bodies.
    fn server(statuses: &'static [u16]) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/secret?key=1", listener.local_addr().unwrap());
        let serve = move || {
            let mut seen = Vec::new();
            for status in statuses {
                let mut stream = listener.accept().unwrap().0;
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut first, mut length) = (String::new(), 0);
                reader.read_line(&mut first).unwrap();
                let mut line = String::new();
                while reader.read_line(&mut line).unwrap() > 2 {
                    if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                        length = number.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                seen.push(format!("{} {}", first.trim(), String::from_utf8(body).unwrap()));
                write!(
                    stream,
                    "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                )
                .unwrap();
            }
            seen
        };
        (url, thread::spawn(serve))
    }

    #[test]
    fn each_event_has_its_url() {
        let interrupt = Interrupt::default();
        let (url, requests) = server(&[200, 503, 200, 200]);
        for event in [Event::Start, Event::Success, Event::Failure] {
            send(&url, event, "exit code 3", &interrupt).unwrap();
        }
        assert_eq!(
            requests.join().unwrap(),
            [
                "GET /secret/start?key=1 HTTP/1.1 ",
                "GET /secret?key=1 HTTP/1.1 ",
                "GET /secret?key=1 HTTP/1.1 ",
                "POST /secret/fail?key=1 HTTP/1.1 exit code 3",
            ]
        );
    }

    #[test]
    fn an_error_has_nothing_of_the_url_but_the_server() {
        let interrupt = Interrupt::default();
        let (url, requests) = server(&[404]);
        let error = send(&url, Event::Start, "", &interrupt).unwrap_err();
        assert_eq!(
            error,
            "127.0.0.1 could not be told of the start: it answers 404 Not Found"
        );
        requests.join().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = send(&format!("http://{closed}/secret"), Event::Success, "", &interrupt).unwrap_err();
        assert!(
            error.starts_with("127.0.0.1 could not be told of the success: "),
            "{error}"
        );
        assert!(!error.contains("secret"), "{error}");
        assert!(is_url("https://host/x") && !is_url("ftp://host/x") && !is_url("host/x"));
    }
}
