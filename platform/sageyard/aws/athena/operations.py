"""Athena on the wire (JSON 1.1): the operations on query executions; the others are moto's."""

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from sageyard.aws.athena.errors import invalid_request
from sageyard.aws.athena.history import Execution, History
from sageyard.aws.athena.queries import Queries, not_found
from sageyard.aws.athena.results import read_rows
from sageyard.aws.exchange import ServiceAnswer, ServiceRequest, json_answer
from sageyard.cloud import ObjectNotFoundError, Objects, split_s3_uri
from sageyard.errors import AwsError

PATIENCE = 1.0
"""Seconds that GetQueryExecution waits for the end of a running query: its clients look only every 5 s."""
LOOK = 0.02


class AthenaOperations:
    """One method for each operation; `answer` finds it by name."""

    def __init__(self, history: History, queries: Queries, objects: Objects) -> None:
        self._history = history
        self._queries = queries
        self._objects = objects
        self._operations = {
            "StartQueryExecution": self.start_query_execution,
            "GetQueryExecution": self.get_query_execution,
            "GetQueryResults": self.get_query_results,
            "StopQueryExecution": self.stop_query_execution,
            "ListQueryExecutions": self.list_query_executions,
            "BatchGetQueryExecution": self.batch_get_query_execution,
        }

    def knows(self, request: ServiceRequest) -> bool:
        """Whether this is one of the operations answered here."""
        return request.service == "athena" and request.operation in self._operations

    async def answer(self, request: ServiceRequest) -> ServiceAnswer:
        """Run one operation, off the event loop."""
        try:
            parameters = json.loads(request.body or b"{}")
        except ValueError:
            raise AwsError("the request body is not JSON", code="SerializationException") from None
        if request.operation == "GetQueryExecution":
            await self._settle(str(parameters.get("QueryExecutionId")))
        try:
            operation = self._operations[request.operation]
            return json_answer(await asyncio.to_thread(operation, request.region, parameters))
        except KeyError as missing:
            raise invalid_request(f"1 validation error detected: {missing} must not be null") from None

    async def _settle(self, query: str) -> None:
        for _ in range(round(PATIENCE / LOOK)):
            if not self._queries.running(query):
                return
            await asyncio.sleep(LOOK)

    def start_query_execution(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """StartQueryExecution."""
        return {"QueryExecutionId": self._queries.start(region, parameters)}

    def get_query_execution(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """GetQueryExecution."""
        return {"QueryExecution": self._find(region, parameters["QueryExecutionId"]).describe()}

    def stop_query_execution(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """StopQueryExecution."""
        self._queries.stop(region, parameters["QueryExecutionId"])
        return {}

    def batch_get_query_execution(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """BatchGetQueryExecution: what is not found is listed apart."""
        found, unknown = [], []
        for query in parameters["QueryExecutionIds"]:
            if (execution := self._history.get(region, query)) is not None:
                found.append(execution.describe())
            else:
                message = not_found(query).message
                unknown.append({"QueryExecutionId": query, "ErrorCode": "INVALID_INPUT", "ErrorMessage": message})
        return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": unknown}

    def list_query_executions(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """ListQueryExecutions: newest first."""
        limit = int(parameters.get("MaxResults") or 50)
        token = parameters.get("NextToken")
        rows = self._history.page(
            region, parameters.get("WorkGroup") or "primary", _place(token) if token else None, limit + 1
        )
        answer: dict[str, object] = {"QueryExecutionIds": [query for _, query in rows[:limit]]}
        if len(rows) > limit:
            answer["NextToken"] = urlsafe_b64encode(json.dumps(rows[limit - 1]).encode()).decode()
        return answer

    def get_query_results(self, region: str, parameters: dict[str, Any]) -> dict[str, object]:
        """GetQueryResults, out of the file in S3: a SELECT's first row are the names of its columns, as on Athena."""
        execution = self._find(region, parameters["QueryExecutionId"])
        if execution.state in {"QUEUED", "RUNNING"}:
            raise invalid_request(f"Query has not yet finished. Current state: {execution.state}")
        if execution.state != "SUCCEEDED":
            raise invalid_request(f"Query did not finish successfully. Final query state: {execution.state}")
        location = execution.document["ResultConfiguration"]["OutputLocation"]
        try:
            file = self._objects.path(*split_s3_uri(location))
            offset, limit = int(parameters.get("NextToken") or 0), int(parameters.get("MaxResults") or 1000)
            rows, place = read_rows(file, offset, limit, csv=execution.header)
        except (ObjectNotFoundError, FileNotFoundError):
            raise invalid_request(f"Could not find results of the query at {location}") from None
        except ValueError:
            raise invalid_request(f"Invalid NextToken {parameters.get('NextToken')!r}") from None
        answer: dict[str, object] = {
            "UpdateCount": 0,
            "ResultSet": {
                "Rows": [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in rows],
                "ResultSetMetadata": {"ColumnInfo": execution.columns},
            },
        }
        if place is not None:
            answer["NextToken"] = str(place)
        return answer

    def _find(self, region: str, query: str) -> Execution:
        if (execution := self._history.get(region, query)) is None:
            raise not_found(query)
        return execution


def _place(token: str) -> tuple[float, str]:
    try:
        submitted, query = json.loads(urlsafe_b64decode(token))
        return float(submitted), str(query)
    except ValueError:
        raise invalid_request(f"Invalid NextToken {token!r}") from None
