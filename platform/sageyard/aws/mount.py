"""The one door to every AWS service that is not SageMaker's, and the owner of all their state."""

import asyncio
from pathlib import Path

from starlette.types import Receive, Scope, Send

from sageyard.aws import topics
from sageyard.aws.athena.history import History
from sageyard.aws.athena.operations import AthenaOperations
from sageyard.aws.athena.queries import Queries
from sageyard.aws.bridges import Bridges
from sageyard.aws.event_rules import EventRules, changes_timers
from sageyard.aws.exchange import ServiceAnswer, ServiceRequest, error_answer
from sageyard.aws.functions import StoredFunctions
from sageyard.aws.identity import answer_identity
from sageyard.aws.journal import Journal
from sageyard.aws.json_services import JsonServices
from sageyard.aws.lambda_operations import LambdaOperations
from sageyard.aws.log_operations import LogOperations
from sageyard.aws.log_store import LogStore
from sageyard.aws.metric_store import MetricStore
from sageyard.aws.moto_runtime import MotoRuntime
from sageyard.aws.moto_services import MotoServices
from sageyard.aws.s3.storage import Storage
from sageyard.aws.s3.wire import S3Wire, encode
from sageyard.aws.scope import scope_of
from sageyard.aws.stored_objects import StoredObjects
from sageyard.clock import Clock
from sageyard.errors import AwsError, StorageFullError, is_storage_full
from sageyard.settings import Settings
from sageyard.store.database import Database

MIGRATIONS = Path(__file__).parent / "migrations" / "services"
S3_CONTROL = "/v20180820/"
OWN_TABLES = ("log_events", "log_streams", "log_groups", "metrics", "athena_queries")


class AwsMount:
    """An ASGI application (scope type `http`) over `objects.db`, `objects/` and `aws.db` in the state directory.

    Work never runs in the event loop. Opening imports no moto; nothing in memory is needed after a kill.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._account_id = settings.account_id
        self.storage = Storage(settings.state_dir, settings.objects_dir, clock, settings.account_id)
        self._database = Database(settings.state_dir / "aws.db", MIGRATIONS)
        self.logs, self.metrics = LogStore(self._database, clock), MetricStore(self._database, clock)
        bridges = Bridges(self.storage, self.logs, self.metrics)

        def load() -> MotoRuntime:
            runtime = MotoRuntime(clock, bridges, settings.account_id, settings.endpoint_url)
            self.rules.install(lambda: bridges.replaying)
            self.functions.install(lambda: bridges.replaying)
            topics.install(lambda: bridges.replaying)
            return runtime

        self.services = MotoServices(Journal(self._database), clock, load, bridges.set_replaying)
        self._s3 = S3Wire(self.storage)
        self._log_operations = LogOperations(self.logs, settings.account_id)
        history, objects = History(self._database), StoredObjects(self.storage)
        self._queries = Queries(history, JsonServices(self.services), objects, settings.state_dir / "athena", clock)
        self._athena = AthenaOperations(history, self._queries, objects)
        self.functions = StoredFunctions(self.services, settings.account_id)
        self.rules = EventRules(self.services, settings.account_id)
        self._lambda = LambdaOperations(self.functions, self.services, objects, settings.endpoint_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        service, region = scope_of(scope)
        if service == "s3" and not scope["path"].startswith(S3_CONTROL):
            await self._s3.handle(scope, receive, send, region)
            return
        request = await read(scope, receive, service, region)
        if request is None:
            return
        try:
            answer = await self._answer(request)
        except AwsError as error:
            answer = error_answer(request, error)
        except OSError as error:
            if not is_storage_full(error):
                raise
            answer = error_answer(request, StorageFullError(error))
        headers = [*encode(answer.headers), (b"content-length", b"%d" % len(answer.body))]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, request: ServiceRequest) -> ServiceAnswer:
        if self._log_operations.knows(request):
            return await asyncio.to_thread(self._log_operations.answer, request)
        if self._athena.knows(request):
            return await self._athena.answer(request)
        if self._lambda.knows(request):
            return await self._lambda.answer(request)
        answer = answer_identity(request, self._account_id) or await self.services.answer(request)
        if self.rules.changed is not None and changes_timers(request):
            await self.rules.changed()
        return answer

    def reset(self) -> None:
        """Forget every bucket, log, metric and record of every service; for `POST /moto-api/reset`. Blocks."""
        self._queries.reset()
        self.storage.reset()
        with self._database.transaction() as connection:
            for table in OWN_TABLES:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the constant above
        self.services.reset()

    def close(self) -> None:
        """End the work under way, then close the files. Blocks; call it when no request is being served."""
        self._s3.close()
        self._queries.stop_all()
        self.services.close()
        self.storage.close()
        self._database.close()


async def read(scope: Scope, receive: Receive, service: str, region: str) -> ServiceRequest | None:
    """The whole request; None where the client went away."""
    pieces, more = [], True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        pieces.append(event.get("body", b""))
        more = event.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    path = scope["raw_path"].split(b"?", 1)[0].decode("latin-1")
    if query := scope["query_string"]:
        path += f"?{query.decode('latin-1')}"
    return ServiceRequest(service, region, scope["method"], path, headers, b"".join(pieces))
