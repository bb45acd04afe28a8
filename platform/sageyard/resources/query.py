"""What a List request selects: filters by naming rule, sort, and opaque tokens.

Rules read off the model's 95 List operations: `NameContains`, `CreationTimeAfter/Before`, `LastModifiedTimeAfter/
Before`, `StatusEquals`, `SortBy`, `SortOrder`, `MaxResults`, `NextToken`; any other member must equal the resource's.
"""

from dataclasses import dataclass

from sageyard.resources.spec import Document, ResourceSpec
from sageyard.resources.tokens import invalid, seal, unseal
from sageyard.store.resources import SORT_COLUMNS, Row, Selection

PAGE = 100
PAGING = frozenset({"SortBy", "SortOrder", "MaxResults", "NextToken", "Filters"})
TIMES = {
    "CreationTimeAfter": "created_after", "CreationTimeBefore": "created_before",
    "CreatedAfter": "created_after", "CreatedBefore": "created_before",
    "LastModifiedTimeAfter": "modified_after", "LastModifiedTimeBefore": "modified_before",
    "ModifiedAfter": "modified_after", "ModifiedBefore": "modified_before",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """Documents of one page and the token of the next, if there is one."""

    documents: list[Document]
    next_token: str | None

    @classmethod
    def of(cls, documents: list[Document], last: Row | None, wanted: Selection) -> "Page":
        """A page whose last row is `last`; None where nothing follows."""
        if last is None:
            return cls(documents, None)
        value = getattr(last, SORT_COLUMNS[wanted.sort_by])
        return cls(documents, seal(wanted.sort_by, wanted.descending, value, last.id))


def selection(spec: ResourceSpec, request: Document, region: str) -> Selection:
    """The store's selection for a validated List request; raises ValidationError for a token that is not ours."""
    fields: dict[str, object] = {}
    members: list[tuple[str, object]] = []
    filters = {pair["Name"]: pair["Value"] for pair in request.get("Filters", ())}  # ListTrainingPlans has these
    for name, value in (request | filters).items():
        if name in PAGING:
            continue
        if name in TIMES:
            fields[TIMES[name]] = float(value)
        elif name.endswith("NameContains"):
            fields["name_contains"] = value
        elif name == "StatusEquals" or name == spec.status_member:
            fields["status"] = value
        else:
            members.append((spec.filters.get(name, name.removesuffix("Equals")), value))
    sort_by = request.get("SortBy", "CreationTime")
    descending = request.get("SortOrder", "Descending") == "Descending"
    after = None
    if token := request.get("NextToken"):
        sort_by, descending, value, last = _opened(token)
        after = (value, last)
    return Selection(
        spec.kind,
        region,
        **fields,  # type: ignore[arg-type]
        members=tuple(members),
        sort_by=sort_by if sort_by in SORT_COLUMNS else "CreationTime",
        descending=descending,
        after=after,
        limit=int(request.get("MaxResults") or PAGE),  # some operations allow 0: as if it were not given
    )


def _opened(token: str) -> tuple[str, bool, object, int]:
    sort_by, descending, value, last = unseal(token, 4)
    if not isinstance(sort_by, str) or sort_by not in SORT_COLUMNS or not isinstance(last, int):
        raise invalid(token)
    return sort_by, bool(descending), value, last
