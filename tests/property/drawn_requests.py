"""Valid requests of any operation, drawn from the service model: one seed is one request."""

import random
import re
from collections import Counter
from functools import cache
from typing import Any

import regex
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument, Unsatisfiable
from sageyard.wire.model import ServiceModel, Shape

from tests.conformance.minimal_requests import CANDIDATES, string

ODD = (
    "", "123456789012", "0", "a" * 63, "é😀", "\x00", "../..", "%s{}'\"", "null", "[1]", "{}", " ", "2024-02-30", "NOW",
)  # fmt: skip
"""What careless code trips over, tried wherever length and pattern allow it."""
DEEPEST = 6
"""Below this, only required members are drawn: shapes may be recursive."""
DRAWN_PER_PATTERN = 4

Step = str
"""A member's name, or `[]` an item of a list, `{}` a value and `{key}` a key of a map."""


def fits(shape: Shape, text: str) -> bool:
    """Whether a string satisfies length and pattern; Java's surrogate ranges are code points here."""
    pattern = shape.get("pattern", ".*").replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    within = shape.get("min", 0) <= len(text) <= shape.get("max", 1 << 20)
    return within and ("pattern" not in shape or regex.fullmatch(pattern, text) is not None)


@cache
def _strings(low: int, high: int, pattern: str | None) -> tuple[str, ...]:
    shape: Shape = {"min": low, "max": high} | ({"pattern": pattern} if pattern is not None else {})
    found = [text for text in (*CANDIDATES, *ODD, "a" * low) if fits(shape, text)]
    if pattern is not None:
        found += [text for text in _drawn(pattern) if fits(shape, text)]
    return tuple(found) or (string(shape),)


@cache
def _drawn(pattern: str) -> tuple[str, ...]:
    """What hypothesis makes of a pattern; nothing for Java's own, which `re` does not compile, and for look-aheads."""
    found: list[str] = []
    try:
        strategy = st.from_regex(pattern, fullmatch=True)

        @settings(max_examples=DRAWN_PER_PATTERN, database=None, derandomize=True, phases=[Phase.generate],
                  deadline=None, suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(strategy)
        def draw(text: str) -> None:
            found.append(text)

        draw()
    except (re.error, InvalidArgument, Unsatisfiable):
        return ()
    return tuple(found)


class DrawnRequest:
    """One request. `richness` is the share of optional members; 0 and a small seed make the plainest one."""

    def __init__(self, model: ServiceModel, seed: int, richness: float) -> None:
        self.model = model
        self._random = random.Random(seed)
        self._plain = seed == 0
        self._richness = richness
        self._open: Counter[int] = Counter()

    def build(self, shape: Shape, path: tuple[Step, ...] = ()) -> Any:
        """A valid value; what `path` leads to is in it, inside the first item of each list and map on the way."""
        kind = shape["type"]
        if kind == "structure":
            return self._structure(shape, path)
        if kind == "list":
            item = self.model.shapes[shape["member"]["shape"]]
            first = [self.build(item, path[1:])] if path else []
            return first + [self.build(item) for _ in range(self._size(shape) - len(first))]
        if kind == "map":
            return self._map(shape, path)
        if kind == "string":
            return self.text(shape)
        return self._scalar(shape)

    def text(self, shape: Shape) -> str:
        """A valid string."""
        if "enum" in shape:
            return str(self._choice(tuple(shape["enum"])))
        return self._choice(_strings(shape.get("min", 0), shape.get("max", 1 << 20), shape.get("pattern")))

    def _choice(self, values: tuple[str, ...]) -> str:
        return values[0] if self._plain else self._random.choice(values)

    def _structure(self, shape: Shape, path: tuple[Step, ...]) -> dict[str, Any]:
        members = shape.get("members", {})
        required = shape.get("required", ())
        if shape.get("union"):
            names = [path[0] if path else self._choice(tuple(members))] if members else []
        else:
            deep = self._open.total() >= DEEPEST or self._open[id(shape)]
            richness = 0.0 if deep else self._richness
            names = [
                name
                for name in members
                if name in required or (path and name == path[0]) or self._random.random() < richness
            ]
        self._open[id(shape)] += 1
        built = {
            name: self.build(self.model.shapes[members[name]["shape"]], path[1:] if path and name == path[0] else ())
            for name in names
        }
        self._open[id(shape)] -= 1
        return built

    def _map(self, shape: Shape, path: tuple[Step, ...]) -> dict[str, Any]:
        key, value = (self.model.shapes[shape[part]["shape"]] for part in ("key", "value"))
        built = {self.text(key): self.build(value, path[1:] if path and path[0] == "{}" else ())} if path else {}
        for _ in range(self._size(shape) - len(built)):
            built.setdefault(self.text(key), self.build(value))
        return built

    def _size(self, shape: Shape) -> int:
        low = shape.get("min", 0)
        return max(low, min(shape.get("max", 3), 0 if self._plain else self._random.randint(0, 2)))

    def _scalar(self, shape: Shape) -> Any:
        kind = shape["type"]
        if kind == "boolean":
            return self._random.random() < 0.5
        if kind == "timestamp":
            return 1_700_000_000 + self._random.randint(-(10**9), 10**9)
        if kind == "blob":
            return "eA=="
        low, high = shape.get("min", 0), shape.get("max", 1000)
        if kind in {"integer", "long"}:
            return low if self._plain else self._random.randint(int(low), int(max(low, high)))
        return low if self._plain else round(self._random.uniform(low, max(low, high)), 6)
