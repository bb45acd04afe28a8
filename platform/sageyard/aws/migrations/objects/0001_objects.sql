-- S3: buckets, object versions, multipart uploads. Bytes are in blob files; `blob` names one.
CREATE TABLE buckets (
    name TEXT PRIMARY KEY,
    region TEXT NOT NULL,
    created REAL NOT NULL,
    versioning TEXT,                       -- NULL, Enabled or Suspended
    object_lock INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Bucket configuration, as the client wrote it: policy, cors, lifecycle, tagging, ...
CREATE TABLE bucket_documents (
    bucket TEXT NOT NULL REFERENCES buckets (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (bucket, name)
) WITHOUT ROWID;

CREATE TABLE objects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- of two versions of a key the newer has the larger id
    bucket TEXT NOT NULL REFERENCES buckets (name),
    key TEXT NOT NULL,
    version TEXT NOT NULL,                 -- 'null' where the bucket was not versioned
    latest INTEGER NOT NULL,
    marker INTEGER NOT NULL,               -- 1: a delete marker, without blob
    blob TEXT,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified REAL NOT NULL,
    document TEXT NOT NULL,                -- JSON: headers, checksums, tags, acl, lock, parts
    UNIQUE (bucket, key, version)
);
CREATE UNIQUE INDEX objects_latest ON objects (bucket, key) WHERE latest = 1;
CREATE INDEX objects_order ON objects (bucket, key, id);
CREATE INDEX objects_blob ON objects (blob) WHERE blob IS NOT NULL;

CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL REFERENCES buckets (name),
    key TEXT NOT NULL,
    initiated REAL NOT NULL,
    document TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX uploads_order ON uploads (bucket, key, initiated);

CREATE TABLE parts (
    upload TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    blob TEXT NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified REAL NOT NULL,
    checksums TEXT NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE INDEX parts_blob ON parts (blob);
