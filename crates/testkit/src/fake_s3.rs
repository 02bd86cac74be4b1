//! Objects in memory behind the requests of S3, as far as Stonekeep sends them. Signatures and checksums are not checked.
//!
//! Google Cloud Storage has the same requests for programs that come from S3, and its client sends them; only the condition of a put
//! and the metadata have other names.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::http_server::{HttpServer, Request, Response};

/// The key of a service account that no project of Google has, in JSON (`google_service_account_key`).
pub const GOOGLE_ACCOUNT: &str = include_str!("../fixtures/google/account.json");

#[derive(Debug, Clone)]
struct Object {
    bytes: Vec<u8>,
    /// Its headers, the metadata among them.
    headers: Vec<(String, String)>,
    /// What Google calls its generation.
    number: u64,
    written: SystemTime,
}

impl Object {
    fn e_tag(&self) -> String {
        format!("\"{:032x}\"", self.number)
    }
}

#[derive(Debug)]
struct Upload {
    key: String,
    headers: Vec<(String, String)>,
    begun: SystemTime,
    parts: BTreeMap<u32, Vec<u8>>,
}

/// A bucket. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct FakeS3 {
    objects: Arc<Mutex<BTreeMap<String, Object>>>,
    uploads: Arc<Mutex<BTreeMap<String, Upload>>>,
    written: Arc<AtomicU64>,
}

impl FakeS3 {
    /// Serves it, as `http://127.0.0.1:PORT/BUCKET`. A request for which `ignored` says yes when its head has arrived is never
    /// answered, and its body never read.
    ///
    /// # Errors
    /// Without a free port.
    pub fn serve(
        &self,
        ignored: impl Fn(&Request) -> bool + Send + Sync + 'static,
    ) -> io::Result<HttpServer> {
        let bucket = self.clone();
        HttpServer::start_with(ignored, move |request| bucket.answer(request))
    }

    /// The keys of all objects.
    pub fn keys(&self) -> Vec<String> {
        locked(&self.objects).keys().cloned().collect()
    }

    /// How many uploads in parts are neither completed nor aborted.
    pub fn uploads(&self) -> usize {
        locked(&self.uploads).len()
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Response {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let path = percent_decoded(path.trim_start_matches('/'));
        let key = path.split_once('/').map_or("", |(_, key)| key);
        let query: BTreeMap<String, String> = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (percent_decoded(name), percent_decoded(value)))
            .collect();
        let of_upload = query.get("uploadId").map(String::as_str);
        match (&*request.method, key, of_upload) {
            ("GET", "", _) if query.contains_key("list-type") => self.list(&query),
            ("GET", "", _) if query.contains_key("uploads") => self.list_uploads(),
            ("POST", "", _) if query.contains_key("delete") => self.delete_many(request),
            ("GET" | "HEAD", key, _) if !key.is_empty() => self.get(key, request),
            ("PUT", key, Some(upload)) => self.put_part(key, upload, &query, request),
            ("PUT", key, None) if !key.is_empty() => self.put(key, request),
            ("POST", key, None) if query.contains_key("uploads") => self.begin(key, request),
            ("POST", key, Some(upload)) => self.complete(key, upload),
            ("DELETE", _, Some(upload)) => {
                locked(&self.uploads).remove(upload);
                Response::new(204, "")
            }
            ("DELETE", key, None) if !key.is_empty() => {
                locked(&self.objects).remove(key);
                Response::new(204, "")
            }
            _ => error(501, "NotImplemented"),
        }
    }

