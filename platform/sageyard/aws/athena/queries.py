"""The life of a query: QUEUED, RUNNING, SUCCEEDED, FAILED or CANCELLED, each state durable when it is visible.

Queries run in two threads of their own. One that a killed server left unfinished has failed, and says so.
"""

import logging
import re
import secrets
import threading
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from sageyard.aws.athena.catalog import CATALOG, Catalog
from sageyard.aws.athena.definitions import Definitions
from sageyard.aws.athena.dialect import Statement, bind, parse
from sageyard.aws.athena.engine import Cancellation, Engine
from sageyard.aws.athena.errors import CancelledError, MalformedQueryError, QueryError, invalid_request
from sageyard.aws.athena.history import Execution, History
from sageyard.aws.athena.results import metadata
from sageyard.clock import Clock, utc
from sageyard.cloud import ObjectNotFoundError, Objects, Services, split_s3_uri
from sageyard.errors import AwsError

ENGINE_VERSION = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
SYSTEM, USER = 1, 2  # ErrorCategory
PRINTED = {
    "CatalogName": "hive",
    "SchemaName": "",
    "TableName": "",
    "Type": "string",
    "Precision": 0,
    "Scale": 0,
    "Nullable": "UNKNOWN",
    "CaseSensitive": False,
}

logger = logging.getLogger(__name__)


