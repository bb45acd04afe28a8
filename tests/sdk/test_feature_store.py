"""The feature store through the SageMaker Python SDKs v2 and v3, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]
DEFINITIONS = [["customer", "Integral"], ["city", "String"], ["spent", "Fractional"], ["time", "Fractional"]]
RECORD = {"customer": "7", "city": "city 0", "spent": "1.75", "time": "1700000007.0"}


@pytest.mark.timeout(300)
def test_sdk_v2_ingests_reads_and_queries(run_script: Run) -> None:
    report = run_script(2, "v2_feature_store")
    assert report["definitions"] == DEFINITIONS
    assert report["status"] == "Created"
    assert report["tags"] == [{"Key": "team", "Value": "risk"}]
    assert report["record"] == RECORD
    assert report["added"] == {"FeatureName": "visits", "FeatureType": "Integral"}
    assert report["replaced"] == ["customer", "time", "visits"]
    assert report["deleted"] is True
    assert report["metadata"] == ["where", [{"Key": "source", "Value": "crm"}]]
    assert report["listed"] == ["v2-customers"]
    assert report["batch"] == ["1", "59"]
    assert report["offline"] == [62, 442.5, 1]
    assert report["left"] == []


@pytest.mark.timeout(300)
def test_sdk_v3_ingests_updates_and_queries(run_script: Run) -> None:
    report = run_script(3, "v3_feature_store")
    assert report["definitions"] == DEFINITIONS
    assert report["identifiers"] is True
    assert report["record"] == RECORD
    assert report["updated"] == RECORD | {"city": "Graz"}
    assert report["added"] == ["segment", "Successful"]
    assert report["replaced"] == {"customer": "7", "time": "1700000100.0", "segment": "gold"}
    assert report["metadata"] == ["where", [["source", "crm"]]]
    assert report["listed"] == ["v3-customers"]
    assert report["offline"] == [62, True]
    assert report["left"] == []
