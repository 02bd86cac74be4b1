//! Repositories at a web server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use stonekeep_testkit::http_server::{HttpServer, Response};
use stonekeep_testkit::skip;

use crate::command::run;
use crate::remote::Bucket;
use crate::world::World;

#[test]
fn a_repository_at_a_web_server_is_read_without_a_listing() {
    let world = World::with_two_backups();
    let Some(server) = PythonServer::of_test("a_repository_at_a_web_server", &world.repo()) else {
        return;
    };
    let at = |words: &[&str]| {
        let more = ["--repo", &server.url, "--store-option", "allow_http=true"];
        run(words.iter().copied().chain(more))
    };
    let to = world.word("restored");
    at(&["restore", "1", "--to", &to]).ok();
    at(&["verify", "2"]).ok();
    at(&["show", "2", "--files"]).ok().says("shared_checksum/");
    at(&["verify"])
        .code(1)
        .warns("cannot be listed")
        .warns("by its id");
    at(&["list"]).code(1).warns("cannot be listed");
    let copy = [
        "copy",
        "2",
        "--from",
        &server.url,
        "--from-store-option",
        "allow_http=true",
        "--to",
        &world.word("copied"),
    ];
    run(copy).ok().says("copied backup 2");
    run(["verify", "--repo", &world.word("copied")]).ok();
    at(&["backup", world.db()]).code(1).warns("can only be read");
    at(&["restore", "9", "--to", &to])
        .code(4)
        .warns("there is no backup 9");
    at(&["show", "latest"]).code(4).warns("stonekeep/latest");
    let hint = "{\"stonekeep_latest\":1,\"backup_id\":1,\"meta_crc32c\":0}";
    fs::write(world.repo().join("stonekeep/latest"), hint).unwrap();
    let newest = || run(["show", "2", "--repo", &world.word("repo")]).ok().stdout;
    let seen = at(&["show", "latest"]).ok().warns("a newer backup may exist");
    assert_eq!(seen.stdout.lines().next(), newest().lines().next());
    let manifest = world
        .stored("private/2")
        .into_iter()
        .find(|path| path.to_string_lossy().contains("MANIFEST"));
    let manifest = manifest.unwrap();
    let url = format!(
        "{}/private/2/{}",
        server.url,
        manifest.file_name().unwrap().to_str().unwrap()
    );
    let there = run(["inspect", &url, "--store-option", "allow_http=true"]).ok();
    let here = run(["inspect", manifest.to_str().unwrap()]).ok();
    assert_eq!(
        there.stdout.lines().skip(1).collect::<Vec<_>>(),
        here.stdout.lines().skip(1).collect::<Vec<_>>()
    );
    let file_url = format!("file://{}", manifest.to_str().unwrap());
    assert_eq!(run(["inspect", &file_url]).ok().stdout, here.stdout);
    run(["list", "--repo", &server.url])
        .code(2)
        .warns("allow_http=true");
}

/// A bucket that is a public web site: its objects are read without a listing and without credentials.
#[test]
fn the_newest_backup_in_a_public_bucket_is_found_by_its_hint() {
    let test = "the_newest_backup_in_a_public_bucket_is_found_by_its_hint";
    let Some(bucket) = Bucket::of_test(test) else {
        return;
    };
    let (mut world, prefix) = (World::new(), format!("web/{}", std::process::id()));
    let bucket_url = bucket.url(&prefix);
    let backup = |world: &World| run(["backup", world.db(), "--repo", &bucket_url]).ok();
    backup(&world);
    world.database.add_tables(1, 20_000);
    backup(&world);
    // The bucket is one for one thread.
    let bucket = Mutex::new(bucket);
    let server = HttpServer::start(move |request| {
        let key = request.target.trim_start_matches('/').replace("%2D", "-");
        match bucket.lock().unwrap().get(&key) {
            Some(bytes) => Response::new(200, bytes),
            None => Response::new(404, "no such key"),
        }
    })
    .unwrap();
    let url = format!("{}/{prefix}", server.url());
    let at = |words: &[&str]| {
        let more = ["--repo", &url, "--store-option", "allow_http=true"];
        run(words.iter().copied().chain(more))
    };
    let (latest, second) = (world.word("latest"), world.word("second"));
    at(&["restore", "latest", "--to", &latest]).ok();
    run(["restore", "2", "--repo", &bucket_url, "--to", &second]).ok();
    for entry in fs::read_dir(&second).unwrap().map(Result::unwrap) {
        let from_web = fs::read(Path::new(&latest).join(entry.file_name())).unwrap();
        assert!(from_web == fs::read(entry.path()).unwrap(), "{entry:?}");
    }
    // The hint follows deletions, too.
    run(["delete", "2", "--repo", &bucket_url]).ok();
    at(&["restore", "2", "--to", &world.word("gone")]).code(4);
    let shown = at(&["show", "latest"]).ok();
    assert_eq!(shown.stdout, at(&["show", "1"]).ok().stdout);
    let asked = server.requests();
    assert!(asked.iter().all(|request| !request.target.contains("list-type")));
}

/// `python3 -m http.server`: whole files only, no ETags.
struct PythonServer {
    process: std::process::Child,
    url: String,
}

impl PythonServer {
    pub(crate) fn of_test(test: &str, directory: &Path) -> Option<Self> {
        let mut command = Command::new("python3");
        command
            .args([
                "-u",
                "-m",
                "http.server",
                "0",
                "--bind",
                "127.0.0.1",
                "--directory",
            ])
            .arg(directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = skip::unless(command.spawn().ok(), test, "needs python3").unwrap()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.split_whitespace().skip_while(|word| *word != "port").nth(1);
        let url = format!("http://127.0.0.1:{}", port.expect("a port"));
        Some(PythonServer { process, url })
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
