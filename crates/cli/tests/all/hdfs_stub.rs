//! A NameNode that refuses each call with one exception, or answers none: as much of Hadoop's RPC as that needs.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The class and the text of a Java exception.
pub(crate) type Exception = (&'static str, &'static str);

/// See the [module](self). Its thread ends with the test process.
pub(crate) struct NameNode {
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
}

impl NameNode {
    /// `None` answers nothing.
    pub(crate) fn start(answer: Option<Exception>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let calls = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                // A client that goes away ends its connection.
                thread::spawn(move || drop(serve(&stream, answer, &count)));
            }
        });
        Ok(NameNode { address, calls })
    }

    /// The URL of a repository there.
    pub(crate) fn url(&self) -> String {
        format!("hdfs://{}/app", self.address)
    }

    /// How many calls have arrived.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: &TcpStream, answer: Option<Exception>, calls: &AtomicUsize) -> io::Result<()> {
    // "hrpc", the version, the service class, and how the client authenticates: not at all.
    stream.read_exact(&mut [0; 7])?;
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut frame)?;
        // The first frame is about the connection, and has a negative number.
        let Some(call) = call_id(&frame) else { continue };
        calls.fetch_add(1, Ordering::SeqCst);
        let Some((class, text)) = answer else { continue };
        // RpcResponseHeaderProto: 1 the call, 2 the status ERROR, 4 the class, 5 the text.
        let mut header = [&[0x08][..], &varint(call), &[0x10, 1]].concat();
        for (tag, value) in [(0x22, class), (0x2a, text)] {
            header.push(tag);
            header.extend(varint(value.len() as u64));
            header.extend(value.as_bytes());
        }
        let message = [varint(header.len() as u64), header].concat();
        stream.write_all(&(message.len() as u32).to_be_bytes())?;
        stream.write_all(&message)?;
    }
}

/// The number of a call, field 3 of the header that a frame begins with; `None` if it is negative.
fn call_id(frame: &[u8]) -> Option<u64> {
    let (_, mut rest) = read_varint(frame)?;
    while let Some((tag, after)) = read_varint(rest) {
        let (value, after) = read_varint(after)?;
        rest = match tag & 7 {
            2 => after.get(value as usize..)?,
            _ => after,
        };
        if tag >> 3 == 3 {
            let zigzag = value;
            return (zigzag & 1 == 0).then_some(zigzag >> 1);
        }
    }
    None
}

fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
