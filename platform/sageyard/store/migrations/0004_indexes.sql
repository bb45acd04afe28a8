-- Listings and Search walk an index in the order asked for; `id` ends every index of its own accord.
DROP INDEX resources_by_creation;
DROP INDEX resources_by_status;
CREATE INDEX resources_by_creation ON resources (kind, region, created);
CREATE INDEX resources_by_change ON resources (kind, region, modified);
CREATE INDEX resources_by_status ON resources (kind, region, status, created);
CREATE INDEX resources_by_parent ON resources (kind, region, parent, created) WHERE parent <> '';

-- Documents must be JSON to SQLite, too, which knows no NaN.
UPDATE resources SET document = replace(replace(replace(document, ': NaN', ': null'), ': Infinity', ': null'),
                                        ': -Infinity', ': null')
WHERE NOT json_valid(document);

-- Three successive bytes of a name, together with its kind and region, are one term: what NameContains looks up.
CREATE VIRTUAL TABLE name_trigrams USING fts5(terms, content='', detail=none, columnsize=0, tokenize='ascii');

-- The final metrics of training jobs, by value.
CREATE TABLE final_metrics (
    resource INTEGER NOT NULL REFERENCES resources (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (resource, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX final_metrics_by_value ON final_metrics (name, value, resource);
CREATE TRIGGER final_metrics_of_created AFTER INSERT ON resources
WHEN new.kind = 'TrainingJob' AND instr(new.document, '"FinalMetricDataList"') > 0
BEGIN
    INSERT OR REPLACE INTO final_metrics
    SELECT new.id, value ->> 'MetricName', value ->> 'Value'
    FROM json_each(CASE WHEN json_valid(new.document) THEN new.document ELSE '{}' END, '$.FinalMetricDataList')
    WHERE json_type(value, '$.MetricName') = 'text' AND json_type(value, '$.Value') IN ('integer', 'real');
END;
CREATE TRIGGER final_metrics_of_changed AFTER UPDATE OF document ON resources
WHEN new.kind = 'TrainingJob' AND instr(new.document || old.document, '"FinalMetricDataList"') > 0
BEGIN
    DELETE FROM final_metrics WHERE resource = new.id;
    INSERT OR REPLACE INTO final_metrics
    SELECT new.id, value ->> 'MetricName', value ->> 'Value'
    FROM json_each(CASE WHEN json_valid(new.document) THEN new.document ELSE '{}' END, '$.FinalMetricDataList')
    WHERE json_type(value, '$.MetricName') = 'text' AND json_type(value, '$.Value') IN ('integer', 'real');
END;
INSERT OR REPLACE INTO final_metrics
SELECT resources.id, one.value ->> 'MetricName', one.value ->> 'Value'
FROM resources, json_each(document, '$.FinalMetricDataList') AS one
WHERE kind = 'TrainingJob' AND json_type(one.value, '$.MetricName') = 'text'
AND json_type(one.value, '$.Value') IN ('integer', 'real');
