"""Definitions that cannot run are refused before anything of them does, by name and with the way out."""

import json
from typing import Any

import pytest
from sageyard.errors import ValidationError
from sageyard.pipelines.caching import seconds
from sageyard.pipelines.conditions import holds
from sageyard.pipelines.definition import parameter_values, read
from sageyard.pipelines.expressions import ExpressionError, evaluate, follow, parts
from sageyard.pipelines.steps import STEP_TYPES

TYPES = frozenset(STEP_TYPES)


def definition(*steps: Any, **members: Any) -> str:
    return json.dumps({"Version": "2020-12-01", "Steps": list(steps), **members})


def step(name: str, **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Training", "Arguments": {}, **members}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "It is not valid JSON"),
        ("[]", "Expecting start of Json Object"),
        (json.dumps({"Version": "2019-01-01", "Steps": []}), "use '2020-12-01'"),
        (definition(step("A"), step("A")), "Two steps are named 'A'"),
        (definition({"Type": "Training"}), "Steps[0] must have a Name"),
        (definition(step("A", Type="Dance")), "Step 'A' has Type 'Dance', which is none of AutoML, Callback"),
        (definition(step("A", Type="Condition", Arguments={"IfSteps": "B"})), "IfSteps must be a list"),
        (definition(step("A", Type="Condition", Arguments=[])), "Expecting start of Json Object"),
        (definition(step("A", DependsOn=["B"])), "Step 'A' depends on 'B', which is no step of the pipeline"),
        (definition(step("A", Arguments={"x": {"Get": "Steps.B.y"}})), "Step 'A' depends on 'B', which is no step"),
        (
            definition(step("A", DependsOn=["B"]), step("B", DependsOn=["C"]), step("C", DependsOn=["A"])),
            "Its steps form a cycle: ",
        ),
        (definition(step("A", Arguments={"x": {"Get": "Steps.A.y"}})), "Its steps form a cycle: A -> A"),
        (definition(step("A", Arguments={"x": {"Get": "Parameters.P"}})), "uses parameter 'P', which is not defined"),
        (definition(step("A", Arguments={"x": {"Get": "Weather.Today"}})), "asks for 'Weather': use Parameters"),
        (
            definition(step("A"), step("B", Arguments={"x": {"Get": "Steps.A.ModelArtifact.S3ModelArtifacts"}})),
            "step 'B' asks for Steps.A.ModelArtifact.S3ModelArtifacts, but of a Training step there is no property "
            "'ModelArtifact': there are AlgorithmSpecification, ",
        ),
        (
            definition(step("A"), step("B", Arguments={"x": {"Get": "Steps.A.TrainingJobName.Length"}})),
            "there is nothing below it by the name 'Length': it is a string",
        ),
        (
            definition(
                step("A", Type="Processing", PropertyFiles=[{"PropertyFileName": "P", "OutputName": "o"}]),
                step("B", Arguments={"x": {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.A.PropertyFiles.Q"}}}}),
            ),
            "it declares no property file 'Q': it has P",
        ),
        (definition(step("A", Arguments={"x": {"Get": "Parameters['P"}})), "is no property path"),
        (definition(step("A", DependsOn=[{"Step": "A", "Trigger": "Sometimes"}])), "Trigger 'Sometimes'"),
        (definition(Parameters=[{"Name": "P", "Type": "Colour"}]), "parameter 'P' has Type 'Colour'"),
    ],
)
def test_a_definition_that_cannot_run_is_refused_by_name(text: str, told: str) -> None:
    with pytest.raises(ValidationError, match="Unable to parse pipeline definition") as caught:
        read(text, TYPES)
    assert told.lower() in caught.value.message.lower()


def test_parameters_are_of_their_declared_types() -> None:
    declared = [
        {"Name": "Count", "Type": "Integer", "DefaultValue": 1},
        {"Name": "Rate", "Type": "Float", "DefaultValue": 0.1},
        {"Name": "On", "Type": "Boolean", "DefaultValue": False},
        {"Name": "Mode", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
    ]
    found = read(definition(Parameters=declared), TYPES)
    given = {"Count": "5", "Rate": "2", "On": "True", "Mode": "b"}
    values = parameter_values(found, [{"Name": name, "Value": value} for name, value in given.items()])
    assert values == {"Count": 5, "Rate": 2.0, "On": True, "Mode": "b"}
    for name, value, told in (
        ("Count", "many", "'many' of parameter 'Count' is not of Type Integer"),
        ("On", "perhaps", "is not of Type Boolean"),
        ("Mode", "c", "none of its EnumValues"),
        ("Other", "1", "'Other' is not defined in the pipeline"),
    ):
        with pytest.raises(ValidationError, match=told):
            parameter_values(found, [{"Name": name, "Value": value}])
    with pytest.raises(ValidationError, match="'P' has no value"):
        parameter_values(read(definition(Parameters=[{"Name": "P", "Type": "String"}]), TYPES), [])


def test_paths_step_through_members_indexes_and_named_entries() -> None:
    document = {"Outputs": [{"OutputName": "train", "Uri": "s3://a"}], "a.b": [[1, 2]], "map": {"k y": 3}}
    for path, wanted in (
        ("Outputs['train'].Uri", "s3://a"), ("Outputs[0].Uri", "s3://a"), ("['a.b'][0][1]", 2), ('map["k y"]', 3),
    ):  # fmt: skip
        assert follow(document, parts(path), path) == wanted
    with pytest.raises(ExpressionError, match="there is no 'test'"):
        follow(document, parts("Outputs['test']"), "Outputs['test']")


def test_expressions_are_replaced_wherever_they_stand() -> None:
    def get(path: list[Any]) -> Any:
        return {"n": 3, "s": "text", "t": True}[path[1]]

    value = {
        "a": [{"Get": "P.n"}],
        "b": {"Std:Join": {"On": "-", "Values": ["x", {"Get": "P.s"}, {"Get": "P.t"}, 1.5]}},
    }
    assert evaluate(value | {"c": None}, get, str) == {"a": [3], "b": "x-text-true-1.5"}
    read_file = {"s3://b/k": '{"m": {"v": 0.5}}', "s3://b/bad": "no"}.__getitem__
    assert evaluate({"Std:JsonGet": {"S3Uri": "s3://b/k", "Path": "m.v"}}, get, read_file) == 0.5
    with pytest.raises(ExpressionError, match="not in valid JSON"):
        evaluate({"Std:JsonGet": {"S3Uri": "s3://b/bad", "Path": "m"}}, get, read_file)


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        ({"Type": "Equals", "LeftValue": "3", "RightValue": 3}, True),
        ({"Type": "Equals", "LeftValue": "a", "RightValue": "b"}, False),
        ({"Type": "GreaterThan", "LeftValue": 0.7, "RightValue": "0.5"}, True),
        ({"Type": "LessThanOrEqualTo", "LeftValue": 2, "RightValue": 2}, True),
        ({"Type": "LessThan", "LeftValue": "a", "RightValue": "b"}, True),
        ({"Type": "In", "QueryValue": "x", "Values": ["y", "x"]}, True),
        ({"Type": "Not", "Condition": {"Type": "In", "QueryValue": 1, "Values": ["1"]}}, False),
        (
            {"Type": "Or", "Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": right} for right in (2, 1)]},
            True,
        ),
    ],
)  # fmt: skip
def test_conditions(condition: dict[str, Any], outcome: bool) -> None:
    assert holds(condition) is outcome


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(ExpressionError, match="GreaterThan cannot compare 'a' with 1"):
        holds({"Type": "GreaterThan", "LeftValue": "a", "RightValue": 1})
    with pytest.raises(ExpressionError, match="'Near' is not known"):
        holds({"Type": "Near", "LeftValue": 1, "RightValue": 1})


def test_durations() -> None:
    assert [seconds(text) for text in ("P30d", "PT1H", "P1DT2H", "PT30M")] == [2592000, 3600, 93600, 1800]
    with pytest.raises(ValidationError, match="'soon' is no ISO 8601 duration"):
        seconds("soon")
