"""SageMaker SDK v2, unmodified: built-in XGBoost, deploy with capture, predict, baseline, schedule, violations."""

import json
import sys
import time
import urllib.request
from pathlib import Path

import sagemaker
from sagemaker import image_uris
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model_monitor import CronExpressionGenerator, DataCaptureConfig, DefaultModelMonitor
from sagemaker.model_monitor.dataset_format import DatasetFormat
from sagemaker.serializers import CSVSerializer
from tabular import csv, rows

folder = Path(sys.argv[1])
report = {}
session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
report["role"], report["bucket"] = role, bucket

for name, seed in (("train", 1), ("validation", 2)):
    (folder / f"{name}.csv").write_text(csv(rows(400, seed)))
    session.upload_data(str(folder / f"{name}.csv"), bucket, "v2/data")
(folder / "baseline.csv").write_text(csv(rows(400, 1), label=False, header=True))

started = time.monotonic()
estimator = Estimator(
    image_uri=image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
    role=role,
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/v2/models",
    hyperparameters={"objective": "binary:logistic", "num_round": "20", "eval_metric": "error"},
)
estimator.fit(
    {
        "train": TrainingInput(f"s3://{bucket}/v2/data/train.csv", content_type="text/csv"),
        "validation": TrainingInput(f"s3://{bucket}/v2/data/validation.csv", content_type="text/csv"),
    }
)
report["fit_seconds"] = time.monotonic() - started
job = estimator.latest_training_job.describe()
report["training_status"] = job["TrainingJobStatus"]
report["metrics"] = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
report["model_data"] = estimator.model_data
report["analytics"] = sorted(set(estimator.training_job_analytics.dataframe()["metric_name"]))

started = time.monotonic()
predictor = estimator.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    serializer=CSVSerializer(),
    deserializer=CSVDeserializer(),
    data_capture_config=DataCaptureConfig(
        enable_capture=True, sampling_percentage=100, destination_s3_uri=f"s3://{bucket}/v2/capture"
    ),
)
report["deploy_seconds"] = time.monotonic() - started
endpoint = predictor.endpoint_name

monitor = DefaultModelMonitor(role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session)
monitor.suggest_baseline(
    baseline_dataset=str(folder / "baseline.csv"),
    dataset_format=DatasetFormat.csv(header=True),
    output_s3_uri=f"s3://{bucket}/v2/baseline",
    wait=True,
    logs=True,
)
report["baseline_features"] = [feature["name"] for feature in monitor.baseline_statistics().body_dict["features"]]
monitor.create_monitoring_schedule(
    monitor_schedule_name=f"schedule-{endpoint}"[:60],
    endpoint_input=endpoint,
    output_s3_uri=f"s3://{bucket}/v2/reports",
    statistics=monitor.baseline_statistics(),
    constraints=monitor.suggested_constraints(),
    schedule_cron_expression=CronExpressionGenerator.hourly(),
    enable_cloudwatch_metrics=True,
)


def traffic(shift, seed):
    test = list(rows(120, seed, shift))
    answers = [float(predictor.predict(csv([row], label=False).strip())[0][0]) for row in test]
    return sum((answer > 0.5) == bool(row[0]) for answer, row in zip(answers, test, strict=True)) / len(test)


def next_hour():
    """Move Sageyard's clock to the next full hour, then wait for the execution that it starts."""
    before = len(monitor.list_executions())
    url = session.sagemaker_client.meta.endpoint_url + "/_sageyard/clock"
    now = json.load(urllib.request.urlopen(url))["epoch"]
    body = json.dumps({"advance": 3600 - now % 3600 + 1}).encode()
    urllib.request.urlopen(urllib.request.Request(url, body, method="POST"))
    deadline = time.monotonic() + 60
    while len(monitor.list_executions()) == before:
        assert time.monotonic() < deadline, "no execution within 60 s"
        time.sleep(0.2)
    execution = monitor.list_executions()[-1]
    execution.wait(logs=False)
    return execution.describe()["ExitMessage"]


report["accuracy"] = traffic(1.0, 5)
report["exit_before"] = next_hour()
report["accuracy_drifted"] = traffic(10.0, 6)
report["exit_after"] = next_hour()
report["violations"] = sorted(
    {
        violation["feature_name"]
        for violation in monitor.latest_monitoring_constraint_violations().body_dict["violations"]
    }
)
report["captured"] = len([key for key in session.list_s3_files(bucket, "v2/capture") if key.endswith(".jsonl")])
monitor.delete_monitoring_schedule()
predictor.delete_model()
predictor.delete_endpoint()
print("REPORT " + json.dumps(report))
