"""Experiments, trials, trial components and their search, through boto3 and the SDK v2 on a live server."""

import os
import subprocess
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ACCOUNT, REGION, Server
from tests.sdk.conftest import through_sageyard

RUN = """
import boto3
from sagemaker.session import Session
from sagemaker.experiments.run import Run, load_run

name = {name!r}
session = Session(boto_session=boto3.Session(region_name="us-east-1"), default_bucket={bucket!r})
with Run(experiment_name=name, run_name="first", sagemaker_session=session) as run:
    run.log_parameter("learning_rate", 0.25)
    run.log_parameters({{"depth": 3, "booster": "gbtree"}})
    run.log_artifact("model", "s3://bucket/model.tar.gz")
    run.log_confusion_matrix([1, 0, 1], [1, 0, 0], title="confusion")
with load_run(experiment_name=name, run_name="first", sagemaker_session=session) as run:
    run.log_parameter("depth", 4)
"""


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def trial(sagemaker: Any, unique: str) -> str:
    """A trial of the test's own, in an experiment of the same name."""
    sagemaker.create_experiment(ExperimentName=unique)
    sagemaker.create_trial(TrialName=unique, ExperimentName=unique)
    return unique


@pytest.fixture
def component(sagemaker: Any, trial: str) -> str:
    """A component of that trial."""
    sagemaker.create_trial_component(
        TrialComponentName=trial,
        DisplayName="one",
        Status={"PrimaryStatus": "InProgress", "Message": "at it"},
        Parameters={"rate": {"NumberValue": 0.5}, "loss": {"StringValue": "log"}},
        InputArtifacts={"data": {"Value": "s3://b/data", "MediaType": "text/csv"}},
        Tags=[{"Key": "team", "Value": "red"}],
    )
    sagemaker.associate_trial_component(TrialComponentName=trial, TrialName=trial)
    return trial


def test_a_name_that_is_taken_already_exists(sagemaker: Any, component: str) -> None:
    for kind in ("Experiment", "Trial", "TrialComponent"):
        call = {"Experiment": sagemaker.create_experiment, "Trial": sagemaker.create_trial,
                "TrialComponent": sagemaker.create_trial_component}[kind]  # fmt: skip
        more = {"ExperimentName": component} if kind == "Trial" else {}
        code, message = refusal(call, **{f"{kind}Name": component}, **more)
        assert code == "ValidationException"
        assert f"with name ({component}) already exists" in message


def test_a_trial_needs_its_experiment(sagemaker: Any, unique: str) -> None:
    code, message = refusal(sagemaker.create_trial, TrialName=unique, ExperimentName="no-such-experiment")
    assert code == "ResourceNotFound"
    assert "no-such-experiment' does not exist" in message
    assert refusal(sagemaker.describe_trial, TrialName=unique)[0] == "ResourceNotFound"


