"""The Lambda step: invokes a function and takes members of its answer as output parameters.

Sources: the SDKs' LambdaStep; `build-and-manage-steps-types`, Lambda step; `run-pipeline-stop`, which says that a
stopped execution waits for its functions.
"""

import asyncio
import json
from typing import Any

from sageyard.errors import AwsError
from sageyard.pipelines.steps.base import StepFailedError, StepRun, StepType
from sageyard.resources.spec import Document

LONGEST = 600.0
"""Seconds after which AWS gives a Lambda step up, whatever the function's own timeout."""


class Lambda(StepType):
    """Invoked once; again where the server died before the answer, as nobody knows how far the function had come."""

    type = "Lambda"

    async def start(self, run: StepRun) -> None:
        run.save_metadata({"Lambda": {"Arn": run.document["FunctionArn"]}})

    async def finish(self, run: StepRun) -> Document:
        arn = run.document["FunctionArn"]
        payload = json.dumps(run.arguments or {}).encode()
        try:
            async with asyncio.timeout(LONGEST):
                answer = await run.cloud.functions.invoke(run.region, arn, payload)
        except TimeoutError:
            raise StepFailedError(
                f"ClientError: Lambda function {arn} did not answer within {LONGEST:.0f} seconds, the most that a step "
                "waits: leave long work to a Processing step."
            ) from None
        except AwsError as error:
            types = ["Step.THROTTLING"] if error.code == "TooManyRequestsException" else []
            reason = f"ClientError: Failed to invoke lambda:Invoke. Error Details: {error.message}"
            raise StepFailedError(reason, *types) from None
        value = json.loads(answer.payload)
        if answer.failed:
            raise StepFailedError(
                f"ClientError: Lambda function {arn} failed: {value.get('errorType')}: {value.get('errorMessage')}"
            )
        outputs = _outputs(run.document.get("OutputParameters") or [], value, arn)
        listed = [{"Name": name, "Value": _text(one)} for name, one in outputs.items()]
        run.save_metadata({"Lambda": {"Arn": arn, "OutputParameters": listed}})
        return {"OutputParameters": outputs}


def _outputs(declared: list[Document], value: Any, arn: str) -> Document:
    """The members that the definition declares, of the types that it declares."""
    if declared and not isinstance(value, dict):
        names = ", ".join(one["OutputName"] for one in declared)
        raise StepFailedError(
            f"ClientError: Lambda function {arn} answered {_text(value)[:100]} and no object with the members {names}"
        )
    outputs: Document = {}
    for one in declared:
        name, kind = one["OutputName"], one.get("OutputType", "String")
        if name not in value:
            raise StepFailedError(
                f"ClientError: The answer of Lambda function {arn} lacks the output parameter {name!r}: it has "
                f"{', '.join(sorted(value)) or 'no members'}"
            )
        try:
            outputs[name] = _typed(value[name], kind)
        except (TypeError, ValueError):
            raise StepFailedError(
                f"ClientError: Output parameter {name!r} of Lambda function {arn} is {_text(value[name])[:100]}, "
                f"which is no {kind}"
            ) from None
    return outputs


def _typed(value: Any, kind: str) -> Any:
    if kind == "Integer":
        return int(value)
    if kind == "Float":
        return float(value)
    if kind == "Boolean":
        text = _text(value).lower()
        if text not in {"true", "false"}:
            raise ValueError(text)
        return text == "true"
    return _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
