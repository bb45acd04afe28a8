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
    `functions` are operations outside the lifecycle, with their grade.
    """

    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    added: tuple[ResourceSpec, ...] = ()
    functions: Mapping[str, tuple[Function, Grade]] = field(default_factory=dict)


def install(engine: Engine, families: list[Family]) -> dict[str, tuple[Function, Grade]]:
    """Give the engine the families' specifications; answers all their functions."""
    functions: dict[str, tuple[Function, Grade]] = {}
    for family in families:
        for kind, fields in family.overrides.items():
            engine.specs[kind] = replace(engine.specs[kind], **fields)
        engine.specs.update({spec.kind: spec for spec in family.added})
        functions.update(family.functions)
    return functions
