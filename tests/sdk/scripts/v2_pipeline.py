"""SageMaker SDK v2, unmodified: a pipeline that prepares, trains, evaluates, decides, registers and transforms."""

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.drift_check_baselines import DriftCheckBaselines
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.model_metrics import MetricsSource
from sagemaker.model_monitor.dataset_format import DatasetFormat
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.transformer import Transformer
from sagemaker.workflow.check_job_config import CheckJobConfig
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterBoolean, ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.quality_check_step import DataQualityCheckConfig, QualityCheckStep
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep
from tabular import csv, rows

folder = Path(sys.argv[1])
(folder / "all.csv").write_text(csv(rows(600, 5)))
(folder / "prepare.py").write_text(
    """
from pathlib import Path
place = Path("/opt/ml/processing")
lines = (place / "input/all.csv").read_text().splitlines()
for name, part in (("train", lines[:400]), ("test", lines[400:])):
    (place / name).mkdir(exist_ok=True)
    (place / name / f"{name}.csv").write_text("\\n".join(part) + "\\n")
(place / "features").mkdir(exist_ok=True)
(place / "features/features.csv").write_text("\\n".join(line.partition(",")[2] for line in lines[400:]) + "\\n")
"""
)
(folder / "evaluate.py").write_text(
    """
import json, tarfile
from pathlib import Path
import xgboost
place = Path("/opt/ml/processing")
with tarfile.open(place / "model/model.tar.gz") as tar:
    tar.extractall(place / "model")
booster = xgboost.Booster(model_file=str(place / "model/xgboost-model"))
table = [[float(x) for x in line.split(",")] for line in (place / "test/test.csv").read_text().splitlines()]
import numpy
scores = booster.predict(xgboost.DMatrix(numpy.array([row[1:] for row in table])))
accuracy = sum((score > 0.5) == bool(row[0]) for score, row in zip(scores, table)) / len(table)
(place / "evaluation").mkdir(exist_ok=True)
(place / "evaluation/evaluation.json").write_text(json.dumps({"metrics": {"accuracy": {"value": accuracy}}}))
"""
)
session = PipelineSession()
plain = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
data = plain.upload_data(str(folder / "all.csv"), bucket, "v2pipeline")
image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
report = {}

threshold = ParameterFloat("Threshold", default_value=0.8)
rounds = ParameterInteger("Rounds", default_value=20)
approval = ParameterString("Approval", default_value="PendingManualApproval")
skip = ParameterBoolean("SkipCheck", default_value=False)
cache = CacheConfig(enable_caching=True, expire_after="P30d")
machine = {"role": role, "instance_type": "ml.m5.large", "instance_count": 1, "sagemaker_session": session}

prepare = ProcessingStep(
    "Prepare",
    step_args=SKLearnProcessor(framework_version="1.2-1", **machine).run(
        code=str(folder / "prepare.py"),
        inputs=[ProcessingInput(source=data, destination="/opt/ml/processing/input")],
        outputs=[
            ProcessingOutput(output_name=name, source=f"/opt/ml/processing/{name}")
            for name in ("train", "test", "features")
        ],
    ),
    cache_config=cache,
)


def output(name):
    return prepare.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


