"""Analysis, candidates, insights and serving, each as its container is started."""

import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "toolkit")]  # as the entrypoint does

from automl_tabular import analysis, problem, tables  # noqa: E402
from automl_tabular.candidate import Candidate  # noqa: E402
from sagemaker_toolkit.errors import ClientError  # noqa: E402

IMAGE = "sagemaker-sklearn-automl"
ENTRYPOINT = FOLDER / "entrypoint.py"
CANDIDATES = [{"algorithm": "xgboost", "ranges": "max_depth 2 to 8"}]


def customers(rows: int, seed: int = 1) -> pd.DataFrame:
    """Rows with every kind of column; who leaves follows from the minutes and the plan."""
    draw = np.random.default_rng(seed)
    minutes = draw.normal(200, 50, rows)
    plan = draw.choice(["basic", "plus", "max"], rows)
    leaves = (minutes > 220) ^ (plan == "max")
    return pd.DataFrame(
        {
            "id": [f"customer-{number}" for number in range(rows)],
            "minutes": np.where(draw.random(rows) < 0.05, np.nan, minutes.round(2)),
            "plan": plan,
            "joined": pd.date_range("2020-01-01", periods=rows, freq="h").strftime("%Y-%m-%d %H:%M"),
            "note": draw.choice(
                ["asked for a lower price again", "is happy with all of it", "no call so far at all"], rows
            ),
            "country": "CH",
            "bill": (minutes * 0.1 + (plan == "max") * 20 + draw.normal(0, 0.5, rows)).round(2),
            "leaves": np.where(leaves, "yes", "no"),
        }
    )


def prepare(base: Path, table: pd.DataFrame, config: dict[str, Any]) -> None:
    """The inputs of an analysis."""
    (base / "input" / "training").mkdir(parents=True)
    (base / "input" / "config").mkdir()
    table.to_csv(base / "input" / "training" / "data.csv", index=False)
    defaults = {
        "weight": None, "problem_type": None, "objective": None, "validation_fraction": 0.2, "features": None,
        "content_type": "text/csv;header=present", "kinds": {}, "candidates": CANDIDATES,
    }  # fmt: skip
    (base / "input" / "config" / "automl.json").write_text(json.dumps(defaults | config))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def start(command: str) -> subprocess.CompletedProcess[str]:
        environment = {"SAGEMAKER_BASE_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        return subprocess.run(
            [sys.executable, str(ENTRYPOINT), command], env=environment, capture_output=True, text=True, timeout=120
        )

    return start


@pytest.fixture
def analyze(tmp_path: Path, run: Any) -> Callable[..., dict[str, Any]]:
    """Analyse a table; the plan."""

    def analyse(table: pd.DataFrame, target: str, **config: Any) -> dict[str, Any]:
        prepare(tmp_path / "processing", table, {"target": target, **config})
        done = run("analyze")
        assert done.returncode == 0, done.stderr
        plan: dict[str, Any] = json.loads((tmp_path / "processing" / "output" / "plan" / "plan.json").read_text())
        return plan

    return analyse


@pytest.fixture
def train(tmp_path: Path, training_folder: Any) -> Callable[..., Any]:
    """Train a candidate on what the analysis wrote; what it printed of the validation rows."""

    def trained(algorithm: str, **values: Any) -> dict[str, float]:
        job = training_folder(tmp_path, IMAGE)
        job.configure({"automl_algorithm": algorithm, **values}, {"train": "", "validation": "", "plan": ""})
        for channel in ("train", "validation", "plan"):
            for path in (tmp_path / "processing" / "output" / channel).iterdir():
                job.put(channel, path.name, path.read_bytes())
        assert job.train() == 0, job.output
        lines = [
            line.removeprefix("validation:").rstrip(";") for line in job.output.splitlines() if "validation:" in line
        ]
        return {name: float(value) for name, _, value in (line.partition("=") for line in lines)}

    return trained


def test_the_analysis_finds_what_the_columns_hold_and_writes_the_split(analyze: Any, tmp_path: Path) -> None:
    plan = analyze(customers(1000), "leaves")
    assert plan["columns"] == {
        "id": "unused", "minutes": "numeric", "plan": "categorical", "joined": "datetime", "note": "text",
        "country": "unused", "bill": "numeric",
    }  # fmt: skip
    assert (plan["problem_type"], plan["objective"]) == ("BinaryClassification", "F1")
    assert plan["labels"] == ["no", "yes"]
    output = tmp_path / "processing" / "output"
    train, validation = (pd.read_csv(output / name / "part-00000.csv") for name in ("train", "validation"))
    assert (len(train), len(validation)) == (800, 200)
    assert abs((train["leaves"] == "yes").mean() - (validation["leaves"] == "yes").mean()) < 0.01
    notebook = json.loads((output / "notebooks" / "SageMakerAutopilotDataExplorationNotebook.ipynb").read_text())
    text = "".join("".join(cell["source"]) for cell in notebook["cells"])
    assert "| country | unused |" in text
    assert "yes: " in text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1], "BinaryClassification"),
        (["a", "b"], "BinaryClassification"),
        (["a", "b", "c"], "MulticlassClassification"),
        (list(range(10)), "MulticlassClassification"),
        (list(range(100)), "Regression"),
        ([0.5, 1.5, 2.5], "Regression"),
    ],
)
def test_the_problem_type_is_read_off_the_target(values: list[Any], expected: str) -> None:
    assert problem.infer(pd.Series(values * 10)) == expected


