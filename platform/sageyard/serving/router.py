"""The invocation path: from an ASGI request to a container and back.

It bypasses the web framework, the request validation and the resource store, because every microsecond here is added
to every invocation. A variant is drawn by weight, its least busy instance takes the request over a kept-alive
connection, the sampled record is appended to its spool, and only then does the answer go out.
"""

import json
from collections.abc import Iterable, Mapping
from random import Random
from secrets import token_urlsafe
from time import perf_counter
from uuid import uuid4

from sageyard.clock import Clock
from sageyard.resources.spec import Grade
from sageyard.serving.connection import Answer, BrokenConnectionError
from sageyard.serving.container import Container
from sageyard.serving.deployment import PAYLOAD_LIMIT
from sageyard.serving.explainer import JSON, TOKEN, Explainer, question
from sageyard.serving.fleet import Fleet, Variant
from sageyard.serving.instance import ContainerTimeoutError
from sageyard.serving.refusal import (
    COMPONENT_MISSING,
    COMPONENT_REFUSED,
    NO_COPIES,
    TIMED_OUT,
    RuntimeRefusal,
    invalid,
    model_error,
    refused_operation,
    too_large,
    unknown_endpoint,
    unknown_operation,
)
from sageyard.wire.asgi import Receive, Scope, Send, respond
from sageyard.wire.short_way import Reply

PREFIX = b"x-amzn-sagemaker-"
TARGET_VARIANT = b"x-amzn-sagemaker-target-variant"
TARGET_MODEL = b"x-amzn-sagemaker-target-model"
TARGET_HOST = b"x-amzn-sagemaker-target-container-hostname"
INFERENCE_COMPONENT = b"x-amzn-sagemaker-inference-component"
ENABLE_EXPLANATIONS = b"x-amzn-sagemaker-enable-explanations"
INFERENCE_ID = b"x-amzn-sagemaker-inference-id"
CUSTOM_ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"

INVOCATIONS: dict[str, tuple[Grade, str]] = {
    "InvokeEndpoint": ("runs", f"`{__name__}`"),
    "InvokeEndpointAsync": ("refused", "No endpoint has an AsyncInferenceConfig yet: use InvokeEndpoint."),
    "InvokeEndpointWithResponseStream": ("refused", "Answers are not streamed yet: use InvokeEndpoint."),
}
"""The operations of sagemaker-runtime: grade, and where the behaviour is or why there is none."""
REFUSED = {
    "async-invocations": "InvokeEndpointAsync",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
}


class ServedEndpoint:
    """An endpoint, or an inference component, as the router sees it. `fleet` is swapped in one step; None while
    nothing serves.

    While an update moves the traffic, `incoming` is the new fleet, and `shares` says by the name of the variant which
    share of the requests it takes, 0 to 1.
    """

    __slots__ = ("fleet", "incoming", "log_arn", "name", "region", "shares")

    def __init__(self, name: str, region: str, log_arn: str) -> None:
        self.name = name
        self.region = region
        self.log_arn = log_arn
        self.fleet: Fleet | None = None
        self.incoming: Fleet | None = None
        self.shares: Mapping[str, float] = {}

    def choose(self, fleet: Fleet, target: str | None, random: Random) -> Variant | None:
        """The variant for one request: of `fleet`, or of the same name in the fleet that is taking over."""
        variant = fleet.choose(target, random)
        if self.incoming is None or variant is None or random.random() >= self.shares[variant.name]:
            return variant
        return self.incoming.choose(variant.name, random)


Endpoints = dict[tuple[str, str], ServedEndpoint]
"""(region, endpoint name) -> what serves it."""
Components = dict[tuple[str, str, str], ServedEndpoint]
"""(region, endpoint name, inference component's name) -> what serves it."""


class ClientGoneError(Exception):
    """The caller hung up before its request was complete."""


