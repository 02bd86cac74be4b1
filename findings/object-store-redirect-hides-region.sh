#!/usr/bin/env bash
# The object_store crate hides which region a bucket is in when S3 says so.
# Expected: S3 answers a request to a bucket of another region with 301, the right region in the header x-amz-bucket-region and
# <Code>PermanentRedirect</Code> in the body; an error that is made of it has the region, or at least the code.
# Seen with object_store 0.14.2: all that is left is "Received redirect without LOCATION, this normally indicates an incorrectly
# configured region". Header and body are in none of the causes; only an HttpConnector of one's own sees them.
set -euo pipefail
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$work"' EXIT
cat >"$work/server.py" <<'PYTHON'
import http.server

BODY = b"<Error><Code>PermanentRedirect</Code><Endpoint>b.s3-eu-west-1.amazonaws.com</Endpoint></Error>"


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(301)
        self.send_header("x-amz-bucket-region", "eu-west-1")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
python3 "$work/server.py" >"$work/port" &
server=$!
while [ ! -s "$work/port" ]; do sleep 0.1; done
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "region"
version = "0.1.0"
edition = "2024"

[dependencies]
object_store = { version = "=0.14.2", default-features = false, features = ["aws"] }
tokio = { version = "1", features = ["rt", "macros"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use std::error::Error;

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let store = AmazonS3Builder::new()
        .with_bucket_name("b")
        .with_region("us-east-1")
        .with_access_key_id("id")
        .with_secret_access_key("key")
        .with_endpoint(std::env::args().nth(1).unwrap())
        .with_allow_http(true)
        .build()
        .unwrap();
    let error = store.list_with_delimiter(None).await.unwrap_err();
    let mut all = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(next) = cause {
        all += &format!(" {next} {next:?}");
        cause = next.source();
    }
    for words in ["redirect without LOCATION", "eu-west-1", "PermanentRedirect"] {
        println!("the error has {words:?}: {}", all.contains(words));
    }
}
RUST
CARGO_TARGET_DIR="$work/target" cargo build --quiet --manifest-path "$work/Cargo.toml"
found=$("$work/target/debug/region" "http://127.0.0.1:$(cat "$work/port")")
echo "$found"
expected='the error has "redirect without LOCATION": true
the error has "eu-west-1": false
the error has "PermanentRedirect": false'
if [ "$found" = "$expected" ]; then
    exit 0
fi
echo "the behaviour has changed"
exit 1
