"""Steps that are one job of SageMaker: created, waited for, described."""

from contextlib import suppress
from typing import ClassVar

from sageyard.errors import AwsError
from sageyard.pipelines.steps.base import (
    INTERNAL_ERROR,
    LONGEST_NAME,
    StepFailedError,
    StepRun,
    StepStoppedError,
    StepType,
)
from sageyard.resources.spec import Document

FAILURES = {
    "InternalServerError": INTERNAL_ERROR,
    "CapacityError": "SageMaker.CAPACITY_ERROR",
    "ResourceLimitExceeded": "SageMaker.RESOURCE_LIMIT",
}
"""What the FailureReason of a job begins with, and the exception type that a retry policy calls it."""


class JobStep(StepType):
    """A job whose operations are named by `kind`: CreateX, DescribeX, StopX, XName, XArn, XStatus."""

    kind: ClassVar[str]
    metadata: ClassVar[str] = ""
    """Its member of the step's metadata, where that is not the kind."""
    in_experiment: ClassVar[bool] = False
    longest_name: ClassVar[int] = LONGEST_NAME

    def version(self, run: StepRun) -> str:
        """What the names of Create and Describe end with."""
        return ""

    async def start(self, run: StepRun) -> None:
        member = f"{self.kind}Name"
        name = run.job_name(run.arguments.get(member), self.longest_name)
        if run.engine.resource(self.kind, run.region, name) is None:  # else the server died right after this call
            request = {**run.arguments, member: name}
            if self.in_experiment and run.experiment is not None:
                request["ExperimentConfig"] = run.experiment | {"TrialComponentDisplayName": run.name}
            await run.call(f"Create{self.kind}{self.version(run)}", request)
        described = await run.call(f"Describe{self.kind}{self.version(run)}", {member: name})
        run.remember({"job": name})
        run.save_metadata({self.metadata or self.kind: {"Arn": described[f"{self.kind}Arn"]}})

    async def finish(self, run: StepRun) -> Document:
        name = run.notes["job"]
        await run.settled(self.kind, name)
        ended = await run.call(f"Describe{self.kind}{self.version(run)}", {f"{self.kind}Name": name})
        status = ended[f"{self.kind}Status"]
        if status == "Completed":
            return ended
        if status == "Stopped":
            raise StepStoppedError
        reason = ended.get("FailureReason") or f"{self.kind} {name} ended as {status}"
        raise StepFailedError(reason, *(name for start, name in FAILURES.items() if reason.startswith(start)))

    async def stop(self, run: StepRun) -> None:
        with suppress(AwsError):  # it has ended in the meantime
            await run.api.call(f"Stop{self.kind}", {f"{self.kind}Name": run.notes["job"]}, region=run.region)


LACKING = {
    "No matching distribution found for sagemaker": "The job could not install the SageMaker SDK, which a function "
    "with @step needs: give this machine a package index (PIP_INDEX_URL), or install the SDK where the server runs: "
    "pip install 'sageyard[sdk]'",
    "No module named 'sagemaker'": "The job has no SageMaker SDK, which a function with @step needs: list it in the "
    "function's dependencies, or install it where the server runs: pip install 'sageyard[sdk]'",
    "No module named 'papermill'": "A notebook job needs papermill and ipykernel where the server runs: "
    "pip install 'sageyard[notebooks]'",
    "amazon_sagemaker_scheduler": "The image has no amazon_sagemaker_scheduler, which runs notebook jobs: give the "
    "image_uri of SageMaker Distribution, of whose repository sagemaker-distribution-prod Sageyard has an image",
}
"""What a job complains of, and the way out."""


class Training(JobStep):
    """CreateTrainingJob; also what a function with @step and a notebook job are."""

    type = "Training"
    kind = "TrainingJob"
    in_experiment = True

    async def finish(self, run: StepRun) -> Document:
        try:
            return await super().finish(run)
        except StepFailedError as error:
            for complaint, advice in LACKING.items():
                if complaint in error.reason:
                    raise StepFailedError(f"{advice}. {error.reason}", *error.types) from None
            raise


class Processing(JobStep):
    """CreateProcessingJob."""

    type = "Processing"
    kind = "ProcessingJob"
    in_experiment = True


class Transform(JobStep):
    """CreateTransformJob."""

    type = "Transform"
    kind = "TransformJob"
    in_experiment = True


class Tuning(JobStep):
    """CreateHyperParameterTuningJob. Its properties have its training jobs as well, the best first: what the SDKs'
    `get_top_model_s3_uri(0)` counts from."""

    type = "Tuning"
    kind = "HyperParameterTuningJob"
    metadata = "TuningJob"
    longest_name = 32

    async def finish(self, run: StepRun) -> Document:
        ended = await super().finish(run)
        best = (ended.get("BestTrainingJob") or {}).get("FinalHyperParameterTuningJobObjectiveMetric", {})
        request = {"HyperParameterTuningJobName": run.notes["job"], "SortBy": "FinalObjectiveMetricValue",
                   "SortOrder": "Ascending" if best.get("Type") == "Minimize" else "Descending",
                   "MaxResults": 100}  # fmt: skip
        return ended | await run.call("ListTrainingJobsForHyperParameterTuningJob", request)


class AutoML(JobStep):
    """CreateAutoMLJob, as both SDKs write it, or CreateAutoMLJobV2 where the arguments are of the second version. Its
    properties have BestCandidateProperties as well, which SDK v2's AutoMLStep offers."""

    type = "AutoML"
    kind = "AutoMLJob"
    longest_name = 32

    def version(self, run: StepRun) -> str:
        return "V2" if "AutoMLProblemTypeConfig" in run.arguments else ""

    async def finish(self, run: StepRun) -> Document:
        ended = await super().finish(run)
        places = ended.get("BestCandidate", {}).get("CandidateProperties", {}).get("CandidateArtifactLocations")
        if places is None:
            return ended
        files = {
            "ModelInsightsJsonReportPath": f"{places['ModelInsights']}/statistics.json",
            "ExplainabilityJsonReportPath": f"{places['Explainability']}/analysis.json",
        }
        return ended | {"BestCandidateProperties": files}
