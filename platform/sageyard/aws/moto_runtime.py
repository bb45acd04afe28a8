"""moto, loaded on demand and made repeatable: its time and its random numbers come from us.

Only the one thread of `MotoServices` uses this module, so a request's time and seed hold for everything moto does while
it carries the request out, in whatever service.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sageyard.aws.bridges import Bridges, moto, naive
from sageyard.aws.exchange import ServiceAnswer, ServiceRequest
from sageyard.clock import Clock
from sageyard.errors import AwsError, StorageFullError, UnknownOperationError, is_storage_full

EPOCH = datetime(1970, 1, 1)  # without a zone, as moto has its times
Handler = Callable[[Any, str, Any], tuple[int, dict[str, Any], Any]]
# Signing names that differ from the host names by which moto knows a service.
HOSTS = {"eventbridge": "events", "mobiletargeting": "pinpoint"}
DROPPED_HEADERS = {"connection", "content-length", "date", "server", "status", "transfer-encoding"}


class MotoRuntime:
    """moto's handlers behind one method. Creating it imports moto's core; services are imported when first used."""

    def __init__(self, clock: Clock, bridges: Bridges, account_id: str, endpoint_url: str) -> None:
        self._clock = clock
        self._account_id = account_id
        self._endpoint_url = endpoint_url
        self._bridges = bridges
        self._now: datetime | None = None
        self._handlers: dict[str, list[tuple[re.Pattern[str], Handler]]] = {}

        # Before any service is imported: they take these by name.
        utilities = moto("core.utils")
        utilities.utcnow, utilities.unix_time = self._utcnow, self._unix_time
        default_user_config = moto("core.config").default_user_config
        default_user_config["iam"] = {"load_aws_managed_policies": True}  # AmazonSageMakerFullAccess can be attached
        default_user_config["lambda"] = {"use_docker": False}
        default_user_config["batch"] = {"use_docker": False}
        self._random = moto("moto_api._internal").mock_random
        self._backends = moto("backends")
        self._patterns = moto("backend_index").backend_url_patterns
        self._request_class = moto("core.request").Request
        self._http_exception: type[Exception] = moto("core.exceptions").HTTPException
        bridges.install()

    def _utcnow(self) -> datetime:
        return self._now or naive(self._clock.now())

    def _unix_time(self, moment: datetime | None = None) -> float:
        return ((moment or self._utcnow()) - EPOCH).total_seconds()

    def handle(self, request: ServiceRequest, now: float, seed: int) -> ServiceAnswer:
        """Carry out one request as if it were `now` (epoch seconds); AwsError for what moto cannot do.

        The same requests with the same times and seeds in the same order give the same state.
        """
        service, handler = self._find(request)
        self._now = naive(now)
        try:
            self._random.seed(0)
            self._touch(service, request.region)
            self._touch("iam", request.region)  # every request asks it for the account of its access key
            self._random.seed(seed)
            if request.service == "logs":
                self._bridges.align_log_groups(request.region)
            url = self._endpoint_url + request.path
            wrapped = self._request_class.from_primitives(request.method, url, request.headers, request.body)
            wrapped.environ["RAW_URI"] = request.path
            try:
                status, headers, body = handler(wrapped, url, wrapped.headers)
            except self._http_exception as error:
                refusal: Any = error
                status, headers, body = refusal.code, dict(refusal.get_headers()), refusal.get_body()
        except AwsError:
            raise
        except NotImplementedError:
            raise self._refusal(request) from None
        except Exception as error:
            if is_storage_full(error):
                raise StorageFullError(error) from error
            raise self._refusal(request, f" ({type(error).__name__}: {error})") from error
        finally:
            self._now = None
        if status >= 500:
            raise self._refusal(request)
        kept = {name: str(value) for name, value in dict(headers).items() if name.lower() not in DROPPED_HEADERS}
        return ServiceAnswer(status, kept, body.encode() if isinstance(body, str) else bytes(body or b""))

    @staticmethod
    def _refusal(request: ServiceRequest, reason: str = "") -> AwsError:
        return UnknownOperationError(
            f"{request.service}:{request.operation} is not implemented by Sageyard: moto, which answers for "
            f"{request.service}, could not carry it out{reason}"
        )

    def _touch(self, service: str, region: str) -> None:
        """Create the backend now, so that its own random numbers are not drawn from the request's."""
        regions = self._backends.get_backend(service)[self._account_id]
        for name in (region, "aws", "global"):
            try:
                regions[name]
            except KeyError:
                continue
            return

    def _find(self, request: ServiceRequest) -> tuple[str, Handler]:
        """moto's service and handler, matched as moto's own stub of botocore does it: by the URL on AWS."""
        host = f"{HOSTS.get(request.service, request.service)}.{request.region}.amazonaws.com"
        path = request.path.partition("?")[0]
        if request.service == "s3":
            host = f"{self._account_id}.s3-control.{request.region}.amazonaws.com"
        elif request.target and request.target.startswith("DynamoDBStreams"):
            host = f"streams.{host}"
        url = f"https://{host}{path}"
        for service, pattern in self._patterns:
            if pattern.match(url):
                for compiled, handler in self._urls(service):
                    if compiled.match(url):
                        return service, handler
        raise UnknownOperationError(f"{request.service}:{request.operation} is not implemented by Sageyard")

    def _urls(self, service: str) -> list[tuple[re.Pattern[str], Handler]]:
        if service not in self._handlers:
            regions = self._backends.get_backend(service)[self._account_id]
            backend = regions["us-east-1"] if "us-east-1" in regions else regions["aws"]
            self._handlers[service] = [(re.compile(url), handler) for url, handler in backend.urls.items()]
        return self._handlers[service]

    def reset(self) -> None:
        """Empty every service."""
        for backend in moto("core.base_backend").BackendDict._instances:
            for account in backend.values():
                account.clear()  # a backend is made anew when it is next asked for
