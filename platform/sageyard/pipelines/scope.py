"""What expressions may ask for while an execution runs: parameters, execution variables, steps before, items."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sageyard.cloud import ObjectNotFoundError, Objects, split_s3_uri
from sageyard.pipelines.expressions import ExpressionError, follow
from sageyard.resources.spec import Document

VARIABLES = ("StartDateTime", "CurrentDateTime", "PipelineName", "PipelineArn", "PipelineExecutionId",
             "PipelineExecutionArn", "TrainingJobName", "ProcessingJobName")  # fmt: skip
"""Execution variables; the last two are for Training and Processing steps, of the job that the step launches."""


@dataclass(frozen=True)
class Scope:
    """`properties` are those of the steps that have succeeded; `files` the property files that steps declare."""

    parameters: Mapping[str, Any]
    variables: Mapping[str, Any]
    properties: Mapping[str, Document]
    files: Mapping[str, Mapping[str, Document]]
    objects: Objects
    item: Any = None

    def get(self, path: list[str | int]) -> Any:
        """The value of a property path; raises ExpressionError."""
        kind, name, rest = path[0], str(path[1]) if len(path) > 1 else "", path[2:]
        shown = ".".join(map(str, path))
        if kind == "Parameters":
            return follow(self.parameters, path[1:], shown)
        if kind == "Execution":
            return follow(self.variables, path[1:], shown)
        if kind == "ForEach" and name == "CurrentItem":
            return follow(self.item, rest, shown)
        if kind == "Steps":
            if name not in self.properties:
                raise ExpressionError(f"{shown} is undefined: step {name!r} has not succeeded")
            if rest[:1] == ["PropertyFiles"]:
                return self._file(name, str(rest[1]))
            return follow(self.properties[name], rest, shown)
        raise ExpressionError(f"{shown} is undefined: use Parameters, Steps or Execution")

    def read_file(self, uri: str) -> str:
        """The text of an object; raises ExpressionError."""
        try:
            return self.objects.read(*split_s3_uri(uri)).decode()
        except (ObjectNotFoundError, ValueError) as error:
            raise ExpressionError(f"Received an error while reading file {uri} from S3: {error}") from None

    def inside(self, item: Any, properties: Mapping[str, Document]) -> "Scope":
        """The scope of one iteration's steps, which also see each other."""
        return replace(self, item=item, properties={**self.properties, **properties})

    def of_job(self, variable: str, name: str) -> "Scope":
        """The scope of a step that launches a job of this name."""
        return replace(self, variables={**self.variables, variable: name})

    def _file(self, step: str, name: str) -> str:
        declared = self.files.get(step, {}).get(name)
        if declared is None:
            raise ExpressionError(f"Step {step!r} declares no property file {name!r}")
        output = follow(
            self.properties[step],
            ["ProcessingOutputConfig", "Outputs", declared["OutputName"], "S3Output", "S3Uri"],
            f"The output {declared['OutputName']!r} of step {step!r}",
        )
        return f"{str(output).rstrip('/')}/{declared['FilePath']}"
