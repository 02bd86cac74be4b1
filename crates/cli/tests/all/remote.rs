//! Repositories in an S3 server: `STONEKEEP_TEST_S3` is the URL of a bucket, `AWS_…` its endpoint and credentials. A container of
//! Azure (`az://…`, `AZURE_…`) is possible, too.

use std::fs;
use std::path::Path;
use std::process::Command;

use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use stonekeep_testkit::server::Server;
use stonekeep_testkit::skip;
use tokio::runtime::Runtime;

use crate::command::{Ended, run, stonekeep};
use crate::shape;
use crate::world::World;

/// The bucket of the test server, and a prefix in it that no other test uses.
pub(crate) struct Bucket {
    url: String,
    client: Box<dyn ObjectStore>,
    runtime: Runtime,
}

impl Bucket {
    /// `None`, after a note, without a server.
    #[expect(clippy::print_stderr, reason = "a skipped test says why")]
    pub(crate) fn of_test(test: &str) -> Option<Self> {
        const NEEDED: &str = "needs an S3 server: STONEKEEP_TEST_S3=s3://BUCKET and its AWS_… variables";
        let url = std::env::var("STONEKEEP_TEST_S3").unwrap_or_default();
        match url.as_str() {
            // This machine can have none.
            "none" => eprintln!("skipped: {test}: {NEEDED}"),
            "" => skip::because(test, NEEDED).unwrap(),
            _ => {}
        }
        let client: Box<dyn ObjectStore> = match url.split_once("://")? {
            ("az", name) => {
                let builder = MicrosoftAzureBuilder::from_env().with_container_name(name);
                Box::new(builder.build().unwrap())
            }
            (_, name) => {
                let builder = AmazonS3Builder::from_env().with_bucket_name(name);
                Box::new(builder.build().unwrap())
            }
        };
        Some(Bucket::of_client(url, client))
    }

    /// The bucket of a server that the test has started.
    pub(crate) fn of_server(server: &Server) -> Self {
        let url = server.bucket().unwrap();
        let mut builder = AmazonS3Builder::new().with_url(&url);
        for (name, value) in server.variables() {
            if let Ok(key) = name.to_lowercase().parse() {
                builder = builder.with_config(key, value);
            }
        }
        Bucket::of_client(url, Box::new(builder.build().unwrap()))
    }

    fn of_client(url: String, client: Box<dyn ObjectStore>) -> Self {
        Bucket {
            client,
            url,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    /// Copies a directory to a prefix, as any tool does.
    pub(crate) fn put_directory(&self, directory: &Path, prefix: &str) {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let at = format!("{prefix}/{}", entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() {
                self.put_directory(&entry.path(), &at);
            } else {
                self.put(&at, fs::read(entry.path()).unwrap());
            }
        }
    }

    pub(crate) fn put(&self, key: &str, bytes: Vec<u8>) {
        let path = ObjectPath::parse(key).unwrap();
        let put = self.client.put(&path, bytes.into());
        self.runtime.block_on(put).unwrap();
    }

    /// The content of an object, if it is there.
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let path = ObjectPath::parse(key).ok()?;
        let get = async { self.client.get(&path).await?.bytes().await };
        Some(self.runtime.block_on(get).ok()?.to_vec())
    }

    /// The objects below a prefix.
    pub(crate) fn names(&self, prefix: &str) -> Vec<String> {
        let prefix = ObjectPath::from(prefix);
        let listing = self.client.list_with_delimiter(Some(&prefix));
        let found = self.runtime.block_on(listing).unwrap();
        let objects = found.objects.iter();
        objects
            // SeaweedFS lists empty directories for a while.
            .filter(|object| object.location != prefix)
            .map(|object| object.location.to_string())
            .collect()
    }

    /// The keys below a prefix, sorted.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let prefix = ObjectPath::parse(prefix).unwrap();
        let listed = self.client.list(Some(&prefix)).try_collect::<Vec<_>>();
        let listed = self.runtime.block_on(listed).unwrap();
        let mut keys: Vec<String> = listed
            .into_iter()
            .map(|object| object.location.to_string())
            .collect();
        keys.sort();
        keys
    }

    pub(crate) fn url(&self, prefix: &str) -> String {
        format!("{}/{prefix}", self.url)
    }
}

