"""Training by the built-in algorithm, as SageMaker starts it."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pytest
import xgboost

IMAGE = "sagemaker-xgboost"
RULES = {"num_round": "4", "objective": "binary:logistic"}


def table(seed: int, rows: int = 200) -> np.ndarray:
    features = np.random.default_rng(seed).random((rows, 4)).astype(np.float32)
    labels = (features[:, 0] + features[:, 1] > 1).astype(np.float32)
    return np.column_stack([labels, features])


def csv(rows: np.ndarray) -> str:
    return "".join(",".join("" if np.isnan(v) else f"{v:.7g}" for v in row) + "\n" for row in rows)


def libsvm(rows: np.ndarray) -> str:
    return "".join(f"{row[0]:g} " + " ".join(f"{i}:{v:.7g}" for i, v in enumerate(row[1:])) + "\n" for row in rows)


@pytest.fixture
def job(training_folder, tmp_path):
    folder = training_folder(tmp_path, IMAGE)
    folder.put("train", "part-0.csv", csv(table(1)))
    folder.put("validation", "part-0.csv", csv(table(2)))
    return folder


def model(folder) -> xgboost.Booster:
    booster = xgboost.Booster()
    booster.load_model(bytearray((folder.base / "model" / "xgboost-model").read_bytes()))
    return booster


def scores(output: str, name: str) -> list[float]:
    """As the metric definitions of the algorithm find them (the regular expression of CreateTrainingJob's answer)."""
    number = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
    return [float(v) for v in re.findall(rf".*\[[0-9]+\].*#011{name}:{number}.*", output)]


def test_a_model_is_trained_and_each_round_prints_what_the_metric_definitions_match(job):
    job.configure(RULES | {"eval_metric": "error,auc"}, {"train": "text/csv", "validation": "text/csv"})
    assert job.train() == 0, job.output
    for name in ("train-error", "train-auc", "validation-error", "validation-auc"):
        assert len(scores(job.output, name)) == 4, name
    rows = table(2)
    found = model(job).predict(xgboost.DMatrix(rows[:, 1:])) > 0.5
    assert np.mean(found != rows[:, 0]) == pytest.approx(scores(job.output, "validation-error")[-1], abs=1e-4)
    assert (job.base / "output" / "success").exists()
    assert not job.failure


def test_csv_libsvm_and_parquet_of_the_same_rows_give_the_same_model(training_folder, tmp_path):
    rows = table(3)
    rows[5, 2] = np.nan
    predictions = []
    for kind in ("csv", "libsvm", "parquet"):
        folder = training_folder(tmp_path / kind, IMAGE)
        folder.configure(RULES, {"train": f"application/x-{kind}" if kind == "parquet" else kind})
        if kind == "csv":
            folder.put("train", "nested/deep/b.csv", csv(rows[100:]))
            folder.put("train", "a.csv", csv(rows[:100]))
        elif kind == "libsvm":
            folder.put("train", "rows", libsvm(rows).replace("1:nan ", ""))
        else:
            folder.put("train", "rows.csv", csv(rows))
            path = tmp_path / kind / "input" / "data" / "train"
            duckdb.read_csv(str(path / "rows.csv"), header=False).write_parquet(str(path / "rows.parquet"))
            (path / "rows.csv").unlink()
        assert folder.train() == 0, folder.output
        predictions.append(model(folder).predict(xgboost.DMatrix(rows[:, 1:])))
    np.testing.assert_allclose(predictions[0], predictions[1], atol=1e-6)
    np.testing.assert_allclose(predictions[0], predictions[2], atol=1e-6)


def test_csv_weights_are_the_second_column(training_folder, tmp_path):
    rows = table(4)
    folder = training_folder(tmp_path, IMAGE)
    weighted = np.column_stack([rows[:, 0], np.where(rows[:, 0] == 1, 1, 0), rows[:, 1:]])
    folder.put("train", "part.csv", csv(weighted))
    folder.configure(RULES | {"csv_weights": "1"}, {"train": "text/csv"})
    assert folder.train() == 0, folder.output
    found = model(folder)
    assert found.num_features() == 4
    assert found.predict(xgboost.DMatrix(rows[:, 1:])).min() > 0.5  # rows of class 0 weigh nothing


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"num_round": "0"},
            "Hyperparameter num_round: value '0' is not valid, it must be a whole number of at least 1",
        ),
        (
            {"eta": "much"},
            "Hyperparameter eta: value 'much' is not valid, it must be a number of at least 0 and at most 1",
        ),
        ({"eval_metric": "auc,nonsense"}, "Hyperparameter eval_metric: value 'auc,nonsense' is not valid"),
        ({"trees": "3"}, "Extraneous hyperparameter found: trees."),
        ({"objective": "multi:softmax"}, "Hyperparameter num_class: required"),
        ({"tree_method": "gpu_hist"}, "Hyperparameter tree_method: 'gpu_hist' is not supported by this CPU image"),
    ],
)
def test_a_wrong_hyperparameter_fails_the_job_and_the_reason_names_it_and_its_rule(job, wrong, message):
    job.configure(RULES | wrong, {"train": "text/csv"})
    assert job.train() == 1
    assert job.failure.startswith(f"ClientError: {message}")
    assert not (job.base / "model" / "xgboost-model").exists()


def test_num_round_is_required(job):
    job.configure({"objective": "reg:squarederror"}, {"train": "text/csv"})
    assert job.train() == 1
    assert "Missing required hyperparameter: num_round" in job.failure


