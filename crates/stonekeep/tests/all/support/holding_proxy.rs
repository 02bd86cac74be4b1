//! An HTTP proxy that holds back requests: they arrive at the server when a test lets them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// What happens to requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// They are passed on.
    Pass,
    /// The first one whose first line contains the words is held, once it is here as a whole. Those after it are passed on.
    HoldOne(&'static str),
    /// It is held; nothing else arrives, as if the client were stopped.
    StopAfter(&'static str),
    /// Nothing arrives.
    Stopped,
}

#[derive(Debug)]
struct Inside {
    rule: Rule,
    held: usize,
    released: bool,
    /// The answers to held requests.
    answers: Vec<String>,
}

/// The proxy. Its threads end with the process.
#[derive(Debug)]
pub(crate) struct HoldingProxy {
    /// Where it listens.
    pub(crate) url: String,
    inside: Mutex<Inside>,
    changed: Condvar,
}

impl HoldingProxy {
    /// In front of the server at `http://HOST:PORT`.
    pub(crate) fn start(server: &str) -> Arc<HoldingProxy> {
        let server = server
            .strip_prefix("http://")
            .unwrap()
            .trim_end_matches('/')
            .to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Arc::new(HoldingProxy {
            url: format!("http://{}", listener.local_addr().unwrap()),
            inside: Mutex::new(Inside {
                rule: Rule::Pass,
                held: 0,
                released: false,
                answers: Vec::new(),
            }),
            changed: Condvar::new(),
        });
        let serving = Arc::clone(&proxy);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (proxy, server) = (Arc::clone(&serving), server.clone());
                thread::spawn(move || proxy.serve(client, &server));
            }
        });
        proxy
    }

    /// Holds back the next request whose first line contains these words.
    pub(crate) fn hold_one(&self, words: &'static str) {
        self.inside().rule = Rule::HoldOne(words);
    }

    /// Holds back the next request whose first line contains these words, and everything after it.
    pub(crate) fn stop_after(&self, words: &'static str) {
        self.inside().rule = Rule::StopAfter(words);
    }

    /// Waits until a request is held.
    pub(crate) fn wait_until_held(&self) {
        let mut inside = self.inside();
        while inside.held == 0 {
            inside = self.changed.wait(inside).unwrap();
        }
    }

    /// Lets everything arrive. The answers to what was held.
    pub(crate) fn release(&self) -> Vec<String> {
        let mut inside = self.inside();
        inside.rule = Rule::Pass;
        inside.released = true;
        self.changed.notify_all();
        while inside.answers.len() < inside.held {
            let (again, timeout) = self
                .changed
                .wait_timeout(inside, Duration::from_secs(60))
                .unwrap();
            inside = again;
            assert!(!timeout.timed_out(), "no answer to a request that was held");
        }
        inside.answers.clone()
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }

    /// Whether the request was one to hold; waits until it may go on.
    fn pass(&self, line: &str) -> bool {
        let mut inside = self.inside();
        let holds = match inside.rule {
            Rule::HoldOne(words) if line.contains(words) => {
                inside.rule = Rule::Pass;
                true
            }
            Rule::StopAfter(words) if line.contains(words) => {
                inside.rule = Rule::Stopped;
                true
            }
            _ => false,
        };
        if holds {
            inside.held += 1;
            self.changed.notify_all();
            while !inside.released {
                inside = self.changed.wait(inside).unwrap();
            }
        }
        while inside.rule == Rule::Stopped {
            inside = self.changed.wait(inside).unwrap();
        }
        holds
    }

    fn serve(&self, client: TcpStream, server: &str) {
        // A connection that breaks ends both directions.
        let _ = self.requests(client, server);
    }

    fn requests(&self, client: TcpStream, server: &str) -> io::Result<()> {
        let upstream = TcpStream::connect(server)?;
        let mut requests = BufReader::new(client.try_clone()?);
        let mut answers = BufReader::new(upstream.try_clone()?);
        let (mut to_client, mut to_server) = (client, upstream);
        while let Some((line, request)) = message(&mut requests, false)? {
            let was_held = self.pass(&line);
            to_server.write_all(&request)?;
            let no_body = line.starts_with("HEAD ");
            let Some((_, answer)) = message(&mut answers, no_body)? else {
                return Ok(());
            };
            if was_held {
                let answer = String::from_utf8_lossy(&answer).into_owned();
                self.inside().answers.push(answer);
                self.changed.notify_all();
            }
            to_client.write_all(&answer)?;
        }
        Ok(())
    }
}

/// A request or an answer with its first line; `None` at the end.
fn message(from: &mut impl BufRead, no_body: bool) -> io::Result<Option<(String, Vec<u8>)>> {
    let (mut first, mut bytes) = (String::new(), Vec::new());
    let (mut length, mut is_chunked) = (0, false);
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(line.as_bytes());
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        is_chunked |= lower.starts_with("transfer-encoding:") && lower.contains("chunked");
        if first.is_empty() {
            first = line;
        } else if line == "\r\n" {
            break;
        }
    }
    if no_body || first.contains(" 204 ") || first.contains(" 304 ") {
        return Ok(Some((first, bytes)));
    }
    if is_chunked {
        chunks(from, &mut bytes)?;
    } else {
        from.take(length).read_to_end(&mut bytes)?;
    }
    Ok(Some((first, bytes)))
}

fn chunks(from: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        bytes.extend_from_slice(line.as_bytes());
        let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        from.by_ref().take(size + 2).read_to_end(bytes)?;
        if size == 0 {
            return Ok(());
        }
    }
}
