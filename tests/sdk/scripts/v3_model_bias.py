"""SageMaker SDK v3, unmodified: the bias of a transform job's predictions, whose inputs lie beside them, is watched."""

import io
import json
import sys
import tarfile
import time
from datetime import UTC, datetime
from pathlib import Path

from applicants import HEADERS, rows
from sagemaker.core.clarify import (
    BiasConfig,
    DataConfig,
    ModelConfig,
    ModelPredictedLabelConfig,
    SageMakerClarifyProcessor,
)
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.image_uris import retrieve
from sagemaker.core.inputs import BatchDataCaptureConfig
from sagemaker.core.model_monitor import (
    BatchTransformInput,
    BiasAnalysisConfig,
    CronExpressionGenerator,
    ModelBiasMonitor,
    MonitoringDatasetFormat,
)
from sagemaker.core.transformer import Transformer

INCOME = """
def model_fn(folder):
    return None


def predict_fn(rows, model):
    return (rows[:, 2] > 50) * 0.8
"""
folder = Path(sys.argv[1])
report = {}
session = Session()
role = get_execution_role()
bucket = session.default_bucket()
place = f"s3://{bucket}/bias-v3"

with tarfile.open(folder / "model.tar.gz", "w:gz") as tar:
    info = tarfile.TarInfo("code/work.py")
    info.size = len(INCOME)
    tar.addfile(info, io.BytesIO(INCOME.encode()))
now = list(rows(300, 2, gap=15))
(folder / "baseline.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows(600, 1)))
(folder / "now.csv").write_text("".join(",".join(map(str, row[1:])) + "\n" for row in now))
for name, key in (("model.tar.gz", "bias-v3"), ("now.csv", "bias-v3/in"), ("baseline.csv", "bias-v3/data")):
    session.upload_data(str(folder / name), bucket, key)
session.sagemaker_client.create_model(
    ModelName="bias-v3",
    ExecutionRoleArn=role,
    PrimaryContainer={
        "Image": retrieve("sklearn", session.boto_region_name, "1.2-1", instance_type="ml.m5.large"),
        "ModelDataUrl": f"{place}/model.tar.gz",
        "Environment": {"SAGEMAKER_PROGRAM": "work.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
    },
)
transformer = Transformer(
    "bias-v3", 1, "ml.m5.large", accept="text/csv", assemble_with="Line", output_path=f"{place}/out",
    sagemaker_session=session,
)  # fmt: skip
transformer.transform(
    f"{place}/in",
    content_type="text/csv",
    split_type="Line",
    join_source="Input",
    batch_data_capture_config=BatchDataCaptureConfig(
        destination_s3_uri=f"{place}/captured", generate_inference_id=True
    ),
    logs=False,
)
outputs = session.read_s3_file(bucket, "bias-v3/out/now.csv.out").splitlines()
report["first"] = outputs[0]
labels = []
for row, output in zip(now, outputs, strict=True):
    truth, event = {"data": str(row[0]), "encoding": "CSV"}, {"eventId": output.split(",")[-2]}
    labels.append(json.dumps({"groundTruthData": truth, "eventMetadata": event, "eventVersion": "0"}))
session.upload_string_as_file_body(
    "\n".join(labels), bucket, f"bias-v3/labels/{datetime.now(UTC):%Y/%m/%d/%H}/labels.jsonl"
)

women = BiasConfig([1], "sex", [0], "region")
processor = SageMakerClarifyProcessor(
    role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session
)
processor.run_bias(  # ModelBiasMonitor.suggest_baseline of SDK 3.27.0 fails once its job runs
    DataConfig(
        s3_data_input_path=f"{place}/data/baseline.csv",
        s3_output_path=f"{place}/baseline",
        label="approved",
        headers=HEADERS,
    ),
    women,
    ModelConfig(model_name="bias-v3", instance_count=1, instance_type="ml.m5.large", accept_type="text/csv"),
    ModelPredictedLabelConfig(probability_threshold=0.5),
    logs=False,
)
report["suggested"] = json.loads(session.read_s3_file(bucket, "bias-v3/baseline/analysis.json"))
monitor = ModelBiasMonitor(role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session)
monitor.create_monitoring_schedule(
    monitor_schedule_name="bias-v3",
    batch_transform_input=BatchTransformInput(
        data_captured_destination_s3_uri=f"{place}/captured",
        destination="/opt/ml/processing/input",
        dataset_format=MonitoringDatasetFormat.csv(header=False),
        probability_attribute="4",
        probability_threshold_attribute=0.5,
    ),
    analysis_config=BiasAnalysisConfig(women, HEADERS, "approved"),
    constraints=f"{place}/baseline/analysis.json",
    ground_truth_input=f"{place}/labels",
    output_s3_uri=f"{place}/reports",
    schedule_cron_expression=CronExpressionGenerator.now(),
    data_analysis_start_time="-PT1H",
    data_analysis_end_time="-PT0H",
)
client = session.sagemaker_client
deadline = time.monotonic() + 60
while True:  # ModelBiasMonitor.list_executions of SDK 3.27.0 fails too
    found = client.list_monitoring_executions(MonitoringScheduleName="bias-v3")["MonitoringExecutionSummaries"]
    if found and found[0]["MonitoringExecutionStatus"] not in ("Pending", "InProgress"):
        break
    assert time.monotonic() < deadline, found
    time.sleep(0.2)
assert "ProcessingJobArn" in found[0], found
job = client.describe_processing_job(ProcessingJobName=found[0]["ProcessingJobArn"].rpartition("/")[2])
report["exit"] = job["ExitMessage"]
assert job["ProcessingJobStatus"] == "Completed", report
results = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
violations = session.read_s3_file(bucket, f"{results.partition(bucket + '/')[2]}/constraint_violations.json")
report["violations"] = json.loads(violations)["violations"]
metrics = session.boto_session.client("cloudwatch").list_metrics(
    Namespace="aws/sagemaker/ModelMonitoring/bias-metrics", MetricName="bias_metric_DI"
)["Metrics"]
report["metrics"] = [{each["Name"]: each["Value"] for each in metric["Dimensions"]} for metric in metrics]
attached = ModelBiasMonitor.attach("bias-v3", sagemaker_session=session)
report["attached"] = attached.job_definition_name == monitor.job_definition_name
attached.delete_monitoring_schedule()
print("REPORT " + json.dumps(report))
