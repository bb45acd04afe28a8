"""The worked case on a recommender: hit rates against the popular list, the cold start, an endpoint for anybody."""

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

NAME = "07_recommender.ipynb"


@pytest.fixture(scope="module")
def outputs(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    return run_case(server, NAME, tmp_path_factory.mktemp("recommender"))


@pytest.fixture(scope="module")
def own(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    folder = tmp_path_factory.mktemp("own-recommender")
    return run_case(server, NAME, folder, own_ratings(folder))


def own_ratings(folder: Path) -> Path:
    """150 guests of a restaurant, each of whom orders dishes of one kitchen out of six only; nobody is new."""
    chance = random.Random(7)
    with (folder / "items.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["item", "kitchen", "price"])
        writer.writerows([dish, f"kitchen {dish // 20}", chance.randrange(5, 30)] for dish in range(120))
    file = folder / "orders.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["user", "item", "rating", "time"])
        for guest in range(150):
            for dish in chance.sample(range(20), 12):
                day = datetime.date(2026, 1, 1) + datetime.timedelta(chance.randrange(300))
                writer.writerow([guest, guest % 6 * 20 + dish, 5, day.isoformat()])
    return file


def rates(outputs: Outputs) -> dict[tuple[str, str], float]:
    """The hit rate by group and method."""
    rows = table(outputs["evaluation-transform"])
    return {(row[""], row["by"]): float(row["hit rate"].removesuffix("%")) for row in rows}


def test_the_parts_follow_each_other_in_time(outputs: Outputs) -> None:
    loans = {row[""]: int(row["loans"]) for row in table(outputs["data-split-parts"])}
    assert sum(loans.values()) == int(text(outputs["own-data-read"]).split()[0])
    assert loans["train"] / sum(loans.values()) == pytest.approx(0.7, abs=0.01)
    items = {row[""]: int(row["items"]) for row in table(outputs["data-split-parts"])}
    assert items["train"] < items["validation"] < items["judge"], "books keep arriving"


def test_the_job_chooses_the_number_of_factors(outputs: Outputs) -> None:
    said = re.search(r"(\d+) factors, validation hit rate ([0-9.]+)%", text(outputs["training-fit"]))
    assert said
    assert 4 <= int(said.group(1)) <= 16, "neither the fewest nor the most that it may try"
    assert 50 < float(said.group(2)) < 70


def test_collaborative_beats_content_beats_popular(outputs: Outputs) -> None:
    rate = rates(outputs)
    popular, content, collaborative = (rate["known", by] for by in ("popular", "content", "collaborative"))
    assert popular < 30 < 35 < content < 50 < collaborative < 65
    gain = re.search(r"gain ([0-9.]+), 95% interval ([0-9.]+) to ([0-9.]+); req", text(outputs["evaluation-decide"]))
    assert gain
    measured, low, high = map(float, gain.groups())
    assert 1.5 <= low < measured < high
    assert measured == pytest.approx(collaborative / popular, abs=0.02)


def test_the_cold_start_is_measured_too(outputs: Outputs) -> None:
    assert {("new reader", "content"), ("new reader", "popular")} <= set(rates(outputs))
    said = re.search(r"hit rate ([0-9.]+)%, by chance ([0-9.]+)%", text(outputs["evaluation-chance"]))
    assert said
    new_books, blind = map(float, said.groups())
    assert new_books == pytest.approx(rates(outputs)["new book", "content"])
    assert new_books > 1.5 * blind


def test_the_endpoint_answers_everybody_by_what_it_knows(outputs: Outputs) -> None:
    assert len(table(outputs["deployment-deploy"])) == 10
    rows = table(outputs["use-cases"])
    assert [row["by"] for row in rows] == ["collaborative", "collaborative", "content", "content", "popular"]
    shown = [row["items"].split(", ") for row in rows]
    assert [len(set(items)) for items in shown] == [3] * 5
    assert shown[0][0] == table(outputs["deployment-deploy"])[0][""], "three are the first of ten"
    assert shown[0][0] not in shown[1], "what has just been borrowed is not offered again"
    assert not set(shown[2]) & set(shown[4]), "new books are not popular yet"


def test_a_readers_own_csv_goes_all_the_way(server: Server, own: Outputs) -> None:
    assert text(own["own-data-read"]) == "1800 loans of 120 items by 150 users\n"
    rate = rates(own)
    assert set(rate) == {("known", by) for by in ("popular", "content", "collaborative")}, "nobody is new"
    assert rate["known", "collaborative"] > 90 > 40 > rate["known", "popular"]
    assert text(own["evaluation-chance"]) == "No known user took a new item: nothing to measure.\n"
    kitchens = {row["kitchen"] for row in table(own["deployment-deploy"])[:5]}
    assert len(kitchens) == 1, "the guest's own"
    assert left_behind(server, own) == []


def test_nothing_of_it_is_left(server: Server, outputs: Outputs) -> None:
    assert left_behind(server, outputs) == []
