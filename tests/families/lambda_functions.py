"""Functions for tests: an archive made of source text, and what is needed to create one."""

import io
import json
import zipfile
from typing import Any

from tests.conftest import ROLE


def archive(source: str, name: str = "app.py") -> bytes:
    """A zip archive with one module."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as zipped:
        zipped.writestr(name, source)
    return memory.getvalue()


def make_function(client: Any, name: str, source: str, **members: Any) -> str:
    """Create a function whose handler is `app.handler`; answers its ARN."""
    request = {"Runtime": "python3.12", "Handler": "app.handler", "Timeout": 30, "Code": {"ZipFile": archive(source)}}
    return str(client.create_function(FunctionName=name, Role=ROLE, **{**request, **members})["FunctionArn"])


def invoke(client: Any, name: str, event: Any = None, **members: Any) -> tuple[Any, dict[str, Any]]:
    """The answer, read, and the response around it."""
    response = client.invoke(FunctionName=name, Payload=json.dumps(event or {}).encode(), **members)
    return json.loads(response["Payload"].read() or b"null"), response
