-- Every acknowledged request that changed a moto service, in order: replayed after a restart.
CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time REAL NOT NULL,                    -- what moto's clock said
    seed INTEGER NOT NULL,                 -- of moto's random numbers
    service TEXT NOT NULL,                 -- signing name
    operation TEXT NOT NULL,
    region TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,                    -- with query
    headers TEXT NOT NULL,                 -- JSON object
    body BLOB NOT NULL
);

CREATE TABLE log_groups (
    id INTEGER PRIMARY KEY,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,              -- epoch milliseconds, as all times of Logs
    retention INTEGER,                     -- days
    kms_key TEXT,
    class TEXT NOT NULL DEFAULT 'STANDARD',
    UNIQUE (region, name)
);
CREATE TABLE log_streams (
    id INTEGER PRIMARY KEY,
    log_group INTEGER NOT NULL REFERENCES log_groups (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (log_group, name)
);
CREATE TABLE log_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stream INTEGER NOT NULL REFERENCES log_streams (id) ON DELETE CASCADE,
    time INTEGER NOT NULL,
    ingested INTEGER NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX log_events_order ON log_events (stream, time, id);

-- CloudWatch: one row is `count` samples with these aggregates.
CREATE TABLE metrics (
    id INTEGER PRIMARY KEY,
    region TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    dimensions TEXT NOT NULL,              -- JSON object, sorted by name
    unit TEXT NOT NULL,
    time REAL NOT NULL,
    count REAL NOT NULL,
    sum REAL NOT NULL,
    min REAL NOT NULL,
    max REAL NOT NULL
);
CREATE INDEX metrics_series ON metrics (region, namespace, name, dimensions, time);
