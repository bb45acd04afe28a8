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


def get(path: str) -> dict[str, str]:
    return {"Get": path}


def either(*steps: Any, **members: Any) -> dict[str, Any]:
    """A Condition step with these steps in a branch."""
    return step("Either", Type="Condition", Arguments={"Conditions": [], "IfSteps": list(steps)}, **members)


def each(*steps: Any) -> dict[str, Any]:
    """A ForEach step with these steps in its body."""
    return step("Each", Type="ForEach", Arguments={"IterableItems": ["a"], "ForEachBody": list(steps)})


FILE = {"PropertyFileName": "P", "OutputName": "o"}


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
                step("A", Type="Processing", PropertyFiles=[{**FILE, "FilePath": "f"}]),
                step(
                    "B", Arguments={"x": {"Std:JsonGet": {"PropertyFile": get("Steps.A.PropertyFiles.Q"), "Path": "a"}}}
                ),
            ),
            "it declares no property file 'Q': it has P",
        ),
        (definition(step("A", Arguments={"x": {"Get": "Parameters['P"}})), "is no property path"),
        (definition(step("A", DependsOn=[{"Step": "A", "Trigger": "Sometimes"}])), "Trigger 'Sometimes'"),
        (definition(Parameters=[{"Name": "P", "Type": "Colour"}]), "parameter 'P' has Type 'Colour'"),
        (
            definition(Parameters=[{"Name": "P", "Type": "Integer", "DefaultValue": "many"}]),
            "Value 'many' of parameter 'P' is not of Type Integer",
        ),
        (
            definition(PipelineExperimentConfig={"ExperimentName": {"Get": "Parameters.P"}}),
            "PipelineExperimentConfig uses parameter 'P', which is not defined: the parameters are none",
        ),
        (definition(step("A", Arguments={"x": {"Get": "Execution.Day"}})), "execution variable 'Day': there are Start"),
        (
            definition(step("A"), either(step("B", Arguments={"x": {"Get": "Steps.A.Nothing"}}))),
            "step 'B' asks for Steps.A.Nothing, but of a Training step there is no property 'Nothing'",
        ),
        (definition(either(step("A"), DependsOn=["A"])), "Its steps form a cycle: "),
        (definition(either(step("A", DependsOn=["B"]))), "Step 'A' depends on 'B', which is no step of the pipeline"),
        (
            definition(each(step("A"), step("B", Arguments={"x": {"Get": "Steps.A.Nothing"}}))),
            "step 'Each' asks for Steps.A.Nothing, but of a Training step there is no property 'Nothing'",
        ),
        (definition(each(step("A", DependsOn=["B"]))), "Step 'Each' depends on 'B', which is no step of the pipeline"),
        (
            definition(each(step("A", DependsOn=["B"]), step("B", DependsOn=["A"]))),
            "The steps in the body of 'Each' form a cycle: ",
        ),
        (
            definition(
                step("A", Type="Lambda", FunctionArn="arn", OutputParameters=[{"OutputName": "score"}]),
                step("B", Arguments={"x": {"Get": "Steps.A.OutputParameters['scores']"}}),
            ),
            "of a Lambda step it declares no output 'scores': it has score",
        ),
    ],
)
def test_a_definition_that_cannot_run_is_refused_by_name(text: str, told: str) -> None:
    with pytest.raises(ValidationError, match="Unable to parse pipeline definition") as caught:
        read(text, TYPES)
    assert told.lower() in caught.value.message.lower()


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"Arguments": [1]}, "Expecting start of Json Object: its Arguments must be an object"),
        ({"DependsOn": "B"}, "its DependsOn must be a list of steps"),
        ({"DependsOn": [{"Trigger": "Failed"}]}, "give a step's name, or an object with Step and Trigger"),
        ({"PropertyFiles": ["evaluation.json"]}, "its PropertyFiles must be a list of objects"),
        ({"PropertyFiles": [FILE]}, "its PropertyFiles[0] must have a FilePath that is a string"),
        ({"CacheConfig": "yes"}, "its CacheConfig must be an object"),
        ({"CacheConfig": {"Enabled": True, "ExpireAfter": "soon"}}, "ExpireAfter 'soon' is no ISO 8601 duration"),
        ({"RetryPolicies": [{"ExceptionType": ["Bad.LUCK"]}]}, "'Bad.LUCK': use one of Step.SERVICE_FAULT, "),
        ({"Arguments": {"x": {"Get": 3}}}, "its Get is 3: give a path"),
        ({"Arguments": {"x": {"Std:Join": {"On": "/"}}}}, "its Std:Join must have Values, a list"),
        ({"Arguments": {"x": {"Std:JsonGet": {"Path": "a"}}}}, "Std:JsonGet must have a Path, and a PropertyFile"),
        ({"Type": "Fail"}, "the Arguments of a Fail step must have ErrorMessage"),
        ({"Type": "Lambda"}, "a Lambda step must have FunctionArn"),
        ({"Type": "Condition", "Arguments": {"Conditions": "x"}}, "its Conditions must be a list"),
        (
            {"Type": "Condition", "Arguments": {"Conditions": [{"Type": "Not", "Condition": {"Type": "Near"}}]}},
            "its condition has Type 'Near': use one of Equals, ",
        ),
        (
            {"Type": "Condition",
             "Arguments": {"Conditions": [{"Type": "And", "Conditions": [{"Type": "Equals", "LeftValue": 1}]}]}},
            "its condition Equals must have a LeftValue and a RightValue",
        ),
        (
            {"Type": "Condition", "Arguments": {"Conditions": [{"Type": "In", "QueryValue": 1}]}},
            "its condition In must have a QueryValue and Values",
        ),
    ],
)  # fmt: skip
def test_a_step_of_another_form_is_refused_by_its_member(members: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(definition(step("A", **members)), TYPES)
    assert caught.value.message.startswith("Unable to parse pipeline definition. Step 'A': ")
    assert told in caught.value.message


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
