"""SageMaker SDK v2 and v3, unmodified: a monitor with a container of one's own, and one of a model's quality, over what
transform jobs have captured. The captures are written as a transform job writes them.
"""

import json
import sys
import time
import urllib.request
import uuid
from datetime import UTC, datetime
from pathlib import Path

try:
    from sagemaker.core import model_monitor
    from sagemaker.core.helper.session_helper import Session, get_execution_role
    from sagemaker.core.processing import ProcessingInput, ProcessingOutput, ProcessingS3Input
    from sagemaker.core.shapes import ProcessingS3Output

    VERSION = 3
except ImportError:
    from sagemaker import Session, get_execution_role, model_monitor
    from sagemaker.processing import ProcessingInput, ProcessingOutput

    VERSION = 2

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/range-monitor:1"
folder = Path(sys.argv[1])
report = {}
session = Session()
role = get_execution_role()
bucket = session.default_bucket()
prefix = f"monitors-v{VERSION}"
place = f"s3://{bucket}/{prefix}"
cron = model_monitor.CronExpressionGenerator.hourly()
s3 = session.boto_session.client("s3")


def put(key, text):
    s3.put_object(Bucket=bucket, Key=f"{prefix}/{key}", Body=text.encode())


def clock(body=None):
    """Sageyard's clock, moved forward first if a body says so."""
    url = session.sagemaker_client.meta.endpoint_url + "/_sageyard/clock"
    data = None if body is None else json.dumps(body).encode()
    return json.load(urllib.request.urlopen(urllib.request.Request(url, data)))["epoch"]


def hour():
    return f"{datetime.fromtimestamp(clock(), UTC):%Y/%m/%d/%H}"


def captured(name, inputs, outputs):
    for side, text, suffix in (("input", inputs, ""), ("output", outputs, ".out")):
        put(f"data/{side}/{name}.csv{suffix}", text)
        manifest = [{"prefix": f"{place}/data/{side}/"}, f"{name}.csv{suffix}"]
        put(f"captured/{side}/{hour()}/{name}.manifest", json.dumps(manifest))


def batch_input(**more):
    return model_monitor.BatchTransformInput(
        data_captured_destination_s3_uri=f"{place}/captured",
        destination="/opt/ml/processing/input",
        dataset_format=model_monitor.MonitoringDatasetFormat.csv(header=False),
        **more,
    )


def baseline_input():
    uri, local = f"{place}/baseline/", "/opt/ml/processing/input/baseline"
    if VERSION == 2:
        return ProcessingInput(input_name="baseline", source=uri, destination=local)
    given = ProcessingS3Input(
        s3_uri=uri, local_path=local, s3_data_type="S3Prefix", s3_input_mode="File",
        s3_data_distribution_type="FullyReplicated",
    )  # fmt: skip
    return ProcessingInput(input_name="baseline", s3_input=given)


def baseline_output():
    uri, local = f"{place}/results", "/opt/ml/processing/output"
    if VERSION == 2:
        return ProcessingOutput(output_name="result", source=local, destination=uri)
    given = ProcessingS3Output(s3_uri=uri, local_path=local, s3_upload_mode="EndOfJob")
    return ProcessingOutput(output_name="result", s3_output=given)


def next_hour():
    """Move Sageyard's clock to the next full hour, and wait for the executions that it starts."""
    before = {monitor: len(monitor.list_executions()) for monitor in (own, quality)}
    clock({"advance": 3600 - clock() % 3600 + 1})
    deadline = time.monotonic() + 60
    for monitor, count in before.items():
        while len(monitor.list_executions()) == count:
            assert time.monotonic() < deadline, "no execution within 60 s"
            time.sleep(0.2)
        execution = monitor.list_executions()[-1]
        if VERSION == 3:
            execution = execution.refresh()
        execution.wait(logs=False)


put("baseline/train.csv", "".join(f"{number},{number / 10}\n" for number in range(100)))
own = model_monitor.ModelMonitor(
    role=role,
    image_uri=IMAGE,
    entrypoint=["python3", str(Path(__file__).with_name("range_monitor.py"))],
    instance_count=1,
    instance_type="ml.m5.large",
    env={"dataset_source": "/opt/ml/processing/input/baseline", "output_path": "/opt/ml/processing/output"},
    sagemaker_session=session,
)
own.run_baseline(baseline_inputs=[baseline_input()], output=baseline_output(), arguments=["--of", "baseline"],
                 logs=False)  # fmt: skip
report["baseline"] = own.baseline_statistics().body_dict
own.env = {"publish_cloudwatch_metrics": "Enabled", "color": "blue"}
own.create_monitoring_schedule(
    monitor_schedule_name=f"own-v{VERSION}",
    batch_transform_input=batch_input(),
    output=model_monitor.MonitoringOutput(source="/opt/ml/processing/output", destination=f"{place}/reports/own"),
    statistics=own.baseline_statistics(),
    constraints=own.suggested_constraints(),
    schedule_cron_expression=cron,
    arguments=["--deep"],
)

