"""SageMaker SDK v3, unmodified: built-in XGBoost, build and deploy, invoke, capture, baseline, schedule, violations."""

import json
import sys
import time
import urllib.request
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.model_monitor import CronExpressionGenerator, DefaultModelMonitor
from sagemaker.core.model_monitor.dataset_format import DatasetFormat
from sagemaker.core.resources import EndpointConfig
from sagemaker.core.s3 import S3Downloader
from sagemaker.core.shapes import (
    CaptureContentTypeHeader,
    CaptureOption,
    Channel,
    DataCaptureConfig,
    DataSource,
    OutputDataConfig,
    ProductionVariant,
    S3DataSource,
)
from sagemaker.core.training.configs import Compute, InputData
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from tabular import csv, rows

folder = Path(sys.argv[1])
report = {}
session = Session()
role = get_execution_role()
bucket = session.default_bucket()
image = image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
report["role"], report["image"] = role, image

for name, seed in (("train", 1), ("validation", 2)):
    (folder / f"{name}.csv").write_text(csv(rows(400, seed)))
session.upload_data(str(folder / "validation.csv"), bucket, "v3/data")
(folder / "baseline.csv").write_text(csv(rows(400, 1), label=False, header=True))

started = time.monotonic()
trainer = ModelTrainer(
    training_image=image,
    role=role,
    base_job_name="v3-xgboost",
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/v3/models"),
    hyperparameters={"objective": "binary:logistic", "num_round": 20, "eval_metric": "error"},
)
validation = S3DataSource(
    s3_data_type="S3Prefix",
    s3_uri=f"s3://{bucket}/v3/data/validation.csv",
    s3_data_distribution_type="FullyReplicated",
)
trainer.train(
    input_data_config=[
        InputData(channel_name="train", data_source=str(folder / "train.csv"), content_type="text/csv"),
        Channel(channel_name="validation", content_type="text/csv", data_source=DataSource(s3_data_source=validation)),
    ]
)
report["fit_seconds"] = time.monotonic() - started
job = trainer._latest_training_job.refresh()  # the SDK keeps the job there, and has no public name for it
report["training_status"] = job.training_job_status
report["metrics"] = {metric.metric_name: metric.value for metric in job.final_metric_data_list}
report["model_data"] = job.model_artifacts.s3_model_artifacts

started = time.monotonic()
builder = ModelBuilder(  # 3.27.0 takes every TrainingJob for a fine-tuned model package; the artifact goes by its URI
    image_uri=image,
    s3_model_data_url=job.model_artifacts.s3_model_artifacts,
    role_arn=role,
    instance_type="ml.m5.large",
)
model = builder.build()
endpoint = builder.deploy(endpoint_name="v3-xgboost", initial_instance_count=1)
report["deploy_seconds"] = time.monotonic() - started
report["served_model_data"] = model.primary_container.model_data_url


def score(row):
    answer = endpoint.invoke(body=csv([row], label=False).strip(), content_type="text/csv", accept="text/csv")
    return float(answer.body.read())


def traffic(shift, seed):
    test = list(rows(120, seed, shift))
    return sum((score(row) > 0.5) == bool(row[0]) for row in test) / len(test)


report["accuracy_uncaptured"] = traffic(1.0, 4)  # nothing captures yet
capture = EndpointConfig.create(
    endpoint_config_name="v3-xgboost-capture",
    production_variants=[
        ProductionVariant(
            variant_name="AllTraffic",
            model_name=model.model_name,
            instance_type="ml.m5.large",
            initial_instance_count=1,
        )
    ],
    data_capture_config=DataCaptureConfig(
        enable_capture=True,
        initial_sampling_percentage=100,
        destination_s3_uri=f"s3://{bucket}/v3/capture",
        capture_options=[CaptureOption(capture_mode="Input"), CaptureOption(capture_mode="Output")],
        capture_content_type_header=CaptureContentTypeHeader(csv_content_types=["text/csv"]),
    ),
)
first = endpoint.endpoint_config_name
endpoint.endpoint_config_name = capture.endpoint_config_name
endpoint.update()
endpoint.wait_for_status("InService")
report["capture_status"] = endpoint.refresh().data_capture_config.capture_status

monitor = DefaultModelMonitor(role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session)
monitor.suggest_baseline(
    baseline_dataset=str(folder / "baseline.csv"),
    dataset_format=DatasetFormat.csv(header=True),
    output_s3_uri=f"s3://{bucket}/v3/baseline",
    wait=True,
    logs=True,
)
report["baseline_features"] = [feature["name"] for feature in monitor.baseline_statistics().body_dict["features"]]
monitor.create_monitoring_schedule(
    monitor_schedule_name="v3-xgboost",
    endpoint_input=endpoint.endpoint_name,
    output_s3_uri=f"s3://{bucket}/v3/reports",
    statistics=monitor.baseline_statistics(),
    constraints=monitor.suggested_constraints(),
    schedule_cron_expression=CronExpressionGenerator.hourly(),
    enable_cloudwatch_metrics=True,
)


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
    execution.refresh().wait(logs=False)
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
captured = [key for key in S3Downloader.list(f"s3://{bucket}/v3/capture", session) if key.endswith(".jsonl")]
report["captured"] = sum(len(S3Downloader.read_file(key, session).splitlines()) for key in captured)
monitor.delete_monitoring_schedule()
endpoint.delete()
endpoint.wait_for_delete()
for name in (first, capture.endpoint_config_name):
    EndpointConfig.get(name).delete()
model.delete()
print("REPORT " + json.dumps(report))
