//! What goes wrong with an object store for a new user: each message says what, and what to do, and has no secret.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use stonekeep_testkit::http_server::{HttpServer, Request, Response, Serves, file};

use crate::command::Ended;
use crate::remote::Bucket;
use crate::s3_server::{Home, empty_listing, error, signed_with};
use crate::world::World;

/// Far more than a wrong host or port may take, and far less than a command is patient with a server that is restarted.
const SOON: Duration = Duration::from_secs(20);

/// `list` at a server that answers so.
fn list_at(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Ended {
    let server = HttpServer::start(answer).unwrap();
    let home = Home::new()
        .with_server(&server.url())
        .with("AWS_SESSION_TOKEN", "the-token");
    let ended = home.run(["list", "--repo", "s3://bucket/app"]);
    has_no_secret(&ended);
    ended
}

#[track_caller]
fn has_no_secret(ended: &Ended) {
    for secret in [
        "the-secret",
        "the-token",
        "X-Amz-Signature",
        "Signature=",
        "<Code>",
    ] {
        assert!(!ended.stderr.contains(secret), "{secret} in {ended:#?}");
    }
}

#[test]
fn each_refusal_of_a_store_says_what_to_do() {
    let times = "<RequestTime>20261130T120000Z</RequestTime><ServerTime>2026-11-30T14:00:00Z</ServerTime>";
    for (status, code, more, named, hint) in [
        (
            404,
            "NoSuchBucket",
            "",
            "404 NoSuchBucket: as the store says it",
            "check the name of the bucket",
        ),
        (
            403,
            "InvalidAccessKeyId",
            "",
            "403 InvalidAccessKeyId",
            "check AWS_ACCESS_KEY_ID or the profile",
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "",
            "403 SignatureDoesNotMatch",
            "the secret key does not belong",
        ),
        (400, "ExpiredToken", "", "400 ExpiredToken", "log in again"),
        (403, "AccessDenied", "", "403 AccessDenied", "s3:ListBucket"),
        (403, "RequestTimeTooSkewed", times, "20261130T120000Z", "set it"),
        (
            403,
            "RequestTimeTooSkewed",
            times,
            "2026-11-30T14:00:00Z",
            "the clock of this machine",
        ),
        (
            400,
            "AuthorizationHeaderMalformed",
            "<Region>garage</Region>",
            "400 Authorization",
            "aws_region=garage",
        ),
        (
            400,
            "InvalidBucketName",
            "",
            "400 InvalidBucketName",
            "check the name of the bucket",
        ),
    ] {
        let ended = list_at(move |request| error(request, status, code, more)).code(1);
        let ended = ended.warns("s3://bucket/app").warns(named).warns(hint);
        assert_eq!(ended.stderr.matches("hint: ").count(), 1, "{ended:#?}");
    }
}

#[test]
fn a_bucket_of_another_region_is_named_with_its_region() {
    let redirected = |request: &Request| {
        let answer = error(
            request,
            301,
            "PermanentRedirect",
            "<Endpoint>s3.eu-central-1.amazonaws.com</Endpoint>",
        );
        answer.with("x-amz-bucket-region", "eu-central-1")
    };
    let ended = list_at(redirected).code(1).warns("PermanentRedirect");
    ended.warns("--store-option aws_region=eu-central-1");
    // Without a region in any setting, the store is asked.
    let server = HttpServer::start(move |request| match signed_with(request) {
        None if request.method == "HEAD" => redirected(request),
        Some(signed) if signed.region == "eu-central-1" => empty_listing(),
        _ => redirected(request),
    });
    let server = server.unwrap();
    let home = Home::new().with_server(&server.url()).with("AWS_REGION", "");
    home.run(["list", "--repo", "s3://bucket/app"])
        .code(4)
        .warns("there is no repository");
    // Stores that are not Amazon's tell it in their refusals.
    let server = HttpServer::start(|request| match signed_with(request) {
        None => error(request, 403, "AccessDenied", "<Region>garage</Region>"),
        Some(signed) => {
            assert_eq!(signed.region, "garage");
            empty_listing()
        }
    });
    let server = server.unwrap();
    let home = Home::new().with_server(&server.url()).with("AWS_REGION", "");
    home.run(["list", "--repo", "s3://bucket/app"]).code(4);
}

#[test]
fn a_clock_that_differs_is_named_with_both_times_whatever_the_store_says() {
    let late = |request: &Request| {
        let answer = match &*request.method {
            "HEAD" => Response::new(400, ""),
            _ => Response::new(
                400,
                "<Error><Code>InvalidRequest</Code><Message>Bad request: Date is too old</Message></Error>",
            ),
        };
        answer.with("Date", "Mon, 30 Nov 2026 14:00:00 GMT")
    };
    let ended = list_at(late).code(1).warns("Mon, 30 Nov 2026 14:00:00 GMT");
    ended.warns("the request was signed at 2").warns("set it");
}

#[test]
fn a_host_that_does_not_answer_is_named_soon() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let world = World::new();
    for (endpoint, named, hint) in [
        (&*closed, "Connection refused", "nothing listens there"),
        (
            "http://no-such-host.invalid",
            "dns error",
            "the host of the endpoint is not known",
        ),
    ] {
        let home = Home::new().with_server(endpoint);
        let repo = "s3://bucket/app";
        let to = world.word("to");
        for words in [
            &["list", "--repo", repo][..],
            &["backup", world.db(), "--repo", repo],
            &["restore", "latest", "--repo", repo, "--to", &to],
            &["purge", "--keep", "1", "--repo", repo],
            &["check-store", "--repo", repo],
        ] {
            let begun = Instant::now();
            let ended = home.run(words.iter().copied()).code(1).warns(named).warns(hint);
            has_no_secret(&ended);
            assert!(begun.elapsed() < SOON, "{words:?} took {:?}", begun.elapsed());
        }
    }
    let home = Home::new().with_server(&closed).with("AWS_ALLOW_HTTP", "false");
    home.run(["list", "--repo", "s3://bucket/app"])
        .code(1)
        .warns("--store-option allow_http=true");
}

