"""Steps of pipelines over the live server's own services, by boto3: tuning, deployment, checks, queues, lineage."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import ROLE, Server, eventually

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST = f"{REGISTRY}/sagemaker-xgboost:1.7-1"
ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
MACHINE = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
ENDED = {"Succeeded", "Failed", "Stopped", "CompletedWithFailures"}
Steps = dict[str, dict[str, Any]]
Ended = Callable[[str], tuple[dict[str, Any], Steps]]


@pytest.fixture
def ended(sagemaker: Any) -> Ended:
    """An execution once it has ended, and its steps by name."""

    def wait(arn: str) -> tuple[dict[str, Any], Steps]:
        def over() -> Any:
            described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
            return described["PipelineExecutionStatus"] in ENDED and described

        execution = eventually(over, 90, "the execution's end")
        return execution, steps_of(sagemaker, arn)

    return wait


@pytest.fixture
def start(sagemaker: Any, unique: str) -> Callable[..., str]:
    """Start a pipeline of these steps: the execution's ARN."""
    name = unique.replace("_", "-")

    def begin(steps: list[dict[str, Any]], **definition: Any) -> str:
        text = json.dumps({"Version": "2020-12-01", "Steps": steps, **definition})
        if name in {one["PipelineName"] for one in sagemaker.list_pipelines()["PipelineSummaries"]}:
            sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=text)
        else:
            sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=text, RoleArn=ROLE)
        return str(sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"])

    return begin


def steps_of(sagemaker: Any, arn: str) -> Steps:
    listed = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    return {step["StepName"]: step for step in listed}


def statuses(steps: Steps) -> dict[str, Any]:
    return {name: step.get("FailureReason") or step["StepStatus"] for name, step in steps.items()}


def step(name: str, kind: str, arguments: Any, **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": arguments, **members}


def get(path: str) -> dict[str, str]:
    return {"Get": path}


def join(*values: Any, on: str = "/") -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def channel(bucket: str, name: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{name}", "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}


def tuning(bucket: str) -> dict[str, Any]:
    """Two training jobs of built-in XGBoost: with one tree of depth 1, and with one of depth 4."""
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Grid",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:error"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "max_depth", "Values": ["1", "4"]}]},
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "InputDataConfig": [channel(bucket, "train"), channel(bucket, "validation")],
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
            "ResourceConfig": MACHINE,
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "StaticHyperParameters": {"objective": "binary:logistic", "eval_metric": "error", "num_round": "1"},
        },
    }


def rows(count: int, seed: int) -> str:
    """CSV of a label that is the exclusive or of two signs: no tree of depth 1 can tell it."""
    chance = random.Random(seed)
    pairs = [(chance.uniform(-1, 1), chance.uniform(-1, 1)) for _ in range(count)]
    return "\n".join(f"{int((a > 0) != (b > 0))},{a:.4f},{b:.4f}" for a, b in pairs) + "\n"


