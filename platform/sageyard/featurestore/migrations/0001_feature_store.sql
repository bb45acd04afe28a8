-- One row for the online store of every feature group. A deleted group's keeps its records, nameless, until the purge
-- has removed them; AUTOINCREMENT so that no later store ever takes over what is left.
CREATE TABLE online_stores (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    feature_group_arn TEXT UNIQUE, -- NULL: the feature group is deleted
    bytes INTEGER NOT NULL DEFAULT 0 -- of its records as JSON
) STRICT;

-- The latest record of every identifier. A rowid table: records may be far longer than a page's share.
CREATE TABLE online_records (
    store INTEGER NOT NULL,
    identifier TEXT NOT NULL,
    event_time REAL NOT NULL, -- epoch seconds, what order is decided by
    record TEXT NOT NULL, -- JSON object: feature name -> value as string, or list of strings for collections
    ttl INTEGER, -- seconds
    expires REAL, -- event_time + ttl; NULL: never
    is_deleted INTEGER NOT NULL DEFAULT 0, -- soft deletion
    PRIMARY KEY (store, identifier)
) STRICT;
CREATE INDEX online_records_by_expiry ON online_records (expires) WHERE expires IS NOT NULL;

-- What was acknowledged and is not in the offline store yet; written in one transaction with the online record,
-- removed by the offline store once its file is in S3. Its length is bounded by the offline store's pace, not by memory.
CREATE TABLE offline_outbox (
    id INTEGER PRIMARY KEY,
    feature_group_arn TEXT NOT NULL,
    record TEXT NOT NULL, -- JSON object: feature name -> value as string, or list of strings for collections
    event_time TEXT NOT NULL, -- as put
    invoked REAL NOT NULL, -- api_invocation_time, epoch seconds
    written REAL NOT NULL, -- epoch seconds
    is_deleted INTEGER NOT NULL
) STRICT;