/// A server that accepts connections, and is silent.
#[test]
fn an_instance_without_credentials_is_asked_for_a_second() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let server = HttpServer::start(|_| empty_listing()).unwrap();
    let home = Home::new()
        .with("AWS_ENDPOINT_URL", server.url())
        .with("AWS_ALLOW_HTTP", "true")
        .with("AWS_REGION", "r")
        .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", address);
    let begun = Instant::now();
    home.run(["list", "--repo", "s3://bucket/app"])
        .code(1)
        .warns("there are no credentials")
        .warns("AWS_PROFILE")
        .warns("skip_signature=true");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn an_empty_prefix_and_one_of_something_else_are_told_apart() {
    let other = "<ListBucketResult><CommonPrefixes><Prefix>app/photos/</Prefix></CommonPrefixes><IsTruncated>false</IsTruncated></ListBucketResult>";
    for repo in [
        "s3://bucket/app",
        "s3://bucket/app/",
        "s3://bucket",
        "s3://bucket/",
    ] {
        let server = HttpServer::start(|_| empty_listing()).unwrap();
        let home = Home::new().with_server(&server.url());
        let ended = home.run(["list", "--repo", repo]).code(4);
        ended.warns("nothing is stored there").warns("check the URL");
    }
    list_at(move |_| Response::new(200, other))
        .code(4)
        .warns("no repository")
        .warns("\"photos\"")
        .warns("name its own path or prefix");
    let server = HttpServer::start(move |_| Response::new(200, other)).unwrap();
    let world = World::new();
    let home = Home::new().with_server(&server.url());
    home.run(["backup", world.db(), "--repo", "s3://bucket/app"])
        .code(1)
        .warns("neither empty nor a repository");
    assert!(server.requests().iter().all(|request| request.method == "GET"));
}

/// A listing of a directory: of one level with a delimiter, else of everything below.
fn listing(root: &Path, request: &Request) -> Response {
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix="));
    let prefix = prefix.unwrap_or_default().replace("%2F", "/");
    let mut xml = String::from("<ListBucketResult><IsTruncated>false</IsTruncated>");
    list_into(&mut xml, root, &prefix, query.contains("delimiter="));
    Response::new(200, xml + "</ListBucketResult>")
}

