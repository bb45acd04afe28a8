-- Changes of resources that EventBridge is still to be told of. Triggers note them in the transaction of the change
-- itself, with the document as it was then, so that no change is lost however the server ends.
CREATE TABLE state_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    arn TEXT NOT NULL,
    parent TEXT NOT NULL,
    before TEXT,                           -- the status; null: created
    after TEXT,                            -- null: deleted
    created REAL NOT NULL,
    time REAL NOT NULL,
    document TEXT NOT NULL,
    old_document TEXT                      -- where an event depends on which members changed
) STRICT;

-- One event for one target of one rule, until the target has it.
CREATE TABLE event_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    region TEXT NOT NULL,
    target TEXT NOT NULL,                  -- as PutTargets had it
    payload TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL
) STRICT;
CREATE INDEX event_deliveries_by_due ON event_deliveries (due);

-- When scheduled rules and schedules fire next.
CREATE TABLE event_timers (
    arn TEXT PRIMARY KEY,
    expression TEXT NOT NULL,
    due REAL                               -- null: never again
) STRICT, WITHOUT ROWID;

-- Asynchronous invocations of Lambda functions.
CREATE TABLE function_queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    region TEXT NOT NULL,
    function TEXT NOT NULL,                -- name or ARN
    payload BLOB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL
) STRICT;
CREATE INDEX function_queue_by_due ON function_queue (due);

CREATE TRIGGER state_of_created AFTER INSERT ON resources
WHEN new.kind IN ('TrainingJob', 'ProcessingJob', 'TransformJob', 'HyperParameterTuningJob', 'Endpoint', 'Model',
                  'ModelPackage', 'ModelCard', 'FeatureGroup', 'Image', 'ImageVersion', 'PipelineExecution',
                  'PipelineExecutionStep', 'MonitoringSchedule', 'MonitoringExecution', 'Cluster', 'NotebookInstance')
BEGIN
    INSERT INTO state_changes (kind, region, name, arn, parent, after, created, time, document)
    VALUES (new.kind, new.region, new.name, new.arn, new.parent, new.status, new.created, new.modified, new.document);
END;
CREATE TRIGGER state_of_changed AFTER UPDATE ON resources
WHEN new.kind IN ('TrainingJob', 'ProcessingJob', 'TransformJob', 'HyperParameterTuningJob', 'Endpoint', 'Model',
                  'ModelPackage', 'ModelCard', 'FeatureGroup', 'Image', 'ImageVersion', 'PipelineExecution',
                  'PipelineExecutionStep', 'MonitoringSchedule', 'MonitoringExecution', 'Cluster', 'NotebookInstance')
AND (new.status <> old.status OR new.kind = 'ModelPackage' AND new.document <> old.document
     OR new.kind = 'TrainingJob' AND new.document ->> 'SecondaryStatus' IS NOT old.document ->> 'SecondaryStatus'
     OR new.kind = 'FeatureGroup' AND new.document ->> 'OfflineStoreStatus' IS NOT old.document ->> 'OfflineStoreStatus'
     OR new.kind = 'Endpoint'
        AND new.document ->> 'PendingDeploymentSummary' IS NOT old.document ->> 'PendingDeploymentSummary')
BEGIN
    INSERT INTO state_changes (kind, region, name, arn, parent, before, after, created, time, document, old_document)
    VALUES (new.kind, new.region, new.name, new.arn, new.parent, old.status, new.status, new.created, new.modified,
            new.document, iif(new.kind IN ('ModelPackage', 'Endpoint'), old.document, NULL));
END;
CREATE TRIGGER state_of_deleted AFTER DELETE ON resources
WHEN old.kind = 'Model'
BEGIN
    INSERT INTO state_changes (kind, region, name, arn, parent, before, created, time, document)
    VALUES (old.kind, old.region, old.name, old.arn, old.parent, old.status, old.created, old.modified, old.document);
END;
