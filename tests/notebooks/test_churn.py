"""The worked case on churn: features, costs of errors, threshold, an honest saving; and a reader's own customers."""

import csv
import random
import re
from pathlib import Path

import pytest

from tests.conftest import Server
from tests.notebooks.test_notebooks import Outputs, table, text
from tests.notebooks.worked_case import left_behind, run_case

pytestmark = pytest.mark.timeout(300)

NAME = "03_churn.ipynb"


@pytest.fixture(scope="module")
def outputs(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    return run_case(server, NAME, tmp_path_factory.mktemp("churn"))


@pytest.fixture(scope="module")
def own(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    folder = tmp_path_factory.mktemp("own-churn")
    return run_case(server, NAME, folder, own_customers(folder / "telephone.csv"))


def own_customers(file: Path) -> Path:
    """900 customers in the columns that the notebook names; new ones with expensive monthly contracts leave."""
    chance = random.Random(7)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["customerID", "SeniorCitizen", "Partner", "tenure", "Contract", "MonthlyCharges", "TotalCharges", "Churn"]
        )
        for number in range(900):
            tenure, charge = chance.randrange(72), round(chance.uniform(20, 110), 2)
            contract = chance.choice(["Month-to-month", "Month-to-month", "One year", "Two year"])
            leaves = contract == "Month-to-month" and tenure < 36 and charge > 50
            leaves = leaves if chance.random() < 0.95 else not leaves
            total = " " if tenure == 0 else f"{tenure * charge:.2f}"  # such blanks are in the public file
            partner = chance.choice(["Yes", "No"])
            row = [f"{number:04d}-X", chance.randrange(2), partner, tenure, contract, charge, total]
            writer.writerow([*row, "Yes" if leaves else "No"])
    return file


def test_features_are_dropped_made_and_found_to_say_the_same(outputs: Outputs) -> None:
    said = text(outputs["features-run"])
    features = re.search(r"14 features: (.*)", said)
    assert features, said
    names = features.group(1).split(", ")
    assert "account_months" in names, "made from the date"
    assert {"contract=monthly", "payment=card", "age"} <= set(names)
    assert not {"customer", "closing_invoice", "signed_up", "left", "part"} & {name.partition("=")[0] for name in names}
    assert "always the same: country=Austria" in said
    (same,) = table(outputs["features-run"])
    assert (same["dropped"], same["says the same as"], round(float(same["correlation"]), 3)) == (
        "minutes_charge",
        "minutes",
        1.0,
    )


def test_the_costs_choose_the_threshold(outputs: Outputs) -> None:
    assert text(outputs["problem-threshold"]) == "an offer pays from p = 0.25\n"
    chosen = re.search(r"XGBoost: (0\.\d\d)", text(outputs["threshold-costs"]))
    assert chosen
    assert 0.15 <= float(chosen.group(1)) <= 0.4, "near what the table alone says"


def test_the_saving_lies_between_the_simple_policies_and_the_truth(outputs: Outputs) -> None:
    cost = {row[""]: float(row["cost"]) for row in table(outputs["evaluate-policies"])}
    rule = cost["rule of thumb: contract is monthly"]
    assert rule < min(cost["offers to nobody"], cost["offers to everybody"])
    assert cost["the true probability"] <= cost["XGBoost"] < cost["logistic regression"] < rule
    assert 0.08 < 1 - cost["XGBoost"] / rule < 0.16
    assert "the criterion is met, beyond doubt" in text(outputs["evaluate-verdict"])
    counts = [
        int(row[kind]) for row in table(outputs["evaluate-confusion"]) for kind in ("left alone", "gets an offer")
    ]
    assert sum(counts) == 1200
    weighed = sum(count * price for count, price in zip(counts, (0, 100, 600, 300), strict=True)) / 1200
    assert weighed == pytest.approx(cost["XGBoost"], abs=0.1)


def test_the_endpoint_answers_raw_rows_as_batch_transform_did(outputs: Outputs) -> None:
    faithful, usual, leaving = table(outputs["deploy-endpoint"])
    assert float(faithful["probability"]) < float(usual["probability"]) < float(leaving["probability"])
    assert (faithful["offer"], leaving["offer"]) == ("no", "yes")
    assert text(outputs["deploy-same"]).strip() == "endpoint and batch transform differ by 0.000 at most"


def test_a_readers_own_csv_goes_all_the_way(own: Outputs) -> None:
    assert text(own["data-extract"]).startswith("900 customers, ")
    kinds = {row[""]: row["kind"] for row in table(own["data-columns-table"])}
    assert kinds["TotalCharges"] == "number", "though blanks are in it"
    assert (kinds["customerID"], kinds["Churn"], kinds["Contract"]) == ("dropped", "label", "text")
    policies = [row[""] for row in table(own["evaluate-policies"])]
    assert "rule of thumb: Contract is Month-to-month" in policies
    assert "the true probability" not in policies, "nobody knows it"
    assert "the criterion is met" in text(own["evaluate-verdict"])
    assert [row["offer"] for row in table(own["deploy-endpoint"])][::2] == ["no", "yes"]


def test_nothing_of_it_is_left(server: Server, outputs: Outputs, own: Outputs) -> None:
    assert left_behind(server, outputs) == []
    assert left_behind(server, own) == []
