"""Single steps that fail, are repeated, followed up, taken from a cache or chosen, and what their jobs are called."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sageyard.errors import AwsError

from tests.unit.pipelines.server import Server, drive, processing, training, training_arguments, until

REPORT = [{"PropertyFileName": "Report", "OutputName": "report", "FilePath": "metrics.json"}]
LOST = {"status": "Failed", "FailureReason": "InternalServerError: the host went away"}


def get(path: str) -> dict[str, str]:
    return {"Get": path}


def repeating(**policy: Any) -> list[dict[str, Any]]:
    return [{"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 60, "BackoffRate": 1.0, **policy}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "Received an error while reading file s3://bucket/report/metrics.json from S3"),
        ("accuracy: 0.9", "Contents of file s3://bucket/report/metrics.json are not in valid JSON format"),
        ('{"recall": 1}', "accuracy in s3://bucket/report/metrics.json is undefined: there is no 'accuracy'"),
        ('{"accuracy": "high"}', "GreaterThanOrEqualTo cannot compare 'high' with 0.5: give two numbers"),
    ],
)
def test_a_property_file_that_does_not_say_what_is_asked_fails_the_step(
    tmp_path: Path, text: str | None, told: str
) -> None:
    async def scenario(server: Server) -> None:
        if text is not None:
            server.bucket.texts["s3://bucket/report/metrics.json"] = text
        value = {"Std:JsonGet": {"PropertyFile": get("Steps.Evaluate.PropertyFiles.Report"), "Path": "accuracy"}}
        condition = {"Type": "GreaterThanOrEqualTo", "LeftValue": value, "RightValue": 0.5}
        check = {"Name": "Check", "Type": "Condition", "Arguments": {"Conditions": [condition], "IfSteps": []}}
        await server.create([processing("Evaluate", PropertyFiles=REPORT), check])
        execution, steps = await server.run()
        assert execution["PipelineExecutionStatus"] == "Failed"
        assert told in steps["Check"]["FailureReason"]

    drive(tmp_path, scenario)


def test_only_what_a_policy_names_is_repeated_and_only_so_long(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.ends["Other"] = [{"status": "Failed", "FailureReason": "AlgorithmError: it broke"}]
        server.jobs.ends["Late"] = [dict(LOST), dict(LOST), dict(LOST)]
        await server.create([training("Other", RetryPolicies=repeating(MaxAttempts=5)),
                             training("Late", RetryPolicies=repeating(ExpireAfterMin=3))])  # fmt: skip
        arn = await server.start()
        for attempt in (2, 3):
            await asyncio.sleep(0.1)
            server.clock.advance(60)
            await until(lambda attempt=attempt: len(server.jobs.of("Late")) == attempt)
        _, steps = await server.ended(arn)
        assert steps["Late"]["AttemptCount"] == 3
        assert steps["Late"]["FailureReason"] == LOST["FailureReason"]
        assert (steps["Other"]["AttemptCount"], len(server.jobs.of("Other"))) == (1, 1)

    drive(tmp_path, scenario)


def test_a_step_may_follow_one_that_somebody_stopped(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.held["Long"] = asyncio.Event()
        await server.create([
            training("Long"),
            training("Told", DependsOn=[{"Step": "Long", "Trigger": "Stopped"}]),
            training("Failed", DependsOn=[{"Step": "Long", "Trigger": "Failed"}]),
        ])  # fmt: skip
        arn = await server.start()
        await until(lambda: server.jobs.of("Long"))
        name = server.jobs.of("Long")[0]["TrainingJobName"]
        await server.call("StopTrainingJob", TrainingJobName=name)
        execution, steps = await server.ended(arn)
        assert {name: step["StepStatus"] for name, step in steps.items()} == {"Long": "Stopped", "Told": "Succeeded"}
        assert execution["PipelineExecutionStatus"] == "Succeeded"

    drive(tmp_path, scenario)


def test_only_a_success_with_the_same_arguments_is_taken_from_the_cache(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.ends["Train"] = [{"status": "Failed", "FailureReason": "AlgorithmError: it broke"}]
        step = training("Train", CacheConfig={"Enabled": True})
        step["Arguments"] = training_arguments(HyperParameters={"depth": get("Parameters.Depth")})
        await server.create([step], Parameters=[{"Name": "Depth", "Type": "Integer", "DefaultValue": 1}])

        async def hit(depth: int) -> bool:
            _, steps = await server.run(PipelineParameters=[{"Name": "Depth", "Value": str(depth)}])
            return "CacheHitResult" in steps["Train"]

        assert [await hit(1) for _ in range(3)] == [False, False, True], "the first one failed"
        assert [await hit(2), await hit(2), await hit(1)] == [False, True, True]
        assert len(server.jobs.of("Train")) == 3

    drive(tmp_path, scenario)


def test_an_older_version_may_be_started(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await server.create([training("Old")])
        text = json.dumps({"Version": "2020-12-01", "Steps": [training("New")]})
        await server.call("UpdatePipeline", PipelineName="p", PipelineDefinition=text)
        assert sorted((await server.run())[1]) == ["New"]
        execution, steps = await server.run(PipelineVersionId=1)
        assert (sorted(steps), execution["PipelineVersionId"]) == (["Old"], 1)
        shown = await server.call("DescribePipelineDefinitionForExecution",
                                  PipelineExecutionArn=execution["PipelineExecutionArn"])  # fmt: skip
        assert json.loads(shown["PipelineDefinition"])["Steps"][0]["Name"] == "Old"
        with pytest.raises(AwsError, match="9"):
            await server.start(PipelineVersionId=9)

    drive(tmp_path, scenario)


def test_steps_are_chosen_by_names_that_there_are(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await server.create([training("First"), training("Second", DependsOn=["First"])])
        chosen = {"SelectedSteps": [{"StepName": "Third"}]}
        with pytest.raises(AwsError, match="SelectedSteps has 'Third', which is no step of the pipeline"):
            await server.start(SelectiveExecutionConfig=chosen)
        await server.run()
        _, steps = await server.run(SelectiveExecutionConfig={"SelectedSteps": [{"StepName": "First"}]})
        assert sorted(steps) == ["First"]

    drive(tmp_path, scenario)


def test_a_step_knows_the_name_of_the_job_that_it_launches(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        place = {"Std:Join": {"On": "/", "Values": ["s3://bucket", get("Execution.TrainingJobName")]}}
        step = training("Train")
        step["Arguments"] = training_arguments(OutputDataConfig={"S3OutputPath": place}, TrainingJobName="mine")
        work = processing("Work")
        work["Arguments"]["Environment"] = {"JOB": get("Execution.ProcessingJobName")}
        await server.create([step, work])
        execution, _ = await server.run()
        assert execution["PipelineExecutionStatus"] == "Succeeded"
        [request] = server.jobs.of("Train")
        assert request["TrainingJobName"].startswith("mine-")
        assert request["OutputDataConfig"]["S3OutputPath"] == f"s3://bucket/{request['TrainingJobName']}"
        [request] = server.jobs.of("Work")
        assert request["Environment"]["JOB"] == request["ProcessingJobName"]

    drive(tmp_path, scenario)


def test_a_bodys_steps_run_behind_those_that_they_depend_on_inside_and_outside(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        body = [training("Late", DependsOn=["Early"]), training("Early", DependsOn=["Before"])]
        each = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": body}
        await server.create([{"Name": "Each", "Type": "ForEach", "Arguments": each}, training("Before")])
        execution, _ = await server.run()
        assert execution["PipelineExecutionStatus"] == "Succeeded"
        names = [request["TrainingJobName"].split("-")[2] for request in server.jobs.requests]
        assert names == ["Before", "Early", "Late"]

    drive(tmp_path, scenario)
