"""SageMaker SDK v3, unmodified: a transform job is captured, and its inputs are looked at once, now."""

import io
import json
import sys
import tarfile
import time
from pathlib import Path

from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.image_uris import retrieve
from sagemaker.core.inputs import BatchDataCaptureConfig
from sagemaker.core.model_monitor import (
    BatchTransformInput,
    CronExpressionGenerator,
    DatasetFormat,
    DefaultModelMonitor,
    MonitoringDatasetFormat,
)
from sagemaker.core.transformer import Transformer
from tabular import csv, rows

FIRST_COLUMN = """
def model_fn(folder):
    return None


def predict_fn(rows, model):
    return rows[:, 0]
"""
folder = Path(sys.argv[1])
report = {}
session = Session()
role = get_execution_role()
bucket = session.default_bucket()
place = f"s3://{bucket}/batch-v3"

with tarfile.open(folder / "model.tar.gz", "w:gz") as tar:
    info = tarfile.TarInfo("code/work.py")
    info.size = len(FIRST_COLUMN)
    tar.addfile(info, io.BytesIO(FIRST_COLUMN.encode()))
(folder / "baseline.csv").write_text(csv(rows(300, 1), label=False, header=True))
(folder / "now.csv").write_text(csv(rows(300, 2, 3.0), label=False))
for name, key in (("model.tar.gz", "batch-v3"), ("now.csv", "batch-v3/in")):
    session.upload_data(str(folder / name), bucket, key)
session.sagemaker_client.create_model(
    ModelName="batch-v3",
    ExecutionRoleArn=role,
    PrimaryContainer={
        "Image": retrieve("sklearn", session.boto_region_name, "1.2-1", instance_type="ml.m5.large"),
        "ModelDataUrl": f"{place}/model.tar.gz",
        "Environment": {"SAGEMAKER_PROGRAM": "work.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
    },
)
transformer = Transformer(
    "batch-v3", 1, "ml.m5.large", accept="text/csv", assemble_with="Line", output_path=f"{place}/out",
    sagemaker_session=session,
)  # fmt: skip
transformer.transform(
    f"{place}/in",
    content_type="text/csv",
    split_type="Line",
    batch_data_capture_config=BatchDataCaptureConfig(
        destination_s3_uri=f"{place}/captured", generate_inference_id=True
    ),
    logs=False,
)
report["first"] = session.read_s3_file(bucket, "batch-v3/out/now.csv.out").splitlines()[0]

monitor = DefaultModelMonitor(role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session)
monitor.suggest_baseline(
    baseline_dataset=str(folder / "baseline.csv"),
    dataset_format=DatasetFormat.csv(header=True),
    output_s3_uri=f"{place}/baseline",
    logs=False,
)
monitor.create_monitoring_schedule(
    monitor_schedule_name="batch-v3",
    batch_transform_input=BatchTransformInput(
        data_captured_destination_s3_uri=f"{place}/captured",
        destination="/opt/ml/processing/input",
        dataset_format=MonitoringDatasetFormat.csv(header=False),
        exclude_features_attribute="x3",
    ),
    output_s3_uri=f"{place}/reports",
    statistics=monitor.baseline_statistics(),
    constraints=monitor.suggested_constraints(),
    schedule_cron_expression=CronExpressionGenerator.now(),
    data_analysis_start_time="-PT1H",
    data_analysis_end_time="-PT0H",
)
deadline = time.monotonic() + 60
while not monitor.list_executions():
    assert time.monotonic() < deadline, "no execution within 60 s"
    time.sleep(0.2)
execution = monitor.list_executions()[-1].refresh()
execution.wait(logs=False)
report["exit"] = execution.describe()["ExitMessage"]
report["features"] = [feature["name"] for feature in monitor.latest_monitoring_statistics().body_dict["features"]]
report["violations"] = [
    violation["feature_name"] for violation in monitor.latest_monitoring_constraint_violations().body_dict["violations"]
]
attached = DefaultModelMonitor.attach("batch-v3", sagemaker_session=session)
attached.update_monitoring_schedule(schedule_cron_expression=CronExpressionGenerator.daily(hour=5))
report["attached"] = [
    attached.job_definition_name == monitor.job_definition_name,
    attached.describe_schedule()["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"],
]
attached.delete_monitoring_schedule()
print("REPORT " + json.dumps(report))
