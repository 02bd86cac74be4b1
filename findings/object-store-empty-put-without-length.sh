#!/usr/bin/env bash
# The HTTP client that the object_store crate exports sends a PUT with an empty body without a Content-Length.
# Expected: a PUT with an empty body says "Content-Length: 0", as S3 demands of every PUT (it answers 411 without one).
# Seen with object_store 0.14.2 (reqwest 0.13): no Content-Length and no Transfer-Encoding arrives for an empty body; for a body
# of one byte a Content-Length does. The crate's own put of an empty object through its S3 client says 0. So who sends
# a signed URL of the crate's Signer with this client has to set the header for empty objects.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "lengths"
version = "0.1.0"
edition = "2024"

[dependencies]
object_store = { version = "=0.14.2", default-features = false, features = ["aws"] }
tokio = { version = "1", features = ["rt", "net", "time"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use object_store::aws::AmazonS3Builder;
use object_store::client::{ClientOptions, HttpConnector, HttpRequestBody, ReqwestConnector};
use object_store::path::Path;
use object_store::signer::{Method, Signer};
use object_store::{ObjectStoreExt, PutPayload};
use std::time::Duration;

type Outcome = Result<(), Box<dyn std::error::Error>>;

async fn run(endpoint: String) -> Outcome {
    let store = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_region("r")
        .with_bucket_name("b")
        .with_access_key_id("i")
        .with_secret_access_key("k")
        .build()?;
    let client = ReqwestConnector::default().connect(&ClientOptions::new().with_allow_http(true))?;
    for (name, body) in [("signed-empty", ""), ("signed-byte", "x")] {
        let url = store.signed_url(Method::PUT, &Path::from(name), Duration::from_secs(60)).await?;
        let body = match body {
            "" => HttpRequestBody::empty(),
            body => body.to_owned().into(),
        };
        let mut request = object_store::client::HttpRequest::new(body);
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = url.as_str().parse()?;
        client.execute(request).await?;
    }
    store.put(&Path::from("own-empty"), PutPayload::new()).await?;
    Ok(())
}

fn main() -> Outcome {
    let endpoint = std::env::args().nth(1).ok_or("an endpoint")?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(endpoint))
}
RUST
cat >"$work/server.py" <<'PY'
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        name = self.path.split("?")[0].rsplit("/", 1)[1]
        length = self.headers.get("Content-Length")
        chunked = self.headers.get("Transfer-Encoding")
        self.rfile.read(int(length or 0))
        with open(sys.argv[1], "a") as log:
            log.write(f"{name} length={length} encoding={chunked}\n")
        self.send_response(200)
        self.send_header("ETag", '"e"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
PY
CARGO_TARGET_DIR="$work/target" cargo build --quiet --manifest-path "$work/Cargo.toml"
mkfifo "$work/port"
python3 "$work/server.py" "$work/log" >"$work/port" &
server=$!
read -r port <"$work/port"
"$work/target/debug/lengths" "http://127.0.0.1:$port"
cat "$work/log"
expected='signed-empty length=None encoding=None
signed-byte length=1 encoding=None
own-empty length=0 encoding=None'
if [ "$(cat "$work/log")" = "$expected" ]; then
    exit 0
fi
echo "the behaviour has changed"
exit 1
