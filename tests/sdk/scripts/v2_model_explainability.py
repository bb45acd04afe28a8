"""SageMaker SDK v2, unmodified: among men a model's answers depend on income, and then women come."""

import json
import sys
import time
from pathlib import Path

import sagemaker
from applicants import HEADERS, rows
from sagemaker import image_uris
from sagemaker.clarify import DataConfig, ModelConfig, SHAPConfig
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model_monitor import CronExpressionGenerator, DataCaptureConfig, ModelExplainabilityMonitor
from sagemaker.s3 import S3Downloader
from sagemaker.serializers import CSVSerializer

folder = Path(sys.argv[1])
report = {}
session = sagemaker.Session()
client = session.sagemaker_client
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
USUAL = [1, 49, 50, 1]
A_CALL = 20

(folder / "train.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows(600, 1)))
(folder / "some.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows(200, 2) if row[1]))
train = session.upload_data(str(folder / "train.csv"), bucket, "attributions/train")
some = session.upload_data(str(folder / "some.csv"), bucket, "attributions/baseline-data")
estimator = Estimator(
    image_uri=image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
    role=role,
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/attributions/models",
    hyperparameters={"objective": "binary:logistic", "num_round": "10", "max_depth": "3"},
)
estimator.fit({"train": TrainingInput(train, content_type="text/csv")}, logs=False)
model = estimator.create_model(name="attributions-applicants")
session.create_model(model.name, role, model.prepare_container_def())
predictor = estimator.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    serializer=CSVSerializer(),
    deserializer=CSVDeserializer(),
    data_capture_config=DataCaptureConfig(
        enable_capture=True, sampling_percentage=100, destination_s3_uri=f"s3://{bucket}/attributions/capture"
    ),
)
endpoint = predictor.endpoint_name


def monitor_of():
    return ModelExplainabilityMonitor(
        role=role, instance_count=1, instance_type="ml.m5.large", max_runtime_in_seconds=1800, sagemaker_session=session
    )


monitor = monitor_of()
monitor.suggest_baseline(
    data_config=DataConfig(
        s3_data_input_path=some,
        s3_output_path=f"s3://{bucket}/attributions/baseline",
        label="approved",
        headers=HEADERS,
        dataset_type="text/csv",
    ),
    explainability_config=SHAPConfig(baseline=[USUAL], num_samples=50, agg_method="mean_abs"),
    model_config=ModelConfig(
        model_name=model.name, instance_count=1, instance_type="ml.m5.large", accept_type="text/csv"
    ),
    wait=True,
)
report["suggested"] = monitor.suggested_constraints().body_dict["explanations"]["kernel_shap"]


def traffic(table):
    """Calls of several rows."""
    for start in range(0, len(table), A_CALL):
        predictor.predict("\n".join(",".join(map(str, row)) for row in table[start : start + A_CALL]))


def execute(watcher, name):
    """Run the monitor once, now; its execution, ended."""
    watcher.create_monitoring_schedule(
        monitor_schedule_name=name,
        endpoint_input=endpoint,
        output_s3_uri=f"s3://{bucket}/attributions/reports",
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


traffic([row[1:] for row in rows(80, 5) if row[1]])
first = execute(monitor, f"shap-calm-{endpoint}"[:60])
report["exit_before"] = first.describe()["ExitMessage"]
report["violations_before"] = monitor.latest_monitoring_constraint_violations().body_dict
traffic([(0, row[2], 50, row[4]) for row in rows(360, 6)])
later = monitor_of()
later.latest_baselining_job_name = monitor.latest_baselining_job_name
later.latest_baselining_job_config = monitor.latest_baselining_job_config
second = execute(later, f"shap-drift-{endpoint}"[:60])
described = second.describe()
report["exit_after"] = described["ExitMessage"]
report["violations_after"] = later.latest_monitoring_constraint_violations().body_dict
report["environment"], report["job"] = described["Environment"], described["ProcessingJobName"]
place = second.output.destination
report["files"] = sorted(uri.removeprefix(place).strip("/") for uri in S3Downloader.list(place, session))
report["analysis"] = json.loads(S3Downloader.read_file(f"{place}/analysis.json", session))["explanations"]
metrics = session.boto_session.client("cloudwatch").list_metrics(
    Namespace="aws/sagemaker/Endpoints/explainability-metrics",
    Dimensions=[{"Name": "MonitoringSchedule", "Value": later.monitoring_schedule_name}],
)["Metrics"]
report["metrics"] = {
    metric["MetricName"]: {each["Name"]: each["Value"] for each in metric["Dimensions"]} for metric in metrics
}
report["endpoint"], report["schedule"] = endpoint, later.monitoring_schedule_name
report["endpoints"] = [each["EndpointName"] for each in client.list_endpoints(NameContains="sm-clarify")["Endpoints"]]
monitor.delete_monitoring_schedule()
later.delete_monitoring_schedule()
predictor.delete_model()
predictor.delete_endpoint()
model.delete_model()
print("REPORT " + json.dumps(report))
