#!/usr/bin/env bash
# A signed URL of the object_store crate for Azure is signed for the percent-encoded path, so that the store refuses it for each
# name that needs encoding.
# Expected: the canonicalized resource in the string that is signed is the decoded path (the definition of a service SAS), as it
# is for names of plain letters.
# Seen with object_store 0.14.2: `plain` is signed as /blob/account/container/plain, `a b` as /blob/account/container/a%20b.
# Azurite 3.35.0 answers such a URL with 403 AuthorizationFailure. Who signs requests for others has to keep names plain.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "signs"
version = "0.1.0"
edition = "2024"

[dependencies]
object_store = { version = "=0.14.2", default-features = false, features = ["azure"] }
tokio = { version = "1", features = ["rt", "macros"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use std::time::Duration;

use object_store::azure::MicrosoftAzureBuilder;
use object_store::path::Path;
use object_store::signer::{Method, Signer};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let store = MicrosoftAzureBuilder::new()
        .with_account("account")
        .with_access_key("a2V5")
        .with_container_name("container")
        .build()
        .unwrap();
    for name in ["plain", "a b"] {
        let path = Path::from(name);
        let url = store.signed_url(Method::GET, &path, Duration::from_secs(60)).await;
        println!("{name}\t{}", url.unwrap());
    }
}
RUST
CARGO_TARGET_DIR="$work/target" cargo build --quiet --manifest-path "$work/Cargo.toml"
"$work/target/debug/signs" >"$work/urls"
found=$(python3 - "$work/urls" <<'PYTHON'
import base64, hashlib, hmac, sys, urllib.parse

KEY = base64.b64decode("a2V5")


def signature(path, query):
    # The string to sign of a service SAS of 2020-12-06 or later: 16 lines, those that are not set are empty.
    lines = [query["sp"], query["st"], query["se"], "/blob/account/container/" + path]
    lines += ["", "", "", query["sv"], query["sr"], "", "", "", "", "", "", ""]
    return base64.b64encode(hmac.new(KEY, "\n".join(lines).encode(), hashlib.sha256).digest()).decode()


for line in open(sys.argv[1]):
    name, url = line.rstrip("\n").split("\t")
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    for path in sorted({name, urllib.parse.quote(name)}):
        print(f"{name!r} is signed as {path!r}: {signature(path, query) == query['sig']}")
PYTHON
)
echo "$found"
expected="'plain' is signed as 'plain': True
'a b' is signed as 'a b': False
'a b' is signed as 'a%20b': True"
if [ "$found" = "$expected" ]; then
    exit 0
fi
echo "the behaviour has changed"
exit 1