class Router:
    """Answers InvokeEndpoint for every endpoint of the server."""

    def __init__(
        self, endpoints: Endpoints, components: Components, account_id: str, clock: Clock, random: Random
    ) -> None:
        self._endpoints = endpoints
        self._components = components
        self._account_id = account_id
        self._clock = clock
        self._random = random
        self._explanations: dict[bytes, tuple[Variant, ServedEndpoint]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send, region: str) -> None:
        """Everything under `/endpoints/`: the operations of sagemaker-runtime."""
        path: str = scope["path"]
        endpoint_name, _, operation = path.removeprefix("/endpoints/").partition("/")
        if scope["method"] == "POST" and operation == "invocations":
            return await self.invoke(scope, receive, send, region, endpoint_name)
        if scope["method"] == "POST" and operation in REFUSED:
            return await _send_refusal(send, refused_operation(REFUSED[operation], INVOCATIONS[REFUSED[operation]][1]))
        return await _send_refusal(send, unknown_operation(scope["method"], path))

    async def invoke(self, scope: Scope, receive: Receive, send: Send, region: str, endpoint_name: str) -> None:
        """`POST /endpoints/{endpoint_name}/invocations` through ASGI."""
        try:
            body = await _read(receive)
        except ClientGoneError:
            return
        status, headers, answer = await self.answer(scope["headers"], body, region, endpoint_name)
        await respond(send, status, [*headers, (b"content-length", b"%d" % len(answer))], answer)

    async def answer(
        self, headers: Iterable[tuple[bytes, bytes]], body: bytes | None, region: str, endpoint_name: str
    ) -> Reply:
        """InvokeEndpoint: request headers (names in lower case) and body, None for one over the limit, to the reply.

        Refusals are replies like any other.
        """
        started = perf_counter()
        request_id = str(uuid4())
        try:
            if body is None:
                raise too_large(PAYLOAD_LIMIT)
            variant, answer = await self._invoke(headers, body, region, endpoint_name, request_id, started)
        except RuntimeRefusal as refusal:
            return _refusal(refusal, request_id)
        return (
            200,
            [
                (b"x-amzn-requestid", request_id.encode()),
                (b"x-amzn-invoked-production-variant", variant.header),
                *answer.headers,
            ],
            answer.body,
        )

    async def _invoke(
        self,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        region: str,
        endpoint_name: str,
        request_id: str,
        started: float,
    ) -> tuple[Variant, Answer]:
        content_type = target = hostname = component = inference_id = custom_attributes = enable = token = None
        forwarded = b""
        for name, value in headers:
            if name == b"content-type":
                content_type = value
            elif name == b"accept":
                forwarded += b"Accept: %s\r\n" % value
            elif name.startswith(PREFIX):
                if name == TARGET_VARIANT:
                    target = value.decode("latin-1")
                    continue
                if name == TARGET_HOST:
                    hostname = value.decode("latin-1")
                elif name == INFERENCE_ID:
                    inference_id = value
                elif name == CUSTOM_ATTRIBUTES:
                    custom_attributes = value
                elif name == ENABLE_EXPLANATIONS:
                    enable = value
                elif name == TARGET_MODEL:
                    raise invalid(
                        f"Endpoint {endpoint_name} is not a multi-model endpoint and does not support target model "
                        "header."
                    )
                elif name == INFERENCE_COMPONENT:
                    component = value.decode("latin-1")
                forwarded += b"%s: %s\r\n" % (name, value)
            elif name == TOKEN:
                token = value
        if token is not None:
            return await self._synthetic(token, content_type, forwarded, body, hostname)
        endpoint = self._endpoints.get((region, endpoint_name))
        fleet = endpoint.fleet if endpoint is not None else None
        if endpoint is None or fleet is None:
            raise unknown_endpoint(endpoint_name, self._account_id)
        if component is not None or fleet.hosts_components:
            endpoint, fleet = self._component(endpoint, fleet, component)
        variant = endpoint.choose(fleet, target, self._random)
        if variant is None:
            raise invalid(
                f"Variant {target} of endpoint {endpoint_name} not found: it has "
                f"{', '.join(known.name for known in fleet.variants)}."
            )
        if len(body) > variant.plan.payload_limit:
            raise too_large(variant.plan.payload_limit)
        if hostname is not None or variant.plan.direct:
            _check_hostname(variant, endpoint_name, hostname)

        sent = perf_counter()
        try:
            answer, container = await self._ask(variant, content_type, forwarded, body, hostname, endpoint)
        except RuntimeRefusal:
            latency = perf_counter() - sent
            variant.metrics.add(self._clock.now(), 0, latency, perf_counter() - started - latency)
            raise
        latency = perf_counter() - sent
        if 200 <= answer.status < 300:
            capture = variant.capture
            if capture is not None and capture.sampled:
                answer_type = next((value for name, value in answer.headers if name == b"content-type"), None)
                capture.record(
                    request_id, content_type, body, answer_type, answer.body, inference_id, custom_attributes
                )
        variant.metrics.add(self._clock.now(), answer.status, latency, perf_counter() - started - latency)
        if not 200 <= answer.status < 300:
            original = answer.body.decode(errors="replace")
            raise model_error(answer.status, container.label, original, endpoint.log_arn, self._account_id)
        if variant.explainer is not None:
            answer = await self._explain(
                variant.explainer, variant, endpoint, content_type, body, answer, enable, forwarded
            )
        return variant, answer

    def _component(self, endpoint: ServedEndpoint, fleet: Fleet, name: str | None) -> tuple[ServedEndpoint, Fleet]:
        """The inference component that a request names, which it must where the endpoint hosts them."""
        if not fleet.hosts_components:
            raise invalid(COMPONENT_REFUSED)
        if name is None:
            raise invalid(COMPONENT_MISSING)
        found = self._components.get((endpoint.region, endpoint.name, name))
        if found is None or found.fleet is None:
            raise invalid(f"Inference Component {name} of endpoint {endpoint.name} not found.")
        if not found.fleet.variants[0].instances:
            raise invalid(NO_COPIES)
        return found, found.fleet

    async def _explain(
        self,
        explainer: Explainer,
        variant: Variant,
        endpoint: ServedEndpoint,
        content_type: bytes | None,
        body: bytes,
        answer: Answer,
        enable: bytes | None,
        headers: bytes,
    ) -> Answer:
        """The model's answer in the form that endpoints with an explainer have, with explanations."""
        token = token_urlsafe().encode()
        self._explanations[token] = (variant, endpoint)
        try:
            found = await explainer.explain(question(content_type, body, answer, enable, headers, token))
        except UnicodeDecodeError:
            raise invalid(
                f"Endpoint {endpoint.name} explains requests and answers in text/csv and application/jsonlines: one of "
                "them is no text."
            ) from None
        except TimeoutError as error:
            original = TIMED_OUT.format(label="explainer")
            raise model_error(0, "explainer", original, endpoint.log_arn, self._account_id) from error
        finally:
            del self._explanations[token]
        if found.status == 200:
            kept = [header for header in answer.headers if header[0] != b"content-type"]
            return Answer(200, [*kept, *JSON], found.body)
        refused = json.loads(found.body)
        if found.status == 400:
            raise invalid(refused["message"])
        status, label = (refused["status"], "primary") if found.status == 424 else (found.status, "explainer")
        raise model_error(status, label, refused["message"], endpoint.log_arn, self._account_id)

    async def _synthetic(
        self, token: bytes, content_type: bytes | None, headers: bytes, body: bytes, hostname: str | None
    ) -> tuple[Variant, Answer]:
        """The model's answer to an explainer, which is neither captured nor counted."""
        if token not in self._explanations:
            raise invalid("The explanation that this request belongs to has ended.")
        variant, endpoint = self._explanations[token]
        answer, container = await self._ask(variant, content_type, headers, body, hostname, endpoint)
        if not 200 <= answer.status < 300:
            original = answer.body.decode(errors="replace")
            raise model_error(answer.status, container.label, original, endpoint.log_arn, self._account_id)
        return variant, answer

    async def _ask(
        self,
        variant: Variant,
        content_type: bytes | None,
        headers: bytes,
        body: bytes,
        hostname: str | None,
        endpoint: ServedEndpoint,
    ) -> tuple[Answer, Container]:
        """Ask one instance, and a second one if the first broke off before it answered."""
        tried = None
        while True:
            instance = variant.pick(tried)
            if instance is None:
                broken = next((each.trouble for each in variant.instances if each.trouble), "no container is running")
                raise model_error(
                    503,
                    "primary",
                    f"Production variant {variant.name} has no healthy container: {broken}",
                    endpoint.log_arn,
                    self._account_id,
                )
            instance.busy += 1
            try:
                return await instance.invoke(content_type, headers, body, hostname, fresh=tried is not None)
            except ContainerTimeoutError as error:
                original = TIMED_OUT.format(label=error.label)
                raise model_error(0, error.label, original, endpoint.log_arn, self._account_id) from error
            except BrokenConnectionError as error:
                if error.answered or tried is not None:
                    raise model_error(0, "primary", str(error), endpoint.log_arn, self._account_id) from error
                tried = instance
            finally:
                instance.busy -= 1


