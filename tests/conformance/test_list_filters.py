"""Every filter, sort key and order of every List operation, on three resources made an hour apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sageyard.resources.derive import listed_kind

from tests.conformance.minimal_requests import string
from tests.conformance.resource_maker import MODEL, NAMED_BY, ONE_AT_A_TIME, SPECS, Made, ResourceMaker, code_of
from tests.conftest import Server, start_server
from tests.property.drawn_requests import fits

LISTS = {
    name: kind
    for name in sorted(MODEL.operations)
    if name.startswith("List") and (kind := listed_kind(name[4:], SPECS)) and kind not in ONE_AT_A_TIME
}
HOUR = 3600
AFTER = {"CreationTimeAfter", "CreatedAfter", "LastModifiedTimeAfter", "ModifiedTimeAfter"}
BEFORE = {"CreationTimeBefore", "CreatedBefore", "LastModifiedTimeBefore", "ModifiedTimeBefore"}
COMMON = AFTER | BEFORE | {"SortBy", "SortOrder", "MaxResults", "NextToken", "NameContains", "StatusEquals"}
NOT_FILTERS = {
    ("ListModelPackageGroups", "CrossAccountFilterOption"),  # there is one account
    ("ListClusters", "TrainingPlanArn"),
    ("ListTrainingPlans", "Filters"),  # a list of names and values: has a test of its own
    ("ListModelPackages", "ModelPackageType"),  # in no answer: has a test of its own
}
AGAINST = {
    "Action": {"SourceUri": "Source.SourceUri"}, "Artifact": {"SourceUri": "Source.SourceUri"},
    "FeatureGroup": {"OfflineStoreStatusEquals": "OfflineStoreStatus.Status"},
    "StudioLifecycleConfig": {"AppTypeEquals": "StudioLifecycleConfigAppType"},
    "Context": {"SourceUri": "Source.SourceUri"}, "TrialComponent": {"SourceArn": "Source.SourceArn"},
}  # fmt: skip
"""Where Describe shows what a filter of another name compares."""
WITHIN = ("ImageName", "ModelCardName", "ClusterArn")
"""Parents without which nothing is listed."""
NOT_SHOWN = {("Pipeline", "ManagedBy"): "CUSTOMER"}
ABSENT = {"string": "never-made", "integer": 999}
MISSING = {"ResourceNotFound", "ValidationException"}
"""How a listing of what belongs to something that there is not may be refused."""


def members(operation: str) -> dict[str, Any]:
    found: dict[str, Any] = MODEL.input_shape(operation)["members"]
    return found


def having(*names: str) -> list[str]:
    return [operation for operation in LISTS if set(names) & set(members(operation))]


@dataclass
class Three:
    """Three resources of one type in the order of their creation, and how to list them."""

    maker: ResourceMaker
    operation: str
    made: list[Made]
    times: list[datetime]

    @property
    def kind(self) -> str:
        return LISTS[self.operation]

    def listed(self, **request: Any) -> list[dict[str, Any]]:
        """All entries, through all pages."""
        for name in MODEL.input_shape(self.operation).get("required", ()):
            request.setdefault(name, (self.made[0].request | self.made[0].identity)[name])
        found: list[dict[str, Any]] = []
        while True:
            answer = self.maker.call(self.operation, request)
            found += next(value for value in answer.values() if isinstance(value, list))
            if "NextToken" not in answer:
                return found
            request = request | {"NextToken": answer["NextToken"]}

    def mine(self, **request: Any) -> list[int]:
        """Which of the three are listed, in the order of the listing."""
        return [number for entry in self.listed(**request) if (number := self.number(entry)) is not None]

    def number(self, entry: Any) -> int | None:
        values = list(entry.values()) if isinstance(entry, dict) else [entry]
        for number, made in enumerate(self.made):
            last = made.identity.get(NAMED_BY.get(made.kind, ""), next(reversed(made.identity.values())))
            if made.arn in values or (made.kind != "ImageVersion" and last in values):
                return number
        return None


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose clock these tests move."""
    running = start_server(tmp_path_factory.mktemp("filters"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def three_of(own: Server) -> "ThreeOf":
    return ThreeOf(own)


class ThreeOf:
    """Three resources per List operation, made when first asked for."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.maker = ResourceMaker(server.client("sagemaker"), server.client("s3"))
        self._made: dict[str, Three] = {}

    def __call__(self, operation: str) -> Three:
        if operation not in self._made:
            found, times = [], []
            shared: dict[str, Any] = {}
            for _ in range(3):
                self.server.post("/_sageyard/clock", {"advance": HOUR})
                times.append(datetime.fromtimestamp(self.server.get("/_sageyard/clock")["epoch"], UTC))
                found.append(self.maker.make(LISTS[operation], **shared))
                shared = {name: value for name, value in found[0].shared.items() if name in WITHIN}
            self.server.post("/_sageyard/clock", {"advance": HOUR})
            self._made[operation] = Three(self.maker, operation, found, times)
        return self._made[operation]


def refusal(three: Three, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        three.listed(**request)
    return code_of(caught.value)


@pytest.mark.parametrize("operation", sorted(LISTS))
def test_all_three_are_listed_once(three_of: ThreeOf, operation: str) -> None:
    assert sorted(three_of(operation).mine()) == [0, 1, 2]


@pytest.mark.parametrize("operation", having("MaxResults"))
def test_a_page_is_as_long_as_asked_and_the_next_goes_on(three_of: ThreeOf, operation: str) -> None:
    three = three_of(operation)
    shape = MODEL.member(MODEL.input_shape(operation), "MaxResults")
    assert shape is not None
    assert three.mine(MaxResults=max(1, shape.get("min", 1))) == three.mine()


@pytest.mark.parametrize("operation", having("NextToken"))
def test_a_token_that_no_page_gave_is_refused(three_of: ThreeOf, operation: str) -> None:
    assert refusal(three_of(operation), NextToken="bm9uc2Vuc2U=") == "ValidationException"


@pytest.mark.parametrize("operation", having("NameContains"))
def test_name_contains_finds_a_part_of_the_name(three_of: ThreeOf, operation: str) -> None:
    three = three_of(operation)
    for number, made in enumerate(three.made):
        name = made.request.get(NAMED_BY.get(made.kind, ""), made.name)
        assert three.mine(NameContains=name[1:]) == [number]
    assert three.listed(NameContains="never-made") == []


@pytest.mark.parametrize(
    ("operation", "member"), [(operation, name) for operation in LISTS for name in members(operation) if name in AFTER]
)
def test_after_and_before_divide_the_three(three_of: ThreeOf, operation: str, member: str) -> None:
    three = three_of(operation)
    before = member.replace("After", "Before")
    changed = {three.number(e): e["LastModifiedTime"] for e in three.listed() if "Modified" in member and len(e) > 1}
    moments = [changed.get(number, time) for number, time in enumerate(three.times)]
    middle = moments[1] + timedelta(seconds=HOUR / 2)
    later = [number for number, moment in enumerate(moments) if moment > middle]
    assert sorted(three.mine(**{member: middle})) == later
    assert sorted(three.mine(**{before: middle})) == [number for number in range(3) if number not in later]
    between = three.mine(**{member: moments[1] - timedelta(seconds=HOUR / 2), before: middle})
    assert 1 in between
    assert later == [2] or "Modified" in member


@pytest.mark.parametrize("operation", having("StatusEquals"))
def test_every_status_lists_what_has_it(three_of: ThreeOf, operation: str) -> None:
    three = three_of(operation)
    status = SPECS[three.kind].status_member
    assert status is not None
    shape = MODEL.member(MODEL.input_shape(operation), "StatusEquals")
    assert shape is not None
    own = {number: three.maker.settle(made).get(status) for number, made in enumerate(three.made)}
    for value in shape["enum"]:
        assert sorted(three.mine(StatusEquals=value)) == [number for number in own if own[number] == value]


@pytest.mark.parametrize("operation", having("SortBy"))
def test_every_sort_key_sorts_both_ways(three_of: ThreeOf, operation: str) -> None:
    three = three_of(operation)
    keys, orders = (MODEL.member(MODEL.input_shape(operation), name) for name in ("SortBy", "SortOrder"))
    assert keys is not None
    assert orders is not None
    up, down = orders["enum"]
    for key in keys["enum"]:
        rising, falling = (
            [e for e in three.listed(SortBy=key, SortOrder=order) if three.number(e) is not None]
            for order in (up, down)
        )
        assert [three.number(entry) for entry in falling] == [three.number(entry) for entry in reversed(rising)]
        values = [_value(entry, key, three) for entry in rising]
        assert values == sorted(values), (key, values)


def _value(entry: dict[str, Any], key: str, three: Three) -> Any:
    """What an entry is sorted by, under whatever name it shows it."""
    plain = key.replace("_", "").lower()
    if plain == "name" and "Name" in entry:  # beside an identifier, which is not what the list calls the name
        return entry["Name"]
    aliases = {"createdate": "creationtime", "lastupdateddate": "lastmodifiedtime"}
    wanted = {plain, aliases.get(plain, plain)}
    if plain in {"name", "imagename"}:
        wanted |= {SPECS[three.kind].identity[-1].lower(), NAMED_BY.get(three.kind, "name").lower()}
        wanted.add(f"{three.kind}name".lower())
    if plain.endswith("status"):
        wanted.add(str(SPECS[three.kind].status_member).lower())
    return next((value for name, value in entry.items() if name.lower() in wanted), 0)


@pytest.mark.parametrize(
    ("operation", "member"),
    [(operation, name) for operation in LISTS for name in members(operation)
     if name not in COMMON and (operation, name) not in NOT_FILTERS],
)  # fmt: skip
def test_any_other_filter_lists_what_matches_and_nothing_else(three_of: ThreeOf, operation: str, member: str) -> None:
    three = three_of(operation)
    shape = MODEL.member(MODEL.input_shape(operation), member)
    assert shape is not None
    if shape["type"] == "boolean" or member in MODEL.input_shape(operation).get("required", ()):
        return
    shown = {number: _shown(three, made, member) for number, made in enumerate(three.made)}
    values = set(shape.get("enum", {*shown.values()} - {None}))
    for value in values:
        contains = member.endswith(("Contains", "Prefix"))
        matching = [n for n, own in shown.items() if own == value or (contains and str(value) in str(own))]
        assert sorted(three.mine(**{member: value})) == matching, (value, shown)
    if "enum" not in shape and shape["type"] in ABSENT and _absent(shape) not in values:
        try:
            assert three.mine(**{member: _absent(shape)}) == []
        except ClientError as error:
            assert code_of(error) in MISSING
            assert "validation error" not in error.response["Error"]["Message"]


def _absent(shape: dict[str, Any]) -> Any:
    """A value of a filter that no resource has."""
    absent = ABSENT[shape["type"]]
    return absent if shape["type"] != "string" or fits(shape, str(absent)) else string(shape)


def _shown(three: Three, made: Made, member: str) -> Any:
    """What Describe shows of what a filter compares."""
    if (made.kind, member) in NOT_SHOWN:
        return NOT_SHOWN[made.kind, member]
    path = AGAINST.get(made.kind, {}).get(member)
    stem = member
    for ending in ("Equals", "Contains", "Prefix"):
        stem = stem.removesuffix(ending)
    document: Any = three.maker.settle(made)
    inner = next((value for name, value in document.items() if name == made.kind and isinstance(value, dict)), document)
    for step in (path or stem).split("."):
        inner = inner.get(step) if isinstance(inner, dict) else None
    return inner if inner is not None else (made.request | made.identity).get(stem)
