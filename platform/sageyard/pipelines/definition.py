"""A pipeline definition of version 2020-12-01, read and checked before anything of it runs.

Errors name the step or parameter and the way out. Steps inside a Condition step's branches are steps of the pipeline
like any other; those in a ForEach body become steps once the items are known.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sageyard.errors import ValidationError
from sageyard.pipelines.expressions import ExpressionError, gets, parts
from sageyard.pipelines.properties import unknown
from sageyard.pipelines.scope import VARIABLES
from sageyard.pipelines.wellformed import flaw

VERSION = "2020-12-01"
UNREADABLE = "Unable to parse pipeline definition. "
"""How AWS's refusals begin (aws/sagemaker-python-sdk #2345, #3908)."""
TRIGGERS = ("Completed", "Failed", "Stopped", "Any")
PARAMETER_TYPES = {"String": str, "Integer": int, "Float": float, "Boolean": bool}


@dataclass(frozen=True)
class Step:
    """One step. `document` is its part of the definition; `needs` maps steps before it to the outcome wanted."""

    name: str
    type: str
    arguments: Any
    document: dict[str, Any]
    needs: dict[str, str] = field(default_factory=dict)
    branch: tuple[str, bool] | None = None
    """The Condition step whose outcome must be this one."""
    body: tuple["Step", ...] = ()
    """What a ForEach step does for each item."""


@dataclass(frozen=True)
class Definition:
    """Parameters by name, and steps by name in the order of the document."""

    parameters: dict[str, dict[str, Any]]
    steps: dict[str, Step]
    experiment: Any = None

    def order(self) -> list[str]:
        """Names of the steps, each behind those it needs; raises CycleError."""
        return list(TopologicalSorter({step.name: list(step.needs) for step in self.steps.values()}).static_order())


def read(text: str, types: frozenset[str]) -> Definition:
    """Parse and check; `types` are the step types there are. Raises ValidationError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"it is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise _invalid("Expecting start of Json Object")
    if document.get("Version") != VERSION:
        raise _invalid(f"Version {document.get('Version')!r} is not supported: use {VERSION!r}")
    parameters: dict[str, dict[str, Any]] = {}
    for one in _entries(document, "Parameters"):
        if one["Name"] in parameters:
            raise _invalid(f"two parameters are named {one['Name']!r}: names must be unique")
        if one["Type"] not in PARAMETER_TYPES:
            raise _invalid(f"parameter {one['Name']!r} has Type {one['Type']!r}: use one of {[*PARAMETER_TYPES]}")
        if "DefaultValue" in one:
            try:
                _typed(one["Name"], one, one["DefaultValue"])
            except ValidationError as error:
                raise _invalid(error.message.rstrip(".")) from None
        parameters[one["Name"]] = one
    steps: dict[str, Step] = {}
    for step in _flat(_entries(document, "Steps"), None, types):
        if step.name in steps:
            raise _invalid(f"two steps are named {step.name!r}: names must be unique")
        steps[step.name] = step
    definition = Definition(parameters, steps, document.get("PipelineExperimentConfig"))
    _check(definition)
    return definition


def _flat(documents: list[Any], branch: tuple[str, bool] | None, types: frozenset[str]) -> Iterator[Step]:
    for document in documents:
        name, kind, arguments = document["Name"], document["Type"], document.get("Arguments", {})
        if kind not in types:
            raise _invalid(f"step {name!r} has Type {kind!r}, which is none of {', '.join(sorted(types))}")
        if (wrong := flaw(document)) is not None:
            raise _invalid(f"step {name!r}: {wrong}")
        own, branches = arguments, []
        body: tuple[Step, ...] = ()
        if kind == "Condition":
            branches = [_entries(arguments, "IfSteps"), _entries(arguments, "ElseSteps")]
            own = {"Conditions": arguments.get("Conditions", [])}
        if kind == "ForEach":
            body = _ordered(name, tuple(_flat(_entries(arguments, "ForEachBody"), None, types)))
            own = {key: value for key, value in arguments.items() if key not in {"ForEachBody", "Selector"}}
        needs = dict(_dependency(entry) for entry in document.get("DependsOn") or [])
        if unheard := [trigger for trigger in needs.values() if trigger not in TRIGGERS]:
            raise _invalid(f"step {name!r} depends on Trigger {unheard[0]!r}: use one of {', '.join(TRIGGERS)}")
        asked = [own, *(child.arguments for child in body)]
        asked += [document.get(key) for key in ("SuppliedBaselineStatistics", "SuppliedBaselineConstraints")]
        asked += [document.get(key) for key in ("SkipCheck", "RegisterNewBaseline", "ModelPackageGroupName")]
        inner = {child.name for child in body}
        for child in body:
            needs |= {needed: trigger for needed, trigger in child.needs.items() if needed not in inner | needs.keys()}
        for path in _paths(name, asked):
            if path[0] == "Steps" and str(path[1]) not in inner:
                needs.setdefault(str(path[1]), "Completed")
        if branch is not None:
            needs.setdefault(branch[0], "Completed")
        yield Step(name, kind, own, document, needs, branch, body)
        for number, branch_steps in enumerate(branches):
            yield from _flat(branch_steps, (name, number == 0), types)


def _ordered(name: str, body: tuple[Step, ...]) -> tuple[Step, ...]:
    """A ForEach step's body, each step behind those of the body that it needs."""
    steps = {child.name: child for child in body}
    order = TopologicalSorter({child.name: [one for one in child.needs if one in steps] for child in body})
    try:
        return tuple(steps[child] for child in order.static_order())
    except CycleError as error:
        raise _invalid(f"the steps in the body of {name!r} form a cycle: {' -> '.join(error.args[1])}") from None


