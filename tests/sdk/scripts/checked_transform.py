"""SageMaker SDK v2 and v3, unmodified: MonitorBatchTransformStep, which checks a transform job's data before or after
the job, against a baseline that an earlier step of the pipeline has made.
"""

import json
import sys
from pathlib import Path

import boto3
from tabular import csv, rows

try:
    from sagemaker.core import image_uris
    from sagemaker.core.helper.session_helper import Session, get_execution_role
    from sagemaker.core.model_monitor.dataset_format import DatasetFormat
    from sagemaker.core.transformer import Transformer
    from sagemaker.core.workflow.parameters import ParameterString
    from sagemaker.core.workflow.pipeline_context import PipelineSession
    from sagemaker.mlops.workflow import Pipeline
    from sagemaker.mlops.workflow.check_job_config import CheckJobConfig
    from sagemaker.mlops.workflow.monitor_batch_transform_step import MonitorBatchTransformStep
    from sagemaker.mlops.workflow.quality_check_step import DataQualityCheckConfig, QualityCheckStep

    VERSION = 3
except ImportError:
    from sagemaker import Session, get_execution_role, image_uris
    from sagemaker.model_monitor.dataset_format import DatasetFormat
    from sagemaker.transformer import Transformer
    from sagemaker.workflow.check_job_config import CheckJobConfig
    from sagemaker.workflow.monitor_batch_transform_step import MonitorBatchTransformStep
    from sagemaker.workflow.parameters import ParameterString
    from sagemaker.workflow.pipeline import Pipeline
    from sagemaker.workflow.pipeline_context import PipelineSession
    from sagemaker.workflow.quality_check_step import DataQualityCheckConfig, QualityCheckStep

    VERSION = 2

ORDER = (("Before-monitoring", "Before-transform"), ("After-transform", "After-monitoring"))
folder = Path(sys.argv[1])
session, plain = PipelineSession(), Session()
role = get_execution_role()
bucket = plain.default_bucket()
client = boto3.client("sagemaker")
prefix = f"v{VERSION}checked"
image = image_uris.retrieve("xgboost", plain.boto_region_name, "1.7-1")
report = {}


def put(name, text):
    """Write an object: its URI."""
    (folder / name).write_text(text)
    return plain.upload_data(str(folder / name), bucket, f"{prefix}/{name.partition('.')[0]}")


train = put("train.csv", csv(rows(400, 3)))
baseline = put("baseline.csv", csv(rows(400, 3), label=False))
normal = put("normal.csv", csv(rows(300, 4), label=False))
drifted = put("drifted.csv", csv(rows(300, 4, shift=3.0), label=False))
name = f"{prefix}-model"
source = {"S3DataType": "S3Prefix", "S3Uri": train, "S3DataDistributionType": "FullyReplicated"}
client.create_training_job(
    TrainingJobName=name, RoleArn=role,
    AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
    HyperParameters={"objective": "binary:logistic", "num_round": "3"},
    InputDataConfig=[{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}],
    OutputDataConfig={"S3OutputPath": f"s3://{bucket}/{prefix}"}, StoppingCondition={"MaxRuntimeInSeconds": 600},
    ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
)  # fmt: skip
client.get_waiter("training_job_completed_or_stopped").wait(
    TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
)
artifact = client.describe_training_job(TrainingJobName=name)["ModelArtifacts"]["S3ModelArtifacts"]
client.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": image, "ModelDataUrl": artifact})

data = ParameterString("Data", default_value=normal)
check = CheckJobConfig(role=role, instance_type="ml.m5.large", sagemaker_session=session)


def config(dataset, place):
    """What is checked, and where the results go."""
    return DataQualityCheckConfig(
        baseline_dataset=dataset, dataset_format=DatasetFormat.csv(header=False),
        output_s3_uri=f"s3://{bucket}/{prefix}/{place}",
    )  # fmt: skip


def watched(name, **members):
    """A transform job and the check of its data."""
    transformer = Transformer(
        model_name=f"{prefix}-model", instance_count=1, instance_type="ml.m5.large", accept="text/csv",
        output_path=f"s3://{bucket}/{prefix}/scores-{name}", sagemaker_session=session,
    )  # fmt: skip
    return MonitorBatchTransformStep(
        name,
        transform_step_args=transformer.transform(data=data, content_type="text/csv", split_type="Line"),
        monitor_configuration=config(data, name),
        check_job_configuration=check,
        supplied_baseline_statistics=first.properties.CalculatedBaselineStatistics,
        supplied_baseline_constraints=first.properties.CalculatedBaselineConstraints,
        **members,
    )


first = QualityCheckStep(
    "Baseline", quality_check_config=config(baseline, "baseline"), check_job_config=check, skip_check=True
)
before = watched("Before", monitor_before_transform=True)
after = watched("After", fail_on_violation=False)
steps = [first, before, after]
if VERSION == 3:  # its compiler takes no MonitorBatchTransformStep, only the two steps in it
    steps = [first, *before.steps, *after.steps]
pipeline = Pipeline(prefix, parameters=[data], steps=steps, sagemaker_session=session)
pipeline.upsert(role_arn=role)
for part, given in (("normal", normal), ("drifted", drifted)):
    execution = pipeline.start(parameters={"Data": given})
    try:
        execution.wait(delay=1, max_attempts=240)
    except Exception as error:
        print(f"waiting ended: {error}")
    steps = {one["StepName"]: one for one in execution.list_steps()}
    report[part] = {
        "status": execution.describe()["PipelineExecutionStatus"],
        "steps": {name: one.get("FailureReason") or one["StepStatus"] for name, one in steps.items()},
        "order": [steps[one]["EndTime"] <= steps[other]["StartTime"] for one, other in ORDER if other in steps],
        "violations": steps["After-monitoring"]["Metadata"]["QualityCheck"].get("ViolationReport", ""),
    }  # fmt: skip
print("REPORT " + json.dumps(report))
