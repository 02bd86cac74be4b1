//! Keys that end with a slash, which other tools and some stores have for directories, are no files.

use stonekeep::store::remote::RemoteStore;
use stonekeep::store::{Key, Store};
use stonekeep_testkit::http_server::{HttpServer, Request, Response};

/// An S3 server that lists these keys, and what its delimiter makes of them.
fn server(keys: &'static [&'static str]) -> HttpServer {
    let listed = |request: &Request| {
        let parameter = |name: &str| {
            let (_, query) = request.target.split_once('?')?;
            let value = query.split('&').find_map(|part| part.strip_prefix(name))?;
            Some(value.replace("%2F", "/"))
        };
        let prefix = parameter("prefix=").unwrap_or_default();
        let mut body = String::from("<ListBucketResult><IsTruncated>false</IsTruncated>");
        for key in keys.iter().filter(|key| key.starts_with(&prefix)) {
            let below = parameter("delimiter=").and_then(|_| key[prefix.len()..].split_once('/'));
            body.push_str(&match below {
                Some((directory, _)) => {
                    format!("<CommonPrefixes><Prefix>{prefix}{directory}/</Prefix></CommonPrefixes>")
                }
                None => format!(
                    "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00Z</LastModified>\
                     <ETag>\"0\"</ETag><Size>0</Size></Contents>"
                ),
            });
        }
        Response::new(200, body + "</ListBucketResult>")
    };
    HttpServer::start(listed).unwrap()
}

fn open(server: &HttpServer) -> Store {
    let options = [
        ("aws_endpoint", server.url()),
        ("allow_http", "true".to_owned()),
        ("aws_skip_signature", "true".to_owned()),
        ("aws_region", "us-east-1".to_owned()),
    ];
    let options = options.map(|(name, value)| (name.to_owned(), value));
    RemoteStore::open("s3://bucket/db/one", &options).unwrap().into()
}

fn names(store: &Store, directory: Option<&str>) -> Vec<String> {
    let directory = directory.map(|directory| Key::new(directory).unwrap());
    let entries = store.list(directory.as_ref()).unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

#[test]
fn markers_of_directories_are_passed_over() {
    let server = server(&[
        "db/one/",
        "db/one/meta/",
        "db/one/meta/7",
        "db/one/stonekeep/runs/5/marks/",
    ]);
    let store = open(&server);
    assert!(store.exists().unwrap());
    assert_eq!(names(&store, None), ["meta", "stonekeep"]);
    assert_eq!(names(&store, Some("meta")), ["7"]);
    assert_eq!(names(&store, Some("stonekeep/runs/5/marks")), [""; 0]);
    let leftovers = store.leftovers().unwrap();
    assert!(
        leftovers
            .iter()
            .all(|left| left.uploads.is_empty() && left.doubtful.is_empty())
    );
}

#[test]
fn a_marker_alone_is_no_repository() {
    let server = server(&["db/one/"]);
    let store = open(&server);
    assert!(!store.exists().unwrap());
    assert_eq!(names(&store, None), [""; 0]);
}
