#!/usr/bin/env bash
# The S3 emulator moto answers 200 to uploads whose checksum header is wrong, and keeps no checksum.
# Expected: BadDigest, as S3, MinIO and Garage answer; a test suite on moto cannot show that wrong bytes are refused.
# Seen with moto 5.2.5 and boto3 1.43.0: both a wrong SHA-256 and a wrong Content-MD5 are accepted, and a HEAD request with
# ChecksumMode=ENABLED returns no checksum.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet moto==5.2.5 boto3==1.43.0
cat >"$work/run.py" <<'PYTHON'
import base64, hashlib, sys
import boto3
from moto import mock_aws

with mock_aws():
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    s3.create_bucket(Bucket="bucket")
    sha256 = base64.b64encode(hashlib.sha256(b"other bytes").digest()).decode()
    md5 = base64.b64encode(hashlib.md5(b"other bytes").digest()).decode()
    answers = [
        s3.put_object(Bucket="bucket", Key="sha256", Body=b"bytes", ChecksumSHA256=sha256),
        s3.put_object(Bucket="bucket", Key="md5", Body=b"bytes", ContentMD5=md5),
    ]
    codes = [answer["ResponseMetadata"]["HTTPStatusCode"] for answer in answers]
    head = s3.head_object(Bucket="bucket", Key="sha256", ChecksumMode="ENABLED")
    kept = sorted(name for name in head if name.startswith("Checksum"))
    print(f"wrong SHA-256, wrong MD5: {codes}; checksums kept: {kept}")
    if codes == [200, 200] and not kept:
        sys.exit(0)
print("the behaviour has changed")
sys.exit(1)
PYTHON
"$work/venv/bin/python" "$work/run.py"
