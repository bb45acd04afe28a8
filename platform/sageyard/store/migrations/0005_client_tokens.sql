-- Which Create request made a resource, so that a client may repeat it without making another.
CREATE TABLE client_tokens (
    kind TEXT NOT NULL,
    region TEXT NOT NULL,
    token TEXT NOT NULL,
    resource INTEGER NOT NULL REFERENCES resources (id) ON DELETE CASCADE,
    request TEXT NOT NULL,
    PRIMARY KEY (kind, region, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_tokens_by_resource ON client_tokens (resource);
