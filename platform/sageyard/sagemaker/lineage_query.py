"""QueryLineage: what led to a vertex and what came of it, to a depth."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass

from sageyard.errors import ResourceNotFoundError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Context, Document
from sageyard.resources.tokens import invalid, seal, unseal
from sageyard.store.associations import Association, Associations
from sageyard.store.resources import Row

MAX_DEPTH = 10
PAGE = 50
KINDS = ("Artifact", "Context", "Action", "TrialComponent", "Experiment")
TIMES = {"CreatedBefore": ("created", -1), "CreatedAfter": ("created", 1),
         "ModifiedBefore": ("modified", -1), "ModifiedAfter": ("modified", 1)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vertex:
    """One end of an association. `type` is what its creator called it (`DataSet`, `Model`), "" where there is none."""

    arn: str
    name: str | None
    type: str
    lineage_type: str
    created: float
    modified: float
    properties: Document


def vertex(engine: Engine, arn: str) -> Vertex | None:
    """The vertex of an ARN, or None where no such resource exists or it can have no associations."""
    row = engine.store.by_arn(arn)
    if row is None or row.kind not in KINDS:
        return None
    return vertex_of(row)


def vertex_of(row: Row) -> Vertex:
    """The vertex that a row is; a component that was made for a job is of the job's type."""
    document = row.document
    kind = document.get(f"{row.kind}Type") or document.get("Source", {}).get("SourceType", "").removeprefix("SageMaker")
    return Vertex(
        row.arn,
        document.get(f"{row.kind}Name"),
        kind,
        row.kind,
        row.created,
        row.modified,
        document.get("Properties", {}),
    )


class LineageQuery:
    """Walks associations breadth first, one SELECT a step.

    Without IncludeEdges the vertices that match the filters are answered; with it also the start, everything on the
    paths to them, and the edges of those paths (QueryLineage's documentation). Both directions means both from every
    vertex on the way, not only from the start (the multi-hop notebook of AWS's examples). Vertices are in the order of
    their distance, then of their ARNs; an edge is on the page of its farther end.
    """

    def __init__(self, engine: Engine, associations: Associations) -> None:
        self.engine = engine
        self.associations = associations

    async def answer(self, request: Document, context: Context) -> Document:
        """Off the event loop: an image that all jobs share leads to all of them."""
        return await asyncio.to_thread(self._answer, request)

    def _answer(self, request: Document) -> Document:
        if not (starts := request.get("StartArns")):
            raise ValidationError("QueryLineage needs StartArns: the ARN of the lineage entity to begin at.")
        start = starts[0]
        if vertex(self.engine, start) is None:
            raise ResourceNotFoundError(
                f"Could not find lineage entity '{start}': QueryLineage begins at existing ones."
            )
        direction, depth = request.get("Direction", "Both"), int(request.get("MaxDepth", MAX_DEPTH))
        reached, walked = self._walk(start, depth, direction)
        kept = self._matching(reached, start, request.get("Filters", {}))
        edges: dict[int, Association] = {}
        if request.get("IncludeEdges"):
            path = _paths(kept, walked)
            edges = {edge.id: edge for _, _, edge in path}
            kept |= {start, *(arn for near, far, _ in path for arn in (near, far))}
        return self._page({arn: reached[arn] for arn in kept}, list(edges.values()), request)

    def _walk(
        self, start: str, depth: int, direction: str
    ) -> tuple[dict[str, int], list[tuple[str, str, Association]]]:
        """Distances of all that is reached, and the edges as nearer end, farther end, edge."""
        reached, frontier = {start: 0}, {start}
        walked: list[tuple[str, str, Association]] = []
        for step in range(1, depth + 1):
            steps: list[tuple[str, str, Association]] = []
            if direction != "Descendants":
                found = self.associations.touching(frontier, end="destination")
                steps += [(edge.destination, edge.source, edge) for edge in found]
            if direction != "Ascendants":
                found = self.associations.touching(frontier, end="source")
                steps += [(edge.source, edge.destination, edge) for edge in found]
            walked += steps
            if not (frontier := {far for _, far, _ in steps} - reached.keys()):
                break
            reached |= dict.fromkeys(frontier, step)
        return reached, walked

    def _matching(self, reached: dict[str, int], start: str, filters: Document) -> set[str]:
        found = (vertex(self.engine, arn) for arn in reached if arn != start)
        return {one.arn for one in found if one is not None and _matches(one, filters)}

    def _page(self, distances: dict[str, int], edges: list[Association], request: Document) -> Document:
        order = sorted((distance, arn) for arn, distance in distances.items())
        if token := request.get("NextToken"):
            distance, arn = unseal(token, 2)
            if not isinstance(distance, int) or not isinstance(arn, str):
                raise invalid(token)
            order = [entry for entry in order if entry > (distance, arn)]
        limit = int(request.get("MaxResults", PAGE))
        page = order[:limit]
        shown = {arn for _, arn in page}
        vertices = [one for _, arn in page if (one := vertex(self.engine, arn)) is not None]
        return {
            "Vertices": [
                {"Arn": one.arn, "Type": one.type or None,
                 "LineageType": one.lineage_type if one.lineage_type != "Experiment" else None}
                for one in vertices
            ],
            "Edges": [
                {"SourceArn": edge.source, "DestinationArn": edge.destination, "AssociationType": edge.type or None}
                for edge in edges
                if max((distances[arn], arn) for arn in (edge.source, edge.destination))[1] in shown
            ],
            "NextToken": seal(*page[-1]) if len(order) > limit else None,
        }  # fmt: skip


def _matches(one: Vertex, filters: Document) -> bool:
    if "Types" in filters and one.type not in filters["Types"]:
        return False
    if "LineageTypes" in filters and one.lineage_type not in filters["LineageTypes"]:
        return False
    for name, (time, sign) in TIMES.items():
        if name in filters and (getattr(one, time) - float(filters[name])) * sign <= 0:
            return False
    properties = filters.get("Properties", {})  # any of them will do (QueryFilters' documentation)
    return not properties or any(one.properties.get(key) == value for key, value in properties.items())


def _paths(ends: set[str], walked: list[tuple[str, str, Association]]) -> list[tuple[str, str, Association]]:
    """The walked edges over which one of `ends` is reached."""
    into: dict[str, list[tuple[str, str, Association]]] = defaultdict(list)
    for step in walked:
        into[step[1]].append(step)
    path, open_ends, seen = [], list(ends), set(ends)
    while open_ends:
        for step in into[open_ends.pop()]:
            path.append(step)
            if step[0] not in seen:
                seen.add(step[0])
                open_ends.append(step[0])
    return path
