//! One connection of a client, and the one to the server that belongs to it.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use rustix::net::sockopt::set_socket_linger;

use super::ghosts::keys_in;
use super::hold::Side;
use super::plan::Fault;
use super::request_kind::{RequestKind, key_of};
use super::shared::Shared;
use crate::http_message::{Head, Message};

/// 10 Mbit/s.
const SLOW_BYTES: usize = 12_500;
const SLOW_PAUSE: Duration = Duration::from_millis(10);

pub(super) struct Connection<'a> {
    shared: &'a Shared,
    client: &'a TcpStream,
}

/// Whether the connection goes on.
#[derive(PartialEq, Eq)]
enum Goes {
    On,
    Ends,
}

impl<'a> Connection<'a> {
    pub(super) fn new(shared: &'a Shared, client: &'a TcpStream) -> Self {
        Connection { shared, client }
    }

    /// Passes requests on until one side ends the connection.
    pub(super) fn serve(&self) -> io::Result<()> {
        let server = TcpStream::connect(&self.shared.server).inspect_err(|_| {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
        })?;
        for stream in [self.client, &server] {
            stream.set_nodelay(true)?;
        }
        let (mut requests, mut answers) = (BufReader::new(self.client), BufReader::new(&server));
        while let Some(head) = Head::read(&mut requests)? {
            let kind = RequestKind::of(&head);
            let (fault, rng) = self.decide(kind, &head);
            if fault == Some(Fault::ResetInside) {
                return self.reset();
            }
            let body = head.read_body(&mut requests, false)?;
            let request = Message { head, body };
            let mut exchange = Exchange {
                connection: self,
                kind,
                fault,
                rng,
                request,
            };
            if let Some(answer) = exchange.answered_here()? {
                self.send(&answer, fault)?;
                continue;
            }
            if fault == Some(Fault::ResetBefore) {
                return self.reset();
            }
            let held = self.shared.gate.side_of(kind, exchange.request.head.target());
            if held == Some(Side::Before) {
                self.shared.gate.hold();
            }
            exchange.pass_on(&server)?;
            let Some(answer) = Message::read(&mut answers, kind == RequestKind::Head)? else {
                return Ok(());
            };
            if held == Some(Side::After) {
                self.shared.gate.hold();
                return Ok(());
            }
            if exchange.answer(answer)? == Goes::Ends {
                return Ok(());
            }
        }
        Ok(())
    }

    fn decide(&self, kind: RequestKind, head: &Head) -> (Option<Fault>, Rng) {
        let mut inside = self.shared.inside();
        let (fault, rng) = inside.decisions.next(kind, head.target());
        let target = head.target().split("X-Amz-").next().unwrap_or_default();
        inside
            .log
            .push((format!("{kind:?} {} {target}", head.method()), fault));
        (fault, rng)
    }

    /// What is closed now has no regular end.
    fn reset(&self) -> io::Result<()> {
        Ok(set_socket_linger(self.client, Some(Duration::ZERO))?)
    }

    fn send(&self, answer: &Message, fault: Option<Fault>) -> io::Result<()> {
        let mut client = self.client;
        client.write_all(&answer.head_bytes())?;
        write(&mut client, &answer.body, fault)
    }
}

/// One request and its answer.
struct Exchange<'a> {
    connection: &'a Connection<'a>,
    kind: RequestKind,
    fault: Option<Fault>,
    rng: Rng,
    request: Message,
}