(folder / "labelled.csv").write_text(
    "p,label\n" + "".join(f"{number / 100},{int(number > 50)}\n" for number in range(100))
)
quality = model_monitor.ModelQualityMonitor(
    role=role, instance_count=1, instance_type="ml.m5.large", max_runtime_in_seconds=1800, sagemaker_session=session
)
quality.suggest_baseline(
    baseline_dataset=str(folder / "labelled.csv"),
    dataset_format=model_monitor.DatasetFormat.csv(header=True),
    problem_type="BinaryClassification",
    probability_attribute="p",
    ground_truth_attribute="label",
    output_s3_uri=f"{place}/quality",
    wait=True,
    logs=False,
)
report["quality_baseline"] = quality.baseline_statistics().body_dict["binary_classification_metrics"]["accuracy"]
quality.create_monitoring_schedule(
    monitor_schedule_name=f"quality-v{VERSION}",
    batch_transform_input=batch_input(probability_attribute="0", probability_threshold_attribute=0.5),
    ground_truth_input=f"{place}/labels",
    problem_type="BinaryClassification",
    output_s3_uri=f"{place}/reports/quality",
    constraints=quality.suggested_constraints(),
    schedule_cron_expression=cron,
    enable_cloudwatch_metrics=True,
)


def traffic(name, factor, swapped):
    """A transform job's captures, and the labels of its outputs."""
    started = f"{datetime.fromtimestamp(clock(), UTC):%Y-%m-%dT%H:%M:%SZ}"
    ids = [str(uuid.uuid4()) for _ in range(50)]
    captured(
        name,
        "".join(f"{number * factor},{number / 10}\n" for number in range(50)),
        "".join(f"{number / 50},{ids[number]},{started}\n" for number in range(50)),
    )
    labels = [
        {
            "groundTruthData": {"data": str(int((number > 25) != swapped)), "encoding": "CSV"},
            "eventMetadata": {"eventId": ids[number]},
            "eventVersion": "0",
        }
        for number in range(50)
    ]
    put(f"labels/{hour()}/{name}.jsonl", "\n".join(json.dumps(label) for label in labels))


traffic("calm", 1, False)
next_hour()
report["calm"] = {
    name: monitor.latest_monitoring_constraint_violations().body_dict["violations"]
    for name, monitor in (("own", own), ("quality", quality))
}
traffic("drift", 100, True)
next_hour()
execution = own.list_executions()[-1]
report["own"] = {
    "statistics": own.latest_monitoring_statistics().body_dict,
    "violations": own.latest_monitoring_constraint_violations().body_dict["violations"],
    "of_execution": execution.statistics().body_dict["dataset"],
    "violations_of_execution": execution.constraint_violations().body_dict["violations"],
}
output = execution.output.destination if VERSION == 2 else execution.output.s3_output.s3_uri
key = output.removeprefix(f"s3://{bucket}/") + "/environment.json"
report["contract"] = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
report["executions"] = [
    (summary["MonitoringExecutionStatus"], summary["MonitoringType"])
    for summary in session.sagemaker_client.list_monitoring_executions(
        MonitoringScheduleName=f"own-v{VERSION}", SortBy="ScheduledTime", SortOrder="Ascending"
    )["MonitoringExecutionSummaries"]
]
report["quality"] = {
    "statistics": quality.latest_monitoring_statistics().body_dict,
    "violations": quality.latest_monitoring_constraint_violations().body_dict["violations"],
}
attached = model_monitor.ModelQualityMonitor.attach(f"quality-v{VERSION}", sagemaker_session=session)
report["attached"] = [attached.monitoring_schedule_name, attached.job_definition_name == quality.job_definition_name]
report["own_attached"] = model_monitor.ModelMonitor.attach(f"own-v{VERSION}", sagemaker_session=session).image_uri
alerts, _ = quality.list_monitoring_alerts()
report["alert"] = alerts[0].alert_status
history, _ = quality.list_monitoring_alert_history(monitoring_alert_name=alerts[0].alert_name)
report["history"] = [entry.alert_status for entry in history]
quality.update_monitoring_alert(monitoring_alert_name=alerts[0].alert_name, data_points_to_alert=2, evaluation_period=3)
report["alert_updated"] = quality.list_monitoring_alerts()[0][0].alert_status
before = quality.job_definition_name
quality.update_monitoring_schedule(
    batch_transform_input=batch_input(probability_attribute="0", probability_threshold_attribute=0.9),
    ground_truth_input=f"{place}/labels",  # with another input the SDK forgets where the labels are
    schedule_cron_expression=model_monitor.CronExpressionGenerator.daily(hour=3),
)
report["quality_updated"] = [
    quality.describe_schedule()["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"],
    quality.job_definition_name != before,
]
quality.get_latest_execution_logs()
own.stop_monitoring_schedule()
report["stopped"] = own.describe_schedule()["MonitoringScheduleStatus"]
own.start_monitoring_schedule()
own.update_monitoring_schedule(schedule_cron_expression=model_monitor.CronExpressionGenerator.daily())
report["updated"] = own.describe_schedule()["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"]
metrics = session.boto_session.client("cloudwatch").list_metrics(
    Namespace="aws/sagemaker/ModelMonitoring/data-metrics", MetricName="columns_out_of_range"
)["Metrics"]
report["metric"] = [metric["Dimensions"] for metric in metrics]
own.delete_monitoring_schedule()
quality.delete_monitoring_schedule()
print("REPORT " + json.dumps(report))