    fn next_number(&self) -> u64 {
        self.written.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn write(&self, key: &str, bytes: Vec<u8>, headers: Vec<(String, String)>) -> Object {
        let object = Object {
            bytes,
            headers,
            number: self.next_number(),
            written: SystemTime::now(),
        };
        locked(&self.objects).insert(key.to_owned(), object.clone());
        object
    }

    fn put(&self, key: &str, request: &Request) -> Response {
        let there = locked(&self.objects).get(key).cloned();
        let header = |name: &str| request.headers.get(name).map(String::as_str);
        let is_kept = match (header("if-match"), header("x-goog-if-generation-match")) {
            (Some(e_tag), _) => there.is_some_and(|there| there.e_tag() == e_tag),
            (None, Some(number)) => there.map_or(0, |there| there.number).to_string() == number,
            (None, None) => there.is_none() || header("if-none-match").is_none(),
        };
        if !is_kept {
            return error(412, "PreconditionFailed");
        }
        let object = self.write(key, request.body.clone(), metadata(request));
        Response::new(200, "")
            .with("ETag", object.e_tag())
            .with("x-goog-generation", object.number.to_string())
    }

    fn get(&self, key: &str, request: &Request) -> Response {
        let Some(object) = locked(&self.objects).get(key).cloned() else {
            return error(404, "NoSuchKey");
        };
        let wanted = request.headers.get("if-match");
        if wanted.is_some_and(|wanted| *wanted != object.e_tag()) {
            return error(412, "PreconditionFailed");
        }
        let size = object.bytes.len();
        let range = request.headers.get("range");
        let range = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let mut response = match range {
            None => Response::new(200, object.bytes.clone()),
            Some((first, last)) => {
                let first: usize = first.parse().unwrap_or(0);
                let last: usize = last.parse().unwrap_or(usize::MAX).min(size.saturating_sub(1));
                match object.bytes.get(first..=last) {
                    None => return error(416, "InvalidRange"),
                    Some(part) => {
                        Response::new(206, part).with("Content-Range", format!("bytes {first}-{last}/{size}"))
                    }
                }
            }
        };
        for (name, value) in &object.headers {
            response = response.with(name, value);
        }
        response
            .with("ETag", object.e_tag())
            .with("x-goog-generation", object.number.to_string())
            .with("Last-Modified", http_time(object.written))
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Response {
        let text = |name: &str| query.get(name).map_or("", String::as_str);
        let (prefix, delimiter, after) = (text("prefix"), text("delimiter"), text("start-after"));
        let (mut body, mut prefixes) = (String::new(), Vec::new());
        for (key, object) in locked(&self.objects).iter() {
            let Some(rest) = key.strip_prefix(prefix).filter(|_| key.as_str() > after) else {
                continue;
            };
            match rest.find('/').filter(|_| !delimiter.is_empty()) {
                Some(end) => prefixes.push(format!("{prefix}{}/", &rest[..end])),
                None => body.push_str(&format!(
                    "<Contents><Key>{key}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
                    iso_time(object.written),
                    object.e_tag(),
                    object.bytes.len()
                )),
            }
        }
        prefixes.dedup();
        for prefix in prefixes {
            body.push_str(&format!(
                "<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>"
            ));
        }
        xml(format!(
            "<ListBucketResult><IsTruncated>false</IsTruncated>{body}</ListBucketResult>"
        ))
    }

    fn delete_many(&self, request: &Request) -> Response {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let keys = text
            .split("<Key>")
            .skip(1)
            .filter_map(|rest| rest.split("</Key>").next());
        let mut deleted = String::new();
        for key in keys {
            locked(&self.objects).remove(key);
            deleted.push_str(&format!("<Deleted><Key>{key}</Key></Deleted>"));
        }
        xml(format!("<DeleteResult>{deleted}</DeleteResult>"))
    }

    fn list_uploads(&self) -> Response {
        let mut body = String::new();
        for (id, upload) in locked(&self.uploads).iter() {
            body.push_str(&format!(
                "<Upload><Key>{}</Key><UploadId>{id}</UploadId><Initiated>{}</Initiated></Upload>",
                upload.key,
                iso_time(upload.begun)
            ));
        }
        xml(format!(
            "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{body}</ListMultipartUploadsResult>"
        ))
    }

    fn begin(&self, key: &str, request: &Request) -> Response {
        let id = format!("{:032x}", self.next_number());
        let upload = Upload {
            key: key.to_owned(),
            headers: metadata(request),
            begun: SystemTime::now(),
            parts: BTreeMap::new(),
        };
        locked(&self.uploads).insert(id.clone(), upload);
        xml(format!(
            "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
        ))
    }

    fn put_part(&self, key: &str, id: &str, query: &BTreeMap<String, String>, request: &Request) -> Response {
        let number = query.get("partNumber").and_then(|number| number.parse().ok());
        let mut uploads = locked(&self.uploads);
        match (uploads.get_mut(id).filter(|upload| upload.key == key), number) {
            (Some(upload), Some(number)) => {
                upload.parts.insert(number, request.body.clone());
                Response::new(200, "").with("ETag", format!("\"{number}\""))
            }
            _ => error(404, "NoSuchUpload"),
        }
    }

    fn complete(&self, key: &str, id: &str) -> Response {
        let Some(upload) = locked(&self.uploads).remove(id) else {
            return error(404, "NoSuchUpload");
        };
        let bytes = upload.parts.into_values().flatten().collect();
        let e_tag = self.write(key, bytes, upload.headers).e_tag();
        xml(format!(
            "<CompleteMultipartUploadResult><ETag>{e_tag}</ETag></CompleteMultipartUploadResult>"
        ))
    }
}

fn metadata(request: &Request) -> Vec<(String, String)> {
    let headers = request.headers.iter();
    let is_metadata = |name: &str| name.starts_with("x-amz-meta-") || name.starts_with("x-goog-meta-");
    let kept = headers.filter(|(name, _)| is_metadata(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn xml(text: impl Into<String>) -> Response {
    Response::new(200, text.into()).with("Content-Type", "application/xml")
}

fn error(status: u16, code: &str) -> Response {
    let body = format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>");
    Response::new(status, body).with("Content-Type", "application/xml")
}

fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        let hex = (*first == b'%').then(|| tail.get(..2)).flatten();
        let value = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        (bytes, rest) = match value {
            Some(value) => ([bytes, vec![value]].concat(), &tail[2..]),
            None => ([bytes, vec![*first]].concat(), tail),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Year, month, day, and the seconds of the day, by the rule of leap years since 1970.
fn date(time: SystemTime) -> (u64, u64, u64, u64) {
    let seconds = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let (mut days, mut year) = (seconds / 86_400, 1970);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [
        31,
        28 + u64::from(is_leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1, seconds % 86_400)
}

fn iso_time(time: SystemTime) -> String {
    let (year, month, day, second) = date(time);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
}

fn http_time(time: SystemTime) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let (year, month, day, second) = date(time);
    let days = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
        / 86_400;
    let weekday = DAYS.get((days % 7) as usize).unwrap_or(&"Thu");
    let month = MONTHS.get((month as usize).saturating_sub(1)).unwrap_or(&"Jan");
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
