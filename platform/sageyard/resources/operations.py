"""The table of operations: what stands behind each, and the one way to call any of them.

A request's whole life in one screen: `Operations.call` validates it against the model, hands it to the function
registered for it or to the engine's verb for its resource type, and shows the outcome through the output shape.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from sageyard.errors import AwsError, UnknownOperationError
from sageyard.resources.derive import listed_kind
from sageyard.resources.engine import Engine
from sageyard.resources.query import Page
from sageyard.resources.spec import Context, Document, Grade, Hooks, ResourceSpec
from sageyard.resources.timed import timed
from sageyard.wire.model import ServiceModel
from sageyard.wire.project import completed, project
from sageyard.wire.validate import Validator

Function = Callable[[Document, Context], Awaitable[Document]]
"""An operation outside the lifecycle: validated request in, answer out."""

VERBS = ("Create", "Describe", "List", "Update", "Delete", "Start", "Stop")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: what carries it out, how truthfully, and where that is written."""

    name: str
    function: Function
    grade: Grade
    behind: str


class Operations:
    """Implements `spec.Api` over an engine and the functions of the family files."""

    def __init__(
        self,
        model: ServiceModel,
        engine: Engine,
        functions: Mapping[str, tuple[Function, Grade]],
        reasons: Mapping[str, str],
    ) -> None:
        self.model = model
        self.engine = engine
        self.validator = Validator(model)
        for kind, spec in engine.specs.items():
            if spec.grade != "runs":
                engine.specs[kind] = timed(model, spec, engine.clock)
        self.table = {name: self._behind(name, functions, reasons.get(name)) for name in model.operations}

    async def call(self, operation: str, request: Document, *, region: str) -> Document:
        """Validate, carry out and answer; raises AwsError."""
        found = self.table.get(operation)
        if found is None:
            raise UnknownOperationError(f"SageMaker has no operation {operation!r}")
        accepted = self.validator.request(operation, request)
        context = Context(region, self.engine.account_id, self.engine.clock.now(), self)
        answer = await found.function(accepted, context)
        shape = self.model.output_shape(operation)
        shown = project(self.model, shape, answer)
        return completed(self.model, shape, shown, "Failed") if found.grade == "stored only" else shown

    async def settle(self, operation: str, request: Document, *, region: str, seconds: float) -> None:
        """Return when what a Describe request names moves no more by itself, or after `seconds`; unknown: at once.

        The client plugin asks for this with a header inside the SDKs' log loops, which look only every 30 s.
        """
        spec = self.engine.specs.get(operation.removeprefix("Describe"))
        if spec is None or not operation.startswith("Describe"):
            return
        deadline = asyncio.get_running_loop().time() + seconds
        with contextlib.suppress(AwsError):
            while (left := deadline - asyncio.get_running_loop().time()) > 0:
                row = self.engine.find(spec, request, region)
                if row.status in spec.settled:
                    return
                await self.engine.wait_for_change(row, left)

    def _behind(self, name: str, functions: Mapping[str, tuple[Function, Grade]], reason: str | None) -> Operation:
        if name in functions:
            function, grade = functions[name]
            return Operation(name, function, grade, f"`{function.__module__}`")
        verb = next((verb for verb in VERBS if name.startswith(verb)), "")
        noun = name.removeprefix(verb)
        kind = listed_kind(noun, self.engine.specs) if verb == "List" else noun
        if not verb or kind is None or kind not in self.engine.specs:
            return refused(name, reason)
        spec = self.engine.specs[kind]
        if verb == "List":
            return Operation(name, self._lister(name, spec), spec.grade, "`sageyard.resources.engine`")
        behind = type(spec.hooks).__module__ if type(spec.hooks) is not Hooks else Engine.__module__
        return Operation(name, self._verb(verb, spec), spec.grade, f"`{behind}`")

    def _verb(self, verb: str, spec: ResourceSpec) -> Function:
        engine = self.engine

        async def describe(request: Document, context: Context) -> Document:
            return shown(engine.describe(spec, request, context))

        async def act(request: Document, context: Context) -> Document:
            return shown(await getattr(engine, verb.lower())(spec, request, context))

        def shown(document: Document) -> Document:
            return document | {spec.wrapped: document} if spec.wrapped else document

        return describe if verb == "Describe" else act

    def _lister(self, name: str, spec: ResourceSpec) -> Function:
        """Answers with the one list of structures that the output shape has."""
        member, item = next(
            (member, self.model.shapes[shape["member"]["shape"]])
            for member, reference in self.model.output_shape(name)["members"].items()
            if (shape := self.model.shapes[reference["shape"]])["type"] == "list"
        )

        async def answer(request: Document, context: Context) -> Document:
            page = self.engine.select(spec, request, context)
            if spec.grade != "runs":  # an entry without its required members would not be shown at all
                page = Page([completed(self.model, item, one, "Failed") for one in page.documents], page.next_token)
            if item["type"] != "structure":
                return {
                    member: [document[spec.arn_member] for document in page.documents],
                    "NextToken": page.next_token,
                }
            return {member: page.documents, "NextToken": page.next_token}

        return answer


def refused(name: str, reason: str | None) -> Operation:
    """An operation that nothing here carries out; `reason` says why, and what to use instead."""
    told = (
        f": {reason}" if reason else " yet. `sageyard coverage` and platform/docs/OPERATIONS.md list the ones it does."
    )

    async def refuse(request: Document, context: Context) -> Document:
        raise UnknownOperationError(f"{name} is an operation of SageMaker that Sageyard does not carry out{told}")

    return Operation(name, refuse, "refused", reason or "")