def _entries(document: Any, member: str) -> list[dict[str, Any]]:
    """Steps or parameters: objects with a Name and a Type."""
    if not isinstance(document, dict):
        raise _invalid(f"Expecting start of Json Object: what holds {member} must be an object")
    entries = document.get(member)
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise _invalid(f"Expecting start of Json Array: {member} must be a list")
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise _invalid(f"Expecting start of Json Object: {member}[{index}] must be an object")
        for name in ("Name", "Type"):
            if not isinstance(entry.get(name), str):
                raise _invalid(f"{member}[{index}] must have a {name} that is a string")
    return entries


def _dependency(entry: Any) -> tuple[str, str]:
    """An entry of DependsOn: a step's name, or `{"Step": name, "Trigger": outcome}`."""
    return (entry["Step"], entry.get("Trigger", TRIGGERS[0])) if isinstance(entry, dict) else (entry, TRIGGERS[0])


def _paths(name: str, value: Any) -> Iterator[list[str | int]]:
    for path in gets(value):
        try:
            steps = parts(path)
        except ExpressionError as error:
            raise _invalid(f"step {name!r}: {error}") from None
        if len(steps) < 2 and steps != ["ForEach"]:
            raise _invalid(f"step {name!r} asks for {path!r}: give Parameters.NAME, Steps.NAME.… or Execution.NAME")
        yield steps


def _check(definition: Definition) -> None:
    for step in definition.steps.values():
        for name in step.needs:
            if name not in definition.steps:
                raise _invalid(
                    f"step {step.name!r} depends on {name!r}, which is no step of the pipeline: its steps are "
                    f"{', '.join(definition.steps)}"
                )
        for path in _asked(step):
            _check_path(f"step {step.name!r}", path, definition)
    for path in _paths("PipelineExperimentConfig", definition.experiment):
        _check_path("PipelineExperimentConfig", path, definition)
    try:
        definition.order()
    except CycleError as error:
        raise _invalid(f"its steps form a cycle: {' -> '.join(error.args[1])}") from None
    for step in definition.steps.values():
        for path in _asked(step):
            inner = {child.name: child for child in step.body}
            asked = (definition.steps | inner).get(str(path[1])) if path[0] == "Steps" else None
            if asked is not None and (wrong := unknown(asked.type, asked.document, path[2:])) is not None:
                shown = ".".join(map(str, path))
                raise _invalid(f"step {step.name!r} asks for {shown}, but of a {asked.type} step {wrong}")


def _check_path(owner: str, path: list[str | int], definition: Definition) -> None:
    if path[0] == "Parameters" and path[1] not in definition.parameters:
        raise _invalid(
            f"{owner} uses parameter {path[1]!r}, which is not defined: the parameters are "
            f"{', '.join(definition.parameters) or 'none'}"
        )
    if path[0] not in {"Parameters", "Steps", "Execution", "ForEach", "IterationOutput"}:
        raise _invalid(f"{owner} asks for {path[0]!r}: use Parameters, Steps or Execution")
    if path[0] == "Execution" and path[1] not in VARIABLES:
        raise _invalid(f"{owner} asks for execution variable {path[1]!r}: there are {', '.join(VARIABLES)}")


def _asked(step: Step) -> Iterator[list[str | int]]:
    """What a step's own arguments ask for, and those of its body; steps of branches stand for themselves."""
    return _paths(step.name, [step.arguments, *(child.arguments for child in step.body)])


def _invalid(reason: str) -> ValidationError:
    return ValidationError(f"{UNREADABLE}{reason[0].upper()}{reason[1:]}.")


def parameter_values(definition: Definition, given: list[dict[str, str]]) -> dict[str, Any]:
    """All parameters' values, of their declared types; raises ValidationError."""
    values = {name: one["DefaultValue"] for name, one in definition.parameters.items() if "DefaultValue" in one}
    for one in given:
        name, text = one["Name"], one["Value"]
        if name not in definition.parameters:
            raise ValidationError(
                f"Parameter {name!r} is not defined in the pipeline: its parameters are "
                f"{', '.join(definition.parameters) or 'none'}."
            )
        values[name] = text
    for name, parameter in definition.parameters.items():
        if values.get(name) is None:
            raise ValidationError(f"Parameter {name!r} has no value: it has no default, so give it one at the start.")
        values[name] = _typed(name, parameter, values[name])
    return values


def _typed(name: str, parameter: dict[str, Any], value: Any) -> Any:
    kind = PARAMETER_TYPES[parameter["Type"]]
    try:
        if kind is bool and isinstance(value, str):
            typed: Any = {"true": True, "false": False}[value.lower()]
        else:
            typed = kind(value)
    except (ValueError, KeyError, TypeError):
        raise ValidationError(f"Value {value!r} of parameter {name!r} is not of Type {parameter['Type']}.") from None
    choices = parameter.get("EnumValues")
    if choices and typed not in choices:
        raise ValidationError(f"Value {value!r} of parameter {name!r} is none of its EnumValues {choices}.")
    return typed
