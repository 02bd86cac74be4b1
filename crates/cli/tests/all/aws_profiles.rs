//! Credentials for S3: variables, profiles in files, commands, and what happens when they end.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use stonekeep_testkit::http_server::HttpServer;

use crate::remote::Bucket;
use crate::s3_server::{Home, SignedWith, empty_listing, error, forwarded, make_program, signed_with};
use crate::world::World;

const CONFIG: &str = "[default]\nregion = eu-north-1\n\n[profile prod]\nregion = us-west-2\naws_access_key_id = of-config\n\
    aws_secret_access_key = s\n\n[profile process]\nregion = eu-south-1\n\
    credential_process = echo '{\"Version\":1,\"AccessKeyId\":\"of-process\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"t\"}'\n\n\
    [profile half]\naws_access_key_id = id\n";
const CREDENTIALS: &str = "[default]\naws_access_key_id = of-default\naws_secret_access_key = s\n\n[dev]\n\
    aws_access_key_id = of-dev\naws_secret_access_key = s\naws_session_token = of-dev\n";

/// What the first request of `list` was signed with.
fn list(home: &Home, options: &[&str]) -> SignedWith {
    let server = HttpServer::start(|_| empty_listing()).unwrap();
    let endpoint = format!("aws_endpoint={}", server.url());
    let fixed = [
        "list",
        "--repo",
        "s3://bucket/p",
        "--store-option",
        &endpoint,
        "--store-option",
        "allow_http=true",
    ];
    let options = options.iter().flat_map(|option| ["--store-option", option]);
    home.run(fixed.into_iter().chain(options))
        .code(4)
        .warns("there is no repository");
    let requests = server.requests();
    requests.iter().find_map(signed_with).unwrap()
}

fn with(key: &str, region: &str, token: &str) -> SignedWith {
    SignedWith {
        key: key.to_owned(),
        region: region.to_owned(),
        token: token.to_owned(),
    }
}

fn home_with_profiles() -> Home {
    let home = Home::new();
    home.write(".aws/config", CONFIG);
    home.write(".aws/credentials", CREDENTIALS);
    home
}

#[test]
fn a_profile_has_the_key_and_the_region() {
    for (profile, expected) in [
        (None, with("of-default", "eu-north-1", "")),
        (Some("default"), with("of-default", "eu-north-1", "")),
        (Some("prod"), with("of-config", "us-west-2", "")),
        (Some("process"), with("of-process", "eu-south-1", "t")),
        (Some("dev"), with("of-dev", "us-east-1", "of-dev")),
    ] {
        let home = home_with_profiles();
        let home = match profile {
            Some(profile) => home.with("AWS_PROFILE", profile),
            None => home,
        };
        assert_eq!(list(&home, &[]), expected, "{profile:?}");
    }
}

#[test]
fn options_come_first_then_variables_then_the_profile() {
    let with_key = || {
        home_with_profiles()
            .with("AWS_ACCESS_KEY_ID", "of-variable")
            .with("AWS_SECRET_ACCESS_KEY", "s")
    };
    let home = with_key().with("AWS_PROFILE", "prod");
    assert_eq!(list(&home, &[]), with("of-variable", "us-west-2", ""));
    let home = home
        .with("AWS_REGION", "of-variable")
        .with("AWS_SESSION_TOKEN", "t");
    assert_eq!(list(&home, &[]), with("of-variable", "of-variable", "t"));
    assert_eq!(
        list(&home, &["aws_profile=dev", "aws_region=r"]),
        with("of-dev", "r", "of-dev")
    );
    let key = ["aws_access_key_id=of-option", "aws_secret_access_key=s"];
    assert_eq!(list(&with_key(), &key), with("of-option", "eu-north-1", ""));
    let home = home_with_profiles();
    let elsewhere = home.write(
        "elsewhere",
        "[profile far]\nregion = far\naws_access_key_id = far\naws_secret_access_key = s\n",
    );
    let option = format!("aws_config_file={}", elsewhere.display());
    assert_eq!(list(&home, &[&option, "aws_profile=far"]), with("far", "far", ""));
    let home = home
        .with("AWS_CONFIG_FILE", "~/elsewhere")
        .with("AWS_PROFILE", "far");
    assert_eq!(list(&home, &[]), with("far", "far", ""));
}

#[test]
fn a_profile_that_is_not_there_or_not_whole_is_named() {
    let list = ["list", "--repo", "s3://bucket/p"];
    let named = |profile: &str| home_with_profiles().with("AWS_PROFILE", profile).run(list);
    named("pord")
        .code(2)
        .warns("there is no AWS profile \"pord\"")
        .warns("default, dev, half, process, prod");
    named("half")
        .code(2)
        .warns("\"half\" has no aws_secret_access_key");
    let home = Home::new().with("AWS_PROFILE", "any");
    home.run(list).code(2).warns("check AWS_PROFILE");
}

