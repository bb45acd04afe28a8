"""SageMaker SDK v3, unmodified: a pipeline that prepares, tries, trains, evaluates, decides, registers, transforms and
tidies up; cached, selected, failed and followed up, stopped and retried.
"""

import json
import sys
import time
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import (
    OutputDataConfig,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.training.configs import Compute, InputData
from sagemaker.core.transformer import Transformer
from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow import (
    CacheConfig,
    CleanupStep,
    ConditionStep,
    CurrentItem,
    FailStep,
    ForEachSelector,
    ForEachStep,
    IterationOutput,
    ModelStep,
    Pipeline,
    ProcessingStep,
    S3CleanupSource,
    SelectiveExecutionConfig,
    StepDependency,
    TrainingStep,
    TransformStep,
    TriggerCondition,
)
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
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
import numpy, xgboost
place = Path("/opt/ml/processing")
with tarfile.open(place / "model/model.tar.gz") as tar:
    tar.extractall(place / "model")
booster = xgboost.Booster(model_file=str(place / "model/xgboost-model"))
table = [[float(x) for x in line.split(",")] for line in (place / "test/test.csv").read_text().splitlines()]
scores = booster.predict(xgboost.DMatrix(numpy.array([row[1:] for row in table])))
accuracy = sum((score > 0.5) == bool(row[0]) for score, row in zip(scores, table)) / len(table)
(place / "evaluation").mkdir(exist_ok=True)
(place / "evaluation/evaluation.json").write_text(json.dumps({"metrics": {"accuracy": {"value": accuracy}}}))
"""
)
(folder / "told.py").write_text('print("training has failed")\n')
(folder / "wait.py").write_text(
    """
import time
from pathlib import Path
while Path("/opt/ml/processing/input/mode.txt").read_text() == "wait":
    time.sleep(1)
"""
)
session = PipelineSession()
plain = Session()
client = plain.sagemaker_client
role = get_execution_role()
bucket = session.default_bucket()
data = plain.upload_data(str(folder / "all.csv"), bucket, "v3pipeline")
image = image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
report = {}

threshold = ParameterFloat("Threshold", default_value=0.8)
rounds = ParameterInteger("Rounds", default_value=20)
depths = ParameterString("Depths", default_value='[{"depth": 1}, {"depth": 4}]')
approval = ParameterString("Approval", default_value="PendingManualApproval")
cache = CacheConfig(enable_caching=True, expire_after="P30d")
compute = {"instance_type": "ml.m5.large", "instance_count": 1}


def processing(code, inputs, outputs):
    """Step arguments of a script: inputs by name and URI, outputs by name."""
    processor = ScriptProcessor(image_uri=image, command=["python3"], role=role, sagemaker_session=session, **compute)
    places = [
        ProcessingInput(
            input_name=name,
            s3_input=ProcessingS3Input(
                s3_uri=uri, local_path=f"/opt/ml/processing/{name}", s3_data_type="S3Prefix", s3_input_mode="File"
            ),
        )
        for name, uri in inputs.items()
    ]
    results = [
        ProcessingOutput(
            output_name=name,
            s3_output=ProcessingS3Output(
                s3_uri=f"s3://{bucket}/v3pipeline/{name}",
                local_path=f"/opt/ml/processing/{name}",
                s3_upload_mode="EndOfJob",
            ),
        )
        for name in outputs
    ]
    return processor.run(code=str(folder / code), inputs=places, outputs=results)


def training(**hyperparameters):
    """Step arguments of built-in XGBoost on what Prepare has written."""
    trainer = ModelTrainer(
        training_image=image,
        role=role,
        sagemaker_session=session,
        compute=Compute(**compute),
        output_data_config=OutputDataConfig(
            s3_output_path=Join(on="/", values=["s3:/", bucket, "v3pipeline", ExecutionVariables.PIPELINE_EXECUTION_ID])
        ),
        hyperparameters={"objective": "binary:logistic", "eval_metric": "error", **hyperparameters},
    )
    channels = [
        InputData(channel_name=name, data_source=output(part), content_type="text/csv")
        for name, part in (("train", "train"), ("validation", "test"))
    ]
    return trainer.train(input_data_config=channels)


def output(name):
    return prepare.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


prepare = ProcessingStep(
    "Prepare",
    step_args=processing("prepare.py", {"input": data}, ("train", "test", "features")),
    cache_config=cache,
)
attempt = TrainingStep("TryDepth", step_args=training(num_round=3, max_depth=CurrentItem().depth))
attempts = ForEachStep(
    "Depth",
    iterable_items=depths,
    max_concurrency=2,
    for_each_body=[attempt],
    selector=ForEachSelector("MinBy", IterationOutput(attempt).FinalMetricDataList["validation:error"].Value),
)
train = TrainingStep(
    "Train", step_args=training(num_round=rounds, max_depth=attempts.properties.Selected.HyperParameters["max_depth"])
)
told = ProcessingStep(
    "Told", step_args=processing("told.py", {}, ()), depends_on=[StepDependency(train, TriggerCondition.FAILED)]
)
model_data = train.properties.ModelArtifacts.S3ModelArtifacts
evaluation = PropertyFile(name="Evaluation", output_name="evaluation", path="evaluation.json")
evaluate = ProcessingStep(
    "Evaluate",
    step_args=processing("evaluate.py", {"model": model_data, "test": output("test")}, ("evaluation",)),
    property_files=[evaluation],
)
builder = ModelBuilder(
    image_uri=image, s3_model_data_url=model_data, role_arn=role, sagemaker_session=session,
    instance_type="ml.m5.large",
)  # fmt: skip
create = ModelStep("Create", step_args=builder.build())
register = ModelStep(
    "Register",
    step_args=builder.register(
        model_package_group_name="v3-pipeline",
        content_types=["text/csv"],
        response_types=["text/csv"],
        approval_status=approval,
    ),
)
score = TransformStep(
    "Score",
    step_args=Transformer(
        model_name=create.properties.ModelName,
        output_path=f"s3://{bucket}/v3pipeline/scores",
        assemble_with="Line",
        accept="text/csv",
        sagemaker_session=session,
        **compute,
    ).transform(data=output("features"), content_type="text/csv", split_type="Line"),
)
tidy = CleanupStep(
    "Tidy",
    s3_sources=[S3CleanupSource(prepare, s3_uris=[Join(on="/", values=[output("features"), "features.csv"])])],
    depends_on=[score],
)
accuracy = JsonGet(step_name=evaluate.name, property_file=evaluation, json_path="metrics.accuracy.value")
decide = ConditionStep(
    "Decide",
    conditions=[ConditionGreaterThanOrEqualTo(left=accuracy, right=threshold)],
    if_steps=[register, create, score, tidy],
    else_steps=[FailStep("TooBad", error_message=Join(on=" ", values=["accuracy is below", threshold]))],
)
pipeline = Pipeline(
    "v3-pipeline",
    parameters=[threshold, rounds, depths, approval],
    steps=[prepare, attempts, train, told, evaluate, decide],
    sagemaker_session=session,
)
pipeline.upsert(role_arn=role)
pipeline.upsert(role_arn=role)  # the second is an update


def ended(execution):
    """The SDK's wait knows neither Stopped nor CompletedWithFailures."""
    deadline = time.monotonic() + 120
    while (described := execution.describe())["PipelineExecutionStatus"] in {"Executing", "Stopping"}:
        assert time.monotonic() < deadline, execution.list_steps()
        time.sleep(0.2)
    return described["PipelineExecutionStatus"], {step["StepName"]: step for step in execution.list_steps()}


execution = pipeline.start(parameters={"Approval": "Approved"})
try:
    execution.wait(delay=1, max_attempts=120)
except Exception as error:
    report["waiting"] = str(error)
report["status"], first = ended(execution)
report["steps"] = {name: [step["StepStatus"], step.get("FailureReason", "")] for name, step in first.items()}
assert report["status"] == "Succeeded", report["steps"]
report["selector"] = first["Depth"]["Metadata"]["ForEach"]
trained = first["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
report["depth"] = client.describe_training_job(TrainingJobName=trained)["HyperParameters"]["max_depth"]
package = first["Register"]["Metadata"]["RegisterModel"]["Arn"]
report["approval"] = client.describe_model_package(ModelPackageName=package)["ModelApprovalStatus"]
scores = plain.read_s3_file(bucket, "v3pipeline/scores/features.csv.out").split()
truth = [line.partition(",")[0] for line in (folder / "all.csv").read_text().splitlines()[400:]]
report["accuracy"] = sum((float(one) > 0.5) == (label == "1") for one, label in zip(scores, truth, strict=True)) / 200
report["tidied"] = first["Tidy"]["Metadata"]["Cleanup"]["CleanedSteps"]
report["features"] = plain.list_s3_files(bucket, "v3pipeline/features/")

selected = SelectiveExecutionConfig(["Evaluate", "Decide", "TooBad"], source_pipeline_execution_arn=execution.arn)
status, steps = ended(pipeline.start(parameters={"Threshold": 1.01}, selective_execution_config=selected))
report["selected"] = [status, {name: step["StepStatus"] for name, step in steps.items()}]
report["reason"] = steps["TooBad"]["FailureReason"]
report["taken"] = steps["Train"]["SelectiveExecutionResult"]["SourcePipelineExecutionArn"] == execution.arn

status, steps = ended(pipeline.start(parameters={"Rounds": -1}))
report["followed"] = [status, {name: step["StepStatus"] for name, step in steps.items()}]
report["cached"] = steps["Prepare"].get("CacheHitResult", {}).get("SourcePipelineExecutionArn") == execution.arn

plain.upload_string_as_file_body("wait", bucket, "v3pipeline/mode/mode.txt")
waiting = ProcessingStep("Wait", step_args=processing("wait.py", {"input": f"s3://{bucket}/v3pipeline/mode"}, ()))
stopped = Pipeline("v3-waiting", steps=[waiting], sagemaker_session=session)
stopped.upsert(role_arn=role)
execution = stopped.start()
while not any(step["StepStatus"] == "Executing" for step in execution.list_steps()):
    time.sleep(0.1)
execution.stop()
status, steps = ended(execution)
report["stopped"] = [status, steps["Wait"]["StepStatus"]]
plain.upload_string_as_file_body("go", bucket, "v3pipeline/mode/mode.txt")
client.retry_pipeline_execution(PipelineExecutionArn=execution.arn)  # the SDK has no method for it
status, steps = ended(execution)
report["retried"] = [status, steps["Wait"]["StepStatus"], steps["Wait"].get("FailureReason", "")]
report["executions"] = len(pipeline.list_executions()["PipelineExecutionSummaries"])
for one in (pipeline, stopped):
    one.delete()
print("REPORT " + json.dumps(report))
