"""Lambda's functions as moto keeps them; what invokes them is above this package and named at start."""

from collections.abc import Callable
from typing import Any

from sageyard.aws.bridges import moto
from sageyard.aws.moto_services import MotoServices
from sageyard.cloud import Function, FunctionAnswer, Functions
from sageyard.errors import AwsError


class FunctionNotFoundError(AwsError):
    """No such function, version or alias."""

    code = "ResourceNotFoundException"
    http_status = 404


class StoredFunctions:
    """`sageyard.cloud.Functions`: passes on to `invoker`, which finds here what to run."""

    def __init__(self, services: MotoServices, account_id: str) -> None:
        self._services = services
        self._account_id = account_id
        self.invoker: Functions | None = None

    def find(self, region: str, function: str, qualifier: str = "") -> Function:
        """A function by name or ARN, with its code; FunctionNotFoundError. Blocks."""
        return self._services.inside(lambda: self._read(region, function, qualifier))

    def _read(self, region: str, name: str, qualifier: str) -> Function:
        parts = name.split(":")
        if name.startswith("arn:") and len(parts) > 6:
            region = parts[3]
        elif len(parts) > 2:  # `<account>:function:<name>`
            name = ":".join(parts[2:])
        backend = moto("awslambda.utils").get_backend(self._account_id, region)
        try:
            found = backend.get_function(name, qualifier or None)
        except moto("awslambda.exceptions").UnknownFunctionException as error:
            raise FunctionNotFoundError(str(error.message)) from None
        asynchronous = found.event_invoke_config[-1].config if found.event_invoke_config else {}
        destinations = asynchronous.get("DestinationConfig") or {}
        layers = [backend.layers_versions_by_arn(layer["Arn"]) for layer in found.layers]
        return Function(
            name=found.function_name,
            arn=found.function_arn,
            version=str(found.version),
            region=region,
            runtime=found.run_time or "",
            package=found.package_type,
            handler=found.handler or "",
            timeout=float(found.timeout),
            memory=int(found.memory_size),
            reserved=None if found.reserved_concurrency is None else int(found.reserved_concurrency),
            modified=f"{found.last_modified} {getattr(found, 'code_sha_256', '')}",
            environment={key: str(value) for key, value in found.environment_vars.items()},
            code=getattr(found, "code_bytes", b""),
            layers=tuple(_code(layer) for layer in layers if layer is not None),
            retries=int(asynchronous.get("MaximumRetryAttempts", 2)),
            on_success=(destinations.get("OnSuccess") or {}).get("Destination", ""),
            on_failure=(destinations.get("OnFailure") or {}).get("Destination", ""),
        )

    def install(self, replaying: Callable[[], bool]) -> None:
        """Let moto's SNS, S3, SQS and others invoke functions behind the caller: they do it in moto's only thread,
        which a function may need. What they have invoked once is not invoked again while the journal is replayed."""

        def enqueue(region: str, function: str, body: object) -> None:
            if not replaying():
                self.enqueue(region, function, str(body or "{}").encode())

        def invoke_function(function: Any, body: str, request_headers: Any, response_headers: Any) -> str:
            enqueue(function.region, function.function_arn, body)
            return ""

        def invoke(
            backend: Any, function_name: str, qualifier: str | None, body: Any, headers: Any, response_headers: Any
        ) -> str:
            name = f"{function_name}:{qualifier}" if qualifier else function_name
            enqueue(backend.region_name, name, body)
            return ""

        moto("awslambda.models").LambdaFunction.invoke = invoke_function
        moto("awslambda_simple.models").LambdaSimpleBackend.invoke = invoke

    async def invoke(
        self, region: str, function: str, payload: bytes, *, qualifier: str = "", client_context: str = ""
    ) -> FunctionAnswer:
        """Invoke by name or ARN and wait for the answer."""
        invoker = self._serving()
        return await invoker.invoke(region, function, payload, qualifier=qualifier, client_context=client_context)

    def enqueue(self, region: str, function: str, payload: bytes) -> None:
        """Invoke later."""
        self._serving().enqueue(region, function, payload)

    def _serving(self) -> Functions:
        if self.invoker is None:
            raise AwsError("Nothing invokes functions in this process.", code="ServiceException")
        return self.invoker


def _code(layer: Any) -> bytes:
    code: bytes = layer.code_bytes
    return code
