"""SageMaker SDK v2, unmodified: create a feature group, ingest a data frame, read it back online and by Athena."""

import json
import time

import pandas as pd
import sagemaker
from sagemaker.feature_store.feature_definition import IntegralFeatureDefinition
from sagemaker.feature_store.feature_group import FeatureGroup
from sagemaker.feature_store.feature_store import FeatureStore
from sagemaker.feature_store.inputs import FeatureParameter, FeatureValue, Identifier, TtlDuration

DEADLINE = 120
session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
report = {}


def settled(group, member, status):
    """Wait as the SDK's documentation does: describe until the status is there."""
    end = time.monotonic() + DEADLINE
    while (found := group.describe().get(member)) not in status:
        assert time.monotonic() < end, found
        time.sleep(0.2)
    return found


now = 1_700_000_000.0
frame = pd.DataFrame(
    {
        "customer": range(60),
        "city": pd.Series([f"city {n % 7}" for n in range(60)], dtype="string"),
        "spent": [n / 4 for n in range(60)],
        "time": [now + n for n in range(60)],
    }
)
group = FeatureGroup(name="v2-customers", sagemaker_session=session)
report["definitions"] = [[one.feature_name, one.feature_type.value] for one in group.load_feature_definitions(frame)]
group.create(
    s3_uri=f"s3://{bucket}/v2-features",
    record_identifier_name="customer",
    event_time_feature_name="time",
    role_arn=role,
    enable_online_store=True,
    description="from a data frame",
    tags=[{"Key": "team", "Value": "risk"}],
)
report["status"] = settled(group, "FeatureGroupStatus", ["Created", "CreateFailed"])
report["tags"] = group.list_tags()

group.ingest(frame, max_workers=3, wait=True)
read = {one["FeatureName"]: one["ValueAsString"] for one in group.get_record("7")}
report["record"] = read

group.update(feature_additions=[IntegralFeatureDefinition("visits")])
settled(group, "LastUpdateStatus", [{"Status": "Successful"}])
report["added"] = group.describe()["FeatureDefinitions"][-1]
group.put_record(
    [
        FeatureValue("customer", "7"),
        FeatureValue("time", str(now + 100)),
        FeatureValue("visits", "3"),
    ],
    ttl_duration=TtlDuration(unit="Weeks", value=4000),
)
report["replaced"] = [one["FeatureName"] for one in group.get_record("7")]
group.delete_record("8", str(now + 100))
report["deleted"] = group.get_record("8") is None

group.update_feature_metadata("city", description="where", parameter_additions=[FeatureParameter("source", "crm")])
report["metadata"] = [
    group.describe_feature_metadata("city")["Description"],
    group.list_parameters_for_feature_metadata("city"),
]

store = FeatureStore(session)
listed = store.list_feature_groups(name_contains="v2-cust")
report["listed"] = [one["FeatureGroupName"] for one in listed["FeatureGroupSummaries"]]
wanted = [Identifier("v2-customers", ["1", "8", "59"])]
report["batch"] = [one["RecordIdentifierValueAsString"] for one in store.batch_get_record(wanted)["Records"]]

query = group.athena_query()
text = f'SELECT customer, city, spent, is_deleted FROM "{query.table_name}" ORDER BY time, customer'
end = time.monotonic() + DEADLINE
while True:
    query.run(query_string=text, output_location=f"s3://{bucket}/v2-results")
    query.wait()
    rows = query.as_dataframe()
    if len(rows) >= 62:
        break
    assert time.monotonic() < end, len(rows)
    time.sleep(1)
report["offline"] = [len(rows), float(rows["spent"].sum()), rows["is_deleted"].tolist().count(True)]

group.delete()
left = store.list_feature_groups(name_contains="v2-cust")["FeatureGroupSummaries"]
report["left"] = [one["FeatureGroupName"] for one in left if one.get("FeatureGroupStatus") != "Deleting"]
print("REPORT " + json.dumps(report))
