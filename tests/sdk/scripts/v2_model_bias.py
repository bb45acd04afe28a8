"""SageMaker SDK v2, unmodified: a model's bias is watched by its labels, and grows when women earn less."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import sagemaker
from applicants import HEADERS, rows
from sagemaker import image_uris
from sagemaker.clarify import BiasConfig, DataConfig, ModelConfig, ModelPredictedLabelConfig
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model_monitor import CronExpressionGenerator, DataCaptureConfig, EndpointInput, ModelBiasMonitor
from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.serializers import CSVSerializer

folder = Path(sys.argv[1])
report = {}
session = sagemaker.Session()
client = session.sagemaker_client
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
labels_uri = f"s3://{bucket}/bias/labels"
A_CALL = 20

(folder / "train.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows(600, 1)))
data = session.upload_data(str(folder / "train.csv"), bucket, "bias/data")
estimator = Estimator(
    image_uri=image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
    role=role,
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/bias/models",
    hyperparameters={"objective": "binary:logistic", "num_round": "10", "max_depth": "3"},
)
estimator.fit({"train": TrainingInput(data, content_type="text/csv")}, logs=False)
model = estimator.create_model(name="bias-applicants")
session.create_model(model.name, role, model.prepare_container_def())
predictor = estimator.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    serializer=CSVSerializer(),
    deserializer=CSVDeserializer(),
    data_capture_config=DataCaptureConfig(
        enable_capture=True, sampling_percentage=100, destination_s3_uri=f"s3://{bucket}/bias/capture"
    ),
)
endpoint = predictor.endpoint_name


def monitor_of():
    return ModelBiasMonitor(
        role=role, instance_count=1, instance_type="ml.m5.large", max_runtime_in_seconds=1800, sagemaker_session=session
    )


monitor = monitor_of()
monitor.suggest_baseline(
    data_config=DataConfig(
        s3_data_input_path=data,
        s3_output_path=f"s3://{bucket}/bias/baseline",
        label="approved",
        headers=HEADERS,
        dataset_type="text/csv",
    ),
    bias_config=BiasConfig(
        label_values_or_threshold=[1], facet_name="sex", facet_values_or_threshold=[0], group_name="region"
    ),
    model_config=ModelConfig(
        model_name=model.name, instance_count=1, instance_type="ml.m5.large", accept_type="text/csv"
    ),
    model_predicted_label_config=ModelPredictedLabelConfig(probability_threshold=0.5),
    wait=True,
)
report["suggested"] = monitor.suggested_constraints().body_dict


def traffic(name, count, gap, seed):
    """Calls of several rows, with their labels."""
    table, labels = list(rows(count, seed, gap)), []
    for start in range(0, count, A_CALL):
        part = table[start : start + A_CALL]
        body = "\n".join(",".join(map(str, row[1:])) for row in part)
        predictor.predict(body, inference_id=f"{name}-{start}")
        truth = {"data": "\n".join(str(row[0]) for row in part), "encoding": "CSV"}
        event = {"eventId": f"{name}-{start}"}
        labels.append(json.dumps({"groundTruthData": truth, "eventMetadata": event, "eventVersion": "0"}))
    hour = datetime.now(UTC)
    S3Uploader.upload_string_as_file_body("\n".join(labels), f"{labels_uri}/{hour:%Y/%m/%d/%H}/{name}.jsonl")


def execute(watcher, name):
    """Run the monitor once, now; its execution, ended."""
    watcher.create_monitoring_schedule(
        monitor_schedule_name=name,
        endpoint_input=EndpointInput(endpoint_name=endpoint, destination="/opt/ml/processing/input/endpoint"),
        ground_truth_input=labels_uri,
        output_s3_uri=f"s3://{bucket}/bias/reports",
        schedule_cron_expression=CronExpressionGenerator.now(),
        data_analysis_start_time="-PT1H",
        data_analysis_end_time="-PT0H",
        enable_cloudwatch_metrics=True,
    )
    deadline = time.monotonic() + 60
    while not (found := watcher.list_executions()):
        assert time.monotonic() < deadline, client.list_monitoring_executions(MonitoringScheduleName=name)
        time.sleep(0.2)
    found[-1].wait(logs=False)
    return found[-1]


traffic("calm", 200, 0, 8)
first = execute(monitor, f"bias-calm-{endpoint}"[:60])
report["exit_before"] = first.describe()["ExitMessage"]
report["violations_before"] = monitor.latest_monitoring_constraint_violations().body_dict
traffic("drift", 400, 12, 6)
later = monitor_of()
later.latest_baselining_job_name = monitor.latest_baselining_job_name
later.latest_baselining_job_config = monitor.latest_baselining_job_config
second = execute(later, f"bias-drift-{endpoint}"[:60])
described = second.describe()
report["exit_after"] = described["ExitMessage"]
report["violations_after"] = later.latest_monitoring_constraint_violations().body_dict
report["environment"] = described["Environment"]
report["job"] = described["ProcessingJobName"]
place = second.output.destination
report["files"] = sorted(uri.removeprefix(place).strip("/") for uri in S3Downloader.list(place, session))
report["analysis"] = json.loads(S3Downloader.read_file(f"{place}/analysis.json", session))
report["merge_jobs"] = [
    job["ProcessingJobName"]
    for job in client.list_processing_jobs(NameContains="groundtruth-merge")["ProcessingJobSummaries"]
]
deadline = time.monotonic() + 30
while (
    summary := client.list_monitoring_executions(MonitoringScheduleName=later.monitoring_schedule_name)[
        "MonitoringExecutionSummaries"
    ][0]
)["MonitoringExecutionStatus"] == "InProgress":
    assert time.monotonic() < deadline, summary
    time.sleep(0.1)
report["summary"] = {name: str(value) for name, value in summary.items()}
metrics = session.boto_session.client("cloudwatch").list_metrics(
    Namespace="aws/sagemaker/Endpoints/bias-metrics",
    Dimensions=[{"Name": "MonitoringSchedule", "Value": later.monitoring_schedule_name}],
)["Metrics"]
report["metrics"] = {
    f"{metric['MetricName']} {dimensions['BiasStage']}": dimensions
    for metric in metrics
    for dimensions in [{each["Name"]: each["Value"] for each in metric["Dimensions"]}]
}
report["endpoint"], report["schedule"] = endpoint, later.monitoring_schedule_name
report["endpoints"] = [each["EndpointName"] for each in client.list_endpoints(NameContains="sm-clarify")["Endpoints"]]
monitor.delete_monitoring_schedule()
later.delete_monitoring_schedule()
predictor.delete_model()
predictor.delete_endpoint()
model.delete_model()
print("REPORT " + json.dumps(report))
