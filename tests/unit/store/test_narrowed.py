"""Listings and searches that indexes narrow answer what reading every resource would."""

import asyncio
import itertools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sageyard.clock import ShiftedClock
from sageyard.resources.derive import derive
from sageyard.resources.engine import Engine
from sageyard.resources.family import install
from sageyard.resources.operations import Operations
from sageyard.sagemaker import search
from sageyard.sagemaker.search_expression import matches
from sageyard.store import properties
from sageyard.store import resources as stored
from sageyard.store.conditions import metric_order
from sageyard.store.database import Database
from sageyard.store.resources import Resources, Row, Selection
from sageyard.wire import model

from tests.property.examples import examples

REGION, OTHER, ACCOUNT, KIND = "us-east-1", "eu-west-1", "123456789012", "TrainingJob"
STATUSES = ["Completed", "Failed", "InProgress"]
TEXTS = [
    "0.1",
    "0.10",
    "1e-1",
    ".1",
    "1",
    "5.",
    "nan",
    "inf",
    "true",
    "2026-01-31",
    "1_0",
    "",
    "Abc",
    "aBC d",
    "é",
    " 1 ",
]
NUMBERS = st.sampled_from([0, 1, 5, 0.1, 0.30000000000000004, 1e300, -3.5, 1_000_000_000_000])
TIME = 1_000_000_000


@st.composite
def a_document(draw: st.DrawFn) -> dict[str, Any]:
    """What a training job may show, as far as it is searched here."""
    texts = st.sampled_from(TEXTS)
    document: dict[str, Any] = {}
    if draw(st.booleans()):
        document["HyperParameters"] = draw(st.dictionaries(st.sampled_from(["lr", "a.b", "it's", 'q"']), texts))
    if draw(st.booleans()):
        document["BillableTimeInSeconds"] = draw(NUMBERS)
    if draw(st.booleans()):
        document["EnableNetworkIsolation"] = draw(st.booleans())
    if draw(st.booleans()):
        document["OutputDataConfig"] = {"S3OutputPath": draw(texts)}
    if draw(st.booleans()):
        names = draw(st.sets(st.sampled_from(["acc", "val:loss"])))
        document["FinalMetricDataList"] = [{"MetricName": name, "Value": draw(NUMBERS)} for name in sorted(names)]
    if draw(st.booleans()):
        document["InputDataConfig"] = [{"ChannelName": draw(texts)} for _ in range(draw(st.integers(1, 2)))]
    return document


NAMES = st.text("abAB-01", min_size=1, max_size=6)
TAGS = st.dictionaries(st.sampled_from(["team", "a.b"]), st.sampled_from(["red", "blue", "1"]))
JOBS = st.lists(
    st.tuples(NAMES, st.sampled_from(STATUSES), st.integers(0, 5), st.integers(0, 5), a_document(), TAGS),
    max_size=12,
    unique_by=lambda job: job[0],
)
PROPERTIES = [
    "TrainingJobName", "TrainingJobStatus", "CreationTime", "LastModifiedTime", "TrainingJobArn", "HyperParameters.lr",
    "HyperParameters.a.b", "HyperParameters.it's", 'HyperParameters.q"', "BillableTimeInSeconds", "Nothing.There",
    "EnableNetworkIsolation", "OutputDataConfig.S3OutputPath", "OutputDataConfig", "Metrics.acc", "Metrics.val:loss",
    "InputDataConfig.ChannelName", "Tags.team", "Tags.a.b",
]  # fmt: skip
ORDERING = ["GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo"]
NUMERIC = [text for text in TEXTS if text in {"0.1", "1e-1", ".1", "1", "5.", "inf", "nan", "2026-01-31", "1_0"}]