def _check_hostname(variant: Variant, endpoint_name: str, hostname: str | None) -> None:
    names = [plan.hostname for plan in variant.plan.containers]
    if not variant.plan.direct:
        raise invalid(
            f"Endpoint {endpoint_name} does not support the target container hostname header: its model's "
            "InferenceExecutionConfig.Mode is not Direct."
        )
    if hostname not in names:
        raise invalid(
            f"TargetContainerHostname {hostname} of endpoint {endpoint_name} not found: give one of "
            f"{', '.join(name for name in names if name)}."
        )


async def _read(receive: Receive) -> bytes | None:
    """The whole body, None if it is over the limit. It is read to its end all the same: many clients read no answer
    before that."""
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size > PAYLOAD_LIMIT:
            chunks.clear()
        else:
            chunks.append(chunk)
    return b"".join(chunks) if size <= PAYLOAD_LIMIT else None


def _refusal(refusal: RuntimeRefusal, request_id: str) -> Reply:
    headers = [
        (b"content-type", b"application/json"),
        (b"x-amzn-errortype", refusal.code.encode()),
        (b"x-amzn-requestid", request_id.encode()),
    ]
    return refusal.status, headers, refusal.body()


async def _send_refusal(send: Send, refusal: RuntimeRefusal) -> None:
    status, headers, body = _refusal(refusal, str(uuid4()))
    await respond(send, status, [*headers, (b"content-length", b"%d" % len(body))], body)
