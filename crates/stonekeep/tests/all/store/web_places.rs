//! Files of a web server are read from any place, and only in the version that was opened.

use std::fs;

use stonekeep::store::remote::WebStore;
use stonekeep::store::{Key, Store};
use stonekeep_testkit::http_server::{HttpServer, Serves};

fn bytes(factor: usize) -> Vec<u8> {
    (0..100_000).map(|at| (at * factor % 251) as u8).collect()
}

fn store(server: &HttpServer) -> Store {
    let allowed = ("allow_http".to_owned(), "true".to_owned());
    WebStore::open(&server.url(), &[allowed]).unwrap().into()
}

#[test]
fn a_file_is_read_from_any_place_also_where_the_server_sends_all_of_it() {
    for serves in [Serves::Ranges, Serves::WeakRanges, Serves::WholeFiles] {
        let root = tempfile::tempdir().unwrap();
        let expected = bytes(1);
        fs::write(root.path().join("a"), &expected).unwrap();
        let server = HttpServer::of_directory(root.path(), serves).unwrap();
        let object = store(&server).open(&Key::new("a").unwrap()).unwrap();
        assert_eq!(object.size_bytes(), 100_000);
        for at in [50_000, 7, 99_999, 70_001, 0] {
            let mut buffer = [0; 100];
            let count = object.read_at(&mut buffer, at as u64).unwrap();
            assert!(count > 0, "{serves:?} at {at}");
            assert_eq!(buffer[..count], expected[at..][..count], "{serves:?} at {at}");
        }
    }
}

#[test]
fn a_file_that_was_replaced_meanwhile_is_an_error_and_no_mixture() {
    for serves in [Serves::Ranges, Serves::WeakRanges, Serves::WholeFiles] {
        let root = tempfile::tempdir().unwrap();
        let at = root.path().join("a");
        fs::write(&at, bytes(1)).unwrap();
        let server = HttpServer::of_directory(root.path(), serves).unwrap();
        let object = store(&server).open(&Key::new("a").unwrap()).unwrap();
        // Without an ETag and a time only the length tells.
        let mut other = bytes(3);
        other.pop();
        fs::write(&at, other).unwrap();
        let error = object.read_at(&mut [0; 100], 50_000).unwrap_err();
        assert!(
            format!("{error:?}").contains("took its place"),
            "{serves:?}: {error:?}"
        );
    }
}
