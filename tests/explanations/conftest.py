"""A model whose Shapley values are known, and endpoints for it."""

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import ROLE, Server, eventually

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = """
import csv
import io
import json
import time


def model_fn(folder):
    return {"red": 1.0, "blue": -1.0}


def transform_fn(colours, body, content_type, accept):
    text = body if isinstance(body, str) else body.decode()
    if "broken" in text:
        raise ValueError("a broken row")
    if "slow" in text:
        time.sleep(4)
    lines = [line for line in text.splitlines() if line]
    if content_type == "application/jsonlines":
        rows = [json.loads(line)["features"] for line in lines]
    else:
        rows = list(csv.reader(io.StringIO(text)))
    scores = []
    for first, second, colour in rows:
        first, second, colour = float(first), float(second), colours.get(colour, 0.0)
        scores.append(0.1 * first + 0.2 * first * second + 0.3 * colour)
    if accept == "application/jsonlines":
        return "".join(json.dumps({"label": "x", "scores": [s, -s]}) + "\\n" for s in scores), accept
    return "".join(f"{score}\\n" for score in scores), "text/csv"
"""
"""score = 0.1 a + 0.2 a b + 0.3 colour, with the colours red 1, blue -1 and others 0."""


@pytest.fixture(scope="module")
def model(server: Server) -> Iterator[str]:
    """The model, in a bucket of the same name."""
    name = f"explained-{os.urandom(4).hex()}"
    server.client("s3").create_bucket(Bucket=name)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo("code/inference.py")
        info.size = len(SCRIPT)
        tar.addfile(info, io.BytesIO(SCRIPT.encode()))
    server.client("s3").put_object(Bucket=name, Key="model.tar.gz", Body=buffer.getvalue())
    server.client("sagemaker").create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={
            "Image": IMAGE,
            "ModelDataUrl": f"s3://{name}/model.tar.gz",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
        },
    )
    yield name
    server.client("sagemaker").delete_model(ModelName=name)


@pytest.fixture(scope="module")
def deploy(server: Server, model: str) -> Iterator[Callable[..., dict[str, Any]]]:
    """Makes an endpoint of the model, by its ClarifyExplainerConfig; describes it when it is in service or failed."""
    sagemaker = server.client("sagemaker")
    made = []

    def make(explainer: dict[str, Any], **members: Any) -> dict[str, Any]:
        name = f"explained-{os.urandom(4).hex()}"
        variant = {"VariantName": "all", "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[variant],
            ExplainerConfig={"ClarifyExplainerConfig": explainer},
            **members,
        )
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        made.append(name)
        eventually(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] != "Creating", 60)
        described: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=name)
        return described

    yield make
    for name in made:
        sagemaker.delete_endpoint(EndpointName=name)
