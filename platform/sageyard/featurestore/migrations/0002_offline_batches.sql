-- What of the outbox is being written to S3: names of objects and write_time follow from this row, so that a batch that
-- a killed server left is written again under the same names. Ids are never used twice, for names hang on them.
CREATE TABLE offline_batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    feature_group_arn TEXT NOT NULL,
    first INTEGER NOT NULL, -- ids in the outbox: the group's rows from here
    last INTEGER NOT NULL, -- to here
    written REAL NOT NULL, -- write_time, epoch seconds
    stored INTEGER NOT NULL DEFAULT 0 -- all its objects are in S3: only the outbox is left to be emptied
) STRICT;
