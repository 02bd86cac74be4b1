#!/usr/bin/env bash
# Which endpoint a client of the object_store crate uses depends on the order of the environment variables.
# Expected: AWS_ENDPOINT_URL, the variable of the AWS tools, and AWS_ENDPOINT have a fixed precedence, or a conflict is an error.
# Seen with object_store 0.14.2: AmazonS3Builder::from_env goes through the environment in its order, and the last of the two
# variables wins. The same two variables in another order lead to another server.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "endpoint"
version = "0.1.0"
edition = "2024"

[dependencies]
object_store = { version = "=0.14.2", default-features = false, features = ["aws-base"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

fn main() {
    let endpoint = AmazonS3Builder::from_env().get_config_value(&AmazonS3ConfigKey::Endpoint);
    println!("{}", endpoint.unwrap_or_default());
}
RUST
CARGO_TARGET_DIR="$work/target" cargo build --quiet --manifest-path "$work/Cargo.toml"
program=$work/target/debug/endpoint
first=$(env -i AWS_ENDPOINT=http://one.example AWS_ENDPOINT_URL=http://two.example "$program")
second=$(env -i AWS_ENDPOINT_URL=http://two.example AWS_ENDPOINT=http://one.example "$program")
echo "AWS_ENDPOINT before AWS_ENDPOINT_URL: $first; the other way round: $second"
if [ "$first" = http://two.example ] && [ "$second" = http://one.example ]; then
    exit 0
fi
echo "the behaviour has changed"
exit 1
