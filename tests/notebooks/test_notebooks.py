"""Every notebook runs from top to bottom against a live server, and shows what it promises.

The kernel is that of the SageMaker SDK's own virtual environment (tests/sdk/requirements-v2.txt), pointed at the
server by `sageyard run` as a reader would.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.conftest import REPOSITORY, Server
from tests.sdk.conftest import LOOPBACK, SCRIPTS, through_sageyard

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
ELSEWHERE = {path.stem for path in NOTEBOOKS if Path(__file__).with_name(f"test_{path.stem[3:]}.py").exists()}
"""Those that a file of tests named like them runs."""
LONGEST = 90
"""Seconds a notebook may take."""

Outputs = dict[str, list[dict[str, Any]]]
"""What each code cell showed, by cell id."""


@pytest.fixture(scope="module")
def executed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Outputs]:
    """Runs a notebook by name, once; its outputs, after asserting that it contacted loopback only and in time."""
    done: dict[str, Outputs] = {}

    def execute(name: str) -> Outputs:
        if name not in done:
            done[name] = run(server, REPOSITORY / "notebooks" / name, tmp_path_factory.mktemp(Path(name).stem))
        return done[name]

    return execute


def run(server: Server, notebook: Path, folder: Path, longest: int = LONGEST) -> Outputs:
    hosts, result = folder / "hosts", folder / "executed.ipynb"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "CONTACTED_HOSTS": str(hosts),
        "PYTHONPATH": str(SCRIPTS / "guard"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
    }
    started = time.monotonic()
    finished = subprocess.run(
        through_sageyard(server, 2, str(Path(__file__).parent / "execute.py"), str(notebook), str(result)),
        env=environment, capture_output=True, text=True, timeout=300, cwd=folder, check=False,
    )  # fmt: skip
    seconds = time.monotonic() - started
    assert finished.returncode == 0, (finished.stdout + finished.stderr)[-6000:]
    contacted = {
        host for host in hosts.read_text().split() if not host.startswith("/")
    }  # the engine's socket is a file
    assert "127.0.0.1" in contacted, "the guard saw no connection at all: it was not loaded"
    assert contacted - LOOPBACK == set(), f"contacted {sorted(contacted - LOOPBACK)}"
    assert seconds < longest, f"{notebook.name} took {seconds:.0f} s"
    cells = json.loads(result.read_text("utf-8"))["cells"]
    return {cell["id"]: cell["outputs"] for cell in cells if cell["cell_type"] == "code"}


def text(outputs: list[dict[str, Any]]) -> str:
    """What a cell printed."""
    return "".join("".join(output["text"]) for output in outputs if output.get("name") == "stdout")


def html(outputs: list[dict[str, Any]]) -> str:
    """What a cell's last expression looks like."""
    return "".join(outputs[-1]["data"]["text/html"])


