"""Search over the resources of one type, by any property (API reference: Search, SearchExpression)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sageyard.errors import ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, ResourceSpec
from sageyard.resources.tokens import invalid, seal, unseal
from sageyard.sagemaker.search_conditions import SearchConditions
from sageyard.sagemaker.search_expression import check, matches, sort_key
from sageyard.sagemaker.suggestions import Suggestions
from sageyard.store.conditions import ORDERS, Condition, Order, visible
from sageyard.store.resources import Row
from sageyard.store.trial_members import TrialMembers
from sageyard.wire.model import ServiceModel

KINDS = {"ExperimentTrial": "Trial", "ExperimentTrialComponent": "TrialComponent"}
"""Where the Resource of a request is not the kind and the member of the SearchRecord that holds it."""
PAGE = 100
BATCH = 200
NOTHING: Document = {"Results": [], "TotalHits": {"Value": 0, "Relation": "EqualTo"}}
Scalar = str | int | float | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the key that results are sorted by, the id, and how many results there were so far."""

    key: Any
    id: int
    seen: int

    @classmethod
    def opened(cls, token: str) -> "Place":
        """The place that a token names; raises ValidationError for one that is not ours."""
        key, last, seen = unseal(token, 3)
        parts = key if isinstance(key, list) else [key]
        if not isinstance(last, int) or not isinstance(seen, int) or not all(isinstance(one, Scalar) for one in parts):
            raise invalid(token)
        return cls(key, last, seen)


@dataclass(frozen=True, slots=True)
class Hits:
    """How many results there are from here on: these are the `whole`, or those that were met."""

    count: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Query:
    """One request: what it asks of which rows."""

    spec: ResourceSpec
    region: str
    expression: Document
    conditions: Sequence[Condition]
    among: list[int] | None
    descending: bool
    asked: str
    """Property names that occur; Tags and Parents are looked up only for who asks."""


