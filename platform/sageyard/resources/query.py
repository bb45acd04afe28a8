"""What a List request selects: filters by naming rule, sort, and opaque tokens.

Rules read off the model's 95 List operations: `NameContains`, `CreationTimeAfter/Before`, `LastModifiedTimeAfter/
Before`, `StatusEquals`, `SortBy`, `SortOrder`, `MaxResults`, `NextToken`; `DeviceFleetNameContains`, `StartTimeAfter`,
`StartTimeBefore` compare a member of the resource; any other member must equal the resource's.
"""

import re
from dataclasses import dataclass

from sageyard.resources.spec import Document, ResourceSpec
from sageyard.resources.tokens import invalid, seal, unseal
from sageyard.store.conditions import ORDERS
from sageyard.store.resources import After, Row, Selection

PAGE = 100
PAGING = frozenset({"SortBy", "SortOrder", "MaxResults", "NextToken", "Filters"})
TIMES = {
    "CreationTimeAfter": "created_after", "CreationTimeBefore": "created_before",
    "CreatedAfter": "created_after", "CreatedBefore": "created_before",
    "LastModifiedTimeAfter": "modified_after", "LastModifiedTimeBefore": "modified_before",
    "ModifiedAfter": "modified_after", "ModifiedBefore": "modified_before",
    "ModifiedTimeAfter": "modified_after", "ModifiedTimeBefore": "modified_before",
}  # fmt: skip
COMPARED = {"Contains": "contains", "After": ">", "Before": "<"}
SORT_KEYS = {
    "name": "Name", "status": "Status", "creationtime": "CreationTime", "createdate": "CreationTime",
    "lastmodifiedtime": "LastModifiedTime", "lastupdateddate": "LastModifiedTime",
}  # fmt: skip
"""`CREATION_TIME` of one type is `CreationTime` of another and `CreateDate` of a third."""


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
        return cls(documents, seal(wanted.sort_by, wanted.descending, last.key, last.id))


def selection(spec: ResourceSpec, request: Document, region: str) -> Selection:
    """The store's selection for a validated List request; raises ValidationError for a token that is not ours."""
    fields: dict[str, object] = {}
    members: list[tuple[str, object]] = []
    compared: list[tuple[str, str, object]] = []
    filters = {pair["Name"]: pair["Value"] for pair in request.get("Filters", ())}  # ListTrainingPlans has these
    for name, value in (request | filters).items():
        ending = next((ending for ending in COMPARED if name.endswith(ending)), None)
        if name in PAGING:
            continue
        if name in TIMES:
            fields[TIMES[name]] = float(value)
        elif name.endswith("Contains") and name.removesuffix("Contains") in own_names(spec):
            if spec.name_member:
                compared.append((spec.name_member, "contains", value))
            else:
                fields["name_contains"] = value
        elif name.removesuffix("Equals") in {"Status", spec.status_member}:
            fields["status"] = value
        elif ending and name not in spec.filters:
            compared.append((name.removesuffix(ending), COMPARED[ending], value))
        else:
            members.append((spec.filters.get(name, name.removesuffix("Equals")), value))
    sort_by = _sort_by(spec, str(request.get("SortBy", "CreationTime")))
    descending = str(request.get("SortOrder", "Descending")).capitalize() == "Descending"
    after = None
    if token := request.get("NextToken"):
        sort_by, descending, after = _opened(token)
    return Selection(
        spec.kind,
        region,
        **fields,  # type: ignore[arg-type]
        members=tuple(members),
        compared=tuple(compared),
        sort_by=sort_by,
        descending=descending,
        after=after,
        limit=int(request.get("MaxResults") or PAGE),  # some operations allow 0: as if it were not given
    )


def own_names(spec: ResourceSpec) -> set[str]:
    """What a List request may call the name of what it lists."""
    return {"Name", f"{spec.kind}Name", spec.identity[-1], spec.name_member}


def _sort_by(spec: ResourceSpec, asked: str) -> str:
    """What the store sorts by: `MODEL_NAME` is the member ModelName, `HubStatus` the hub's own status."""
    plain = asked.replace("_", "").lower()
    if plain in {name.lower() for name in own_names(spec)}:
        return f"document.{spec.name_member}" if spec.name_member else "Name"
    if asked == spec.status_member:
        return "Status"
    member = "".join(word.capitalize() for word in asked.split("_")) if asked.isupper() else asked
    return SORT_KEYS.get(plain, member)


def _opened(token: str) -> tuple[str, bool, After]:
    sort_by, descending, key, last = unseal(token, 4)
    if not isinstance(sort_by, str) or not re.fullmatch("[A-Za-z.]*[A-Za-z]", sort_by) or not isinstance(last, int):
        raise invalid(token)
    parts = key if isinstance(key, list) else [key]
    wanted = len(ORDERS[sort_by].key) if sort_by in ORDERS else 1
    if len(parts) != wanted or not all(isinstance(part, str | int | float) for part in parts if part is not None):
        raise invalid(token)
    return sort_by, bool(descending), (key, last)
