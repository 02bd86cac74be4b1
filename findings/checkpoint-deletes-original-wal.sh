#!/usr/bin/env bash
# A checkpoint that is opened with its own OPTIONS file replays the WALs of the database that it was made of, and deletes
# them there.
# Expected: a checkpoint is a database of its own, whose WAL lies in its own directory.
# Seen with rocksdict 0.3.29 (RocksDB 9.8.4): the OPTIONS file of the checkpoint names the absolute wal_dir of the original. The
# checkpoint of 100 keys comes up with the 200 of the original, whose WAL is gone; the original comes up with the keys that it
# had flushed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet rocksdict==0.3.29
cat >"$work/run.py" <<'PYTHON'
import os, sys
from rocksdict import Checkpoint, Options, Rdict

root = sys.argv[1]
original, wals, checkpoint = (os.path.join(root, name) for name in ("original", "wals", "checkpoint"))


def options():
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_wal_dir(wals)
    return options


def keys(path, *how):
    database = Rdict(path, *how)
    count = len(list(database.keys()))
    database.close()
    return count


if os.fork() == 0:
    database = Rdict(original, options())
    for number in range(100):
        database[b"%03d" % number] = b"value"
    Checkpoint(database).create_checkpoint(checkpoint)
    for number in range(100, 200):
        database[b"%03d" % number] = b"value"
    os._exit(0)  # killed: 200 keys are acknowledged and in the WAL or in tables
os.wait()

in_checkpoint = keys(checkpoint, *Options.load_latest(checkpoint))
in_original = keys(original, options())
print(f"the checkpoint of 100 keys has {in_checkpoint}, the original of 200 keys has {in_original}")
if in_checkpoint > 100 and in_original < 200:
    sys.exit(0)
print("the behaviour has changed")
sys.exit(1)
PYTHON
"$work/venv/bin/python" "$work/run.py" "$work"