@pytest.mark.timeout(180)
def test_the_best_of_a_tuning_step_is_deployed_updated_and_recorded(
    server: Server, sagemaker: Any, s3: Any, bucket: str, unique: str, start: Callable[..., str], ended: Ended
) -> None:
    for number, name in enumerate(("train", "validation")):
        s3.put_object(Bucket=bucket, Key=f"{name}/{name}.csv", Body=rows(400, number))
    best = get("Steps.Tune.TrainingJobSummaries[0].TrainingJobName")
    endpoint, record = unique[-40:], f"deployed-{unique[-40:]}"
    variant = {"VariantName": "AllTraffic", "ModelName": get("Steps.Create.ModelName"),
               "InstanceType": "ml.m5.large", "InitialInstanceCount": get("Parameters.Instances")}  # fmt: skip
    container = {"Image": XGBOOST, "ModelDataUrl": join("s3:/", bucket, "models", best, "output/model.tar.gz")}
    deploy = [
        step("Tune", "Tuning", tuning(bucket), CacheConfig={"Enabled": True, "ExpireAfter": "P1D"}),
        step("Create", "Model", {"PrimaryContainer": container}),
        step("Configure", "EndpointConfig", {"ProductionVariants": [variant]}),
        step("Deploy", "Endpoint", {
            "EndpointName": endpoint,
            "EndpointConfigName": get("Steps.Configure.EndpointConfigName"),
            "Tags": [{"Key": "by", "Value": "pipeline"}],
        }),
        step("Record", "Lineage", {
            "Actions": [{"ActionName": record, "ActionType": "Deployment", "Status": "Completed",
                         "Source": {"SourceUri": get("Steps.Deploy.EndpointArn")}}],
            "Artifacts": [{"ArtifactName": record, "ArtifactType": "Model",
                           "Source": {"SourceUri": join(get("Steps.Create.PrimaryContainer.ModelDataUrl"), "card")}}],
            "Associations": [{"Source": {"Name": record, "Type": "Artifact"},
                              "Destination": {"Name": record, "Type": "Action"},
                              "AssociationType": "ContributedTo"}],
        }),
    ]  # fmt: skip
    parameters = [{"Name": "Instances", "Type": "String", "DefaultValue": "1"}]
    execution, steps = ended(start(deploy, Parameters=parameters))
    assert execution["PipelineExecutionStatus"] == "Succeeded", statuses(steps)
    job = sagemaker.describe_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=steps["Tune"]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
    )
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"max_depth": "4"}
    served = sagemaker.describe_model(ModelName=steps["Create"]["Metadata"]["Model"]["Arn"].rpartition("/")[2])
    assert job["BestTrainingJob"]["TrainingJobName"] in served["PrimaryContainer"]["ModelDataUrl"]
    runtime = server.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=b"0.5,-0.5")
    assert float(answer["Body"].read()) > 0.5
    made = steps["Record"]["Metadata"]["Lineage"]
    found = sagemaker.list_associations(DestinationArn=made["ActionArns"][record])["AssociationSummaries"]
    assert [one["SourceArn"] for one in found] == [made["ArtifactArns"][record]]

    before = sagemaker.describe_endpoint(EndpointName=endpoint)
    execution, steps = ended(start(deploy[:4], Parameters=parameters))
    assert execution["PipelineExecutionStatus"] == "Succeeded", statuses(steps)
    assert "CacheHitResult" in steps["Tune"]
    after = sagemaker.describe_endpoint(EndpointName=endpoint)
    assert after["EndpointConfigName"] != before["EndpointConfigName"]
    assert (after["CreationTime"], after["EndpointStatus"]) == (before["CreationTime"], "InService")
    sagemaker.delete_endpoint(EndpointName=endpoint)