def table(outputs: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The rows of the data frame that a cell shows; the index is the column ''."""
    found = re.search(r"<table.*</table>", html(outputs), re.DOTALL)
    assert found, outputs
    element = ElementTree.fromstring(found.group())
    head = [cell.text or "" for cell in element.findall("thead/tr[1]/th")]
    rows = element.findall("tbody/tr")
    return [dict(zip(head, [cell.text or "" for cell in row], strict=True)) for row in rows]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_clean(notebook: Path) -> None:
    document = json.loads(notebook.read_text("utf-8"))
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    assert set(document["metadata"]) <= {"kernelspec", "language_info"}
    assert notebook.stat().st_size < 64_000
    identifiers = [cell["id"] for cell in document["cells"]]
    assert len(set(identifiers)) == len(identifiers)
    for cell in document["cells"]:
        assert cell["metadata"] == {}, cell["id"]
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [], cell["id"]
            assert cell["execution_count"] is None, cell["id"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "notebook", [path for path in NOTEBOOKS if path.stem not in ELSEWHERE], ids=lambda path: path.stem
)
def test_notebook_runs_to_its_end(executed: Callable[[str], Outputs], notebook: Path) -> None:
    outputs = executed(notebook.name)
    kinds = {output["output_type"] for cell in outputs.values() for output in cell}
    assert "error" not in kinds
    assert {"stream", "execute_result"} <= kinds, "it showed nothing"


@pytest.mark.timeout(300)
def test_the_loop_names_exactly_the_changed_columns_and_heals(executed: Callable[[str], Outputs]) -> None:
    outputs = executed("01_the_loop.ipynb")
    changed = {"worst_perimeter", "worst_area"}

    assert "v1: 21 of 21 malignant cases found, recall 100.0%" in text(outputs["evaluation-run"])
    assert "Completed: Job completed successfully with no violations." in text(outputs["normal-hour"])
    assert "CompletedWithViolations: Job completed successfully with 2 violations." in text(outputs["drifted-hour"])
    violations = table(outputs["drifted-hour"])
    assert {row["feature_name"] for row in violations} == changed
    assert {row["constraint_check_type"] for row in violations} == {"baseline_drift_check"}
    assert "114 captured requests repaired and labelled, 43 malignant" in text(outputs["correction-join"])

    update = re.search(r"(\d+) requests during the update, (\d+) failed", text(outputs["update-endpoint"]))
    assert update
    requests, failed = map(int, update.groups())
    assert failed == 0
    assert requests > 50

    normal, drifted, retrained = table(outputs["result-table"])
    assert [normal["requests"], drifted["requests"], retrained["requests"]] == ["114", "114", "57"]
    assert set(drifted["violations"].split(", ")) == changed
    assert normal["violations"] == retrained["violations"] == "none"
    recalls = [int(row["found"]) / int(row["malignant"]) for row in (normal, drifted, retrained)]
    assert [f"{recall:.1%}" for recall in recalls] == [row["recall"] for row in (normal, drifted, retrained)]
    assert recalls[0] >= 0.95
    assert recalls[1] < 0.93
    assert recalls[2] >= 0.95


@pytest.mark.timeout(300)
def test_the_loop_draws_recall_and_drift(executed: Callable[[str], Outputs]) -> None:
    outputs = executed("01_the_loop.ipynb")
    threshold = 200 + 0.1 * 400
    bars = ElementTree.fromstring(html(outputs["result-recall"])).findall("rect")
    assert [bar.get("fill") for bar in bars] == ["#8aa4bd", "#c8443b", "#8aa4bd"]
    drift = ElementTree.fromstring(html(outputs["result-drift"]))
    columns = [label.text for label in drift.findall("text")]
    dots = drift.findall("circle")
    assert len(columns) == 30
    far = {columns[number // 2]: dot.get("r") for number, dot in enumerate(dots) if float(dot.get("cx", 0)) > threshold}
    assert far == {"worst_perimeter": "5", "worst_area": "5"}, "the larger dot is the new instrument's hour"


@pytest.mark.timeout(300)
def test_the_loop_leaves_no_endpoint_and_no_schedule(executed: Callable[[str], Outputs], server: Server) -> None:
    sagemaker = server.client("sagemaker")
    home = text(executed("01_the_loop.ipynb")["pointing-check"]).split()[-1]
    run_name = home.rpartition("/")[2]
    for listing, key in [
        (sagemaker.list_endpoints, "Endpoints"),
        (sagemaker.list_endpoint_configs, "EndpointConfigs"),
        (sagemaker.list_models, "Models"),
        (sagemaker.list_monitoring_schedules, "MonitoringScheduleSummaries"),
    ]:
        assert listing(NameContains=run_name)[key] == [], key
    jobs = sagemaker.list_training_jobs(NameContains=run_name)["TrainingJobSummaries"]
    assert [job["TrainingJobStatus"] for job in jobs] == ["Completed", "Completed"]
