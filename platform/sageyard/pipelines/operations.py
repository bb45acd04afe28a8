"""Operations on pipeline executions: start, stop, retry, look, and answer a callback."""

import json
import secrets
from typing import Any

from sageyard.errors import ConflictError, ResourceNotFoundError, ValidationError
from sageyard.pipelines.definition import Definition, parameter_values, read
from sageyard.pipelines.execution import EXECUTION, STEP
from sageyard.pipelines.hooks import PIPELINE, TYPES
from sageyard.resources.engine import Engine
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document
from sageyard.store.resources import Row, Selection

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
VERSIONED = ("PipelineVersionId", "PipelineVersionAlias")
RETRIED = {"Failed", "Stopped"}


class PipelineExecutions:
    """The functions of the pipeline family that deal with executions."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def start(self, request: Document, context: Context) -> Document:
        """StartPipelineExecution: of the newest version, or of one that is named."""
        row = self.engine.find(self.engine.specs[PIPELINE], {"PipelineName": request["PipelineName"]}, context.region)
        token, text = request["ClientRequestToken"], json.dumps(request, sort_keys=True)
        if (known := self.engine.tokens.find(EXECUTION, context.region, token)) is not None:
            return {"PipelineExecutionArn": _same(known, token, text)}
        wanted: Document = {key: request[key] for key in VERSIONED if key in request}
        wanted["PipelineName"] = row.name
        pipeline = await context.api.call("DescribePipeline", wanted, region=context.region)
        definition = read(pipeline["PipelineDefinition"], TYPES)
        parameters = parameter_values(definition, request.get("PipelineParameters", []))
        members = ("PipelineExecutionDisplayName", "PipelineExecutionDescription", "SelectiveExecutionConfig",
                   "ParallelismConfiguration", "PipelineVersionId")  # fmt: skip
        document = {
            "PipelineArn": row.arn,
            "PipelineName": row.name,
            "ParallelismConfiguration": pipeline.get("ParallelismConfiguration"),
            "PipelineExperimentConfig": definition.experiment,
            "RoleArn": pipeline["RoleArn"],
            **{name: request[name] for name in (*members, "RoleArn") if name in request},
        }
        name = f"{row.name}/execution/{''.join(secrets.choice(LETTERS) for _ in range(12))}"
        taken = self._from_source(definition, row.name, request, context)
        with self.engine.store.database.transaction():
            execution = self.engine.add(
                EXECUTION,
                context.region,
                name,
                parent=row.name,
                status="Executing",
                document={key: value for key, value in document.items() if value is not None},
                private={"definition": pipeline["PipelineDefinition"], "parameters": parameters},
            )
            stored = self.engine.store.get(EXECUTION, context.region, name)
            assert stored is not None
            self.engine.tokens.add(EXECUTION, context.region, token, stored.id, text)
            for source, step in taken:
                self.engine.add(
                    STEP,
                    context.region,
                    f"{name}/{step.document['StepName']}",
                    parent=name,
                    status="Succeeded",
                    document=step.document | {"SelectiveExecutionResult": {"SourcePipelineExecutionArn": source.arn}},
                    private={"properties": step.private.get("properties", {})},
                )
            StoredResource(self.engine, row).save(LastRunTime=context.now, LastExecutionTime=context.now)
        return {"PipelineExecutionArn": execution.arn}

    async def describe(self, request: Document, context: Context) -> Document:
        """DescribePipelineExecution."""
        return self._execution(request, context).document

    async def definition(self, request: Document, context: Context) -> Document:
        """DescribePipelineDefinitionForExecution."""
        execution = self._execution(request, context)
        return {
            "PipelineDefinition": execution.private["definition"],
            "CreationTime": execution.document["CreationTime"],
        }

    async def list_executions(self, request: Document, context: Context) -> Document:
        """ListPipelineExecutions, newest first."""
        request = dict(request)
        pipeline = self.engine.find(
            self.engine.specs[PIPELINE], {"PipelineName": request.pop("PipelineName")}, context.region
        )
        page = self.engine.select(self.engine.specs[EXECUTION], request, context, parent=pipeline.name)
        for document in page.documents:
            document["StartTime"] = document["CreationTime"]
            document["PipelineExecutionFailureReason"] = document.get("FailureReason")
        return {"PipelineExecutionSummaries": page.documents, "NextToken": page.next_token}

    async def list_steps(self, request: Document, context: Context) -> Document:
        """ListPipelineExecutionSteps, newest first."""
        execution = self._execution(request, context)
        rest = {key: value for key, value in request.items() if key != "PipelineExecutionArn"}
        page = self.engine.select(self.engine.specs[STEP], rest, context, parent=execution.name)
        return {"PipelineExecutionSteps": page.documents, "NextToken": page.next_token}

    async def list_parameters(self, request: Document, context: Context) -> Document:
        """ListPipelineParametersForExecution."""
        values = self._execution(request, context).private["parameters"]
        shown = [{"Name": name, "Value": _text(value)} for name, value in values.items()]
        first = int(request.get("NextToken") or 0)
        size = request.get("MaxResults") or len(shown)
        more = len(shown) > first + size
        return {"PipelineParameters": shown[first : first + size], "NextToken": str(first + size) if more else None}

    async def update(self, request: Document, context: Context) -> Document:
        """UpdatePipelineExecution: description, display name and parallelism, which steps not yet begun obey."""
        execution = self._execution(request, context)
        execution.save(**{key: value for key, value in request.items() if key != "PipelineExecutionArn"})
        return {"PipelineExecutionArn": execution.arn}

    async def stop(self, request: Document, context: Context) -> Document:
        """StopPipelineExecution: running steps are stopped, no other begins."""
        await self.engine.stop(self.engine.specs[EXECUTION], request, context)
        return {"PipelineExecutionArn": request["PipelineExecutionArn"]}

    async def retry(self, request: Document, context: Context) -> Document:
        """RetryPipelineExecution: what failed or was stopped runs again, what succeeded stays."""
        execution = self._execution(request, context)
        if execution.status not in {*RETRIED, "CompletedWithFailures"}:
            raise ConflictError(
                f"Pipeline execution with ARN {execution.arn} cannot be retried: its status is {execution.status}, "
                "and only those that failed or were stopped can."
            )
        for row in self.engine.store.select(Selection(STEP, context.region, parent=execution.name, limit=-1)):
            if row.status in RETRIED:
                StoredResource(self.engine, row).remove()
        if "ParallelismConfiguration" in request:
            execution.save(ParallelismConfiguration=request["ParallelismConfiguration"])
        execution.save(FailureReason=None)
        await self.engine.start(self.engine.specs[EXECUTION], request, context)
        return {"PipelineExecutionArn": execution.arn}

    async def succeed(self, request: Document, context: Context) -> Document:
        """SendPipelineExecutionStepSuccess: what a Callback step waits for."""
        return self._answer(request, {"OutputParameters": request.get("OutputParameters", [])}, context)

    async def fail(self, request: Document, context: Context) -> Document:
        """SendPipelineExecutionStepFailure."""
        reason = request.get("FailureReason") or "The callback was answered with a failure."
        return self._answer(request, {"FailureReason": reason}, context)

    def _answer(self, request: Document, answer: Document, context: Context) -> Document:
        token = request["CallbackToken"]
        wanted = Selection(STEP, context.region, members=(("Metadata.Callback.CallbackToken", token),), limit=1)
        row = next(iter(self.engine.store.select(wanted)), None)
        if row is None:
            raise ResourceNotFoundError(f"CallbackToken {token!r} belongs to no step: send the token of the message.")
        if row.status in self.engine.specs[STEP].settled or "answer" in row.private:
            raise ConflictError(f"CallbackToken {token!r} was answered before: its step is {row.status}.")
        StoredResource(self.engine, row).save(private={"answer": answer})
        execution = self.engine.store.get(EXECUTION, context.region, row.parent)
        return {"PipelineExecutionArn": execution.arn if execution else None}

    def _execution(self, request: Document, context: Context) -> StoredResource:
        row = self.engine.find(self.engine.specs[EXECUTION], request, context.region)
        return StoredResource(self.engine, row)

    def _from_source(
        self, definition: Definition, pipeline: str, request: Document, context: Context
    ) -> list[tuple[Row, Row]]:
        """Of a selective execution: what the selected steps need of those that are not, each with the execution in
        which it succeeded, by default the newest."""
        config = request.get("SelectiveExecutionConfig")
        if config is None:
            return []
        chosen = {one["StepName"] for one in config["SelectedSteps"]}
        if unknown := sorted(chosen - definition.steps.keys()):
            raise ValidationError(f"SelectedSteps has {unknown[0]!r}, which is no step of the pipeline.")
        if arn := config.get("SourcePipelineExecutionArn"):
            source: Row | None = self.engine.find(
                self.engine.specs[EXECUTION], {"PipelineExecutionArn": arn}, context.region
            )
        else:
            wanted = Selection(EXECUTION, context.region, parent=pipeline, limit=1)
            source = next(iter(self.engine.store.select(wanted)), None)
        taken = []
        for name in sorted({name for step in chosen for name in definition.steps[step].needs} - chosen):
            row = self.engine.store.get(STEP, context.region, f"{source.name}/{name}") if source else None
            if source is None or row is None or row.status != "Succeeded":
                raise ValidationError(
                    f"Step {name!r}, which the selected steps depend on, has not succeeded in "
                    f"{source.arn if source else 'any earlier execution'}: select it as well, or name another "
                    "SourcePipelineExecutionArn."
                )
            taken.append((source, row))
        return taken


def _same(known: tuple[str, str], token: str, text: str) -> str:
    """The execution that this very request started before."""
    arn, before = known
    if before != text:
        raise ConflictError(
            f"ClientRequestToken {token!r} belongs to an earlier, different request, which started {arn}: give every "
            "request a token of its own."
        )
    return arn


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