#[test]
fn a_command_without_credentials_is_named_without_what_it_printed() {
    let home = Home::new().with("AWS_PROFILE", "p").with("AWS_REGION", "r");
    for (command, reason) in [
        ("echo a-secret", "did not print the JSON"),
        ("echo a-secret; echo log in first >&2; exit 1", "log in first"),
        ("/no/such/program", "/no/such/program"),
    ] {
        home.write(
            ".aws/config",
            &format!("[profile p]\ncredential_process = {command}\n"),
        );
        let ended = home
            .run(["list", "--repo", "s3://bucket/p"])
            .code(1)
            .warns(reason);
        let ended = ended.warns("credential_process of the AWS profile \"p\"");
        assert!(!ended.stderr.contains("a-secret"), "{ended:?}");
    }
}

/// The AWS CLI gets what needs a service of AWS.
#[test]
fn single_sign_on_and_roles_are_left_to_the_aws_cli() {
    let profiles = [
        "[profile p]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\nregion = r\n[sso-session s]\nsso_region = r\n",
        "[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = default\nregion = r\n",
    ];
    for profile in profiles {
        let home = Home::new().with("AWS_PROFILE", "p");
        home.write(".aws/config", profile);
        let without = home.path("empty");
        fs::create_dir(&without).unwrap();
        let path = without.display().to_string();
        let missing = home.with("PATH", path);
        missing
            .run(["list", "--repo", "s3://bucket/p"])
            .code(1)
            .warns("the AWS CLI (version 2)")
            .warns("not installed");
        let script = "#!/bin/sh\necho \"$@\" > \"$HOME/called\"\necho '{\"Version\":1,\"AccessKeyId\":\"of-cli\",\"SecretAccessKey\":\"s\"}'\n";
        make_program(&missing.write("bin/aws", script));
        let path = format!("{}:/usr/bin:/bin", missing.path("bin").display());
        let home = missing.with("PATH", path);
        assert_eq!(list(&home, &[]), with("of-cli", "r", ""));
        let called = fs::read_to_string(home.path("called")).unwrap();
        assert_eq!(
            called.trim(),
            "configure export-credentials --format process --profile p"
        );
    }
}

/// A command that prints another token each time.
fn counting_process(home: &Home) {
    let script = "#!/bin/sh\necho x >> \"$HOME/count\"\nn=$(wc -l < \"$HOME/count\" | tr -d ' ')\n\
        echo \"{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"$KEY\\\",\\\"SecretAccessKey\\\":\\\"$SECRET\\\",\\\"SessionToken\\\":\\\"token-$n\\\"}\"\n";
    let program = home.write("process", script);
    make_program(&program);
    home.write(
        ".aws/config",
        &format!("[default]\ncredential_process = {}\n", program.display()),
    );
}

#[test]
fn credentials_that_end_are_fetched_again_for_every_kind_of_request() {
    let Some(bucket) = Bucket::of_test("credentials_that_end_are_fetched_again_for_every_kind_of_request")
    else {
        return;
    };
    let variable = |name: &str| std::env::var(name).unwrap();
    let server = variable("AWS_ENDPOINT_URL");
    let mut world = World::new();
    for ends_after in [1, 2, 5, 11, 23] {
        let requests = AtomicUsize::new(0);
        let real = server.clone();
        let proxy = HttpServer::start(move |request| {
            let number = requests.fetch_add(1, Ordering::Relaxed);
            match signed_with(request) {
                Some(signed) if number >= ends_after && signed.token == "token-1" => {
                    error(request, 400, "ExpiredToken", "")
                }
                _ => forwarded(&real, request),
            }
        });
        let proxy = proxy.unwrap();
        let home = Home::new()
            .with("AWS_ENDPOINT_URL", proxy.url())
            .with("AWS_ALLOW_HTTP", "true")
            .with("AWS_REGION", variable("AWS_REGION"))
            .with("KEY", variable("AWS_ACCESS_KEY_ID"))
            .with("SECRET", variable("AWS_SECRET_ACCESS_KEY"));
        counting_process(&home);
        let url = bucket.url(&format!("expiring/{}/{ends_after}", std::process::id()));
        world.database.write(10);
        home.run(["backup", world.db(), "--repo", &url]).ok();
        home.run(["verify", "--repo", &url]).ok();
        let tokens = |wanted: &str| {
            let requests = proxy.requests();
            let tokens = requests.iter().filter_map(signed_with).map(|signed| signed.token);
            tokens.filter(|token| token == wanted).count()
        };
        assert!(tokens("token-1") > ends_after && tokens("token-2") > 0);
    }
}

#[test]
fn a_token_that_has_ended_and_cannot_be_fetched_again_is_named() {
    let server = HttpServer::start(|request| error(request, 400, "ExpiredToken", "")).unwrap();
    let home = Home::new()
        .with_server(&server.url())
        .with("AWS_SESSION_TOKEN", "the-token");
    let ended = home
        .run(["list", "--repo", "s3://bucket/p"])
        .code(1)
        .warns("ExpiredToken");
    assert!(!ended.stderr.contains("the-token"), "{ended:?}");
    // Reads are asked for again a few times, and not for minutes.
    assert!(server.requests().len() < 20, "{}", server.requests().len());
}