check = QualityCheckStep(
    "Check",
    check_job_config=CheckJobConfig(role=role, instance_type="ml.m5.large", sagemaker_session=session),
    quality_check_config=DataQualityCheckConfig(
        baseline_dataset=output("train"),
        dataset_format=DatasetFormat.csv(header=False),
        output_s3_uri=Join(
            on="/", values=["s3:/", bucket, "v2pipeline", "check", ExecutionVariables.PIPELINE_EXECUTION_ID]
        ),
    ),
    skip_check=skip,
    register_new_baseline=skip,
    model_package_group_name="v2-pipeline",
)
estimator = sagemaker.estimator.Estimator(
    image,
    output_path=Join(on="/", values=["s3:/", bucket, "v2pipeline", ExecutionVariables.PIPELINE_EXECUTION_ID]),
    hyperparameters={"objective": "binary:logistic", "num_round": rounds},
    **machine,
)
train = TrainingStep(
    "Train", step_args=estimator.fit({"train": TrainingInput(output("train"), content_type="text/csv")})
)
evaluation = PropertyFile(name="Evaluation", output_name="evaluation", path="evaluation.json")
evaluate = ProcessingStep(
    "Evaluate",
    step_args=ScriptProcessor(image_uri=image, command=["python3"], **machine).run(
        code=str(folder / "evaluate.py"),
        inputs=[
            ProcessingInput(
                source=train.properties.ModelArtifacts.S3ModelArtifacts, destination="/opt/ml/processing/model"
            ),
            ProcessingInput(source=output("test"), destination="/opt/ml/processing/test"),
        ],
        outputs=[ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
    ),
    property_files=[evaluation],
)
model = Model(
    image_uri=image, model_data=train.properties.ModelArtifacts.S3ModelArtifacts, sagemaker_session=session, role=role
)
create = ModelStep("Create", step_args=model.create(instance_type="ml.m5.large"))
register = ModelStep(
    "Register",
    step_args=model.register(
        content_types=["text/csv"],
        response_types=["text/csv"],
        model_package_group_name="v2-pipeline",
        approval_status=approval,
        drift_check_baselines=DriftCheckBaselines(
            model_data_statistics=MetricsSource(
                s3_uri=check.properties.BaselineUsedForDriftCheckStatistics, content_type="application/json"
            ),
            model_data_constraints=MetricsSource(
                s3_uri=check.properties.BaselineUsedForDriftCheckConstraints, content_type="application/json"
            ),
        ),
    ),
)
transform = TransformStep(
    "Score",
    step_args=Transformer(
        model_name=create.properties.ModelName,
        instance_count=1,
        instance_type="ml.m5.large",
        output_path=f"s3://{bucket}/v2pipeline/scores",
        assemble_with="Line",
        accept="text/csv",
        sagemaker_session=session,
    ).transform(data=output("features"), content_type="text/csv", split_type="Line"),
)
accuracy = JsonGet(step_name=evaluate.name, property_file=evaluation, json_path="metrics.accuracy.value")
decide = ConditionStep(
    "Decide",
    conditions=[ConditionGreaterThanOrEqualTo(left=accuracy, right=threshold)],
    if_steps=[register, create, transform],
    else_steps=[FailStep("TooBad", error_message=Join(on=" ", values=["accuracy is below", threshold]))],
)
pipeline = Pipeline(
    "v2-pipeline",
    parameters=[threshold, rounds, approval, skip],
    steps=[prepare, check, train, evaluate, decide],
    sagemaker_session=session,
)
pipeline.upsert(role_arn=role)
pipeline.upsert(role_arn=role)  # the second is an update


def run(**parameters):
    execution = pipeline.start(parameters=parameters)
    try:
        execution.wait(delay=1, max_attempts=240)
    except Exception as error:
        report.setdefault("waiting", []).append(str(error)[:200])
    steps = execution.list_steps()
    return execution, execution.describe(), {step["StepName"]: step for step in steps}


execution, described, steps = run(Approval="Approved", SkipCheck=True)
report["status"] = described["PipelineExecutionStatus"]
report["steps"] = {name: [step["StepStatus"], step.get("FailureReason", "")] for name, step in steps.items()}
first = steps
report["parameters"] = execution.list_parameters()["PipelineParameters"]
package = steps["Register-RegisterModel"]["Metadata"]["RegisterModel"]["Arn"]
described = plain.sagemaker_client.describe_model_package(ModelPackageName=package)
report["approval"] = described["ModelApprovalStatus"]
scores = plain.read_s3_file(bucket, "v2pipeline/scores/features.csv.out").split()
truth = [line.partition(",")[0] for line in (folder / "all.csv").read_text().splitlines()[400:]]
report["accuracy"] = sum(
    (float(score) > 0.5) == (label == "1") for score, label in zip(scores, truth, strict=True)
) / len(truth)

_, described, steps = run(Threshold=1.01, Rounds=2)
report["second"] = described["PipelineExecutionStatus"]
report["second_steps"] = {name: step["StepStatus"] for name, step in steps.items()}
report["reason"] = steps["TooBad"]["FailureReason"]
report["cached"] = steps["Prepare"].get("CacheHitResult", {}).get("SourcePipelineExecutionArn") == execution.arn
trained = steps["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
checked = steps["Check"]["Metadata"]["QualityCheck"]
report["checked"] = [checked["SkipCheck"], checked["BaselineUsedForDriftCheckConstraints"]]
report["baseline"] = first["Check"]["Metadata"]["QualityCheck"]["CalculatedBaselineConstraints"]
report["rounds"] = plain.describe_training_job(trained)["HyperParameters"]["num_round"]
report["executions"] = len(pipeline.list_executions()["PipelineExecutionSummaries"])
pipeline.delete()
print("REPORT " + json.dumps(report))