@st.composite
def a_filter(draw: st.DrawFn) -> dict[str, Any]:
    name, kind = draw(st.sampled_from(PROPERTIES)), draw(st.integers(0, 3))
    if kind == 0:
        return {"Name": name, "Operator": draw(st.sampled_from(["Exists", "NotExists"]))}
    if kind == 1:
        limits = [*NUMERIC, str(TIME), str(TIME + 3), "0.30000000000000004", "1000000000000", "-3.5"]
        return {"Name": name, "Operator": draw(st.sampled_from(ORDERING)), "Value": draw(st.sampled_from(limits))}
    values = st.sampled_from(
        [*filter(None, TEXTS), *STATUSES, "red", "1", "a", "ab", "aba", "false", "1e300", str(TIME + 1)]
    )
    if kind == 2:
        return {"Name": name, "Operator": "In", "Value": ",".join(draw(st.lists(values, min_size=1, max_size=3)))}
    return {"Name": name, "Operator": draw(st.sampled_from(["Equals", "NotEquals", "Contains"])), "Value": draw(values)}


EXPRESSIONS = st.recursive(
    st.fixed_dictionaries(
        {"Filters": st.lists(a_filter(), min_size=1, max_size=3)}, optional={"Operator": st.sampled_from(["And", "Or"])}
    ),
    lambda inner: st.fixed_dictionaries(
        {"SubExpressions": st.lists(inner, min_size=1, max_size=2)},
        optional={"Operator": st.sampled_from(["And", "Or"]), "Filters": st.lists(a_filter(), min_size=1, max_size=2)},
    ),
    max_leaves=3,
)


class Fixture:
    """A store with jobs of two regions, and Search over it."""

    def __init__(self, path: Path, jobs: list[tuple[Any, ...]]) -> None:
        service = model.load("sagemaker")
        self.store = Resources(path / "sageyard.db")
        self.engine = Engine(self.store, ShiftedClock(), derive(service), ACCOUNT)
        installed = install(self.engine, [search.family(self.engine, service)])
        self.operations = Operations(service, self.engine, installed.functions, installed.refused)
        self.documents: list[tuple[Row, dict[str, Any]]] = []
        for (name, status, created, modified, document, tags), region in itertools.product(jobs, (REGION, OTHER)):
            arn = f"arn:aws:sagemaker:{region}:{ACCOUNT}:training-job/{name.lower()}-{name.encode().hex()}"
            row = Row(KIND, region, name, arn, status, TIME + created, TIME + modified, {"TrainingJobName": name}, {})
            row = self.store.insert(row, tags.items())
            # the document comes with an update, as a job's final metrics do
            full = Row(
                **{field: getattr(row, field) for field in Row.__slots__} | {"document": row.document | document}
            )
            self.store.update(full)
            if region == REGION:
                tagged = {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}
                self.documents.append((full, self.engine.document(full) | tagged))

    async def pages(self, size: int, **request: Any) -> list[dict[str, Any]]:
        found, token = [], {}
        while True:
            asked = {"Resource": KIND, "MaxResults": size, **request, **token}
            page = await self.operations.call("Search", asked, region=REGION)
            found += [one[KIND] for one in page.get("Results", [])]
            if "NextToken" not in page:
                assert page["TotalHits"] == {"Value": len(found), "Relation": "EqualTo"}
                return found
            assert page["TotalHits"]["Value"] > len(found)
            token = {"NextToken": page["NextToken"]}


def narrowed_as_read(jobs: list[tuple[Any, ...]], check: Any, few: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "FEW", few)
        patch.setattr(stored, "MANY", 2 * few)
        patch.setattr(properties, "SMALL", 1)
        patch.setattr(properties, "MOST", 3)
        patch.setattr(search, "BATCH", 4)
        fixture = Fixture(Path(folder), jobs)
        asyncio.run(check(fixture))
        fixture.store.database.close()


ARN_EXISTS = {"Filters": [{"Name": "TrainingJobArn", "Operator": "Exists"}]}
NAMED_IN = {"Filters": [{"Name": "TrainingJobName", "Operator": "In", "Value": "0,1"}]}


@examples(40)
@given(JOBS, EXPRESSIONS, st.sampled_from(PROPERTIES), st.sampled_from(["Ascending", "Descending"]), st.integers(1, 5),
       st.integers(0, 8))  # fmt: skip
