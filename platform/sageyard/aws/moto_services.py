"""Every AWS service that moto answers for: one worker thread, a journal, and a replay after a restart.

One thread for all of moto, not one a service: moto is not thread-safe, its services call each other (EventBridge sends
to SQS, SNS to Lambda), and the time and seed of a request must hold for all of them. What is asked for often (S3, Logs,
the identity of the caller) does not come here.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote, urlencode

from sageyard.aws.exchange import ServiceAnswer, ServiceRequest, error_answer
from sageyard.aws.identity import DEFAULT_ROLE, create_role_request
from sageyard.aws.journal import Entry, Journal
from sageyard.aws.moto_runtime import MotoRuntime
from sageyard.clock import Clock
from sageyard.errors import AwsError, StorageFullError

READING = (
    "BatchCheck",
    "BatchDescribe",
    "BatchGet",
    "Check",
    "Describe",
    "Estimate",
    "Filter",
    "GET ",
    "Get",
    "HEAD ",
    "Head",
    "List",
    "Lookup",
    "OPTIONS ",
    "Preview",
    "Query",
    "Scan",
    "Search",
    "Select",
    "Simulate",
    "Test",
    "Validate",
)
# Durable elsewhere, and frequent: CloudWatch's numbers are rows of their own.
ELSEWHERE = {("monitoring", "PutMetricData")}
POLL = 0.1  # seconds between two looks at a queue while a client long-polls it

log = logging.getLogger(__name__)
T = TypeVar("T")


class MotoServices:
    """Answers requests through moto, durably: what was acknowledged is there after a restart, under the same ids."""

    def __init__(
        self, journal: Journal, clock: Clock, load: Callable[[], MotoRuntime], replaying: Callable[[bool], None]
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._load = load
        self._replaying = replaying
        self._runtime: MotoRuntime | None = None
        self._thread = ThreadPoolExecutor(1, "moto")

    async def answer(self, request: ServiceRequest) -> ServiceAnswer:
        """One request, off the event loop; a long poll of a queue becomes many short ones."""
        if request.service != "sqs" or request.operation != "ReceiveMessage":
            return await self._run(request)
        request, seconds = _without_wait(request)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            answer = await self._run(request)
            if loop.time() >= deadline or answer.status != 200 or _received(answer):
                return answer
            await asyncio.sleep(POLL)

    async def _run(self, request: ServiceRequest) -> ServiceAnswer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, request)

    def answer_blocking(self, request: ServiceRequest) -> ServiceAnswer:
        """The same for threads of the engines."""
        return self._thread.submit(self._answer, request).result()

    def delete_schedule(self, region: str, group: str, name: str) -> None:
        """EventBridge Scheduler's DeleteSchedule, from inside the server. Blocks."""
        headers = {
            "authorization": f"AWS4-HMAC-SHA256 Credential=sageyard/20000101/{region}/scheduler/aws4_request",
            "content-type": "application/json",
        }
        path = f"/schedules/{quote(name)}?groupName={quote(group)}"
        self.answer_blocking(ServiceRequest("scheduler", region, "DELETE", path, headers, b""))

    def inside(self, read: Callable[[], T]) -> T:
        """What `read` finds in moto's objects, in moto's own thread and with its state brought back. Blocks."""

        def loaded() -> T:
            if self._runtime is None:
                self._start()
            return read()

        return self._thread.submit(loaded).result()

    def _answer(self, request: ServiceRequest) -> ServiceAnswer:
        try:
            answer = self._carry_out(request)
            if answer.status == 404 and request.service == "iam" and request.operation == "GetRole":
                return self._missing_role(request, answer)
            return answer
        except AwsError as error:
            return error_answer(request, error)

    def _carry_out(self, request: ServiceRequest) -> ServiceAnswer:
        runtime = self._runtime or self._start()
        entry = Entry(self._clock.now(), secrets.randbits(62), request)
        answer = runtime.handle(request, entry.time, entry.seed)
        if answer.status < 400 and self._changes(request, answer):
            try:
                self._journal.append(entry)
            except OSError as error:
                runtime.reset()  # it must not know what the next server will not
                self._replay(runtime)
                raise StorageFullError(error) from error
        return answer

    def _start(self) -> MotoRuntime:
        """Load moto and bring its state back."""
        runtime = self._load()
        self._replay(runtime)
        self._runtime = runtime
        return runtime

    def _replay(self, runtime: MotoRuntime) -> None:
        self._replaying(True)
        try:
            for entry in self._journal.entries():
                try:
                    runtime.handle(entry.request, entry.time, entry.seed)
                except AwsError as error:
                    log.warning("replay of %s:%s failed: %s", entry.request.service, entry.request.operation, error)
        finally:
            self._replaying(False)

    def _changes(self, request: ServiceRequest, answer: ServiceAnswer) -> bool:
        operation = request.operation
        if (request.service, operation) in ELSEWHERE or operation.startswith(READING):
            return False
        if request.service == "sqs" and operation == "ReceiveMessage":
            return _received(answer)
        if request.service == "events" and operation == "PutEvents":
            return self._journal.has("events", "CreateArchive")  # all else that it does is done by deliveries
        return not operation.endswith("/invocations")

    def has_event_targets(self) -> bool:
        """Whether an event can have an effect: without a target of a rule or an archive it cannot."""
        return self._journal.has("events", "PutTargets", "CreateArchive") or self._has_stacks()

    def has_event_timers(self) -> bool:
        """Whether there can be a scheduled rule or a schedule."""
        return self._journal.has("events", "PutRule") or self._journal.has_service("scheduler") or self._has_stacks()

    def _has_stacks(self) -> bool:
        return self._journal.has_service("cloudformation")

    def _missing_role(self, request: ServiceRequest, answer: ServiceAnswer) -> ServiceAnswer:
        """GetRole of a role nobody created: it is created, for users name roles of their real accounts.

        One that was deleted here stays deleted: tools wait for that.
        """
        role = request.form().get("RoleName", DEFAULT_ROLE)
        field = urlencode({"RoleName": role}).encode()
        if any(field in body.split(b"&") for body in self._journal.bodies("iam", "DeleteRole")):
            return answer
        self._carry_out(create_role_request(request, role))
        return self._carry_out(request)

    def reset(self) -> None:
        """Forget everything."""

        def forget() -> None:
            self._journal.clear()
            if self._runtime is not None:
                self._runtime.reset()

        self._thread.submit(forget).result()

    def close(self) -> None:
        """Let the request under way end."""
        self._thread.shutdown(wait=True)


def _received(answer: ServiceAnswer) -> bool:
    """Whether a ReceiveMessage brought messages, in either protocol."""
    return b"MessageId" in answer.body


def _without_wait(request: ServiceRequest) -> tuple[ServiceRequest, float]:
    """A ReceiveMessage that does not wait, and the seconds that it wanted to."""
    if form := request.form():
        seconds = float(form.get("WaitTimeSeconds") or 0)
        body = urlencode({**form, "WaitTimeSeconds": "0"}).encode()
    else:
        try:
            document = json.loads(request.body)
            seconds = float(document.get("WaitTimeSeconds") or 0)
        except ValueError:
            return request, 0.0
        body = json.dumps({**document, "WaitTimeSeconds": 0}).encode()
    headers = {**request.headers, "content-length": str(len(body))}
    return replace(request, headers=headers, body=body), seconds
