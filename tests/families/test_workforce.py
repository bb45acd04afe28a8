"""Workforces, work teams, labeling jobs, flow definitions and human loops, by boto3 on a live server."""

import hashlib
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import ACCOUNT, REGION, ROLE, Server, eventually
from tests.families.refusals import refusal

PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
MEMBERS = [{"CognitoMemberDefinition": {"UserPool": "us-east-1_a", "UserGroup": "group", "ClientId": "client"}}]
OUTPUT = {"S3OutputPath": "s3://bucket/loops"}
LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:pre"


@pytest.fixture
def team(sagemaker: Any) -> str:
    """The ARN of a work team of the test's own, of no named workforce."""
    name = f"team-{os.urandom(4).hex()}"
    arn = sagemaker.create_workteam(WorkteamName=name, MemberDefinitions=MEMBERS, Description="a team")["WorkteamArn"]
    assert arn == f"{PREFIX}:workteam/{name}"
    return str(arn)


@pytest.fixture
def flow(sagemaker: Any, team: str) -> str:
    """The ARN of a flow definition of the test's own."""
    ui = sagemaker.create_human_task_ui(
        HumanTaskUiName=f"ui-{os.urandom(4).hex()}", UiTemplate={"Content": "<p>{{ task.input.text }}</p>"}
    )["HumanTaskUiArn"]
    made = sagemaker.create_flow_definition(
        FlowDefinitionName=f"flow-{os.urandom(4).hex()}",
        HumanLoopConfig={"WorkteamArn": team, "HumanTaskUiArn": ui, "TaskTitle": "look", "TaskDescription": "look",
                         "TaskCount": 1},
        OutputConfig=OUTPUT,
        RoleArn=ROLE,
    )  # fmt: skip
    return str(made["FlowDefinitionArn"])


@pytest.fixture
def loops(server: Server) -> Any:
    return server.client("sagemaker-a2i-runtime")


def test_a_region_has_one_workforce_which_outlives_its_teams(server: Server) -> None:
    client = server.client("sagemaker", "eu-north-1")
    request = {"CognitoConfig": {"UserPool": "eu-north-1_a", "ClientId": "client"}}
    assert refusal(client.create_workforce, WorkforceName="both-missing")[0] == "ValidationException"
    client.create_workforce(WorkforceName="people", **request)
    code, message = refusal(client.create_workforce, WorkforceName="others", **request)
    assert (code, "Cannot create more than one workforce" in message) == ("ValidationException", True)
    described = client.describe_workforce(WorkforceName="people")["Workforce"]
    assert described["Status"] == "Active"
    assert described["CreateDate"] <= described["LastUpdatedDate"]
    updated = client.update_workforce(WorkforceName="people", SourceIpConfig={"Cidrs": ["10.0.0.0/8"]})["Workforce"]
    assert updated["SourceIpConfig"] == {"Cidrs": ["10.0.0.0/8"]}
    client.create_workteam(WorkteamName="team", WorkforceName="people", MemberDefinitions=MEMBERS, Description="a team")
    team = client.describe_workteam(WorkteamName="team")["Workteam"]
    assert team["WorkforceArn"] == described["WorkforceArn"]
    assert refusal(client.delete_workforce, WorkforceName="people")[0] == "ResourceInUse"
    assert client.delete_workteam(WorkteamName="team")["Success"] is True
    client.delete_workforce(WorkforceName="people")
    code, message = refusal(client.describe_workforce, WorkforceName="people")
    assert (code, message.startswith("No workforce")) == ("ValidationException", True)


def test_teams_are_updated_and_listed(sagemaker: Any, team: str) -> None:
    name = team.rpartition("/")[2]
    answered = sagemaker.update_workteam(WorkteamName=name, Description="another")["Workteam"]
    assert (answered["WorkteamArn"], answered["Description"]) == (team, "another")
    (listed,) = sagemaker.list_workteams(NameContains=name, SortBy="CreateDate")["Workteams"]
    assert listed["MemberDefinitions"] == MEMBERS
    assert "CreateDate" in listed
    code, message = refusal(sagemaker.describe_workteam, WorkteamName="nobody")
    assert (code, message.startswith("The work team")) == ("ValidationException", True)
    assert sagemaker.list_subscribed_workteams()["SubscribedWorkteams"] == []
    assert refusal(sagemaker.describe_subscribed_workteam, WorkteamArn=team)[0] == "ValidationException"


def labeling_job(sagemaker: Any, team: str) -> str:
    name = f"label-{os.urandom(4).hex()}"
    sagemaker.create_labeling_job(
        LabelingJobName=name, LabelAttributeName="label", RoleArn=ROLE,
        InputConfig={"DataSource": {"S3DataSource": {"ManifestS3Uri": "s3://bucket/manifest"}}},
        OutputConfig=OUTPUT,
        HumanTaskConfig={"WorkteamArn": team, "UiConfig": {"UiTemplateS3Uri": "s3://bucket/ui"}, "TaskTitle": "look",
                         "PreHumanTaskLambdaArn": LAMBDA, "TaskDescription": "look", "TaskTimeLimitInSeconds": 60,
                         "NumberOfHumanWorkersPerDataObject": 1,
                         "AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": LAMBDA}},
    )  # fmt: skip
    return name


