"""SageMaker SDK v2, unmodified: transform jobs are captured, and their inputs and their quality are watched."""

import json
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import sagemaker
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import BatchDataCaptureConfig, TrainingInput
from sagemaker.model_monitor import (
    BatchTransformInput,
    CronExpressionGenerator,
    DefaultModelMonitor,
    ModelQualityMonitor,
    MonitoringDatasetFormat,
)
from sagemaker.model_monitor.dataset_format import DatasetFormat
from sagemaker.s3 import S3Uploader
from tabular import csv, rows

folder = Path(sys.argv[1])
report = {"exits": {}, "violations": {}}
session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
place = f"s3://{bucket}/batch"

(folder / "train.csv").write_text(csv(rows(400, 1)))
session.upload_data(str(folder / "train.csv"), bucket, "batch/data")
estimator = Estimator(
    image_uri=image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
    role=role,
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"{place}/models",
    hyperparameters={"objective": "binary:logistic", "num_round": "20"},
)
estimator.fit({"train": TrainingInput(f"{place}/data/train.csv", content_type="text/csv")}, logs=False)
transformer = estimator.transformer(
    1, "ml.m5.large", strategy="MultiRecord", assemble_with="Line", accept="text/csv", output_path=f"{place}/out"
)

(folder / "baseline.csv").write_text(csv(rows(400, 1), label=False, header=True))
inputs = DefaultModelMonitor(role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session)
inputs.suggest_baseline(
    baseline_dataset=str(folder / "baseline.csv"),
    dataset_format=DatasetFormat.csv(header=True),
    output_s3_uri=f"{place}/baseline",
    wait=True,
    logs=False,
)
inputs.create_monitoring_schedule(
    monitor_schedule_name="batch-inputs",
    batch_transform_input=BatchTransformInput(
        data_captured_destination_s3_uri=f"{place}/captured",
        destination="/opt/ml/processing/input",
        dataset_format=MonitoringDatasetFormat.csv(header=False),
    ),
    output_s3_uri=f"{place}/reports/inputs",
    statistics=inputs.baseline_statistics(),
    constraints=inputs.suggested_constraints(),
    schedule_cron_expression=CronExpressionGenerator.hourly(),
    enable_cloudwatch_metrics=True,
)

(folder / "constraints.json").write_text(
    json.dumps(
        {
            "version": 0.0,
            "binary_classification_constraints": {
                "accuracy": {"threshold": 0.8, "comparison_operator": "LessThanThreshold"}
            },
        }
    )
)
session.upload_data(str(folder / "constraints.json"), bucket, "batch/quality")
quality = ModelQualityMonitor(
    role=role, instance_count=1, instance_type="ml.m5.large", max_runtime_in_seconds=1800, sagemaker_session=session
)
quality.create_monitoring_schedule(
    monitor_schedule_name="batch-quality",
    batch_transform_input=BatchTransformInput(
        data_captured_destination_s3_uri=f"{place}/captured",
        destination="/opt/ml/processing/input",
        dataset_format=MonitoringDatasetFormat.csv(header=False),
        probability_attribute="0",
        probability_threshold_attribute=0.5,
    ),
    ground_truth_input=f"{place}/labels",
    problem_type="BinaryClassification",
    output_s3_uri=f"{place}/reports/quality",
    constraints=f"{place}/quality/constraints.json",
    schedule_cron_expression=CronExpressionGenerator.hourly(),
    enable_cloudwatch_metrics=True,
)


def clock(body=None):
    """Sageyard's clock, moved forward first if a body says so."""
    url = session.sagemaker_client.meta.endpoint_url + "/_sageyard/clock"
    data = None if body is None else json.dumps(body).encode()
    return json.load(urllib.request.urlopen(urllib.request.Request(url, data)))["epoch"]


