"""The loop, step by step: each step is what an ML engineer would call on SageMaker."""

import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sageyard.demo.account import ANALYZER, INSTANCE, ROLE, XGBOOST, Account, StepFailedError, wait
from sageyard.demo.dataset import REQUIRED_RECALL, Study, Table, create_database, extract, quality, to_csv
from sageyard.demo.dataset import with_changed_units as changed

BUCKET = "s3://sageyard-demo"
ENDPOINT, SCHEDULE = "biopsies", "biopsies-hourly"
HYPERPARAMETERS = {
    "objective": "binary:logistic", "num_round": "200", "max_depth": "3", "eta": "0.1", "subsample": "0.8",
    "colsample_bytree": "0.5", "scale_pos_weight": "3", "seed": "0", "eval_metric": "logloss",
}  # fmt: skip

Step = Callable[[str], AbstractContextManager[None]]
"""Announces a step: `with step("Train"):`; the caller shows progress."""


@dataclass
class Hour:
    """One monitored hour: what was sent, how good the answers were, what the monitor said."""

    title: str
    rows: int
    recall: float
    precision: float
    message: str = ""
    violations: dict[str, str] = field(default_factory=dict)
    distances: dict[str, float] = field(default_factory=dict)
    statistics: dict[str, Any] = field(default_factory=dict)


@dataclass
class Outcome:
    """Everything the report tells."""

    columns: tuple[str, ...] = ()
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    hours: list[Hour] = field(default_factory=list)
    baseline: dict[str, Any] = field(default_factory=dict)
    constraints: dict[str, Any] = field(default_factory=dict)
    update_requests: int = 0
    update_failures: int = 0


