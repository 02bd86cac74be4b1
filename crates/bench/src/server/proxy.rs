//! A TCP proxy that delays what passes: a server that is far away.
//!
//! Bytes arrive half a round trip later, in both directions. A new connection takes a round trip before its first bytes
//! are passed on, as its handshake would. The rate has no limit but the window: bytes that are on the way in one
//! direction of one connection.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::runtime;

const READ_BYTES: usize = 64 << 10;
/// Times `READ_BYTES`: 8 MiB, which is 400 MiB/s at a round trip of 20 ms.
const READS_ON_THE_WAY: usize = 128;

/// Listens on a port of the loopback until it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Before a server, by its endpoint `http://HOST:PORT`, with so much time for a round trip.
    ///
    /// # Errors
    /// If the endpoint is no such one, or no port is free.
    pub(crate) fn start(endpoint: &str, round_trip: Duration) -> Result<Self> {
        let server = endpoint.strip_prefix("http://");
        let server =
            server.ok_or_else(|| anyhow!("{endpoint} is no http:// endpoint: it cannot be proxied"))?;
        let server = server.trim_end_matches('/').to_owned();
        let runtime = runtime()?;
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .context("listening on the loopback")?;
        let address = listener.local_addr()?;
        let accepting = runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, server.clone(), round_trip));
            }
        });
        Ok(Proxy { address, accepting })
    }

    /// What to use instead of the server's.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A connection that cannot be made is closed, as a server would close it.
async fn connect(client: TcpStream, server: String, round_trip: Duration) {
    sleep(round_trip).await;
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    // Nothing is held back to be sent with more: that would be a delay of our own.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let delay = round_trip / 2;
    for (from, to) in [(from_client, to_server), (from_server, to_client)] {
        let (sender, receiver) = channel(READS_ON_THE_WAY);
        tokio::spawn(receive(from, sender, delay));
        tokio::spawn(deliver(receiver, to));
    }
}

/// Notes when each piece is due.
async fn receive(mut from: OwnedReadHalf, sender: Sender<(Instant, Bytes)>, delay: Duration) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(READ_BYTES);
        match from.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let piece = (Instant::now() + delay, buffer.split().freeze());
        if sender.send(piece).await.is_err() {
            return;
        }
    }
}

/// Writes each piece when it is due. The end closes the connection in this direction.
async fn deliver(mut receiver: Receiver<(Instant, Bytes)>, mut to: OwnedWriteHalf) {
    while let Some((due, piece)) = receiver.recv().await {
        sleep_until(due).await;
        if to.write_all(&piece).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net;

    use super::*;

    /// A server that sends back what it gets, up to its end.
    fn echo() -> String {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        format!("http://{address}/")
    }

    fn client(proxy: &Proxy) -> net::TcpStream {
        net::TcpStream::connect(proxy.endpoint().strip_prefix("http://").unwrap()).unwrap()
    }

    #[test]
    fn each_answer_takes_a_round_trip_and_a_connection_one_more() {
        let round_trip = Duration::from_millis(40);
        let proxy = Proxy::start(&echo(), round_trip).unwrap();
        let start = std::time::Instant::now();
        let mut stream = client(&proxy);
        for trips in 2..5 {
            stream.write_all(b"ping").unwrap();
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"ping");
            assert!(start.elapsed() >= round_trip * trips, "{trips}");
        }
    }

    #[test]
    fn much_arrives_whole_and_the_end_as_well() {
        let proxy = Proxy::start(&echo(), Duration::from_millis(4)).unwrap();
        let sent: Vec<u8> = (0..20_000_000_u32).map(|n| (n >> 5) as u8).collect();
        let stream = client(&proxy);
        let got = std::thread::scope(|scope| {
            scope.spawn(|| {
                (&stream).write_all(&sent).unwrap();
                stream.shutdown(net::Shutdown::Write).unwrap();
            });
            let mut got = Vec::new();
            (&stream).read_to_end(&mut got).unwrap();
            got
        });
        assert!(got == sent, "{} bytes", got.len());
    }

    #[test]
    fn an_endpoint_with_tls_is_refused() {
        assert!(Proxy::start("https://127.0.0.1:1", Duration::ZERO).is_err());
    }
}
