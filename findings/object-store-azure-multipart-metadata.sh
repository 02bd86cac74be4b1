#!/usr/bin/env bash
# On Azure, the two ways to begin a multipart upload in the object_store crate differ: one takes metadata, the other refuses it.
# Expected: ObjectStore::put_multipart_opts and MultipartStore::create_multipart_opts take the same attributes, as on S3.
# Seen with object_store 0.14.2: create_multipart_opts ends with NotSupported as soon as there is any attribute, before a request
# is sent; on S3 both send it. Code that keeps a token in the metadata of objects works on S3 and fails on Azure for large files
# alone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "uploads"
version = "0.1.0"
edition = "2024"

[dependencies]
object_store = { version = "=0.14.2", default-features = false, features = ["aws", "azure"] }
tokio = { version = "1", features = ["rt", "macros"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{Attribute, Attributes, Error, ObjectStore, PutMultipartOptions, RetryConfig};

// Nothing listens there: a request that is sent fails otherwise than one that is refused.
const NOWHERE: &str = "http://127.0.0.1:1";

fn options() -> PutMultipartOptions {
    let attributes = Attributes::from_iter([(Attribute::Metadata("token".into()), "1")]);
    PutMultipartOptions { attributes, ..PutMultipartOptions::default() }
}

fn outcome<T>(begun: Result<T, Error>) -> &'static str {
    match begun {
        Ok(_) => "taken",
        Err(Error::NotSupported { .. } | Error::NotImplemented { .. }) => "not supported",
        Err(_) => "sent",
    }
}

async fn tried(name: &str, store: impl ObjectStore + MultipartStore) {
    let path = Path::from("a");
    let plain = outcome(store.put_multipart_opts(&path, options()).await);
    let by_id = outcome(store.create_multipart_opts(&path, options()).await);
    println!("{name}: put_multipart_opts {plain}, create_multipart_opts {by_id}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let once = RetryConfig { max_retries: 0, ..RetryConfig::default() };
    let azure = MicrosoftAzureBuilder::new()
        .with_account("account")
        .with_access_key("a2V5")
        .with_container_name("container")
        .with_endpoint(NOWHERE.to_owned())
        .with_allow_http(true)
        .with_retry(once.clone());
    tried("Azure", azure.build().unwrap()).await;
    let s3 = AmazonS3Builder::new()
        .with_bucket_name("bucket")
        .with_access_key_id("id")
        .with_secret_access_key("key")
        .with_endpoint(NOWHERE)
        .with_allow_http(true)
        .with_retry(once);
    tried("S3", s3.build().unwrap()).await;
}
RUST
CARGO_TARGET_DIR="$work/target" cargo build --quiet --manifest-path "$work/Cargo.toml"
found=$("$work/target/debug/uploads")
echo "$found"
expected='Azure: put_multipart_opts taken, create_multipart_opts not supported
S3: put_multipart_opts sent, create_multipart_opts sent'
if [ "$found" = "$expected" ]; then
    exit 0
fi
echo "the behaviour has changed"
exit 1