@example([("0", "Completed", 0, 0, {}, {})], ARN_EXISTS, "TrainingJobName", "Ascending", 1, 0)
@example([("0", "Completed", 0, 0, {}, {})], NAMED_IN, "Metrics.acc", "Ascending", 1, 0)
def test_a_search_finds_what_reading_every_document_finds(
    jobs: list[tuple[Any, ...]], expression: dict[str, Any], sort_by: str, order: str, size: int, few: int
) -> None:
    async def check(fixture: Fixture) -> None:
        wanted = sorted(row.name for row, document in fixture.documents if matches(document, expression))
        found = await fixture.pages(size, SearchExpression=expression, SortBy=sort_by, SortOrder=order)
        assert sorted(one["TrainingJobName"] for one in found) == wanted

    narrowed_as_read(jobs, check, few)


@examples(40)
@given(JOBS, st.sampled_from(["Ascending", "Descending"]), st.integers(1, 5), st.sampled_from(
    [("BillableTimeInSeconds", lambda one: one.get("BillableTimeInSeconds")),
     ("TrainingJobName", lambda one: one["TrainingJobName"]),
     ("LastModifiedTime", lambda one: one["LastModifiedTime"]),
     ("Metrics.acc", lambda one: next((metric["Value"] for metric in one.get("FinalMetricDataList", [])
                                       if metric["MetricName"] == "acc"), None))]))  # fmt: skip
def test_a_search_sorts_by_any_property_and_what_lacks_it_comes_last(
    jobs: list[tuple[Any, ...]], order: str, size: int, by: tuple[str, Any]
) -> None:
    name, value = by

    async def check(fixture: Fixture) -> None:
        shown = await fixture.pages(size, SortBy=name, SortOrder=order)
        assert len(shown) == len(fixture.documents)
        full = {document["TrainingJobName"]: document for _, document in fixture.documents}
        found = [value(full[one["TrainingJobName"]]) for one in shown]
        present = [one for one in found if one is not None]
        assert found == sorted(present, reverse=order == "Descending") + [None] * (len(found) - len(present))

    narrowed_as_read(jobs, check, 4)


@examples(40)
@given(JOBS, st.fixed_dictionaries({}, optional={
    "name_contains": st.text("abAB-01", min_size=1, max_size=4),
    "status": st.sampled_from(STATUSES),
    "created_after": st.integers(TIME, TIME + 5),
    "created_before": st.integers(TIME, TIME + 5),
    "modified_after": st.integers(TIME, TIME + 5),
    "members": st.sampled_from([(("HyperParameters.lr", "0.1"),), (("BillableTimeInSeconds", 1),),
                                (("EnableNetworkIsolation", True),)]),
}), st.sampled_from(["CreationTime", "LastModifiedTime", "Name", "Status"]), st.booleans(), st.integers(1, 4),
    st.integers(0, 8))  # fmt: skip
def test_a_listing_holds_what_reading_every_row_finds_in_order(
    jobs: list[tuple[Any, ...]], conditions: dict[str, Any], sort_by: str, descending: bool, size: int, few: int
) -> None:
    def wanted(row: Row) -> bool:
        member, value = conditions.get("members", [("", None)])[0]
        outer, _, inner = member.partition(".")
        held = row.document.get(outer)
        return (
            conditions.get("name_contains", "").lower() in row.name.lower()
            and conditions.get("status", row.status) == row.status
            and conditions.get("created_after", 0) < row.created < conditions.get("created_before", 2 * TIME)
            and conditions.get("modified_after", 0) < row.modified
            and (not member or (held or {}).get(inner) == value if inner else held == value)
        )

    async def check(fixture: Fixture) -> None:
        keys = {
            "CreationTime": lambda row: (row.created, row.id),
            "LastModifiedTime": lambda row: (row.modified, row.id),
            "Name": lambda row: (row.name, row.id),
            "Status": lambda row: (row.status, row.created, row.id),
        }
        rows = sorted((row for row, _ in fixture.documents if wanted(row)), key=keys[sort_by], reverse=descending)
        found: list[Row] = []
        after = None
        while True:
            asked = Selection(
                KIND, REGION, **conditions, sort_by=sort_by, descending=descending, after=after, limit=size
            )
            page = fixture.store.select(asked)
            found += page
            if len(page) < size:
                break
            after = (page[-1].key, page[-1].id)
        assert [row.name for row in found] == [row.name for row in rows]

    narrowed_as_read(jobs, check, few)


