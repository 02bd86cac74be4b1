//! The kinds of requests to an S3 server.

use crate::http_message::Head;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    /// CreateMultipartUpload.
    BeginUpload,
    /// UploadPart.
    Part,
    /// CompleteMultipartUpload.
    Complete,
    /// AbortMultipartUpload.
    Abort,
    /// PutObject.
    Put,
    /// DeleteObject.
    Delete,
    /// DeleteObjects.
    DeleteMany,
    /// ListObjectsV2.
    List,
    /// GetObject.
    Get,
    /// HeadObject.
    Head,
    /// Settings of the bucket, and listings of uploads.
    Other,
}

impl RequestKind {
    pub(super) fn of(request: &Head) -> Self {
        let target = request.target();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let names: Vec<&str> = query
            .split('&')
            .map(|it| it.split('=').next().unwrap_or_default())
            .collect();
        let has = |name: &str| names.contains(&name);
        match request.method() {
            "POST" if has("uploads") => RequestKind::BeginUpload,
            "POST" if has("uploadId") => RequestKind::Complete,
            "POST" if has("delete") => RequestKind::DeleteMany,
            "PUT" if has("partNumber") => RequestKind::Part,
            "PUT" => RequestKind::Put,
            "DELETE" if has("uploadId") => RequestKind::Abort,
            "DELETE" => RequestKind::Delete,
            "HEAD" => RequestKind::Head,
            "GET" if has("list-type") => RequestKind::List,
            "GET" if has("uploads") || is_of_bucket(path) => RequestKind::Other,
            "GET" => RequestKind::Get,
            _ => RequestKind::Other,
        }
    }
}

fn is_of_bucket(path: &str) -> bool {
    path.trim_matches('/').split('/').count() < 2
}

/// The key of the object that a request is about; empty for one about the bucket. The bucket is in the path.
pub(super) fn key_of(request: &Head) -> String {
    let path = request.target().split('?').next().unwrap_or_default();
    let key = path.trim_start_matches('/').split_once('/');
    decoded(key.map_or("", |(_, key)| key))
}

/// A parameter of the query.
pub(super) fn parameter(request: &Head, name: &str) -> Option<String> {
    let (_, query) = request.target().split_once('?')?;
    let mut pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(it, _)| *it == name).map(|(_, value)| decoded(value))
}

/// Without percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let code = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(code.unwrap_or(b'%'));
        rest = code.and_then(|_| after.get(2..)).unwrap_or(after);
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}
