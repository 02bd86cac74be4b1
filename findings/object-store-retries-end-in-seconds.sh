#!/usr/bin/env bash
# The object_store crate gives up on a server that is down after some seconds, although it is to repeat requests for three minutes.
# Expected: RetryConfig::default() has retry_timeout 180 s, max_retries 10, and pauses from 0.1 s on with a base of 2, up to 15 s.
# Doubled each time, ten such pauses are 66 s: a server that is started again is met.
# Seen with object_store 0.14.2: a pause is a random number between 0.1 s and twice the one before, so that in the mean it is only
# 0.05 s longer than that. Of nine requests that are always answered with 503, half have failed for good within 2 to 6 s; the limit of
# three minutes is never reached. Whoever needs patience has to raise max_retries, not retry_timeout.
set -euo pipefail
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$work"' EXIT
cat >"$work/server.py" <<'PYTHON'
import http.server


class Unavailable(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unavailable)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
python3 "$work/server.py" >"$work/port" &
server=$!
while [ ! -s "$work/port" ]; do sleep 0.1; done
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "patience"
version = "0.1.0"
edition = "2024"

[dependencies]
futures-util = "0.3"
object_store = { version = "=0.14.2", default-features = false, features = ["aws"] }
tokio = { version = "1", features = ["rt", "macros", "time"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use std::time::Instant;

use futures_util::future::join_all;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStoreExt, RetryConfig};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let store = AmazonS3Builder::new()
        .with_bucket_name("bucket")
        .with_access_key_id("id")
        .with_secret_access_key("key")
        .with_endpoint(std::env::args().nth(1).unwrap())
        .with_allow_http(true)
        .with_retry(RetryConfig::default())
        .build()
        .unwrap();
    let begun = Instant::now();
    let path = Path::from("object");
    let requests = (0..9).map(|_| async {
        let error = store.get(&path).await.unwrap_err().to_string();
        (begun.elapsed().as_secs_f64(), error.contains("after 10 retries"))
    });
    let mut failed = join_all(requests).await;
    failed.sort_by(|one, other| one.0.total_cmp(&other.0));
    let seconds: Vec<String> = failed.iter().map(|(seconds, _)| format!("{seconds:.1}")).collect();
    eprintln!("failed for good after seconds: {}", seconds.join(" "));
    let all_retries = failed.iter().all(|(_, retried)| *retried);
    println!("all retries were made {all_retries}, half failed within 20 s {}", failed[4].0 < 20.0);
}
RUST
CARGO_TARGET_DIR="$work/target" cargo build --quiet --manifest-path "$work/Cargo.toml"
found=$("$work/target/debug/patience" "http://127.0.0.1:$(cat "$work/port")")
echo "$found"
if [ "$found" = "all retries were made true, half failed within 20 s true" ]; then
    exit 0
fi
echo "the behaviour has changed"
exit 1