class Search:
    """Evaluates an expression over the Describe documents of a kind, each with its Tags and Parents.

    Rows come in the order of an index, narrowed by the indexes that the expression's filters have, and no more are
    read than the page needs; TotalHits is then what it says, a lower bound.
    """

    def __init__(self, engine: Engine, model: ServiceModel) -> None:
        self.engine = engine
        self.model = model
        self.members = TrialMembers(engine.store.database)
        self.records = model.shapes["SearchRecord"]["members"]

    async def answer(self, request: Document, context: Context) -> Document:
        """One page, newest change first unless SortBy says otherwise; results without the property come last.

        Other requests are served between batches of rows.
        """
        resource = str(request["Resource"])
        kind = KINDS.get(resource, resource)
        if kind not in self.records:
            raise ValidationError(
                f"Search cannot answer with {resource}: SageMaker's SearchRecord has no member for it. Use List and "
                "Describe of this resource instead."
            )
        expression, sort_by = request.get("SearchExpression", {}), request.get("SortBy", "LastModifiedTime")
        check(expression)
        place = Place.opened(request["NextToken"]) if "NextToken" in request else None
        spec = self.engine.specs.get(kind)
        if spec is None or request.get("CrossAccountFilterOption") == "CrossAccount":
            return NOTHING  # no resource of this type exists, or of another account
        arns = f"arn:aws:sagemaker:{context.region}:{context.account_id}:{spec.arn_noun}/"
        narrowed = SearchConditions(self.engine.store, self.model, spec, context.region, arns)
        conditions = [*narrowed.of(expression), *_visibility(request)]
        query = Query(
            spec,
            context.region,
            expression,
            conditions,
            self.engine.store.rare(conditions),
            request.get("SortOrder", "Descending") == "Descending",
            f"{expression} {sort_by}",
        )
        limit = int(request.get("MaxResults") or PAGE)
        order = narrowed.order(sort_by)
        found, hits = (
            await self._walked(query, order, place, limit + 1)
            if order is not None
            else await self._sorted(query, sort_by, place, limit + 1)
        )
        page, seen = found[:limit], place.seen if place else 0
        shown = [self._document(spec, row, "Tags Parents") for row in page]
        more = len(found) > limit
        return {
            "Results": [{kind: {"Model": one} if kind == "Model" else one} for one in shown],  # a dashboard entry
            "NextToken": seal(page[-1].key, page[-1].id, seen + len(page)) if more else None,
            "TotalHits": {
                "Value": seen + hits.count,
                "Relation": "EqualTo" if hits.whole else "GreaterThanOrEqualTo",
            },
        }

    async def _walked(self, query: Query, order: Order, place: Place | None, wanted: int) -> tuple[list[Row], Hits]:
        """The next results in an order that the store knows, `wanted` of them or more."""
        after = None if place is None else (place.key, place.id)
        keys = place.key if place is not None and isinstance(place.key, list) else [0]
        if place is not None and len(keys) != len(order.key):
            raise invalid(seal(place.key, place.id, place.seen))
        found: list[Row] = []
        async for rows, last in self._batches(query, order, after, wanted):
            found += [row for row in rows if self._matches(query, row)]
            if len(found) >= wanted and not last:
                return found, Hits(len(found), whole=False)
        return found, Hits(len(found), whole=True)

    async def _sorted(self, query: Query, sort_by: str, place: Place | None, wanted: int) -> tuple[list[Row], Hits]:
        """The next results, `wanted` of them, sorted by what only their documents tell."""
        keyed: list[tuple[list[Any], int]] = []
        async for rows, _ in self._batches(query, ORDERS["CreationTime"], None, BATCH):
            for row in rows:
                document = self._document(query.spec, row, query.asked)
                if matches(document, query.expression):
                    keyed.append((list(sort_key(document, sort_by)), row.id))
        present = sorted((entry for entry in keyed if entry[0]), reverse=query.descending)
        absent = sorted((entry for entry in keyed if not entry[0]), reverse=query.descending)
        ordered = [*present, *absent]
        if place is not None:
            ordered = [entry for entry in ordered if _behind(entry, place, query.descending)]
        rows = self.engine.store.by_ids([(number, key) for key, number in ordered[:wanted]])
        return rows, Hits(len(ordered), whole=True)

    async def _batches(
        self, query: Query, order: Order, after: tuple[Any, int] | None, size: int
    ) -> AsyncIterator[tuple[list[Row], bool]]:
        """Rows that satisfy the conditions, in an order, `size` of them first; and whether they are the last."""
        while True:
            rows = self.engine.store.page(
                query.spec.kind,
                query.region,
                query.conditions,
                order,
                descending=query.descending,
                after=after,
                limit=size,
                among=query.among,
            )
            yield rows, len(rows) < size
            if len(rows) < size:
                return
            after, size = (rows[-1].key, rows[-1].id), BATCH
            await asyncio.sleep(0)

    def _matches(self, query: Query, row: Row) -> bool:
        return not query.expression or matches(self._document(query.spec, row, query.asked), query.expression)

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


def _visibility(request: Document) -> list[Condition]:
    """VisibilityConditions: a resource that has a key of the list must have one of the values given for it."""
    wanted: dict[str, list[str]] = {}
    for one in request.get("VisibilityConditions", ()):
        key = str(one.get("Key", ""))
        if not key.startswith("Tags."):
            raise ValidationError(f"The Key {key!r} of a visibility condition is not of the form Tags.<key>.")
        wanted.setdefault(key.removeprefix("Tags."), []).append(str(one.get("Value", "")))
    return [visible(key, values) for key, values in wanted.items()]


def _behind(entry: tuple[list[Any], int], place: Place, descending: bool) -> bool:
    """Whether a result comes after the one that a token names, which may be gone by now."""
    if not isinstance(place.key, list):
        raise invalid(seal(place.key, place.id, place.seen))
    last = (place.key, place.id)
    if bool(entry[0]) != bool(place.key):
        return not entry[0]
    try:
        return entry < last if descending else entry > last
    except TypeError:
        raise invalid(seal(place.key, place.id, place.seen)) from None


def family(engine: Engine, model: ServiceModel) -> Family:
    """Search, and what its console completes names from."""
    return Family(
        functions={
            "Search": (Search(engine, model).answer, "runs"),
            "GetSearchSuggestions": (Suggestions(engine, model).answer, "runs"),
        }
    )
