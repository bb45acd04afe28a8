"""kill -9 in the middle of a pipeline's execution: what had begun is taken up, nothing is done twice, and the execution
ends as it would have.
"""

import json
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROLE, Server, eventually, free_port, start_server
from tests.e2e.test_kill_nine import SKLEARN, archive

COUNT = """
import os, time

if __name__ == "__main__":
    print("begun", os.environ["TRAINING_JOB_NAME"], flush=True)
    while not os.path.exists(os.environ["SM_HP_GATE"]):
        time.sleep(0.1)
"""


def get(path: str) -> dict[str, str]:
    return {"Get": path}


def training(name: str, gate: str, **members: Any) -> dict[str, Any]:
    """A Training step that runs until the file `gate` exists."""
    hyperparameters = {
        "sagemaker_program": '"work.py"',
        "sagemaker_submit_directory": '"s3://code/source.tar.gz"',
        "gate": json.dumps(gate),
    }
    arguments = {
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": SKLEARN, "TrainingInputMode": "File"},
        "HyperParameters": hyperparameters,
        "OutputDataConfig": {"S3OutputPath": "s3://code/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }
    return {"Name": name, "Type": "Training", "Arguments": arguments, **members}


def steps_of(server: Server, arn: str) -> dict[str, dict[str, Any]]:
    listed = server.client("sagemaker").list_pipeline_execution_steps(PipelineExecutionArn=arn)
    return {step["StepName"]: step for step in listed["PipelineExecutionSteps"]}


def jobs_of(server: Server) -> list[str]:
    """The training jobs there are, by the step that their names tell."""
    listed = server.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    return sorted(job["TrainingJobName"].split("-")[2] for job in listed)


def ended(server: Server, arn: str) -> str:
    sagemaker = server.client("sagemaker")

    def over() -> str | None:
        status: str = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
        return status if status not in {"Executing", "Stopping"} else None

    return str(eventually(over, 60, "the execution's end"))


def prepared(server: Server, steps: list[dict[str, Any]]) -> str:
    """A new execution of a pipeline of these steps."""
    s3, sagemaker = server.client("s3"), server.client("sagemaker")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="source.tar.gz", Body=archive({"work.py": COUNT}))
    definition = json.dumps({"Version": "2020-12-01", "Steps": steps})
    sagemaker.create_pipeline(PipelineName="p", PipelineDefinition=definition, RoleArn=ROLE)
    return str(sagemaker.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_step_whose_job_died_with_the_server_begins_again_and_no_other_does(tmp_path: Path, end: str) -> None:
    gate = tmp_path / "gate"
    (tmp_path / "open").touch()
    port = free_port()
    server = start_server(tmp_path / "state", port)
    opened = str(tmp_path / "open")
    arn = prepared(
        server,
        [
            training("First", opened),
            training("Second", str(gate), DependsOn=["First"]),
            training("Third", opened, DependsOn=["Second"]),
        ],
    )
    logs = server.client("logs")

    def runs() -> bool:
        events = logs.filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs")["events"]
        return any("begun" in event["message"] and "-Second-" in event["message"] for event in events)

    eventually(lambda: "Second" in jobs_of(server))
    eventually(runs, what="the second step's job")
    getattr(server, end)()
    server = start_server(tmp_path / "state", port)
    eventually(lambda: jobs_of(server).count("Second") == 2, what="the second attempt")
    gate.touch()
    assert ended(server, arn) == "Succeeded"
    steps = steps_of(server, arn)
    assert {name: step["AttemptCount"] for name, step in steps.items()} == {"First": 1, "Second": 2, "Third": 1}
    assert jobs_of(server) == ["First", "Second", "Second", "Third"]
    server.stop()


@pytest.mark.timeout(120)
def test_steps_wait_for_answers_and_stops_go_on_over_a_restart(tmp_path: Path) -> None:
    port = free_port()
    server = start_server(tmp_path / "state", port)
    queue = server.client("sqs").create_queue(QueueName="asked")["QueueUrl"]
    ask = {"Name": "Ask", "Type": "Callback", "SqsQueueUrl": queue, "Arguments": {}, "OutputParameters": []}
    arn = prepared(server, [ask, training("Long", str(tmp_path / "never"), DependsOn=["Ask"])])

    def message(status: str) -> Any:
        found = server.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", [])
        return [body for one in found if (body := json.loads(one["Body"]))["status"] == status]

    (asked,) = eventually(lambda: message("Executing"), what="the question")
    server.kill()
    server = start_server(tmp_path / "state", port)
    assert message("Executing") == []  # it is not asked twice
    server.client("sagemaker").send_pipeline_execution_step_success(CallbackToken=asked["token"])
    eventually(lambda: "Long" in jobs_of(server), what="the next step")
    sagemaker = server.client("sagemaker")
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    server.kill()
    server = start_server(tmp_path / "state", port)
    assert ended(server, arn) == "Stopped"
    assert {name: step["StepStatus"] for name, step in steps_of(server, arn).items()} == {
        "Ask": "Succeeded", "Long": "Stopped",
    }  # fmt: skip
    assert jobs_of(server) == ["Long"]
    server.stop()


def make(number: int) -> list[dict[str, Any]]:
    """Two steps that each make something with a name of the definition's, the second from the first."""
    artifact = {"ArtifactName": f"a{number}", "ArtifactType": "T", "Source": {"SourceUri": f"s3://x/{number}"}}
    variant = {"VariantName": "v", "ModelName": get(f"Steps.Model{number}.ModelName"),
               "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}  # fmt: skip
    before = [f"Config{number - 1}"] if number else []
    return [
        {"Name": f"Note{number}", "Type": "Lineage", "Arguments": {"Artifacts": [artifact]}, "DependsOn": before},
        {"Name": f"Model{number}", "Type": "Model", "DependsOn": [f"Note{number}"],
         "Arguments": {"PrimaryContainer": {"Image": SKLEARN}}},
        {"Name": f"Config{number}", "Type": "EndpointConfig",
         "Arguments": {"EndpointConfigName": f"c{number}", "ProductionVariants": [variant]}},
    ]  # fmt: skip


@pytest.mark.timeout(180)
def test_nothing_is_made_twice_whenever_the_server_is_killed(tmp_path: Path) -> None:
    count = 80
    port, chance = free_port(), random.Random(9)
    server = start_server(tmp_path / "state", port)
    arn = prepared(server, [step for number in range(count) for step in make(number)])
    found = []
    for _ in range(8):
        threading.Event().wait(chance.uniform(0, 0.15))
        server.kill()
        server = start_server(tmp_path / "state", port)
        sagemaker = server.client("sagemaker")
        found.append(sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"])
    assert found.count("Executing") >= 3, found
    assert ended(server, arn) == "Succeeded"
    models = [one for page in sagemaker.get_paginator("list_models").paginate() for one in page["Models"]]
    assert len(models) == count
    server.stop()
