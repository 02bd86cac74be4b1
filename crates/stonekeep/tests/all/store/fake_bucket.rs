//! What the clients of S3 and of Google Cloud Storage do, on a server in this process.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use stonekeep::store::remote::{CredentialSource, Credentials, RemoteStore};
use stonekeep::store::{Durability, Key, LockWait, Put, PutContent, PutMode, Store};
use stonekeep_testkit::fake_s3::{self, FakeS3};
use stonekeep_testkit::http_server::{HttpServer, Request, Response};
use stonekeep_testkit::store_conformance::{self, Place};

fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

fn settings(options: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = options
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    owned.collect()
}

/// A store at a server of Google's requests, with leases of so many seconds.
fn google(server: &str, prefix: &str, lease_period: &str) -> Store {
    let options = settings(&[
        ("google_base_url", server),
        ("google_service_account_key", fake_s3::GOOGLE_ACCOUNT),
        ("allow_http", "true"),
        ("lease_period", lease_period),
    ]);
    RemoteStore::open(&format!("gs://bucket/{prefix}"), &options)
        .unwrap()
        .into()
}

#[test]
fn a_bucket_of_google_keeps_the_contract() {
    let server = FakeS3::default().serve(|_| false).unwrap();
    let next = AtomicUsize::new(0);
    let place = |period: &'static str| {
        let prefix = format!("place-{}", next.fetch_add(1, Ordering::Relaxed));
        let url = server.url();
        Box::new(move || google(&url, &prefix, period)) as Place
    };
    store_conformance::run_on_files(|| place("600"));
    store_conformance::run_on_holding(|| place("4"));
}

#[test]
fn a_holder_changes_a_bucket_of_google_by_signed_requests() {
    let server = FakeS3::default().serve(|_| false).unwrap();
    let store = google(&server.url(), "signed", "600");
    let put = |path: &str, bytes: &[u8], mode| {
        store
            .put(
                "7",
                &key(path),
                PutContent::Bytes(bytes),
                mode,
                Durability::Durable,
            )
            .unwrap()
    };
    let held = store.lease(LockWait::Fail, "a test", &|| false).unwrap();
    assert_eq!(put("meta/1", b"one", PutMode::IfAbsent), Put::Done);
    assert_eq!(put("meta/1", b"one", PutMode::IfAbsent), Put::Same);
    assert_eq!(put("meta/1", b"two", PutMode::IfAbsent), Put::Taken);
    let left = store.delete(&[key("meta/1")]);
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(store.stat(&key("meta/1")).unwrap(), None);
    drop(held);
    let signed = |request: &&Request| request.target.contains("X-Goog-Signature=");
    let requests = server.requests();
    let signed: Vec<_> = requests.iter().filter(signed).map(|it| &*it.method).collect();
    assert!(
        signed.contains(&"PUT") && signed.contains(&"DELETE"),
        "{signed:?}"
    );
}

/// The region that a request was signed for.
fn signed_region(request: &Request) -> Option<String> {
    let authorization = request.headers.get("authorization")?;
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split('/').nth(2).map(str::to_owned)
}

#[test]
fn a_bucket_is_asked_for_its_region_where_nobody_names_one() {
    // How the bucket answers a request without a signature.
    let header = |request: &Request| {
        let answer = Response::new(403, "").with("x-amz-bucket-region", "eu-south-2");
        (request.method == "HEAD").then_some(answer)
    };
    let body = |request: &Request| {
        let body = "<Error><Code>AccessDenied</Code><Region>eu-south-2</Region></Error>";
        let body = if request.method == "HEAD" { "" } else { body };
        Some(Response::new(403, body))
    };
    let nothing = |_: &Request| Some(Response::new(403, ""));
    type Answer = fn(&Request) -> Option<Response>;
    let (header, body, nothing): (Answer, Answer, Answer) = (header, body, nothing);
    for (answer, expected) in [
        (header, "eu-south-2"),
        (body, "eu-south-2"),
        // The default of the client.
        (nothing, "us-east-1"),
    ] {
        let bucket = FakeS3::default();
        let server = HttpServer::start(move |request| {
            let is_signed = request.headers.contains_key("authorization");
            let asked = (!is_signed).then(|| answer(request)).flatten();
            asked.unwrap_or_else(|| bucket.answer(request))
        })
        .unwrap();
        let store: Store = RemoteStore::open("s3://bucket/prefix", &s3(&server.url()))
            .unwrap()
            .into();
        assert_eq!(store.stat(&key("meta/1")).unwrap(), None);
        let regions: Vec<_> = server.requests().iter().filter_map(signed_region).collect();
        assert!(
            !regions.is_empty() && regions.iter().all(|region| region == expected),
            "{expected}: {regions:?}"
        );
    }
}

