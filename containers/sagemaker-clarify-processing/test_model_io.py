"""What is sent to a model, and what is read from its answers."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clarify_processing.asking import BatchedModel, TooManyRecordsError
from clarify_processing.errors import AnalysisError
from clarify_processing.model_input import ModelInput, batch
from clarify_processing.model_output import ModelOutput, scores_of
from clarify_processing.predictor import Predictor

CSV, LINES, JSON = "text/csv", "application/jsonlines", "application/json"
ROWS = pd.DataFrame({"A": [0, 3], "B": [1.5, None], "C": ["x", 'say "hi", you']})


def sent(content_type: str, template: str | None = None, record: str | None = None, rows: Any = ROWS) -> str:
    model = ModelInput(content_type, list("ABC"), template, record)
    return model.body(model.records(rows)).decode()


def test_csv_has_empty_fields_for_what_is_missing_and_quotes_where_needed() -> None:
    assert sent(CSV) == '0,1.5,x\n3,,"say ""hi"", you"\n'
    assert sent(CSV, rows=np.array([[1, True, None], [1.0, 2.5, "x"]], object)) == "1,True,\n1,2.5,x\n"


def test_json_lines_are_made_from_the_content_template() -> None:
    lines = sent(LINES, '{"instance":{"v":$features}}').splitlines()
    assert [json.loads(line)["instance"]["v"] for line in lines] == [[0, 1.5, "x"], [3, None, 'say "hi", you']]


@pytest.mark.parametrize(
    ("template", "record", "expected"),
    [
        ('{"rows": $records}', "$features", {"rows": [[0, 1.5, "x"]]}),
        ("$records", "$features_kvp", [{"A": 0, "B": 1.5, "C": "x"}]),
        ("$record", '{"A": "${A}", "c": "${C}"}', {"A": 0, "c": "x"}),
        ("$record", '{"names": $feature_names, "v": $features}', {"names": ["A", "B", "C"], "v": [0, 1.5, "x"]}),
    ],
)
def test_json_documents_are_made_from_both_templates(template: str, record: str, expected: Any) -> None:
    assert json.loads(sent(JSON, template, record, ROWS[:1])) == expected


@pytest.mark.parametrize(
    ("content_type", "template", "text"),
    [
        ("image/png", None, "predictor.content_type is image/png"),
        (LINES, '{"features":[]}', r"must have the placeholder \$features"),
        (JSON, "$records", "predictor.record_template is missing"),
    ],
)
def test_a_request_that_cannot_be_made_is_refused_by_name(content_type: str, template: str, text: str) -> None:
    with pytest.raises(AnalysisError, match=text):
        ModelInput(content_type, ["A"], template)


def test_batches_keep_to_the_number_and_to_the_bytes() -> None:
    assert [len(batch(["1,2"] * 10, start, 4)) for start in (0, 4, 8)] == [4, 4, 2]
    assert [len(batch(["x" * 99] * 10, start, None, 500)) for start in (0, 4, 8)] == [4, 4, 2]
    assert [len(batch(["x" * 900, "y"], start, None, 500)) for start in (0, 1)] == [1, 1]


@pytest.mark.parametrize(
    ("given", "content_type", "body", "labels", "scores"),
    [
        ({}, CSV, "0.25\n0.75\n", None, [[0.25], [0.75]]),
        ({}, "text/csv; charset=utf-8", "0.25,0.75", None, [[0.25], [0.75]]),
        ({}, CSV, '"[0.1, 0.9]"\n"[0.6, 0.4]"\n', None, [[0.1, 0.9], [0.6, 0.4]]),
        ({}, CSV, "0.1,0.9\n0.6,0.4\n", None, [[0.1, 0.9], [0.6, 0.4]]),
        ({"label": 0, "probability": 1}, CSV, "1,0.6\n0,0.2\n", [1, 0], [[0.6], [0.2]]),
        ({"label": 0}, CSV, "yes,0.6\nno,0.2\n", ["yes", "no"], None),
        (
            {"label": 0, "probability": 1},
            CSV,
            "\"['cat','dog']\",\"[0.1,0.9]\"\n\"['cat','dog']\",\"[0.8,0.2]\"\n",
            ["dog", "cat"],
            [[0.1, 0.9], [0.8, 0.2]],
        ),
        ({"label_headers": ["cat", "dog"]}, CSV, "0.1,0.9\n0.6,0.4\n", ["dog", "cat"], [[0.1, 0.9], [0.6, 0.4]]),
        ({"probability": "p"}, LINES, '{"p": 0.5}\n{"p": 1}\n', None, [[0.5], [1.0]]),
        ({"label": "l", "probability": "s.v"}, LINES, '{"l":"a","s":{"v":"[1,2]"}}\n' * 2, ["a"] * 2, [[1, 2]] * 2),
        ({}, LINES, "[0.5, 0.5]\n[1, 0]\n", None, [[0.5, 0.5], [1, 0]]),
        ({"probability": "predictions[*].score"}, JSON, '{"predictions":[{"score":1},{"score":2}]}', None, [[1], [2]]),
        ({}, JSON, '{"predictions": [0.5, 0.25]}', None, [[0.5], [0.25]]),
    ],
)
def test_answers_of_two_records_are_read(given: Any, content_type: str, body: str, labels: Any, scores: Any) -> None:
    found = ModelOutput(**given).read(body.encode(), content_type, 2)
    assert found.labels == labels
    assert (None if found.scores is None else found.scores.tolist()) == scores


@pytest.mark.parametrize(
    ("given", "content_type", "body", "text"),
    [
        ({}, CSV, "0.5\n", "it has 1 lines"),
        ({}, CSV, "yes\nno\n", "begins with 'yes"),
        ({"probability": 3}, CSV, "1,2\n1,2\n", "nothing at index 3"),
        ({"probability": "p"}, LINES, '{"q": 1}\n{"q": 2}\n', "nothing at 'p'; its keys are q"),
        ({}, LINES, '{"q": 1}\n{"q": 2}\n', "must name one of a record's keys, q"),
        ({}, "text/html", "<p>", "set predictor.accept_type"),
    ],
)
def test_an_answer_that_cannot_be_read_is_shown_with_the_reason(
    given: Any, content_type: str, body: str, text: str
) -> None:
    with pytest.raises(AnalysisError, match=text):
        ModelOutput(**given).read(body.encode(), content_type, 2)


def test_labels_that_are_numbers_are_scores_and_others_are_refused() -> None:
    assert scores_of(ModelOutput(label="v").read(b'{"v": 2}', LINES, 1)).tolist() == [[2.0]]
    with pytest.raises(AnalysisError, match="labels such as 'yes', but no numbers"):
        scores_of(ModelOutput(label=0).read(b"yes", CSV, 1))


def test_a_batch_that_is_too_much_is_halved_and_so_are_the_next_ones() -> None:
    sizes = []

    def send(body: bytes) -> tuple[bytes, str]:
        lines = body.splitlines()
        sizes.append(len(lines))
        if len(lines) > 3:
            raise TooManyRecordsError("too slow")
        return body, CSV

    rows = np.arange(10.0).astype(object)[:, None]
    model = BatchedModel(ModelInput(CSV, ["A"]), ModelOutput(), send)
    found = model.predict(rows)
    assert found.scores is not None
    assert found.scores[:, 0].tolist() == list(range(10))
    assert sizes == [10, 5, 2, 2, 2, 2, 2]


def test_one_record_that_is_too_much_is_an_error() -> None:
    def send(body: bytes) -> tuple[bytes, str]:
        raise TooManyRecordsError("too slow")

    with pytest.raises(TooManyRecordsError):
        BatchedModel(ModelInput(CSV, ["A"]), ModelOutput(), send).predict(np.array([[1], [2]], object))


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"model_name": "m"}, "needs model_name, instance_type and initial_instance_count"),
        ({"model_name": "m", "endpoint_name": "e"}, "both endpoint_name and model_name"),
    ],
)
def test_a_predictor_is_a_model_to_deploy_or_an_endpoint_that_is_there(block: dict[str, str], text: str) -> None:
    with pytest.raises(AnalysisError, match=text):
        Predictor(block, ["A"])
