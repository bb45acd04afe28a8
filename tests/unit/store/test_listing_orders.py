"""Every SortBy that the model's List operations have orders the rows, page by page."""

from pathlib import Path
from typing import Any

import pytest
from sageyard.errors import ValidationError
from sageyard.resources.derive import derive, listed_kind
from sageyard.resources.query import Page, selection
from sageyard.resources.tokens import seal
from sageyard.store.resources import Resources, Row
from sageyard.wire import model

REGION = "us-east-1"
SERVICE = model.load("sagemaker")
SPECS = derive(SERVICE)


def orders() -> list[tuple[str, str]]:
    """Kinds that derivation lists, with each of their SortBy values."""
    found = []
    for operation in SERVICE.operations:
        kind = listed_kind(operation.removeprefix("List"), SPECS) if operation.startswith("List") else None
        shape = SERVICE.member(SERVICE.input_shape(operation), "SortBy")
        found += [(kind, value) for value in (shape or {}).get("enum", ())] if kind else []
    return found


def member_of(value: str) -> str:
    return "".join(word.capitalize() for word in value.split("_")) if value.isupper() else value


@pytest.mark.parametrize(("kind", "sort_by"), orders())
def test_rows_come_in_the_order_that_the_model_names(tmp_path: Path, kind: str, sort_by: str) -> None:
    spec = SPECS[kind]
    store = Resources(tmp_path / "sageyard.db")
    for place, created, modified, status in ((2, 1, 3, "b"), (3, 2, 1, "a"), (1, 3, 2, "c")):
        name = f"name-{place}"
        document = dict.fromkeys(("Name", f"{kind}Name", spec.identity[-1], member_of(sort_by)), name)
        store.insert(Row(kind, REGION, name, f"arn:{name}", status, created, modified, document, {}))

    def listed(order: str) -> list[str]:
        found, request = [], {"SortBy": sort_by, "SortOrder": order, "MaxResults": 2}
        while True:
            wanted = selection(spec, request, REGION)
            rows = store.select(wanted)
            found += [row.name[-1] for row in rows]
            if len(rows) < 2:
                return found
            request["NextToken"] = Page.of([], rows[-1], wanted).next_token

    expected = {"CreationTime": "231", "LastModifiedTime": "312", "Status": "321", "Name": "123"}
    wanted = selection(spec, {"SortBy": sort_by}, REGION).sort_by
    assert listed("Ascending") == list(expected.get(wanted, "123"))
    assert listed("Descending") == list(reversed(expected.get(wanted, "123")))


@pytest.mark.parametrize(
    "position",
    [
        ("Name", True, "x"),
        ("Name", True, "x", "y"),
        ("Status", True, "x", 1),
        ("Name'", True, "x", 1),
        ("Name", True, {"a": 1}, 1),
        (3, True, "x", 1),
    ],
)
def test_a_token_that_no_page_gave_is_refused(position: tuple[Any, ...]) -> None:
    with pytest.raises(ValidationError, match="is not valid"):
        selection(SPECS["TrainingJob"], {"NextToken": seal(*position)}, REGION)