fn s3(endpoint: &str) -> Vec<(String, String)> {
    settings(&[
        ("aws_endpoint", endpoint),
        ("aws_access_key_id", "id"),
        ("aws_secret_access_key", "secret"),
        ("allow_http", "true"),
    ])
}

/// Another token each time.
#[derive(Debug, Default)]
struct Tokens(AtomicU32);

impl CredentialSource for Tokens {
    fn fetch(&self) -> Result<Credentials, String> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Credentials::new("id", "secret").with_session_token(format!("token-{number}")))
    }
}

#[test]
fn requests_are_made_again_when_their_credentials_have_ended() {
    let (bucket, ended) = (FakeS3::default(), Arc::new(Mutex::new(String::new())));
    let token = |request: &Request| {
        let header = request.headers.get("x-amz-security-token").cloned();
        let in_query = || {
            Some(
                request
                    .target
                    .split_once("X-Amz-Security-Token=")?
                    .1
                    .split('&')
                    .next()?
                    .to_owned(),
            )
        };
        header.or_else(in_query).unwrap_or_default()
    };
    let refused = Arc::clone(&ended);
    let server = HttpServer::start(move |request| {
        if token(request) == *refused.lock().unwrap() {
            let body = "<Error><Code>ExpiredToken</Code></Error>";
            let body = if request.method == "HEAD" { "" } else { body };
            return Response::new(400, body);
        }
        bucket.answer(request)
    })
    .unwrap();
    let options = [s3(&server.url()), settings(&[("aws_region", "r")])].concat();
    let tokens = Arc::new(Tokens::default());
    let store = RemoteStore::open_with_credentials("s3://bucket/prefix", &options, tokens.clone());
    let store: Store = store.unwrap().into();
    let put = |path: &str| {
        let content = PutContent::Bytes(b"content");
        store.put("7", &key(path), content, PutMode::IfAbsent, Durability::Durable)
    };
    let end_current = || {
        let current = tokens.0.load(Ordering::Relaxed).saturating_sub(1);
        *ended.lock().unwrap() = format!("token-{current}");
    };
    assert_eq!(put("meta/1").unwrap(), Put::Done);
    // A put, a listing, a HEAD, whose refusal has no words, a read.
    end_current();
    assert_eq!(put("meta/2").unwrap(), Put::Done);
    end_current();
    assert_eq!(store.list(Some(&key("meta"))).unwrap().len(), 2);
    end_current();
    assert!(store.stat(&key("meta/2")).unwrap().is_some());
    end_current();
    let object = store.open(&key("meta/1")).unwrap();
    let mut bytes = [0; 7];
    object.read_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"content");
    // And what a holder of the lease signs.
    let held = store.lease(LockWait::Fail, "a test", &|| false).unwrap();
    end_current();
    assert_eq!(put("meta/3").unwrap(), Put::Done);
    end_current();
    assert!(store.delete(&[key("meta/3")]).is_empty());
    drop(held);
    assert_eq!(store.stat(&key("meta/3")).unwrap(), None);
    assert!(tokens.0.load(Ordering::Relaxed) >= 7);
}
