"""Smaller families that keep records: training plans, projects, parts of jobs, components, policies, catalogs."""

import json
import os
from typing import Any

import pytest

from tests.conformance.resource_maker import ResourceMaker
from tests.conftest import ACCOUNT, REGION, Server, eventually
from tests.families.refusals import refusal

PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
SKLEARN = f"683313688378.dkr.ecr.{REGION}.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
CAPACITY = f"{PREFIX}:reserved-capacity/none"


@pytest.fixture
def make(sagemaker: Any, s3: Any) -> ResourceMaker:
    return ResourceMaker(sagemaker, s3)


def test_there_is_no_capacity_to_buy(sagemaker: Any) -> None:
    found = sagemaker.search_training_plan_offerings(
        InstanceType="ml.p5.48xlarge", DurationHours=24, TargetResources=["training-job"]
    )
    assert found["TrainingPlanOfferings"] == []
    assert refusal(sagemaker.describe_reserved_capacity, ReservedCapacityArn=CAPACITY)[0] == "ResourceNotFound"
    assert refusal(sagemaker.list_ultra_servers_by_reserved_capacity, ReservedCapacityArn=CAPACITY)[0] == (
        "ResourceNotFound"
    )
    assert refusal(sagemaker.extend_training_plan, TrainingPlanExtensionOfferingId="none")[0] == "ResourceNotFound"


def test_a_plan_that_exists_was_never_extended(sagemaker: Any) -> None:
    arn = sagemaker.create_training_plan(
        TrainingPlanName=f"plan-{os.urandom(4).hex()}", TrainingPlanOfferingId="offering"
    )["TrainingPlanArn"]
    assert sagemaker.describe_training_plan_extension_history(TrainingPlanArn=arn)["TrainingPlanExtensions"] == []
    code, _ = refusal(sagemaker.describe_training_plan_extension_history, TrainingPlanArn=f"{arn}x")
    assert code == "ResourceNotFound"


def test_a_portfolio_is_switched_on_and_off_in_each_region(server: Server) -> None:
    client, elsewhere = server.client("sagemaker", "eu-north-1"), server.client("sagemaker", "eu-west-3")
    assert client.get_sagemaker_servicecatalog_portfolio_status()["Status"] == "Disabled"
    client.enable_sagemaker_servicecatalog_portfolio()
    assert client.get_sagemaker_servicecatalog_portfolio_status()["Status"] == "Enabled"
    assert elsewhere.get_sagemaker_servicecatalog_portfolio_status()["Status"] == "Disabled"
    client.disable_sagemaker_servicecatalog_portfolio()
    assert client.get_sagemaker_servicecatalog_portfolio_status()["Status"] == "Disabled"


def test_a_project_has_an_id_and_is_found_by_name(sagemaker: Any) -> None:
    name = f"project-{os.urandom(4).hex()}"
    made = sagemaker.create_project(ProjectName=name)
    eventually(lambda: sagemaker.describe_project(ProjectName=name)["ProjectStatus"] == "CreateCompleted")
    assert sagemaker.describe_project(ProjectName=name)["ProjectId"] == made["ProjectId"]
    sagemaker.delete_project(ProjectName=name)
    code, message = refusal(sagemaker.describe_project, ProjectName=name)
    assert (code, "does not exist" in message) == ("ValidationException", True)


@pytest.mark.parametrize(
    ("kind", "operation", "member", "answered"),
    [
        ("AutoMLJobV2", "list_candidates_for_auto_ml_job", "AutoMLJobName", "Candidates"),
        ("InferenceRecommendationsJob", "list_inference_recommendations_job_steps", "JobName", "Steps"),
    ],
)  # fmt: skip
def test_a_job_that_nothing_runs_has_no_parts(
    sagemaker: Any, make: ResourceMaker, kind: str, operation: str, member: str, answered: str
) -> None:
    name = make.make(kind).name
    call = getattr(sagemaker, operation)
    assert call(**{member: name})[answered] == []
    assert refusal(call, **{member: "nobody"})[0] == "ResourceNotFound"
    assert refusal(call, **{member: name, "NextToken": "x"})[0] == "ValidationException"


def test_a_failed_recommendation_job_recommends_nothing(sagemaker: Any, make: ResourceMaker) -> None:
    name = make.make("InferenceRecommendationsJob").name
    code, message = refusal(sagemaker.get_scaling_configuration_recommendation, InferenceRecommendationsJobName=name)
    assert (code, "has no recommendation" in message) == ("ValidationException", True)


def test_an_endpoint_policy_is_given_back(sagemaker: Any, make: ResourceMaker) -> None:
    endpoint = f"endpoint-{os.urandom(4).hex()}"
    model = make.make("Model", PrimaryContainer={"Image": SKLEARN}).name
    variant = {"VariantName": "v", "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    config = make.make("EndpointConfig", ProductionVariants=[variant]).name
    sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    assert refusal(sagemaker.get_endpoint_policy, EndpointName=endpoint)[0] == "ValidationException"
    sagemaker.delete_endpoint_policy(EndpointName=endpoint)  # succeeds where there is none
    assert refusal(sagemaker.put_endpoint_policy, EndpointName=endpoint, ResourcePolicy="[]")[0] == (
        "ValidationException"
    )
    arn = sagemaker.put_endpoint_policy(EndpointName=endpoint, ResourcePolicy=policy)["EndpointArn"]
    found = sagemaker.get_endpoint_policy(EndpointName=endpoint)
    assert (found["EndpointArn"], found["ResourcePolicy"]) == (arn, policy)
    sagemaker.delete_endpoint_policy(EndpointName=endpoint)
    assert refusal(sagemaker.get_endpoint_policy, EndpointName=endpoint)[0] == "ValidationException"
    assert refusal(sagemaker.put_endpoint_policy, EndpointName="nobody", ResourcePolicy=policy)[0] == (
        "ResourceNotFound"
    )


def test_catalogs_that_aws_fills_are_empty(sagemaker: Any) -> None:
    assert sagemaker.list_model_metadata()["ModelMetadataSummaries"] == []
    assert sagemaker.list_resource_catalogs()["ResourceCatalogs"] == []
    assert sagemaker.list_job_schema_versions(JobCategory="AgentRFT")["JobConfigSchemas"] == []
    assert refusal(sagemaker.describe_job_schema_version, JobCategory="AgentRFT")[0] == "ResourceNotFound"
    assert refusal(sagemaker.list_model_metadata, NextToken="x")[0] == "ValidationException"


def test_an_experiment_is_cancelled_with_its_reason_or_stopped_as_desired(sagemaker: Any, make: ResourceMaker) -> None:
    made = make.make("InferenceExperiment")
    described = sagemaker.describe_inference_experiment(Name=made.name)
    assert (described["Status"], described["Arn"]) == ("Cancelled", made.arn)
    assert "does not run them" in described["StatusReason"]
    assert described["EndpointMetadata"]["EndpointName"] == made.request["EndpointName"]
    assert {variant["Status"] for variant in described["ModelVariants"]} == {"Deleted"}
    code, message = refusal(sagemaker.start_inference_experiment, Name=made.name)
    assert (code, "is Cancelled" in message) == ("ConflictException", True)
    second = f"second-{os.urandom(4).hex()}"
    sagemaker.create_inference_experiment(**made.request | {"Name": second})
    sagemaker.stop_inference_experiment(Name=second, ModelVariantActions={"v": "Retain"}, Reason="enough")
    stopped = sagemaker.describe_inference_experiment(Name=second)
    assert (stopped["Status"], stopped["StatusReason"]) == ("Completed", "enough")