def test_a_labeling_job_fails_with_its_reason_and_is_listed_for_its_team(sagemaker: Any, team: str) -> None:
    name = labeling_job(sagemaker, team)
    eventually(lambda: sagemaker.describe_labeling_job(LabelingJobName=name)["LabelingJobStatus"] == "Failed")
    described = sagemaker.describe_labeling_job(LabelingJobName=name)
    assert "does not run them" in described["FailureReason"]
    assert described["LabelCounters"]["HumanLabeled"] == 0
    (listed,) = sagemaker.list_labeling_jobs(NameContains=name)["LabelingJobSummaryList"]
    assert (listed["WorkteamArn"], listed["PreHumanTaskLambdaArn"]) == (team, LAMBDA)
    assert listed["AnnotationConsolidationLambdaArn"] == LAMBDA
    code = described["JobReferenceCode"]

    def for_team(**filters: Any) -> list[str]:
        found = sagemaker.list_labeling_jobs_for_workteam(WorkteamArn=team, **filters)["LabelingJobSummaryList"]
        return [entry["LabelingJobName"] for entry in found if entry["JobReferenceCode"] == code]

    assert for_team() == [name]
    assert for_team(JobReferenceCodeContains=code[2:6]) == [name]
    assert for_team(JobReferenceCodeContains="nothing-has-this") == []
    assert refusal(sagemaker.list_labeling_jobs_for_workteam, WorkteamArn=f"{PREFIX}:workteam/nobody")[0] == (
        "ResourceNotFound"
    )


def test_a_flow_needs_a_team_that_exists(sagemaker: Any, flow: str) -> None:
    nobody = f"{PREFIX}:workteam/private-crowd/nobody"
    code, message = refusal(
        sagemaker.create_flow_definition,
        FlowDefinitionName="none",
        HumanLoopConfig={"WorkteamArn": nobody, "HumanTaskUiArn": f"{PREFIX}:human-task-ui/a", "TaskTitle": "look",
                         "TaskDescription": "look", "TaskCount": 1},
        OutputConfig=OUTPUT,
        RoleArn=ROLE,
    )  # fmt: skip
    assert (code, message) == (
        "ValidationException",
        f"The specified Workteam '{nobody}' does not exist or you do not have access to it.",
    )
    described = sagemaker.describe_flow_definition(FlowDefinitionName=flow.rpartition("/")[2])
    assert described["FlowDefinitionStatus"] == "Active"


def test_a_template_is_described_by_its_digest(sagemaker: Any) -> None:
    name, content = f"ui-{os.urandom(4).hex()}", "<p>{{ task.input.text }}</p>"
    sagemaker.create_human_task_ui(HumanTaskUiName=name, UiTemplate={"Content": content})
    described = sagemaker.describe_human_task_ui(HumanTaskUiName=name)
    assert described["UiTemplate"] == {"ContentSha256": hashlib.sha256(content.encode()).hexdigest()}
    assert refusal(sagemaker.render_ui_template, Task={"Input": "{}"}, RoleArn=ROLE)[0] == "UnknownOperationException"


def test_a_human_loop_waits_until_it_is_stopped(server: Server, loops: Any, flow: str) -> None:
    name = f"loop-{os.urandom(4).hex()}"
    request = {"HumanLoopName": name, "FlowDefinitionArn": flow, "HumanLoopInput": {"InputContent": "{}"}}
    arn = loops.start_human_loop(**request)["HumanLoopArn"]
    assert arn == f"{PREFIX}:human-loop/{name}"
    assert refusal(loops.start_human_loop, **request)[0] == "ConflictException"
    described = loops.describe_human_loop(HumanLoopName=name)
    assert (described["HumanLoopStatus"], described["FlowDefinitionArn"]) == ("InProgress", flow)

    def listed(**filters: Any) -> list[tuple[str, str]]:
        found = loops.list_human_loops(FlowDefinitionArn=flow, **filters)["HumanLoopSummaries"]
        return [(entry["HumanLoopName"], entry["HumanLoopStatus"]) for entry in found]

    soon = datetime.fromtimestamp(server.get("/_sageyard/clock")["epoch"], UTC) + timedelta(hours=1)
    assert listed(CreationTimeBefore=soon, SortOrder="Ascending", MaxResults=1) == [(name, "InProgress")]
    assert listed(CreationTimeAfter=soon) == []
    loops.stop_human_loop(HumanLoopName=name)
    assert listed() == [(name, "Stopped")]
    assert refusal(loops.stop_human_loop, HumanLoopName=name)[0] == "ValidationException"
    loops.delete_human_loop(HumanLoopName=name)
    assert refusal(loops.describe_human_loop, HumanLoopName=name)[0] == "ResourceNotFoundException"


def test_a_loop_needs_a_flow_that_exists(loops: Any) -> None:
    code, message = refusal(
        loops.start_human_loop,
        HumanLoopName="nothing",
        FlowDefinitionArn=f"{PREFIX}:flow-definition/nobody",
        HumanLoopInput={"InputContent": "{}"},
    )
    assert (code, "CreateFlowDefinition first" in message) == ("ValidationException", True)
