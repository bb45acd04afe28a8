"""Search expressions as conditions of the store, so that a search need not read every resource.

A condition leaves every resource that satisfies the expression, and maybe others: `search_expression.matches` is the
truth. Names, statuses, times, tags, parents and final metrics have indexes of their own; any other property that
the model leads to without a list on the way gets one when it is first searched or sorted by.
"""

import math
from dataclasses import replace

from sageyard.resources.spec import Document, Hooks, ResourceSpec
from sageyard.sagemaker.search_expression import as_number, choices_of, operator_of
from sageyard.store.conditions import (
    ORDERS,
    Condition,
    Order,
    Range,
    arn_equals,
    both,
    compared,
    either,
    metric_compared,
    metric_order,
    of_trials,
    property_compared,
    property_contains,
    property_order,
    tagged,
    untagged,
)
from sageyard.store.properties import Property, expressible
from sageyard.store.resources import Resources
from sageyard.wire.model import ServiceModel, Shape

MARGIN = 1e-9
"""SQLite reads decimals less exactly than Python does."""
CHOICES = 20
ABOVE, BELOW = {"GreaterThan", "GreaterThanOrEqualTo"}, {"LessThan", "LessThanOrEqualTo"}
PARTS = {"StringValue", "NumberValue"}
ANY = ">= -1e999"
METRICS = "Metrics."
TIMES = {"CreationTime": "created", "LastModifiedTime": "modified"}
COMPUTED = {"TrialComponent": {"Metrics", "LineageGroupArn"}}
"""What Describe adds to the documents of types whose other members are those that are stored."""
TRIALS = {"Parents.TrialName": "name", "Parents.ExperimentName": "parent"}
"""Properties of a trial component that its trials have as columns."""


