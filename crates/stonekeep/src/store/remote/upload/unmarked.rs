//! Multipart uploads that no mark names: a run was killed before it was about to complete them.
//!
//! - U1 List the uploads below the prefix, page by page, by signed requests; the client of the store has none for it.
//! - U2 Pass over those outside of the directories of a repository, those that are younger than the minimum age by the store's clock,
//!   and those that a mark names: their completion may be under way, and what becomes of them is the mark's.
//! - U3 Look at the key. If an object is there, the upload is never aborted, since aborting one that had completed has destroyed
//!   such objects on some stores; a lifecycle rule of the bucket removes it.
//! - U4 Abort it, as the holder of the lease.
//!
//! Nothing is written but by U4, so that a crash leaves fewer uploads or the same. A writer that was stopped before U1 and goes on
//! after U4 finds its upload gone, or puts its mark first, which makes the key doubtful for the next run; it has lost its lease, and
//! commits nothing. A store that does not list uploads (Azure, MinIO for all but exact keys), or credentials that may
//! not, show none.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::DateTime;
use object_store::path::Path;
use object_store::signer::{HeaderMap, Method};
use serde::Deserialize;

use super::super::attempts::{ANSWER_LIMIT, repeated};
use super::Writer;
use crate::Result;
use crate::store::remote::fence::Fence;
use crate::store::remote::signed::{SignedClient, failure};
use crate::store::staging::RUNS;
use crate::store::{Key, SweptUploads, UploadSweep};

const ACCEPTED_FOR: Duration = Duration::from_secs(60);

/// The directories in which this program uploads files.
const OURS: [&str; 4] = ["shared", "shared_checksum", "private", "stonekeep"];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    is_truncated: bool,
    next_key_marker: Option<String>,
    next_upload_id_marker: Option<String>,
    #[serde(default, rename = "Upload")]
    uploads: Vec<Begun>,
}

/// An upload that is not completed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Begun {
    key: String,
    upload_id: String,
    initiated: String,
}

impl Begun {
    /// `None` for a time that cannot be read: no age.
    fn age(&self, now: SystemTime) -> Option<Duration> {
        let begun = DateTime::parse_from_rfc3339(&self.initiated).ok()?;
        now.duration_since(SystemTime::from(begun)).ok()
    }
}

impl Writer {
    /// U1 to U4.
    pub(in super::super) fn sweep_unmarked(
        &self,
        signed: &SignedClient,
        fence: Option<&Fence>,
        now: SystemTime,
        min_age: Duration,
        sweep: UploadSweep,
    ) -> Result<SweptUploads> {
        let mut swept = SweptUploads::default();
        let begun = self.uploads_below(signed)?;
        if begun.is_empty() {
            return Ok(swept);
        }
        let marked = self.marked_uploads()?;
        for upload in begun {
            let is_old = upload.age(now).is_some_and(|age| age >= min_age);
            let Some(path) = Path::parse(&upload.key).ok().filter(|_| is_old) else {
                continue;
            };
            let key = self.requests.paths.key_of(&path).filter(is_ours);
            let Some(key) = key.filter(|_| !marked.contains(&upload.upload_id)) else {
                continue;
            };
            let doing = format!("aborting an upload to {path}");
            if self.requests.wait(&doing, self.requests.look(&path))?.is_some() {
                swept.beside_files.push(key);
                continue;
            }
            if sweep == UploadSweep::Abort {
                self.requests.abort(fence, &path, &upload.upload_id, &doing)?;
            }
            swept.aborted += 1;
        }
        Ok(swept)
    }

    /// The ids of uploads that marks name.
    fn marked_uploads(&self) -> Result<BTreeSet<String>> {
        let mut ids = BTreeSet::new();
        for (_, found) in self.runs_below(&Key::new(RUNS)?)? {
            for at in &found.marks {
                ids.extend(self.read_mark(at)?.map(|mark| mark.upload_id));
            }
        }
        Ok(ids)
    }

