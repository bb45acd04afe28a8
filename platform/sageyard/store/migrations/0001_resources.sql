-- Every resource of every type: what clients see is `document`, what only the server needs is `private`.
CREATE TABLE resources (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    parent TEXT NOT NULL DEFAULT '',
    arn TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL,
    modified REAL NOT NULL,
    document TEXT NOT NULL,
    private TEXT NOT NULL DEFAULT '{}',
    UNIQUE (kind, region, name)
) STRICT;
CREATE INDEX resources_by_creation ON resources (kind, region, parent, created, id);
CREATE INDEX resources_by_status ON resources (kind, status);
CREATE INDEX resources_by_arn ON resources (arn);

CREATE TABLE tags (
    arn TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (arn, key)
) STRICT, WITHOUT ROWID;

-- Settings that outlive a restart, such as how far the clock was moved.
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