impl Exchange<'_> {
    /// What is answered without the server.
    fn answered_here(&mut self) -> io::Result<Option<Message>> {
        let answer = match self.fault {
            Some(Fault::Instead(status, code)) => self.error(status, code),
            Some(Fault::ErrorInside) => self.error(200, "InternalError"),
            _ => {
                let reads = matches!(self.kind, RequestKind::Get | RequestKind::Head);
                let mut inside = self.connection.shared.inside();
                if !reads || !inside.ghosts.hides(&key_of(&self.request.head)) {
                    return Ok(None);
                }
                let line = format!("hidden: {}", self.request.head.target());
                inside.log.push((line, None));
                self.error(404, "NoSuchKey")
            }
        };
        Ok(Some(answer))
    }

    fn error(&self, status: u16, code: &str) -> Message {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>made by the proxy of a test</Message></Error>"
        );
        let mut answer = Message::answer(status, body);
        if self.kind == RequestKind::Head {
            answer.body.clear();
        }
        answer
    }

    fn pass_on(&mut self, server: &TcpStream) -> io::Result<()> {
        if self.fault == Some(Fault::WrongByteSent) {
            flip(&mut self.request.body, &mut self.rng);
        }
        let mut server = server;
        server.write_all(&self.request.head_bytes())?;
        write(&mut server, &self.request.body, self.fault)
    }

    /// Hands on the answer of the server, or what the fault makes of it.
    fn answer(&mut self, mut answer: Message) -> io::Result<Goes> {
        if (200..300).contains(&answer.head.status()) {
            self.note_ghosts(&mut answer);
        }
        let connection = self.connection;
        let mut client = connection.client;
        match self.fault {
            Some(Fault::ResetAfter) => {
                connection.reset()?;
                return Ok(Goes::Ends);
            }
            Some(Fault::CutBody) if !answer.body.is_empty() => {
                client.write_all(&answer.head_bytes())?;
                let cut = self.rng.usize(0..answer.body.len());
                client.write_all(answer.body.get(..cut).unwrap_or_default())?;
                return Ok(Goes::Ends);
            }
            Some(Fault::ShortBody) if !answer.body.is_empty() => {
                answer.body.truncate(self.rng.usize(1..=answer.body.len()));
            }
            Some(Fault::WrongByte) => flip(&mut answer.body, &mut self.rng),
            Some(Fault::After(status, code)) => answer = self.error(status, code),
            Some(Fault::ErrorInsideAfter) if self.kind == RequestKind::DeleteMany => {
                one_was_refused(&mut answer);
            }
            Some(Fault::ErrorInsideAfter) => answer = self.error(200, "InternalError"),
            _ => {}
        }
        connection.send(&answer, self.fault)?;
        Ok(Goes::On)
    }

    fn note_ghosts(&mut self, answer: &mut Message) {
        let key = key_of(&self.request.head);
        let mut inside = self.connection.shared.inside();
        match self.kind {
            RequestKind::Put | RequestKind::Complete => {
                let hidden = inside.decisions.ghost(&key, &mut self.rng);
                inside.ghosts.written(&key, hidden);
            }
            RequestKind::Delete => {
                let listed = inside.decisions.ghost(&key, &mut self.rng);
                inside.ghosts.deleted(&key, listed);
            }
            RequestKind::DeleteMany => {
                for key in keys_in(&self.request.body) {
                    let listed = inside.decisions.ghost(&key, &mut self.rng);
                    inside.ghosts.deleted(&key, listed);
                }
            }
            RequestKind::List => {
                let count = inside.ghosts.haunt(&self.request.head, answer);
                if count > 0 {
                    inside.log.push((format!("{count} ghosts are listed"), None));
                }
            }
            _ => {}
        }
    }
}

fn flip(bytes: &mut [u8], rng: &mut Rng) {
    let count = bytes.len();
    if let Some(byte) = bytes.get_mut(rng.usize(0..count.max(1))) {
        *byte ^= 1 << rng.u8(0..8);
    }
}

/// Makes an error of the first deletion in an answer.
fn one_was_refused(answer: &mut Message) {
    let text = String::from_utf8_lossy(&answer.body);
    let failed = text
        .replacen("<Deleted>", "<Error><Code>InternalError</Code>", 1)
        .replacen("</Deleted>", "</Error>", 1);
    answer.body = failed.into_bytes();
}

fn write(to: &mut impl Write, bytes: &[u8], fault: Option<Fault>) -> io::Result<()> {
    if fault != Some(Fault::Slow) {
        return to.write_all(bytes);
    }
    for some in bytes.chunks(SLOW_BYTES) {
        to.write_all(some)?;
        thread::sleep(SLOW_PAUSE);
    }
    Ok(())
}