def check(bucket: str, name: str, data: str, **members: Any) -> dict[str, Any]:
    """A QualityCheck step over one object, as the SDKs write it."""
    arguments = {
        "ProcessingResources": {"ClusterConfig": MACHINE},
        "AppSpecification": {"ImageUri": ANALYZER},
        "RoleArn": ROLE,
        "ProcessingInputs": [
            {
                "InputName": "baseline_dataset_input",
                "S3Input": {
                    "S3Uri": f"s3://{bucket}/{data}",
                    "LocalPath": "/opt/ml/processing/input/baseline_dataset_input",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "quality_check_output",
                    "S3Output": {
                        "S3Uri": f"s3://{bucket}/checks/{name}",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "Environment": {
            "output_path": "/opt/ml/processing/output",
            "publish_cloudwatch_metrics": "Disabled",
            "dataset_format": json.dumps({"csv": {"header": True, "output_columns_position": "START"}}),
            "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
        },
    }
    return step(name, "QualityCheck", arguments, CheckType="DATA_QUALITY", RegisterNewBaseline=False, **members)


@pytest.mark.timeout(120)
def test_a_check_with_violations_fails_or_only_reports_them(
    sagemaker: Any, s3: Any, bucket: str, start: Callable[..., str], ended: Ended
) -> None:
    s3.put_object(Bucket=bucket, Key="good.csv", Body="a,b\n" + "1,2.5\n2,3.5\n3,4.5\n" * 40)
    s3.put_object(Bucket=bucket, Key="bad.csv", Body="a,b\n" + "1,2.5\n,3.5\nx,\n" * 40)
    before = {
        f"SuppliedBaseline{name}": get(f"Steps.First.CalculatedBaseline{name}")
        for name in ("Statistics", "Constraints")
    }
    execution, steps = ended(
        start([
            check(bucket, "First", "good.csv", SkipCheck=True),
            check(bucket, "Same", "good.csv", SkipCheck=False, FailOnViolation=True, **before),
            check(bucket, "Told", "bad.csv", SkipCheck=False, FailOnViolation=False, **before),
            check(bucket, "Fails", "bad.csv", SkipCheck=False, FailOnViolation=True, **before, DependsOn=["Told"]),
        ])
    )  # fmt: skip
    shown = {name: step["StepStatus"] for name, step in steps.items()}
    assert shown == {"First": "Succeeded", "Same": "Succeeded", "Told": "Succeeded", "Fails": "Failed"}, statuses(steps)
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert "ViolationReport" not in steps["Same"]["Metadata"]["QualityCheck"]
    told = steps["Told"]["Metadata"]["QualityCheck"]["ViolationReport"]
    assert steps["Fails"]["FailureReason"].startswith("ClientError: The check found violations: see s3://")
    key = told.partition(f"{bucket}/")[2]
    violations = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())["violations"]
    assert {"a", "b"} >= {one["feature_name"] for one in violations} != set()

    execution, steps = ended(start([check(bucket, "First", "good.csv", SkipCheck=False)]))
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert "set SkipCheck for the first execution" in steps["First"]["FailureReason"]


@pytest.mark.timeout(60)
def test_a_callback_step_talks_over_a_queue_of_sqs(
    server: Server, sagemaker: Any, unique: str, start: Callable[..., str], ended: Ended
) -> None:
    sqs = server.client("sqs")
    queue = sqs.create_queue(QueueName=unique[-40:])["QueueUrl"]

    def message() -> dict[str, Any]:
        def received() -> Any:
            return sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages")

        (found,) = eventually(received, what="a message")
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=found["ReceiptHandle"])
        body: dict[str, Any] = json.loads(found["Body"])
        return body

    ask = step("Ask", "Callback", {"question": get("Parameters.Question")}, SqsQueueUrl=queue,
               OutputParameters=[{"OutputName": "answer", "OutputType": "Integer"}])  # fmt: skip
    compare = {"Type": "GreaterThan", "LeftValue": get("Steps.Ask.OutputParameters['answer']"), "RightValue": 40}
    decide = step("Decide", "Condition", {"Conditions": [compare], "IfSteps": [], "ElseSteps": []})
    question = [{"Name": "Question", "Type": "String", "DefaultValue": "6 x 7"}]
    arn = start([ask, decide], Parameters=question)
    asked = message()
    assert (asked["stepName"], asked["status"], asked["arguments"]) == ("Ask", "Executing", {"question": "6 x 7"})
    assert asked["pipelineExecutionArn"] == arn
    sagemaker.send_pipeline_execution_step_success(
        CallbackToken=asked["token"], OutputParameters=[{"Name": "answer", "Value": "42"}]
    )
    execution, steps = ended(arn)
    assert execution["PipelineExecutionStatus"] == "Succeeded", statuses(steps)
    assert steps["Decide"]["Metadata"]["Condition"]["Outcome"] == "True"

    arn = start([ask], Parameters=question)
    token = message()["token"]
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert (message()["status"], steps_of(sagemaker, arn)["Ask"]["StepStatus"]) == ("Stopping", "Stopping")
    sagemaker.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason="tidied up")
    execution, steps = ended(arn)
    assert execution["PipelineExecutionStatus"] == "Stopped"
    assert steps["Ask"]["FailureReason"] == "tidied up"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("EMR", "run the work in a Processing step"),
        ("EMRServerless", "run the work in a Processing step"),
        ("Job", "train a model of your own in a Training step"),
    ],
)
def test_a_step_that_nothing_stands_behind_says_what_to_use_instead(
    kind: str, told: str, start: Callable[..., str], ended: Ended
) -> None:
    execution, steps = ended(start([step("Try", kind, {})]))
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert steps["Try"]["FailureReason"].startswith(f"Sageyard runs no {kind} steps: ")
    assert told in steps["Try"]["FailureReason"]


SOURCE = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train"}}
OUTPUT = {"OutputDataConfig": {"S3OutputPath": "s3://bucket/automl"}, "RoleArn": ROLE}
FIRST = {"InputDataConfig": [{"DataSource": SOURCE, "TargetAttributeName": "y"}], **OUTPUT}
SECOND = {
    "AutoMLJobInputDataConfig": [{"ChannelType": "training", "ContentType": "text/csv", "DataSource": SOURCE}],
    "AutoMLProblemTypeConfig": {"TabularJobConfig": {"TargetAttributeName": "y"}},
    **OUTPUT,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("arguments", [FIRST, SECOND], ids=["first version", "second version"])
def test_an_automl_step_of_either_version_says_why_its_job_failed(
    arguments: dict[str, Any], start: Callable[..., str], ended: Ended
) -> None:
    execution, steps = ended(start([step("Search", "AutoML", arguments)]))
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert "s3://bucket/automl" in steps["Search"]["FailureReason"]
    assert "cannot be written" in steps["Search"]["FailureReason"]
