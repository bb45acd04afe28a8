"""Every operation of the installed botocore, called by boto3 on a live server: the grades of OPERATIONS.md are true."""

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from sageyard.wire import model

from tests.conformance.minimal_requests import Minimal

SERVICE = model.load("sagemaker")
MINIMAL = Minimal(SERVICE)
TABLE = Path(__file__).parent.parent.parent / "platform" / "docs" / "OPERATIONS.md"
GRADES = dict(
    re.findall(r"^\| `(\w+)` \| (runs|simulated|stored only|refused) \|", TABLE.read_text("utf-8"), re.MULTILINE)
)


def test_the_table_lists_every_operation_of_the_model() -> None:
    assert set(GRADES) == set(SERVICE.operations)


@pytest.mark.parametrize("operation", sorted(SERVICE.operations))
def test_an_operation_answers_as_graded(sagemaker: Any, operation: str) -> None:
    """Refused operations say so by name; all others answer what botocore parses, or one of AWS's refusals."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            answer = getattr(sagemaker, xform_name(operation))(**MINIMAL.request(operation))
            code, message, status = "", "", answer["ResponseMetadata"]["HTTPStatusCode"]
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    assert status < 500
    assert code not in {"SerializationException", "InternalFailure"}, message
    if GRADES[operation] == "refused":
        assert code == "UnknownOperationException"
        assert message.startswith(f"{operation} is an operation of SageMaker")
    else:
        assert code != "UnknownOperationException"
        assert "validation error" not in message, message
        if not code:
            required = SERVICE.output_shape(operation).get("required", [])
            assert [name for name in required if name not in answer] == []
