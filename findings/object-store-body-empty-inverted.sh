#!/usr/bin/env bash
# An HTTP body of the object_store crate that is made of a PutPayload says the opposite of whether it is empty.
# Expected: HttpRequestBody::is_empty agrees with HttpRequestBody::content_length.
# Seen with object_store 0.14.2: a body of 7 bytes from a PutPayload says is_empty() = true, one without bytes false. Bodies
# made of a string are right. Who writes an HttpConnector, a proxy or a signer of requests has to ask content_length().
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "bodies"
version = "0.1.0"
edition = "2024"

[dependencies]
object_store = { version = "=0.14.2", default-features = false, features = ["http"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use object_store::PutPayload;
use object_store::client::HttpRequestBody;

fn main() {
    let bodies: [(&str, HttpRequestBody); 4] = [
        ("payload", PutPayload::from_static(b"content").into()),
        ("payload", PutPayload::default().into()),
        ("string", "content".to_owned().into()),
        ("string", String::new().into()),
    ];
    for (kind, body) in bodies {
        println!("{kind} of {} bytes: is_empty={}", body.content_length(), body.is_empty());
    }
}
RUST
CARGO_TARGET_DIR="$work/target" cargo build --quiet --manifest-path "$work/Cargo.toml"
found=$("$work/target/debug/bodies")
echo "$found"
expected='payload of 7 bytes: is_empty=true
payload of 0 bytes: is_empty=false
string of 7 bytes: is_empty=false
string of 0 bytes: is_empty=true'
if [ "$found" = "$expected" ]; then
    exit 0
fi
echo "the behaviour has changed"
exit 1
