#!/usr/bin/env bash
# RocksDB opens a LevelDB database like one of its own, and LevelDB cannot open it afterwards.
# Expected: an error, or a database that both can go on using, since RocksDB reads LevelDB's files.
# Seen with rocksdict 0.3.29 (RocksDB 9.8.4) and plyvel 1.5.1 (LevelDB 1.23): RocksDB reads every key; it writes a new MANIFEST
# with records of its own, and LevelDB then reports "VersionEdit: unknown tag".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet rocksdict==0.3.29 plyvel==1.5.1
cat >"$work/run.py" <<'PYTHON'
import os, sys
import plyvel
from rocksdict import Options, Rdict

path = os.path.join(sys.argv[1], "database")
leveldb = plyvel.DB(path, create_if_missing=True)
for number in range(10):
    leveldb.put(b"%d" % number, b"value")
leveldb.close()

rocksdb = Rdict(path, Options(raw_mode=True))
keys = len(list(rocksdb.keys()))
rocksdb.close()
print(f"RocksDB reads {keys} keys")
assert keys == 10
try:
    plyvel.DB(path)
except plyvel.CorruptionError as error:
    print(f"LevelDB afterwards: {error}")
    sys.exit(0 if b"unknown tag" in error.args[0] else 1)
print("LevelDB opens it: the behaviour has changed")
sys.exit(1)
PYTHON
"$work/venv/bin/python" "$work/run.py" "$work"
