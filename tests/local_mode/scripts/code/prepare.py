"""Drops the header; says over S3, from inside the container, what it did."""

import sys
from pathlib import Path

import boto3

base = Path("/opt/ml/processing")
rows = (base / "input" / "raw.csv").read_text().splitlines()[1:]
(base / "train" / "train.csv").write_text("\n".join(rows) + "\n")
options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
boto3.client("s3").put_object(Bucket=options["--bucket"], Key=options["--key"], Body=f"prepared {len(rows)} rows")