def predict(name, shift, seed):
    """A transform job over 200 rows, and the labels of its outputs."""
    given = list(rows(200, seed, shift))
    (folder / f"{name}.csv").write_text(csv(given, label=False))
    session.upload_data(str(folder / f"{name}.csv"), bucket, f"batch/in/{name}")
    transformer.transform(
        f"{place}/in/{name}",
        content_type="text/csv",
        split_type="Line",
        batch_data_capture_config=BatchDataCaptureConfig(
            destination_s3_uri=f"{place}/captured", generate_inference_id=True
        ),
        logs=False,
    )
    outputs = session.read_s3_file(bucket, f"batch/out/{name}.csv.out").splitlines()
    labels = []
    for row, output in zip(given, outputs, strict=True):
        _, inference_id, _ = output.split(",")
        event, truth = {"eventId": inference_id}, {"data": str(row[0]), "encoding": "CSV"}
        labels.append(json.dumps({"groundTruthData": truth, "eventMetadata": event, "eventVersion": "0"}))
    collected = datetime.fromtimestamp(clock(), UTC)
    S3Uploader.upload_string_as_file_body("\n".join(labels), f"{place}/labels/{collected:%Y/%m/%d/%H}/{name}.jsonl")
    report[f"output_{name}"] = outputs[0]


def next_hour(name):
    """Move Sageyard's clock to the next full hour, then wait for the executions that it starts."""
    before = {monitor: len(monitor.list_executions()) for monitor in (inputs, quality)}
    clock({"advance": 3600 - clock() % 3600 + 1})
    deadline = time.monotonic() + 60
    for monitor, count in before.items():
        while len(monitor.list_executions()) == count:
            assert time.monotonic() < deadline, "no execution within 60 s"
            time.sleep(0.2)
        execution = monitor.list_executions()[-1]
        execution.wait(logs=False)
        schedule = monitor.monitoring_schedule_name
        report["exits"][f"{schedule}-{name}"] = execution.describe()["ExitMessage"]
        violations = monitor.latest_monitoring_constraint_violations().body_dict["violations"]
        report["violations"][f"{schedule}-{name}"] = [
            violation.get("metric_name") or violation["feature_name"] for violation in violations
        ]


predict("calm", 1.0, 5)
next_hour("calm")
predict("drift", 0.3, 6)
next_hour("drift")
report["statistics"] = quality.latest_monitoring_statistics().body_dict
report["environment"] = inputs.list_executions()[-1].describe()["Environment"]
report["executions"] = [
    summary["MonitoringExecutionStatus"]
    for summary in session.sagemaker_client.list_monitoring_executions(
        MonitoringScheduleName="batch-inputs", SortBy="ScheduledTime", SortOrder="Ascending"
    )["MonitoringExecutionSummaries"]
]
report["captured"] = sorted(key for key in session.list_s3_files(bucket, "batch/captured"))
report["manifest"] = json.loads(session.read_s3_file(bucket, report["captured"][0]))
cloudwatch = session.boto_session.client("cloudwatch")
report["metrics"] = {
    kind: {
        metric["MetricName"]: {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
        for metric in cloudwatch.list_metrics(Namespace=f"aws/sagemaker/ModelMonitoring/{kind}")["Metrics"]
    }
    for kind in ("data-metrics", "model-metrics")
}
attached = DefaultModelMonitor.attach("batch-inputs", sagemaker_session=session)
attached.update_monitoring_schedule(
    schedule_cron_expression=CronExpressionGenerator.daily(hour=5), enable_cloudwatch_metrics=False
)
config = attached.describe_schedule()["MonitoringScheduleConfig"]
definition = session.sagemaker_client.describe_data_quality_job_definition(
    JobDefinitionName=config["MonitoringJobDefinitionName"]
)
report["attached"] = [
    config["ScheduleConfig"]["ScheduleExpression"],
    definition["DataQualityAppSpecification"]["Environment"],
    definition["DataQualityJobInput"]["BatchTransformInput"]["DataCapturedDestinationS3Uri"] == f"{place}/captured",
]
report["baselining"] = inputs.describe_latest_baselining_job()["ProcessingJobStatus"]
attached.delete_monitoring_schedule()
quality.delete_monitoring_schedule()
transformer.delete_model()
print("REPORT " + json.dumps(report))
