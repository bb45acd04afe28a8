"""Datasets in each format, with columns by name and by index, in one file and in several; and broken ones."""

import gzip
import json

import duckdb
import pandas as pd
import pytest
from clarify_processing.config import AnalysisConfig
from clarify_processing.dataset import load
from clarify_processing.errors import AnalysisError

ROWS = [("F", 31, 0.5, 1), ("M", 45, 0.25, 0), ("F", 52, 0.75, 0), ("M", 23, 1.5, 1)]
NAMES = ["sex", "age", "score", "label"]


def config(**changes):
    document = {
        "dataset_type": "text/csv",
        "label": "label",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "sex"}],
        "methods": {"pre_training_bias": {"methods": "all"}},
    }
    return AnalysisConfig.parse({key: value for key, value in (document | changes).items() if value is not None})


@pytest.fixture
def read(job, tmp_path):
    def read(**changes):
        return load(config(**changes), job.data, tmp_path / "scratch")

    return read


def assert_is_the_dataset(dataset):
    assert dataset.headers == ["sex", "age", "score"]
    assert dataset.features.to_numpy().tolist() == [list(row[:3]) for row in ROWS]
    assert dataset.label.tolist() == [1, 0, 0, 1]
    assert [facet.tolist() for facet in dataset.facets] == [["F", "M", "F", "M"]]
    assert dataset.rows == 4


def test_csv_takes_its_names_from_headers(job, read):
    job.rows(ROWS)
    assert_is_the_dataset(read(headers=NAMES))


def test_csv_with_a_header_line_may_have_headers_too(job, read):
    job.rows([NAMES, *ROWS])
    assert_is_the_dataset(read(headers=NAMES))
    assert_is_the_dataset(read())


def test_csv_without_names_goes_by_index(job, read):
    job.rows(ROWS)
    dataset = read(label=3, facet=[{"name_or_index": 0}], group_variable=1)
    assert dataset.headers == ["column_0", "column_1", "column_2"]
    assert dataset.label.tolist() == [1, 0, 0, 1]
    assert dataset.group.tolist() == [31, 45, 52, 23]
    assert dataset.facets[0].tolist() == ["F", "M", "F", "M"]


def test_several_files_are_read_in_the_order_of_their_names_and_gzip_too(job, read):
    job.rows([NAMES, *ROWS[2:]], "part-2.csv")
    (job.data / "part-1.csv.gz").write_bytes(
        gzip.compress("".join(",".join(map(str, row)) + "\n" for row in [NAMES, *ROWS[:2]]).encode())
    )
    job.put("_SUCCESS", "")
    assert_is_the_dataset(read())


def test_columns_that_are_not_the_models_are_left_out_of_the_features(job, read):
    job.rows([(*NAMES, "id", "guess"), *((*row, f"r{index}", row[3]) for index, row in enumerate(ROWS))])
    dataset = read(joinsource_name_or_index="id", predicted_label="guess", excluded_columns=["score"])
    assert dataset.headers == ["sex", "age"]
    assert dataset.joinsource.tolist() == ["r0", "r1", "r2", "r3"]
    assert dataset.predicted_label.tolist() == [1, 0, 0, 1]
    assert read(excluded_columns=[2, 4, 5]).headers == ["sex", "age"]


def test_missing_values_are_missing_and_na_is_a_category(job, read):
    job.rows([("sex", "age", "label"), ("NA", "", 1), ("None", 4, 0)])
    dataset = read()
    assert dataset.facets[0].tolist() == ["NA", "None"]
    assert dataset.features["age"].isna().tolist() == [True, False]


