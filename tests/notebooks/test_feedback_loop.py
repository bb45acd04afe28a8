"""The notebook whose loop closes by itself: from the monitor's violation to a deployed model, without a hand."""

import re
from collections.abc import Iterator

import pytest

from tests.conftest import REPOSITORY, Server, start_server
from tests.notebooks.test_notebooks import Outputs, run, table, text

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_server(tmp_path_factory.mktemp("loop"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def outputs(own_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    notebook = REPOSITORY / "notebooks" / "05_feedback_loop.ipynb"
    return run(own_server, notebook, tmp_path_factory.mktemp("notebook"), longest=150)  # idle: 45


def test_the_monitor_is_silent_until_the_world_changes(outputs: Outputs) -> None:
    assert re.fullmatch(r"as ever: off by [12]\.\d minutes, Completed\n", text(outputs["world-hour"]))
    assert "CompletedWithViolations" in text(outputs["bridge-hour"])
    assert [row["feature_name"] for row in table(outputs["bridge-hour"])] == ["distance"]


def test_the_violation_has_run_the_pipeline_to_its_end(outputs: Outputs) -> None:
    assert text(outputs["loop-pipeline"]).startswith("Succeeded")
    steps = {row[""]: row["status"] for row in table(outputs["loop-pipeline"])}
    names = ["Extract", "Prepare", "Baseline", "Train", "Evaluate", "Decide", "Register-RegisterModel"]
    assert steps == dict.fromkeys(names, "Succeeded")
    said = text(outputs["loop-evaluation"])
    judged = re.fullmatch(r"on 80 orders off by (\S+) minutes, the old model by (\S+); version 1 is Approved\n", said)
    assert judged, said
    assert float(judged.group(1)) < 3 < 8 < float(judged.group(2))


def test_the_approval_has_begun_a_canary_of_a_tenth(outputs: Outputs) -> None:
    assert text(outputs["canary-split"]).startswith("Baking for 600 seconds (WaitIntervalInSeconds)")
    old, new = (int(row["orders"]) for row in table(outputs["canary-split"]))
    assert old + new > 150
    assert 0.02 < new / (old + new) < 0.25
    assert text(outputs["canary-end"]).endswith("-1 InService and nothing went wrong\n")


def test_the_next_hour_is_clean_and_the_promises_are_kept(outputs: Outputs) -> None:
    rows = table(outputs["result-table"])
    assert [row["monitor"] for row in rows] == ["Completed", "CompletedWithViolations", "Completed"]
    before, during, after = (float(row["off by"].removesuffix(" min")) for row in rows)
    assert before < 3
    assert during > 8
    assert after < 3


def test_nothing_of_it_is_left(outputs: Outputs, own_server: Server) -> None:
    assert outputs["clean-up-all"] is not None
    sagemaker = own_server.client("sagemaker")
    for listing, key in [
        (sagemaker.list_endpoints, "Endpoints"),
        (sagemaker.list_endpoint_configs, "EndpointConfigs"),
        (sagemaker.list_models, "Models"),
        (sagemaker.list_monitoring_schedules, "MonitoringScheduleSummaries"),
        (sagemaker.list_pipelines, "PipelineSummaries"),
        (sagemaker.list_model_package_groups, "ModelPackageGroupSummaryList"),
    ]:
        assert listing()[key] == [], key
    assert own_server.client("events").list_rules()["Rules"] == []
    assert own_server.client("lambda").list_functions()["Functions"] == []
