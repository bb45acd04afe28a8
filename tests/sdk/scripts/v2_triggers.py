"""SageMaker SDK v2, unmodified: a Lambda step, a function updated from S3, and schedules of a pipeline."""

import json
import sys
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sagemaker import Session, get_execution_role
from sagemaker.lambda_helper import Lambda
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThan
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
from sagemaker.workflow.parameters import ParameterInteger
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.triggers import PipelineSchedule

folder = Path(sys.argv[1])
session = Session()
role = get_execution_role()
(folder / "score.py").write_text(
    "def handler(event, context):\n    return {'statusCode': 200, 'score': event['rows'] * 2, 'verdict': 'good'}\n"
)
(folder / "archive").mkdir()
with zipfile.ZipFile(folder / "archive" / "code.zip", "w") as archive:
    archive.write(folder / "score.py", "score.py")

scorer = Lambda(
    function_name="v2-triggers", execution_role_arn=role, script=str(folder / "score.py"), handler="score.handler",
    session=session,
)  # fmt: skip
step = LambdaStep(
    name="Score",
    lambda_func=scorer,
    inputs={"rows": ParameterInteger(name="Rows", default_value=21)},
    outputs=[
        LambdaOutput(output_name="score", output_type=LambdaOutputTypeEnum.Integer),
        LambdaOutput(output_name="verdict", output_type=LambdaOutputTypeEnum.String),
    ],
)
decide = ConditionStep(
    name="Decide",
    conditions=[ConditionGreaterThan(left=step.properties.Outputs["score"], right=40)],
    if_steps=[],
    else_steps=[FailStep(name="TooLow", error_message="too low")],
)
pipeline = Pipeline(
    name="v2-triggers",
    parameters=[step.inputs["rows"]],
    steps=[step, decide],
    sagemaker_session=session,
)
pipeline.upsert(role_arn=role)
execution = pipeline.start()
execution.wait(delay=1, max_attempts=60)
(scored,) = [one for one in execution.list_steps() if one["StepName"] == "Score"]

stored = Lambda(
    function_arn=scored["Metadata"]["Lambda"]["Arn"], execution_role_arn=role, handler="score.handler",
    zipped_code_dir=str(folder / "archive" / "code.zip"), s3_bucket=session.default_bucket(), session=session,
)  # fmt: skip
stored.update()
answer = json.loads(stored.invoke()["Payload"].read())

pipeline.put_triggers(
    triggers=[PipelineSchedule(name="v2-at", at=datetime.now(UTC) + timedelta(seconds=2))], role_arn=role
)
pipeline.put_triggers(triggers=[PipelineSchedule(name="v2-cron", cron="0 12 * * ? *", enabled=False)], role_arn=role)
described = pipeline.describe_trigger(trigger_name="v2-cron")
deadline = time.monotonic() + 60
while (
    len(session.sagemaker_client.list_pipeline_executions(PipelineName=pipeline.name)["PipelineExecutionSummaries"]) < 2
):
    assert time.monotonic() < deadline, "the schedule has not started the pipeline"
    time.sleep(0.2)
pipeline.delete_triggers(trigger_names=["v2-at", "v2-cron"])
report = {
    "metadata": scored["Metadata"]["Lambda"]["OutputParameters"],
    "status": execution.describe()["PipelineExecutionStatus"],
    "error": answer["errorType"],
    "trigger": [described["Schedule_Expression"], described["Schedule_State"]],
}
print("REPORT", json.dumps(report), flush=True)
