//! A server of objects in memory, which lies where a script says so.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::signer::{HeaderName, HeaderValue, Url};

use crate::files::Files;
use crate::reply::{DATE, ROLE, Reply, attributes, credentials, status, xml};

/// Whose protocol is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// With a key.
    S3,
    /// With the credentials of an instance, which are asked for.
    S3OfInstance,
    /// With the credentials of an instance, too.
    Google,
    /// With a key.
    Azure,
}

pub const BUCKET: &str = "bucket";
pub const PREFIX: &str = "repo";
/// The time of the server, as [`DATE`] says it.
pub fn begin() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_000_000)
}

/// See the [module](self).
#[derive(Clone)]
pub struct Honest(Arc<Mutex<State>>);

struct State {
    kind: Kind,
    objects: Files,
    script: Vec<u8>,
    at: usize,
    uploads: u32,
}

impl fmt::Debug for Honest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Honest")
    }
}

impl HttpConnector for Honest {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// The status that a lie has.
const STATUSES: [u16; 20] = [
    200, 200, 201, 204, 206, 206, 301, 304, 307, 400, 401, 403, 404, 404, 409, 412, 416, 429, 500, 503,
];

/// A header that a lie sets or takes away.
const HEADERS: [&str; 12] = [
    "etag",
    "last-modified",
    "content-length",
    "content-range",
    "content-encoding",
    "content-type",
    "x-amz-version-id",
    "x-goog-generation",
    "x-amz-meta-stonekeep",
    "x-ms-error-code",
    "location",
    "retry-after",
];

impl Honest {
    /// One with these files below [`PREFIX`]. What is behind the end of the script is honest.
    pub fn new(kind: Kind, files: &Files, script: &[u8]) -> Self {
        let objects = files
            .iter()
            .map(|(name, bytes)| (format!("{PREFIX}/{name}"), bytes.clone()));
        Honest(Arc::new(Mutex::new(State {
            kind,
            objects: objects.collect(),
            script: script.to_vec(),
            at: 0,
            uploads: 0,
        })))
    }
}

#[async_trait]
impl HttpService for Honest {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut state = self.0.lock().unwrap();
        let reply = state.honest(&request);
        let path = request.uri().path().trim_start_matches('/');
        let (is_token, is_role) = (credentials(path).is_some(), path == ROLE);
        let Some(mut reply) = state.lie(reply) else {
            return Err(HttpError::new(
                HttpErrorKind::Request,
                std::io::Error::other("the script says so"),
            ));
        };
        // What becomes a part of a URL or a header consists of such characters.
        if is_token {
            let fits = |byte: &u8| match is_role {
                true => byte.is_ascii_alphanumeric(),
                false => matches!(byte, b' '..=b'~') && *byte != b'\\',
            };
            reply.body.retain(fits);
        }
        let mut response = HttpResponse::new(HttpResponseBody::from(Bytes::from(reply.body)));
        *response.status_mut() = reply.status.try_into().unwrap();
        for (name, value) in reply.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
                response.headers_mut().insert(name, value);
            }
        }
        Ok(response)
    }
}

impl State {
    fn byte(&mut self) -> Option<usize> {
        let byte = self.script.get(self.at)?;
        self.at += 1;
        Some(usize::from(*byte))
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let rest = self.script.get(self.at..).unwrap_or_default();
        let part = rest[..len.min(rest.len())].to_vec();
        self.at += part.len();
        part
    }

    /// The reply as the script has it; `None` for none.
    fn lie(&mut self, mut reply: Reply) -> Option<Reply> {
        let what = self.byte().unwrap_or_default();
        match what & 7 {
            0 | 1 => {}
            2 => reply.status = STATUSES[self.byte().unwrap_or_default() % STATUSES.len()],
            3 => {
                let len = self.byte().unwrap_or_default() << 8 | self.byte().unwrap_or_default();
                reply.body = self.bytes(len);
            }
            4 => {
                let at = (self.byte().unwrap_or_default() << 8 | self.byte().unwrap_or_default())
                    % (reply.body.len() + 1);
                let (out, len) = (self.byte().unwrap_or_default(), self.byte().unwrap_or_default());
                let end = (at + out).min(reply.body.len());
                let bytes = self.bytes(len);
                reply.body.splice(at..end, bytes);
            }
            5 => {
                let name = HEADERS[self.byte().unwrap_or_default() % HEADERS.len()];
                let len = self.byte().unwrap_or_default();
                let value = String::from_utf8_lossy(&self.bytes(len)).into_owned();
                reply.headers.retain(|(header, _)| header != name);
                if len > 0 {
                    reply.headers.push((name.to_owned(), value));
                }
            }
            6 => return None,
            _ => reply.body.truncate(self.byte().unwrap_or_default()),
        }
        // Several lies about one reply.
        if what & 8 == 8 {
            self.lie(reply)
        } else {
            Some(reply)
        }
    }

