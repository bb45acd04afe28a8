"""Explanations of a dataset: the baseline, what is written, and partial dependence."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clarify_processing.baselines import shap_baseline
from clarify_processing.clustering import centres
from clarify_processing.config import AnalysisConfig
from clarify_processing.dataset import Dataset
from clarify_processing.errors import AnalysisError
from clarify_processing.explanations import explain
from clarify_processing.model_output import Predictions
from clarify_processing.partial_dependence import data_type


class Weighted:
    """A predictor with two outputs: the weighted sum of a, b and the length of the name c, and a itself."""

    def __init__(self, label_headers: list[str] | None = None) -> None:
        self.label_headers = label_headers

    def predict(self, rows: pd.DataFrame | np.ndarray) -> Predictions:
        a, b, c = (rows.to_numpy(object) if isinstance(rows, pd.DataFrame) else rows).T
        length = np.array([len(value) for value in c])
        return Predictions(None, np.column_stack([a + 2 * b + 3 * length, a]).astype(float))


FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0, 6.0], "b": [0, 1, 0, 1], "c": ["x", "yy", "x", "x"]})


def config(methods: dict[str, Any], **more: Any) -> AnalysisConfig:
    return AnalysisConfig({"dataset_type": "text/csv", "methods": methods, **more})


def dataset(frame: pd.DataFrame = FRAME, joinsource: pd.Series | None = None) -> Dataset:
    return Dataset(frame, None, None, {}, None, joinsource)


def explained(methods: dict[str, Any], folder: Path, predictor: Any = None, data: Dataset | None = None) -> Any:
    return explain(config(methods), data or dataset(), predictor or Weighted(), folder)


@pytest.mark.parametrize(
    ("method", "expected"),
    [("mean_abs", (3, 1, 0.75)), ("median", (2.5, 1, 0)), ("mean_sq", (12.5, 2, 2.25))],
)
def test_global_values_are_aggregated_as_asked(tmp_path: Path, method: str, expected: tuple[float, ...]) -> None:
    found = explained({"shap": {"baseline": [[0, 0, "z"]], "agg_method": method}}, tmp_path)["kernel_shap"]
    assert found["label0"]["global_shap_values"] == pytest.approx(dict(zip("abc", expected, strict=True)))
    assert found["label0"]["expected_value"] == pytest.approx(3)
    assert found["label1"]["global_shap_values"]["b"] == pytest.approx(0)
    assert not (tmp_path / "explanations_shap" / "out.csv").exists()


def test_local_values_have_the_join_source_and_the_label_headers(tmp_path: Path) -> None:
    shap = {"baseline": [[0, 0, "z"]], "save_local_shap_values": True}
    data = dataset(joinsource=pd.Series([7, 8, 9, 10], name="id"))
    found = explained({"shap": shap}, tmp_path, Weighted(["no", "yes"]), data)
    assert list(found["kernel_shap"]) == ["no", "yes"]
    written = pd.read_csv(tmp_path / "explanations_shap" / "out.csv")
    assert list(written) == ["id", "a_no", "b_no", "c_no", "a_yes", "b_yes", "c_yes"]
    assert written["id"].tolist() == [7, 8, 9, 10]
    assert written["c_no"].tolist() == pytest.approx([0, 3, 0, 0])


def test_features_to_explain_are_players_beside_all_the_others_together(tmp_path: Path) -> None:
    shap = {"baseline": [[0, 0, "z"]], "features_to_explain": ["c", 0], "save_local_shap_values": True}
    found = explained({"shap": shap}, tmp_path)["kernel_shap"]["label0"]
    assert found["global_shap_values"] == pytest.approx({"c": 0.75, "a": 3})
    assert list(pd.read_csv(tmp_path / "explanations_shap" / "out.csv")) == [
        "c_label0",
        "a_label0",
        "c_label1",
        "a_label1",
    ]


def test_partial_dependence_takes_the_features_with_the_greatest_shap_values(tmp_path: Path) -> None:
    methods = {"shap": {"baseline": [[0, 0, "z"]]}, "pdp": {"grid_resolution": 5, "top_k_features": 2}}
    first, second = explained(methods, tmp_path)["pdp"]
    assert first == {
        "feature_name": "a",
        "data_type": "numerical",
        "feature_values": pytest.approx([1.5, 2.5, 3.5, 4.5, 5.5]),
        "label_headers": ["label0", "label1"],
        "model_predictions": [pytest.approx([6.25, 7.25, 8.25, 9.25, 10.25]), pytest.approx([1.5, 2.5, 3.5, 4.5, 5.5])],
        "data_distribution": pytest.approx([0.25, 0.25, 0.25, 0, 0.25]),
    }
    assert second["feature_name"] == "b"


def test_partial_dependence_alone_needs_its_features_and_text_has_none(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match=r"methods.pdp.features is missing"):
        explained({"pdp": {}}, tmp_path)
    text = pd.DataFrame({"a": [1.0] * 60, "b": [0] * 60, "c": [f"comment {i}" for i in range(60)]})
    (entry,) = explained({"pdp": {"features": ["c"]}}, tmp_path, data=dataset(text))["pdp"]
    assert entry == {
        "feature_name": "c",
        "data_type": "free_text",
        "error": "Detected data type is not supported for PDP. PDP can only be computed for numerical or categorical "
        "columns",
    }
    assert [data_type(FRAME[name]) for name in FRAME] == ["numerical", "numerical", "categorical"]


def test_a_computed_baseline_is_one_centre_for_each_cluster(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    middles = [(0.0, "red"), (10.0, "blue"), (20.0, "red")]
    rows = [(middle + random.normal(0, 0.1), colour) for middle, colour in middles for _ in range(40)]
    frame = pd.DataFrame(rows, columns=["n", "colour"])
    for clusters in (3, None):
        found = centres(frame, clusters, np.random.default_rng(1)).sort_values("n")
        assert found["n"].tolist() == pytest.approx([0, 10, 20], abs=0.1)
        assert found["colour"].tolist() == ["red", "blue", "red"]
    one = centres(frame, 1, np.random.default_rng(1))
    assert one["n"].tolist() == pytest.approx([frame["n"].mean()])
    assert one["colour"].tolist() == ["red"]


def test_a_computed_baseline_does_with_missing_values_and_few_rows() -> None:
    frame = pd.DataFrame({"n": [1.0, None, 1.0], "colour": ["red", None, "red"]})
    found = centres(frame, 5, np.random.default_rng(1))
    assert len(found) <= 2
    assert found["n"].tolist() == pytest.approx([1.0] * len(found))


@pytest.mark.parametrize(
    ("shap", "more", "expected"),
    [
        ({"baseline": [[1, 2, "q"], [3, 4, "r"]]}, {}, [[1, 2, "q"], [3, 4, "r"]]),
        ({"baseline": [{"d": {"f": [1, 2, "q"]}}]}, {"features": "d.f"}, [[1, 2, "q"]]),
        ({"baseline": {"rows": [[1, 2, "q"], [3, 4, "r"]]}}, {"features": "rows"}, [[1, 2, "q"], [3, 4, "r"]]),
        ({"baseline": [{"c": "q", "a": 1, "b": 2}]}, {}, [[1, 2, "q"]]),
    ],
)
def test_a_baseline_has_the_format_of_the_dataset(shap: Any, more: Any, expected: Any) -> None:
    found = shap_baseline(config({"shap": shap}, **more), dataset(), np.random.default_rng(0))
    assert found.to_numpy(object).tolist() == expected


@pytest.mark.parametrize(
    ("shap", "more", "text"),
    [
        ({"baseline": [[1, 2]]}, {}, "row 1 of methods.shap.baseline has 2 values, but there are 3 features: a, b, c"),
        ({"baseline": [[1, 2, "q"]], "num_clusters": 2}, {}, "both baseline and num_clusters"),
        ({"baseline": [{"a": 1, "b": 2}]}, {}, "has no 'c'"),
        ({"baseline": [{"a": 1}]}, {"features": "x"}, "'x' of features finds nothing"),
    ],
)
def test_a_baseline_that_does_not_fit_is_refused_by_name(shap: Any, more: Any, text: str) -> None:
    with pytest.raises(AnalysisError, match=text):
        shap_baseline(config({"shap": shap}, **more), dataset(), np.random.default_rng(0))
