"""Requests against the service model, in AWS's wording."""

from typing import Any

import pytest
from sageyard.errors import ValidationError
from sageyard.wire import model
from sageyard.wire.validate import SerializationError, Validator

VALIDATOR = Validator(model.load("sagemaker"))


def refusal(operation: str, request: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        VALIDATOR.request(operation, request)
    return caught.value.message


def test_a_missing_member_is_named_in_lower_camel_case() -> None:
    assert refusal("DescribeTrainingJob", {}) == (
        "1 validation error detected: Value null at 'trainingJobName' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_a_pattern_is_matched_whole_as_aws_does() -> None:
    assert refusal("DescribeTrainingJob", {"TrainingJobName": "my_job"}) == (
        "1 validation error detected: Value 'my_job' at 'trainingJobName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )


def test_a_string_longer_than_allowed_names_the_limit() -> None:
    message = refusal("DescribeTrainingJob", {"TrainingJobName": "a" * 64})
    assert message.endswith("Member must have length less than or equal to 63")


def test_an_enum_names_its_values() -> None:
    message = refusal("ListTrainingJobs", {"SortOrder": "Sideways"})
    assert "Member must satisfy enum value set: [Ascending, Descending]" in message


def test_a_number_out_of_range_names_the_bound() -> None:
    assert "value greater than or equal to 1" in refusal("ListTrainingJobs", {"MaxResults": 0})


def test_list_items_are_counted_from_one() -> None:
    request = {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "v", "ModelName": "bad_name"}]}
    assert "at 'productionVariants.1.member.modelName'" in refusal("CreateEndpointConfig", request)


def test_several_errors_are_counted() -> None:
    assert refusal("CreateEndpoint", {}).startswith("2 validation errors detected: ")


@pytest.mark.parametrize("value", [5, True, [], {}])
def test_a_wrong_json_type_is_a_serialization_exception(value: Any) -> None:
    with pytest.raises(SerializationError) as caught:
        VALIDATOR.request("DescribeTrainingJob", {"TrainingJobName": value})
    assert caught.value.code == "SerializationException"


def test_unknown_members_and_nulls_are_dropped() -> None:
    accepted = VALIDATOR.request("ListTrainingJobs", {"MaxResults": 5, "Nonsense": 1, "NextToken": None})
    assert accepted == {"MaxResults": 5}


def test_every_input_shape_of_the_model_compiles() -> None:
    for operation in VALIDATOR.model.operations:
        try:
            VALIDATOR.request(operation, {})
        except ValidationError as error:
            assert "Member must not be null" in error.message
