"""Search and its suggestions, as boto3 sees them."""

import os
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = "arn:aws:iam::123456789012:role/SageyardExecutionRole"
FEATURES = [
    {"FeatureName": "id", "FeatureType": "String"},
    {"FeatureName": "at", "FeatureType": "String"},
]


@pytest.fixture(scope="module")
def stem(sagemaker: Any) -> str:
    """Six experiments whose names begin with this, tagged by colour and number."""
    stem = f"search-{os.urandom(4).hex()}"
    for number in range(6):
        tags = [{"Key": stem, "Value": ["red", "blue"][number % 2]}]
        sagemaker.create_experiment(
            ExperimentName=f"{stem}-{number}", Description=f"number {number}", Tags=tags if number < 4 else []
        )
    return stem


def names(sagemaker: Any, *filters: tuple[str, str, str], **request: Any) -> list[str]:
    """The last characters of the experiments' names that satisfy filters."""
    expression = [{"Name": name, "Operator": operator, "Value": value} for name, operator, value in filters]
    given = {"SearchExpression": {"Filters": expression}} | request if expression else request
    answer = sagemaker.search(Resource="Experiment", **given)
    return [one["Experiment"]["ExperimentName"][-1] for one in answer["Results"]]


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_names_are_searched_by_a_part_in_any_case(sagemaker: Any, stem: str) -> None:
    assert sorted(names(sagemaker, ("ExperimentName", "Contains", stem.upper()))) == list("012345")
    assert names(sagemaker, ("ExperimentName", "Contains", f"{stem[-5:]}-3")) == ["3"]
    assert names(sagemaker, ("ExperimentName", "In", f"{stem}-1, {stem}-4,other"), SortOrder="Ascending") == ["1", "4"]


def test_filters_sub_expressions_and_operators_are_joined(sagemaker: Any, stem: str) -> None:
    own = {"Name": "ExperimentName", "Operator": "Contains", "Value": stem}

    def found(*parts: dict[str, Any], operator: str) -> list[str]:
        inner = {"SubExpressions": list(parts), "Operator": operator}
        answer = sagemaker.search(
            Resource="Experiment",
            SearchExpression={"Filters": [own], "SubExpressions": [inner]},
            SortBy="ExperimentName",
        )
        return [one["Experiment"]["ExperimentName"][-1] for one in answer["Results"]]

    red = {"Filters": [{"Name": f"Tags.{stem}", "Operator": "Equals", "Value": "red"}]}
    last = {"Filters": [{"Name": "Description", "Operator": "Equals", "Value": "number 5"}]}
    untagged = {"Filters": [{"Name": f"Tags.{stem}", "Operator": "NotExists"}]}
    assert found(red, last, operator="Or") == ["5", "2", "0"]
    assert found(untagged, last, operator="And") == ["5"]
    assert found(untagged, red, operator="And") == []


def test_visibility_conditions_keep_what_lacks_the_tag_and_what_has_its_value(sagemaker: Any, stem: str) -> None:
    own = ("ExperimentName", "Contains", stem)
    conditions = [{"Key": f"Tags.{stem}", "Value": "red"}]
    assert sorted(names(sagemaker, own, VisibilityConditions=conditions)) == list("0245")
    code, message = refusal(
        sagemaker.search, Resource="Experiment", VisibilityConditions=[{"Key": "colour", "Value": "red"}]
    )
    assert code == "ValidationException"
    assert "colour" in message


def test_other_accounts_have_nothing_to_find(sagemaker: Any, stem: str) -> None:
    own = ("ExperimentName", "Contains", stem)
    assert names(sagemaker, own, CrossAccountFilterOption="CrossAccount") == []
    assert len(names(sagemaker, own, CrossAccountFilterOption="SameAccount")) == 6


@pytest.mark.parametrize("sort_by", ["LastModifiedTime", "CreationTime", "ExperimentName", "Description", "Tags.x"])
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
def test_pages_hold_each_result_once_while_others_are_made(sagemaker: Any, stem: str, sort_by: str, order: str) -> None:
    request: dict[str, Any] = {
        "Resource": "Experiment",
        "SearchExpression": {"Filters": [{"Name": "ExperimentName", "Operator": "Contains", "Value": stem}]},
        "SortBy": sort_by,
        "SortOrder": order,
        "MaxResults": 2,
    }
    found: list[str] = []
    while True:
        page = sagemaker.search(**request)
        found += [one["Experiment"]["ExperimentName"] for one in page["Results"]]
        if "NextToken" not in page:
            break
        sagemaker.create_experiment(ExperimentName=f"beside-{os.urandom(6).hex()}")
        request["NextToken"] = page["NextToken"]
    assert found == sorted((f"{stem}-{number}" for number in range(6)), reverse=order == "Descending")
    assert page["TotalHits"] == {"Value": 6, "Relation": "EqualTo"}


