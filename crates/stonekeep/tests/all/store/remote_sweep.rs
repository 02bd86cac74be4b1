//! Uploads that no run completes any more are found page by page, and aborted unless a mark or an object is in the way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stonekeep::store::remote::RemoteStore;
use stonekeep::store::{Durability, Key, LockWait, PutContent, PutMode, Store, UploadSweep};
use stonekeep_testkit::fake_s3::FakeS3;
use stonekeep_testkit::http_server::{HttpServer, Request, Response};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Uploads by their keys below the bucket, each with its id, in the order in which they are listed.
const UPLOADS: [(&str, &str); 5] = [
    ("prefix/private/1/000009.sst", "id-1"),
    ("prefix/shared_checksum/000010.sst", "id-2"),
    ("prefix/shared_checksum/000011.sst", "id-3"),
    ("prefix/shared_checksum/000012.sst", "id-4"),
    ("prefix/logs/of-another-tool", "id-5"),
];

/// A bucket that lists two uploads a page, all of them old, and notes which ones are aborted.
struct Bucket {
    server: HttpServer,
    aborted: Arc<Mutex<Vec<String>>>,
}

fn parameters(request: &Request) -> BTreeMap<String, String> {
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .map(|(name, value)| (name.to_owned(), value.replace("%2F", "/")))
        .collect()
}

/// The page after this upload.
fn page(after: Option<&str>) -> Response {
    let begin = after.map_or(0, |id| UPLOADS.iter().position(|it| it.1 == id).unwrap() + 1);
    let rest = &UPLOADS[begin..];
    let mut body = String::from("<ListMultipartUploadsResult>");
    for (key, id) in rest.iter().take(2) {
        body.push_str(&format!(
            "<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload>"
        ));
    }
    if let [_, (key, id), _, ..] = rest {
        body.push_str(&format!(
            "<IsTruncated>true</IsTruncated><NextKeyMarker>{key}</NextKeyMarker><NextUploadIdMarker>{id}</NextUploadIdMarker>"
        ));
    }
    Response::new(200, body + "</ListMultipartUploadsResult>")
}

impl Bucket {
    fn serve(list: fn(Option<&str>) -> Response) -> Self {
        let (objects, aborted) = (FakeS3::default(), Arc::<Mutex<Vec<String>>>::default());
        let noted = Arc::clone(&aborted);
        let server = HttpServer::start(move |request| {
            let query = parameters(request);
            match (&*request.method, query.get("uploadId")) {
                ("DELETE", Some(id)) => {
                    noted.lock().unwrap().push(id.clone());
                    Response::new(204, "")
                }
                ("GET", _) if query.contains_key("uploads") => {
                    list(query.get("upload-id-marker").map(String::as_str))
                }
                _ => objects.answer(request),
            }
        });
        Bucket {
            server: server.unwrap(),
            aborted,
        }
    }

    fn store(&self) -> Store {
        let options = [
            ("aws_endpoint", &*self.server.url()),
            ("aws_region", "r"),
            ("aws_access_key_id", "id"),
            ("aws_secret_access_key", "secret"),
            ("allow_http", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        RemoteStore::open("s3://bucket/prefix", &options).unwrap().into()
    }

    fn aborted(&self) -> Vec<String> {
        self.aborted.lock().unwrap().clone()
    }
}

fn put(store: &Store, path: &str, text: &str) {
    let (key, content) = (Key::new(path).unwrap(), PutContent::Bytes(text.as_bytes()));
    store
        .put("7", &key, content, PutMode::IfAbsent, Durability::Durable)
        .unwrap();
}

#[test]
fn uploads_of_all_pages_are_aborted_but_those_of_marks_and_beside_objects() {
    let bucket = Bucket::serve(page);
    let store = bucket.store();
    put(&store, "shared_checksum/000011.sst", "it may have been completed");
    let mark = r#"{"key":"shared_checksum/000012.sst","size_bytes":1,"upload_id":"id-4","token":"t"}"#;
    put(&store, "stonekeep/runs/7/marks/t", mark);

    let held = store.lease(LockWait::Fail, "a test", &|| false).unwrap();
    let counted = store.sweep_uploads(DAY, UploadSweep::Count).unwrap();
    assert_eq!(bucket.aborted(), [""; 0]);
    let swept = store.sweep_uploads(DAY, UploadSweep::Abort).unwrap();
    assert_eq!(swept, counted);
    assert_eq!(swept.aborted, 2);
    assert_eq!(
        swept.beside_files,
        [Key::new("shared_checksum/000011.sst").unwrap()]
    );
    assert_eq!(bucket.aborted(), ["id-1", "id-2"]);
    drop(held);
    // Those that are younger than the least age may go on.
    let young = store.sweep_uploads(DAY * 365 * 100, UploadSweep::Abort).unwrap();
    assert_eq!((young.aborted, bucket.aborted().len()), (0, 2));
}

#[test]
fn a_store_that_refuses_to_list_uploads_shows_none_and_one_that_turns_around_comes_to_an_end() {
    let refused = |_: Option<&str>| Response::new(403, "<Error><Code>AccessDenied</Code></Error>");
    // Named once more, a page would be listed for ever.
    let turns_around = |_: Option<&str>| page(None);
    let nothing: fn(Option<&str>) -> Response = refused;
    let turning: fn(Option<&str>) -> Response = turns_around;
    for (list, aborted) in [(nothing, 0), (turning, 4)] {
        let bucket = Bucket::serve(list);
        let swept = bucket.store().sweep_uploads(DAY, UploadSweep::Abort).unwrap();
        assert_eq!(swept.aborted, aborted);
    }
}
