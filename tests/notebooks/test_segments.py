"""The worked case on customer segments: chosen by stability and silhouette, put into words, of use a quarter later."""

import csv
import datetime
import random
import re
from pathlib import Path

import pytest

from tests.conftest import Server
from tests.notebooks.test_notebooks import Outputs, table, text
from tests.notebooks.worked_case import left_behind, run_case

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NAME = "08_segments.ipynb"


@pytest.fixture(scope="module")
def outputs(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    return run_case(server, NAME, tmp_path_factory.mktemp("segments"))


@pytest.fixture(scope="module")
def own(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    folder = tmp_path_factory.mktemp("own-segments")
    return run_case(server, NAME, folder, own_orders(folder / "bakery.csv"))


def own_orders(file: Path) -> Path:
    """240 customers of a bakery: two thirds come often for little, the others seldom for much, nearly all by phone."""
    chance = random.Random(7)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["customer", "day", "amount", "phone"])
        for number in range(240):
            often = number % 3 != 0
            for _ in range(chance.randrange(50, 70) if often else chance.randrange(16, 24)):
                day = datetime.date(2026, 1, 1) + datetime.timedelta(chance.randrange(180))
                amount = chance.uniform(4, 8) if often else chance.uniform(60, 90)
                phone = chance.random() < (0.1 if often else 0.9)
                writer.writerow([number, day.isoformat(), f"{amount:.2f}", int(phone)])
    return file


def test_the_choice_follows_the_criterion(outputs: Outputs) -> None:
    rows = table(outputs["training-fit"])
    assert {(row[""], int(row["groups"])) for row in rows} == {(a, k) for a in ("k-means", "GMM") for k in range(2, 8)}
    for row in rows:
        passed = (
            float(row["agreement"]) >= 0.8
            and float(row["silhouette"]) >= 0.25
            and float(row["smallest"]) >= 0.05
            and int(row["groups"]) <= 6
        )
        assert (row["accepted"] == "True") == passed, row
    (chosen,) = (row for row in rows if row["chosen"] == "True")
    assert chosen["accepted"] == "True"
    assert float(chosen["silhouette"]) == max(float(row["silhouette"]) for row in rows if row["accepted"] == "True")
    assert (chosen[""], chosen["groups"]) == ("k-means", "4"), "as many as there are kinds"
    assert text(outputs["training-metrics"]).startswith("k-means with 4 groups: agreement 0.9")


def test_the_groups_are_put_into_words(outputs: Outputs) -> None:
    rows = table(outputs["description-words"])
    words = {row["in words"] for row in rows}
    assert {"often reduced", "often evening"} <= words
    assert sum(said.startswith("large orders") for said in words) == 1
    assert sum(said.startswith("orders often") for said in words) == 1
    assert sum(int(row["customers"].removesuffix("%")) for row in rows) == pytest.approx(100, abs=2)
    known = re.match(r"(\d+)% of the customers", text(outputs["description-kinds"]))
    assert known
    assert int(known.group(1)) > 80


def test_the_next_quarter_says_that_they_are_of_use(outputs: Outputs) -> None:
    said = text(outputs["use-next-quarter"])
    most, least, explained = map(int, re.findall(r"(\d+)", said))
    assert most > 3 * least
    assert explained > 25
    offer = re.search(r"(\d+)% of the customers, (\d+)% of the next quarter's revenue", text(outputs["use-offer"]))
    assert offer
    assert int(offer.group(2)) > 2 * int(offer.group(1))
    moves = table(outputs["use-transitions"])
    assert len(moves) == 4
    assert all(int(row[str(group)].removesuffix("%")) > 60 for group, row in enumerate(moves)), moves


def test_a_readers_own_csv_goes_all_the_way(server: Server, own: Outputs) -> None:
    assert text(own["own-data-read"]).startswith("240 customers, ")
    assert "k-means with 2 groups" in text(own["training-metrics"])
    rows = {row["in words"]: row["customers"] for row in table(own["description-words"])}
    assert sorted(rows.values()) == ["33%", "67%"]
    (seldom,) = (words for words, share in rows.items() if share == "33%")
    assert {"large orders", "often phone", "orders rarely"} == set(seldom.split(", "))
    assert text(own["description-kinds"]).startswith("Your own customers have no kinds")
    assert text(own["use-transitions"]).startswith("100% of 240 customers are in the same group")
    assert left_behind(server, own) == []


def test_nothing_of_it_is_left(server: Server, outputs: Outputs) -> None:
    assert left_behind(server, outputs) == []
