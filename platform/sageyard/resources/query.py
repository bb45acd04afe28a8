"""What a List request selects: filters by naming rule, sort, and opaque tokens.

Rules read off the model's 95 List operations: `NameContains`, `CreationTimeAfter/Before`, `LastModifiedTimeAfter/
Before`, `StatusEquals`, `SortBy`, `SortOrder`, `MaxResults`, `NextToken`; any other member must equal the resource's.
"""

import base64
import json
from dataclasses import dataclass

from sageyard.errors import ValidationError
from sageyard.resources.spec import Document, ResourceSpec
from sageyard.store.resources import SORT_COLUMNS, Row, Selection

PAGE = 100
PAGING = frozenset({"SortBy", "SortOrder", "MaxResults", "NextToken"})
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
        token = json.dumps([wanted.sort_by, wanted.descending, value, last.id])
        return cls(documents, base64.urlsafe_b64encode(token.encode()).decode())


def selection(spec: ResourceSpec, request: Document, region: str) -> Selection:
    """The store's selection for a validated List request; raises ValidationError for a token that is not ours."""
    fields: dict[str, object] = {}
    members: list[tuple[str, object]] = []
    for name, value in request.items():
        if name in PAGING:
            continue
        if name in TIMES:
            fields[TIMES[name]] = float(value)
        elif name.endswith("NameContains"):
            fields["name_contains"] = value
        elif name == "StatusEquals" or name == spec.status_member:
            fields["status"] = value
        else:
            members.append((name.removesuffix("Equals"), value))
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
        limit=int(request.get("MaxResults", PAGE)),
    )


def _opened(token: str) -> tuple[str, bool, object, int]:
    try:
        sort_by, descending, value, last = json.loads(base64.urlsafe_b64decode(token.encode()))
        if sort_by not in SORT_COLUMNS or not isinstance(last, int):
            raise ValueError(token)
    except ValueError:
        raise ValidationError(
            f"NextToken {token!r} is not valid: pass the token of the page before, unchanged"
        ) from None
    return sort_by, bool(descending), value, last