fn list_into(xml: &mut String, root: &Path, prefix: &str, one_level: bool) {
    let entries = fs::read_dir(root.join(prefix)).into_iter().flatten();
    for entry in entries.map(Result::unwrap) {
        let key = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        let metadata = entry.metadata().unwrap();
        if !metadata.is_dir() {
            let (size, time) = (metadata.len(), "2026-11-30T00:00:00Z");
            xml.push_str(&format!(
                "<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>{time}</LastModified></Contents>"
            ));
        } else if one_level {
            xml.push_str(&format!(
                "<CommonPrefixes><Prefix>{key}/</Prefix></CommonPrefixes>"
            ));
        } else {
            list_into(xml, root, &format!("{key}/"), one_level);
        }
    }
}

#[test]
fn a_public_bucket_is_read_without_credentials_if_an_option_says_so() {
    let world = World::with_two_backups();
    // The bucket's files lie below its name.
    let root = world.path("served");
    fs::create_dir_all(root.join("bucket")).unwrap();
    std::os::unix::fs::symlink(world.repo(), root.join("bucket/app")).unwrap();
    let server =
        HttpServer::start(
            move |request| match (&*request.method, request.target.contains("list-type")) {
                _ if signed_with(request).is_some() => error(request, 403, "InvalidAccessKeyId", ""),
                ("GET", true) => listing(&root.join("bucket"), request),
                ("GET" | "HEAD", false) => file(&root, Serves::Ranges, request)
                    .with("Last-Modified", "Mon, 30 Nov 2026 00:00:00 GMT"),
                _ => error(request, 403, "AccessDenied", ""),
            },
        );
    let server = server.unwrap();
    let home = Home::new()
        .with("AWS_ENDPOINT_URL", server.url())
        .with("AWS_ALLOW_HTTP", "true")
        .with("AWS_REGION", "r");
    let public = [
        "--repo",
        "s3://bucket/app",
        "--store-option",
        "aws_skip_signature=true",
    ];
    let run = |words: &[&str]| home.run(words.iter().copied().chain(public));
    let here = world.run(["list"]).ok().stdout;
    assert_eq!(run(&["list"]).ok().stdout, here);
    run(&["verify"]).ok();
    run(&["restore", "latest", "--to", &world.word("restored")]).ok();
    run(&["backup", world.db()])
        .code(1)
        .warns("AccessDenied")
        .warns("permissions");
}

#[test]
fn a_real_server_s_refusals_say_what_to_do() {
    let Some(bucket) = Bucket::of_test("a_real_server_s_refusals_say_what_to_do") else {
        return;
    };
    let variable = |name: &str| std::env::var(name).unwrap();
    let home = || {
        [
            "AWS_ENDPOINT_URL",
            "AWS_ALLOW_HTTP",
            "AWS_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
        ]
        .into_iter()
        .fold(Home::new(), |home, name| home.with(name, variable(name)))
    };
    let url = bucket.url("mistakes");
    let list = |home: Home, url: &str| {
        let ended = home.run(["list", "--repo", url]);
        assert!(
            !ended.stderr.contains(&variable("AWS_SECRET_ACCESS_KEY")),
            "{ended:#?}"
        );
        ended
    };
    list(home(), &url).code(4).warns("nothing is stored there");
    list(home(), "s3://no-such-bucket-here/p")
        .code(1)
        .warns("check the name of the bucket");
    list(home().with("AWS_SECRET_ACCESS_KEY", "wrong"), &url)
        .code(1)
        .warns("the secret key does not belong to the access key");
    list(home().with("AWS_ACCESS_KEY_ID", "wrong"), &url)
        .code(1)
        .warns("does not know this access key");
    list(home().with("AWS_SKIP_SIGNATURE", "true"), &url)
        .code(1)
        .warns("403");
    let other = list(home().with("AWS_REGION", "elsewhere-1"), &url);
    // Some servers take any region.
    if other.code != Some(4) {
        other.code(1).warns("the bucket is in the region");
    }
    list(home().with("AWS_REGION", ""), &url)
        .code(4)
        .warns("nothing is stored there");
}
