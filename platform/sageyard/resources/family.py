"""What a file in `sageyard.sagemaker` declares: only what differs from derivation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sageyard.resources.engine import Engine
from sageyard.resources.operations import Function
from sageyard.resources.spec import Grade, ResourceSpec


@dataclass(frozen=True, slots=True)
class Family:
    """Resource types that belong together.

    `overrides` replaces fields of derived specifications, by kind; `added` are types that no Create operation makes;
    `functions` are operations outside the lifecycle, with their grade; `runtime` are those of sister services, by
    service; `refused` says of operations that are not carried out why, and what to use instead.
    """

    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    added: tuple[ResourceSpec, ...] = ()
    functions: Mapping[str, tuple[Function, Grade]] = field(default_factory=dict)
    runtime: Mapping[str, Mapping[str, tuple[Function, Grade]]] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


def install(engine: Engine, families: list[Family]) -> Family:
    """Give the engine the families' specifications; answers the operations of all of them as one."""
    functions: dict[str, tuple[Function, Grade]] = {}
    runtime: dict[str, dict[str, tuple[Function, Grade]]] = {}
    refused: dict[str, str] = {}
    for family in families:
        for kind, fields in family.overrides.items():
            engine.specs[kind] = replace(engine.specs[kind], **fields)
        engine.specs.update({spec.kind: spec for spec in family.added})
        functions.update(family.functions)
        for service, operations in family.runtime.items():
            runtime.setdefault(service, {}).update(operations)
        refused.update(family.refused)
    return Family(functions=functions, runtime=runtime, refused=refused)
