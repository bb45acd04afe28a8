"""The operations of SageMaker's sister services: feature store runtime, metrics, augmented AI, edge and the rest."""

from collections.abc import Mapping

from botocore.loaders import Loader

from sageyard.errors import AwsError, ValidationError
from sageyard.resources.operations import Function, Operation, Operations, refused
from sageyard.resources.spec import Context, Document, Grade
from sageyard.wire import model
from sageyard.wire.project import project
from sageyard.wire.validate import Validator

OWN_SIGNATURE = "sagemaker-geospatial"
"""A service of its own in AWS, too: other signing name, other resources."""


def sister_services() -> list[str]:
    """Every service of the installed botocore that is signed as SageMaker's, but has an endpoint of its own.

    InvokeEndpoint's is not among them: its bodies are no JSON, and it has a way in of its own.
    """
    names = Loader().list_available_services("service-2")
    return [
        name
        for name in names
        if name.startswith("sagemaker") and name not in {"sagemaker", "sagemaker-runtime", OWN_SIGNATURE}
    ]


class RuntimeOperations:
    """Validates, dispatches and shapes what `wire.rest_json` read."""

    def __init__(
        self,
        operations: Operations,
        functions: Mapping[str, Mapping[str, tuple[Function, Grade]]],
        reasons: Mapping[str, str],
    ) -> None:
        self.operations = operations
        self.models = {name: model.load(name) for name in sister_services()}
        self._validators = {name: Validator(loaded) for name, loaded in self.models.items()}
        self.tables: dict[str, dict[str, Operation]] = {
            service: {
                name: _operation(name, functions.get(service, {}).get(name), reasons.get(name))
                for name in loaded.operations
            }
            for service, loaded in self.models.items()
        }

    async def call(self, service: str, operation: str, request: Document, *, region: str) -> Document:
        """Carry out one operation; raises AwsError with a code that the service's model declares."""
        loaded = self.models[service]
        context = Context(
            region, self.operations.engine.account_id, self.operations.engine.clock.now(), self.operations
        )
        try:
            accepted = self._validators[service].request(operation, request)
            answer = await self.tables[service][operation].function(accepted, context)
        except ValidationError as error:
            raise AwsError(error.message, code=_declared(loaded.errors(operation))) from None
        return project(loaded, loaded.output_shape(operation), answer)


def _operation(name: str, found: tuple[Function, Grade] | None, reason: str | None) -> Operation:
    if found is None:
        return refused(name, reason)
    function, grade = found
    return Operation(name, function, grade, f"`{function.__module__}`")


def _declared(errors: frozenset[str]) -> str:
    """The older runtimes call a ValidationException a ValidationError."""
    return "ValidationError" if "ValidationError" in errors else ValidationError.code
