-- Athena's history: one row a query.
CREATE TABLE athena_queries (
    id TEXT PRIMARY KEY,
    region TEXT NOT NULL,
    workgroup TEXT NOT NULL,
    submitted REAL NOT NULL,               -- epoch seconds
    state TEXT NOT NULL,                   -- QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED
    token TEXT,                            -- ClientRequestToken
    execution TEXT NOT NULL,               -- JSON: QueryExecution without what the columns say
    columns TEXT NOT NULL DEFAULT '[]',    -- JSON: ColumnInfo of the result
    header INTEGER NOT NULL DEFAULT 0,     -- the result file begins with the columns' names
    UNIQUE (region, token)
);
CREATE INDEX athena_history ON athena_queries (region, workgroup, submitted, id);
CREATE INDEX athena_unfinished ON athena_queries (state) WHERE state IN ('QUEUED', 'RUNNING');