    /// The uploads of the bucket below the prefix, as far as they may be listed.
    fn uploads_below(&self, signed: &SignedClient) -> Result<Vec<Begun>> {
        let root = self.requests.paths.of(None)?;
        let prefix = match root.as_ref() {
            "" => String::new(),
            root => format!("{root}/"),
        };
        let (mut uploads, mut after) = (Vec::new(), None);
        while signed.lists_uploads() {
            let page = page_of_uploads(signed, &prefix, after.as_ref());
            let page = match self
                .requests
                .client
                .block_on(repeated(ANSWER_LIMIT, || page.ask()))?
            {
                Ok(page) => page,
                Err(error) => {
                    let error = super::super::errors::without_secrets(&error.to_string());
                    tracing::debug!(%error, "the store does not list uploads");
                    break;
                }
            };
            uploads.extend(page.uploads);
            let next = page.next_key_marker.zip(page.next_upload_id_marker);
            if !page.is_truncated || next.is_none() || next == after {
                break;
            }
            after = next;
        }
        Ok(uploads)
    }
}

/// The request for a page.
struct PageRequest<'a> {
    signed: &'a SignedClient,
    query: Vec<(&'static str, &'a str)>,
}

fn page_of_uploads<'a>(
    signed: &'a SignedClient,
    prefix: &'a str,
    after: Option<&'a (String, String)>,
) -> PageRequest<'a> {
    let mut query = vec![("uploads", ""), ("prefix", prefix)];
    if let Some((key, id)) = after {
        query.extend([("key-marker", key.as_str()), ("upload-id-marker", id.as_str())]);
    }
    PageRequest { signed, query }
}

impl PageRequest<'_> {
    async fn ask(&self) -> object_store::Result<Page> {
        let (bucket, nothing) = (Path::default(), (HeaderMap::new(), Bytes::new()));
        let request = self.signed.sign(
            Method::GET,
            &bucket,
            &self.query,
            nothing.0,
            nothing.1,
            ACCEPTED_FOR,
        );
        let answer = self.signed.send(request.await?).await?;
        if !answer.is_done() {
            return Err(failure(&answer));
        }
        let page = quick_xml::de::from_reader(answer.body().as_ref());
        page.map_err(|error| object_store::Error::Generic {
            store: "list of uploads",
            source: error.into(),
        })
    }
}

fn is_ours(key: &Key) -> bool {
    let first = key.as_str().split('/').next();
    first.is_some_and(|first| OURS.contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_uploads_and_where_the_next_one_begins() {
        let text = r#"<?xml version="1.0"?><ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <Bucket>b</Bucket><KeyMarker/><UploadIdMarker/><NextKeyMarker>p/b</NextKeyMarker>
            <NextUploadIdMarker>2</NextUploadIdMarker><Prefix>p/</Prefix><MaxUploads>2</MaxUploads>
            <IsTruncated>true</IsTruncated>
            <Upload><Key>p/a&amp;</Key><UploadId>1</UploadId><Initiated>2026-01-01T00:00:00.000Z</Initiated>
              <StorageClass>STANDARD</StorageClass><Owner><ID>x</ID></Owner></Upload>
            <Upload><Key>p/b</Key><UploadId>2</UploadId><Initiated>now</Initiated></Upload></ListMultipartUploadsResult>"#;
        let page: Page = quick_xml::de::from_str(text).unwrap();
        assert!(page.is_truncated);
        assert_eq!(page.next_key_marker.as_deref(), Some("p/b"));
        assert_eq!(page.next_upload_id_marker.as_deref(), Some("2"));
        let [first, second] = page.uploads.try_into().unwrap();
        assert_eq!((first.key.as_str(), first.upload_id.as_str()), ("p/a&", "1"));
        // 2026-01-01.
        let begun = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        let hour = Duration::from_secs(3600);
        assert_eq!(first.age(begun + hour), Some(hour));
        assert_eq!(first.age(begun - hour), None);
        assert_eq!(second.age(begun), None);
        let empty: Page = quick_xml::de::from_str("<ListMultipartUploadsResult/>").unwrap();
        assert!(empty.uploads.is_empty() && !empty.is_truncated);
    }

    #[test]
    fn uploads_of_others_are_passed_over() {
        for (key, ours) in [
            ("shared_checksum/a", true),
            ("private/1/b", true),
            ("stonekeep/runs/5/x", true),
            ("shared", true),
            ("logs/a", false),
            ("sharedx/a", false),
        ] {
            assert_eq!(is_ours(&Key::new(key).unwrap()), ours, "{key}");
        }
    }
}