def test_a_component_is_described_as_it_was_created(sagemaker: Any, component: str) -> None:
    described = sagemaker.describe_trial_component(TrialComponentName=component)
    name = component.lower()
    assert described["TrialComponentArn"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:experiment-trial-component/{name}"
    assert described["Status"] == {"PrimaryStatus": "InProgress", "Message": "at it"}
    assert described["Parameters"] == {"rate": {"NumberValue": 0.5}, "loss": {"StringValue": "log"}}
    assert sagemaker.describe_trial(TrialName=component)["DisplayName"] == component
    assert described["DisplayName"] == "one"


def test_an_update_merges_parameters_and_artifacts(sagemaker: Any, component: str) -> None:
    sagemaker.update_trial_component(
        TrialComponentName=component,
        Status={"PrimaryStatus": "Completed"},
        StartTime=1_700_000_000,
        EndTime=1_700_000_060,
        Parameters={"rate": {"NumberValue": 0.1}, "depth": {"NumberValue": 3}},
        ParametersToRemove=["loss"],
        OutputArtifacts={"model": {"Value": "s3://b/model"}},
        InputArtifactsToRemove=["data"],
    )
    described = sagemaker.describe_trial_component(TrialComponentName=component)
    assert described["Parameters"] == {"rate": {"NumberValue": 0.1}, "depth": {"NumberValue": 3}}
    assert described["OutputArtifacts"] == {"model": {"Value": "s3://b/model"}}
    assert described["InputArtifacts"] == {}
    assert described["Status"] == {"PrimaryStatus": "Completed"}
    assert (described["EndTime"] - described["StartTime"]).seconds == 60
    assert described["DisplayName"] == "one"


def test_trials_and_components_are_listed_by_what_they_belong_to(sagemaker: Any, component: str) -> None:
    other = f"{component}-2"
    sagemaker.create_trial(TrialName=other, ExperimentName=component)
    sagemaker.create_trial_component(TrialComponentName=other)
    sagemaker.associate_trial_component(TrialComponentName=other, TrialName=other)
    sagemaker.associate_trial_component(TrialComponentName=component, TrialName=other)

    def trials(**request: Any) -> list[str]:
        return [entry["TrialName"] for entry in sagemaker.list_trials(**request, SortBy="Name")["TrialSummaries"]]

    def components(**request: Any) -> list[str]:
        answer = sagemaker.list_trial_components(**request, SortBy="Name", SortOrder="Ascending")
        return [entry["TrialComponentName"] for entry in answer["TrialComponentSummaries"]]

    assert trials(ExperimentName=component) == [other, component]
    assert trials(TrialComponentName=other) == [other]
    assert trials(TrialComponentName=component, ExperimentName=component) == [other, component]
    assert components(TrialName=component) == [component]
    assert components(TrialName=other) == [component, other]
    assert components(ExperimentName=component) == [component, other]
    assert components(SourceArn=f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/none") == []
    assert refusal(sagemaker.list_trial_components, TrialName=other, ExperimentName=other)[0] == "ValidationException"
    assert refusal(sagemaker.list_trials, ExperimentName="no-such-experiment")[0] == "ResourceNotFound"


def test_parents_are_deleted_only_after_their_children(sagemaker: Any, component: str) -> None:
    code, message = refusal(sagemaker.delete_trial_component, TrialComponentName=component)
    assert code == "ValidationException"
    assert message.endswith("is linked to 1 or more trials and cannot be deleted.")
    assert refusal(sagemaker.delete_trial, TrialName=component)[0] == "ValidationException"
    assert refusal(sagemaker.delete_experiment, ExperimentName=component)[0] == "ValidationException"
    sagemaker.disassociate_trial_component(TrialComponentName=component, TrialName=component)
    again = refusal(sagemaker.disassociate_trial_component, TrialComponentName=component, TrialName=component)
    assert again[0] == "ResourceNotFound"
    sagemaker.delete_trial_component(TrialComponentName=component)
    sagemaker.delete_trial(TrialName=component)
    sagemaker.delete_experiment(ExperimentName=component)
    assert refusal(sagemaker.describe_experiment, ExperimentName=component)[0] == "ResourceNotFound"


def test_a_component_is_found_by_name_parent_tag_and_parameter(sagemaker: Any, component: str) -> None:
    def found(*filters: tuple[str, str, str]) -> list[str]:
        expression = {"Filters": [{"Name": name, "Operator": op, "Value": value} for name, op, value in filters]}
        answer = sagemaker.search(Resource="ExperimentTrialComponent", SearchExpression=expression)
        return [result["TrialComponent"]["TrialComponentName"] for result in answer["Results"]]

    own = ("TrialComponentName", "Equals", component)
    assert found(own) == [component]
    assert found(own, ("Parents.TrialName", "Equals", component)) == [component]
    assert found(own, ("Parents.TrialName", "Equals", "another")) == []
    assert found(("DisplayName", "Equals", "one"), ("TrialComponentName", "Contains", component[-8:])) == [component]
    assert found(own, ("Tags.team", "Equals", "red")) == [component]
    assert found(own, ("Tags.team", "NotEquals", "red")) == []
    assert found(own, ("Parameters.rate", "GreaterThan", "0.4")) == [component]
    assert found(own, ("Parameters.rate", "LessThanOrEqualTo", "0.4")) == []
    assert found(own, ("Status.PrimaryStatus", "In", "Completed, InProgress")) == [component]
    assert found(own, ("CreationTime", "GreaterThan", "2020-01-31T12:00:00")) == [component]
    (result,) = sagemaker.search(
        Resource="ExperimentTrialComponent",
        SearchExpression={"Filters": [{"Name": "TrialComponentName", "Value": component}]},
    )["Results"]
    assert result["TrialComponent"]["Parents"] == [{"TrialName": component, "ExperimentName": component}]
    assert result["TrialComponent"]["Tags"] == [{"Key": "team", "Value": "red"}]


def test_expressions_are_joined_nested_and_checked(sagemaker: Any, component: str) -> None:
    name = {"Name": "TrialComponentName", "Operator": "Equals", "Value": component}
    wrong = {"Name": "DisplayName", "Operator": "Equals", "Value": "wrong"}

    def hits(**expression: Any) -> int:
        answer = sagemaker.search(Resource="ExperimentTrialComponent", SearchExpression=expression)
        return int(answer["TotalHits"]["Value"])

    assert hits(Filters=[name, wrong]) == 0
    assert hits(Filters=[name, wrong], Operator="Or") == 1
    assert hits(Filters=[name], SubExpressions=[{"Filters": [wrong]}]) == 0
    nested = {"NestedPropertyName": "Parents", "Filters": [{"Name": "Parents.TrialName", "Value": component}]}
    assert hits(NestedFilters=[nested]) == 1
    assert hits(Filters=[name, {"Name": "Source", "Operator": "NotExists"}]) == 1
    assert hits(Filters=[name, {"Name": "Source", "Operator": "Exists"}]) == 0
    code, message = refusal(
        sagemaker.search,
        Resource="ExperimentTrialComponent",
        SearchExpression={"Filters": [name, {"Name": "CreationTime", "Operator": "LessThan", "Value": "soon"}]},
    )
    assert code == "ValidationException"
    assert "'soon'" in message


def test_results_come_sorted_in_pages_that_hold_each_once(sagemaker: Any) -> None:
    tag = os.urandom(4).hex()
    names = [f"{tag}-{number}" for number in range(5)]
    for name in names:
        sagemaker.create_experiment(ExperimentName=name, Tags=[{"Key": "group", "Value": tag}])
    pages = list(
        sagemaker.get_paginator("search").paginate(
            Resource="Experiment",
            SearchExpression={"Filters": [{"Name": "Tags.group", "Operator": "Equals", "Value": tag}]},
            SortBy="ExperimentName",
            SortOrder="Ascending",
            PaginationConfig={"PageSize": 2},
        )
    )
    assert [len(page["Results"]) for page in pages] == [2, 2, 1]
    assert [result["Experiment"]["ExperimentName"] for page in pages for result in page["Results"]] == names


@pytest.mark.timeout(180)
def test_the_sdk_v2_logs_and_loads_a_run(server: Server, sagemaker: Any, bucket: str, unique: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    program = RUN.format(name=unique, bucket=bucket)
    done = subprocess.run(
        through_sageyard(server, 2, "-c", program),
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (summary,) = sagemaker.list_trial_components(ExperimentName=unique)["TrialComponentSummaries"]
    described = sagemaker.describe_trial_component(TrialComponentName=summary["TrialComponentName"])
    assert described["Parameters"]["depth"] == {"NumberValue": 4.0}
    assert described["Parameters"]["learning_rate"] == {"NumberValue": 0.25}
    assert described["OutputArtifacts"]["model"]["Value"] == "s3://bucket/model.tar.gz"
    (edge,) = sagemaker.list_associations(SourceArn=summary["TrialComponentArn"])["AssociationSummaries"]
    assert edge["AssociationType"] == "Produced"
