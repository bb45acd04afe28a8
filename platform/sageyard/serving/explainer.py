"""The explainer beside a variant: a container of the Clarify image that explains what the model has answered.

The container is told where the model is asked: at this server, with a header that `Router` hands out for one
explanation. Its contract is in the README of `sagemaker-clarify-processing`.
"""

import json
from pathlib import Path

from sageyard.clock import Clock
from sageyard.cloud import Cloud
from sageyard.resources.spec import Document
from sageyard.runners.base import Runner, RunRequest
from sageyard.serving.connection import Answer, BrokenConnectionError
from sageyard.serving.container import STOP_GRACE, Container
from sageyard.serving.log_stream import LogStream, log_group

IMAGE = "sagemaker-clarify-processing:1.0"
TOKEN = b"x-sageyard-explanation"
"""The header by which the explainer asks the model for predictions of synthetic data."""
JSON = [(b"content-type", b"application/json")]
STARTUP_TIMEOUT = 180.0


class Explainer:
    """One container. `busy` counts the explanations it holds. All methods belong to the event loop's thread."""

    def __init__(
        self,
        runner: Runner,
        cloud: Cloud,
        clock: Clock,
        config: Document,
        endpoint_name: str,
        variant_name: str,
        region: str,
        root: Path,
        environment: dict[str, str],
        timeout: float,
    ) -> None:
        self.busy = 0
        self._timeout = timeout
        self._log = LogStream(cloud.logs, clock, region, log_group(endpoint_name), f"{variant_name}/explainer")
        url = f"{environment['AWS_ENDPOINT_URL']}/endpoints/{endpoint_name}/invocations"
        request = RunRequest(
            name=f"endpoint/{endpoint_name}/{variant_name}/explainer/{root.parent.parent.name}",  # the deployment's
            image_uri=IMAGE,
            root=root,
            arguments=("serve-explainer",),
            serves=True,
            environment={
                **environment,
                "CLARIFY_EXPLAINER_CONFIG": json.dumps(config),
                "EXPLAINED_MODEL_URL": url,
            },
        )
        self._container = Container(runner, "explainer", request, self._log, STARTUP_TIMEOUT)

    async def start(self) -> None:
        """Start it and wait until it answers. UnhealthyError."""
        self._container.root.mkdir(parents=True, exist_ok=True)
        await self._log.create()
        await self._container.start()

    async def stop(self, grace: float = STOP_GRACE) -> None:
        """Stop it and write out its last output."""
        await self._container.stop(grace)
        await self._log.flush()

    async def explain(self, question: Document) -> Answer:
        """Its answer: 200 with the response for the client, else with `message`, and `status` of the model for 424.

        503 stands for no answer, with the reason as the message. TimeoutError.
        """
        body = json.dumps(question).encode()
        head = b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.busy += 1
        try:
            if not self._container.healthy:
                raise BrokenConnectionError(self._container.trouble or "it is not running", answered=False)
            return await self._container.exchange(head, body, self._timeout)
        except BrokenConnectionError as error:
            return Answer(503, JSON, json.dumps({"message": f"no explanation: {error}"}).encode())
        finally:
            self.busy -= 1


def question(
    content_type: bytes | None, body: bytes, answer: Answer, enable: bytes | None, headers: bytes, token: bytes
) -> Document:
    """What the explainer is asked about a request and the model's answer. UnicodeDecodeError if either is no text.

    `headers` are the header lines that went to the model with the request; they go with synthetic data, too.
    """
    lines = (line.partition(b": ") for line in headers.split(b"\r\n") if line)
    return {
        "content_type": (content_type or b"").decode("latin-1"),
        "body": body.decode(),
        "answer_type": next((value for name, value in answer.headers if name == b"content-type"), b"").decode(
            "latin-1"
        ),
        "answer": answer.body.decode(),
        "enable": None if enable is None else enable.decode("latin-1"),
        "headers": {
            **{name.decode("latin-1"): value.decode("latin-1") for name, _, value in lines},
            TOKEN.decode(): token.decode(),
        },
    }
