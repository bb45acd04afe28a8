-- Edges of the lineage graph, and the trials that trial components belong to.
CREATE TABLE associations (
    id INTEGER PRIMARY KEY,
    region TEXT NOT NULL,
    source TEXT NOT NULL,
    destination TEXT NOT NULL,
    type TEXT NOT NULL DEFAULT '',
    source_type TEXT NOT NULL,
    destination_type TEXT NOT NULL,
    created REAL NOT NULL,
    UNIQUE (source, destination)
) STRICT;
CREATE INDEX associations_by_destination ON associations (destination);
CREATE INDEX associations_by_creation ON associations (region, created, id);

CREATE TABLE trial_members (
    trial TEXT NOT NULL,
    component TEXT NOT NULL,
    PRIMARY KEY (trial, component)
) STRICT, WITHOUT ROWID;
CREATE INDEX trial_members_by_component ON trial_members (component);

-- Search by tag.
CREATE INDEX tags_by_value ON tags (key, value);
