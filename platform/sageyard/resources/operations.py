"""The table of operations: what stands behind each, and the one way to call any of them.

A request's whole life in one screen: `Operations.call` validates it against the model, hands it to the function
registered for it or to the engine's verb for its resource type, and shows the outcome through the output shape.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from sageyard.errors import UnknownOperationError
from sageyard.resources.derive import at_rest, listed_kind
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Context, Document, Grade, ResourceSpec
from sageyard.wire.model import ServiceModel
from sageyard.wire.project import project
from sageyard.wire.validate import Validator

Function = Callable[[Document, Context], Awaitable[Document]]
"""An operation outside the lifecycle: validated request in, answer out."""

VERBS = ("Create", "Describe", "List", "Update", "Delete", "Start", "Stop")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: what carries it out and how truthfully. `kind` is empty for functions."""

    name: str
    function: Function
    grade: Grade
    kind: str = ""


class Operations:
    """Implements `spec.Api` over an engine and the functions of the family files."""

    def __init__(self, model: ServiceModel, engine: Engine, functions: Mapping[str, tuple[Function, Grade]]) -> None:
        self.model = model
        self.engine = engine
        self.validator = Validator(model)
        for kind, spec in engine.specs.items():
            if spec.grade == "stored only":
                engine.specs[kind] = at_rest(model, spec)
        self.table = {name: self._behind(name, functions) for name in model.operations}

    async def call(self, operation: str, request: Document, *, region: str) -> Document:
        """Validate, carry out and answer; raises AwsError."""
        found = self.table.get(operation)
        if found is None:
            raise UnknownOperationError(f"SageMaker has no operation {operation!r}")
        accepted = self.validator.request(operation, request)
        context = Context(region, self.engine.account_id, self.engine.clock.now(), self)
        answer = await found.function(accepted, context)
        return project(self.model, self.model.output_shape(operation), answer)

    def _behind(self, name: str, functions: Mapping[str, tuple[Function, Grade]]) -> Operation:
        if name in functions:
            function, grade = functions[name]
            return Operation(name, function, grade)
        verb = next((verb for verb in VERBS if name.startswith(verb)), "")
        noun = name.removeprefix(verb)
        kind = listed_kind(noun, self.engine.specs) if verb == "List" else noun
        if not verb or kind is None or kind not in self.engine.specs:
            return Operation(name, _refused(name), "refused")
        spec = self.engine.specs[kind]
        if verb == "List":
            return Operation(name, self._lister(name, spec), spec.grade, kind)
        return Operation(name, self._verb(verb, spec), spec.grade, kind)

    def _verb(self, verb: str, spec: ResourceSpec) -> Function:
        engine = self.engine

        async def describe(request: Document, context: Context) -> Document:
            return engine.describe(spec, request, context)

        async def act(request: Document, context: Context) -> Document:
            return await getattr(engine, verb.lower())(spec, request, context)  # type: ignore[no-any-return]

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
            if item["type"] != "structure":
                return {
                    member: [document[spec.arn_member] for document in page.documents],
                    "NextToken": page.next_token,
                }
            return {member: page.documents, "NextToken": page.next_token}

        return answer


def _refused(name: str) -> Function:
    async def refuse(request: Document, context: Context) -> Document:
        raise UnknownOperationError(
            f"{name} is an operation of SageMaker that Sageyard does not carry out yet. "
            "`sageyard coverage` and platform/docs/OPERATIONS.md list the ones it does."
        )

    return refuse
