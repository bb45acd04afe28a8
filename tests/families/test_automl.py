"""AutoML jobs through boto3: candidates are trained, the best is judged and deployed."""

import json
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from tests.conftest import ROLE, Server, eventually

ROWS = 600


def customers() -> str:
    """CSV of customers who leave when they talk long, unless their plan is `max`."""
    draw = np.random.default_rng(1)
    lines = ["minutes,plan,leaves"]
    for minutes, plan in zip(draw.normal(200, 50, ROWS), draw.choice(["basic", "plus", "max"], ROWS), strict=True):
        lines.append(f"{minutes:.2f},{plan},{'yes' if (minutes > 220) != (plan == 'max') else 'no'}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def bucket(server: Server) -> str:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="automl")
    s3.put_object(Bucket="automl", Key="customers/data.csv", Body=customers().encode())
    return "automl"


def request(name: str, bucket: str, **members: Any) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/customers/"}}
    return {
        "AutoMLJobName": name,
        "InputDataConfig": [{"DataSource": source, "TargetAttributeName": "leaves"}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/output"},
        "AutoMLJobConfig": {"CompletionCriteria": {"MaxCandidates": 3}},
        "RoleArn": ROLE,
    } | members


def ended(sagemaker: Any, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = sagemaker.describe_auto_ml_job_v2(AutoMLJobName=name)
        return found if found["AutoMLJobStatus"] in {"Completed", "Failed", "Stopped"} else None

    found: dict[str, Any] = eventually(look, 120, f"the end of {name}")
    return found


@pytest.fixture(scope="module")
def done(server: Server, bucket: str) -> dict[str, Any]:
    """A job that has run to its end and deployed its best candidate."""
    sagemaker = server.client("sagemaker")
    sagemaker.create_auto_ml_job(**request("churn-auto", bucket, ModelDeployConfig={"EndpointName": "churn-auto"}))
    ended(sagemaker, "churn-auto")
    found: dict[str, Any] = sagemaker.describe_auto_ml_job(AutoMLJobName="churn-auto")
    return found


def test_an_automl_job_finds_the_problem_and_a_model(done: dict[str, Any], server: Server) -> None:
    assert done["AutoMLJobStatus"] == "Completed", done
    assert done["AutoMLJobSecondaryStatus"] == "MaxCandidatesReached"
    assert done["ResolvedAttributes"]["ProblemType"] == "BinaryClassification"
    assert done["ResolvedAttributes"]["AutoMLJobObjective"] == {"MetricName": "F1"}
    best = done["BestCandidate"]
    assert best["FinalAutoMLJobObjectiveMetric"]["Value"] > 0.9
    assert {one["MetricName"] for one in best["CandidateProperties"]["CandidateMetrics"]} >= {"F1", "AUC", "Accuracy"}
    s3 = server.client("s3")

    def read(uri: str) -> dict[str, Any]:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        document: dict[str, Any] = json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])
        return document

    assert "PartialFailureReasons" not in done
    places = best["CandidateProperties"]["CandidateArtifactLocations"]
    shap = read(places["Explainability"] + "/analysis.json")["explanations"]["kernel_shap"]
    assert set(shap["yes"]["global_shap_values"]) == {"minutes", "plan"}
    insights = read(places["ModelInsights"] + "/statistics.json")
    judged = insights["binary_classification_metrics"]["f1"]["value"]
    assert judged == pytest.approx(best["FinalAutoMLJobObjectiveMetric"]["Value"])
    assert read(done["AutoMLJobArtifacts"]["DataExplorationNotebookLocation"])["nbformat"] == 4


def test_its_candidates_are_training_jobs_of_several_algorithms(done: dict[str, Any], sagemaker: Any) -> None:
    def candidates(**options: Any) -> list[dict[str, Any]]:
        pages = sagemaker.get_paginator("list_candidates_for_auto_ml_job").paginate(
            AutoMLJobName="churn-auto", PaginationConfig={"PageSize": 2}, **options
        )
        return [one for page in pages for one in page["Candidates"]]

    found = candidates(SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert len(found) == 3
    values = [one["FinalAutoMLJobObjectiveMetric"]["Value"] for one in found]
    assert values == sorted(values, reverse=True)
    assert found[0]["CandidateName"] == done["BestCandidate"]["CandidateName"]
    names = {one["InferenceContainers"][0]["Environment"]["MODEL_NAME"] for one in found}
    assert names == {"xgboost", "linear-learner", "mlp"}
    for step in found[0]["CandidateSteps"]:
        kind = step["CandidateStepType"].rpartition("::")[2]
        described = getattr(sagemaker, f"describe_{'training' if kind == 'TrainingJob' else 'processing'}_job")(
            **{f"{kind}Name": step["CandidateStepName"]}
        )
        assert described[f"{kind}Arn"] == step["CandidateStepArn"]
        assert described[f"{kind}Status"] == "Completed"
    assert candidates(StatusEquals="Failed") == []
    assert len(candidates(CandidateNameEquals=found[1]["CandidateName"])) == 1


def test_its_endpoint_answers(done: dict[str, Any], server: Server, sagemaker: Any) -> None:
    assert done["ModelDeployResult"] == {"EndpointName": "churn-auto"}
    answer = server.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="churn-auto", ContentType="text/csv", Body=b"300,basic\n100,basic\n300,max\n"
    )
    assert answer["Body"].read().decode().split() == ["yes", "no", "no"]
    sagemaker.delete_endpoint(EndpointName="churn-auto")


def test_a_job_of_the_second_version_may_want_definitions_only(server: Server, sagemaker: Any, bucket: str) -> None:
    source = request("definitions", bucket)["InputDataConfig"][0]["DataSource"]
    sagemaker.create_auto_ml_job_v2(
        AutoMLJobName="definitions",
        AutoMLJobInputDataConfig=[{"ChannelType": "training", "DataSource": source}],
        AutoMLProblemTypeConfig={
            "TabularJobConfig": {"TargetAttributeName": "minutes", "GenerateCandidateDefinitionsOnly": True}
        },
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/output"},
        RoleArn=ROLE,
    )
    found = ended(sagemaker, "definitions")
    assert found["AutoMLJobStatus"] == "Completed", found
    assert found["AutoMLJobSecondaryStatus"] == "CandidateDefinitionsGenerated"
    assert found["ResolvedAttributes"]["AutoMLJobObjective"] == {"MetricName": "MSE"}
    assert sagemaker.list_candidates_for_auto_ml_job(AutoMLJobName="definitions")["Candidates"] == []


def test_a_stopped_job_stops_what_it_runs(sagemaker: Any, bucket: str) -> None:
    source = request("halted", bucket)["InputDataConfig"][0]["DataSource"]
    sagemaker.create_auto_ml_job_v2(
        AutoMLJobName="halted",
        AutoMLJobInputDataConfig=[{"ChannelType": "training", "DataSource": source}],
        AutoMLProblemTypeConfig={"TabularJobConfig": {"TargetAttributeName": "leaves"}},
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/output"},
        RoleArn=ROLE,
    )
    name = eventually(
        lambda: next(iter(sagemaker.list_processing_jobs(NameContains="halted")["ProcessingJobSummaries"]), None)
    )["ProcessingJobName"]
    sagemaker.stop_auto_ml_job(AutoMLJobName="halted")
    found = ended(sagemaker, "halted")
    assert (found["AutoMLJobStatus"], found["AutoMLJobSecondaryStatus"]) == ("Stopped", "Stopped")
    assert sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] in {"Stopped", "Completed"}
    assert sagemaker.list_hyper_parameter_tuning_jobs(NameContains="halted")["HyperParameterTuningJobSummaries"] == []


