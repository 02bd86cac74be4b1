//! A store that lists what it does not find.

use stonekeep_testkit::fake_s3::FakeS3;
use stonekeep_testkit::http_server::HttpServer;

use crate::s3_server::{Home, error};
use crate::world::World;

/// Some stores list an object before, or after, they find it.
#[test]
fn a_file_that_is_listed_and_not_found_is_named_so() {
    let (world, bucket) = (World::new(), FakeS3::default());
    let there = bucket.serve(|_| false).unwrap();
    let repo = ["--repo", "s3://bucket/app"];
    let home = Home::new().with_server(&there.url());
    home.run(["backup", world.db()].into_iter().chain(repo)).ok();
    let ghosts = HttpServer::start(move |request| {
        let is_table = request.method == "GET" && request.target.contains(".sst");
        if is_table {
            error(request, 404, "NoSuchKey", "")
        } else {
            bucket.answer(request)
        }
    });
    let ghosts = ghosts.unwrap();
    let home = Home::new().with_server(&ghosts.url());
    let to = world.word("to");
    for words in [&["restore", "--to", &to][..], &["verify"]] {
        let ended = home.run(words.iter().copied().chain(repo)).code(3);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(
            said.contains("is listed, and was not found when it was read"),
            "{said}"
        );
        assert!(said.contains("run this again later"), "{said}");
        assert!(!said.contains("is missing"), "{said}");
    }
    // Each table is asked for twice.
    let tables = ghosts
        .requests()
        .into_iter()
        .filter(|it| it.method == "GET" && it.target.contains(".sst"));
    assert!(tables.count() >= 4);
    let home = Home::new().with_server(&there.url());
    home.run(["restore", "--to", &to].into_iter().chain(repo)).ok();
}
