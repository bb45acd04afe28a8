"""Search over the resources of one type, by any property (API reference: Search, SearchExpression, Filter)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sageyard.errors import ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, ResourceSpec
from sageyard.resources.tokens import invalid, seal, unseal
from sageyard.store.resources import Row, Selection
from sageyard.store.trial_members import TrialMembers
from sageyard.wire.model import ServiceModel

KINDS = {"ExperimentTrial": "Trial", "ExperimentTrialComponent": "TrialComponent"}
"""Where the Resource of a request is not the kind and the member of the SearchRecord that holds it."""
PAGE = 100
BATCH = 200
ORDER: dict[str, Callable[[float, float], bool]] = {
    "GreaterThan": lambda value, limit: value > limit,
    "GreaterThanOrEqualTo": lambda value, limit: value >= limit,
    "LessThan": lambda value, limit: value < limit,
    "LessThanOrEqualTo": lambda value, limit: value <= limit,
}


class Search:
    """Evaluates an expression over the Describe documents of a kind, each with its Tags and Parents."""

    def __init__(self, engine: Engine, model: ServiceModel) -> None:
        self.engine = engine
        self.members = TrialMembers(engine.store.database)
        self.records = model.shapes["SearchRecord"]["members"]

    async def answer(self, request: Document, context: Context) -> Document:
        """One page, newest change first unless SortBy says otherwise; results without the property come last."""
        resource = str(request["Resource"])
        kind = KINDS.get(resource, resource)
        spec = self.engine.specs.get(kind)
        if spec is None or kind not in self.records:
            raise ValidationError(f"Sageyard cannot search {resource}: use List or Describe of this resource instead.")
        expression, sort_by = request.get("SearchExpression", {}), request.get("SortBy", "LastModifiedTime")
        asked = f"{expression} {sort_by}"
        keyed: list[tuple[tuple[Any, ...], str, Row]] = []
        async for row in self._rows(spec, expression, context.region):
            document = self._document(spec, row, asked)
            if matches(document, expression):
                keyed.append((_sort_key(document, sort_by), row.arn, row))
        descending = request.get("SortOrder", "Descending") == "Descending"
        present = sorted((entry for entry in keyed if entry[0]), key=lambda entry: entry[:2], reverse=descending)
        absent = sorted((entry for entry in keyed if not entry[0]), key=lambda entry: entry[1])
        ordered = [(key, arn) for key, arn, _ in (*present, *absent)]
        first = 0
        if token := request.get("NextToken"):
            first = _after(token, ordered, descending=descending)
        limit = int(request.get("MaxResults", PAGE))
        page = (*present, *absent)[first : first + limit]
        more = len(ordered) > first + limit
        shown = [self._document(spec, row, "Tags Parents") for _, _, row in page]
        return {
            "Results": [{kind: {"Model": one} if kind == "Model" else one} for one in shown],  # a dashboard entry
            "NextToken": seal(list(page[-1][0]), page[-1][1]) if more else None,
            "TotalHits": {"Value": len(ordered), "Relation": "EqualTo"},
        }

    async def _rows(self, spec: ResourceSpec, expression: Document, region: str) -> AsyncIterator[Row]:
        """The rows that may match: those with a name, tag or trial that the expression demands, else all of the kind.

        Other requests are served between batches.
        """
        among: set[str] | None = None
        if expression.get("Operator", "And") == "And":
            for one in expression.get("Filters", []):
                if one.get("Operator", "Equals") == "Equals" and "Value" in one:
                    demanded = self._demanded(spec, region, one["Name"], one["Value"])
                    if demanded is not None:
                        among = demanded if among is None else among & demanded
        wanted = Selection(spec.kind, region, among=None if among is None else sorted(among), limit=BATCH)
        while rows := self.engine.store.select(wanted):
            for row in rows:
                yield row
            wanted = replace(wanted, after=(rows[-1].created, rows[-1].id))
            await asyncio.sleep(0)

    def _demanded(self, spec: ResourceSpec, region: str, name: str, value: str) -> set[str] | None:
        """The ARNs that can have this value, where an index knows."""
        if spec.identity == (name,):
            row = self.engine.store.get(spec.kind, region, value)
            return {row.arn} if row else set()
        if name.startswith("Tags."):
            return set(self.engine.store.tagged(name.removeprefix("Tags."), value))
        if name == "Parents.TrialName" and spec.kind == "TrialComponent":
            trial = self.engine.store.get("Trial", region, value)
            return set(self.members.components([trial.arn])) if trial else set()
        return None

    def _document(self, spec: ResourceSpec, row: Row, asked: str) -> Document:
        """What Describe shows, with those of Tags and Parents that are asked for."""
        document = spec.hooks.describe(StoredResource(self.engine, row), self.engine.document(row))
        if "Tags" in asked:
            tags = [{"Key": key, "Value": value} for key, value in self.engine.store.tags(row.arn)]
            document = document | {"Tags": tags}
        if "Parents" in asked and spec.kind == "TrialComponent":
            trials = [self.engine.store.by_arn(arn, "Trial") for arn in self.members.trials(row.arn)]
            parents = [
                {"TrialName": trial.name, "ExperimentName": trial.document["ExperimentName"]}
                for trial in trials
                if trial is not None
            ]
            document = document | {"Parents": parents}
        return document


def matches(document: Document, expression: Document) -> bool:
    """Whether a document satisfies filters, nested filters and sub-expressions, joined by the Operator."""
    joined = any if expression.get("Operator") == "Or" else all
    answers = [
        *(_satisfies(document, one) for one in expression.get("Filters", [])),
        *(_nested(document, one) for one in expression.get("NestedFilters", [])),
        *(matches(document, one) for one in expression.get("SubExpressions", [])),
    ]
    return joined(answers) if answers else True


def _nested(document: Document, nested: Document) -> bool:
    """One item of the list must satisfy all filters, whose names may begin with the list's own."""
    prefix = nested["NestedPropertyName"] + "."
    filters = [one | {"Name": one["Name"].removeprefix(prefix)} for one in nested["Filters"]]
    items = property_values(document, nested["NestedPropertyName"])
    return any(all(_satisfies(item, one) for one in filters) for item in items if isinstance(item, dict))


