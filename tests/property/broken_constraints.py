"""Every constraint of an operation's input, and requests that break exactly that one."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sageyard.wire.model import ServiceModel, Shape

from tests.property.drawn_requests import DrawnRequest, Step, fits

LONGEST_TEXT = 70_000
LONGEST_LIST = 300
MISFITS = ("!", " ", "é", "%%", "\n", "a b", "-", "\x00", "/", "Ω!")
WRONG_TYPE = "cannot be converted to an? |expected a (structure|list|map)|is out of range of "
WRONG_TYPES: dict[str, tuple[Any, ...]] = {
    "structure": ("text", 5, []),
    "list": ("text", {}, 1),
    "map": ("text", [], 1),
    "string": (5, True, [], {}, 1.5, "\ud800"),
    "integer": ("5", 1.5, True, [], {}, 10**12, float("inf"), float("nan"), 10**400),
    "long": ("5", 1.5, False, [], {}, 10**30, float("-inf")),
    "float": ("5", True, [], {}, float("nan")),
    "double": ("5", True, [], {}, float("inf")),
    "boolean": ("true", 1, [], {}),
    "timestamp": ("nonsense", True, [], {}, float("nan"), 1e300, 10**400),
    "blob": (5, "é", [], {}),
}


@dataclass(frozen=True)
class Constraint:
    """One rule at one place of an input; `expected` is a pattern of what a refusal says."""

    path: tuple[Step, ...]
    rule: str
    expected: str
    shape: Shape

    def __str__(self) -> str:
        return f"{self.rule} at {'.'.join(self.path)}"


def constraints(model: ServiceModel, operation: str) -> list[Constraint]:
    """All of an operation's; a recursive shape is entered once."""

    def walk(shape: Shape, path: tuple[Step, ...], above: tuple[int, ...]) -> Iterator[Constraint]:
        if path:
            yield from _of_value(shape, path)
        if id(shape) in above:
            return
        above = (*above, id(shape))
        for name in shape.get("required", ()):
            member = model.shapes[shape["members"][name]["shape"]]
            yield Constraint((*path, name), "required", "Member must not be null", member)
        for name, reference in shape.get("members", {}).items():
            yield from walk(model.shapes[reference["shape"]], (*path, name), above)
        for part, step in (("member", "[]"), ("key", "{key}"), ("value", "{}")):
            if part in shape:
                yield from walk(model.shapes[shape[part]["shape"]], (*path, step), above)

    return list(walk(model.input_shape(operation), (), ()))


def _of_value(shape: Shape, path: tuple[Step, ...]) -> Iterator[Constraint]:
    kind, low, high = shape["type"], shape.get("min"), shape.get("max")
    if path[-1] != "{key}":  # every key of a JSON object is a string
        yield Constraint(path, "type", WRONG_TYPE, shape)
    if shape.get("union"):
        yield Constraint(path, "union", "exactly one of its members must be set", shape)
    if "enum" in shape:
        yield Constraint(path, "enum", r"Member must satisfy enum value set: \[", shape)
        return
    sized = "length" if kind in {"string", "list", "map"} else "value"
    if low is not None and (sized == "value" or low > 0):
        yield Constraint(path, "low", f"Member must have {sized} greater than or equal to {low}", shape)
    longest = {"string": LONGEST_TEXT, "list": LONGEST_LIST, "map": 0}.get(kind, 2**31 - 2)
    if high is not None and high < longest:
        yield Constraint(path, "high", f"Member must have {sized} less than or equal to {high}", shape)
    if kind == "string" and "pattern" in shape and any(_misfits(shape)):
        yield Constraint(path, "pattern", "Member must satisfy regular expression pattern: ", shape)


def _misfits(shape: Shape) -> Iterator[str]:
    """Strings of a permitted length that the pattern refuses."""
    unpatterned = {key: value for key, value in shape.items() if key != "pattern"}
    for text in MISFITS:
        padded = text.ljust(shape.get("min", 0), text[0])
        if fits(unpatterned, padded) and not fits(shape, padded):
            yield padded


def break_one(
    model: ServiceModel, operation: str, constraint: Constraint, drawn: DrawnRequest, choice: int
) -> tuple[dict[str, Any], str]:
    """A request with that one constraint broken, and the place that the refusal must name."""
    inside = ("[]",) if constraint.rule == "high" and constraint.shape["type"] == "list" else ()
    request = drawn.build(model.input_shape(operation), (*constraint.path, *inside))
    holder, names = request, []
    for step in constraint.path[:-1]:
        key = 0 if step == "[]" else next(iter(holder)) if step == "{}" else step
        names.append(_named(step, key))
        holder = holder[key]
    step = constraint.path[-1]
    key = 0 if step == "[]" else next(iter(holder)) if step in {"{}", "{key}"} else step
    names.append(_named(step, key))
    if constraint.rule == "required":
        del holder[key]
    elif step == "{key}":
        holder[_broken(constraint, key, drawn, choice, model)] = holder.pop(key)
    else:
        holder[key] = _broken(constraint, holder[key], drawn, choice, model)
    return request, ".".join(names)


def _named(step: Step, key: Any) -> str:
    if step == "[]":
        return "1.member"
    if step == "{key}":
        return "key"
    return f"{key}.member" if step == "{}" else step[0].lower() + step[1:]


def _broken(constraint: Constraint, value: Any, drawn: DrawnRequest, choice: int, model: ServiceModel) -> Any:
    shape, kind = constraint.shape, constraint.shape["type"]
    breakers: dict[str, Callable[[], list[Any]]] = {
        "type": lambda: list(WRONG_TYPES[kind]),
        "union": lambda: [{}, {"NoSuchMember": {}}, {"NoSuchMember": None}, *_two_members(shape, drawn, model)],
        "enum": lambda: ["NoSuchValue", "", value.swapcase() + "?"],
        "pattern": lambda: list(_misfits(shape)),
        "low": lambda: [_shrunk(value, shape["min"])],
        "high": lambda: [_grown(value, shape["max"])],
    }
    broken = breakers[constraint.rule]()
    return broken[choice % len(broken)]


def _two_members(shape: Shape, drawn: DrawnRequest, model: ServiceModel) -> list[Any]:
    members = list(shape["members"].items())[:2]
    built = {name: drawn.build(model.shapes[reference["shape"]]) for name, reference in members}
    return [built] if len(members) == 2 else []


def _shrunk(value: Any, low: int) -> Any:
    if isinstance(value, str | list):
        return value[: low - 1]
    return dict(list(value.items())[: low - 1]) if isinstance(value, dict) else low - 1


def _grown(value: Any, high: int) -> Any:
    if isinstance(value, str):
        return (value or "a").ljust(high + 1, "a")
    return [json.loads(json.dumps(value[0])) for _ in range(high + 1)] if isinstance(value, list) else high + 1