    fn honest(&mut self, request: &HttpRequest) -> Reply {
        let url = Url::parse(&format!(
            "http://store{}",
            request.uri().path_and_query().map_or("/", |it| it.as_str())
        ));
        let Ok(url) = url else { return status(400) };
        let query = |name: &str| {
            url.query_pairs()
                .find(|(it, _)| it == name)
                .map(|(_, value)| value.into_owned())
        };
        let path = percent(url.path());
        let path = path.trim_start_matches('/');
        if let Some(reply) = credentials(path) {
            return reply;
        }
        let path = path
            .strip_prefix(BUCKET)
            .unwrap_or(path)
            .trim_start_matches('/')
            .to_owned();
        let body = request
            .body()
            .as_bytes()
            .map(|bytes| bytes.to_vec())
            .unwrap_or_default();
        match request.method().as_str() {
            "GET" if query("uploads").is_some() => {
                xml("<ListMultipartUploadsResult></ListMultipartUploadsResult>".to_owned())
            }
            "GET" if path.is_empty() => self.list(
                &query("prefix").unwrap_or_default(),
                query("delimiter").is_some(),
                &query("start-after").or(query("startFrom")).unwrap_or_default(),
            ),
            "GET" | "HEAD" => self.object(&path, request),
            "POST" if query("delete").is_some() => self.delete_many(&String::from_utf8_lossy(&body)),
            "POST" if query("uploads").is_some() => {
                self.uploads += 1;
                xml(format!(
                    "<InitiateMultipartUploadResult><UploadId>{}</UploadId></InitiateMultipartUploadResult>",
                    self.uploads
                ))
            }
            "POST" => xml(
                "<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>"
                    .to_owned(),
            ),
            "PUT" => self.put(path, request, body),
            "DELETE" => match self.objects.remove(&path) {
                Some(_) => status(if self.kind == Kind::Azure { 202 } else { 204 }),
                None => status(404),
            },
            _ => status(501),
        }
    }

    fn put(&mut self, path: String, request: &HttpRequest, body: Vec<u8>) -> Reply {
        let has = |name: &str| request.headers().contains_key(name);
        let only_new = has("if-none-match") || has("x-goog-if-generation-match");
        if only_new && self.objects.contains_key(&path) {
            return status(412);
        }
        let mut reply = status(if self.kind == Kind::Azure { 201 } else { 200 });
        reply.headers = attributes(&body);
        self.objects.insert(path, body);
        reply
    }

    fn object(&self, path: &str, request: &HttpRequest) -> Reply {
        let Some(bytes) = self.objects.get(path) else {
            return status(404);
        };
        let range = request
            .headers()
            .get("range")
            .and_then(|range| range.to_str().ok());
        let range = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let last = bytes.len().saturating_sub(1);
        let mut reply = status(200);
        reply.headers = attributes(bytes);
        reply.body = bytes.clone();
        if let Some((from, to)) = range {
            let from = from.parse().unwrap_or(0);
            let to = to.parse().unwrap_or(last).min(last);
            let Some(part) = bytes.get(from..=to) else {
                return status(416);
            };
            reply.status = 206;
            reply.body = part.to_vec();
            reply.headers.push((
                "content-range".to_owned(),
                format!("bytes {from}-{to}/{}", bytes.len()),
            ));
        }
        reply
            .headers
            .push(("content-length".to_owned(), reply.body.len().to_string()));
        if request.method().as_str() == "HEAD" {
            reply.body.clear();
        }
        reply
    }

    fn list(&self, prefix: &str, by_directory: bool, after: &str) -> Reply {
        let (mut names, mut objects) = (Vec::new(), String::new());
        for (name, bytes) in self
            .objects
            .iter()
            .filter(|(name, _)| name.starts_with(prefix) && name.as_str() > after)
        {
            let rest = name.get(prefix.len()..).unwrap_or_default();
            if let Some((directory, _)) = rest.split_once('/').filter(|_| by_directory) {
                names.push(format!("{prefix}{directory}/"));
            } else {
                objects += &self.listed(name, bytes.len());
            }
        }
        names.dedup();
        if self.kind == Kind::Azure {
            let names: String = names
                .iter()
                .map(|name| format!("<BlobPrefix><Name>{name}</Name></BlobPrefix>"))
                .collect();
            return xml(format!(
                "<EnumerationResults><Blobs>{objects}{names}</Blobs><NextMarker/></EnumerationResults>"
            ));
        }
        let prefixes = names
            .iter()
            .map(|name| format!("<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>"));
        xml(format!(
            "<ListBucketResult><IsTruncated>false</IsTruncated>{objects}{}</ListBucketResult>",
            prefixes.collect::<String>()
        ))
    }

    fn listed(&self, name: &str, size: usize) -> String {
        if self.kind == Kind::Azure {
            return format!(
                "<Blob><Name>{name}</Name><Properties><Last-Modified>{DATE}</Last-Modified><Etag>{size}</Etag>\
                 <Content-Length>{size}</Content-Length><ResourceType>file</ResourceType></Properties></Blob>"
            );
        }
        format!(
            "<Contents><Key>{name}</Key><LastModified>2026-11-30T00:53:20.000Z</LastModified>\
             <ETag>\"{size}\"</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )
    }

    fn delete_many(&mut self, body: &str) -> Reply {
        let keys = body
            .split("<Key>")
            .skip(1)
            .filter_map(|text| Some(text.split_once("</Key>")?.0));
        let mut done = String::new();
        for key in keys {
            self.objects.remove(key);
            done += &format!("<Deleted><Key>{key}</Key></Deleted>");
        }
        xml(format!("<DeleteResult>{done}</DeleteResult>"))
    }
}

/// A path without its escapes.
fn percent(path: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), path.as_bytes());
    while let [byte, after @ ..] = rest {
        let escaped = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match escaped.filter(|_| *byte == b'%') {
            Some(byte) => (bytes.push(byte), rest = &after[2..]).1,
            None => (bytes.push(*byte), rest = after).1,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
