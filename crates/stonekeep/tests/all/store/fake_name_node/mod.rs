//! A NameNode in this process that has no DataNodes: files can be made, renamed and deleted, and have no bytes. A test says
//! which calls are refused, are not answered, or find that somebody else was quicker.

mod tree;
mod wire;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use self::tree::Kind;
pub(crate) use self::tree::{Exception, Tree};
use self::wire::{Fields, Message, delimited};

/// What becomes of a call.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// It is answered by this exception.
    Refused(Exception),
    /// The connection is closed before it is carried out.
    Lost,
    /// It is carried out, and the connection is closed before the answer.
    Unanswered,
    /// Somebody else changes this just before.
    After(fn(&mut Tree)),
}

/// A chosen call: of a method, for a path that has this in it.
#[derive(Debug)]
struct Fault {
    method: &'static str,
    path_has: &'static str,
    times: u32,
    fate: Fate,
}

#[derive(Debug)]
struct Inside {
    tree: Tree,
    faults: Vec<Fault>,
}

/// See the [module](self). It serves until the process ends.
#[derive(Debug)]
pub(crate) struct NameNode {
    inside: Arc<Mutex<Inside>>,
    port: u16,
}

impl NameNode {
    /// With these directories.
    pub(crate) fn start(directories: &[&str]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tree = Tree::new();
        for directory in directories {
            tree.put_directory(directory);
        }
        let faults = Vec::new();
        let inside = Arc::new(Mutex::new(Inside { tree, faults }));
        let served = Arc::clone(&inside);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, served) = (stream.unwrap(), Arc::clone(&served));
                // A client goes when it likes.
                std::thread::spawn(move || drop(serve(stream, &served)));
            }
        });
        NameNode { inside, port }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("hdfs://127.0.0.1:{}{path}", self.port)
    }

    /// The next calls, so many, of this method for a path with this in it.
    pub(crate) fn next(&self, times: u32, method: &'static str, path_has: &'static str, fate: Fate) {
        lock(&self.inside).faults.push(Fault {
            method,
            path_has,
            times,
            fate,
        });
    }

    /// Refuses the next call of a method for a path with this in it.
    pub(crate) fn refuse(&self, method: &'static str, path_has: &'static str, class: &'static str) {
        let exception = Exception::new(class, format!("{method} is refused"));
        self.next(1, method, path_has, Fate::Refused(exception));
    }

    /// How many of the chosen calls are still to come.
    pub(crate) fn faults_left(&self) -> usize {
        lock(&self.inside).faults.len()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Tree)) {
        change(&mut lock(&self.inside).tree);
    }

    pub(crate) fn files(&self) -> Vec<String> {
        lock(&self.inside).tree.files()
    }
}

fn lock(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    inside.lock().unwrap()
}

impl Inside {
    fn fate(&mut self, method: &str, path: &str) -> Option<Fate> {
        let is_due = |fault: &Fault| fault.method == method && path.contains(fault.path_has);
        let at = self.faults.iter().position(is_due)?;
        let fault = &mut self.faults[at];
        fault.times -= 1;
        let fate = fault.fate.clone();
        if fault.times == 0 {
            self.faults.remove(at);
        }
        Some(fate)
    }

    /// The answer; `None` if the connection is to be closed instead.
    fn answer(&mut self, method: &str, call: &Fields) -> Option<Result<Message, Exception>> {
        match self.fate(method, &call.text(1)) {
            None => Some(self.carry_out(method, call)),
            Some(Fate::Refused(exception)) => Some(Err(exception)),
            Some(Fate::Lost) => None,
            Some(Fate::Unanswered) => {
                self.carry_out(method, call).unwrap();
                None
            }
            Some(Fate::After(change)) => {
                change(&mut self.tree);
                Some(self.carry_out(method, call))
            }
        }
    }

    /// The first field of each call is its path.
    fn carry_out(&mut self, method: &str, call: &Fields) -> Result<Message, Exception> {
        let (path, tree) = (call.text(1), &mut self.tree);
        let done = |done| Message::default().number(1, u64::from(done));
        Ok(match method {
            "getFileInfo" => {
                let found = tree.find(&path)?;
                found.map_or_else(Message::default, |kind| {
                    Message::default().message(1, &status("", kind))
                })
            }
            "getListing" => tree.list(&path)?.map_or_else(Message::default, |listed| {
                let mut listing = Message::default().number(2, 0);
                for (name, kind) in listed {
                    listing = listing.message(1, &status(&name, kind));
                }
                Message::default().message(1, &listing)
            }),
            "mkdirs" => {
                tree.make_directory(&path, call.flag(3))?;
                done(true)
            }
            "getServerDefaults" => {
                let defaults = Message::default().number(1, 1 << 27).number(2, 512);
                let defaults = defaults.number(3, 64 << 10).number(4, 1).number(5, 4096);
                Message::default().message(1, &defaults)
            }
            "create" => Message::default().message(1, &status("", tree.create(&path)?)),
            "addBlock" => {
                let text = format!(
                    "File {path} could only be written to 0 of the 1 minReplication nodes. There are 0 datanode(s) running"
                );
                return Err(Exception::new("java.io.IOException", text));
            }
            "complete" => done(true),
            "renewLease" => Message::default(),
            "rename2" => {
                tree.rename(&path, &call.text(2), call.flag(3))?;
                Message::default()
            }
            "delete" => done(tree.delete(&path, call.flag(2))?),
            "getBlockLocations" => {
                let (size_bytes, has_block) = tree.locate(&path)?;
                let mut located = Message::default().number(1, size_bytes);
                if has_block {
                    let id = Message::default().bytes(1, b"pool").number(2, 1);
                    let block = id.number(3, 1).number(4, size_bytes);
                    located = located.message(2, &Message::default().message(1, &block));
                }
                Message::default().message(1, &located.number(3, 0).number(5, 1))
            }
            other => panic!("a NameNode is asked for {other}"),
        })
    }
}

fn status(name: &str, kind: Kind) -> Message {
    let (file_type, size_bytes) = match kind {
        Kind::Directory => (1, 0),
        Kind::File { size_bytes, .. } => (2, size_bytes),
    };
    let named = Message::default().number(1, file_type).bytes(2, name.as_bytes());
    let permission = Message::default().number(1, 0o755);
    let owned = named.number(3, size_bytes).message(4, &permission);
    let owned = owned.bytes(5, b"owner").bytes(6, b"group");
    owned
        .number(7, 1_700_000_000_000)
        .number(8, 0)
        .number(11, 1 << 27)
}

/// One connection: after its greeting, calls with their numbers. Those below 0 belong to the connection.
fn serve(mut stream: TcpStream, inside: &Mutex<Inside>) -> io::Result<()> {
    stream.read_exact(&mut [0; 7])?;
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut frame)?;
        let mut frame = frame.as_slice();
        let call = zigzag(Fields::parse(delimited(&mut frame)).number(3));
        if call < 0 {
            continue;
        }
        let method = Fields::parse(delimited(&mut frame)).text(1);
        let answer = lock(inside).answer(&method, &Fields::parse(delimited(&mut frame)));
        let Some(answer) = answer else { return Ok(()) };
        let header = Message::default().number(1, call as u64);
        let body = match answer {
            Ok(message) => [header.number(2, 0).delimited(), message.delimited()].concat(),
            Err(exception) => {
                let header = header.number(2, 1).bytes(4, exception.class.as_bytes());
                header.bytes(5, exception.text.as_bytes()).delimited()
            }
        };
        stream.write_all(&[&(body.len() as u32).to_be_bytes()[..], &body].concat())?;
    }
}

fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}