class Queries:
    """All queries of the account."""

    def __init__(self, history: History, services: Services, objects: Objects, folder: Path, clock: Clock) -> None:
        self._history = history
        self._services = services
        self._objects = objects
        self._engine = Engine(folder, objects)
        self._folder = folder
        self._clock = clock
        self._threads = ThreadPoolExecutor(2, "athena")
        self._running: dict[str, Cancellation] = {}
        self._futures: set[Future[None]] = set()
        self._lock = threading.Lock()
        self._engine.clear()
        for execution in history.unfinished():
            self._fail(execution.id, "The server ended while the query was running: start it again", SYSTEM)

    def start(self, region: str, parameters: dict[str, Any]) -> str:
        """StartQueryExecution: the new query's id; of a ClientRequestToken known already, that query's."""
        text, token = parameters["QueryString"], parameters.get("ClientRequestToken")
        with self._lock:
            if token and (known := self._history.by_token(region, token)) is not None:
                if known.document["Query"] != text:
                    raise invalid_request("Idempotent parameters do not match")
                return known.id
            try:
                statement = parse(text, parameters.get("ExecutionParameters") or [])
            except MalformedQueryError as error:
                raise invalid_request(str(error)) from None
            workgroup = parameters.get("WorkGroup") or "primary"
            output = self._output(region, workgroup, parameters.get("ResultConfiguration") or {})
            context = parameters.get("QueryExecutionContext") or {}
            database = context.get("Database") or "default"
            query = str(uuid.uuid4())
            suffix = "csv" if statement.kind == "DML" else "txt"
            location = f"{output['OutputLocation'].rstrip('/')}/{query}.{suffix}"
            self._check_bucket(location)
            document = {
                "Query": text,
                "StatementType": statement.kind,
                "SubstatementType": statement.word,
                "ResultConfiguration": output | {"OutputLocation": location},
                "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
                "QueryExecutionContext": {
                    "Database": database,
                    "Catalog": (context.get("Catalog") or CATALOG).lower(),
                },
                "EngineVersion": ENGINE_VERSION,
                "Status": {},
                "Statistics": {},
            }
            execution = Execution(query, region, workgroup, self._clock.now(), "QUEUED", document, token)
            self._history.add(execution)
            self._running[query] = Cancellation()
        future = self._threads.submit(self._carry_out, execution, statement, time.monotonic())
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return query

    def _output(self, region: str, workgroup: str, asked: dict[str, Any]) -> dict[str, Any]:
        """ResultConfiguration in force: the query's own, unless the work group enforces its."""
        try:
            answer = self._services.call(region, "athena", "GetWorkGroup", {"WorkGroup": workgroup})
        except AwsError:
            answer = {}
        if not (group := answer.get("WorkGroup")):
            raise invalid_request(f"WorkGroup {workgroup} is not found.")
        settings = group.get("Configuration") or {}
        own = settings.get("ResultConfiguration") or {}
        output = dict(asked)
        if own.get("OutputLocation") and (settings.get("EnforceWorkGroupConfiguration") or not asked):
            output = dict(own)
        if not output.get("OutputLocation"):
            raise invalid_request(
                "No output location provided. An output location is required either through the Workgroup result "
                "configuration setting or as an API input."
            )
        return output

    def _check_bucket(self, location: str) -> None:
        try:
            self._objects.list(*split_s3_uri(location))
        except (ValueError, ObjectNotFoundError):
            raise invalid_request(f"Unable to verify/create output bucket of {location}") from None

    def running(self, query: str) -> bool:
        """Whether the query has not ended; for those who wait for its end."""
        return query in self._running

    def stop(self, region: str, query: str) -> None:
        """StopQueryExecution: a query that has ended stays as it is."""
        if self._history.get(region, query) is None:
            raise not_found(query)
        status = {"StateChangeReason": "Query cancelled by user", "CompletionDateTime": self._clock.now()}
        self._history.move(query, "CANCELLED", {"Status": status})
        if (cancellation := self._running.get(query)) is not None:
            cancellation.stop()

    def _carry_out(self, execution: Execution, statement: Statement, submitted: float) -> None:
        try:
            self._run(execution, statement, submitted)
        except CancelledError:
            pass  # its state says so already, or the server is closing
        except (QueryError, AwsError, ObjectNotFoundError) as error:
            self._fail(execution.id, str(error), USER)
        except Exception as error:
            logger.exception("query %s", execution.id)
            self._fail(execution.id, f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}", SYSTEM)
        finally:
            self._running.pop(execution.id, None)

    def _run(self, execution: Execution, statement: Statement, submitted: float) -> None:
        began, cancellation = time.monotonic(), self._running[execution.id]
        if not self._history.move(execution.id, "RUNNING", {}):
            return
        context = execution.document["QueryExecutionContext"]
        if context["Catalog"] != CATALOG:
            raise QueryError(f"CATALOG_NOT_FOUND: Catalog '{context['Catalog']}' does not exist")
        catalog = Catalog(self._services, self._objects, execution.region)
        location = execution.document["ResultConfiguration"]["OutputLocation"]
        bucket, key = split_s3_uri(location)
        self._folder.mkdir(parents=True, exist_ok=True)
        output = self._folder / f"{execution.id}.result"
        try:
            scanned, planned = 0, time.monotonic()
            if statement.kind == "DML":
                query = bind(statement, context["Database"])
                planned = time.monotonic()
                outcome = self._engine.run(execution.id, query, catalog, output, cancellation)
                columns, scanned = outcome.columns, outcome.scanned
            else:
                lines = list(Definitions(catalog).carry_out(statement, context["Database"]))
                output.write_text("".join(f"{line}\n" for line in lines), "utf-8")
                columns = printed_columns(statement, lines)
            ended = time.monotonic()
            cancellation.check()
            moment = utc(execution.submitted)
            engine_id = f"{moment:%Y%m%d_%H%M%S}_{secrets.randbelow(100000):05d}_{secrets.token_hex(3)[:5]}"
            self._objects.put(bucket, f"{key}.metadata", metadata(engine_id, columns))
            self._objects.put(bucket, key, output, "text/csv" if statement.kind == "DML" else "text/plain")
        finally:
            output.unlink(missing_ok=True)
        published = time.monotonic()
        statistics = {
            "EngineExecutionTimeInMillis": milliseconds(began, ended),
            "DataScannedInBytes": scanned,
            "TotalExecutionTimeInMillis": milliseconds(submitted, published),
            "QueryQueueTimeInMillis": milliseconds(submitted, began),
            "QueryPlanningTimeInMillis": milliseconds(began, planned),
            "ServiceProcessingTimeInMillis": milliseconds(ended, published),
            "ResultReuseInformation": {"ReusedPreviousResult": False},
        }
        completed = {"Statistics": statistics, "Status": {"CompletionDateTime": self._clock.now()}}
        self._history.move(execution.id, "SUCCEEDED", completed, columns, header=statement.kind == "DML")

    def _fail(self, query: str, reason: str, category: int) -> None:
        error = {"ErrorCategory": category, "ErrorType": 0, "Retryable": category == SYSTEM, "ErrorMessage": reason}
        status = {"StateChangeReason": reason, "CompletionDateTime": self._clock.now(), "AthenaError": error}
        self._history.move(query, "FAILED", {"Status": status})

    def stop_all(self) -> None:
        """Interrupt what runs and wait for its end; what was queued does not begin."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        left = set(self._futures)
        while left:  # again and again: DuckDB forgets an interruption that comes just before it begins
            for cancellation in list(self._running.values()):
                cancellation.stop()
            left = wait(left, timeout=0.05).not_done
        self._running.clear()

    def reset(self) -> None:
        """Begin anew with an empty history."""
        self.stop_all()
        self._threads = ThreadPoolExecutor(2, "athena")


def not_found(query: str) -> AwsError:
    """The refusal of an id that no query has."""
    return invalid_request(f"QueryExecution {query} was not found")


def milliseconds(begin: float, end: float) -> int:
    """Between two readings of the monotonic clock."""
    return round((end - begin) * 1000)


def printed_columns(statement: Statement, lines: list[str]) -> list[dict[str, Any]]:
    """ColumnInfo of what a statement printed."""
    names = {"DESCRIBE": ("col_name", "data_type", "comment"), "MSCK": ("result",)}.get(statement.word, ())
    if match := re.match(r"SHOW\s+(\w+)", statement.text, re.IGNORECASE):
        shown = {"TABLES": "tab_name", "PARTITIONS": "partition", "COLUMNS": "field"}
        names = (shown.get(match[1].upper(), "database_name"),)
    return [PRINTED | {"Name": name, "Label": name} for name in names if lines or statement.kind == "UTILITY"]
