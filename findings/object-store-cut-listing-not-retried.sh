#!/usr/bin/env bash
# The object_store crate repeats requests that fail, but not a listing whose answer is cut on the way.
# Expected: a listing that fails once is asked for again, as RetryConfig promises for requests that may be repeated, and as it is
# after a status of 500.
# Seen with object_store 0.14.2 on S3: after 500 the second request succeeds; after a body that ends before its Content-Length, and
# after a shorter XML document with a fitting length, the first failure is returned although ten retries are allowed. A caller that
# relies on the retries takes a lost connection for an error of the store.
set -euo pipefail
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$work"' EXIT
cat >"$work/server.py" <<'PYTHON'
import http.server

LISTING = b'<?xml version="1.0"?><ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>'
seen = {}


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        bucket = self.path.split("?")[0].strip("/")
        seen[bucket] = seen.get(bucket, 0) + 1
        first = seen[bucket] == 1
        body, length = LISTING, len(LISTING)
        if first and bucket == "cut":
            body = LISTING[:40]
        if first and bucket == "short":
            body, length = LISTING[:40], 40
        self.send_response(500 if first and bucket == "error" else 200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

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
name = "listings"
version = "0.1.0"
edition = "2024"

[dependencies]
object_store = { version = "=0.14.2", default-features = false, features = ["aws"] }
tokio = { version = "1", features = ["rt", "macros"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use object_store::aws::AmazonS3Builder;
use object_store::{ObjectStore, RetryConfig};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let endpoint = std::env::args().nth(1).unwrap();
    for bucket in ["error", "cut", "short"] {
        let store = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_access_key_id("id")
            .with_secret_access_key("key")
            .with_endpoint(&endpoint)
            .with_allow_http(true)
            .with_retry(RetryConfig { max_retries: 10, ..RetryConfig::default() })
            .build()
            .unwrap();
        let first = store.list_with_delimiter(None).await.is_ok();
        let second = store.list_with_delimiter(None).await.is_ok();
        println!("{bucket}: first call succeeds {first}, second {second}");
    }
}
RUST
CARGO_TARGET_DIR="$work/target" cargo build --quiet --manifest-path "$work/Cargo.toml"
found=$("$work/target/debug/listings" "http://127.0.0.1:$(cat "$work/port")")
echo "$found"
expected='error: first call succeeds true, second true
cut: first call succeeds false, second true
short: first call succeeds false, second true'
if [ "$found" = "$expected" ]; then
    exit 0
fi
echo "the behaviour has changed"
exit 1
