"""SageMaker SDK v3, unmodified: feature groups as resources, ingestion in batches, updates of records."""

import json
import time

import pandas as pd
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.mlops.feature_store import (
    FeatureGroup,
    FeatureGroupManager,
    FeatureMetadata,
    FeatureParameter,
    FeatureValue,
    OfflineStoreConfig,
    OnlineStoreConfig,
    S3StorageConfig,
    StringFeatureDefinition,
    create_athena_query,
    ingest_dataframe,
    list_records,
    load_feature_definitions_from_dataframe,
    update_record,
)

DEADLINE = 120
NAME = "v3-customers"
session = Session()
role = get_execution_role()
bucket = session.default_bucket()
report = {}

now = 1_700_000_000.0
frame = pd.DataFrame(
    {
        "customer": range(60),
        "city": pd.Series([f"city {n % 7}" for n in range(60)], dtype="string"),
        "spent": [n / 4 for n in range(60)],
        "time": [now + n for n in range(60)],
    }
)
FeatureGroupManager.create(
    feature_group_name=NAME,
    record_identifier_feature_name="customer",
    event_time_feature_name="time",
    feature_definitions=load_feature_definitions_from_dataframe(frame),
    online_store_config=OnlineStoreConfig(enable_online_store=True, storage_type="Standard_V2"),
    offline_store_config=OfflineStoreConfig(s3_storage_config=S3StorageConfig(s3_uri=f"s3://{bucket}/v3-features")),
    role_arn=role,
)
group = FeatureGroup.get(feature_group_name=NAME)
group.wait_for_status("Created")
report["definitions"] = [[one.feature_name, one.feature_type] for one in group.feature_definitions]

ingest_dataframe(NAME, frame[:30], max_workers=2)
ingest_dataframe(NAME, frame[30:], use_batch_write_record=True)
report["identifiers"] = sorted(int(one) for one in list_records(NAME, max_results=100).record_identifiers) == list(
    range(60)
)


def record(identifier):
    answer = group.get_record(record_identifier_value_as_string=identifier)
    return {one.feature_name: one.value_as_string for one in answer.record}


report["record"] = record("7")
update_record(NAME, "7", [{"feature_name": "city", "value_as_string": "Graz"}])
report["updated"] = record("7")

group.update(feature_additions=[StringFeatureDefinition("segment")])
group.refresh()
report["added"] = [group.feature_definitions[-1].feature_name, group.last_update_status.status]
group.put_record(
    record=[
        FeatureValue(feature_name="customer", value_as_string="7"),
        FeatureValue(feature_name="time", value_as_string=str(now + 100)),
        FeatureValue(feature_name="segment", value_as_string="gold"),
    ]
)
report["replaced"] = record("7")

metadata = FeatureMetadata.get(feature_group_name=NAME, feature_name="city")
metadata.update(description="where", parameter_additions=[FeatureParameter(key="source", value="crm")])
metadata.refresh()
report["metadata"] = [metadata.description, [[one.key, one.value] for one in metadata.parameters]]
report["listed"] = [one.feature_group_name for one in FeatureGroup.get_all(name_contains="v3-cust")]

query = create_athena_query(NAME, session)
text = f'SELECT customer, city, spent, is_deleted FROM "{query.table_name}"'
end = time.monotonic() + DEADLINE
while True:
    query.run(query_string=text, output_location=f"s3://{bucket}/v3-results")
    query.wait()
    rows = query.as_dataframe()
    if len(rows) >= 62:
        break
    assert time.monotonic() < end, len(rows)
    time.sleep(1)
report["offline"] = [len(rows), "Graz" in rows["city"].tolist()]

group.delete()
report["left"] = [one.feature_group_name for one in FeatureGroup.get_all(name_contains="v3-cust")]
print("REPORT " + json.dumps(report))
