"""Executions of pipelines: what runs, in which order, and how it ends."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sageyard.errors import AwsError

from tests.unit.pipelines.server import ROLE, Jobs, Server, drive, processing, training, training_arguments, until


def get(path: str) -> dict[str, str]:
    return {"Get": path}


def test_steps_run_after_those_that_they_need_and_see_what_those_have_become(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        uri = {
            "Std:Join": {
                "On": "/",
                "Values": [
                    get("Steps.Train.OutputDataConfig.S3OutputPath"),
                    get("Parameters.Epochs"),
                    get("Execution.PipelineName"),
                ],
            }
        }
        second = training("Again")
        second["Arguments"] = training_arguments(
            OutputDataConfig={"S3OutputPath": uri},
            ResourceConfig={
                "InstanceType": "ml.m5.large",
                "InstanceCount": get("Parameters.Count"),
                "VolumeSizeInGB": 1,
            },
        )
        parameters = [
            {"Name": "Epochs", "Type": "Integer", "DefaultValue": 3},
            {"Name": "Count", "Type": "Integer"},
        ]
        await server.create([second, training("Train")], Parameters=parameters)
        execution, steps = await server.run(PipelineParameters=[{"Name": "Count", "Value": "2"}])
        assert execution["PipelineExecutionStatus"] == "Succeeded"
        assert [steps[name]["StepStatus"] for name in ("Train", "Again")] == ["Succeeded", "Succeeded"]
        [request] = server.jobs.of("Again")
        assert request["OutputDataConfig"]["S3OutputPath"] == "s3://bucket/models/3/p"
        assert request["ResourceConfig"]["InstanceCount"] == 2
        assert steps["Again"]["StartTime"] >= steps["Train"]["EndTime"]
        assert steps["Train"]["Metadata"]["TrainingJob"]["Arn"].endswith(
            server.jobs.of("Train")[0]["TrainingJobName"].lower()
        )
        shown = await server.call(
            "ListPipelineParametersForExecution", PipelineExecutionArn=execution["PipelineExecutionArn"]
        )
        assert shown["PipelineParameters"] == [{"Name": "Epochs", "Value": "3"}, {"Name": "Count", "Value": "2"}]

    drive(tmp_path, scenario)


@pytest.mark.parametrize(("accuracy", "runs", "rests"), [(0.9, "Good", "Bad"), (0.1, "Bad", "Good")])
def test_a_condition_on_a_property_file_chooses_the_branch(
    tmp_path: Path, accuracy: float, runs: str, rests: str
) -> None:
    async def scenario(server: Server) -> None:
        server.bucket.texts["s3://bucket/report/metrics.json"] = json.dumps({"test": [{"accuracy": accuracy}]})
        evaluate = processing(
            "Evaluate",
            PropertyFiles=[{"PropertyFileName": "Report", "OutputName": "report", "FilePath": "metrics.json"}],
        )
        value = {
            "Std:JsonGet": {"PropertyFile": get("Steps.Evaluate.PropertyFiles.Report"), "Path": "test[0].accuracy"}
        }
        condition = {
            "Name": "Check",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [{"Type": "GreaterThanOrEqualTo", "LeftValue": value, "RightValue": 0.5}],
                "IfSteps": [training("Good")],
                "ElseSteps": [training("Bad"), training("After", DependsOn=["Bad"])],
            },
        }
        await server.create([evaluate, condition])
        execution, steps = await server.run()
        assert execution["PipelineExecutionStatus"] == "Succeeded"
        assert steps["Check"]["Metadata"]["Condition"]["Outcome"] == str(accuracy > 0.5)
        assert runs in steps
        assert rests not in steps
        assert ("After" in steps) == (runs == "Bad")

    drive(tmp_path, scenario)


def test_a_failed_step_fails_the_execution_and_what_needs_it_never_begins(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.ends["First"] = [{"status": "Failed", "FailureReason": "AlgorithmError: it broke"}]
        await server.create([training("First"), training("Second", DependsOn=["First"])])
        execution, steps = await server.run()
        assert execution["PipelineExecutionStatus"] == "Failed"
        assert execution["FailureReason"] == "Step failure: One or multiple steps failed."
        assert steps["First"]["FailureReason"] == "AlgorithmError: it broke"
        assert "Second" not in steps

    drive(tmp_path, scenario)


def test_a_step_may_follow_a_failure(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.ends["First"] = [{"status": "Failed", "FailureReason": "AlgorithmError: it broke"}]
        await server.create([
            training("First"),
            training("Notify", DependsOn=[{"Step": "First", "Trigger": "Failed"}]),
            training("Always", DependsOn=[{"Step": "First", "Trigger": "Any"}]),
            training("Never", DependsOn=["First"]),
        ])  # fmt: skip
        execution, steps = await server.run()
        assert execution["PipelineExecutionStatus"] == "CompletedWithFailures"
        assert sorted(steps) == ["Always", "First", "Notify"]

    drive(tmp_path, scenario)


def test_a_fail_step_says_why(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        message = {"Std:Join": {"On": " ", "Values": ["not good enough:", get("Parameters.Score")]}}
        await server.create(
            [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": message}}],
            Parameters=[{"Name": "Score", "Type": "Float", "DefaultValue": 0.25}],
        )
        execution, steps = await server.run()
        assert execution["PipelineExecutionStatus"] == "Failed"
        assert steps["Stop"]["FailureReason"] == "not good enough: 0.25"
        assert steps["Stop"]["Metadata"]["Fail"]["ErrorMessage"] == "not good enough: 0.25"

    drive(tmp_path, scenario)


def test_a_refused_request_is_the_steps_failure(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await server.create([{"Name": "Train", "Type": "Training", "Arguments": {"RoleArn": "no role"}}])
        _, steps = await server.run()
        reason = steps["Train"]["FailureReason"]
        assert reason.startswith("ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: ")
        assert "roleArn" in reason

    drive(tmp_path, scenario)


def test_retry_policies_repeat_what_they_name_and_count_the_attempts(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        broken = {"status": "Failed", "FailureReason": "InternalServerError: the host went away"}
        server.jobs.ends["Train"] = [dict(broken), dict(broken)]
        policy = {
            "ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"],
            "IntervalSeconds": 60,
            "BackoffRate": 2.0,
            "MaxAttempts": 2,
        }
        await server.create([training("Train", RetryPolicies=[policy])])
        arn = await server.start()
        for attempt, pause in ((1, 60), (2, 120)):
            await until(lambda attempt=attempt: len(server.jobs.requests) == attempt)
            await until(lambda: not server.jobs.running)
            await asyncio.sleep(0.1)
            assert len(server.jobs.requests) == attempt
            server.clock.advance(pause)
        execution, steps = await server.ended(arn)
        assert execution["PipelineExecutionStatus"] == "Succeeded"
        assert steps["Train"]["AttemptCount"] == 3
        assert len({request["TrainingJobName"] for request in server.jobs.requests}) == 3

    drive(tmp_path, scenario)


def test_a_cached_step_is_not_run_again_until_its_cache_expires(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        cached = training("Train", CacheConfig={"Enabled": True, "ExpireAfter": "P30d"})
        await server.create([cached])
        first, _ = await server.run()
        second, steps = await server.run()
        assert second["PipelineExecutionStatus"] == "Succeeded"
        assert steps["Train"]["CacheHitResult"] == {"SourcePipelineExecutionArn": first["PipelineExecutionArn"]}
        assert steps["Train"]["Metadata"]["TrainingJob"]["Arn"]
        assert len(server.jobs.requests) == 1
        server.clock.advance(31 * 86400)
        _, steps = await server.run()
        assert "CacheHitResult" not in steps["Train"]
        assert len(server.jobs.requests) == 2

    drive(tmp_path, scenario)


def test_no_more_steps_run_at_once_than_allowed(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await server.create([training(f"S{number}") for number in range(6)])
        for limits, most in (({"ParallelismConfiguration": {"MaxParallelExecutionSteps": 2}}, 2), ({}, 6)):
            server.jobs.most = 0
            server.jobs.held = {f"S{number}": asyncio.Event() for number in range(6)}
            arn = await server.start(**limits)
            await until(lambda most=most: server.jobs.running == most)
            for held in server.jobs.held.values():
                held.set()
            await server.ended(arn)
            assert server.jobs.most == most

    drive(tmp_path, scenario)


def test_a_stopped_execution_stops_its_jobs_and_a_retry_takes_up_the_rest(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.held["Second"] = asyncio.Event()
        await server.create(
            [training("First"), training("Second", DependsOn=["First"]), training("Third", DependsOn=["Second"])]
        )
        arn = await server.start()
        await until(lambda: server.jobs.of("Second"))
        await server.call("StopPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken="s" * 32)
        execution, steps = await server.ended(arn)
        assert execution["PipelineExecutionStatus"] == "Stopped"
        assert {name: step["StepStatus"] for name, step in steps.items()} == {"First": "Succeeded", "Second": "Stopped"}

        server.jobs.held.clear()
        await server.call("RetryPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken="r" * 32)
        execution, steps = await server.ended(arn)
        assert execution["PipelineExecutionStatus"] == "Succeeded"
        assert sorted(steps) == ["First", "Second", "Third"]
        assert len(server.jobs.of("First")) == 1
        with pytest.raises(AwsError, match="cannot be retried"):
            await server.call("RetryPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken="q" * 32)

    drive(tmp_path, scenario)


def test_an_execution_goes_on_after_a_restart_and_finds_its_running_job_again(tmp_path: Path) -> None:
    async def main() -> None:
        jobs = Jobs()
        jobs.held["Train"] = asyncio.Event()
        before = Server(tmp_path, jobs)
        await before.create([training("Train"), training("After", DependsOn=["Train"])])
        arn = await before.start()
        await until(lambda: jobs.of("Train"))
        await until(lambda: before.store.by_arn(f"{arn}/train").status == "Executing")  # type: ignore[union-attr]
        await before.engine.close()
        before.store.database.close()

        after = Server(tmp_path, jobs)
        after.engine.recover()
        jobs.held["Train"].set()
        execution, steps = await after.ended(arn)
        assert execution["PipelineExecutionStatus"] == "Succeeded"
        assert sorted(steps) == ["After", "Train"]
        assert len(jobs.of("Train")) == 1
        await after.engine.close()

    asyncio.run(main())


def test_selected_steps_take_what_they_need_from_an_earlier_execution(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        second = training("Second")
        second["Arguments"] = training_arguments(
            OutputDataConfig={"S3OutputPath": get("Steps.First.OutputDataConfig.S3OutputPath")}
        )
        await server.create([training("First"), second])
        selected = {"SelectedSteps": [{"StepName": "Second"}]}
        with pytest.raises(AwsError, match="'First', which the selected steps depend on"):
            await server.run(SelectiveExecutionConfig=selected)
        first, _ = await server.run()
        execution, steps = await server.run(
            SelectiveExecutionConfig=selected | {"SourcePipelineExecutionArn": first["PipelineExecutionArn"]}
        )
        assert execution["PipelineExecutionStatus"] == "Succeeded"
        assert steps["First"]["SelectiveExecutionResult"]["SourcePipelineExecutionArn"] == first["PipelineExecutionArn"]
        assert len(server.jobs.of("First")) == 1
        assert len(server.jobs.of("Second")) == 2

    drive(tmp_path, scenario)


def test_a_step_that_ran_beside_one_that_failed_is_seen_to_its_end_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        jobs = Jobs()
        jobs.held["Long"] = asyncio.Event()
        jobs.ends["Bad"] = [{"status": "Failed", "FailureReason": "AlgorithmError: no"}]
        before = Server(tmp_path, jobs)
        await before.create([training("Long"), training("Bad"), training("Never", DependsOn=["Long"])])
        arn = await before.start()

        async def shown(name: str, status: str) -> None:
            await until(lambda: (row := before.store.by_arn(f"{arn}/{name}")) is not None and row.status == status)

        await shown("bad", "Failed")
        await shown("long", "Executing")
        await before.engine.close()
        before.store.database.close()

        after = Server(tmp_path, jobs)
        after.engine.recover()
        jobs.held["Long"].set()
        execution, steps = await after.ended(arn)
        assert execution["PipelineExecutionStatus"] == "Failed"
        assert {name: step["StepStatus"] for name, step in steps.items()} == {"Long": "Succeeded", "Bad": "Failed"}
        await after.engine.close()

    asyncio.run(main())


def test_the_number_of_steps_at_once_may_change_while_an_execution_runs(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        server.jobs.held["A"] = asyncio.Event()
        await server.create([training(f"A{number}") for number in range(3)] + [training("A")])
        for number in range(3):
            server.jobs.held[f"A{number}"] = asyncio.Event()
        arn = await server.start(ParallelismConfiguration={"MaxParallelExecutionSteps": 1})
        await until(lambda: server.jobs.running == 1)
        await server.call(
            "UpdatePipelineExecution",
            PipelineExecutionArn=arn,
            ParallelismConfiguration={"MaxParallelExecutionSteps": 4},
        )
        server.jobs.held["A0"].set()
        await until(lambda: server.jobs.running == 3)
        for held in server.jobs.held.values():
            held.set()
        execution, _ = await server.ended(arn)
        assert execution["PipelineExecutionStatus"] == "Succeeded"

    drive(tmp_path, scenario)


def test_a_number_becomes_a_text_where_the_operation_takes_one_and_the_other_way_round(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        train = training("Train")
        train["Arguments"] = training_arguments(
            HyperParameters={"epochs": get("Parameters.Epochs"), "on": get("Parameters.On")},
            ResourceConfig={
                "InstanceType": "ml.m5.large",
                "InstanceCount": get("Parameters.Count"),
                "VolumeSizeInGB": 1,
            },
        )
        parameters = [
            {"Name": "Epochs", "Type": "Integer", "DefaultValue": 3},
            {"Name": "On", "Type": "Boolean", "DefaultValue": True},
            {"Name": "Count", "Type": "String", "DefaultValue": "2"},
        ]
        await server.create([train], Parameters=parameters)
        execution, steps = await server.run()
        assert execution["PipelineExecutionStatus"] == "Succeeded", steps
        [request] = server.jobs.of("Train")
        assert request["HyperParameters"] == {"epochs": "3", "on": "true"}
        assert request["ResourceConfig"]["InstanceCount"] == 2
        _, steps = await server.run(PipelineParameters=[{"Name": "Count", "Value": "two"}])
        assert "'resourceConfig.instanceCount'" in steps["Train"]["FailureReason"]

    drive(tmp_path, scenario)


def test_an_endpoint_configuration_that_was_there_before_is_refused_not_taken(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        await server.call("CreateModel", ModelName="m", PrimaryContainer={"Image": "image"}, ExecutionRoleArn=ROLE)
        request = {"EndpointConfigName": "kept", "ProductionVariants": [variant]}
        await server.create([{"Name": "Configure", "Type": "EndpointConfig", "Arguments": request}])
        first, _ = await server.run()
        second, steps = await server.run()
        statuses = [one["PipelineExecutionStatus"] for one in (first, second)]
        assert statuses == ["Succeeded", "Failed"]
        assert "Failed to invoke sagemaker:CreateEndpointConfig" in steps["Configure"]["FailureReason"]

    drive(tmp_path, scenario)


@pytest.mark.parametrize("operation", ["CreateArtifact", "CreateEndpointConfig"])
def test_what_was_made_in_the_last_moment_before_the_end_is_taken_not_made_again(
    tmp_path: Path, operation: str
) -> None:
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    artifact = {"ArtifactName": "a", "ArtifactType": "T", "Source": {"SourceUri": "s3://bucket/a"}}
    steps = [
        {"Name": "Note", "Type": "Lineage", "Arguments": {"Artifacts": [artifact]}},
        {"Name": "Configure", "Type": "EndpointConfig", "DependsOn": ["Note"],
         "Arguments": {"EndpointConfigName": "c", "ProductionVariants": [variant]}},
    ]  # fmt: skip

    async def main() -> None:
        before = Server(tmp_path)
        await before.call("CreateModel", ModelName="m", PrimaryContainer={"Image": "image"}, ExecutionRoleArn=ROLE)
        await before.create(steps)
        table, made = before.operations.table, asyncio.Event()
        original = table[operation].function

        async def never_heard_of(request: Any, context: Any) -> Any:
            await original(request, context)
            made.set()
            await asyncio.Event().wait()

        table[operation] = replace(table[operation], function=never_heard_of)
        arn = await before.start()
        await asyncio.wait_for(made.wait(), 5)
        await before.engine.close()
        before.store.database.close()

        after = Server(tmp_path)
        after.engine.recover()
        execution, found = await after.ended(arn)
        assert execution["PipelineExecutionStatus"] == "Succeeded", found
        assert len((await after.call("ListArtifacts"))["ArtifactSummaries"]) == 1
        await after.engine.close()

    asyncio.run(main())


def test_a_callback_waits_for_the_answer_to_its_message(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        callback = {
            "Name": "Ask",
            "Type": "Callback",
            "SqsQueueUrl": "http://queue",
            "Arguments": {"input": get("Parameters.X")},
            "OutputParameters": [{"OutputName": "answer", "OutputType": "String"}],
        }
        train = training("Train")
        train["Arguments"] = training_arguments(
            OutputDataConfig={"S3OutputPath": get("Steps.Ask.OutputParameters['answer']")}
        )
        await server.create([callback, train], Parameters=[{"Name": "X", "Type": "String", "DefaultValue": "x"}])
        arn = await server.start()
        await until(lambda: server.queues.sent)
        service, operation, message = server.queues.sent[0]
        body = json.loads(message["MessageBody"])
        assert (service, operation, message["QueueUrl"]) == ("sqs", "SendMessage", "http://queue")
        assert (body["arguments"], body["pipelineExecutionArn"], body["stepName"]) == ({"input": "x"}, arn, "Ask")
        output = [{"Name": "answer", "Value": "s3://bucket/answered"}]
        await server.call("SendPipelineExecutionStepSuccess", CallbackToken=body["token"], OutputParameters=output)
        execution, steps = await server.ended(arn)
        assert execution["PipelineExecutionStatus"] == "Succeeded"
        assert steps["Ask"]["Metadata"]["Callback"]["OutputParameters"] == output
        assert server.jobs.of("Train")[0]["OutputDataConfig"]["S3OutputPath"] == "s3://bucket/answered"
        with pytest.raises(AwsError, match="was answered before"):
            await server.call("SendPipelineExecutionStepFailure", CallbackToken=body["token"])
        with pytest.raises(AwsError, match="belongs to no step"):
            await server.call("SendPipelineExecutionStepFailure", CallbackToken="nobodyelse")

    drive(tmp_path, scenario)


def test_a_body_runs_once_an_item_and_the_best_iteration_is_selected(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        body = training("Body")
        body["Arguments"] = training_arguments(
            HyperParameters={"depth": get("ForEach.CurrentItem.depth")},
            ResourceConfig={
                "InstanceType": "ml.m5.large",
                "InstanceCount": get("ForEach.CurrentItem.count"),
                "VolumeSizeInGB": 1,
            },
        )
        each = {
            "Name": "Each",
            "Type": "ForEach",
            "Arguments": {
                "IterableItems": get("Parameters.Items"),
                "MaxConcurrency": 2,
                "Selector": {"Pick": "MaxBy", "Field": get("IterationOutput.Body.ResourceConfig.InstanceCount")},
                "ForEachBody": [body],
            },
        }
        after = training("After")
        after["Arguments"] = training_arguments(
            HyperParameters={
                "best": get("Steps.Each.Selected.HyperParameters.depth"),
                "first": get("Steps.Each.IterationOutputs[0].Body.HyperParameters.depth"),
            },
        )
        items = json.dumps([{"depth": "a", "count": 1}, {"depth": "b", "count": 3}, {"depth": "c", "count": 2}])
        await server.create([each, after], Parameters=[{"Name": "Items", "Type": "String", "DefaultValue": items}])
        server.jobs.held["Body"] = asyncio.Event()
        arn = await server.start()
        await until(lambda: server.jobs.running == 2)
        server.jobs.held["Body"].set()
        execution, steps = await server.ended(arn)
        assert execution["PipelineExecutionStatus"] == "Succeeded", steps
        assert sorted(steps) == ["After", "Body-0", "Body-1", "Body-2", "Each"]
        assert steps["Body-1"]["IterationContext"]["Index"] == 1
        assert steps["Each"]["Metadata"]["ForEach"]["Selector"] == {"StepName": "Body", "Index": 1}
        assert server.jobs.of("After")[0]["HyperParameters"] == {"best": "b", "first": "a"}
        assert server.jobs.most == 2

    drive(tmp_path, scenario)


def test_models_are_registered_in_a_group_that_is_made_if_need_be_and_lineage_is_written(tmp_path: Path) -> None:
    container = {"Image": "image", "ModelDataUrl": "s3://bucket/model.tar.gz"}
    types = ["text/csv"]
    data = {"ArtifactName": "data", "ArtifactType": "DataSet", "Source": {"SourceUri": "s3://bucket/data"}}
    uri = get("Steps.Register.ModelPackageArn")
    place = {"ContextName": "place", "ContextType": "Endpoint", "Source": {"SourceUri": uri}}
    edge = {"Source": {"Name": "data", "Type": "Artifact"}, "Destination": {"Name": "place", "Type": "Context"}}

    async def scenario(server: Server) -> None:
        steps: list[Any] = [
            {"Name": "Model", "Type": "Model", "Arguments": {"PrimaryContainer": {"Image": "image"}}},
            {
                "Name": "Register",
                "Type": "RegisterModel",
                "Arguments": {
                    "ModelPackageGroupName": "group",
                    "InferenceSpecification": {
                        "Containers": [container],
                        "SupportedContentTypes": types,
                        "SupportedResponseMIMETypes": types,
                    },
                },
            },
            {
                "Name": "Record",
                "Type": "Lineage",
                "Arguments": {"Artifacts": [data], "Contexts": [place], "Associations": [edge]},
            },
        ]  # fmt: skip
        await server.create(steps)
        execution, done = await server.run()
        assert execution["PipelineExecutionStatus"] == "Succeeded", done
        package = done["Register"]["Metadata"]["RegisterModel"]["Arn"]
        assert package.endswith(":model-package/group/1")
        lineage = done["Record"]["Metadata"]["Lineage"]
        listed = await server.call("ListAssociations", SourceArn=lineage["ArtifactArns"]["data"])
        assert [found["DestinationArn"] for found in listed["AssociationSummaries"]] == [
            lineage["ContextArns"]["place"]
        ]
        assert done["Model"]["Metadata"]["Model"]["Arn"]

    drive(tmp_path, scenario)


def test_jobs_belong_to_the_trial_of_the_execution(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        config = {"ExperimentName": get("Execution.PipelineName"), "TrialName": get("Execution.PipelineExecutionId")}
        await server.create([training("Train")], PipelineExperimentConfig=config)
        execution, _ = await server.run()
        trial = execution["PipelineExecutionArn"].rpartition("/")[2]
        described = await server.call("DescribeTrial", TrialName=trial)
        assert described["ExperimentName"] == "p"
        expected = {"ExperimentName": "p", "TrialName": trial, "TrialComponentDisplayName": "Train"}
        assert server.jobs.requests[0]["ExperimentConfig"] == expected

    drive(tmp_path, scenario)


def test_executions_are_listed_and_go_with_their_pipeline(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await server.create([training("Train")])
        arns = [(await server.run())[0]["PipelineExecutionArn"] for _ in range(3)]
        listed = await server.call("ListPipelineExecutions", PipelineName="p", MaxResults=2)
        assert [entry["PipelineExecutionArn"] for entry in listed["PipelineExecutionSummaries"]] == [arns[2], arns[1]]
        rest = await server.call("ListPipelineExecutions", PipelineName="p", NextToken=listed["NextToken"])
        assert [entry["PipelineExecutionArn"] for entry in rest["PipelineExecutionSummaries"]] == [arns[0]]
        assert (await server.call("DescribePipeline", PipelineName="p"))["LastRunTime"]
        await server.call("DeletePipeline", PipelineName="p", ClientRequestToken="d" * 32)
        with pytest.raises(AwsError, match="does not exist"):
            await server.call("DescribePipelineExecution", PipelineExecutionArn=arns[0])

    drive(tmp_path, scenario)


def test_an_execution_is_started_once_for_a_token(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        await server.create([training("Train")])
        first = await server.start(ClientRequestToken="k" * 32)
        assert await server.start(ClientRequestToken="k" * 32) == first
        with pytest.raises(AwsError, match="earlier, different request"):
            await server.start(ClientRequestToken="k" * 32, PipelineExecutionDescription="other")

    drive(tmp_path, scenario)