#[test]
fn a_repository_on_s3_is_listed_verified_and_restored() {
    let Some(bucket) = Bucket::of_test("a_repository_on_s3_is_listed_verified_and_restored") else {
        return;
    };
    let world = World::with_two_backups();
    let prefix = format!("read/{}", std::process::id());
    bucket.put_directory(&world.repo(), &prefix);
    let (url, here) = (bucket.url(&prefix), world.word("repo"));
    for verb in [&["list"][..], &["show", "1"], &["diff", "1", "2"], &["verify"]] {
        let at = |repo: &str| run(verb.iter().copied().chain(["--repo", repo])).ok().stdout;
        assert_eq!(at(&url), at(&here), "{verb:?}");
    }
    let (from_s3, from_disk) = (world.word("from-s3"), world.word("from-disk"));
    run(["restore", "latest", "--repo", &url, "--to", &from_s3]).ok();
    run(["restore", "latest", "--repo", &here, "--to", &from_disk]).ok();
    for entry in fs::read_dir(&from_disk).unwrap().map(Result::unwrap) {
        let restored = fs::read(Path::new(&from_s3).join(entry.file_name())).unwrap();
        assert!(restored == fs::read(entry.path()).unwrap(), "{entry:?}");
    }
    run(["open", "latest", "--repo", &url, "--at", &world.word("opened")])
        .code(1)
        .warns("only in a local repository");
    run(["delete", "1", "--repo", &url]).ok();
    run(["gc", "--repo", &url]).ok();
    // Not when they were verified, which was one after the other.
    let listed = |repo: &str| {
        let text = run(["list", "--repo", repo]).ok().stdout;
        text.split(", all verified since ").next().unwrap().to_owned()
    };
    let left = listed(&url);
    run(["delete", "1", "--repo", &here]).ok();
    run(["gc", "--repo", &here]).ok();
    assert_eq!(left, listed(&here));
    run(["verify", "--repo", &url]).ok();
    assert_eq!(bucket.names(&format!("{prefix}/stonekeep/leases")), [""; 0]);
}

#[test]
fn a_repository_is_copied_to_s3_and_back() {
    let Some(bucket) = Bucket::of_test("a_repository_is_copied_to_s3_and_back") else {
        return;
    };
    let mut world = World::with_two_backups();
    let prefix = format!("copied/{}", std::process::id());
    let (url, repo, back) = (bucket.url(&prefix), world.word("repo"), world.word("back"));
    let to_s3 = ["copy", "--from", &repo, "--to", &url];
    run(to_s3).ok().says("copied backups 1-2");
    run(["verify", "--repo", &url]).ok();
    run(to_s3).ok().says("already there: backups 1-2");
    let from_s3 = ["copy", "--from", &url, "--to", &back];
    run(from_s3).ok().says("copied backups 1-2");
    for directory in [
        "meta",
        "private/1",
        "private/2",
        "shared_checksum",
        "stonekeep/backups",
    ] {
        for path in world.stored(directory) {
            let copied = world.path("back").join(path.strip_prefix(&repo).unwrap());
            assert!(fs::read(&path).unwrap() == fs::read(copied).unwrap(), "{path:?}");
        }
    }
    world.database.write(10);
    run(["backup", world.db(), "--repo", &back]).ok().says("backup 3");
    run(["copy", "latest", "--from", &back, "--to", &url])
        .ok()
        .says("copied backup 3")
        .says("stored already");
    // One that is purged there does not come back.
    run(["delete", "1", "--repo", &url]).ok();
    run(to_s3).ok().warns("skipped: backup 1");
    let list = run(["list", "--repo", &url]).ok();
    assert_eq!(list.stdout.lines().count(), 4, "{list:?}");
    run(["verify", "--repo", &url]).ok();
    for left in ["leases", "runs", "pins"] {
        assert_eq!(
            bucket.names(&format!("{prefix}/stonekeep/{left}")),
            [""; 0],
            "{left}"
        );
    }
    let (also, between) = (
        bucket.url(&format!("{prefix}-2")),
        ["copy", "--all", "--from", &url],
    );
    run(between.into_iter().chain(["--to", &also]))
        .ok()
        .says("copied backups 2-3");
    run(["verify", "--repo", &also]).ok();
    run(["copy", "--from", &url, "--to", &format!("{url}/below")])
        .code(1)
        .warns("lies inside the other");
}

