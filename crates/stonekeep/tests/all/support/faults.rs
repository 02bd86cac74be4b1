//! Requests to an object store that fail, and how.

use object_store::Error;
use object_store::path::Path;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Put,
    Get,
    Head,
    Begin,
    Part,
    Complete,
    Abort,
    Delete,
    List,
}

/// The kinds that a writer repeats by itself.
pub(crate) const VERBS: [Verb; 8] = [
    Verb::Put,
    Verb::Head,
    Verb::Begin,
    Verb::Part,
    Verb::Complete,
    Verb::Abort,
    Verb::Delete,
    Verb::List,
];

/// When a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Nothing is carried out.
    Before,
    /// Its answer is lost.
    After,
}

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Reset,
    Unavailable,
    Conflict,
    Precondition,
    Skewed,
    Timeout,
    /// For good, which no other of these is.
    Denied,
    /// The object is listed, and cannot be found.
    Hidden,
    /// The last byte of the object is another one. Of reads only.
    WrongByte,
    /// The body ends after so many bytes. Of reads only.
    Cut(usize),
    /// The connection breaks after so many bytes of the body. Of reads only.
    Broken(usize),
    /// No answer comes.
    Silent,
    /// It is carried out, and the answer does not name the object. Of deletions only.
    Unnamed,
}

/// Those after which a request is repeated.
pub(crate) const FAILURES: [How; 6] = [
    How::Reset,
    How::Unavailable,
    How::Conflict,
    How::Precondition,
    How::Skewed,
    How::Timeout,
];

/// The text of an error that stands for no answer.
const UNNAMED: &str = "the answer names other objects";

/// Whether this stands for no answer.
pub(crate) fn is_unnamed(error: &Error) -> bool {
    error.to_string().contains(UNNAMED)
}

impl How {
    pub(crate) fn error(self, path: &Path) -> Error {
        let generic = |text: &str| Error::Generic {
            store: "test",
            source: text.to_owned().into(),
        };
        let path = path.to_string();
        match self {
            How::Reset => generic("connection reset by peer"),
            How::Unavailable => {
                generic("Server returned non-2xx status code: 503 Service Unavailable: SlowDown")
            }
            How::Timeout => generic("Server returned non-2xx status code: 400 Bad Request: RequestTimeout"),
            How::Conflict => Error::AlreadyExists {
                path,
                source: "status code: 409 Conflict: OperationAborted".into(),
            },
            How::Precondition => Error::Precondition {
                path,
                source: "status code: 412 Precondition Failed".into(),
            },
            How::Denied => Error::PermissionDenied {
                path,
                source: "status code: 403 Forbidden: AccessDenied".into(),
            },
            How::Hidden => Error::NotFound {
                path,
                source: "status code: 404 Not Found: NoSuchKey".into(),
            },
            How::WrongByte => generic("a wrong byte"),
            How::Cut(_) => generic("a short body"),
            How::Broken(_) => generic("connection reset by peer"),
            How::Silent => generic("no answer"),
            How::Unnamed => generic(UNNAMED),
            How::Skewed => Error::PermissionDenied {
                path,
                source: "status code: 403 Forbidden: RequestTimeTooSkewed".into(),
            },
        }
    }
}

/// A request that fails: the n-th of its kind whose path has this in it, counted from 0.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) verb: Verb,
    pub(crate) path_has: &'static str,
    pub(crate) nth: usize,
    pub(crate) when: When,
    pub(crate) how: How,
}
