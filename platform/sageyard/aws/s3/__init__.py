"""Amazon S3: bytes in immutable blob files, the index in SQLite, written before the answer is sent."""
