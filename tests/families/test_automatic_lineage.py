"""What jobs, models, packages and endpoints leave in experiments and lineage by themselves, on a live server."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ACCOUNT, REGION, ROLE, Server, eventually, start_server

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
PROCESSOR = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


def training_request(bucket: str, name: str, **more: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/data/train.csv"}
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": {"objective": "binary:logistic", "num_round": "5"},
        "InputDataConfig": [
            {"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    } | more


def upload(s3: Any, bucket: str) -> None:
    source = random.Random(7)
    lines = [f"{int(x > 0.5)},{x:.4f},{source.random():.4f}" for x in (source.random() for _ in range(80))]
    s3.put_object(Bucket=bucket, Key="data/train.csv", Body="\n".join(lines).encode())


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def component_of(sagemaker: Any, arn: str, status: str = "Completed") -> dict[str, Any]:
    """The component of a job as soon as it has a status."""

    def found() -> dict[str, Any] | None:
        summaries = sagemaker.list_trial_components(SourceArn=arn)["TrialComponentSummaries"]
        return dict(summaries[0]) if summaries and summaries[0]["Status"]["PrimaryStatus"] == status else None

    summary = eventually(found, 30, f"a {status} component of {arn}")
    return dict(sagemaker.describe_trial_component(TrialComponentName=summary["TrialComponentName"]))


def artifact(sagemaker: Any, uri: str) -> str:
    """The ARN of the one artifact that stands for a URI."""
    (summary,) = eventually(
        lambda: sagemaker.list_artifacts(SourceUri=uri)["ArtifactSummaries"], 10, f"the artifact of {uri}"
    )
    return str(summary["ArtifactArn"])


def edges(sagemaker: Any, **end: str) -> set[tuple[str, str, str]]:
    """Names or ARNs at the ends of associations, and their types."""
    summaries = sagemaker.list_associations(**end)["AssociationSummaries"]
    return {(one["SourceArn"], one["AssociationType"], one["DestinationArn"]) for one in summaries}


class Chain:
    """Data, a training job in an experiment, a package, a model and an endpoint."""

    def __init__(self, server: Server, name: str) -> None:
        self.sagemaker, self.name, self.bucket = server.client("sagemaker"), name, f"{name}-bucket"
        s3, sagemaker = server.client("s3"), self.sagemaker
        s3.create_bucket(Bucket=self.bucket)
        upload(s3, self.bucket)
        sagemaker.create_experiment(ExperimentName=name)
        sagemaker.create_trial(TrialName=f"{name}-trial", ExperimentName=name)
        config = {"ExperimentName": name, "TrialName": f"{name}-trial", "TrialComponentDisplayName": "Training"}
        request = training_request(self.bucket, f"{name}-job", ExperimentConfig=config)
        self.job = sagemaker.create_training_job(**request)["TrainingJobArn"]
        sagemaker.get_waiter("training_job_completed_or_stopped").wait(
            TrainingJobName=f"{name}-job", WaiterConfig={"Delay": 1}
        )
        self.data, self.model_data = f"s3://{self.bucket}/data/train.csv", (
            f"s3://{self.bucket}/models/{name}-job/output/model.tar.gz"
        )  # fmt: skip
        self.group = sagemaker.create_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupArn"]
        specification = {
            "Containers": [{"Image": IMAGE, "ModelDataUrl": self.model_data}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        }
        self.package = sagemaker.create_model_package(ModelPackageGroupName=name, InferenceSpecification=specification)[
            "ModelPackageArn"
        ]
        eventually(lambda: sagemaker.list_actions(SourceUri=self.package)["ActionSummaries"], 10, "the first approval")
        sagemaker.update_model_package(ModelPackageArn=self.package, ModelApprovalStatus="Approved")
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": self.package}
        )
        variant = {"VariantName": "A", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        self.endpoint = sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)["EndpointArn"]
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})

    def deployment(self) -> dict[str, Any] | None:
        actions = self.sagemaker.list_actions(SourceUri=self.endpoint)["ActionSummaries"]
        return next((dict(action) for action in actions if action["Status"] == "Completed"), None)


@pytest.fixture(scope="module")
def chain(server: Server) -> Iterator[Chain]:
    made = Chain(server, "lineage-chain")
    eventually(made.deployment, 10, "the deployment's end")
    yield made
    made.sagemaker.delete_endpoint(EndpointName=made.name)


def test_a_training_job_has_a_component_that_tells_of_it(chain: Chain) -> None:
    found = component_of(chain.sagemaker, chain.job)
    job = chain.sagemaker.describe_training_job(TrainingJobName="lineage-chain-job")
    assert found["TrialComponentName"] == "lineage-chain-job-aws-training-job"
    assert found["DisplayName"] == "Training"
    assert found["Source"] == {"SourceArn": chain.job, "SourceType": "SageMakerTrainingJob"}
    assert found["Status"] == {
        "PrimaryStatus": "Completed",
        "Message": "Status: Completed, secondary status: Completed, failure reason: null",
    }
    assert (found["StartTime"], found["EndTime"]) == (job["TrainingStartTime"], job["TrainingEndTime"])
    assert found["Parameters"] == {
        "num_round": {"NumberValue": 5.0},
        "objective": {"StringValue": "binary:logistic"},
        "SageMaker.ImageUri": {"StringValue": IMAGE},
        "SageMaker.InstanceCount": {"NumberValue": 1.0},
        "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
        "SageMaker.VolumeSizeInGB": {"NumberValue": 10.0},
    }
    assert found["InputArtifacts"] == {"train": {"MediaType": "text/csv", "Value": chain.data}}
    assert found["OutputArtifacts"] == {"SageMaker.ModelArtifact": {"Value": chain.model_data}}
    finals = {one["MetricName"]: one["Value"] for one in job["FinalMetricDataList"]}
    assert finals
    assert {one["MetricName"]: one["Last"] for one in found["Metrics"]} == finals
    assert {(one["SourceArn"], one["Count"]) for one in found["Metrics"]} == {(chain.job, 5)}  # one a round
    assert all(one["Min"] <= one["Avg"] <= one["Max"] for one in found["Metrics"])
    assert found["LineageGroupArn"] == f"{PREFIX}:lineage-group/sagemaker-default-lineage-group"


def test_a_jobs_metrics_are_found_by_the_jobs_arn(server: Server, chain: Chain) -> None:
    found = component_of(chain.sagemaker, chain.job)
    query = {"MetricName": found["Metrics"][0]["MetricName"], "ResourceArn": chain.job, "MetricStat": "Last",
             "Period": "OneHour", "XAxisType": "Timestamp"}  # fmt: skip
    (result,) = server.client("sagemaker-metrics").batch_get_metrics(MetricQueries=[query])["MetricQueryResults"]
    assert result["MetricValues"] == [found["Metrics"][0]["Last"]]


def test_the_component_is_in_the_trial_of_the_experiment_config(chain: Chain) -> None:
    listed = chain.sagemaker.list_trial_components(TrialName="lineage-chain-trial")["TrialComponentSummaries"]
    assert [one["TrialComponentName"] for one in listed] == ["lineage-chain-job-aws-training-job"]
    assert listed[0]["TrialComponentSource"]["SourceArn"] == chain.job
    assert refusal(chain.sagemaker.delete_trial, TrialName="lineage-chain-trial")[0] == "ValidationException"
    code, message = refusal(chain.sagemaker.delete_experiment, ExperimentName="lineage-chain")
    assert code == "ValidationException"
    assert "linked to 1 or more trials" in message


def test_data_and_image_contribute_to_the_job_which_produces_the_model(chain: Chain) -> None:
    job = f"{PREFIX}:experiment-trial-component/lineage-chain-job-aws-training-job"
    data, image = artifact(chain.sagemaker, chain.data), artifact(chain.sagemaker, IMAGE)
    model = artifact(chain.sagemaker, chain.model_data)
    assert edges(chain.sagemaker, DestinationArn=job) == {(data, "ContributedTo", job), (image, "ContributedTo", job)}
    assert edges(chain.sagemaker, SourceArn=job) == {(job, "Produced", model)}
    described = chain.sagemaker.describe_artifact(ArtifactArn=model)
    assert (described["ArtifactType"], described["ArtifactName"]) == ("Model", "model.tar.gz")
    assert chain.sagemaker.describe_artifact(ArtifactArn=data)["ArtifactType"] == "DataSet"
    code, message = refusal(chain.sagemaker.delete_artifact, ArtifactArn=model)
    assert code == "ValidationException"
    assert "association(s) and cannot be deleted" in message


def test_a_package_is_an_artifact_in_its_groups_context_with_its_approvals(chain: Chain) -> None:
    package, model = artifact(chain.sagemaker, chain.package), artifact(chain.sagemaker, chain.model_data)
    (group,) = chain.sagemaker.list_contexts(SourceUri=chain.group)["ContextSummaries"]
    assert (group["ContextName"], group["ContextType"]) == ("lineage-chain-aws-model-group", "ModelGroup")
    actions = chain.sagemaker.list_actions(SourceUri=chain.package, SortBy="CreationTime", SortOrder="Ascending")
    first, second = actions["ActionSummaries"]
    assert first["ActionName"].startswith("lineage-chain-1-PendingManualApproval-")
    assert second["ActionName"].startswith("lineage-chain-1-Approved-")
    assert second["ActionName"].endswith("-aws-model-group")
    assert {first["ActionType"], second["ActionType"]} == {"Approval"}
    contributing = edges(chain.sagemaker, DestinationArn=package)
    assert {source for source, _, _ in contributing} == {
        model, artifact(chain.sagemaker, IMAGE), first["ActionArn"], second["ActionArn"]
    }  # fmt: skip
    assert (package, "AssociatedWith", group["ContextArn"]) in edges(chain.sagemaker, SourceArn=package)


def test_an_endpoint_is_a_context_of_the_deployment_of_its_package(chain: Chain) -> None:
    (context,) = chain.sagemaker.list_contexts(SourceUri=chain.endpoint)["ContextSummaries"]
    assert (context["ContextName"], context["ContextType"]) == ("lineage-chain-aws-endpoint", "Endpoint")
    action = chain.deployment()
    assert action is not None
    assert action["ActionType"] == "ModelDeployment"
    package = artifact(chain.sagemaker, chain.package)
    assert edges(chain.sagemaker, DestinationArn=action["ActionArn"]) == {
        (package, "ContributedTo", action["ActionArn"])
    }
    assert edges(chain.sagemaker, SourceArn=action["ActionArn"]) == {
        (action["ActionArn"], "AssociatedWith", context["ContextArn"])
    }


def test_lineage_leads_from_the_endpoint_to_the_data_and_back(chain: Chain) -> None:
    (context,) = chain.sagemaker.list_contexts(SourceUri=chain.endpoint)["ContextSummaries"]
    data = artifact(chain.sagemaker, chain.data)

    def found(start: str, direction: str, **filters: Any) -> list[str]:
        answer = chain.sagemaker.query_lineage(StartArns=[start], Direction=direction, Filters=filters)
        return [one["Arn"] for one in answer["Vertices"]]

    assert found(context["ContextArn"], "Ascendants", Types=["DataSet"]) == [data]
    assert found(context["ContextArn"], "Ascendants", Types=["TrainingJob"], LineageTypes=["TrialComponent"]) == [
        f"{PREFIX}:experiment-trial-component/lineage-chain-job-aws-training-job"
    ]
    assert set(found(context["ContextArn"], "Ascendants", Types=["Model"])) == {
        artifact(chain.sagemaker, chain.package), artifact(chain.sagemaker, chain.model_data)
    }  # fmt: skip
    assert found(data, "Descendants", Types=["Endpoint"]) == [context["ContextArn"]]
    assert found(context["ContextArn"], "Descendants") == []


def test_a_new_configuration_is_a_deployment_of_its_own(chain: Chain, sagemaker: Any) -> None:
    variant = {
        "VariantName": "A",
        "ModelName": "lineage-chain-plain",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    container = {"Image": IMAGE, "ModelDataUrl": chain.model_data}
    sagemaker.create_model(ModelName="lineage-chain-plain", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    sagemaker.create_endpoint_config(EndpointConfigName="lineage-chain-plain", ProductionVariants=[variant])
    sagemaker.update_endpoint(EndpointName=chain.name, EndpointConfigName="lineage-chain-plain")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=chain.name, WaiterConfig={"Delay": 1})

    def deployments() -> list[Any]:
        listed = sagemaker.list_actions(SourceUri=chain.endpoint)["ActionSummaries"]
        return [one for one in listed if one["Status"] == "Completed"]

    newest, _ = eventually(lambda: len(deployments()) == 2 and deployments(), 10, "the second deployment")
    model = artifact(sagemaker, chain.model_data)
    assert (model, "ContributedTo", newest["ActionArn"]) in edges(sagemaker, DestinationArn=newest["ActionArn"])


def test_what_a_failed_job_should_have_made_is_not_claimed(sagemaker: Any, bucket: str, s3: Any, unique: str) -> None:
    upload(s3, bucket)
    request = training_request(bucket, unique, HyperParameters={"objective": "no-such-objective", "num_round": "1"})
    arn = sagemaker.create_training_job(**request)["TrainingJobArn"]
    found = component_of(sagemaker, arn, "Failed")
    assert "failure reason: null" not in found["Status"]["Message"]
    assert edges(sagemaker, SourceArn=found["TrialComponentArn"]) == set()
    assert found["OutputArtifacts"] == {}


def test_a_processing_job_has_a_component_too(sagemaker: Any, bucket: str, s3: Any, unique: str) -> None:
    s3.put_object(Bucket=bucket, Key="raw/a.csv", Body=b"1,2\n")
    code = b"open('/opt/ml/processing/out/b.csv', 'w').write('3')"
    s3.put_object(Bucket=bucket, Key="code/run.py", Body=code)
    local = {"S3DataType": "S3Prefix", "S3InputMode": "File"}
    places = {
        name: {"S3Uri": f"s3://{bucket}/{name}", "LocalPath": f"/opt/ml/processing/{name}"} for name in ("raw", "code")
    }
    inputs = [{"InputName": name, "S3Input": place | local} for name, place in places.items()]
    output = {"S3Uri": f"s3://{bucket}/clean", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    arn = sagemaker.create_processing_job(
        ProcessingJobName=unique,
        AppSpecification={
            "ImageUri": PROCESSOR, "ContainerEntrypoint": ["python3", "/opt/ml/processing/code/run.py"]
        },
        ProcessingResources={
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}
        },
        ProcessingInputs=inputs,
        ProcessingOutputConfig={"Outputs": [{"OutputName": "clean", "S3Output": output}]},
        RoleArn=ROLE,
    )["ProcessingJobArn"]  # fmt: skip
    found = component_of(sagemaker, arn)
    assert found["TrialComponentName"] == f"{unique}-aws-processing-job"
    assert found["DisplayName"] == found["TrialComponentName"]
    assert found["Source"]["SourceType"] == "SageMakerProcessingJob"
    assert found["Parameters"]["SageMaker.VolumeSizeInGB"] == {"NumberValue": 5.0}
    assert found["InputArtifacts"] == {
        "SageMaker.ImageUri": {"Value": PROCESSOR},
        "raw": {"Value": f"s3://{bucket}/raw"},
        "code": {"Value": f"s3://{bucket}/code"},
    }
    assert found["OutputArtifacts"] == {"clean": {"Value": f"s3://{bucket}/clean"}}
    clean = artifact(sagemaker, f"s3://{bucket}/clean")
    assert edges(sagemaker, SourceArn=found["TrialComponentArn"]) == {(found["TrialComponentArn"], "Produced", clean)}


def test_a_transform_job_has_a_component_too(sagemaker: Any, bucket: str, s3: Any, unique: str) -> None:
    s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=b"no model")
    s3.put_object(Bucket=bucket, Key="rows/a.csv", Body=b"1,2\n")
    data = f"s3://{bucket}/model.tar.gz"
    container = {"Image": IMAGE, "ModelDataUrl": data}
    sagemaker.create_model(ModelName=unique, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/rows"}}
    arn = sagemaker.create_transform_job(
        TransformJobName=unique,
        ModelName=unique,
        TransformInput={"DataSource": source, "ContentType": "text/csv"},
        TransformOutput={"S3OutputPath": f"s3://{bucket}/answers"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )["TransformJobArn"]
    eventually(lambda: sagemaker.list_trial_components(SourceArn=arn)["TrialComponentSummaries"], 10, "the component")
    found = sagemaker.describe_trial_component(TrialComponentName=f"{unique}-aws-transform-job")
    assert found["Source"] == {"SourceArn": arn, "SourceType": "SageMakerTransformJob"}
    assert found["Parameters"] == {
        "SageMaker.InstanceCount": {"NumberValue": 1.0},
        "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
        "SageMaker.ModelName": {"StringValue": unique},
        "SageMaker.ModelPrimary.DataUrl": {"StringValue": data},
        "SageMaker.ModelPrimary.Image": {"StringValue": IMAGE},
    }
    assert found["InputArtifacts"] == {
        "SageMaker.TransformInput": {"MediaType": "text/csv", "Value": f"s3://{bucket}/rows"}
    }
    assert found["OutputArtifacts"] == {"SageMaker.TransformOutput": {"Value": f"s3://{bucket}/answers"}}
    rows = artifact(sagemaker, f"s3://{bucket}/rows")
    assert edges(sagemaker, DestinationArn=found["TrialComponentArn"]) == {
        (rows, "ContributedTo", found["TrialComponentArn"])
    }


def test_components_are_found_in_whatever_case(sagemaker: Any, s3: Any, bucket: str, unique: str) -> None:
    upload(s3, bucket)
    arn = sagemaker.create_training_job(**training_request(bucket, f"{unique}-Big"))["TrainingJobArn"]
    component_of(sagemaker, arn)
    for name in (f"{unique}-Big-aws-training-job", f"{unique}-big-aws-training-job"):
        described = sagemaker.describe_trial_component(TrialComponentName=name)
        assert described["TrialComponentName"] == f"{unique}-Big-aws-training-job"


def test_an_experiment_config_names_what_exists(sagemaker: Any, s3: Any, bucket: str, unique: str) -> None:
    upload(s3, bucket)
    for config in ({"ExperimentName": "no-such-one"}, {"TrialName": "no-such-one"}):
        request = training_request(bucket, unique, ExperimentConfig=config)
        code, message = refusal(sagemaker.create_training_job, **request)
        assert code == "ResourceNotFound"
        assert "no-such-one' does not exist" in message
    assert refusal(sagemaker.describe_training_job, TrainingJobName=unique)[0] == "ValidationException"


def test_a_job_in_an_experiment_without_a_trial_gets_one(sagemaker: Any, s3: Any, bucket: str, unique: str) -> None:
    upload(s3, bucket)
    sagemaker.create_experiment(ExperimentName=unique)
    sagemaker.create_trial_component(TrialComponentName=f"{unique}-run")
    config = {"ExperimentName": unique, "RunName": f"{unique}-run"}
    arn = sagemaker.create_training_job(**training_request(bucket, unique, ExperimentConfig=config))["TrainingJobArn"]
    component_of(sagemaker, arn)
    (trial,) = sagemaker.list_trials(ExperimentName=unique)["TrialSummaries"]
    listed = sagemaker.list_trial_components(TrialName=trial["TrialName"])["TrialComponentSummaries"]
    assert [one["TrialComponentSource"]["SourceArn"] for one in listed] == [arn]
    run = sagemaker.describe_trial_component(TrialComponentName=f"{unique}-run")
    assert run["Sources"] == [{"SourceArn": arn, "SourceType": "SageMakerTrainingJob"}]


def test_what_is_logged_to_a_jobs_component_stays(sagemaker: Any, s3: Any, bucket: str, unique: str) -> None:
    upload(s3, bucket)
    arn = sagemaker.create_training_job(**training_request(bucket, unique))["TrainingJobArn"]
    name = f"{unique}-aws-training-job"
    eventually(lambda: sagemaker.list_trial_components(SourceArn=arn)["TrialComponentSummaries"], 10, "the component")
    sagemaker.update_trial_component(TrialComponentName=name, Parameters={"p1": {"NumberValue": 1.0}})
    found = component_of(sagemaker, arn)
    assert found["Parameters"]["p1"] == {"NumberValue": 1.0}
    assert found["Parameters"]["num_round"] == {"NumberValue": 5.0}


def test_lineage_that_a_kill_interrupted_is_written_at_the_next_start(tmp_path: Path) -> None:
    server = start_server(tmp_path)
    sagemaker = server.client("sagemaker")
    server.client("s3").create_bucket(Bucket="models")
    sagemaker.create_model_package_group(ModelPackageGroupName="group")
    containers = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
    packages = [
        sagemaker.create_model_package(
            ModelPackageGroupName="group",
            InferenceSpecification=containers | {
                "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://models/{number}.tar.gz"}]
            },
        )["ModelPackageArn"]
        for number in range(40)
    ]  # fmt: skip
    server.kill()
    server = start_server(tmp_path)
    sagemaker = server.client("sagemaker")
    try:
        (context,) = eventually(
            lambda: sagemaker.list_contexts(ContextType="ModelGroup")["ContextSummaries"], 10, "the group's context"
        )
        associated = eventually(
            lambda: len(found := edges(sagemaker, DestinationArn=context["ContextArn"])) == 40 and found,
            10, "forty associations",
        )  # fmt: skip
        artifacts = {artifact(sagemaker, package) for package in packages}
        assert {source for source, _, _ in associated} == artifacts
        approvals = sagemaker.list_actions(ActionType="Approval", MaxResults=100)["ActionSummaries"]
        assert len(approvals) == 40
    finally:
        server.stop()


def test_every_account_has_a_lineage_group(sagemaker: Any) -> None:
    name = "sagemaker-default-lineage-group"
    (summary,) = sagemaker.list_lineage_groups()["LineageGroupSummaries"]
    assert summary["LineageGroupName"] == name
    described = sagemaker.describe_lineage_group(LineageGroupName=name)
    assert described["LineageGroupArn"] == f"{PREFIX}:lineage-group/{name}"
    assert described["CreationTime"] == summary["CreationTime"]
    assert refusal(sagemaker.describe_lineage_group, LineageGroupName="another")[0] == "ResourceNotFound"
    for group in (name, described["LineageGroupArn"]):
        code, message = refusal(sagemaker.get_lineage_group_policy, LineageGroupName=group)
        assert code == "ResourceNotFound"
        assert "Cannot find resource policy" in message