def test_json_lines_are_found_by_expressions(job, read):
    lines = [{"data": {"features": {"values": row[:3]}, "label": row[3]}} for row in ROWS]
    job.put("data.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    places = {"dataset_type": "application/jsonlines", "features": "data.features.values", "label": "data.label"}
    assert_is_the_dataset(read(headers=NAMES, **places))
    assert_is_the_dataset(read(headers=NAMES[:3], **places))
    assert read(facet=[{"name_or_index": 0}], **places).headers == ["column_0", "column_1", "column_2"]


def test_json_lines_of_flat_objects_are_rows_by_themselves(job, read):
    job.put("data.jsonl", "".join(json.dumps(dict(zip(NAMES, row, strict=True))) + "\n" for row in ROWS))
    assert_is_the_dataset(read(dataset_type="application/jsonlines"))


def test_json_holds_all_rows_in_lists(job, read):
    job.put("data.json", json.dumps({"rows": [row[:3] for row in ROWS], "labels": [row[3] for row in ROWS]}))
    assert_is_the_dataset(
        read(dataset_type="application/json", features="rows", label="labels", headers=[*NAMES[:3], "label"])
    )


def test_parquet_brings_its_names(job, read):
    frame = pd.DataFrame(ROWS, columns=NAMES)
    duckdb.execute("COPY frame TO $path (FORMAT parquet)", {"path": str(job.data / "data.parquet")})
    assert len(frame) == 4
    assert_is_the_dataset(read(dataset_type="application/x-parquet"))


BESIDE = [("id", "sex"), ("b", "M"), ("a", "F")]


def beside(monkeypatch, tmp_path, rows, files=1):
    """The rows as what is at any S3 URI, in that many files."""

    def fetch(uri, folder, key):
        folder.mkdir(parents=True, exist_ok=True)
        header, *others = rows
        for index in range(files):
            part = [header, *others[index::files]]
            (folder / f"{index}.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in part))
        return folder

    monkeypatch.setattr("clarify_processing.dataset.fetch", fetch)


def test_facets_of_another_dataset_are_joined_by_their_identifiers(job, read, monkeypatch, tmp_path):
    job.rows([("id", "age", "label"), ("a", 30, 1), ("b", 40, 0)])
    beside(monkeypatch, tmp_path, BESIDE, files=2)
    dataset = read(facet_dataset_uri="s3://b/facets", joinsource_name_or_index="id")
    assert dataset.facets[0].tolist() == ["F", "M"]
    assert dataset.headers == ["age"]


def test_a_column_that_both_datasets_have_is_the_facet_datasets_as_a_facet_and_the_datasets_else(
    job, read, monkeypatch, tmp_path
):
    job.rows([("sex", "age", "label"), ("X", 30, 1), ("Y", 40, 0)])
    beside(monkeypatch, tmp_path, [("sex",), ("F",), ("M",)])
    dataset = read(facet_dataset_uri="s3://b/facets", group_variable="sex")
    assert dataset.facets[0].tolist() == ["F", "M"]
    assert dataset.group.tolist() == ["X", "Y"]


def test_without_identifiers_the_datasets_are_matched_row_by_row(job, read, monkeypatch, tmp_path):
    job.rows([("age", "label"), (30, 1), (40, 0)])
    beside(monkeypatch, tmp_path, [("sex",), ("F",), ("M",)])
    assert read(facet_dataset_uri="s3://b/facets").facets[0].tolist() == ["F", "M"]
    predicted = read(
        predicted_label_dataset_uri="s3://b/predicted",
        facet=[{"name_or_index": "age"}],
        predicted_label_headers=["sex"],
    )
    assert predicted.predicted_label.tolist() == ["F", "M"]
    beside(monkeypatch, tmp_path, [("sex",), ("F",)])
    with pytest.raises(AnalysisError, match="has 2 rows, the file at facet_dataset_uri has 1"):
        read(facet_dataset_uri="s3://b/facets")
    beside(monkeypatch, tmp_path, [("sex",), ("F",), ("M",)], files=2)
    with pytest.raises(AnalysisError, match="name it in joinsource_name_or_index"):
        read(facet_dataset_uri="s3://b/facets")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("id", "sex"), ("a", "F")], "1 of 2 rows of the dataset have no row at facet_dataset_uri, the first is 'b'"),
        ([("id", "sex"), ("a", "F"), ("a", "M"), ("b", "M")], "has the identifier 'a' more than once"),
    ],
)
def test_identifiers_that_do_not_match_are_named(job, read, monkeypatch, tmp_path, rows, message):
    job.rows([("id", "age", "label"), ("a", 30, 1), ("b", 40, 0)])
    beside(monkeypatch, tmp_path, rows)
    with pytest.raises(AnalysisError, match=message):
        read(facet_dataset_uri="s3://b/facets", joinsource_name_or_index="id")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": "target"}, "label is 'target', but the dataset has no such column. It has sex, age, score, label"),
        ({"label": 9}, "label is 9, but the dataset has 4 columns, 0 to 3: sex, age"),
        ({"facet": [{"name_or_index": "race"}]}, r"facet\[0\].name_or_index is 'race', but the dataset has no such"),
        ({"group_variable": "town"}, "group_variable is 'town'"),
        ({"excluded_columns": ["town"]}, r"excluded_columns\[0\] is 'town'"),
        ({"joinsource_name_or_index": "id"}, "joinsource_name_or_index is 'id'"),
        ({"headers": ["sex", "label"]}, "headers has 2 names, but data.csv has 4 columns"),
        ({"excluded_columns": ["sex", "age", "score"]}, "The dataset has no features"),
        ({"dataset_type": "application/x-parquet"}, "data.csv cannot be read as Parquet"),
        ({"dataset_type": "application/jsonlines"}, "data.csv, line 1 is not valid JSON"),
        ({"dataset_uri": "data.csv"}, "dataset_uri is 'data.csv'. It must be an S3 URI"),
    ],
)
def test_what_the_configuration_says_of_the_data_and_is_not_so_is_named(job, read, changes, message):
    job.rows([NAMES, *ROWS])
    with pytest.raises(AnalysisError, match=message):
        read(**changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"f": [1, 2], "y": 1}\n{"f": [1], "y": 0}\n', "Record 2 has the features .1.; each record needs 2"),
        ('{"f": [1, 2], "y": 1}\n{"f": [1, 2]}\n', "data.jsonl, line 2: the JMESPath 'y' of label finds nothing"),
        ('{"f": [1, [2]], "y": 1}\n', "Only flat rows can be analysed"),
    ],
)
def test_a_broken_record_is_named_by_its_place(job, read, text, message):
    job.put("data.jsonl", text)
    with pytest.raises(AnalysisError, match=message):
        read(dataset_type="application/jsonlines", features="f", label="y", facet=[{"name_or_index": 0}])


def test_no_file_no_rows_and_different_files_are_refused(job, read):
    with pytest.raises(AnalysisError, match="There is no file in the dataset"):
        read()
    job.rows([NAMES], "a.csv")
    with pytest.raises(AnalysisError, match="There are no rows in the dataset"):
        read()
    job.rows([("sex", "label"), ("F", 1)], "b.csv")
    with pytest.raises(AnalysisError, match=r"b.csv has the columns sex, label, but a.csv has sex, age, score, label"):
        read()
    (job.data / "b.csv").unlink()
    job.rows([NAMES, (*ROWS[0], 1, 2)], "a.csv")
    with pytest.raises(AnalysisError, match=r"a\.csv has 4 columns in its first line and 6 below"):
        read()
    job.rows([NAMES, ROWS[0], (*ROWS[1], 1)], "a.csv")
    with pytest.raises(AnalysisError, match=r"a\.csv cannot be read as CSV.*Expected 4 fields in line 3, saw 5"):
        read()
