"""One name, many clients at the same moment: exactly one gets it."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sageyard.wire import model

from tests.conformance.minimal_requests import Minimal
from tests.conftest import Server
from tests.property.beyond_the_model import ACCEPTED
from tests.property.live import Live

MINIMAL = Minimal(model.load("sagemaker"))
CLIENTS = 8


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Action", "ActionName"),
        ("DataQualityJobDefinition", "JobDefinitionName"),
        ("Experiment", "ExperimentName"),
        ("FeatureGroup", "FeatureGroupName"),
        ("LabelingJob", "LabelingJobName"),
        ("Model", "ModelName"),
        ("ModelPackageGroup", "ModelPackageGroupName"),
        ("NotebookInstance", "NotebookInstanceName"),
        ("ProcessingJob", "ProcessingJobName"),
        ("TrainingJob", "TrainingJobName"),
        ("TransformJob", "TransformJobName"),
    ],
)
def test_of_many_creates_of_one_name_at_once_exactly_one_wins(live: Live, kind: str, name: str) -> None:
    request = MINIMAL.request(f"Create{kind}") | ACCEPTED.get(f"Create{kind}", {})
    request[name] = f"one-{os.urandom(4).hex()}"
    before = live.resources().get(kind, 0)
    start = threading.Barrier(CLIENTS)

    def create(server: Server) -> tuple[int, str]:
        client = Live(server)
        start.wait(10)
        status, _, body = client.post(f"Create{kind}", request)
        client.close()
        return status, json.loads(body).get("__type", "")

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = sorted(pool.map(create, [live.server] * CLIENTS))
    won, lost = answers[0], answers[1:]
    assert won == (200, ""), answers
    assert [status for status, _ in lost] == [400] * (CLIENTS - 1)
    assert {code for _, code in lost} <= {"ResourceInUse", "ConflictException", "ValidationException"}
    assert live.resources()[kind] == before + 1
