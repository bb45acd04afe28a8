"""SageMaker SDK v2, unmodified: a model's quality is watched by its labels, and drops when the inputs drift."""

import json
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import sagemaker
from sagemaker import image_uris
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model_monitor import CronExpressionGenerator, DataCaptureConfig, EndpointInput, ModelQualityMonitor
from sagemaker.model_monitor.dataset_format import DatasetFormat
from sagemaker.s3 import S3Uploader
from sagemaker.serializers import CSVSerializer
from tabular import csv, rows

folder = Path(sys.argv[1])
report = {}
session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
labels_uri = f"s3://{bucket}/quality/labels"

(folder / "train.csv").write_text(csv(rows(400, 1)))
session.upload_data(str(folder / "train.csv"), bucket, "quality/data")
estimator = Estimator(
    image_uri=image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
    role=role,
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/quality/models",
    hyperparameters={"objective": "binary:logistic", "num_round": "20"},
)
estimator.fit({"train": TrainingInput(f"s3://{bucket}/quality/data/train.csv", content_type="text/csv")}, logs=False)
predictor = estimator.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    serializer=CSVSerializer(),
    deserializer=CSVDeserializer(),
    data_capture_config=DataCaptureConfig(
        enable_capture=True, sampling_percentage=100, destination_s3_uri=f"s3://{bucket}/quality/capture"
    ),
)
endpoint = predictor.endpoint_name


def clock(body=None):
    """Sageyard's clock, moved forward first if a body says so."""
    url = session.sagemaker_client.meta.endpoint_url + "/_sageyard/clock"
    data = None if body is None else json.dumps(body).encode()
    return json.load(urllib.request.urlopen(urllib.request.Request(url, data)))["epoch"]


def probability(row, **more):
    return float(predictor.predict(csv([row], label=False).strip(), **more)[0][0])


held_out = list(rows(250, 2))
lines = ["probability,prediction,label"]
for row in held_out:
    answer = probability(row)
    lines.append(f"{answer},{int(answer > 0.5)},{row[0]}")
(folder / "baseline.csv").write_text("\n".join(lines) + "\n")

monitor = ModelQualityMonitor(
    role=role, instance_count=1, instance_type="ml.m5.large", max_runtime_in_seconds=1800, sagemaker_session=session
)
baseline = monitor.suggest_baseline(
    baseline_dataset=str(folder / "baseline.csv"),
    dataset_format=DatasetFormat.csv(header=True),
    problem_type="BinaryClassification",
    inference_attribute="prediction",
    probability_attribute="probability",
    ground_truth_attribute="label",
    output_s3_uri=f"s3://{bucket}/quality/baseline",
    wait=True,
)
report["baseline"] = monitor.baseline_statistics().body_dict["binary_classification_metrics"]
constraints = monitor.suggested_constraints()
report["suggested"] = constraints.body_dict["binary_classification_constraints"]
kept = {name: dict(report["suggested"][name]) for name in ("accuracy", "auc", "f1", "false_negative_rate")}
for constraint in kept.values():  # what the next hour's sample may differ by
    constraint["threshold"] += 0.1 if constraint["comparison_operator"] == "GreaterThanThreshold" else -0.1
constraints.body_dict["binary_classification_constraints"] = kept
constraints.save()

monitor.create_monitoring_schedule(
    monitor_schedule_name=f"quality-{endpoint}"[:60],
    endpoint_input=EndpointInput(
        endpoint_name=endpoint,
        destination="/opt/ml/processing/input/endpoint",
        probability_attribute="0",
        probability_threshold_attribute=0.5,
    ),
    ground_truth_input=labels_uri,
    problem_type="BinaryClassification",
    output_s3_uri=f"s3://{bucket}/quality/reports",
    constraints=constraints,
    schedule_cron_expression=CronExpressionGenerator.hourly(),
    enable_cloudwatch_metrics=True,
)


def traffic(hour, shift, seed):
    """Calls with their labels; those of the last ten never arrive."""
    labels = []
    for number, row in enumerate(rows(110, seed, shift)):
        inference_id = f"{hour}-{number}"
        probability(row, inference_id=inference_id)
        if number < 100:
            event = {"eventId": inference_id}
            truth = {"data": str(row[0]), "encoding": "CSV"}
            labels.append(json.dumps({"groundTruthData": truth, "eventMetadata": event, "eventVersion": "0"}))
    collected = datetime.fromtimestamp(clock(), UTC)
    S3Uploader.upload_string_as_file_body("\n".join(labels), f"{labels_uri}/{collected:%Y/%m/%d/%H}/{hour}.jsonl")


def next_hour():
    """Move Sageyard's clock to the next full hour, then wait for the execution that it starts."""
    before = len(monitor.list_executions())
    clock({"advance": 3600 - clock() % 3600 + 1})
    deadline = time.monotonic() + 60
    while len(monitor.list_executions()) == before:
        assert time.monotonic() < deadline, "no execution within 60 s"
        time.sleep(0.2)
    execution = monitor.list_executions()[-1]
    execution.wait(logs=False)
    return execution.describe()["ExitMessage"]


traffic("calm", 1.0, 5)
report["exit_before"] = next_hour()
report["violations_before"] = monitor.latest_monitoring_constraint_violations().body_dict["violations"]
traffic("drift", 0.5, 6)
report["exit_after"] = next_hour()
report["violations_after"] = monitor.latest_monitoring_constraint_violations().body_dict["violations"]
report["statistics_after"] = monitor.latest_monitoring_statistics().body_dict
execution = monitor.list_executions()[-1]
report["job"] = execution.describe()["ProcessingJobName"]
report["environment"] = execution.describe()["Environment"]
report["merge_job"] = session.sagemaker_client.list_processing_jobs(NameContains="groundtruth-merge")[
    "ProcessingJobSummaries"
][0]["ProcessingJobName"]
merged = sorted(key for key in session.list_s3_files(bucket, "quality/reports/merge") if key.endswith(".jsonl"))
report["merged_keys"] = merged
report["merged_record"] = json.loads(session.read_s3_file(bucket, merged[-1]).splitlines()[0])
metrics = session.boto_session.client("cloudwatch").list_metrics(Namespace="aws/sagemaker/Endpoints/model-metrics")
report["metrics"] = {
    metric["MetricName"]: {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
    for metric in metrics["Metrics"]
}
report["endpoint"], report["schedule"] = endpoint, monitor.monitoring_schedule_name
monitor.delete_monitoring_schedule()
predictor.delete_model()
predictor.delete_endpoint()
print("REPORT " + json.dumps(report))
