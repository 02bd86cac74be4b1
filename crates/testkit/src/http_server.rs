//! A small HTTP server on the loopback interface, whose answers a test decides.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a client asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// As in `GET`.
    pub method: String,
    /// The path and the query, as they were sent.
    pub target: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// What it gets.
#[derive(Debug, Clone)]
pub struct Response {
    /// As in 404.
    pub status: u16,
    /// Besides the length.
    pub headers: Vec<(String, String)>,
    /// The body. A HEAD request gets its length only.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer of this status with a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Response {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// Decides what is answered.
type Handler = dyn Fn(&Request) -> Response + Send + Sync;

/// Decides from the head of a request whether it is ignored.
type Ignored = dyn Fn(&Request) -> bool + Send + Sync;

/// Between two looks whether the server ends.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// How a connection ended for the server.
enum Served {
    /// The client has ended it.
    All,
    /// It stays open, and nothing more happens.
    Ignored,
}

/// See the [module](self). It ends when it is dropped.
pub struct HttpServer {
    scheme: &'static str,
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stops: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Answers each request by this handler, several connections at a time.
    ///
    /// # Errors
    /// Without a free port.
    pub fn start(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> io::Result<Self> {
        HttpServer::start_with(|_| false, handler)
    }

    /// The same, but for requests for which `ignored` says yes when their heads have arrived: their bodies are never read, and they
    /// are never answered.
    ///
    /// # Errors
    /// As [`HttpServer::start`].
    pub fn start_with(
        ignored: impl Fn(&Request) -> bool + Send + Sync + 'static,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> io::Result<Self> {
        HttpServer::listen("http", move |stream, log, is_stopped| {
            let served = serve(&stream, &handler, &ignored, log);
            while matches!(served, Ok(Served::Ignored)) && !is_stopped.load(Ordering::Relaxed) {
                thread::sleep(BETWEEN_LOOKS);
            }
        })
    }

    /// The same as [`HttpServer::start`] over TLS, with a certificate that only [`authority`] vouches for.
    ///
    /// # Errors
    /// Without a free port.
    pub fn start_tls(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> io::Result<Self> {
        let fixture = |name: &str| format!("{}/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"));
        let chain = CertificateDer::pem_file_iter(fixture("server.pem")).map_err(io::Error::other)?;
        let chain = chain.collect::<Result<_, _>>().map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_file(fixture("server.key")).map_err(io::Error::other)?;
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        let config = Arc::new(config);
        HttpServer::listen("https", move |stream, log, _| {
            if let Ok(connection) = ServerConnection::new(Arc::clone(&config)) {
                // A client that does not trust the certificate ends its connection.
                drop(serve(
                    StreamOwned::new(connection, stream),
                    &handler,
                    &|_| false,
                    log,
                ));
            }
        })
    }

    /// Handles each connection in a thread of its own.
    fn listen(
        scheme: &'static str,
        connection: impl Fn(TcpStream, &Mutex<Vec<Request>>, &AtomicBool) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, connection) = (listener.local_addr()?, Arc::new(connection));
        let (requests, stops) = (
            Arc::<Mutex<Vec<Request>>>::default(),
            Arc::<AtomicBool>::default(),
        );
        let (log, is_stopped) = (Arc::clone(&requests), Arc::clone(&stops));
        let accept = move || {
            for stream in listener.incoming() {
                if is_stopped.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let (connection, log) = (Arc::clone(&connection), Arc::clone(&log));
                let is_stopped = Arc::clone(&is_stopped);
                thread::spawn(move || connection(stream, &log, &is_stopped));
            }
        };
        Ok(HttpServer {
            scheme,
            address,
            requests,
            stops,
            thread: Some(thread::spawn(accept)),
        })
    }

    /// Serves the files of a directory, with or without ranges and times.
    ///
    /// # Errors
    /// As [`HttpServer::start`].
    pub fn of_directory(root: &Path, serves: Serves) -> io::Result<Self> {
        let root = root.to_owned();
        HttpServer::start(move |request| file(&root, serves, request))
    }

    /// `http://127.0.0.1:PORT`, or with `https`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// What was asked for so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::Relaxed);
        // Wakes the thread.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The file of the certificate that vouches for servers of [`HttpServer::start_tls`], in PEM.
pub fn authority() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls/ca.pem")
}

/// What a server of files can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// Parts of files, with ETags.
    Ranges,
    /// Parts of files, with ETags that are weak.
    WeakRanges,
    /// Whole files, without ETags.
    WholeFiles,
}

/// The answer of a server of files to this request.
pub fn file(root: &Path, serves: Serves, request: &Request) -> Response {
    let path = request.target.split('?').next().unwrap_or_default();
    let at: PathBuf = root.join(path.trim_start_matches('/'));
    let Ok(bytes) = std::fs::read(&at) else {
        return Response::new(404, "no such file");
    };
    let tag = format!("\"{:08x}\"", crc32c::crc32c(&bytes));
    let tag = match serves {
        Serves::WeakRanges => format!("W/{tag}"),
        _ => tag,
    };
    if serves == Serves::WholeFiles {
        return Response::new(200, bytes);
    }
    // A weak ETag matches nothing.
    let wanted = request.headers.get("if-match");
    if wanted.is_some_and(|wanted| serves == Serves::WeakRanges || *wanted != tag) {
        return Response::new(412, "another version");
    }
    let range = request
        .headers
        .get("range")
        .and_then(|range| range.strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return Response::new(200, bytes).with("ETag", tag);
    };
    let first: usize = first.parse().unwrap_or(0);
    let last = last
        .parse()
        .unwrap_or(usize::MAX)
        .min(bytes.len().saturating_sub(1));
    let Some(part) = bytes.get(first..=last) else {
        return Response::new(416, "no such range");
    };
    let range = format!("bytes {first}-{last}/{}", bytes.len());
    Response::new(206, part)
        .with("ETag", tag)
        .with("Content-Range", range)
}

fn serve(
    stream: impl Read + Write,
    handler: &Handler,
    ignored: &Ignored,
    log: &Mutex<Vec<Request>>,
) -> io::Result<Served> {
    let mut stream = BufReader::new(stream);
    while let Some(mut request) = read_head(&mut stream)? {
        let is_ignored = ignored(&request);
        if !is_ignored {
            request.body = read_body(&mut stream, &request)?;
        }
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request.clone());
        if is_ignored {
            return Ok(Served::Ignored);
        }
        let response = handler(&request);
        let mut answer = format!("HTTP/1.1 {} Answer\r\n", response.status);
        for (name, value) in &response.headers {
            answer.push_str(&format!("{name}: {value}\r\n"));
        }
        answer.push_str(&format!("Content-Length: {}\r\n\r\n", response.body.len()));
        let mut answer = answer.into_bytes();
        if request.method != "HEAD" {
            answer.extend(&response.body);
        }
        stream.get_mut().write_all(&answer)?;
        stream.get_mut().flush()?;
    }
    Ok(Served::All)
}

/// The next request of a connection without its body; `None` at its end.
fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()),
            None => break,
        };
    }
    Ok(Some(Request {
        method,
        target,
        headers,
        body: Vec::new(),
    }))
}

fn read_body(reader: &mut impl BufRead, request: &Request) -> io::Result<Vec<u8>> {
    let length = request.headers.get("content-length");
    let length = length.and_then(|length| length.parse().ok());
    let mut body = Vec::new();
    reader.take(length.unwrap_or(0)).read_to_end(&mut body)?;
    Ok(body)
}
