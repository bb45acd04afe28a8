"""The worked case on anomaly detection: a threshold from a budget, an exam of known faults, a stream with alarms."""

import csv
import math
import random
import re
from pathlib import Path

import pytest

from tests.conftest import Server
from tests.notebooks.test_notebooks import Outputs, table, text
from tests.notebooks.worked_case import left_behind, run_case

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NAME = "09_anomaly.ipynb"


@pytest.fixture(scope="module")
def outputs(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    return run_case(server, NAME, tmp_path_factory.mktemp("anomaly"))


@pytest.fixture(scope="module")
def own(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    folder = tmp_path_factory.mktemp("own-anomaly")
    return run_case(server, NAME, folder, own_measurements(folder / "oven.csv"))


def own_measurements(file: Path) -> Path:
    """16 days of an oven: power, heat and gas go together; the time is a word, and one column never changes."""
    chance = random.Random(7)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["when", "power", "heat", "gas", "site"])
        for number in range(16 * 288):
            power = 50 + 30 * math.sin(number / 288 * 2 * math.pi) + chance.gauss(0, 5)
            heat, gas = 100 + 2 * power + chance.gauss(0, 2), 3 + 0.1 * power + chance.gauss(0, 0.1)
            writer.writerow([f"row {number}", f"{power:.3f}", f"{heat:.3f}", f"{gas:.3f}", 7])
    return file


def by_method(outputs: Outputs) -> dict[str, dict[str, float]]:
    rows = table(outputs["evaluation-table"])
    return {row[""]: {name: float(value) for name, value in row.items() if name} for row in rows}


def test_known_faults_are_put_in_four_a_day(outputs: Outputs) -> None:
    for row in table(outputs["faults-inject"]):
        assert {row["validation"], row["judge"]} <= {"18", "19"}, row


def test_the_features_make_the_difference(outputs: Outputs) -> None:
    method = by_method(outputs)
    assert set(method) == {"rule: distance", "forest: columns", "forest: deviations", "rule: deviation"}
    forest = method["forest: deviations"]
    assert forest["recall"] > 0.8 > 0.5 > method["forest: columns"]["recall"]
    assert forest["recall"] > 0.5 > method["rule: distance"]["recall"]
    assert forest["spike"] > 0.9 > 0.4 > method["rule: distance"]["swapped"]


def test_the_budget_is_kept_and_precision_follows_from_it(outputs: Outputs) -> None:
    assert re.match(r"recall \d\d\.\d% \(required 75%\), precision ", text(outputs["evaluation-decide"]))
    for method, found in by_method(outputs).items():
        assert 6 < found["alarms a day"] < 10, method
        caught = found["recall"] * 4  # faults a day
        assert found["precision"] == pytest.approx(caught / found["alarms a day"], abs=0.02), method
    curve = [
        {name: float(value) for name, value in row.items() if name} for row in table(outputs["evaluation-budgets"])
    ]
    assert [row["alarms a day"] for row in curve] == sorted(row["alarms a day"] for row in curve)
    assert [row["recall"] for row in curve] == sorted(row["recall"] for row in curve)
    assert curve[0]["precision"] > 0.9 > 0.2 > curve[-1]["precision"]


def test_the_endpoint_names_the_odd_column(outputs: Outputs) -> None:
    said = text(outputs["deployment-deploy"])
    assert "'alarm': True" in said
    assert re.search(r"'column': '(load|flow|pressure|current|temperature|vibration)'", said)
    assert "it is: no fault" not in said


def test_a_leak_in_the_stream_reaches_the_technician(outputs: Outputs) -> None:
    said = text(outputs["use-stream"])
    found = re.match(r"144 rows answered, (\d+) alarms in the first half\n", said)
    assert found
    assert int(found.group(1)) < 6
    rows = re.search(r"flow leaks: first alarm that names it after (\d+) rows, (\d+) alarms in all", said)
    assert rows
    assert int(rows.group(1)) < 36, "within three hours"
    (metric,) = table(outputs["use-metric"])
    by_hour = [float(metric[str(hour)]) for hour in range(12)]
    assert sum(by_hour[6:]) == int(rows.group(2))
    assert by_hour[-1] > 3
    messages = {int(row[""]): int(row["Anomalies"]) for row in table(outputs["use-messages"])}
    assert messages == {hour: count for hour, count in enumerate(by_hour) if count > 3}


def test_a_readers_own_csv_goes_all_the_way(server: Server, own: Outputs) -> None:
    assert {row[""] for row in table(own["own-data-read"])} == {"mean", "std", "min", "max"}
    assert set(table(own["own-data-read"])[0]) == {"", "power", "heat", "gas"}, "words and constants are left out"
    assert by_method(own)["forest: deviations"]["recall"] >= 0.75
    assert "heat leaks: first alarm that names it after" in text(own["use-stream"])
    assert table(own["use-messages"])
    assert left_behind(server, own) == []


def test_nothing_of_it_is_left(server: Server, outputs: Outputs) -> None:
    assert left_behind(server, outputs) == []
    assert server.client("events").list_rules(NamePrefix="anomaly-")["Rules"] == []
    assert server.client("sqs").list_queues(QueueNamePrefix="anomaly-").get("QueueUrls", []) == []