NAMED = st.lists(st.tuples(st.booleans(), NAMES), max_size=40)


@examples(40)
@given(NAMED, st.text("abAB-01", min_size=3, max_size=4), st.integers(1, 4))
def test_names_are_found_by_a_part_whatever_was_created_and_deleted(
    changes: list[tuple[bool, str]], part: str, behind: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sageyard.store.names.BEHIND", behind)
        store = Resources(Path(folder) / "sageyard.db")
        present: dict[str, Row] = {}
        for create, name in changes:
            if create and name not in present:
                row = Row(KIND, REGION, name, f"arn:{name}", "Completed", TIME, TIME, {}, {})
                present[name] = store.insert(row)
            elif not create and name in present:
                store.delete(present.pop(name))
        for reopened in (False, True):
            store = Resources(Path(folder) / "sageyard.db") if reopened else store
            found = store.select(Selection(KIND, REGION, name_contains=part))
            assert {row.name for row in found} == {name for name in present if part.lower() in name.lower()}
        store.clear()
        assert store.select(Selection(KIND, REGION, name_contains=part)) == []
        store.insert(Row(KIND, REGION, part, "arn:new", "Completed", TIME, TIME, {}, {}))
        assert [row.name for row in store.select(Selection(KIND, REGION, name_contains=part))] == [part]


def test_a_database_of_an_older_version_gets_the_indexes_and_what_they_hold(tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.mkdir()
    for number in ("0001", "0002", "0003"):
        for file in stored.MIGRATIONS.glob(f"{number}_*.sql"):
            shutil.copy(file, older)
    database = Database(tmp_path / "sageyard.db", older)
    for name, value in (("one", "0.5"), ("two", "NaN")):
        document = f'{{"FinalMetricDataList": [{{"MetricName": "acc", "Value": {value}}}]}}'
        database.connection.execute(
            "INSERT INTO resources (kind, region, name, arn, status, created, modified, document)"
            " VALUES (?, ?, ?, ?, 'Completed', ?, ?, ?)",
            (KIND, REGION, f"older-{name}", f"arn:{name}", TIME, TIME, document),
        )
    database.close()
    store = Resources(tmp_path / "sageyard.db")
    assert [row.name for row in store.select(Selection(KIND, REGION, name_contains="DER-T"))] == ["older-two"]
    best = store.page(KIND, REGION, [], metric_order("acc"), descending=True, after=None, limit=10)
    assert [(row.name, row.key) for row in best] == [("older-one", 0.5), ("older-two", None)]


def test_a_kind_has_only_so_many_indexes_and_begins_anew_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(properties, "SMALL", 1)
    monkeypatch.setattr(properties, "MOST", 2)
    store = Resources(tmp_path / "sageyard.db")
    store.insert(Row(KIND, REGION, "job", "arn:job", "Completed", TIME, TIME, {"A": 1, "B": 2, "C": 3}, {}))
    wanted = [properties.Property((member,)) for member in "ABC"]
    made = [store.properties.of(KIND, one) for one in wanted]
    assert [bool(name) for name in made] == [True, True, False]
    assert store.properties.of(KIND, wanted[0]) == made[0]
    store.database.close()
    again = Resources(tmp_path / "sageyard.db")
    assert again.properties.of(KIND, wanted[2]) is not None
    assert again.properties.of("Model", wanted[0]) is None  # there is no model