class SearchConditions:
    """Of the resources of one kind in one region. `arns` is what their ARNs begin with."""

    def __init__(self, store: Resources, model: ServiceModel, spec: ResourceSpec, region: str, arns: str) -> None:
        self.store = store
        self.model = model
        self.spec = spec
        self.region = region
        self.arns = arns
        self.stored = type(spec.hooks).describe is Hooks.describe  # else members may be shown that no row holds

    def of(self, expression: Document) -> list[Condition]:
        """What every resource that satisfies the expression satisfies."""
        parts = [
            *([condition] if (condition := self._filter(one)) else [] for one in expression.get("Filters", ())),
            *([] for _ in expression.get("NestedFilters", ())),
            *(self.of(one) for one in expression.get("SubExpressions", ())),
        ]
        if expression.get("Operator") != "Or":
            return [*self._windows(expression), *(condition for part in parts for condition in part)]
        return [either([both(part) for part in parts])] if parts and all(parts) else []

    def order(self, sort_by: str) -> Order | None:
        """What results are sorted by; None for what only the documents themselves tell."""
        if (column := self._column(sort_by)) is not None:
            return next(order for order in ORDERS.values() if order.key[0] == column)
        if self._metric(sort_by):
            return metric_order(sort_by.removeprefix(METRICS))
        if (found := self._property(sort_by)) is not None:
            return property_order(self.store.properties, self.spec.kind, found)
        return None

    # -- one filter -----------------------------------------------------------------------------------------------

    def _filter(self, one: Document) -> Condition | None:
        name, operator, value = one["Name"], operator_of(one), one.get("Value", "")
        if "\0" in value or not _encodable(name + value):
            return None
        if (column := self._column(name)) is not None:
            return self._of_column(column, operator, value)
        if name == self.spec.arn_member:
            return arn_equals(value) if self.stored and operator == "Equals" else None
        if name.startswith("Tags."):
            return self._of_tag(name.removeprefix("Tags."), operator, value)
        if name in TRIALS and self.spec.kind == "TrialComponent" and operator == "Equals":
            return of_trials(self.region, TRIALS[name], value)
        if self._metric(name):
            ranges = _ranges(operator, value)
            return metric_compared(name.removeprefix(METRICS), ranges) if ranges and operator != "NotExists" else None
        if (found := self._property(name)) is not None:
            return self._of_property(found, operator, value)
        return None

    def _of_column(self, column: str, operator: str, value: str) -> Condition | None:
        kind, region = self.spec.kind, self.region
        if column in {"created", "modified"}:
            number = as_number(value)
            if operator not in {"Equals", *ABOVE, *BELOW} or number is None:
                return None
            ranges = [one for one in _ranges(operator, value) if one[0] not in {"= ?", ">= ''"}]
            return compared(column, kind, region, ranges) if ranges else None
        if operator == "Equals":
            return compared(column, kind, region, [("= ?", (value,))])
        if operator == "In" and len(choices_of(value)) <= CHOICES:
            return compared(column, kind, region, [("= ?", (choice,)) for choice in choices_of(value)])
        if operator == "NotEquals" and column == "status":
            return compared(column, kind, region, [("< ?", (value,)), ("> ?", (value,))])
        if operator == "Contains" and column == "name":
            return self.store.name_contains(kind, region, value)
        if operator == "Contains":
            return Condition(f"instr(lower(resources.{column}), lower(?)) > 0", (value,))
        return None

    def _of_tag(self, key: str, operator: str, value: str) -> Condition | None:
        if operator == "Equals":
            return tagged(key, self.arns, value)
        if operator == "In" and len(choices_of(value)) <= CHOICES:
            return either([tagged(key, self.arns, choice) for choice in choices_of(value)])
        if operator == "NotEquals":
            return untagged(key, value)
        return untagged(key) if operator == "NotExists" else tagged(key, self.arns)

    def _of_property(self, found: Property, operator: str, value: str) -> Condition | None:
        indexes, kind, region = self.store.properties, self.spec.kind, self.region
        if operator == "Contains":
            return property_contains(indexes, kind, region, found, value)
        ranges = _ranges(operator, value)
        if not ranges:
            return None
        near = property_compared(indexes, kind, region, found, ranges)
        if operator not in {"Equals", "In"}:
            return near
        # of a row that is read, this tells nearly as much as its key, in a quarter of the time
        numbers = f"CAST({found.value} AS REAL)"
        sql = " OR ".join(f"{numbers if text.startswith('BETWEEN') else found.value} {text}" for text, _ in ranges)
        return replace(near, sql=sql)

    def _windows(self, expression: Document) -> list[Condition]:
        """Two filters that say after and before when: each alone leaves much more than both."""
        found = []
        for name, column in TIMES.items():
            limits = [
                one
                for each in expression.get("Filters", ())
                if each["Name"] == name and operator_of(each) in ABOVE | BELOW
                for one in _ranges(operator_of(each), each["Value"])
                if one[1]
            ]
            if len(limits) > 1:
                text = f" AND resources.{column} ".join(text for text, _ in limits)
                values = tuple(value for _, compared_with in limits for value in compared_with)
                found.append(compared(column, self.spec.kind, self.region, [(text, values)]))
        return found

    # -- names ----------------------------------------------------------------------------------------------------

    def _column(self, name: str) -> str | None:
        if self.spec.identity == (name,):
            return "name"
        return TIMES.get(name) or ("status" if name == self.spec.status_member else None)

    def _metric(self, name: str) -> bool:
        return self.stored and self.spec.kind == "TrainingJob" and name.startswith(METRICS) and name != METRICS

    def _kept(self, name: str) -> bool:
        """Whether Describe shows a member as it is stored, although it computes others."""
        computed = COMPUTED.get(self.spec.kind)
        return computed is not None and name.partition(".")[0] not in computed

    def _property(self, name: str) -> Property | None:
        """The scalar that a property name leads to through structures and maps, as the model has it."""
        operation = f"Describe{self.spec.kind}"
        if operation not in self.model.operations or not (self.stored or self._kept(name)):
            return None
        if name == self.spec.arn_member:  # a column, and in no document
            return None
        shape: Shape | None = self.model.output_shape(operation)
        steps: tuple[str, ...] = ()
        rest = name
        while rest and shape is not None:
            if shape["type"] == "map":  # keys may have dots
                step, rest, shape = rest, "", self.model.shapes[shape["value"]["shape"]]
            else:
                step, _, rest = rest.partition(".")
                shape = self.model.member(shape, step)
            steps = (*steps, step)
        if shape is None or rest or not expressible(steps):
            return None
        if shape["type"] == "structure" and set(shape["members"]) == PARTS:
            return Property(steps, ("StringValue", "NumberValue"))
        return None if shape["type"] in {"structure", "list", "map", "blob"} else Property(steps)


def _ranges(operator: str, value: str) -> list[Range]:
    """Where the keys of all values lie that satisfy an operator; empty where that is anywhere."""
    if operator in {"Exists", "NotExists"}:
        return [(ANY if operator == "Exists" else "IS NULL", ())]
    if operator == "Equals":
        return _equal(value)
    if operator == "In":
        choices = choices_of(value)
        return [one for choice in choices for one in _equal(choice)] if len(choices) <= CHOICES else []
    number = as_number(value)
    if number is None or not math.isfinite(number):
        return []
    around = abs(number) * MARGIN
    if operator in ABOVE:  # texts come behind all numbers, and some of them are dates
        return [(">= ?", (number - around,))]
    return [("<= ?", (number + around,)), (">= ''", ())] if operator in BELOW else []


def _equal(value: str) -> list[Range]:
    found: list[Range] = [("= ?", (value,))]
    number = as_number(value)
    if number is not None and not math.isnan(number):
        around = abs(number) * MARGIN if math.isfinite(number) else 0.0
        found.append(("BETWEEN ? AND ?", (number - around, number + around)))
    if value.lower() in {"true", "false"}:
        found.append(("= ?", (float(value.lower() == "true"),)))
    return found


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