def property_values(value: Any, path: str) -> list[Any]:
    """All values at a dotted path: lists are looked into, `Tags.<key>` and `Metrics.<name>` by key, and a parameter's
    StringValue or NumberValue is its value."""
    if isinstance(value, list):
        return [found for item in value for found in property_values(item, path)]
    if not isinstance(value, dict):
        return []
    if path in value:  # names of parameters and metrics may have dots
        inner = value[path]
        if isinstance(inner, dict) and inner.keys() <= {"StringValue", "NumberValue"}:
            inner = next(iter(inner.values()), None)
        return inner if isinstance(inner, list) else [inner]
    step, _, rest = path.partition(".")
    if not rest or step not in value:
        return []
    inner = value[step]
    if step == "Tags":
        return [tag["Value"] for tag in inner if tag["Key"] == rest]
    if step in {"Metrics", "FinalMetricDataList"}:
        return [metric.get("Value", metric.get("Last")) for metric in inner if metric.get("MetricName") == rest]
    return property_values(inner, rest)


def _satisfies(document: Document, one: Document) -> bool:
    values = property_values(document, one["Name"])
    operator, wanted = one.get("Operator", "Equals" if "Value" in one else "Exists"), one.get("Value")
    if operator in {"Exists", "NotExists"}:
        return bool(values) if operator == "Exists" else not values
    if wanted is None:
        raise ValidationError(f"The filter on {one['Name']!r} needs a Value for its Operator {operator}.")
    if operator in {"Equals", "NotEquals"}:
        found = any(_equal(value, wanted) for value in values)
        return found if operator == "Equals" else not found
    if operator == "Contains":
        return any(str(wanted).lower() in value.lower() for value in values if isinstance(value, str))
    if operator == "In":
        choices = [choice.strip() for choice in wanted.split(",")]
        return any(_equal(value, choice) for value in values for choice in choices)
    limit = _number(wanted)
    if limit is None:
        raise ValidationError(
            f"Value {wanted!r} of the filter on {one['Name']!r} is neither a number nor a date-time such as "
            f"2026-01-31T12:00:00, which the Operator {operator} needs."
        )
    return any(ORDER[operator](number, limit) for value in values if (number := _number(value)) is not None)


def _equal(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return str(value).lower() == wanted.lower()
    if isinstance(value, (int, float)):
        return bool(value == _number(wanted))
    return bool(value == wanted)


def _number(value: Any) -> float | None:
    """A number, a decimal in a string, or an ISO 8601 date-time as epoch seconds."""
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _sort_key(document: Document, name: str) -> tuple[Any, ...]:
    """Numbers before texts; empty where the document has no such property."""
    values = [value for value in property_values(document, name) if isinstance(value, (str, int, float))]
    if not values:
        return ()
    number = _number(values[0])
    return (0, number) if number is not None else (1, values[0])


def _after(token: str, ordered: list[tuple[tuple[Any, ...], str]], *, descending: bool) -> int:
    """The index of the first result behind the one that a token names, which may be gone by now."""
    key, arn = unseal(token, 2)
    if not isinstance(key, list) or not isinstance(arn, str):
        raise invalid(token)
    last = (tuple(key), arn)
    for index, entry in enumerate(ordered):
        if bool(entry[0]) != bool(last[0]):
            behind = not entry[0]
        else:
            behind = entry < last if descending and entry[0] else entry > last
        if behind:
            return index
    return len(ordered)


def family(engine: Engine, model: ServiceModel) -> Family:
    """Search."""
    return Family(functions={"Search": (Search(engine, model).answer, "runs")})
