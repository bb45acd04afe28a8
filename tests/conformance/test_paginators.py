"""Every paginator of boto3: through small pages each item comes once, also while others are created."""

from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from sageyard.resources.derive import listed_kind

from tests.conformance.resource_maker import MINIMAL, MODEL, NAMED_BY, ONE_AT_A_TIME, SPECS, ResourceMaker, code_of

PAGINATORS: dict[str, Any] = Loader().load_service_model("sagemaker", "paginators-1")["pagination"]
OF_KINDS = {
    name: kind
    for name in sorted(PAGINATORS)
    if name.startswith("List") and (kind := listed_kind(name[4:], SPECS)) and kind not in ONE_AT_A_TIME
}
BEFORE, MEANWHILE = 4, 2


def smallest_page(operation: str) -> int:
    shape = MODEL.member(MODEL.input_shape(operation), PAGINATORS[operation]["limit_key"])
    assert shape is not None
    return max(1, int(shape.get("min", 1)))


@pytest.mark.parametrize("operation", sorted(OF_KINDS))
def test_each_item_comes_once_while_others_are_created(maker: ResourceMaker, operation: str) -> None:
    kind = OF_KINDS[operation]
    first = maker.make(kind)
    resources = [first, *(maker.make(kind, wait=False, **first.shared) for _ in range(BEFORE - 1))]
    known = resources[0].request | resources[0].identity
    request = {name: known[name] for name in MODEL.input_shape(operation).get("required", ())}
    page_size = smallest_page(operation)
    pages = maker.client.get_paginator(xform_name(operation)).paginate(
        **request, PaginationConfig={"PageSize": page_size}
    )
    seen: list[Any] = []
    for number, page in enumerate(pages):
        items = page[PAGINATORS[operation]["result_key"]]
        assert len(items) <= page_size
        seen += [_label(kind, item) for item in items]
        if number < MEANWHILE:
            maker.make(kind, wait=False, **first.shared)
    assert len(seen) == len(set(seen))
    for made in resources:
        own = made.identity.get(NAMED_BY.get(kind, ""), next(reversed(made.identity.values())))
        assert sum(made.arn in label or own in label for label in seen) == 1 or kind == "ImageVersion"
    if kind == "ImageVersion":
        assert len(seen) >= BEFORE


def _label(kind: str, item: Any) -> tuple[Any, ...]:
    """All that could name an item."""
    values = item.values() if isinstance(item, dict) else [item]
    return tuple(str(value) for value in values if isinstance(value, str | int))


@pytest.mark.parametrize("operation", sorted(set(PAGINATORS) - set(OF_KINDS)))
def test_the_other_paginators_end(maker: ResourceMaker, operation: str) -> None:
    """Those that list parts of something: of what is not there they say so, else each page has the model's members."""
    rules = PAGINATORS[operation]
    request = MINIMAL.request(operation)
    page_size = {"PageSize": smallest_page(operation)} if "limit_key" in rules else {}
    try:
        pages = list(maker.client.get_paginator(xform_name(operation)).paginate(**request, PaginationConfig=page_size))
    except ClientError as error:
        assert code_of(error) in {"ResourceNotFound", "ValidationException", "UnknownOperationException"}
        assert "validation error" not in error.response["Error"]["Message"]
    else:
        assert all(isinstance(page[rules["result_key"]], list) for page in pages)


def test_associations_are_paged(maker: ResourceMaker) -> None:
    source = maker.make("Artifact")
    for _ in range(5):
        maker.client.add_association(SourceArn=source.arn, DestinationArn=maker.make("Artifact").arn)
    paginator = maker.client.get_paginator("list_associations")
    pages = list(paginator.paginate(SourceArn=source.arn, PaginationConfig={"PageSize": 2}))
    found = [each["DestinationArn"] for page in pages for each in page["AssociationSummaries"]]
    assert len(pages) == 3
    assert len(found) == len(set(found)) == 5


def test_a_search_is_paged(maker: ResourceMaker) -> None:
    names = sorted(maker.make("Experiment").name for _ in range(5))
    expression = {"Filters": [{"Name": "ExperimentName", "Operator": "In", "Value": ",".join(names)}]}
    pages = list(
        maker.client.get_paginator("search").paginate(
            Resource="Experiment", SearchExpression=expression, PaginationConfig={"PageSize": 2}
        )
    )
    found = sorted(result["Experiment"]["ExperimentName"] for page in pages for result in page["Results"])
    assert found == names
    assert len(pages) == 3


def test_tags_are_paged(maker: ResourceMaker) -> None:
    tags = [{"Key": f"k{number:02}", "Value": "v"} for number in range(50)]
    made = maker.make("Experiment", Tags=tags)
    pages = list(maker.client.get_paginator("list_tags").paginate(ResourceArn=made.arn))
    assert [tag for page in pages for tag in page["Tags"]] == tags
    with pytest.raises(ClientError, match="NextToken"):
        maker.client.list_tags(ResourceArn=made.arn, NextToken="never-given")
