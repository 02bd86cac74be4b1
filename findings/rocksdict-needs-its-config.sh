#!/usr/bin/env bash
# A rocksdict database that is copied without rocksdict-config.json does not open.
# Expected: RocksDB's files, OPTIONS among them, are the whole database, as they are for RocksDB.
# Seen with rocksdict 0.3.29: "leveldb.BytewiseComparator: does not match existing comparator rocksdict". The binding keeps in
# that file whether keys are Python objects or bytes, and chooses its comparator by it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet rocksdict==0.3.29
cat >"$work/run.py" <<'PYTHON'
import os, shutil, sys
from rocksdict import Rdict

root = sys.argv[1]
original, copy = os.path.join(root, "original"), os.path.join(root, "copy")
database = Rdict(original)
database["key"] = "value"
database.close()
shutil.copytree(original, copy)
opened = Rdict(copy)
assert opened["key"] == "value"
opened.close()
os.remove(os.path.join(copy, "rocksdict-config.json"))
try:
    Rdict(copy)
except Exception as error:
    print(f"without rocksdict-config.json: {error}")
    sys.exit(0 if "comparator" in str(error) else 1)
print("the copy opens: the behaviour has changed")
sys.exit(1)
PYTHON
"$work/venv/bin/python" "$work/run.py" "$work"
