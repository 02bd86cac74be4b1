#!/usr/bin/env bash
# A signed URL of the object_store crate for Google Cloud Storage is signed for storage.googleapis.com, wherever it leads to.
# Expected: a signed URL of a client with another base URL (a private endpoint, an endpoint of a region) is signed for its host, as
# the URLs of S3 are: the header `host` is part of what is signed.
# Seen with object_store 0.14.2: the URLs of two clients with the same key and other hosts, made in the same second, have the same
# signature. The plain requests of such a client, which have a token, work; a server that is asked under another name refuses its signed
# URLs.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
key=$(openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 | awk '{ printf "%s\\n", $0 }')
printf '{"client_email": "somebody@example.com", "private_key_id": "1", "private_key": "%s"}' "$key" >"$work/account.json"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "hosts"
version = "0.1.0"
edition = "2024"

[dependencies]
object_store = { version = "=0.14.2", default-features = false, features = ["aws", "gcp"] }
tokio = { version = "1", features = ["rt", "macros"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::signer::{Method, Signer, Url};

const HOSTS: [&str; 2] = ["https://one.example.com", "https://another.example.com"];

fn value(url: &Url, name: &str) -> String {
    let pair = url.query_pairs().find(|(it, _)| it == name);
    pair.unwrap().1.into_owned()
}

/// Both signatures, of the same second.
async fn signatures(signers: [&dyn Signer; 2], date: &str, signature: &str) -> [String; 2] {
    loop {
        let [one, other] = signers.map(|signer| {
            signer.signed_url(Method::PUT, const { &Path::ROOT }, Duration::from_secs(60))
        });
        let (one, other) = (one.await.unwrap(), other.await.unwrap());
        assert_ne!(one.host(), other.host());
        if value(&one, date) == value(&other, date) {
            return [value(&one, signature), value(&other, signature)];
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let account = std::env::args().nth(1).unwrap();
    let [one, other] = HOSTS.map(|host| {
        let google = GoogleCloudStorageBuilder::new().with_bucket_name("bucket");
        let google = google.with_service_account_path(&account).with_base_url(host);
        google.build().unwrap()
    });
    let [google, google_other] = signatures([&one, &other], "X-Goog-Date", "X-Goog-Signature").await;
    let [one, other] = HOSTS.map(|host| {
        let s3 = AmazonS3Builder::new().with_bucket_name("bucket").with_endpoint(host);
        s3.with_access_key_id("id").with_secret_access_key("key").build().unwrap()
    });
    let [s3, s3_other] = signatures([&one, &other], "X-Amz-Date", "X-Amz-Signature").await;
    println!("same signature for two hosts: Google {}, S3 {}", google == google_other, s3 == s3_other);
}
RUST
CARGO_TARGET_DIR="$work/target" cargo build --quiet --manifest-path "$work/Cargo.toml"
found=$("$work/target/debug/hosts" "$work/account.json")
echo "$found"
if [ "$found" = "same signature for two hosts: Google true, S3 false" ]; then
    exit 0
fi
echo "the behaviour has changed"
exit 1