@pytest.mark.parametrize("algorithm", ["xgboost", "linear-learner", "mlp", "randomforest", "extra-trees", "ensemble"])
def test_every_algorithm_learns_what_can_be_learned(tmp_path: Path, algorithm: str) -> None:
    prepare(tmp_path, customers(1200), {"target": "leaves"})
    analysis.run(tmp_path)
    plan = json.loads((tmp_path / "output" / "plan" / "plan.json").read_text())
    table, unseen = (tables.read(tmp_path / "output" / name) for name in ("train", "validation"))
    scores = Candidate.fit(plan, algorithm, {}, table, "leaves", None).scores(unseen, "leaves")
    assert set(scores) == {"Accuracy", "BalancedAccuracy", "F1", "Precision", "Recall", "AUC"}
    assert scores["AUC"] > (0.7 if algorithm in ("linear-learner", "mlp") else 0.9)


def test_a_regression_is_trained_with_its_hyperparameters(analyze: Any, train: Any) -> None:
    plan = analyze(customers(1200), "bill")
    assert (plan["problem_type"], plan["objective"]) == ("Regression", "MSE")
    shallow, deep = train("xgboost", max_depth=1, num_round=5), train("xgboost", max_depth=5, num_round=100)
    assert deep["RMSE"] < shallow["RMSE"]
    assert deep["R2"] > 0.95


def test_a_candidate_is_judged_and_answers(analyze: Any, train: Any, run: Any, serve: Any, tmp_path: Path) -> None:
    table = customers(1200)
    analyze(table, "leaves")
    scores = train("xgboost")
    processing = tmp_path / "processing"
    (processing / "input" / "model").mkdir()
    with tarfile.open(processing / "input" / "model" / "model.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "model", ".")
    for name in ("plan", "validation"):
        (processing / "output" / name).rename(processing / "input" / name)
    done = run("insights")
    assert done.returncode == 0, done.stderr
    report = json.loads((processing / "output" / "insights" / "statistics.json").read_text())
    found = report["binary_classification_metrics"]
    assert found["f1"]["value"] == pytest.approx(scores["F1"])
    assert 0 < found["f1"]["standard_deviation"] < 0.1
    assert (
        sum(sum(row.values()) for row in found["confusion_matrix"].values()) == report["dataset"]["item_count"] == 240
    )

    rows = table.drop(columns="leaves").tail(3)
    body = rows.to_csv(index=False, header=False).encode()
    with serve(IMAGE, tmp_path, {"SAGEMAKER_INFERENCE_OUTPUT": "predicted_label,probability"}) as server:
        status, answer, kind = server.request(body)
        assert (status, kind) == (200, "text/csv")
        lines = [line.split(",") for line in answer.decode().splitlines()]
        assert [line[0] for line in lines] == table["leaves"].tail(3).tolist()
        assert all(0.5 <= float(line[1]) <= 1 for line in lines)
        documents = json.dumps({"instances": rows.where(rows.notna(), None).to_dict("records")}).encode()
        answer = json.loads(server.request(documents, "application/json", "application/json")[1])
        assert [row["predicted_label"] for row in answer["predictions"]] == [line[0] for line in lines]
        status, answer, _ = server.request(b"1,2,3\n")
        assert status == 400
        assert b"a row has 3 values; this model takes 7" in answer


@pytest.mark.parametrize(
    ("table", "config", "reason"),
    [
        (customers(499), {}, "has 499 rows with a target; an AutoML job needs at least 500"),
        (customers(600), {"target": "left"}, "TargetAttributeName is 'left', and the data has the columns id, minutes"),
        (customers(600), {"weight": "w"}, "SampleWeightAttributeName is 'w'"),
        (customers(600), {"problem_type": "Regression"}, "Regression needs a numeric target"),
        (customers(600), {"features": ["nothing"]}, "FeatureAttributeNames has 'nothing'"),
        (customers(600)[["id", "country", "leaves"]], {}, "No column of the data can be learned from"),
        (customers(600), {"problem_type": "BinaryClassification", "target": "plan"}, "needs 2 classes; plan has 3"),
    ],
)
def test_data_that_cannot_be_learned_from_is_refused(
    tmp_path: Path, table: pd.DataFrame, config: dict[str, Any], reason: str
) -> None:
    prepare(tmp_path, table, {"target": "leaves"} | config)
    with pytest.raises(ClientError, match=reason):
        analysis.run(tmp_path)


def test_a_failure_is_told_in_the_message_of_the_job(run: Any, tmp_path: Path) -> None:
    prepare(tmp_path / "processing", customers(499), {"target": "leaves"})
    assert run("analyze").returncode == 1
    assert (tmp_path / "output" / "message").read_text().startswith("The data has 499 rows with a target")
