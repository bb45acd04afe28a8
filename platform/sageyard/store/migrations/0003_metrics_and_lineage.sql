-- Values of experiment metrics as they were put; `component` is the ARN of their trial component.
CREATE TABLE trial_metrics (
    id INTEGER PRIMARY KEY,
    component TEXT NOT NULL,
    name TEXT NOT NULL,
    step INTEGER,
    time REAL NOT NULL,
    value REAL NOT NULL
) STRICT;
CREATE INDEX trial_metrics_by_name ON trial_metrics (component, name);

-- What the values of a metric come to, kept up to date by every put; `squares` is the sum of squared distances from
-- the mean.
CREATE TABLE trial_metric_summaries (
    component TEXT NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    count INTEGER NOT NULL,
    minimum REAL NOT NULL,
    maximum REAL NOT NULL,
    mean REAL NOT NULL,
    squares REAL NOT NULL,
    last REAL NOT NULL,
    last_time REAL NOT NULL,
    PRIMARY KEY (component, name)
) STRICT, WITHOUT ROWID;

-- Resources that changed since their lineage was written. Triggers note them in the transaction of the change itself,
-- so that no change is lost however the server ends.
CREATE TABLE lineage_pending (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (kind, region, name)
) STRICT;
CREATE TRIGGER lineage_of_created AFTER INSERT ON resources
WHEN new.kind IN ('TrainingJob', 'ProcessingJob', 'TransformJob', 'Model', 'ModelPackageGroup', 'ModelPackage', 'Endpoint')
BEGIN
    INSERT OR REPLACE INTO lineage_pending (kind, region, name) VALUES (new.kind, new.region, new.name);
END;
CREATE TRIGGER lineage_of_changed AFTER UPDATE ON resources
WHEN new.kind IN ('TrainingJob', 'ProcessingJob', 'TransformJob', 'Model', 'ModelPackageGroup', 'ModelPackage', 'Endpoint')
BEGIN
    INSERT OR REPLACE INTO lineage_pending (kind, region, name) VALUES (new.kind, new.region, new.name);
END;
INSERT INTO lineage_pending (kind, region, name) SELECT kind, region, name FROM resources
WHERE kind IN ('TrainingJob', 'ProcessingJob', 'TransformJob', 'Model', 'ModelPackageGroup', 'ModelPackage', 'Endpoint')
ORDER BY id;

-- Lineage entities by what they stand for.
CREATE INDEX resources_by_source ON resources (kind, json_extract(document, '$.Source.SourceUri'))
WHERE kind IN ('Artifact', 'Context', 'Action');
