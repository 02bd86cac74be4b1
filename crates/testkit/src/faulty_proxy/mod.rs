//! An HTTP proxy in front of an S3 server that fails requests, before or after the server carries them out, and that shows
//! objects which are not there any more.
//!
//! The client takes the proxy for the server: its signatures name the proxy's address as the host, and the proxy hands that on.
//! Keys are in the path, after the bucket.

mod connection;
mod ghosts;
mod hold;
mod plan;
mod request_kind;
mod shared;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use self::connection::Connection;
pub use self::hold::{Hold, Side};
pub use self::plan::{Fault, Plan};
pub use self::request_kind::RequestKind;
use self::shared::Shared;

/// See the [module](self). It ends when it is dropped.
#[derive(Debug)]
pub struct FaultyProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl FaultyProxy {
    /// In front of the server at `http://HOST:PORT`.
    ///
    /// # Errors
    /// Without a free port, and for another URL.
    pub fn start(server: &str, plan: Plan) -> io::Result<Self> {
        FaultyProxy::with(server, plan, None)
    }

    /// The same, without faults; one request is held up.
    ///
    /// # Errors
    /// As [`FaultyProxy::start`].
    pub fn holding(server: &str, hold: Hold) -> io::Result<Self> {
        FaultyProxy::with(server, Plan::default(), Some(hold))
    }

    fn with(server: &str, plan: Plan, hold: Option<Hold>) -> io::Result<Self> {
        let server = server
            .strip_prefix("http://")
            .ok_or(io::ErrorKind::InvalidInput)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(server.trim_end_matches('/'), plan, hold));
        let serving = Arc::clone(&shared);
        let accept = move || {
            for client in listener.incoming().map_while(Result::ok) {
                if serving.stops.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&serving);
                // A connection that breaks ends both directions.
                thread::spawn(move || drop(Connection::new(&shared, &client).serve()));
            }
        };
        Ok(FaultyProxy {
            address,
            shared,
            thread: Some(thread::spawn(accept)),
        })
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether the request that was to be held up is.
    pub fn holds(&self) -> bool {
        self.shared.gate.holds()
    }

    /// Lets it go on.
    pub fn let_go(&self) {
        self.shared.gate.let_go();
    }

    /// How many connections the server has refused.
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// The requests so far, without their signatures, each with its fault.
    pub fn log(&self) -> Vec<(String, Option<Fault>)> {
        self.shared.inside().log.clone()
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.let_go();
        self.shared.stops.store(true, Ordering::Relaxed);
        // Wakes the thread.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
