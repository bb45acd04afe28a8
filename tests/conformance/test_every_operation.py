"""Every operation of the installed botocore, called by boto3 on a live server: the grades of OPERATIONS.md are true."""

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from sageyard.resources.runtime import sister_services
from sageyard.wire import model

from tests.conformance.minimal_requests import Minimal
from tests.conftest import Server

TABLES = Path(__file__).parent.parent.parent / "platform" / "docs" / "OPERATIONS.md"
GRADES = {
    (service, operation): grade
    for service, table in re.findall(
        r"^## ([\w-]+)$(.*?)(?=^## |\Z)", TABLES.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    for operation, grade in re.findall(r"^\| `(\w+)` \| (runs|simulated|stored only|refused) \|", table, re.MULTILINE)
}
SERVICES = ["sagemaker", "sagemaker-runtime", *sister_services()]
OPERATIONS = [(service, operation) for service in SERVICES for operation in sorted(model.load(service).operations)]


def test_the_tables_list_every_operation_of_every_model() -> None:
    assert set(GRADES) == set(OPERATIONS)


def test_every_refusal_says_why_and_what_to_use_instead() -> None:
    reasons = re.findall(r"^\| `(\w+)` \| refused \| (.*) \|$", TABLES.read_text("utf-8"), re.MULTILINE)
    assert len(reasons) == list(GRADES.values()).count("refused")
    assert [operation for operation, reason in reasons if len(reason) < 40] == []


@pytest.fixture(scope="module")
def clients(server: Server) -> dict[str, Any]:
    return {service: server.client(service) for service in SERVICES}


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_an_operation_answers_as_graded(clients: dict[str, Any], service: str, operation: str) -> None:
    """Refused operations say so by name; all others answer what botocore parses, or one of AWS's refusals."""
    loaded = model.load(service)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            answer = getattr(clients[service], xform_name(operation))(**Minimal(loaded).request(operation))
            code, message, status = "", "", answer["ResponseMetadata"]["HTTPStatusCode"]
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    assert status < 500
    assert code not in {"SerializationException", "InternalFailure"}, message
    if GRADES[service, operation] == "refused":
        assert code == "UnknownOperationException"
        assert message.startswith(f"{operation} is an operation of SageMaker")
    else:
        assert code != "UnknownOperationException"
        assert "validation error" not in message, message
        if not code:
            required = loaded.output_shape(operation).get("required", [])
            assert [name for name in required if name not in answer] == []
