"""AutoML jobs: one after the other, a processing job that analyses, a tuning job of the candidates, a processing job
that judges the best one, and its deployment.

Every job that it makes has a name that follows from its own, so that a server that starts again goes on where it
stood.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sageyard.automl import candidates, task
from sageyard.automl.requests import NOTEBOOKS, Requests
from sageyard.clock import Clock
from sageyard.cloud import ObjectNotFoundError, Objects, split_s3_uri
from sageyard.errors import AwsError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.spec import Api, Context, Document, Hooks, Resource

KIND = "AutoMLJob"
PATIENCE = 3600.0  # seconds between two looks at a job that nothing is heard of
LONGEST_REASON = 1024


class _FailedError(Exception):
    """The AutoML job cannot go on."""


class _StoppedError(Exception):
    """It was stopped."""


class AutoMLJobHooks(Hooks):
    """Runs AutoML jobs; `api` answers SageMaker's operations once they exist."""

    def __init__(self, engine: Engine, clock: Clock, objects: Objects, api: Callable[[], Api]) -> None:
        self.engine = engine
        self.clock = clock
        self.objects = objects
        self.api = api

    async def prepare(self, request: Document, context: Context) -> Document:
        if task.problem(request) == "Tabular":
            wanted = task.read(request)
            if (deploy := wanted.deploy) and deploy.get("AutoGenerateEndpointName") and "EndpointName" in deploy:
                raise ValidationError("Give an EndpointName, or AutoGenerateEndpointName true, not both.")
        return request | {"AutoMLJobSecondaryStatus": "Starting"}

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        try:
            await self._work(resource)
        except _StoppedError:
            self._end(resource, "Stopped", "Stopped")
        except (_FailedError, AwsError) as error:
            self._end(resource, "Failed", "Failed", FailureReason=str(error)[:LONGEST_REASON])

    async def stop(self, resource: Resource) -> None:
        self._phase(resource, "Stopping")
        if (child := resource.private.get("child")) is not None:
            kind, name = child
            with suppress(AwsError):  # it has ended in the meantime
                await self.api().call(f"Stop{kind}", {f"{kind}Name": name}, region=resource.region)

    async def candidates(self, resource: Resource) -> list[Document]:
        """All candidates so far, in the order in which they began."""
        if (tuning := resource.private.get("tuning")) is None:
            return []
        arn = resource.private["analysis"]
        return await candidates.candidates(self.api(), resource.region, resource.document, tuning, arn)

    # -- the work -------------------------------------------------------------------------------------------------

    async def _work(self, resource: Resource) -> None:
        if (problem := task.problem(resource.document)) != "Tabular":
            raise _FailedError(f"AutoML of {problem} is not carried out by Sageyard: only that of tabular data is.")
        wanted = task.read(resource.document)
        letters = hashlib.sha256(f"{resource.arn} {resource.document['CreationTime']}".encode()).hexdigest()[:8]
        requests = Requests(resource.name, resource.document["RoleArn"], wanted, letters)
        if "ResolvedAttributes" not in resource.document:
            await self._analyse(resource, wanted, requests)
        if wanted.definitions_only:
            return self._end(resource, "Completed", "CandidateDefinitionsGenerated")
        found = await self._tune(resource, wanted, requests)
        resolved = resource.document["ResolvedAttributes"]
        winner = candidates.best(found, resolved["AutoMLJobObjective"]["MetricName"])
        if winner is None:
            reasons = [one["FailureReason"] for one in found if "FailureReason" in one]
            raise _FailedError(f"No candidate has succeeded. The first: {next(iter(reasons), 'none was made in time')}")
        reached = wanted.most is not None and len(found) >= wanted.most
        over = wanted.seconds is not None and self.clock.now() - resource.document["CreationTime"] >= wanted.seconds
        phase = "MaxCandidatesReached" if reached else "MaxAutoMLJobRuntimeReached" if over else "Completed"
        winner, phase = await self._judge(resource, requests, winner, phase)
        if wanted.deploy is not None:
            phase = await self._deploy(resource, requests, winner, phase)
        self._end(resource, "Completed", phase, BestCandidate=winner)
        return None

    async def _analyse(self, resource: Resource, wanted: task.Task, requests: Requests) -> None:
        self._phase(resource, "AnalyzingData")
        self._write(f"{requests.base}/config/automl.json", requests.config(*self._features(wanted)))
        ended = await self._child(resource, "ProcessingJob", requests.analysis())
        if ended["ProcessingJobStatus"] != "Completed":
            raise _FailedError(
                ended.get("ExitMessage") or ended.get("FailureReason") or "The data could not be analysed."
            )
        plan: Document = json.loads(self._read(f"{requests.base}/preprocessed-data/plan/plan.json"))
        notebooks = f"{requests.base}/{NOTEBOOKS}"
        resource.save(
            private={"analysis": ended["ProcessingJobArn"]},
            ResolvedAttributes={
                "AutoMLJobObjective": {"MetricName": plan["objective"]},
                "ProblemType": plan["problem_type"],
                **({"CompletionCriteria": criteria} if (criteria := _criteria(wanted)) else {}),
            },
            AutoMLJobArtifacts={
                f"{word}NotebookLocation": f"{notebooks}/SageMakerAutopilot{word}Notebook.ipynb"
                for word in ("CandidateDefinition", "DataExploration")
            },
        )

    def _plan(self, requests: Requests) -> Document:
        """What the analysis found."""
        plan: Document = json.loads(self._read(f"{requests.base}/preprocessed-data/plan/plan.json"))
        return plan

    def _features(self, wanted: task.Task) -> tuple[list[str] | None, dict[str, str]]:
        """The columns that the feature specification asks for, and their kinds where it names them."""
        if wanted.feature_specification is None:
            return None, {}
        try:
            specified = json.loads(self._read(wanted.feature_specification))
            return specified.get("FeatureAttributeNames"), specified.get("FeatureDataTypes", {})
        except (ValueError, AttributeError) as error:
            raise _FailedError(
                f"FeatureSpecificationS3Uri {wanted.feature_specification} is not JSON: {error}"
            ) from None

    async def _tune(self, resource: Resource, wanted: task.Task, requests: Requests) -> list[Document]:
        self._phase(resource, "TrainingModels" if wanted.ensembles else "ModelTuning")
        resolved = resource.document["ResolvedAttributes"]
        request = requests.tuning(resolved["ProblemType"], resolved["AutoMLJobObjective"]["MetricName"])
        await self._child(resource, "HyperParameterTuningJob", request, tuning=request["HyperParameterTuningJobName"])
        return await self.candidates(resource)

    async def _judge(
        self, resource: Resource, requests: Requests, winner: Document, phase: str
    ) -> tuple[Document, str]:
        """The best candidate with where the reports on it are; a report that fails does not fail the job."""
        self._phase(resource, "GeneratingExplainabilityReport")
        phase = await self._explain(resource, requests, winner, phase)
        self._phase(resource, "GeneratingModelInsightsReport")
        ended = await self._child(resource, "ProcessingJob", requests.insights(winner))
        if ended["ProcessingJobStatus"] != "Completed":
            phase = self._partly(resource, ended, "ModelInsightsError")
        places = {"CandidateArtifactLocations": candidates.report_places(requests.base, winner)}
        return winner | {"CandidateProperties": winner["CandidateProperties"] | places}, phase

    async def _explain(self, resource: Resource, requests: Requests, winner: Document, phase: str) -> str:
        """By Clarify, which asks the model on an endpoint of its own."""
        model = requests.child("explain")
        role = resource.document["RoleArn"]
        config = requests.explanation_config(model, self._plan(requests))
        self._write(f"{requests.base}/config/explainability/analysis_config.json", config)
        containers = requests.explained_model(winner)
        await self._made(resource, "Model", model, Containers=containers, ExecutionRoleArn=role)
        try:
            ended = await self._child(resource, "ProcessingJob", requests.explainability(winner))
        finally:
            with suppress(AwsError):  # deleted before the server was started again
                await self.api().call("DeleteModel", {"ModelName": model}, region=resource.region)
        if ended["ProcessingJobStatus"] != "Completed":
            phase = self._partly(resource, ended, "ExplainabilityError")
        return phase

    async def _deploy(self, resource: Resource, requests: Requests, winner: Document, phase: str) -> str:
        self._phase(resource, "DeployingModel")
        deploy: Document = resource.document["ModelDeployConfig"]
        model, endpoint = requests.child("model"), deploy.get("EndpointName") or requests.child("")
        variant = {"VariantName": "AllTraffic", "ModelName": model, "InitialInstanceCount": 1}
        role = resource.document["RoleArn"]
        try:
            await self._made(resource, "Model", model, Containers=winner["InferenceContainers"], ExecutionRoleArn=role)
            variants = [variant | {"InstanceType": "ml.m5.xlarge"}]
            await self._made(resource, "EndpointConfig", endpoint, ProductionVariants=variants)
            await self._made(resource, "Endpoint", endpoint, EndpointConfigName=endpoint)
        except AwsError as error:
            return self._partly(resource, {"FailureReason": error.message}, "ModelDeploymentError")
        await self._settled(resource, "Endpoint", endpoint)
        row = self.engine.resource("Endpoint", resource.region, endpoint)
        if row is None or row.status != "InService":
            ended = row.document if row else {"FailureReason": f"Endpoint {endpoint} was deleted."}
            return self._partly(resource, ended, "ModelDeploymentError")
        resource.save(ModelDeployResult={"EndpointName": endpoint})
        return phase

    # -- jobs of its own ------------------------------------------------------------------------------------------

    async def _child(self, resource: Resource, kind: str, request: Document, **notes: Any) -> Document:
        """Make a job, unless the server died right after this call, and wait for its end; its description."""
        self._go_on(resource)
        name = request[f"{kind}Name"]
        resource.save(private={"child": [kind, name]})
        if self.engine.resource(kind, resource.region, name) is None:
            await self.api().call(f"Create{kind}", request, region=resource.region)
        resource.save(private=notes)
        await self._settled(resource, kind, name)
        resource.save(private={"child": None})
        self._go_on(resource)
        return await self.api().call(f"Describe{kind}", {f"{kind}Name": name}, region=resource.region)

    async def _made(self, resource: Resource, kind: str, name: str, **members: Any) -> None:
        self._go_on(resource)
        made: list[str] = resource.private.get("made", [])
        if f"{kind} {name}" in made and self.engine.resource(kind, resource.region, name) is not None:
            return
        await self.api().call(f"Create{kind}", {f"{kind}Name": name, **members}, region=resource.region)
        resource.save(private={"made": [*made, f"{kind} {name}"]})

    async def _settled(self, resource: Resource, kind: str, name: str) -> None:
        spec = self.engine.specs[kind]
        while (
            row := self.engine.store.get(kind, resource.region, name)
        ) is not None and row.status not in spec.settled:
            await self.engine.wait_for_change(row, PATIENCE)

    # -- what is told ---------------------------------------------------------------------------------------------

    def _go_on(self, resource: Resource) -> None:
        if resource.status == "Stopping":
            raise _StoppedError

    def _phase(self, resource: Resource, phase: str) -> None:
        if resource.status == "InProgress" or phase == "Stopping":
            resource.save(AutoMLJobSecondaryStatus=phase)

    def _partly(self, resource: Resource, ended: Document, phase: str) -> str:
        told = resource.document.get("PartialFailureReasons", [])
        message = _reason(ended)[:LONGEST_REASON]
        resource.save(PartialFailureReasons=[*told, {"PartialFailureMessage": message}])
        return phase

    def _end(self, resource: Resource, status: str, phase: str, **members: Any) -> None:
        resource.save(status=status, AutoMLJobSecondaryStatus=phase, EndTime=self.clock.now(), **members)

    def _read(self, uri: str) -> bytes:
        try:
            return self.objects.read(*split_s3_uri(uri))
        except (ObjectNotFoundError, ValueError) as error:
            raise _FailedError(f"{uri} cannot be read: {error}") from None

    def _write(self, uri: str, document: Document) -> None:
        try:
            self.objects.put(*split_s3_uri(uri), json.dumps(document).encode(), "application/json")
        except (ObjectNotFoundError, ValueError) as error:
            raise _FailedError(f"{uri} cannot be written: {error}") from None


def _reason(ended: Document) -> str:
    """Why a job or an endpoint failed."""
    return str(ended.get("ExitMessage") or ended.get("FailureReason") or ended)


def _criteria(wanted: task.Task) -> Document:
    found = {
        "MaxCandidates": wanted.most,
        "MaxRuntimePerTrainingJobInSeconds": wanted.seconds_each,
        "MaxAutoMLJobRuntimeInSeconds": wanted.seconds,
    }
    return {name: value for name, value in found.items() if value is not None}
