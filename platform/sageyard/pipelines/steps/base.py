"""What a step type is: how a step of a pipeline execution begins, ends and is stopped."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from sageyard.cloud import Cloud
from sageyard.errors import AwsError
from sageyard.pipelines.requests import typed
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Api, Document
from sageyard.store.resources import Selection

PATIENCE = 3600.0  # seconds between two looks at a resource that nothing is heard of
LONGEST_NAME = 63
INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"
"""What a retry policy calls a job that ended by a fault of the service's: here, with the server that ran it."""


class StepFailedError(Exception):
    """The step did not succeed; `types` are the exception types that a retry policy may name."""

    def __init__(self, reason: str, *types: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.types = frozenset(types)


class StepStoppedError(Exception):
    """The step was stopped before it ended."""


@dataclass(frozen=True)
class Iteration:
    """One item of a ForEach step: statuses and properties of its steps, by the names they have in the body."""

    statuses: dict[str, str]
    properties: dict[str, Document]


@dataclass
class StepRun:
    """One attempt at a step. `arguments` and `document`, the step's part of the definition, have their values.

    `remember` makes notes durable: they are `notes` again when the server takes the step up after a restart.
    """

    region: str
    execution_arn: str
    role_arn: str
    name: str
    document: Document
    arguments: Any
    attempt: int
    started: float
    api: Api
    engine: Engine
    cloud: Cloud
    experiment: Document | None
    notes: Document
    remember: Callable[[Document], None]
    save_metadata: Callable[[Document], None]
    answered: Callable[[], Awaitable[Document]]
    """Waits for the answer to a callback."""
    iterate: "Callable[[list[Any], int], Awaitable[list[Iteration]]]"
    """Runs the body of a ForEach step once an item, so many steps at a time."""
    properties: Callable[[str], Document]
    """What a step before this one has become."""

    def job_name(self, base: str | None = None, longest: int = LONGEST_NAME) -> str:
        """A name that this attempt alone has, the same after a restart: `pipelines-<execution>-<step>-<letters>`, or,
        where names are short, without its beginning."""
        return job_name(self.execution_arn, self.name, self.started, self.attempt, base, longest)

    async def call(self, operation: str, request: Document) -> Document:
        """A SageMaker operation; a refusal fails the step in AWS's words."""
        try:
            return await self.api.call(operation, typed(operation, request), region=self.region)
        except AwsError as error:
            types = {
                "ResourceLimitExceeded": "SageMaker.RESOURCE_LIMIT",
                "ThrottlingException": "Step.THROTTLING",
                "InternalFailure": "Step.SERVICE_FAULT",
            }
            reason = f"ClientError: Failed to invoke sagemaker:{operation}. Error Details: {error.message}"
            raise StepFailedError(reason, *filter(None, [types.get(error.code)])) from None

    async def made(self, kind: str, name: str, request: Document) -> str:
        """Call CreateX, once even where the server died right after the call; answers the ARN.

        One of that name that was there before is refused in AWS's words.
        """
        making: list[str] = self.notes.get("making", [])
        entry = f"{kind} {name}"
        if entry in making:
            wanted = Selection(kind, self.region, members=((f"{kind}Name", name),), limit=1)
            for row in self.engine.store.select(wanted):
                return row.arn
        self.remember({"making": [*making, entry]})
        return str((await self.call(f"Create{kind}", request))[f"{kind}Arn"])

    async def settled(self, kind: str, name: str) -> None:
        """Return when a resource moves no more by itself, or is gone."""
        spec = self.engine.specs[kind]
        while (row := self.engine.store.get(kind, self.region, name)) is not None and row.status not in spec.settled:
            await self.engine.wait_for_change(row, PATIENCE)


def job_name(
    execution_arn: str, step: str, started: float, attempt: int, base: str | None, longest: int = LONGEST_NAME
) -> str:
    """The name of the job of one attempt at a step."""
    execution_id = execution_arn.rpartition("/")[2]
    letters = hashlib.sha256(f"{execution_arn} {step} {started} {attempt}".encode()).hexdigest()[:10]
    stem = f"{base or 'pipelines'}-{execution_id}" if longest == LONGEST_NAME else execution_id
    room = longest - len(stem) - len(letters) - 2
    return f"{stem}-{step[: max(room, 0)].strip('-')}-{letters}".replace("--", "-")


class StepType:
    """One type of step. The executor calls `start` once an attempt and `finish` once more after every restart."""

    type: ClassVar[str]

    async def start(self, run: StepRun) -> None:
        """Begin; metadata for ListPipelineExecutionSteps goes through `run.save_metadata`. StepFailedError."""

    async def finish(self, run: StepRun) -> Document:
        """Wait for the end; answers the step's properties. StepFailedError, StepStoppedError."""
        return {}

    async def stop(self, run: StepRun) -> None:
        """Make what `finish` waits for end; called in the middle of it."""