@pytest.mark.parametrize(
    ("name", "content", "kind", "message"),
    [
        ("head.csv", "label,a\n1,2\n0,3\n", "text/csv", "head.csv is not CSV of numbers without a header"),
        ("rows.csv", "1,2\n0,3\n", "libsvm", "rows.csv, line 1 is not libsvm"),
        ("rows.csv", "1,2\n0,3\n", "text/xml", "text/xml is not an accepted ContentType: csv"),
        ("rows.csv", "3,2\n7,3\n", "text/csv", "label must be in [0,1] for binary:logistic"),
        ("_ignored", "1,2\n", "text/csv", "No data in train channel"),
    ],
)
def test_unusable_data_fails_the_job_and_the_reason_says_which(training_folder, tmp_path, name, content, kind, message):
    folder = training_folder(tmp_path, IMAGE)
    folder.put("train", name, content)
    folder.configure(RULES, {"train": kind})
    assert folder.train() == 1
    assert message in folder.failure, folder.failure


def test_early_stopping_keeps_the_best_round(job):
    noise = np.random.default_rng(0)
    rows = np.column_stack([noise.integers(0, 2, 200), noise.random((200, 4))])
    job.put("train", "part-0.csv", csv(rows))
    job.configure(
        RULES | {"num_round": "60", "early_stopping_rounds": "3", "eval_metric": "logloss"},
        {"train": "text/csv", "validation": "text/csv"},
    )
    assert job.train() == 0, job.output
    losses = scores(job.output, "validation-logloss")
    assert len(losses) < 60
    assert model(job).num_boosted_rounds() == int(np.argmin(losses)) + 1


def test_metrics_that_xgboost_has_not_are_those_of_scikit_learn(job):
    from sklearn.metrics import balanced_accuracy_score, f1_score

    job.configure(
        RULES | {"eval_metric": "f1,balanced_accuracy,f1_binary"}, {"train": "text/csv", "validation": "text/csv"}
    )
    assert job.train() == 0, job.output
    rows = table(2)
    found = model(job).predict(xgboost.DMatrix(rows[:, 1:])) > 0.5
    assert scores(job.output, "validation-f1")[-1] == pytest.approx(
        f1_score(rows[:, 0], found, average="macro"), abs=1e-4
    )
    assert scores(job.output, "validation-f1_binary")[-1] == pytest.approx(f1_score(rows[:, 0], found), abs=1e-4)
    expected = balanced_accuracy_score(rows[:, 0], found)
    assert scores(job.output, "validation-balanced_accuracy")[-1] == pytest.approx(expected, abs=1e-4)


def test_training_goes_on_from_the_last_checkpoint(job):
    checkpoints = job.base / "checkpoints"
    checkpoints.mkdir()
    job.configure(RULES | {"num_round": "3"}, {"train": "text/csv"})
    assert job.train() == 0, job.output
    assert sorted(path.name for path in checkpoints.iterdir()) == [f"xgboost-checkpoint.{i}" for i in range(3)]
    job.configure(RULES | {"num_round": "9"}, {"train": "text/csv"})
    assert job.train() == 0, job.output
    assert "Resuming from iteration 3" in job.output
    assert re.findall(r"^\[(\d+)\]", job.output, re.MULTILINE) == [str(i) for i in range(3, 9)]
    assert model(job).num_boosted_rounds() == 9
    assert len(list(checkpoints.iterdir())) == 5


def test_a_stopped_job_leaves_its_last_model_if_asked_to(job):
    job.configure(RULES | {"num_round": "1000000", "save_model_on_termination": "true"}, {"train": "text/csv"})
    process = job.start()
    assert process.stdout
    for line in process.stdout:
        if line.startswith("[3]"):
            process.terminate()
    assert process.wait(30) == 0
    assert model(job).num_boosted_rounds() >= 4
    assert [path.name for path in (job.base / "model").iterdir() if not path.name.startswith(".")] == ["xgboost-model"]


def test_cross_validation_leaves_a_model_a_fold(job):
    job.configure(RULES | {"_kfold": "3"}, {"train": "text/csv"})
    assert job.train() == 0, job.output
    assert sorted(path.name for path in (job.base / "model").iterdir()) == [f"xgboost-model-{i}" for i in range(3)]


def test_three_hosts_of_which_one_has_no_data_train_one_model(training_folder, tmp_path: Path):
    hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    folders = []
    for number, host in enumerate(hosts):
        folder = training_folder(
            tmp_path / host, IMAGE, environment={"TRAINING_JOB_NAME": tmp_path.name + str(tmp_path)}
        )
        folder.configure(RULES | {"eval_metric": "auc", "nthread": "1"}, {"train": "text/csv"}, hosts, host)
        if number < 2:
            folder.put("train", "part.csv", csv(table(number)))
        folders.append(folder)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda folder: folder.train(), folders)) == [0, 0, 0], [f.output for f in folders]
    assert len(scores(folders[0].output, "train-auc")) == 4
    assert not scores(folders[1].output, "train-auc")  # metrics are of all hosts, and printed by one
    assert "takes no part" in folders[2].output
    assert [(f.base / "model" / "xgboost-model").exists() for f in folders] == [True, False, False]
    rows = np.concatenate([table(0), table(1)])
    assert np.mean((model(folders[0]).predict(xgboost.DMatrix(rows[:, 1:])) > 0.5) == rows[:, 0]) > 0.9
