"""Splitting, batching, paths and joins of batch transform."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from sageyard.serving.transform.data_processing import DataProcessing, JoinError, answers
from sageyard.serving.transform.json_path import PathError, compiled
from sageyard.serving.transform.records import RecordError, payloads, records


def test_files_are_split_by_their_kind(tmp_path: Path) -> None:
    record_io = b"".join(
        struct.pack("<II", 0xCED7230A, len(data)) + data + b"\0" * (-len(data) % 4) for data in (b"abc", b"defgh")
    )
    tf_record = b"".join(struct.pack("<Q", len(data)) + b"\0" * 4 + data + b"\0" * 4 for data in (b"abc", b"d"))
    for kind, content, lengths in (
        ("RecordIO", record_io, [12, 16]),
        ("TFRecord", tf_record, [19, 17]),
        ("Line", b"a\r\nbb\n\nccc", [1, 2, 3]),
        ("None", b"a\nb", [3]),
    ):
        path = tmp_path / kind
        path.write_bytes(content)
        assert [len(record) for record in records(path, kind, "None")] == lengths
    with pytest.raises(RecordError, match="magic number"):
        list(records(tmp_path / "TFRecord", "RecordIO", "None"))
    with pytest.raises(RecordError, match="Gzip"):
        list(records(tmp_path / "Line", "Line", "Gzip"))


def test_records_travel_together_as_far_as_the_payload_allows() -> None:
    found = [b"aaa", b"bb", b"c", b"dddd"]
    assert list(payloads(found, "Line", "MultiRecord", 6)) == [[b"aaa", b"bb"], [b"c", b"dddd"]]
    assert list(payloads(found, "Line", "SingleRecord", 6)) == [[record] for record in found]
    assert list(payloads(found, "Line", "MultiRecord", 0)) == [found]
    with pytest.raises(RecordError, match="4 bytes is longer"):
        list(payloads(found, "Line", "MultiRecord", 3))


@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("$", {"a": [1, 2, 3], "b": {"c": 4}, "d": 5}),
        ("$.a", [1, 2, 3]), ("$.b.c", 4), ("$['d']", 5), ("$['d','a']", {"d": 5, "a": [1, 2, 3]}),
        ("$.a[0]", 1), ("$.a[-1]", 3), ("$.a[0,2]", [1, 3]), ("$.a[1:]", [2, 3]), ("$.a[0,1:]", [1, 2, 3]),
        ("$.a[:-1]", [1, 2]), ("$.b.*", [4]), ("$.a[*]", [1, 2, 3]),
    ],
)  # fmt: skip
def test_paths_select(path: str, selected: Any) -> None:
    assert compiled(path)({"a": [1, 2, 3], "b": {"c": 4}, "d": 5}) == selected


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("a", "must begin with"),
        ("$..a", "no JSONPath"),
        ("$[x]", "no JSONPath"),
        ("$.z", "no member 'z'"),
        ("$.a[7]", "outside"),
        ("$.d[0]", "of a list"),
        ("$.d.*", "not of 5"),
    ],
)
def test_paths_that_lead_nowhere_are_said(path: str, told: str) -> None:
    with pytest.raises(PathError, match=told):
        compiled(path)({"a": [1], "d": 5})


def test_a_json_list_is_joined_in_a_new_object() -> None:
    processing = DataProcessing({"JoinSource": "Input"}, "application/json")
    assert json.loads(processing.kept(b"[1, 2]", b"3")) == {"SageMakerInput": [1, 2], "SageMakerOutput": 3}


def test_answers_that_do_not_match_their_records_are_an_error() -> None:
    assert answers(b"1\n2\n", 2) == [b"1", b"2"]
    with pytest.raises(JoinError, match="1 lines to 2 records"):
        answers(b"1\n", 2)
    with pytest.raises(JoinError, match="is no JSON"):
        DataProcessing({"InputFilter": "$.a"}, "application/json").seen(b"a,b")