@pytest.mark.parametrize("token", ["bogus", "WzFd", "W251bGwsIG51bGwsIG51bGxd", "WyJ4IiwgMSwgMV0="])
def test_tokens_of_no_page_are_refused_or_lead_nowhere(sagemaker: Any, token: str) -> None:
    try:
        answer = sagemaker.search(Resource="Experiment", SortBy="Tags.x", NextToken=token)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ValidationException"
    else:
        raise AssertionError(answer)


def test_filters_without_the_value_they_need_are_refused_even_where_nothing_is_stored(sagemaker: Any) -> None:
    code, message = refusal(
        sagemaker.search,
        Resource="Project",
        SearchExpression={"SubExpressions": [{"Filters": [{"Name": "ProjectName", "Operator": "Equals"}]}]},
    )
    assert code == "ValidationException"
    assert "needs a Value" in message


def test_every_resource_of_the_model_is_searched_or_refused_with_the_reason(sagemaker: Any) -> None:
    shapes = sagemaker.meta.service_model
    records = shapes.shape_for("SearchRecord").members
    for resource in shapes.shape_for("ResourceType").enum:
        kind = {"ExperimentTrial": "Trial", "ExperimentTrialComponent": "TrialComponent"}.get(resource, resource)
        if kind in records:
            answer = sagemaker.search(Resource=resource, MaxResults=1)
            assert answer["TotalHits"]["Value"] >= len(answer["Results"])
            assert all(set(one) <= {kind} for one in answer["Results"])
        else:
            code, message = refusal(sagemaker.search, Resource=resource)
            assert code == "ValidationException"
            assert "SearchRecord has no member for it" in message


def test_models_and_feature_groups_are_found_by_their_properties(sagemaker: Any, unique: str) -> None:
    sagemaker.create_model(ModelName=unique, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    by_role = [
        {"Name": "ExecutionRoleArn", "Operator": "Equals", "Value": ROLE},
        {"Name": "ModelName", "Operator": "Equals", "Value": unique},
    ]
    (found,) = sagemaker.search(Resource="Model", SearchExpression={"Filters": by_role})["Results"]
    assert found["Model"]["Model"]["ModelName"] == unique
    sagemaker.create_feature_group(
        FeatureGroupName=unique,
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="at",
        FeatureDefinitions=FEATURES,
        OnlineStoreConfig={"EnableOnlineStore": True},
    )
    nested = {
        "NestedPropertyName": "FeatureDefinitions",
        "Filters": [{"Name": "FeatureDefinitions.FeatureName", "Operator": "Equals", "Value": "at"}],
    }
    own = {"Name": "FeatureGroupName", "Operator": "Contains", "Value": unique}
    (found,) = sagemaker.search(
        Resource="FeatureGroup", SearchExpression={"Filters": [own], "NestedFilters": [nested]}
    )["Results"]
    assert found["FeatureGroup"]["FeatureGroupName"] == unique


def test_changes_are_found_and_deletions_are_not(sagemaker: Any, unique: str) -> None:
    own = ("ExperimentName", "Contains", unique)
    sagemaker.create_experiment(ExperimentName=f"{unique}-1", Description="before")
    sagemaker.update_experiment(ExperimentName=f"{unique}-1", Description="after")
    assert names(sagemaker, own, ("Description", "Equals", "after")) == ["1"]
    assert names(sagemaker, own, ("Description", "Equals", "before")) == []
    sagemaker.delete_experiment(ExperimentName=f"{unique}-1")
    assert names(sagemaker, own) == []


def test_property_names_are_suggested_from_the_model_and_from_what_is_stored(sagemaker: Any, stem: str) -> None:
    def suggested(resource: str, hint: str) -> list[str]:
        query = {"PropertyNameQuery": {"PropertyNameHint": hint}}
        answer = sagemaker.get_search_suggestions(Resource=resource, SuggestionQuery=query)
        return [one["PropertyName"] for one in answer["PropertyNameSuggestions"]]

    assert suggested("TrainingJob", "TrainingJobS") == ["TrainingJobStatus"]
    assert "AlgorithmSpecification.TrainingImage" in suggested("TrainingJob", "algorithm")
    assert suggested("TrainingJob", "InputDataConfig.Channel") == ["InputDataConfig.ChannelName"]
    assert suggested("Experiment", f"Tags.{stem}") == [f"Tags.{stem}"]
    component = f"{stem}-component"
    sagemaker.create_trial_component(TrialComponentName=component, Parameters={stem: {"NumberValue": 1.0}})
    assert suggested("ExperimentTrialComponent", f"Parameters.{stem}") == [f"Parameters.{stem}"]
    assert suggested("Experiment", "Nothing") == []
    every = sagemaker.get_search_suggestions(Resource="Experiment")["PropertyNameSuggestions"]
    assert {"PropertyName": "ExperimentName"} in every


def test_listings_sort_and_filter_by_what_the_model_names(sagemaker: Any, stem: str) -> None:
    listed = sagemaker.list_experiments(SortBy="Name", SortOrder="Ascending", MaxResults=100)
    found = [one["ExperimentName"] for one in listed["ExperimentSummaries"]]
    assert found == sorted(found)
    now = time.time()
    assert sagemaker.list_experiments(CreatedAfter=now + 3600)["ExperimentSummaries"] == []