#[test]
fn a_file_url_is_a_directory_and_other_schemes_are_named() {
    let world = World::new();
    let url = format!("file://{}", world.word("a%20repo"));
    run(["backup", world.db(), "--repo", &url])
        .ok()
        .says(&world.word("a repo"));
    run(["verify", "--repo", &url]).ok();
    run(["verify", "--repo", &world.word("a repo")]).ok();
    let to = world.word("restored");
    run(["restore", "1", "--repo", &url, "--to", &to]).ok();
    for (repo, reason) in [
        ("file://host/backups", "files of another host (host)"),
        ("ftp://host/backups", "\"ftp\" is not a kind of store"),
    ] {
        run(["list", "--repo", repo]).code(2).warns(reason);
    }
    run([
        "restore",
        "1",
        "--repo",
        &url,
        "--to",
        &to,
        "--alternate-dir=s3://bucket/p",
    ])
    .code(2)
    .warns("must be a directory");
    // The way out for a directory of such a name.
    run(["list", "--repo", "./ftp://host/backups"])
        .code(4)
        .warns("there is no repository");
}

#[test]
fn what_a_store_promises_is_tried() {
    let world = World::with_backup();
    let document = world.json(["check-store"]);
    let expected = "location: string, promises: [{name: string, verdict: string, seen: string, follows: string}], warnings: []";
    shape::check(&document, "check-store", expected);
    world
        .run(["check-store"])
        .ok()
        .says("honoured: list after write: 100 of 100")
        .says("can hold repositories");
    world.run(["verify"]).ok();
    run(["check-store", "--repo", &world.word("nowhere")])
        .code(4)
        .warns("there is no directory");
    if let Some(bucket) = Bucket::of_test("what_a_store_promises_is_tried") {
        let prefix = format!("check/{}", std::process::id());
        let url = bucket.url(&prefix);
        let tried = run(["check-store", "--repo", &url]).ok();
        let tried = tried
            .says("create if absent")
            .says("expiry of signed requests")
            .says("checksums");
        assert!(!tried.stdout.contains("X-Amz"), "{tried:?}");
        assert_eq!(bucket.keys(&prefix), [""; 0]);
    }
}

#[test]
fn the_endpoint_of_the_aws_tools_comes_first_whatever_the_order() {
    let of_tools = [
        "AWS_ENDPOINT_URL_S3=http://127.0.0.1:1",
        "AWS_ENDPOINT_URL=http://127.0.0.1:1",
    ];
    for of_tools in of_tools {
        let other = "AWS_ENDPOINT=http://127.0.0.1:2";
        for order in [[of_tools, other], [other, of_tools]] {
            let mut command = Command::new("env");
            command
                .args([
                    "-i",
                    "AWS_ACCESS_KEY_ID=id",
                    "AWS_SECRET_ACCESS_KEY=key",
                    "AWS_REGION=r",
                    "AWS_ALLOW_HTTP=true",
                ])
                .args(order)
                .arg(stonekeep().get_program())
                .args(["list", "--repo", "s3://bucket/p"]);
            Ended::from(command.output().unwrap())
                .code(1)
                .warns("http://127.0.0.1:1/");
        }
    }
}

#[test]
fn what_is_wrong_with_a_store_is_named_with_what_to_check() {
    let Some(bucket) = Bucket::of_test("what_is_wrong_with_a_store_is_named_with_what_to_check") else {
        return;
    };
    run(["list", "--repo", &bucket.url("nothing-is-here")])
        .code(4)
        .warns("there is no repository");
    run(["list", "--repo", "s3://no-such-bucket/p"])
        .code(1)
        .warns("NoSuchBucket")
        .warns("check the name of the bucket");
    let url = bucket.url("x");
    let mut command: Command = stonekeep();
    command
        .env("AWS_SECRET_ACCESS_KEY", "a-wrong-one")
        .args(["list", "--repo", &url]);
    let ended = Ended::from(command.output().unwrap())
        .code(1)
        .warns("the secret key does not belong to the access key");
    assert!(!ended.stderr.contains("a-wrong-one"), "{ended:?}");
    let nowhere = "aws_endpoint=http://127.0.0.1:1";
    run(["list", "--repo", &url, "--store-option", nowhere])
        .code(1)
        .warns("check host and port of the endpoint");
}