def test_data_without_the_target_fails_the_job_with_the_columns_it_has(sagemaker: Any, bucket: str) -> None:
    wrong = request("no-target", bucket)
    wrong["InputDataConfig"][0]["TargetAttributeName"] = "left"
    sagemaker.create_auto_ml_job(**wrong)
    found = ended(sagemaker, "no-target")
    assert found["AutoMLJobStatus"] == "Failed"
    assert "'left', and the data has the columns minutes, plan, leaves" in found["FailureReason"]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"ProblemType": "Regression"}, "Give both ProblemType and AutoMLJobObjective"),
        (
            {"ProblemType": "Regression", "AutoMLJobObjective": {"MetricName": "F1"}},
            "AutoMLJobObjective F1 does not judge a Regression: use one of MAE, MSE, R2, RMSE",
        ),
        (
            {
                "AutoMLJobConfig": {
                    "CandidateGenerationConfig": {"AlgorithmsConfig": [{"AutoMLAlgorithms": ["catboost"]}]}
                }
            },
            "AutoMLAlgorithms has 'catboost', which Sageyard does not carry out: use extra-trees, linear-learner",
        ),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(
    sagemaker: Any, bucket: str, members: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ClientError, match=reason) as refused:
        sagemaker.create_auto_ml_job(**request("refused", bucket, **members))
    assert refused.value.response["Error"]["Code"] == "ValidationException"
