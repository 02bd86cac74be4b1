//! A store whose certificate only an own authority vouches for.

use stonekeep_testkit::http_server::{HttpServer, authority};

use crate::s3_server::{Home, empty_listing};

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_until_its_authority_is_named() {
    let server = HttpServer::start_tls(|_| empty_listing()).unwrap();
    let home = || Home::new().with_server(&server.url());
    let list = ["list", "--repo", "s3://bucket/app"];
    home()
        .run(list)
        .code(1)
        .warns("UnknownIssuer")
        .warns("--store-option ca_bundle=FILE");
    assert_eq!(server.requests().len(), 0);
    let authority = authority();
    let option = format!("ca_bundle={}", authority.display());
    home()
        .run(list.iter().copied().chain(["--store-option", &option]))
        .code(4)
        .warns("there is no repository");
    home()
        .with("AWS_CA_BUNDLE", authority.to_str().unwrap())
        .run(list)
        .code(4)
        .warns("there is no repository");
    // The certificate is for an address, not for a name.
    let by_name = server.url().replace("127.0.0.1", "localhost");
    home()
        .with("AWS_ENDPOINT_URL", by_name)
        .run(list.iter().copied().chain(["--store-option", &option]))
        .code(1)
        .warns("not valid for name");
}