class Loop:
    """Runs the whole story against one account."""

    def __init__(self, account: Account, folder: Path, step: Step) -> None:
        self.account = account
        self.folder = folder
        self.step = step
        self.outcome = Outcome()
        self.executions = 0

    def run(self) -> Outcome:
        """All steps in order; StepFailedError ends it."""
        study = self.extract()
        self.baseline(study)
        evaluation = self.train("v1", study.train, study.validation, study.test)
        self.deploy()
        self.schedule()
        threshold = evaluation["threshold"]
        self.hour("Hour 1: the instrument the model knows", study.validation, threshold, study)
        drifted = changed(study.validation, study.columns)
        self.hour("Hour 2: the instrument was replaced", drifted, threshold, study)
        corrected = self.labelled_captures(study, drifted)
        retrained = self.train("v2", *self.enlarged(study.train, corrected), study.test)
        self.update(study.test)
        self.hour("Hour 3: retrained, units corrected", study.test, retrained["threshold"], study)
        return self.outcome

    def extract(self) -> Study:
        """From the application's database to CSV."""
        with self.step("Extract 569 biopsies from SQLite, split 70/20/10"):
            path = self.folder / "clinic.db"
            create_database(path)
            study = extract(path)
            self.outcome.columns = study.columns
            self.account.s3.create_bucket(Bucket=BUCKET.removeprefix("s3://"))
            return study

    def baseline(self, study: Study) -> None:
        """Statistics and constraints of the training data, by the analyser that the monitor uses later."""
        with self.step(f"Baseline of {len(study.train)} rows x {len(study.columns)} columns"):
            data = to_csv(study.train, study.columns, label=False)
            self.account.put(f"{BUCKET}/baseline/data/train.csv", data)
            self.account.process_data(
                "baseline",
                ANALYZER,
                {"input/baseline_dataset_input": f"{BUCKET}/baseline/data/"},
                {"output": f"{BUCKET}/baseline/results"},
                Environment={
                    "dataset_format": json.dumps({"csv": {"header": True}}),
                    "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
                    "output_path": "/opt/ml/processing/output",
                    "publish_cloudwatch_metrics": "Disabled",
                },
            )
            self.outcome.baseline = json.loads(self.account.read(f"{BUCKET}/baseline/results/statistics.json"))
            self.outcome.constraints = json.loads(self.account.read(f"{BUCKET}/baseline/results/constraints.json"))

    def train(self, version: str, train: Table, validation: Table, test: Table) -> dict[str, Any]:
        """Train, judge against the criterion, and register the model for deployment only if it holds."""
        account, data = self.account, f"{BUCKET}/{version}"
        with self.step(f"Train {version}: XGBoost on {len(train)} rows, {len(validation)} to validate"):
            for channel, table in (("train", train), ("validation", validation), ("test", test)):
                account.put(f"{data}/{channel}/{channel}.csv", to_csv(table))
            channels = {name: f"{data}/{name}/" for name in ("train", "validation")}
            job = account.train(f"biopsies-{version}", channels, f"{BUCKET}/models", HYPERPARAMETERS)
            model_data = job["ModelArtifacts"]["S3ModelArtifacts"]
        with self.step(f"Evaluate {version} on {len(test)} held-back rows: recall >= {REQUIRED_RECALL:.0%}?"):
            account.put(f"{BUCKET}/code/evaluate.py", (Path(__file__).parent / "evaluate.py").read_bytes())
            account.process_data(
                f"evaluate-{version}",
                XGBOOST,
                {
                    "input/code": f"{BUCKET}/code/",
                    "input/model": model_data,
                    "input/validation": f"{data}/validation/",
                    "input/test": f"{data}/test/",
                },
                {"evaluation": f"{data}/evaluation"},
                ContainerEntrypoint=["python3", "/opt/ml/processing/input/code/evaluate.py"],
                ContainerArguments=[str(REQUIRED_RECALL)],
            )
            evaluation: dict[str, Any] = json.loads(account.read(f"{data}/evaluation/evaluation.json"))
            self.outcome.evaluations.append(evaluation | {"version": version})
            if not evaluation["accepted"]:
                raise StepFailedError(f"recall {evaluation['recall']:.1%} misses the criterion: nothing is deployed")
        name, container = f"biopsies-{version}", {"Image": XGBOOST, "ModelDataUrl": model_data}
        account.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        account.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": name,
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                }
            ],
            DataCaptureConfig={
                "EnableCapture": True,
                "InitialSamplingPercentage": 100,
                "DestinationS3Uri": f"{BUCKET}/capture",
                "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
                "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
            },
        )
        return evaluation

    def deploy(self) -> None:
        """An endpoint that captures everything."""
        with self.step("Deploy v1 with full data capture"):
            self.account.sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName="biopsies-v1")
            self._in_service()

    def schedule(self) -> None:
        """An hourly data-quality monitor against the baseline."""
        with self.step("Schedule an hourly data-quality monitor"):
            self.account.next_hour()  # so that no hour ends in the middle of the traffic
            self.account.sagemaker.create_data_quality_job_definition(
                JobDefinitionName=SCHEDULE,
                RoleArn=ROLE,
                DataQualityAppSpecification={
                    "ImageUri": ANALYZER,
                    "Environment": {"publish_cloudwatch_metrics": "Enabled"},
                },
                DataQualityBaselineConfig={
                    "ConstraintsResource": {"S3Uri": f"{BUCKET}/baseline/results/constraints.json"},
                    "StatisticsResource": {"S3Uri": f"{BUCKET}/baseline/results/statistics.json"},
                },
                DataQualityJobInput={
                    "EndpointInput": {"EndpointName": ENDPOINT, "LocalPath": "/opt/ml/processing/input/endpoint"}
                },
                DataQualityJobOutputConfig={
                    "MonitoringOutputs": [
                        {"S3Output": {"S3Uri": f"{BUCKET}/reports", "LocalPath": "/opt/ml/processing/output"}}
                    ]
                },
                JobResources={"ClusterConfig": INSTANCE},
            )
            self.account.sagemaker.create_monitoring_schedule(
                MonitoringScheduleName=SCHEDULE,
                MonitoringScheduleConfig={
                    "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
                    "MonitoringJobDefinitionName": SCHEDULE,
                    "MonitoringType": "DataQuality",
                },
            )

    def hour(self, title: str, table: Table, threshold: float, study: Study) -> None:
        """An hour of traffic, then the execution that the schedule starts at the full hour."""
        with self.step(f"{title}: {len(table)} requests"):
            scores = [self._invoke(row, f"{len(self.outcome.hours)}-{number}") for number, row in enumerate(table)]
            hour = Hour(title, len(table), *quality(table, scores, threshold))
        with self.step("Monitor: the next full hour"):
            self._wait_for_captures(len(table))
            self.account.next_hour()
            self._execution(hour)
        self.outcome.hours.append(hour)

    def labelled_captures(self, study: Study, sent: Table) -> Table:
        """The drifted hour's captured inputs, joined with the diagnoses that came in later, units corrected."""
        with self.step("Correct the captured rows, join them with late diagnoses"):
            rows: Table = []
            for uri in self.account.keys(f"{BUCKET}/capture"):
                for line in self.account.read(uri).splitlines():
                    record = json.loads(line)
                    hour, _, number = record["eventMetadata"]["inferenceId"].partition("-")
                    if hour == "1":
                        values = tuple(map(float, record["captureData"]["endpointInput"]["data"].split(",")))
                        rows.append((sent[int(number)][0], values))
            return changed(rows, study.columns, back=True)

    def enlarged(self, train: Table, corrected: Table) -> tuple[Table, Table]:
        """Old training rows plus the corrected new ones, shuffled, a fifth of them to validate."""
        rows = [*train, *corrected]
        random.Random(5).shuffle(rows)
        return rows[len(rows) // 5 :], rows[: len(rows) // 5]

    def update(self, test: Table) -> None:
        """UpdateEndpoint while a client keeps calling; every single request must be answered."""
        with self.step("Update the endpoint to v2 under load"):
            stop = threading.Event()

            def client() -> None:
                while not stop.is_set():
                    self.outcome.update_requests += 1
                    try:
                        self._invoke(test[self.outcome.update_requests % len(test)], "update-0")
                    except Exception:
                        self.outcome.update_failures += 1

            load = threading.Thread(target=client)
            load.start()
            try:
                self.account.sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="biopsies-v2")
                self._in_service()
            finally:
                stop.set()
                load.join()
            self.account.next_hour()
            self._execution(Hour("update", 0, 0.0, 0.0))
            if self.outcome.update_failures:
                raise StepFailedError(f"{self.outcome.update_failures} requests failed during the update")

    def _invoke(self, row: tuple[int, tuple[float, ...]], inference_id: str) -> float:
        answer = self.account.runtime.invoke_endpoint(
            EndpointName=ENDPOINT,
            ContentType="text/csv",
            InferenceId=inference_id,
            Body=",".join(f"{value!r}" for value in row[1]),
        )
        return float(answer["Body"].read())

    def _in_service(self) -> None:
        wait(lambda: self.account.sagemaker.describe_endpoint(EndpointName=ENDPOINT), "EndpointStatus")

    def _wait_for_captures(self, expected: int) -> None:
        """Capture is delivered within seconds, not per call."""
        hour = len(self.outcome.hours)
        deadline = time.monotonic() + 30
        while True:
            lines = [
                line for uri in self.account.keys(f"{BUCKET}/capture") for line in self.account.read(uri).splitlines()
            ]
            found = sum(json.loads(line)["eventMetadata"]["inferenceId"].startswith(f"{hour}-") for line in lines)
            if found >= expected:
                return
            if time.monotonic() > deadline:
                raise StepFailedError(f"{found} of {expected} captured records arrived within 30 s")
            time.sleep(0.1)

    def _execution(self, hour: Hour) -> None:
        """The newest execution of the schedule, once it has ended, and its report."""
        account = self.account
        deadline = time.monotonic() + 60
        while True:
            listed = account.sagemaker.list_monitoring_executions(
                MonitoringScheduleName=SCHEDULE, SortBy="ScheduledTime", SortOrder="Descending"
            )["MonitoringExecutionSummaries"]
            if len(listed) > self.executions and listed[0]["MonitoringExecutionStatus"] not in {
                "Pending",
                "InProgress",
            }:
                break
            if time.monotonic() > deadline:
                raise StepFailedError(f"no execution of {SCHEDULE} ended within 60 s: {listed}")
            time.sleep(0.05)
        self.executions = len(listed)
        if listed[0]["MonitoringExecutionStatus"] == "Failed":
            raise StepFailedError(listed[0].get("FailureReason", "the monitoring execution failed"))
        job = account.sagemaker.describe_processing_job(
            ProcessingJobName=listed[0]["ProcessingJobArn"].rpartition("/")[2]
        )
        report = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
        hour.message = job["ExitMessage"]
        hour.statistics = json.loads(account.read(f"{report}/statistics.json"))
        if f"{report}/constraint_violations.json" in account.keys(report):
            found = json.loads(account.read(f"{report}/constraint_violations.json"))["violations"]
            hour.violations = {violation["feature_name"]: violation["description"] for violation in found}
        hour.distances = self._distances(listed[0]["ScheduledTime"])

    def _distances(self, scheduled: Any) -> dict[str, float]:
        """Each column's distance from the baseline, as the monitor published it to CloudWatch."""
        answer = {}
        prefix = "feature_baseline_drift_"
        dimensions = [{"Name": "Endpoint", "Value": ENDPOINT}, {"Name": "MonitoringSchedule", "Value": SCHEDULE}]
        pages = self.account.cloudwatch.get_paginator("list_metrics").paginate(
            Namespace="aws/sagemaker/Endpoints/data-metrics", Dimensions=dimensions
        )
        names = {metric["MetricName"] for page in pages for metric in page["Metrics"]}
        queries = [
            {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "aws/sagemaker/Endpoints/data-metrics",
                        "MetricName": name,
                        "Dimensions": dimensions,
                    },
                    "Period": 3600,
                    "Stat": "Sum",
                },
            }
            for number, name in enumerate(sorted(names))
            if name.startswith(prefix)
        ]
        if queries:
            end = scheduled.timestamp()
            data = self.account.cloudwatch.get_metric_data(
                MetricDataQueries=queries, StartTime=end - 7200, EndTime=end + 3600, ScanBy="TimestampDescending"
            )
            for query, result in zip(queries, data["MetricDataResults"], strict=True):
                if result["Values"]:
                    name = query["MetricStat"]["Metric"]["MetricName"]  # type: ignore[index]
                    answer[name.removeprefix(prefix)] = float(result["Values"][0])
        return answer
