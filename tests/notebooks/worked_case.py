"""Runs a worked case on the session's server, with its own data or with a reader's CSV, and sees what it left."""

import json
from pathlib import Path

from tests.conftest import REPOSITORY, Server
from tests.notebooks.test_notebooks import Outputs, run, text

LONGEST = 200
"""Seconds a worked case may take on a busy machine; idle: half a minute."""
CHOICE = "OWN_DATA = None"
"""What a reader edits to bring a CSV file."""


def run_case(server: Server, name: str, folder: Path, own_data: Path | None = None) -> Outputs:
    """What each code cell showed; `own_data` is put where a reader would put it, and nothing else is changed."""
    notebook = REPOSITORY / "notebooks" / name
    if own_data:
        document = json.loads(notebook.read_text("utf-8"))
        places = [(cell, n) for cell in document["cells"] for n, line in enumerate(cell["source"]) if CHOICE in line]
        assert len(places) == 1, f"{name} has {len(places)} lines with {CHOICE}"
        cell, number = places[0]
        cell["source"][number] = f"OWN_DATA = {str(own_data)!r}\n"
        notebook = folder / name
        notebook.write_text(json.dumps(document), "utf-8")
    return run(server, notebook, folder, longest=LONGEST)


def left_behind(server: Server, outputs: Outputs) -> list[str]:
    """Endpoints, endpoint configurations and models that carry the name of the run."""
    run_name = text(outputs["pointing-check"]).split()[-1].rpartition("/")[2]
    sagemaker = server.client("sagemaker")
    jobs = sagemaker.list_training_jobs(NameContains=run_name)["TrainingJobSummaries"]
    assert jobs, f"no job carries {run_name}: nothing would be found"
    return [
        item[f"{kind}Name"]
        for kind, found in {
            "Endpoint": sagemaker.list_endpoints(NameContains=run_name)["Endpoints"],
            "EndpointConfig": sagemaker.list_endpoint_configs(NameContains=run_name)["EndpointConfigs"],
            "Model": sagemaker.list_models(NameContains=run_name)["Models"],
        }.items()
        for item in found
    ]
